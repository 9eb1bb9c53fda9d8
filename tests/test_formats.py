"""Articles in, analyses out: every kind of file, and everything that can be wrong with one."""

from __future__ import annotations

import datetime as dt
import gzip
import json
import random
import time
import tracemalloc

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from fake_analyzer import FakeAnalyzer

from stance import Article, ArticleAnalysis, InputError
from stance.formats import ArticleReader, Fields, Limits, Rejected, read_analyses, read_articles, write

TEXT = "石磨压着小镇。\n镇长称赞了石磨。"


def read(path, **options):
    return list(read_articles([path], **options))


def jsonl(path, *rows):
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


# --- what an article is made of ---


def test_a_row_becomes_an_article_with_further_columns_untouched(tmp_path):
    row = {"id": "a1", "title": "小镇", "text": TEXT, "targets": ["石磨"], "source": "晚报", "labels": [{"x": [1]}]}
    [article] = read(jsonl(tmp_path / "news.jsonl", row))
    assert article == Article(TEXT, "a1", "小镇", None, ("石磨",), {"source": "晚报", "labels": [{"x": [1]}]})


def test_paragraphs_count_more_than_text(tmp_path):
    [article] = read(jsonl(tmp_path / "n.jsonl", {"id": 7, "paragraphs": ["甲。", "", "乙。"], "text": "丙"}))
    assert article == Article("甲。\n\n乙。", "7", "", ("甲。", "", "乙。"))


def test_fields_by_other_names(tmp_path):
    path = jsonl(tmp_path / "n.jsonl", {"url": "u", "head": "题", "body": "文", "who": "甲；乙|丙;甲", "id": 3})
    fields = Fields(text="body", id="url", title="head", targets="who")
    [article] = read(path, fields=fields)
    # `id` belongs to the output, so the input's own comes through under another name
    assert article == Article("文", "u", "题", None, ("甲", "乙", "丙"), {"input_id": 3})


def test_missing_ids_come_from_file_and_line_and_repeated_ones_are_told_apart(tmp_path):
    path = jsonl(
        tmp_path / "news.jsonl",
        *({"text": "文", **i} for i in ({}, {"id": "a"}, {"id": "a"}, {"id": "a#2"}, {"id": "a"})),
    )
    reader = ArticleReader([path])
    assert [row.article.id for row in reader] == ["news-1", "a", "a#2", "a#2#2", "a#3"]
    assert reader.duplicate_ids == 3


def test_many_rows_with_one_id_take_linear_time(tmp_path):
    path = jsonl(tmp_path / "n.jsonl", *({"id": "x", "text": "文"} for _ in range(20_000)))
    began = time.perf_counter()
    ids = [article.id for article in read(path)]
    assert time.perf_counter() - began < 5
    assert len(set(ids)) == 20_000
    assert ids[-1] == "x#20000"


def test_values_that_json_does_not_know(tmp_path):
    table = pa.table({"text": ["文"], "day": [dt.date(2024, 5, 6)], "score": [float("nan")], "raw": [b"\x00\xff"]})
    pq.write_table(table, tmp_path / "n.parquet")
    [article] = read(tmp_path / "n.parquet")
    assert article.extra == {"day": "2024-05-06", "score": None, "raw": "AP8="}


# --- kinds of files ---

ROWS = [
    {"id": "a", "title": "一", "text": "甲，\n“乙”。", "targets": ["美国", "中国"], "source": "x"},
    {"id": "b", "title": "二", "text": "𠮷野家😀", "targets": [], "source": "y"},
]
EXPECTED = [
    Article("甲，\n“乙”。", "a", "一", None, ("美国", "中国"), {"source": "x"}),
    Article("𠮷野家😀", "b", "二", None, (), {"source": "y"}),
]
JSONL = "".join(json.dumps(row) + "\n\n" for row in ROWS).encode()
CSV = 'id,title,text,targets,source\na,一,"甲，\n“乙”。",美国|中国,x\nb,二,𠮷野家😀,,y\n'


def table():
    return pa.Table.from_pylist(ROWS)


def dataset_folder(path):
    path.mkdir()
    with pa.OSFile(str(path / "data-00000-of-00002.arrow"), "wb") as f, pa.ipc.new_stream(f, table().schema) as out:
        out.write_table(table().slice(0, 1))
    with pa.OSFile(str(path / "data-00001-of-00002.arrow"), "wb") as f, pa.ipc.new_stream(f, table().schema) as out:
        out.write_table(table().slice(1, 1))
    files = [{"filename": f"data-0000{n}-of-00002.arrow"} for n in (0, 1)]
    (path / "state.json").write_text(json.dumps({"_data_files": files}))
    (path / "dataset_info.json").write_text("{}")


MAKERS = {
    "n.jsonl": lambda p: p.write_bytes(JSONL),
    "bom.jsonl": lambda p: p.write_bytes(b"\xef\xbb\xbf" + JSONL),
    "n.jsonl.gz": lambda p: p.write_bytes(gzip.compress(JSONL[:50]) + gzip.compress(JSONL[50:])),
    "n.jsonl.zst": lambda p: p.write_bytes(zstandard.compress(JSONL[:50]) + zstandard.compress(JSONL[50:])),
    "N.JSON": lambda p: p.write_text(json.dumps(ROWS)),
    "n.csv": lambda p: p.write_text(CSV, encoding="utf-8"),
    "excel.csv": lambda p: p.write_text(CSV, encoding="utf-8-sig"),
    "n.csv.gz": lambda p: p.write_bytes(gzip.compress(CSV.encode())),
    "n.tsv": lambda p: p.write_text(CSV.replace(",", "\t"), encoding="utf-8"),
    "n.parquet": lambda p: pq.write_table(table(), p),
    "n-dataset": dataset_folder,
}


@pytest.mark.parametrize("name", MAKERS)
def test_every_kind_gives_the_same_articles(tmp_path, name):
    MAKERS[name](tmp_path / name)
    reader = ArticleReader([tmp_path / name])
    rows = list(reader)
    assert [row.article for row in rows] == EXPECTED
    positions = [row.position for row in rows]
    assert positions == sorted(positions)
    assert positions[-1] <= reader.total_bytes


def test_a_real_dataset_folder(tmp_path):
    datasets = pytest.importorskip("datasets")
    data = datasets.Dataset.from_list(ROWS)
    datasets.DatasetDict({"train": data, "dev": data}).save_to_disk(str(tmp_path / "d"))
    articles = read(tmp_path / "d")
    assert [a.id for a in articles] == ["a", "b", "a#2", "b#2"]
    assert articles[:2] == EXPECTED


def test_one_article_of_json(tmp_path):
    (tmp_path / "one.json").write_text('{"text": "文"}')
    assert read(tmp_path / "one.json") == [Article("文", "one")]


def test_text_files_are_articles_in_their_encoding(tmp_path):
    for name, encoding in (("a.txt", "utf-8"), ("b.md", "gb18030"), ("c.txt", "utf-16")):
        (tmp_path / name).write_text(
            "供应链绷紧了，工厂停了，人们在等消息。\n第二段说的是别的事情。", encoding=encoding
        )
    articles = list(read_articles([tmp_path]))
    assert [a.id for a in articles] == ["a", "b", "c"]
    assert {a.text for a in articles} == {"供应链绷紧了，工厂停了，人们在等消息。\n第二段说的是别的事情。"}


def test_a_web_page_is_an_article(tmp_path):
    body = "".join(f"<p>第{n}段写的是港口的工人怎样在夜里把货物装上船，又怎样等到天亮。</p>" for n in range(1, 6))
    page = f"<html><head><title>港口</title></head><body><article><h1>港口</h1>{body}</article></body></html>"
    (tmp_path / "port.html").write_text(page, encoding="utf-8")
    [article] = read(tmp_path / "port.html")
    assert article.id == "port"
    assert "第3段写的是港口的工人" in article.text


def test_csv_of_a_chinese_spreadsheet(tmp_path):
    rows = "id,text\n" + "".join(f"{n},第{n}篇文章说的是经济和社会的消息，读者很多。\n" for n in range(20))
    (tmp_path / "n.csv").write_bytes(rows.encode("gb18030"))
    articles = read(tmp_path / "n.csv")
    assert articles[7] == Article("第7篇文章说的是经济和社会的消息，读者很多。", "7")


def test_folders_are_read_whole_and_in_order_and_tell_what_they_passed_over(tmp_path):
    (tmp_path / "b").mkdir()
    for name in ("b/2.jsonl", "a.jsonl", ".hidden.jsonl", "c.JSONL"):
        jsonl(tmp_path / name, {"id": name, "text": "文"})
    (tmp_path / "photo.jpg").write_bytes(b"\xff\xd8")
    reader = ArticleReader([tmp_path])
    assert [row.article.id for row in reader] == ["a.jsonl", "b/2.jsonl", "c.JSONL"]
    assert reader.passed_over == [tmp_path / "photo.jpg"]


def test_patterns_and_files_named_twice(tmp_path):
    for name in ("x1.jsonl", "x2.jsonl"):
        jsonl(tmp_path / name, {"id": name, "text": "文"})
    articles = list(read_articles([tmp_path / "x2.jsonl", str(tmp_path / "x*.jsonl")]))
    assert [a.id for a in articles] == ["x2.jsonl", "x1.jsonl"]


# --- what is no article ---


def test_rows_that_are_no_articles_are_set_aside_and_the_rest_goes_on(tmp_path):
    path = tmp_path / "news.jsonl"
    lines = [
        b'{"id": "ok", "text": "\xe6\x96\x87"}',
        b'{"id": "x1", "title": "t"}',
        b'{"id": "x2", ',
        b'["text"]',
        b'{"id": "x3", "text": 5}',
        b'{"id": "x4", "text": "  \\n "}',
        b'{"id": "x5", "text": "' + "文".encode("gb18030") + b'"}',
        b'{"id": "x6", "paragraphs": ["a", 3]}',
        b'{"id": "x7", "text": "\\ud800"}',
        b"[" * 100_000,
        b'{"id": [1], "text": "t"}',
        b'{"id": "x8", "text": "t", "targets": 3}',
        b"\xff\xfe\x00\x01binary",
        b'{"id": "last", "text": "\xe6\x96\x87"}',
    ]
    path.write_bytes(b"\n".join(lines))
    results = read(path)
    assert [a.id for a in (results[0], results[-1])] == ["ok", "last"]
    rejected = results[1:-1]
    assert all(isinstance(r, Rejected) for r in rejected)
    assert [r.line for r in rejected] == list(range(2, 14))
    reasons = [r.reason for r in rejected]
    assert rejected[0].message == (f"{path} line 2: no field 'text' (found: id, title). Name it with --text-field.")
    assert rejected[0].row == {"id": "x1", "title": "t"}
    expected = [
        "no field 'text'",
        "expected one JSON object",
        "expected an object with field 'text', found a list",
        "field 'text' must be text, found a number",
        "field 'text' holds no text",
        "expected JSON in UTF-8, found byte 0xce at byte 22",
        "field 'paragraphs' must be a list of texts, found a number at index 1",
        "half of a surrogate pair",
        "nested too deep",
        "field 'id' must be text or a whole number, found a list",
        "field 'targets' must be a list of names",
        "expected JSON in UTF-8, found byte 0xff",
    ]
    for reason, part in zip(reasons, expected, strict=True):
        assert part in reason
    assert [r.id for r in rejected[:2]] == ["x1", ""]


@pytest.mark.parametrize("name", ["e.txt", "e.jsonl", "e.json", "e.csv", "e.html", "e.jsonl.gz"])
def test_an_empty_file_is_set_aside(tmp_path, name):
    (tmp_path / name).write_bytes(b"")
    [rejected] = read(tmp_path / name)
    assert rejected.message == f"{tmp_path / name}: the file is empty: expected at least one article."


@pytest.mark.parametrize(
    "name", ["b.txt", "b.jsonl", "b.json", "b.csv", "b.parquet", "b.html", "b.jsonl.gz", "b.jsonl.zst"]
)
def test_a_binary_file_is_set_aside(tmp_path, name):
    # no line feeds, so that it is one row for every kind
    data = bytes(random.Random(5).choices([b for b in range(256) if b not in b"\r\n"], k=5_000))
    (tmp_path / name).write_bytes(data)
    [rejected] = read(tmp_path / name)
    assert isinstance(rejected, Rejected)
    assert rejected.reason.startswith(("expected", "the compressed file is damaged")) or "expected" in rejected.reason
    assert str(tmp_path) not in rejected.reason


def test_a_line_of_30_mb_is_judged_by_the_limits_in_linear_time(tmp_path):
    path = tmp_path / "long.jsonl"
    path.write_bytes(b'{"text": "' + b"x" * 30_000_000 + b'"}\n{"id": "next", "text": "t"}\n')
    began = time.perf_counter()
    rejected, following = read(path)
    assert "at most 2,000,000 characters in an article, found 30,000,000" in rejected.reason
    assert following.id == "next"
    [rejected, following] = read(path, limits=Limits(max_characters=1_000))
    assert "in a line, found 30,000,013" in rejected.reason  # not even parsed
    assert len(rejected.row) <= 2_001
    article, _ = read(path, limits=Limits(max_characters=30_000_000))
    assert len(article.text) == 30_000_000
    assert time.perf_counter() - began < 5


def test_a_text_file_that_is_too_long(tmp_path):
    (tmp_path / "long.txt").write_text("长" * 1_001, encoding="utf-8")
    [rejected] = read(tmp_path / "long.txt", limits=Limits(max_characters=1_000))
    assert rejected.message.startswith(f"{tmp_path / 'long.txt'}: expected at most 1,000 characters")


def test_a_web_page_without_an_article(tmp_path):
    (tmp_path / "nav.html").write_text("<html><body><nav><a href='/'>首页</a></nav></body></html>", encoding="utf-8")
    [rejected] = read(tmp_path / "nav.html")
    assert isinstance(rejected, Rejected)
    assert rejected.line is None


@pytest.mark.parametrize(("suffix", "pack"), [(".gz", gzip.compress), (".zst", zstandard.compress)])
def test_archives_cut_short_or_too_large_say_that_the_rest_is_missing(tmp_path, suffix, pack):
    lines = b"".join(json.dumps({"id": str(n), "text": f"{n * 7919 % 104729}"}).encode() + b"\n" for n in range(40_000))
    path = tmp_path / f"n.jsonl{suffix}"
    path.write_bytes(pack(lines)[:-20_000])
    *articles, rejected = read(path)
    assert 0 < len(articles) < 40_000
    assert [a.id for a in articles] == [str(n) for n in range(len(articles))]
    assert "damaged or cut short" in rejected.reason
    assert "not read" in rejected.reason
    path.write_bytes(pack(lines))
    *articles, rejected = read(path, limits=Limits(max_decompressed_bytes=500_000))
    assert 0 < len(articles) < 40_000
    assert "more than 500,000 bytes" in rejected.reason


def test_a_table_that_unpacks_to_too_much_is_not_read(tmp_path):
    path = tmp_path / "bomb.parquet"
    pq.write_table(pa.table({"text": ["文" * 100_000] * 40}), path, use_dictionary=False, compression="zstd")
    assert path.stat().st_size < 100_000
    [rejected] = read(path, limits=Limits(max_decompressed_bytes=1_000_000))
    assert "more than 1,000,000; nothing in it was read. Split it, or raise --max-decompressed" in rejected.reason
    assert len(read(path)) == 40


def test_csv_rows_at_fault(tmp_path):
    path = tmp_path / "n.csv"
    path.write_text('id,text\na,文\nb,文,多\n"c"x,文\nd\ne,"never closed\nf,文\n', encoding="utf-8")
    a, b, c, d, e = read(path)
    assert a.id == "a"
    assert (b.line, b.row) == (3, ["b", "文", "多"])
    assert "at most 2 cells as in the header, found 3" in b.reason
    assert c.line == 4
    assert (d.line, "no field 'text'" in d.reason) == (5, True)
    assert (e.line, "unexpected end of data" in e.reason) == (6, True)


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("gone.jsonl", "no such file or folder"),
        ("n.docx", "unknown kind of file '.docx'"),
        ("x*.jsonl", "no file fits this pattern"),
    ],
)
def test_inputs_that_stop_the_whole_command(tmp_path, name, part):
    (tmp_path / "n.docx").write_bytes(b"PK")
    with pytest.raises(InputError, match=str(tmp_path)) as caught:
        ArticleReader([tmp_path / name])
    assert part in str(caught.value)


def test_a_folder_without_input(tmp_path):
    (tmp_path / "photo.jpg").write_bytes(b"")
    with pytest.raises(InputError, match=r"no input file there \(1 files of other kinds\)"):
        ArticleReader([tmp_path])


def test_memory_does_not_grow_with_the_file(tmp_path):
    path = tmp_path / "n.jsonl"
    line = json.dumps({"text": "文" * 2_000}).encode() + b"\n"
    path.write_bytes(line * 4_000)  # 48 MB
    tracemalloc.start()
    try:
        assert sum(1 for _ in read_articles([path])) == 4_000
        assert tracemalloc.get_traced_memory()[1] < 4_000_000
    finally:
        tracemalloc.stop()


# --- analyses out and back ---


def analyses():
    fake = FakeAnalyzer()
    extras = [
        {"source": "晚报", "day": 5, "tags": ["a"], "mixed": 1, "text": "own", "gap": None},
        {"source": "早报", "day": 6, "tags": [], "mixed": "1", "text": "own2"},
        {"source": None, "day": 7, "tags": None, "mixed": None, "big": 2**70, "score": 0.5},
    ]
    articles = [
        Article(f"{TEXT}\n指责石磨{n}", str(n), "题", None, ("甲", "乙")[:n], extra) for n, extra in enumerate(extras)
    ]
    same_id = [fake.analyze(Article("一段。", "same")), fake.analyze(Article("两段。\n石磨。", "same"))]
    return [*map(fake.analyze, articles), *same_id, fake.analyze(Article("广告", "empty"))]


@pytest.mark.parametrize("name", ["o.jsonl", "o.jsonl.gz", "o.jsonl.zst", "o.parquet"])
def test_analyses_come_back_equal(tmp_path, name):
    assert write(iter(analyses()), tmp_path / name) == 6
    assert list(read_analyses(tmp_path / name)) == analyses()
    assert [p.name for p in tmp_path.iterdir()] == [name]
    first = (tmp_path / name).read_bytes()
    write(analyses(), tmp_path / name)
    assert (tmp_path / name).read_bytes() == first


def test_jsonl_is_the_contract(tmp_path):
    write(analyses()[:1], tmp_path / "o.jsonl")
    record = json.loads((tmp_path / "o.jsonl").read_text(encoding="utf-8"))
    assert list(record) == [
        "id",
        "title",
        "targets",
        "model",
        "paragraphs",
        "warnings",
        "source",
        "day",
        "tags",
        "mixed",
        "text",
        "gap",
    ]
    assert record["paragraphs"][1] == {
        "index": 1,
        "start": 8,
        "end": 16,
        "text": "镇长称赞了石磨。",
        "kind": "body",
        "stances": [
            {
                "target": "目标",
                "stance": "favor",
                "probability": 0.75,
                "probabilities": {"favor": 0.75, "against": 0.125, "neutral": 0.125},
            }
        ],
        "devices": [
            {
                "device": "metaphor",
                "probability": 0.9,
                "spans": [{"start": 5, "end": 7, "text": "石磨", "probability": 0.8}],
            }
        ],
        "needs_review": [],
    }


def test_zst_and_gz_are_what_other_tools_read(tmp_path):
    for name in ("o.jsonl", "o.jsonl.gz", "o.jsonl.zst"):
        write(analyses(), tmp_path / name)
    plain = (tmp_path / "o.jsonl").read_bytes()
    assert gzip.decompress((tmp_path / "o.jsonl.gz").read_bytes()) == plain
    with zstandard.open(tmp_path / "o.jsonl.zst", "rb") as stream:
        assert stream.read() == plain


def test_parquet_has_a_row_a_paragraph_and_typed_columns(tmp_path):
    write(analyses(), tmp_path / "o.parquet")
    table = pq.read_table(tmp_path / "o.parquet")
    assert table.num_rows == 3 * 3 + 1 + 2 + 1
    assert table.column_names == [
        *("id", "title", "targets", "model", "warnings"),
        *("source", "day", "tags", "mixed", "article_text", "gap", "big", "score"),
        *("index", "start", "end", "text", "kind", "stances", "devices", "needs_review"),
    ]
    types = {field.name: str(field.type) for field in table.schema}
    assert types["day"] == "int64"
    assert types["score"] == "double"
    assert types["article_text"] == types["source"] == "string"
    assert types["tags"] == types["mixed"] == types["big"] == "string"  # JSON
    assert table["tags"][0].as_py() == '["a"]'
    assert table["stances"].type.value_type.field("probabilities").type.names == ["favor", "against", "neutral"]
    assert table["stances"][1].as_py()[0]["stance"] == "favor"


def test_parquet_schema_does_not_hang_on_the_rows_that_happen_to_come_first(tmp_path):
    plain = FakeAnalyzer().analyze(Article("没有修辞。", "a"))  # no device: an inferred schema would be null
    write([plain, *analyses()[:1]], tmp_path / "o.parquet")
    write([], tmp_path / "none.parquet")
    fixed = {f.name: f.type for f in pq.read_schema(tmp_path / "none.parquet")}
    found = {f.name: f.type for f in pq.read_schema(tmp_path / "o.parquet")}
    assert {name: found[name] for name in fixed} == fixed
    assert list(read_analyses(tmp_path / "none.parquet")) == []


@pytest.mark.parametrize("library", ["pandas", "polars", "duckdb", "datasets"])
def test_parquet_is_read_by_others(tmp_path, library):
    module = pytest.importorskip(library)
    path = tmp_path / "o.parquet"
    write(analyses()[:2], path)
    if library == "pandas":
        rows = module.read_parquet(path).to_dict("records")
    elif library == "polars":
        rows = module.read_parquet(path).to_dicts()
    elif library == "duckdb":
        rows = module.sql(f"select * from '{path}'").df().to_dict("records")
    else:
        rows = list(module.Dataset.from_parquet(str(path), cache_dir=str(tmp_path / "cache")))
    assert len(rows) == 6
    assert rows[1]["id"] == "0"
    assert rows[1]["text"] == "镇长称赞了石磨。"
    assert rows[1]["devices"][0]["spans"][0]["text"] == "石磨"
    assert rows[1]["stances"][0]["probabilities"]["favor"] == 0.75


def test_other_stances_than_the_defaults_fit_into_parquet(tmp_path):
    record = analyses()[0].to_dict()
    for paragraph in record["paragraphs"]:
        for stance in paragraph["stances"]:
            stance |= {"stance": "unclear", "probability": 0.6, "probabilities": {"unclear": 0.6, "clear": 0.4}}
    other = ArticleAnalysis.from_dict(record)
    write([other], tmp_path / "o.parquet")
    assert list(read_analyses(tmp_path / "o.parquet")) == [other]


def test_an_output_of_unknown_kind(tmp_path):
    for name in ("o.csv", "o.parquet.gz", "o"):
        with pytest.raises(InputError, match=r"Expected \.jsonl, \.jsonl\.gz, \.jsonl\.zst or \.parquet"):
            write([], tmp_path / name)


def test_a_write_that_fails_leaves_the_old_file(tmp_path):
    (tmp_path / "o.jsonl").write_text("old")

    def failing():
        yield analyses()[0]
        raise InputError("stop")

    with pytest.raises(InputError, match="stop"):
        write(failing(), tmp_path / "o.jsonl")
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [("o.jsonl", "old")]


def test_reading_what_is_no_analysis(tmp_path):
    (tmp_path / "o.jsonl").write_text('{"id": "a", "text": "t"}\n')
    with pytest.raises(InputError, match=r"o\.jsonl line 1: Expected an article labelled by stance"):
        list(read_analyses(tmp_path / "o.jsonl"))
    (tmp_path / "o.jsonl").write_text("[]\n")
    with pytest.raises(InputError, match=r"o\.jsonl line 1: expected an article labelled by stance, found list"):
        list(read_analyses(tmp_path / "o.jsonl"))
    pq.write_table(pa.table({"a": [1]}), tmp_path / "o.parquet")
    with pytest.raises(InputError, match=r"o\.parquet: expected a table written by `stance label`"):
        list(read_analyses(tmp_path / "o.parquet"))
    with pytest.raises(InputError, match="no such file"):
        list(read_analyses(tmp_path / "gone.parquet"))


def test_writing_streams(tmp_path):
    one = FakeAnalyzer().analyze(Article("\n".join(["段落" * 500] * 20), "a"))
    tracemalloc.start()
    try:
        write((one for _ in range(500)), tmp_path / "o.jsonl")  # 30 MB
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
    finally:
        tracemalloc.stop()


def test_limits_are_checked():
    with pytest.raises(ValueError, match="max_characters must be at least 1, found 0"):
        Limits(max_characters=0)
