from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from stance import Analyzer, Article, EngineConfig, InputError, ModelError, SchemaError
from stance.model import checkpoint
from stance.training.evaluate import evaluate
from stance.training.examples import GoldSpan, LabelledArticle, write_labelled

CPU = EngineConfig(hardware="cpu")
ARTICLES = [
    Article.from_paragraphs(
        ("美方加税，像山。", "", "财政是石磨。" * 12), title="石磨", targets=("美国", "财政"), id="a"
    ),
    Article.from_paragraphs(("中\u200b國的问题那样难，谁来付钱？", "天大的笑话。"), targets=("中国",), id="b"),
]


@pytest.fixture(scope="module")
def folder(make_model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    checkpoint.save(make_model(), folder)
    return folder


@pytest.fixture(scope="module")
def own_labels(folder):
    """What the model itself says, as gold: no other prediction is as good."""
    every = frozenset({"simile", "metaphor", "irony"})
    gold = []
    for article, analysis in zip(ARTICLES, Analyzer.load(folder, engine=CPU).analyze_many(ARTICLES), strict=True):
        spans = [
            tuple(sorted(GoldSpan(d.device, s.start, s.end) for d in p.devices for s in d.spans))
            for p in analysis.paragraphs
        ]
        gold.append(
            LabelledArticle(
                id=article.id,
                title=article.title,
                paragraphs=article.paragraphs,
                targets=article.targets,
                stances=tuple({s.target: s.stance for s in p.stances} for p in analysis.paragraphs),
                absence_known=True,
                spans=tuple(spans),
                presence=tuple(frozenset(d.device for d in p.devices) for p in analysis.paragraphs),
                annotated=every,
                located=every,
            )
        )
    assert sum(len(own) for g in gold for own in g.spans) > 5
    return gold


@pytest.fixture
def write(tmp_path, schema):
    def write(*articles):
        write_labelled(tmp_path / "gold.jsonl", articles, schema)
        return tmp_path / "gold.jsonl"

    return write


def test_a_model_agrees_with_itself(folder, own_labels, write):
    report = evaluate(folder, write(*own_labels), CPU)
    assert report.model.startswith("tiny-bert@")
    scores = {name: score.value for name, score in report.scores.headline.items() if name.endswith("f1")}
    assert scores
    assert {value for value in scores.values() if value is not None} == {1.0}
    assert sum(map(sum, (row.values() for row in report.scores.confusion.values()))) == 3 * 2 + 2 * 1


def test_a_wrong_label_is_counted(folder, own_labels, write):
    first = own_labels[0].stances[0]["美国"]
    other = "favor" if first != "favor" else "against"
    turned = replace(own_labels[0], stances=(own_labels[0].stances[0] | {"美国": other}, *own_labels[0].stances[1:]))
    report = evaluate(folder, write(turned, own_labels[1]), CPU)
    assert report.scores.confusion[other][first] == 1
    right = sum(row[stance] for stance, row in report.scores.confusion.items())
    assert right == 7
    assert report.scores.headline["stance_macro_f1"].value < 1


def test_every_probability_is_binned(folder, own_labels, write):
    bins = evaluate(folder, write(*own_labels), CPU).counts.calibration
    assert bins.shape[:2] == (2, 2)
    devices, stances = bins[:, 0], bins[:, 1]
    assert devices[..., 0].sum() == 5 * 3  # every device in every paragraph, reported or not
    assert stances[..., 0].sum() == stances[..., 2].sum() == 8


def test_report_as_text_and_as_numbers(folder, own_labels, write):
    path = write(*own_labels)
    report = evaluate(str(folder), str(path), CPU)
    lines = report.to_text().splitlines()
    assert lines[:2] == [f"{report.model} on {path}", "2 articles"]
    assert any(line.startswith("metaphor") for line in lines)
    numbers = json.loads(json.dumps(report.to_dict()))
    assert (numbers["model"], numbers["data"], numbers["articles"]) == (report.model, str(path), 2)
    assert set(numbers["labels"]["device"]) == {"simile", "metaphor", "irony"}


def test_evaluating_everything_twice_changes_no_figure(folder, own_labels, write):
    first = own_labels[0].stances[0]["美国"]
    other = "favor" if first != "favor" else "against"
    turned = replace(own_labels[0], stances=({"美国": other}, *own_labels[0].stances[1:]))
    once = evaluate(folder, write(turned, own_labels[1]), CPU)
    twice = evaluate(folder, write(turned, own_labels[1], turned, own_labels[1]), CPU)
    values = [{name: e.value for name, e in r.counts.scores(resamples=0).headline.items()} for r in (once, twice)]
    assert values[0] == pytest.approx(values[1])
    assert 0 < values[0]["stance_macro_f1"] < 1
    assert once.errors == twice.errors
    assert twice.lost.cut_paragraphs == 2 * once.lost.cut_paragraphs > 0


def test_what_windows_cannot_hold_is_counted(folder, own_labels, write):
    """The third paragraph has 72 tokens, a window 48; a span from the middle of "abc" is on no token border."""
    long = own_labels[0]
    word = LabelledArticle(
        id="w",
        title="",
        paragraphs=("xabcx\u200b",),
        targets=(),
        stances=({},),
        absence_known=True,
        spans=((GoldSpan("irony", 1, 4), GoldSpan("irony", 5, 6)),),
        presence=(frozenset({"irony"}),),
        annotated=frozenset({"irony"}),
        located=frozenset({"irony"}),
    )
    lost = evaluate(folder, write(long, word), CPU).lost
    assert (lost.paragraphs, lost.cut_paragraphs) == (4, 1)
    assert lost.lost_spans == 1  # nothing is left of a zero-width space
    assert lost.widened_spans == 1
    assert lost.spans == sum(map(len, long.spans)) + 2


def test_the_worst_paragraph_stands_first(folder, own_labels, write):
    first = own_labels[0].stances[0]["美国"]
    other = "favor" if first != "favor" else "against"
    turned = replace(own_labels[0], stances=({**own_labels[0].stances[0], "美国": other}, *own_labels[0].stances[1:]))
    (error,) = evaluate(folder, write(turned, own_labels[1]), CPU).errors  # everything else is right
    assert (error.article, error.index, error.text) == ("a", 0, "美方加税，像山。")
    (mistake,) = error.stances
    assert (mistake.target, mistake.gold, mistake.predicted) == ("美国", other, first)
    assert not error.devices
    assert all(mark.right for mark in error.gold + error.predicted)


def test_articles_with_nothing_in_them(folder, own_labels, write):
    """Blank paragraphs, and none at all, have no device and no effect on the others' scores."""
    empty = replace(own_labels[1], id="c", paragraphs=(), stances=(), spans=(), presence=())
    blank = replace(
        own_labels[1], id="d", paragraphs=("", " "), stances=({}, {}), spans=((), ()), presence=(frozenset(),) * 2
    )
    report = evaluate(folder, write(*own_labels, empty, blank), CPU)
    assert report.scores.headline["device_micro_f1"].value == 1.0
    assert report.scores.headline["stance_macro_f1"].value == 1.0
    assert np.isfinite(report.counts.calibration).all()


def test_no_articles(folder, tmp_path):
    path = tmp_path / "gold.jsonl"
    path.write_text("\n", encoding="utf-8")
    with pytest.raises(
        InputError, match=r"gold\.jsonl: expected labelled articles, one JSON object a line; found none"
    ):
        evaluate(folder, path, CPU)


def test_labels_that_the_model_does_not_know(folder, tmp_path):
    record = {"id": "x", "paragraphs": ["好"], "labels": [{"devices": [["hyperbole", "好"]]}]}
    path = tmp_path / "gold.jsonl"
    path.write_text(json.dumps(record, ensure_ascii=False), encoding="utf-8")
    with pytest.raises(SchemaError, match="hyperbole"):
        evaluate(folder, path, CPU)


def test_no_model(tmp_path):
    with pytest.raises(ModelError, match="expected a model folder"):
        evaluate(tmp_path, tmp_path / "gold.jsonl", CPU)
