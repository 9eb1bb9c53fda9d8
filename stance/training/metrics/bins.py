"""Probabilities in bins, and what they tell: the reliability curve and the expected calibration error."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from stance.training.metrics.ratios import Floats, ratio

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["BINS", "ReliabilityBin", "bin_probabilities", "calibration_error", "reliability"]

BINS = 15
"""Equal-width bins of the expected calibration error."""


@dataclass(frozen=True, slots=True)
class ReliabilityBin:
    """A point of a reliability curve: the predictions with a probability in `[low, high)`.

    Attributes:
        low, high: borders of the bin, 0 to 1; the last bin includes 1.
        cases: number of predictions.
        true: how many of them were so.
        probability: mean probability of the predictions.
        frequency: share of them that were so.
    """

    low: float
    high: float
    cases: int
    true: int
    probability: float
    frequency: float


def bin_probabilities(probabilities: Floats, outcomes: NDArray[np.bool_]) -> Floats:
    """Sort predictions into bins of probability.

    Args:
        probabilities: any shape, 0 to 1; NaN where there is none, which is left out.
        outcomes: the same shape, True where what was predicted is so.

    Returns:
        [B, 3]: number, sum of probabilities and number of true outcomes in each bin. Such arrays add.
    """
    known = ~np.isnan(probabilities)
    p, so = probabilities[known], outcomes[known]
    bins = np.minimum((p * BINS).astype(np.int64), BINS - 1)
    columns = (None, p, so.astype(np.float64))
    return np.stack([np.bincount(bins, weights, minlength=BINS).astype(np.float64) for weights in columns], axis=1)


def calibration_error(binned: Floats) -> Floats:
    """Expected calibration error of binned predictions [..., B, 3]: mean |frequency - probability|; NaN for none."""
    gap = np.abs(binned[..., 1] - binned[..., 2]).sum(axis=-1)
    return ratio(gap, binned[..., 0].sum(axis=-1))


def reliability(binned: Floats) -> tuple[ReliabilityBin, ...]:
    """The reliability curve of binned predictions [B, 3], without the bins that hold none."""
    return tuple(
        ReliabilityBin(i / BINS, (i + 1) / BINS, int(cases), int(true), float(total / cases), float(true / cases))
        for i, (cases, total, true) in enumerate(binned)
        if cases
    )
