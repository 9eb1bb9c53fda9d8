from __future__ import annotations

import gzip
import json
from dataclasses import replace

import pytest

from stance import DEFAULT_SCHEMA, InputError, SchemaError
from stance.training.examples import GoldSpan, read_labelled, write_labelled

RECORD = {
    "id": "a1",
    "title": "小镇来信",
    "source": "样例",
    "genre": "commentary",
    "date": "2024-05-01",
    "paragraphs": ["镇长说到做到，账单却像雪片，一片像一片。", "会议周三举行。"],
    "targets": ["镇长", "新账单"],
    "article_stance": {"镇长": "favor"},
    "labels": [
        {
            "stance": {"镇长": "favor", "新账单": "against"},
            "devices": [
                ["simile", "像一片"],
                ["simile", "账单却像雪片"],
                ["hyperbole", "雪片，一片"],
                ["repetition", "一片", 1],
            ],
        },
        {"stance": {}, "devices": []},
    ],
}


@pytest.fixture
def write(tmp_path):
    def write(*records):
        path = tmp_path / "gold.jsonl"
        path.write_text("\n".join(json.dumps(record, ensure_ascii=False) for record in records), encoding="utf-8")
        return path

    return write


def changed(**fields):
    return {name: value for name, value in (RECORD | fields).items() if value is not None}


def with_label(**fields):
    first, second = RECORD["labels"]
    return changed(labels=[first | fields, second])


def test_record_of_the_guidelines_is_read_with_offsets(write):
    (article,) = read_labelled(write(RECORD), DEFAULT_SCHEMA)
    assert article.spans == (
        (
            GoldSpan("hyperbole", 11, 16),
            GoldSpan("repetition", 17, 19),
            GoldSpan("simile", 7, 13),
            GoldSpan("simile", 16, 19),
        ),
        (),
    )
    assert article.presence == (frozenset({"hyperbole", "repetition", "simile"}), frozenset())
    assert article.stances == ({"镇长": "favor", "新账单": "against"}, {})
    assert article.annotated == article.located == frozenset(DEFAULT_SCHEMA.device_ids)
    assert article.absence_known
    assert (article.id, article.title, article.source, article.genre) == ("a1", "小镇来信", "样例", "commentary")
    assert article.article_stance == {"镇长": "favor"}
    assert article.extra == {"date": "2024-05-01"}


def test_occurrences_are_counted_at_every_place_where_the_words_begin(write):
    record = changed(
        paragraphs=["哈哈哈哈"], labels=[{"stance": {}, "devices": [["repetition", "哈哈", n] for n in (0, 1, 2)]}]
    )
    (article,) = read_labelled(write(record), DEFAULT_SCHEMA)
    assert [(span.start, span.end) for span in article.spans[0]] == [(0, 2), (1, 3), (2, 4)]


def test_offsets_count_code_points_not_bytes_or_utf16_units(write):
    record = changed(paragraphs=["😀𠮷如虎添翼"], labels=[{"stance": {}, "devices": [["metaphor", "添翼"]]}])
    (article,) = read_labelled(write(record), DEFAULT_SCHEMA)
    assert article.spans[0] == (GoldSpan("metaphor", 4, 6),)


def test_partial_labels_say_what_is_known(write):
    record = changed(
        annotated=["simile", "irony"],
        located=["simile"],
        absence_known=False,
        presence=[["irony"], []],
        labels=[{"devices": [["simile", "像雪片"]]}, {}],
    )
    (article,) = read_labelled(write(record), DEFAULT_SCHEMA)
    assert article.annotated == {"simile", "irony"}
    assert article.located == {"simile"}
    assert article.presence == (frozenset({"simile", "irony"}), frozenset())
    assert not article.absence_known


@pytest.mark.parametrize("name", ["out.jsonl", "out.jsonl.gz"])
def test_round_trip(write, tmp_path, name):
    partial = changed(
        id="a2", annotated=["simile", "irony"], located=[], absence_known=False, presence=[["irony"], ["simile"]]
    )
    partial["labels"] = [
        {"stance": {"镇长": "neutral"}, "devices": [["simile", "像", 1]]},
        {"stance": {}, "devices": []},
    ]
    articles = read_labelled(write(RECORD, partial), DEFAULT_SCHEMA)
    out = tmp_path / name
    assert write_labelled(out, articles, DEFAULT_SCHEMA) == 2
    assert out.read_bytes().startswith(b"\x1f\x8b") == name.endswith(".gz")
    assert read_labelled(out, DEFAULT_SCHEMA) == articles


def test_a_wholly_labelled_record_is_written_without_fields_of_partial_labels(write, tmp_path):
    articles = read_labelled(write(RECORD), DEFAULT_SCHEMA)
    write_labelled(tmp_path / "out.jsonl", articles, DEFAULT_SCHEMA)
    record = json.loads((tmp_path / "out.jsonl").read_text(encoding="utf-8"))
    assert set(record) == set(RECORD)
    assert ["simile", "像一片"] in record["labels"][0]["devices"]
    assert ["repetition", "一片", 1] in record["labels"][0]["devices"]


def test_nothing_is_written_for_no_articles(tmp_path):
    assert write_labelled(tmp_path / "out.jsonl", [], DEFAULT_SCHEMA) == 0
    assert read_labelled(tmp_path / "out.jsonl", DEFAULT_SCHEMA) == []


@pytest.mark.parametrize(
    ("record", "error", "words"),
    [
        (changed(paragraphs=None), InputError, ["paragraphs", "list", "found only"]),
        (changed(id=7), InputError, ["'id'", "str", "7"]),
        (changed(targets="镇长"), InputError, ["targets", "list"]),
        (changed(targets=["镇长", 3]), InputError, ["targets[1]", "3"]),
        (changed(targets=["镇长", "新账单", "镇长"]), InputError, ["targets", "once"]),
        (changed(labels=RECORD["labels"][:1]), InputError, ["labels", "2 paragraphs", "found 1"]),
        (changed(presence=[[]]), InputError, ["presence", "2 paragraphs", "found 1"]),
        (changed(annotated=["smile"]), SchemaError, ["annotated", "smile", "simile"]),
        (changed(annotated=["simile"]), SchemaError, ["labels[0].devices[2]", "hyperbole", "annotated"]),
        (changed(located=["simile"], annotated=["irony"], labels=[{}, {}]), SchemaError, ["located", "simile"]),
        (changed(absence_known="no"), InputError, ["absence_known", "bool"]),
        (changed(article_stance={"镇民": "favor"}), SchemaError, ["article_stance", "镇民", "镇长"]),
        (with_label(stance={"镇民": "favor"}), SchemaError, ["labels[0].stance", "镇民", "镇长"]),
        (with_label(stance={"镇长": "pro"}), SchemaError, ["labels[0].stance", "pro", "favor, against, neutral"]),
        (with_label(stance=["镇长"]), InputError, ["labels[0].stance", "object"]),
        (with_label(devices={}), InputError, ["labels[0].devices", "list"]),
        (with_label(devices=[["simile"]]), InputError, ["labels[0].devices[0]", "[device, substring, n]"]),
        (with_label(devices=[["simile", "像", -1]]), InputError, ["labels[0].devices[0]", "n from 0"]),
        (with_label(devices=[["pun", "像"]]), SchemaError, ["labels[0].devices[0]", "pun", "simile"]),
        (with_label(devices=[["simile", "如雪片"]]), SchemaError, ["如雪片", "0 times"]),
        (with_label(devices=[["simile", "像", 2]]), SchemaError, ["'像'", "occurrence 2", "2 times"]),
        (with_label(devices=[["simile", ""]]), SchemaError, ["devices[0]", "0 times"]),
    ],
)
def test_errors_say_where_and_what(write, record, error, words):
    path = write(RECORD, record)
    with pytest.raises(error) as caught:
        read_labelled(path, DEFAULT_SCHEMA)
    for word in [f"{path} line 2", *words]:
        assert word in str(caught.value)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b'{"id": "a1"', ["line 1", "JSONL"]),
        (b"\n[1]", ["line 2", "list"]),
        ("{}".encode("utf-16"), ["UTF-8"]),
    ],
)
def test_files_that_are_not_jsonl_are_refused(tmp_path, content, words):
    path = tmp_path / "bad.jsonl"
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        read_labelled(path, DEFAULT_SCHEMA)
    assert all(word in str(caught.value) for word in [str(path), *words])


def test_missing_and_damaged_files_are_input_errors(tmp_path):
    with pytest.raises(InputError, match="nowhere"):
        read_labelled(tmp_path / "nowhere.jsonl", DEFAULT_SCHEMA)
    cut = tmp_path / "cut.jsonl.gz"
    cut.write_bytes(gzip.compress(json.dumps(RECORD).encode())[:-20])
    with pytest.raises(InputError, match="cut"):
        read_labelled(cut, DEFAULT_SCHEMA)


def test_to_article_keeps_paragraphs_and_targets(write):
    (article,) = read_labelled(write(RECORD), DEFAULT_SCHEMA)
    plain = article.to_article()
    assert list(plain.paragraphs) == RECORD["paragraphs"]
    assert (plain.id, plain.title, list(plain.targets)) == ("a1", "小镇来信", RECORD["targets"])


@pytest.mark.parametrize(
    "fields",
    [
        {"stances": ({},)},
        {"annotated": frozenset({"simile"})},
        {"presence": (frozenset(), frozenset())},
        {"spans": ((GoldSpan("simile", 0, 99),), ())},
        {"spans": ((GoldSpan("simile", 3, 3),), ())},
    ],
)
def test_articles_that_contradict_themselves_cannot_be_made(write, fields):
    (article,) = read_labelled(write(RECORD), DEFAULT_SCHEMA)
    with pytest.raises(ValueError, match="a1"):
        replace(article, **fields)
