"""The sentences of an article in which most of its rhetoric and stance come together."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from stance.results import ParagraphAnalysis

__all__ = ["KeySentence", "key_sentences", "sentences"]

SHORTEST, LONGEST = 8, 150
"""Characters of a key sentence, in code points."""

_SENTENCE = re.compile(r"[^。！？!?…\n\r]*(?:[。！？!?…]+[”’」』）)》】\"']*|[\n\r]+|$)")


@dataclass(frozen=True, slots=True)
class KeySentence:
    """A sentence and what it scored.

    Attributes:
        paragraph: index of its paragraph in the article.
        start, end: half-open place in the text of the paragraph, in code points.
        text: the sentence, as it stands there.
        score: as `key_sentences` says.
    """

    paragraph: int
    start: int
    end: int
    text: str
    score: float

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers and text; the score to two decimals."""
        return {
            "paragraph": self.paragraph,
            "start": self.start,
            "end": self.end,
            "text": self.text,
            "score": round(self.score, 2),
        }


def key_sentences(paragraphs: Iterable[ParagraphAnalysis], count: int = 3) -> tuple[KeySentence, ...]:
    """The sentences of highest score, in the order of the text.

    A sentence scores the probabilities of the device spans that stand in it, wholly or in part, added up, and
    the highest probability with which its paragraph takes a side towards a target. It comes from the body, is
    8 to 150 characters long, and bears at least one device; of equal scores the earlier wins.
    """
    scored = [sentence for paragraph in paragraphs if paragraph.kind == "body" for sentence in _scored(paragraph)]
    best = sorted(scored, key=lambda sentence: -sentence.score)[:count]
    return tuple(sorted(best, key=lambda sentence: (sentence.paragraph, sentence.start)))


def sentences(text: str) -> Iterator[tuple[int, int]]:
    """Half-open places of the sentences in a paragraph, without white space at their ends."""
    for match in _SENTENCE.finditer(text):
        sentence = match.group()
        start = match.end() - len(sentence.lstrip())
        end = match.start() + len(sentence.rstrip())
        if start < end:
            yield start, end


def _scored(paragraph: ParagraphAnalysis) -> Iterator[KeySentence]:
    sides = [stance.probability for stance in paragraph.stances if stance.stance != "neutral"]
    spans = [span for device in paragraph.devices for span in device.spans]
    if not spans:
        return
    for start, end in sentences(paragraph.text):
        inside = [span.probability for span in spans if span.start < end and span.end > start]
        if inside and SHORTEST <= end - start <= LONGEST:
            score = sum(inside) + max(sides, default=0.0)
            yield KeySentence(paragraph.index, start, end, paragraph.text[start:end], score)
