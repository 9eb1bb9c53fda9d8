"""Reports in files: what stands where, what is drawn by lot, and what is refused."""

from __future__ import annotations

import json
import sys

import pytest
from corpora import article, commentary, corpus, labels, numbered, paragraph, unpacked
from lxml import html

from stance import DEFAULT_SCHEMA, Label, LabelSchema, RunError, SchemaError, StanceError, summarize
from stance.report import ReportOptions, article_markdown, article_page, write_report
from stance.report.palette import device_styles
from stance.summary import StanceConfusion


@pytest.fixture(scope="module")
def forty(tmp_path_factory):
    return labels(tmp_path_factory.mktemp("labels") / "forty.jsonl", corpus(40))


@pytest.fixture(scope="module")
def folder(forty, tmp_path_factory):
    output = tmp_path_factory.mktemp("reports") / "report"
    return output, write_report(forty, output)


def page(path):
    return html.fromstring(path.read_text(encoding="utf-8"))


def data(tree, id):
    return json.loads(tree.get_element_by_id(id).text)


# --- an article ---


def test_the_text_of_an_article_stands_on_its_page():
    tree = html.fromstring(article_page(commentary()))
    shown = [element.text_content() for element in tree.xpath("//div[starts-with(@class, 'paragraph')]/p[not(@class)]")]
    assert shown == [p.text for p in commentary().paragraphs]
    assert tree.xpath("string(//h1)") == "小镇的账本"
    assert tree.xpath("//p[@class='warning']/text()") == ["A paragraph was cut."]
    assert "晨报" in tree.xpath("string(//p[@class='meta'])")


def test_each_span_is_marked_with_its_device_and_probabilities():
    tree = html.fromstring(article_page(commentary()))
    (mark,) = [m for m in tree.iter("mark") if m.text == "压在小镇头上的石磨"]
    styles = device_styles(DEFAULT_SCHEMA)
    assert mark.get("class").split() == [styles["metaphor"].name, "l0", "z"]
    rows = json.loads(tree.xpath("//script[@class='marks']")[0].text)
    device, paragraph_probability, probability = rows[int(mark.get("data-n"))]
    assert (DEFAULT_SCHEMA.device_ids[device], paragraph_probability, probability) == ("metaphor", 0.9, 0.81)
    assert len(rows) == 4


def test_the_prose_is_that_of_the_summary_in_both_languages():
    summary = summarize(commentary())
    tree = html.fromstring(article_page(commentary()))
    assert tree.xpath("//p[@class='prose']/span/text()") == [summary.english, summary.chinese]


def test_the_ribbon_has_a_block_a_paragraph():
    tree = html.fromstring(article_page(commentary()))
    ribbons = [[a.get("class") for a in ribbon.iter("a")] for ribbon in tree.xpath("//div[@class='ribbon']")]
    assert ribbons == [["neutral", "against", "neutral", "against", "neutral"], ["neutral"] * 4 + ["favor"]]


def test_stance_by_device_is_counted():
    tree = html.fromstring(article_page(commentary()))
    rows = tree.xpath("//table[@class='heat']/tbody/tr")
    table = {row.xpath("string(.//span[@class='zh'])"): [td.text for td in row.iter("td")] for row in rows}
    assert table == {
        "夸张": ["·", "1", "·", "·"],
        "隐喻": ["·", "1", "·", "·"],
        "反语": ["·", "1", "·", "·"],
        "明喻": ["·", "·", "1", "·"],
    }


@pytest.mark.parametrize(
    "empty", [article([], targets=()), article([paragraph("  ")]), article([paragraph("甲")], id="")]
)
def test_pages_of_articles_with_next_to_nothing(empty):
    tree = html.fromstring(article_page(empty, "en"))
    assert tree.get("data-ui") == "en"
    assert tree.xpath("//h1")


def test_devices_of_another_schema_have_a_style():
    schema = LabelSchema(DEFAULT_SCHEMA.stances, (Label("zeugma", "轭式", "zeugma", "一词两用。", "例"),))
    tree = html.fromstring(article_page(article([paragraph("‹zeugma:甲›")]), schema=schema))
    assert [mark.get("class") for mark in tree.iter("mark")] == ["d0 l0 z"]
    with pytest.raises(SchemaError):
        article_page(article([paragraph("‹zeugma:甲›")]))


def test_every_device_has_a_sign_and_a_line_of_its_own():
    styles = device_styles(DEFAULT_SCHEMA).values()
    assert len({style.sign for style in styles}) == len(DEFAULT_SCHEMA.devices)
    assert len({(style.line, style.hue) for style in styles}) == len(DEFAULT_SCHEMA.devices)


def test_markdown_has_the_summary_and_the_text():
    shown = article_markdown(commentary(), "en")
    assert shown.startswith(summarize(commentary()).to_markdown("en").rstrip("\n"))
    assert "\n\n这笔贷款成了‹压在小镇头上的石磨›metaphor。\n\n> ▼ 银行 against 0.80\n\n" in shown
    assert "### 一、谁来还" in shown
    assert "‹账单堆得比山还高›夸张，‹真是好买卖›反语。" in article_markdown(commentary())


# --- a corpus in a folder ---


def test_a_folder_has_an_index_and_a_page_an_article(folder):
    output, written = folder
    assert (written.start, written.articles, written.pages) == (output / "index.html", 41, 41)
    assert sorted(p.name for p in (output / "articles").iterdir()) == [f"{n:05}.html" for n in range(1, 42)]
    assert page(output / "articles" / "00001.html").xpath("string(//h1)") == "小镇的账本"
    assert "仓库记事之7" in page(output / "articles" / "00008.html").xpath("string(//h1)")


def test_the_index_lists_the_articles(folder):
    rows = data(page(folder[0] / "index.html"), "corpus")["articles"]
    metaphor = DEFAULT_SCHEMA.device_ids.index("metaphor")
    assert rows[3] == [
        3, "n3", "仓库记事之3", "晨报", "2023-04-11", len("第3号仓库的闸门打开了。一切如旧。"), 1,
        [[metaphor, 1]], [["仓库", 0, 1, 1]],
    ]  # fmt: skip
    assert len(rows) == 41


def test_the_index_has_charts_and_tables(folder):
    tree = page(folder[0] / "index.html")
    assert tree.xpath("//select[@id='target']/option/text()") == ["仓库", "邻镇", "银行"]
    charts = tree.xpath("//div[@data-panel='0']//figcaption/span[@class='en']/text()")
    assert charts == ["By source", "Over time", "Stance by device"]
    drawn = tree.xpath("string(//div[@data-panel='0']//*[local-name()='svg'])")
    assert all(name in drawn for name in ("晨报 (13)", "晚报 (14)", "周刊 (13)"))
    row = tree.xpath("//div[@data-panel='0']//details//tr[th/bdi='晚报']")[0]
    counted = [numbered(n) for n in range(1, 41) if n % 3 == 1]
    against = sum(a.paragraphs[0].stances[0].stance == "against" for a in counted) / (2 * len(counted))
    assert [td.text.strip() for td in row.iter("td")] == [
        "14",
        "28",
        f"{50 - 100 * against:.1f}%",
        f"{100 * against:.1f}%",
    ]
    assert not tree.xpath("//p[@class='notice']")


def test_links_stay_inside_the_report(folder):
    output, _ = folder
    for path in [output / "index.html", *(output / "articles").iterdir()]:
        tree = page(path)
        for address in tree.xpath("//@href | //@src"):
            target = (path.parent / address.split("#")[0]).resolve()
            assert address.startswith("#") or (target.is_file() and output.resolve() in target.parents)


def test_a_report_replaces_an_older_one_and_nothing_else(forty, tmp_path):
    output = tmp_path / "report"
    write_report(forty, output)
    note = output / "articles" / "note.txt"
    note.write_text("mine")
    few = labels(tmp_path / "few.jsonl", corpus(2))
    assert write_report(few, output).pages == 3
    assert sorted(p.name for p in (output / "articles").iterdir()) == [
        "00001.html",
        "00002.html",
        "00003.html",
        "note.txt",
    ]
    other = tmp_path / "thesis"
    other.mkdir()
    (other / "chapter.tex").write_text("…")
    with pytest.raises(StanceError, match="expected a new folder, or a report to replace; found other files"):
        write_report(few, other)
    assert [p.name for p in other.iterdir()] == ["chapter.tex"]
    with pytest.raises(StanceError, match="found another file"):
        write_report(few, other / "chapter.tex")


def test_reports_are_the_same_each_time(forty, folder, tmp_path):
    write_report(forty, tmp_path / "again")
    for name in ("index.html", "articles/00009.html", "assets/report.js"):
        assert (tmp_path / "again" / name).read_bytes() == (folder[0] / name).read_bytes()


# --- a corpus in one file ---


def test_a_single_file_carries_its_articles(forty, tmp_path):
    written = write_report(forty, tmp_path / "report.html")
    assert (written.articles, written.pages) == (41, 41)
    tree = page(tmp_path / "report.html")
    body = html.fromstring(unpacked(tree.get_element_by_id("a0")))
    assert body.xpath("string(//h1)") == "小镇的账本"
    assert not tree.xpath("//link | //script[@src] | //img")
    assert [p.name for p in tmp_path.iterdir()] == ["report.html"]


def test_one_article_is_one_page(tmp_path):
    written = write_report(labels(tmp_path / "one.jsonl", [commentary()]), tmp_path / "one.html")
    assert (written.articles, written.pages) == (1, 1)
    assert (tmp_path / "one.html").read_text(encoding="utf-8") == article_page(commentary())


def test_the_page_says_what_was_drawn_by_lot(forty, tmp_path):
    written = write_report(forty, tmp_path / "few.html", ReportOptions(pages=5))
    assert (written.articles, written.pages) == (41, 5)
    tree = page(tmp_path / "few.html")
    assert tree.xpath("//p[@class='notice']/span[@class='en']/text()") == [
        "The figures count all 41 articles; this file holds the text of 5 of them, drawn by lot."
    ]
    chosen = data(tree, "corpus")["pages"]
    assert len(chosen) == 5
    assert [len(tree.xpath(f"//script[@id='a{number}']")) for number in range(41)] == [n in chosen for n in range(41)]


def test_the_page_says_what_a_long_corpus_leaves_out(tmp_path, monkeypatch):
    monkeypatch.setattr("stance.report.corpus.LINES", 3)
    monkeypatch.setattr("stance.report.corpus.TEXT", 200)
    copies = [*corpus(12), article([paragraph("转载")], id="copy", extra={"duplicate_of": "n1", "source": "晚报"})]
    write_report(labels(tmp_path / "l.jsonl", copies), tmp_path / "r", ReportOptions(language="en"))
    tree = page(tmp_path / "r" / "index.html")
    notices = tree.xpath("//p[@class='notice']/span[@class='en']/text()")
    assert [notice.split(",")[0] for notice in notices] == [
        "The concordance holds 3 lines",
        f"The texts come to {sum(len(p.text) for a in copies for p in a.paragraphs)} characters",
        "1 reprint stands in the list of articles but does not count: each story counts once.",
    ]
    assert len(data(tree, "lines")) == 3 + 3 + 1 + 1 + 1
    assert not tree.xpath("//script[@id='texts']")


def test_a_very_long_corpus_lists_what_has_a_page(forty, tmp_path, monkeypatch):
    monkeypatch.setattr("stance.report.corpus.LISTED", 40)
    write_report(forty, tmp_path / "few.html", ReportOptions(pages=5))
    tree = page(tmp_path / "few.html")
    chosen = data(tree, "corpus")["pages"]
    assert [row[0] for row in data(tree, "corpus")["articles"]] == chosen
    texts = ["\n".join(p.text for p in corpus(40)[number].paragraphs) for number in chosen]
    assert unpacked(tree.get_element_by_id("texts")) == texts
    assert "The list of articles holds the 5 with a page." in tree.xpath(
        "//p[@class='notice']/span[@class='en']/text()"
    )


def test_a_corpus_without_source_date_and_targets(tmp_path):
    plain = [article([paragraph("甲‹irony:乙›")], id=str(n), targets=()) for n in range(3)]
    write_report(labels(tmp_path / "l.jsonl", plain), tmp_path / "r")
    assert "没有给定或找到评价对象" in (tmp_path / "r" / "index.html").read_text(encoding="utf-8")


def test_other_columns_and_corrected_shares(tmp_path):
    analyses = [
        article([paragraph("甲", "+")], id=str(n), extra={"paper": f"报{n % 2}", "day": f"202{n % 3}"})
        for n in range(9)
    ]
    confusion = StanceConfusion(((80, 5, 15), (5, 80, 15), (10, 10, 80)))
    options = ReportOptions(source="paper", date="day", confusion=confusion)
    write_report(labels(tmp_path / "l.jsonl", analyses), tmp_path / "r", options)
    tree = page(tmp_path / "r" / "index.html")
    assert "报1 (4)" in tree.xpath("string(//div[@data-panel='0']//*[local-name()='svg'])")
    assert len(tree.xpath("//th/span[@class='en' and text()='(corrected)']")) == 3


# --- what cannot be done ---


def test_no_articles(tmp_path):
    with pytest.raises(StanceError, match=r"expected a labelled article or more, found none"):
        write_report(labels(tmp_path / "none.jsonl", []), tmp_path / "r")
    assert not (tmp_path / "r").exists()


def test_without_the_libraries_for_charts(forty, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "vl_convert", None)
    with pytest.raises(RunError, match=r"vl_convert. Install them with `pip install 'stance\[report\]'`"):
        write_report(forty, tmp_path / "r")
    one = labels(tmp_path / "one.jsonl", [numbered(3)])
    assert write_report(one, tmp_path / "one.html").pages == 1  # a page of an article needs none


@pytest.mark.parametrize("options", [{"language": "fr"}, {"pages": -1}])
def test_options_that_make_no_sense(options):
    with pytest.raises(ValueError, match="ReportOptions"):
        ReportOptions(**options)
