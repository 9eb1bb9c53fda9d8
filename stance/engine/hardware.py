"""What to compute on, in which precision, and why; and how much memory the process keeps for it."""

from __future__ import annotations

import ctypes
import os
import platform
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch

from stance.errors import HardwareError

__all__ = [
    "GPU_BUDGET",
    "PROCESSOR_BUDGET",
    "EngineConfig",
    "Hardware",
    "bound_caches",
    "choose_hardware",
    "keep_memory",
    "processor_flags",
]

PROCESSOR_BUDGET = 2048
"""Tokens in a batch on a CPU: the activations of more leave its caches (docs/performance.md)."""

GPU_BUDGET = 65536
"""Tokens in a batch on a GPU; halved where its memory is too small."""

_BF16_FLAGS = frozenset({"amx_bf16", "avx512_bf16"})
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # names of glibc's mallopt
_LARGE = (1 << 31) - 1
_CAPACITIES = ("LRU_CACHE_CAPACITY", "ONEDNN_PRIMITIVE_CACHE_CAPACITY")
_KEPT_SHAPES = "16"


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineConfig:
    """Where and how to run; never saved with a model.

    Attributes:
        hardware: `auto` takes every GPU that there is, else the CPU.
        precision: of matrix products; `auto` takes bfloat16 where the hardware multiplies it faster. Labels of
            float32 do not depend on the batch to 1e-4, those of bfloat16 to 2e-2.
        max_batch_tokens: rows of a batch times tokens of its longest; None for what suits the hardware.
    """

    hardware: Literal["auto", "cuda", "cpu"] = "auto"
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    max_batch_tokens: int | None = None

    def __post_init__(self) -> None:
        if self.hardware not in ("auto", "cuda", "cpu"):
            raise HardwareError(f"--hardware must be auto, cuda or cpu; found {self.hardware!r}.")
        if self.precision not in ("auto", "float32", "bfloat16"):
            raise ValueError(f"precision must be auto, float32 or bfloat16, found {self.precision!r}.")
        if self.max_batch_tokens is not None and self.max_batch_tokens < 1:
            raise ValueError(f"max_batch_tokens must be at least 1, found {self.max_batch_tokens}.")


@dataclass(frozen=True, slots=True)
class Hardware:
    """What to compute on, and why it was chosen.

    Attributes:
        devices: one CPU, or one or more GPUs; each gets a copy of the network.
        dtype: of matrix products.
        budget: tokens in a batch, padding counted.
        reason: one line for people.
    """

    devices: tuple[torch.device, ...]
    dtype: torch.dtype
    budget: int
    reason: str

    @property
    def is_gpu(self) -> bool:
        """Whether batches have to be copied."""
        return self.devices[0].type == "cuda"


def choose_hardware(config: EngineConfig) -> Hardware:
    """The hardware that the configuration asks for. Raises HardwareError where it asks for a GPU and there is none."""
    if config.hardware != "cpu" and torch.cuda.is_available():
        return _gpus(config)
    if config.hardware == "cuda":
        raise HardwareError(
            "--hardware cuda: expected a CUDA GPU that torch can use, found none "
            f"(torch {torch.__version__}). Install a CUDA build of torch, or use --hardware cpu."
        )
    return _processor(config, "asked for" if config.hardware == "cpu" else "no CUDA GPU found")


def _gpus(config: EngineConfig) -> Hardware:
    count = torch.cuda.device_count()
    names = ", ".join(dict.fromkeys(torch.cuda.get_device_name(i) for i in range(count)))
    native = torch.cuda.is_bf16_supported(including_emulation=False)
    dtype, why = _precision(config, "" if native else "the GPU has no bfloat16")
    reason = f"{count} CUDA GPU{'s' * (count > 1)} found: {names}; {why}"
    devices = tuple(torch.device("cuda", i) for i in range(count))
    return Hardware(devices, dtype, config.max_batch_tokens or GPU_BUDGET, reason)


def _processor(config: EngineConfig, chosen: str) -> Hardware:
    fast = sorted(_BF16_FLAGS & processor_flags())
    dtype, why = _precision(config, "" if fast else "the processor has neither amx_bf16 nor avx512_bf16")
    if fast and config.precision == "auto":
        why += f", which the processor multiplies faster ({fast[0]})"
    threads = torch.get_num_threads()
    reason = f"CPU, {threads} thread{'s' * (threads > 1)}: {chosen}; {why}"
    return Hardware((torch.device("cpu"),), dtype, config.max_batch_tokens or PROCESSOR_BUDGET, reason)


def _precision(config: EngineConfig, against_bf16: str) -> tuple[torch.dtype, str]:
    """The precision, and why it was chosen."""
    if config.precision != "auto":
        return getattr(torch, config.precision), f"{config.precision}, asked for"
    if against_bf16:
        return torch.float32, f"float32, {against_bf16}"
    return torch.bfloat16, "bfloat16"


def processor_flags(cpuinfo: Path = Path("/proc/cpuinfo")) -> frozenset[str]:
    """What the processor can do, by the names that Linux gives it; empty on other systems."""
    try:
        lines = cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return frozenset()
    return frozenset(next((line.partition(":")[2].split() for line in lines if line.startswith("flags")), []))


def keep_memory() -> bool:
    """Let glibc keep what the process frees; returns whether it will.

    Each batch frees and asks for the same large blocks. By default glibc gives them back to the system and gets
    them anew, page by page. Peak memory stays as it is; it is only not given back in between.
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    mallopt = ctypes.CDLL(None).mallopt
    return all([mallopt(_TRIM_THRESHOLD, _LARGE), mallopt(_MMAP_THRESHOLD, _LARGE)])


def bound_caches() -> None:
    """Let torch and oneDNN keep the products of few shapes ready, before the first product of the process.

    They keep those of the last 1,024, and hardly two batches have the same shape: memory grows for many minutes, by a
    quarter, and nothing is faster for it. What the environment already says counts.
    """
    for name in _CAPACITIES:
        os.environ.setdefault(name, _KEPT_SHAPES)
