"""Quality reports to files: Markdown, HTML, and the counts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from stance.errors import InputError
from stance.formats.atomic import atomic_file
from stance.training.quality.markdown import quality_markdown
from stance.training.quality.page import quality_page

if TYPE_CHECKING:
    from stance.training.evaluate import EvaluationReport
    from stance.training.quality.figures import Ceiling

__all__ = ["check_report_path", "write_quality_report"]

_MAKE = {".md": quality_markdown, ".html": quality_page}


def check_report_path(path: Path) -> None:
    """See to it that a report can go there, before hours are spent on it. Raises InputError where it cannot."""
    kind = path.suffix.lower()
    if path.is_dir() or not (kind or path.exists()):
        return
    if kind not in _MAKE:
        raise InputError(
            f"{path}: expected a folder, or a file whose name ends in {' or '.join(_MAKE)}; found "
            f"{kind or 'another file'}. Name another."
        )
    if not path.parent.is_dir():
        raise InputError(f"{path}: expected a file in a folder that exists; found no {path.parent}. Make the folder.")


def write_quality_report(
    report: EvaluationReport, path: str | Path, ceiling: Ceiling | None = None
) -> tuple[Path, ...]:
    """Write the report to a `.md` or `.html` file, or all of it to a folder; files appear when they are whole.

    Args:
        report: the evaluation.
        path: the file, or the folder for `quality.md`, `quality.html`, and `quality.json` with scores and counts; an
            existing report is replaced.
        ceiling: what careful readers reach.

    Returns:
        The files written.

    Raises:
        InputError: the name is of another kind.
        OSError: the disk is full or may not be written.
    """
    path = Path(path)
    check_report_path(path)
    kind = path.suffix.lower()
    if kind in _MAKE and not path.is_dir():
        return (_write(path, _MAKE[kind](report, ceiling)),)
    path.mkdir(parents=True, exist_ok=True)
    numbers = report.to_dict() | {"counts": report.counts.to_dict()}
    return (
        *(_write(path / f"quality{kind}", make(report, ceiling)) for kind, make in _MAKE.items()),
        _write(path / "quality.json", json.dumps(numbers, ensure_ascii=False) + "\n"),
    )


def _write(path: Path, text: str) -> Path:
    with atomic_file(path) as file:
        file.write(text.encode("utf-8", "backslashreplace"))
    return path
