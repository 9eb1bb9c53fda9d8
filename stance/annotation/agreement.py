"""Agreement of two labellings of the same paragraphs: two people, a person and a model, or two models.

Stances: Cohen's kappa and Krippendorff's alpha (nominal); a target that a labelling does not speak of counts as
neutral. Devices: kappa of their presence in a paragraph, F1 of their spans; F1 is the same whichever side is taken
for the truth. Counts are kept for each article, and intervals come from resampling articles.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from stance.errors import InputError
from stance.results import (
    ArticleAnalysis,
    DevicePrediction,
    Paragraph,
    ParagraphAnalysis,
    Span,
    StancePrediction,
)
from stance.training.metrics import LEVELS, Estimate, EvaluationCounts, evaluate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from stance.schema import LabelSchema
    from stance.training.examples import LabelledArticle

__all__ = ["Agreement", "agreement", "cohen_kappa", "krippendorff_alpha"]

Counts = NDArray[np.int64]
Floats = NDArray[np.float64]

_RESAMPLES = 1000


@dataclass(frozen=True, slots=True, eq=False)
class Agreement:
    """How far two labellings agree.

    Attributes:
        counts: of devices and spans, the first labelling taken for the truth.
        confusion: [articles, 2, S, S], stances of the first by those of the second, over all pairs of a paragraph and
            a target that both labellings know, and over the pairs that either speaks of.
        paragraphs: number of paragraphs of each article.
        only_first, only_second: ids of articles that only one of them has.
    """

    counts: EvaluationCounts
    confusion: Counts
    paragraphs: Counts
    only_first: tuple[str, ...]
    only_second: tuple[str, ...]

    @property
    def figures(self) -> dict[str, Estimate]:
        """Name → figure, with its 95 % interval."""
        spans = {f"span_{n}_f1": self.counts.matches[:, i].sum(axis=1) for i, n in ((1, "exact"), (2, "overlap"))}
        return {
            "stance_kappa": self._estimate(self.confusion[:, 0], cohen_kappa),
            "stance_alpha": self._estimate(self.confusion[:, 0], krippendorff_alpha),
            "stance_kappa_spoken_of": self._estimate(self.confusion[:, 1], cohen_kappa),
            "stance_alpha_spoken_of": self._estimate(self.confusion[:, 1], krippendorff_alpha),
            **{name: self._estimate(matches, _f1) for name, matches in spans.items()},
        }

    @property
    def devices(self) -> dict[str, dict[str, float | None]]:
        """Device → paragraphs with it in each labelling, kappa of its presence, F1 of its spans."""
        matches = self.counts.matches.sum(axis=0)
        return {
            device: {
                "first": int(matches[0, d, 3]),
                "second": int(matches[0, d, 1]),
                "kappa": _known(cohen_kappa(_table(matches[0, d], int(self.paragraphs.sum())))),
                **{f"{LEVELS[i]}_f1": _known(_f1(matches[i, d])) for i in (1, 2)},
            }
            for d, device in enumerate(self.counts.schema.device_ids)
        }

    def _estimate(self, counts: Counts, score: Callable[[Counts], Floats]) -> Estimate:
        articles = len(counts)
        value = _known(score(counts.sum(axis=0)))
        if value is None or articles < 2:
            return Estimate(value)
        weights = np.random.default_rng(0).multinomial(articles, np.full(articles, 1 / articles), size=_RESAMPLES)
        sample = score(np.tensordot(weights, counts, axes=1))
        low, high = np.percentile(sample[~np.isnan(sample)], [2.5, 97.5])
        return Estimate(value, float(low), float(high))

    def to_dict(self) -> dict[str, Any]:
        """Plain dicts and numbers, None for figures of nothing."""
        return {
            "articles": len(self.paragraphs),
            "paragraphs": int(self.paragraphs.sum()),
            "only_first": list(self.only_first),
            "only_second": list(self.only_second),
            "figures": {n: {"value": f.value, "low": f.low, "high": f.high} for n, f in self.figures.items()},
            "devices": self.devices,
        }

    def to_text(self) -> str:
        """Tables for a terminal."""
        lines = [f"{len(self.paragraphs)} articles, {int(self.paragraphs.sum())} paragraphs in both"]
        left = len(self.only_first), len(self.only_second)
        if any(left):
            lines.append(f"left out: {left[0]} articles only in the first, {left[1]} only in the second")
        lines += [f"{name:<24}{figure}" for name, figure in self.figures.items()]
        lines += ["", f"{'device':<22}{'first':>7}{'second':>8}{'kappa':>8}{'exact':>8}{'overlap':>9}"]
        for device, row in self.devices.items():
            kappa, exact, overlap = (str(Estimate(row[name])) for name in ("kappa", "span_exact_f1", "span_overlap_f1"))
            lines.append(f"{device:<22}{row['first']:>7}{row['second']:>8}{kappa:>8}{exact:>8}{overlap:>9}")
        return "\n".join(lines)


def agreement(first: Iterable[LabelledArticle], second: Iterable[LabelledArticle], schema: LabelSchema) -> Agreement:
    """Compare two labellings, article by article; articles are met by their ids.

    Raises:
        InputError: they share no article, or an article has other paragraphs in one than in the other.
        SchemaError: one names a stance or device that the schema does not know.
    """
    ours, theirs = ({article.id: article for article in articles} for articles in (first, second))
    shared = [key for key in ours if key in theirs]
    if not shared:
        raise InputError(
            f"Expected labellings of the same articles; found no shared id among {list(ours)[:3]} and "
            f"{list(theirs)[:3]}. Give the articles the same ids in both files."
        )
    pairs = [_comparable(ours[key], theirs[key]) for key in shared]
    counts = evaluate([a for a, _ in pairs], [_as_analysis(b) for _, b in pairs], schema)
    return Agreement(
        counts=counts,
        confusion=np.stack([_confusion(a, b, schema) for a, b in pairs]),
        paragraphs=np.array([len(a.paragraphs) for a, _ in pairs]),
        only_first=tuple(key for key in ours if key not in theirs),
        only_second=tuple(key for key in theirs if key not in ours),
    )


def _comparable(first: LabelledArticle, second: LabelledArticle) -> tuple[LabelledArticle, LabelledArticle]:
    """Both with the targets that they share."""
    if first.paragraphs != second.paragraphs:
        raise InputError(
            f"Article {first.id!r}: expected the same paragraphs in both labellings; found {len(first.paragraphs)} and "
            f"{len(second.paragraphs)}, or other words. Label the same text."
        )
    targets = tuple(target for target in first.targets if target in second.targets)
    a, b = (
        replace(
            article,
            targets=targets,
            stances=tuple({t: s for t, s in stances.items() if t in targets} for stances in article.stances),
        )
        for article in (first, second)
    )
    return a, b


def _confusion(first: LabelledArticle, second: LabelledArticle, schema: LabelSchema) -> Counts:
    order = {stance: i for i, stance in enumerate(schema.stance_ids)}
    found = np.zeros((2, len(order), len(order)), np.int64)
    for ours, theirs in zip(first.stances, second.stances, strict=True):
        for target in first.targets:
            spoken_of = target in ours or target in theirs
            row, column = (order[stances.get(target, "neutral")] for stances in (ours, theirs))
            found[: 2 if spoken_of else 1, row, column] += 1
    return found


def _as_analysis(article: LabelledArticle) -> ArticleAnalysis:
    """The labels in the form of an analysis that is sure of them."""
    paragraphs, start = [], 0
    for i, text in enumerate(article.paragraphs):
        stances = ((target, article.stances[i].get(target, "neutral")) for target in article.targets)
        devices = []
        for device in sorted(article.presence[i]):
            places = [span for span in article.spans[i] if span.device == device]
            spans = tuple(Span(s.start, s.end, text[s.start : s.end], 1.0) for s in places)
            devices.append(DevicePrediction(device, 1.0, spans))
        paragraph = Paragraph(i, start, start + len(text), text)
        answers = tuple(StancePrediction(target, stance, {stance: 1.0}) for target, stance in stances)
        paragraphs.append(ParagraphAnalysis(paragraph, answers, tuple(devices)))
        start += len(text) + 1
    return ArticleAnalysis(article.id, article.title, article.targets, "", tuple(paragraphs))


def cohen_kappa(table: Counts) -> Floats:
    """Cohen's kappa of counts [..., S, S]; NaN where nothing was counted, or chance alone explains all."""
    total = table.sum(axis=(-2, -1))
    observed = _over(np.trace(table, axis1=-2, axis2=-1), total)
    expected = _over((table.sum(axis=-1) * table.sum(axis=-2)).sum(axis=-1), total * total)
    return _over(observed - expected, 1 - expected)


def krippendorff_alpha(table: Counts) -> Floats:
    """Krippendorff's alpha, nominal, of two labellings with counts [..., S, S]; NaN as for `cohen_kappa`."""
    pairs = table + np.swapaxes(table, -2, -1)
    values = pairs.sum(axis=-1)
    total = values.sum(axis=-1)
    disagreement = total - np.trace(pairs, axis1=-2, axis2=-1)
    by_chance = _over(total * total - (values * values).sum(axis=-1), total - 1)
    return 1 - _over(disagreement, by_chance)


def _table(match: Sequence[int] | Counts, paragraphs: int) -> Counts:
    """Presence by presence, from the four numbers of a match."""
    both, second, _, first = (int(n) for n in match)
    return np.array([[both, first - both], [second - both, paragraphs - first - second + both]])


def _f1(matches: Counts) -> Floats:
    """F1 of [..., 4]; NaN where neither side has a span."""
    precision, recall = _over(matches[..., 0], matches[..., 1]), _over(matches[..., 2], matches[..., 3])
    precision, recall = np.nan_to_num(precision), np.nan_to_num(recall)
    score = np.nan_to_num(_over(2 * precision * recall, precision + recall))
    return np.where(matches[..., 1] + matches[..., 3] > 0, score, np.nan)


def _over(part: Any, whole: Any) -> Floats:
    ratio: Floats = np.divide(part, whole, out=np.full(np.shape(whole), np.nan), where=np.asarray(whole) > 0)
    return ratio


def _known(value: Floats) -> float | None:
    return None if np.isnan(value) else float(value)
