"""Shares of stances corrected for the errors that a model is known to make."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from stance.errors import InputError
from stance.summary.counts import STANCES
from stance.summary.estimates import estimate

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from stance.summary.estimates import Bootstrap, Estimate, Sums

__all__ = ["StanceConfusion"]

Floats = NDArray[np.float64]

_WEAKEST = 0.1
"""Least singular value of the rates: below it the correction would mostly blow up noise."""


@dataclass(frozen=True, slots=True)
class StanceConfusion:
    """How often a model read each true stance as each stance, counted on labelled text.

    Let p be the true shares of favor, against and neutral, q the shares that the model finds, and R[g, h] the rate
    at which it reads stance g as h. Then q = Rᵀ p, and the correction solves this for p: with two classes the
    estimator of Rogan and Gladen (1978), with more the one that Hopkins and King (2010) use. Where the solution has
    a negative share, which noise can bring about, the nearest shares that have none are taken (least squares of q).

    It holds as far as the model errs on the corpus as it did on the labelled text: the rates may depend on the true
    stance, but not on anything else that differs between the two, such as genre. Intervals take in the chance in
    both: articles are drawn anew, and so are the labelled cases of each true stance.

    Attributes:
        counts: true stance by found stance, both in the order favor, against, neutral.
    """

    counts: tuple[tuple[int, ...], ...]

    def __post_init__(self) -> None:
        counts = np.array(self.counts)
        if counts.shape != (3, 3) or (counts < 0).any() or not counts.sum(axis=1).all():
            raise InputError(
                f"Expected a confusion matrix with cases of each of {', '.join(STANCES)}, true by found; found "
                f"{self.counts}. `stance evaluate MODEL DATA --format json` gives one, of DATA that has each."
            )
        weakest = np.linalg.svd(_rates(counts), compute_uv=False)[-1]
        if weakest < _WEAKEST:
            raise InputError(
                f"Expected a confusion matrix of a model that tells the stances apart; found {self.counts}, whose rows "
                "are nearly alike. Shares cannot be corrected for its errors: leave the correction off."
            )

    @classmethod
    def from_dict(cls, confusion: Mapping[str, Mapping[str, int]]) -> StanceConfusion:
        """From true stance → found stance → number, as in the scores of an evaluation.

        Raises:
            InputError: a stance is missing, or the matrix is of no use for a correction.
        """
        try:
            counts = tuple(tuple(int(confusion[true][found]) for found in STANCES) for true in STANCES)
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(
                f"Expected a confusion matrix over {', '.join(STANCES)}, true stance by found stance; found a fault at "
                f"{error!r}. `stance evaluate MODEL DATA --format json` gives one."
            ) from error
        return cls(counts)

    @classmethod
    def load(cls, path: Path) -> StanceConfusion:
        """From what `stance evaluate MODEL DATA --format json` printed. Raises InputError for anything else."""
        try:
            scores = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise InputError(f"{path}: expected scores in JSON, as `stance evaluate` prints them; {error}.") from error
        if not isinstance(scores, dict) or "confusion" not in scores:
            raise InputError(f"{path}: no field 'confusion'. `stance evaluate MODEL DATA --format json` gives one.")
        return cls.from_dict(scores["confusion"])

    def to_dict(self) -> dict[str, dict[str, int]]:
        """True stance → found stance → number."""
        return {true: dict(zip(STANCES, row, strict=True)) for true, row in zip(STANCES, self.counts, strict=True)}

    def correct(self, shares: Floats) -> Floats:
        """True shares [3] behind the shares [3] that the model found, in the order favor, against, neutral."""
        corrected: Floats = _solve(_rates(np.array(self.counts))[np.newaxis], shares[np.newaxis])[0]
        return corrected

    def estimates(self, sums: Sums, bootstrap: Bootstrap) -> dict[str, Estimate]:
        """Corrected share of each stance; the first three columns of `sums` count the paragraphs that have it."""
        whole = sums.total[:3].sum()
        if not whole:
            return {}
        value = self.correct(sums.total[:3] / whole)
        drawn = sums.draws[sums.draws[:, :3].sum(axis=1) > 0, :3]
        generator = np.random.default_rng(bootstrap.seed + 1)
        cases = np.array(self.counts)
        rates = np.stack(
            [generator.multinomial(row.sum(), row / row.sum(), size=len(drawn)) / row.sum() for row in cases], axis=1
        )
        draws = _solve(rates, drawn / drawn.sum(axis=1, keepdims=True))
        return {stance: estimate(value[i], draws[:, i]) for i, stance in enumerate(STANCES)}


def _rates(counts: NDArray[Any]) -> Floats:
    rates: Floats = counts / counts.sum(axis=1, keepdims=True)
    return rates


def _solve(rates: Floats, found: Floats) -> Floats:
    """Shares p [N, 3], none negative and adding up to 1, with the least |ratesᵀ p - found|²; rates [N, 3, 3]."""
    exact = np.einsum("nij,nj->ni", np.linalg.pinv(rates.transpose(0, 2, 1)), found)
    best: Floats = exact
    error = np.where((exact >= 0).all(axis=1), 0.0, np.inf)
    for a, b in ((0, 1), (0, 2), (1, 2)):  # else the optimum lies on an edge of the simplex
        step = rates[:, b] - rates[:, a]
        along = ((found - rates[:, a]) * step).sum(axis=1) / np.maximum((step**2).sum(axis=1), 1e-12)
        place = np.clip(along, 0.0, 1.0)
        edge = np.zeros_like(found)
        edge[:, a], edge[:, b] = 1 - place, place
        away = ((rates[:, a] + place[:, np.newaxis] * step - found) ** 2).sum(axis=1)
        best = np.where((away < error)[:, np.newaxis], edge, best)
        error = np.minimum(away, error)
    return best
