"""Scores of labelled articles against gold labels: counts are stored for each article, scores derived.

Counts of several evaluations add with `+`, so a score over a whole is never a mean of scores over its
parts, and evaluating every article twice changes no score. Intervals come from resampling articles.

Axes: A articles, L levels (`LEVELS`), D devices, S stances, B calibration bins. Four numbers count a match
between predicted and gold: `[predicted right, predicted, gold found, gold]`. Precision is the first over
the second, recall the third over the fourth; the first and third differ for overlapping spans only.
"""

from stance.training.metrics.bins import ReliabilityBin, bin_probabilities, calibration_error, reliability
from stance.training.metrics.counts import EvaluationCounts
from stance.training.metrics.matching import LEVELS, evaluate, overlap
from stance.training.metrics.scores import NOTHING, Estimate, LabelScore, Scores

__all__ = [
    "LEVELS",
    "NOTHING",
    "Estimate",
    "EvaluationCounts",
    "LabelScore",
    "ReliabilityBin",
    "Scores",
    "bin_probabilities",
    "calibration_error",
    "evaluate",
    "overlap",
    "reliability",
]
