"""Counts for each article, from which every score derives."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from stance.errors import SchemaError
from stance.training.metrics.bins import BINS, calibration_error, reliability
from stance.training.metrics.ratios import Counts, Floats, f1, interval, known, macro_f1, matches_of, ratio
from stance.training.metrics.scores import NOTHING, Estimate, LabelScore, Scores

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from stance.schema import LabelSchema

__all__ = ["LEVELS", "EvaluationCounts"]

LEVELS = ("device", "span_exact", "span_overlap")
"""Presence in a paragraph; spans with the same borders; spans that share a character."""


@dataclass(frozen=True, slots=True, eq=False)
class EvaluationCounts:
    """Counts for each article, from which every score derives.

    Attributes:
        schema: the labels that the axes D and S follow.
        genres: genre of each article, empty where unknown.
        matches: [A, L, D, 4], the four numbers of a match; unannotated (for spans: unlocated) devices count nothing.
        confusion: [A, 2, S, S], gold by predicted stance, over all labelled pairs and over mentioned pairs.
        crossings: [A, D + 1, D + 1], spans of located devices, gold by predicted, the last place for nothing.
            A gold span counts with its own device where a predicted span of that device overlaps it, and with each
            other device of which a wrong span does; else as missed. A predicted span that overlaps no gold span of
            any device counts as invented.
        calibration: [A, 2, B, 3], for device presence and for the likeliest stance, in each bin of
            probability: number of cases, sum of probabilities, number of cases that were so.
    """

    schema: LabelSchema
    genres: tuple[str, ...]
    matches: Counts
    confusion: Counts
    crossings: Counts
    calibration: Floats

    def __add__(self, other: EvaluationCounts) -> EvaluationCounts:
        """The counts of both. Raises SchemaError where their labels differ."""
        return self.join([self, other], self.schema)

    @classmethod
    def join(cls, parts: Sequence[EvaluationCounts], schema: LabelSchema) -> EvaluationCounts:
        """The counts of all parts, in order; of none, no articles. Raises SchemaError where labels differ."""
        if any(part.schema.digest != schema.digest for part in parts):
            raise SchemaError(
                f"Expected counts over the devices {', '.join(schema.device_ids)}; found counts over others. "
                "Evaluate all parts with one label schema."
            )
        d, s = len(schema.device_ids), len(schema.stance_ids)
        return cls(
            schema=schema,
            genres=tuple(genre for part in parts for genre in part.genres),
            matches=np.concatenate([np.zeros((0, len(LEVELS), d, 4), np.int64), *(part.matches for part in parts)]),
            confusion=np.concatenate([np.zeros((0, 2, s, s), np.int64), *(part.confusion for part in parts)]),
            crossings=np.concatenate([np.zeros((0, d + 1, d + 1), np.int64), *(part.crossings for part in parts)]),
            calibration=np.concatenate([np.zeros((0, 2, BINS, 3)), *(part.calibration for part in parts)]),
        )

    def by_genre(self) -> dict[str, EvaluationCounts]:
        """The counts of each genre, in alphabetical order."""
        genres = np.array(self.genres, dtype=object)
        return {genre: self._select(np.flatnonzero(genres == genre)) for genre in sorted(set(self.genres))}

    def _select(self, rows: NDArray[np.intp]) -> EvaluationCounts:
        arrays = (getattr(self, f.name)[rows] for f in fields(self)[2:])
        return EvaluationCounts(self.schema, tuple(self.genres[row] for row in rows), *arrays)

    def scores(self, resamples: int = 1000, seed: int = 0) -> Scores:
        """Derive the scores.

        Args:
            resamples: bootstrap resamples over articles for percentile intervals of 95 %; 0 for no intervals.
            seed: of the resampling; equal seeds give equal intervals.
        """
        devices, stances = self.schema.device_ids, self.schema.stance_ids
        matches, confusion = self.matches.sum(axis=0), self.confusion[:, 0].sum(axis=0)
        binned = self.calibration.sum(axis=0)
        return Scores(
            articles=len(self.genres),
            headline=self._estimates(resamples, seed),
            labels={
                **{level: _label_scores(own, devices) for level, own in zip(LEVELS, matches, strict=True)},
                "stance": _label_scores(matches_of(confusion), stances),
            },
            confusion={
                gold: dict(zip(stances, map(int, row), strict=True))
                for gold, row in zip(stances, confusion, strict=True)
            },
            confused_devices=_sparse(self.crossings.sum(axis=0), (*devices, NOTHING)),
            reliability={"device": reliability(binned[0]), "stance": reliability(binned[1])},
        )

    def to_dict(self) -> dict[str, Any]:
        """The counts as lists, article by article, in the axes described above."""
        arrays = {f.name: getattr(self, f.name).tolist() for f in fields(self)[2:]}
        return {"schema": self.schema.to_dict(), "genres": list(self.genres), **arrays}

    def _estimates(self, resamples: int, seed: int) -> dict[str, Estimate]:
        articles = len(self.genres)
        values = self._headline(np.ones(articles, np.int64))
        intervals: dict[str, tuple[float | None, float | None]] = {}
        if resamples and articles:
            weights = np.random.default_rng(seed).multinomial(articles, np.full(articles, 1 / articles), size=resamples)
            intervals = {name: interval(sample) for name, sample in self._headline(weights).items()}
        return {name: Estimate(known(value), *intervals.get(name, ())) for name, value in values.items()}

    def _headline(self, weights: Counts) -> dict[str, Floats]:
        """Headline scores where article a counts `weights[..., a]` times; arrays of the leading axes."""
        matches = np.tensordot(weights, self.matches, axes=1)
        confusion = np.tensordot(weights, self.confusion, axes=1)
        calibration = np.tensordot(weights, self.calibration, axes=1)
        found: dict[str, Floats] = {}
        for i, level in enumerate(LEVELS):
            found[f"{level}_micro_f1"] = f1(matches[..., i, :, :].sum(axis=-2))
            found[f"{level}_macro_f1"] = macro_f1(matches[..., i, :, :])
        for i, name in enumerate(("stance", "stance_mentioned")):
            found[f"{name}_macro_f1"] = macro_f1(matches_of(confusion[..., i, :, :]))
        for i, name in enumerate(("device", "stance")):
            found[f"{name}_calibration_error"] = calibration_error(calibration[..., i, :, :])
        return found


def _label_scores(matches: Counts, labels: Sequence[str]) -> dict[str, LabelScore]:
    precision = ratio(matches[:, 0], matches[:, 1])
    recall = ratio(matches[:, 2], matches[:, 3])
    columns = zip(labels, precision, recall, f1(matches), matches[:, 3], strict=True)
    return {label: LabelScore(known(p), known(r), known(f), int(n)) for label, p, r, f, n in columns}


def _sparse(table: Counts, labels: Sequence[str]) -> dict[str, dict[str, int]]:
    """The numbers of a square table that are not 0, by the labels of row and column."""
    rows = ({column: int(n) for column, n in zip(labels, row, strict=True) if n} for row in table)
    return {label: row for label, row in zip(labels, rows, strict=True) if row}
