"""The figures of a set of articles, as a summary of a corpus gives them for the whole and for each group."""

from __future__ import annotations

from collections import Counter
from itertools import islice
from typing import TYPE_CHECKING, Any

from stance.summary.counts import STANCES, density, share

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from stance.summary.correction import StanceConfusion
    from stance.summary.counts import StanceCounts, Tally
    from stance.summary.estimates import Bootstrap

__all__ = ["TARGETS", "WORDS", "section"]

TARGETS, WORDS = 100, 50
"""Targets given, those of most articles, and words of a source domain; `distinct_…` says how many there are.

A corpus whose targets were found by the program has thousands that one article speaks of.
"""

_SHARE, _DENSITY = 3, 2
"""Decimals, the same as for an article."""


def section(tally: Tally, bootstrap: Bootstrap, confusion: StanceConfusion | None) -> dict[str, Any]:
    """Figures of the articles in a tally: extent, targets, devices and metaphors."""
    extent = tally.extent
    lengths: Counter[tuple[int, ...]] = Counter()
    for article, number in tally.extents.items():
        lengths[article.spans, article.characters] += number
    per_thousand = bootstrap.sums(lengths, columns=2).ratio(0, 1, per=1000)
    targets, crossings = tally.by_target(), tally.by_target_and_device()
    return {
        "articles": tally.articles,
        "paragraphs": extent.paragraphs,
        "characters": extent.characters,
        "device_spans": extent.spans,
        **per_thousand.to_dict("per_1000_characters", _DENSITY),
        "distinct_targets": len(targets),
        "targets": [
            _target(target, articles, crossings.get(target, {}), bootstrap, confusion)
            for target, articles in islice(targets.items(), TARGETS)
        ],
        "devices": list(_devices(tally, bootstrap)),
        "metaphors": list(_metaphors(tally)),
    }


def _target(
    target: str,
    articles: Mapping[StanceCounts, int],
    devices: Mapping[str, StanceCounts],
    bootstrap: Bootstrap,
    confusion: StanceConfusion | None,
) -> dict[str, Any]:
    """Stances towards one target: shares of paragraphs, shares of articles that drift so, devices by stance."""
    rows: Counter[tuple[int, ...]] = Counter()
    for counts, number in articles.items():
        drifts = (int(counts.drift == stance) for stance in STANCES)
        row = (*(counts.of(stance) for stance in STANCES), counts.paragraphs, *drifts, 1)
        rows[row] += number
    sums = bootstrap.sums(rows, columns=8)
    corrected = {} if confusion is None else confusion.estimates(sums, bootstrap)
    return {
        "target": target,
        "articles": int(sums.total[7]),
        "paragraphs": int(sums.total[3]),
        "stances": [
            {
                "stance": stance,
                "paragraphs": int(sums.total[i]),
                **sums.ratio(i, 3).to_dict("share", _SHARE),
                **(corrected[stance].to_dict("corrected", _SHARE) if corrected else {}),
                "articles": int(sums.total[4 + i]),
                **sums.ratio(4 + i, 7).to_dict("article_share", _SHARE),
            }
            for i, stance in enumerate(STANCES)
        ],
        "devices": [{"device": device, **counts.to_dict()} for device, counts in devices.items()],
    }


def _devices(tally: Tally, bootstrap: Bootstrap) -> Iterator[dict[str, Any]]:
    characters = tally.extent.characters
    for device, articles in tally.by_device().items():
        sums = bootstrap.sums(articles, columns=2)
        yield {
            "device": device,
            "spans": tally.spans[device],
            "per_1000_characters": density(tally.spans[device], characters),
            "paragraphs": int(sums.total[0]),
            **sums.ratio(0, 1).to_dict("share", _SHARE),
        }


def _metaphors(tally: Tally) -> Iterator[dict[str, Any]]:
    total = sum(tally.metaphors.values())
    for domain, words in tally.by_domain().items():
        ranked = sorted(words.items(), key=lambda item: (-item[1], item[0]))
        yield {
            "domain": domain,
            "spans": words.total(),
            "share": share(words.total(), total),
            "distinct_words": len(words),
            "words": [{"word": word, "spans": spans} for word, spans in ranked[:WORDS]],
        }
