"""`stance label`: a corpus, part by part."""

# ruff: noqa: PLC0415 - what is slow to import is imported inside the command that needs it

from __future__ import annotations

from enum import Enum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stance.cli.app import (
    Hardware,
    HardwareOption,
    IdField,
    MaxCharacters,
    MinProbability,
    Model,
    Targets,
    TextField,
    TitleField,
    app,
    load,
    say,
)

if TYPE_CHECKING:
    from stance.runs.engine import Engine as RunEngine

__all__ = ["Engine", "label"]


class Engine(str, Enum):
    """What labels the parts of a corpus."""

    local = "local"
    ray = "ray"


Inputs = Annotated[
    list[str],
    typer.Argument(
        metavar="INPUT...", help="Files, folders or patterns: .jsonl .json .csv .tsv .parquet .txt .md .html."
    ),
]
Output = Annotated[
    Path, typer.Argument(metavar="OUTPUT", help="File to write: .jsonl, .jsonl.gz, .jsonl.zst or .parquet.")
]
MaxDecompressedBytes = Annotated[
    int, typer.Option(min=1, help="Most bytes that one packed file may unpack to.", rich_help_panel="Input")
]
PartArticles = Annotated[
    int, typer.Option(min=1, help="Rows in a part; what a kill can cost.", rich_help_panel="Output")
]
NearDuplicates = Annotated[
    float,
    typer.Option(min=0, max=1, help="Likeness that marks an article duplicate_of; 0: none.", rich_help_panel="Output"),
]
Restart = Annotated[
    bool, typer.Option("--restart", help="Begin anew, and replace the output at the end.", rich_help_panel="Output")
]
Engines = Annotated[
    Engine, typer.Option("--engine", help="This process, or a Ray cluster.", rich_help_panel="Hardware")
]
Workers = Annotated[
    int | None,
    typer.Option(min=1, help="Ray actors. Default: one a GPU, else one a core.", rich_help_panel="Hardware"),
]


@app.command(epilog="Example: stance label news.jsonl labels.parquet --target 美国")
def label(  # noqa: PLR0913 - one parameter for each option
    inputs: Inputs,
    output: Output,
    *,
    target: Targets = None,
    text_field: TextField = "text",
    id_field: IdField = "id",
    title_field: TitleField = "title",
    max_characters: MaxCharacters = 2_000_000,
    max_decompressed_bytes: MaxDecompressedBytes = 1 << 36,
    part_articles: PartArticles = 500,
    near_duplicates: NearDuplicates = 0.8,
    min_probability: MinProbability = 0.0,
    restart: Restart = False,
    model: Model = None,
    hardware: HardwareOption = Hardware.auto,
    engine: Engines = Engine.local,
    workers: Workers = None,
) -> None:
    """Label a corpus. A broken-off run goes on with the same command; rows that cannot be read are set aside."""
    from stance import runs
    from stance.formats import Fields, Limits
    from stance.terminal import run_progress

    # with Ray the actors compute; what is loaded here only tells the model's name and labels
    analyzer = load(model, hardware if engine is Engine.local else Hardware.cpu)
    try:
        with run_progress() as on_progress:
            report = runs.label(
                inputs,
                output,
                analyzer,
                targets=target,
                fields=Fields(text=text_field, id=id_field, title=title_field),
                limits=Limits(max_characters=max_characters, max_decompressed_bytes=max_decompressed_bytes),
                part_articles=part_articles,
                near_duplicates=near_duplicates or None,
                min_probability=min_probability,
                engine=None if engine is Engine.local else _ray_engine(model, hardware, workers),
                restart=restart,
                on_progress=on_progress,
            )
    except KeyboardInterrupt:
        say("stopped. The finished parts are kept: run the same command again to go on.")
        raise typer.Exit(130) from None
    for line in report.lines():
        say(line)
    raise typer.Exit(1 if report.rejected else 0)


def _ray_engine(model: str | None, hardware: Hardware, workers: int | None) -> RunEngine:
    from stance.distributed import RayEngine

    return RayEngine(partial(load, model, hardware), workers)
