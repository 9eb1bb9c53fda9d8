"""Data frames: articles out of pandas, polars and Arrow tables, and analyses back into them.

Example:
    labels = analyzer.label_frame(frame, text="正文")      # a frame of the same library, one row a paragraph
    table = stance.frames.to_arrow(analyzer.analyze_many(articles))

The columns are those of the Parquet files that `stance label` writes. pandas and polars are imported only
where a frame of theirs is asked for.
"""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from stance.errors import InputError
from stance.formats.rows import Fields, Limits, article_from_row
from stance.formats.table import Shape, paragraph_rows
from stance.results import Article

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from stance.results import ArticleAnalysis

__all__ = ["articles_from_frame", "like", "to_arrow", "to_dicts", "to_pandas", "to_polars", "with_reason"]

_ROWS_A_BATCH = 256
_REASON = "stance.rejected"


def to_dicts(analyses: Iterable[ArticleAnalysis]) -> list[dict[str, Any]]:
    """One dict a paragraph: the article's columns, then the paragraph's own."""
    rows, _ = _rows(analyses)
    return rows


def to_arrow(analyses: Iterable[ArticleAnalysis]) -> pa.Table:
    """An Arrow table, one row a paragraph; an article without a paragraph has one row of nulls."""
    rows, schema = _rows(analyses)
    return pa.Table.from_pylist(rows, schema=schema)


def to_pandas(analyses: Iterable[ArticleAnalysis]) -> Any:
    """A `pandas.DataFrame`, one row a paragraph. Raises InputError where pandas is not installed."""
    return like("pandas", to_arrow(analyses))


def to_polars(analyses: Iterable[ArticleAnalysis]) -> Any:
    """A `polars.DataFrame`, one row a paragraph. Raises InputError where polars is not installed."""
    return like("polars", to_arrow(analyses))


def _rows(analyses: Iterable[ArticleAnalysis]) -> tuple[list[dict[str, Any]], pa.Schema]:
    shape, records = Shape(), []
    for analysis in analyses:
        records.append(analysis.to_dict())
        shape.add(records[-1])
    schema = shape.schema()
    rows = itertools.chain.from_iterable(paragraph_rows(record, schema) for record in records)
    return [{name: row.get(name) for name in schema.names} for row in rows], schema


def like(library: str, table: pa.Table) -> Any:
    """The table as a frame of `library`: `pandas`, `polars` or `pyarrow`."""
    try:
        if library == "pandas":
            return table.to_pandas()
        if library == "polars":
            import polars  # noqa: ICN001, PLC0415

            return polars.from_arrow(table)
    except ImportError as error:
        raise InputError(
            f"A frame of {library} was asked for, which is not installed ({error}). Install it: "
            "pip install 'stance[frames]'."
        ) from error
    return table


def articles_from_frame(frame: Any, fields: Fields, limits: Limits | None = None) -> Iterator[Article]:
    """The articles in the rows of a frame, in order, one a row.

    A row that is no article (no text, or too long) comes as an article without text that carries the reason, so that
    no row is lost; see `with_reason`. A row without an id gets its number, from 0.

    Args:
        frame: pandas or polars data frame, Arrow table, or whatever speaks the Arrow stream interface.
        fields: names of the columns; further ones are passed through.
        limits: how long an article may be.

    Raises:
        InputError: not a frame, without the column of texts, or with a column that Arrow cannot hold.
    """
    table = _table(frame)
    if fields.text not in table.column_names and fields.paragraphs not in table.column_names:
        found = ", ".join(table.column_names) or "none"
        raise InputError(f"The frame has no column '{fields.text}' (found: {found}). Name it: text=….")
    number = itertools.count()
    for batch in table.to_batches(max_chunksize=_ROWS_A_BATCH):
        for row in batch.to_pylist():
            yield _article(row, fields, limits or Limits(), str(next(number)))


def _article(row: dict[str, Any], fields: Fields, limits: Limits, number: str) -> Article:
    try:
        return article_from_row(row, fields, limits, number)
    except InputError as error:
        given = row.get(fields.id)
        return Article("", id=number if given is None else str(given), extra={_REASON: str(error)})


def with_reason(analysis: ArticleAnalysis) -> ArticleAnalysis:
    """The analysis; of a row that was no article, with the reason as its only warning."""
    if _REASON not in analysis.extra:
        return analysis
    return replace(analysis, warnings=(analysis.extra[_REASON],), extra={})


def _table(frame: Any) -> pa.Table:
    try:
        if isinstance(frame, pa.Table | pa.RecordBatch):
            return pa.table(frame)
        if type(frame).__module__.partition(".")[0] == "pandas":
            return pa.Table.from_pandas(frame, preserve_index=False)
        if hasattr(frame, "__arrow_c_stream__"):
            return pa.table(frame)
    except pa.ArrowException as error:
        raise InputError(
            f"A column of the frame cannot be turned into an Arrow column: {error}. "
            "Give each column values of one type."
        ) from error
    raise InputError(
        f"Expected a data frame of pandas or polars, or an Arrow table; found {type(frame).__name__}. "
        "Use analyze_many for articles that are in no frame."
    )
