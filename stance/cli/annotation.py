"""`stance export`, `import`, `review` and `agreement`: labels to and from people."""

# ruff: noqa: PLC0415 - what is slow to import is imported inside the command that needs it

from __future__ import annotations

import json
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stance.cli.app import LabelledFile, View, app, say
from stance.cli.schema import schema_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from stance.annotation import Task
    from stance.results import ArticleAnalysis
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
TaskFile = Annotated[Path, typer.Argument(metavar="OUTPUT", help="File for the tool: .json, for doccano .jsonl.")]
ToolOption = Annotated[
    Tool | None,
    typer.Option(
        "--tool", help="The annotation tool. Default: doccano for .jsonl, else Label Studio.", rich_help_panel="Tool"
    ),
]
OffsetsOption = Annotated[Offsets, typer.Option(help="How places are counted in doccano.", rich_help_panel="Tool")]
Interface = Annotated[
    Path | None, typer.Option(help="Also write Label Studio's labelling interface, .xml.", rich_help_panel="Tool")
]
Scheme = Annotated[
    Path | None,
    typer.Option(
        "--schema",
        help="Label scheme: a file of `stance new-schema`, or a model folder. Devices of a model that it does not "
        "have are left out. Default: the shipped scheme.",
        rich_help_panel="Model",
    ),
]


@app.command(epilog="Example: stance export labels.jsonl tasks.json --interface interface.xml")
def export(  # noqa: PLR0913 - one parameter for each option
    labels: Labels,
    output: TaskFile,
    *,
    tool: ToolOption = None,
    offsets: OffsetsOption = Offsets.utf_16,
    interface: Interface = None,
    schema: Scheme = None,
) -> None:
    """Write labelled articles as tasks for Label Studio or doccano, one paragraph each."""
    from stance import annotation

    scheme = schema_of(schema)
    if annotation.is_of_a_model(labels):
        tasks = [
            t for a in _analyses(labels, schema) for t in annotation.tasks_of(annotation.labelled_of(a, scheme), a)
        ]
    else:
        tasks = [t for article in annotation.read_labels(labels, scheme) for t in annotation.tasks_of(article)]
    _write(tasks, output, tool, offsets, interface, scheme)


@app.command(epilog="Example: stance review labels.jsonl tasks.json --number 100")
def review(  # noqa: PLR0913 - one parameter for each option
    labels: LabelledFile,
    output: TaskFile,
    *,
    number: Annotated[int, typer.Option("--number", "-n", min=1, help="Paragraphs.", rich_help_panel="Choice")] = 100,
    by_lot: Annotated[
        float, typer.Option(min=0, max=1, help="Share that is drawn by lot.", rich_help_panel="Choice")
    ] = 0.2,
    most_per_article: Annotated[
        int, typer.Option(min=1, help="Paragraphs from one article, the lot aside.", rich_help_panel="Choice")
    ] = 5,
    seed: Annotated[int, typer.Option(help="Of the lot.", rich_help_panel="Choice")] = 0,
    tool: ToolOption = None,
    offsets: OffsetsOption = Offsets.utf_16,
    interface: Interface = None,
    schema: Scheme = None,
) -> None:
    """Pick the paragraphs most worth a human look, as tasks for Label Studio or doccano."""
    from stance import annotation

    scheme = schema_of(schema)
    chosen = annotation.choose(
        _analyses(labels, schema), scheme, number, share_by_lot=by_lot, most_per_article=most_per_article, seed=seed
    )
    _write([choice.task for choice in chosen], output, tool, offsets, interface, scheme)
    drawn = sum(choice.drawn for choice in chosen)
    errors = sum(choice.expected_errors for choice in chosen)
    say(f"{len(chosen) - drawn} with the most doubtful labels, {drawn} by lot; {errors:.0f} wrong labels expected.")


@app.command("import", epilog="Example: stance import export.json mine.jsonl --labels labels.jsonl")
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
    tool: ToolOption = None,
    offsets: OffsetsOption = Offsets.utf_16,
    schema: Scheme = None,
) -> None:
    """Turn what annotators made into labelled articles, for `stance train` and `stance evaluate`."""
    from stance import annotation
    from stance.training.examples import write_labelled

    scheme = schema_of(schema)
    if _tool(tool, exported) is Tool.doccano:
        tasks = annotation.read_doccano(exported, scheme, offsets.value)
    else:
        found = annotation.read_label_studio(exported, scheme, annotator=annotator)
        tasks = found.tasks
        if found.unannotated or found.several:
            say(f"{found.unannotated} tasks not annotated, left out; {found.several} annotated more than once.")
    whole: list[LabelledArticle] = annotation.read_labels(labels, scheme, narrow=schema is not None) if labels else []
    articles = annotation.articles_of(tasks, scheme, whole)
    write_labelled(output, articles, scheme)
    say(f"{output}: {len(articles)} articles with {len(tasks)} annotated paragraphs.")


@app.command(epilog="Example: stance agreement anna.jsonl ben.jsonl")
def agreement(
    first: Annotated[Path, typer.Argument(metavar="FIRST", help="Labels of any kind: of people or of a model.")],
    second: Annotated[Path, typer.Argument(metavar="SECOND", help="Other labels of the same articles.")],
    *,
    schema: Scheme = None,
    view: Annotated[View, typer.Option("--format", help="Text, or JSON.", rich_help_panel="Output")] = View.text,
) -> None:
    """Measure how far two labellings agree: kappa and alpha of stances, F1 of spans."""
    from stance import annotation

    scheme = schema_of(schema)
    ours, theirs = (annotation.read_labels(path, scheme, narrow=schema is not None) for path in (first, second))
    found = annotation.agreement(ours, theirs, scheme)
    typer.echo(json.dumps(found.to_dict(), ensure_ascii=False, indent=2) if view is View.json else found.to_text())


def _analyses(labels: Path, schema: Path | None) -> Iterable[ArticleAnalysis]:
    """What a model found; where the user names a scheme, without the devices that it does not have."""
    from stance.annotation import within
    from stance.formats import read_analyses

    analyses = read_analyses(labels)
    if schema is None:
        return analyses
    scheme = schema_of(schema)
    return (within(analysis, scheme) for analysis in analyses)


def _tool(tool: Tool | None, path: Path) -> Tool:
    """The tool that is named, or else that of files with such a name."""
    return tool or (Tool.doccano if path.suffix.lower() == ".jsonl" else Tool.label_studio)


def _write(  # noqa: PLR0913, PLR0917 - what the commands share
    tasks: Sequence[Task],
    output: Path,
    tool: Tool | None,
    offsets: Offsets,
    interface: Path | None,
    scheme: LabelSchema,
) -> None:
    from stance import annotation

    if _tool(tool, output) is Tool.doccano:
        annotation.write_doccano(tasks, output, scheme, offsets.value)
    else:
        annotation.write_label_studio(tasks, output, scheme)
    say(f"{output}: {len(tasks)} paragraphs.")
    if _tool(tool, output) is Tool.doccano and (nested := annotation.overlapping(tasks)):
        say(
            f"{nested} spans begin within another one: import into a project Sequence Labeling with Allow overlapping "
            "spans on, or doccano drops them."
        )
    if interface:
        interface.write_text(annotation.interface(scheme), encoding="utf-8")
        say(f"{interface}: paste it into the project under Settings, Labeling Interface, Code.")
