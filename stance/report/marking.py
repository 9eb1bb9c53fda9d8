"""Spans that nest and cross, cut into pieces that a page can show one after the other."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from stance.results import ParagraphAnalysis

__all__ = ["LANES", "Mark", "Piece", "marks_of", "pieces"]

LANES = 4
"""Lines that can run under the same words without touching; further ones share the last place."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A span to be shown.

    Attributes:
        number: of the span in its article, from 0, in the order of the text.
        start, end: half-open place in the text of the paragraph, in code points.
        device: id of the device.
        paragraph_probability: that the paragraph uses the device, 0 to 1.
        probability: of the span, 0 to 1.
        lane: at which height its line runs, 0 next to the text.
    """

    number: int
    start: int
    end: int
    device: str
    paragraph_probability: float
    probability: float
    lane: int


@dataclass(frozen=True, slots=True)
class Piece:
    """Words that the same spans cover.

    Attributes:
        text: the words.
        marks: the spans on them, that of the lowest lane last (innermost).
        start: place in the text of the paragraph, in code points.
    """

    text: str
    marks: tuple[Mark, ...]
    start: int

    @property
    def end(self) -> int:
        """Where it ends in the text of the paragraph."""
        return self.start + len(self.text)


def marks_of(paragraph: ParagraphAnalysis, first: int = 0) -> list[Mark]:
    """The spans of a paragraph, numbered from `first`, each on the lowest lane free where it begins."""
    spans = sorted(
        (
            (span.start, -span.end, found.device, found.probability, span)
            for found in paragraph.devices
            for span in found.spans
        ),
        key=lambda item: item[:3],
    )
    lanes: list[int] = []
    marks = []
    for number, (start, _, device, probability, span) in enumerate(spans, first):
        free = next((lane for lane, end in enumerate(lanes) if end <= start), len(lanes))
        lanes[free : free + 1] = [span.end]
        marks.append(Mark(number, start, span.end, device, probability, span.probability, min(free, LANES - 1)))
    return marks


def pieces(text: str, marks: Iterable[Mark]) -> Iterator[Piece]:
    """The text, cut wherever a span begins or ends; the pieces put together are the text."""
    marks = sorted(marks, key=lambda mark: (-mark.lane, mark.number))
    borders = sorted({0, len(text), *(border for mark in marks for border in (mark.start, mark.end))})
    for start, end in pairwise(borders):
        yield Piece(text[start:end], tuple(mark for mark in marks if mark.start <= start and end <= mark.end), start)
