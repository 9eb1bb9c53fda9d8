"""Analyses as a table, one row a paragraph: its Arrow schema, fixed before the first row is written.

    id, title, targets, model, warnings   of the article, the same in each of its rows
    further columns                       as they came with the article
    index, start, end, text, kind         of the paragraph
    stances                               list of struct: target, stance, probability, probabilities
    devices                               list of struct: device, probability, spans
    needs_review                          list of devices and targets of which the model is unsure

An article without paragraphs has one row, in which the paragraph's columns are null.

A further column keeps its type where all its values are texts, whole numbers, numbers or truth values.
Where they differ or are nested, it holds JSON, and its metadata says so.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from stance.schema import DEFAULT_SCHEMA

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping


__all__ = ["Shape", "articles_from_rows", "label_columns", "paragraph_rows"]

_ARTICLE = ("id", "title", "targets", "model", "warnings")
_PARAGRAPH = ("index", "start", "end", "text", "kind", "stances", "devices", "needs_review")
_OWN = frozenset((*_ARTICLE, "paragraphs"))
_NAME, _JSON, _SPARSE = b"stance.name", b"stance.json", b"stance.sparse"
_INT64 = range(-(2**63), 2**63)


@dataclass(slots=True)
class _Column:
    """What was seen in a further column: which types, and how often it was there and null."""

    types: set[str] = field(default_factory=set)
    present: int = 0
    nulls: int = 0

    def add(self, value: Any) -> None:
        self.present += 1
        if value is None:
            self.nulls += 1
        elif isinstance(value, int) and value not in _INT64:
            self.types.add("big")
        else:
            self.types.add(type(value).__name__)

    def is_json(self, articles: int) -> bool:
        """Whether only JSON keeps the values apart; a null must not stand for both null and missing."""
        ambiguous = self.nulls > 0 and self.present < articles
        return len(self.types) > 1 or bool(self.types - {"str", "int", "float", "bool"}) or ambiguous


@dataclass(slots=True)
class Shape:
    """What the schema of a table depends on, gathered from its articles; shapes of parts can be merged."""

    articles: int = 0
    stances: list[str] = field(default_factory=list)
    columns: dict[str, _Column] = field(default_factory=dict)

    def add(self, analysis: Mapping[str, Any]) -> None:
        """Take note of an article, as `ArticleAnalysis.to_dict` gives it."""
        self.articles += 1
        for name, value in analysis.items():
            if name not in _OWN:
                self.columns.setdefault(name, _Column()).add(value)
        for paragraph in analysis["paragraphs"]:
            for stance in paragraph["stances"]:
                self._add_stances(stance["probabilities"])

    def add_text(self, name: str) -> None:
        """Take note of a further column that every article has, and that holds a text or null."""
        self.columns[name] = _Column({"str"}, present=self.articles)

    def merge(self, other: Shape) -> None:
        """Take note of all that another shape has seen."""
        self.articles += other.articles
        self._add_stances(other.stances)
        for name, seen in other.columns.items():
            column = self.columns.setdefault(name, _Column())
            column.types |= seen.types
            column.present += seen.present
            column.nulls += seen.nulls

    def _add_stances(self, ids: Iterable[str]) -> None:
        self.stances.extend(name for name in ids if name not in self.stances)

    def to_dict(self) -> dict[str, Any]:
        """Plain lists and numbers."""
        columns = {name: [sorted(c.types), c.present, c.nulls] for name, c in self.columns.items()}
        return {"articles": self.articles, "stances": self.stances, "columns": columns}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Shape:
        """The shape that `to_dict` gave."""
        columns = {name: _Column(set(seen[0]), seen[1], seen[2]) for name, seen in data["columns"].items()}
        return cls(data["articles"], list(data["stances"]), columns)

    def schema(self) -> pa.Schema:
        """The Arrow schema."""
        text, texts = pa.string(), pa.list_(pa.string())
        known = DEFAULT_SCHEMA.stance_ids
        order = known if set(self.stances) <= set(known) else self.stances
        article = zip(_ARTICLE, (text, text, texts, text, texts), strict=True)
        paragraph = zip(
            _PARAGRAPH,
            _paragraph_types(order),
            strict=True,
        )
        own = [pa.field(name, kind) for name, kind in chain(article, paragraph)]
        return pa.schema([*own[: len(_ARTICLE)], *self._further(), *own[len(_ARTICLE) :]])

    def _further(self) -> Iterator[pa.Field]:
        kinds = {"str": pa.string(), "int": pa.int64(), "float": pa.float64(), "bool": pa.bool_()}
        taken = {*_ARTICLE, *_PARAGRAPH, *(n for n in self.columns if n not in _PARAGRAPH)}
        for name, column in self.columns.items():
            unique = name
            while unique in taken and name in _PARAGRAPH:
                unique = f"article_{unique}"
            taken.add(unique)
            is_json = column.is_json(self.articles)
            marks = {_JSON: b"1"} if is_json else {}
            if is_json or column.present < self.articles:
                marks[_SPARSE] = b"1"
            kind = pa.string() if is_json else kinds[next(iter(column.types), "str")]
            yield pa.field(unique, kind, metadata={_NAME: name.encode(), **marks})


def _paragraph_types(stances: Iterable[str]) -> tuple[pa.DataType, ...]:
    text, number = pa.string(), pa.float64()
    probabilities = pa.struct([(name, number) for name in stances])
    stance = pa.struct([("target", text), ("stance", text), ("probability", number), ("probabilities", probabilities)])
    span = pa.struct([("start", pa.int64()), ("end", pa.int64()), ("text", text), ("probability", number)])
    device = pa.struct([("device", text), ("probability", number), ("spans", pa.list_(span))])
    return pa.int32(), pa.int64(), pa.int64(), text, text, pa.list_(stance), pa.list_(device), pa.list_(text)


def label_columns(stances: Iterable[str]) -> pa.Schema:
    """The columns that labels fill in a table with a row an article: `ArticleAnalysis.to_dict` without its id."""
    text, texts = pa.string(), pa.list_(pa.string())
    paragraph = pa.struct(list(zip(_PARAGRAPH, _paragraph_types(stances), strict=True)))
    return pa.schema(
        [("title", text), ("targets", texts), ("model", text), ("paragraphs", pa.list_(paragraph)), ("warnings", texts)]
    )


def paragraph_rows(analysis: Mapping[str, Any], schema: pa.Schema) -> Iterator[dict[str, Any]]:
    """The rows of an article, given as `ArticleAnalysis.to_dict` gives it."""
    article = {name: analysis[name] for name in _ARTICLE}
    for column in schema:
        name = (column.metadata or {}).get(_NAME, b"").decode()
        if name and name in analysis:
            is_json = _JSON in column.metadata
            article[column.name] = _to_json(analysis[name]) if is_json else analysis[name]
    for paragraph in analysis["paragraphs"] or [{}]:
        yield article | paragraph


def _to_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def articles_from_rows(rows: Iterable[Mapping[str, Any]], schema: pa.Schema) -> Iterator[dict[str, Any]]:
    """The articles whose rows these are, as `ArticleAnalysis.to_dict` gave them. Raises KeyError for other tables."""
    further = {
        column.name: ((column.metadata or {}).get(_NAME, column.name.encode()).decode(), column.metadata or {})
        for column in schema
        if column.name not in _ARTICLE and column.name not in _PARAGRAPH
    }
    current: dict[str, Any] | None = None
    for row in rows:
        paragraphs = [] if row["index"] is None else [_paragraph(row)]
        if current is not None and paragraphs and _continues(current, row):
            current["paragraphs"] += paragraphs
            continue
        if current is not None:
            yield current
        current = {name: row[name] for name in _ARTICLE} | {"paragraphs": paragraphs}
        for column, (name, metadata) in further.items():
            value = row[column]
            if value is not None or _SPARSE not in metadata:
                current[name] = json.loads(value) if _JSON in metadata else value
    if current is not None:
        yield current


def _continues(article: Mapping[str, Any], row: Mapping[str, Any]) -> bool:
    """Whether the row is of this article: indices rise within one, also where two in a row share an id."""
    paragraphs = article["paragraphs"]
    return bool(paragraphs) and row["id"] == article["id"] and row["index"] > paragraphs[-1]["index"]


def _paragraph(row: Mapping[str, Any]) -> dict[str, Any]:
    paragraph = {name: row[name] for name in _PARAGRAPH if name in row}  # files of 0.1 lack needs_review
    for stance in paragraph["stances"]:
        stance["probabilities"] = {name: p for name, p in stance["probabilities"].items() if p is not None}
    return paragraph
