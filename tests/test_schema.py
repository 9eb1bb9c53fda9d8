from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest

from stance import DEFAULT_SCHEMA, Label, LabelSchema, SchemaError

DEVICES = (
    "simile metaphor personification metonymy hyperbole parallelism antithesis repetition rhetorical_question "
    "hypophora irony quotation scare_quotes loaded_language"
)


def test_the_labels_of_the_guidelines():
    assert DEFAULT_SCHEMA.stance_ids == ("favor", "against", "neutral")
    assert DEFAULT_SCHEMA.device_ids == tuple(DEVICES.split())


def test_every_label_is_explained_with_an_example():
    for label in (*DEFAULT_SCHEMA.stances, *DEFAULT_SCHEMA.devices):
        assert all((label.chinese, label.english, label.definition, label.example))
    for device in DEFAULT_SCHEMA.devices:
        assert len(re.findall("【[^【】]+】", device.example)) == 1, device.id
    names = [label.chinese for label in (*DEFAULT_SCHEMA.stances, *DEFAULT_SCHEMA.devices)]
    assert len(set(names)) == 17


def test_labels_by_id():
    assert DEFAULT_SCHEMA.stance("against").chinese == "反对"
    assert DEFAULT_SCHEMA.device("simile").chinese == "明喻"
    known = r"this schema knows simile, metaphor, .*language\."
    with pytest.raises(SchemaError, match=rf"Unknown device 'similie': {known}"):
        DEFAULT_SCHEMA.device("similie")
    with pytest.raises(SchemaError, match="Unknown stance 'simile': this schema knows favor, against, neutral"):
        DEFAULT_SCHEMA.stance("simile")


def test_the_digest_is_of_ids_in_their_order():
    digest = DEFAULT_SCHEMA.digest
    assert re.fullmatch("[0-9a-f]{16}", digest)
    reworded = tuple(replace(label, definition="另一种说法") for label in DEFAULT_SCHEMA.devices)
    assert LabelSchema(DEFAULT_SCHEMA.stances, reworded).digest == digest
    assert LabelSchema(DEFAULT_SCHEMA.stances, reworded[::-1]).digest != digest
    assert LabelSchema(DEFAULT_SCHEMA.stances, reworded[1:]).digest != digest


def test_round_trip(tmp_path):
    path = tmp_path / "schema.json"
    DEFAULT_SCHEMA.save(path)
    assert LabelSchema.load(path) == DEFAULT_SCHEMA
    assert "明喻" in path.read_text(encoding="utf-8")
    assert path.read_bytes().endswith(b"}\n")


@pytest.mark.parametrize("ids", [(), ("a", "a"), ("a", "")])
def test_labels_need_ids_of_their_own(ids):
    devices = tuple(Label(name, "", "", "", "") for name in ids)
    with pytest.raises(SchemaError, match=r"at least one device, each with an id of its own; found \["):
        LabelSchema(DEFAULT_SCHEMA.stances, devices)
    with pytest.raises(SchemaError, match="at least one stance"):
        LabelSchema(devices, DEFAULT_SCHEMA.devices)


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        ({}, "'stances'"),
        ([], "list indices"),
        (None, "NoneType"),
        ({"stances": [], "devices": 3}, "'int'"),
        ({"stances": [{"id": "favor"}], "devices": []}, "chinese"),
        ({"stances": [dict.fromkeys(["id", "chinese", "english", "definition", "example", "more"], "x")]}, "more"),
    ],
)
def test_other_files_are_refused(tmp_path, data, fault):
    path = tmp_path / "schema.json"
    path.write_text(json.dumps(data), encoding="utf-8")
    with pytest.raises(SchemaError, match=rf"schema\.json: expected lists 'stances' and 'devices'.*{fault}"):
        LabelSchema.load(path)


def test_files_that_cannot_be_read(tmp_path):
    for name, content in (("broken.json", b"{"), ("bytes.json", b"\xff"), ("none.json", None)):
        if content is not None:
            (tmp_path / name).write_bytes(content)
        with pytest.raises(SchemaError, match=rf"{name}: expected a label schema in JSON"):
            LabelSchema.load(tmp_path / name)
