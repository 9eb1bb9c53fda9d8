"""How to train."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from pretraining.batches import Masking
from pretraining.optimizers import Schedule

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["HELD_OUT", "Settings", "masking"]


@dataclass(frozen=True, slots=True)
class HeldOut:
    """The held-out loss is taken on fixed windows with fixed masks, whatever the run's own, so that runs compare."""

    rows: int = 64
    batches: int = 8
    mask: float = 0.15


HELD_OUT = HeldOut()


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How to train; the defaults are the shipped encoder's.

    Attributes:
        minutes: how long this call trains, compiling included.
        objective: "mlm" or "rtd".
        layers, width: the encoder's shape; None for that of the run, or 6 × 384 in a new one.
        rate: peak rate of AdamW.
        muon: peak rate of Muon, 0 to train the matrices with AdamW too.
        warmup: steps.
        decay: share of this call's minutes, at the end, over which the rates fall.
        extend: go on from where the rates had not yet begun to fall.
        start: encoder folder to take the weights of a new run from.
        mask: share of the tokens masked.
        rows, length: windows in a batch, and tokens in a window.
        lexicon: use the data's lexicon if it has one.
        hardware: "cpu", "cuda", or "auto".
        threads: CPU threads of the training itself.
        workers: processes that make batches, 0 for none.
        compile: use torch.compile.
        log_minutes, save_minutes, held_out_minutes: how often to log, to save, and to measure the held-out loss.
    """

    minutes: float
    objective: str = "mlm"
    layers: int | None = None
    width: int | None = None
    rate: float = 2e-3
    muon: float = 3e-3
    warmup: int = 60
    decay: float = 0.0
    extend: bool = False
    start: Path | None = None
    mask: float = 0.25
    rows: int = 64
    length: int = 128
    lexicon: bool = True
    hardware: str = "auto"
    threads: int = 1
    workers: int = 0
    compile: bool = True
    log_minutes: float = 1.0
    save_minutes: float = 10.0
    held_out_minutes: float = 20.0

    @property
    def torch_device(self) -> torch.device:
        """Where to train."""
        found = "cuda" if torch.cuda.is_available() else "cpu"
        return torch.device(found if self.hardware == "auto" else self.hardware)

    @property
    def schedule(self) -> Schedule:
        """How the rates rise and fall."""
        return Schedule(self.warmup, self.decay)

    @property
    def masking(self) -> Masking:
        """How tokens are masked while training."""
        return masking(self.objective, self.mask)


def masking(objective: str, share: float) -> Masking:
    """A generator's masked tokens are all shown as `[MASK]`: the encoder never sees them."""
    return Masking(share, masks=1.0, randoms=0.0, decoys=2 * share) if objective == "rtd" else Masking(share)
