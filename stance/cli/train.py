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


Swaps = Annotated[
    float,
    typer.Option(
        min=0, max=1, help="Share of articles read with names exchanged for others.", rich_help_panel="Training"
    ),
]
Encoder = Annotated[
    str,
    typer.Option(
        help="Folder or hub id of the encoder to start from; or a model folder, to train it further.",
        rich_help_panel="Model",
    ),
]
Cues = Annotated[
    Path | None,
    typer.Option(
        help="List of set expressions and their devices, such as data/cues.tsv. Default: a model folder's own.",
        rich_help_panel="Model",
    ),
]
WindowTokens = Annotated[int, typer.Option(min=64, help="Longest window of text, in tokens.", rich_help_panel="Model")]
Epochs = Annotated[int, typer.Option(min=1, help="Passes over the data.", rich_help_panel="Training")]
Patience = Annotated[
    int,
    typer.Option(
        min=0,
        help="Stop after so many epochs without a lower loss on unseen articles; 0 trains on.",
        rich_help_panel="Training",
    ),
]
BatchWindows = Annotated[int, typer.Option(min=1, help="Windows in a batch.", rich_help_panel="Training")]
Rate = Annotated[
    float,
    typer.Option(
        min=0,
        help="Peak learning rate of the encoder; 1e-3 for one as small as the shipped model's.",
        rich_help_panel="Training",
    ),
]
HeadRate = Annotated[float, typer.Option(min=0, help="Peak learning rate of the heads.", rich_help_panel="Training")]
Dropout = Annotated[
    float,
    typer.Option(min=0, max=0.9, help="Share of features dropped in the encoder.", rich_help_panel="Training"),
]
Seed = Annotated[int, typer.Option(help="Seed of all chance.", rich_help_panel="Training")]
Output = Annotated[Path, typer.Option(help="Folder for the model.", rich_help_panel="Output")]
Name = Annotated[str, typer.Option(help="Name of the model in results.", rich_help_panel="Output")]


@app.command(epilog="Example: stance train --data labelled.jsonl --encoder models/news-small --output my-model")
def train(  # noqa: PLR0913 - one parameter for each option
    *,
    data: Data,
    dev: Dev = None,
    held_out: HeldOut = 0.1,
    auxiliary: Auxiliary = None,
    auxiliary_share: AuxiliaryShare = 0.5,
    encoder: Encoder,
    cues: Cues = None,
    window_tokens: WindowTokens = 256,
    output: Output,
    name: Name = "stance",
    epochs: Epochs = 4,
    patience: Patience = 0,
    batch_windows: BatchWindows = 8,
    rate: Rate = 2e-4,
    head_rate: HeadRate = 2e-3,
    dropout: Dropout = 0.1,
    swaps: Swaps = 0.25,
    seed: Seed = 1,
    schema: SchemaOption = None,
) -> None:
    """Train a model."""
    require("train", "accelerate", "datasets")
    from stance.training.train import TrainConfig
    from stance.training.train import train as train_model

    model = train_model(
        TrainConfig(
            encoder=encoder,
            data=tuple(map(str, data)),
            dev=tuple(map(str, dev or ())),
            auxiliary=tuple(map(str, auxiliary or ())),
            held_out=held_out,
            auxiliary_share=auxiliary_share,
            cues=str(cues or ""),
            window_tokens=window_tokens,
            output=str(output),
            name=name,
            epochs=epochs,
            patience=patience,
            batch_windows=batch_windows,
            rate=rate,
            head_rate=head_rate,
            dropout=dropout,
            swaps=swaps,
            seed=seed,
        ),
        schema_of(schema),
    )
    _say_result(output, model.id)


def _say_result(folder: Path, model: str) -> None:
    from stance.training.metrics import Estimate

    found = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    say(f"{folder}: {model}, measured on {found['articles']} articles that were held out of training")
    width = max(map(len, found["headline"]))
    for name, score in found["headline"].items():
        say(f"{name:<{width}}  {Estimate(**score)}")
    say(f"Report: {folder / 'quality' / 'quality.html'}")


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
