"""Marked spans, which may nest and cross, cut into pieces that a page can show one after the other."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from stance.training.quality.errors import Mark

__all__ = ["Piece", "pieces"]


@dataclass(frozen=True, slots=True)
class Piece:
    """Words that the same marks cover.

    Attributes:
        text: the words.
        marks: the marks on them.
        opening: those of them that begin here, the longest first.
        closing: those of them that end here, the shortest first.
    """

    text: str
    marks: tuple[Mark, ...]
    opening: tuple[Mark, ...]
    closing: tuple[Mark, ...]


def pieces(text: str, marks: Sequence[Mark]) -> Iterator[Piece]:
    """The text, cut wherever a mark begins or ends; the pieces put together are the text."""
    borders = sorted({0, len(text), *(border for mark in marks for border in (mark.start, mark.end))})
    ordered = sorted(marks, key=lambda mark: (mark.start - mark.end, mark.start))
    for start, end in pairwise(borders):
        own = tuple(mark for mark in ordered if mark.start <= start and end <= mark.end)
        yield Piece(
            text[start:end],
            own,
            tuple(mark for mark in own if mark.start == start),
            tuple(mark for mark in reversed(own) if mark.end == end),
        )
