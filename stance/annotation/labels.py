"""Labelled articles from whatever file holds them: training data, output of `stance label`, an annotation tool."""

from __future__ import annotations

import gzip
import json
from itertools import islice
from typing import TYPE_CHECKING

from stance.annotation.doccano import read_doccano
from stance.annotation.label_studio import read_label_studio
from stance.annotation.tasks import articles_of, labelled_of, within
from stance.errors import InputError
from stance.formats import read_analyses
from stance.training.examples import read_labelled

if TYPE_CHECKING:
    from pathlib import Path

    from stance.schema import LabelSchema
    from stance.training.examples import LabelledArticle

__all__ = ["is_of_a_model", "read_labels"]


def read_labels(path: Path, schema: LabelSchema, *, narrow: bool = False) -> list[LabelledArticle]:
    """The labelled articles in a file.

    Args:
        path: training data (.jsonl, .jsonl.gz), what `stance label` wrote (.jsonl, .jsonl.gz, .jsonl.zst, .parquet), or
            an export of Label Studio (.json) or doccano (.jsonl).
        schema: the labels.
        narrow: whether devices that a model found and the schema does not have are left out; else they are an error.

    Raises:
        InputError, SchemaError: the file is none of these, or has labels that the schema does not know.
    """
    if path.suffix.lower() == ".json":
        return articles_of(read_label_studio(path, schema).tasks, schema)
    if is_of_a_model(path):
        analyses = read_analyses(path)
        return [labelled_of(within(a, schema) if narrow else a, schema) for a in analyses]
    if {"text", "article", "index"} <= _fields(path):
        return articles_of(read_doccano(path, schema), schema)
    return read_labelled(path, schema)


def is_of_a_model(path: Path) -> bool:
    """Whether the file is what `stance label` wrote. Raises InputError where it cannot be read."""
    suffix = path.suffix.lower()
    return suffix in (".parquet", ".zst") or (suffix != ".json" and {"model", "warnings"} <= _fields(path))


def _fields(path: Path) -> set[str]:
    """The fields of the first object in a JSONL file."""
    try:
        with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as file:
            first = json.loads(next(islice((line for line in file if line.strip()), 1), "{}"))
    except (OSError, EOFError, ValueError) as error:
        raise InputError(f"{path}: expected labelled articles as JSONL, Parquet or JSON; {error}.") from error
    return set(first) if isinstance(first, dict) else set()
