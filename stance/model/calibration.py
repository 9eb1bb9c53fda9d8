"""From logits to probabilities that mean what they say, and from probabilities to decisions.

Stances: temperature scaling (Guo et al. 2017, arXiv 1706.04599). Devices: Platt scaling (slope and offset) of
each presence logit, shrunk towards one slope and offset for all, since rare devices have few development
examples. Thresholds maximise F1 on the same articles, drawn towards the threshold of all devices together.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from stance.errors import ModelError

if TYPE_CHECKING:
    from pathlib import Path

    from stance.model.network import Logits
    from stance.schema import LabelSchema

__all__ = ["Calibration", "Probabilities", "best_threshold", "fit_scale", "fit_side_threshold", "fit_temperature"]

Floats = NDArray[np.float64]

REVIEW_BAND = 0.5
"""Log odds on both sides of where an answer turns, within which it should be reviewed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """Fitted on articles held out of training, saved with the model; one entry a device in the schema's order.

    Attributes:
        stance_temperature: stance logits are divided by this.
        side_threshold: a side is taken where favor and against together reach this probability; else neutral.
        device_slopes, device_offsets: presence probability is sigmoid(slope · logit + offset).
        device_thresholds: a device is reported from this presence probability on.
        begin_bonus: added to the log potential of beginning a span when the spans of a reported device are chosen. The
            likeliest path leaves out spans that are more often right than the best F1 needs.
    """

    stance_temperature: float
    side_threshold: float
    begin_bonus: float = 0.0
    device_slopes: tuple[float, ...]
    device_offsets: tuple[float, ...]
    device_thresholds: tuple[float, ...]

    @classmethod
    def identity(cls, devices: int) -> Calibration:
        """Probabilities as the network gives them, thresholds at one half."""
        half, one, zero = (0.5,) * devices, (1.0,) * devices, (0.0,) * devices
        return cls(
            stance_temperature=1.0,
            side_threshold=0.5,
            device_slopes=one,
            device_offsets=zero,
            device_thresholds=half,
        )

    def stances(self, probabilities: NDArray[np.floating[Any]]) -> NDArray[np.intp]:
        """Number of the stance that is read from each row of probabilities. (N, S) → (N,); the last one is neutral."""
        sides = probabilities[:, :-1]
        neutral = probabilities.shape[1] - 1
        chosen: NDArray[np.intp] = np.where(sides.sum(1) >= self.side_threshold, sides.argmax(1), neutral)
        return chosen

    def unsure_devices(self, probabilities: NDArray[np.floating[Any]]) -> NDArray[np.bool_]:
        """Does a probability lie so close to its threshold that a reader should look? (D,) → (D,)."""
        return _close(probabilities, np.array(self.device_thresholds))

    def unsure_stances(self, probabilities: NDArray[np.floating[Any]]) -> NDArray[np.bool_]:
        """The same of stances: is it close whether a side is taken, or which one? (N, S) → (N,)."""
        sides = probabilities[:, :-1]
        total = sides.sum(1)
        taken = total >= self.side_threshold
        which = sides.max(1) / np.maximum(total, 1e-9)
        unsure: NDArray[np.bool_] = _close(total, np.array(self.side_threshold)) | (
            taken & _close(which, np.array(0.5))
        )
        return unsure

    def save(self, path: Path, schema: LabelSchema) -> None:
        """Write as JSON, the per-device numbers by device id."""
        data: dict[str, Any] = asdict(self)
        per_device = {k: dict(zip(schema.device_ids, v, strict=True)) for k, v in data.items() if isinstance(v, tuple)}
        path.write_text(json.dumps(data | per_device, indent=1) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: Path, schema: LabelSchema) -> Calibration:
        """Read what `save` wrote. Raises ModelError where the file does not fit the schema."""
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
            per_device = {f.name for f in fields(cls) if f.name.startswith("device_")}
            return cls(
                stance_temperature=float(data["stance_temperature"]),
                side_threshold=float(data["side_threshold"]),
                begin_bonus=float(data["begin_bonus"]),
                **{name: tuple(float(data[name][device]) for device in schema.device_ids) for name in per_device},
            )
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ModelError(
                f"{path}: expected the calibration of a model with devices {', '.join(schema.device_ids)}; "
                f"{error!r}. Calibrate again with `stance train` or copy the whole model folder."
            ) from error


def _close(probabilities: NDArray[np.floating[Any]], turns: NDArray[np.floating[Any]]) -> NDArray[np.bool_]:
    odds, turn = (np.log(p) - np.log1p(-p) for p in (np.clip(x, 1e-6, 1 - 1e-6) for x in (probabilities, turns)))
    close: NDArray[np.bool_] = np.abs(odds - turn) < REVIEW_BAND
    return close


@dataclass(frozen=True, slots=True)
class Probabilities:
    """Calibrated probabilities of a batch, in float32.

    Attributes:
        devices: presence. Shape (B, P, D).
        stances: favor, against, neutral (absent folded in). Shape (B, K, S).
    """

    devices: Tensor
    stances: Tensor

    @classmethod
    def of(cls, logits: Logits, calibration: Calibration) -> Probabilities:
        """Apply a calibration to logits."""
        slopes = torch.tensor(calibration.device_slopes, device=logits.devices.device)
        offsets = torch.tensor(calibration.device_offsets, device=logits.devices.device)
        return cls(
            devices=(logits.devices.float() * slopes + offsets).sigmoid(),
            stances=fold_absent((logits.stances.float() / calibration.stance_temperature).softmax(-1)),
        )


def fold_absent(probabilities: Tensor) -> Tensor:
    """Add the last class (absent) to the one before it (neutral). Shape (…, S + 1) → (…, S)."""
    folded = probabilities[..., :-1].clone()
    folded[..., -1] += probabilities[..., -1]
    return folded


def fit_temperature(logits: Floats, labels: NDArray[np.int64]) -> float:
    """The temperature with the least negative log-likelihood of the folded stance. (N, S + 1), (N,) → number."""
    given = torch.from_numpy(logits)
    chosen = torch.from_numpy(labels)[:, None]
    grid = np.geomspace(0.25, 6.0, 120)
    nll = [-float(fold_absent((given / t).softmax(-1)).gather(1, chosen).clamp_min(1e-12).log().mean()) for t in grid]
    return float(grid[int(np.argmin(nll))])


def fit_side_threshold(probabilities: Floats, labels: NDArray[np.int64]) -> float:
    """The threshold with the best macro-F1, the one nearest to one half of equals. (N, S), (N,) → number."""
    grid = np.linspace(0.2, 0.8, 61)
    neutral = probabilities.shape[1] - 1
    sides = probabilities[:, :-1]
    scores = []
    for threshold in grid:
        found = np.where(sides.sum(1) >= threshold, sides.argmax(1), neutral)
        right = np.bincount(labels[found == labels], minlength=neutral + 1)
        both = np.bincount(found, minlength=neutral + 1) + np.bincount(labels, minlength=neutral + 1)
        scores.append(float(np.mean(2 * right / np.maximum(both, 1))))
    best = grid[np.array(scores) >= max(scores) - 1e-9]
    return float(best[np.argmin(np.abs(best - 0.5))])


def fit_scale(
    logits: Floats, labels: NDArray[np.int64], prior: tuple[float, float] | None = None
) -> tuple[float, float]:
    """Slope and offset of Platt scaling for one device. (N,), (N,) → numbers.

    `prior` is the slope and offset towards which few examples are shrunk, by a penalty on the squared distance.
    """
    x, y = torch.from_numpy(logits), torch.from_numpy(labels).double()
    scale = torch.tensor(prior or (1.0, 0.0), dtype=torch.float64, requires_grad=True)
    start = scale.detach().clone()
    optimizer = torch.optim.LBFGS([scale], max_iter=100, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = torch.nn.functional.binary_cross_entropy_with_logits(x * scale[0] + scale[1], y, reduction="sum")
        loss = loss + (4.0 if prior else 1e-3) * (scale - start).square().sum()
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    optimizer.step(closure)  # type: ignore[no-untyped-call]
    slope, offset = scale.detach().tolist()
    return max(float(slope), 0.05), float(offset)


def best_threshold(
    probabilities: Floats, labels: NDArray[np.int64], prior: float | None = None, strength: float = 12.0
) -> float:
    """The threshold with the best F1. (N,), (N,) → number in [0.05, 0.95].

    With a `prior`, n positives give F1 the weight n / (n + strength), and distance from the prior counts against a
    threshold with the rest, so that a handful of examples cannot move it far.
    """
    grid = np.linspace(0.05, 0.95, 91)
    chosen = probabilities[None] >= grid[:, None]
    true = (chosen & (labels == 1)).sum(1)
    scores = 2 * true / np.maximum(chosen.sum(1) + (labels == 1).sum(), 1)
    if prior is not None:
        positives = float((labels == 1).sum())
        share = positives / (positives + strength)
        scores = share * scores - (1 - share) * np.abs(grid - prior)
    near_best = grid[scores >= scores.max() - 1e-9]
    return float(near_best[len(near_best) // 2])
