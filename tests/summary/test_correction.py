"""Shares corrected for known errors: by hand, by trying every share, and on made-up corpora."""

from __future__ import annotations

import json

import numpy as np
import pytest
from analyses import article, paragraph

from stance import InputError
from stance.summary import Bootstrap, StanceConfusion, summarize_corpus

PERFECT = StanceConfusion(((50, 0, 0), (0, 50, 0), (0, 0, 50)))
NOISY = StanceConfusion(((80, 5, 15), (4, 60, 36), (10, 10, 180)))


def rates(confusion):
    counts = np.array(confusion.counts, dtype=float)
    return counts / counts.sum(axis=1, keepdims=True)


def test_with_two_classes_it_is_the_estimator_of_rogan_and_gladen():
    sensitivity, specificity = 0.9, 0.8  # of finding `against`; favor is never met
    confusion = StanceConfusion(((10, 0, 0), (0, 90, 10), (0, 20, 80)))
    found = 0.34
    true = (found + specificity - 1) / (sensitivity + specificity - 1)
    assert confusion.correct(np.array([0, found, 1 - found])) == pytest.approx([0, true, 1 - true])
    assert true == pytest.approx(0.2)


@pytest.mark.parametrize("true", [(0.2, 0.3, 0.5), (0.0, 0.0, 1.0), (1.0, 0.0, 0.0), (0.0, 0.4, 0.6)])
def test_it_undoes_the_errors(true):
    assert NOISY.correct(np.array(true) @ rates(NOISY)) == pytest.approx(true, abs=1e-9)


@pytest.mark.parametrize(
    "found", [(0.0, 0.0, 1.0), (1.0, 0.0, 0.0), (0.0, 0.9, 0.1), (0.02, 0.03, 0.95), (0.9, 0.1, 0.0)]
)
def test_where_no_shares_fit_the_nearest_are_taken(found):
    grid = [(a / 200, b / 200, (200 - a - b) / 200) for a in range(201) for b in range(201 - a)]
    errors = (((np.array(grid) @ rates(NOISY)) - np.array(found)) ** 2).sum(axis=1)
    corrected = NOISY.correct(np.array(found))
    assert (corrected >= 0).all()
    assert corrected.sum() == pytest.approx(1)
    assert ((corrected @ rates(NOISY) - found) ** 2).sum() <= errors.min() + 1e-12
    assert corrected == pytest.approx(grid[errors.argmin()], abs=0.011)


def corpus(marks, number=30):
    return summarize_corpus(article([paragraph("话", m) for m in marks], id=str(i)) for i in range(number))


def test_it_is_off_by_default_and_a_perfect_model_changes_nothing():
    summary = corpus("--+0")
    assert "corrected" not in summary.to_dict()["targets"][0]["stances"][0]
    for stance in summary.to_dict(confusion=PERFECT)["targets"][0]["stances"]:
        assert stance["corrected"] == pytest.approx(stance["share"], abs=1e-9)
        assert (stance["corrected_low"], stance["corrected_high"]) == (stance["share_low"], stance["share_high"])


def test_intervals_cover_the_chance_in_the_labelled_text_too():
    summary = corpus("--+0")  # all articles alike: drawing them anew changes nothing
    against = summary.to_dict(Bootstrap(2000), NOISY)["targets"][0]["stances"][1]
    assert against["share_low"] == against["share_high"] == 0.5
    assert against["corrected_low"] < against["corrected"] < against["corrected_high"]
    more = StanceConfusion(tuple(tuple(100 * n for n in row) for row in NOISY.counts))
    narrow = summary.to_dict(Bootstrap(2000), more)["targets"][0]["stances"][1]
    width, narrower = (a["corrected_high"] - a["corrected_low"] for a in (against, narrow))
    assert narrower == pytest.approx(width / 10, rel=0.15)


def test_intervals_of_corrected_shares_hold_the_truth_about_as_often_as_they_say():
    generator = np.random.default_rng(5)
    true, truth = np.array([0.15, 0.35, 0.5]), rates(NOISY)
    held = 0
    for trial in range(100):
        labelled = StanceConfusion(
            tuple(tuple(map(int, generator.multinomial(sum(NOISY.counts[g]), truth[g]))) for g in range(3))
        )
        texts = []
        for i in range(60):
            stances = generator.choice(3, size=8, p=true)
            found = [generator.choice(3, p=truth[g]) for g in stances]
            texts.append(article([paragraph("话", "+-0"[f]) for f in found], id=str(i)))
        against = summarize_corpus(texts).to_dict(Bootstrap(200, trial), labelled)["targets"][0]["stances"][1]
        held += against["corrected_low"] <= true[1] <= against["corrected_high"]
    assert 88 <= held <= 100


def test_it_is_read_from_the_scores_of_an_evaluation(tmp_path):
    path = tmp_path / "scores.json"
    path.write_text(json.dumps({"articles": 3, "confusion": NOISY.to_dict()}), encoding="utf-8")
    assert StanceConfusion.load(path) == NOISY
    assert NOISY.to_dict()["against"] == {"favor": 4, "against": 60, "neutral": 36}


@pytest.mark.parametrize("content", ["{}", "[1]", '{"confusion": {"favor": 3}}', "not JSON", '{"confusion": [1, 2]}'])
def test_anything_else_is_refused(tmp_path, content):
    path = tmp_path / "scores.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(InputError, match=r"[Ee]xpected|no field 'confusion'"):
        StanceConfusion.load(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match=r"scores\.json: expected scores"):
        StanceConfusion.load(tmp_path / "scores.json")


@pytest.mark.parametrize(
    "counts",
    [
        ((0, 0, 0), (1, 9, 0), (0, 1, 9)),  # no case of favor
        ((9, 1), (1, 9)),
        ((9, 0, 0), (0, 9, 0), (0, -1, 9)),
    ],
)
def test_a_matrix_of_no_use_is_refused(counts):
    with pytest.raises(InputError, match="Expected a confusion matrix with cases of each"):
        StanceConfusion(counts)


def test_a_model_that_cannot_tell_two_stances_apart_is_refused():
    with pytest.raises(InputError, match="leave the correction off"):
        StanceConfusion(((50, 50, 0), (51, 49, 0), (0, 0, 100)))
