"""A page of Markdown in Chinese or English, put together part by part."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stance.summary.domains import domains

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from stance.schema import LabelSchema

__all__ = ["LANGUAGES", "Page", "interval", "percent"]

LANGUAGES = ("zh", "en")

_CAPTIONS = {
    "Stances": "立场",
    "Target": "对象",
    "Overall": "总体",
    "Course (▲ favor, ▼ against, · neutral)": "行文（▲支持 ▼反对 ·中立）",
    "Strongest paragraphs": "立场最鲜明的段落",
    "Devices": "修辞",
    "Device": "手法",
    "Spans": "处",
    "Paragraphs": "段",
    "Articles": "篇",
    "Per 1,000 characters": "每千字",
    "Typical": "典型",
    "Stance by device (paragraphs)": "立场与修辞（段数）",
    "Metaphors": "隐喻",
    "Source domain": "源域",
    "Words": "用词",
    "Key sentences": "关键句",
    "Share of paragraphs": "占段落",
    "Share": "占比",
    "Corpus": "语料",
    "By {}": "按{}分组",
    "Value": "值",
    "(none)": "（无）",
    "corrected": "校正后",
    "in all": "总数",
    "Untitled": "无题",
    "Brackets: confidence interval of {}": "方括号内为{}置信区间",
}


class Page:
    """The parts of a page, and the names of labels in its language. Texts are Markdown: escape what comes from outside.

    Raises:
        ValueError: the language is none of `LANGUAGES`.
    """

    def __init__(self, language: str, schema: LabelSchema) -> None:
        if language not in LANGUAGES:
            raise ValueError(f"language must be one of {', '.join(LANGUAGES)}; found {language!r}.")
        self._chinese = language == "zh"
        self._schema = schema
        self._parts: list[str] = []

    def caption(self, english: str) -> str:
        """The caption in the language of the page."""
        return _CAPTIONS[english] if self._chinese else english

    def stance(self, id: str) -> str:
        """The name of a stance."""
        label = self._schema.stance(id)
        return label.chinese if self._chinese else label.english

    def device(self, id: str) -> str:
        """The name of a device."""
        label = self._schema.device(id)
        return label.chinese if self._chinese else label.english

    def domain(self, id: str) -> str:
        """The name of a source domain."""
        return domains()[id].chinese if self._chinese else domains()[id].english

    def heading(self, level: int, text: str) -> None:
        """Add a heading."""
        self._parts.append(f"{'#' * level} {text}")

    def paragraph(self, text: str) -> None:
        """Add a paragraph, or a list."""
        self._parts.append(text)

    def table(self, head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """A table of cells that are Markdown already; nothing where there are no rows."""
        if rows:
            lines = [head, ["---"] * len(head), *rows]
            self._parts.append("\n".join(f"| {' | '.join(cell or '–' for cell in line)} |" for line in lines))

    def text(self) -> str:
        """The page."""
        return "\n\n".join(self._parts) + "\n"


def percent(share: float) -> str:
    """A share as percents with one decimal."""
    return f"{100 * share:.1f}%"


def interval(figures: Mapping[str, Any], name: str, *, percents: bool = True) -> str:
    """The figure of this name with its interval in brackets; empty where there is none."""
    numbers = [figures[key] for key in (name, f"{name}_low", f"{name}_high")]
    value, low, high = (
        "" if number is None else percent(number) if percents else f"{number:.2f}" for number in numbers
    )
    return f"{value} [{low}, {high}]" if low else value
