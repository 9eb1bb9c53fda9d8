"""From a labelled article to its summary."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stance.schema import DEFAULT_SCHEMA
from stance.summary.article import ArticleSummary, DeviceSummary, DomainSummary, StrongParagraph, TargetSummary
from stance.summary.counts import Tally, counted_paragraphs, stance_towards, targets_of
from stance.summary.domains import domains, read_metaphor
from stance.summary.sentences import key_sentences

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from stance.results import ArticleAnalysis, ParagraphAnalysis, Span
    from stance.schema import LabelSchema
    from stance.summary.corpus import CorpusSummary
    from stance.summary.counts import StanceCounts

__all__ = ["summarize"]

_STRONGEST, _TYPICAL = 3, 3


def summarize(
    analysis: ArticleAnalysis, corpus: CorpusSummary | None = None, schema: LabelSchema = DEFAULT_SCHEMA
) -> ArticleSummary:
    """Sum up one article.

    Args:
        analysis: the labelled article.
        corpus: what the article's density of devices is compared with.
        schema: the labels of the model.

    Raises:
        SchemaError: the analysis names a stance or device that the schema does not know.
    """
    tally = Tally.of(analysis, schema)
    paragraphs = counted_paragraphs(analysis)
    crossings = tally.by_target_and_device()
    return ArticleSummary(
        id=analysis.id,
        title=analysis.title,
        model=analysis.model,
        tally=tally,
        targets=tuple(_target(target, paragraphs, crossings.get(target, {})) for target in targets_of(analysis)),
        devices=tuple(_devices(tally, paragraphs, schema)),
        metaphors=tuple(_metaphors(tally, paragraphs)),
        key_sentences=key_sentences(paragraphs),
        percentile=None if corpus is None else corpus.percentile(tally.extent),
        warnings=analysis.warnings,
        extra=analysis.extra,
        schema=schema,
    )


def _target(target: str, paragraphs: Sequence[ParagraphAnalysis], devices: Mapping[str, StanceCounts]) -> TargetSummary:
    sides = [
        StrongParagraph(paragraph.index, answer.stance, answer.probability, paragraph.text)
        for paragraph in paragraphs
        for answer in paragraph.stances
        if answer.target == target and answer.stance != "neutral"
    ]
    return TargetSummary(
        target=target,
        course=tuple(stance_towards(paragraph, target) for paragraph in paragraphs),
        strongest=tuple(sorted(sides, key=lambda paragraph: -paragraph.probability)[:_STRONGEST]),
        devices=devices,
    )


def _devices(tally: Tally, paragraphs: Sequence[ParagraphAnalysis], schema: LabelSchema) -> Iterator[DeviceSummary]:
    for device, presence in tally.by_device().items():
        if tally.spans[device]:
            [(with_it, _)] = presence
            yield DeviceSummary(
                schema.device(device), tally.spans[device], with_it, _typical(_spans(paragraphs, device))
            )


def _metaphors(tally: Tally, paragraphs: Sequence[ParagraphAnalysis]) -> Iterator[DomainSummary]:
    spans: dict[str, list[Span]] = {}
    for span in _spans(paragraphs, "metaphor"):
        spans.setdefault(read_metaphor(span.text).domain.id, []).append(span)
    for domain, words in tally.by_domain().items():
        yield DomainSummary(domains()[domain], dict(words.most_common()), _typical(spans[domain]))


def _spans(paragraphs: Iterable[ParagraphAnalysis], device: str) -> Iterator[Span]:
    for paragraph in paragraphs:
        for found in paragraph.devices:
            if found.device == device:
                yield from found.spans


def _typical(spans: Iterable[Span]) -> tuple[str, ...]:
    """Up to three wordings: the most repeated, then the most probable, then the first in the text."""
    wordings: dict[str, list[float]] = {}
    for span in spans:
        wordings.setdefault(span.text, []).append(span.probability)
    ranked = sorted(wordings.items(), key=lambda item: (-len(item[1]), -max(item[1])))
    return tuple(text for text, _ in ranked[:_TYPICAL])
