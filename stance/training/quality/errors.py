"""The paragraphs that a model got most wrong, with what it should have said and what it said."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from stance.training.metrics import overlap

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from stance.results import ArticleAnalysis, ParagraphAnalysis
    from stance.schema import LabelSchema
    from stance.training.examples import LabelledArticle
    from stance.training.metrics.ratios import Floats

__all__ = ["DeviceError", "Mark", "ParagraphError", "StanceMistake", "worst_paragraphs"]

WORST = 40
"""Paragraphs that a report shows."""
_LEAST = 1e-4
"""Probabilities in results have four decimals: less than this reads as 0, whose logarithm nobody could add up."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A span at `[start, end)` of a paragraph; `right` where one of the same device overlaps it on the other side."""

    device: str
    start: int
    end: int
    right: bool


@dataclass(frozen=True, slots=True)
class DeviceError:
    """A device wrongly missed (`gold`) or reported, with the model's probability that it is there, 0 to 1."""

    device: str
    gold: bool
    probability: float


@dataclass(frozen=True, slots=True)
class StanceMistake:
    """A wrong stance, with the model's probability of the gold one, 0 to 1."""

    target: str
    gold: str
    predicted: str
    probability: float


@dataclass(frozen=True, slots=True)
class ParagraphError:
    """A paragraph with at least one wrong label.

    Attributes:
        article, title, genre: of its article.
        index: number of the paragraph in its article, from 0.
        text: as given.
        loss: surprise at the gold labels, in nats: the cross-entropy of the presence of each annotated device and of
            each labelled stance, summed.
        gold, predicted: spans of located devices, in the order of the text.
        devices: wrong presences.
        stances: wrong stances.
    """

    article: str
    title: str
    genre: str
    index: int
    text: str
    loss: float
    gold: tuple[Mark, ...]
    predicted: tuple[Mark, ...]
    devices: tuple[DeviceError, ...]
    stances: tuple[StanceMistake, ...]


def worst_paragraphs(
    gold: Iterable[LabelledArticle],
    predicted: Iterable[ArticleAnalysis],
    presence: Iterable[Floats],
    schema: LabelSchema,
    limit: int = WORST,
) -> tuple[ParagraphError, ...]:
    """The paragraphs with a wrong label whose gold labels surprise the model most, each once, the worst first.

    Args:
        gold: labelled articles.
        predicted: their analyses, in the same order, of the same paragraphs and with the gold's targets.
        presence: for each article the presence probabilities [paragraphs, D].
        schema: the labels.
        limit: how many.
    """
    found = {}
    for article, analysis, probabilities in zip(gold, predicted, presence, strict=True):
        for paragraph, row in zip(analysis.paragraphs, probabilities, strict=True):
            error = _error(article, paragraph, row, schema)
            if error.devices or error.stances or not all(mark.right for mark in error.gold + error.predicted):
                found[error.article, error.index, error.text] = error
    return tuple(sorted(found.values(), key=lambda error: -error.loss)[:limit])


def _error(
    gold: LabelledArticle, predicted: ParagraphAnalysis, presence: Floats, schema: LabelSchema
) -> ParagraphError:
    i = predicted.index
    reported = {hit.device for hit in predicted.devices}
    loss, devices, stances = 0.0, [], []
    for device, probability in zip(schema.device_ids, map(float, presence), strict=True):
        if device in gold.annotated:
            present = device in gold.presence[i]
            loss += _surprise(probability if present else 1 - probability)
            if present != (device in reported):
                devices.append(DeviceError(device, present, probability))
    answers = {answer.target: answer for answer in predicted.stances}
    for target in gold.targets:
        if target in gold.stances[i] or gold.absence_known:
            answer, truth = answers[target], gold.stances[i].get(target, "neutral")
            loss += _surprise(answer.probabilities[truth])
            if answer.stance != truth:
                stances.append(StanceMistake(target, truth, answer.stance, answer.probabilities[truth]))
    ours, theirs = _spans(gold, predicted)
    return ParagraphError(
        article=gold.id,
        title=gold.title,
        genre=gold.genre,
        index=i,
        text=predicted.text,
        loss=loss,
        gold=_marks(ours, theirs),
        predicted=_marks(theirs, ours),
        devices=tuple(devices),
        stances=tuple(stances),
    )


def _surprise(probability: float) -> float:
    return -math.log(max(probability, _LEAST))


_Place = tuple[int, int, str]


def _spans(gold: LabelledArticle, predicted: ParagraphAnalysis) -> tuple[set[_Place], set[_Place]]:
    """Gold and predicted spans of the devices whose spans are known."""
    ours = {(s.start, s.end, s.device) for s in gold.spans[predicted.index] if s.device in gold.located}
    theirs = {
        (s.start, s.end, hit.device) for hit in predicted.devices if hit.device in gold.located for s in hit.spans
    }
    return ours, theirs


def _marks(own: Collection[_Place], others: Collection[_Place]) -> tuple[Mark, ...]:
    return tuple(
        Mark(device, start, end, any(d == device and overlap((start, end), (s, e)) for s, e, d in others))
        for start, end, device in sorted(own)
    )
