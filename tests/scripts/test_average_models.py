"""The mean of two models is the mean of their weights, with a calibration of its own."""

import json
import sys
from pathlib import Path

import pytest
import torch

sys.path.insert(0, str(Path(__file__).parents[2] / "scripts"))

from average_models import average

from stance.errors import ModelError
from stance.model import checkpoint

ARTICLE = {
    "title": "",
    "paragraphs": ["财政是石磨。", "中国很好。"],
    "targets": ["财政"],
    "labels": [{"stance": {"财政": "against"}, "devices": [["metaphor", "石磨"]]}, {"stance": {}, "devices": []}],
}


@pytest.fixture
def data(tmp_path):
    path = tmp_path / "data.jsonl"
    path.write_text(
        "".join(json.dumps(ARTICLE | {"id": str(n)}, ensure_ascii=False) + "\n" for n in range(40)), encoding="utf-8"
    )
    return path


def test_the_mean_of_two_models(make_model, tmp_path, data):
    first, second = make_model(seed=1), make_model(seed=2)
    checkpoint.save(first, tmp_path / "first")
    checkpoint.save(second, tmp_path / "second")
    said = average(tmp_path / "first", tmp_path / "second", tmp_path / "mean", [data], 0.3)
    mean = checkpoint.load(tmp_path / "mean")
    assert said == mean.id
    ours, theirs = first.network.state_dict(), second.network.state_dict()
    assert any(not torch.equal(ours[name], theirs[name]) for name in ours)
    for name, value in mean.network.state_dict().items():
        torch.testing.assert_close(value, (ours[name] + theirs[name]) / 2, atol=2e-3, rtol=2e-3)  # float16
    assert mean.calibration != second.calibration


def test_models_of_other_shapes(make_model, tmp_path, data):
    checkpoint.save(make_model(), tmp_path / "first")
    checkpoint.save(make_model(kind="roberta"), tmp_path / "second")
    with pytest.raises(ModelError, match="second: expected weights of the names and shapes of"):
        average(tmp_path / "first", tmp_path / "second", tmp_path / "mean", [data], 0.3)
