"""The summary of a corpus: counted by hand, added up from parts, and resampled the plain way."""

from __future__ import annotations

import itertools
import json
import random

import numpy as np
import pytest
from analyses import article, paragraph
from hypothesis import given, settings
from hypothesis import strategies as st

from stance import InputError, LabelSchema
from stance.schema import DEFAULT_SCHEMA
from stance.summary import Bootstrap, CorpusSummary, StanceCounts, summarize, summarize_corpus
from stance.summary.groups import Grouping

PLAIN = Bootstrap(draws=0)


def signs(id, marks, *, text="话", **extra):
    """An article of one-character paragraphs, one for each stance towards 美国."""
    return article([paragraph(text, mark) for mark in marks], id=id, extra=extra)


CORPUS = [
    signs("1", "--0", source="甲", date="2025-11-03"),
    signs("2", "+", source="甲", date="2025年12月1日"),
    signs("3", "0000", source="乙", date="2024"),
    article(
        [paragraph("‹metaphor:石磨›和‹metaphor:炸药›", "-+")], id="4", targets=("美国", "中国"), extra={"source": "乙"}
    ),
]


def test_figures_of_a_small_corpus():
    figures = summarize_corpus(CORPUS, by=["source"]).to_dict(PLAIN)
    assert [figures[name] for name in ("articles", "paragraphs", "characters", "device_spans")] == [4, 9, 13, 2]
    assert figures["per_1000_characters"] == 153.85
    us, china = figures["targets"]
    assert (us["target"], us["articles"], us["paragraphs"]) == ("美国", 4, 9)
    assert [(s["stance"], s["paragraphs"], s["share"]) for s in us["stances"]] == [
        ("favor", 1, 0.111),
        ("against", 3, 0.333),
        ("neutral", 5, 0.556),
    ]
    # articles 1 and 4 drift against, 2 in favor, 3 nowhere
    assert [(s["articles"], s["article_share"]) for s in us["stances"]] == [(1, 0.25), (2, 0.5), (1, 0.25)]
    assert us["devices"] == [{"device": "metaphor", "favor": 0, "against": 1, "neutral": 0}]
    assert (china["target"], china["articles"], china["paragraphs"]) == ("中国", 1, 1)
    metaphor = figures["devices"][0]
    assert [metaphor[n] for n in ("device", "spans", "paragraphs", "share")] == ["metaphor", 2, 1, 0.111]
    assert [(d["domain"], d["spans"], d["share"], d["words"]) for d in figures["metaphors"]] == [
        ("tools", 1, 0.5, [{"word": "石磨", "spans": 1}]),
        ("war", 1, 0.5, [{"word": "炸药", "spans": 1}]),
    ]
    [by_source] = figures["groups"]
    assert by_source["by"] == "source"
    found = {
        g["value"]: (g["articles"], [s["paragraphs"] for s in g["targets"][0]["stances"]]) for g in by_source["values"]
    }
    assert found == {"甲": (2, [1, 2, 1]), "乙": (2, [0, 1, 4])}


def test_a_tally_is_the_sum_of_the_tallies_of_its_articles():
    whole = summarize_corpus(CORPUS).whole
    parts = [summarize(analysis).tally for analysis in CORPUS]
    assert whole == parts[0] + parts[1] + parts[2] + parts[3]
    assert whole.by_target()["美国"] == {
        StanceCounts(0, 2, 1): 1,
        StanceCounts(1, 0, 0): 1,
        StanceCounts(0, 0, 4): 1,
        StanceCounts(0, 1, 0): 1,
    }


# --- parts and wholes ---

_texts = st.sampled_from(["话", "‹metaphor:炸药›", "‹metaphor:石磨›，‹irony:妙›", " "])
_articles = st.lists(
    st.tuples(
        st.lists(st.tuples(_texts, st.sampled_from(["+-", "-0", "00", "++"])), max_size=4),
        st.sampled_from(["", "甲", "乙"]),
        st.sampled_from(["", "a0", "a1", "a2", "a3", "elsewhere"]),
    ),
    max_size=8,
)


def _build(drawn):
    return [
        article(
            [paragraph(*marked) for marked in paragraphs],
            id=f"a{number}",
            targets=("美国", "中国"),
            extra={"source": source, "duplicate_of": original},
        )
        for number, (paragraphs, source, original) in enumerate(drawn)
    ]


@settings(max_examples=60, deadline=None)
@given(_articles, st.randoms(use_true_random=False), st.booleans())
def test_parts_in_any_order_add_up_to_the_whole(drawn, order, count_copies):
    analyses = _build(drawn)
    whole = summarize_corpus(analyses, by=["source"], count_copies=count_copies)
    shuffled = order.sample(analyses, len(analyses))
    cut = order.randint(0, len(analyses))
    parts = []
    for part in (shuffled[:cut], shuffled[cut:]):
        parts.append(CorpusSummary(("source",), count_copies))
        for analysis in part:
            parts[-1].add(analysis)
    total = parts[0] + parts[1]
    few = Bootstrap(draws=20)
    assert total.to_dict(few) == whole.to_dict(few)
    assert total == whole


def test_parts_made_differently_do_not_add_up():
    with pytest.raises(ValueError, match="by, count_copies and schema"):
        _ = CorpusSummary(("source",)) + CorpusSummary(("date",))
    other = LabelSchema(DEFAULT_SCHEMA.stances, DEFAULT_SCHEMA.devices[:1])
    with pytest.raises(ValueError, match="by, count_copies and schema"):
        _ = CorpusSummary(schema=other) + CorpusSummary()


# --- wire copy ---


def _against(summary):
    return sum((counts.against * n for counts, n in summary.whole.by_target().get("美国", {}).items()), 0)


def copy(id, of, marks, **extra):
    return signs(id, marks, duplicate_of=of, **extra)


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))))
def test_a_story_counts_once_whatever_the_order(order):
    printings = [signs("wire", "-"), copy("p1", "wire", "--"), copy("p2", "wire", "---"), copy("p3", "p2", "----")]
    summary = summarize_corpus(printings[i] for i in order)
    assert (summary.whole.articles, summary.copies_left_out, _against(summary)) == (1, 3, 1)


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_without_the_original_the_copy_with_the_least_id_counts(order):
    printings = [copy("p3", "wire", "-"), copy("p1", "wire", "--", source="甲"), copy("p2", "p3", "---")]
    summary = summarize_corpus((printings[i] for i in order), by=["source"])
    assert (summary.whole.articles, summary.copies_left_out, _against(summary)) == (1, 2, 2)
    assert {value: tally.articles for value, tally in summary.groups("source").items()} == {"甲": 1}


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_copies_that_name_each_other_count_once(order):
    ring = [copy("a", "b", "-"), copy("b", "c", "--"), copy("c", "a", "---")]
    summary = summarize_corpus(ring[i] for i in order)
    assert (summary.whole.articles, summary.copies_left_out, _against(summary)) == (1, 2, 1)


def test_copies_count_as_often_as_printed_where_asked_for():
    printings = [signs("wire", "-"), copy("p1", "wire", "--"), copy("p2", "wire", "---")]
    summary = summarize_corpus(printings, count_copies=True)
    assert (summary.whole.articles, summary.copies_left_out, _against(summary)) == (3, 0, 6)


def test_an_article_that_names_itself_or_nothing_is_an_original():
    summary = summarize_corpus([copy("a", "a", "-"), copy("b", None, "-"), copy("c", "", "-")])
    assert (summary.whole.articles, summary.copies_left_out) == (3, 0)


# --- groups ---


@pytest.mark.parametrize(
    ("name", "value", "group"),
    [
        ("date:year", "2025-11-03", "2025"),
        ("date:month", "2025年11月3日 08:00", "2025-11"),
        ("date:day", "2025/1/5", "2025-01-05"),
        ("date:day", "20250105", "2025-01-05"),
        ("date:month", "2025-11-03T08:00:00+08:00", "2025-11"),
        ("date:month", "2025", ""),
        ("date:year", 2025, "2025"),
        ("date:year", "昨天", ""),
        ("date:year", None, ""),
        ("date", "2025-11-03", "2025-11-03"),
        ("date", None, ""),
        ("date", True, "true"),
        ("date", ["甲", 1], '["甲", 1]'),
        ("date", " 甲 ", "甲"),
    ],
)
def test_group_of_an_article(name, value, group):
    assert Grouping(name).column == "date"
    assert Grouping(name).value({"date": value}) == group


def test_a_column_may_have_a_colon_in_its_name():
    assert Grouping("dc:source").value({"dc:source": "甲"}) == "甲"
    assert Grouping(":year").value({":year": "甲"}) == "甲"


def test_dates_come_in_order_other_groups_by_size_articles_without_last():
    summary = summarize_corpus([*CORPUS, signs("5", "0", source="乙")], by=["date:year", "source"])
    assert list(summary.groups("date:year")) == ["2024", "2025", ""]
    assert list(summary.groups("source")) == ["乙", "甲"]


def test_a_column_that_no_article_has_is_refused():
    with pytest.raises(InputError, match=r"column 'press' .* found the further columns date, source"):
        summarize_corpus(CORPUS, by=["source", "press"])
    assert summarize_corpus([], by=["press"]).to_dict(PLAIN)["articles"] == 0


# --- the corpus as a measure of an article ---


def test_percentile_counts_the_articles_with_fewer_devices_per_character():
    texts = ["话" * 10, "‹irony:妙›" + "话" * 9, "‹irony:妙›" + "话" * 19, "‹irony:妙›‹irony:妙›" + "话" * 18, " "]
    analyses = [article([paragraph(text, "0")], id=str(i)) for i, text in enumerate(texts)]
    corpus = summarize_corpus(analyses)
    # densities 0, 100, 50, 100 and none: of four articles with text 0, 2, 1 and 2 have fewer
    assert [summarize(a, corpus).percentile for a in analyses] == [0, 50, 25, 50, None]
    corpus.add(article([paragraph("话", "0")], id="more"))
    assert summarize(analyses[1], corpus).percentile == 60
    assert summarize(analyses[1], summarize_corpus([])).percentile is None


# --- intervals ---


def test_intervals_are_those_of_plainly_drawing_articles_anew():
    chance = random.Random(3)
    articles = ["".join(chance.choice("--0+0") for _ in range(chance.randint(1, 9))) for _ in range(40)]
    summary = summarize_corpus(signs(str(i), marks) for i, marks in enumerate(articles))
    against = summary.to_dict(Bootstrap(4000))["targets"][0]["stances"][1]
    shares = []
    for _ in range(4000):
        drawn = "".join(chance.choices(articles, k=len(articles)))
        shares.append(drawn.count("-") / len(drawn))
    low, high = np.percentile(shares, [2.5, 97.5])
    assert against["share_low"] == pytest.approx(low, abs=0.006)
    assert against["share_high"] == pytest.approx(high, abs=0.006)
    assert against["share_low"] < against["share"] < against["share_high"]


def test_intervals_do_not_hang_on_chance_but_on_the_seed():
    corpus = summarize_corpus(signs(str(i), "-" * (i % 3) + "0+") for i in range(12))
    assert corpus.to_dict() == corpus.to_dict(Bootstrap(1000, seed=0)) != corpus.to_dict(Bootstrap(1000, seed=1))


def test_many_draws_in_pieces_are_as_wide_as_in_one(monkeypatch):
    corpus = summarize_corpus(signs(str(i), "-" * (i % 3) + "0+") for i in range(30))
    at_once = corpus.to_dict(Bootstrap(2000))["targets"][0]["stances"][1]
    monkeypatch.setattr("stance.summary.estimates._CELLS", 30)
    in_pieces = corpus.to_dict(Bootstrap(2000))["targets"][0]["stances"][1]
    assert in_pieces["share_low"] == pytest.approx(at_once["share_low"], abs=0.01)
    assert in_pieces["share_high"] == pytest.approx(at_once["share_high"], abs=0.01)


@pytest.mark.parametrize(("articles", "given"), [(4, False), (5, True)])
def test_too_few_articles_get_no_interval(articles, given):
    figures = summarize_corpus(signs(str(i), "-+") for i in range(articles)).to_dict()
    stance = figures["targets"][0]["stances"][0]
    assert (stance["share_low"] is not None) == (stance["article_share_high"] is not None) == given
    assert (figures["per_1000_characters_low"] is not None) == given


def test_a_negative_number_of_draws_is_a_mistake():
    with pytest.raises(ValueError, match="at least 0"):
        Bootstrap(-1)


def test_many_targets_are_counted_and_the_commonest_given():
    analyses = [article([paragraph("话", "-")], id=str(i), targets=(f"对象{i}",)) for i in range(150)]
    figures = summarize_corpus([*analyses, *analyses[140:]]).to_dict(PLAIN)
    assert (len(figures["targets"]), figures["distinct_targets"]) == (100, 150)
    assert [target["articles"] for target in figures["targets"][:11]] == [2] * 10 + [1]


def test_json_has_no_numbers_that_json_does_not_know():
    for analyses in ([], [article([])], CORPUS):
        summary = summarize_corpus(analyses)
        assert json.loads(summary.to_json()) == summary.to_dict()
