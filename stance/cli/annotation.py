"""`stance export`, `import`, `review` and `agreement`: labels to and from people."""

# ruff: noqa: PLC0415 - what is slow to import is imported inside the command that needs it

from __future__ import annotations

import json
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stance.cli.app import View, app, say
from stance.cli.schema import SchemaOption, schema_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stance.annotation import Task
    from stance.schema import LabelSchema
    from stance.training.examples import LabelledArticle

__all__ = ["agreement", "export", "import_", "review"]


class Tool(str, Enum):
    """An annotation tool."""

    label_studio = "label-studio"
    doccano = "doccano"


class Offsets(str, Enum):
    """How doccano counts."""

    utf_16 = "utf-16"
    code_points = "code-points"


Labels = Annotated[Path, typer.Argument(metavar="LABELS", help="What `stance label` wrote, or labelled articles.")]
ToolOption = Annotated[Tool, typer.Option("--tool", help="The annotation tool.", rich_help_panel="Tool")]
OffsetsOption = Annotated[Offsets, typer.Option(help="How places are counted in doccano.", rich_help_panel="Tool")]
Interface = Annotated[
    Path | None, typer.Option(help="Also write Label Studio's labelling interface, .xml.", rich_help_panel="Tool")
]


@app.command()
def export(  # noqa: PLR0913 - one parameter for each option
    labels: Labels,
    output: Annotated[Path, typer.Argument(metavar="OUTPUT", help="File for the tool: .json, for doccano .jsonl.")],
    *,
    tool: ToolOption = Tool.label_studio,
    offsets: OffsetsOption = Offsets.utf_16,
    interface: Interface = None,
    schema: SchemaOption = None,
) -> None:
    """Write labelled articles as tasks for Label Studio or doccano, one paragraph each."""
    from stance import annotation
    from stance.formats import read_analyses

    scheme = schema_of(schema)
    if annotation.is_of_a_model(labels):
        analyses = list(read_analyses(labels))
        tasks = [t for a in analyses for t in annotation.tasks_of(annotation.labelled_of(a, scheme), a)]
    else:
        tasks = [t for article in annotation.read_labels(labels, scheme) for t in annotation.tasks_of(article)]
    _write(tasks, output, tool, offsets, interface, scheme)


@app.command()
def review(  # noqa: PLR0913 - one parameter for each option
    labels: Annotated[Path, typer.Argument(metavar="LABELS", help="What `stance label` wrote.")],
    output: Annotated[Path, typer.Argument(metavar="OUTPUT", help="File for the tool: .json, for doccano .jsonl.")],
    *,
    number: Annotated[int, typer.Option("--number", "-n", min=1, help="Paragraphs.", rich_help_panel="Choice")] = 100,
    by_lot: Annotated[
        float, typer.Option(min=0, max=1, help="Share that is drawn by lot.", rich_help_panel="Choice")
    ] = 0.2,
    most_per_article: Annotated[
        int, typer.Option(min=1, help="Paragraphs from one article, the lot aside.", rich_help_panel="Choice")
    ] = 5,
    seed: Annotated[int, typer.Option(help="Of the lot.", rich_help_panel="Choice")] = 0,
    tool: ToolOption = Tool.label_studio,
    offsets: OffsetsOption = Offsets.utf_16,
    interface: Interface = None,
    schema: SchemaOption = None,
) -> None:
    """Pick the paragraphs most worth a human look, as tasks for Label Studio or doccano."""
    from stance import annotation
    from stance.formats import read_analyses

    scheme = schema_of(schema)
    chosen = annotation.choose(
        read_analyses(labels), scheme, number, share_by_lot=by_lot, most_per_article=most_per_article, seed=seed
    )
    _write([choice.task for choice in chosen], output, tool, offsets, interface, scheme)
    drawn = sum(choice.drawn for choice in chosen)
    errors = sum(choice.expected_errors for choice in chosen)
    say(f"{len(chosen) - drawn} with the most doubtful labels, {drawn} by lot; {errors:.0f} wrong labels expected.")


@app.command("import")
def import_(  # noqa: PLR0913 - one parameter for each option
    exported: Annotated[Path, typer.Argument(metavar="EXPORT", help="What the tool exported: JSON, doccano JSONL.")],
    output: Annotated[Path, typer.Argument(metavar="OUTPUT", help="Labelled articles to write: .jsonl.")],
    *,
    labels: Annotated[
        Path | None,
        typer.Option(
            help="What the tasks were exported from: gives whole articles, in which paragraphs that nobody annotated "
            "keep their labels. Default: articles of the annotated paragraphs alone.",
            rich_help_panel="Input",
        ),
    ] = None,
    annotator: Annotated[
        str, typer.Option(help="Id or e-mail of one annotator of Label Studio.", rich_help_panel="Input")
    ] = "",
    tool: ToolOption = Tool.label_studio,
    offsets: OffsetsOption = Offsets.utf_16,
    schema: SchemaOption = None,
) -> None:
    """Turn what annotators made into labelled articles, for `stance train` and `stance evaluate`."""
    from stance import annotation
    from stance.training.examples import write_labelled

    scheme = schema_of(schema)
    if tool is Tool.doccano:
        tasks = annotation.read_doccano(exported, scheme, offsets.value)
    else:
        found = annotation.read_label_studio(exported, scheme, annotator=annotator)
        tasks = found.tasks
        if found.unannotated or found.several:
            say(f"{found.unannotated} tasks not annotated, left out; {found.several} annotated more than once.")
    whole: list[LabelledArticle] = annotation.read_labels(labels, scheme) if labels else []
    articles = annotation.articles_of(tasks, scheme, whole)
    write_labelled(output, articles, scheme)
    say(f"{output}: {len(articles)} articles with {len(tasks)} annotated paragraphs.")


@app.command()
def agreement(
    first: Annotated[Path, typer.Argument(metavar="FIRST", help="Labels of any kind: of people or of a model.")],
    second: Annotated[Path, typer.Argument(metavar="SECOND", help="Other labels of the same articles.")],
    *,
    schema: SchemaOption = None,
    view: Annotated[View, typer.Option("--format", help="Text, or JSON.", rich_help_panel="Output")] = View.text,
) -> None:
    """Measure how far two labellings agree: kappa and alpha of stances, F1 of spans."""
    from stance import annotation

    scheme = schema_of(schema)
    ours, theirs = (annotation.read_labels(path, scheme) for path in (first, second))
    found = annotation.agreement(ours, theirs, scheme)
    typer.echo(json.dumps(found.to_dict(), ensure_ascii=False, indent=2) if view is View.json else found.to_text())


def _write(  # noqa: PLR0913, PLR0917 - what the commands share
    tasks: Sequence[Task], output: Path, tool: Tool, offsets: Offsets, interface: Path | None, scheme: LabelSchema
) -> None:
    from stance import annotation

    if tool is Tool.doccano:
        annotation.write_doccano(tasks, output, scheme, offsets.value)
    else:
        annotation.write_label_studio(tasks, output, scheme)
    say(f"{output}: {len(tasks)} paragraphs.")
    if interface:
        interface.write_text(annotation.interface(scheme), encoding="utf-8")
        say(f"{interface}: paste it into the project under Settings, Labeling Interface, Code.")
