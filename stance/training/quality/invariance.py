"""Does a name alone move a stance? Neutral reporting with one name put for another should be read alike."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from stance.errors import InputError
from stance.results import Article

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from stance.analyzer import Analyzer
    from stance.results import ArticleAnalysis

__all__ = ["Invariance", "Move", "SwapCase", "measure_invariance", "read_swaps"]


@dataclass(frozen=True, slots=True)
class SwapCase:
    """A neutral report about a name, and other names that it could be about.

    Attributes:
        id: of the case.
        kind: what the names are of (country, company …).
        paragraphs: the report.
        name: the name in it.
        others: names to put in its place; none of them stands in the report.
        targets: further targets that the report speaks of, judged before and after the swap.
    """

    id: str
    kind: str
    paragraphs: tuple[str, ...]
    name: str
    others: tuple[str, ...]
    targets: tuple[str, ...] = ()

    def article(self, name: str) -> Article:
        """The report about `name`."""
        paragraphs = [paragraph.replace(self.name, name) for paragraph in self.paragraphs]
        return Article.from_paragraphs(paragraphs, id=f"{self.id} {name}", targets=(name, *self.targets))


@dataclass(frozen=True, slots=True)
class Move:
    """A stance that a swap changed, or left (`before == after`): in which report, on which paragraph and target."""

    case: SwapCase
    other: str
    paragraph: int
    target: str
    before: str
    after: str

    @property
    def moved(self) -> bool:
        """Did the stance change?"""
        return self.before != self.after


@dataclass(frozen=True, slots=True)
class Invariance:
    """All stances before and after swaps; figures derive from them."""

    stances: tuple[Move, ...]

    @property
    def moved(self) -> tuple[Move, ...]:
        """The stances that changed."""
        return tuple(move for move in self.stances if move.moved)

    @property
    def moved_share(self) -> float:
        """Share of the stances that changed, 0 to 1; 0 of none."""
        return len(self.moved) / max(1, len(self.stances))

    @property
    def sided_share(self) -> float:
        """Share of the swapped reports' stances that are not neutral, 0 to 1: none should be."""
        return sum(move.after != "neutral" for move in self.stances) / max(1, len(self.stances))

    def by_kind(self) -> dict[str, Invariance]:
        """The figures of each kind of name, in alphabetical order."""
        kinds = sorted({move.case.kind for move in self.stances})
        return {kind: Invariance(tuple(m for m in self.stances if m.case.kind == kind)) for kind in kinds}


def read_swaps(path: Path) -> list[SwapCase]:
    """Read cases from JSONL with the fields of `SwapCase`. Raises InputError where a line is not one."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: expected reports with names to swap, as JSONL in UTF-8; {error}.") from error
    return [_case(f"{path} line {n}", line) for n, line in enumerate(lines, 1) if line.strip()]


def _case(where: str, line: str) -> SwapCase:
    try:
        data: Mapping[str, Any] = json.loads(line)
        case = SwapCase(
            id=str(data["id"]),
            kind=str(data["kind"]),
            paragraphs=tuple(map(str, data["paragraphs"])),
            name=str(data["name"]),
            others=tuple(map(str, data["others"])),
            targets=tuple(map(str, data.get("targets", ()))),
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(
            f"{where}: expected an object with id, kind, paragraphs, name and others; {error!r}. Mend the line."
        ) from error
    text = "\n".join(case.paragraphs)
    if not case.name or case.name not in text:
        raise InputError(f"{where}: expected the name {case.name!r} in the report; found it nowhere. Correct the name.")
    if there := [other for other in case.others if not other or other in text]:
        raise InputError(
            f"{where}: expected names to swap that do not stand in the report; found {there[0]!r} in it. "
            "Choose another, or judge it under 'targets'."
        )
    return case


def measure_invariance(analyzer: Analyzer, cases: Iterable[SwapCase]) -> Invariance:
    """Label every report with its own name and with each other name, and compare the stances.

    Args:
        analyzer: a loaded model.
        cases: the reports.
    """
    cases = list(cases)
    versions = (case.article(name) for case in cases for name in (case.name, *case.others))
    return Invariance(tuple(_compare(cases, analyzer.analyze_many(versions))))


def _compare(cases: Sequence[SwapCase], analyses: Iterator[ArticleAnalysis]) -> Iterator[Move]:
    for case in cases:
        own = next(analyses)
        for other in case.others:
            swapped = next(analyses)
            for before, after in zip(own.paragraphs, swapped.paragraphs, strict=True):
                for was, now in zip(before.stances, after.stances, strict=True):
                    yield Move(case, other, before.index, was.target, was.stance, now.stance)
