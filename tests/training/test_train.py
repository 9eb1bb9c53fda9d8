from __future__ import annotations

import inspect
import json
import re
import shutil
from collections import Counter
from dataclasses import MISSING, asdict, fields, replace
from hashlib import sha256
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import TrainingArguments

from stance import Analyzer, Article, EngineConfig, InputError, ModelError, RunError
from stance.cli.train import train as command
from stance.model import checkpoint
from stance.model.losses import multitask_loss
from stance.training import train as module
from stance.training.examples import read_labelled
from stance.training.features import EncodingLoss, collate_labelled, labelled_windows
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

TURNED = ARTICLES[0] | {
    "id": "d1",
    "paragraphs": ARTICLES[0]["paragraphs"][::-1],
    "labels": ARTICLES[0]["labels"][::-1],
}


def write(path, articles):
    path.write_text("".join(json.dumps(a, ensure_ascii=False) + "\n" for a in articles), encoding="utf-8")
    return str(path)


@pytest.fixture
def config(tmp_path, encoders):
    return TrainConfig(
        encoder=str(encoders["bert"]),
        data=(write(tmp_path / "train.jsonl", ARTICLES),),
        dev=(write(tmp_path / "dev.jsonl", [TURNED]),),
        output=str(tmp_path / "model"),
        name="tiny",
        epochs=2,
        batch_windows=1,
        window_tokens=64,
    )


@pytest.fixture(autouse=True)
def on_cpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    yield
    torch.set_float32_matmul_precision("highest")


def loss_of(model, path):
    rows = labelled_windows(read_labelled(path, model.schema), model.encoder, model.schema, EncodingLoss())
    batch, gold = collate_labelled(rows, model.config.pad_id)
    with torch.inference_mode():
        return multitask_loss(model.network.eval()(batch), gold, batch).total.item()


def log_of(folder):
    return [json.loads(line) for line in (folder / "log.jsonl").read_text(encoding="utf-8").splitlines()]


def test_two_articles_end_in_a_model_folder(config, tmp_path, schema, encoders, encoder_kind):
    config = replace(config, encoder=str(encoders[encoder_kind]), epochs=10, rate=1e-3, head_rate=1e-2)
    begun = checkpoint.from_encoder(config.encoder, schema, window_tokens=64)
    trained = train(config, schema)
    loaded = checkpoint.load(tmp_path / "model")
    assert loaded.id == trained.id
    assert loaded.name == "tiny"
    assert loaded.schema == schema
    assert loaded.calibration == trained.calibration
    assert loss_of(loaded, tmp_path / "train.jsonl") < 0.7 * loss_of(begun, tmp_path / "train.jsonl")
    weights, before = loaded.network.encoder.state_dict(), begun.network.encoder.state_dict()
    assert any((weights[name] - value).abs().max() > 1e-3 for name, value in before.items())
    analysis = Analyzer(loaded, EngineConfig(hardware="cpu")).analyze(Article.from_text("财政是石磨。"), ["美国"])
    assert analysis.model == trained.id


def test_the_settings_lie_beside_the_model_with_digests_and_without_paths(config, tmp_path, schema, encoders):
    (tmp_path / "c.tsv").write_text("石磨\tmetaphor\n", encoding="utf-8")
    config = replace(config, epochs=1, cues=str(tmp_path / "c.tsv"), auxiliary=(write(tmp_path / "x.jsonl", []),))
    train(config, schema)
    text = (tmp_path / "model" / "train.json").read_text(encoding="utf-8")
    saved = json.loads(text)
    digest = sha256(b"c.tsv" + sha256("石磨\tmetaphor\n".encode()).digest()).hexdigest()[:12]
    assert saved["cues"] == f"c.tsv@{digest}"
    assert re.fullmatch(encoders["bert"].name + "@[0-9a-f]{12}", saved["encoder"])
    for name, file in (("data", "train"), ("dev", "dev"), ("auxiliary", "x")):
        assert re.fullmatch(rf"{file}\.jsonl@[0-9a-f]{{12}}", " ".join(saved[name]))
    with_paths = {"encoder", "cues", "data", "dev", "auxiliary", "output"}
    settings = json.loads(json.dumps(asdict(config))) | {"schema": schema.digest}
    assert {k: v for k, v in saved.items() if k not in with_paths} == {
        k: v for k, v in settings.items() if k not in with_paths
    }
    assert "output" not in saved
    assert str(tmp_path.parent) not in text


def test_the_encoder_of_a_hub_is_named_as_it_is():
    assert module._with_digest("hfl/chinese-roberta-wwm-ext") == "hfl/chinese-roberta-wwm-ext"


def test_the_log(config, tmp_path, schema):
    train(config, schema)
    first, *_, last = log_of(tmp_path / "model")
    assert first == {"encoding": "0 of 3 paragraphs cut; of 2 spans 0 lost in cleaning, 0 not on token borders"}
    assert last["step"] == last["steps"] == 4  # two articles, one window each, twice
    assert last["train_loss"] > 0


def test_cues_are_read_and_saved(config, tmp_path, schema):
    cues = tmp_path / "list.tsv"
    cues.write_text("石磨\tmetaphor\n像山\tsimile\n", encoding="utf-8")
    trained = train(replace(config, cues=str(cues)), schema)
    loaded = checkpoint.load(tmp_path / "model")
    assert loaded.config.cues
    assert loaded.cues.expressions == {"石磨": ("metaphor",), "像山": ("simile",)}
    learned = loaded.network.cues.projection.weight.unflatten(1, (3, 3)).abs().amax((0, 2))
    assert (learned[:2] > 1e-4).all()  # it begins at zero; no expression of the third device was seen
    assert learned[2] == 0
    assert loaded.id == trained.id
    with pytest.raises(ModelError, match=r"none\.tsv: expected a list of expressions"):
        train(replace(config, cues=str(tmp_path / "none.tsv"), output=str(tmp_path / "other")), schema)


def weights(model):
    return {name: value.clone() for name, value in model.network.state_dict().items()}


@pytest.fixture
def saving_each_step(monkeypatch):
    arguments = module._arguments

    def saving(*given):
        own = arguments(*given)
        own.save_steps, own.save_total_limit = 1, None
        return own

    monkeypatch.setattr(module, "_arguments", saving)


class BrokenOff(Exception):
    pass


@pytest.fixture
def break_off(monkeypatch, saving_each_step):
    """Trains and breaks off in the third step; gives the list to which each step adds an entry, then and later."""

    def run(config, schema):
        steps = []
        loss = module.MultitaskTrainer.compute_loss

        def breaking(self, *given, **named):
            steps.append(1)
            if len(steps) == 3:
                raise BrokenOff
            return loss(self, *given, **named)

        monkeypatch.setattr(module.MultitaskTrainer, "compute_loss", breaking)
        with pytest.raises(BrokenOff):
            train(config, schema)
        return steps

    return run


def test_a_run_broken_off_goes_on_from_its_checkpoint(config, schema, tmp_path, break_off):
    whole = weights(train(replace(config, output=str(tmp_path / "whole")), schema))
    steps = break_off(config, schema)
    assert not (tmp_path / "model" / "stance.json").exists()
    resumed = weights(train(config, schema))
    assert len(steps) == 3 + 2  # two were done, the third broke off, and two were left
    for name, value in whole.items():
        torch.testing.assert_close(resumed[name], value, atol=1e-5, rtol=0)
    assert not (tmp_path / "model" / "checkpoints").exists()  # a finished model has no pickles beside it


def test_a_run_goes_on_wherever_its_files_lie(config, schema, tmp_path, break_off):
    steps = break_off(config, schema)
    (tmp_path / "model").rename(tmp_path / "moved")
    (tmp_path / "elsewhere").mkdir()
    data = shutil.copy(config.data[0], tmp_path / "elsewhere")
    train(replace(config, data=(str(data),), output=str(tmp_path / "moved")), schema)
    assert len(steps) == 3 + 2


@pytest.mark.parametrize("which", ["data", "dev", "auxiliary", "cues", "encoder"])
def test_a_run_on_other_data_is_not_gone_on_with(config, schema, tmp_path, encoders, break_off, which):
    """The same command, but somebody has mended the labels, or put another encoder there."""
    cues, encoder = tmp_path / "c.tsv", tmp_path / "encoder"
    cues.write_text("石磨\tmetaphor\n", encoding="utf-8")
    shutil.copytree(encoders["bert"], encoder)
    other = ARTICLES[1] | {"id": "x1"}
    config = replace(
        config, encoder=str(encoder), cues=str(cues), auxiliary=(write(tmp_path / "x.jsonl", [other]),), epochs=9
    )
    break_off(config, schema)
    path = {"data": config.data[0], "dev": config.dev[0], "auxiliary": config.auxiliary[0], "cues": cues}
    path = Path(path.get(which, encoder / "tokenizer.json"))
    path.write_text(path.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    with pytest.raises(RunError, match="of a run with the same settings and data; found checkpoint-2 of another run"):
        train(config, schema)


def test_checkpoints_of_another_run_are_not_mixed_in(config, schema, tmp_path, break_off):
    break_off(config, schema)
    with pytest.raises(RunError, match=r"model: expected no checkpoints, .*found checkpoint-2 of another run"):
        train(replace(config, rate=1e-5), schema)
    assert json.loads((tmp_path / "model" / "train.json").read_text(encoding="utf-8"))["rate"] == config.rate
    (tmp_path / "model" / "train.json").unlink()
    with pytest.raises(RunError, match="another run"):
        train(config, schema)


def test_a_finished_model_is_not_written_over(config, schema, tmp_path):
    train(config, schema)
    before = (tmp_path / "model" / "model.safetensors").read_bytes()
    with pytest.raises(RunError, match="found a finished model"):
        train(replace(config, seed=9), schema)
    assert (tmp_path / "model" / "model.safetensors").read_bytes() == before


def test_the_same_seed_gives_the_same_model(config, schema, tmp_path):
    one, two, other = (
        weights(train(replace(config, output=str(tmp_path / str(n)), seed=seed), schema))
        for n, seed in enumerate((7, 7, 8))
    )
    assert all(torch.equal(one[name], two[name]) for name in one)
    assert not all(torch.equal(one[name], other[name]) for name in one)


def test_articles_are_held_out_by_their_ids(config, schema, tmp_path):
    many = [ARTICLES[1] | {"id": f"n{n}"} for n in range(300)]
    path = write(tmp_path / "many.jsonl", many)
    main, dev, _ = module.read_articles(replace(config, data=(path,), dev=(), held_out=0.2), schema)
    assert {a.id for a in main} | {a.id for a in dev} == {a["id"] for a in many}
    assert len(main) + len(dev) == 300
    assert 35 < len(dev) < 85
    again = write(tmp_path / "turned.jsonl", many[::-1][:150])
    _, fewer, _ = module.read_articles(replace(config, data=(again,), dev=(), held_out=0.2), schema)
    assert {a.id for a in fewer} == {a.id for a in dev} & {a["id"] for a in many[150:]}
    main, dev, _ = module.read_articles(config, schema)
    assert ([a.id for a in main], [a.id for a in dev]) == (["a1", "a2"], ["d1"])


def test_what_is_calibrated_on_may_not_be_trained_on(config, schema, tmp_path):
    same_id, same_text = TURNED | {"id": "a2"}, ARTICLES[0] | {"id": "d2"}
    path = write(tmp_path / "both.jsonl", [TURNED, same_id, same_text])
    with pytest.raises(InputError, match=r"--dev: .* found 2 of 3 in the training data too, by id or text \(a2, d2\)"):
        train(replace(config, dev=(path,)), schema)
    with pytest.raises(InputError, match=r"found 1 of 1 in the training data too, .*\(d1\)"):
        train(replace(config, auxiliary=config.dev), schema)


def test_too_little_data(config, schema):
    with pytest.raises(InputError, match="found 0 and 2"):
        train(replace(config, dev=(), held_out=1.0), schema)
    with pytest.raises(InputError, match="found 2 and 0"):
        train(replace(config, dev=(), held_out=0.0), schema)


def test_settings_that_cannot_be():
    with pytest.raises(InputError, match="at least one file of labelled articles"):
        TrainConfig(encoder="e", data=(), output="o")
    with pytest.raises(InputError, match="must be at least 1; found 0, 8"):
        TrainConfig(encoder="e", data=("d",), output="o", epochs=0)


def test_an_encoder_that_is_not_there(config, schema, tmp_path):
    with pytest.raises(ModelError, match="expected a folder or hub id of a pretrained encoder"):
        train(replace(config, encoder=str(tmp_path)), schema)


def test_every_main_window_in_every_epoch_and_auxiliary_ones_by_share(config):
    given = replace(config, epochs=3, auxiliary_share=0.5, batch_windows=4, temperature=0.0)
    lengths = [1 + i % 7 for i in range(130)]
    order = module._order(given, 20, [10, 100], lengths)
    assert len(order) == 3 * (20 + 5 + 5)
    for epoch in range(3):
        own = order[epoch * 30 : epoch * 30 + 30]
        assert sorted(i for i in own if i < 20) == list(range(20))
        assert len({i for i in own if 20 <= i < 30}) == 5
        assert len({i for i in own if 30 <= i}) == 5
    assert order == module._order(given, 20, [10, 100], lengths)
    assert order[:30] != order[30:60]


@pytest.mark.parametrize(("temperature", "counts"), [(1.0, (2, 18)), (0.5, (5, 15)), (0.0, (10, 10))])
def test_auxiliary_files_are_sampled_by_temperature(config, temperature, counts):
    given = replace(config, epochs=1, auxiliary_share=1.0, temperature=temperature)
    order = module._order(given, 20, [100, 900], [1] * 1020)
    assert (sum(20 <= i < 120 for i in order), sum(i >= 120 for i in order)) == counts


def test_a_small_auxiliary_file_is_taken_whole(config):
    order = module._order(replace(config, epochs=1, auxiliary_share=2.0), 20, [3, 0], [1] * 23)
    assert sorted(order) == list(range(23))


def test_twins_take_the_place_of_their_windows_in_a_share_of_the_epochs(config):
    given = replace(config, epochs=40, auxiliary_share=0.0, swaps=0.25)
    twins = np.array([100, 101, -1, 102])
    order = module._order(given, 4, [], [1] * 103, twins)
    counts = Counter(order)
    assert [counts[i] + counts[twin] for i, twin in zip((0, 1, 3), (100, 101, 102), strict=True)] == [40, 40, 40]
    assert counts[2] == 40
    assert 15 < sum(counts[i] for i in (100, 101, 102)) < 45  # 30 expected
    assert max(module._order(replace(given, swaps=0.0), 4, [], [1] * 103, twins)) < 4


def test_batches_hold_windows_of_like_length():
    lengths = np.random.default_rng(1).integers(10, 500, 2000).tolist()
    order = module._by_length(np.arange(2000), lengths, 10, np.random.default_rng(2))
    assert sorted(order) == list(range(2000))
    spread = [np.ptp([lengths[i] for i in order[at : at + 10]]) for at in range(0, 2000, 10)]
    assert np.mean(spread) < 40  # by chance it would be 400
    means = [np.mean([lengths[i] for i in order[at : at + 10]]) for at in range(0, 2000, 10)]
    assert sum(a > b for a, b in pairwise(means)) > 60  # the batches themselves come in no order


def test_auxiliary_data_teach_only_what_they_label(config, schema, tmp_path):
    irony = {
        "id": "x1",
        "paragraphs": ["真是心明如光。"],
        "labels": [{"devices": [["irony", "心明"]]}],
        "annotated": ["irony"],
        "absence_known": False,
    }
    path = write(tmp_path / "irony.jsonl", [irony])
    model = train(replace(config, auxiliary=(path,), auxiliary_share=1.0), schema)
    assert log_of(tmp_path / "model")[-1]["steps"] == 6
    assert model.digest != "unsaved"


def test_training_stops_early_and_keeps_the_best_weights(config, tmp_path, schema):
    """The unseen article contradicts the trained ones, so that learning them by heart makes it worse."""
    other = TURNED | {
        "labels": [
            {"stance": {}, "devices": [["simile", "增长"]]},
            {"stance": {"中国": "against"}, "devices": [["irony", "财政"]]},
        ]
    }
    config = replace(
        config, dev=(write(tmp_path / "other.jsonl", [other]),), epochs=40, rate=1e-3, head_rate=1e-2, patience=2
    )
    model = train(config, schema)
    losses = [line["eval_loss"] for line in log_of(tmp_path / "model") if "eval_loss" in line]
    assert 3 <= len(losses) < 40
    assert losses.index(min(losses)) == len(losses) - 3
    weights = config.weights
    rows = labelled_windows(read_labelled(tmp_path / "other.jsonl", schema), model.encoder, schema, EncodingLoss())
    batch, gold = collate_labelled(rows, model.config.pad_id)
    with torch.inference_mode():
        found = multitask_loss(model.network.eval()(batch), gold, batch, weights).total.item()
    assert found == pytest.approx(min(losses), rel=0.03)  # bf16 while training


def test_a_report_and_a_card_lie_beside_the_model(config, tmp_path, schema):
    train(config, schema)
    folder = tmp_path / "model"
    assert {p.name for p in (folder / "quality").iterdir()} == {"quality.md", "quality.html", "quality.json"}
    metrics = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    assert metrics["data"] == "articles held out of training, on which thresholds were fitted"
    assert metrics["articles"] == 1
    assert "device_micro_f1" in (folder / "README.md").read_text(encoding="utf-8")


def test_a_run_of_another_schema_is_not_gone_on_with(config, schema, break_off):
    break_off(config, schema)
    smaller = type(schema)(schema.stances, schema.devices[:2])
    with pytest.raises(RunError, match="of another run"):
        train(config, smaller)


def test_a_trained_model_is_trained_further(config, tmp_path, schema):
    """Without the first rise of the loss: it begins where the first run ended, calibrated anew."""
    first = train(replace(config, epochs=10, rate=1e-3, head_rate=1e-2), schema)
    further = replace(config, encoder=str(tmp_path / "model"), output=str(tmp_path / "further"), epochs=1, rate=1e-9)
    second = train(replace(further, head_rate=1e-9, border_rate=1e-9), schema)
    path = tmp_path / "train.jsonl"
    assert loss_of(second, path) == pytest.approx(loss_of(first, path), rel=0.02)
    saved = json.loads((tmp_path / "further" / "train.json").read_text(encoding="utf-8"))
    assert saved["encoder"].startswith("model@")
    smaller = type(schema)(schema.stances, schema.devices[1:])
    del (labels := json.loads(json.dumps(ARTICLES)))[1]["labels"][0]["devices"][0]  # simile, which it does not know
    data = (write(tmp_path / "fewer.jsonl", labels),)
    third = train(replace(further, data=data, output=str(tmp_path / "third")), smaller)
    assert checkpoint.load(tmp_path / "third").id == third.id


def test_one_gpu_of_several(config, tmp_path, monkeypatch):
    monkeypatch.setattr(TrainingArguments, "n_gpu", property(lambda self: 4))
    arguments = module._arguments(config, tmp_path, 1)
    assert arguments.n_gpu == 1
    assert arguments.train_batch_size == config.batch_windows
    assert arguments.parallel_mode.value == "not_parallel"


def test_the_command_has_the_same_defaults():
    options = inspect.signature(command).parameters
    shared = [field for field in fields(TrainConfig) if field.name in options and field.default is not MISSING]
    assert len(shared) >= 14
    for field in shared:
        assert options[field.name].default in (field.default, field.default or None), field.name
