"""The Trainer of `transformers` with the losses, the data order and the log of this project."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from transformers import Trainer, TrainerCallback, TrainingArguments

from stance.model.losses import Gold, Losses, multitask_loss
from stance.training.features import LabelledWindow, collate_labelled

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from stance.model.batch import Batch

__all__ = ["Collator", "Log", "MultitaskTrainer", "OneHardware"]


class OneHardware(TrainingArguments):
    """Arguments of a Trainer that uses one GPU, the first that it sees: several would have to split our batches."""

    @property
    def n_gpu(self) -> int:
        """Number of GPUs, at most 1."""
        return min(int(super().n_gpu), 1)


class Collator:
    """Looks windows up by their number and pads them."""

    def __init__(self, windows: Sequence[LabelledWindow], pad_id: int) -> None:
        self.windows = windows
        self.pad_id = pad_id

    def __call__(self, rows: Sequence[dict[str, int]]) -> dict[str, Any]:
        """The batch of the windows with these numbers, and its gold."""
        batch, gold = collate_labelled([self.windows[row["window"]] for row in rows], self.pad_id)
        return {"batch": batch, "gold": gold}


class MultitaskTrainer(Trainer):
    """Trainer with our loss and our order."""

    loss_weights: tuple[float, float, float]
    smoothing: float

    def compute_loss(
        self,
        model: nn.Module,
        inputs: dict[str, Any],
        return_outputs: bool = False,  # noqa: FBT001, FBT002 - the Trainer's signature
        num_items_in_batch: Any = None,  # noqa: ARG002
    ) -> Any:
        """Weighted sum of the losses of a batch."""
        batch: Batch = inputs["batch"].to(self.args.device)
        gold: Gold = inputs["gold"].to(self.args.device)
        logits = model(batch)
        losses: Losses = multitask_loss(logits, gold, batch, self.loss_weights, self.smoothing)
        return (losses.total, logits) if return_outputs else losses.total

    def prediction_step(
        self,
        model: nn.Module,
        inputs: dict[str, Any],
        prediction_loss_only: bool,  # noqa: ARG002, FBT001 - the Trainer's signature
        ignore_keys: Any = None,  # noqa: ARG002
    ) -> tuple[Tensor, None, None]:
        """The loss of a batch that is not trained on."""
        with torch.inference_mode(), self.compute_loss_context_manager():
            return self.compute_loss(model, inputs).detach(), None, None

    def _get_train_sampler(self, train_dataset: Any = None) -> torch.utils.data.Sampler[int]:
        dataset: Any = train_dataset or self.train_dataset
        return torch.utils.data.SequentialSampler(dataset)


class Log(TrainerCallback):
    """Appends the Trainer's log lines to a JSONL file, the encoding loss first."""

    def __init__(self, path: Path, encoding_loss: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self._write({"encoding": encoding_loss})

    def _write(self, line: dict[str, Any]) -> None:
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line, ensure_ascii=False) + "\n")

    def on_log(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:  # noqa: ARG002
        """Write what the Trainer logs."""
        self._write({"step": state.global_step, "steps": state.max_steps, **kwargs["logs"]})
