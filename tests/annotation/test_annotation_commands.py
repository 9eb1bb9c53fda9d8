"""The commands on labels, from a model's output to labelled articles."""

from __future__ import annotations

import json
import sys

import pytest
from fake_analyzer import FakeAnalyzer

from stance import DEFAULT_SCHEMA, Article, LabelSchema, SchemaError, cli
from stance.formats import write
from stance.training.examples import GoldSpan, read_labelled

TEXTS = {"a": "😀石磨压着小镇。\n镇长称赞了石磨。", "b": "人们指责镇长。\n没有人说话。"}


@pytest.fixture
def run(monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    articles = [Article.from_text(text, id=name, targets=["镇长"]) for name, text in TEXTS.items()]
    write(FakeAnalyzer().analyze_many(articles), tmp_path / "labels.jsonl")

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["stance", *arguments])
        with pytest.raises(SystemExit) as caught:
            cli.main()
        out, err = capsys.readouterr()
        return caught.value.code or 0, out, err

    return call


def test_from_labels_through_label_studio_to_training_data(run, tmp_path):
    code, _, err = run("export", "labels.jsonl", "tasks.json", "--interface", "interface.xml")
    assert (code, err.splitlines()[0]) == (0, "tasks.json: 4 paragraphs.")
    assert (tmp_path / "interface.xml").read_text(encoding="utf-8").startswith("<View>")
    tasks = json.loads((tmp_path / "tasks.json").read_text(encoding="utf-8"))
    for task in tasks[:2]:  # the annotator submits what was predicted
        task["annotations"] = [{"result": task.pop("predictions")[0]["result"]}]
    (tmp_path / "export.json").write_text(json.dumps(tasks), encoding="utf-8")
    code, _, err = run("import", "export.json", "mine.jsonl")
    assert (code, err.splitlines()) == (
        0,
        [
            "2 tasks not annotated, left out; 0 annotated more than once.",
            "mine.jsonl: 1 articles with 2 annotated paragraphs.",
        ],
    )
    (article,) = read_labelled(tmp_path / "mine.jsonl", DEFAULT_SCHEMA)
    assert article.spans == ((GoldSpan("metaphor", 1, 3),), (GoldSpan("metaphor", 5, 7),))
    assert article.stances == ({}, {"镇长": "favor"})
    code, out, _ = run("agreement", "mine.jsonl", "labels.jsonl", "--format", "json")
    found = json.loads(out)
    assert (code, found["articles"], found["only_second"]) == (0, 1, ["b"])
    assert found["figures"]["span_exact_f1"]["value"] == 1.0
    code, out, _ = run("agreement", "mine.jsonl", "labels.jsonl")
    assert out.startswith("1 articles, 2 paragraphs in both")


def test_review_by_doccano(run, tmp_path):
    code, _, err = run("review", "labels.jsonl", "tasks.jsonl", "--tool", "doccano", "-n", "2", "--by-lot", "0.5")
    assert code == 0
    assert "1 with the most doubtful labels, 1 by lot" in err
    code, _, err = run("import", "tasks.jsonl", "mine.jsonl", "--tool", "doccano", "--labels", "labels.jsonl")
    assert (code, "2 annotated paragraphs" in err) == (0, True)
    assert all(len(article.paragraphs) == 2 for article in read_labelled(tmp_path / "mine.jsonl", DEFAULT_SCHEMA))
    code, _, err = run("export", "mine.jsonl", "again.json")
    assert json.loads((tmp_path / "again.json").read_text(encoding="utf-8"))[0].keys() == {"data", "annotations"}


def test_a_scheme_of_ones_own_leaves_out_other_devices(run, tmp_path):
    run("new-schema", "labels.yaml", "--device", "irony")
    assert run("review", "labels.jsonl", "tasks.json", "--schema", "labels.yaml")[0] == 0
    tasks = json.loads((tmp_path / "tasks.json").read_text(encoding="utf-8"))
    kinds = {region["type"] for task in tasks for region in task["predictions"][0]["result"]}
    assert kinds == {"choices"}
    assert run("export", "labels.jsonl", "tasks.jsonl", "--schema", "labels.yaml")[0] == 0
    code, _, err = run("import", "tasks.jsonl", "mine.jsonl", "--labels", "labels.jsonl", "--schema", "labels.yaml")
    assert (code, "4 annotated paragraphs" in err) == (0, True)
    scheme = LabelSchema.load(tmp_path / "labels.yaml")
    assert [article.spans for article in read_labelled(tmp_path / "mine.jsonl", scheme)] == [((), ()), ((), ())]
    code, out, _ = run("agreement", "mine.jsonl", "labels.jsonl", "--schema", "labels.yaml", "--format", "json")
    assert (code, list(json.loads(out)["devices"])) == (0, ["irony"])


def test_the_tool_is_known_by_the_name_of_the_file(run, tmp_path):
    run("export", "labels.jsonl", "tasks.jsonl")
    assert json.loads((tmp_path / "tasks.jsonl").read_text(encoding="utf-8").splitlines()[0])["entities"]
    run("export", "labels.jsonl", "other.jsonl", "--tool", "label-studio")
    assert len(json.loads((tmp_path / "other.jsonl").read_text(encoding="utf-8"))) == 4


def test_a_new_scheme_can_be_changed_and_read_again(run, tmp_path):
    code, _, err = run("new-schema", "labels.yaml", "--device", "metaphor", "--device", "irony")
    assert (code, err.startswith("labels.yaml: 2 devices.")) == (0, True)
    text = (tmp_path / "labels.yaml").read_text(encoding="utf-8")
    scheme = LabelSchema.load(tmp_path / "labels.yaml")
    assert scheme == LabelSchema(DEFAULT_SCHEMA.stances, tuple(map(DEFAULT_SCHEMA.device, ("metaphor", "irony"))))
    added = "  - {id: pun, chinese: 双关, english: pun, definition: 一语两意。, example: 【】}\n"
    (tmp_path / "labels.yaml").write_text(text + added, encoding="utf-8")
    assert LabelSchema.load(tmp_path / "labels.yaml").device_ids == ("metaphor", "irony", "pun")
    code, _, err = run("new-schema", "labels.yaml")
    assert (code, "there is such a file already" in err) == (2, True)
    assert "ends in .yaml" in run("new-schema", "labels.json")[2]
    assert "Unknown device 'pun'" in run("new-schema", "other.yaml", "--device", "pun")[2]


def test_every_label_of_the_shipped_scheme_is_written(run, tmp_path):
    run("new-schema", "all.yml")
    assert LabelSchema.load(tmp_path / "all.yml") == DEFAULT_SCHEMA


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("stances: [", "expected a label schema in YAML"),
        ("- a", "fault at list indices"),
        ("stances: [{id: no}]\ndevices: []", "id must be text, found False; put it in quotes"),
        ("stances: [{id: a}]\ndevices: []", "expected lists 'stances' and 'devices'"),
        ("stances: [a]\ndevices: []", "expected lists 'stances' and 'devices'"),
    ],
)
def test_a_scheme_that_cannot_be_read_is_named(tmp_path, text, message):
    path = tmp_path / "labels.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SchemaError, match=message):
        LabelSchema.load(path)
