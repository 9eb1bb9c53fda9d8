"""`OUTPUT.run.json`: the record of a complete run, and how two runs differ."""

from __future__ import annotations

import json
import platform
from importlib import metadata
from typing import TYPE_CHECKING, Any

from stance.errors import RunError
from stance.formats.atomic import atomic_file

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["differences", "read_record", "versions", "write_record"]


def write_record(record: Mapping[str, Any], path: Path) -> None:
    """Write the record. Raises OSError where the disk refuses."""
    text = json.dumps(record, ensure_ascii=False, indent=1) + "\n"
    with atomic_file(path) as file:
        file.write(text.encode("utf-8", "backslashreplace"))


def read_record(path: Path) -> dict[str, Any] | None:
    """The record, or None where there is none. Raises RunError where the file is something else."""
    if not path.exists():
        return None
    try:
        record: dict[str, Any] = json.loads(path.read_bytes())
        _ = record["settings"], record["rows_digest"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RunError(
            f"{path}: expected the record of a run; found a fault at {error!r}. Move it away, or name another output."
        ) from error
    return record


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """What differs between the settings of two runs, one phrase each."""
    names = dict.fromkeys((*before, *now))
    return [
        f"{name} was {_short(before.get(name))}, is now {_short(now.get(name))}"
        for name in names
        if before.get(name) != now.get(name)
    ]


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 200 else text[:200] + "…"


def versions() -> dict[str, str]:
    """Versions of Python and of the packages on which labels may depend."""
    packages = ("torch", "transformers", "tokenizers", "pyarrow", "jieba", "datasketch")
    return {"python": platform.python_version()} | {name: found for name in packages if (found := _version(name))}


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""
