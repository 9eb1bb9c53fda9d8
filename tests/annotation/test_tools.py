"""What Label Studio 1.23.2 and doccano 1.8.4 made of our tasks: exports of theirs, after people's clicks in the page.

The tasks below were written by `stance export`, loaded into each tool, and exported from it. In Label Studio each was
opened in a browser and submitted as it was predicted.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from stance import DEFAULT_SCHEMA, annotation
from stance.annotation import Task
from stance.training.examples import GoldSpan

EXPORTS = Path(__file__).parent / "exports"
SPANS = {
    "😀石磨压着𠮷野家的小镇。": [("irony", 0, 2), ("metaphor", 1, 3), ("simile", 1, 12)],
    "👨🏻\u200d🚒说：“税像山一样高。”\r\n第二行😀石磨。\n第三行": [
        ("irony", 0, 22),
        ("metaphor", 21, 23),
        ("simile", 21, 28),
    ],
    "🇨🇳 增长 e\u0301石，A&B <b>石磨</b> 𠮷𠮷石磨": [
        ("irony", 0, 9),
        ("metaphor", 17, 19),
        ("metaphor", 26, 28),
        ("simile", 8, 28),
    ],
    "a\t石磨\u2028😀石磨": [("irony", 0, 3), ("metaphor", 2, 4), ("metaphor", 6, 8), ("simile", 2, 8)],
}
"""Text → devices with their places in code points."""

TASKS = [
    Task(
        article=f"a{i}",
        title="题 😀",
        index=0,
        targets=("美国", "🚗"),
        text=text,
        before="前",
        after="后",
        spans=tuple(GoldSpan(*span) for span in spans),
        stances={"🚗": "against"},
    )
    for i, (text, spans) in enumerate(SPANS.items())
]


def test_the_export_of_label_studio_is_what_was_predicted():
    found = annotation.read_label_studio(EXPORTS / "label-studio-1.23.2.json", DEFAULT_SCHEMA)
    assert found.tasks == TASKS
    assert (found.unannotated, found.several) == (0, 0)


@pytest.mark.parametrize("project", ["sequence", "text"])
def test_the_export_of_doccano_is_what_was_imported(project):
    found = annotation.read_doccano(EXPORTS / f"doccano-1.8.4-{project}.jsonl", DEFAULT_SCHEMA)
    assert [replace(task, model="") for task in found] == TASKS


def test_doccano_drops_spans_that_overlap_in_a_project_with_categories():
    found = annotation.read_doccano(EXPORTS / "doccano-1.8.4-intent.jsonl", DEFAULT_SCHEMA)
    assert [task.stances for task in found] == [{"🚗": "against"}] * 4
    assert sum(len(task.spans) for task in TASKS) - sum(len(task.spans) for task in found) == 7
    assert annotation.overlapping(TASKS) == 7
    assert annotation.overlapping(found) == 0


def test_what_annotators_chose_in_a_text_classification_counts(tmp_path):
    lines = (EXPORTS / "doccano-1.8.4-text.jsonl").read_text(encoding="utf-8").splitlines()
    record = json.loads(lines[0]) | {"label": ["支持 favor: 美国"]}
    (tmp_path / "export.jsonl").write_text(json.dumps(record), encoding="utf-8")
    (task,) = annotation.read_doccano(tmp_path / "export.jsonl", DEFAULT_SCHEMA)
    assert (task.stances, task.spans) == ({"美国": "favor"}, TASKS[0].spans)


def test_label_studio_accepts_tasks_and_interface(tmp_path):
    reason = "label-studio-sdk is not installed (it is large: pandas, OpenCV)"
    label_interface = pytest.importorskip("label_studio_sdk.label_interface", reason=reason)
    interface = label_interface.LabelInterface(annotation.interface(DEFAULT_SCHEMA))
    interface.validate()
    annotation.write_label_studio(
        [replace(t, model="m", confidence=0.5) for t in TASKS], tmp_path / "t", DEFAULT_SCHEMA
    )
    for task in json.loads((tmp_path / "t").read_text(encoding="utf-8")):
        assert interface.validate_task({"data": task["data"]})
        assert interface.validate_prediction(task["predictions"][0], return_errors=True) == []
