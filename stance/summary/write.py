"""Summaries to files: JSONL or JSON, Markdown, Parquet, by the name of the file."""

from __future__ import annotations

import itertools
import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from stance.errors import InputError
from stance.formats.atomic import atomic_file
from stance.summary.table import ArticleTable, corpus_table

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import BinaryIO

    from stance.summary.article import ArticleSummary
    from stance.summary.corpus import CorpusSummary
    from stance.summary.correction import StanceConfusion
    from stance.summary.estimates import Bootstrap

__all__ = ["write_corpus_summary", "write_summaries"]

_ROWS_A_GROUP = 1_000


def write_summaries(summaries: Iterable[ArticleSummary], path: str | Path, language: str = "zh") -> int:
    """Write summaries of articles to .jsonl, .md or .parquet, one at a time; the file appears when it is whole.

    Args:
        summaries: in the order wanted.
        path: the file; an existing one is replaced.
        language: of a page of Markdown: `zh` or `en`.

    Returns:
        The number of summaries.

    Raises:
        InputError: the name is of another kind.
        OSError: the disk is full or may not be written.
    """
    path = Path(path)
    kind = _kind(path, (".jsonl", ".md", ".parquet"))
    if kind == ".parquet":
        return _write_parquet(summaries, path)
    number = 0
    with atomic_file(path) as file:
        for number, summary in enumerate(summaries, 1):
            if kind == ".jsonl":
                _write_text(file, summary.to_json() + "\n")
            else:
                rule = "---\n\n" if number > 1 else ""
                _write_text(file, f"{rule}{summary.to_markdown(language)}\n")
    return number


def write_corpus_summary(
    summary: CorpusSummary,
    path: str | Path,
    language: str = "zh",
    bootstrap: Bootstrap | None = None,
    confusion: StanceConfusion | None = None,
) -> None:
    """Write the summary of a corpus to .json, .md or .parquet; a table has one row a figure.

    Args:
        summary: what to write.
        path: the file; an existing one is replaced.
        language: of a page of Markdown: `zh` or `en`.
        bootstrap: how intervals are made.
        confusion: the model's known errors, to correct the shares of stances.

    Raises:
        InputError: the name is of another kind.
        OSError: the disk is full or may not be written.
    """
    path = Path(path)
    kind = _kind(path, (".json", ".md", ".parquet"))
    with atomic_file(path) as file:
        if kind == ".json":
            _write_text(file, summary.to_json(bootstrap, confusion) + "\n")
        elif kind == ".md":
            _write_text(file, summary.to_markdown(language, bootstrap, confusion))
        else:
            pq.write_table(corpus_table(summary.to_dict(bootstrap, confusion)), file, compression="zstd")


def _kind(path: Path, known: tuple[str, ...]) -> str:
    kind = path.suffix.lower()
    if kind not in known:
        raise InputError(f"{path}: unknown kind of output {path.suffix!r}. Expected one of {', '.join(known)}.")
    return kind


def _write_text(file: BinaryIO, text: str) -> None:
    file.write(text.encode("utf-8", "backslashreplace"))  # half surrogate pairs, which file names can bring in


def _write_parquet(summaries: Iterable[ArticleSummary], path: Path) -> int:
    table = ArticleTable()
    with tempfile.TemporaryFile(dir=path.parent) as spool:  # the columns are known after the last article
        for summary in summaries:
            record = summary.to_dict()
            table.add(record)
            spool.write(json.dumps(record).encode("ascii") + b"\n")
        spool.seek(0)
        schema = table.schema()
        with atomic_file(path) as file, pq.ParquetWriter(file, schema, compression="zstd") as writer:
            while lines := list(itertools.islice(spool, _ROWS_A_GROUP)):
                rows = [table.row(json.loads(line)) for line in lines]
                writer.write_table(pa.Table.from_pylist(rows, schema=schema))
    return table.articles
