"""An article that would like to run scripts, close elements, steer the terminal and turn the reading direction."""

from __future__ import annotations

import io
import json
import re
import unicodedata

import pytest
from corpora import article, labels, numbered, paragraph, unpacked
from lxml import html
from markdown_it import MarkdownIt
from rich.console import Console

from stance.report import article_markdown, article_page, write_report
from stance.report.pages import embedded
from stance.terminal import print_analysis

SCRIPT = "<script>window.hacked=1</script>"
ATTACKS = (
    SCRIPT,
    "</script><script>window.hacked=2</script>",
    "</style><img src=x onerror=window.hacked=3>",
    "--><svg/onload=window.hacked=4>",
    '" onmouseover="window.hacked=5" x="',
    "' autofocus onfocus='window.hacked=6",
    "{{ 7 * 7 }}{% raw %}${7*7}",
    "=cmd|' /C calc'!A0",
    "[点](javascript:window.hacked=7) <javascript:alert(1)>",
    "![](https://evil.example/x.png) https://evil.example/ www.evil.example",
    "红\x1b[31m字\x9b2J\x07",
    "左\u202e右\u2066内\u2069\u200b",
    "\u2028\u2029\x00\ufeff",
    "&lt;b&gt; &#60;script&#62;",
    "<!--<script>",
)
TURNING = {c for c in map(chr, range(0x110000)) if unicodedata.category(c) in ("Cf", "Cc", "Zl", "Zp")} - set("\t\n\r")


def hostile(id="h"):
    texts = [f"前‹metaphor:{attack}›后" for attack in ATTACKS if "›" not in attack]
    return article(
        [paragraph(text, "+-") for text in texts],
        id=f"{id}{ATTACKS[1]}",
        title="".join(ATTACKS),
        targets=(ATTACKS[0], ATTACKS[4]),
        extra={"source": ATTACKS[1], "date": "2024-01-02", ATTACKS[2]: ATTACKS[5], "column\u202e": "值\u202e"},
        warnings=ATTACKS,
    )


KNOWN = {
    "html", "head", "meta", "title", "style", "link", "body", "div", "nav", "button", "span", "svg", "defs", "pattern", "rect", "main",
    "article", "header", "h1", "h2", "h3", "p", "i", "b", "bdi", "aside", "section", "a", "mark", "ol", "li", "table", "thead", "tbody", "tr",
    "th", "td", "footer", "script", "ul", "label", "select", "option", "input", "figure", "figcaption", "details", "summary", "small", "g",
    "path", "text", "line", "br",
}  # fmt: skip


def check_page(text, own_scripts):
    """No element, attribute, script or address but our own; nothing that turns the reading direction."""
    tree = html.fromstring(text)
    for element in tree.iter():
        assert isinstance(element.tag, str), "no comments"
        assert element.tag.lower() in KNOWN
        assert not [
            name for name in element.attrib if name.startswith("on") or name in ("srcdoc", "formaction", "action")
        ]
        address = element.get("href") or element.get("src") or ""
        assert re.fullmatch(r"(\.\./)?(assets/report\.(css|js)|index\.html)|#\w+|", address), address
    scripts = [script for script in tree.iter("script") if script.get("type") not in ("application/json", "text/plain")]
    assert len(scripts) == own_scripts
    for script in scripts:
        assert "hacked" not in (script.text or "")
    for script in tree.iter("script"):
        if script.get("type") == "application/json":
            json.loads(script.text)
            assert "<" not in script.text
        if script.get("type") == "text/plain":
            assert re.fullmatch("[A-Za-z0-9+/=]+", script.text)
    assert not set(text) & TURNING
    assert "default-src 'none'" in tree.xpath("//meta[@http-equiv='Content-Security-Policy']/@content")[0]
    return tree


def test_the_page_of_an_article():
    tree = check_page(article_page(hostile()), own_scripts=1)
    shown = [element.text_content() for element in tree.xpath("//div[starts-with(@class, 'paragraph')]/p[not(@class)]")]
    assert shown[0] == f"前{SCRIPT}后"  # shown, not run
    assert shown[10] == "前红<U+001B>[31m字<U+009B>2J<U+0007>后"
    assert shown[11] == "前左<U+202E>右<U+2066>内<U+2069><U+200B>后"
    assert SCRIPT in tree.xpath("string(//h1)")
    assert "49" not in tree.xpath("string(//h1)")


@pytest.mark.parametrize("name", ["report", "report.html"])
def test_the_pages_of_a_corpus(tmp_path, name):
    analyses = [hostile("a"), hostile("b"), *(numbered(number) for number in range(6))]
    path = labels(tmp_path / "l.jsonl", analyses)
    write_report(path, tmp_path / name)
    if name == "report.html":
        tree = check_page((tmp_path / name).read_text(encoding="utf-8"), own_scripts=1)
        body = unpacked(tree.get_element_by_id("a0"))
        check_body = html.fromstring(body)
        assert all(element.tag in KNOWN for element in check_body.iter())
        assert not [a for element in check_body.iter() for a in element.attrib if a.startswith("on")]
    else:
        check_page((tmp_path / name / "index.html").read_text(encoding="utf-8"), own_scripts=1)
        check_page((tmp_path / name / "articles" / "00001.html").read_text(encoding="utf-8"), own_scripts=1)


def test_markdown():
    page = article_markdown(hostile())
    assert not set(page) & TURNING
    rendered = html.fromstring("<div>" + MarkdownIt("commonmark").enable("table").render(page) + "</div>")
    tags = {element.tag for element in rendered.iter()}
    assert tags <= {"div", "h1", "h2", "h3", "p", "ul", "li", "blockquote", "table", "thead", "tbody", "tr", "th", "td"}
    assert "window.hacked=1" in rendered.text_content()


def test_the_terminal():
    out = io.StringIO()
    print_analysis(hostile(), Console(file=out, width=80, color_system=None), prose="".join(ATTACKS))
    assert not set(out.getvalue()) & TURNING
    assert "<U+001B>" in out.getvalue()


@pytest.mark.parametrize("attack", ATTACKS)
def test_data_cannot_end_its_script(attack):
    text = embedded({"a": [attack]})
    assert not set(text) & set("<>&'\u2028\u2029")
    assert set(json.loads(text)["a"][0]) <= set(attack) | set("<U+0123456789ABCDEF>")
