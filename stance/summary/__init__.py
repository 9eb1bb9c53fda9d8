"""Summaries of labelled articles and corpora: stances, devices, metaphors by source domain, and prose that says it.

Example:
    corpus = summarize_corpus(analyses, by=["source", "date:month"])
    print(corpus.to_markdown("en"))
    summary = summarize(analysis, corpus)       # the corpus tells how dense its rhetoric is
    print(summary.chinese)
"""

from __future__ import annotations

from stance.summary.article import ArticleSummary, DeviceSummary, DomainSummary, StrongParagraph, TargetSummary
from stance.summary.corpus import CorpusSummary, summarize_corpus
from stance.summary.correction import StanceConfusion
from stance.summary.counts import StanceCounts, Tally
from stance.summary.domains import Domain, Metaphor, domains, read_metaphor
from stance.summary.estimates import Bootstrap, Estimate
from stance.summary.sentences import KeySentence
from stance.summary.summarize import summarize
from stance.summary.write import write_corpus_summary, write_summaries

__all__ = [
    "ArticleSummary",
    "Bootstrap",
    "CorpusSummary",
    "DeviceSummary",
    "Domain",
    "DomainSummary",
    "Estimate",
    "KeySentence",
    "Metaphor",
    "StanceConfusion",
    "StanceCounts",
    "StrongParagraph",
    "Tally",
    "TargetSummary",
    "domains",
    "read_metaphor",
    "summarize",
    "summarize_corpus",
    "write_corpus_summary",
    "write_summaries",
]
