"""Whatever the text and whatever the bytes: no crash, offsets exact, and every row in exactly one of two files."""

from __future__ import annotations

import csv
import gzip
import io
import json
import tempfile
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from fake_analyzer import FakeAnalyzer
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from stance import Analyzer, Article, EngineConfig
from stance.formats import ArticleReader, Limits, Located, Rejected, read_analyses
from stance.model.calibration import Calibration
from stance.runs import label

FUZZ = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])

PIECES = [
    *("中国的石磨，真是天大的笑话！", "中國的財政？臺灣後裡。", "美方加税……谁来付钱", "“所谓”「自由」『』《》"),
    *("half,width.punct:;!?()'\"", "ｆｕｌｌ　ｗｉｄｔｈ１２３，．！？", "\u3000\u3000", "———…‥·•", "\t \xa0\u2003"),
    *("\u200b\u200c\u200d\ufeff\u2060\u00ad", "\u202e反\u202c\u2066\u2069\u200f", "\ufe0f\u20e3\u0301\u0308e\u0301"),
    *("😀👨\u200d👩\u200d👧🇨🇳👍🏽", "𠮷𡃁𪚥", "\x00\x01\x1b[31m\x7f\x85", "\r\n", "\n\n", "\r", "\u2028\u2029\x0b\x0c"),
    *("ﷺﬁ①㈱㎏Ⅷ", "\ufffd\uffff\ue000", "责任编辑：张三", "推荐阅读", "第1页 共3页", "# 标题", "<p>&amp;&#x4e2d;</p>"),
]
TEXT = st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=12)), max_size=12).map("".join)
SURROGATES = st.text(st.characters(codec=None, categories=["Cs", "Lo", "Po"]), max_size=20)


# --- text ---


@pytest.fixture(scope="module")
def analyzer(make_model):
    """Low thresholds, so that there are spans to look at."""
    model = make_model()
    devices = len(model.schema.devices)
    low = replace(Calibration.identity(devices), device_thresholds=(0.05,) * devices, side_threshold=0.45)
    model.calibration = low
    return Analyzer(model, EngineConfig(hardware="cpu"))


def check(analysis, text):
    """Offsets point at what they name, and paragraphs stand in order, one after the other."""
    end = 0
    for p in analysis.paragraphs:
        assert text[p.paragraph.start : p.paragraph.end] == p.text
        assert p.paragraph.start >= end
        end = p.paragraph.end
        for span in (span for device in p.devices for span in device.spans):
            assert 0 <= span.start < span.end <= len(p.text)
            assert p.text[span.start : span.end] == span.text
        for stance in p.stances:
            assert sum(stance.probabilities.values()) == pytest.approx(1, abs=1e-3)
    json.dumps(analysis.to_dict(), allow_nan=False)


@FUZZ
@given(text=TEXT, title=TEXT, targets=st.lists(st.sampled_from(["中国", "美方", "😀", "\u200b", "a"]), max_size=3))
@example(text="中" * 5_000, title="", targets=["中国"])
@example(text="，" * 3_000, title="中" * 900, targets=["a" * 500])
@example(text="\u200d" * 400, title="\u202e", targets=["中国"])
def test_any_text(analyzer, text, title, targets):
    (analysis,) = analyzer.analyze_many([Article.from_text(text, title=title)], targets or None)
    check(analysis, text)


@FUZZ
@given(paragraphs=st.lists(TEXT, min_size=1, max_size=6))
def test_any_paragraphs_come_back_one_for_one(analyzer, paragraphs):
    (analysis,) = analyzer.analyze_many([Article.from_paragraphs(paragraphs)], ["中国"])
    assert [p.text for p in analysis.paragraphs] == paragraphs
    check(analysis, "\n".join(paragraphs))


@settings(max_examples=30, deadline=None)
@given(text=SURROGATES)
@example(text="\ud800中国\udfff。")
@example(text="\ude00\ud83d")
def test_half_surrogate_pairs(analyzer, text):
    (analysis,) = analyzer.analyze_many([Article.from_text(text)], ["中国"])
    check(analysis, text)


# --- files ---

SUFFIXES = [".jsonl", ".json", ".csv", ".tsv", ".txt", ".md", ".html", ".parquet"]
PACKED = {"": lambda data: data, ".gz": gzip.compress, ".zst": zstandard.compress}
ENCODINGS = ["utf-8", "utf-8-sig", "gb18030", "big5hkscs", "utf-16", "utf-16-le", "utf-32"]


def read_all(name, data, **options):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, name)
        path.write_bytes(data)
        rows = list(ArticleReader([path], **options))
    assert rows
    for row in rows:
        assert row.file == str(path)
        if isinstance(row, Located):
            assert row.article.text.strip()
            json.dumps(row.article.extra, allow_nan=False)
        else:
            assert row.reason
            assert folder not in row.reason
            json.dumps(row.to_dict(), allow_nan=False)
    return rows


@FUZZ
@given(
    data=st.one_of(st.binary(max_size=300), TEXT.map(lambda t: t.encode("utf-8", "surrogatepass"))),
    suffix=st.sampled_from(SUFFIXES),
    packed=st.sampled_from([*PACKED]),
    cut=st.integers(0, 20),
)
def test_any_bytes_in_any_file(data, suffix, packed, cut):
    packed = "" if suffix == ".parquet" else packed
    data = PACKED[packed](data)
    read_all(f"n{suffix}{packed}", data[: max(len(data) - cut, 0)])


VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), TEXT),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=4), inner, max_size=3)),
    max_leaves=6,
)
NAMES = st.sampled_from(["text", "paragraphs", "id", "title", "targets", "source", "model", "duplicate_of", "index"])


@FUZZ
@given(rows=st.lists(st.one_of(VALUES, st.dictionaries(NAMES, VALUES)), min_size=1, max_size=5))
def test_any_json(rows):
    lines = [json.dumps(row) for row in rows]
    found = read_all("n.jsonl", "\n".join(lines).encode())
    assert [row.line for row in found] == list(range(1, len(rows) + 1))
    if any(rows):
        assert len(read_all("n.json", json.dumps(rows).encode())) == len(rows)


@FUZZ
@given(text=TEXT, encoding=st.sampled_from(ENCODINGS), suffix=st.sampled_from([".txt", ".html", ".csv"]))
def test_any_encoding(text, encoding, suffix):
    content = {".txt": text, ".html": f"<html><body><p>{text}</p></body></html>", ".csv": f"id,text\n1,{text}"}[suffix]
    read_all(f"n{suffix}", content.encode(encoding, "ignore"))


@FUZZ
@given(rows=st.lists(st.tuples(TEXT, TEXT), min_size=1, max_size=5))
def test_csv_and_parquet_bring_any_text_back(rows):
    rows = [(name.replace("\x00", ""), text.replace("\x00", "")) for name, text in rows]
    stream = io.StringIO(newline="")
    csv.writer(stream).writerows([("id", "text"), *rows])
    sink = io.BytesIO()
    pq.write_table(pa.table({"id": [r[0] for r in rows], "text": [r[1] for r in rows]}), sink)
    texts = [text for _, text in rows if text.strip()]
    for name, data in (("n.csv", stream.getvalue().encode()), ("n.parquet", sink.getvalue())):
        found = read_all(name, data)
        assert [row.article.text for row in found if isinstance(row, Located)] == texts
        assert len(found) == len(rows)


@settings(max_examples=25, deadline=None)
@given(rows=st.lists(st.one_of(TEXT, st.none(), st.integers()), min_size=1, max_size=8), data=st.data())
def test_every_row_of_a_run_is_in_exactly_one_file(rows, data):
    name = data.draw(st.sampled_from(["o.jsonl", "o.parquet", "o.jsonl.zst"]))
    with tempfile.TemporaryDirectory() as folder:
        news = Path(folder, "news.jsonl")
        news.write_text("".join(json.dumps({"text": row, "n": n}) + "\n" for n, row in enumerate(rows)), "utf-8")
        output = Path(folder, name)
        report = label(
            [news], output, FakeAnalyzer(), part_articles=3, limits=Limits(max_characters=60), near_duplicates=None
        )
        labelled = [a.extra["n"] for a in read_analyses(output)]
        texts = Path(f"{output}.rejected.jsonl").read_bytes().split(b"\n")[:-1]
        rejected = [json.loads(line)["line"] - 1 for line in texts]
        assert sorted(labelled + rejected) == list(range(len(rows)))
        assert (report.articles, report.rejected) == (len(labelled), len(rejected))
        for analysis in read_analyses(output):
            check(analysis, rows[analysis.extra["n"]])


def test_a_row_is_not_lost_between_good_and_bad():
    """The oracle above can fail: a reader that drops bad rows would be found out."""
    rows = read_all("n.jsonl", b'{"text": "a"}\n\xff\n{"text": "b"}\n')
    assert [type(row) for row in rows] == [Located, Rejected, Located]
