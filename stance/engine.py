"""Runs passages through the network in batches, and gives the readings back in order.

The engine knows windows and tensors. It does not know what a label is called, and it never sees an article.
Three steps a pool of passages: *prepare* (encode, sort windows by length, pack them under a token budget), *run*
(forward and decode), *finish* (join pieces, restore the order).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Literal

import torch

from stance.errors import HardwareError
from stance.model.batch import collate
from stance.model.decoding import Decisions, ParagraphReading, decode, merge

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from stance.model.checkpoint import Model
    from stance.model.encoding import Passage, Window

__all__ = ["Engine", "EngineConfig", "Hardware", "choose_hardware"]

POOL = 64
"""Passages that are encoded and sorted together; bounds memory and the wait for the first result."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineConfig:
    """Where and how to run; never saved with a model.

    Attributes:
        hardware: `auto` takes a GPU where there is one.
        max_batch_tokens: windows in a batch times tokens of its longest.
    """

    hardware: Literal["auto", "cuda", "cpu"] = "auto"
    max_batch_tokens: int = 8192

    def __post_init__(self) -> None:
        if self.hardware not in ("auto", "cuda", "cpu"):
            raise HardwareError(f"--hardware must be auto, cuda or cpu; found {self.hardware!r}.")
        if self.max_batch_tokens < 1:
            raise ValueError(f"max_batch_tokens must be at least 1, found {self.max_batch_tokens}.")


@dataclass(frozen=True, slots=True)
class Hardware:
    """What to compute on, and why it was chosen."""

    device: torch.device
    dtype: torch.dtype
    reason: str


def choose_hardware(config: EngineConfig) -> Hardware:
    """The hardware that the configuration asks for. Raises HardwareError where it asks for a GPU and there is none."""
    if config.hardware != "cpu" and torch.cuda.is_available():
        name = torch.cuda.get_device_name(0)
        return Hardware(torch.device("cuda"), torch.bfloat16, f"CUDA GPU found: {name}")
    if config.hardware == "cuda":
        raise HardwareError(
            "--hardware cuda: expected a CUDA GPU that torch can use, found none "
            f"(torch {torch.__version__}). Install a CUDA build of torch, or use --hardware cpu."
        )
    why = "asked for" if config.hardware == "cpu" else "no CUDA GPU found"
    return Hardware(torch.device("cpu"), torch.float32, f"CPU, {torch.get_num_threads()} threads: {why}")


class Engine:
    """Batched inference with one model on one piece of hardware."""

    def __init__(self, model: Model, config: EngineConfig | None = None) -> None:
        config = config or EngineConfig()
        self.model = model
        self.hardware = choose_hardware(config)
        self.budget = config.max_batch_tokens
        self._encoder = model.encoder
        self._network = model.network.to(self.hardware.device).eval()

    def read(self, passages: Iterable[Passage]) -> Iterator[list[ParagraphReading]]:
        """Readings of every paragraph of every passage, passages in their order, lazily and in bounded memory."""
        source = iter(passages)
        while pool := list(islice(source, POOL)):
            yield from self._read_pool(pool)

    def _read_pool(self, pool: Sequence[Passage]) -> Iterator[list[ParagraphReading]]:
        windows = [self._encoder.windows(passage) for passage in pool]
        found = iter(self._read_windows([window for own in windows for window in own]))
        devices, stances = len(self.model.schema.devices), len(self.model.schema.stances)
        for passage, own in zip(pool, windows, strict=True):
            readings = [reading for _ in own for reading in next(found)]
            yield merge(readings, len(passage.paragraphs), len(passage.targets), devices, stances)

    def _read_windows(self, windows: Sequence[Window]) -> list[list[ParagraphReading]]:
        """Readings of each window, in the order of the windows."""
        order = sorted(range(len(windows)), key=lambda i: len(windows[i]))
        lengths = [len(windows[i]) for i in order]
        found: list[list[ParagraphReading]] = [[] for _ in windows]
        start = 0
        while start < len(order):
            batch = order[start : start + self._fitting(lengths[start:])]
            try:
                readings = self._run([windows[i] for i in batch])
            except torch.OutOfMemoryError as error:
                self._halve(len(batch), error)
                continue
            for i, own in zip(batch, readings, strict=True):
                found[i] = own
            start += len(batch)
        return found

    def _fitting(self, lengths: Sequence[int]) -> int:
        """How many of the next windows, sorted by length, fit into the budget; at least one."""
        count = 1
        while count < len(lengths) and lengths[count] * (count + 1) <= self.budget:
            count += 1
        return count

    def _halve(self, windows: int, error: torch.OutOfMemoryError) -> None:
        if windows == 1:
            raise HardwareError(
                f"{self.hardware.device}: out of memory on a single window. Free memory on it or use --hardware cpu."
            ) from error
        self.budget = max(1, self.budget // 2)
        if self.hardware.device.type == "cuda":
            torch.cuda.empty_cache()

    def _run(self, windows: Sequence[Window]) -> list[list[ParagraphReading]]:
        batch = collate(windows, self.model.config.pad_id).to(self.hardware.device, non_blocking=True)
        bf16 = self.hardware.dtype is torch.bfloat16
        with torch.inference_mode(), torch.autocast(self.hardware.device.type, torch.bfloat16, enabled=bf16):
            logits = self._network(batch)
            decisions = Decisions.of(logits, batch, self.model.calibration).cpu()
        return [list(decode(w, row, decisions)) for row, w in enumerate(windows)]
