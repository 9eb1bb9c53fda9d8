"""The rows of a file, by its kind, before anything is asked of their fields.

Every reader is a generator that never raises for what is in the file: a row that cannot be read comes as a
`Record` with a fault, and where a file breaks off, the last record says that what follows was not read.
"""

from __future__ import annotations

import codecs
import csv
import io
import json
from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from stance.errors import InputError
from stance.formats.rows import Limits, check_length
from stance.formats.sources import Source, SourceBytes, arrow_files
from stance.results import Article
from stance.text.charset import decode
from stance.text.html import article_from_html

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["Record", "article_from_bytes", "records"]

_ROWS_A_BATCH = 64
_RAISE = "Split it, or raise --max-decompressed-bytes."


class Record(NamedTuple):
    """A row as it stands in a file.

    Attributes:
        line: line or row in the file, from 1; None where the file is one article.
        row: fields by name, or an `Article` where the file is one; with a fault, what could be read.
        position: bytes of the file, as it lies on disk, that were read by then.
        fault: why the row cannot be read; empty where it can.
    """

    line: int | None
    row: Any
    position: int
    fault: str = ""


def records(source: Source, limits: Limits) -> Iterator[Record]:
    """The rows of a file, streaming; none for an empty file."""
    return _READERS[source.kind](source, limits)


def article_from_bytes(data: bytes, kind: str, *, id: str, where: str, limits: Limits | None = None) -> Article:
    """The one article in a text (`text`) or a web page (`html`), of whatever encoding.

    Raises:
        InputError: the bytes are no text, or there is no article in them, or it is too long.
    """
    text = decode(data, where)
    article = article_from_html(text, id=id, where=where) if kind == "html" else Article.from_text(text, id=id)
    if not article.text.strip():
        raise InputError(f"{where}: expected an article, found no text. Check that the file is the right one.")
    try:
        check_length(article.text, limits or Limits())
    except InputError as error:
        raise InputError(f"{where}: {error}") from error
    return article


def _jsonl(source: Source, limits: Limits) -> Iterator[Record]:
    limit = limits.max_row_bytes
    number = done = 0
    with SourceBytes(source, limits.max_decompressed_bytes) as raw, raw.buffered() as stream:
        try:
            while line := stream.readline(limit + 1):
                number += 1
                done += len(line)
                fault = ""
                if len(line) > limit and not line.endswith(b"\n"):
                    skipped = _skip_line(stream)
                    done += skipped
                    fault = f"expected at most {limit:,} bytes in a line, found {len(line) + skipped:,}. Is it JSONL?"
                position = raw.position if source.compression else done
                if fault:
                    yield Record(number, _shown(line), position, fault)
                elif line.strip():
                    yield _json_record(line, number, position)
        except InputError as error:
            yield Record(number + 1, None, raw.position, str(error))


def _skip_line(stream: io.BufferedReader) -> int:
    skipped = 0
    while piece := stream.readline(1 << 20):
        skipped += len(piece)
        if piece.endswith(b"\n"):
            break
    return skipped


def _shown(data: bytes) -> str:
    return data[:8_000].decode("utf-8", "backslashreplace").rstrip("\r\n")


def _json_record(data: bytes, line: int | None, position: int) -> Record:
    try:
        return Record(line, _parse_json(data), position)
    except InputError as error:
        return Record(line, _shown(data), position, str(error))


def _parse_json(data: bytes) -> Any:
    try:
        value = json.loads(data.decode("utf-8-sig"))
        if b"\\u" in data:
            json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeDecodeError as error:
        raise InputError(
            f"expected JSON in UTF-8, found byte 0x{data[error.start]:02x} at byte {error.start}. "
            "Convert the file: iconv -f GB18030 -t UTF-8."
        ) from error
    except UnicodeEncodeError as error:
        raise InputError(
            "the text holds half of a surrogate pair (a broken \\ud… escape). Mend what wrote the file."
        ) from error
    except RecursionError as error:
        raise InputError("expected JSON of an article, found brackets nested too deep to read.") from error
    except ValueError as error:
        raise InputError(f"expected one JSON object, found a fault: {error}.") from error
    return value


def _json(source: Source, limits: Limits) -> Iterator[Record]:
    with SourceBytes(source, limits.max_decompressed_bytes) as raw, raw.buffered() as stream:
        try:
            data = stream.read(limits.max_json_bytes + 1)
        except InputError as error:
            yield Record(None, None, raw.position, str(error))
            return
    if len(data) > limits.max_json_bytes:
        fault = f"expected at most {limits.max_json_bytes:,} bytes in a .json file. Turn it into JSONL: jq -c '.[]'."
        yield Record(None, _shown(data), source.size, fault)
    elif data.strip():
        record = _json_record(data, None, source.size)
        if record.fault or not isinstance(record.row, list):
            yield record
            return
        for number, row in enumerate(record.row, 1):
            yield Record(number, row, source.size * number // len(record.row))


def _csv(source: Source, limits: Limits) -> Iterator[Record]:
    with SourceBytes(source, limits.max_decompressed_bytes) as raw:
        try:
            stream = _csv_text(source, limits, raw)
        except InputError as error:
            yield Record(None, None, raw.position, _without_place(str(error), str(source.path)))
            return
        with stream:
            csv.field_size_limit(limits.max_row_bytes)
            # strict: a quote that is never closed must not swallow the rest of the file unseen
            reader = csv.reader(stream, delimiter="\t" if source.kind == "tsv" else ",", strict=True)
            yield from _csv_records(reader, raw)


def _csv_records(reader: Any, raw: SourceBytes) -> Iterator[Record]:
    header: list[str] | None = None
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except (csv.Error, InputError) as error:
            lost = isinstance(error, InputError) or "limit" in str(error)
            rest = " What follows in the file was not read." if lost else ""
            yield Record(line, None, raw.position, f"expected a row of CSV; {error}. Check the quotes.{rest}")
            if lost:
                return
            continue
        if not cells:
            continue
        if header is None:
            header = cells
        elif len(cells) > len(header):
            fault = f"expected at most {len(header)} cells as in the header, found {len(cells)}. Put texts in quotes."
            yield Record(line, cells, raw.position, fault)
        else:
            yield Record(line, dict(zip(header, cells, strict=False)), raw.position)


def _csv_text(source: Source, limits: Limits, raw: SourceBytes) -> io.TextIOBase:
    """UTF-8 streams; other encodings, which must be guessed from the whole, are read whole up to a limit."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    with SourceBytes(source, limits.max_decompressed_bytes) as bytes_, bytes_.buffered() as stream:
        try:
            while block := stream.read(1 << 20):
                decoder.decode(block)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError as error:
            if source.size > limits.max_json_bytes:
                raise InputError(f"expected UTF-8 in a file so large; {error}. Convert it with iconv.") from error
            with raw.buffered() as whole:
                return io.StringIO(decode(whole.read(), str(source.path)), newline="")
    return io.TextIOWrapper(raw.buffered(), encoding="utf-8-sig", newline="")


def _without_place(message: str, place: str) -> str:
    return message.removeprefix(f"{place}: ")


def _parquet(source: Source, limits: Limits) -> Iterator[Record]:
    number = 0
    limit = limits.max_decompressed_bytes
    try:
        with pq.ParquetFile(source.path) as file:
            unpacked = sum(file.metadata.row_group(i).total_byte_size for i in range(file.metadata.num_row_groups))
            if unpacked > limit:
                fault = f"the file unpacks to {unpacked:,} bytes, more than {limit:,}; nothing in it was read. {_RAISE}"
                yield Record(None, None, source.size, fault)
                return
            total = max(file.metadata.num_rows, 1)
            for batch in file.iter_batches(batch_size=_ROWS_A_BATCH):
                for row in batch.to_pylist():
                    number += 1
                    yield Record(number, row, source.size * number // total)
    except (pa.ArrowException, OSError) as error:
        fault = f"expected a Parquet file; {error}. What follows in it was not read. Write it again."
        yield Record(number + 1 if number else None, None, source.size, fault)


def _datasets(source: Source, _: Limits) -> Iterator[Record]:
    number = before = 0
    try:
        for path in arrow_files(source.path):
            with pa.memory_map(str(path)) as stream:
                for batch in pa.ipc.open_stream(stream):
                    for start in range(0, batch.num_rows, _ROWS_A_BATCH):
                        for row in batch.slice(start, _ROWS_A_BATCH).to_pylist():
                            number += 1
                            yield Record(number, row, before + stream.tell())
            before += path.stat().st_size
    except (pa.ArrowException, OSError) as error:
        fault = f"expected an Arrow file of `datasets`; {error}. What follows in it was not read. Save it again."
        yield Record(number + 1 if number else None, None, source.size, fault)


def _single(source: Source, limits: Limits) -> Iterator[Record]:
    where = str(source.path)
    limit = limits.max_row_bytes
    with SourceBytes(source, limits.max_decompressed_bytes) as raw, raw.buffered() as stream:
        data = b""
        try:
            data = stream.read(limit + 1)
            if len(data) > limit:
                fault = f"expected at most {limit:,} bytes of one article. Split it, or raise --max-characters."
                yield Record(None, _shown(data), raw.position, fault)
            elif data.strip():
                article = article_from_bytes(data, source.kind, id=source.stem, where=where, limits=limits)
                yield Record(None, article, raw.position)
        except InputError as error:
            yield Record(None, _shown(data), raw.position, _without_place(str(error), where))


_READERS: dict[str, Callable[[Source, Limits], Iterator[Record]]] = {
    "jsonl": _jsonl,
    "json": _json,
    "csv": _csv,
    "tsv": _csv,
    "parquet": _parquet,
    "datasets": _datasets,
    "text": _single,
    "html": _single,
}
