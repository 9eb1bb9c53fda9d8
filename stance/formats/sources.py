"""Which files an input names, of what kind they are, and their bytes."""

from __future__ import annotations

import glob
import io
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from stance.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from types import TracebackType

    from typing_extensions import Buffer

__all__ = ["KINDS", "Source", "SourceBytes", "find_sources", "split_compression"]

KINDS = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "json",
    ".csv": "csv",
    ".tsv": "tsv",
    ".parquet": "parquet",
    ".txt": "text",
    ".md": "text",
    ".html": "html",
    ".htm": "html",
}
"""Kind of file by suffix; each but Parquet also as .gz and .zst."""

_COMPRESSIONS = {".gz": "gzip", ".zst": "zstd"}
_BUFFER_BYTES = 1 << 16


@dataclass(frozen=True, slots=True)
class Source:
    """A file, or a folder written by `datasets`, that holds articles.

    Attributes:
        path: where it lies.
        kind: a value of `KINDS`, or `datasets`.
        compression: `gzip` or `zstd`, or None.
        size: bytes on disk.
        modified: time of the last change, in nanoseconds since 1970.
    """

    path: Path
    kind: str
    compression: str | None
    size: int
    modified: int

    @property
    def stem(self) -> str:
        """The name without suffixes of kind and compression."""
        return _without_kind(self.path.name)


def split_compression(name: str) -> tuple[str, str | None]:
    """The name without .gz or .zst, and which compression that is."""
    suffix = Path(name).suffix.lower()
    return (name[: -len(suffix)], _COMPRESSIONS[suffix]) if suffix in _COMPRESSIONS else (name, None)


def find_sources(paths: Iterable[str | Path]) -> tuple[list[Source], list[Path]]:
    """The sources under files, folders and patterns, in the order given, each once, folders sorted by name.

    Returns:
        The sources, and the files in folders that were passed over as of no known kind.

    Raises:
        InputError: a path is missing, unreadable or of unknown kind, or holds no input at all.
    """
    sources: dict[Path, Source] = {}
    passed_over: list[Path] = []
    for path in paths:
        before = len(passed_over)
        found = [s for p in _expand(path) for s in _sources_at(p, passed_over)]
        if not found:
            others = f" ({len(passed_over) - before} files of other kinds)" if passed_over[before:] else ""
            raise InputError(f"{path}: no input file there{others}. Expected {_known_kinds()}.")
        for source in found:
            sources.setdefault(source.path, source)
    return list(sources.values()), passed_over


def _known_kinds() -> str:
    return ", ".join(KINDS) + " (also .gz and .zst), or a folder of them or of a `datasets` data set"


def _expand(path: str | Path) -> list[Path]:
    if Path(path).exists():
        return [Path(path)]
    if not glob.has_magic(str(path)):
        raise InputError(f"{path}: no such file or folder. Check the name and the current folder ({Path.cwd()}).")
    found = sorted(glob.glob(str(path), recursive=True))  # noqa: PTH207 - Path.glob takes no absolute pattern
    if not found:
        raise InputError(f"{path}: no file fits this pattern. Check it in the current folder ({Path.cwd()}).")
    return [Path(p) for p in found]


def _sources_at(path: Path, passed_over: list[Path]) -> Iterator[Source]:
    if not path.is_dir():
        kind, compression = _kind_of(path.name)
        if kind is None:
            raise InputError(f"{path}: unknown kind of file '{path.suffix}'. Expected {_known_kinds()}.")
        yield _source(path, kind, compression)
    elif (path / "dataset_dict.json").is_file():
        for split in _read_json(path / "dataset_dict.json", "splits"):
            yield _source(path / str(split), "datasets", None)
    elif (path / "state.json").is_file() and (path / "dataset_info.json").is_file():
        yield _source(path, "datasets", None)
    else:
        for child in sorted(path.iterdir()):
            if child.name.startswith("."):
                continue
            if child.is_dir() or _kind_of(child.name)[0]:
                yield from _sources_at(child, passed_over)
            else:
                passed_over.append(child)


def _kind_of(name: str) -> tuple[str | None, str | None]:
    bare, compression = split_compression(name)
    kind = KINDS.get(Path(bare).suffix.lower())
    return (None, None) if kind == "parquet" and compression else (kind, compression)


def _without_kind(name: str) -> str:
    bare, _ = split_compression(name)
    return Path(bare).stem if Path(bare).suffix.lower() in KINDS else bare


def _source(path: Path, kind: str, compression: str | None) -> Source:
    files = arrow_files(path) if kind == "datasets" else [path]
    for file in files:
        if not os.access(file, os.R_OK):
            raise InputError(f"{file}: expected a file that may be read; it is missing or its permissions forbid it.")
    stats = [file.stat() for file in files]
    modified = max((s.st_mtime_ns for s in stats), default=0)
    return Source(path, kind, compression, sum(s.st_size for s in stats), modified)


def arrow_files(folder: Path) -> list[Path]:
    """The Arrow files of a data set saved by `datasets`, in their order. Raises InputError where it is damaged."""
    return [folder / str(f["filename"]) for f in _read_json(folder / "state.json", "_data_files")]


def _read_json(path: Path, key: str) -> list[dict[str, str]]:
    try:
        values: list[dict[str, str]] = json.loads(path.read_text(encoding="utf-8"))[key]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{path}: expected the index of a `datasets` data set with '{key}'; {error!r}. Save it again."
        ) from error
    return values


class SourceBytes(io.RawIOBase):
    """The bytes of a file, unpacked where it is compressed, and how far the file on disk has been read.

    Reading raises InputError where the file unpacks to more than the limit or is damaged or cut short.
    """

    def __init__(self, source: Source, max_decompressed_bytes: int) -> None:
        self._source = source
        self._limit = max_decompressed_bytes
        self._count = self._position = 0
        self._file = source.path.open("rb", buffering=0)
        self._stream = _unpacked(self._file, source.compression) if source.compression else self._file

    @property
    def position(self) -> int:
        """Bytes of the file on disk that were read so far."""
        return self._position

    def buffered(self) -> io.BufferedReader:
        """The bytes behind a buffer, for reading lines."""
        return io.BufferedReader(self, _BUFFER_BYTES)

    def readable(self) -> bool:
        """Whether it can be read: it can."""
        return True

    def readinto(self, buffer: Buffer) -> int:
        """Fill the buffer; the number of bytes put there, 0 at the end."""
        try:
            count = int(self._stream.readinto(buffer) or 0)
        except OSError as error:
            if error.errno is not None:  # the disk, not the contents: nothing that setting rows aside could mend
                where = self._source.path
                raise InputError(f"{where}: cannot be read ({error.strerror}). Mend that and run again.") from error
            raise InputError(
                f"the compressed file is damaged or cut short ({error}); what follows was not read. Pack it again."
            ) from error
        self._count += count
        self._position = self._file.tell()
        if self._source.compression and self._count > self._limit:
            raise InputError(
                f"the file unpacks to more than {self._limit:,} bytes; what follows in it was not read. Split it, or "
                "raise --max-decompressed-bytes."
            )
        return count

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file on disk."""
        if not self.closed:
            self._file.close()
        super().close()


def _unpacked(file: io.FileIO, compression: str) -> io.RawIOBase:
    """Arrow knows both compressions, joined frames, and, unlike others, files that are cut short."""
    stream: io.RawIOBase = pa.CompressedInputStream(pa.PythonFile(file, mode="r"), compression)
    return stream
