"""Articles from files, one at a time: whatever is no article comes back as `Rejected`, nothing is dropped."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING

from stance.errors import InputError
from stance.formats.records import Record, records
from stance.formats.rows import Fields, Limits, Located, Rejected, article_from_row, excerpt
from stance.formats.sources import Source, find_sources
from stance.results import Article

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

__all__ = ["ArticleReader", "read_articles"]


class ArticleReader:
    """The articles of files, folders and patterns, streaming in constant memory.

    Kinds: .jsonl, .json, .csv, .tsv, .parquet with an article a row; .txt, .md, .html, .htm, each one
    article; each but Parquet also as .gz and .zst; folders written by `datasets.save_to_disk`.

    An article without an id gets the file's name and its line or row (`news-41`), or the name alone where
    the file is one article. Ids met again are told apart (`a`, `a#2`, `a#3`), which costs some sixty
    bytes of memory an article.

    Attributes:
        sources: the files, in the order in which they are read.
        passed_over: files in folders that are of no known kind.
        duplicate_ids: how many articles so far had an id met before.
    """

    def __init__(
        self, paths: Iterable[str | Path], *, fields: Fields | None = None, limits: Limits | None = None
    ) -> None:
        """Find the files. Raises InputError where a path is missing, unreadable or of unknown kind."""
        self.fields = fields or Fields()
        self.limits = limits or Limits()
        self.sources, self.passed_over = find_sources(paths)
        self.duplicate_ids = 0

    @property
    def total_bytes(self) -> int:
        """Size of all files on disk."""
        return sum(source.size for source in self.sources)

    def __iter__(self) -> Iterator[Located | Rejected]:
        """Every row of every file, in order. Raises InputError where a disk fails while it is read."""
        self.duplicate_ids = 0
        ids = _Ids()
        before = 0
        for source in self.sources:
            empty = True
            for record in records(source, self.limits):
                empty = False
                yield self._read(source, record, before, ids)
            if empty:
                yield Rejected(str(source.path), None, "", "the file is empty: expected at least one article.")
            before += source.size

    def _read(self, source: Source, record: Record, before: int, ids: _Ids) -> Located | Rejected:
        file = str(source.path)
        if record.fault:
            return Rejected(file, record.line, "", record.fault, excerpt(record.row))
        missing_id = source.stem if record.line is None else f"{source.stem}-{record.line}"
        try:
            article = (
                record.row
                if isinstance(record.row, Article)
                else article_from_row(record.row, self.fields, self.limits, missing_id)
            )
        except InputError as error:
            given = record.row.get(self.fields.id) if isinstance(record.row, dict) else None
            return Rejected(file, record.line, str(given or ""), str(error), excerpt(record.row))
        distinct = ids.distinct(article.id)
        renamed = distinct != article.id
        if renamed:
            self.duplicate_ids += 1
            article = replace(article, id=distinct)
        return Located(file, record.line, article, before + record.position, renamed)


def read_articles(
    paths: Iterable[str | Path], *, fields: Fields | None = None, limits: Limits | None = None
) -> Iterator[Article | Rejected]:
    """The articles of files, folders and patterns; see `ArticleReader`.

    Raises:
        InputError: a path is missing, unreadable or of unknown kind.
    """
    for row in ArticleReader(paths, fields=fields, limits=limits):
        yield row.article if isinstance(row, Located) else row


class _Ids:
    """Tells apart ids that come again; holds eight bytes of digest an id rather than the id."""

    def __init__(self) -> None:
        self._seen: set[int] = set()
        self._next: dict[str, int] = {}

    def distinct(self, id: str) -> str:
        candidate = id
        while (digest := self._digest(candidate)) in self._seen:
            number = self._next.get(id, 2)
            self._next[id] = number + 1
            candidate = f"{id}#{number}"
        self._seen.add(digest)
        return candidate

    @staticmethod
    def _digest(id: str) -> int:
        return int.from_bytes(hashlib.blake2b(id.encode(), digest_size=8).digest(), "big")
