"""Raw text as documents: `.txt` and `.jsonl` files, plain or packed (`.gz`, `.zst`), anywhere under a folder.

Text files hold one paragraph a line and an empty line between documents. A JSON line is a document with
`text` or `paragraphs`, and `title` if it has one. UTF-8 and the other encodings of Chinese are read.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections import Counter
from typing import TYPE_CHECKING

import zstandard

from stance.errors import InputError
from stance.text.charset import decode

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
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
    lines = decode(_content(path), str(path)).split("\n")
    return _json_documents(lines, path) if ".jsonl" in path.name.lower() else _text_documents(lines)


def _content(path: Path) -> bytes:
    try:
        content = path.read_bytes()
        if path.suffix.lower() == ".gz":
            return gzip.decompress(content)
        if path.suffix.lower() == ".zst":
            with zstandard.ZstdDecompressor(max_window_size=WINDOW).stream_reader(content) as stream:
                return stream.read()
    except (OSError, EOFError, zlib.error, zstandard.ZstdError) as error:
        raise InputError(f"{path}: expected a file of text, whole; {error}. Mend it or leave it out.") from error
    return content


def _text_documents(given: Iterable[str]) -> Iterator[str]:
    lines: list[str] = []
    for line in given:
        if stripped := line.strip():
            lines.append(stripped)
        elif lines:
            yield "\n".join(lines)
            lines = []
    if lines:
        yield "\n".join(lines)


def _json_documents(lines: Iterable[str], path: Path) -> Iterator[str]:
    for number, line in enumerate(lines, start=1):
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
