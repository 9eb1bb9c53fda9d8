"""Label Studio and doccano files: what is written is read again, whatever characters the texts have."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import pytest
from fake_analyzer import FakeAnalyzer
from hypothesis import given
from hypothesis import strategies as st

from stance import DEFAULT_SCHEMA, Article, InputError, annotation
from stance.annotation.offsets import Utf16
from stance.formats import write
from stance.training.examples import GoldSpan, LabelledArticle, read_labelled, write_labelled

CHARACTERS = st.sampled_from("石磨，。“”a \t😀👨🏻‍🚒𠮷é\u200b\r\n")
TARGETS = ("美国", "中国: 新", "🚗")


@st.composite
def articles(draw):
    texts = draw(st.lists(st.text(CHARACTERS, min_size=1, max_size=30), min_size=1, max_size=4))
    targets = tuple(draw(st.lists(st.sampled_from(TARGETS), unique=True)))
    spans, stances = [], []
    for text in texts:
        found = set()
        for _ in range(draw(st.integers(0, 3))):
            start = draw(st.integers(0, len(text) - 1))
            end = draw(st.integers(start + 1, len(text)))
            found.add(GoldSpan(draw(st.sampled_from(DEFAULT_SCHEMA.device_ids)), start, end))
        spans.append(tuple(sorted(found)))
        stances.append({t: draw(st.sampled_from(DEFAULT_SCHEMA.stance_ids)) for t in targets if draw(st.booleans())})
    every = frozenset(DEFAULT_SCHEMA.device_ids)
    return LabelledArticle(
        id=draw(st.text("ab石😀", max_size=3)),
        title=draw(st.text(CHARACTERS, max_size=4)),
        paragraphs=tuple(texts),
        targets=targets,
        stances=tuple(stances),
        absence_known=True,
        spans=tuple(spans),
        presence=tuple(frozenset(s.device for s in own) for own in spans),
        annotated=every,
        located=every,
    )


def through_label_studio(tasks, path):
    annotation.write_label_studio(tasks, path, DEFAULT_SCHEMA)
    return annotation.read_label_studio(path, DEFAULT_SCHEMA).tasks


def through_doccano(tasks, path, offsets="utf-16"):
    annotation.write_doccano(tasks, path, DEFAULT_SCHEMA, offsets)
    return annotation.read_doccano(path, DEFAULT_SCHEMA, offsets)


WAYS = {
    "label studio": through_label_studio,
    "doccano": through_doccano,
    "doccano, code points": lambda tasks, path: through_doccano(tasks, path, "code-points"),
}


@pytest.mark.parametrize("way", WAYS)
def test_labels_come_back_as_they_went(way, tmp_path_factory):
    path = tmp_path_factory.mktemp("round") / "tasks"

    @given(articles())
    def check(article):
        tasks = annotation.tasks_of(article)
        assert WAYS[way](tasks, path) == tasks
        shown = [i for i, text in enumerate(article.paragraphs) if text.strip()]
        back = annotation.articles_of(reversed(tasks), DEFAULT_SCHEMA)
        assert [a.paragraphs for a in back] == ([tuple(article.paragraphs[i] for i in shown)] if shown else [])
        whole = annotation.articles_of(tasks, DEFAULT_SCHEMA, [article])
        assert whole == ([article] if shown else [])

    check()


@given(st.text(CHARACTERS, max_size=20), st.data())
def test_units_are_those_of_utf_16(text, data):
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))
    places = Utf16(text)
    first = len(text[:start].encode("utf-16-le")) // 2
    last = len(text[:end].encode("utf-16-le")) // 2
    assert places.units(start, end) == (first, last)
    assert places.code_points(first, last) == (start, end)


def test_a_span_that_cuts_a_character_is_refused():
    places = Utf16("a😀b")
    assert len(places) == 4
    with pytest.raises(InputError, match=r"\[0, 2\) of UTF-16 units cuts a character"):
        places.code_points(0, 2)
    with pytest.raises(InputError, match="within 4 UTF-16 units"):
        places.code_points(0, 5)


ARTICLE = Article.from_paragraphs(
    ["😀石磨压着小镇。", "", "镇长称赞了石磨。", "人们没有说话。"], id="a1", title="石磨", targets=["镇长", "小镇"]
)


@pytest.fixture
def analysis():
    return FakeAnalyzer().analyze(ARTICLE)


@pytest.fixture
def tasks(analysis):
    return annotation.tasks_of(annotation.labelled_of(analysis, DEFAULT_SCHEMA), analysis)


def test_a_models_labels_are_predictions(tasks, tmp_path):
    path = tmp_path / "tasks.json"
    assert annotation.write_label_studio(tasks, path, DEFAULT_SCHEMA) == 3
    first, second, third = json.loads(path.read_text(encoding="utf-8"))
    assert first["data"] == {
        "text": "😀石磨压着小镇。",
        "title": "石磨",
        "before": "",
        "after": "镇长称赞了石磨。",
        "article": "a1",
        "article_title": "石磨",
        "index": 0,
        "targets": ["镇长", "小镇"],
        "choices": [
            {"value": f"{stance}: {target}"}
            for target in ("镇长", "小镇")
            for stance in ("支持 favor", "反对 against", "中立 neutral")
        ],
    }
    (prediction,) = first["predictions"]
    assert (prediction["model_version"], prediction["score"]) == ("fake@0123abcd", 0.5)
    assert [r["value"] for r in prediction["result"]] == [
        {"start": 1, "end": 3, "text": "石磨", "labels": ["隐喻 metaphor"]}
    ]
    assert second["predictions"][0]["result"][-1]["value"] == {"choices": ["支持 favor: 镇长", "支持 favor: 小镇"]}
    assert third["predictions"][0]["result"] == []
    assert annotation.read_label_studio(path, DEFAULT_SCHEMA) == annotation.Imported([], 3, 0)
    assert annotation.read_label_studio(path, DEFAULT_SCHEMA, predictions=True).tasks == tasks


def test_doccano_counts_in_utf_16(tasks, tmp_path):
    annotation.write_doccano(tasks, tmp_path / "tasks.jsonl", DEFAULT_SCHEMA)
    first, second, _ = map(json.loads, (tmp_path / "tasks.jsonl").read_text(encoding="utf-8").splitlines())
    assert first["entities"] == [[2, 4, "隐喻 metaphor"]]
    assert "label" not in first
    assert (first["text"], first["article"], first["index"], first["targets"]) == (
        tasks[0].text,
        "a1",
        0,
        '["镇长", "小镇"]',
    )
    assert second["cats"] == ["支持 favor: 镇长", "支持 favor: 小镇"]


def exported(tasks, tmp_path, change):
    """What annotators make of the tasks, as Label Studio exports it."""
    path = tmp_path / "export.json"
    annotation.write_label_studio(tasks, path, DEFAULT_SCHEMA)
    records = json.loads(path.read_text(encoding="utf-8"))
    change(records)
    path.write_text(json.dumps(records), encoding="utf-8")
    return path


def annotate(record, result, **more):
    record.setdefault("annotations", []).append({"result": result, **more})


def region(start, end, text, label="metaphor"):
    value = {"start": start, "end": end, "text": text, "labels": [label]}
    return {"type": "labels", "from_name": "devices", "to_name": "text", "value": value}


def test_the_ground_truth_counts_or_else_the_last(tasks, tmp_path):
    def change(records):
        annotate(records[0], [region(4, 5, "着")], ground_truth=True, completed_by=7)
        annotate(records[0], [], updated_at="2026-02-02", completed_by={"id": 8, "email": "b@example.org"})
        annotate(records[2], [region(0, 2, "镇长", "借代")], updated_at="2026-01-01", completed_by=7)
        annotate(records[2], [region(5, 7, "石磨")], updated_at="2026-01-03", completed_by=9)
        annotate(records[2], [], updated_at="2026-01-04", was_cancelled=True)

    def with_third(records):
        records[1], records[2] = records[2], records[1]
        change(records)

    path = exported(tasks, tmp_path, with_third)
    found = annotation.read_label_studio(path, DEFAULT_SCHEMA)
    assert (found.unannotated, found.several) == (1, 2)
    assert [t.spans for t in found.tasks] == [(GoldSpan("metaphor", 4, 5),), (GoldSpan("metaphor", 5, 7),)]
    assert found.tasks[0].model == ""
    (_, other) = annotation.read_label_studio(path, DEFAULT_SCHEMA, annotator="7").tasks
    assert other.spans == (GoldSpan("metonymy", 0, 2),)
    (by_eight,) = annotation.read_label_studio(path, DEFAULT_SCHEMA, annotator="b@example.org").tasks
    assert by_eight.spans == ()


def test_places_of_older_exports_are_put_right(tasks, tmp_path):
    path = exported(tasks, tmp_path, lambda records: annotate(records[0], [region(2, 4, "石磨")]))
    (task,) = annotation.read_label_studio(path, DEFAULT_SCHEMA).tasks
    assert task.spans == (GoldSpan("metaphor", 1, 3),)


def test_the_words_of_a_region_may_have_other_line_breaks(tasks, tmp_path):
    def change(records):
        records[0]["data"]["text"] = "石磨\r压着"
        annotate(records[0], [region(0, 4, "石磨\n压")])

    (task,) = annotation.read_label_studio(exported(tasks, tmp_path, change), DEFAULT_SCHEMA).tasks
    assert task.spans == (GoldSpan("metaphor", 0, 4),)


@pytest.mark.parametrize(
    ("result", "message"),
    [
        ([region(3, 5, "石磨")], r"task 1: the region \[3, 5\) should hold '石磨'"),
        ([region(0, 99, None)], "within 8 characters"),
        ([region(1, 3, "石磨", "metafor")], r"unknown device 'metafor'; expected one of 明喻 simile, .*--schema"),
        (
            [{"type": "choices", "value": {"choices": ["赞成"]}}],
            "unknown stance '赞成'; expected one of 支持 favor: 镇长",
        ),
        (
            [{"type": "choices", "value": {"choices": ["支持 favor: 镇长", "反对 against: 镇长"]}}],
            "two stances towards '镇长', favor and against",
        ),
        ([{"type": "labels"}], r"found a fault at KeyError\('value'\)"),
    ],
)
def test_what_does_not_fit_is_named(tasks, tmp_path, result, message):
    path = exported(tasks, tmp_path, lambda records: annotate(records[0], result))
    with pytest.raises(InputError, match=message):
        annotation.read_label_studio(path, DEFAULT_SCHEMA)


@pytest.mark.parametrize("content", ["", "{}", "[1]", '[{"annotations": [{"result": []}]}]'])
def test_other_files_are_refused(tmp_path, content):
    path = tmp_path / "export.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(InputError, match="expected"):
        annotation.read_label_studio(path, DEFAULT_SCHEMA)


def test_doccano_exports_of_every_kind_are_read(tasks, tmp_path):
    path = tmp_path / "export.jsonl"
    plain = {"article": "a1", "title": "", "index": 0, "targets": "[]", "before": "", "after": "", "text": "😀石磨"}
    entity = {"id": 5, "label": "隐喻 metaphor", "start_offset": 2, "end_offset": 4}
    meta = {k: v for k, v in plain.items() if k != "text"}
    records = [
        plain | {"id": 1, "label": [[2, 4, "metaphor"]]},
        plain | {"index": 1, "entities": [entity], "relations": [], "Comments": []},
        {"text": "😀石磨", "labels": [[2, 4, "隐喻"]], "meta": meta | {"index": "2"}},
    ]
    path.write_text("".join(json.dumps(r) + "\n\n" for r in records), encoding="utf-8")
    found = annotation.read_doccano(path, DEFAULT_SCHEMA)
    assert [t.index for t in found] == [0, 1, 2]
    assert [t.spans for t in found] == [(GoldSpan("metaphor", 1, 3),)] * 3


def test_spans_that_an_annotator_deleted_in_doccano_stay_deleted(tasks, tmp_path):
    annotation.write_doccano(tasks[:1], tmp_path / "tasks.jsonl", DEFAULT_SCHEMA)
    record = json.loads((tmp_path / "tasks.jsonl").read_text(encoding="utf-8"))
    exported = record | {"id": 1, "entities": [], "cats": [], "Comments": []}  # other columns come back as they went
    (tmp_path / "export.jsonl").write_text(json.dumps(exported) + "\n", encoding="utf-8")
    (task,) = annotation.read_doccano(tmp_path / "export.jsonl", DEFAULT_SCHEMA)
    assert (task.spans, task.stances, task.text) == ((), {}, tasks[0].text)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "line 1: expected a paragraph"),
        ('{"text": "石"}', r"fault at KeyError\('targets'\)"),
        ('{"text": "石", "targets": "[]", "label": [[0, 3, "metaphor"]]}', "within 1 UTF-16 units"),
        ("[]", "expected a paragraph"),
    ],
)
def test_other_lines_are_refused(tmp_path, line, message):
    path = tmp_path / "export.jsonl"
    path.write_text(line + "\n", encoding="utf-8")
    with pytest.raises(InputError, match=message):
        annotation.read_doccano(path, DEFAULT_SCHEMA)


def test_annotated_paragraphs_take_their_place_in_the_whole(analysis, tasks):
    whole = annotation.labelled_of(analysis, DEFAULT_SCHEMA)
    mended = replace(tasks[1], spans=(GoldSpan("irony", 0, 2),), stances={"镇长": "against"}, model="")
    (article,) = annotation.articles_of([mended], DEFAULT_SCHEMA, [whole])
    assert article.paragraphs == tuple(p.text for p in analysis.paragraphs)
    assert article.spans == ((GoldSpan("metaphor", 1, 3),), (GoldSpan("irony", 0, 2),), ())
    assert article.stances[1] == {"镇长": "against"}
    (alone,) = annotation.articles_of([mended], DEFAULT_SCHEMA)
    assert alone.paragraphs == (mended.text,)
    with pytest.raises(InputError, match="paragraph 1 is not the one that was annotated"):
        annotation.articles_of([replace(mended, text="别的")], DEFAULT_SCHEMA, [whole])
    with pytest.raises(InputError, match="paragraph 1 comes twice"):
        annotation.articles_of([mended, mended], DEFAULT_SCHEMA)


def test_what_was_annotated_can_be_trained_on(tasks, tmp_path):
    articles = annotation.articles_of(tasks, DEFAULT_SCHEMA)
    write_labelled(tmp_path / "mine.jsonl", articles, DEFAULT_SCHEMA)
    assert read_labelled(tmp_path / "mine.jsonl", DEFAULT_SCHEMA) == articles


def test_the_interface_offers_every_device_and_escapes_its_hints():
    root = ET.fromstring(annotation.interface(DEFAULT_SCHEMA))
    labels = root.findall("./Labels/Label")
    assert [label.get("value").split()[1] for label in labels] == list(DEFAULT_SCHEMA.device_ids)
    assert labels[0].get("hint").startswith(DEFAULT_SCHEMA.devices[0].definition)
    assert root.find("Choices").get("value") == "$choices"
    assert [text.get("value") for text in root.iter("Text")] == ["$before", "$text", "$after"]


def test_any_file_of_labels_is_read(analysis, tasks, tmp_path):
    expected = annotation.labelled_of(analysis, DEFAULT_SCHEMA)
    for name in ("a.jsonl", "a.jsonl.gz", "a.jsonl.zst", "a.parquet"):
        write([analysis], tmp_path / name)
        assert annotation.read_labels(tmp_path / name, DEFAULT_SCHEMA) == [expected]
    gold = [replace(task, model="", confidence=None) for task in tasks]
    merged = annotation.articles_of(gold, DEFAULT_SCHEMA)
    annotation.write_label_studio(gold, tmp_path / "b.json", DEFAULT_SCHEMA)
    annotation.write_doccano(gold, tmp_path / "c.jsonl", DEFAULT_SCHEMA)
    write_labelled(tmp_path / "d.jsonl", merged, DEFAULT_SCHEMA)
    for name in ("b.json", "c.jsonl", "d.jsonl"):
        assert annotation.read_labels(Path(tmp_path / name), DEFAULT_SCHEMA) == merged
    with pytest.raises(InputError, match="expected labelled articles as JSONL, Parquet or JSON"):
        annotation.read_labels(tmp_path / "none.jsonl", DEFAULT_SCHEMA)
