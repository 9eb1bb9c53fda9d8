"""The application, and the options that several commands share."""

# ruff: noqa: PLC0415 - what is slow to import is imported inside the command that needs it

from __future__ import annotations

import gc
import sys
from contextlib import contextmanager
from enum import Enum
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
import typer.core

import stance
from stance.errors import RunError, StanceError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stance.analyzer import Analyzer

__all__ = [
    "CountCopies",
    "Errors",
    "Hardware",
    "HardwareOption",
    "IdField",
    "LabelledFile",
    "Language",
    "MaxCharacters",
    "MinProbability",
    "Model",
    "Targets",
    "TextField",
    "TitleField",
    "View",
    "app",
    "load",
    "main",
    "require",
    "say",
]

_ORDER = ("analyze", "label", "summarize", "report", "serve", "train", "evaluate", "new-schema", "export", "import")


class _InOrder(typer.core.TyperGroup):
    """Lists the commands as users meet them, others behind."""

    def list_commands(self, ctx: typer.Context) -> list[str]:  # type: ignore[override]
        names = super().list_commands(ctx)
        return sorted(names, key=lambda name: _ORDER.index(name) if name in _ORDER else len(_ORDER))


app = typer.Typer(
    cls=_InOrder,
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


class Language(str, Enum):
    """Language of a page."""

    zh = "zh"
    en = "en"


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
MinProbability = Annotated[
    float,
    typer.Option(min=0, max=1, help="Leave out devices and sides that are less probable.", rich_help_panel="Output"),
]
LabelledFile = Annotated[Path, typer.Argument(metavar="LABELS", help="What `stance label` wrote.")]
Errors = Annotated[
    Path | None,
    typer.Option(help="What `stance evaluate --format json` printed: corrects the shares.", rich_help_panel="Corpus"),
]
CountCopies = Annotated[
    bool,
    typer.Option("--count-copies", help="Count wire copy as often as it was printed.", rich_help_panel="Corpus"),
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
        say(f"error: {error}")
        sys.exit(2)
    except KeyboardInterrupt:
        say("stopped.")
        sys.exit(130)


def say(message: str) -> None:
    """Write a message to standard error, whatever the terminal can show of it."""
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


def require(extra: str, *modules: str) -> None:
    """See to it that what an extra brings is there. Raises RunError where it is not."""
    missing = [name for name in modules if find_spec(name) is None]
    if missing:
        raise RunError(
            f"This command needs {', '.join(missing)}; found no such package. Install: pip install 'stance[{extra}]'."
        )


def load(model: str | None, hardware: Hardware) -> Analyzer:
    """The analyzer that the options name."""
    with _uncollected():
        return stance.Analyzer.load(model, engine=stance.EngineConfig(hardware=hardware.value))


@contextmanager
def _uncollected() -> Iterator[None]:
    """Lets the garbage collector pass over what is made inside.

    torch and transformers make a million objects that all stay; to walk them over and over took a fifth of the start.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
