"""The network in the form that it runs in: bfloat16, with weights as the processor reads them."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers.activations import GELUActivation

if TYPE_CHECKING:
    from stance.engine.hardware import Hardware

__all__ = ["as_it_runs"]


def as_it_runs(network: nn.Module, hardware: Hardware) -> nn.Module:
    """The network round a copy of its encoder in the hardware's precision.

    Autocast alone would cast every weight anew for each batch, and keep activations between layers in float32. The
    heads are shared with the network as given, which stays as it is, to be saved. Networks in float32, or without
    an encoder of transformers, come back themselves.
    """
    encoder = getattr(network, "encoder", None)
    if hardware.dtype is torch.float32 or not isinstance(encoder, PreTrainedModel):
        return network
    shared: dict[int, Any] = {id(part): part for part in network.children() if part is not encoder}
    lowered: Any = copy.deepcopy(network, shared)
    lowered.encoder.to(hardware.dtype)
    if not hardware.is_gpu and _can_pack():
        _pack(lowered.encoder)
    return lowered  # type: ignore[no-any-return]


def _can_pack() -> bool:
    operations: Any = torch.ops.mkldnn
    return (
        torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
        and hasattr(operations, "_linear_pointwise")
        and hasattr(operations, "_is_mkldnn_bf16_supported")
        and bool(operations._is_mkldnn_bf16_supported())
    )


def _pack(encoder: nn.Module) -> None:
    """Replace linear layers by packed ones, and the GELU behind one by its part in it."""
    for module in list(encoder.modules()):
        gelu = isinstance(getattr(module, "intermediate_act_fn", None), GELUActivation)
        if gelu:
            module.intermediate_act_fn = nn.Identity()
        for name, child in module.named_children():
            if isinstance(child, nn.Linear):
                setattr(module, name, _PackedLinear(child, gelu=gelu and name == "dense"))


class _PackedLinear(nn.Module):
    """A linear layer for inference, its weight laid out once as oneDNN multiplies it, not anew in each product.

    torch.compile packs weights in the same way. It takes its time for that; this takes milliseconds.
    """

    def __init__(self, linear: nn.Linear, *, gelu: bool) -> None:
        super().__init__()
        operations: Any = torch.ops.mkldnn
        self._weight = operations._reorder_linear_weight(linear.weight.detach(), None)
        self._bias = None if linear.bias is None else linear.bias.detach()
        self._then: tuple[str, list[Any], str] = ("gelu", [], "none") if gelu else ("none", [], "")

    def forward(self, given: Tensor) -> Tensor:
        """(…, input) → (…, output)."""
        product: Tensor = torch.ops.mkldnn._linear_pointwise(given, self._weight, self._bias, *self._then)
        return product
