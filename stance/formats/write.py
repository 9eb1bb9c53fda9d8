"""Analyses to JSONL and Parquet, and back."""

from __future__ import annotations

import itertools
import json
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from stance.errors import InputError
from stance.formats.atomic import atomic_file
from stance.formats.sources import Source, SourceBytes, split_compression
from stance.formats.table import Shape, articles_from_rows, paragraph_rows
from stance.results import ArticleAnalysis

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

__all__ = ["assemble", "check_output_name", "json_line", "read_analyses", "write"]

_ROWS_A_GROUP = 10_000
_NO_LIMIT = 1 << 62


def check_output_name(path: Path) -> None:
    """Raises InputError where the name is of no kind that can be written, or in no folder."""
    _check_kind(path, "output")
    if not path.parent.is_dir():
        raise InputError(f"{path}: there is no folder {path.parent} to write it to. Make it first, or mend the name.")


def _check_kind(path: Path, role: str) -> None:
    bare, compression = split_compression(path.name)
    suffix = Path(bare).suffix.lower()
    if suffix != ".jsonl" and (suffix != ".parquet" or compression):
        raise InputError(
            f"{path}: unknown kind of {role} '{path.suffix}'. Expected .jsonl, .jsonl.gz, .jsonl.zst or .parquet."
        )


def json_line(value: Mapping[str, Any]) -> bytes:
    """One line of JSONL in UTF-8; half surrogate pairs (in file names) stay escaped."""
    return (json.dumps(value, ensure_ascii=False, allow_nan=False) + "\n").encode("utf-8", "backslashreplace")


def write(analyses: Iterable[ArticleAnalysis], path: str | Path) -> int:
    """Write analyses to .jsonl (also .gz, .zst) or .parquet, streaming; the file appears when it is whole.

    Returns:
        The number of articles.

    Raises:
        InputError: the name is of another kind, or in no folder.
        OSError: the disk is full or may not be written.
    """
    path = Path(path)
    check_output_name(path)
    shape = Shape()
    with tempfile.TemporaryFile(dir=path.parent) as spool:  # the table's columns are known after the last article
        for analysis in analyses:
            record = analysis.to_dict()
            shape.add(record)
            spool.write(json_line(record))
        spool.seek(0)
        assemble(spool, shape, path)
    return shape.articles


def assemble(lines: Iterable[bytes], shape: Shape, path: Path) -> None:
    """Write the output file from the JSON lines of all its articles, which are of this shape.

    Raises:
        OSError: the disk is full or may not be written.
    """
    with atomic_file(path) as file:
        if path.suffix.lower() == ".parquet":
            _write_table(lines, shape, file)
        else:
            with _packed(file, split_compression(path.name)[1]) as packed:
                for line in lines:
                    packed.write(line)


@contextmanager
def _packed(file: BinaryIO, compression: str | None) -> Iterator[IO[bytes]]:
    if compression is None:
        yield file
        return
    with pa.CompressedOutputStream(pa.PythonFile(_KeptOpen(file), mode="w"), compression) as packed:
        yield packed


class _KeptOpen:
    """A file that the stream around it may not close: it has yet to be put on disk."""

    closed = False

    def __init__(self, file: BinaryIO) -> None:
        self.write, self.flush, self.tell = file.write, file.flush, file.tell

    def close(self) -> None:
        self.flush()


def _write_table(lines: Iterable[bytes], shape: Shape, file: BinaryIO) -> None:
    schema = shape.schema()
    rows = itertools.chain.from_iterable(paragraph_rows(json.loads(line), schema) for line in lines)
    with pq.ParquetWriter(file, schema, compression="zstd") as writer:
        while group := list(itertools.islice(rows, _ROWS_A_GROUP)):
            writer.write_table(pa.Table.from_pylist(group, schema=schema))


def read_analyses(path: str | Path) -> Iterator[ArticleAnalysis]:
    """The analyses in a file that `write` or `stance label` made, one at a time.

    Raises:
        InputError: the file is missing, or another kind of file, or damaged.
    """
    path = Path(path)
    _check_kind(path, "labels")
    if not path.is_file():
        raise InputError(f"{path}: no such file. Make it with `stance label`.")
    records = _table_records(path) if path.suffix.lower() == ".parquet" else _line_records(path)
    for where, record in records:
        yield _analysis(record, where)


def _analysis(record: Mapping[str, Any], where: str) -> ArticleAnalysis:
    try:
        return ArticleAnalysis.from_dict(record)
    except InputError as error:
        raise InputError(f"{where}: {error}") from error


def _line_records(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    source = Source(path, "jsonl", split_compression(path.name)[1], 0, 0)
    with SourceBytes(source, _NO_LIMIT) as raw, raw.buffered() as stream:
        for number, line in enumerate(stream, 1):
            where = f"{path} line {number}"
            try:
                record = json.loads(line)
            except ValueError as error:
                raise InputError(f"{where}: expected an article labelled by stance in JSON; {error}.") from error
            if not isinstance(record, dict):
                raise InputError(f"{where}: expected an article labelled by stance, found {type(record).__name__}.")
            yield where, record


def _table_records(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    try:
        with pq.ParquetFile(path) as file:
            batches = file.iter_batches(batch_size=1_000)
            rows = itertools.chain.from_iterable(batch.to_pylist() for batch in batches)
            for record in articles_from_rows(rows, file.schema_arrow):
                yield f"{path} article {record['id']!r}", record
    except (pa.ArrowException, OSError, KeyError) as error:
        raise InputError(f"{path}: expected a table written by `stance label`; found a fault at {error!r}.") from error
