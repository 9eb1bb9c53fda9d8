from __future__ import annotations

import json
from dataclasses import replace
from math import log

import numpy as np
import pytest
import torch

from stance import LabelSchema, ModelError
from stance.model.calibration import (
    Calibration,
    Probabilities,
    best_threshold,
    fit_scale,
    fit_side_threshold,
    fit_temperature,
)
from stance.model.network import Logits

CALIBRATION = Calibration(
    stance_temperature=2.0,
    side_threshold=0.45,
    device_slopes=(1.0, 2.0, 0.5),
    device_offsets=(0.0, -1.0, 0.25),
    device_thresholds=(0.5, 0.4, 0.3),
)


def draw(probabilities, rng):
    """A class for each row, at the row's probabilities."""
    return (rng.random((len(probabilities), 1)) > probabilities.cumsum(1)).sum(1)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_fit_temperature_finds_a_known_one(temperature):
    rng = np.random.default_rng(1)
    logits = 4 * rng.standard_normal((20_000, 4))
    true = np.exp(logits / temperature)
    classes = draw(true / true.sum(1, keepdims=True), rng)
    assert fit_temperature(logits, np.minimum(classes, 2)) == pytest.approx(temperature, rel=0.06)


def test_fit_temperature_folds_absent_into_neutral():
    """Half of the weight lies on absent, which users see as neutral: there is nothing to soften or to sharpen."""
    logits = np.log(np.tile([[0.125, 0.125, 0.25, 0.5]], (8, 1)))
    labels = np.array([0, 1, 2, 2, 2, 2, 2, 2])
    assert fit_temperature(logits, labels) == pytest.approx(1.0, rel=0.03)


@pytest.mark.parametrize(("slope", "offset"), [(1.0, 0.0), (0.5, -1.5), (2.0, 1.0)])
def test_fit_scale_finds_a_known_one(slope, offset):
    rng = np.random.default_rng(2)
    logits = 2 * rng.standard_normal(40_000)
    labels = (rng.random(40_000) < 1 / (1 + np.exp(-(slope * logits + offset)))).astype(np.int64)
    assert fit_scale(logits, labels) == pytest.approx((slope, offset), abs=0.08)


def test_fit_scale_without_examples_is_its_prior():
    nothing = np.zeros(0), np.zeros(0, np.int64)
    assert fit_scale(*nothing) == (1.0, 0.0)
    assert fit_scale(*nothing, prior=(0.7, -2.0)) == pytest.approx((0.7, -2.0))


def test_few_examples_stay_near_the_prior_and_many_leave_it():
    few, many = ((np.tile([2.0, -2.0], n), np.tile([0, 1], n)) for n in (1, 5000))
    assert fit_scale(*few, prior=(1.0, 0.0))[0] > 0.5
    assert fit_scale(*many, prior=(1.0, 0.0))[0] == 0.05  # never turned round: then the evidence just counts little


def test_separable_examples_do_not_run_away():
    logits = np.array([-1.0, -2.0, 1.0, 2.0])
    slope, offset = fit_scale(logits, np.array([0, 0, 1, 1]))
    assert 1 < slope < 30
    assert abs(offset) < 1


def f1(probabilities, labels, threshold):
    chosen = [p >= threshold for p in probabilities]
    right = sum(c and y == 1 for c, y in zip(chosen, labels, strict=True))
    return 2 * right / (sum(chosen) + sum(labels)) if right else 0.0


def test_best_threshold_by_brute_force():
    rng = np.random.default_rng(3)
    for _ in range(20):
        labels = (rng.random(30) < 0.3).astype(np.int64)
        probabilities = np.clip(0.25 * labels + rng.random(30) * 0.7, 0, 1)
        scores = {t / 100: f1(probabilities, labels.tolist(), t / 100 - 1e-9) for t in range(5, 96)}
        assert f1(probabilities, labels.tolist(), best_threshold(probabilities, labels)) == max(scores.values())


def test_best_threshold_lies_midway_between_equals():
    assert best_threshold(np.array([0.2, 0.8]), np.array([0, 1])) == pytest.approx(0.51, abs=0.02)


def test_a_probability_at_the_threshold_counts():
    assert best_threshold(np.array([0.95, 0.94]), np.array([1, 0])) == pytest.approx(0.95)


def test_best_threshold_with_a_prior():
    two = np.array([0.9, 0.1]), np.array([1, 0])
    assert best_threshold(np.zeros(3), np.zeros(3, np.int64), prior=0.3) == pytest.approx(0.3)
    assert best_threshold(np.zeros(0), np.zeros(0, np.int64), prior=0.3) == pytest.approx(0.3)
    assert best_threshold(*two, prior=0.3) == pytest.approx(0.3)  # as good as any other between 0.1 and 0.9
    many = np.tile([0.2, 0.1], 500), np.tile([1, 0], 500)
    assert best_threshold(*many, prior=0.8) == pytest.approx(0.2, abs=0.011)


def test_best_threshold_with_nothing_to_find():
    assert best_threshold(np.array([0.1, 0.9]), np.array([0, 0])) == pytest.approx(0.5)


def test_probabilities_by_hand():
    logits = Logits(
        steps=torch.zeros(1, 1, 3, 2, 2),
        partition=torch.zeros(1, 1, 3),
        devices=torch.tensor([[[log(3), 0.5, -0.5]]]),
        stances=torch.tensor([[[0.0, 2 * log(2), 2 * log(3), 2 * log(4)]]]),
    )
    probabilities = Probabilities.of(logits, CALIBRATION)
    assert probabilities.devices.flatten().tolist() == pytest.approx([0.75, 0.5, 0.5])
    assert probabilities.stances.flatten().tolist() == pytest.approx([0.1, 0.2, 0.7])


def test_identity_changes_nothing():
    logits = Logits(torch.zeros(1, 2, 3, 2, 2), torch.zeros(1, 1, 3), torch.randn(1, 1, 3), torch.randn(1, 2, 4))
    probabilities = Probabilities.of(logits, Calibration.identity(3))
    torch.testing.assert_close(probabilities.devices, logits.devices.sigmoid())
    torch.testing.assert_close(probabilities.stances[..., :2], logits.stances.softmax(-1)[..., :2])


@pytest.mark.parametrize(
    ("threshold", "stances"),
    [
        (0.5, [0, 1, 2, 2]),
        (0.625, [0, 1, 2, 2]),  # a sum at the threshold counts
        (0.75, [0, 2, 2, 2]),
        (0.25, [0, 1, 0, 2]),
    ],
)
def test_a_side_is_taken_where_both_sides_reach_the_threshold(threshold, stances):
    probabilities = np.array(
        [[0.625, 0.25, 0.125], [0.25, 0.375, 0.375], [0.25, 0.125, 0.625], [0.0, 0.125, 0.875]], np.float32
    )
    assert replace(CALIBRATION, side_threshold=threshold).stances(probabilities).tolist() == stances


def test_the_stance_of_no_pair():
    assert CALIBRATION.stances(np.zeros((0, 3), np.float32)).shape == (0,)


def macro_f1(probabilities, labels, threshold):
    """Mean over three classes, each counted by hand; a class that is nowhere counts zero."""
    found = [(0 if f >= a else 1) if f + a >= threshold else 2 for f, a, _ in probabilities.tolist()]
    scores = []
    for stance in range(3):
        right = sum(x == y == stance for x, y in zip(found, labels, strict=True))
        both = found.count(stance) + labels.count(stance)
        scores.append(2 * right / both if both else 0.0)
    return sum(scores) / 3


def test_side_threshold_by_brute_force():
    rng = np.random.default_rng(4)
    for _ in range(10):
        probabilities = rng.dirichlet([1, 1, 2], 40)
        labels = draw(probabilities, rng)
        found = fit_side_threshold(probabilities, labels)
        scores = [macro_f1(probabilities, labels.tolist(), t) for t in np.linspace(0.2, 0.8, 61)]
        assert macro_f1(probabilities, labels.tolist(), found) == pytest.approx(max(scores))


def test_side_threshold_stays_near_one_half():
    """Of equals, the nearest to one half is taken: in 0.3 … 0.4, and in all of 0.2 … 0.8."""
    two = np.array([[0.4, 0.005, 0.595], [0.295, 0.0, 0.705], [0.0, 0.9, 0.1]])
    assert fit_side_threshold(two, np.array([0, 2, 1])) == pytest.approx(0.4)
    assert fit_side_threshold(two[2:], np.array([1])) == pytest.approx(0.5)
    high = np.array([[0.0, 0.655, 0.345], [0.705, 0.0, 0.295], [0.0, 0.9, 0.1]])
    assert fit_side_threshold(high, np.array([2, 0, 1])) == pytest.approx(0.66)


def test_what_the_threshold_was_fitted_to_is_what_is_read():
    rng = np.random.default_rng(6)
    probabilities = rng.dirichlet([1, 2, 2], 60)
    labels = draw(probabilities, rng)
    threshold = fit_side_threshold(probabilities, labels)
    read = replace(CALIBRATION, side_threshold=threshold).stances(probabilities)
    expected = [(0 if f >= a else 1) if f + a >= threshold else 2 for f, a, _ in probabilities.tolist()]
    assert read.tolist() == expected


def test_round_trip(tmp_path, schema):
    CALIBRATION.save(tmp_path / "calibration.json", schema)
    assert Calibration.load(tmp_path / "calibration.json", schema) == CALIBRATION
    turned = LabelSchema(schema.stances, schema.devices[::-1])
    assert Calibration.load(tmp_path / "calibration.json", turned).device_slopes == (0.5, 2.0, 1.0)


def test_the_calibration_of_another_schema_is_refused(tmp_path, schema):
    path = tmp_path / "calibration.json"
    smaller = LabelSchema(schema.stances, schema.devices[:2])
    Calibration.identity(2).save(path, smaller)
    with pytest.raises(ModelError, match=r"calibration\.json.*devices simile, metaphor, irony.*'irony'"):
        Calibration.load(path, schema)


@pytest.mark.parametrize("content", ["", "[]", "{}", "null", "3", '{"stance_temperature": null}', "\udcff"])
def test_a_damaged_file_is_refused(tmp_path, schema, content):
    path = tmp_path / "calibration.json"
    path.write_text(content, encoding="utf-8", errors="surrogateescape")
    with pytest.raises(ModelError, match="expected the calibration of a model"):
        Calibration.load(path, schema)


def test_a_number_that_is_none_is_refused(tmp_path, schema):
    path = tmp_path / "calibration.json"
    CALIBRATION.save(path, schema)
    data = json.loads(path.read_text(encoding="utf-8"))
    data["device_thresholds"]["irony"] = "high"
    path.write_text(json.dumps(data), encoding="utf-8")
    with pytest.raises(ModelError, match="high"):
        Calibration.load(path, schema)


def test_the_calibration_of_an_earlier_format_is_refused(tmp_path, schema):
    path = tmp_path / "calibration.json"
    CALIBRATION.save(path, schema)
    data = json.loads(path.read_text(encoding="utf-8"))
    del data["side_threshold"]
    path.write_text(json.dumps(data), encoding="utf-8")
    with pytest.raises(ModelError, match=r"expected the calibration of a model .*'side_threshold'"):
        Calibration.load(path, schema)


def test_what_lies_near_its_threshold_is_unsure():
    calibration = replace(Calibration.identity(3), device_thresholds=(0.5, 0.2, 0.9), side_threshold=0.4)
    # half a nat on both sides of 1/2 is 0.378 to 0.622, of 0.2 is 0.132 to 0.292, of 0.9 is 0.845 to 0.937
    for low, high, place in ((0.378, 0.622, 0), (0.132, 0.292, 1), (0.845, 0.937, 2)):
        for probability, unsure in (
            (low - 0.002, False),
            (low + 0.002, True),
            (high - 0.002, True),
            (high + 0.002, False),
        ):
            given = np.array([0.001, 0.001, 0.001])
            given[place] = probability
            assert calibration.unsure_devices(given).tolist() == [unsure and i == place for i in range(3)]


def test_a_stance_is_unsure_where_its_side_or_neutrality_is():
    calibration = replace(Calibration.identity(3), side_threshold=0.4)
    rows = np.array(
        [[0.05, 0.05, 0.9], [0.3, 0.05, 0.65], [0.8, 0.1, 0.1], [0.4, 0.35, 0.25], [0.01, 0.01, 0.98], [0, 0, 1]]
    )
    assert calibration.unsure_stances(rows).tolist() == [False, True, False, True, False, False]
    assert calibration.unsure_stances(np.zeros((0, 3))).tolist() == []
