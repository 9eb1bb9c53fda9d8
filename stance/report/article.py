"""What the page of an article shows: its summary, and its paragraphs in pieces."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from stance.report.marking import marks_of, pieces
from stance.report.palette import device_styles

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from stance.report.marking import Mark, Piece
    from stance.report.palette import DeviceStyle
    from stance.results import ArticleAnalysis, ParagraphAnalysis, ParagraphKind, StancePrediction
    from stance.summary import ArticleSummary

__all__ = ["ArticleView", "Block", "ParagraphView", "article_view"]

_LONGEST_DETAIL = 80
"""Characters of a further column that is shown with the title; longer ones are left out."""


@dataclass(frozen=True, slots=True)
class ParagraphView:
    """A paragraph on its page.

    Attributes:
        index: of the paragraph in the article.
        kind: `title`, `heading` or `body`.
        pieces: its text.
        sides: the stances other than neutral.
    """

    index: int
    kind: ParagraphKind
    pieces: tuple[Piece, ...]
    sides: tuple[StancePrediction, ...]


@dataclass(frozen=True, slots=True)
class Block:
    """A paragraph in the ribbon of a target.

    Attributes:
        index: of the paragraph in the article.
        characters: its length.
        stance: towards the target.
        probability: of that stance, 0 to 1; None where the paragraph has none.
    """

    index: int
    characters: int
    stance: str
    probability: float | None


@dataclass(frozen=True, slots=True)
class ArticleView:
    """An article on its page.

    Attributes:
        summary: its figures and prose.
        paragraphs: in the order of the text.
        marks: all spans, by number.
        ribbons: target → its blocks, one a paragraph.
        styles: id of a device → how it looks.
        details: name and value of short further columns.
    """

    summary: ArticleSummary
    paragraphs: tuple[ParagraphView, ...]
    marks: tuple[Mark, ...]
    ribbons: Mapping[str, tuple[Block, ...]]
    styles: Mapping[str, DeviceStyle]
    details: tuple[tuple[str, str], ...]


def article_view(analysis: ArticleAnalysis, summary: ArticleSummary) -> ArticleView:
    """Put together what the page of an article shows; blank paragraphs are left out."""
    marks: list[Mark] = []
    paragraphs = []
    shown = [paragraph for paragraph in analysis.paragraphs if paragraph.text.strip()]
    for paragraph in shown:
        own = marks_of(paragraph, len(marks))
        marks += own
        sides = tuple(answer for answer in paragraph.stances if answer.stance != "neutral")
        parts = tuple(pieces(paragraph.text, own))
        paragraphs.append(ParagraphView(paragraph.index, paragraph.kind, parts, sides))
    return ArticleView(
        summary=summary,
        paragraphs=tuple(paragraphs),
        marks=tuple(marks),
        ribbons={
            target.target: tuple(_block(paragraph, target.target) for paragraph in shown) for target in summary.targets
        },
        styles=device_styles(summary.schema),
        details=tuple(_details(analysis)),
    )


def _block(paragraph: ParagraphAnalysis, target: str) -> Block:
    answer = next((answer for answer in paragraph.stances if answer.target == target), None)
    stance, probability = (answer.stance, answer.probability) if answer else ("neutral", None)
    return Block(paragraph.index, len(paragraph.text), stance, probability)


def _details(analysis: ArticleAnalysis) -> Iterator[tuple[str, str]]:
    for name, value in analysis.extra.items():
        if isinstance(value, (str, int, float)) and 0 < len(str(value)) <= _LONGEST_DETAIL:
            yield name, str(value)
