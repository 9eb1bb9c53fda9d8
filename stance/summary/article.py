"""The summary of one article: its counts, and the passages that show them best."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from stance.summary import chinese, english
from stance.summary.counts import STANCES, StanceCounts, density, share
from stance.summary.markdown import article_markdown

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from stance.schema import Label, LabelSchema
    from stance.summary.counts import Tally
    from stance.summary.domains import Domain
    from stance.summary.sentences import KeySentence

__all__ = ["ArticleSummary", "DeviceSummary", "DomainSummary", "StrongParagraph", "TargetSummary"]


@dataclass(frozen=True, slots=True)
class StrongParagraph:
    """A paragraph that takes a side plainly.

    Attributes:
        index: of the paragraph in the article.
        stance: `favor` or `against`.
        probability: of the stance, 0 to 1.
        text: of the paragraph, as given.
    """

    index: int
    stance: str
    probability: float
    text: str

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers and text."""
        return {"index": self.index, "stance": self.stance, "probability": self.probability, "text": self.text}


@dataclass(frozen=True, slots=True)
class TargetSummary:
    """The author's stance towards one target.

    Attributes:
        target: as asked for or found.
        course: the stance in each paragraph that is not blank, in the order of the text.
        strongest: the paragraphs that take a side with the highest probability, the first of them first.
        devices: device → in how many paragraphs of each stance towards the target it stands, the commonest first.
    """

    target: str
    course: tuple[str, ...]
    strongest: tuple[StrongParagraph, ...]
    devices: Mapping[str, StanceCounts]

    @property
    def counts(self) -> StanceCounts:
        """In how many paragraphs the author takes each stance."""
        return _count(self.course)

    @property
    def thirds(self) -> tuple[StanceCounts, StanceCounts, StanceCounts]:
        """The same in the first, middle and last third of the paragraphs; a remainder goes to the later thirds."""
        n = len(self.course)
        first, second = n // 3, 2 * n // 3
        return _count(self.course[:first]), _count(self.course[first:second]), _count(self.course[second:])

    def to_dict(self) -> dict[str, Any]:
        """Counts, shares, course, strongest paragraphs, and stance by device."""
        counts = self.counts
        return {
            "target": self.target,
            "drift": counts.drift,
            "paragraphs": counts.paragraphs,
            **counts.to_dict(),
            **{f"{stance}_share": share(counts.of(stance), counts.paragraphs) for stance in STANCES},
            "course": list(self.course),
            "thirds": [third.to_dict() for third in self.thirds],
            "strongest": [paragraph.to_dict() for paragraph in self.strongest],
            "devices": [{"device": device, **found.to_dict()} for device, found in self.devices.items()],
        }


@dataclass(frozen=True, slots=True)
class DeviceSummary:
    """How an article uses one device.

    Attributes:
        device: the device, from the label schema.
        spans: number of spans.
        paragraphs: number of paragraphs with at least one.
        typical: words of up to three spans: the most repeated, then the most probable, then the first in the text.
    """

    device: Label
    spans: int
    paragraphs: int
    typical: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DomainSummary:
    """The metaphors of an article from one source domain.

    Attributes:
        domain: where they come from.
        words: the words that tell it → spans; for the domain `other` all the words of the metaphor.
        typical: words of up to three metaphors, chosen as those of a device.
    """

    domain: Domain
    words: Mapping[str, int]
    typical: tuple[str, ...]

    @property
    def spans(self) -> int:
        """Number of metaphors."""
        return sum(self.words.values())


@dataclass(frozen=True, slots=True)
class ArticleSummary:
    """What an article says for and against whom, and by which means.

    Attributes:
        id, title, model, warnings, extra: as in the analysis.
        tally: all counts.
        targets: the most central first.
        devices: those found, the commonest first.
        metaphors: the domains found, the commonest first, `other` last.
        key_sentences: in the order of the text.
        percentile: how many percent of a corpus's articles have fewer devices per 1,000 characters, rounded down;
            None where no corpus was given, or the article has no text.
        schema: the labels.
    """

    id: str
    title: str
    model: str
    tally: Tally
    targets: tuple[TargetSummary, ...]
    devices: tuple[DeviceSummary, ...]
    metaphors: tuple[DomainSummary, ...]
    key_sentences: tuple[KeySentence, ...]
    percentile: int | None
    warnings: tuple[str, ...]
    extra: Mapping[str, Any]
    schema: LabelSchema

    @property
    def density(self) -> float | None:
        """Device spans per 1,000 characters, white space left out; None in no text."""
        return density(self.tally.extent.spans, self.tally.extent.characters)

    @property
    def chinese(self) -> str:
        """The summary as a paragraph of Chinese."""
        return chinese.article(self)

    @property
    def english(self) -> str:
        """The summary as a paragraph of English."""
        return english.article(self)

    def to_dict(self) -> dict[str, Any]:
        """Plain dicts, lists, texts and numbers; further columns after the summary's own.

        A further column whose name is taken is called `input_<name>`.
        """
        extent = self.tally.extent
        own = {
            "id": self.id,
            "title": self.title,
            "model": self.model,
            "paragraphs": extent.paragraphs,
            "characters": extent.characters,
            "device_spans": extent.spans,
            "per_1000_characters": self.density,
            "percentile": self.percentile,
            "targets": [target.to_dict() for target in self.targets],
            "devices": [self._device(device) for device in self.devices],
            "metaphors": [_domain(domain) for domain in self.metaphors],
            "key_sentences": [sentence.to_dict() for sentence in self.key_sentences],
            "chinese": self.chinese,
            "english": self.english,
            "warnings": list(self.warnings),
        }
        return own | {f"input_{name}" if name in own else name: value for name, value in self.extra.items()}

    def to_json(self) -> str:
        """The summary as one line of JSON."""
        return json.dumps(self.to_dict(), ensure_ascii=False, allow_nan=False)

    def to_markdown(self, language: str = "zh") -> str:
        """The summary as a page of Markdown, in Chinese (`zh`) or English (`en`); text of the article is escaped."""
        return article_markdown(self, language)

    def _device(self, found: DeviceSummary) -> dict[str, Any]:
        return {
            "device": found.device.id,
            "spans": found.spans,
            "paragraphs": found.paragraphs,
            "per_1000_characters": density(found.spans, self.tally.extent.characters),
            "typical": list(found.typical),
        }


def _count(course: Iterable[str]) -> StanceCounts:
    found = Counter(course)
    return StanceCounts(*(found[stance] for stance in STANCES))


def _domain(found: DomainSummary) -> dict[str, Any]:
    return {
        "domain": found.domain.id,
        "spans": found.spans,
        "words": [{"word": word, "spans": spans} for word, spans in found.words.items()],
        "typical": list(found.typical),
    }
