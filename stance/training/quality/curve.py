"""A reliability curve as places on a drawing: what was claimed along the bottom, how often it was so up the side."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stance.training.metrics import ReliabilityBin

__all__ = ["SIDE", "Curve", "Point", "draw", "wilson"]

SIDE = 240
"""Units of the drawing from 0 to 1."""
_LARGEST = 11.0
_SMALLEST = 2.5


@dataclass(frozen=True, slots=True)
class Point:
    """A bin at (x, y), y downwards, with the ends of its interval and a radius by its share of the cases."""

    x: float
    y: float
    top: float
    bottom: float
    radius: float
    title: str


@dataclass(frozen=True, slots=True)
class Curve:
    """The points, and the line through them."""

    points: tuple[Point, ...]
    line: str


def draw(bins: Sequence[ReliabilityBin]) -> Curve:
    """Place the bins; areas of the points go by their cases."""
    most = max((b.cases for b in bins), default=1)
    points = []
    for b in bins:
        low, high = wilson(b.true, b.cases)
        title = f"claimed {b.probability:.3f}, so {b.frequency:.3f} of {b.cases} times"
        radius = max(_SMALLEST, _LARGEST * math.sqrt(b.cases / most))
        points.append(
            Point(_x(b.probability), _y(b.frequency), _y(high), _y(low), round(radius, 1), title),
        )
    return Curve(tuple(points), " ".join(f"{p.x},{p.y}" for p in points))


def wilson(true: int, cases: int, z: float = 1.96) -> tuple[float, float]:
    """Wilson's interval of a share; by default at 95 %."""
    share, spread = true / cases, z * z / cases
    middle = (share + spread / 2) / (1 + spread)
    reach = z * math.sqrt(share * (1 - share) / cases + spread / (4 * cases)) / (1 + spread)
    return max(0.0, middle - reach), min(1.0, middle + reach)


def _x(share: float) -> float:
    return round(SIDE * share, 1)


def _y(share: float) -> float:
    return round(SIDE * (1 - share), 1)
