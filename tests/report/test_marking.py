"""Spans in pieces: what covers what, by hand, and for any spans."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from stance import DEFAULT_SCHEMA, DevicePrediction, Paragraph, ParagraphAnalysis, Span
from stance.report.marking import LANES, marks_of, pieces

WORDS = "零一二三四五六七八九甲乙丙丁"


def paragraph(*spans):
    """A paragraph of `WORDS` with spans (device, start, end)."""
    devices = [
        DevicePrediction(device, 0.9, (Span(start, end, WORDS[start:end], 0.5),)) for device, start, end in spans
    ]
    return ParagraphAnalysis(Paragraph(0, 0, len(WORDS), WORDS), (), tuple(devices))


def shown(*spans):
    marks = marks_of(paragraph(*spans))
    return [(piece.text, [mark.device for mark in piece.marks]) for piece in pieces(WORDS, marks)]


def test_no_spans():
    assert shown() == [(WORDS, [])]


def test_spans_that_nest_and_touch():
    assert shown(("simile", 0, 6), ("irony", 2, 4), ("metaphor", 6, 8)) == [
        ("零一", ["simile"]),
        ("二三", ["irony", "simile"]),
        ("四五", ["simile"]),
        ("六七", ["metaphor"]),
        ("八九甲乙丙丁", []),
    ]


def test_spans_that_cross():
    assert shown(("simile", 0, 4), ("irony", 2, 6)) == [
        ("零一", ["simile"]),
        ("二三", ["irony", "simile"]),
        ("四五", ["irony"]),
        ("六七八九甲乙丙丁", []),
    ]


def test_lanes_are_used_again_where_they_are_free():
    marks = marks_of(paragraph(("simile", 0, 4), ("irony", 2, 6), ("metaphor", 4, 8), ("irony", 6, 9)), first=10)
    assert [(mark.number, mark.device, mark.lane) for mark in marks] == [
        (10, "simile", 0),
        (11, "irony", 1),
        (12, "metaphor", 0),
        (13, "irony", 1),
    ]


@given(
    st.lists(st.tuples(st.sampled_from(DEFAULT_SCHEMA.device_ids), st.integers(0, 9), st.integers(1, 5)), max_size=8)
)
def test_pieces_are_the_text_and_each_character_bears_its_spans(spans):
    spans = [(device, start, start + length) for device, start, length in spans]
    found = list(pieces(WORDS, marks_of(paragraph(*spans))))
    assert "".join(piece.text for piece in found) == WORDS
    for place in range(len(WORDS)):
        (piece,) = [piece for piece in found if piece.start <= place < piece.end]
        covering = sorted(device for device, start, end in spans if start <= place < end)
        assert sorted(mark.device for mark in piece.marks) == covering
        lanes = [mark.lane for mark in piece.marks if mark.lane < LANES - 1]
        assert len(lanes) == len(set(lanes))  # lines under the same words do not touch
