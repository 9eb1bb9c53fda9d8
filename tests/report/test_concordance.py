"""Spans in context, and which lines stay where there are too many."""

from __future__ import annotations

from corpora import article, numbered, paragraph

from stance.report.concordance import CONTEXT, Concordance, Line


def test_a_line_has_the_words_before_and_after():
    found = Concordance(10)
    found.add(7, article([paragraph("甲。"), paragraph("墙上‹metaphor:裂缝›\n越来越大。‹irony:好›")]))
    assert found.lines("metaphor") == [Line(7, 1, "墙上", "裂缝", " 越来越大。好")]
    assert found.lines("irony") == [Line(7, 1, "墙上裂缝 越来越大。", "好", "")]
    assert found.lines("simile") == []
    assert found.spans == {"metaphor": 1, "irony": 1}


def test_long_context_is_cut():
    found = Concordance(10)
    found.add(0, article([paragraph("左" * 99 + "‹irony:" + "中" * 99 + "›" + "右" * 99)]))
    (line,) = found.lines("irony")
    assert (line.left, line.right) == ("左" * CONTEXT, "右" * CONTEXT)
    assert line.word == "中" * 60 + "…"


def lines_of(order, most):
    found = Concordance(most)
    for number in order:
        found.add(number, numbered(number))
    return found


def test_a_sample_does_not_hang_on_the_order_of_reading():
    forth, back = lines_of(range(3, 303), 20), lines_of(reversed(range(3, 303)), 20)
    assert len(forth.lines("metaphor")) == 20
    assert forth.lines("metaphor") == back.lines("metaphor")
    assert forth.spans["metaphor"] == 100


def test_a_sample_is_drawn_from_the_whole():
    numbers = [line.article for line in lines_of(range(3000), 100).lines("metaphor")]
    assert numbers == sorted(numbers)
    thirds = [sum(low <= number < low + 1000 for number in numbers) for low in (0, 1000, 2000)]
    assert min(thirds) >= 20  # of 33 each


def test_all_lines_stay_where_there_is_room():
    assert len(lines_of(range(3, 63), 20).lines("metaphor")) == 20
    assert len(lines_of(range(3, 63), 21).lines("metaphor")) == 20
