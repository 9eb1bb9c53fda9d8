"""Ratios of counts, over any leading axes; NaN where there is nothing to divide by."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Counts", "Floats", "f1", "interval", "known", "macro_f1", "matches_of", "ratio"]

Counts = NDArray[np.int64]
Floats = NDArray[np.float64]


def ratio(part: NDArray[Any], whole: NDArray[Any]) -> Floats:
    """Part over whole, NaN where the whole is nothing."""
    found: Floats = np.divide(part, whole, out=np.full(np.shape(whole), np.nan), where=np.asarray(whole) > 0)
    return found


def f1(matches: Counts) -> Floats:
    """F1 of the four numbers of a match, [..., 4]; 0 where either side is empty, NaN where both are."""
    precision = np.nan_to_num(ratio(matches[..., 0], matches[..., 1]))
    recall = np.nan_to_num(ratio(matches[..., 2], matches[..., 3]))
    score = np.nan_to_num(ratio(2 * precision * recall, precision + recall))
    return np.where(matches[..., 1] + matches[..., 3] > 0, score, np.nan)


def macro_f1(matches: Counts) -> Floats:
    """Mean F1 of [..., labels, 4] over the labels with gold cases, NaN where there is none."""
    supported = matches[..., 3] > 0
    return ratio(np.where(supported, f1(matches), 0.0).sum(axis=-1), supported.sum(axis=-1))


def matches_of(confusion: Counts) -> Counts:
    """The four numbers of each label, [..., S, 4], from gold by predicted counts [..., S, S]."""
    right = np.diagonal(confusion, axis1=-2, axis2=-1)
    return np.stack([right, confusion.sum(axis=-2), right, confusion.sum(axis=-1)], axis=-1)


def interval(sample: Floats) -> tuple[float | None, float | None]:
    """The middle 95 % of the resamples that had something to score."""
    scored = sample[~np.isnan(sample)]
    if not scored.size:
        return None, None
    low, high = np.percentile(scored, [2.5, 97.5])
    return float(low), float(high)


def known(value: Floats | np.float64) -> float | None:
    """The number, None for NaN."""
    return None if np.isnan(value) else float(value)
