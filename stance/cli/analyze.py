"""`stance analyze`: one article in the terminal."""

# ruff: noqa: PLC0415 - what is slow to import is imported inside the command that needs it

from __future__ import annotations

import sys
from enum import Enum
from itertools import islice
from typing import TYPE_CHECKING, Annotated

import typer

from stance.cli.app import (
    Hardware,
    HardwareOption,
    IdField,
    Language,
    MaxCharacters,
    MinProbability,
    Model,
    Targets,
    TextField,
    TitleField,
    app,
    load,
)
from stance.errors import InputError

if TYPE_CHECKING:
    from stance.formats import Fields, Limits
    from stance.results import Article, ArticleAnalysis
    from stance.schema import LabelSchema

__all__ = ["analyze"]


class ArticleView(str, Enum):
    """How an article is shown."""

    text = "text"
    json = "json"
    markdown = "markdown"
    html = "html"


@app.command(epilog="Example: stance analyze article.txt --target 美国 --target 中国")
def analyze(  # noqa: PLR0913 - one parameter for each option
    file: Annotated[
        str, typer.Argument(metavar="FILE", help="Text, Markdown, HTML or JSON of one article; - for standard input.")
    ],
    *,
    target: Targets = None,
    view: Annotated[
        ArticleView,
        typer.Option("--format", help="Coloured text, JSON, or a page to read.", rich_help_panel="Output"),
    ] = ArticleView.text,
    language: Annotated[
        Language, typer.Option(help="Of the summary and the pages.", rich_help_panel="Output")
    ] = Language.zh,
    min_probability: MinProbability = 0.0,
    model: Model = None,
    hardware: HardwareOption = Hardware.auto,
    text_field: TextField = "text",
    id_field: IdField = "id",
    title_field: TitleField = "title",
    max_characters: MaxCharacters = 2_000_000,
) -> None:
    """Show the stances and devices in one article."""
    from stance.formats import Fields, Limits

    fields = Fields(text=text_field, id=id_field, title=title_field)
    article = _one_article(file, fields, Limits(max_characters=max_characters))
    analyzer = load(model, hardware)
    analysis = analyzer.analyze(article, target).with_min_probability(min_probability)
    _show(analysis, analyzer.schema, view, language.value)


def _show(analysis: ArticleAnalysis, schema: LabelSchema, view: ArticleView, language: str) -> None:
    if view is ArticleView.json:
        from stance.terminal import printable_json

        typer.echo(printable_json(analysis.to_dict()))
    elif view is ArticleView.html:
        from stance.report import article_page

        typer.echo(article_page(analysis, language, schema), nl=False)
    elif view is ArticleView.markdown:
        from stance.report import article_markdown

        typer.echo(article_markdown(analysis, language, schema), nl=False)
    else:
        from rich.console import Console

        from stance.summary import summarize
        from stance.terminal import print_analysis

        summary = summarize(analysis, schema=schema)
        print_analysis(analysis, Console(), schema, summary.chinese if language == "zh" else summary.english)


def _one_article(file: str, fields: Fields, limits: Limits) -> Article:
    from stance.formats import ArticleReader, Rejected, article_from_bytes

    if file == "-":
        data = sys.stdin.buffer.read(limits.max_row_bytes)
        kind = "html" if data.lstrip()[:9].lower().startswith((b"<!doctype", b"<html")) else "text"
        return article_from_bytes(data, kind, id="stdin", where="standard input", limits=limits)
    rows = list(islice(ArticleReader([file], fields=fields, limits=limits), 2))
    if isinstance(rows[0], Rejected):
        raise InputError(rows[0].message)
    if len(rows) > 1:
        raise InputError(f"{file}: expected one article, found more. Label them with `stance label {file} OUTPUT`.")
    return rows[0].article
