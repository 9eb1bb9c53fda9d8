"""`stance train` and `stance evaluate`."""

# ruff: noqa: PLC0415 - what is slow to import is imported inside the command that needs it

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from stance.cli.app import View, app, require, say
from stance.cli.schema import SchemaOption, schema_of

__all__ = ["evaluate", "train"]


Data = Annotated[
    list[Path], typer.Option(help="Labelled articles to learn from; once for each file.", rich_help_panel="Input")
]
Dev = Annotated[
    list[Path] | None,
    typer.Option(
        help="Labelled articles to calibrate on; once for each file. Default: a tenth of --data is held out.",
        rich_help_panel="Input",
    ),
]
HeldOut = Annotated[
    float, typer.Option(min=0.01, max=0.9, help="Share held out where there is no --dev.", rich_help_panel="Input")
]
Auxiliary = Annotated[
    list[Path] | None,
    typer.Option(help="Further labelled articles, sampled; once for each file.", rich_help_panel="Input"),
]
AuxiliaryShare = Annotated[
    float, typer.Option(min=0, help="Sampled auxiliary windows for each main window.", rich_help_panel="Input")
]


@app.command(epilog="Example: stance train --data labelled.jsonl --encoder FOLDER --output my-model")
def train(  # noqa: PLR0913 - one parameter for each option
    *,
    data: Data,
    dev: Dev = None,
    held_out: HeldOut = 0.1,
    auxiliary: Auxiliary = None,
    auxiliary_share: AuxiliaryShare = 0.5,
    encoder: Annotated[
        str, typer.Option(help="Folder or hub id of the encoder to start from.", rich_help_panel="Model")
    ],
    cues: Annotated[
        Path | None,
        typer.Option(help="List of set expressions and their devices, such as data/cues.tsv.", rich_help_panel="Model"),
    ] = None,
    output: Annotated[Path, typer.Option(help="Folder for the model.", rich_help_panel="Output")],
    name: Annotated[str, typer.Option(help="Name of the model in results.", rich_help_panel="Output")] = "stance",
    epochs: Annotated[int, typer.Option(min=1, help="Passes over the data.", rich_help_panel="Model")] = 4,
    patience: Annotated[
        int,
        typer.Option(
            min=0,
            help="Stop after so many epochs without a lower loss on unseen articles; 0 trains on.",
            rich_help_panel="Model",
        ),
    ] = 0,
    rate: Annotated[float, typer.Option(help="Peak learning rate of the encoder.", rich_help_panel="Model")] = 2e-4,
    seed: Annotated[int, typer.Option(help="Seed of all chance.", rich_help_panel="Model")] = 1,
    schema: SchemaOption = None,
) -> None:
    """Train a model."""
    require("train", "accelerate", "datasets")
    from stance.training.train import TrainConfig
    from stance.training.train import train as train_model

    train_model(
        TrainConfig(
            encoder=encoder,
            data=tuple(map(str, data)),
            dev=tuple(map(str, dev or ())),
            auxiliary=tuple(map(str, auxiliary or ())),
            held_out=held_out,
            auxiliary_share=auxiliary_share,
            cues=str(cues or ""),
            output=str(output),
            name=name,
            epochs=epochs,
            patience=patience,
            rate=rate,
            seed=seed,
        ),
        schema_of(schema),
    )


@app.command(epilog="Example: stance evaluate my-model test.jsonl --report quality.html")
def evaluate(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="Model folder.")],
    data: Annotated[Path, typer.Argument(metavar="DATA", help="Labelled articles.")],
    *,
    report: Annotated[
        Path | None,
        typer.Option(
            help="Write a quality report: a file .md or .html, or a folder for both and the counts.",
            rich_help_panel="Output",
        ),
    ] = None,
    ceiling: Annotated[
        Path | None,
        typer.Option(
            help="JSON with the scores of careful readers, shown beside the model's in the report.",
            rich_help_panel="Input",
        ),
    ] = None,
    view: Annotated[View, typer.Option("--format", help="Text, or JSON.", rich_help_panel="Output")] = View.text,
) -> None:
    """Measure a model on labelled articles."""
    from stance.training.evaluate import evaluate as evaluate_model
    from stance.training.quality import Ceiling, check_report_path, write_quality_report

    if report is not None:
        check_report_path(report)
    readers = None if ceiling is None else Ceiling.read(ceiling)
    found = evaluate_model(model, data)
    if view is View.json:
        typer.echo(json.dumps(found.to_dict(), ensure_ascii=False, indent=2))
    else:
        typer.echo(found.to_text())
    if report is not None:
        for path in write_quality_report(found, report, readers):
            say(f"{path} written")
