"""Attention as two matrix products.

torch's fused attention (SDPA) never writes the scores of all token pairs down, which pays on GPUs and for long
sequences. On a CPU, for windows of a few hundred tokens in bfloat16, the products alone are twice as fast
(docs/performance.md).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch.nn import functional
from transformers import AttentionInterface, AttentionMaskInterface, PreTrainedModel
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = ["use_matmul_attention"]

_NAME = "stance_matmul"


def use_matmul_attention(network: nn.Module) -> bool:
    """Let the network's encoder attend by matrix products; returns whether it will.

    Encoders that cannot change their attention are left alone.
    """
    encoder = getattr(network, "encoder", None)
    if not isinstance(encoder, PreTrainedModel) or encoder.config._attn_implementation != "sdpa":
        return False
    AttentionInterface.register(_NAME, _attend)
    AttentionMaskInterface.register(_NAME, sdpa_mask)
    encoder.set_attn_implementation(_NAME)
    return True


def _attend(  # noqa: PLR0913, PLR0917 - transformers calls it so
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float | None = None,
    dropout: float = 0.0,
    **kwargs: Any,
) -> tuple[Tensor, None]:
    """Queries, keys, values (B, H, T, C) and what to add to scores (B, 1, T, T) → (B, T, H, C)."""
    if attention_mask is None or not attention_mask.is_floating_point():
        return sdpa_attention_forward(
            module, query, key, value, attention_mask, dropout=dropout, scaling=scaling, **kwargs
        )
    rows, heads, tokens, width = query.shape
    query, key, value = (x.reshape(rows * heads, tokens, width) for x in (query, key, value))
    added = attention_mask.expand(rows, heads, tokens, tokens)
    scores = added.to(query.dtype, copy=True, memory_format=torch.contiguous_format).flatten(0, 1)
    scores.baddbmm_(query, key.transpose(1, 2), alpha=width**-0.5 if scaling is None else scaling)
    weights = functional.dropout(scores.softmax(-1), dropout, training=module.training)
    return torch.bmm(weights, value).view(rows, heads, tokens, width).transpose(1, 2).contiguous(), None
