"""One part of a corpus: cut by the input alone, labelled by a function that keeps nothing."""

from __future__ import annotations

import hashlib
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from stance.duplicates import signature
from stance.formats.rows import Located, Rejected, excerpt
from stance.formats.table import Shape
from stance.formats.write import json_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from stance.results import Article, ArticleAnalysis
    from stance.schema import LabelSchema

__all__ = ["CutPart", "LabelledPart", "Labeller", "Part", "cut_parts", "digest_of", "label_part", "rows_digest"]

_PART_CHARACTERS = 20_000_000
"""A part ends early at this much text: it is held in memory."""


class Labeller(Protocol):
    """What a run needs of an analyzer."""

    @property
    def model_id(self) -> str:
        """Name and digest of the model."""

    @property
    def schema(self) -> LabelSchema:
        """The labels that the model knows."""

    @property
    def hardware(self) -> str:
        """What the model runs on, and why."""

    def analyze_many(
        self, articles: Iterable[Article], targets: Sequence[str] | None = None
    ) -> Iterator[ArticleAnalysis]:
        """The analyses of the articles, in their order, one each."""


@dataclass(frozen=True, slots=True)
class Part:
    """What became of a part.

    Attributes:
        number: from 0.
        rows: input rows in it, those set aside included.
        articles, paragraphs, rejected: how many were labelled, and how many rows set aside.
        duplicate_ids: how many of its articles had an id met before.
        seconds: time spent.
        hardware: what it was labelled on, and why.
        rows_digest: of the input rows.
        labels_digest, rejected_digest, signatures_digest: of the bytes of its three files.
        shape: as `Shape.to_dict` gives it.
    """

    number: int
    rows: int
    articles: int
    paragraphs: int
    rejected: int
    duplicate_ids: int
    seconds: float
    hardware: str
    rows_digest: str
    labels_digest: str
    rejected_digest: str
    signatures_digest: str
    shape: dict[str, Any]


@dataclass(frozen=True, slots=True)
class LabelledPart:
    """A part with the contents of its three files.

    Attributes:
        part: counts and digests.
        labels: the lines of the labelled articles.
        rejected: the lines of the rows set aside.
        signatures: MinHashes of the labelled articles' texts, one after the other; empty where none are wanted.
    """

    part: Part
    labels: bytes
    rejected: bytes
    signatures: bytes


class CutPart(NamedTuple):
    """Some rows of the input that are labelled together: number of the part, from 0, and its rows."""

    number: int
    rows: list[Located | Rejected]

    @property
    def position(self) -> int:
        """Bytes of the input, as it lies on disk, up to the end of the part; 0 where that is not known."""
        return max((row.position for row in self.rows if isinstance(row, Located)), default=0)


def cut_parts(rows: Iterable[Located | Rejected], part_articles: int) -> Iterator[CutPart]:
    """The input in parts of so many rows, or fewer where they are very long."""
    part: list[Located | Rejected] = []
    number = characters = 0
    for row in rows:
        part.append(row)
        characters += len(row.article.text) if isinstance(row, Located) else 0
        if len(part) == part_articles or characters >= _PART_CHARACTERS:
            yield CutPart(number, part)
            number, part, characters = number + 1, [], 0
    if part:
        yield CutPart(number, part)


def label_part(  # noqa: PLR0913 - one keyword for each choice of the user
    cut: CutPart,
    labeller: Labeller,
    targets: Sequence[str] | None,
    *,
    min_probability: float,
    signatures: bool,
    on_row: Callable[[Located | Rejected, ArticleAnalysis | Rejected], None] | None = None,
) -> LabelledPart:
    """Label a part: every row ends up in `labels` or in `rejected`. `on_row` hears of each with its result."""
    began = time.perf_counter()
    labels: list[bytes] = []
    rejected: list[bytes] = []
    sketches: list[bytes] = []
    shape = Shape()
    paragraphs = 0
    for row, result in _results(cut.rows, labeller, targets):
        if isinstance(result, Rejected):
            rejected.append(json_line(result.to_dict()))
        else:
            labelled = result.with_min_probability(min_probability).to_dict()
            shape.add(labelled)
            labels.append(json_line(labelled))
            paragraphs += len(result.paragraphs)
            if signatures and isinstance(row, Located):
                sketches.append(signature(row.article.text).astype("<u4").tobytes())
        if on_row is not None:
            on_row(row, result)
    files = b"".join(labels), b"".join(rejected), b"".join(sketches)
    part = Part(
        number=cut.number,
        rows=len(cut.rows),
        articles=len(labels),
        paragraphs=paragraphs,
        rejected=len(rejected),
        duplicate_ids=sum(isinstance(row, Located) and row.renamed for row in cut.rows),
        seconds=round(time.perf_counter() - began, 3),
        hardware=labeller.hardware,
        rows_digest=rows_digest(cut.rows),
        labels_digest=digest_of(files[0]),
        rejected_digest=digest_of(files[1]),
        signatures_digest=digest_of(files[2]),
        shape=shape.to_dict(),
    )
    return LabelledPart(part, *files)


def _results(
    rows: Sequence[Located | Rejected], labeller: Labeller, targets: Sequence[str] | None
) -> Iterator[tuple[Located | Rejected, ArticleAnalysis | Rejected]]:
    articles = [row.article for row in rows if isinstance(row, Located)]
    analyses = labeller.analyze_many(articles, targets) if articles else iter(())
    for row in rows:
        if isinstance(row, Rejected):
            yield row, row
            continue
        analysis = next(analyses, None)
        if analysis is None or analysis.id != row.article.id:
            raise RuntimeError(f"The analyzer must give one analysis an article, in order; lost {row.article.id!r}.")
        yield row, analysis if analysis.paragraphs else _without_paragraphs(row, analysis)


def _without_paragraphs(row: Located, analysis: ArticleAnalysis) -> Rejected:
    article = row.article
    content = {"id": article.id, "title": article.title, "text": article.text, "targets": list(article.targets)}
    reason = " ".join(("no paragraph is left to label.", *analysis.warnings))
    return Rejected(row.file, row.line, article.id, reason, excerpt({**article.extra, **content}))


def digest_of(data: bytes) -> str:
    """SHA-256, hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def rows_digest(rows: Iterable[Located | Rejected]) -> str:
    """Digest of all in the rows that their labels depend on."""
    digest = hashlib.sha256()
    for row in rows:
        digest.update(json_line(row.to_dict() if isinstance(row, Rejected) else asdict(row.article)))
    return digest.hexdigest()
