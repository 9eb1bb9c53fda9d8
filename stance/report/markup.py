"""The two parts of a page that have thousands of elements, written without a template."""

from __future__ import annotations

from typing import TYPE_CHECKING

from markupsafe import Markup, escape

from stance.summary.quoting import visible

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from stance.report.article import Block
    from stance.report.marking import Piece
    from stance.report.palette import DeviceStyle

__all__ = ["blocks", "marked"]


def marked(pieces: Iterable[Piece], styles: Mapping[str, DeviceStyle]) -> Markup:
    """The text of a paragraph, each piece in an element for each span on it.

    The last piece of a span is of class `z`, behind which its sign stands; the first can be reached by keyboard.
    """
    parts = []
    for piece in pieces:
        for mark in piece.marks:
            last = " z" if mark.end == piece.end else ""
            stop = f" tabindex={0 if mark.number == 0 else -1}" if mark.start == piece.start else ""
            parts.append(f'<mark class="{styles[mark.device].name} l{mark.lane}{last}" data-n={mark.number}{stop}>')
        parts.append(str(escape(visible(piece.text))))
        parts.append("</mark>" * len(piece.marks))
    return Markup("".join(parts))  # escaped piece by piece


def blocks(ribbon: Iterable[Block]) -> Markup:
    """The ribbon of a target: a link for each paragraph, as wide as it is long. The script of the page names them."""
    return Markup(  # nothing in it comes from outside
        "".join(
            f"<a class={block.stance} href=#p{block.index} style=flex-grow:{block.characters}"
            + ("></a>" if block.probability is None else f" data-p={block.probability:.2f}></a>")
            for block in ribbon
        )
    )
