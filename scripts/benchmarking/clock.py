"""What a piece of work takes."""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch.utils.flop_counter import FlopCounterMode

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["Clock", "command_seconds", "matrix_rate", "operations", "peak_memory"]


@dataclass(frozen=True)
class Clock:
    """Seconds of the wall clock, or of processor time: for a machine that others use too, where one thread works."""

    processor: bool

    def now(self) -> float:
        """Seconds from some moment."""
        return time.process_time() if self.processor else time.perf_counter()

    def seconds(self, work: Callable[[], object]) -> float:
        """What the work takes, GPUs waited for."""
        began = self.now()
        work()
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        return self.now() - began

    def in_turn(self, works: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, float]:
        """Median seconds of each, all of them once a round, so that other load falls on all alike."""
        found: dict[str, list[float]] = {name: [] for name in works}
        for _ in range(rounds):
            for name, work in works.items():
                found[name].append(self.seconds(work))
        return {name: statistics.median(own) for name, own in found.items()}


def peak_memory() -> float:
    """Most memory that the process has had since it began, in MB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1 << 20 if sys.platform == "darwin" else 1 << 10)


def command_seconds(command: list[str]) -> dict[str, float]:
    """What a command takes, of the wall clock and of processor time, the better of two runs."""
    runs = []
    for _ in range(2):
        before, began = os.times(), time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        wall, after = time.perf_counter() - began, os.times()
        used = after.children_user + after.children_system - before.children_user - before.children_system
        runs.append((wall, used))
    wall, used = min(runs)
    return {"wall": round(wall, 2), "processor": round(used, 2)}


def operations(work: Callable[[], object]) -> int:
    """Floating-point operations of the matrix products in it."""
    with FlopCounterMode(display=False) as counter:
        work()
    total: int = counter.get_total_flops()
    return total


def matrix_rate(device: torch.device, dtype: torch.dtype, clock: Clock) -> float:
    """Operations a second in the product of two large matrices: what the hardware can do."""
    size = 8192 if device.type == "cuda" else 1024
    a: Any = torch.randn(size, size, device=device).to(dtype)
    best = min(clock.seconds(lambda: a @ a) for _ in range(8))
    return float(2 * size**3 / best)
