"""The near-duplicates in a run: from the signatures of its parts to `duplicate_of` in its lines."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np

from stance.duplicates import find_originals, signatures_in
from stance.runs.lock import disk_errors

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from stance.runs.ledger import Ledger

__all__ = ["FIELD", "Copies"]

FIELD = "duplicate_of"
"""Name of the field that holds the id of the original, or null."""


class Copies:
    """Which articles of a run are near-duplicates of an earlier one.

    Attributes:
        articles: how many are.
        paragraphs: how many paragraphs they have, once `mark` has run through.
    """

    def __init__(self, ledger: Ledger, threshold: float) -> None:
        self._originals = _originals(ledger, threshold)
        copies = self._originals != np.arange(len(self._originals))
        self._with_copies = frozenset(self._originals[copies].tolist())
        self.articles = int(copies.sum())
        self.paragraphs = 0

    def mark(self, lines: Iterable[bytes]) -> Iterator[bytes]:
        """The lines of all articles, in order, each with a further field: the id of its original, or null."""
        ids: dict[int, str] = {}
        self.paragraphs = 0
        for number, line in enumerate(lines):
            original = int(self._originals[number])
            if number in self._with_copies:
                ids[number] = json.loads(line)["id"]
            if original != number:
                self.paragraphs += len(json.loads(line)["paragraphs"])
            value = json.dumps(ids[original] if original != number else None, ensure_ascii=False)
            yield line.removesuffix(b"}\n") + f', "{FIELD}": {value}}}\n'.encode("utf-8", "backslashreplace")


def _originals(ledger: Ledger, threshold: float) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """For each article of the run the number of its original. The signatures are mapped, not read into memory."""
    path = ledger.folder / "signatures"
    with disk_errors(path), path.open("wb") as file:
        file.writelines(ledger.signatures())
    return find_originals(signatures_in(path), threshold)
