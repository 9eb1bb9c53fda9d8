"""Chinese text in the model's normal form, with the way back to the text as given.

Two steps: every character is folded into at most one other (so places do not move), then what has no
place in the normal form is left out, and `CleanText.origin` notes where each remaining character stood.
Most news text is in normal form already, or needs no deletions, and takes a short cut.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    import opencc

__all__ = ["CleanText", "clean"]


@dataclass(frozen=True, slots=True)
class CleanText:
    """Text in normal form and where its characters come from.

    Attributes:
        text: what the model reads.
        origin: `origin[i]` is the index in the original text of `text[i]`; strictly increasing, with one more
            entry at the end, the length of the original text.
    """

    text: str
    origin: tuple[int, ...]

    def to_original(self, start: int, end: int) -> tuple[int, int]:
        """Half-open span in the original text of the cleaned `[start, end)`.

        It reaches from the first character of the span to just after its last, and so takes in what cleaning
        left out between them, but not what it left out around them. Raises ValueError for a span outside the text.
        """
        if not 0 <= start <= end <= len(self.text):
            raise ValueError(f"Expected 0 <= start <= end <= {len(self.text)}; found [{start}, {end}).")
        if start == end:
            return self.origin[start], self.origin[start]
        return self.origin[start], self.origin[end - 1] + 1

    def from_original(self, start: int, end: int) -> tuple[int, int] | None:
        """Half-open span in the cleaned text of what is left of the original's `[start, end)`.

        None where nothing of it is left. Raises ValueError for a span outside the original text.
        """
        if not 0 <= start <= end <= self.origin[-1]:
            raise ValueError(f"Expected 0 <= start <= end <= {self.origin[-1]}; found [{start}, {end}).")
        first, last = bisect_left(self.origin, start), bisect_left(self.origin, end)
        return (first, last) if first < last else None


def clean(text: str) -> CleanText:
    """The model's normal form of any string.

    - Control, zero-width, bidirectional and surrogate characters and variation selectors are dropped.
    - Compatibility forms are folded where one character stands for one: full-width Latin letters and digits
      become half width, small and vertical punctuation full width. Chinese punctuation stays full width.
    - Runs of white space become one space; none at the ends, nor between two Han characters.
    - Traditional characters become simplified ones, one by one.
    - Corner quotes become “ ” ‘ ’; so do straight double quotes where the text has Han characters.

    Cleaning twice changes nothing more.
    """
    folded = _kept_traditional(text, text.translate(_FOLDED))
    if _GAP.search(folded) is None:
        return CleanText(_pair_quotes(folded), tuple(range(len(text) + 1)))
    pieces: list[str] = []
    origin: list[int] = []
    for start, end in _remaining(folded):
        pieces.append(folded[start:end])
        origin.extend(range(start, end))
    origin.append(len(text))
    return CleanText(_pair_quotes("".join(pieces)), tuple(origin))


_HAN = "\u3007\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U000323af"
_HAN_CHARACTER = re.compile(f"[{_HAN}]")

_DROP = "\0"
"""Stands in folded text for a character to be left out; U+0000 is itself one of these."""

_GAP = re.compile(f"{_DROP}[{_DROP} ]*| [{_DROP} ]+|(?<=[{_HAN}]) (?=[{_HAN}])|^ | $")
"""Maximal runs of which at least a part is left out. A space on its own is met only where it goes."""

_PUNCTUATION = dict(zip("「」『』﹁﹂﹃﹄〝〞〟＂", '“”‘’“”‘’“””"', strict=True))
_KEPT_FULL_WIDTH = frozenset("！（），：；？～")
_FULL_WIDTH = dict(zip("!(),:;?", "！（），：；？", strict=True))
_FOLDED_FORMS = frozenset(["<wide>", "<narrow>", "<compat>", "<font>", "<noBreak>", "<small>", "<vertical>"])
"""Decompositions that change the form, not the sense; m² and ① are not folded."""

_INVISIBLE = (
    (0x034F, 0x034F),  # combining grapheme joiner
    (0x115F, 0x1160),  # Hangul fillers
    (0x17B4, 0x17B5),  # Khmer inherent vowels
    (0x180B, 0x180F),  # Mongolian variation selectors
    (0x3164, 0x3164),  # Hangul filler
    (0xFE00, 0xFE0F),  # variation selectors
    (0xFFA0, 0xFFA0),  # half-width Hangul filler
    (0xE0100, 0xE01EF),  # variation selectors supplement
)
"""First and last code point of what shows nothing, though its category is not Cc, Cf or Cs."""

_SIMPLIFIED_TOO = re.compile("乾(?=[坤隆嘉陵])|(?<=[宫商角])徵")
"""Where simplified Chinese writes a character that elsewhere is the traditional form of another."""


def _remaining(folded: str) -> Iterator[tuple[int, int]]:
    """Spans of `folded` that stay, in order."""
    done = 0
    for gap in _GAP.finditer(folded):
        start, end = gap.span()
        if done < start:
            yield done, start
        space = folded.find(" ", start, end)
        if space >= 0 and start > 0 and end < len(folded) and not _between_han(folded, start, end):
            yield space, space + 1
        done = end
    if done < len(folded):
        yield done, len(folded)


def _between_han(text: str, start: int, end: int) -> bool:
    return bool(_HAN_CHARACTER.match(text, start - 1) and _HAN_CHARACTER.match(text, end))


def _kept_traditional(text: str, folded: str) -> str:
    """`folded` with the characters put back that `text` uses as simplified Chinese does."""
    if "乾" not in text and "徵" not in text:
        return folded
    characters = list(folded)
    for match in _SIMPLIFIED_TOO.finditer(text):
        characters[match.start()] = match.group()
    return "".join(characters)


def _pair_quotes(text: str) -> str:
    """`text` with straight double quotes opened and closed in turn, where it is Chinese."""
    if '"' not in text or not _HAN_CHARACTER.search(text):
        return text
    opened = False
    parts = []
    for part in re.split('(["“”])', text):
        quote = ("”" if opened else "“") if part == '"' else part
        opened = quote == "“" or (opened and quote != "”")
        parts.append(quote)
    return "".join(parts)


def _fold(character: str) -> str:
    """One character's normal form: folded again until nothing changes."""
    if character == " ":
        return character
    if character.isspace():
        return " "
    if unicodedata.category(character) in ("Cc", "Cf", "Cs") or _is_invisible(ord(character)):
        return _DROP
    folded = _PUNCTUATION.get(character) or _simplified(character)
    if folded == character:
        folded = _compatible(character)
    return folded if folded == character else _fold(folded)


class _Folded(dict[int, str]):
    """Code points and what they are folded into, filled in as texts have them: a text has few of all there are."""

    def __missing__(self, code: int) -> str:
        folded = self[code] = _fold(chr(code))
        return folded


_FOLDED = _Folded()


def _compatible(character: str) -> str:
    """The plain character for a compatibility form of it, else the character itself."""
    decomposition = unicodedata.decomposition(character)
    if not decomposition or character in _KEPT_FULL_WIDTH:
        return character
    form = decomposition.split()[0]
    if form.startswith("<") and form not in _FOLDED_FORMS:
        return character
    plain = unicodedata.normalize("NFKC", character)
    if len(plain) != 1:
        return character
    return _FULL_WIDTH.get(plain, plain) if form in ("<small>", "<vertical>") else plain


def _is_invisible(code: int) -> bool:
    return any(first <= code <= last for first, last in _INVISIBLE)


def _simplified(character: str) -> str:
    """The simplified character for a traditional one, else the character itself."""
    converted: str = _converter().convert(character)
    return converted if len(converted) == 1 else character


@cache
def _converter() -> opencc.OpenCC:
    import opencc  # noqa: PLC0415 - pretraining, on a machine that may lack it, imports this module and cleans nothing

    return opencc.OpenCC("t2s")
