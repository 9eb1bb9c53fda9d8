"""doccano: JSONL of its project types for text, with spans and categories, out and in.

Spans are devices, categories the stances. doccano counts places in UTF-16 units, as browsers do, unless the project
counts grapheme clusters, which must be off. Only a project "Sequence Labeling" can hold spans that overlap; "Intent
Detection and Slot Filling", which has categories too, drops every span that begins within another one. Columns that
are no labels of the project come back as they went, so labels are written under one name only: else those that an
annotator deleted would come back.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Literal

from stance.annotation.offsets import Utf16
from stance.annotation.tasks import Names, Task
from stance.errors import InputError
from stance.training.examples import GoldSpan

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from stance.schema import LabelSchema

__all__ = ["Offsets", "overlapping", "read_doccano", "write_doccano"]

Offsets = Literal["utf-16", "code-points"]


def write_doccano(tasks: Iterable[Task], path: Path, schema: LabelSchema, offsets: Offsets = "utf-16") -> int:
    """Write tasks to import into doccano, a line each, the labels filled in.

    Args:
        tasks: paragraphs to annotate.
        path: file to write.
        schema: the labels.
        offsets: how places are counted in the file.

    Returns:
        The number of tasks.
    """
    names = Names(schema)
    lines = [json.dumps(_record(task, names, offsets), ensure_ascii=False) + "\n" for task in tasks]
    path.write_text("".join(lines), encoding="utf-8", newline="\n")
    return len(lines)


def overlapping(tasks: Iterable[Task]) -> int:
    """The number of spans that doccano drops where a project does not allow that spans overlap."""
    number = 0
    for task in tasks:
        end = 0  # of the last span kept
        for span in sorted(task.spans, key=lambda span: span.start):
            if span.start < end:
                number += 1
            else:
                end = span.end
    return number


def _record(task: Task, names: Names, offsets: Offsets) -> dict[str, Any]:
    places = Utf16(task.text)
    spans = [
        [*(places.units(s.start, s.end) if offsets == "utf-16" else (s.start, s.end)), names.device(s.device)]
        for s in task.spans
    ]
    return {
        "text": task.text,
        "entities": spans,
        "cats": [names.stance(stance, target) for target, stance in task.stances.items()],
        "article": task.article,
        "title": task.title,
        "index": task.index,
        "targets": json.dumps(task.targets, ensure_ascii=False),  # a text is sure to come back as it went
        "before": task.before,
        "after": task.after,
        "model": task.model,
    }


def read_doccano(path: Path, schema: LabelSchema, offsets: Offsets = "utf-16") -> list[Task]:
    """Read an export of doccano (JSONL).

    Args:
        path: the file.
        schema: the labels that annotators could give.
        offsets: how places are counted in it.

    Raises:
        InputError: not such an export of tasks made by stance, or a label that does not fit it.
    """
    names = Names(schema)
    return [_read(line, names, offsets, f"{path} line {number}") for number, line in _lines(path)]


def _read(line: str, names: Names, offsets: Offsets, where: str) -> Task:
    try:
        record = json.loads(line)
        return _task(record | (record.get("meta") or record.get("metadata") or {}), names, offsets)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise InputError(
            f"{where}: expected a paragraph that `stance export` made; found a fault at {error!r}. Export as JSONL."
        ) from error
    except InputError as error:
        raise InputError(f"{where}: {error}.") from error


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    try:
        with path.open(encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                if line.strip():
                    yield number, line
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: expected an export of doccano in JSONL; {error}.") from error


def _task(record: Mapping[str, Any], names: Names, offsets: Offsets) -> Task:
    text, targets = record["text"], tuple(json.loads(record["targets"]))
    places = Utf16(text)
    spans = set()
    for entity in _entities(record):
        start, end, name = entity
        if offsets == "utf-16":
            start, end = places.code_points(start, end)
        if not 0 <= start < end <= len(text):
            raise InputError(f"expected a span within {len(text)} characters, found [{start}, {end})")
        spans.add(GoldSpan(names.device_id(name), start, end))
    return Task(
        article=record["article"],
        title=record["title"],
        index=int(record["index"]),
        targets=targets,
        text=text,
        before=record["before"],
        after=record["after"],
        spans=tuple(sorted(spans)),
        stances=names.stances(_categories(record), targets),
        model=record.get("model") or "",
    )


def _entities(record: Mapping[str, Any]) -> Iterator[tuple[int, int, str]]:
    """The spans, in any of the forms and under any of the names that doccano's project types export."""
    for item in next((record[name] or () for name in ("entities", "label", "labels") if name in record), ()):
        if isinstance(item, dict):
            yield item["start_offset"], item["end_offset"], item["label"]
        else:
            start, end, name = item
            yield start, end, name


def _categories(record: Mapping[str, Any]) -> list[str]:
    """The categories; a project "Text Classification" exports them as `label`."""
    chosen = [item for item in record.get("label") or () if isinstance(item, str)]
    return chosen or record.get("cats") or []
