"""The shipped model on the project's own test articles: no figure may get worse. `scripts/set_floors.py` sets the limits."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "scripts"))

import set_floors
from set_floors import CEILINGS, FILE, FLOORS, Limits, limits_for, measure, tightened

from stance.analyzer import shipped_model
from stance.training.quality import read_swaps


@pytest.fixture(scope="module")
def found():
    return measure(shipped_model())[1]


@pytest.mark.quality
@pytest.mark.parametrize("name", FLOORS)
def test_no_score_falls_under_its_floor(found, name):
    floor = Limits.read(FILE).floors[name]
    print(f"{name}: found {found[name]:.4f}, floor {floor:.4f}")
    assert found[name] >= floor, f"{name}: found {found[name]:.4f}, floor {floor:.4f}"


@pytest.mark.quality
@pytest.mark.parametrize("name", CEILINGS)
def test_no_error_passes_its_ceiling(found, name):
    ceiling = Limits.read(FILE).ceilings[name]
    print(f"{name}: found {found[name]:.4f}, ceiling {ceiling:.4f}")
    assert found[name] <= ceiling, f"{name}: found {found[name]:.4f}, ceiling {ceiling:.4f}"


# --- the limits themselves: no model needed ---

OLD = Limits("old@1", {"device_micro_f1": 0.5}, {"device_calibration_error": 0.04})


def test_every_figure_has_a_limit():
    limits = Limits.read(FILE)
    assert (tuple(limits.floors), tuple(limits.ceilings)) == (FLOORS, CEILINGS)
    assert all(0 <= at <= 1 for at in (*limits.floors.values(), *limits.ceilings.values()))


def test_limits_stand_a_little_beside_the_figures():
    limits = limits_for("new@2", dict.fromkeys(FLOORS, 0.6127) | dict.fromkeys(CEILINGS, 0.0201))
    assert set(limits.floors.values()) == {0.602}
    assert set(limits.ceilings.values()) == {0.031}
    ends = limits_for("new@2", dict.fromkeys(FLOORS, 0.004) | dict.fromkeys(CEILINGS, 0.999))
    assert set(ends.floors.values()) == {0.0}
    assert set(ends.ceilings.values()) == {1.0}


def test_limits_are_only_tightened():
    better = Limits("new@2", {"device_micro_f1": 0.6, "stance_macro_f1": 0.3}, {"device_calibration_error": 0.05})
    assert tightened(OLD, better) == Limits(
        "new@2", {"device_micro_f1": 0.6, "stance_macro_f1": 0.3}, {"device_calibration_error": 0.04}
    )


def test_what_breaks_a_limit_is_named_with_both_numbers():
    assert OLD.broken({"device_micro_f1": 0.5, "device_calibration_error": 0.04}) == []
    assert OLD.broken({"device_micro_f1": 0.49, "device_calibration_error": 0.05}) == [
        "device_micro_f1: found 0.4900, floor 0.5000",
        "device_calibration_error: found 0.0500, ceiling 0.0400",
    ]


@pytest.fixture
def run(monkeypatch, tmp_path):
    """The script with figures of our choice on a file of its own; gives what it left there, None for nothing."""
    path = tmp_path / "floors.json"
    monkeypatch.setattr(set_floors, "FILE", path)

    def call(score, error, *arguments):
        figures = dict.fromkeys(FLOORS, score) | dict.fromkeys(CEILINGS, error)
        monkeypatch.setattr(set_floors, "measure", lambda model: ("new@2", figures))
        monkeypatch.setattr(sys, "argv", ["set_floors.py", *arguments])
        set_floors.main()
        return json.loads(path.read_text()) if path.exists() else None

    return call


def test_the_script_refuses_to_lower_a_floor(run):
    assert run(0.6, 0.02, "--dry") is None
    first = run(0.6, 0.02)
    assert first["floors"]["stance_macro_f1"] == pytest.approx(0.59)
    assert first["model"] == "new@2"
    with pytest.raises(SystemExit, match=r"without --lower:\ndevice_micro_f1: found 0\.5800, floor 0\.5900"):
        run(0.58, 0.02)
    with pytest.raises(SystemExit, match=r"names_moved_share: found 0\.0400, ceiling 0\.0300"):
        run(0.6, 0.04)
    assert run(0.595, 0.029) == first  # within the limits, which stay
    assert run(0.58, 0.04, "--lower")["floors"]["stance_macro_f1"] == pytest.approx(0.57)
    assert run(0.7, 0.0)["ceilings"]["names_moved_share"] == pytest.approx(0.01)


# --- the reports with names to swap ---


def test_reports_with_names_to_swap_are_many_and_of_several_kinds():
    cases = read_swaps(set_floors.SWAPS)
    assert len(cases) >= 30
    assert len({case.id for case in cases}) == len(cases)
    assert {case.kind for case in cases} >= {"country", "company", "person"}
    assert any(case.name == "美国" and "德国" in case.others for case in cases)
    assert sum(len(case.others) for case in cases) >= 100
