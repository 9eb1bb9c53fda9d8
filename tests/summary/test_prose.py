"""Prose: fluent where it was read by hand, and true to the figures whatever the article."""

from __future__ import annotations

import re

import pytest
from analyses import article, paragraph
from hypothesis import given, settings
from hypothesis import strategies as st

from stance.schema import DEFAULT_SCHEMA
from stance.summary import Bootstrap, StanceConfusion, summarize, summarize_corpus

COMMENTARY = article(
    [
        paragraph("谁的算盘", "00", "title"),
        paragraph("双方将于下周举行会谈。", "00"),
        paragraph("中方的应对‹antithesis:有理有节›。", "0+"),
        paragraph("这张‹metaphor:空头支票›，换不来让步。", "-0"),
        paragraph("说是‹scare_quotes:“筹码”›，其实是‹metaphor:绑在身上的炸药›。", "-0"),
        paragraph("‹metaphor@0.9:空头支票›开了一张又一张，‹rhetorical_question@0.9:还有谁信呢›？", "-0"),
        paragraph("他们也做过一件好事。", "+0"),
    ],
    title="谁的《算盘》",
    targets=("美国", "中国"),
)


def test_an_article_in_chinese():
    assert summarize(COMMENTARY).chinese == (
        "《谁的〈算盘〉》共7段、84字。"
        "作者对美国倾向反对：7段中反对3段、支持1段，其余3段中立或未提及。反对多集中在结尾三分之一（2段）。"
        "作者对中国大多不表态，间或支持：7段中支持1段，其余6段中立或未提及。"
        "全文用修辞手法6处，每千字71.43处，最常见的是隐喻（3处，如“空头支票”）、对偶（1处，如“有理有节”）"
        "和反问（1处，如“还有谁信呢”）。"
        "反对美国的3段里，3段用了隐喻。"
        "隐喻取自买卖账目（2处，如“空头支票”）和战争（1处，如“绑在身上的炸药”）。"
        "修辞与立场最集中的一句是：“空头支票开了一张又一张，还有谁信呢？”"
    )


def test_an_article_in_english():
    assert summarize(COMMENTARY).english == (
        "《谁的〈算盘〉》 has 7 paragraphs and 84 characters. "
        "The author leans against 美国 (of 7 paragraphs, 3 against, 1 in favor and 3 without a side). "
        "Most of those against (2) come in the last third. "
        "The author seldom takes a side on 中国, but is now and then in favor "
        "(of 7 paragraphs, 1 in favor and 6 without a side). "
        "Rhetorical devices: 6, or 71.43 per thousand characters; most often metaphor (3, as in “空头支票”), "
        "antithesis (1, as in “有理有节”) and rhetorical question (1, as in “还有谁信呢”). "
        "Of the 3 paragraphs against 美国, 3 use metaphor. "
        "Metaphors are drawn from trade and accounts (2, as in “空头支票”) and war (1, as in “绑在身上的炸药”). "
        "Rhetoric and stance are densest in the sentence “空头支票开了一张又一张，还有谁信呢？”"
    )


@pytest.mark.parametrize(
    ("marks", "chinese", "english"),
    [
        ("0000", "对美国始终没有表态。", "No paragraph takes a side on 美国."),
        ("+-0", "对美国褒贬相当：3段中支持1段、反对1段，其余1段中立或未提及。", "On 美国 the text is evenly split"),
        ("--", "作者对美国持反对态度：2段全部反对。", "The author is against 美国 (all 2 paragraphs)."),
        ("+", "作者对美国持支持态度：1段支持。", "The author is in favor of 美国 (1 paragraph)."),
        ("+++0---00-", "从前到后，态度由支持转向反对。", "From beginning to end it turns from in favor to against."),
        ("-0-0-0", "反对贯穿全文。", "Those against run through the whole text."),
        ("---000", "反对多集中在开头三分之一（2段）。", "Most of those against (2) come in the first third."),
        ("0++++0", None, None),  # two of four are not three fifths
    ],
)
def test_stances_are_told_by_their_counts_and_course(marks, chinese, english):
    summary = summarize(article([paragraph("话", mark) for mark in marks]))
    if chinese is None:
        assert "三分之一" not in summary.chinese
        assert "third" not in summary.english
        return
    assert chinese in summary.chinese
    assert english in summary.english


def test_what_is_missing_is_said():
    assert summarize(article([])).chinese == "没有可供分析的段落。"
    assert summarize(article([])).english == "There is no paragraph to analyze."
    bare = summarize(article([paragraph("话。")], targets=()))
    assert bare.chinese == "全文共1段、2字。没有给定或找到评价对象。文中没有发现修辞手法。"
    assert bare.english == (
        "The text has 1 paragraph and 2 characters. No target was given or found. No rhetorical device was found."
    )
    many = summarize(article([paragraph("话。", "+" * 6)], targets=("甲", "乙", "丙", "丁", "戊", "己")))
    assert "对丁" in many.chinese
    assert "对戊" not in many.chinese
    assert "其余评价对象见表。" in many.chinese
    assert "The other targets stand in the tables." in many.english


def test_words_that_cannot_be_quoted_are_left_out():
    long = "一匹脱缰的野马在无边的日子里不知疲倦又漫无目的地狂奔"
    summary = summarize(article([paragraph(f"‹metaphor:{long}›，‹irony:他说“妙”极了›。", "0")]))
    assert "隐喻取自动物（1处，如“野马”）" in summary.chinese  # the word in place of the metaphor
    assert "反语（1处）" in summary.chinese
    assert "夸张（1处）" in summarize(article([paragraph("‹hyperbole:，万›", "0")])).chinese


def test_a_corpus_in_both_languages():
    analyses = [
        article(
            [paragraph("‹metaphor:炸药›来了", "-"), paragraph("话", "0")],
            id=str(i),
            extra={"source": "甲" if i < 6 else "乙"},
        )
        for i in range(8)
    ]
    analyses += [article([paragraph("好", "+")], id=f"b{i}", extra={"source": "乙"}) for i in range(4)]
    analyses.append(article([paragraph("好", "+")], id="copy", extra={"source": "乙", "duplicate_of": "b0"}))
    perfect = StanceConfusion(((9, 0, 0), (0, 9, 0), (0, 0, 9)))
    figures = summarize_corpus(analyses, by=["source"]).to_dict(Bootstrap(0), perfect)
    assert figures["chinese"] == (
        "语料共12篇（另有1篇转载未计入）、20段、44字。平均每千字用修辞手法181.82处，处数最多的是隐喻（见于40.0%的段落）。"
        "评价最多的对象是美国（12篇）。对美国，40.0%的段落反对、20.0%的段落支持；"
        "按模型的已知误差校正后，反对为40.0%、支持为20.0%。隐喻最多取自战争（100.0%）。"
        "按source看，反对美国的段落占比以“甲”最高（50.0%），以“乙”最低（25.0%）。"
    )
    assert figures["english"] == (
        "The corpus has 12 articles, 20 paragraphs and 44 characters; 1 reprint not counted. "
        "It uses 181.82 rhetorical devices per thousand characters, most of all metaphor (in 40.0% of paragraphs). "
        "The commonest targets are 美国 (12 articles). "
        "On 美国, 40.0% of the paragraphs are against and 20.0% of the paragraphs are in favor; "
        "corrected for the known errors of the model, 40.0% against and 20.0% in favor. "
        "Metaphors are drawn most of all from war (100.0%). "
        "By source, the share of paragraphs against 美国 is largest in “甲” (50.0%) and smallest in “乙” (25.0%)."
    )


# --- true whatever the article ---

_PIECES = (
    "话",
    "‹metaphor:炸药›",
    "‹metaphor:甲乙›",
    "‹irony:“妙”›",
    "‹hyperbole:3天3夜›",
    "‹quotation@0.9:天道2酬勤›？",
    "。",
    "12",
)
_TARGETS = ("美国", "G20", "5G网络")
_paragraphs = st.lists(
    st.tuples(
        st.lists(st.sampled_from(_PIECES), min_size=1, max_size=6).map("".join),
        st.text("+-0", min_size=3, max_size=3),
        st.sampled_from(["body", "heading"]),
    ),
    max_size=12,
)
_titles = st.sampled_from(["", "题", "2025年的《5件》事"])


def numbers_of(value):
    """All numbers in a JSON value."""
    if isinstance(value, dict):
        return {n for v in value.values() for n in numbers_of(v)}
    if isinstance(value, list):
        return {n for v in value for n in numbers_of(v)}
    return {value} if isinstance(value, int | float) and not isinstance(value, bool) else set()


def texts_of(value):
    """All texts in a JSON value."""
    if isinstance(value, dict):
        return {t for v in value.values() for t in texts_of(v)}
    if isinstance(value, list):
        return {t for v in value for t in texts_of(v)}
    return {value} if isinstance(value, str) else set()


def unfounded(prose, figures, names):
    """Numbers and quotations in the prose that do not stand in the figures."""
    figures = {name: value for name, value in figures.items() if name not in ("chinese", "english")}
    texts = " ".join(texts_of(figures)).translate(str.maketrans("“”《》", "‘’〈〉"))
    wrong = [quote for quote in re.findall("[“《]([^”》]*)[”》]", prose) if quote not in texts]
    bare = re.sub("“[^”]*”|《[^》]*》", "", prose)
    for name in names:
        bare = bare.replace(name, "")
    numbers = numbers_of(figures)
    percents = {round(100 * number, 1) for number in numbers if 0 <= number <= 1}
    for found in re.findall(r"\d[\d,]*(?:\.\d+)?%?", bare):
        number = float(found.strip("%").replace(",", ""))
        if number not in numbers and not (found.endswith("%") and number in percents):
            wrong.append(found)
    return wrong


def test_the_check_itself_finds_what_is_wrong():
    figures = {"title": "题", "n": 7, "share": 0.123, "chinese": "8"}
    assert unfounded("《题》共7段，12.3%", figures, []) == []
    assert unfounded("《标》共8段，12.4%，“话”", figures, []) == ["标", "话", "8", "12.4%"]


@settings(max_examples=150, deadline=None)
@given(_paragraphs, _titles)
def test_every_number_and_quotation_in_the_prose_stands_in_the_json(paragraphs, title):
    analysis = article([paragraph(*p) for p in paragraphs], title=title, targets=_TARGETS)
    corpus = summarize_corpus([analysis, COMMENTARY, article([paragraph("话")], id="c")])
    figures = summarize(analysis, corpus).to_dict()
    assert unfounded(figures["chinese"], figures, _TARGETS) == []
    assert unfounded(figures["english"], figures, _TARGETS) == []


@settings(max_examples=150, deadline=None)
@given(_paragraphs)
def test_what_the_prose_says_of_a_target_is_so(paragraphs):
    figures = summarize(article([paragraph(*p) for p in paragraphs], targets=_TARGETS)).to_dict()
    if not figures["paragraphs"]:
        return
    for target in figures["targets"]:
        n, favor, against = (target[key] for key in ("paragraphs", "favor", "against"))
        # up to the verdict on the next target, or on the devices
        [said] = re.findall(
            rf"对{target['target']}(?:持|倾|大|褒|始).*?(?=作者对|对美国|对G20|对5G|全文用|文中没|$)",
            figures["chinese"],
        )
        assert ("始终没有表态" in said) == (favor == against == 0)
        assert ("褒贬相当" in said) == (favor == against > 0)
        assert ("持支持态度" in said) == (favor > against and 2 * favor >= n)
        assert ("持反对态度" in said) == (against > favor and 2 * against >= n)
        for side, count in (("支持", favor), ("反对", against)):
            told = re.search(rf"{side}(\d+)段|(\d+)段(?:全部)?{side}。", said)
            assert (int(told[1] or told[2]) if told else 0) == count
        rest = re.search(r"其余(\d+)段", said)
        assert (int(rest[1]) if rest else 0) == (n - favor - against if favor or against else 0)


@settings(max_examples=40, deadline=None)
@given(st.lists(_paragraphs, max_size=14), st.booleans())
def test_every_number_in_the_prose_on_a_corpus_stands_in_the_json(drawn, correct):
    analyses = [
        article([paragraph(*p) for p in one], id=f"a{i}", targets=_TARGETS, extra={"source": "甲乙"[i % 2]})
        for i, one in enumerate(drawn)
    ]
    confusion = StanceConfusion(((80, 5, 15), (4, 60, 36), (10, 10, 180))) if correct else None
    figures = summarize_corpus(analyses, by=["source"] if analyses else []).to_dict(Bootstrap(50), confusion)
    assert unfounded(figures["chinese"], figures, _TARGETS) == []
    assert unfounded(figures["english"], figures, _TARGETS) == []


def test_devices_are_named_as_in_the_schema():
    marked = "".join(f"‹{device}:甲乙›" for device in DEFAULT_SCHEMA.device_ids[:3])
    summary = summarize(article([paragraph(marked)]))
    for device in DEFAULT_SCHEMA.devices[:3]:
        assert device.chinese in summary.chinese
        assert device.english in summary.english
