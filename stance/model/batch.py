"""Windows as tensors.

Axes, here and everywhere on the tensor side:

    B  windows in a batch        T  tokens (text, then target blocks)    P  paragraphs (pieces) of a window
    K  (paragraph, target) pairs    G  targets    D  devices    S  stances

The arrays are padded to the longest of the batch; `segments == PAD` marks padding.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from stance.model.borders import OUTSIDE
from stance.model.encoding import BLOCK, Window

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Batch", "collate"]


@dataclass(frozen=True, slots=True)
class Batch:
    """Padded windows; see `stance.model.encoding.Window` for what the numbers mean.

    Attributes:
        ids, words, cues, positions, segments, borders, slots, blocks: int64. Shape (B, T).
        text: tokens of text in each window, blocks and padding not counted. int64. Shape (B,).
        places: first token of each paragraph, -1 for none. int64. Shape (B, P).
        pair_slots, pair_targets, pair_places: int64, -1 for none. Shape (B, K).
        named: int8, mentions of each target among the tokens. Shape (B, G, T).
    """

    ids: Tensor
    words: Tensor
    cues: Tensor
    positions: Tensor
    segments: Tensor
    borders: Tensor
    slots: Tensor
    blocks: Tensor
    text: Tensor
    places: Tensor
    pair_slots: Tensor
    pair_targets: Tensor
    pair_places: Tensor
    named: Tensor

    def __post_init__(self) -> None:
        shape = self.ids.shape
        for name in ("ids", "words", "cues", "positions", "segments", "borders", "slots", "blocks"):
            value: Tensor = getattr(self, name)
            if value.dtype != torch.int64 or value.shape != shape or value.dim() != 2:
                raise ValueError(
                    f"Batch.{name} must be int64 of shape {tuple(shape)}, was {value.dtype} {tuple(value.shape)}."
                )

    def to(self, hardware: torch.device, *, non_blocking: bool = False) -> Batch:
        """The same batch on other hardware."""
        return Batch(*(getattr(self, f.name).to(hardware, non_blocking=non_blocking) for f in fields(self)))

    def pin(self) -> Batch:
        """The same batch in page-locked memory, for asynchronous copies to a GPU."""
        return Batch(*(getattr(self, f.name).pin_memory() for f in fields(self)))


def collate(windows: Sequence[Window], pad_id: int, multiple: int = 8) -> Batch:
    """Pad windows to one shape; the token axis to a multiple of `multiple`."""
    tokens = -(-max(len(w) for w in windows) // multiple) * multiple
    pieces = max(len(w.places) for w in windows)
    pairs = max((len(w.pair_slots) for w in windows), default=0)
    targets = max(w.named.shape[0] for w in windows)
    named = np.zeros((len(windows), targets, tokens), np.int8)
    for row, w in zip(named, windows, strict=True):
        row[: w.named.shape[0], : w.named.shape[1]] = w.named
    return Batch(
        ids=_pad([w.ids for w in windows], tokens, pad_id),
        words=_pad([w.words for w in windows], tokens, 0),
        cues=_pad([w.cues for w in windows], tokens, 0),
        positions=_pad([w.positions for w in windows], tokens, 0),
        segments=_pad([w.segments for w in windows], tokens, 0),
        borders=_pad([w.borders for w in windows], tokens, OUTSIDE),
        slots=_pad([w.slots for w in windows], tokens, -1),
        blocks=_pad([w.blocks for w in windows], tokens, 0),
        text=torch.tensor([int(np.sum(w.segments != BLOCK)) for w in windows]),
        places=_pad([w.places for w in windows], pieces, -1),
        pair_slots=_pad([w.pair_slots for w in windows], pairs, -1),
        pair_targets=_pad([w.pair_targets for w in windows], pairs, -1),
        pair_places=_pad([w.pair_places for w in windows], pairs, -1),
        named=torch.from_numpy(named),
    )


def _pad(rows: Sequence[np.ndarray[tuple[int], np.dtype[Any]]], size: int, value: int) -> Tensor:
    padded = np.full((len(rows), size), value, np.int64)
    for target, row in zip(padded, rows, strict=True):
        target[: len(row)] = row
    return torch.from_numpy(padded)
