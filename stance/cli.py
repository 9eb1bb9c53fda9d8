"""The command line: each command parses, makes one call of the library, and writes the result.

Data goes to standard output, messages to standard error. Exit codes: 0 all done, 1 done but rows were set
aside, 2 wrong usage or an error. Whatever is slow to import is imported inside the command that needs it.
"""

# ruff: noqa: PLC0415 - what is slow to import is imported inside the command that needs it

from __future__ import annotations

import json
import sys
from enum import Enum
from itertools import islice
from pathlib import Path  # noqa: TC003 - typer reads the annotations
from typing import TYPE_CHECKING, Annotated

import typer

import stance
from stance.errors import InputError, StanceError

if TYPE_CHECKING:
    from stance.analyzer import Analyzer
    from stance.formats import Fields, Limits
    from stance.results import Article

__all__ = ["app", "main"]

app = typer.Typer(
    help="Stance and rhetorical devices, with exact spans, in Chinese news and commentary.",
    context_settings={"help_option_names": ["-h", "--help"]},
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)


class Hardware(str, Enum):
    """Where to compute."""

    auto = "auto"
    cpu = "cpu"
    cuda = "cuda"


class View(str, Enum):
    """How a result is shown."""

    text = "text"
    json = "json"


Targets = Annotated[
    list[str] | None,
    typer.Option(
        "--target",
        "-t",
        help="Target of stance; give it once for each. Default: found in the text.",
        rich_help_panel="Input",
    ),
]
TextField = Annotated[str, typer.Option(help="Field that holds the text.", rich_help_panel="Input")]
IdField = Annotated[str, typer.Option(help="Field that holds the id.", rich_help_panel="Input")]
TitleField = Annotated[str, typer.Option(help="Field that holds the title.", rich_help_panel="Input")]
MaxCharacters = Annotated[int, typer.Option(min=1, help="Longest article, in characters.", rich_help_panel="Input")]
Model = Annotated[
    str | None, typer.Option("--model", "-m", help="Model folder. Default: the shipped model.", rich_help_panel="Model")
]
HardwareOption = Annotated[Hardware, typer.Option(help="Where to compute.", rich_help_panel="Hardware")]


def main() -> None:
    """Run the command line; errors that a user can mend end it with one line and exit code 2."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8")
    try:
        app()
    except StanceError as error:
        _say(f"error: {error}")
        sys.exit(2)
    except KeyboardInterrupt:
        _say("stopped.")
        sys.exit(130)


def _say(message: str) -> None:
    from stance.terminal import printable

    typer.echo(printable(message), err=True)


def _show_version(value: bool) -> None:  # noqa: FBT001 - typer calls it so
    if value:
        typer.echo(f"stance {stance.__version__}")
        raise typer.Exit


@app.callback()
def _options(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and stop.")
    ] = False,
) -> None:
    pass


@app.command()
def analyze(  # noqa: PLR0913 - one parameter for each option
    file: Annotated[
        str, typer.Argument(metavar="FILE", help="Text, Markdown, HTML or JSON of one article; - for standard input.")
    ],
    *,
    target: Targets = None,
    view: Annotated[
        View, typer.Option("--format", help="Coloured text, or JSON.", rich_help_panel="Output")
    ] = View.text,
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
    analysis = _load(model, hardware).analyze(article, target)
    if view is View.json:
        from stance.terminal import printable_json

        typer.echo(printable_json(analysis.to_dict()))
    else:
        from rich.console import Console

        from stance.terminal import print_analysis

        print_analysis(analysis, Console())


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

    analyzer = _load(model, hardware)
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
        _say("stopped. The finished parts are kept: run the same command again to go on.")
        raise typer.Exit(130) from None
    for line in report.lines():
        _say(line)
    raise typer.Exit(1 if report.rejected else 0)


@app.command()
def train(  # noqa: PLR0913 - one parameter for each option
    *,
    data: Annotated[
        list[Path], typer.Option(help="Labelled articles to learn from; once for each file.", rich_help_panel="Input")
    ],
    dev: Annotated[
        list[Path] | None,
        typer.Option(
            help="Labelled articles to calibrate on; once for each file. Default: a tenth of --data is held out.",
            rich_help_panel="Input",
        ),
    ] = None,
    auxiliary: Annotated[
        list[Path] | None,
        typer.Option(help="Further labelled articles, sampled; once for each file.", rich_help_panel="Input"),
    ] = None,
    auxiliary_share: Annotated[
        float, typer.Option(min=0, help="Sampled auxiliary windows for each main window.", rich_help_panel="Input")
    ] = 0.5,
    encoder: Annotated[
        str, typer.Option(help="Folder or hub id of the encoder to start from.", rich_help_panel="Model")
    ],
    output: Annotated[Path, typer.Option(help="Folder for the model.", rich_help_panel="Output")],
    name: Annotated[str, typer.Option(help="Name of the model in results.", rich_help_panel="Output")] = "stance",
    epochs: Annotated[int, typer.Option(min=1, help="Passes over the data.", rich_help_panel="Model")] = 4,
    rate: Annotated[float, typer.Option(help="Peak learning rate of the encoder.", rich_help_panel="Model")] = 2e-4,
    seed: Annotated[int, typer.Option(help="Seed of all chance.", rich_help_panel="Model")] = 1,
) -> None:
    """Train a model."""
    from stance.training.train import TrainConfig
    from stance.training.train import train as train_model

    train_model(
        TrainConfig(
            encoder=encoder,
            data=tuple(map(str, data)),
            dev=tuple(map(str, dev or ())),
            auxiliary=tuple(map(str, auxiliary or ())),
            auxiliary_share=auxiliary_share,
            output=str(output),
            name=name,
            epochs=epochs,
            rate=rate,
            seed=seed,
        )
    )


@app.command()
def evaluate(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="Model folder.")],
    data: Annotated[Path, typer.Argument(metavar="DATA", help="Labelled articles.")],
    *,
    view: Annotated[View, typer.Option("--format", help="Text, or JSON.", rich_help_panel="Output")] = View.text,
) -> None:
    """Measure a model on labelled articles."""
    from stance.training.evaluate import evaluate as evaluate_model

    report = evaluate_model(model, data)
    if view is View.json:
        typer.echo(json.dumps(report.to_dict(), ensure_ascii=False, indent=2))
    else:
        typer.echo(report.to_text())


def _load(model: str | None, hardware: Hardware) -> Analyzer:
    return stance.Analyzer.load(model, engine=stance.EngineConfig(hardware=hardware.value))


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
