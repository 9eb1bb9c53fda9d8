"""Text from articles in places where it could do harm: in prose, in Markdown, in a table pasted into a spreadsheet."""

from __future__ import annotations

import re
import unicodedata

__all__ = ["book_title", "escaped", "escaped_part", "printable", "quotable", "visible"]

_UNPRINTABLE = frozenset(("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"))
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;"}
_SIGNS = re.compile(
    r"[\\`*_{}\[\]|~$@^]"  # markup and table borders, wherever they stand
    r"|^[#+\-=]|(?P<number>^\d{1,9})(?P<mark>[.)])"  # headings, lists, formulas
    r"|:(?=\S)|(?<=www)\."  # addresses that are made into links
)
_SPACE = re.compile(r"\s")
_QUOTES = re.compile('[“”‘’「」『』"《》]')


def visible(text: str) -> str:
    """The text, with what shows nothing or turns the reading direction written out as a code point; space stays."""
    if text.isprintable():  # most texts, told fast
        return text
    return "".join(
        f"<U+{ord(c):04X}>" if unicodedata.category(c) in _UNPRINTABLE and c not in "\t\n\r" else c for c in text
    )


def printable(text: str) -> str:
    """The text on one line, with what shows nothing or turns the reading direction written out as a code point."""
    return visible(" ".join(text.split()))


def quotable(text: str, longest: int) -> str | None:
    """The text as it may stand between quotation marks in a sentence: without its own outer marks.

    None where it is longer than this many characters or shorter than two letters, holds marks inside, or anything
    that does not print.
    """
    bare = text.strip().strip('“”"「」')
    fits = sum(map(str.isalnum, bare)) > 1 and len(bare) <= longest
    return bare if fits and not _QUOTES.search(bare) and printable(bare) == bare else None


def book_title(title: str) -> str:
    """The title between the marks of titles, with the inner marks inside."""
    return f"《{printable(title).translate(str.maketrans('《》', '〈〉'))}》"


def escaped(text: str) -> str:
    """The text as Markdown that shows it and nothing else: no markup, HTML, link, table border or formula."""
    return _escaped(printable(text))


def escaped_part(text: str) -> str:
    """The same for a part of a paragraph, with the white space at its ends."""
    return _escaped(visible(_SPACE.sub(" ", text)))


def _escaped(text: str) -> str:
    signs = _SIGNS.sub(_escape, text)
    return "".join(_ENTITIES.get(character, character) for character in signs)


def _escape(sign: re.Match[str]) -> str:
    return f"{sign['number'] or ''}\\{sign['mark'] or sign.group()}"
