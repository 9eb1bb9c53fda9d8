"""Labels to and from people: annotation tools, agreement, and what is most worth a human look.

Example:
    analyses = read_analyses("labels.parquet")
    tasks = [choice.task for choice in choose(analyses, schema, 100)]
    write_label_studio(tasks, Path("tasks.json"), schema)              # annotate them there, export as JSON
    found = read_label_studio(Path("export.json"), schema)
    write_labelled(Path("mine.jsonl"), articles_of(found.tasks, schema), schema)    # `stance train --data mine.jsonl`
"""

from __future__ import annotations

from stance.annotation.agreement import Agreement, agreement
from stance.annotation.doccano import overlapping, read_doccano, write_doccano
from stance.annotation.label_studio import Imported, interface, read_label_studio, write_label_studio
from stance.annotation.labels import is_of_a_model, read_labels
from stance.annotation.review import Choice, choose, expected_errors
from stance.annotation.tasks import Task, articles_of, labelled_of, tasks_of, within

__all__ = [
    "Agreement",
    "Choice",
    "Imported",
    "Task",
    "agreement",
    "articles_of",
    "choose",
    "expected_errors",
    "interface",
    "is_of_a_model",
    "labelled_of",
    "overlapping",
    "read_doccano",
    "read_label_studio",
    "read_labels",
    "tasks_of",
    "within",
    "write_doccano",
    "write_label_studio",
]
