"""From probabilities to readings: which devices, where, and which stances, paragraph by paragraph."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from stance.model.calibration import Probabilities
from stance.model.chain import best_paths, marginals, paragraph_steps

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from torch import Tensor

    from stance.model.batch import Batch
    from stance.model.calibration import Calibration
    from stance.model.encoding import Piece, Window
    from stance.model.network import Logits

__all__ = ["Decisions", "ParagraphReading", "SpanReading", "decode", "merge"]

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Decisions:
    """What a batch says, small enough to travel.

    N is the number of reported devices, L the tokens of the longest paragraph and the separator behind it.

    Attributes:
        devices, stances: see `Probabilities`.
        owners: row, slot and device of each reported device, in this order. int64. Shape (N, 3).
        inside: probability that a token lies in a span. Shape (N, L).
        chosen: does it, on the best path with `Calibration.begin_bonus`? Boolean. Shape (N, L).
    """

    devices: Tensor
    stances: Tensor
    owners: Tensor
    inside: Tensor
    chosen: Tensor

    @classmethod
    def of(cls, logits: Logits, batch: Batch, calibration: Calibration) -> Decisions:
        """Decide which devices are reported, and find their spans."""
        probabilities = Probabilities.of(logits, calibration)
        thresholds = torch.tensor(calibration.device_thresholds, device=batch.places.device)
        reported = (probabilities.devices >= thresholds) & (batch.places >= 0)[..., None]
        owners = reported.nonzero()
        rows, slots, numbers = owners.unbind(1)
        steps = paragraph_steps(logits.steps, batch.places, batch.text, rows, slots)
        steps = steps.gather(2, numbers[:, None, None, None, None].expand(-1, steps.shape[1], 1, 2, 2))
        inside = marginals(steps)[..., 0]
        steps[..., 0, 1] += calibration.begin_bonus
        chosen = best_paths(steps)[..., 0]
        return cls(probabilities.devices, probabilities.stances, owners, inside, chosen)

    def cpu(self) -> Decisions:
        """The same on the CPU."""
        return Decisions(*(getattr(self, f.name).cpu() for f in fields(self)))


@dataclass(frozen=True, slots=True)
class SpanReading:
    """Characters `[start, end)` of the cleaned paragraph that bear device number `device`."""

    device: int
    start: int
    end: int
    probability: float


@dataclass(frozen=True, slots=True)
class ParagraphReading:
    """What the network read in a paragraph, or in a piece of one.

    Attributes:
        paragraph: index of the paragraph in its passage.
        devices: calibrated presence. Shape (D,).
        spans: of the devices that are reported, in text order.
        stances: calibrated probability of each stance towards each target. Shape (G, S).
        tokens: tokens read, the weight of a piece when pieces are merged.
    """

    paragraph: int
    devices: Floats
    spans: tuple[SpanReading, ...]
    stances: Floats
    tokens: int


def decode(window: Window, row: int, decisions: Decisions) -> Iterator[ParagraphReading]:
    """Readings of the pieces of one window, which is row `row` of the batch. `decisions` is on the CPU."""
    presence = decisions.devices[row].numpy()
    stances = decisions.stances[row].numpy()
    owners = decisions.owners.numpy()
    first, stop = np.searchsorted(owners[:, 0], [row, row + 1])
    for slot, piece in enumerate(window.pieces):
        spans = [
            span
            for n in range(first, stop)
            if owners[n, 1] == slot
            for span in _spans(piece, int(owners[n, 2]), decisions.inside[n].numpy(), decisions.chosen[n].numpy())
        ]
        yield ParagraphReading(
            piece.paragraph,
            presence[slot],
            tuple(sorted(spans, key=lambda s: (s.start, s.end, s.device))),
            stances[np.flatnonzero(window.pair_slots == slot)],
            len(piece.ids),
        )


def _spans(piece: Piece, device: int, inside: Floats, chosen: NDArray[np.bool_]) -> Iterator[SpanReading]:
    edges = np.flatnonzero(np.diff(chosen[: len(piece.ids)], prepend=False, append=False))
    for first, stop in edges.reshape(-1, 2):
        probability = float(inside[first:stop].mean())
        yield SpanReading(device, int(piece.starts[first]), int(piece.ends[stop - 1]), probability)


def merge(
    readings: Sequence[ParagraphReading], paragraphs: int, targets: int, devices: int, stances: int
) -> list[ParagraphReading]:
    """One reading for each paragraph of a passage, pieces of long ones, given in text order, joined.

    A device is present where it is present in any piece; stances are averaged by tokens. A paragraph without any
    token has no device, and its stances are the last one (neutral) with certainty.
    """
    groups: list[list[ParagraphReading]] = [[] for _ in range(paragraphs)]
    for reading in readings:
        groups[reading.paragraph].append(reading)
    merged = []
    for index, group in enumerate(groups):
        if not group:
            neutral = np.zeros((targets, stances), np.float32)
            neutral[:, -1] = 1
            merged.append(ParagraphReading(index, np.zeros(devices, np.float32), (), neutral, 0))
        elif len(group) == 1:
            merged.append(group[0])
        else:
            weights = np.array([r.tokens for r in group], np.float32)
            merged.append(
                ParagraphReading(
                    index,
                    np.max([r.devices for r in group], axis=0),
                    tuple(span for r in group for span in r.spans),
                    np.average([r.stances for r in group], axis=0, weights=weights).astype(np.float32),
                    int(weights.sum()),
                )
            )
    return merged
