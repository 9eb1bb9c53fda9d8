"""A session on a machine that is lent for minutes: what arrived is unpacked, trained on, and brought back."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from pretraining.data import Data
from pretraining.export import export
from pretraining.settings import Settings
from pretraining.train import train
from pretraining.transport import shard, unpack

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["GPU", "session"]

GPU = Settings(
    minutes=9,
    hardware="cuda",
    rows=1024,
    workers=max(1, (os.cpu_count() or 1) - 4),
    log_minutes=0.2,
    save_minutes=3,
    held_out_minutes=3,
)
"""How to train on a GPU in calls of ten minutes: one is left for the last checkpoint, the export and the way back."""


def session(parts: Path, out: Path, to: Path, settings: Settings) -> str:
    """One call: make `out/data` of the parts, train `out/run`, export `out/encoder`, and put its shards in `to`.

    Returns what was done, in a line. Unpacking counts as part of `settings.minutes`. When it has taken more than
    half of them, nothing is trained, lest compiling go on beyond them: the next call finds the data unpacked.

    Raises:
        InputError: there are no parts, or one is damaged.
        RunError: as for `train`.
    """
    began = time.monotonic()
    print(unpack(parts, out / "data", workers=settings.workers), flush=True)
    left = settings.minutes - (time.monotonic() - began) / 60
    if left < settings.minutes / 2:
        return f"unpacking left {left:.1f} of {settings.minutes} minutes; give the command again to train"
    train(Data(out / "data"), out / "run", replace(settings, minutes=left))
    made = export(out / "run", out / "encoder")
    return f"{made}, and in {len(shard(out / 'encoder', to))} files in {to}"
