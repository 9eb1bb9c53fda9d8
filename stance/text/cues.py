"""Set expressions that often bear a device: finds them in text, as a feature for the model.

A cue is no label. 踩刹车 is a metaphor in an economic column and a plain verb in a traffic report; the model learns
from labelled text how far to trust it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from stance.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["BITS_PER_DEVICE", "CueFinder"]

BITS_PER_DEVICE = 3
"""For each device: the character lies in a cue, begins one, ends one."""

_SHORTEST = 2


class CueFinder:
    """Finds the expressions of a list, longest first, at every place of a text. Thread-safe.

    Args:
        devices: devices in the order of the schema, at most 21 (the bits of an int64).
        expressions: devices that each expression often bears; those that are not among `devices` are passed over.
    """

    def __init__(self, devices: Sequence[str], expressions: dict[str, tuple[str, ...]]) -> None:
        if len(devices) * BITS_PER_DEVICE > 63:
            raise ModelError(f"Cues are known for at most 21 devices; found {len(devices)}. Train without --cues.")
        self.devices = tuple(devices)
        self.expressions = expressions
        number = {device: i for i, device in enumerate(devices)}
        bits = {
            borne: sum(1 << BITS_PER_DEVICE * number[device] for device in borne if device in number)
            for borne in set(expressions.values())
        }
        self._by_head: dict[str, list[tuple[str, int]]] = {}
        for expression in sorted(expressions, key=len, reverse=True):
            inside = bits[expressions[expression]]
            if inside and len(expression) >= _SHORTEST:
                self._by_head.setdefault(expression[:_SHORTEST], []).append((expression, inside))

    @classmethod
    def load(cls, path: Path, devices: Sequence[str]) -> CueFinder:
        """Read a list: one expression a line, tab, its devices with commas between; further columns are not read.

        Raises:
            ModelError: the file is missing, or a line is otherwise.
        """
        expressions = {}
        try:
            for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
                fields = line.split("\t")
                if len(fields) < 2 or not fields[0]:
                    raise ModelError(
                        f"{path} line {number}: expected an expression, a tab and its devices; found {line[:40]!r}."
                    )
                expressions[fields[0]] = tuple(fields[1].split(","))
        except (OSError, UnicodeDecodeError) as error:
            raise ModelError(f"{path}: expected a list of expressions in UTF-8; {error}.") from error
        return cls(devices, expressions)

    def save(self, path: Path) -> None:
        """Write the list as `load` reads it."""
        lines = [f"{expression}\t{','.join(devices)}\n" for expression, devices in sorted(self.expressions.items())]
        path.write_text("".join(lines), encoding="utf-8")

    def bits(self, text: str) -> NDArray[np.int64]:
        """For each character, the bits `3 d`, `3 d + 1`, `3 d + 2`: inside, begins, ends a cue of device d."""
        found = np.zeros(len(text), np.int64)
        covered: dict[int, int] = {}  # devices and the place up to which their last cue reaches
        for at in range(len(text) - 1):
            for expression, inside in self._by_head.get(text[at : at + _SHORTEST], ()):
                end = at + len(expression)
                if text.startswith(expression, at) and covered.get(inside, 0) < end:
                    found[at:end] |= inside
                    found[at] |= inside << 1
                    found[end - 1] |= inside << 2
                    covered[inside] = end
        return found
