"""How to train."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from pretraining.batches import POSITIONS, Masking
from pretraining.optimizers import Schedule
from stance.errors import HardwareError, InputError

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
        generator: folder of a masked language model that replaces tokens and is not trained; None to train one.
        mask: share of the tokens masked.
        rows, length: windows in a batch, and tokens in a window.
        lexicon: use the data's lexicon if it has one.
        hardware: "cpu", "cuda", or "auto".
        threads: CPU threads of the training itself.
        workers: processes that make batches, 0 for none.
        compile: use torch.compile, which needs a C++ compiler.
        bf16: compute products of matrices in bfloat16 (autocast), else all in float32.
        log_minutes, save_minutes, held_out_minutes: how often to log, to save, and to measure the held-out loss.

    Raises:
        InputError: a setting is out of its range.
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
    generator: Path | None = None
    mask: float = 0.25
    rows: int = 64
    length: int = 128
    lexicon: bool = True
    hardware: str = "auto"
    threads: int = 1
    workers: int = 0
    compile: bool = True
    bf16: bool = True
    log_minutes: float = 1.0
    save_minutes: float = 10.0
    held_out_minutes: float = 20.0

    def __post_init__(self) -> None:
        ranges = {
            "minutes": (self.minutes > 0, "more than 0"),
            "layers": (self.layers is None or self.layers > 0, "1 or more"),
            "width": (self.width is None or _fits_heads(self.width), "a multiple of 64, or an even number below 128"),
            "rate": (self.rate >= 0, "0 or more"),
            "muon": (self.muon >= 0, "0 or more"),
            "warmup": (self.warmup > 0, "1 or more"),
            "decay": (0 <= self.decay <= 1, "a share, 0 to 1"),
            "generator": (self.generator is None or self.objective == "rtd", "none unless --objective is rtd"),
            "mask": (0 < self.mask <= 0.8, "a share above 0, and at most 0.8"),
            "rows": (self.rows > 0 and self.rows * self.length * self.mask >= 1, "enough windows to mask a token"),
            "length": (1 < self.length <= POSITIONS, f"2 to {POSITIONS} tokens"),
            "threads": (self.threads > 0, "1 or more"),
            "workers": (self.workers >= 0, "0 or more"),
            "log_minutes": (self.log_minutes >= 0, "0 or more"),
            "save_minutes": (self.save_minutes >= 0, "0 or more"),
            "held_out_minutes": (self.held_out_minutes >= 0, "0 or more"),
        }
        for name, (good, wanted) in ranges.items():
            if not good:
                option = "--" + name.replace("_", "-")
                raise InputError(f"{option}: expected {wanted}, found {getattr(self, name)}. Give another.")

    @property
    def torch_device(self) -> torch.device:
        """Where to train.

        Raises:
            HardwareError: CUDA is asked for, and absent.
        """
        cuda = torch.cuda.is_available()
        if self.hardware == "cuda" and not cuda:
            raise HardwareError("--hardware cuda: expected a CUDA device, found none. Use --hardware auto or cpu.")
        found = "cuda" if cuda else "cpu"
        return torch.device(found if self.hardware == "auto" else self.hardware)

    @property
    def schedule(self) -> Schedule:
        """How the rates rise and fall."""
        return Schedule(self.warmup, self.decay)

    @property
    def masking(self) -> Masking:
        """How tokens are masked while training."""
        return masking(self.objective, self.mask)


def _fits_heads(width: int) -> bool:
    """Heads are 64 wide; a width below two of them is one head, whose features go by pairs."""
    return width > 0 and (width % 64 == 0 or (width < 128 and width % 2 == 0))


def masking(objective: str, share: float) -> Masking:
    """A generator's masked tokens are all shown as `[MASK]`: the encoder never sees them."""
    return Masking(share, masks=1.0, randoms=0.0, decoys=share) if objective == "rtd" else Masking(share)
