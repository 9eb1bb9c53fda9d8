"""What is counted in labelled articles. Only counts are stored; every share and rate derives from them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, NamedTuple

from stance.errors import SchemaError
from stance.summary.domains import read_metaphor

if TYPE_CHECKING:
    from stance.results import ArticleAnalysis, ParagraphAnalysis
    from stance.schema import LabelSchema

__all__ = ["STANCES", "Extent", "StanceCounts", "Tally", "counted_paragraphs", "density", "share"]

STANCES = ("favor", "against", "neutral")


def share(part: int, whole: int) -> float | None:
    """Part of a whole, 0 to 1, to three decimals as shown; None of nothing."""
    return round(part / whole, 3) if whole else None


def density(spans: int, characters: int) -> float | None:
    """Spans per 1,000 characters, to two decimals as shown; None in no text."""
    return round(1000 * spans / characters, 2) if characters else None


@dataclass(frozen=True, slots=True, order=True)
class StanceCounts:
    """In how many paragraphs the author takes each stance towards one target.

    A paragraph that does not speak of the target is neutral, as everywhere in this package.
    """

    favor: int = 0
    against: int = 0
    neutral: int = 0

    def __add__(self, other: StanceCounts) -> StanceCounts:
        return StanceCounts(self.favor + other.favor, self.against + other.against, self.neutral + other.neutral)

    @property
    def paragraphs(self) -> int:
        """Number of paragraphs."""
        return self.favor + self.against + self.neutral

    @property
    def drift(self) -> str:
        """The stance of the whole: the side that more paragraphs take, neutral where none or as many take either."""
        if self.favor == self.against:
            return "neutral"
        return "favor" if self.favor > self.against else "against"

    def of(self, stance: str) -> int:
        """Number of paragraphs with this stance."""
        return {"favor": self.favor, "against": self.against, "neutral": self.neutral}[stance]

    def to_dict(self) -> dict[str, int]:
        """The counts by stance."""
        return {stance: self.of(stance) for stance in STANCES}


class Extent(NamedTuple):
    """How long an article is, and how many device spans stand in it; white space is not counted."""

    paragraphs: int
    characters: int
    spans: int


@dataclass(slots=True)
class Tally:
    """Counts over any number of articles: tallies of parts add up with `+` to the tally of the whole.

    What bootstrap intervals over articles need is kept as a histogram: so much of it in one article → number of
    such articles. It does not depend on the order of the articles, and grows far slower than their number.

    Attributes:
        extents: extent of an article → articles.
        stances: target, counts of its stances in an article → articles.
        presence: device, paragraphs of an article with it, paragraphs of the article → articles; devices that an
            article lacks are counted too, with 0.
        spans: device → spans.
        crossings: target, stance, device → paragraphs with this stance in which the device stands.
        metaphors: id of the source domain, word that tells it → spans.
    """

    extents: Counter[Extent] = field(default_factory=Counter)
    stances: Counter[tuple[str, StanceCounts]] = field(default_factory=Counter)
    presence: Counter[tuple[str, int, int]] = field(default_factory=Counter)
    spans: Counter[str] = field(default_factory=Counter)
    crossings: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    metaphors: Counter[tuple[str, str]] = field(default_factory=Counter)

    @classmethod
    def of(cls, analysis: ArticleAnalysis, schema: LabelSchema) -> Tally:
        """Count one article; blank paragraphs are left out, titles and headings are not.

        Raises:
            SchemaError: the analysis names a stance or device that the schema does not know.
        """
        tally = cls()
        paragraphs = counted_paragraphs(analysis)
        for paragraph in paragraphs:
            tally._count_devices(paragraph, schema)
        for target in targets_of(analysis):
            counts = StanceCounts()
            for paragraph in paragraphs:
                stance = stance_towards(paragraph, target)
                counts += StanceCounts(**{stance: 1})
                tally.crossings.update((target, stance, device.device) for device in paragraph.devices)
            tally.stances[target, counts] += 1
        for device in schema.device_ids:
            found = sum(any(d.device == device for d in paragraph.devices) for paragraph in paragraphs)
            tally.presence[device, found, len(paragraphs)] += 1
        characters = sum(len("".join(paragraph.text.split())) for paragraph in paragraphs)
        tally.extents[Extent(len(paragraphs), characters, tally.spans.total())] += 1
        return tally

    def _count_devices(self, paragraph: ParagraphAnalysis, schema: LabelSchema) -> None:
        for found in paragraph.devices:
            device = schema.device(found.device).id
            self.spans[device] += len(found.spans)
            if device == "metaphor":
                for span in found.spans:
                    metaphor = read_metaphor(span.text)
                    self.metaphors[metaphor.domain.id, metaphor.word] += 1

    def add(self, other: Tally) -> None:
        """Take the counts of another tally into this one."""
        for counter in fields(self):
            getattr(self, counter.name).update(getattr(other, counter.name))

    def __add__(self, other: Tally) -> Tally:
        total = Tally()
        total.add(self)
        total.add(other)
        return total

    @property
    def articles(self) -> int:
        """Number of articles."""
        return self.extents.total()

    @property
    def extent(self) -> Extent:
        """Paragraphs, characters and device spans of all articles together."""
        totals = [sum(extent[i] * articles for extent, articles in self.extents.items()) for i in range(3)]
        return Extent(*totals)

    def by_target(self) -> dict[str, Counter[StanceCounts]]:
        """Target → its counts in an article → articles; the targets of most articles first."""
        found: dict[str, Counter[StanceCounts]] = {}
        for (target, counts), articles in self.stances.items():
            found.setdefault(target, Counter())[counts] += articles
        return dict(sorted(found.items(), key=lambda item: (-item[1].total(), item[0])))

    def by_device(self) -> dict[str, Counter[tuple[int, int]]]:
        """Device → paragraphs with it and paragraphs of an article → articles; devices of most spans first."""
        found: dict[str, Counter[tuple[int, int]]] = {}
        for (device, with_it, paragraphs), articles in self.presence.items():
            found.setdefault(device, Counter())[with_it, paragraphs] += articles
        return dict(sorted(found.items(), key=lambda item: (-self.spans[item[0]], item[0])))

    def by_domain(self) -> dict[str, Counter[str]]:
        """Source domain → word → spans; the commonest domains first, those without a known word last."""
        found: dict[str, Counter[str]] = {}
        for (domain, word), spans in self.metaphors.items():
            found.setdefault(domain, Counter())[word] += spans
        return dict(sorted(found.items(), key=lambda item: (item[0] == "other", -item[1].total(), item[0])))

    def by_target_and_device(self) -> dict[str, dict[str, StanceCounts]]:
        """Target → device → in how many paragraphs of each stance towards the target it stands; commonest first."""
        found: dict[str, dict[str, StanceCounts]] = {}
        for (target, stance, device), paragraphs in self.crossings.items():
            devices = found.setdefault(target, {})
            devices[device] = devices.get(device, StanceCounts()) + StanceCounts(**{stance: paragraphs})
        return {
            target: dict(sorted(devices.items(), key=lambda item: (-item[1].paragraphs, item[0])))
            for target, devices in found.items()
        }


def counted_paragraphs(analysis: ArticleAnalysis) -> list[ParagraphAnalysis]:
    """The paragraphs that are not blank."""
    return [paragraph for paragraph in analysis.paragraphs if paragraph.text.strip()]


def targets_of(analysis: ArticleAnalysis) -> list[str]:
    """The targets of an article, the most central first, each once."""
    answered = (stance.target for paragraph in analysis.paragraphs for stance in paragraph.stances)
    return list(dict.fromkeys((*analysis.targets, *answered)))


def stance_towards(paragraph: ParagraphAnalysis, target: str) -> str:
    """The stance towards the target in a paragraph, neutral where none is given.

    Raises:
        SchemaError: it is none of the three that summaries know.
    """
    found = next((answer.stance for answer in paragraph.stances if answer.target == target), "neutral")
    if found not in STANCES:
        raise SchemaError(
            f"Paragraph {paragraph.index}: expected a stance out of {', '.join(STANCES)}; found {found!r} towards "
            f"{target!r}. Summaries are made from these three."
        )
    return found
