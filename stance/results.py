"""What goes in and what comes out: `Article` and `ArticleAnalysis`, with their parts.

Offsets are half-open `[start, end)` in Unicode code points. `Paragraph` offsets point into the text of
the article as given, `Span` offsets into the text of their paragraph, and both invariants

    article.text[p.start:p.end] == p.text        p.text[s.start:s.end] == s.text

are checked when the objects are made, so that no later step can break them unseen.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal, get_args

from stance.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import pyarrow as pa

__all__ = [
    "Article",
    "ArticleAnalysis",
    "DevicePrediction",
    "Paragraph",
    "ParagraphAnalysis",
    "ParagraphKind",
    "Span",
    "StancePrediction",
]

ParagraphKind = Literal["title", "heading", "body"]


@dataclass(frozen=True, slots=True)
class Article:
    """An article as given. Nothing in it is cleaned: that is the analyzer's work.

    Attributes:
        text: the whole text; paragraphs that came as a list are joined by a line feed.
        id: identifier, unique in a corpus; empty where none is known.
        title: headline, empty where none is known.
        paragraphs: the paragraphs where the input has them as a list (kept one for one), else None.
        targets: targets given with the article.
        extra: further columns of the input (source, date …), passed through untouched.
    """

    text: str
    id: str = ""
    title: str = ""
    paragraphs: tuple[str, ...] | None = None
    targets: tuple[str, ...] = ()
    extra: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.paragraphs is not None and self.text != "\n".join(self.paragraphs):
            raise ValueError("Article.text must be the paragraphs joined by a line feed; use Article.from_paragraphs.")

    @classmethod
    def from_text(cls, text: str, *, id: str = "", title: str = "", targets: Iterable[str] = ()) -> Article:
        """An article from raw text: the analyzer finds title, headings and paragraphs and drops site chrome."""
        return cls(text=text, id=id, title=title, targets=tuple(targets))

    @classmethod
    def from_paragraphs(
        cls,
        paragraphs: Iterable[str],
        *,
        id: str = "",
        title: str = "",
        targets: Iterable[str] = (),
        extra: Mapping[str, Any] | None = None,
    ) -> Article:
        """An article whose paragraphs are known; they come out one for one."""
        parts = tuple(paragraphs)
        return cls(
            text="\n".join(parts), id=id, title=title, paragraphs=parts, targets=tuple(targets), extra=extra or {}
        )


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A paragraph at `[start, end)` of its article's text."""

    index: int
    start: int
    end: int
    text: str
    kind: ParagraphKind = "body"

    def __post_init__(self) -> None:
        if self.end - self.start != len(self.text) or self.start < 0:
            raise ValueError(
                f"Paragraph {self.index}: [{self.start}, {self.end}) does not fit {len(self.text)} characters."
            )
        if self.kind not in get_args(ParagraphKind):
            raise ValueError(
                f"Paragraph {self.index}: kind must be one of {get_args(ParagraphKind)}, found {self.kind!r}."
            )


@dataclass(frozen=True, slots=True)
class Span:
    """The words that bear a device, at `[start, end)` of their paragraph's text."""

    start: int
    end: int
    text: str
    probability: float


@dataclass(frozen=True, slots=True)
class DevicePrediction:
    """A rhetorical device in a paragraph, with at least one span.

    Attributes:
        device: id in the label schema.
        probability: calibrated probability that the paragraph uses the device, 0 to 1.
        spans: where, in the order of the text.
    """

    device: str
    probability: float
    spans: tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class StancePrediction:
    """The author's stance towards one target in one paragraph.

    Attributes:
        target: the target as asked for or found.
        stance: favor or against where both together reach the model's threshold, the likelier of the two; else neutral.
        probabilities: calibrated probability of each stance, by id; they sum to 1.
    """

    target: str
    stance: str
    probabilities: Mapping[str, float]

    @property
    def probability(self) -> float:
        """Probability of the stance chosen, 0 to 1."""
        return self.probabilities[self.stance]


@dataclass(frozen=True, slots=True)
class ParagraphAnalysis:
    """A paragraph with the author's stances and the devices in it.

    Attributes:
        paragraph: its text and place.
        stances: one a target.
        devices: those that are reported.
        needs_review: ids of devices, reported or not, and targets, whose probability lies where the model is often
            wrong: close to where the answer would turn.
    """

    paragraph: Paragraph
    stances: tuple[StancePrediction, ...]
    devices: tuple[DevicePrediction, ...]
    needs_review: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for device in self.devices:
            for span in device.spans:
                inside = 0 <= span.start < span.end <= len(self.text)
                if not inside or self.text[span.start : span.end] != span.text:
                    raise ValueError(f"Paragraph {self.index}: span {span} is not at its place in the text.")

    @property
    def index(self) -> int:
        """Number of the paragraph in its article, from 0."""
        return self.paragraph.index

    @property
    def text(self) -> str:
        """Text of the paragraph, as given."""
        return self.paragraph.text

    @property
    def kind(self) -> ParagraphKind:
        """`title`, `heading` or `body`."""
        return self.paragraph.kind

    def to_dict(self) -> dict[str, Any]:
        """The paragraph in the output contract: plain dicts, lists, strings and numbers."""
        p = self.paragraph
        return {
            "index": p.index,
            "start": p.start,
            "end": p.end,
            "text": p.text,
            "kind": p.kind,
            "stances": [
                {
                    "target": s.target,
                    "stance": s.stance,
                    "probability": s.probability,
                    "probabilities": dict(s.probabilities),
                }
                for s in self.stances
            ],
            "devices": [
                {
                    "device": d.device,
                    "probability": d.probability,
                    "spans": [
                        {"start": s.start, "end": s.end, "text": s.text, "probability": s.probability} for s in d.spans
                    ],
                }
                for d in self.devices
            ],
            "needs_review": list(self.needs_review),
        }

    def with_min_probability(self, probability: float) -> ParagraphAnalysis:
        """Without the devices that are less probable, and neutral where a side is; 0 to 1."""
        stances = (
            s if s.stance == "neutral" or s.probability >= probability else replace(s, stance="neutral")
            for s in self.stances
        )
        devices = (d for d in self.devices if d.probability >= probability)
        return replace(self, stances=tuple(stances), devices=tuple(devices))

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> ParagraphAnalysis:
        """The paragraph written by `to_dict`. Raises KeyError, TypeError or ValueError for anything else."""
        return cls(
            paragraph=Paragraph(data["index"], data["start"], data["end"], data["text"], data["kind"]),
            stances=tuple(
                StancePrediction(s["target"], s["stance"], dict(s["probabilities"])) for s in data["stances"]
            ),
            devices=tuple(
                DevicePrediction(
                    d["device"],
                    d["probability"],
                    tuple(Span(s["start"], s["end"], s["text"], s["probability"]) for s in d["spans"]),
                )
                for d in data["devices"]
            ),
            needs_review=tuple(data.get("needs_review") or ()),  # files of 0.1 have none
        )


@dataclass(frozen=True, slots=True)
class ArticleAnalysis:
    """An article with its paragraphs' stances and devices.

    Attributes:
        id, title: as in the article; the title may have been found in the text.
        targets: given or found, the most central first.
        model: name and digest of the model that made the labels.
        paragraphs: in the order of the text.
        warnings: what a reader should know (a paragraph cut, no target found), one sentence each.
        extra: further columns of the input, untouched.
    """

    id: str
    title: str
    targets: tuple[str, ...]
    model: str
    paragraphs: tuple[ParagraphAnalysis, ...]
    warnings: tuple[str, ...] = ()
    extra: Mapping[str, Any] = field(default_factory=dict)

    def with_min_probability(self, probability: float) -> ArticleAnalysis:
        """Without the devices that are less probable than this, and neutral where a side is; 0 to 1.

        What the model is unsure of still stands in `needs_review`.
        """
        if not 0 <= probability <= 1:
            raise InputError(f"A probability lies between 0 and 1; found {probability}. Give --min-probability as 0.5.")
        if not probability:
            return self
        return replace(self, paragraphs=tuple(p.with_min_probability(probability) for p in self.paragraphs))

    def to_dict(self) -> dict[str, Any]:
        """The article in the output contract, further columns after the contract's own."""
        own = {
            "id": self.id,
            "title": self.title,
            "targets": list(self.targets),
            "model": self.model,
            "paragraphs": [p.to_dict() for p in self.paragraphs],
            "warnings": list(self.warnings),
        }
        return own | {k: v for k, v in self.extra.items() if k not in own}

    def to_dicts(self) -> list[dict[str, Any]]:
        """One dict a paragraph, with the columns of the Parquet output; see `stance.frames` for many articles."""
        rows: list[dict[str, Any]] = _frames().to_dicts([self])
        return rows

    def to_arrow(self) -> pa.Table:
        """An Arrow table, one row a paragraph."""
        return _frames().to_arrow([self])

    def to_pandas(self) -> Any:
        """A `pandas.DataFrame`, one row a paragraph. Raises InputError where pandas is not installed."""
        return _frames().to_pandas([self])

    def to_polars(self) -> Any:
        """A `polars.DataFrame`, one row a paragraph. Raises InputError where polars is not installed."""
        return _frames().to_polars([self])

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> ArticleAnalysis:
        """The article written by `to_dict`. Raises InputError where it is not one."""
        own = ("id", "title", "targets", "model", "paragraphs", "warnings")
        try:
            return cls(
                id=data["id"],
                title=data["title"],
                targets=tuple(data["targets"]),
                model=data["model"],
                paragraphs=tuple(ParagraphAnalysis.from_dict(p) for p in data["paragraphs"]),
                warnings=tuple(data["warnings"]),
                extra={k: v for k, v in data.items() if k not in own},
            )
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(
                f"Expected an article labelled by stance (fields {', '.join(own)}); "
                f"found a fault at {error!r} in article {data.get('id')!r}. Make the file with `stance label`."
            ) from error


def _frames() -> Any:
    """The module of data frames, on first use: it builds on this one, and pyarrow is slow to load."""
    return import_module("stance.frames")
