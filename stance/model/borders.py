"""Kinds of places between two tokens, where a span may begin or end.

Devices have habits about their borders: a rhetorical question ends before its question mark, a metaphor at the
end of a word, an antithesis runs from one punctuation mark to another. So the place between two tokens is told by
the classes of the characters on both sides of it, and the chain (`stance.model.chain`) learns how likely each
device begins, goes on and ends at each kind of place.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["INSIDE_WORD", "KINDS", "OUTSIDE", "borders", "code_points", "part_of"]

_MARKS = ("，、；：,;:", "。！!…", "？?", "“‘「『《（(【[", "”’」』》）)】]", "\"'", "—－-～~·/")
_NONE, _LETTER, _FIRST_MARK = 0, 1, 2
_EDGE = np.array([_NONE], np.int32)
_CLASSES = _FIRST_MARK + len(_MARKS)
_LAST = 0xFFFF
_CLASS = np.full(_LAST + 1, _LETTER, np.int32)
"""Class of each character; the last stands for all that follow it."""
for _number, _marks in enumerate(_MARKS, _FIRST_MARK):
    _CLASS[[ord(_mark) for _mark in _marks]] = _number

INSIDE_WORD = 0
"""Kind of a place inside a word."""

OUTSIDE = 1
"""Kind of a place before a token that belongs to no paragraph: title, separators, target blocks, padding."""

KINDS = 1 + _CLASSES**2
"""Number of kinds: inside a word, and every pair of classes of the characters before and behind."""


def code_points(text: str) -> NDArray[np.uint32]:
    """The characters of a text as numbers."""
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)


def borders(
    text: str, starts: NDArray[np.int32], ends: NDArray[np.int32], continued: NDArray[np.bool_]
) -> NDArray[np.int32]:
    """Kind of the place before each token of a paragraph, and behind its last one. Shape (T + 1,).

    Args:
        text: the paragraph.
        starts: first character of each token. Shape (T,).
        ends: one behind the last character of each token. Shape (T,).
        continued: does a token belong to the same word as the one before? Shape (T,).
    """
    classes = _CLASS[np.minimum(code_points(text), _LAST)]
    before = np.concatenate([_EDGE, classes[ends - 1]])
    behind = np.concatenate([classes[starts], _EDGE])
    kinds = _kind(before, behind)
    kinds[1:-1][continued[1:] & (starts[1:] <= ends[:-1])] = INSIDE_WORD
    return kinds


def part_of(kinds: NDArray[np.int32], start: int, stop: int) -> NDArray[np.int32]:
    """The borders of tokens `[start, stop)` alone: behind the last of them, nothing follows."""
    part: NDArray[np.int32] = kinds[start : stop + 1].copy()
    last = part[-1:]
    before = np.where(last == INSIDE_WORD, np.int32(_LETTER), (last - 1) // _CLASSES)
    part[-1:] = _kind(before, _EDGE)
    return part


def _kind(before: NDArray[np.int32], behind: NDArray[np.int32]) -> NDArray[np.int32]:
    kinds: NDArray[np.int32] = 1 + before * np.int32(_CLASSES) + behind
    return kinds
