"""`stance report`: labelled articles as pages to read, without any network."""

# ruff: noqa: PLC0415 - what is slow to import is imported inside the command that needs it

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - typer reads the annotations
from typing import Annotated

import typer

from stance.cli.app import CountCopies, Errors, LabelledFile, Language, app, say
from stance.cli.schema import SchemaOption, schema_of

__all__ = ["report"]


@app.command(epilog="Example: stance report labels.parquet report/")
def report(  # noqa: PLR0913 - one parameter for each option
    labels: LabelledFile,
    output: Annotated[
        Path,
        typer.Argument(metavar="OUTPUT", help="A folder, a page an article; or all in one file, if it ends in .html."),
    ],
    *,
    source: Annotated[
        str, typer.Option(help="Column that says where an article appeared.", rich_help_panel="Corpus")
    ] = "source",
    date: Annotated[
        str, typer.Option(help="Column that says when an article appeared.", rich_help_panel="Corpus")
    ] = "date",
    errors: Errors = None,
    count_copies: CountCopies = False,
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
    schema: SchemaOption = None,
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
        schema=schema_of(schema),
    )
    written = write_report(labels, output, options)
    plural = "s" * (written.articles != 1)
    say(f"{written.start}: {written.articles:,} article{plural}, {written.pages:,} with a page.")
