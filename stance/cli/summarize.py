"""`stance summarize`: labelled articles, one by one and as a corpus."""

# ruff: noqa: PLC0415 - what is slow to import is imported inside the command that needs it

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - typer reads the annotations
from typing import Annotated

import typer

from stance.cli.app import CountCopies, Errors, LabelledFile, Language, app, say
from stance.cli.schema import SchemaOption, schema_of

__all__ = ["summarize"]


@app.command(epilog="Example: stance summarize labels.parquet summaries.jsonl --corpus corpus.md --by source")
def summarize(  # noqa: PLR0913 - one parameter for each option
    labels: LabelledFile,
    output: Annotated[
        Path, typer.Argument(metavar="OUTPUT", help="Summaries of the articles: .jsonl, .md or .parquet.")
    ],
    *,
    corpus: Annotated[
        Path | None, typer.Option(help="Summary of the corpus: .json, .md or .parquet.", rich_help_panel="Corpus")
    ] = None,
    by: Annotated[
        list[str] | None,
        typer.Option(
            help="Column to tell apart, once for each; dates as date:year, date:month or date:day.",
            rich_help_panel="Corpus",
        ),
    ] = None,
    errors: Errors = None,
    count_copies: CountCopies = False,
    language: Annotated[Language, typer.Option(help="Of pages of Markdown.", rich_help_panel="Output")] = Language.zh,
    schema: SchemaOption = None,
) -> None:
    """Sum up labelled articles, one by one and as a corpus."""
    from stance import summary
    from stance.formats import read_analyses

    if corpus is None and (by or errors):
        raise typer.BadParameter("--by and --errors are about the corpus: name its file with --corpus.")
    confusion = summary.StanceConfusion.load(errors) if errors else None
    scheme = schema_of(schema)
    whole = summary.summarize_corpus(read_analyses(labels), by or (), count_copies=count_copies, schema=scheme)
    if corpus:
        summary.write_corpus_summary(whole, corpus, language.value, confusion=confusion)
    articles = (summary.summarize(analysis, whole, scheme) for analysis in read_analyses(labels))
    number = summary.write_summaries(articles, output, language.value)
    say(f"{output}: {number:,} article{'s' * (number != 1)} summed up.")
