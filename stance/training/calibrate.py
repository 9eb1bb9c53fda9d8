"""Fits temperatures, thresholds and the bonus of spans of a trained model on articles that it has not seen."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from stance.errors import InputError
from stance.model.calibration import (
    Calibration,
    best_threshold,
    fit_scale,
    fit_side_threshold,
    fit_temperature,
    fold_absent,
)
from stance.model.decoding import Decisions
from stance.model.losses import UNKNOWN
from stance.training.features import EncodingLoss, LabelledWindow, collate_labelled, labelled_windows

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from stance.model.batch import Batch
    from stance.model.checkpoint import Model
    from stance.model.network import Logits
    from stance.training.examples import LabelledArticle

__all__ = ["calibrate"]

BONUSES = np.arange(0.0, 3.01, 0.25)
"""Values tried for `Calibration.begin_bonus`."""

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class _Readings:
    """Logits and gold of one window, padding and what is not labelled left out.

    Attributes:
        devices, device_gold: presence logits and labels. Shape (P, D); -1 where unlabelled.
        stances, stance_gold: logits (K', S + 1) and folded classes (K',) of the labelled pairs.
    """

    devices: Floats
    device_gold: Labels
    stances: Floats
    stance_gold: Labels


def calibrate(model: Model, articles: Iterable[LabelledArticle]) -> Calibration:
    """The calibration that fits these articles best. Raises InputError where they carry no label at all."""
    windows = labelled_windows(articles, model.encoder, model.schema, EncodingLoss())
    found = list(_read(model, windows))
    if not any((r.device_gold != UNKNOWN).any() or len(r.stances) for r in found):
        raise InputError("Calibration needs labelled development articles; found none. Name a file with --dev.")
    devices = np.concatenate([r.devices for r in found])
    device_gold = np.concatenate([r.device_gold for r in found])
    stances = np.concatenate([r.stances for r in found])
    stance_gold = np.concatenate([r.stance_gold for r in found])
    scales, thresholds = _devices(devices, device_gold)
    temperature = fit_temperature(stances, stance_gold) if len(stances) else 1.0
    folded = fold_absent((torch.from_numpy(stances) / temperature).softmax(-1)).numpy()
    calibration = Calibration(
        stance_temperature=temperature,
        side_threshold=fit_side_threshold(folded, stance_gold) if len(stances) else 0.5,
        device_slopes=tuple(slope for slope, _ in scales),
        device_offsets=tuple(offset for _, offset in scales),
        device_thresholds=thresholds,
    )
    return replace(calibration, begin_bonus=_begin_bonus(model, windows, calibration))


def _devices(logits: Floats, gold: Labels) -> tuple[list[tuple[float, float]], tuple[float, ...]]:
    known = gold != UNKNOWN
    shared = fit_scale(logits[known], gold[known])
    columns = range(gold.shape[1])
    scales = [fit_scale(logits[known[:, d], d], gold[known[:, d], d], shared) for d in columns]
    probabilities = np.stack([1 / (1 + np.exp(-(logits[:, d] * a + b))) for d, (a, b) in enumerate(scales)], axis=1)
    return scales, _thresholds(probabilities, gold)


def _thresholds(probabilities: Floats, gold: Labels) -> tuple[float, ...]:
    known = gold != UNKNOWN
    shared = best_threshold(probabilities[known], gold[known])
    return tuple(
        best_threshold(probabilities[known[:, d], d], gold[known[:, d], d], shared) for d in range(gold.shape[1])
    )


def _begin_bonus(model: Model, windows: Sequence[LabelledWindow], calibration: Calibration) -> float:
    """The bonus with the best F1 of overlapping spans, the smallest of equals."""
    candidates = [replace(calibration, begin_bonus=float(bonus)) for bonus in BONUSES]
    counts = np.zeros((len(candidates), 3))
    gold = sum(int(np.diff(w.tags == 1, axis=0, prepend=False).sum()) for w in windows) / 2  # each span has two edges
    for rows, batch, logits in _logits(model, windows):
        for n, candidate in enumerate(candidates):
            decisions = Decisions.of(logits, batch, candidate).cpu()
            for found, (row, slot, device) in zip(decisions.chosen.numpy(), decisions.owners.tolist(), strict=True):
                window = rows[row].window
                place, length = int(window.places[slot]), len(window.pieces[slot].ids)
                tags = rows[row].tags[place : place + length, device]
                if (tags != UNKNOWN).all():
                    counts[n] += _overlaps(found[:length], tags == 1)
    found, right, hit = counts.T
    precision, recall = right / np.maximum(found, 1), hit / max(gold, 1)
    return float(BONUSES[np.argmax(2 * precision * recall / np.maximum(precision + recall, 1e-9))])


def _overlaps(found: NDArray[np.bool_], gold: NDArray[np.bool_]) -> tuple[int, int, int]:
    """Found spans, those that touch a gold one, and gold spans that are touched; spans are runs of True."""
    ours, theirs = (
        np.flatnonzero(np.diff(x, prepend=False, append=False)).reshape(-1, 2).tolist() for x in (found, gold)
    )
    return len(ours), sum(bool(gold[a:b].any()) for a, b in ours), sum(bool(found[a:b].any()) for a, b in theirs)


def _read(model: Model, windows: Sequence[LabelledWindow]) -> Iterator[_Readings]:
    for rows, _, logits in _logits(model, windows):
        devices = logits.devices.double().cpu().numpy()
        stances = logits.stances.double().cpu().numpy()
        for i, row in enumerate(rows):
            yield _select(row, devices[i], stances[i])


def _logits(
    model: Model, windows: Sequence[LabelledWindow], size: int = 16
) -> Iterator[tuple[list[LabelledWindow], Batch, Logits]]:
    ordered = sorted(windows, key=lambda w: len(w.window))
    network = model.network.eval()
    hardware = next(network.parameters()).device
    for at in range(0, len(ordered), size):
        rows = ordered[at : at + size]
        batch = collate_labelled(rows, model.config.pad_id)[0].to(hardware)
        with torch.inference_mode():
            yield rows, batch, network(batch)


def _select(row: LabelledWindow, devices: Floats, stances: Floats) -> _Readings:
    chosen = ~row.stances.all(-1)
    last = row.stances.shape[1] - 2
    return _Readings(
        devices=devices[: len(row.devices)],
        device_gold=row.devices.astype(np.int64),
        stances=stances[: len(row.stances)][chosen],
        stance_gold=np.minimum(row.stances[chosen].argmax(-1), last),
    )
