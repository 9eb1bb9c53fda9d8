"""Scores of labelled articles against gold labels: counts are stored for each article, scores derived.

Counts of several evaluations add with `+`, so a score over a whole is never a mean of scores over its
parts, and evaluating every article twice changes no score. Intervals come from resampling articles.

Axes: A articles, L levels (`LEVELS`), D devices, S stances, B calibration bins. Four numbers count a match
between predicted and gold: `[predicted right, predicted, gold found, gold]`. Precision is the first over
the second, recall the third over the fourth; the first and third differ for overlapping spans only.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from stance.errors import InputError, SchemaError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from stance.results import ArticleAnalysis, ParagraphAnalysis
    from stance.schema import LabelSchema
    from stance.training.examples import LabelledArticle

__all__ = ["Estimate", "EvaluationCounts", "LabelScore", "Scores", "bin_probabilities", "calibration_error", "evaluate"]

Counts = NDArray[np.int64]
Floats = NDArray[np.float64]

LEVELS = ("device", "span_exact", "span_overlap")
"""Presence in a paragraph; spans with the same borders; spans that share a character."""
BINS = 15
"""Equal-width bins of the expected calibration error."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A score with its 95 % interval; None where nothing was there to score, or no interval was asked for."""

    value: float | None
    low: float | None = None
    high: float | None = None

    def __str__(self) -> str:
        """The score with three decimals, its interval in brackets."""
        interval = "" if self.low is None else f" [{_three(self.low)}, {_three(self.high)}]"
        return _three(self.value) + interval


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
    """

    articles: int
    headline: dict[str, Estimate]
    labels: dict[str, dict[str, LabelScore]]
    confusion: dict[str, dict[str, int]]

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
                lines.append(f"{label:<22}{_three(s.precision):>7}{_three(s.recall):>7}{_three(s.f1):>7}{s.support:>7}")
        lines += ["", f"{'gold, predicted →':<22}" + "".join(f"{stance:>9}" for stance in self.confusion)]
        lines += [f"{gold:<22}" + "".join(f"{n:>9}" for n in row.values()) for gold, row in self.confusion.items()]
        return "\n".join(lines)


@dataclass(frozen=True, slots=True, eq=False)
class EvaluationCounts:
    """Counts for each article, from which every score derives.

    Attributes:
        schema: the labels that the axes D and S follow.
        genres: genre of each article, empty where unknown.
        matches: [A, L, D, 4], the four numbers of a match; unannotated (for spans: unlocated) devices count nothing.
        confusion: [A, 2, S, S], gold by predicted stance, over all labelled pairs and over mentioned pairs.
        calibration: [A, 2, B, 3], for device presence and for the likeliest stance, in each bin of
            probability: number of cases, sum of probabilities, number of cases that were so.
    """

    schema: LabelSchema
    genres: tuple[str, ...]
    matches: Counts
    confusion: Counts
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
            calibration=np.concatenate([np.zeros((0, 2, BINS, 3)), *(part.calibration for part in parts)]),
        )

    def by_genre(self) -> dict[str, EvaluationCounts]:
        """The counts of each genre, in alphabetical order."""
        genres = np.array(self.genres, dtype=object)
        return {genre: self._select(np.flatnonzero(genres == genre)) for genre in sorted(set(self.genres))}

    def _select(self, rows: NDArray[np.intp]) -> EvaluationCounts:
        genres = tuple(self.genres[row] for row in rows)
        return EvaluationCounts(self.schema, genres, self.matches[rows], self.confusion[rows], self.calibration[rows])

    def scores(self, resamples: int = 1000, seed: int = 0) -> Scores:
        """Derive the scores.

        Args:
            resamples: bootstrap resamples over articles for percentile intervals of 95 %; 0 for no intervals.
            seed: of the resampling; equal seeds give equal intervals.
        """
        articles = len(self.genres)
        values = self._headline(np.ones(articles, np.int64))
        intervals: dict[str, tuple[float | None, float | None]] = {}
        if resamples and articles:
            weights = np.random.default_rng(seed).multinomial(articles, np.full(articles, 1 / articles), size=resamples)
            intervals = {name: _interval(sample) for name, sample in self._headline(weights).items()}
        confusion = self.confusion[:, 0].sum(axis=0)
        stances = self.schema.stance_ids
        return Scores(
            articles=articles,
            headline={name: Estimate(_known(value), *intervals.get(name, ())) for name, value in values.items()},
            labels={
                **{
                    level: _label_scores(self.matches[:, i].sum(axis=0), self.schema.device_ids)
                    for i, level in enumerate(LEVELS)
                },
                "stance": _label_scores(_matches_of(confusion), stances),
            },
            confusion={
                gold: dict(zip(stances, map(int, row), strict=True))
                for gold, row in zip(stances, confusion, strict=True)
            },
        )

    def to_dict(self) -> dict[str, Any]:
        """The counts as lists, article by article, in the axes described above."""
        arrays = {f.name: getattr(self, f.name).tolist() for f in fields(self)[2:]}
        return {"schema": self.schema.to_dict(), "genres": list(self.genres), **arrays}

    def _headline(self, weights: Counts) -> dict[str, Floats]:
        """Headline scores where article a counts `weights[..., a]` times; arrays of the leading axes."""
        matches = np.tensordot(weights, self.matches, axes=1)
        confusion = np.tensordot(weights, self.confusion, axes=1)
        calibration = np.tensordot(weights, self.calibration, axes=1)
        found: dict[str, Floats] = {}
        for i, level in enumerate(LEVELS):
            found[f"{level}_micro_f1"] = _f1(matches[..., i, :, :].sum(axis=-2))
            found[f"{level}_macro_f1"] = _macro_f1(matches[..., i, :, :])
        for i, name in enumerate(("stance", "stance_mentioned")):
            found[f"{name}_macro_f1"] = _macro_f1(_matches_of(confusion[..., i, :, :]))
        for i, name in enumerate(("device", "stance")):
            found[f"{name}_calibration_error"] = calibration_error(calibration[..., i, :, :])
        return found


def evaluate(
    gold: Iterable[LabelledArticle],
    predicted: Iterable[ArticleAnalysis],
    schema: LabelSchema,
    device_probabilities: Iterable[Floats] | None = None,
) -> EvaluationCounts:
    """Count how predicted articles agree with gold ones, pair by pair.

    Args:
        gold: labelled articles.
        predicted: their analyses, in the same order, of the same paragraphs and with at least the gold's targets.
        schema: the labels to count.
        device_probabilities: for each article an array [paragraphs, D] of presence probabilities, for the
            calibration of devices (an analysis has probabilities only of devices found); NaN for unknown.

    Raises:
        InputError: an analysis lacks a target, or is of other paragraphs.
        SchemaError: an analysis names a device or stance that the schema does not know.
        ValueError: the arguments are of unequal length.
    """
    if device_probabilities is None:
        return EvaluationCounts.join([_count(g, p, schema) for g, p in zip(gold, predicted, strict=True)], schema)
    triples = zip(gold, predicted, device_probabilities, strict=True)
    return EvaluationCounts.join([_count(*triple[:2], schema, triple[2]) for triple in triples], schema)


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
    return _ratio(gap, binned[..., 0].sum(axis=-1))


def _count(
    gold: LabelledArticle,
    predicted: ArticleAnalysis,
    schema: LabelSchema,
    device_probabilities: Floats | None = None,
) -> EvaluationCounts:
    """The counts of one article."""
    if gold.paragraphs != tuple(paragraph.text for paragraph in predicted.paragraphs):
        raise InputError(
            f"Article {gold.id!r}: expected an analysis of its {len(gold.paragraphs)} paragraphs, found one of "
            f"{len(predicted.paragraphs)} that are not the same. Analyze the gold's own paragraphs, in its order."
        )
    matches = np.zeros((1, len(LEVELS), len(schema.device_ids), 4), np.int64)
    for i, paragraph in enumerate(predicted.paragraphs):
        matches[0] += _paragraph_matches(gold, i, paragraph, schema)
    confusion, stance_bins = _stance_counts(gold, predicted, schema)
    device_bins = np.zeros((BINS, 3))
    if device_probabilities is not None:
        annotated = np.array([device in gold.annotated for device in schema.device_ids])
        present = np.array([[device in found for device in schema.device_ids] for found in gold.presence], dtype=bool)
        present = present.reshape(device_probabilities.shape)
        device_bins = bin_probabilities(np.where(annotated, device_probabilities, np.nan), present)
    return EvaluationCounts(
        schema, (gold.genre,), matches, confusion[np.newaxis], np.stack([device_bins, stance_bins])[np.newaxis]
    )


def _paragraph_matches(gold: LabelledArticle, index: int, found: ParagraphAnalysis, schema: LabelSchema) -> Counts:
    """[L, D, 4] of one paragraph."""
    matches = np.zeros((len(LEVELS), len(schema.device_ids), 4), np.int64)
    for hit in found.devices:
        schema.device(hit.device)
    for d, device in enumerate(schema.device_ids):
        hits = [hit for hit in found.devices if hit.device == device]
        if device in gold.annotated:
            predicted, present = bool(hits), device in gold.presence[index]
            matches[0, d] = (predicted and present, predicted, predicted and present, present)
        if device in gold.located:
            theirs = {(span.start, span.end) for hit in hits for span in hit.spans}
            ours = {(span.start, span.end) for span in gold.spans[index] if span.device == device}
            same = len(theirs & ours)
            right = sum(any(_overlap(a, b) for b in ours) for a in theirs)
            met = sum(any(_overlap(a, b) for a in theirs) for b in ours)
            matches[1, d] = (same, len(theirs), same, len(ours))
            matches[2, d] = (right, len(theirs), met, len(ours))
    return matches


def _overlap(a: tuple[int, int], b: tuple[int, int]) -> bool:
    return a[0] < b[1] and b[0] < a[1]


def _stance_counts(gold: LabelledArticle, predicted: ArticleAnalysis, schema: LabelSchema) -> tuple[Counts, Floats]:
    """Confusion [2, S, S] over all labelled pairs and mentioned pairs, and bins [B, 3] of the likeliest stance."""
    order = {stance: i for i, stance in enumerate(schema.stance_ids)}
    confusion = np.zeros((2, len(order), len(order)), np.int64)
    probabilities: list[float] = []
    right: list[bool] = []
    for stances, paragraph in zip(gold.stances, predicted.paragraphs, strict=True):
        answers = {answer.target: answer for answer in paragraph.stances}
        for target in gold.targets:
            if target not in stances and not gold.absence_known:
                continue
            if target not in answers:
                raise InputError(
                    f"Article {gold.id!r} paragraph {paragraph.index}: expected a stance towards {target!r}, found "
                    f"{', '.join(answers) or 'none'}. Analyze the article with the gold's targets."
                )
            answer = answers[target]
            truth = stances.get(target, "neutral")
            schema.stance(answer.stance)
            confusion[: 2 if target in stances else 1, order[truth], order[answer.stance]] += 1
            probabilities.append(answer.probability)
            right.append(answer.stance == truth)
    return confusion, bin_probabilities(np.array(probabilities, dtype=np.float64), np.array(right, dtype=bool))


def _matches_of(confusion: Counts) -> Counts:
    """The four numbers of each stance, [..., S, 4], from gold by predicted counts [..., S, S]."""
    right = np.diagonal(confusion, axis1=-2, axis2=-1)
    return np.stack([right, confusion.sum(axis=-2), right, confusion.sum(axis=-1)], axis=-1)


def _ratio(part: NDArray[Any], whole: NDArray[Any]) -> Floats:
    """Part over whole, NaN where the whole is nothing."""
    ratio: Floats = np.divide(part, whole, out=np.full(np.shape(whole), np.nan), where=np.asarray(whole) > 0)
    return ratio


def _f1(matches: Counts) -> Floats:
    """F1 of [..., 4]; 0 where either side is empty, NaN where both are."""
    precision = np.nan_to_num(_ratio(matches[..., 0], matches[..., 1]))
    recall = np.nan_to_num(_ratio(matches[..., 2], matches[..., 3]))
    score = np.nan_to_num(_ratio(2 * precision * recall, precision + recall))
    return np.where(matches[..., 1] + matches[..., 3] > 0, score, np.nan)


def _macro_f1(matches: Counts) -> Floats:
    """Mean F1 of [..., labels, 4] over the labels with gold cases, NaN where there is none."""
    supported = matches[..., 3] > 0
    return _ratio(np.where(supported, _f1(matches), 0.0).sum(axis=-1), supported.sum(axis=-1))


def _label_scores(matches: Counts, labels: Sequence[str]) -> dict[str, LabelScore]:
    precision = _ratio(matches[:, 0], matches[:, 1])
    recall = _ratio(matches[:, 2], matches[:, 3])
    columns = zip(labels, precision, recall, _f1(matches), matches[:, 3], strict=True)
    return {label: LabelScore(_known(p), _known(r), _known(f), int(n)) for label, p, r, f, n in columns}


def _interval(sample: Floats) -> tuple[float | None, float | None]:
    """The middle 95 % of the resamples that had something to score."""
    known = sample[~np.isnan(sample)]
    if not known.size:
        return None, None
    low, high = np.percentile(known, [2.5, 97.5])
    return float(low), float(high)


def _known(value: Floats | np.float64) -> float | None:
    return None if np.isnan(value) else float(value)


def _three(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
