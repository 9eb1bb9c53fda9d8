"""Wire copy: which articles are printings of another, and which printing counts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stance.summary.counts import Tally

__all__ = ["Copies", "Printing"]


@dataclass(frozen=True, slots=True)
class Printing:
    """A copy held back: its id, the groups that it belongs to, and its counts."""

    id: str
    groups: tuple[tuple[str, str], ...]
    tally: Tally


@dataclass(slots=True)
class Copies:
    """Copies met so far. What counts in the end is decided when all articles are known, in whatever order they came.

    Attributes:
        originals: ids of the articles that are no copies.
        links: id of a copy → id of the article that it copies.
        held: id that copies name → the one of them with the least id.
        number: how many copies there are.
    """

    originals: set[str] = field(default_factory=set)
    links: dict[str, str] = field(default_factory=dict)
    held: dict[str, Printing] = field(default_factory=dict)
    number: int = 0

    def hold(self, original: str, printing: Printing) -> None:
        """Take note of a copy of `original`."""
        self.number += 1
        self.links[printing.id] = original
        self._keep(original, printing)

    def add(self, other: Copies) -> None:
        """Take note of all copies that another has met."""
        self.originals |= other.originals
        self.links.update(other.links)
        self.number += other.number
        for original, printing in other.held.items():
            self._keep(original, printing)

    def counted(self) -> Iterator[Printing]:
        """Of each story whose original is not among the articles, the copy with the least id."""
        stories: dict[str, Printing] = {}
        for original, printing in self.held.items():
            source = self._source(original)
            if source not in self.originals:
                first = stories.get(source)
                stories[source] = printing if first is None or printing.id < first.id else first
        yield from stories.values()

    def _keep(self, original: str, printing: Printing) -> None:
        first = self.held.get(original)
        self.held[original] = printing if first is None or printing.id < first.id else first

    def _source(self, name: str) -> str:
        """Where a chain of copies of copies begins; for a ring, which has no beginning, the least id in it."""
        chain: list[str] = []
        while name in self.links and name not in self.originals and name not in chain:
            chain.append(name)
            name = self.links[name]
        return min(chain[chain.index(name) :]) if name in chain else name
