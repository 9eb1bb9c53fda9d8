"""The quality report as Markdown. Whatever comes from articles is escaped."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stance.summary.page import Page
from stance.summary.quoting import escaped
from stance.training.quality.figures import Ceiling, Cell, Table, cell, device_name, stance_name, tables
from stance.training.quality.marking import pieces

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stance.schema import LabelSchema
    from stance.training.evaluate import EvaluationReport
    from stance.training.metrics import ReliabilityBin
    from stance.training.quality.errors import Mark, ParagraphError

__all__ = ["quality_markdown"]


def quality_markdown(report: EvaluationReport, ceiling: Ceiling | None = None) -> str:
    """The report, beside what careful readers reach where a ceiling is given."""
    page = Page("en", report.counts.schema)
    scores = report.scores
    page.heading(1, f"Quality of {escaped(report.model)}")
    page.paragraph(f"On {escaped(report.data)}: {scores.articles} articles.")
    for table in tables(report, scores, ceiling):
        _table(page, table)
    for kind, bins in scores.reliability.items():
        found = cell(scores.headline[f"{kind}_calibration_error"])
        _reliability(page, f"Reliability of {kind} probabilities", found, bins)
    page.heading(2, f"Worst errors ({len(report.errors)})")
    page.paragraph(
        "Paragraphs with a wrong label, by the loss of their gold labels in nats. 【…】 is a gold or predicted span, "
        "with ✓ where the other side has one of its device there, else ✗."
    )
    for error in report.errors:
        _error(page, error, report.counts.schema)
    return page.text()


def _table(page: Page, table: Table) -> None:
    page.heading(2, table.title)
    page.paragraph(table.note)
    head = [escaped(f"{column.group} {column.title}".strip()) for column in table.columns]
    if table.rows:
        page.table(head, [[_shown(value) for value in row] for row in table.rows])
    else:
        page.paragraph("None.")


def _shown(value: Cell) -> str:
    return escaped(value) if isinstance(value, str) else cell(value)


def _reliability(page: Page, title: str, error: str, bins: Sequence[ReliabilityBin]) -> None:
    page.heading(2, title)
    page.paragraph(
        f"Expected calibration error {error}. Where claimed and found agree, a probability means what it says."
    )
    rows = [
        [f"{b.low:.2f}–{b.high:.2f}", str(b.cases), str(b.true), f"{b.probability:.3f}", f"{b.frequency:.3f}"]
        for b in bins
    ]
    page.table(["probability", "cases", "so", "claimed", "found"], rows)


def _error(page: Page, error: ParagraphError, schema: LabelSchema) -> None:
    page.heading(3, f"{escaped(error.title or error.article)} · paragraph {error.index} · loss {error.loss:.2f}")
    lines = [f"- Gold: {_marked(error.text, error.gold, schema)}"]
    lines += [f"- Model: {_marked(error.text, error.predicted, schema)}"]
    for device in error.devices:
        what = "missed" if device.gold else "false alarm"
        lines.append(f"- {what}: {escaped(device_name(device.device, schema))} ({device.probability:.3f})")
    lines += [
        f"- {escaped(s.target)}: {escaped(stance_name(s.gold, schema))} ({s.probability:.3f}), "
        f"read as {escaped(stance_name(s.predicted, schema))}"
        for s in error.stances
    ]
    page.paragraph("\n".join(lines))


def _marked(text: str, marks: Sequence[Mark], schema: LabelSchema) -> str:
    parts = []
    for piece in pieces(text, marks):
        parts += ["【" for _ in piece.opening]
        parts.append(_escaped_words(piece.text))
        parts += [f"】（{escaped(schema.device(m.device).chinese)}{'✓' if m.right else '✗'}）" for m in piece.closing]
    return "".join(parts)


def _escaped_words(words: str) -> str:
    """The words escaped, with the spaces at their ends."""
    before = " " if words[:1].isspace() else ""
    after = " " if words[-1:].isspace() and words.strip() else ""
    return f"{before}{escaped(words)}{after}"
