"""What a run tells: how far it is while it goes on, and what it did when it is done."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from stance.formats.rows import Located, Rejected

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from stance.results import ArticleAnalysis
    from stance.runs.parts import Part

__all__ = ["Progress", "RunReport", "Tally"]


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is: counts since its beginning, bytes of the input files as they lie on disk."""

    articles: int
    paragraphs: int
    rejected: int
    bytes_done: int
    bytes_total: int


@dataclass(frozen=True, slots=True)
class RunReport:
    """What a run did.

    Attributes:
        output: the output file.
        rejected_file: the rows set aside, with reasons.
        articles, paragraphs: how many were labelled.
        rejected: how many rows were set aside.
        first_rejected: place of the first of them, and the reason; empty where there is none.
        duplicate_ids: how many articles had an id met before and got a number (`a#2`).
        near_duplicates: how many articles are near-duplicates of an earlier one; None where none were looked for.
        passed_over: files in input folders that are of no known kind.
        seconds: time spent on all parts, that of broken-off runs' finished parts included.
        parts, resumed_parts: how many there are, and how many an earlier call had finished.
        already_done: the run was complete before this call, which did nothing.
    """

    output: Path
    rejected_file: Path
    articles: int
    paragraphs: int
    rejected: int
    duplicate_ids: int
    near_duplicates: int | None
    passed_over: tuple[str, ...]
    seconds: float
    parts: int
    resumed_parts: int
    already_done: bool = False
    first_rejected: str = ""

    def lines(self) -> list[str]:
        """The report for people, one sentence a line; what asks for attention comes last."""
        counts = f"{_counted(self.articles, 'article')}, {_counted(self.paragraphs, 'paragraph')}"
        if self.already_done:
            lines = [f"{self.output}: was complete already ({counts}); nothing done. To label anew: --restart."]
        else:
            resumed = f", {self.resumed_parts} of {self.parts} parts from before" if self.resumed_parts else ""
            lines = [f"{self.output}: {counts} in {self.seconds:.1f} s{resumed}."]
        if self.passed_over:
            names = ", ".join(self.passed_over[:3]) + ("…" if self.passed_over[3:] else "")
            files = _counted(len(self.passed_over), "file")
            lines.append(f"{files} of unknown kind in the input folders passed over: {names}")
        if self.near_duplicates:
            lines.append(
                f"{_counted(self.near_duplicates, 'near-duplicate')} of earlier articles, marked duplicate_of."
            )
        if self.duplicate_ids:
            lines.append(f"{_counted(self.duplicate_ids, 'article')} with an id met before, now numbered (a#2).")
        if self.rejected:
            lines.append(f"{_counted(self.rejected, 'row')} set aside, with reasons, in {self.rejected_file}.")
        if self.first_rejected:
            lines.append(f"The first: {self.first_rejected}")
        return lines


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'s' * (count != 1)}"


class Tally:
    """Counts what is done, and tells after each row, or after each part where rows are not heard of."""

    def __init__(self, bytes_total: int, on_progress: Callable[[Progress], None]) -> None:
        self._whole = self._now = Progress(0, 0, 0, 0, bytes_total)
        self._tell = on_progress

    def row(self, row: Located | Rejected, result: ArticleAnalysis | Rejected) -> None:
        """One more row of the part at hand is done."""
        position = row.position if isinstance(row, Located) else self._now.bytes_done
        if isinstance(result, Rejected):
            self._set(_plus(self._now, 0, 0, 1, position))
        else:
            self._set(_plus(self._now, 1, len(result.paragraphs), 0, position))

    def part(self, part: Part, position: int) -> None:
        """The next part is whole, and the input is read up to this byte."""
        at = max(position, self._now.bytes_done)
        self._whole = _plus(self._whole, part.articles, part.paragraphs, part.rejected, at)
        self._set(self._whole)

    def _set(self, now: Progress) -> None:
        if now != self._now:
            self._now = now
            self._tell(now)


def _plus(progress: Progress, articles: int, paragraphs: int, rejected: int, bytes_done: int) -> Progress:
    return replace(
        progress,
        articles=progress.articles + articles,
        paragraphs=progress.paragraphs + paragraphs,
        rejected=progress.rejected + rejected,
        bytes_done=bytes_done,
    )
