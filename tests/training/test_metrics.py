from __future__ import annotations

import json
import random

import numpy as np
import pytest
from sklearn.metrics import confusion_matrix, f1_score

from stance import DEFAULT_SCHEMA, InputError, SchemaError
from stance.results import (
    ArticleAnalysis,
    DevicePrediction,
    Paragraph,
    ParagraphAnalysis,
    Span,
    StancePrediction,
)
from stance.schema import LabelSchema
from stance.training.examples import GoldSpan, LabelledArticle
from stance.training.metrics import (
    NOTHING,
    EvaluationCounts,
    ReliabilityBin,
    bin_probabilities,
    calibration_error,
    evaluate,
    reliability,
)

DEVICES = DEFAULT_SCHEMA.device_ids
STANCES = DEFAULT_SCHEMA.stance_ids
TEXT = "零一二三四五六七八九"


def gold_article(
    paragraphs, targets=(), *, annotated=DEVICES, located=None, absence_known=True, genre="", presence=None
):
    """`paragraphs` are pairs: {target: stance}, [(device, start, end), …]; every text is TEXT."""
    spans = tuple(tuple(GoldSpan(*span) for span in spans) for _, spans in paragraphs)
    return LabelledArticle(
        id="g",
        title="",
        paragraphs=(TEXT,) * len(paragraphs),
        targets=tuple(targets),
        stances=tuple(stances for stances, _ in paragraphs),
        absence_known=absence_known,
        spans=spans,
        presence=presence or tuple(frozenset(span.device for span in found) for found in spans),
        annotated=frozenset(annotated),
        located=frozenset(annotated if located is None else located),
        genre=genre,
    )


def analysis(paragraphs, text=TEXT, probability=0.8):
    """`paragraphs` as in `gold_article`; a device given with no borders is present with a span over all."""
    made = []
    for i, (stances, spans) in enumerate(paragraphs):
        devices = {}
        for device, *borders in spans:
            start, end = borders or (0, len(text))
            devices.setdefault(device, []).append(Span(start, end, text[start:end], 0.9))
        answers = []
        for target, stance in stances.items():
            rest = (1 - probability) / 2
            answers.append(StancePrediction(target, stance, {s: probability if s == stance else rest for s in STANCES}))
        paragraph = Paragraph(i, i * (len(text) + 1), i * (len(text) + 1) + len(text), text)
        found = tuple(DevicePrediction(device, 0.9, tuple(spans)) for device, spans in devices.items())
        made.append(ParagraphAnalysis(paragraph, tuple(answers), found))
    return ArticleAnalysis("g", "", (), "test", tuple(made))


def headline(gold, predicted, **options):
    counts = evaluate([gold], [predicted], DEFAULT_SCHEMA, **options)
    return {name: estimate.value for name, estimate in counts.scores(resamples=0).headline.items()}


def test_device_presence_by_hand():
    # simile: 2 right, 1 missed. irony: 1 right, 2 false. metaphor: only a false alarm, so no part of the macro mean.
    gold = gold_article([({}, [("simile", 0, 2), ("irony", 3, 4)]), ({}, [("simile", 0, 2)]), ({}, [("simile", 1, 2)])])
    found = analysis(
        [({}, [("simile",), ("irony",), ("metaphor",)]), ({}, [("simile",), ("irony",)]), ({}, [("irony",)])]
    )
    scores = evaluate([gold], [found], DEFAULT_SCHEMA).scores(resamples=0)
    assert scores.headline["device_micro_f1"].value == pytest.approx(2 * 3 / (2 * 3 + 3 + 1))
    assert scores.headline["device_macro_f1"].value == pytest.approx((4 / 5 + 2 / 4) / 2)
    simile, metaphor, parallelism = (scores.labels["device"][d] for d in ("simile", "metaphor", "parallelism"))
    assert (simile.precision, simile.recall, simile.support) == (1.0, pytest.approx(2 / 3), 3)
    assert (metaphor.precision, metaphor.recall, metaphor.f1, metaphor.support) == (0.0, None, 0.0, 0)
    assert (parallelism.precision, parallelism.f1, parallelism.support) == (None, None, 0)


def test_spans_by_hand():
    # One gold span met by two predicted ones, one missed; of four predicted one is exact, three overlap.
    gold = gold_article([({}, [("simile", 0, 4), ("simile", 5, 6), ("simile", 7, 9)])])
    found = analysis([({}, [("simile", 0, 2), ("simile", 3, 5), ("simile", 7, 9), ("simile", 9, 10)])])
    scores = headline(gold, found)
    assert scores["span_exact_micro_f1"] == pytest.approx(2 * (1 / 4) * (1 / 3) / (1 / 4 + 1 / 3))
    assert scores["span_overlap_micro_f1"] == pytest.approx(2 * (3 / 4) * (2 / 3) / (3 / 4 + 2 / 3))


def test_spans_that_only_touch_or_bear_another_device_do_not_overlap():
    gold = gold_article([({}, [("simile", 2, 5)])])
    found = analysis([({}, [("simile", 0, 2), ("simile", 5, 7), ("irony", 2, 5)])])
    assert headline(gold, found)["span_overlap_micro_f1"] == 0.0


def test_the_same_place_in_another_paragraph_does_not_match():
    gold = gold_article([({}, [("simile", 2, 5)]), ({}, [])])
    assert headline(gold, analysis([({}, []), ({}, [("simile", 2, 5)])]))["span_overlap_micro_f1"] == 0.0


def confused(gold, found):
    return evaluate([gold], [found], DEFAULT_SCHEMA).scores(resamples=0).confused_devices


def test_confused_devices_by_hand():
    # simile 0-4: found, and a wrong irony on its words. metaphor 5-6: read as irony and as quotation. repetition 7-8:
    # missed. quotation 9-10 lies where nothing is.
    gold = gold_article([({}, [("simile", 0, 4), ("metaphor", 5, 6), ("repetition", 7, 8)])])
    found = analysis(
        [({}, [("simile", 1, 2), ("irony", 3, 4), ("irony", 5, 7), ("quotation", 4, 6), ("quotation", 9, 10)])]
    )
    assert confused(gold, found) == {
        "simile": {"simile": 1, "irony": 1},
        "metaphor": {"irony": 1, "quotation": 1},
        "repetition": {NOTHING: 1},
        NOTHING: {"quotation": 1},
    }


def test_a_right_span_on_the_words_of_another_device_is_no_confusion():
    gold = gold_article([({}, [("simile", 0, 4), ("irony", 0, 4)]), ({}, [("metaphor", 0, 1)])])
    found = analysis([({}, [("irony", 0, 4)]), ({}, [])])
    assert confused(gold, found) == {"simile": {NOTHING: 1}, "irony": {"irony": 1}, "metaphor": {NOTHING: 1}}


def test_unlocated_devices_are_confused_with_nothing():
    gold = gold_article([({}, [("simile", 0, 4), ("irony", 0, 4)])], located=["simile"])
    assert confused(gold, analysis([({}, [("irony", 0, 4), ("metaphor", 7, 8)])])) == {"simile": {NOTHING: 1}}


def test_unannotated_and_unlocated_devices_do_not_count():
    gold = gold_article([({}, [("simile", 0, 2)])], annotated=["simile", "irony"], located=["irony"])
    found = analysis([({}, [("simile", 5, 6), ("metaphor", 0, 1)])])
    counts = evaluate([gold], [found], DEFAULT_SCHEMA)
    scores = counts.scores(resamples=0)
    assert scores.headline["device_micro_f1"].value == 1.0
    assert scores.headline["span_exact_micro_f1"].value is None
    assert counts.matches[..., DEVICES.index("metaphor"), :].sum() == 0


def test_presence_without_a_span_counts():
    gold = gold_article([({}, [])], annotated=["irony"], located=[], presence=(frozenset({"irony"}),))
    assert headline(gold, analysis([({}, [])]))["device_micro_f1"] == 0.0
    assert headline(gold, analysis([({}, [("irony",)])]))["device_micro_f1"] == 1.0


def test_stance_by_hand():
    # All pairs: favor 1 of 1; against 1 found of 2, 1 false; neutral 1 of 3 (one of them a pair left out), 1 false.
    targets = ["甲", "乙"]
    gold = gold_article(
        [({"甲": "favor", "乙": "against"}, []), ({"甲": "against", "乙": "neutral"}, []), ({"甲": "neutral"}, [])],
        targets,
    )
    found = analysis(
        [
            ({"甲": "favor", "乙": "against"}, []),
            ({"甲": "neutral", "乙": "against"}, []),
            ({"甲": "neutral", "乙": "favor"}, []),
        ]
    )
    scores = evaluate([gold], [found], DEFAULT_SCHEMA).scores(resamples=0)
    favor, against, neutral = 2 * 1 / (2 + 1), 2 * 1 / (2 + 1 + 1), 2 * 1 / (2 + 1 + 2)
    assert scores.headline["stance_macro_f1"].value == pytest.approx((favor + against + neutral) / 3)
    assert scores.headline["stance_mentioned_macro_f1"].value == pytest.approx((1 + 2 / 4 + 2 / 4) / 3)
    assert scores.confusion == {
        "favor": {"favor": 1, "against": 0, "neutral": 0},
        "against": {"favor": 0, "against": 1, "neutral": 1},
        "neutral": {"favor": 1, "against": 1, "neutral": 1},
    }


def test_pairs_left_out_count_only_where_absence_is_known():
    gold = gold_article([({"甲": "favor"}, [])], ["甲", "乙"], absence_known=False)
    found = analysis([({"甲": "favor", "乙": "against"}, [])])
    assert evaluate([gold], [found], DEFAULT_SCHEMA).confusion.sum(axis=(0, 2, 3)).tolist() == [1, 1]


def random_articles(seed, articles=12):
    rng = random.Random(seed)

    def paragraph():
        spans = []
        for device in DEVICES[:4]:
            if rng.random() < 0.4:
                start = rng.randrange(8)
                spans.append((device, start, rng.randrange(start + 1, 11)))
        return {target: rng.choice(STANCES) for target in "甲乙"}, spans

    gold, found = [], []
    for i in range(articles):
        n = rng.randrange(1, 6)
        gold.append(gold_article([paragraph() for _ in range(n)], "甲乙", genre=("news", "column")[i % 2]))
        found.append(analysis([paragraph() for _ in range(n)]))
    return gold, found


def test_against_scikit_learn():
    gold, found = random_articles(1)
    scores = evaluate(gold, found, DEFAULT_SCHEMA).scores(resamples=0)

    def presence(paragraphs):
        return np.array([[device in devices for device in DEVICES] for devices in paragraphs], dtype=int)

    truth = presence([devices for article in gold for devices in article.presence])
    guess = presence([{d.device for d in p.devices} for article in found for p in article.paragraphs])
    supported = list(np.flatnonzero(truth.sum(axis=0)))
    assert len(supported) == 4
    assert scores.headline["device_micro_f1"].value == pytest.approx(f1_score(truth, guess, average="micro"))
    assert scores.headline["device_macro_f1"].value == pytest.approx(
        f1_score(truth, guess, average="macro", labels=supported)
    )
    ours = [scores.labels["device"][DEVICES[d]].f1 for d in supported]
    assert ours == pytest.approx(list(f1_score(truth, guess, average=None, labels=supported)))

    stances = [stance for article in gold for stances in article.stances for stance in stances.values()]
    answers = [answer.stance for article in found for p in article.paragraphs for answer in p.stances]
    assert scores.headline["stance_macro_f1"].value == pytest.approx(f1_score(stances, answers, average="macro"))
    matrix = confusion_matrix(stances, answers, labels=list(STANCES)).tolist()
    assert [list(row.values()) for row in scores.confusion.values()] == matrix


def probabilities_for(gold, seed):
    rng = np.random.default_rng(seed)
    return [rng.random((len(article.paragraphs), len(DEVICES))) for article in gold]


def test_evaluating_everything_twice_changes_no_score():
    gold, found = random_articles(2)
    shown = probabilities_for(gold, 2)
    once = evaluate(gold, found, DEFAULT_SCHEMA, shown)
    twice = evaluate(gold * 2, found * 2, DEFAULT_SCHEMA, shown * 2)
    assert 2 * once.matches.sum() == twice.matches.sum()
    for name, estimate in once.scores(resamples=0).headline.items():
        assert twice.scores(resamples=0).headline[name].value == pytest.approx(estimate.value), name
    for kind, points in once.scores(resamples=0).reliability.items():
        assert points
        again = twice.scores(resamples=0).reliability[kind]
        assert [p.frequency for p in again] == pytest.approx([p.frequency for p in points])
        assert [p.cases for p in again] == [2 * p.cases for p in points]
    assert (twice.crossings.sum(axis=0) == 2 * once.crossings.sum(axis=0)).all()


def test_counts_add_to_those_of_the_whole():
    gold, found = random_articles(3)
    shown = probabilities_for(gold, 3)
    whole = evaluate(gold, found, DEFAULT_SCHEMA, shown)
    parts = evaluate(gold[:5], found[:5], DEFAULT_SCHEMA, shown[:5]) + evaluate(
        gold[5:], found[5:], DEFAULT_SCHEMA, shown[5:]
    )
    assert parts.to_dict() == whole.to_dict()
    assert parts.scores() == whole.scores()


def test_by_genre_splits_the_articles():
    gold, found = random_articles(4)
    counts = evaluate(gold, found, DEFAULT_SCHEMA)
    parts = counts.by_genre()
    assert list(parts) == ["column", "news"]
    alone = evaluate(gold[0::2], found[0::2], DEFAULT_SCHEMA)
    assert parts["news"].scores() == alone.scores()


def test_intervals_agree_with_resampling_articles_one_by_one():
    gold, found = random_articles(5)
    counts = evaluate(gold, found, DEFAULT_SCHEMA)
    ours = counts.scores(resamples=400, seed=1).headline
    rng = random.Random(7)
    samples = []
    for _ in range(400):
        picked = rng.choices(range(len(gold)), k=len(gold))
        again = evaluate([gold[i] for i in picked], [found[i] for i in picked], DEFAULT_SCHEMA)
        samples.append(again.scores(resamples=0).headline)
    for name in ("device_micro_f1", "span_overlap_macro_f1", "stance_macro_f1"):
        low, high = np.percentile([sample[name].value for sample in samples], [2.5, 97.5])
        assert ours[name].low == pytest.approx(low, abs=0.03)
        assert ours[name].high == pytest.approx(high, abs=0.03)
        assert ours[name].low < ours[name].value < ours[name].high


def test_intervals_depend_on_the_seed_alone():
    counts = evaluate(*random_articles(6), DEFAULT_SCHEMA)
    assert counts.scores(seed=3) == counts.scores(seed=3)
    assert counts.scores(seed=3) != counts.scores(seed=4)


def test_calibration_error_by_hand():
    # Bin 0: 0.02 and 0.04, none so. Bin 7: 0.5 twice, both so. Bin 14: 1.0, not so. NaN is left out.
    probabilities = np.array([0.02, 0.04, 0.5, 0.5, 1.0, np.nan])
    binned = bin_probabilities(probabilities, np.array([False, False, True, True, False, True]))
    assert np.flatnonzero(binned[:, 0]).tolist() == [0, 7, 14]
    assert binned.shape == (15, 3)
    assert calibration_error(binned) == pytest.approx((0.06 + 1.0 + 1.0) / 5)


def test_reliability_by_hand():
    binned = bin_probabilities(np.array([0.02, 0.04, 0.5, 0.5, 1.0]), np.array([False, True, True, True, False]))
    first, middle, last = reliability(binned)
    assert first == ReliabilityBin(0.0, 1 / 15, 2, 1, pytest.approx(0.03), 0.5)
    assert middle == ReliabilityBin(7 / 15, 8 / 15, 2, 2, 0.5, 1.0)
    assert last == ReliabilityBin(14 / 15, 1.0, 1, 0, 1.0, 0.0)
    gaps = [b.cases * abs(b.frequency - b.probability) for b in (first, middle, last)]
    assert calibration_error(binned) == pytest.approx(sum(gaps) / 5)


def test_reliability_in_scores_is_of_devices_and_stances():
    gold = gold_article([({"甲": "favor"}, [("simile", 0, 2)])], ["甲"], annotated=["simile"])
    shown = [np.full((1, len(DEVICES)), 0.9)]
    found = evaluate([gold], [analysis([({"甲": "against"}, [])])], DEFAULT_SCHEMA, shown).scores().reliability
    (device,), (stance,) = found["device"], found["stance"]
    assert (device.cases, device.true, device.probability) == (1, 1, 0.9)
    assert (stance.cases, stance.true, stance.probability) == (1, 0, 0.8)


def test_calibration_of_devices_counts_annotated_ones_only():
    gold = gold_article([({}, [("simile", 0, 2)]), ({}, [])], annotated=["simile"])
    shown = np.full((2, len(DEVICES)), 0.9)
    shown[:, DEVICES.index("simile")] = [0.7, 0.1]
    scores = headline(gold, analysis([({}, []), ({}, [])]), device_probabilities=[shown])
    assert scores["device_calibration_error"] == pytest.approx((0.3 + 0.1) / 2)


def test_calibration_of_stances_is_of_the_likeliest():
    gold = gold_article([({"甲": "favor"}, []), ({}, [])], ["甲"])
    found = analysis([({"甲": "favor"}, []), ({"甲": "against"}, [])], probability=0.8)
    assert headline(gold, found)["stance_calibration_error"] == pytest.approx(0.3)


def test_nothing_to_score_is_none_and_written_as_such():
    scores = EvaluationCounts.join([], DEFAULT_SCHEMA).scores()
    assert {estimate.value for estimate in scores.headline.values()} == {None}
    assert json.loads(json.dumps(scores.to_dict()))["headline"]["device_micro_f1"] == {
        "value": None,
        "low": None,
        "high": None,
    }
    assert "device_micro_f1            –" in scores.to_text()


def test_text_shows_scores_with_intervals():
    gold = gold_article([({"甲": "favor"}, [("simile", 0, 4)])], ["甲"])
    text = evaluate([gold], [analysis([({"甲": "favor"}, [("simile", 0, 4)])])], DEFAULT_SCHEMA).scores().to_text()
    assert text.startswith("1 articles\n")
    assert "device_micro_f1            1.000 [1.000, 1.000]\n" in text
    assert "simile                  1.000  1.000  1.000      1\n" in text
    assert "irony                       –      –      –      0\n" in text


def test_analyses_of_other_paragraphs_are_refused():
    gold = gold_article([({}, [])])
    with pytest.raises(InputError, match=r"'g'.*1 paragraphs"):
        evaluate([gold], [analysis([({}, []), ({}, [])])], DEFAULT_SCHEMA)
    with pytest.raises(InputError, match="not the same"):
        evaluate([gold], [analysis([({}, [])], text="别的")], DEFAULT_SCHEMA)


def test_a_missing_target_is_refused():
    gold = gold_article([({}, [])], ["甲"])
    with pytest.raises(InputError, match=r"paragraph 0.*'甲'.*乙"):
        evaluate([gold], [analysis([({"乙": "favor"}, [])])], DEFAULT_SCHEMA)


def test_labels_that_the_schema_does_not_know_are_refused():
    gold = gold_article([({}, [])], ["甲"])
    with pytest.raises(SchemaError, match="pun"):
        evaluate([gold], [analysis([({"甲": "favor"}, [("pun",)])])], DEFAULT_SCHEMA)
    smaller = LabelSchema(DEFAULT_SCHEMA.stances, DEFAULT_SCHEMA.devices[:3])
    with pytest.raises(SchemaError, match="one label schema"):
        EvaluationCounts.join([], DEFAULT_SCHEMA) + EvaluationCounts.join([], smaller)


def test_unequal_numbers_of_articles_are_a_mistake():
    with pytest.raises(ValueError, match="zip"):
        evaluate([gold_article([({}, [])])], [], DEFAULT_SCHEMA)
