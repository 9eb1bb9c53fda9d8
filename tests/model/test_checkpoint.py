from __future__ import annotations

import json
import pickle
import shutil
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file, save_file

from stance import LabelSchema, ModelError
from stance.model import checkpoint
from stance.model.batch import collate
from stance.model.calibration import Calibration
from stance.model.encoding import Passage
from stance.model.network import StanceNetwork

PASSAGE = Passage("石磨", ("美方加税，中国财政很好。" * 6, "", "好ab1"), ("美国", "财政"))
FILES = {"model.safetensors", "encoder.json", "tokenizer.json", "schema.json", "calibration.json", "stance.json"}


@pytest.fixture
def saved(make_model, tmp_path):
    """A model folder, to be damaged."""
    checkpoint.save(make_model("lexicon"), tmp_path / "model")
    return tmp_path / "model"


def change(path, **fields):
    data = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(data | fields), encoding="utf-8")


def outputs(model):
    windows = model.encoder.windows(PASSAGE)
    with torch.inference_mode():
        return model.network(collate(windows, model.config.pad_id))


def test_round_trip(make_model, encoder_kind, tmp_path):
    model = make_model(encoder_kind)
    model.network.half().float()  # what float16 keeps
    checkpoint.save(model, tmp_path)
    again = checkpoint.load(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == FILES | (
        {"lexicon.json"} if encoder_kind == "lexicon" else set()
    )
    assert again.config == model.config
    assert again.schema == model.schema
    assert again.calibration == model.calibration
    assert again.id == model.id == f"tiny-{encoder_kind}@{again.digest}"
    assert len(again.digest) == 12
    assert not again.network.training
    assert all(parameter.dtype == torch.float32 for parameter in again.network.parameters())
    one, two = outputs(model), outputs(again)
    for name in ("steps", "partition", "devices", "stances"):
        torch.testing.assert_close(getattr(one, name), getattr(two, name), atol=1e-6, rtol=0)


@pytest.fixture
def cues(tmp_path):
    """A list of expressions as it may come: not sorted, further columns, a device that the schema does not know."""
    path = tmp_path / "list.tsv"
    path.write_text("石磨\tmetaphor\t7\n如山\tsimile,irony\n美方\thyperbole\n", encoding="utf-8")
    return path


def test_round_trip_with_cues(make_model, cues, tmp_path):
    model = make_model("lexicon", cues=cues)
    model.network.half().float()
    checkpoint.save(model, tmp_path / "model")
    again = checkpoint.load(tmp_path / "model")
    assert {path.name for path in (tmp_path / "model").iterdir()} == FILES | {"lexicon.json", "cues.tsv"}
    assert again.config.cues
    assert again.cues.expressions == {"石磨": ("metaphor",), "如山": ("simile", "irony"), "美方": ("hyperbole",)}
    assert again.cues.devices == model.schema.device_ids
    text = "石磨如山，美方"
    assert again.cues.bits(text).tolist() == model.cues.bits(text).tolist() != [0] * len(text)
    one, two = outputs(model), outputs(again)
    for name in ("steps", "partition", "devices", "stances"):
        torch.testing.assert_close(getattr(one, name), getattr(two, name), atol=1e-6, rtol=0)
    bare = make_model("lexicon")
    assert (bare.config.cues, bare.cues, bare.network.cues) == (False, None, None)


def test_cues_that_are_missing_or_damaged(make_model, cues, tmp_path):
    folder = tmp_path / "model"
    checkpoint.save(make_model(cues=cues), folder)
    (folder / "cues.tsv").write_text("石磨 metaphor\n", encoding="utf-8")
    with pytest.raises(ModelError, match=r"cues\.tsv line 1: expected an expression, a tab"):
        checkpoint.load(folder)
    (folder / "cues.tsv").unlink()
    with pytest.raises(ModelError, match=r"incomplete, cues\.tsv is missing"):
        checkpoint.load(folder)


def test_a_list_of_cues_that_is_not_there(encoders, schema, tmp_path):
    with pytest.raises(ModelError, match=r"none\.tsv: expected a list of expressions"):
        checkpoint.from_encoder(encoders["bert"], schema, window_tokens=64, cues=tmp_path / "none.tsv")


def test_weights_are_rounded_to_half_precision(make_model, tmp_path):
    model = make_model("bert")
    checkpoint.save(model, tmp_path)
    again = checkpoint.load(tmp_path)
    for (name, one), two in zip(model.network.named_parameters(), again.network.parameters(), strict=True):
        torch.testing.assert_close(one, two, atol=1e-7, rtol=2**-11, msg=name)
    one, two = outputs(model), outputs(again)
    torch.testing.assert_close(one.stances, two.stances, atol=0.05, rtol=0)


def test_saving_twice_gives_the_same_bytes(saved, tmp_path):
    checkpoint.save(checkpoint.load(saved), tmp_path / "again")
    for path in saved.iterdir():
        assert path.read_bytes() == (tmp_path / "again" / path.name).read_bytes(), path.name


def test_no_path_of_this_machine_is_saved(saved, encoders):
    for path in saved.glob("*.json"):
        text = path.read_text(encoding="utf-8")
        assert str(encoders["lexicon"].parent) not in text
        assert str(saved.parent) not in text


def test_other_weights_have_another_digest(make_model, tmp_path):
    one, two = make_model(seed=0), make_model(seed=1)
    checkpoint.save(one, tmp_path / "one")
    checkpoint.save(two, tmp_path / "two")
    assert one.digest != two.digest


def test_no_folder(tmp_path):
    with pytest.raises(ModelError, match=r"nowhere: expected a model folder.*found no such folder.*--model"):
        checkpoint.load(tmp_path / "nowhere")


def test_a_folder_of_something_else(encoders, tmp_path):
    with pytest.raises(ModelError, match=r"expected a model folder.*found config\.json, .*tokenizer\.json"):
        checkpoint.load(encoders["bert"])
    with pytest.raises(ModelError, match="found nothing"):
        checkpoint.load(tmp_path)


@pytest.mark.parametrize("name", sorted(FILES - {"stance.json"} | {"lexicon.json"}))
def test_a_missing_file(saved, name):
    (saved / name).unlink()
    with pytest.raises(ModelError, match=rf"incomplete, {name} is missing"):
        checkpoint.load(saved)


@pytest.mark.parametrize("content", [b"", b"{", b"{}", b"[]", b"\xff", b'{"model_type": "no such encoder"}'])
@pytest.mark.parametrize("name", sorted(FILES | {"lexicon.json"}))
def test_a_damaged_file(saved, name, content):
    (saved / name).write_bytes(content)
    with pytest.raises(ModelError, match=rf"{saved}.*expected"):
        checkpoint.load(saved)


def test_exchanged_weights(saved):
    weights = load_file(saved / "model.safetensors")
    weights["spans.token.bias"] += 1
    save_file(weights, saved / "model.safetensors")
    with pytest.raises(ModelError, match=r"expected weights with digest .* found .* damaged or was exchanged"):
        checkpoint.load(saved)


def test_a_later_format(saved):
    change(saved / "stance.json", format=3)
    with pytest.raises(ModelError, match=r"made by a later stance \(format 3, this one reads format 2\).*Upgrade"):
        checkpoint.load(saved)


def test_an_earlier_format(saved):
    change(saved / "stance.json", format=1)
    with pytest.raises(ModelError, match=r"an earlier stance \(format 1, this one reads format 2\).*stance train"):
        checkpoint.load(saved)


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"window_tokens": 48}, "not the configuration of a stance model of format 2.*missing"),
        ("none", "not the configuration"),
        ({"cls_id": 1, "sep_id": 2, "pad_id": 0, "layers": 2}, "layers"),
        ({"cls_id": 1, "sep_id": 2, "pad_id": 0, "window_tokens": 48}, "at least 32 tokens beside the title"),
        ({"cls_id": 1, "sep_id": 2, "pad_id": 0, "target_tokens": 1}, "target_tokens must be at least 2"),
    ],
)
def test_a_wrong_configuration(saved, config, words):
    change(saved / "stance.json", config=config)
    with pytest.raises(ModelError, match=words):
        checkpoint.load(saved)


def test_weights_of_another_shape(saved):
    change(saved / "encoder.json", num_hidden_layers=1)
    with pytest.raises(ModelError, match=r"Unexpected key\(s\).*encoder\.layer\.1"):
        checkpoint.load(saved)


def test_the_schema_of_another_model(saved, schema):
    LabelSchema(schema.stances, schema.devices[:2]).save(saved / "schema.json")
    with pytest.raises(ModelError, match=r"size mismatch for spans\.token\.weight"):
        checkpoint.load(saved)


class Trap:
    def __reduce__(self):
        return pytest.fail, ("a pickle was read",)


def test_no_pickle_is_read(saved, encoders, schema, tmp_path, monkeypatch):
    def refuse(*_, **__):
        pytest.fail("torch.load was called")

    monkeypatch.setattr(torch, "load", refuse)
    monkeypatch.setattr(pickle, "load", refuse)
    encoder = tmp_path / "encoder"
    shutil.copytree(encoders["bert"], encoder)
    for folder in (saved, encoder):
        for name in ("pytorch_model.bin", "training_args.bin", "optimizer.pt", "model.pkl"):
            (folder / name).write_bytes(pickle.dumps(Trap()))
    assert checkpoint.load(saved).digest
    assert checkpoint.from_encoder(encoder, schema, window_tokens=64).network


@pytest.mark.parametrize("name", ["pytorch_model.bin", "adapter_model.bin"])
def test_an_encoder_whose_weights_are_a_pickle(encoders, schema, tmp_path, monkeypatch, name):
    monkeypatch.setattr(torch, "load", lambda *_, **__: pytest.fail("torch.load was called"))
    encoder = tmp_path / "encoder"
    shutil.copytree(encoders["bert"], encoder)
    torch.save(load_file(encoder / "model.safetensors"), encoder / name)
    (encoder / "model.safetensors").unlink()
    if name == "adapter_model.bin":
        change(encoder / "config.json", transformers_weights=name)
    with pytest.raises(ModelError, match=r"weights in safetensors.*A pickle \(pytorch_model\.bin\) is never read"):
        checkpoint.from_encoder(encoder, schema, window_tokens=64)


def test_from_encoder(encoders, encoder_kind, schema):
    model = checkpoint.from_encoder(encoders[encoder_kind], schema, name="new", window_tokens=100)
    config = model.config
    assert (config.window_tokens, config.title_tokens, config.target_tokens) == (100, 32, 16)
    specials = {"bert": (2, 3, 0), "roberta": (0, 2, 1), "electra": (2, 1, 3), "lexicon": (2, 3, 0)}
    assert (config.cls_id, config.sep_id, config.pad_id) == specials[encoder_kind]
    assert config.position_offset == (2 if encoder_kind == "roberta" else 0)
    assert (config.lexicon_size, config.lexicon_width) == ((6, 5) if encoder_kind == "lexicon" else (0, 0))
    assert model.id == "new@unsaved"
    assert isinstance(model.network, StanceNetwork)
    assert (model.network.spans.token.out_features, model.network.stances.output.out_features) == (9, 4)
    pretrained = load_file(encoders[encoder_kind] / "model.safetensors")
    own = model.network.encoder.state_dict()
    assert pretrained
    assert all(torch.equal(own[name], value) for name, value in pretrained.items())


def test_from_encoder_takes_the_lexicon_over(encoders, schema):
    model = checkpoint.from_encoder(encoders["lexicon"], schema, window_tokens=64)
    vectors = load_file(encoders["lexicon"] / "lexicon.safetensors")
    assert torch.equal(model.network.lexicon.vectors.weight, vectors["vectors.weight"])
    assert torch.equal(model.network.lexicon.projection.weight, vectors["projection.weight"])
    assert not model.network.lexicon.vectors.weight[0].any()


def test_a_lexicon_without_its_projection(encoders, schema, tmp_path):
    folder = tmp_path / "encoder"
    shutil.copytree(encoders["lexicon"], folder)
    vectors = load_file(folder / "lexicon.safetensors")
    save_file({"vectors.weight": vectors["vectors.weight"]}, folder / "lexicon.safetensors")
    with pytest.raises(ModelError, match=r"expected a lexicon in .*projection\.weight"):
        checkpoint.from_encoder(folder, schema, window_tokens=64)


def differing(one, two):
    """Names of the weights, up to the first dot, that are not in both models alike."""
    one, two = one.network.state_dict(), two.network.state_dict()
    alike = {name for name in one.keys() & two.keys() if torch.equal(one[name], two[name])}
    return {name.partition(".")[0] for name in one.keys() | two.keys() if name not in alike}


def test_a_model_trained_further_begins_with_all_that_it_knows(make_model, cues, schema, tmp_path):
    checkpoint.save(make_model("lexicon", cues=cues), tmp_path / "model")
    base = checkpoint.load(tmp_path / "model")
    further = checkpoint.from_encoder(str(tmp_path / "model"), schema, name="mine", window_tokens=100)
    assert differing(base, further) == set()
    assert further.config == replace(base.config, window_tokens=100)
    assert further.cues.expressions == base.cues.expressions
    assert further.lexicon.to_str() == base.lexicon.to_str()
    assert further.tokenizer.to_str() == base.tokenizer.to_str()
    assert further.id == "mine@unsaved"
    checkpoint.save(further, tmp_path / "further")
    assert checkpoint.load(tmp_path / "further").digest == base.digest


def test_a_model_trained_further_on_other_devices_keeps_what_is_not_of_them(make_model, cues, schema, tmp_path):
    checkpoint.save(make_model("lexicon", cues=cues), tmp_path / "model")
    base = checkpoint.load(tmp_path / "model")
    fewer = LabelSchema(schema.stances, schema.devices[:2])
    turned = LabelSchema(schema.stances, schema.devices[::-1])
    for other in (fewer, turned):
        further = checkpoint.from_encoder(tmp_path / "model", other)
        assert differing(base, further) == {"spans", "devices", "cues"}
        assert further.cues.devices == other.device_ids
        assert further.calibration == Calibration.identity(len(other.devices))
        checkpoint.save(further, tmp_path / "further")
        assert checkpoint.load(tmp_path / "further").schema == other
    two_stances = LabelSchema(schema.stances[:2], schema.devices)
    assert differing(base, checkpoint.from_encoder(tmp_path / "model", two_stances)) == {"stances"}


def test_a_model_trained_further_with_cues_of_its_own(make_model, cues, schema, tmp_path):
    checkpoint.save(make_model(cues=cues), tmp_path / "model")
    checkpoint.save(make_model(), tmp_path / "bare")
    cues.write_text("增长\tmetaphor\n", encoding="utf-8")
    for name in ("model", "bare"):
        further = checkpoint.from_encoder(tmp_path / name, schema, cues=cues)
        assert further.config.cues
        assert further.cues.expressions == {"增长": ("metaphor",)}
        assert further.network.cues is not None


def test_a_model_trained_further_must_be_whole_and_its_windows_must_fit(saved, schema):
    with pytest.raises(ModelError, match=r"at most 128 tokens.*window_tokens=129"):
        checkpoint.from_encoder(saved, schema, window_tokens=129)
    (saved / "lexicon.json").unlink()
    with pytest.raises(ModelError, match=r"incomplete, lexicon\.json is missing"):
        checkpoint.from_encoder(saved, schema, window_tokens=100)


def test_padding_and_truncation_of_the_tokenizer_are_switched_off(encoders, schema, tmp_path):
    folder = tmp_path / "encoder"
    shutil.copytree(encoders["bert"], folder)
    tokenizer = checkpoint.from_encoder(folder, schema, window_tokens=64).tokenizer
    tokenizer.enable_truncation(4)
    tokenizer.enable_padding(length=50)
    tokenizer.save(str(folder / "tokenizer.json"))
    tokenizer = checkpoint.from_encoder(folder, schema, window_tokens=64).tokenizer
    assert len(tokenizer.encode("中国美国石磨", add_special_tokens=False).ids) == 6


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("model.safetensors", b"x", "expected a folder or hub id of a pretrained encoder"),
        ("model.safetensors", None, "no file named model.safetensors"),
        ("config.json", b"[]", "expected a folder or hub id of a pretrained encoder"),
        ("config.json", b'{"model_type": "no such encoder"}', "no such encoder"),
        ("tokenizer.json", b"{}", "expected a folder or hub id of a pretrained encoder"),
        ("tokenizer.json", None, "expected"),
        ("lexicon.json", b"{}", "expected a lexicon in lexicon.json and lexicon.safetensors"),
        ("lexicon.safetensors", b"x", "expected a lexicon in lexicon.json and lexicon.safetensors"),
        ("lexicon.safetensors", None, "expected a lexicon in lexicon.json and lexicon.safetensors"),
    ],
)
def test_a_damaged_encoder(encoders, schema, tmp_path, name, content, words):
    folder = tmp_path / "encoder"
    shutil.copytree(encoders["lexicon"], folder)
    if content is None:
        (folder / name).unlink()
    else:
        (folder / name).write_bytes(content)
    with pytest.raises(ModelError, match=words):
        checkpoint.from_encoder(folder, schema, window_tokens=64)


def test_an_encoder_without_its_tokenizer(encoders, schema, tmp_path):
    """Transformers makes up an empty tokenizer, which would read every word as unknown."""
    folder = tmp_path / "encoder"
    shutil.copytree(encoders["bert"], folder)
    (folder / "tokenizer.json").unlink()
    (folder / "tokenizer_config.json").unlink()
    with pytest.raises(ModelError, match="expected the tokenizer of an encoder with 180 embeddings, found one with 5"):
        checkpoint.from_encoder(folder, schema, window_tokens=64)


def test_an_encoder_with_the_tokenizer_of_another(encoders, schema, tmp_path):
    folder = tmp_path / "encoder"
    shutil.copytree(encoders["bert"], folder)
    shutil.copy(encoders["roberta"] / "tokenizer.json", folder)
    with pytest.raises(ModelError, match=r"found one with 26. tokens"):
        checkpoint.from_encoder(folder, schema, window_tokens=64)


def test_windows_longer_than_the_encoder_has_positions_for(encoders, schema):
    with pytest.raises(ModelError, match=r"at most 128 tokens.*window_tokens=129"):
        checkpoint.from_encoder(encoders["roberta"], schema, window_tokens=129)
    assert checkpoint.from_encoder(encoders["roberta"], schema, window_tokens=128)
