"""What an evaluation found: scores with intervals, and the tables behind them."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stance.training.metrics.bins import ReliabilityBin

__all__ = ["NOTHING", "Estimate", "LabelScore", "Scores", "three"]

NOTHING = ""
"""Stands in `Scores.confused_devices` where the other side has no span of any device."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A score with its 95 % interval; None where nothing was there to score, or no interval was asked for."""

    value: float | None
    low: float | None = None
    high: float | None = None

    def __str__(self) -> str:
        """The score with three decimals, its interval in brackets."""
        interval = "" if self.low is None else f" [{three(self.low)}, {three(self.high)}]"
        return three(self.value) + interval


@dataclass(frozen=True, slots=True)
class LabelScore:
    """Scores of one label; `support` is the number of gold cases."""

    precision: float | None
    recall: float | None
    f1: float | None
    support: int


@dataclass(frozen=True, slots=True)
class Scores:
    """What an evaluation found, derived from its counts.

    Attributes:
        articles: number of articles.
        headline: name → score with its interval. `…_micro_f1` counts all cases alike; `…_macro_f1` is the mean
            over labels that have gold cases (a label without any is left out, its false alarms with it).
            `stance_…` is over all labelled pairs of a paragraph and a target, with pairs left out of the
            gold counted as neutral; `stance_mentioned_…` over the pairs that the gold speaks of.
        labels: level → label → scores, for the devices at each of `LEVELS` and for the stances of all pairs.
        confusion: for all pairs, gold stance → predicted stance → number.
        confused_devices: gold device → predicted device → number of spans, see `EvaluationCounts.crossings`;
            `NOTHING` on either side for spans missed outright or invented. Zeros are left out.
        reliability: `device` and `stance` → points of the reliability curve.
    """

    articles: int
    headline: dict[str, Estimate]
    labels: dict[str, dict[str, LabelScore]]
    confusion: dict[str, dict[str, int]]
    confused_devices: dict[str, dict[str, int]]
    reliability: dict[str, tuple[ReliabilityBin, ...]]

    def to_dict(self) -> dict[str, Any]:
        """Plain dicts and numbers, None for scores of nothing."""
        return asdict(self)

    def to_text(self) -> str:
        """The scores as tables for a terminal."""
        width = max(map(len, self.headline))
        lines = [f"{self.articles} articles", *(f"{name:<{width}}  {score}" for name, score in self.headline.items())]
        for level, labels in self.labels.items():
            lines += ["", f"{level:<22}{'P':>7}{'R':>7}{'F1':>7}{'gold':>7}"]
            for label, s in labels.items():
                lines.append(f"{label:<22}{three(s.precision):>7}{three(s.recall):>7}{three(s.f1):>7}{s.support:>7}")
        lines += ["", f"{'gold, predicted →':<22}" + "".join(f"{stance:>9}" for stance in self.confusion)]
        lines += [f"{gold:<22}" + "".join(f"{n:>9}" for n in row.values()) for gold, row in self.confusion.items()]
        return "\n".join(lines)


def three(value: float | None) -> str:
    """Three decimals; a dash for None."""
    return "–" if value is None else f"{value:.3f}"
