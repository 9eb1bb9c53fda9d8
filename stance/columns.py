"""Columns of articles in, columns of labels out: for `datasets.map`, Ray Data and whatever else maps batches.

    labelled = dataset.map(analyzer.as_map_function(), batched=True)

A row stays a row: what is no article gets no paragraphs, and the reason as its warning.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa

from stance.errors import InputError
from stance.formats.rows import Fields, Limits, article_from_row
from stance.formats.table import label_columns

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from stance.results import Article
    from stance.runs.parts import Labeller

__all__ = ["ColumnLabeller"]


class ColumnLabeller:
    """Labels batches of rows, given as columns.

    It fills the columns `title`, `targets`, `model`, `paragraphs` and `warnings`, which mean what they mean in the
    JSONL output; all other columns are left to the caller.

    Args:
        labeller: an `Analyzer`.
        targets: targets for all articles; without them those of each article, else those found in it.
        fields: names of the input's columns.
        limits: what is too large for an article.

    Attributes:
        schema: Arrow types of the columns. `datasets` infers types from the first batch, and needs them as `features`
            where that batch may hold no device at all.
    """

    def __init__(
        self,
        labeller: Labeller,
        *,
        targets: Sequence[str] | None = None,
        fields: Fields | None = None,
        limits: Limits | None = None,
    ) -> None:
        self.labeller = labeller
        self.targets = None if targets is None else tuple(targets)
        self.fields = fields or Fields()
        self.limits = limits or Limits()
        self.schema = label_columns(labeller.schema.stance_ids)

    def __call__(self, batch: Mapping[str, Sequence[Any]]) -> dict[str, list[Any]]:
        """The label columns of a batch, in the order of its rows."""
        names = list(batch)
        rows = [dict(zip(names, values, strict=True)) for values in zip(*(batch[n] for n in names), strict=True)]
        return self.label_rows(rows)

    def label_rows(self, rows: Iterable[Mapping[str, Any]]) -> dict[str, list[Any]]:
        """The label columns of rows, in their order."""
        read = [self._article(row) for row in rows]
        analyses = self.labeller.analyze_many([item for item in read if not isinstance(item, str)], self.targets)
        columns: dict[str, list[Any]] = {name: [] for name in self.schema.names}
        for item in read:
            labelled = self._unread(item) if isinstance(item, str) else next(analyses).to_dict()
            for name, column in columns.items():
                column.append(labelled[name])
        return columns

    def label_table(self, table: pa.Table) -> pa.Table:
        """The table with the label columns; columns of the same names are replaced."""
        columns = self.label_rows(table.to_pylist())
        kept = table.drop_columns([name for name in self.schema.names if name in table.column_names])
        for field in self.schema:
            kept = kept.append_column(field, pa.array(columns[field.name], type=field.type))
        return kept

    def _article(self, row: Mapping[str, Any]) -> Article | str:
        try:
            return article_from_row(row, self.fields, self.limits, "")
        except InputError as error:
            return str(error)

    def _unread(self, reason: str) -> dict[str, Any]:
        model = self.labeller.model_id
        return {"title": "", "targets": [], "model": model, "paragraphs": [], "warnings": [reason]}
