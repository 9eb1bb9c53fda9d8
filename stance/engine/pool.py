"""Passages that are packed together, and the way back from their rows to their order."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING

from stance.engine.packing import MULTIPLE, deal_out, join, pack
from stance.model.batch import collate
from stance.model.decoding import merge

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from stance.model.batch import Batch
    from stance.model.decoding import ParagraphReading
    from stance.model.encoding import Encoder, Passage, Window

__all__ = ["PASSAGE_TOKENS", "POOL", "POOL_BUDGETS", "Pool", "pools"]

POOL = 256
"""Passages in a pool, at most, on a CPU; as many more on a GPU as its batches are larger."""

PASSAGE_TOKENS = 128
"""A pool of so many tokens a passage may have more than `POOL` passages."""

POOL_BUDGETS = 16
"""A pool is full with this many batches: more would pad less, but the first result would come later."""


@dataclass(frozen=True, slots=True)
class Pool:
    """Passages, and the rows they are read in.

    Attributes:
        passages: in their order.
        rows: the rows of all windows of all passages, in order.
        owners: number of the passage, and of the window in it, that each row belongs to.
        pad_id: token id of padding.
        found: readings of each row, filled in as they come.
    """

    pad_id: int
    passages: list[Passage] = field(default_factory=list)
    rows: list[Window] = field(default_factory=list)
    owners: list[tuple[int, int]] = field(default_factory=list)
    found: list[list[ParagraphReading]] = field(default_factory=list)

    def add(self, passage: Passage, windows: Iterable[Window]) -> int:
        """Take up a passage with its windows; returns the tokens of its rows."""
        before = len(self.rows)
        for number, window in enumerate(windows):
            for row in deal_out(window):
                self.rows.append(row)
                self.owners.append((len(self.passages), number))
                self.found.append([])
        self.passages.append(passage)
        return sum(map(len, self.rows[before:]))

    def pack(self, budget: int, places: Iterable[int] | None = None) -> list[list[int]]:
        """The rows at these places, or all, in batches within the budget."""
        return list(pack([len(row) for row in self.rows], budget, places))

    def batch(self, places: Iterable[int]) -> Batch:
        """The rows at these places as tensors."""
        return collate([self.rows[place] for place in places], self.pad_id, MULTIPLE)

    def readings(self, devices: int, stances: int) -> Iterator[list[ParagraphReading]]:
        """Readings of every paragraph of each passage, in order, once all rows are found."""
        found: list[list[ParagraphReading]] = [[] for _ in self.passages]
        for (passage, _), rows in groupby(range(len(self.rows)), key=lambda place: self.owners[place]):
            found[passage] += join([self.found[place] for place in rows])
        for passage, readings in zip(self.passages, found, strict=True):
            yield merge(readings, len(passage.paragraphs), len(passage.targets), devices, stances)


def pools(passages: Iterable[Passage], encoder: Encoder, tokens: int) -> Iterator[Pool]:
    """The passages in pools of so many tokens, or of fewer where passages are so short that they would be many."""
    most = max(POOL, tokens // PASSAGE_TOKENS)
    pool, used = Pool(encoder.config.pad_id), 0
    for passage in passages:
        used += pool.add(passage, encoder.windows(passage))
        if used >= tokens or len(pool.passages) == most:
            yield pool
            pool, used = Pool(encoder.config.pad_id), 0
    if pool.passages:
        yield pool
