"""The source domain of a metaphor: war, the body, gambling … told by the words it borrows.

The words stand in `domains.txt` beside this module, to be read and mended by hand.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, lru_cache
from importlib import resources
from typing import TYPE_CHECKING

from stance.text.clean import clean

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["OTHER", "Domain", "Metaphor", "domains", "read_metaphor"]


@dataclass(frozen=True, slots=True)
class Domain:
    """A domain that metaphors borrow from: `id` in files, `chinese` and `english` for people."""

    id: str
    chinese: str
    english: str


OTHER = Domain("other", "其他", "other")
"""The domain of a metaphor in which no known word stands."""


@dataclass(frozen=True, slots=True)
class Metaphor:
    """What a metaphor borrows.

    Attributes:
        domain: where from.
        word: the word that tells it, in simplified characters; for `OTHER` all the words of the metaphor.
    """

    domain: Domain
    word: str


@lru_cache(maxsize=1 << 16)  # metaphors come again and again
def read_metaphor(text: str) -> Metaphor:
    """Find the domain of a metaphor, given the words that bear it, in simplified or traditional characters.

    The longest known word in them decides; of words equally long the last, as the head of a Chinese phrase
    stands at its end.
    """
    simplified = clean(text).text
    words = _words()
    found = [
        simplified[start:end]
        for start in range(len(simplified))
        for end in range(start + 1, min(start + _longest(), len(simplified)) + 1)
        if simplified[start:end] in words
    ]
    if not found:
        return Metaphor(OTHER, simplified)
    word = max(reversed(found), key=len)
    return Metaphor(words[word], word)


@cache
def domains() -> Mapping[str, Domain]:
    """All domains by id, `other` last."""
    known = {domain.id: domain for domain in _words().values()}
    return known | {OTHER.id: OTHER}


@cache
def _longest() -> int:
    return max(map(len, _words()))


@cache
def _words() -> Mapping[str, Domain]:
    """The domain of each known word."""
    lines = resources.files(__package__).joinpath("domains.txt").read_text(encoding="utf-8").splitlines()
    words: dict[str, Domain] = {}
    domain = OTHER
    for line in lines:
        if line.startswith(" "):
            words.update(dict.fromkeys(line.split(), domain))
        elif line and not line.startswith("#"):
            domain = Domain(*line.split("\t"))
    return words
