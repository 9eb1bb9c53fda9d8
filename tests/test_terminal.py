"""The coloured view of an article: what is marked, how lines break, and that no text can steer the terminal."""

from __future__ import annotations

import io
import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from stance import (
    DEFAULT_SCHEMA,
    ArticleAnalysis,
    DevicePrediction,
    Paragraph,
    ParagraphAnalysis,
    Span,
    StancePrediction,
)
from stance.terminal import break_lines, marked_paragraph, overall_stance, print_analysis, printable, printable_json


def stance_of(target, stance, probability=0.9):
    return StancePrediction(target, stance, {"favor": 0.05, "against": 0.05, "neutral": 0.05} | {stance: probability})


def paragraph(text, *devices, index=0, stances=(), kind="body"):
    predictions = tuple(
        DevicePrediction(
            device, 0.9, tuple(Span(text.index(words), text.index(words) + len(words), words, 0.8) for words in spans)
        )
        for device, *spans in devices
    )
    return ParagraphAnalysis(Paragraph(index, 0, len(text), text, kind), tuple(stances), predictions)


def article(*paragraphs, targets=("美国",), title="标题", warnings=()):
    return ArticleAnalysis("a", title, targets, "news-small@0123", paragraphs, warnings)


def shown(analysis, width=80, **options):
    out = io.StringIO()
    print_analysis(analysis, Console(file=out, width=width, **options))
    return out.getvalue()


# --- marks ---


def test_a_span_stands_in_brackets_with_its_device_behind():
    text = marked_paragraph(paragraph("这是推倒老戏台。", ("metaphor", "推倒老戏台")))
    assert text.plain == "这是‹推倒老戏台›隐喻。"


def test_spans_within_spans_and_at_the_ends():
    text = marked_paragraph(paragraph("像弦一样绷紧", ("simile", "像弦一样绷紧"), ("hyperbole", "绷紧")))
    assert text.plain == "‹像弦一样‹绷紧›夸张›明喻"


def test_two_devices_on_the_same_words():
    text = marked_paragraph(paragraph("真是伟大", ("irony", "伟大"), ("scare_quotes", "伟大")))
    assert text.plain == "真是‹‹伟大›引号存疑›反语"


def test_spans_that_cross_are_named_where_they_end():
    text = marked_paragraph(paragraph("甲乙丙丁戊", ("metaphor", "甲乙丙"), ("irony", "丙丁")))
    assert text.plain == "‹甲乙‹丙››隐喻‹丁›反语戊"


def test_a_device_that_the_schema_does_not_know():
    assert marked_paragraph(paragraph("甲乙", ("zeugma", "乙"))).plain == "甲‹乙›zeugma"


@given(
    st.lists(st.tuples(st.integers(0, 9), st.integers(1, 5), st.sampled_from(DEFAULT_SCHEMA.device_ids)), max_size=6)
)
def test_brackets_always_match_and_the_text_stays(spans):
    words = "零一二三四五六七八九甲乙丙丁"
    devices = [DevicePrediction(d, 0.5, (Span(s, s + n, words[s : s + n], 0.5),)) for s, n, d in spans]
    plain = marked_paragraph(ParagraphAnalysis(Paragraph(0, 0, len(words), words), (), tuple(devices))).plain
    names = "|".join(label.chinese for label in DEFAULT_SCHEMA.devices)
    depth = 0
    for character in plain:
        depth += (character == "‹") - (character == "›")
        assert depth >= 0
    assert depth == 0
    assert re.sub(f"‹|›(?:{names})?", "", plain) == words
    assert len(re.findall(f"›(?:{names})", plain)) == len(devices)


def test_every_device_has_a_style_of_its_own():
    text = "推倒老戏台"
    seen = set()
    for device in DEFAULT_SCHEMA.device_ids:
        marked = marked_paragraph(paragraph(text, (device, text)))
        seen.add(str(next(span.style for span in marked.spans if span.start == 1)))
    assert len(seen) == len(DEFAULT_SCHEMA.device_ids)


# --- lines ---


def lines(text, width):
    return [line.plain for line in break_lines(Text(text), width)]


def test_chinese_breaks_between_characters_by_columns():
    assert lines("一二三四五六七", 6) == ["一二三", "四五六", "七"]


def test_no_line_begins_with_closing_punctuation_or_ends_with_opening():
    assert lines("一二三，四五", 6) == ["一二", "三，四", "五"]
    assert lines("一二“三四", 6) == ["一二", "“三四"]


def test_latin_words_and_numbers_stay_whole_if_they_fit():
    assert lines("用了GPU做3.14倍", 8) == ["用了GPU", "做3.14倍"]
    assert lines("abcdefghijkl", 5) == ["abcde", "fghij", "kl"]


def test_punctuation_without_end_is_broken_anyway():
    assert all(cell_len(line) <= 10 for line in lines("！" * 50, 10))


@given(st.text(alphabet="一二。，“”（）abc1. ‹›😀", max_size=80), st.integers(4, 30))
def test_lines_fit_and_lose_nothing_but_space_at_their_ends(text, width):
    broken = lines(text, width)
    assert all(cell_len(line) <= width for line in broken)
    assert "".join(broken).replace(" ", "") == text.replace(" ", "")


# --- what may not happen ---

NASTY = "红\x1b[31m字\x9b2J\u202e反\u2066\u200b\x00\x07\ud800\u2028完\t了"


def test_nothing_in_the_text_steers_the_terminal():
    assert printable(NASTY) == (
        "红<U+001B>[31m字<U+009B>2J<U+202E>反<U+2066><U+200B><U+0000><U+0007><U+D800><U+2028>完 了"
    )
    nasty = paragraph(NASTY, ("x\x1b", "反"), stances=[stance_of("目\x1b[2J标", "against")])
    output = shown(article(nasty, targets=("目\x1b[2J标",), title=NASTY, warnings=(NASTY,)), color_system=None)
    assert not set(output) & set("\x1b\x9b\u202e\u2066\u200b\x00\x07\ud800\u2028")
    assert "[red]" in shown(article(paragraph("[red]甲[/red]")))  # nor does rich's markup


def test_json_for_a_terminal_is_the_same_json():
    value = {"text": NASTY, "n": [1.5, None]}
    text = printable_json(value)
    assert json.loads(text) == value
    assert not set(text) & set("\x1b\x9b\u202e\u2066\u200b\x00\x07\ud800\u2028")
    assert "红" in text


# --- the whole view ---

EXPECTED = """\
标题

美国  against  favor 1  against 2  neutral 1
中国  neutral  favor 0  against 0  neutral 4

1  这笔贷款成了‹压在小镇头上的石磨›隐喻，工厂停了，
   商店关了。
   美国 against 0.93

2  官员说一切正常。

3  小节
   美国 against 0.60

4  好消息。
   美国 favor 0.90

4 paragraphs, 1 device span. A target not named
under a paragraph: neutral there.
隐喻 metaphor 1
model news-small@0123
"""


def whole():
    first = "这笔贷款成了压在小镇头上的石磨，工厂停了，商店关了。"
    return article(
        paragraph(
            first,
            ("metaphor", "压在小镇头上的石磨"),
            stances=[stance_of("美国", "against", 0.93), stance_of("中国", "neutral")],
        ),
        paragraph("官员说一切正常。", index=1, stances=[stance_of("美国", "neutral"), stance_of("中国", "neutral")]),
        paragraph(
            "小节", index=2, kind="heading", stances=[stance_of("美国", "against", 0.6), stance_of("中国", "neutral")]
        ),
        paragraph("好消息。", index=3, stances=[stance_of("美国", "favor"), stance_of("中国", "neutral")]),
        targets=("美国", "中国"),
    )


def test_the_view_without_colour():
    assert shown(whole(), width=52, color_system=None) == EXPECTED


def test_colour_adds_nothing_but_colour():
    coloured = shown(whole(), width=52, force_terminal=True, color_system="truecolor", no_color=False)
    assert "\x1b[" in coloured
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == EXPECTED


def test_no_color_is_respected(monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    output = shown(whole(), width=52, force_terminal=True)
    assert not re.search(r"\x1b\[(?:[0-9]+;)*(?:3[0-7]|9[0-7])", output)


@pytest.mark.parametrize("width", [20, 80, 200])
def test_no_line_is_wider_than_the_terminal(width):
    long = "中美经贸磋商在日内瓦举行，双方同意降低关税，美方代表称进展“实质性”，GDP增速约5.2%。" * 8
    analysis = article(
        paragraph(long, ("scare_quotes", "“实质性”"), stances=[stance_of(f"目标{n}", "against") for n in range(9)])
    )
    output = shown(analysis, width=width, color_system=None)
    assert all(cell_len(line) <= min(width, 110) for line in output.splitlines())
    assert max(map(cell_len, output.splitlines())) > min(width, 110) - 6


def test_prose_stands_under_the_text_and_above_the_counts():
    out = io.StringIO()
    print_analysis(whole(), Console(file=out, width=30, color_system=None), prose="全文共两段，" * 5 + "\x1b[2J。")
    lines = out.getvalue().splitlines()
    at = lines.index("全文共两段，全文共两段，全文共")
    assert lines[at - 1] == ""
    assert "".join(lines[at : at + 3]) == "全文共两段，" * 5 + "<U+001B>[2J。"
    assert any("device spans" in line for line in lines[at + 3 :])
    assert all(cell_len(line) <= 30 for line in lines)


def test_a_title_among_the_paragraphs_is_shown_once():
    output = shown(article(paragraph("标题", kind="title")))
    assert output.count("标题") == 1


def test_an_article_without_targets_and_paragraphs():
    output = shown(article(targets=(), warnings=("No paragraph.",)))
    assert "no targets" in output
    assert "warning: No paragraph." in output


def test_overall_stance_is_that_of_most_paragraphs_that_take_a_side():
    def of(*stances):
        paragraphs = [paragraph("段", index=n, stances=[stance_of("美国", s)]) for n, s in enumerate(stances)]
        return overall_stance(article(*paragraphs), "美国")[0]

    assert of("neutral", "neutral", "neutral", "against") == "against"
    assert of("favor", "against", "favor") == "favor"
    assert of("favor", "against") == "neutral"
    assert of() == of("neutral") == "neutral"
