"""Model folders on the Hugging Face hub: fetched by id, pushed, and described by a card.

Only the files that a model folder consists of are fetched: weights in safetensors, and JSON. Nothing is unpickled
and no code is run. `HF_ENDPOINT` (a mirror), `HF_HUB_OFFLINE`, `HF_HOME` and `HF_TOKEN` work as everywhere.
"""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stance.errors import ModelError
from stance.schema import LabelSchema, as_markdown

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["FILES", "copy_model", "local_folder", "model_card", "push", "write_card"]

FILES = (
    "stance.json",
    "model.safetensors",
    "encoder.json",
    "tokenizer.json",
    "lexicon.json",
    "cues.tsv",
    "schema.json",
    "calibration.json",
    "README.md",
    "metrics.json",
    "train.json",
)
"""What a model folder consists of; some need not be there."""

_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+(@[\w./-]+)?")


def local_folder(model: str | Path) -> Path:
    """The folder of a model: the one named, or that of a hub id (`owner/name` or `owner/name@revision`), fetched.

    Raises:
        ModelError: the hub cannot be reached, or does not give the model.
    """
    if isinstance(model, Path) or Path(model).exists() or not _ID.fullmatch(model):
        return Path(model)
    import huggingface_hub  # noqa: PLC0415 - half a second, and most models are local

    name, _, revision = model.partition("@")
    try:
        return Path(huggingface_hub.snapshot_download(name, revision=revision or None, allow_patterns=list(FILES)))
    except (OSError, ValueError) as error:  # what the hub's library raises are kinds of these
        raise ModelError(
            f"{model}: expected a folder, or a model on the hub {huggingface_hub.constants.ENDPOINT}; found no such "
            f"folder, and the hub did not give it ({_first_line(error)}). Without a connection copy the model folder "
            "here and pass its path; for a mirror set HF_ENDPOINT=https://…; with HF_HUB_OFFLINE=1 only models fetched "
            "before are there."
        ) from error


def copy_model(source: Path, folder: Path) -> None:
    """Copy a model folder, file by file, so that its digest stays."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in FILES:
        if (source / name).is_file() and not (folder / name).exists():
            shutil.copyfile(source / name, folder / name)


def push(folder: Path, repository: str, *, private: bool | None = None, token: str | None = None) -> str:
    """Upload a model folder; makes the repository where there is none.

    Returns:
        The address of the commit.

    Raises:
        ModelError: the hub cannot be reached, or refuses.
    """
    import huggingface_hub  # noqa: PLC0415

    try:
        hub = huggingface_hub.HfApi(token=token)
        hub.create_repo(repository, private=private, exist_ok=True)
        info = hub.upload_folder(
            repo_id=repository, folder_path=folder, allow_patterns=list(FILES), commit_message="Upload model"
        )
    except (OSError, ValueError) as error:
        raise ModelError(
            f"{repository}: expected a repository on the hub {huggingface_hub.constants.ENDPOINT} to write to; "
            f"{_first_line(error)}. Log in (`hf auth login`, or HF_TOKEN), check the name and the connection."
        ) from error
    return str(info)


def write_card(folder: Path) -> None:
    """Write the model card, README.md, of a model folder from the other files in it."""
    (folder / "README.md").write_text(model_card(folder), encoding="utf-8")


def model_card(folder: Path) -> str:
    """The model card: what the model labels, how well by `metrics.json`, how it was trained, and its limits.

    Raises:
        ModelError: the folder has no stance.json that can be read.
    """
    about = _json(folder / "stance.json")
    if about is None:
        raise ModelError(f"{folder}: expected a model folder with stance.json. Pass one that `stance train` made.")
    schema = LabelSchema.load(folder / "schema.json")
    training = _json(folder / "train.json") or {}
    parts = [_HEAD.format(name=about["name"], weights=about["weights"]), as_markdown(schema)]
    parts += _figures(_json(folder / "metrics.json"))
    parts += _training(training)
    return "\n\n".join([*parts, _LIMITS]) + "\n"


def _figures(metrics: dict[str, Any] | None) -> Iterator[str]:
    if metrics is None or "headline" not in metrics:
        yield "## Figures\n\nNot measured. Measure it on articles of your own: `stance evaluate MODEL DATA`."
        return
    rows = []
    for name, score in metrics["headline"].items():
        value, low, high = (score.get(key) for key in ("value", "low", "high"))
        shown = "–" if value is None else f"{value:.3f}" + ("" if low is None else f" [{low:.3f}, {high:.3f}]")
        rows.append(f"| {name} | {shown} |")
    data = Path(str(metrics.get("data", ""))).name
    where = f"`stance evaluate` on {data}, " if data else ""
    yield "\n".join(
        [
            "## Figures",
            "",
            f"{where}{metrics.get('articles', '?')} articles, 95 % intervals.",
            "",
            "| | |",
            "|---|---|",
            *rows,
        ]
    )


def _training(training: dict[str, Any]) -> Iterator[str]:
    if training:
        shown = {
            name: [Path(str(item)).name for item in value] if isinstance(value, list) else value
            for name, value in training.items()
            if name not in ("output", "encoder")
        }
        encoder = str(training.get("encoder", ""))
        base = encoder if _ID.fullmatch(encoder) and not Path(encoder).exists() else Path(encoder).name
        settings = json.dumps(shown, ensure_ascii=False)
        yield f"## Training\n\n`stance train` from the encoder {base}, with these settings:\n\n```json\n{settings}\n```"


def _json(path: Path) -> dict[str, Any] | None:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return value if isinstance(value, dict) else None


def _first_line(error: BaseException) -> str:
    return f"{type(error).__name__}: {(str(error).strip().splitlines() or [''])[0]}"


_HEAD = """\
---
language: zh
library_name: stance
pipeline_tag: token-classification
tags: [stance-detection, rhetoric, news]
---

# {name}

Author's stance towards each target, and rhetorical devices with exact spans, in Chinese news and commentary.
Weights {weights}, float16 safetensors; made by the program `stance train`.

```python
import stance

analyzer = stance.Analyzer.load("FOLDER or owner/name")
analysis = analyzer.analyze(stance.Article.from_text(text), targets=["美国"])
```"""

_LIMITS = """\
## Limits

Labels are estimates, and the figures hold for articles like those measured. Where a figure is low, read the labels
as hints to be checked. Meant for research, teaching and media monitoring in the aggregate, with a reader who checks;
not for judging persons, and no proof of what an author thinks."""
