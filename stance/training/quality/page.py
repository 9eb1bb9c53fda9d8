"""The quality report as one page of HTML that needs nothing else, in light and dark, on a desk and a phone."""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import TYPE_CHECKING

from markupsafe import Markup

from stance.report.pages import environment
from stance.training.quality.curve import SIDE, draw
from stance.training.quality.figures import Ceiling, Column, cell, device_name, stance_name, tables
from stance.training.quality.marking import pieces

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jinja2 import Environment

    from stance.training.evaluate import EvaluationReport

__all__ = ["quality_page"]


def quality_page(report: EvaluationReport, ceiling: Ceiling | None = None) -> str:
    """The page, beside what careful readers reach where a ceiling is given."""
    schema, scores = report.counts.schema, report.scores
    return (
        _environment()
        .get_template("quality.html")
        .render(
            report=report,
            scores=scores,
            tables=list(tables(report, scores, ceiling)),
            curves=[
                (kind, scores.headline[f"{kind}_calibration_error"], bins, draw(bins))
                for kind, bins in scores.reliability.items()
                if bins
            ],
            side=SIDE,
            sign=lambda device: schema.device(device).chinese,
            device=lambda device: device_name(device, schema),
            stance=lambda stance: stance_name(stance, schema),
        )
    )


@cache
def _environment() -> Environment:
    style = (resources.files(__package__) / "templates" / "quality.css").read_text(encoding="utf-8")
    return environment("stance.training.quality", style=Markup(style), cell=cell, groups=_groups, pieces=pieces)


def _groups(columns: Iterable[Column]) -> list[tuple[str, int]]:
    """Titles above neighbouring columns and how many each spans."""
    found: list[tuple[str, int]] = []
    for column in columns:
        if found and found[-1][0] == column.group:
            found[-1] = (column.group, found[-1][1] + 1)
        else:
            found.append((column.group, 1))
    return found
