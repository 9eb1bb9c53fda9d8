"""Summaries in files, and hostile articles in them."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import pyarrow.parquet as pq
import pytest
from analyses import article, paragraph
from markdown_it import MarkdownIt

from stance import InputError
from stance.summary import (
    Bootstrap,
    StanceConfusion,
    summarize,
    summarize_corpus,
    write_corpus_summary,
    write_summaries,
)
from stance.summary.quoting import escaped, printable

ANALYSES = [
    article(
        [paragraph("‹metaphor:炸药›。", "-"), paragraph("‹irony:妙›。", "+")],
        id="1",
        title="甲",
        extra={"n": 1, "x": [1]},
    ),
    article([paragraph("话。", "0")], id="2", extra={"n": 2, "x": {"y": None}, "late": "晚"}),
    article([], id="3", targets=(), extra={"n": None}),
]
SUMMARIES = [summarize(analysis) for analysis in ANALYSES]


def test_jsonl(tmp_path):
    path = tmp_path / "s.jsonl"
    assert write_summaries(SUMMARIES, path) == 3
    lines = path.read_text(encoding="utf-8").split("\n")
    assert [json.loads(line) for line in lines[:-1]] == [summary.to_dict() for summary in SUMMARIES]
    assert lines[-1] == ""


def test_parquet_has_a_row_a_summary_and_typed_further_columns(tmp_path):
    path = tmp_path / "s.parquet"
    assert write_summaries(iter(SUMMARIES), path) == 3
    table = pq.read_table(path)
    rows = table.to_pylist()
    for row, summary in zip(rows, SUMMARIES, strict=True):
        expected = summary.to_dict()
        assert {name: row[name] for name in expected if name not in ("x", "late")} == {
            name: value for name, value in expected.items() if name not in ("x", "late")
        }
    assert [str(table.schema.field(name).type) for name in ("n", "x", "late")] == ["int64", "string", "string"]
    assert [row["x"] for row in rows] == ["[1]", '{"y": null}', None]
    assert [row["late"] for row in rows] == [None, "晚", None]


def test_further_columns_of_mixed_types_are_json(tmp_path):
    values = ["文", 1, 2.5, True, None, 2**70]
    summaries = [summarize(article([], id=str(i), extra={"v": value})) for i, value in enumerate(values)]
    write_summaries(summaries, tmp_path / "s.parquet")
    rows = pq.read_table(tmp_path / "s.parquet").to_pylist()
    assert [row["v"] and json.loads(row["v"]) for row in rows] == values


def test_markdown_of_many_articles(tmp_path):
    path = tmp_path / "s.md"
    assert write_summaries(SUMMARIES, path, "en") == 3
    page = path.read_text(encoding="utf-8")
    assert re.findall("^# .*", page, re.MULTILINE) == ["# 甲", "# 2", "# 3"]
    assert "| metaphor | 1 | 1 | 200.0 | 炸药 |" in page
    assert "| 美国 | neutral | 1 | 1 | 0 | ▲▼ |".replace("▲▼", "▼▲") in page


@pytest.mark.parametrize("language", ["zh", "en"])
def test_no_caption_is_missing_in_either_language(language):
    corpus = summarize_corpus(ANALYSES, by=["n"])
    confusion = StanceConfusion(((9, 1, 0), (1, 8, 1), (0, 1, 9)))
    page = SUMMARIES[0].to_markdown(language) + corpus.to_markdown(language, Bootstrap(0), confusion)
    assert ("立场" in page) == ("对象" in page) == (language == "zh")
    assert ("Stances" in page) == ("corrected" in page) == (language == "en")


def test_a_third_language_is_a_mistake():
    with pytest.raises(ValueError, match="language must be one of zh, en"):
        SUMMARIES[0].to_markdown("fr")


def test_a_corpus_in_json_and_in_a_table(tmp_path):
    corpus = summarize_corpus(ANALYSES, by=["n"])
    few = Bootstrap(20)
    for name in ("c.json", "c.md", "c.parquet"):
        write_corpus_summary(corpus, tmp_path / name, "en", few)
    figures = json.loads((tmp_path / "c.json").read_text(encoding="utf-8"))
    assert figures == corpus.to_dict(few)
    assert (tmp_path / "c.md").read_text(encoding="utf-8") == corpus.to_markdown("en", few)
    rows = pq.read_table(tmp_path / "c.parquet").to_pylist()
    [total] = [row for row in rows if row["figure"] == "total" and row["by"] is None]
    assert (total["articles"], total["paragraphs"], total["spans"], total["characters"]) == (3, 3, 2, 7)
    whole = [row for row in rows if row["by"] is None]
    assert [(r["stance"], r["paragraphs"], r["share"]) for r in whole if r["figure"] == "stance"] == [
        ("favor", 1, 0.333),
        ("against", 1, 0.333),
        ("neutral", 1, 0.333),
    ]
    crossed = {(r["device"], r["stance"]): r["paragraphs"] for r in whole if r["figure"] == "stance_device"}
    assert {pair for pair, number in crossed.items() if number} == {("metaphor", "against"), ("irony", "favor")}
    assert [(r["domain"], r["spans"]) for r in whole if r["figure"] == "metaphor"] == [("war", 1)]
    assert {(r["by"], r["value"]) for r in rows} == {(None, None), ("n", "1"), ("n", "2"), ("n", "")}


@pytest.mark.parametrize("name", ["s.csv", "s", "s.json.gz"])
def test_other_kinds_of_file_are_refused_and_nothing_is_written(tmp_path, name):
    with pytest.raises(InputError, match="unknown kind of output"):
        write_summaries(SUMMARIES, tmp_path / name)
    with pytest.raises(InputError, match="unknown kind of output"):
        write_corpus_summary(summarize_corpus([]), tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_a_fault_half_way_leaves_the_old_file(tmp_path):
    def broken():
        yield SUMMARIES[0]
        raise RuntimeError

    for name in ("s.jsonl", "s.parquet"):
        path = tmp_path / name
        path.write_text("old", encoding="utf-8")
        with pytest.raises(RuntimeError):
            write_summaries(broken(), path)
        assert path.read_text(encoding="utf-8") == "old"


# --- hostile articles ---

HOSTILE = [
    "<script>alert(1)</script>",
    "</style><img src=x onerror=alert(1)>",
    "=cmd|' /C calc'!A0",
    "+1+1",
    "-2+3",
    "@SUM(A1)",
    "[点我](javascript:alert(1))",
    "![图](http://evil.example/x.png)",
    "http://evil.example www.evil.example a@evil.example",
    "a | b | c",
    "**粗** _斜_ `码` ~~删~~ $x$ # 题",
    "# 标题",
    "1. 一",
    "1234) 二",
    "- 列",
    "> 引",
    "---",
    "&lt;b&gt; &amp;",
    "\\",
    "\\<b>",
    "\u202e反向\u2066隔离\u2069",
    "\x1b[31m红\x1b[0m\x07",
    "一\n\n二\r三\u2028四",
    "零\u200b宽\ufeff",
    "{{7*7}}${7*7}",
    ":::warning",
]


def rendered(page):
    return MarkdownIt("commonmark", {"html": True}).enable("table").enable("strikethrough").render(page)


@pytest.mark.parametrize("text", HOSTILE)
def test_escaped_text_is_shown_as_it_is_and_does_nothing(text):
    html = rendered(f"{escaped(text)}\n")
    assert re.findall(r"<[^>]*>", html) == ["<p>", "</p>"]
    shown = html.removeprefix("<p>").removesuffix("</p>\n")
    for entity, character in (("&lt;", "<"), ("&gt;", ">"), ("&quot;", '"'), ("&amp;", "&")):
        shown = shown.replace(entity, character)
    assert shown == printable(text)
    assert all(character.isprintable() for character in shown)


@pytest.mark.parametrize(
    "text", ["http://evil.example", "见https://evil.example", "www.evil.example", "a@evil.example"]
)
def test_no_address_is_left_for_a_link_finder(text):
    assert not [sign for sign in ("http:", "https:", "www.", "a@") if sign in escaped(text)]


def hostile_article():
    marked = [f"甲{text.replace('‹', '').replace('›', '')}乙" for text in HOSTILE]
    paragraphs = [paragraph(f"‹metaphor:{text}›‹irony:{text}›", "-+") for text in HOSTILE if text.strip()]
    paragraphs += [paragraph(text, "-+") for text in marked]
    return article(
        paragraphs,
        id=HOSTILE[0],
        title="《》".join(HOSTILE),
        targets=("=cmd|' /C calc'!A0", "<b>\u202e|x"),
        extra={"source": HOSTILE[2], "<i>": HOSTILE[0]},
        warnings=("<b>\x1b[0m",),
    )


def test_nothing_gets_through_a_page():
    analysis = hostile_article()
    corpus = summarize_corpus([analysis] * 6, by=["source", "<i>"])
    for language in ("zh", "en"):
        for page in (summarize(analysis, corpus).to_markdown(language), corpus.to_markdown(language, Bootstrap(10))):
            assert all(character.isprintable() or character == "\n" for character in page)
            tags = set(re.findall(r"</?([a-z0-9]+)", rendered(page)))
            assert tags <= {
                "h1",
                "h2",
                "h3",
                "p",
                "ul",
                "li",
                "table",
                "thead",
                "tbody",
                "tr",
                "th",
                "td",
                "blockquote",
            }
            rows = [line for line in page.splitlines() if line.startswith("|")]
            cells = [cell.strip() for row in rows for cell in re.split(r"(?<!\\)\|", row)[1:-1]]
            assert cells
            assert not [cell for cell in cells if cell != "---" and cell.startswith(("=", "+", "-", "@"))]


def test_every_table_keeps_its_number_of_columns():
    page = summarize(hostile_article()).to_markdown()
    for table in re.findall(r"(?:^\|.*\n)+", page, re.MULTILINE):
        widths = {len(re.split(r"(?<!\\)\|", row)) for row in table.splitlines()}
        assert len(widths) == 1


def test_prose_holds_nothing_that_does_not_print():
    summary = summarize(hostile_article())
    assert summary.chinese.isprintable()
    assert summary.english.isprintable()


def test_hostile_text_comes_through_files_unchanged(tmp_path):
    summary = summarize(hostile_article())
    write_summaries([summary], tmp_path / "s.jsonl")
    write_summaries([summary], tmp_path / "s.parquet")
    [line] = (tmp_path / "s.jsonl").read_text(encoding="utf-8").rstrip("\n").split("\n")
    assert json.loads(line) == summary.to_dict()
    [row] = pq.read_table(tmp_path / "s.parquet").to_pylist()
    assert row == summary.to_dict()


def test_summaries_need_neither_torch_nor_pandas():
    code = (
        "import sys, stance.summary as s; s.summarize_corpus([]).to_markdown(); "
        "sys.exit(bool({'torch', 'pandas', 'transformers', 'rich'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
