"""Label Studio: its JSON of tasks, with predictions or annotations, out and in; and the labelling interface.

Places are counted in code points, as Label Studio has done since 1.7; older exports count UTF-16 units, which shows in
the words that each region carries, and is put right.
"""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import quoteattr

from stance.annotation.offsets import Utf16
from stance.annotation.tasks import Names, Task
from stance.errors import InputError
from stance.training.examples import GoldSpan

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from stance.schema import LabelSchema

__all__ = ["Imported", "interface", "read_label_studio", "write_label_studio"]

_DEVICES, _STANCES, _TEXT = "devices", "stances", "text"
_COLOURS = ("#1b5e9e", "#b0321f", "#37702f", "#7a3d9e", "#955200", "#55555a", "#0b6e5f")


@dataclass(frozen=True, slots=True)
class Imported:
    """Annotated tasks, and what was left out.

    Attributes:
        tasks: in the order of the file.
        unannotated: tasks that nobody has annotated, or that were skipped.
        several: tasks with more than one annotation, of which the ground truth or else the last one was taken.
    """

    tasks: list[Task]
    unannotated: int
    several: int


def interface(schema: LabelSchema) -> str:
    """The labelling interface to paste into the project's settings, with definitions and examples as hints."""
    names = Names(schema)
    labels = "\n".join(
        f"    <Label value={quoteattr(names.device(label.id))} background={quoteattr(_COLOURS[i % len(_COLOURS)])} "
        f"hint={quoteattr(f'{label.definition} 例：{label.example}')}/>"
        for i, label in enumerate(schema.devices)
    )
    return f"""<View>
  <Style>.htx-text {{ white-space: pre-wrap; }}</Style>
  <Header value="$title"/>
  <Labels name="{_DEVICES}" toName="{_TEXT}" showInline="true">
{labels}
  </Labels>
  <View style="opacity: 0.6"><Text name="before" value="$before"/></View>
  <Text name="{_TEXT}" value="$text" granularity="symbol"/>
  <View style="opacity: 0.6"><Text name="after" value="$after"/></View>
  <Header value="作者的立场（未谈及的对象不选）"/>
  <Choices name="{_STANCES}" toName="{_TEXT}" choice="multiple" value="$choices"/>
</View>
"""


def write_label_studio(tasks: Iterable[Task], path: Path, schema: LabelSchema) -> int:
    """Write tasks to import into Label Studio: a model's labels as predictions, a person's as annotations.

    Returns:
        The number of tasks.
    """
    names = Names(schema)
    records = [_record(task, names) for task in tasks]
    path.write_text(json.dumps(records, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    return len(records)


def _record(task: Task, names: Names) -> dict[str, Any]:
    data = {
        "text": task.text,
        "title": task.title or task.article,
        "before": task.before,
        "after": task.after,
        "article": task.article,
        "article_title": task.title,
        "index": task.index,
        "targets": list(task.targets),
        "choices": [{"value": name} for name in names.choices(task.targets)],
    }
    result = [_region(i, task.text, span, names) for i, span in enumerate(task.spans)]
    if task.stances:
        chosen = [names.stance(stance, target) for target, stance in task.stances.items()]
        result.append(
            {"id": "stances", "from_name": _STANCES, "to_name": _TEXT, "type": "choices", "value": {"choices": chosen}}
        )
    if task.model:
        return {
            "data": data,
            "predictions": [{"model_version": task.model, "score": task.confidence, "result": result}],
        }
    return {"data": data, "annotations": [{"result": result}]}


def _region(number: int, text: str, span: GoldSpan, names: Names) -> dict[str, Any]:
    value = {
        "start": span.start,
        "end": span.end,
        "text": text[span.start : span.end],
        "labels": [names.device(span.device)],
    }
    return {"id": f"span{number}", "from_name": _DEVICES, "to_name": _TEXT, "type": "labels", "value": value}


def read_label_studio(path: Path, schema: LabelSchema, *, annotator: str = "", predictions: bool = False) -> Imported:
    """Read an export of Label Studio (format "JSON").

    Args:
        path: the file.
        schema: the labels that annotators could give.
        annotator: id or e-mail of the annotator whose work is wanted; anybody's where left out.
        predictions: whether the labels of a model count where nobody has annotated.

    Raises:
        InputError: not such an export of tasks made by stance, or a label that does not fit it.
    """
    try:
        records = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: expected an export of Label Studio in JSON; {error}.") from error
    if not isinstance(records, list):
        raise InputError(
            f"{path}: expected a list of tasks; found {type(records).__name__}. Export as JSON, not JSON-MIN."
        )
    names = Names(schema)
    tasks, several = [], 0
    for number, record in enumerate(records, 1):
        with _naming(f"{path} task {number}"):
            done = _candidates(record, annotator, predictions=predictions)
            several += len(done) > 1
            if done:
                tasks.append(_labelled(_bare(record["data"]), max(done, key=_rank), names))
    return Imported(tasks, len(records) - len(tasks), several)


@contextmanager
def _naming(where: str) -> Iterator[None]:
    """Raises what goes wrong inside as an InputError that names the place."""
    try:
        yield
    except (KeyError, TypeError, AttributeError, IndexError) as error:
        raise InputError(
            f"{where}: expected a task that `stance export` made; found a fault at {error!r}. "
            "Export as JSON, not JSON-MIN."
        ) from error
    except InputError as error:
        raise InputError(f"{where}: {error}.") from error


def _candidates(record: Mapping[str, Any], annotator: str, *, predictions: bool) -> list[Mapping[str, Any]]:
    """The annotations to choose from."""
    done = [a for a in record.get("annotations") or () if not a.get("was_cancelled") and _is_by(a, annotator)]
    return done or (list(record.get("predictions") or ())[-1:] if predictions else [])


def _bare(data: Mapping[str, Any]) -> Task:
    """The task without labels."""
    return Task(
        article=data["article"],
        title=data["article_title"],
        index=data["index"],
        targets=tuple(data["targets"]),
        text=data["text"],
        before=data["before"],
        after=data["after"],
        spans=(),
        stances={},
    )


def _is_by(annotation: Mapping[str, Any], annotator: str) -> bool:
    by = annotation.get("completed_by")
    return not annotator or annotator in ({str(by.get("id")), by.get("email")} if isinstance(by, dict) else {str(by)})


def _rank(annotation: Mapping[str, Any]) -> tuple[bool, str]:
    return bool(annotation.get("ground_truth")), str(annotation.get("updated_at") or "")


def _labelled(task: Task, annotation: Mapping[str, Any], names: Names) -> Task:
    spans: set[GoldSpan] = set()
    chosen: list[str] = []
    for item in annotation["result"]:
        value = item["value"]
        if item["type"] == "labels":
            start, end = _place(task.text, value)
            spans |= {GoldSpan(names.device_id(name), start, end) for name in value["labels"]}
        elif item["type"] == "choices":
            chosen += value["choices"]
    return replace(
        task,
        spans=tuple(sorted(spans)),
        stances=names.stances(chosen, task.targets),
        model=str(annotation.get("model_version") or ""),
        confidence=annotation.get("score"),
    )


def _place(text: str, value: Mapping[str, Any]) -> tuple[int, int]:
    """The region in code points: checked against the words that it carries, where it carries any.

    These come from what the browser shows, where a line break may be another character.
    """
    start, end, words = value["start"], value["end"], value.get("text")
    if words is None or text[start:end].split() == words.split():
        if not 0 <= start < end <= len(text):
            raise InputError(f"expected a region within {len(text)} characters, found [{start}, {end})")
        return start, end
    found = Utf16(text).code_points(start, end)
    if text[slice(*found)].split() == words.split():
        return found
    raise InputError(
        f"the region [{start}, {end}) should hold {words!r:.60}, but the text has {text[start:end]!r:.60} there; "
        "was the text changed after the export"
    )
