"""What the prose of a summary speaks of, whatever its language."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stance.summary.estimates import FEWEST_ARTICLES
from stance.summary.quoting import printable, quotable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from stance.summary.article import ArticleSummary, DomainSummary, TargetSummary
    from stance.summary.counts import StanceCounts

__all__ = [
    "LONGEST_QUOTE",
    "LONGEST_SENTENCE",
    "TARGETS",
    "course",
    "examples",
    "extremes",
    "key_sentence",
    "leading_devices",
    "leading_side",
    "manner",
    "metaphors",
    "quoted",
    "sides",
]

TARGETS = 4
"""Targets that the prose speaks of; the tables have them all."""
LONGEST_QUOTE = 16
"""Characters of an example in the prose."""
LONGEST_SENTENCE = 100
"""Characters of the key sentence in the prose."""


def manner(counts: StanceCounts) -> str:
    """How the author stands to a target, by the share of paragraphs that lead.

    `silent`: no paragraph takes a side; `split`: as many take either; `mostly`: at least half the paragraphs take
    the leading side; `leaning`: at least a fifth; `rarely`: fewer.
    """
    leading = max(counts.favor, counts.against)
    if counts.drift == "neutral":
        return "split" if leading else "silent"
    if 2 * leading >= counts.paragraphs:
        return "mostly"
    return "leaning" if 5 * leading >= counts.paragraphs else "rarely"


def course(target: TargetSummary) -> tuple[str, int]:
    """How the leading side runs through the article, and the third of it that this is said of.

    `turn`: the first and the last third drift to opposite sides; `gathered`: one third (0, 1, 2) holds at least
    three fifths of the leading side's paragraphs; `throughout`: each third holds at least a fifth of them; else
    empty. Of fewer than six paragraphs, or three that lead, nothing is said.
    """
    drift, thirds = target.counts.drift, target.thirds
    if drift == "neutral" or len(target.course) < 6 or target.counts.of(drift) < 3:
        return "", 0
    if {thirds[0].drift, thirds[2].drift} == {"favor", "against"}:
        return "turn", 0
    leading = [third.of(drift) for third in thirds]
    most = max(leading)
    if 5 * most >= 3 * sum(leading):
        return "gathered", leading.index(most)
    return ("throughout", 0) if 5 * min(leading) >= sum(leading) else ("", 0)


def sides(lead: str) -> tuple[str, str]:
    """Both sides, the leading one first."""
    return (lead, "against" if lead == "favor" else "favor")


def metaphors(summary: ArticleSummary) -> list[DomainSummary]:
    """The metaphors whose source domain is known, the commonest first."""
    return [found for found in summary.metaphors if found.domain.id != "other"]


def key_sentence(summary: ArticleSummary) -> tuple[str, bool] | None:
    """The sentence of the highest score, to stand in quotation marks, and whether it has an end of its own.

    None where there is none, or it is too long or holds what cannot be shown.
    """
    best = max(summary.key_sentences, key=lambda sentence: sentence.score, default=None)
    if best is None or len(best.text) > LONGEST_SENTENCE or printable(best.text) != best.text:
        return None
    text = best.text.translate(str.maketrans("“”", "‘’"))
    return text, text.rstrip("’”」』）").endswith(("。", "！", "？", "…"))


def leading_devices(target: TargetSummary, count: int = 2) -> list[tuple[str, int]]:
    """The devices that stand in most paragraphs of the leading side, in two of them at least; with that number."""
    drift = target.counts.drift
    if drift == "neutral":
        return []
    found = [(device, counts.of(drift)) for device, counts in target.devices.items() if counts.of(drift) > 1]
    return sorted(found, key=lambda item: -item[1])[:count]


def quoted(texts: Iterable[str], count: int = 1) -> Sequence[str]:
    """The first texts that can be quoted as they stand."""
    bare = (quotable(text, LONGEST_QUOTE) for text in texts)
    return list(dict.fromkeys(text for text in bare if text))[:count]


def examples(found: DomainSummary) -> Sequence[str]:
    """Two typical metaphors of a source domain, or where none is short enough, two of the words that tell it."""
    return quoted(found.typical, 2) or quoted(found.words, 2)


def extremes(
    values: Iterable[Mapping[str, Any]], target: str, stance: str
) -> tuple[tuple[str, float], tuple[str, float]] | None:
    """The group with the largest and the one with the smallest share of this stance towards the target.

    Out of the groups with a name and enough articles on the target to say; None where they do not differ.
    """
    shares = [
        (group["value"], figures["share"])
        for group in values
        for about in group["targets"]
        for figures in about["stances"]
        if group["value"]
        and about["target"] == target
        and about["articles"] >= FEWEST_ARTICLES
        and figures["stance"] == stance
        and figures["share"] is not None
    ]
    if not shares:
        return None
    most, least = max(shares, key=lambda item: item[1]), min(shares, key=lambda item: item[1])
    return (most, least) if most[1] > least[1] else None


def leading_side(target: Mapping[str, Any]) -> str:
    """The side that more paragraphs on a target take in a corpus; `against` where as many take either."""
    paragraphs = {figures["stance"]: figures["paragraphs"] for figures in target["stances"]}
    return "favor" if paragraphs["favor"] > paragraphs["against"] else "against"
