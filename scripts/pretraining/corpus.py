"""Raw text as documents: `.txt`, `.txt.zst` and `.jsonl` files anywhere under a folder.

Text files hold one paragraph a line and an empty line between documents. A JSON line is a document with
`text` or `paragraphs`, and `title` if it has one.
"""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, TextIO

import zstandard

from stance.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["documents"]

SUFFIXES = (".txt", ".txt.zst", ".jsonl")
WINDOW = 1 << 31
"""Largest zstd window accepted, in bytes: archives packed with `--long` need more than the default."""


def documents(folder: Path) -> Iterator[str]:
    """The documents of a folder, one paragraph a line, in the order of file names.

    Raises:
        InputError: there is no such file in the folder, or one of them cannot be read.
    """
    paths = [path for path in sorted(folder.rglob("*")) if path.name.endswith(SUFFIXES) and path.is_file()]
    if not paths:
        raise InputError(
            f"{folder}: expected files named {', '.join('*' + s for s in SUFFIXES)}, found none. Pass a folder of text."
        )
    for path in paths:
        yield from _read(path)


def _read(path: Path) -> Iterator[str]:
    try:
        with _open(path) as file:
            yield from _json_documents(file, path) if path.suffix == ".jsonl" else _text_documents(file)
    except (OSError, UnicodeDecodeError, zstandard.ZstdError) as error:
        raise InputError(f"{path}: expected text in UTF-8; {error}. Convert the file or leave it out.") from error


def _open(path: Path) -> TextIO:
    if path.suffix == ".zst":
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
