from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from stance import InputError
from stance.model.batch import collate
from stance.model.calibration import best_threshold, fit_scale, fit_side_threshold, fit_temperature
from stance.model.decoding import Decisions, decode
from stance.model.encoding import Passage
from stance.training.calibrate import BONUSES, calibrate
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
    for article in articles:
        (window,) = model.encoder.windows(Passage(article.title, article.paragraphs, article.targets))
        with torch.inference_mode():
            logits = model.network(collate([window], model.config.pad_id))
        for p in range(len(article.paragraphs)):
            for d, name in enumerate(NAMES):
                presence.append((d, float(logits.devices[0, p, d])))
                present.append(int(name in article.presence[p]))
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
    )


def test_the_fit_is_that_of_the_labels(model):
    articles = labelled(40)
    found = calibrate(model, articles)
    column, logits, present, stances, stance = by_hand(model, articles)
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


def test_the_side_threshold_is_fitted_on_calibrated_probabilities(model):
    articles = labelled(40)
    found = calibrate(model, articles)
    *_, stances, stance = by_hand(model, articles)
    weights = np.exp(stances / found.stance_temperature)
    favor, against, neutral, absent = (weights / weights.sum(1, keepdims=True)).T
    folded = np.stack([favor, against, neutral + absent], axis=1)
    assert found.side_threshold == pytest.approx(fit_side_threshold(folded, stance))
    right = (found.stances(folded) == stance).mean()
    assert right == ((np.where(favor + against >= found.side_threshold, favor < against, 2)) == stance).mean()


@pytest.mark.parametrize("seed", [0, 1])
def test_the_bonus_of_spans_has_the_best_overlap(model, seed):
    articles = labelled(40, seed)
    with torch.no_grad():
        model.network.spans.token.bias[:3] += 4.0  # else spans are so unlikely that no bonus makes a difference
    found = calibrate(model, articles)
    scores = []
    for bonus in BONUSES:
        ours = right = theirs = hit = 0
        for article in articles:
            (window,) = model.encoder.windows(Passage(article.title, article.paragraphs, article.targets))
            batch = collate([window], model.config.pad_id)
            with torch.inference_mode():
                decisions = Decisions.of(model.network(batch), batch, replace(found, begin_bonus=float(bonus)))
            for reading in decode(window, 0, decisions):
                for d, device in enumerate(NAMES):
                    spans = [(s.start, s.end) for s in reading.spans if s.device == d]
                    gold = [(s.start, s.end) for s in article.spans[reading.paragraph] if s.device == device]
                    ours, theirs = ours + len(spans), theirs + len(gold)
                    right += sum(any(a < y and x < b for x, y in gold) for a, b in spans)
                    hit += sum(any(a < y and x < b for x, y in spans) for a, b in gold)
        precision, recall = right / ours, hit / theirs
        scores.append(2 * precision * recall / (precision + recall))
    assert max(scores) > min(scores)
    assert found.begin_bonus == BONUSES[int(np.argmax(scores))]


@pytest.mark.parametrize("stance", ["neutral", "against"])
def test_the_side_threshold_moves_with_the_labels(model, stance):
    """Within 0.2 … 0.8: where nobody takes a side no pair is given one; where all are against, each pair that may be is."""
    same = [replace(a, stances=(dict.fromkeys(TARGETS, stance),) * 2, absence_known=True) for a in labelled(12)]
    found = calibrate(model, same)
    *_, stances, _ = by_hand(model, same)
    weights = np.exp(stances / found.stance_temperature)
    favor, against = weights[:, :2].T / weights.sum(1)
    read = found.stances(np.stack([favor, against, 1 - favor - against], axis=1))
    if stance == "neutral":
        assert (read[favor + against < 0.79] == 2).all()
    else:
        may = (against > favor) & (favor + against > 0.21)
        assert may.any()
        assert (read[may] == 1).all()


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
    assert diluted.side_threshold == known.side_threshold
    with pytest.raises(InputError, match=r"needs labelled development articles; found none\. Name a file with --dev"):
        calibrate(model, nothing)


def test_devices_without_stances(model):
    bare = [replace(article, targets=(), stances=({}, {})) for article in labelled(12)]
    found = calibrate(model, bare)
    assert found.stance_temperature == 1.0
    assert found.side_threshold == 0.5
    assert found.device_slopes == pytest.approx(calibrate(model, labelled(12)).device_slopes, abs=1e-3)


def test_nothing_to_fit_on(model):
    with pytest.raises(InputError, match="found none"):
        calibrate(model, [])
