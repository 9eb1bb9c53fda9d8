"""`stance summarize`: labelled articles, one by one and as a corpus."""

# ruff: noqa: PLC0415 - what is slow to import is imported inside the command that needs it

from __future__ import annotations

from enum import Enum
from pathlib import Path  # noqa: TC003 - typer reads the annotations
from typing import Annotated

import typer

from stance.cli.app import app, say

__all__ = ["summarize"]


class Language(str, Enum):
    """Language of a page."""

    zh = "zh"
    en = "en"


@app.command()
def summarize(  # noqa: PLR0913 - one parameter for each option
    labels: Annotated[Path, typer.Argument(metavar="LABELS", help="What `stance label` wrote.")],
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
    errors: Annotated[
        Path | None,
        typer.Option(
            help="What `stance evaluate --format json` printed: corrects the shares.", rich_help_panel="Corpus"
        ),
    ] = None,
    count_copies: Annotated[
        bool,
        typer.Option("--count-copies", help="Count wire copy as often as it was printed.", rich_help_panel="Corpus"),
    ] = False,
    language: Annotated[Language, typer.Option(help="Of pages of Markdown.", rich_help_panel="Output")] = Language.zh,
) -> None:
    """Sum up labelled articles, one by one and as a corpus."""
    from stance import summary
    from stance.formats import read_analyses

    if corpus is None and (by or errors):
        raise typer.BadParameter("--by and --errors are about the corpus: name its file with --corpus.")
    confusion = summary.StanceConfusion.load(errors) if errors else None
    whole = summary.summarize_corpus(read_analyses(labels), by or (), count_copies=count_copies)
    if corpus:
        summary.write_corpus_summary(whole, corpus, language.value, confusion=confusion)
    articles = (summary.summarize(analysis, whole) for analysis in read_analyses(labels))
    number = summary.write_summaries(articles, output, language.value)
    say(f"{output}: {number:,} article{'s' * (number != 1)} summed up.")
