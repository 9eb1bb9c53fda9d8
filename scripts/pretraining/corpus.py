"""Raw text as documents: `.txt` and `.jsonl` files, plain or packed (`.gz`, `.zst`), anywhere under a folder.

Text files hold one paragraph a line and an empty line between documents. A JSON line is a document with
`text` or `paragraphs`, and `title` if it has one.
"""

from __future__ import annotations

import gzip
import io
import json
import zlib
from collections import Counter
from typing import TYPE_CHECKING, TextIO

import zstandard

from stance.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["documents", "text_files"]

SUFFIXES = tuple(kind + packed for kind in (".txt", ".jsonl") for packed in ("", ".gz", ".zst"))
WINDOW = 1 << 31
"""Largest zstd window accepted, in bytes: archives packed with `--long` need more than the default."""


def text_files(folder: Path) -> tuple[list[Path], Counter[str]]:
    """The files that are read, in the order of their names, and how many of each other kind are not.

    Raises:
        InputError: there is none to read.
    """
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    texts = [path for path in files if path.name.lower().endswith(SUFFIXES)]
    others = Counter(path.suffix.lower() or path.name for path in files if path not in set(texts))
    if not texts:
        wanted, found = ", ".join("*" + suffix for suffix in SUFFIXES), " ".join(sorted(others)) or "none"
        raise InputError(f"{folder}: expected files named {wanted}, found {found}. Pass a folder of text.")
    return texts, others


def documents(folder: Path) -> Iterator[str]:
    """The documents of a folder, one paragraph a line, in the order of file names.

    Raises:
        InputError: there is no text in the folder, or a file of it cannot be read.
    """
    for path in text_files(folder)[0]:
        yield from _read(path)


def _read(path: Path) -> Iterator[str]:
    try:
        with _open(path) as file:
            yield from _json_documents(file, path) if ".jsonl" in path.name.lower() else _text_documents(file)
    except (OSError, EOFError, UnicodeDecodeError, zlib.error, zstandard.ZstdError) as error:
        raise InputError(f"{path}: expected text in UTF-8; {error}. Convert the file or leave it out.") from error


def _open(path: Path) -> TextIO:
    if path.suffix.lower() == ".gz":
        return gzip.open(path, "rt", encoding="utf-8")
    if path.suffix.lower() == ".zst":
        decompressor = zstandard.ZstdDecompressor(max_window_size=WINDOW)
        return io.TextIOWrapper(decompressor.stream_reader(path.open("rb"), closefd=True), encoding="utf-8")
    return path.open(encoding="utf-8")


def _text_documents(file: TextIO) -> Iterator[str]:
    lines: list[str] = []
    for line in file:
        if stripped := line.strip():
            lines.append(stripped)
        elif lines:
            yield "\n".join(lines)
            lines = []
    if lines:
        yield "\n".join(lines)


def _json_documents(file: TextIO, path: Path) -> Iterator[str]:
    for number, line in enumerate(file, start=1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
            body = record["text"] if "text" in record else "\n".join(record["paragraphs"])
            text = f"{record.get('title') or ''}\n{body}"
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise InputError(
                f"{path} line {number}: expected a JSON object with 'text' or 'paragraphs', found "
                f"{line.strip()[:60]!r} ({error!r}). Mend the line."
            ) from error
        if paragraphs := [p for p in map(str.strip, text.splitlines()) if p]:
            yield "\n".join(paragraphs)
