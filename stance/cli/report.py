"""`stance report`: labelled articles as pages to read, without any network."""

# ruff: noqa: PLC0415 - what is slow to import is imported inside the command that needs it

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - typer reads the annotations
from typing import Annotated

import typer

from stance.cli.app import app, say
from stance.cli.summarize import Language

__all__ = ["report"]


@app.command()
def report(  # noqa: PLR0913 - one parameter for each option
    labels: Annotated[Path, typer.Argument(metavar="LABELS", help="What `stance label` wrote.")],
    output: Annotated[
        Path,
        typer.Argument(metavar="OUTPUT", help="A folder, a page an article; or all in one file, if it ends in .html."),
    ],
    *,
    source: Annotated[
        str, typer.Option(help="Column that says where an article appeared.", rich_help_panel="Input")
    ] = "source",
    date: Annotated[
        str, typer.Option(help="Column that says when an article appeared.", rich_help_panel="Input")
    ] = "date",
    errors: Annotated[
        Path | None,
        typer.Option(
            help="What `stance evaluate --format json` printed: corrects the shares.", rich_help_panel="Input"
        ),
    ] = None,
    count_copies: Annotated[
        bool,
        typer.Option("--count-copies", help="Count wire copy as often as it was printed.", rich_help_panel="Input"),
    ] = False,
    pages: Annotated[
        int | None,
        typer.Option(
            min=0,
            help="Most articles with a page; of more, so many are drawn by lot. Default: 5000, in one file 1000.",
            rich_help_panel="Output",
        ),
    ] = None,
    language: Annotated[
        Language, typer.Option(help="In which pages open; the reader can switch.", rich_help_panel="Output")
    ] = Language.zh,
) -> None:
    """Make an offline report: articles with highlights, charts of the corpus, a concordance."""
    from stance.report import ReportOptions, write_report
    from stance.summary import StanceConfusion

    options = ReportOptions(
        source=source,
        date=date,
        language=language.value,
        pages=pages,
        count_copies=count_copies,
        confusion=StanceConfusion.load(errors) if errors else None,
    )
    written = write_report(labels, output, options)
    plural = "s" * (written.articles != 1)
    say(f"{written.start}: {written.articles:,} article{plural}, {written.pages:,} with a page.")
