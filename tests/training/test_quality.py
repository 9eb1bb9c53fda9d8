"""The quality report: what it shows by hand, that it shows it everywhere alike, and that no article can harm its page."""

from __future__ import annotations

import json
import math
import sys
from html.parser import HTMLParser
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stance import DEFAULT_SCHEMA, InputError
from stance.cli import main
from stance.model import checkpoint
from stance.results import (
    ArticleAnalysis,
    DevicePrediction,
    Paragraph,
    ParagraphAnalysis,
    Span,
    StancePrediction,
)
from stance.training.evaluate import EvaluationReport
from stance.training.examples import GoldSpan, LabelledArticle, write_labelled
from stance.training.features import EncodingLoss
from stance.training.metrics import ReliabilityBin, evaluate
from stance.training.quality import (
    Ceiling,
    DeviceError,
    Mark,
    StanceMistake,
    check_report_path,
    measure_invariance,
    read_swaps,
    worst_paragraphs,
    write_quality_report,
)
from stance.training.quality.curve import SIDE, draw, wilson
from stance.training.quality.figures import tables
from stance.training.quality.markdown import quality_markdown
from stance.training.quality.marking import pieces
from stance.training.quality.page import quality_page

DEVICES = DEFAULT_SCHEMA.device_ids
TEXT = "像山一样，又像海。"


def gold_article(*, text=TEXT, id="g", title="题", genre="", stance="favor", spans=(("simile", 0, 4),)):
    return LabelledArticle(
        id=id,
        title=title,
        paragraphs=(text,),
        targets=("甲",),
        stances=({"甲": stance},),
        absence_known=True,
        spans=(tuple(GoldSpan(*span) for span in spans),),
        presence=(frozenset(device for device, *_ in spans),),
        annotated=frozenset(DEVICES),
        located=frozenset(DEVICES),
        genre=genre,
    )


def analysis(text=TEXT, stance="favor", probabilities=(0.5, 0.25, 0.25), spans=(("simile", 0, 4),)):
    named = dict(zip(("favor", "against", "neutral"), probabilities, strict=True))
    found = [
        DevicePrediction(device, 0.9, tuple(Span(s, e, text[s:e], 0.9) for d, s, e in spans if d == device))
        for device in dict.fromkeys(device for device, *_ in spans)
    ]
    paragraph = ParagraphAnalysis(
        Paragraph(0, 0, len(text), text), (StancePrediction("甲", stance, named),), tuple(found)
    )
    return ArticleAnalysis("g", "", ("甲",), "model@1", (paragraph,))


def presence(**given):
    """Probabilities of one paragraph, 0 for what is not given."""
    return np.array([[given.get(device, 0.0) for device in DEVICES]])


def make_report(*triples, model="model@1", data="dev.jsonl"):
    gold, found, shown = (list(column) for column in zip(*triples, strict=True))
    return EvaluationReport(
        model=model,
        data=data,
        counts=evaluate(gold, found, DEFAULT_SCHEMA, shown),
        lost=EncodingLoss(paragraphs=9, cut_paragraphs=2, spans=7, lost_spans=1, widened_spans=3),
        errors=worst_paragraphs(gold, found, shown, DEFAULT_SCHEMA),
    )


@pytest.fixture(scope="module")
def report():
    """A right article of news and a wrong column: favor read as against, simile and irony mixed up."""
    return make_report(
        (gold_article(genre="news"), analysis(), presence(simile=0.9)),
        (
            gold_article(id="w", title="错", genre="column"),
            analysis(stance="against", probabilities=(0.2, 0.7, 0.1), spans=[("irony", 1, 3), ("quotation", 6, 8)]),
            presence(simile=0.3, irony=0.6, quotation=0.55),
        ),
    )


# --- worst errors ---


def test_errors_by_hand(report):
    (error,) = report.errors  # the right article is none
    assert (error.article, error.title, error.genre, error.index, error.text) == ("w", "错", "column", 0, TEXT)
    assert error.gold == (Mark("simile", 0, 4, right=False),)
    assert error.predicted == (Mark("irony", 1, 3, right=False), Mark("quotation", 6, 8, right=False))
    assert error.devices == (
        DeviceError("simile", True, 0.3),
        DeviceError("irony", False, 0.6),
        DeviceError("quotation", False, 0.55),
    )
    assert error.stances == (StanceMistake("甲", "favor", "against", 0.2),)
    assert error.loss == pytest.approx(-math.log(0.3) - math.log(0.4) - math.log(0.45) - math.log(0.2))


def test_the_worst_come_first_each_once_and_no_more_than_asked_for():
    triples = [
        (gold_article(id=str(i)), analysis(stance="neutral", probabilities=(p, 0.0, 1 - p)), presence(simile=0.9))
        for i, p in enumerate((0.3, 0.1, 0.2))
    ]
    gold, found, shown = zip(*(triples * 2), strict=True)
    errors = worst_paragraphs(gold, found, shown, DEFAULT_SCHEMA)
    assert [error.article for error in errors] == ["1", "2", "0"]
    assert worst_paragraphs(gold, found, shown, DEFAULT_SCHEMA, limit=2) == errors[:2]


def test_a_span_beside_the_right_one_is_an_error_and_marks_say_which_are_right():
    found = analysis(spans=[("simile", 2, 3), ("simile", 6, 8)])
    (error,) = worst_paragraphs([gold_article()], [found], [presence(simile=0.9)], DEFAULT_SCHEMA)
    assert error.gold == (Mark("simile", 0, 4, right=True),)
    assert error.predicted == (Mark("simile", 2, 3, right=True), Mark("simile", 6, 8, right=False))
    assert not error.devices


def test_a_certain_mistake_has_a_finite_loss():
    found = analysis(stance="against", probabilities=(0.0, 1.0, 0.0), spans=())
    (error,) = worst_paragraphs([gold_article()], [found], [presence(irony=1.0)], DEFAULT_SCHEMA)
    assert error.loss == pytest.approx(-3 * math.log(1e-4))


# --- marking ---


def test_crossing_spans_by_hand():
    marks = [Mark("simile", 1, 4, right=True), Mark("irony", 2, 6, right=False), Mark("irony", 2, 3, right=True)]
    shown = [
        (p.text, len(p.opening), [m.device for m in p.closing], len(p.marks)) for p in pieces("零一二三四五六", marks)
    ]
    assert shown == [
        ("零", 0, [], 0),
        ("一", 1, [], 1),
        ("二", 2, ["irony"], 3),
        ("三", 0, ["simile"], 2),
        ("四五", 0, ["irony"], 1),
        ("六", 0, [], 0),
    ]


@given(st.text(max_size=30), st.lists(st.tuples(st.integers(0, 29), st.integers(1, 30)), max_size=6))
def test_pieces_put_together_are_the_text_and_every_mark_opens_and_closes_once(text, borders):
    marks = [Mark("simile", a, min(a + n, len(text)), right=True) for a, n in borders if a < len(text)]
    cut = list(pieces(text, marks))
    assert "".join(piece.text for piece in cut) == text
    assert sum(len(piece.opening) for piece in cut) == sum(len(piece.closing) for piece in cut) == len(marks)


# --- curve ---


def test_wilson_interval_by_hand():
    assert wilson(8, 10) == pytest.approx((0.4902, 0.9433), abs=1e-4)  # Newcombe 1998, method 3
    assert wilson(0, 10) == pytest.approx((0.0, 0.2775), abs=1e-4)
    assert wilson(10, 10)[1] == 1.0


def test_a_curve_by_hand():
    curve = draw([ReliabilityBin(0.0, 0.1, 900, 0, 0.05, 0.0), ReliabilityBin(0.9, 1.0, 100, 75, 0.95, 0.75)])
    assert [(p.x, p.y) for p in curve.points] == [(0.05 * SIDE, SIDE), (0.95 * SIDE, 0.25 * SIDE)]
    assert curve.line == f"{0.05 * SIDE},{float(SIDE)} {0.95 * SIDE},{0.25 * SIDE}"
    large, small = curve.points
    assert large.radius / small.radius == pytest.approx(3, rel=0.02)  # areas go by the cases
    assert small.top < small.y < small.bottom
    assert draw([]).points == ()


# --- tables ---


def rows_of(report, title, ceiling=None):
    return next(list(t.rows) for t in tables(report, report.scores, ceiling) if t.title == title)


def test_tables_by_hand(report):
    headline = {row[0]: row[1].value for row in rows_of(report, "Headline")}
    assert headline["device micro-F1"] == pytest.approx(2 * 1 / (2 + 1 + 2))
    assert headline["stance macro-F1, all pairs"] == pytest.approx(2 / 3)
    simile = next(row for row in rows_of(report, "By device") if row[0] == "simile 明喻")
    assert simile[1:5] == (1.0, 0.5, pytest.approx(2 / 3), 2)
    genres = rows_of(report, "By genre")
    assert [(row[0], row[1], row[2], row[3].value, row[5]) for row in genres] == [
        ("column", 1, 1, 0.0, 1),
        ("news", 1, 1, 1.0, 1),
    ]
    assert rows_of(report, "Confusion of stances")[0] == ("favor 支持", "1 (50%)", "1 (50%)", "0 (0%)")
    assert rows_of(report, "Most confused devices") == [("simile 明喻", "irony 反语", 1, 0.5)]
    missed = {row[0]: row[1:] for row in rows_of(report, "Missed and invented spans")}
    assert missed["simile 明喻"] == (2, 1, 0, 0)
    assert missed["quotation 引用"] == (0, 0, 0, 1)
    assert [row[1:] for row in rows_of(report, "What was lost")] == [(2, 9), (1, 7), (3, 7)]


def test_articles_without_a_genre_are_one_group():
    report = make_report(*[(gold_article(id=i), analysis(), presence(simile=0.9)) for i in "ab"])
    assert [row[:2] for row in rows_of(report, "By genre")] == [("(no genre)", 2)]


def test_the_ceiling_stands_beside_the_headline(report, tmp_path):
    path = tmp_path / "ceiling.json"
    path.write_text('{"name": "two readers", "scores": {"device_micro_f1": 0.864}}', encoding="utf-8")
    ceiling = Ceiling.read(path)
    rows = rows_of(report, "Headline", ceiling)
    assert [(row[0], row[2]) for row in rows[:2]] == [("device micro-F1", 0.864), ("device macro-F1", None)]
    assert "| two readers |" in quality_markdown(report, ceiling)
    assert "two readers</th>" in quality_page(report, ceiling)


@pytest.mark.parametrize("text", ["", "[]", '{"name": "x"}', '{"name": "x", "scores": {"device_micro_f1": "much"}}'])
def test_what_is_no_ceiling_is_refused(tmp_path, text):
    path = tmp_path / "ceiling.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=r"ceiling\.json: expected a ceiling such as"):
        Ceiling.read(path)
    path.write_text('{"name": "x", "scores": {"device_f1": 1}}', encoding="utf-8")
    with pytest.raises(InputError, match=r"unknown score 'device_f1'; expected some of device_micro_f1"):
        Ceiling.read(path)


# --- pages ---


class Elements(HTMLParser):
    """Every element with its attributes, and the text that a reader sees."""

    def __init__(self, page):
        super().__init__()
        self.elements, self.text, self.open = [], "", []
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag not in ("meta", "line", "circle", "polyline"):
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" not in self.open:
            self.text += data


def test_the_page_says_what_the_markdown_says(report):
    page, markdown = quality_page(report), quality_markdown(report)
    seen = Elements(page)
    assert not seen.open  # all elements are closed
    for table in tables(report, report.scores):
        assert table.title in seen.text
        assert f"## {table.title}\n" in markdown
    for words in ("simile 明喻", "favor 支持", "(no genre)", "paragraph 0", "false alarm"):
        assert (words in seen.text) == (words in markdown) == (words != "(no genre)")
    assert "像山一样明喻✗，又像海。" in "".join(seen.text.split())
    assert "- Gold: 【像山一样】（明喻✗），又像海。" in markdown
    assert "- Model: 像【山一】（反语✗）样，又【像海】（引用✗）。" in markdown
    assert "- 甲: favor 支持 (0.200), read as against 反对" in markdown
    assert "| 0.87–0.93 | 1 | 1 | 0.900 | 1.000 |" in markdown


def test_the_page_has_a_curve_for_devices_and_one_for_stances(report):
    elements = Elements(quality_page(report)).elements
    assert [tag for tag, _ in elements].count("svg") == 2
    points = sum(len(bins) for bins in report.scores.reliability.values())
    assert [tag for tag, _ in elements].count("circle") == points > 4


def test_the_page_needs_nothing_else(report):
    page = quality_page(report)
    names = {tag for tag, _ in Elements(page).elements}
    assert not names & {"script", "link", "img", "iframe", "object", "embed", "form", "base"}
    assert "url(" not in page
    assert "@import" not in page
    assert all(
        value.startswith("#")
        for _, attributes in Elements(page).elements
        for name, value in attributes.items()
        if name in ("href", "src")
    )
    assert "default-src 'none'" in page
    assert "prefers-color-scheme: dark" in page
    assert "width=device-width" in page


HOSTILE = (
    "<script>alert(1)</script></style><img src=x onerror=alert(1)>|[x](javascript:1)\u202e{{ 7*7 }}\x1b[31m&amp;`a`"
)


def test_a_hostile_article_is_only_shown():
    hostile = make_report(
        (
            gold_article(text=HOSTILE, title=HOSTILE, genre=HOSTILE, spans=[("simile", 3, 30)]),
            analysis(text=HOSTILE, stance="against", spans=[("irony", 5, 40)]),
            presence(irony=0.7),
        ),
        model=HOSTILE,
        data=HOSTILE,
    )
    ceiling = Ceiling(HOSTILE, {"device_micro_f1": 1.0})
    page = quality_page(hostile, ceiling)
    seen = Elements(page)
    assert not seen.open
    assert not {tag for tag, _ in seen.elements} & {"script", "img"}
    assert not any(name.startswith("on") for _, attributes in seen.elements for name in attributes)
    assert "{{ 7*7 }}" in seen.text
    assert "&amp;`a`" in seen.text
    for text in (page, quality_markdown(hostile, ceiling)):
        assert "\u202e" not in text
        assert "\x1b" not in text
    markdown = quality_markdown(hostile, ceiling)
    assert "<script" not in markdown
    assert "](javascript" not in markdown.replace("\\]", "")
    widths = {line.count("|") - line.count("\\|") for line in markdown.splitlines() if line.startswith("| score")}
    assert widths == {4}


def test_a_report_of_nothing_is_a_page_too():
    empty = EvaluationReport("model@1", "dev.jsonl", evaluate([], [], DEFAULT_SCHEMA), EncodingLoss(), ())
    assert "None." in quality_markdown(empty)
    assert not Elements(quality_page(empty)).open


# --- files ---


def test_a_folder_gets_both_pages_and_the_counts(report, tmp_path):
    written = write_quality_report(report, tmp_path / "report")
    assert [path.name for path in written] == ["quality.md", "quality.html", "quality.json"]
    assert written[0].read_text(encoding="utf-8") == quality_markdown(report)
    assert written[1].read_text(encoding="utf-8") == quality_page(report)
    numbers = json.loads(written[2].read_text(encoding="utf-8"))
    assert numbers["counts"]["calibration"] == report.counts.calibration.tolist()
    assert numbers["headline"]["device_micro_f1"]["value"] == pytest.approx(0.4)
    assert numbers["lost"]["cut_paragraphs"] == 2
    assert TEXT not in written[2].read_text(encoding="utf-8")
    assert write_quality_report(report, tmp_path / "report") == written  # and is replaced


def test_one_file_by_its_name(report, tmp_path):
    assert write_quality_report(report, tmp_path / "q.HTML")[0].read_text(encoding="utf-8") == quality_page(report)
    assert write_quality_report(report, tmp_path / "q.md")[0].read_text(encoding="utf-8") == quality_markdown(report)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["q.HTML", "q.md"]


def test_places_where_no_report_can_go(tmp_path):
    with pytest.raises(InputError, match=r"q\.pdf: expected a folder, or a file whose name ends in \.md or \.html"):
        check_report_path(tmp_path / "q.pdf")
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="found another file"):
        check_report_path(tmp_path / "file")
    with pytest.raises(InputError, match=r"found no .*nowhere"):
        check_report_path(tmp_path / "nowhere" / "q.md")


def test_evaluate_writes_a_report(make_model, tmp_path, monkeypatch, capsys, schema):
    checkpoint.save(make_model(), tmp_path / "model")
    every = frozenset(schema.device_ids)
    gold = LabelledArticle(
        "a", "", ("财政是石磨。",), ("财政",), ({"财政": "favor"},), True, ((),), (frozenset(),), every, every
    )
    write_labelled(tmp_path / "gold.jsonl", [gold], schema)

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["stance", "evaluate", *map(str, arguments)])
        with pytest.raises(SystemExit) as caught:
            main()
        return caught.value.code or 0, capsys.readouterr()

    code, shown = run(tmp_path / "model", tmp_path / "gold.jsonl", "--report", tmp_path / "report")
    assert (code, shown.err.count(" written\n")) == (0, 3)
    assert "1 articles" in shown.out
    assert "财政" in (tmp_path / "report" / "quality.html").read_text(encoding="utf-8")
    code, shown = run(tmp_path / "nowhere", tmp_path / "gold.jsonl", "--report", tmp_path / "q.pdf")
    assert code == 2
    assert "q.pdf" in shown.err  # said before the model is even looked for


# --- names swapped ---


class Biased:
    """Favors whatever paragraph names 甲国; neutral otherwise. Says what it was given."""

    def __init__(self):
        self.seen = []

    def analyze_many(self, articles):
        for article in articles:
            self.seen.append((article.paragraphs, article.targets))
            yield SimpleNamespace(
                paragraphs=[
                    SimpleNamespace(
                        index=i,
                        stances=[
                            SimpleNamespace(target=t, stance="favor" if "甲国" in text else "neutral")
                            for t in article.targets
                        ],
                    )
                    for i, text in enumerate(article.paragraphs)
                ]
            )


def write_swaps(path, *records):
    path.write_text("".join(json.dumps(r, ensure_ascii=False) + "\n\n" for r in records), encoding="utf-8")
    return path


CASE = {"id": "1", "kind": "country", "paragraphs": ["甲国开会，甲国代表到会。", "会期三天。"], "name": "甲国"}


def test_stances_that_a_name_moves_by_hand(tmp_path):
    path = write_swaps(
        tmp_path / "swaps.jsonl",
        CASE | {"others": ["乙国", "丙国"], "targets": ["会议"]},
        CASE | {"id": "2", "kind": "company", "name": "会期", "others": ["工期"]},
    )
    analyzer = Biased()
    found = measure_invariance(analyzer, read_swaps(path))
    assert analyzer.seen[1] == (("乙国开会，乙国代表到会。", "会期三天。"), ("乙国", "会议"))
    assert analyzer.seen[4] == (("甲国开会，甲国代表到会。", "工期三天。"), ("工期",))
    # first case: two swaps of two paragraphs and two targets, of which the first paragraph's moves
    assert len(found.stances) == 2 * 2 * 2 + 2
    assert {(m.other, m.paragraph, m.target, m.before, m.after) for m in found.moved} == {
        (other, 0, target, "favor", "neutral") for other in ("乙国", "丙国") for target in ("甲国", "会议")
    }
    assert found.moved_share == pytest.approx(4 / 10)
    assert found.sided_share == pytest.approx(1 / 10)  # 甲国 stays in the second case
    parts = found.by_kind()
    assert {kind: (len(part.stances), len(part.moved)) for kind, part in parts.items()} == {
        "company": (2, 0),
        "country": (8, 4),
    }
    assert measure_invariance(analyzer, []).moved_share == 0.0


@pytest.mark.parametrize(
    ("record", "message"),
    [
        (CASE, r"line 1: expected an object with id, kind, paragraphs, name and others; KeyError\('others'\)"),
        (CASE | {"name": "乙国", "others": ["丙国"]}, "expected the name '乙国' in the report"),
        (CASE | {"others": ["会期"]}, "found '会期' in it"),
        (CASE | {"others": [""]}, "found '' in it"),
        ([], "line 1: expected an object"),
    ],
)
def test_what_is_no_case_is_refused(tmp_path, record, message):
    with pytest.raises(InputError, match=message):
        read_swaps(write_swaps(tmp_path / "swaps.jsonl", record))
    with pytest.raises(InputError, match="expected reports with names to swap"):
        read_swaps(tmp_path / "nowhere.jsonl")
