"""Fine-tuning an encoder on a task, and scoring it."""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from stance.engine.attention import use_matmul_attention
from stance.model.batch import Batch, collate
from stance.model.checkpoint import Model, from_encoder
from stance.model.encoding import PAD, Passage, Window
from stance.schema import DEFAULT_SCHEMA
from stance.training.evaluate import evaluate
from stance.training.train import TrainConfig, train

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from probing.tasks import Row, Task

__all__ = ["ARTICLES", "Classifier", "Recipe", "by_length", "fit", "fit_articles", "randomise"]

ARTICLES = {"devices": "device_micro_f1", "spans": "span_overlap_micro_f1", "stances": "stance_macro_f1"}
"""Column of the table, and the figure of `stance evaluate` in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How every encoder is fine-tuned.

    Attributes:
        rate: peak rate of AdamW; it rises over a tenth of the steps and falls to zero.
        epochs: passes over the training rows.
        batch: rows in a batch.
        tokens: longest window; what is behind it is not read.
        pool: "mean" of all tokens, or the first token ("cls").
        steps: most steps of a fit, 0 for no limit.
        hardware: where to train, as torch names it.
    """

    rate: float = 3e-4
    epochs: int = 3
    batch: int = 32
    tokens: int = 160
    pool: str = "mean"
    steps: int = 0
    hardware: str = "cpu"


def randomise(folder: Path, to: Path, *, lexicon: bool) -> Path:
    """An encoder folder with configuration, tokenizer and perhaps lexicon of another, and random weights."""
    from transformers import AutoConfig, AutoModel, AutoTokenizer  # noqa: PLC0415

    torch.manual_seed(0)
    AutoModel.from_config(AutoConfig.from_pretrained(folder)).save_pretrained(to)  # type: ignore[no-untyped-call]
    AutoTokenizer.from_pretrained(folder).save_pretrained(to)
    for name in ("lexicon.json", "lexicon.safetensors"):
        if lexicon and (folder / name).exists():
            shutil.copyfile(folder / name, to / name)
    return to


class Classifier(nn.Module):
    """An encoder, pooled, and a linear layer."""

    def __init__(self, model: Model, classes: int, pool: str) -> None:
        super().__init__()
        self.network = model.network
        self.pool = pool
        width = int(model.network.encoder.config.hidden_size)  # type: ignore[union-attr, arg-type]
        self.dropout = nn.Dropout(0.1)
        self.output = nn.Linear(width, classes)

    def forward(self, batch: Batch) -> Tensor:
        """Logits. Shape (B, classes)."""
        states = self.network.encode(batch)
        if self.pool == "cls":
            pooled = states[:, 0]
        else:
            real = (batch.segments != PAD).to(states.dtype)[..., None]
            pooled = (states * real).sum(1) / real.sum(1)
        logits: Tensor = self.output(self.dropout(pooled)).float()
        return logits


def fit(folder: Path, task: Task, recipe: Recipe, seed: int) -> float:
    """Score on the dev rows of an encoder fine-tuned on a task."""
    began = time.monotonic()
    hardware = torch.device(recipe.hardware)
    torch.manual_seed(seed)
    model = from_encoder(folder, DEFAULT_SCHEMA, window_tokens=recipe.tokens)
    if hardware.type == "cpu":
        use_matmul_attention(model.network)
    classifier = Classifier(model, task.classes, recipe.pool).to(hardware)
    train, pad = windows(model, task.train), model.config.pad_id
    goal = torch.tensor([row.label for row in task.train])
    order = np.random.default_rng(seed)
    batches = [batch for _ in range(recipe.epochs) for batch in by_length(train, recipe.batch, order)]
    batches = batches[: recipe.steps or None]
    parameters = [p for p in classifier.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=recipe.rate, weight_decay=0.01, fused=True)
    rise = max(1, len(batches) // 10)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min((step + 1) / rise, (len(batches) - step) / max(1, len(batches) - rise))
    )
    classifier.train()
    for chosen in batches:
        with torch.autocast(hardware.type, dtype=torch.bfloat16):
            logits = classifier(collate([train[i] for i in chosen], pad).to(hardware))
        loss = functional.cross_entropy(logits, goal[chosen].to(hardware))
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad(set_to_none=True)
    score = task.score(predict(classifier, windows(model, task.dev), pad, hardware))
    seconds = time.monotonic() - began
    print(f"{folder.name} {task.name} seed {seed}: {score:.3f}, {len(batches)} steps, {seconds:.0f} s", file=sys.stderr)
    return score


def fit_articles(folder: Path, train_file: Path, dev_file: Path, seed: int) -> dict[str, float]:
    """The figures of `ARTICLES` after an epoch on labelled articles."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as temporary:
        output = Path(temporary) / "model"
        train(
            TrainConfig(
                encoder=str(folder),
                data=(str(train_file),),
                output=str(output),
                epochs=1,
                rate=1e-3,
                head_rate=2e-3,
                swaps=0.0,
                weights=(0.3, 1.0, 2.0),
                seed=seed,
            )
        )
        headline = evaluate(output, dev_file).to_dict()["headline"]
    figures = {name: float(headline[figure]["value"]) for name, figure in ARTICLES.items()}
    seconds = time.monotonic() - began
    said = ", ".join(f"{name} {value:.3f}" for name, value in figures.items())
    print(f"{folder.name} articles seed {seed}: {said}, {seconds:.0f} s", file=sys.stderr)
    return figures


def windows(model: Model, rows: Sequence[Row]) -> list[Window]:
    """The first window of each row; the target stands where the title would."""
    encoder = model.encoder
    return [encoder.windows(Passage(row.target, (row.text,), ()))[0] for row in rows]


def by_length(rows: Sequence[Window], size: int, order: np.random.Generator) -> Iterator[list[int]]:
    """Batches of rows of like length, so that little is padded, in random order."""
    noise = order.uniform(0.9, 1.1, len(rows))
    ranked = np.argsort(np.array([len(row) for row in rows]) * noise)
    batches = [ranked[i : i + size].tolist() for i in range(0, len(rows), size)]
    yield from (batches[i] for i in order.permutation(len(batches)))


@torch.no_grad()
def predict(classifier: Classifier, rows: Sequence[Window], pad: int, hardware: torch.device) -> NDArray[np.int64]:
    """The likeliest label of each row, in order. Shape (rows,)."""
    classifier.eval()
    ranked = np.argsort([len(row) for row in rows])
    found = []
    for start in range(0, len(rows), 64):
        with torch.autocast(hardware.type, dtype=torch.bfloat16):
            found.append(classifier(collate([rows[i] for i in ranked[start : start + 64]], pad).to(hardware)))
    predicted: NDArray[np.int64] = torch.cat(found).argmax(-1).cpu().numpy()[np.argsort(ranked)]
    return predicted
