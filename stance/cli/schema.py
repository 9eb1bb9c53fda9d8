"""`stance labels` and `stance new-schema`: the label scheme, and one to begin with."""

# ruff: noqa: PLC0415 - what is slow to import is imported inside the command that needs it

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stance.cli.app import app, say
from stance.errors import InputError

if TYPE_CHECKING:
    from stance.schema import LabelSchema

__all__ = ["SchemaOption", "labels", "new_schema", "schema_of"]

SchemaOption = Annotated[
    Path | None,
    typer.Option(
        help="Label scheme: a file of `stance new-schema`, or a model folder. Default: the shipped scheme.",
        rich_help_panel="Model",
    ),
]


@app.command("new-schema", epilog="Example: stance new-schema labels.yaml --device metaphor --device irony")
def new_schema(
    output: Annotated[Path, typer.Argument(metavar="OUTPUT", help="File to write: .yaml.")],
    *,
    device: Annotated[
        list[str] | None, typer.Option(help="Device to begin with; once for each. Default: all of the shipped scheme.")
    ] = None,
) -> None:
    """Write a commented label scheme to change: ids, names, definitions, examples."""
    from stance.schema import DEFAULT_SCHEMA, LabelSchema

    if output.suffix.lower() not in (".yaml", ".yml"):
        raise InputError(f"{output}: expected a name that ends in .yaml.")
    if output.exists():
        raise InputError(f"{output}: there is such a file already. Name another, so that your changes are not lost.")
    chosen = DEFAULT_SCHEMA.devices if not device else tuple(map(DEFAULT_SCHEMA.device, dict.fromkeys(device)))
    LabelSchema(DEFAULT_SCHEMA.stances, chosen).save(output)
    say(f"{output}: {len(chosen)} devices. Change it, then: stance train --schema {output} …")


@app.command(epilog="Example: stance labels --schema labels.yaml")
def labels(*, schema: SchemaOption = None) -> None:
    """Show the labels with their definitions and examples, in Markdown."""
    from stance.schema import as_markdown

    typer.echo(as_markdown(schema_of(schema)))


def schema_of(path: Path | None) -> LabelSchema:
    """The scheme that the option names."""
    from stance.schema import DEFAULT_SCHEMA, LabelSchema

    if path is None:
        return DEFAULT_SCHEMA
    return LabelSchema.load(path / "schema.json" if path.is_dir() else path)
