"""From probabilities to readings: which devices, where, and which stances, paragraph by paragraph."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from stance.model.calibration import Calibration, Probabilities
    from stance.model.encoding import Piece, Window

__all__ = ["ParagraphReading", "SpanReading", "decode", "merge"]

Floats = NDArray[np.float32]

RELATIVE = 0.5
"""Where a device is reported but no token reaches its span threshold, tokens count from this share of the best on."""

BRIDGE = 2
"""Tokens below the threshold that a span may step over: one expression, read unevenly, is not several spans."""


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


def decode(
    window: Window, row: int, probabilities: Probabilities, calibration: Calibration
) -> Iterator[ParagraphReading]:
    """Readings of the pieces of one window, which is row `row` of the batch. `probabilities` is on the CPU."""
    inside = probabilities.inside[row].numpy()
    begin = probabilities.begin[row].numpy()
    presence = probabilities.devices[row].numpy()
    stances = probabilities.stances[row].numpy()
    for slot, piece in enumerate(window.pieces):
        place = slice(int(window.places[slot]), int(window.places[slot]) + len(piece.ids))
        own = np.flatnonzero(window.pair_slots == slot)
        spans = [
            span
            for device in np.flatnonzero(presence[slot] >= calibration.device_thresholds)
            for span in _spans(piece, int(device), inside[place, device], begin[place, device], calibration)
        ]
        yield ParagraphReading(
            piece.paragraph,
            presence[slot],
            tuple(sorted(spans, key=lambda s: (s.start, s.end, s.device))),
            stances[own],
            len(piece.ids),
        )


def _spans(piece: Piece, device: int, inside: Floats, begin: Floats, calibration: Calibration) -> Iterator[SpanReading]:
    if not len(inside):
        return
    threshold = min(calibration.span_thresholds[device], RELATIVE * float(inside.max()))
    chosen = np.flatnonzero(inside >= threshold)
    opens = (np.diff(chosen) > BRIDGE + 1) | (begin > inside / 2)[chosen[1:]]
    for tokens in np.split(chosen, np.flatnonzero(opens) + 1):
        first, last = int(tokens[0]), int(tokens[-1])
        probability = float(inside[first : last + 1].mean())
        yield SpanReading(device, int(piece.starts[first]), int(piece.ends[last]), probability)


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
