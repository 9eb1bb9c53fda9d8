"""The state of a run on disk: one file that is either whole or not there.

Its keys are the parts of the objective (model, lexicon …) and `optimizers`, with their states; `step` and `tokens`,
how far the run has come; `decayed`, whether the rate had begun to fall.
"""

from __future__ import annotations

import pickle
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from stance.errors import RunError
from stance.formats.atomic import atomic_file

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from torch import nn
    from torch.optim import Optimizer

__all__ = ["Progress", "read_state", "restore", "save_state"]


@dataclass(slots=True)
class Progress:
    """How far a run has come: optimizer steps, tokens seen, and whether the rate had begun to fall."""

    step: int = 0
    tokens: int = 0
    decayed: bool = False


def save_state(path: Path, parts: dict[str, nn.Module], optimizers: Sequence[Optimizer], progress: Progress) -> None:
    """Put the state of a run on disk; a kill at any moment leaves the old file or the new one."""
    state: dict[str, Any] = {name: part.state_dict() for name, part in parts.items()}
    state["optimizers"] = [optimizer.state_dict() for optimizer in optimizers]
    state |= {"step": progress.step, "tokens": progress.tokens, "decayed": progress.decayed}
    with atomic_file(path) as file:
        torch.save(state, file)


def read_state(path: Path, hardware: torch.device) -> dict[str, Any]:
    """A saved state; only tensors and plain values are unpickled.

    Raises:
        RunError: there is no readable state.
    """
    if not path.is_file():
        raise RunError(
            f"{path}: expected the state of a pretraining run, found no such file. Pass the folder of a run, or begin "
            "one with `pretrain.py train`."
        )
    if not zipfile.is_zipfile(path):
        raise _damaged(path, "found another kind of file, or half of one")
    try:
        state: Any = torch.load(path, map_location=hardware, weights_only=True)
    except (OSError, RuntimeError, pickle.UnpicklingError) as error:
        raise _damaged(path, str(error)) from error
    if not isinstance(state, dict) or not state.keys() >= {"model", "optimizers", "step", "tokens"}:
        raise _damaged(path, f"found {sorted(state) if isinstance(state, dict) else type(state).__name__}")
    return state


def _damaged(path: Path, found: str) -> RunError:
    return RunError(
        f"{path}: expected the state of a pretraining run; {found}. Put a copy of it there, or remove it and go on "
        "from stable.pt with --extend, or choose another --out."
    )


def restore(
    state: dict[str, Any], parts: dict[str, nn.Module], optimizers: Sequence[Optimizer], where: Path
) -> Progress:
    """Take a saved state over.

    Raises:
        RunError: the state belongs to another objective, shape or set of optimizers.
    """
    found = sorted(set(state) - {"optimizers", "step", "tokens", "decayed"})
    if found != sorted(parts) or len(state["optimizers"]) != len(optimizers):
        raise RunError(
            f"{where}: expected the parts {sorted(parts)} and {len(optimizers)} optimizers, found {found} and "
            f"{len(state['optimizers'])}. Give the --objective, --generator, --muon and --lexicon that the run began "
            "with."
        )
    try:
        for name, part in parts.items():
            part.load_state_dict(state[name])
        for optimizer, saved in zip(optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)
    except (RuntimeError, ValueError) as error:
        raise RunError(f"{where}: the state has another shape than config.json and the data: {error}") from error
    return Progress(state["step"], state["tokens"], state.get("decayed", False))
