"""Places in a text, counted in code points as in Python and in stance, or in UTF-16 units as in a browser.

The two differ behind every character beyond U+FFFF (emoji, rare Han characters), which takes two units.
"""

from __future__ import annotations

from bisect import bisect_left

from stance.errors import InputError

__all__ = ["Utf16"]


class Utf16:
    """The UTF-16 units of one text."""

    def __init__(self, text: str) -> None:
        self._starts = [0]
        for character in text:
            self._starts.append(self._starts[-1] + 1 + (character > "\uffff"))

    def __len__(self) -> int:
        return self._starts[-1]

    def units(self, start: int, end: int) -> tuple[int, int]:
        """The half-open span of code points in UTF-16 units."""
        return self._starts[start], self._starts[end]

    def code_points(self, start: int, end: int) -> tuple[int, int]:
        """The half-open span of UTF-16 units in code points.

        Raises:
            InputError: the span lies outside the text, or begins or ends within a character.
        """
        if not 0 <= start <= end <= len(self):
            raise InputError(f"expected a span within {len(self)} UTF-16 units, found [{start}, {end})")
        found = bisect_left(self._starts, start), bisect_left(self._starts, end)
        if (self._starts[found[0]], self._starts[found[1]]) != (start, end):
            raise InputError(f"the span [{start}, {end}) of UTF-16 units cuts a character in two")
        return found
