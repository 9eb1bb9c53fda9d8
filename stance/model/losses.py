"""Losses over partial gold: what a data set does not label teaches nothing.

Each term is a mean over what is labelled, and comes with the count it is a mean of, so that a batch without
gold for a task has a zero loss and a zero count.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional

from stance.model.chain import path_score

if TYPE_CHECKING:
    from stance.model.batch import Batch
    from stance.model.network import Logits

__all__ = ["UNKNOWN", "Gold", "Losses", "multitask_loss"]

UNKNOWN = -1
"""Marks a tag or a presence that is not labelled."""


@dataclass(frozen=True, slots=True)
class Gold:
    """Labels of a batch.

    Attributes:
        tags: 0 outside, 1 inside a span, or UNKNOWN, for whole paragraphs. int64. Shape (B, T, D).
        devices: 1 present, 0 absent, or UNKNOWN. int64. Shape (B, P, D).
        stances: the classes that the label leaves open (favor, against, neutral, absent); all of them where
            the pair is unlabelled. Boolean. Shape (B, K, S + 1).
    """

    tags: Tensor
    devices: Tensor
    stances: Tensor

    def to(self, hardware: torch.device) -> Gold:
        """The same labels on other hardware."""
        return Gold(*(getattr(self, f.name).to(hardware) for f in fields(self)))


@dataclass(frozen=True, slots=True)
class Losses:
    """Weighted mean losses (nats) of the three heads, and how many labels each is a mean of."""

    tags: Tensor
    devices: Tensor
    stances: Tensor
    counts: tuple[int, int, int]

    @property
    def total(self) -> Tensor:
        """Sum of the three."""
        return self.tags + self.devices + self.stances


def multitask_loss(
    logits: Logits,
    gold: Gold,
    batch: Batch,
    weights: tuple[float, float, float] = (1.0, 1.0, 1.0),
    smoothing: float = 0.0,
) -> Losses:
    """Negative log-likelihood of span paths, binary cross-entropy of presence, marginal cross-entropy of stances.

    Span and presence losses are summed over devices, averaged over the paragraphs that have a label. A stance label
    that leaves several classes open is scored by the probability of them all: -log Σ p.
    """
    tags, tag_count = _path_loss(logits, gold.tags, batch)
    devices, device_count = _presence_loss(logits.devices.float(), gold.devices, smoothing)
    stances, pair_count = _stance_loss(logits.stances.float(), gold.stances, smoothing)
    return Losses(weights[0] * tags, weights[1] * devices, weights[2] * stances, (tag_count, device_count, pair_count))


def _path_loss(logits: Logits, gold: Tensor, batch: Batch) -> tuple[Tensor, int]:
    first = batch.places.clamp_min(0)[..., None].expand_as(logits.partition)
    known = (gold.gather(1, first) != UNKNOWN) & (batch.places >= 0)[..., None]
    count = int(known.any(-1).sum())
    score = path_score(logits.steps, gold == 1, batch.places, batch.text)
    return torch.where(known, logits.partition - score, 0.0).sum() / max(count, 1), count


def _presence_loss(logits: Tensor, gold: Tensor, smoothing: float) -> tuple[Tensor, int]:
    known = gold != UNKNOWN
    count = int(known.any(-1).sum())
    target = gold.float().clamp_min(0) * (1 - 2 * smoothing) + smoothing
    loss = functional.binary_cross_entropy_with_logits(logits, target, reduction="none")
    return (loss * known).sum() / max(count, 1), count


def _stance_loss(logits: Tensor, allowed: Tensor, smoothing: float) -> tuple[Tensor, int]:
    known = ~allowed.all(-1)
    count = int(known.sum())
    probabilities = logits.log_softmax(-1)
    marginal = probabilities.masked_fill(~allowed, -torch.inf).logsumexp(-1)
    loss = -(1 - smoothing) * marginal - smoothing * probabilities.mean(-1)
    return torch.where(known, loss, 0.0).sum() / max(count, 1), count
