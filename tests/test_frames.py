"""Data frames in and out; the oracle is the Parquet file, and the plain way through `Article`."""

from __future__ import annotations

import datetime as dt
import math

import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fake_analyzer import FakeAnalyzer

from stance import Analyzer, Article, EngineConfig, InputError, frames
from stance.formats import Fields, write

TEXTS = ["石磨压着小镇😀。\n镇长称赞了石磨。", "没有人说话。"]


@pytest.fixture
def analyses():
    articles = [
        Article.from_text(TEXTS[0], id="a", title="石磨", targets=["镇长"]),
        Article.from_text("广告", id="b"),
        Article.from_paragraphs([TEXTS[1]], id="c", extra={"source": "甲报", "page": 3}),
    ]
    return list(FakeAnalyzer().analyze_many(articles))


def test_the_table_is_the_one_that_a_file_holds(analyses, tmp_path):
    write(analyses, tmp_path / "labels.parquet")
    table = frames.to_arrow(iter(analyses))
    assert table.equals(pq.read_table(tmp_path / "labels.parquet"))
    assert frames.to_dicts(analyses) == table.to_pylist()
    assert [row["index"] for row in frames.to_dicts(analyses)] == [0, 1, None, 0]


def test_one_analysis_speaks_for_itself(analyses):
    (first, second) = analyses[0].to_dicts()
    assert (first["id"], first["text"], second["text"]) == ("a", "石磨压着小镇😀。", "镇长称赞了石磨。")
    assert first["devices"] == [
        {
            "device": "metaphor",
            "probability": 0.9,
            "spans": [{"start": 0, "end": 2, "text": "石磨", "probability": 0.8}],
        }
    ]
    assert analyses[0].to_arrow().to_pylist() == [first, second]
    assert analyses[0].to_polars().to_dicts() == [first, second]
    frame = analyses[0].to_pandas()
    assert list(frame["text"]) == [first["text"], second["text"]]
    assert frame["stances"][1][0]["stance"] == "favor"


def test_nothing_makes_an_empty_table():
    assert frames.to_arrow([]).num_rows == 0
    assert frames.to_dicts([]) == []


FRAMES = {
    "pandas": pd.DataFrame,
    "polars": pl.DataFrame,
    "pyarrow": pa.table,
}


@pytest.mark.parametrize("library", FRAMES)
def test_every_row_of_a_frame_becomes_an_article(library):
    day = dt.date(2026, 3, 1)
    frame = FRAMES[library]({"正文": [*TEXTS, None, " "], "编号": [7, 8, 9, 10], "date": [day] * 4})
    articles = list(frames.articles_from_frame(frame, Fields(text="正文", id="编号")))
    assert [a.text for a in articles] == [*TEXTS, "", ""]
    assert [a.id for a in articles] == ["7", "8", "9", "10"]
    assert articles[0].extra == {"date": "2026-03-01"}
    reasons = [frames.with_reason(a).warnings for a in FakeAnalyzer().analyze_many(articles)]
    assert reasons[:2] == [(), ()]
    assert "no field '正文'" in reasons[2][0]
    assert "holds no text" in reasons[3][0]


@pytest.mark.parametrize("library", FRAMES)
def test_a_frame_comes_back_from_the_library_that_it_came_from(library, model):
    analyzer = Analyzer(model, EngineConfig(hardware="cpu", precision="float32"))
    frame = FRAMES[library]({"正文": ["财政是石磨。\n\n中国增长，美国不好。", "", "税像山一样高。"]})
    found = analyzer.label_frame(frame, text="正文", targets=["美国"])
    assert type(found).__module__.partition(".")[0] == library
    table = pa.Table.from_pandas(found, preserve_index=False) if library == "pandas" else pa.table(found)
    expected = list(
        analyzer.analyze_many(
            [
                Article.from_text(text, id=str(n))
                for n, text in enumerate(frame["正文"].to_pylist() if library == "pyarrow" else frame["正文"])
            ],
            ["美国"],
        )
    )
    ids, texts, targets = (table.column(name).to_pylist() for name in ("id", "text", "targets"))
    assert [t for t in texts if isinstance(t, str)] == [p.text for a in expected for p in a.paragraphs]
    assert ids == ["0", "0", "1", "2"]
    assert all(list(t) == ["美国"] for t in targets)
    assert "holds no text" in table.column("warnings").to_pylist()[2][0]
    index = table.column("index").to_pylist()
    assert index[2] is None or math.isnan(index[2])


def test_what_is_no_frame_is_named():
    with pytest.raises(InputError, match=r"no column '正文' \(found: text, id\). Name it: text="):
        next(frames.articles_from_frame(pa.table({"text": ["a"], "id": ["b"]}), Fields(text="正文")))
    with pytest.raises(InputError, match="Expected a data frame of pandas or polars, or an Arrow table; found list"):
        next(frames.articles_from_frame([{"text": "石磨"}], Fields()))
    with pytest.raises(InputError, match="Give each column values of one type"):
        next(frames.articles_from_frame(pd.DataFrame({"text": ["石磨", "镇"], "x": ["a", 1]}), Fields()))


def test_a_library_that_is_missing_is_named(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "polars", None)
    with pytest.raises(InputError, match="frame of polars was asked for, which is not installed"):
        frames.like("polars", pa.table({}))
