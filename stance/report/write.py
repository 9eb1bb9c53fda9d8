"""Reports to files: one page of an article, a folder of pages with an index, or a corpus in one file."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from stance.errors import InputError
from stance.formats import read_analyses
from stance.formats.atomic import atomic_file
from stance.report import charts
from stance.report.article import article_view
from stance.report.corpus import Gathering
from stance.report.pages import Assets, render, script, style_sheet
from stance.report.palette import device_styles
from stance.schema import DEFAULT_SCHEMA
from stance.summary import summarize

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from stance.report.article import ArticleView
    from stance.results import ArticleAnalysis
    from stance.schema import LabelSchema
    from stance.summary import CorpusSummary, StanceConfusion

__all__ = ["PAGES_IN_FILE", "PAGES_IN_FOLDER", "ReportOptions", "Written", "article_page", "write_report"]

PAGES_IN_FILE, PAGES_IN_FOLDER = 1_000, 5_000
"""Articles with a page of their own, where nothing else is asked for; of more, so many are drawn by lot."""
_PAGE = re.compile(r"\d{5,}\.html")


@dataclass(frozen=True, slots=True)
class ReportOptions:
    """How a report is made.

    Attributes:
        source, date: further columns that hold where and when an article appeared.
        language: in which the page opens, `zh` or `en`; the reader can switch.
        pages: articles with a page of their own; None for `PAGES_IN_FILE` or `PAGES_IN_FOLDER`.
        count_copies: whether a story counts as often as it was printed, not once.
        confusion: the model's known errors, to correct the shares of stances.
        schema: the labels of the model.
    """

    source: str = "source"
    date: str = "date"
    language: str = "zh"
    pages: int | None = None
    count_copies: bool = False
    confusion: StanceConfusion | None = None
    schema: LabelSchema = DEFAULT_SCHEMA

    def __post_init__(self) -> None:
        if self.language not in ("zh", "en"):
            raise ValueError(f"ReportOptions.language must be zh or en, found {self.language!r}.")
        if self.pages is not None and self.pages < 0:
            raise ValueError(f"ReportOptions.pages must be at least 0, found {self.pages}.")


@dataclass(frozen=True, slots=True)
class Written:
    """What a report came to: where to begin to read, articles counted, and how many of them have a page."""

    start: Path
    articles: int
    pages: int


def article_page(analysis: ArticleAnalysis, language: str = "zh", schema: LabelSchema = DEFAULT_SCHEMA) -> str:
    """The page of one article, in one file that needs nothing else.

    Raises:
        SchemaError: the analysis names a stance or device that the schema does not know.
    """
    return _article(article_view(analysis, summarize(analysis, schema=schema)), Assets(schema), language)


def write_report(labels: str | Path, output: str | Path, options: ReportOptions | None = None) -> Written:
    """Write the report of labelled articles; no page of it ever asks the network for anything.

    Args:
        labels: what `stance label` wrote; read twice.
        output: a file `.html` (the page of the one article, or a corpus with its articles), or else a folder, with an
            `index.html` and a page an article.
        options: how it is made.

    Raises:
        InputError: the labels cannot be read, or the folder holds something other than a report.
        RunError: the libraries that draw charts are missing.
        SchemaError: an article names a stance or device that the schema does not know.
        OSError: the disk is full or may not be written.
    """
    options, output = options or ReportOptions(), Path(output)
    in_file = output.suffix.lower() in (".html", ".htm")
    if not in_file:
        _check_folder(output)
    gathering = Gathering.begin(options.source, options.date, options.schema, count_copies=options.count_copies)
    for analysis in read_analyses(labels):
        gathering.add(analysis)
    if not gathering.articles:
        raise InputError(f"{labels}: expected a labelled article or more, found none. Make some with `stance label`.")
    if in_file and gathering.articles == 1:
        (analysis,) = read_analyses(labels)
        _write(output, article_page(analysis, options.language, options.schema))
        return Written(output, 1, 1)
    charts.check_charts()
    chosen = _choose(gathering.articles, options.pages, PAGES_IN_FILE if in_file else PAGES_IN_FOLDER)
    write = _corpus_file if in_file else _folder
    return write(labels, output, options, gathering, chosen)


def _choose(articles: int, asked: int | None, usual: int) -> list[int]:
    """The numbers of the articles that get a page: all, or a sample that is the same each time."""
    most = usual if asked is None else asked
    return (
        list(range(articles)) if articles <= most else sorted(random.Random(0).sample(range(articles), most))
    )  # no secret


def _corpus_file(
    labels: str | Path, output: Path, options: ReportOptions, gathering: Gathering, chosen: Sequence[int]
) -> Written:
    bodies = [
        (number, render("article_body.html", **_article_values(view)))
        for number, view in _views(labels, chosen, gathering.summary, options.schema)
    ]
    _write(output, _corpus(gathering, chosen, Assets(options.schema), options, bodies))
    return Written(output, gathering.articles, len(chosen))


def _folder(
    labels: str | Path, output: Path, options: ReportOptions, gathering: Gathering, chosen: Sequence[int]
) -> Written:
    articles, assets = output / "articles", output / "assets"
    for folder in (articles, assets):
        folder.mkdir(parents=True, exist_ok=True)
    for page in articles.iterdir():
        if _PAGE.fullmatch(page.name):
            page.unlink()
    (assets / "report.css").write_text(style_sheet(options.schema), encoding="utf-8")
    (assets / "report.js").write_text(script(), encoding="utf-8")
    own = Assets(options.schema, "../assets")
    for number, view in _views(labels, chosen, gathering.summary, options.schema):
        (articles / f"{number + 1:05}.html").write_text(_article(view, own, options.language), encoding="utf-8")
    _write(output / "index.html", _corpus(gathering, chosen, Assets(options.schema, "assets"), options, []))
    return Written(output / "index.html", gathering.articles, len(chosen))


def _views(
    labels: str | Path, chosen: Sequence[int], corpus: CorpusSummary, schema: LabelSchema
) -> Iterator[tuple[int, ArticleView]]:
    wanted = set(chosen)
    for number, analysis in enumerate(read_analyses(labels)):
        if number in wanted:
            yield number, article_view(analysis, summarize(analysis, corpus, schema))


def _article(view: ArticleView, assets: Assets, language: str) -> str:
    return render("article.html", assets=assets, language=language, **_article_values(view))


def _article_values(view: ArticleView) -> dict[str, object]:
    order = {device: place for place, device in enumerate(view.styles)}
    rows = [
        [order[mark.device], round(mark.paragraph_probability, 3), round(mark.probability, 3)] for mark in view.marks
    ]
    return {"view": view, "mark_rows": rows}


def _corpus(
    gathering: Gathering,
    chosen: Sequence[int],
    assets: Assets,
    options: ReportOptions,
    bodies: Sequence[tuple[int, str]],
) -> str:
    whole = assets.folder is None
    view = gathering.view(chosen, whole=whole, confusion=options.confusion)
    return render(
        "corpus.html",
        corpus=view,
        assets=assets,
        language=options.language,
        schema=options.schema,
        styles=device_styles(options.schema),
        bodies=bodies,
    )


def _check_folder(folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder}: expected a folder or a name that ends in .html; found another file.")
    is_report = (folder / "assets" / "report.js").is_file()
    if folder.is_dir() and any(folder.iterdir()) and not is_report:
        raise InputError(f"{folder}: expected a new folder, or a report to replace; found other files. Name another.")


def _write(path: Path, page: str) -> None:
    with atomic_file(path) as file:
        file.write(page.encode("utf-8"))
