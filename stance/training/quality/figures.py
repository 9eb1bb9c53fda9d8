"""The tables of a quality report, derived from an evaluation once and shown on every kind of page."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from stance.errors import InputError
from stance.training.metrics import LEVELS, NOTHING, Estimate
from stance.training.metrics.scores import three

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from stance.schema import LabelSchema
    from stance.training.evaluate import EvaluationReport
    from stance.training.metrics import Scores

__all__ = ["SCORES", "Ceiling", "Cell", "Column", "Table", "cell", "device_name", "stance_name", "tables"]

SCORES = {
    "device_micro_f1": "device micro-F1",
    "device_macro_f1": "device macro-F1",
    "span_exact_micro_f1": "span exact micro-F1",
    "span_exact_macro_f1": "span exact macro-F1",
    "span_overlap_micro_f1": "span overlap micro-F1",
    "span_overlap_macro_f1": "span overlap macro-F1",
    "stance_macro_f1": "stance macro-F1, all pairs",
    "stance_mentioned_macro_f1": "stance macro-F1, mentioned pairs",
    "device_calibration_error": "calibration error, devices",
    "stance_calibration_error": "calibration error, stances",
}
"""Headline scores in the order of a report, with their names for people."""
CONFUSIONS = 15
"""Rows of the table of confused devices."""
_LEVEL_NAMES = dict(zip(LEVELS, ("presence", "span exact", "span overlap"), strict=True))

Cell = str | int | float | Estimate | None
"""What stands in a table; a float is a share."""


@dataclass(frozen=True, slots=True)
class Ceiling:
    """What careful readers reach on the same articles: headline score → value, and who they are."""

    name: str
    scores: Mapping[str, float]

    @classmethod
    def read(cls, path: Path) -> Ceiling:
        """Read `{"name": …, "scores": {"device_micro_f1": …}}`. Raises InputError for anything else."""
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
            name, scores = str(data["name"]), {str(key): float(value) for key, value in data["scores"].items()}
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise InputError(
                f'{path}: expected a ceiling such as {{"name": "two readers", "scores": {{"device_micro_f1": 0.86}}}}; '
                f"{error!r}. Mend the file."
            ) from error
        if unknown := sorted(set(scores) - set(SCORES)):
            raise InputError(f"{path}: unknown score {unknown[0]!r}; expected some of {', '.join(SCORES)}. Correct it.")
        return cls(name, scores)


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its title, the title that it shares with its neighbours, and whether its numbers are shares."""

    title: str
    group: str = ""
    bars: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """A table of a report: the first cell of a row names it. `note` says in a sentence how to read it."""

    title: str
    note: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...] = field(default=())


def cell(value: Cell) -> str:
    """A cell as shown: shares with three decimals, a dash where there is nothing to score."""
    return three(value) if value is None or isinstance(value, float) else str(value)


def device_name(id: str, schema: LabelSchema) -> str:
    """The device in both languages."""
    label = schema.device(id)
    return f"{label.english} {label.chinese}"


def stance_name(id: str, schema: LabelSchema) -> str:
    """The stance in both languages."""
    label = schema.stance(id)
    return f"{label.english} {label.chinese}"


def tables(report: EvaluationReport, scores: Scores, ceiling: Ceiling | None = None) -> Iterator[Table]:
    """The tables of a report, in order.

    Args:
        report: the evaluation.
        scores: its scores, with intervals.
        ceiling: what to show beside the headline.
    """
    schema = report.counts.schema
    yield _headline(scores, ceiling)
    yield _devices(scores, schema)
    yield _genres(report)
    yield _stances(scores, schema)
    yield _confusion(scores, schema)
    yield _crossings(scores, schema)
    yield _missed(scores, schema)
    yield _lost(report)


def _headline(scores: Scores, ceiling: Ceiling | None) -> Table:
    columns = (Column("score"), Column("model"), *([Column(ceiling.name)] if ceiling else []))
    rows = tuple(
        (SCORES[name], scores.headline[name], *([ceiling.scores.get(name)] if ceiling else [])) for name in SCORES
    )
    note = "Brackets: 95 % bootstrap interval over articles. Calibration errors are better the smaller they are."
    return Table("Headline", note, columns, rows)


def _devices(scores: Scores, schema: LabelSchema) -> Table:
    columns = [Column("device")]
    for level in LEVELS:
        name = _LEVEL_NAMES[level]
        columns += [Column("P", name), Column("R", name), Column("F1", name, bars=True)]
        columns += [] if level == "span_exact" else [Column("gold", name)]
    rows = []
    for device in schema.device_ids:
        row: list[Cell] = [device_name(device, schema)]
        for level in LEVELS:
            own = scores.labels[level][device]
            row += [own.precision, own.recall, own.f1, *([] if level == "span_exact" else [own.support])]
        rows.append(tuple(row))
    note = "Presence is counted in paragraphs, spans one by one; a dash where nothing was there to score."
    return Table("By device", note, tuple(columns), tuple(rows))


def _genres(report: EvaluationReport) -> Table:
    rows = []
    for genre, counts in report.counts.by_genre().items():
        alone = len(counts.genres) == 1  # resampling one article gives no interval
        found = counts.scores(0 if alone else 1000).headline
        rows.append(
            (
                genre or "(no genre)",
                len(counts.genres),
                int(counts.matches[:, 0, :, 3].sum()),
                found["device_micro_f1"],
                found["span_overlap_micro_f1"],
                int(counts.confusion[:, 0].sum()),
                found["stance_macro_f1"],
            )
        )
    heads = ("genre", "articles", "gold devices", "device micro-F1", "span overlap micro-F1", "pairs")
    columns = (*map(Column, heads), Column("stance macro-F1"))
    return Table("By genre", "Genre as the labelled articles name it.", columns, tuple(rows))


def _stances(scores: Scores, schema: LabelSchema) -> Table:
    columns = (Column("stance"), Column("P"), Column("R"), Column("F1", bars=True), Column("gold"))
    rows = tuple(
        (stance_name(stance, schema), own.precision, own.recall, own.f1, own.support)
        for stance, own in scores.labels["stance"].items()
    )
    return Table("Stances", "Over all pairs of a paragraph and a target; pairs left out are neutral.", columns, rows)


def _confusion(scores: Scores, schema: LabelSchema) -> Table:
    group = "read as"
    columns = (Column("gold"), *(Column(stance_name(stance, schema), group) for stance in schema.stance_ids))
    rows = tuple(
        (stance_name(gold, schema), *(f"{n} ({n / max(1, sum(row.values())):.0%})" for n in row.values()))
        for gold, row in scores.confusion.items()
    )
    return Table("Confusion of stances", "Pairs, and their share of the pairs with this gold stance.", columns, rows)


def _crossings(scores: Scores, schema: LabelSchema) -> Table:
    pairs = Counter(
        {
            (gold, found): n
            for gold, row in scores.confused_devices.items()
            for found, n in row.items()
            if NOTHING not in (gold, found) and gold != found
        }
    )
    rows = tuple(
        (device_name(gold, schema), device_name(found, schema), n, n / max(1, _support(scores, gold)))
        for (gold, found), n in pairs.most_common(CONFUSIONS)
    )
    columns = (Column("gold"), Column("read as"), Column("spans"), Column("share of gold", bars=True))
    note = "Gold spans whose words bear a wrong span of another device."
    return Table("Most confused devices", note, columns, rows)


def _missed(scores: Scores, schema: LabelSchema) -> Table:
    invented = scores.confused_devices.get(NOTHING, {})
    rows = []
    for device in schema.device_ids:
        row = scores.confused_devices.get(device, {})
        rows.append(
            (
                device_name(device, schema),
                _support(scores, device),
                row.get(device, 0),
                row.get(NOTHING, 0),
                invented.get(device, 0),
            )
        )
    columns = tuple(map(Column, ("device", "gold spans", "found", "nothing seen there", "invented")))
    return Table("Missed and invented spans", "Invented: no gold span of any device is there.", columns, tuple(rows))


def _support(scores: Scores, device: str) -> int:
    return scores.labels["span_overlap"][device].support


def _lost(report: EvaluationReport) -> Table:
    lost = report.lost
    rows = (
        ("paragraphs cut, too long for a window", lost.cut_paragraphs, lost.paragraphs),
        ("gold spans lost in cleaning", lost.lost_spans, lost.spans),
        ("gold spans not on token borders", lost.widened_spans, lost.spans),
    )
    note = "What the model's windows could not hold."
    return Table("What was lost", note, (Column("what"), Column("number"), Column("of")), rows)
