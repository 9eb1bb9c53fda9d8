"""Gold and predicted labels of an article, held against each other and counted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from stance.errors import InputError
from stance.training.metrics.bins import BINS, bin_probabilities
from stance.training.metrics.counts import LEVELS, EvaluationCounts

if TYPE_CHECKING:
    from collections.abc import Iterable

    from stance.results import ArticleAnalysis, ParagraphAnalysis
    from stance.schema import LabelSchema
    from stance.training.examples import LabelledArticle
    from stance.training.metrics.ratios import Counts, Floats

__all__ = ["LEVELS", "evaluate", "overlap"]

Borders = tuple[int, int]


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


def overlap(a: Borders, b: Borders) -> bool:
    """Do two half-open spans share a character?"""
    return a[0] < b[1] and b[0] < a[1]


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
    devices = len(schema.device_ids)
    matches = np.zeros((1, len(LEVELS), devices, 4), np.int64)
    crossings = np.zeros((1, devices + 1, devices + 1), np.int64)
    for i, paragraph in enumerate(predicted.paragraphs):
        ours, theirs = _located_spans(gold, i, paragraph, schema)
        matches[0, 0] += _presence_matches(gold, i, paragraph, schema)
        matches[0, 1:] += _span_matches(ours, theirs)
        crossings[0] += _crossings(ours, theirs)
    confusion, stance_bins = _stance_counts(gold, predicted, schema)
    device_bins = np.zeros((BINS, 3))
    if device_probabilities is not None:
        annotated = np.array([device in gold.annotated for device in schema.device_ids])
        present = np.array([[device in found for device in schema.device_ids] for found in gold.presence], dtype=bool)
        present = present.reshape(device_probabilities.shape)
        device_bins = bin_probabilities(np.where(annotated, device_probabilities, np.nan), present)
    bins = np.stack([device_bins, stance_bins])
    return EvaluationCounts(schema, (gold.genre,), matches, confusion[np.newaxis], crossings, bins[np.newaxis])


def _presence_matches(gold: LabelledArticle, index: int, found: ParagraphAnalysis, schema: LabelSchema) -> Counts:
    """[D, 4] of one paragraph: the annotated devices in it."""
    reported = {schema.device(hit.device).id for hit in found.devices}
    rows = [(0, 0, 0, 0)] * len(schema.device_ids)
    for d, device in enumerate(schema.device_ids):
        if device in gold.annotated:
            predicted, present = device in reported, device in gold.presence[index]
            rows[d] = (predicted and present, predicted, predicted and present, present)
    return np.array(rows, np.int64)


def _located_spans(
    gold: LabelledArticle, index: int, found: ParagraphAnalysis, schema: LabelSchema
) -> tuple[list[set[Borders]], list[set[Borders]]]:
    """Gold and predicted spans of each device in a paragraph; none of devices whose spans are not known."""
    places = {device: d for d, device in enumerate(schema.device_ids) if device in gold.located}
    ours: list[set[Borders]] = [set() for _ in schema.device_ids]
    theirs: list[set[Borders]] = [set() for _ in schema.device_ids]
    for span in gold.spans[index]:
        if span.device in places:
            ours[places[span.device]].add((span.start, span.end))
    for hit in found.devices:
        if hit.device in places:
            theirs[places[hit.device]].update((span.start, span.end) for span in hit.spans)
    return ours, theirs


def _span_matches(ours: list[set[Borders]], theirs: list[set[Borders]]) -> Counts:
    """[2, D, 4] of one paragraph: spans with the same borders, and spans that overlap."""
    exact, overlapping = [], []
    for own, found in zip(ours, theirs, strict=True):
        same = len(found & own)
        exact.append((same, len(found), same, len(own)))
        right = sum(any(overlap(a, b) for b in own) for a in found)
        met = sum(any(overlap(a, b) for a in found) for b in own)
        overlapping.append((right, len(found), met, len(own)))
    return np.array([exact, overlapping], np.int64)


def _crossings(ours: list[set[Borders]], theirs: list[set[Borders]]) -> Counts:
    """[D + 1, D + 1] of one paragraph, from the gold and predicted spans of each device."""
    devices = len(ours)
    counts = np.zeros((devices + 1, devices + 1), np.int64)
    wrong = [{a for a in own if not any(overlap(a, b) for b in ours[d])} for d, own in enumerate(theirs)]
    for g, spans in enumerate(ours):
        for span in spans:
            seen = [
                d for d in range(devices) if any(overlap(span, other) for other in (theirs if d == g else wrong)[d])
            ]
            counts[g, seen or [devices]] += 1
    every = set().union(*ours)
    for d, spans in enumerate(wrong):
        counts[devices, d] += sum(not any(overlap(span, other) for other in every) for span in spans)
    return counts


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
