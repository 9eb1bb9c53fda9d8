"""The columns by which a corpus is taken apart, and the group that an article falls into."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Grouping"]

_UNITS = {"year": 1, "month": 2, "day": 3}
_DATE = re.compile(r"\s*(\d{4})(?:\s*[-/.年]?\s*(\d{1,2})(?:\s*[-/.月]?\s*(\d{1,2}))?)?(?!\d)")


@dataclass(frozen=True, slots=True)
class Grouping:
    """A further column of the articles; with `date:month` (year, month, day) the date in it, cut to that unit.

    Attributes:
        name: as asked for, with the unit.
    """

    name: str

    @property
    def column(self) -> str:
        """Name of the column."""
        column, _, unit = self.name.rpartition(":")
        return column if unit in _UNITS and column else self.name

    def value(self, extra: Mapping[str, Any]) -> str:
        """The group of an article with these further columns; empty where the value is missing, or no date."""
        found = extra.get(self.column)
        if self.column != self.name:
            return _date(str(found), _UNITS[self.name.rpartition(":")[2]])
        if found is None or isinstance(found, str):
            return (found or "").strip()
        return json.dumps(found, ensure_ascii=False, default=str)


def _date(text: str, parts: int) -> str:
    """2025年11月3日 → 2025-11-03, 2025-11 or 2025."""
    match = _DATE.match(text)
    found = [part for part in match.groups()[:parts] if part] if match else []
    return "-".join(part.zfill(2) for part in found) if len(found) == parts else ""
