"""Figures that charts are drawn from: stances by group, and devices by group."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from stance.schema import LabelSchema
    from stance.summary import Bootstrap, Estimate, Tally

__all__ = ["Crossing", "DeviceDensities", "StanceShares", "crossings", "device_densities", "periods", "stance_shares"]

_MOST_MONTHS = 36
"""More months than this are too many for a chart: years then."""


@dataclass(frozen=True, slots=True)
class StanceShares:
    """Stances towards one target in one group of articles.

    Attributes:
        group: a source or a period; empty for articles that name none.
        articles: number of articles on the target.
        paragraphs: their paragraphs.
        favor, against: share of the paragraphs, 0 to 1, with its interval.
    """

    group: str
    articles: int
    paragraphs: int
    favor: Estimate
    against: Estimate


@dataclass(frozen=True, slots=True)
class DeviceDensities:
    """Device spans per 1,000 characters in one group of articles, in the order of the devices asked for."""

    group: str
    articles: int
    densities: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Cell:
    """Paragraphs of one stance with a device: how many, and what share of all with the stance (None of none)."""

    count: int
    share: float | None


@dataclass(frozen=True, slots=True)
class Crossing:
    """A device, and a cell for each stance in the order of the schema."""

    device: str
    cells: tuple[Cell, ...]


def stance_shares(groups: Mapping[str, Tally], target: str, bootstrap: Bootstrap) -> list[StanceShares]:
    """Stances towards the target in each group that has articles on it, in the order of the groups."""
    found = []
    for group, tally in groups.items():
        rows: Counter[tuple[int, ...]] = Counter()
        for (about, counts), articles in tally.stances.items():
            if about == target:
                rows[counts.favor, counts.against, counts.paragraphs] += articles
        if rows:
            sums = bootstrap.sums(rows, columns=3)
            shares = (sums.ratio(0, 2), sums.ratio(1, 2))
            found.append(StanceShares(group, rows.total(), int(sums.total[2]), *shares))
    return found


def device_densities(groups: Mapping[str, Tally], devices: Iterable[str]) -> list[DeviceDensities]:
    """How densely each group uses the devices."""
    order = tuple(devices)
    return [
        DeviceDensities(
            group,
            tally.articles,
            tuple(1000 * tally.spans[device] / max(tally.extent.characters, 1) for device in order),
        )
        for group, tally in groups.items()
    ]


def crossings(tally: Tally, target: str, schema: LabelSchema) -> list[Crossing]:
    """Stance by device towards one target, the devices in the order of the schema."""
    paragraphs: Counter[str] = Counter()
    for (about, counts), articles in tally.stances.items():
        if about == target:
            for stance in schema.stance_ids:
                paragraphs[stance] += counts.of(stance) * articles
    return [
        Crossing(
            device,
            tuple(
                Cell(count, count / paragraphs[stance] if paragraphs[stance] else None)
                for stance in schema.stance_ids
                for count in [tally.crossings[target, stance, device]]
            ),
        )
        for device in schema.device_ids
    ]


def periods(years: Mapping[str, Tally], months: Mapping[str, Tally]) -> dict[str, Tally]:
    """Months where they are few enough for a chart and all dates tell them, else years; undated articles left out."""
    dated = {name: tally for name, tally in months.items() if name}
    undated = {name: tally.articles for name, tally in (("month", months.get("")), ("year", years.get(""))) if tally}
    if len(dated) <= _MOST_MONTHS and undated.get("month", 0) == undated.get("year", 0):
        return dated
    return {name: tally for name, tally in years.items() if name}
