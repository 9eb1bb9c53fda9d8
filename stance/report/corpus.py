"""What the page of a corpus shows, gathered in one pass over its articles."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from stance.report import charts, notices
from stance.report.concordance import Concordance
from stance.report.notices import Words
from stance.report.series import crossings, device_densities, periods, stance_shares
from stance.summary import Bootstrap, CorpusSummary
from stance.summary.counts import targets_of
from stance.summary.groups import Grouping

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from markupsafe import Markup

    from stance.report.series import Crossing, DeviceDensities, StanceShares
    from stance.results import ArticleAnalysis
    from stance.schema import LabelSchema
    from stance.summary import StanceConfusion, Tally

__all__ = ["Chart", "CorpusView", "Gathering", "Panel"]

LINES = 300
"""Lines of the concordance for each device; of a device with more spans this many are drawn by lot."""
TEXT = 2_000_000
"""Characters of all texts up to which the page carries them for the search."""
LISTED = 20_000
"""Articles up to which all stand in the list; of more only those with a page."""
TARGETS, GROUPS, ROWS = 12, 15, 30
"""Targets with charts, groups in a chart, and rows in the table of targets."""
_DRAWS = 300
"""Draws for the intervals in charts, which show no decimals."""
_TARGETS_A_ROW = 6


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart with its words, and the figures that it shows."""

    caption: Words
    note: Words
    svg: Markup
    rows: Sequence[StanceShares]


@dataclass(frozen=True, slots=True)
class Panel:
    """Charts and stance by device for one target."""

    target: str
    charts: Sequence[Chart]
    crossings: Sequence[Crossing]


@dataclass(frozen=True, slots=True)
class CorpusView:
    """The page of a corpus, ready for its template.

    Attributes:
        figures: as `CorpusSummary.to_dict` gives them.
        notices: what was drawn by lot or left out.
        panels: for the targets of most articles.
        profile: language → chart of the devices.
        densities: devices by source, the sources of most articles first.
        data, lines, texts: what the script of the page reads; no texts where they are too long.
        rows: rows in the table of targets.
    """

    figures: Mapping[str, Any]
    notices: Sequence[Words]
    panels: Sequence[Panel]
    profile: Mapping[str, Markup]
    densities: Sequence[DeviceDensities]
    data: Mapping[str, Any]
    lines: Sequence[Sequence[Any]]
    texts: Sequence[str]
    rows: int = ROWS

    @property
    def densest(self) -> float:
        """The largest of the densities."""
        return max((density for row in self.densities for density in row.densities), default=0.0)

    @property
    def most_metaphors(self) -> int:
        """Spans of the commonest source domain."""
        return max((int(found["spans"]) for found in self.figures["metaphors"]), default=1)


@dataclass(slots=True)
class Gathering:
    """Takes in articles one by one, then gives the view of them all.

    Attributes:
        source, date: further columns that hold where and when an article appeared.
        summary: counts of the articles so far.
    """

    source: str
    date: str
    summary: CorpusSummary
    _concordance: Concordance = field(default_factory=lambda: Concordance(LINES))
    _rows: list[list[Any]] = field(default_factory=list)
    _texts: list[str] = field(default_factory=list)
    _characters: int = 0

    @classmethod
    def begin(cls, source: str, date: str, schema: LabelSchema, *, count_copies: bool) -> Gathering:
        """Begin with no articles."""
        by = (source, f"{date}:year", f"{date}:month")
        return cls(source, date, CorpusSummary(by, count_copies, schema))

    @property
    def articles(self) -> int:
        """Number of articles taken in, copies with them."""
        return len(self._rows)

    def add(self, analysis: ArticleAnalysis) -> None:
        """Take in one more article. Raises SchemaError where it names a label that the schema does not know."""
        number = len(self._rows)
        tally = self.summary.add(analysis)
        self._concordance.add(number, analysis)
        order = {device: place for place, device in enumerate(self.summary.schema.device_ids)}
        counts = dict(tally.stances.keys())
        self._rows.append(
            [
                number,
                analysis.id,
                analysis.title,
                Grouping(self.source).value(analysis.extra),
                Grouping(f"{self.date}:day").value(analysis.extra) or str(analysis.extra.get(self.date) or "")[:10],
                tally.extent.characters,
                tally.extent.spans,
                [[order[device], spans] for device, spans in tally.spans.most_common() if spans],
                [
                    [target, counts[target].favor, counts[target].against, counts[target].neutral]
                    for target in targets_of(analysis)[:_TARGETS_A_ROW]
                ],
            ]
        )
        self._characters += tally.extent.characters
        if self._characters <= TEXT:
            self._texts.append("\n".join(paragraph.text for paragraph in analysis.paragraphs))
        else:
            self._texts.clear()

    def view(self, pages: Sequence[int], *, whole: bool, confusion: StanceConfusion | None) -> CorpusView:
        """The page of the articles taken in.

        Args:
            pages: numbers of the articles that have a page.
            whole: whether these pages stand in the same file.
            confusion: the model's known errors, to correct the shares of stances.
        """
        schema = self.summary.schema
        figures = CorpusSummary.to_dict(self._without_groups(), confusion=confusion)
        sources = self.summary.groups(self.source) if self.source in self.summary.columns else {}
        order = {device: place for place, device in enumerate(schema.device_ids)}
        listed = range(self.articles) if self.articles <= LISTED else pages
        return CorpusView(
            figures=figures,
            notices=self._notices(len(pages), whole=whole),
            panels=self._panels([target["target"] for target in figures["targets"][:TARGETS]], sources),
            profile={it: charts.device_profile(figures["devices"], schema, it) for it in ("zh", "en")},
            densities=device_densities(_first(sources), [found["device"] for found in figures["devices"]]),
            data={
                "articles": [self._rows[number] for number in listed],
                "pages": list(pages),
                "whole": whole,
                "spans": {"all": sum(self._concordance.spans.values())}
                | {str(order[device]): spans for device, spans in self._concordance.spans.items()},
            },
            lines=[[order[device], *line] for device in order for line in self._concordance.lines(device)],
            texts=[self._texts[number] for number in listed] if self._texts else (),
        )

    def _without_groups(self) -> CorpusSummary:
        """The same summary without its groups, whose hundred targets each would cost much and are not shown."""
        tallies = {group: tally for group, tally in self.summary.tallies.items() if group == ("", "")}
        return CorpusSummary((), self.summary.count_copies, self.summary.schema, tallies, self.summary.copies)

    def _panels(self, targets: Sequence[str], sources: Mapping[str, Tally]) -> list[Panel]:
        whole, bootstrap = self.summary.whole, Bootstrap(_DRAWS)
        dates = {}
        if self.date in self.summary.columns:
            dates = periods(self.summary.groups(f"{self.date}:year"), self.summary.groups(f"{self.date}:month"))
        return [
            Panel(
                target,
                [
                    chart
                    for chart in (
                        _by_source(stance_shares(sources, target, bootstrap)),
                        _over_time(stance_shares(dates, target, bootstrap)),
                    )
                    if chart
                ],
                crossings(whole, target, self.summary.schema),
            )
            for target in targets
        ]

    def _notices(self, pages: int, *, whole: bool) -> list[Words]:
        sampled = [device for device, spans in self._concordance.spans.items() if spans > LINES]
        left = self.summary.copies_left_out
        return [
            *([notices.pages(self.articles, pages, whole=whole)] if pages < self.articles else ()),
            *([notices.listed(pages)] if self.articles > LISTED else ()),
            *([notices.lines(LINES, [self.summary.schema.device(device) for device in sampled])] if sampled else ()),
            *([notices.texts(self._characters)] if self.articles and not self._texts else ()),
            *([notices.copies(left)] if left else ()),
        ]


def _first(groups: Mapping[str, Tally]) -> dict[str, Tally]:
    ranked = sorted(groups.items(), key=lambda item: -item[1].articles)
    return dict(ranked[:GROUPS])


def _by_source(shares: Sequence[StanceShares]) -> Chart | None:
    if not shares:
        return None
    shown = sorted(shares, key=lambda group: -group.articles)[:GROUPS]
    note = notices.by_source(len(shown), len(shares))
    return Chart(Words("By source", "按来源"), note, charts.stance_by_group(shown), shown)


def _over_time(shares: Sequence[StanceShares]) -> Chart | None:
    if len(shares) < 2:
        return None
    return Chart(Words("Over time", "随时间"), notices.OVER_TIME, charts.stance_over_time(shares), shares)
