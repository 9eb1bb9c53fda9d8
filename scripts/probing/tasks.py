"""The tasks: rows of public sets with their own labels, and what n-grams make of them."""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from sklearn.metrics import f1_score

from stance.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["TASKS", "Row", "Task", "ngrams", "read_rows", "read_task"]

TASKS = {"c-stance": None, "simile-cnu": "simile", "cmre": "metaphor", "pse-paibi": "parallelism"}
"""Name of the data set, and the device to find; None for stance."""

STANCES = ("favor", "against", "neutral")


@dataclass(frozen=True, slots=True)
class Row:
    """A text to classify, with the target to judge where the task is stance."""

    text: str
    target: str
    label: int


@dataclass(frozen=True, slots=True)
class Task:
    """A data set's training and dev rows."""

    name: str
    train: list[Row]
    dev: list[Row]

    @property
    def classes(self) -> int:
        """Number of labels."""
        return 2 if TASKS[self.name] else len(STANCES)

    def score(self, predicted: NDArray[np.int64]) -> float:
        """F1 on the dev rows: of class 1 in a task of two classes, else the mean of all classes."""
        average = "binary" if self.classes == 2 else "macro"
        return float(f1_score([row.label for row in self.dev], predicted, average=average, zero_division=0))


def read_task(folder: Path, name: str, rows: int = 0, dev_rows: int = 0) -> Task:
    """A task's rows; a cap keeps the same rows for every encoder.

    Raises:
        InputError: a file is missing or cannot be read.
    """
    asked = {row.text for row in read_rows(folder, name, "dev", 0)}
    known = [row for row in read_rows(folder, name, "train", 0) if row.text not in asked]
    return Task(name, some(known, rows), read_rows(folder, name, "dev", dev_rows))


def read_rows(folder: Path, name: str, split: str, most: int) -> list[Row]:
    path = folder / name / f"{split}.jsonl.gz"
    if not path.exists():
        raise InputError(f"{path}: expected a public data set, found no such file. Name the folder of the sets.")
    with gzip.open(path, "rt", encoding="utf-8") as file:
        given = [json.loads(line) for line in file]
    if split == "train":
        given = [row for row in given if not any(f.endswith(("/dev", "/test")) for f in row.get("also_in", ()))]
    device = TASKS[name]
    if device is None:
        given = [row for row in given if row["target_type"] == "noun_phrase"]
        rows = [Row(row["text"], row["target"], STANCES.index(row["stance"])) for row in given]
    else:
        rows = [Row(row["text"], "", int(device in row["devices"])) for row in given if device in row["annotated"]]
    return some(rows, most)


def some(rows: list[Row], most: int) -> list[Row]:
    """At most so many rows, drawn at random but always the same; 0 for all."""
    if not most or most >= len(rows):
        return rows
    return [rows[i] for i in np.sort(np.random.default_rng(0).permutation(len(rows))[:most])]


def ngrams(task: Task) -> NDArray[np.int64]:
    """Predictions of logistic regression on TF-IDF of character 1-3-grams of the text and of the target."""
    from scipy.sparse import hstack  # type: ignore[import-untyped]  # noqa: PLC0415
    from sklearn.feature_extraction.text import TfidfVectorizer  # noqa: PLC0415
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415

    known, asked = [], []
    for view in ("text", "target") if any(row.target for row in task.train) else ("text",):
        vectorizer = TfidfVectorizer(analyzer="char", ngram_range=(1, 3), sublinear_tf=True, dtype=np.float32)
        known.append(vectorizer.fit_transform(getattr(row, view) for row in task.train))
        asked.append(vectorizer.transform(getattr(row, view) for row in task.dev))
    classifier = LogisticRegression(C=10, class_weight="balanced", max_iter=1000)
    classifier.fit(hstack(known, format="csr"), [row.label for row in task.train])
    predicted: NDArray[np.int64] = classifier.predict(hstack(asked, format="csr"))
    return predicted
