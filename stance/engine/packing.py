"""From windows to batches: rows of bounded length, sorted by length, under a token budget.

A window with many paragraphs and targets has far more tokens in its target blocks than in its text: 120 short
paragraphs and 20 targets are 2,400 blocks. Blocks do not see each other, so they can be dealt out over several
rows that all have the window's text, and no label changes.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from stance.model.encoding import BLOCK, Window

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from stance.model.decoding import ParagraphReading

__all__ = ["BLOCK_TOKENS", "MULTIPLE", "deal_out", "join", "pack", "padded"]

MULTIPLE = 8
"""Batches are padded to a multiple of so many tokens, as matrix units want it."""

BLOCK_TOKENS = 512
"""Tokens of target blocks in a row, at most: fewer repeat the text too often, more cost too much attention."""


def deal_out(window: Window, room: int = BLOCK_TOKENS) -> list[Window]:
    """The window in rows: each has the text and, in order, as many blocks as fit into `room` tokens; at least one."""
    text = int(np.count_nonzero(window.segments != BLOCK))
    if len(window) - text <= room:
        return [window]
    ends = np.append(window.pair_places[1:], len(window)) - text  # of each block, counted from the first one's start
    rows, first = [], 0
    while first < len(ends):
        begin = int(ends[first - 1]) if first else 0
        stop = max(first + 1, int(np.searchsorted(ends, begin + room, "right")))
        rows.append(_row(window, text, first, stop))
        first = stop
    return rows


def _row(window: Window, text: int, first: int, stop: int) -> Window:
    """The window's text and its blocks `[first, stop)`."""
    begin = int(window.pair_places[first])
    end = int(window.pair_places[stop]) if stop < len(window.pair_places) else len(window)

    def kept(values: NDArray[Any]) -> NDArray[Any]:
        return np.concatenate([values[:text], values[begin:end]])

    targets, own = np.unique(window.pair_targets[first:stop], return_inverse=True)
    blocks = kept(window.blocks)
    blocks[text:] -= first
    return replace(
        window,
        ids=kept(window.ids),
        words=kept(window.words),
        cues=kept(window.cues),
        positions=kept(window.positions),
        segments=kept(window.segments),
        borders=kept(window.borders),
        slots=kept(window.slots),
        blocks=blocks,
        pair_slots=window.pair_slots[first:stop],
        pair_targets=own.astype(np.int32),
        pair_places=window.pair_places[first:stop] - (begin - text),
        named=window.named[targets],
    )


def join(rows: Sequence[Sequence[ParagraphReading]]) -> list[ParagraphReading]:
    """Readings of a window from those of its rows: their stances one behind the other, the rest of the first."""
    if len(rows) == 1:
        return list(rows[0])
    return [replace(own[0], stances=np.concatenate([r.stances for r in own])) for own in zip(*rows, strict=True)]


def pack(lengths: Sequence[int], budget: int, places: Iterable[int] | None = None) -> Iterator[list[int]]:
    """Places of rows that go into one batch, long rows first: rows times the longest is within the budget.

    A row longer than the budget goes alone.

    Args:
        lengths: tokens of each row.
        budget: tokens in a batch, padding counted.
        places: the rows to pack; all of them where left out.
    """
    batch: list[int] = []
    for place in sorted(range(len(lengths)) if places is None else places, key=lambda place: -lengths[place]):
        if batch and padded(lengths[batch[0]]) * (len(batch) + 1) > budget:
            yield batch
            batch = []
        batch.append(place)
    if batch:
        yield batch


def padded(length: int) -> int:
    """Length of the longest row of a batch, as padded."""
    return -(-length // MULTIPLE) * MULTIPLE
