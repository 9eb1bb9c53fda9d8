from __future__ import annotations

from dataclasses import replace
from itertools import chain

import numpy as np
import pytest
import torch

from stance import InputError
from stance.model.batch import collate
from stance.model.calibration import best_threshold, fit_scale, fit_temperature
from stance.model.encoding import Passage
from stance.training import calibrate as module
from stance.training.calibrate import calibrate
from stance.training.examples import GoldSpan, LabelledArticle

TARGETS = ("美国", "财政")
NAMES = ("simile", "metaphor", "irony")
ALL = frozenset(NAMES)
PARAGRAPHS = (
    "美方加税，像山。",
    "财政是石磨。",
    "好",
    "中国的问题那样难，谁来付钱？",
    "天大的笑话。",
    "美国不好，财政好。",
)


def labelled(count, seed=0):
    """Articles of two paragraphs with labels drawn by lot."""
    rng = np.random.default_rng(seed)
    articles = []
    for n in range(count):
        paragraphs = tuple(rng.choice(PARAGRAPHS, 2, replace=False).tolist())
        spans = tuple(tuple(GoldSpan(d, 0, 1) for d in NAMES if rng.random() < 0.4) for _ in paragraphs)
        stances = tuple({t: str(rng.choice(["favor", "against", "neutral"])) for t in TARGETS} for _ in paragraphs)
        articles.append(
            LabelledArticle(
                id=str(n),
                title="石磨",
                paragraphs=paragraphs,
                targets=TARGETS,
                stances=(stances[0], {}),
                absence_known=n % 2 == 0,
                spans=spans,
                presence=tuple(frozenset(s.device for s in own) for own in spans),
                annotated=ALL,
                located=ALL,
            )
        )
    return articles


def by_hand(model, articles):
    """Logits and labels, read off article by article: each of these fits into one window."""
    order = {"favor": 0, "against": 1, "neutral": 2}
    presence, present, stances, stance = [], [], [], []
    token, token_inside = {d: [] for d in range(3)}, {d: [] for d in range(3)}
    for article in articles:
        (window,) = model.encoder.windows(Passage(article.title, article.paragraphs, article.targets))
        with torch.inference_mode():
            logits = model.network(collate([window], model.config.pad_id))
        for p, text in enumerate(article.paragraphs):
            for d, name in enumerate(NAMES):
                presence.append((d, float(logits.devices[0, p, d])))
                present.append(int(name in article.presence[p]))
                if name in article.presence[p]:
                    tags = logits.tags[0, window.places[p] : window.places[p] + len(text), d].softmax(-1)
                    token[d] += (1 - tags[:, 0]).tolist()
                    token_inside[d] += [1] + [0] * (len(text) - 1)
            for t, target in enumerate(TARGETS):
                if target in article.stances[p] or article.absence_known:
                    stances.append(logits.stances[0, 2 * p + t].tolist())
                    stance.append(order[article.stances[p].get(target, "neutral")])
    column = np.array([d for d, _ in presence])
    return (
        column,
        np.array([x for _, x in presence]),
        np.array(present),
        np.array(stances),
        np.array(stance),
        token,
        token_inside,
    )


def test_the_fit_is_that_of_the_labels(model):
    articles = labelled(40)
    found = calibrate(model, articles)
    column, logits, present, stances, stance, *_ = by_hand(model, articles)
    assert found.stance_temperature == fit_temperature(stances, stance)
    shared = fit_scale(logits, present)
    scales = [fit_scale(logits[column == d], present[column == d], shared) for d in range(3)]
    assert found.device_slopes == pytest.approx([a for a, _ in scales], abs=1e-3)
    assert found.device_offsets == pytest.approx([b for _, b in scales], abs=1e-3)
    slopes, offsets = np.array(scales).T
    probabilities = 1 / (1 + np.exp(-(logits * slopes[column] + offsets[column])))
    prior = best_threshold(probabilities, present)
    expected = [best_threshold(probabilities[column == d], present[column == d], prior) for d in range(3)]
    assert found.device_thresholds == pytest.approx(expected, abs=0.011)


def test_span_thresholds_are_fitted_where_the_device_is(model, monkeypatch):
    """On the tokens of paragraphs that have the device: their probability of begin or inside, and their tags."""
    asked = []

    def remember(probabilities, labels, prior=None):
        asked.append(sorted(zip(probabilities.round(4).tolist(), labels.tolist(), strict=True)))
        return 0.1 * len(asked)

    monkeypatch.setattr(module, "best_threshold", remember)
    articles = labelled(40)
    *_, token, inside = by_hand(model, articles)
    assert module.calibrate(model, articles).span_thresholds == pytest.approx([0.6, 0.7, 0.8])
    by_device = [sorted(zip(np.round(token[d], 4).tolist(), inside[d], strict=True)) for d in range(3)]
    for found, expected in zip(asked[4:], [sorted(chain(*by_device)), *by_device], strict=True):
        assert [label for _, label in found].count(1) == [label for _, label in expected].count(1)
        assert [p for p, _ in found] == pytest.approx([p for p, _ in expected], abs=2e-4)


def test_what_is_not_labelled_does_not_count(model):
    articles = labelled(12)
    nothing = [
        replace(
            article,
            stances=({}, {}),
            absence_known=False,
            spans=((), ()),
            presence=(frozenset(),) * 2,
            annotated=frozenset(),
            located=frozenset(),
        )
        for article in labelled(12, seed=5)
    ]
    known = calibrate(model, articles)
    diluted = calibrate(model, articles + nothing)
    assert diluted.stance_temperature == known.stance_temperature
    assert diluted.device_slopes == pytest.approx(known.device_slopes, abs=1e-3)
    assert diluted.device_thresholds == known.device_thresholds
    with pytest.raises(InputError, match=r"needs labelled development articles; found none\. Name a file with --dev"):
        calibrate(model, nothing)


def test_devices_without_stances(model):
    bare = [replace(article, targets=(), stances=({}, {})) for article in labelled(12)]
    found = calibrate(model, bare)
    assert found.stance_temperature == 1.0
    assert found.device_slopes == pytest.approx(calibrate(model, labelled(12)).device_slopes, abs=1e-3)


def test_nothing_to_fit_on(model):
    with pytest.raises(InputError, match="found none"):
        calibrate(model, [])
