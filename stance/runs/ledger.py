"""The memory of a batch run on disk: its parts and the ledger that lists them.

Beside an output `labels.jsonl` stand, while it is made, `labels.jsonl.parts/` and `labels.jsonl.lock`, and
afterwards `labels.jsonl.rejected.jsonl` and `labels.jsonl.run.json`.

A part is written whole before the ledger names it, and the ledger grows by one line at a time, so after a
kill at any point the lines that are whole tell which parts are. Nothing but these files is ever deleted.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from stance.errors import RunError
from stance.formats.atomic import atomic_file, sync_folder
from stance.formats.write import json_line
from stance.runs.lock import disk_errors
from stance.runs.parts import LabelledPart, Part

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

__all__ = ["Ledger", "RunPaths"]

_OUR_PARTS = re.compile(r"(part-\d+(\.rejected)?\.jsonl|part-\d+\.signatures|ledger\.jsonl|signatures)(\.stance\.tmp)?")


@dataclass(frozen=True, slots=True)
class RunPaths:
    """Where a run keeps its files."""

    output: Path

    @property
    def parts(self) -> Path:
        """Folder of the finished parts."""
        return self._beside("parts")

    @property
    def lock(self) -> Path:
        """Held by the process that writes."""
        return self._beside("lock")

    @property
    def rejected(self) -> Path:
        """The rows set aside."""
        return self._beside("rejected.jsonl")

    @property
    def record(self) -> Path:
        """What was done, by what, with which settings."""
        return self._beside("run.json")

    def all(self) -> tuple[Path, ...]:
        """Every path above."""
        return (self.output, self.parts, self.lock, self.rejected, self.record)

    def _beside(self, suffix: str) -> Path:
        return self.output.with_name(f"{self.output.name}.{suffix}")


class Ledger:
    """The finished parts of a run, kept in a folder. `settings` is what all parts must have in common."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.settings: dict[str, Any] | None = None
        self.parts: list[Part] = []
        self._path = folder / "ledger.jsonl"
        self._whole_bytes = 0
        self._read()

    def _read(self) -> None:
        data = self._path.read_bytes() if self._path.is_file() else b""
        for line in data.splitlines(keepends=True):
            record = _record_in(line)
            if record is None:  # a kill while the line was written
                return
            if self.settings is None:
                self.settings = record["settings"]
            elif (part := _part_from(record)) is None or not self._is_whole(part):
                return
            else:
                self.parts.append(part)
            self._whole_bytes += len(line)

    def _is_whole(self, part: Part) -> bool:
        digests = part.labels_digest, part.rejected_digest, part.signatures_digest
        files = zip(self.files(part.number), digests, strict=True)
        return all(path.is_file() and _digest_of(path) == digest for path, digest in files)

    def files(self, number: int) -> tuple[Path, Path, Path]:
        """Files of a part: its labelled articles, its rows that were set aside, and its articles' signatures."""
        name = f"part-{number:06}"
        return self.folder / f"{name}.jsonl", self.folder / f"{name}.rejected.jsonl", self.folder / f"{name}.signatures"

    def begin(self, settings: Mapping[str, Any]) -> None:
        """Start a new run in the folder. Raises RunError where it holds files that are not ours."""
        with disk_errors(self.folder):
            self.folder.mkdir(exist_ok=True)
            foreign = sorted(p.name for p in self.folder.iterdir() if not _OUR_PARTS.fullmatch(p.name))
            if foreign:
                raise RunError(
                    f"{self.folder}: expected a folder for the parts of this run, found other files ({foreign[0]}). "
                    "Move them away, or choose another output name."
                )
            with atomic_file(self._path) as file:
                self._whole_bytes = file.write(json_line({"settings": settings}))
        self.settings, self.parts = dict(settings), []

    def add(self, labelled: LabelledPart) -> None:
        """Put a part's three files on disk, then list it."""
        part = labelled.part
        line = json_line(asdict(part))
        contents = labelled.labels, labelled.rejected, labelled.signatures
        with disk_errors(self.folder):
            for path, data in zip(self.files(part.number), contents, strict=True):
                with atomic_file(path) as file:
                    file.write(data)
            with self._path.open("r+b") as file:
                file.truncate(self._whole_bytes)
                file.seek(self._whole_bytes)
                file.write(line)
                file.flush()
                os.fsync(file.fileno())
        self._whole_bytes += len(line)
        self.parts.append(part)

    def lines(self, *, rejected: bool = False) -> Iterator[bytes]:
        """The lines of all parts, in order."""
        for part in self.parts:
            labels, set_aside, _ = self.files(part.number)
            with (set_aside if rejected else labels).open("rb") as file:
                yield from file

    def signatures(self) -> Iterator[bytes]:
        """The signatures of each part, in order."""
        for part in self.parts:
            yield self.files(part.number)[2].read_bytes()

    def remove(self) -> None:
        """Delete our files and the folder, unless something else is in it. The ledger goes first: it rules."""
        with disk_errors(self.folder):
            self._path.unlink(missing_ok=True)
            if self.folder.is_dir():
                sync_folder(self.folder)
                for path in [path for path in self.folder.iterdir() if _OUR_PARTS.fullmatch(path.name)]:
                    path.unlink()
                if not any(self.folder.iterdir()):
                    self.folder.rmdir()
        self.settings, self.parts = None, []


def _record_in(line: bytes) -> dict[str, Any] | None:
    try:
        record: dict[str, Any] | None = json.loads(line) if line.endswith(b"\n") else None
    except ValueError:
        return None
    return record


def _part_from(record: Mapping[str, Any]) -> Part | None:
    """The part of a line; None where another version of stance, with other fields, wrote it."""
    try:
        return Part(**record)
    except TypeError:
        return None


def _digest_of(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
