"""A page of Markdown on one article: its summary, and its text with the spans in ‹ ›."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stance.report.marking import marks_of, pieces
from stance.schema import DEFAULT_SCHEMA
from stance.summary import summarize
from stance.summary.quoting import escaped, escaped_part

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stance.results import ArticleAnalysis, ParagraphAnalysis
    from stance.schema import LabelSchema

__all__ = ["article_markdown"]

_SIGNS = {"favor": "▲", "against": "▼"}


def article_markdown(analysis: ArticleAnalysis, language: str = "zh", schema: LabelSchema = DEFAULT_SCHEMA) -> str:
    """The summary of an article and its text, whatever stands in it escaped.

    Each span stands between ‹ and ›, with the name of the device behind it; a paragraph that takes a side says so
    in the line under it.

    Raises:
        SchemaError: the analysis names a stance or device that the schema does not know.
        ValueError: the language is neither `zh` nor `en`.
    """
    parts = [summarize(analysis, schema=schema).to_markdown(language).rstrip("\n")]
    parts.append("## 正文" if language == "zh" else "## Text")
    for paragraph in analysis.paragraphs:
        if paragraph.text.strip():
            parts += _paragraph(paragraph, language, schema)
    return "\n\n".join(parts) + "\n"


def _paragraph(paragraph: ParagraphAnalysis, language: str, schema: LabelSchema) -> Iterator[str]:
    text = _marked(paragraph, language, schema).strip()
    yield text if paragraph.kind == "body" else f"### {text}"
    sides = [
        f"{_SIGNS[answer.stance]} {escaped(answer.target)} "
        f"{_name(answer.stance, language, schema)} {answer.probability:.2f}"
        for answer in paragraph.stances
        if answer.stance in _SIGNS
    ]
    if sides:
        yield f"> {' · '.join(sides)}"


def _marked(paragraph: ParagraphAnalysis, language: str, schema: LabelSchema) -> str:
    text = ""
    for piece in pieces(paragraph.text, marks_of(paragraph)):
        opened = "".join("‹" for mark in piece.marks if mark.start == piece.start)
        closed = "".join(
            f"›{_name(mark.device, language, schema)}" for mark in reversed(piece.marks) if mark.end == piece.end
        )
        text += opened + escaped_part(piece.text) + closed
    return text


def _name(id: str, language: str, schema: LabelSchema) -> str:
    label = next(label for label in (*schema.stances, *schema.devices) if label.id == id)
    return label.chinese if language == "zh" else label.english
