from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch

from stance import Analyzer, Article, EngineConfig, InputError, ModelError, RunError
from stance.model import checkpoint
from stance.training import train as module
from stance.training.train import TrainConfig, train

ARTICLES = [
    {
        "id": "a1",
        "title": "石磨",
        "paragraphs": ["财政是石磨。", "中国增长，美国不好。"],
        "targets": ["中国", "美国"],
        "labels": [
            {"stance": {}, "devices": [["metaphor", "石磨"]]},
            {"stance": {"中国": "favor", "美国": "against"}, "devices": []},
        ],
    },
    {
        "id": "a2",
        "title": "",
        "paragraphs": ["税像山一样高。"],
        "targets": ["美国"],
        "labels": [{"stance": {"美国": "neutral"}, "devices": [["simile", "像山"]]}],
    },
]


def write(path, articles):
    path.write_text("".join(json.dumps(a, ensure_ascii=False) + "\n" for a in articles), encoding="utf-8")
    return str(path)


@pytest.fixture
def config(tmp_path, encoders):
    return TrainConfig(
        encoder=str(encoders["bert"]),
        data=(write(tmp_path / "train.jsonl", ARTICLES),),
        dev=(write(tmp_path / "dev.jsonl", ARTICLES[:1]),),
        output=str(tmp_path / "model"),
        name="tiny",
        epochs=2,
        batch_windows=1,
        window_tokens=64,
        rate=1e-2,
    )


@pytest.fixture(autouse=True)
def on_cpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)


def test_two_articles_end_in_a_model_folder(config, tmp_path, schema, encoders):
    trained = train(config, schema)
    loaded = checkpoint.load(tmp_path / "model")
    assert loaded.id == trained.id
    assert loaded.name == "tiny"
    assert loaded.schema == schema
    assert loaded.calibration == trained.calibration
    begun = checkpoint.from_encoder(encoders["bert"], schema, window_tokens=64).network.encoder.state_dict()
    assert any((loaded.network.encoder.state_dict()[k] - v).abs().max() > 1e-3 for k, v in begun.items())
    analysis = Analyzer(loaded, EngineConfig(hardware="cpu")).analyze(Article.from_text("财政是石磨。"), ["美国"])
    assert analysis.model == trained.id
    log = [json.loads(line) for line in (tmp_path / "model" / "log.jsonl").read_text(encoding="utf-8").splitlines()]
    assert log[0] == {"encoding": "0 of 3 paragraphs cut; of 2 spans 0 lost in cleaning, 0 not on token borders"}
    assert log[-1]["step"] == log[-1]["steps"] == 4  # two articles, one window each, twice


def weights(model):
    return {k: v.clone() for k, v in model.network.state_dict().items()}


def test_a_run_broken_off_goes_on_from_its_checkpoint(config, schema, tmp_path, monkeypatch):
    arguments = module._arguments

    def saving_each_step(*given):
        own = arguments(*given)
        own.save_steps, own.save_total_limit = 1, None
        return own

    monkeypatch.setattr(module, "_arguments", saving_each_step)
    whole = weights(train(replace(config, output=str(tmp_path / "whole")), schema))

    class BrokenOffError(Exception):
        pass

    steps = []
    loss = module._MultitaskTrainer.compute_loss

    def breaking(self, *given, **named):
        steps.append(1)
        if len(steps) == 3:
            raise BrokenOffError
        return loss(self, *given, **named)

    monkeypatch.setattr(module._MultitaskTrainer, "compute_loss", breaking)
    with pytest.raises(BrokenOffError):
        train(config, schema)
    assert not (tmp_path / "model" / "stance.json").exists()
    with pytest.raises(RunError, match="another run"):
        train(replace(config, rate=1e-5), schema)
    resumed = weights(train(config, schema))
    assert len(steps) == 3 + 2  # two were done, the third broke off, and two were left
    for name, value in whole.items():
        torch.testing.assert_close(resumed[name], value, atol=1e-5, rtol=0)


def test_too_little_data(config, schema):
    with pytest.raises(InputError, match="found 0 and 2"):
        train(replace(config, dev=(), held_out=1.0), schema)
    with pytest.raises(InputError, match="found 2 and 0"):
        train(replace(config, dev=(), held_out=0.0), schema)


def test_settings_that_cannot_be():
    with pytest.raises(InputError, match="at least one file of labelled articles"):
        TrainConfig(encoder="e", data=(), output="o")
    with pytest.raises(InputError, match="must be at least 1; found 0, 16"):
        TrainConfig(encoder="e", data=("d",), output="o", epochs=0)


def test_an_encoder_that_is_not_there(config, schema, tmp_path):
    with pytest.raises(ModelError, match="expected a folder or hub id of a pretrained encoder"):
        train(replace(config, encoder=str(tmp_path)), schema)


def test_every_main_window_in_every_epoch_and_auxiliary_ones_by_share(config):
    given = replace(config, epochs=3, auxiliary_share=0.5, batch_windows=4, temperature=0.0)
    order = module._order(given, 20, [10, 100], [1 + i % 7 for i in range(130)])
    assert len(order) == 3 * (20 + 5 + 5)
    for epoch in range(3):
        own = order[epoch * 30 : epoch * 30 + 30]
        assert sorted(i for i in own if i < 20) == list(range(20))
        assert len({i for i in own if 20 <= i < 30}) == 5
        assert len({i for i in own if i >= 30}) == 5
    assert order == module._order(given, 20, [10, 100], [1 + i % 7 for i in range(130)])
