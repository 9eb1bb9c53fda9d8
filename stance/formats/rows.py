"""From a row of named fields to an `Article`, or to a `Rejected` that says why it is none."""

from __future__ import annotations

import base64
import datetime as dt
import decimal
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from stance.errors import InputError
from stance.results import Article

__all__ = ["Fields", "Limits", "Located", "Rejected", "article_from_row", "excerpt"]

_OUTPUT_NAMES = frozenset({"id", "title", "targets", "model", "paragraphs", "warnings", "duplicate_of"})
_TARGET_SEPARATORS = re.compile(r"[;|；]")
_EXCERPT_CHARACTERS = 2_000
_KINDS_WITH_LINES = (".jsonl", ".ndjson", ".csv", ".tsv")


@dataclass(frozen=True, slots=True)
class Fields:
    """Under which names the input keeps what an article is made of; all further fields are passed through.

    A row needs `text` or `paragraphs`; where it has both, the paragraphs count. The rest may be missing.
    """

    text: str = "text"
    id: str = "id"
    title: str = "title"
    paragraphs: str = "paragraphs"
    targets: str = "targets"


@dataclass(frozen=True, slots=True)
class Limits:
    """What is too large to be taken for an article; larger rows are set aside, not cut.

    Attributes:
        max_characters: code points of text in an article.
        max_decompressed_bytes: bytes that one .gz, .zst or Parquet file may unpack to.
        max_json_bytes: bytes of a .json file, which is read whole (.jsonl files are not).
    """

    max_characters: int = 2_000_000
    max_decompressed_bytes: int = 1 << 36
    max_json_bytes: int = 1 << 30

    def __post_init__(self) -> None:
        for name in ("max_characters", "max_decompressed_bytes", "max_json_bytes"):
            if getattr(self, name) < 1:
                raise ValueError(f"Limits.{name} must be at least 1, found {getattr(self, name)}.")

    @property
    def max_row_bytes(self) -> int:
        """Bytes of one row: JSON may spend six on a character, and there is more in a row than its text."""
        return 16 * self.max_characters + 65_536


@dataclass(frozen=True, slots=True)
class Located:
    """An article with its place in the input.

    Attributes:
        file: path as given.
        line: line or row in the file, from 1; None where the file is one article.
        article: the article.
        position: bytes of all input files, as they lie on disk, that were read by then.
        renamed: its id was met before, and got a number (`a#2`).
    """

    file: str
    line: int | None
    article: Article
    position: int = 0
    renamed: bool = False


@dataclass(frozen=True, slots=True)
class Rejected:
    """An input row that is no article, and why.

    Attributes:
        file: path as given.
        line: line or row in the file, from 1; None where the whole file is at fault.
        id: id of the row where one could be read, else empty.
        reason: what was expected and found, and what to do.
        row: the row as far as it could be read; the beginning only of a long one.
    """

    file: str
    line: int | None
    id: str
    reason: str
    row: Any = None

    @property
    def message(self) -> str:
        """The reason with the place before it, for people."""
        return f"{_place(self.file, self.line)}: {self.reason}"

    def to_dict(self) -> dict[str, Any]:
        """The record in a `.rejected.jsonl`."""
        return {"file": self.file, "line": self.line, "id": self.id, "reason": self.reason, "row": self.row}


def _place(file: str, line: int | None) -> str:
    if line is None:
        return file
    suffixes = PurePath(file).suffixes[-2:]
    return f"{file} {'line' if any(s.lower() in _KINDS_WITH_LINES for s in suffixes) else 'row'} {line}"


def excerpt(row: Any) -> Any:
    """The row itself where it is short, else the beginning of it as text."""
    text = row if isinstance(row, str) else json.dumps(_plain(row), ensure_ascii=True)
    if len(text) <= _EXCERPT_CHARACTERS:
        return row if isinstance(row, str) else json.loads(text)
    return text[:_EXCERPT_CHARACTERS] + "…"


def article_from_row(row: Any, fields: Fields, limits: Limits, missing_id: str) -> Article:
    """The article in a row of JSON, CSV, Parquet or `datasets`.

    Further fields go to `Article.extra`: a field whose name the output needs for itself is renamed
    `input_<name>`, and values that JSON does not know (dates, decimals, bytes, NaN) are turned into
    the nearest that it does.

    Args:
        row: the row; anything but a mapping from names to values is at fault.
        fields: names of the fields.
        limits: how long the text may be.
        missing_id: the id for a row without one.

    Raises:
        InputError: the row is no article. The message lacks the place, which the caller knows.
    """
    if not isinstance(row, Mapping):
        raise InputError(f"expected an object with field '{fields.text}', found {_kind(row)}.")
    given = _id(row.get(fields.id), fields.id)
    title = _text(row.get(fields.title) or "", fields.title, "Name another field with --title-field.")
    targets = _targets(row.get(fields.targets), fields.targets)
    own = {fields.text, fields.id, fields.title, fields.paragraphs, fields.targets}
    extra = {_extra_name(k): _plain(v) for k, v in row.items() if k not in own}
    paragraphs = _paragraphs(row.get(fields.paragraphs), fields.paragraphs)
    if paragraphs is None:
        if row.get(fields.text) is None:
            found = ", ".join(str(name) for name in row) or "none"
            raise InputError(f"no field '{fields.text}' (found: {found}). Name it with --text-field.")
        text = _text(row[fields.text], fields.text, "Name another field with --text-field.")
    else:
        text = "\n".join(paragraphs)
    if not text.strip():
        raise InputError(f"field '{fields.text if paragraphs is None else fields.paragraphs}' holds no text.")
    check_length(text, limits)
    return Article(text=text, id=given or missing_id, title=title, paragraphs=paragraphs, targets=targets, extra=extra)


def check_length(text: str, limits: Limits) -> None:
    """Raises InputError where the text is longer than an article may be."""
    if len(text) > limits.max_characters:
        raise InputError(
            f"expected at most {limits.max_characters:,} characters in an article, found {len(text):,}. "
            "Split it into articles, or raise --max-characters."
        )


def _kind(value: Any) -> str:
    names = {dict: "an object", list: "a list", str: "text", bool: "true or false", int: "a number", float: "a number"}
    return "nothing" if value is None else names.get(type(value), type(value).__name__)


def _text(value: Any, name: str, remedy: str = "") -> str:
    if not isinstance(value, str):
        raise InputError(f"field '{name}' must be text, found {_kind(value)}. {remedy}".rstrip())
    return value


def _id(value: Any, name: str) -> str:
    value = _plain(value)
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise InputError(
            f"field '{name}' must be text or a whole number, found {_kind(value)}. Name another field with --id-field."
        )
    return str(value)


def _paragraphs(value: Any, name: str) -> tuple[str, ...] | None:
    if isinstance(value, str) and value.lstrip().startswith("["):  # a list in a CSV cell
        try:
            value = json.loads(value)
        except ValueError as error:
            raise InputError(f"field '{name}' must be a list of texts in JSON: {error}.") from error
    if value is None or value == "":
        return None
    if not isinstance(value, list | tuple):
        raise InputError(f"field '{name}' must be a list of texts, found {_kind(value)}.")
    for index, paragraph in enumerate(value):
        if not isinstance(paragraph, str):
            raise InputError(f"field '{name}' must be a list of texts, found {_kind(paragraph)} at index {index}.")
    return tuple(value)


def _targets(value: Any, name: str) -> tuple[str, ...]:
    if value is None:
        return ()
    names = _TARGET_SEPARATORS.split(value) if isinstance(value, str) else value
    if not isinstance(names, list | tuple) or not all(isinstance(n, str) for n in names):
        raise InputError(f"field '{name}' must be a list of names, or names separated by ; or |; found {_kind(value)}.")
    return tuple(dict.fromkeys(n.strip() for n in names if n.strip()))


def _extra_name(name: Any) -> str:
    return f"input_{name}" if name in _OUTPUT_NAMES else str(name)


def _plain(value: Any) -> Any:
    """The value in the types of JSON."""
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    return _plain_scalar(value)


def _plain_scalar(value: Any) -> Any:
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dt.date | dt.time):  # a datetime is a date
        return value.isoformat()
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    return str(value) if isinstance(value, decimal.Decimal | dt.timedelta) else repr(value)
