"""Labels for whatever maps batches of columns; `datasets` first."""

from __future__ import annotations

import pyarrow as pa
import pytest
from fake_analyzer import FakeAnalyzer

from stance import Analyzer, Article, EngineConfig
from stance.columns import ColumnLabeller
from stance.formats import Fields, Limits

TEXTS = ["石磨压着小镇。\n称赞它。", "一段。", None, "指责石磨。", "广告"]
COLUMNS = {"id": [1, 2, 3, 4, 5], "text": TEXTS, "source": [*"abcde"]}


def test_a_row_stays_a_row():
    labels = ColumnLabeller(FakeAnalyzer(), targets=["甲"])(COLUMNS)
    assert list(labels) == ["title", "targets", "model", "paragraphs", "warnings"]
    articles = FakeAnalyzer().analyze_many([Article(text) for text in TEXTS if text], ["甲"])
    expected = [analysis.to_dict()["paragraphs"] for analysis in articles]
    assert labels["paragraphs"] == [*expected[:2], [], *expected[2:]]
    assert labels["targets"] == [["甲"], ["甲"], [], ["甲"], ["甲"]]
    assert labels["warnings"][2] == ["no field 'text' (found: id, text, source). Name it with --text-field."]
    assert set(labels["model"]) == {"fake@0123abcd"}


def test_fields_and_limits():
    labeller = ColumnLabeller(FakeAnalyzer(), fields=Fields(text="body"), limits=Limits(max_characters=2))
    labels = labeller({"body": ["石磨", "三个字"], "targets": [["乙", "丙"], []]})
    assert [[s["target"] for s in p[0]["stances"]] if p else [] for p in labels["paragraphs"]] == [["乙", "丙"], []]
    assert "at most 2 characters" in labels["warnings"][1][0]


def test_an_arrow_table_keeps_its_other_columns_and_gets_fixed_types():
    table = pa.table({"text": ["没有修辞。"], "title": ["题"], "n": pa.array([7], pa.int8())})
    labelled = ColumnLabeller(FakeAnalyzer()).label_table(table)
    assert labelled.column_names == ["text", "n", "title", "targets", "model", "paragraphs", "warnings"]
    assert labelled.schema.field("n").type == pa.int8()
    assert labelled["title"].to_pylist() == ["题"]
    devices = labelled.schema.field("paragraphs").type.value_type.field("devices").type
    assert devices.value_type.field("spans").type.value_type.names == ["start", "end", "text", "probability"]


@pytest.fixture(scope="module")
def datasets():
    return pytest.importorskip("datasets")


@pytest.mark.filterwarnings("default")
def test_datasets_map(datasets, model, tmp_path):
    analyzer = Analyzer(model, EngineConfig(hardware="cpu"))
    texts = [f"第{n}段说的是中国的石磨。\n美国的税，谁来付钱？" for n in range(9)]
    data = datasets.Dataset.from_dict({"text": texts, "source": [*"abcdefghi"]})
    labelled = data.map(analyzer.as_map_function(["中国"]), batched=True, batch_size=4)
    analyses = [analyzer.analyze(Article.from_text(text), ["中国"]).to_dict() for text in texts]
    assert labelled.column_names[:2] == ["text", "source"]
    assert labelled["source"][:] == data["source"][:]
    assert [row["targets"] for row in labelled] == [["中国"]] * 9
    for row, analysis in zip(labelled, analyses, strict=True):
        assert [p["text"] for p in row["paragraphs"]] == [p["text"] for p in analysis["paragraphs"]]
        assert [p["start"] for p in row["paragraphs"]] == [p["start"] for p in analysis["paragraphs"]]
        assert [len(p["devices"]) for p in row["paragraphs"]] == [len(p["devices"]) for p in analysis["paragraphs"]]


@pytest.mark.filterwarnings("default")
def test_datasets_map_with_paragraphs_and_a_first_batch_without_devices(datasets):
    data = datasets.Dataset.from_dict({"id": ["a", "b"], "paragraphs": [["没有。"], ["石磨。", "称赞。"]]})
    function = ColumnLabeller(FakeAnalyzer(), targets=["甲"])
    features = datasets.Features({**data.features, **datasets.Features.from_arrow_schema(function.schema)})
    labelled = data.map(function, batched=True, batch_size=1, features=features)
    assert [[len(p["devices"]) for p in row["paragraphs"]] for row in labelled] == [[0], [1, 0]]
    assert labelled[1]["paragraphs"][0]["devices"][0]["spans"] == [
        {"start": 0, "end": 2, "text": "石磨", "probability": 0.8}
    ]
