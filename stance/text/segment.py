"""An article's paragraphs, with their places in its text; site chrome of raw text left out.

What counts as chrome or as a heading stands in the named patterns of `stance.text.chrome`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from stance.results import Article, Paragraph, ParagraphKind
from stance.text.chrome import closes_page, is_chrome, is_masthead

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["Segmentation", "segment"]


@dataclass(frozen=True, slots=True)
class Segmentation:
    """An article cut into paragraphs.

    Attributes:
        title: the article's title, else the one found in its text, else empty.
        paragraphs: in the order of the text; offsets point into `article.text`.
        dropped: number of lines left out as site chrome (blank lines not counted).
    """

    title: str
    paragraphs: tuple[Paragraph, ...]
    dropped: int


def segment(article: Article) -> Segmentation:
    """Cut an article into title, headings and body paragraphs, in linear time.

    Raw text gives one paragraph a line; blank lines and site chrome are left out, and white space at the ends
    of a line lies outside its offsets. An article whose paragraphs came as a list keeps them one for one, blank
    ones too: only their kinds are found.
    """
    if article.paragraphs is None:
        lines = list(_lines(article.text))
        kept = _without_chrome(lines)
    else:
        kept = lines = list(_places(article.paragraphs))
    kinds = _kinds([line.text.strip() for line in kept], article.title)
    paragraphs = tuple(
        Paragraph(index, line.start, line.start + len(line.text), line.text, kind)
        for index, (line, kind) in enumerate(zip(kept, kinds, strict=True))
    )
    found = next((p.text.strip() for p in paragraphs if p.kind == "title"), "")
    return Segmentation(article.title or found, paragraphs, len(lines) - len(kept))


@dataclass(frozen=True, slots=True)
class _Line:
    start: int
    text: str


_LINE = re.compile("[^\n\r\v\f\x85\u2028\u2029]+")
_BLANKS = " \t\x1c\x1d\x1e\x1f\xa0\u1680\u202f\u205f\u2060\u3000\ufeff" + "".join(map(chr, range(0x2000, 0x2010)))
"""White space and zero-width characters."""

_FINAL = tuple("。！？!?…；;”’』」")
"""How a sentence ends; a title or heading may end with ？ or ！ all the same."""
_OPEN = tuple("，,、：:")
"""How a line ends that the next one carries on."""

TITLE_LENGTH = 60
"""Longest title, in characters."""
HEADING_LENGTH = 24
"""Longest heading without a number, in characters; half of that where a comma cuts it in two."""
NUMBERED_LENGTH = 40
"""Longest heading with a number, in characters."""

_NUMBERED = re.compile(
    r"第?[一二三四五六七八九十]{1,3}(?:[、.．:：]|(?:章|节|部分|回)(?=\W|$))"  # 一、…  第三章 …
    r"|[（(][一二三四五六七八九十\d]{1,3}[)）]"  # （一）…
    r"|\d{1,2}(?:[、．](?!\d)|\.(?!\d)|\s+(?=[^\d\W]))"  # 1. …  01 …
    r"|[①-⑳❶-❿]"
    r"|#{1,6}\s"  # Markdown
    r"|[IVX]{1,4}[.、]"
)
_BRACKETED = re.compile(r"【[^【】]{1,20}】|〖[^〖〗]{1,20}〗")


def _lines(text: str) -> Iterable[_Line]:
    """The lines of raw text that hold more than white space."""
    for match in _LINE.finditer(text):
        line = match.group().lstrip(_BLANKS)
        start = match.end() - len(line)
        line = line.rstrip(_BLANKS)
        if line:
            yield _Line(start, line)


def _places(paragraphs: Sequence[str]) -> Iterable[_Line]:
    """Listed paragraphs at their places in the joined text."""
    start = 0
    for text in paragraphs:
        yield _Line(start, text)
        start += len(text) + 1


def _without_chrome(lines: Sequence[_Line]) -> list[_Line]:
    """Lines that are the author's.

    Between paragraphs of prose a whole sentence is kept, whatever it speaks of.
    """
    texts = [line.text for line in lines]
    chrome = [is_chrome(text) for text in texts]
    prose = [0 if bad or not _is_prose(text) else len(text) for text, bad in zip(texts, chrome, strict=True)]
    before, after = 0, sum(prose)
    kept = []
    for line, bad, length in zip(lines, chrome, prose, strict=True):
        if before > 4 * after and closes_page(line.text):
            break
        at_edge = before == 0 or after == 0
        if not (bad and (at_edge or not _is_sentence(line.text))) and not (at_edge and is_masthead(line.text)):
            kept.append(line)
        before, after = before + length, after - length
    return kept


def _is_prose(text: str) -> bool:
    """Whether a line reads as a paragraph of the body: a sentence of some length."""
    return len(text) > HEADING_LENGTH and _is_sentence(text)


def _is_sentence(text: str) -> bool:
    return "。" in text or text.endswith(_FINAL)


def _kinds(texts: Sequence[str], title: str) -> list[ParagraphKind]:
    """The kind of each paragraph, from its own shape and its neighbours'."""
    kinds: list[ParagraphKind] = ["heading" if _is_heading(texts, i) else "body" for i in range(len(texts))]
    place = _title_place(texts, title)
    if place is not None:
        kinds[place] = "title"
    return kinds


def _title_place(texts: Sequence[str], title: str) -> int | None:
    """Which paragraph is the title: the one equal to a known title, else a first line that looks like one."""
    if title:
        wanted = "".join(title.split())
        short = (i for i, text in enumerate(texts) if len(text) < 2 * len(title))
        return next((i for i in short if "".join(texts[i].split()) == wanted), None)
    first = next((i for i, text in enumerate(texts) if text), None)
    if first is None or first == len(texts) - 1:
        return None
    text = texts[first].lstrip("# ")
    is_title = len(text) <= TITLE_LENGTH and "。" not in text and not text.endswith((*_OPEN, "；", ";"))
    return first if is_title and not _NUMBERED.match(text) else None


def _is_heading(texts: Sequence[str], i: int) -> bool:
    """Whether a paragraph heads those after it: numbered, bracketed, or short among longer ones."""
    text = texts[i]
    if not text or i == len(texts) - 1 or len(text) > NUMBERED_LENGTH:
        return False
    if _BRACKETED.fullmatch(text) or text.startswith("#"):
        return True
    if text.endswith(("。", "；", ";", *_OPEN)) or "。" in text:
        return False
    if _NUMBERED.match(text):
        return True
    limit = HEADING_LENGTH // 2 if re.search("[，,]", text) else HEADING_LENGTH
    if len(text) > limit or text.endswith(_FINAL) or not re.search(r"\w", text):
        return False
    before = texts[i - 1] if i else ""
    return len(texts[i + 1]) > len(text) and (not before or len(before) > len(text))
