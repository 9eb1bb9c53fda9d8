"""Key words in context: each span with what stands before and after it."""

from __future__ import annotations

import hashlib
import heapq
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from stance.results import ArticleAnalysis

__all__ = ["Concordance", "Line"]

CONTEXT = 24
"""Characters shown on each side of a span, in code points."""
_LONGEST_WORD = 60
"""Characters of a span that are shown; of a longer one the beginning."""


class Line(NamedTuple):
    """A span in its context.

    Attributes:
        article: number of the article in the corpus, from 0.
        paragraph: index of the paragraph in the article.
        left, word, right: the span and the characters round it.
    """

    article: int
    paragraph: int
    left: str
    word: str
    right: str


@dataclass(slots=True)
class Concordance:
    """The lines of each device; of a device with many spans a random sample, the same for the same corpus.

    Attributes:
        most: lines kept for a device.
        spans: device → spans met.
    """

    most: int
    spans: dict[str, int] = field(default_factory=dict)
    _kept: dict[str, list[tuple[int, int, Line]]] = field(default_factory=dict)

    def add(self, number: int, analysis: ArticleAnalysis) -> None:
        """Take in the spans of the article with this number in the corpus."""
        for paragraph in analysis.paragraphs:
            for found in paragraph.devices:
                for span in found.spans:
                    word = span.text if len(span.text) <= _LONGEST_WORD else span.text[:_LONGEST_WORD] + "…"
                    left = paragraph.text[max(0, span.start - CONTEXT) : span.start]
                    right = paragraph.text[span.end : span.end + CONTEXT]
                    context = (" ".join(part.split("\n")) for part in (left, word, right))
                    self._keep(found.device, Line(number, paragraph.index, *context), span.start)

    def lines(self, device: str) -> list[Line]:
        """The lines kept for a device, in the order of the corpus."""
        return [line for _, _, line in sorted(self._kept.get(device, ()), key=lambda item: (item[2][:2], -item[1]))]

    def _keep(self, device: str, line: Line, start: int) -> None:
        """Keep the lines whose digests are least: a fair draw that no order of reading changes."""
        self.spans[device] = self.spans.get(device, 0) + 1
        kept = self._kept.setdefault(device, [])
        place = f"{line.article} {line.paragraph} {start}".encode()
        digest = int.from_bytes(hashlib.blake2b(place, digest_size=8).digest(), "big")
        (heapq.heappush if len(kept) < self.most else heapq.heappushpop)(kept, (-digest, -start, line))
