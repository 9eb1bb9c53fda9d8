"""`stance label`: a corpus, part by part."""

# ruff: noqa: PLC0415 - what is slow to import is imported inside the command that needs it

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - typer reads the annotations
from typing import Annotated

import typer

from stance.cli.app import (
    Hardware,
    HardwareOption,
    IdField,
    MaxCharacters,
    Model,
    Targets,
    TextField,
    TitleField,
    app,
    load,
    say,
)

__all__ = ["label"]


@app.command()
def label(  # noqa: PLR0913 - one parameter for each option
    inputs: Annotated[
        list[str],
        typer.Argument(
            metavar="INPUT...", help="Files, folders or patterns: .jsonl .json .csv .tsv .parquet .txt .md .html."
        ),
    ],
    output: Annotated[
        Path, typer.Argument(metavar="OUTPUT", help="File to write: .jsonl, .jsonl.gz, .jsonl.zst or .parquet.")
    ],
    *,
    target: Targets = None,
    text_field: TextField = "text",
    id_field: IdField = "id",
    title_field: TitleField = "title",
    max_characters: MaxCharacters = 2_000_000,
    part_articles: Annotated[
        int, typer.Option(min=1, help="Rows in a part; what a kill can cost.", rich_help_panel="Output")
    ] = 500,
    restart: Annotated[
        bool, typer.Option("--restart", help="Begin anew, and replace the output at the end.", rich_help_panel="Output")
    ] = False,
    model: Model = None,
    hardware: HardwareOption = Hardware.auto,
) -> None:
    """Label a corpus. A broken-off run goes on with the same command; rows that cannot be read are set aside."""
    from stance import runs
    from stance.formats import Fields, Limits
    from stance.terminal import run_progress

    analyzer = load(model, hardware)
    try:
        with run_progress() as on_progress:
            report = runs.label(
                inputs,
                output,
                analyzer,
                targets=target,
                fields=Fields(text=text_field, id=id_field, title=title_field),
                limits=Limits(max_characters=max_characters),
                part_articles=part_articles,
                restart=restart,
                on_progress=on_progress,
            )
    except KeyboardInterrupt:
        say("stopped. The finished parts are kept: run the same command again to go on.")
        raise typer.Exit(130) from None
    for line in report.lines():
        say(line)
    raise typer.Exit(1 if report.rejected else 0)
