"""The summary of a corpus: counts of its articles, as a whole and by any column."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from stance.errors import InputError
from stance.schema import DEFAULT_SCHEMA
from stance.summary import chinese, english
from stance.summary.copies import Copies, Printing
from stance.summary.counts import Tally
from stance.summary.estimates import CONFIDENCE, Bootstrap
from stance.summary.groups import Grouping
from stance.summary.markdown import corpus_markdown
from stance.summary.section import section

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

    from stance.results import ArticleAnalysis
    from stance.schema import LabelSchema
    from stance.summary.correction import StanceConfusion
    from stance.summary.counts import Extent

__all__ = ["CorpusSummary", "summarize_corpus"]

_WHOLE = ("", "")


@dataclass(slots=True)
class CorpusSummary:
    """Counts over the articles of a corpus; the summaries of parts add up with `+` to that of the whole.

    An article whose further column `duplicate_of` names another article is a copy of it (wire copy, a reprint).
    Unless `count_copies`, a story counts once: as its original, or where that is not among the articles, as the copy
    with the least id.

    Attributes:
        by: the columns told apart, as `Grouping` reads them; targets are always told apart.
        count_copies: whether stories count as often as they were printed.
        schema: the labels.
        tallies: column, value → counts of its articles without the copies held back; two empty texts for all articles.
        copies: the copies held back.
        columns: further columns met.
    """

    by: tuple[str, ...] = ()
    count_copies: bool = False
    schema: LabelSchema = DEFAULT_SCHEMA
    tallies: dict[tuple[str, str], Tally] = field(default_factory=dict)
    copies: Copies = field(default_factory=Copies)
    columns: set[str] = field(default_factory=set)
    _scale: tuple[NDArray[Any], NDArray[Any]] | None = field(default=None, repr=False, compare=False)

    def add(self, analysis: ArticleAnalysis) -> Tally:
        """Count one more article, and give its own counts.

        Raises:
            SchemaError: it names a label that the schema does not know.
        """
        self._scale = None
        self.columns.update(analysis.extra)
        tally = Tally.of(analysis, self.schema)
        groups = (_WHOLE, *((name, Grouping(name).value(analysis.extra)) for name in self.by))
        original = str(analysis.extra.get("duplicate_of") or "")
        if original and original != analysis.id and not self.count_copies:
            self.copies.hold(original, Printing(analysis.id, groups, tally))
            return tally
        self.copies.originals.add(analysis.id)
        for group in groups:
            self.tallies.setdefault(group, Tally()).add(tally)
        return tally

    def __add__(self, other: CorpusSummary) -> CorpusSummary:
        """The summary of both, which must be made in the same way."""
        mine, theirs = ((s.by, s.count_copies, s.schema) for s in (self, other))
        if mine != theirs:
            raise ValueError("Summaries add up where by, count_copies and schema are the same; these differ.")
        total = CorpusSummary(*mine)
        for part in (self, other):
            for group, tally in part.tallies.items():
                total.tallies.setdefault(group, Tally()).add(tally)
            total.copies.add(part.copies)
            total.columns |= part.columns
        return total

    @property
    def whole(self) -> Tally:
        """Counts of all articles that count."""
        return self._counted().get(_WHOLE, Tally())

    @property
    def copies_left_out(self) -> int:
        """Number of articles that do not count, being copies."""
        return self.copies.number - sum(1 for _ in self.copies.counted())

    def groups(self, name: str) -> dict[str, Tally]:
        """Value → counts of its articles, for one of `by`: dates in order, other values by number of articles.

        The empty value, for articles without one, comes last.
        """
        found = {value: tally for (column, value), tally in self._counted().items() if column == name}
        if Grouping(name).column != name:
            return dict(sorted(found.items(), key=lambda item: (not item[0], item[0])))
        return dict(sorted(found.items(), key=lambda item: (not item[0], -item[1].articles, item[0])))

    def percentile(self, extent: Extent) -> int | None:
        """How many percent of the articles have fewer spans per character, rounded down; None in or for no text."""
        if self._scale is None:
            texts = [(e.spans / e.characters, n) for e, n in sorted(self.whole.extents.items()) if e.characters]
            densities, numbers = np.array(sorted(texts), dtype=np.float64).reshape(-1, 2).T
            self._scale = densities, np.concatenate([[0.0], numbers.cumsum()])
        densities, below = self._scale
        if not extent.characters or not below[-1]:
            return None
        place = np.searchsorted(densities, extent.spans / extent.characters)
        return int(100 * below[place] // below[-1])

    def to_dict(self, bootstrap: Bootstrap | None = None, confusion: StanceConfusion | None = None) -> dict[str, Any]:
        """Counts, shares and their intervals, as plain dicts, lists, texts and numbers.

        Args:
            bootstrap: how intervals are made; by default from 1,000 draws.
            confusion: the model's known errors, to correct the shares of stances; without it none is corrected.
        """
        bootstrap = bootstrap or Bootstrap()
        counted = self._counted()
        figures = {
            "copies_left_out": self.copies_left_out,
            "copies_counted": self.count_copies,
            "confidence": CONFIDENCE,
            "draws": bootstrap.draws,
            "seed": bootstrap.seed,
            "confusion": None if confusion is None else confusion.to_dict(),
            **section(counted.get(_WHOLE, Tally()), bootstrap, confusion),
            "groups": [
                {
                    "by": name,
                    "values": [
                        {"value": value, **section(tally, bootstrap, confusion)}
                        for value, tally in self.groups(name).items()
                    ],
                }
                for name in self.by
            ],
        }
        prose = {"chinese": chinese.corpus(figures, self.schema), "english": english.corpus(figures, self.schema)}
        return {**figures, **prose}

    def to_json(self, bootstrap: Bootstrap | None = None, confusion: StanceConfusion | None = None) -> str:
        """The same as JSON."""
        return json.dumps(self.to_dict(bootstrap, confusion), ensure_ascii=False, allow_nan=False, indent=1)

    def to_markdown(
        self, language: str = "zh", bootstrap: Bootstrap | None = None, confusion: StanceConfusion | None = None
    ) -> str:
        """The same as a page of Markdown, in Chinese (`zh`) or English (`en`); text of articles is escaped."""
        return corpus_markdown(self.to_dict(bootstrap, confusion), self.schema, language)

    def _counted(self) -> Mapping[tuple[str, str], Tally]:
        """The tallies, with the copies that count."""
        counted = dict(self.tallies)
        for printing in self.copies.counted():
            for group in printing.groups:
                counted[group] = counted.get(group, Tally()) + printing.tally
        return counted


def summarize_corpus(
    analyses: Iterable[ArticleAnalysis],
    by: Iterable[str] = (),
    *,
    count_copies: bool = False,
    schema: LabelSchema = DEFAULT_SCHEMA,
) -> CorpusSummary:
    """Sum up a corpus, in one pass.

    Args:
        analyses: the labelled articles, in any order.
        by: further columns to tell apart (`source`), dates by unit (`date:month`).
        count_copies: whether a story counts as often as it was printed, not once.
        schema: the labels of the model.

    Raises:
        InputError: there are articles, but none has one of the columns.
        SchemaError: an analysis names a stance or device that the schema does not know.
    """
    summary = CorpusSummary(tuple(dict.fromkeys(by)), count_copies, schema)
    for analysis in analyses:
        summary.add(analysis)
    missing = [name for name in summary.by if Grouping(name).column not in summary.columns]
    if missing and (summary.tallies or summary.copies.number):
        raise InputError(
            f"Expected articles with a column {missing[0]!r} to tell apart by; found the further columns "
            f"{', '.join(sorted(summary.columns)) or 'none'}. Targets are told apart in any case."
        )
    return summary
