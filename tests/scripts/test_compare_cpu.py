"""The comparison of ways to run on a CPU: equal batches, and the same answers."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
import torch

sys.path.insert(0, str(Path(__file__).parents[2] / "scripts"))

import compare_cpu

from stance import DEFAULT_SCHEMA
from stance.model import checkpoint
from stance.training.examples import read_labelled

DEV = Path(__file__).parents[2] / "data" / "dev.jsonl"


@pytest.fixture(scope="module")
def folder(tmp_path_factory, encoders):
    """A tiny model with all labels."""
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("whole")
    checkpoint.save(checkpoint.from_encoder(encoders["bert"], DEFAULT_SCHEMA, window_tokens=120), folder)
    return folder


@pytest.fixture(scope="module")
def job(folder):
    model = checkpoint.load(folder)
    return compare_cpu.Job(model, compare_cpu.ready_batches(model, read_labelled(DEV, model.schema), 2))


def test_ready_batches_are_of_different_lengths(job):
    shapes = [batch.ids.shape for batch in job.ready]
    assert len(shapes) == 2
    assert shapes[0][1] > shapes[1][1]
    assert all(rows * tokens <= compare_cpu.PROCESSOR_BUDGET for rows, tokens in shapes)


def test_eager_ways_say_the_same(job):
    names = ["fp32", "fp32-matmul", "bf16", "bf16-matmul", "engine", "fp32-as-bf16"]
    forwards = compare_cpu.build(names, job)
    assert list(forwards) == names
    for batch in job.ready:
        exact = forwards["fp32"](batch)
        for name in names[1:]:
            tolerance = 1e-4 if name == "fp32-matmul" else 0.1
            torch.testing.assert_close(forwards[name](batch).stances.float(), exact.stances, atol=tolerance, rtol=0)


def test_a_missing_library_is_said(job, monkeypatch, capsys):
    def missing(job):
        raise ImportError("No module named 'fast'")

    monkeypatch.setitem(compare_cpu.WAYS, "fast", missing)
    assert list(compare_cpu.build(["fast", "fp32"], job)) == ["fp32"]
    assert "fast: left out, No module named 'fast'" in capsys.readouterr().err


def test_the_report(folder, capsys, monkeypatch):
    command = ["compare_cpu.py", str(folder), "--batches", "1", "--rounds", "1", "--ways", "fp32", "fp32-matmul"]
    monkeypatch.setattr(sys, "argv", command)
    compare_cpu.main()
    report = json.loads(capsys.readouterr().out.splitlines()[-1])
    fp32, matmul = report["ways"]
    assert [fp32["way"], matmul["way"]] == ["fp32", "fp32-matmul"]
    for score in ("device_micro_f1", "stance_macro_f1"):
        assert matmul[score] == pytest.approx(fp32[score], abs=0.02)
