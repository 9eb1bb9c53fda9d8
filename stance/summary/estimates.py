"""Shares and rates with bootstrap intervals over articles."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["CONFIDENCE", "FEWEST_ARTICLES", "Bootstrap", "Estimate", "Sums"]

Floats = NDArray[np.float64]

CONFIDENCE = 0.95
"""Confidence of the intervals."""
FEWEST_ARTICLES = 5
"""Fewer articles get no interval: drawing them anew says little about others."""
_CELLS = 4_000_000
"""Numbers held at once while articles are drawn."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A share or rate with its interval; None where there was nothing to divide by, or too few articles."""

    value: float | None
    low: float | None = None
    high: float | None = None

    def to_dict(self, name: str, digits: int) -> dict[str, float | None]:
        """The numbers as shown, under `name`, `name_low` and `name_high`."""
        found = {name: self.value, f"{name}_low": self.low, f"{name}_high": self.high}
        return {key: None if number is None else round(number, digits) for key, number in found.items()}


@dataclass(frozen=True, slots=True)
class Sums:
    """Counts of all articles added up, C of them, and the same for each of R draws of articles.

    Attributes:
        total: [C].
        draws: [R, C]; no rows where there are too few articles, or no intervals were asked for.
    """

    total: Floats
    draws: Floats

    def ratio(self, part: int, whole: int, per: float = 1.0) -> Estimate:
        """Column `part` over column `whole`, times `per`."""
        if not self.total[whole]:
            return Estimate(None)
        drawn = self.draws[self.draws[:, whole] > 0]
        return estimate(per * self.total[part] / self.total[whole], per * drawn[:, part] / drawn[:, whole])


def estimate(value: Any, draws: Floats) -> Estimate:
    """A value with the middle part of its draws as interval."""
    if not draws.size:
        return Estimate(float(value))
    tail = 50 * (1 - CONFIDENCE)
    low, high = np.percentile(draws, [tail, 100 - tail])
    return Estimate(float(value), float(low), float(high))


@dataclass(frozen=True, slots=True)
class Bootstrap:
    """How articles are drawn anew, with replacement, to see how far a figure hangs on the articles at hand.

    Attributes:
        draws: number of draws; 0 for no intervals.
        seed: equal seeds and equal counts give equal intervals, whatever the order of the articles.
    """

    draws: int = 1000
    seed: int = 0

    def __post_init__(self) -> None:
        if self.draws < 0:
            raise ValueError(f"Bootstrap.draws must be at least 0, found {self.draws}.")

    def sums(self, articles: Mapping[Any, int], columns: int) -> Sums:
        """Add up the counts of articles.

        Args:
            articles: histogram: the counts of an article, a tuple → number of articles that have these.
            columns: counts in a tuple.
        """
        kinds = sorted(articles)
        rows = np.array(kinds, dtype=np.float64).reshape(len(kinds), columns)
        number = np.array([articles[kind] for kind in kinds], dtype=np.float64)
        total = number @ rows
        size = int(number.sum())
        draws = self.draws if size >= FEWEST_ARTICLES else 0
        generator = np.random.default_rng(self.seed)
        step = max(1, _CELLS // max(len(kinds), 1))
        drawn = [
            generator.multinomial(size, number / size, size=min(step, draws - done)) @ rows
            for done in range(0, draws, step)
        ]
        return Sums(total, np.concatenate([np.zeros((0, columns)), *drawn]))
