"""Weights that know about positions before training begins.

A fresh encoder spends its first millions of tokens on finding out where its neighbours are. Sinusoidal position
vectors, and a few heads of the lowest layers that look at a neighbour by them, save it that.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["frequencies", "look_at_neighbours", "sinusoids"]

NEIGHBOURS = ((-1, 1, -2, 2), (-1, 1, -3, 3))
"""At which relative position each of the first heads of the first layers looks."""

SCALE = 0.028
"""Of position vectors: that of freshly made embeddings."""

SHARPNESS = 2.0
"""Of the heads: large enough that one position gets most of the attention, small enough to be unlearned."""


def frequencies(width: int) -> Tensor:
    """Angles by which sinusoids turn at each step, from π downwards. Shape (width / 2,)."""
    half = width // 2
    return math.pi * 1e-4 ** (torch.arange(half) / half)


def sinusoids(count: int, width: int) -> Tensor:
    """Position vectors, sines then cosines (Vaswani et al. 2017, with higher frequencies). Shape (count, width)."""
    angles = torch.arange(count)[:, None] * frequencies(width)
    return torch.cat([angles.sin(), angles.cos()], dim=1) * SCALE


@torch.no_grad()
def look_at_neighbours(encoder: Any) -> None:
    """Make some heads of the lowest layers attend to a neighbour.

    Key and query of a head read sines and cosines of position p; the query turns them by the head's offset δ, so
    that their product, Σ cos(w (p + δ - p')) over the highest frequencies w, is largest at p' = p + δ.
    """
    width, heads = encoder.config.hidden_size, encoder.config.num_attention_heads
    size, half = width // heads, width // 2
    turns = frequencies(width)[: size // 2]
    sine = torch.arange(size // 2)
    cosine = sine + size // 2
    for layer, offsets in zip(encoder.encoder.layer, NEIGHBOURS, strict=False):
        attention = layer.attention.self
        for head, offset in zip(range(heads), offsets, strict=False):
            key, query = torch.zeros(size, width), torch.zeros(size, width)
            key[sine, sine] = key[cosine, half + sine] = SHARPNESS
            query[sine, sine] = query[cosine, half + sine] = SHARPNESS * (turns * offset).cos()
            query[sine, half + sine] = SHARPNESS * (turns * offset).sin()
            query[cosine, sine] = -SHARPNESS * (turns * offset).sin()
            rows = slice(size * head, size * (head + 1))
            attention.key.weight[rows] += key
            attention.query.weight[rows] += query
