"""One part of a corpus: cut by the input alone, labelled by a function that keeps nothing."""

from __future__ import annotations

import hashlib
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Protocol

from stance.formats.rows import Located, Rejected, excerpt
from stance.formats.table import Shape
from stance.formats.write import json_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from stance.results import Article, ArticleAnalysis

__all__ = ["LabelledPart", "Labeller", "Part", "cut_parts", "digest_of", "label_part", "rows_digest"]

_PART_CHARACTERS = 20_000_000
"""A part ends early at this much text: it is held in memory."""


class Labeller(Protocol):
    """What a run needs of an analyzer."""

    @property
    def model_id(self) -> str:
        """Name and digest of the model."""

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
        seconds: time spent.
        rows_digest: of the input rows.
        labels_digest, rejected_digest: of the bytes of its two files.
        shape: as `Shape.to_dict` gives it.
    """

    number: int
    rows: int
    articles: int
    paragraphs: int
    rejected: int
    seconds: float
    rows_digest: str
    labels_digest: str
    rejected_digest: str
    shape: dict[str, Any]


@dataclass(frozen=True, slots=True)
class LabelledPart:
    """A part with the contents of its two files: the lines of labelled articles, and of the rows set aside."""

    part: Part
    labels: bytes
    rejected: bytes


def cut_parts(rows: Iterable[Located | Rejected], part_articles: int) -> Iterator[list[Located | Rejected]]:
    """The input in parts of so many rows, or fewer where they are very long."""
    part: list[Located | Rejected] = []
    characters = 0
    for row in rows:
        part.append(row)
        characters += len(row.article.text) if isinstance(row, Located) else 0
        if len(part) == part_articles or characters >= _PART_CHARACTERS:
            yield part
            part, characters = [], 0
    if part:
        yield part


def label_part(
    number: int,
    rows: Sequence[Located | Rejected],
    labeller: Labeller,
    targets: Sequence[str] | None,
    on_row: Callable[[Located | Rejected, ArticleAnalysis | Rejected], None],
) -> LabelledPart:
    """Label a part: every row ends up in `labels` or in `rejected`. `on_row` hears of each with its result."""
    began = time.perf_counter()
    labels: list[bytes] = []
    rejected: list[bytes] = []
    shape = Shape()
    paragraphs = 0
    for row, result in _results(rows, labeller, targets):
        if isinstance(result, Rejected):
            rejected.append(json_line(result.to_dict()))
        else:
            labelled = result.to_dict()
            shape.add(labelled)
            labels.append(json_line(labelled))
            paragraphs += len(result.paragraphs)
        on_row(row, result)
    label_bytes, rejected_bytes = b"".join(labels), b"".join(rejected)
    part = Part(
        number=number,
        rows=len(rows),
        articles=len(labels),
        paragraphs=paragraphs,
        rejected=len(rejected),
        seconds=round(time.perf_counter() - began, 3),
        rows_digest=rows_digest(rows),
        labels_digest=digest_of(label_bytes),
        rejected_digest=digest_of(rejected_bytes),
        shape=shape.to_dict(),
    )
    return LabelledPart(part, label_bytes, rejected_bytes)


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
