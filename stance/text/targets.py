"""What an article is about: the targets that its author can be for or against, and where a text names them."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from stance.text.clean import clean
from stance.text.generic import GENERIC
from stance.text.mentions import mentions, partial_mentions
from stance.text.names import ALIASES, PAIRS, SIGNS, canonical
from stance.text.words import rarity, tagged_words

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

__all__ = ["READ", "WEIGHTS", "Candidate", "candidates", "find_targets", "mentions", "partial_mentions", "pick"]

READ = 6_000
"""Characters of an article that are looked at: what it is about stands in its first pages."""

LONGEST_RUN = 12
"""Longest term of several words, in characters."""

WEIGHTS: dict[str, float] = {
    "count": 1.3,
    "share": 2.23,
    "spread": 0.53,
    "once": -0.84,
    "title": 1.37,
    "title_start": 0.41,
    "title_cover": 2.19,
    "early": 0.47,
    "long": 1.14,
    "rare": 2.2,
    "within": -0.51,
    "country": 0.61,
    "latin": -1.44,
    "actor": 0.6,
    "doing": 0.69,
    "name": -0.54,
    "noun": -1.46,
    "verb": -2.41,
    "compound": 0.03,
    "clause": -0.44,
    "work": -1.02,
}
"""How much each feature of a candidate speaks for a target: a logistic regression on labelled articles, rounded
(`scripts/measure_targets.py --fit`)."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A name or term of an article, and what speaks for its being a target.

    Attributes:
        name: as the article names it, aliases folded.
        features: numbers by name, most of them 0 to 1.
    """

    name: str
    features: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class _Term:
    name: str
    kind: str
    rarity: float


def find_targets(title: str, paragraphs: Sequence[str], limit: int = 4) -> tuple[str, ...]:
    """Salient things that an author can be for or against, the most central first, at most `limit`.

    Names and terms of the title and of the first `READ` characters are ranked by frequency, spread, place in the
    title, earliness, kind and rarity. Aliases count for their plain name (美方 for 美国); of names that contain one
    another one is kept.
    """
    return pick(candidates(title, paragraphs), WEIGHTS, limit)


def pick(found: Sequence[Candidate], weights: Mapping[str, float], limit: int) -> tuple[str, ...]:
    """The `limit` names of the highest score that do not contain one another, the highest first."""

    def score(candidate: Candidate) -> float:
        return sum(weights.get(feature, 0.0) * value for feature, value in candidate.features.items())

    chosen: list[str] = []
    for candidate in sorted(found, key=lambda c: (-score(c), c.name)):
        if len(chosen) < limit and not any(candidate.name in other or other in candidate.name for other in chosen):
            chosen.append(candidate.name)
    return tuple(chosen)


def candidates(title: str, paragraphs: Sequence[str]) -> list[Candidate]:
    """Every name and term that may be a target, each once, in a fixed order."""
    lines = [clean(title).text, *_first_pages(paragraphs)]
    terms: dict[str, _Term] = {}
    for line in lines:
        for term in _terms(line):
            terms.setdefault(term.name, term)
    for sign in SIGNS.values():
        terms.setdefault(sign.country, _Term(sign.country, "name", rarity(sign.country)))
    counted = [c for term in terms.values() if (c := _count(term, lines)).recurs]
    return [_measure(c, counted, lines) for c in counted]


def _first_pages(paragraphs: Sequence[str]) -> Iterator[str]:
    """Cleaned paragraphs up to `READ` characters."""
    room = READ
    for paragraph in paragraphs:
        if room <= 0:
            return
        yield clean(paragraph[:room]).text
        room -= len(paragraph)


_NOUN = re.compile("n|j|eng|vn|an|g$|k$")
"""Tags that a term of several words may end in."""
_PART = re.compile("n|j|eng|vn|an|b$|l$|k$|g$")
"""Tags inside such a term, beside verbs of two characters."""
_KINDS = {"nr": "name", "ns": "name", "nt": "name", "nz": "name", "en": "name", "vn": "verb"}
_KINDS |= {"v": "verb", "l": "verb", "i": "verb", "n": "noun", "j": "noun"}
"""Kind of a word by the first letters of its tag."""


def _terms(line: str) -> Iterator[_Term]:
    """Terms of a line: words, runs of adjacent nouns, and titles of works."""
    for match in re.finditer("《[^《》]{1,20}》", line):
        yield _Term(match.group(), "work", 1.0)
    words = tagged_words(line)
    for i, (word, tag) in enumerate(words):
        kind = _KINDS.get(tag[:2]) or _KINDS.get(tag[:1])
        if kind and len(word) >= 2 and word.isalnum() and word not in GENERIC and word not in PAIRS:
            yield _Term(canonical(word), kind, rarity(word))
        if _PART.match(tag) or _is_deed(word, tag):
            yield from _runs(words[i : i + 6])


def _runs(words: Sequence[tuple[str, str]]) -> Iterator[_Term]:
    """Terms of two words and more that begin with the first of `words`."""
    run, rare, clause = "", 0.0, False
    for n, (word, tag) in enumerate(words, 1):
        deed = _is_deed(word, tag)
        if not (_PART.match(tag) or deed) or len(run) + len(word) > LONGEST_RUN:
            return
        run, rare, clause = run + word, rare + rarity(word), clause or deed
        if n > 1 and _NOUN.match(tag) and len(run) >= 3 and run not in GENERIC:
            yield _Term(canonical(run), "clause" if clause else "compound", rare / n)


def _is_deed(word: str, tag: str) -> bool:
    """Whether a word is a verb that can be a part of a term: 治安违法记录封存制度."""
    return tag == "v" and len(word) == 2 and word not in GENERIC


@dataclass(frozen=True, slots=True)
class _Counted:
    """A term with the number of times that title and body name it, and of the paragraphs that do."""

    term: _Term
    title: int
    body: int
    paragraphs: int

    @property
    def recurs(self) -> bool:
        """Whether it is named often enough: twice, or once in the title, or once where it is a name."""
        return self.body + 2 * self.title >= (1 if self.term.kind in ("name", "work") else 2)


def _count(term: _Term, lines: Sequence[str]) -> _Counted:
    if term.name in ALIASES or term.name in _COUNTRIES:
        counts = [len(mentions(line, term.name)) for line in lines]
    else:
        counts = [line.count(term.name) for line in lines]
    return _Counted(term, counts[0], sum(counts[1:]), sum(count > 0 for count in counts[1:]))


_COUNTRIES = frozenset(sign.country for sign in SIGNS.values())
_ACTOR = re.compile("[者人派党会局院部厅校司队军府民员生家媒社]$")
"""How words for people and bodies end."""
_DOING = re.compile("[法案令制论权化]$|(?:制度|政策|计划|主义|行动|事件|运动|改革|协议|战争|文化|教育|关系|条例)$")
"""How words for policies, ideas and events end."""


def _measure(counted: _Counted, others: Sequence[_Counted], lines: Sequence[str]) -> Candidate:
    name, count = counted.term.name, counted.body
    title, body = lines[0], "".join(lines[1:])
    place, first = title.find(name), body.find(name)
    wider = max((o.body for o in others if len(o.term.name) > len(name) and name in o.term.name), default=0)
    features = {
        "count": math.log1p(count),
        "share": count / max(1, *(o.body for o in others)),
        "spread": counted.paragraphs / max(1, len(lines) - 1),
        "once": float(count <= 1),
        "title": float(counted.title > 0),
        "title_start": float(0 <= place <= 4),
        "title_cover": len(name) / len(title) if place >= 0 else 0.0,
        "early": 1 - first / len(body) if first >= 0 else 0.0,
        "long": math.log(len(name)),
        "rare": counted.term.rarity,
        "within": wider / max(1, count),
        "country": float(name in _COUNTRIES),
        "latin": float(name.isascii()),
        "actor": float(bool(_ACTOR.search(name))),
        "doing": float(bool(_DOING.search(name))),
        counted.term.kind: 1.0,
    }
    return Candidate(name, features)
