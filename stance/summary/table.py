"""Summaries as tables: of articles one row each, of a corpus one row a figure."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from stance.summary.counts import STANCES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["ArticleTable", "corpus_table"]

_TEXT, _NUMBER, _COUNT = pa.string(), pa.float64(), pa.int64()
_KINDS = {str: _TEXT, bool: pa.bool_(), int: _COUNT, float: _NUMBER}
_INT64 = range(-(2**63), 2**63)


def _rows(**columns: pa.DataType) -> pa.DataType:
    return pa.list_(pa.struct(list(columns.items())))


_STANCE_COUNTS = dict.fromkeys(STANCES, _COUNT)
_ARTICLE = {
    "id": _TEXT,
    "title": _TEXT,
    "model": _TEXT,
    "paragraphs": _COUNT,
    "characters": _COUNT,
    "device_spans": _COUNT,
    "per_1000_characters": _NUMBER,
    "percentile": _COUNT,
    "targets": _rows(
        target=_TEXT,
        drift=_TEXT,
        paragraphs=_COUNT,
        **_STANCE_COUNTS,
        **{f"{stance}_share": _NUMBER for stance in STANCES},
        course=pa.list_(_TEXT),
        thirds=_rows(**_STANCE_COUNTS),
        strongest=_rows(index=_COUNT, stance=_TEXT, probability=_NUMBER, text=_TEXT),
        devices=_rows(device=_TEXT, **_STANCE_COUNTS),
    ),
    "devices": _rows(
        device=_TEXT, spans=_COUNT, paragraphs=_COUNT, per_1000_characters=_NUMBER, typical=pa.list_(_TEXT)
    ),
    "metaphors": _rows(domain=_TEXT, spans=_COUNT, words=_rows(word=_TEXT, spans=_COUNT), typical=pa.list_(_TEXT)),
    "key_sentences": _rows(paragraph=_COUNT, start=_COUNT, end=_COUNT, text=_TEXT, score=_NUMBER),
    "chinese": _TEXT,
    "english": _TEXT,
    "warnings": pa.list_(_TEXT),
}
_INTERVALS = ("per_1000_characters", "share", "corrected", "article_share")
_FIGURE = {
    **dict.fromkeys(("by", "value", "figure", "target", "stance", "device", "domain"), _TEXT),
    **dict.fromkeys(("articles", "paragraphs", "spans", "characters"), _COUNT),
    **{f"{name}{end}": _NUMBER for name in _INTERVALS for end in ("", "_low", "_high")},
}


@dataclass(slots=True)
class ArticleTable:
    """A table of summaries, whose further columns are known when all summaries have been added.

    A further column keeps its type where all its values are texts, whole numbers, numbers or truth values; else it
    holds JSON.

    Attributes:
        articles: number of summaries added.
        columns: further column → types met in it.
    """

    articles: int = 0
    columns: dict[str, set[type]] = field(default_factory=dict)

    def add(self, record: Mapping[str, Any]) -> None:
        """Take note of a summary, as `ArticleSummary.to_dict` gives it."""
        self.articles += 1
        for name, value in record.items():
            if name not in _ARTICLE:
                types = self.columns.setdefault(name, set())
                if isinstance(value, int) and value not in _INT64:
                    types.add(object)
                elif value is not None:
                    types.add(type(value))

    def schema(self) -> pa.Schema:
        """The Arrow schema."""
        further = {name: _TEXT if self._is_json(name) else self._kind(name) for name in self.columns}
        return pa.schema({**_ARTICLE, **further}.items())

    def row(self, record: Mapping[str, Any]) -> dict[str, Any]:
        """The row of a summary."""
        further = {
            name: json.dumps(record[name], ensure_ascii=False) if self._is_json(name) else record[name]
            for name in self.columns
            if record.get(name) is not None
        }
        return {**record, **further}

    def _is_json(self, name: str) -> bool:
        types = self.columns[name]
        return len(types) > 1 or not types <= _KINDS.keys()

    def _kind(self, name: str) -> pa.DataType:
        return _KINDS[next(iter(self.columns[name]), str)]


def corpus_table(figures: Mapping[str, Any]) -> pa.Table:
    """The figures of a corpus, as `CorpusSummary.to_dict` gives them, in one flat table.

    `figure` says what a row is: `total`, `stance`, `device`, `stance_device` or `metaphor`; `by` and `value` of what
    group, null for the whole corpus. Columns that do not apply are null.
    """
    rows = list(_section(figures, None, None))
    for group in figures["groups"]:
        for values in group["values"]:
            rows += _section(values, group["by"], values["value"])
    return pa.Table.from_pylist(rows, schema=pa.schema(_FIGURE.items()))


def _section(section: Mapping[str, Any], by: str | None, value: str | None) -> Iterator[dict[str, Any]]:
    group = {"by": by, "value": value}
    yield {**section, **group, "figure": "total", "spans": section["device_spans"]}
    for target in section["targets"]:
        about = {**group, "target": target["target"]}
        for stance in target["stances"]:
            yield {**stance, **about, "figure": "stance"}
        for device in target["devices"]:
            for stance in STANCES:
                crossing = {"device": device["device"], "stance": stance, "paragraphs": device[stance]}
                yield {**crossing, **about, "figure": "stance_device"}
    for device in section["devices"]:
        yield {**device, **group, "figure": "device"}
    for domain in section["metaphors"]:
        yield {**domain, **group, "figure": "metaphor"}
