"""What labels the parts of a run: this process, or any other engine that gives the same outcomes in order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

from stance.runs.parts import LabelledPart, Labeller, cut_parts, label_part, rows_digest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from stance.formats.read import ArticleReader
    from stance.formats.rows import Located, Rejected
    from stance.results import ArticleAnalysis
    from stance.runs.parts import CutPart

__all__ = ["Engine", "Job", "Outcome", "label_here"]


@dataclass(frozen=True, slots=True)
class Job:
    """What is to be labelled: all that another process needs to cut the same parts and label them the same.

    Attributes:
        reader: the input.
        part_articles: rows in a part.
        targets: targets for all articles, or None.
        min_probability: devices and sides that are less probable are left out.
        signatures: whether the articles' MinHashes are wanted.
        finished: how many parts from the first are labelled already, and only have their digest taken.
    """

    reader: ArticleReader
    part_articles: int
    targets: tuple[str, ...] | None
    min_probability: float
    signatures: bool
    finished: int

    def parts(self) -> Iterator[CutPart]:
        """All parts of the input, in order, the finished ones too."""
        return cut_parts(self.reader, self.part_articles)


class Outcome(NamedTuple):
    """What became of a part.

    Attributes:
        number: of the part, from 0.
        position: bytes of the input up to its end.
        rows_digest: of its input rows.
        labelled: the part; None where it was finished before.
    """

    number: int
    position: int
    rows_digest: str
    labelled: LabelledPart | None


class Engine(Protocol):
    """Labels the parts of a job."""

    def __call__(self, job: Job) -> Iterator[Outcome]:
        """An outcome for each part of the input, in order. Labels must not depend on the engine."""


def label_here(
    job: Job, labeller: Labeller, on_row: Callable[[Located | Rejected, ArticleAnalysis | Rejected], None]
) -> Iterator[Outcome]:
    """Label the parts in this process, one after the other."""
    for cut in job.parts():
        if cut.number < job.finished:
            yield Outcome(cut.number, cut.position, rows_digest(cut.rows), None)
        else:
            labelled = label_part(
                cut,
                labeller,
                job.targets,
                min_probability=job.min_probability,
                signatures=job.signatures,
                on_row=on_row,
            )
            yield Outcome(cut.number, cut.position, labelled.part.rows_digest, labelled)
