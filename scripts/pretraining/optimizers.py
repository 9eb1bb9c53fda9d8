"""Which optimizer trains which weight, and at which rate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from pretraining.objectives import Objective

__all__ = ["Schedule", "make_optimizers", "set_rates"]

FLOOR = 0.02
"""Where the rate ends, as a share of its peak."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """Warm-up, then a constant rate, and a fall only when asked, so that a run can always be extended.

    Attributes:
        warmup: steps over which the rate rises.
        decay: share of the call's time, at its end, over which the rate falls to 2 %; 0 for none.
    """

    warmup: int
    decay: float

    def share(self, step: int, time_left: float) -> float:
        """Share of the peak rate at a step, `time_left` being the share of the call's time that is left."""
        rise = min(1.0, (step + 1) / self.warmup)
        return rise * (max(FLOOR, time_left / self.decay) if self.falls(time_left) else 1.0)

    def falls(self, time_left: float) -> bool:
        """Is the rate falling?"""
        return time_left < self.decay


def make_optimizers(objective: Objective, rate: float, muon: float) -> list[torch.optim.Optimizer]:
    """AdamW, and Muon for the matrices between hidden layers where its rate is above zero."""
    matrices = objective.matrices()
    chosen = {id(p) for p in matrices}
    rest = [p for part in objective.parts().values() for p in part.parameters() if id(p) not in chosen]
    groups = [
        {"params": [p for p in rest if p.dim() > 1], "weight_decay": 0.01},
        {"params": [p for p in rest if p.dim() <= 1], "weight_decay": 0.0},
    ]
    if not muon:
        groups.append({"params": matrices, "weight_decay": 0.01})
    optimizers: list[torch.optim.Optimizer] = [
        torch.optim.AdamW(groups, lr=rate, betas=(0.9, 0.98), eps=1e-6, fused=True)
    ]
    if muon:
        optimizers.append(
            torch.optim.Muon(matrices, lr=muon, momentum=0.95, weight_decay=0.01, adjust_lr_fn="match_rms_adamw")
        )
    return optimizers


def set_rates(optimizers: list[torch.optim.Optimizer], peaks: list[float], share: float) -> None:
    """Set the rate of each optimizer to a share of its peak."""
    for optimizer, peak in zip(optimizers, peaks, strict=False):
        for group in optimizer.param_groups:
            group["lr"] = peak * share
