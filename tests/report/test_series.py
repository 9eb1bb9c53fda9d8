"""The figures behind the charts, counted by hand."""

from __future__ import annotations

import pytest
from corpora import article, corpus, numbered, paragraph

from stance import DEFAULT_SCHEMA, summarize_corpus
from stance.report.series import crossings, device_densities, periods, stance_shares
from stance.summary import Bootstrap


def grouped(analyses, by):
    return summarize_corpus(analyses, [by]).groups(by)


def test_stance_shares_by_source():
    analyses = [
        article(
            [paragraph("甲", "+"), paragraph("乙", "-"), paragraph("丙", "-"), paragraph("丁", "0")],
            id="1",
            extra={"source": "A"},
        ),
        article([paragraph("甲", "+")], id="2", extra={"source": "A"}),
        article([paragraph("甲", "+")], id="3", targets=("中国",), extra={"source": "B"}),
    ]
    (only,) = stance_shares(grouped(analyses, "source"), "美国", Bootstrap(10))
    assert (only.group, only.articles, only.paragraphs) == ("A", 2, 5)
    assert (only.favor.value, only.against.value) == (0.4, 0.4)
    assert only.favor.low is None  # two articles say little


def test_intervals_from_five_articles_on():
    (group, *_) = stance_shares(grouped(corpus(40), "source"), "仓库", Bootstrap(200))
    assert 0 <= group.favor.low <= group.favor.value <= group.favor.high <= 1


def test_crossings_are_shares_of_the_paragraphs_of_a_stance():
    analyses = [
        article([paragraph("‹irony:甲›", "-"), paragraph("乙", "-"), paragraph("‹irony:丙›‹irony:丁›", "0")], id="1"),
        article([paragraph("‹irony:甲›", "-")], id="2"),
    ]
    found = {row.device: row.cells for row in crossings(summarize_corpus(analyses).whole, "美国", DEFAULT_SCHEMA)}
    assert tuple(found) == DEFAULT_SCHEMA.device_ids
    favor, against, neutral = found["irony"]
    assert (favor.count, favor.share) == (0, None)
    assert (against.count, against.share) == (2, pytest.approx(2 / 3))
    assert (neutral.count, neutral.share) == (1, 1.0)
    assert all(cell.count == 0 for cell in found["simile"])


def test_densities_are_per_thousand_characters():
    analyses = [article([paragraph("‹irony:甲›乙丙丁 ‹irony:戊›")], id="1", extra={"source": "A"})]
    (row,) = device_densities(grouped(analyses, "source"), ["simile", "irony"])
    assert (row.group, row.articles, row.densities) == ("A", 1, (0.0, 400.0))


@pytest.mark.parametrize(
    ("dates", "expected"),
    [
        (["2024-01-02", "2024-03", "2024-03-09"], ["2024-01", "2024-03"]),
        (["2024-01-02", "2023"], ["2023", "2024"]),  # a date without a month
        (["2024-01-02", None, "昨天"], ["2024-01"]),
        ([f"{2000 + n}-05-01" for n in range(37)], [str(2000 + n) for n in range(37)]),  # too many months
        ([], []),
    ],
)
def test_periods(dates, expected):
    analyses = [article([paragraph("甲")], id=str(n), extra={"date": date}) for n, date in enumerate(dates)]
    analyses.append(article([paragraph("甲")], id="x", extra={"date": None}))
    corpus = summarize_corpus(analyses, ["date:year", "date:month"])
    assert sorted(periods(corpus.groups("date:year"), corpus.groups("date:month"))) == expected


def test_the_samples_are_what_they_say():
    assert numbered(12).paragraphs[0].devices[0].spans[0].text == "闸门"
    assert not numbered(13).paragraphs[0].devices
