"""The network: an encoder and three heads, as a pure function of tensors.

One pass answers every question. Text tokens see the text of their window; the tokens of a target block see
their own block and their own paragraph. So each (paragraph, target) pair meets at every layer, as in a
cross-encoder, while the text is encoded once for any number of targets, and neither text nor any other
block can tell which targets were asked for.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from stance.model.chain import SpanHead, log_partition
from stance.model.encoding import PAD
from stance.text.cues import BITS_PER_DEVICE

if TYPE_CHECKING:
    from stance.model.batch import Batch

__all__ = ["Logits", "StanceNetwork"]


@dataclass(frozen=True, slots=True)
class Logits:
    """What the network says, all before softmax or sigmoid.

    Attributes:
        steps: of the chain of each device, see `stance.model.chain`. Shape (B, T, D, 2, 2).
        partition: log of the summed scores of all paths through each paragraph. Shape (B, P, D).
        devices: presence of each device in each paragraph. Shape (B, P, D).
        stances: favor, against, neutral, absent for each pair. Shape (B, K, S + 1).
    """

    steps: Tensor
    partition: Tensor
    devices: Tensor
    stances: Tensor


class StanceNetwork(nn.Module):
    """Encoder, span head, paragraph head and pair head.

    Args:
        encoder: a Hugging Face BERT-like model that takes `inputs_embeds`, `position_ids` and a mask (B, 1, T, T).
        devices: number of devices D.
        stances: number of stances S; the head has one class more, for pairs of which the paragraph does not speak.
        lexicon_size: words in the lexicon; 0 for none.
        lexicon_width: width of the lexicon's vectors.
        cues: does the network read cues (`stance.text.cues`)?
        cue_dropout: share of windows that are read without their cues while training.
        position_offset: position id of a sequence's first token.
        dropout: share of features dropped before each head while training.
    """

    def __init__(  # noqa: PLR0913 - keyword-only, and each a size of its own
        self,
        encoder: nn.Module,
        *,
        devices: int,
        stances: int,
        lexicon_size: int = 0,
        lexicon_width: int = 0,
        cues: bool = False,
        cue_dropout: float = 0.15,
        position_offset: int = 0,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        config: Any = encoder.config
        width = int(config.hidden_size)
        self.encoder = encoder
        self.position_offset = position_offset
        embeddings: Any = encoder.get_input_embeddings()  # type: ignore[operator]
        self.segment = nn.Embedding(4, embeddings.embedding_dim, padding_idx=PAD)
        nn.init.zeros_(self.segment.weight)
        self.lexicon = Lexicon(lexicon_size, lexicon_width, embeddings.embedding_dim) if lexicon_size else None
        self.cues = CueInput(devices, embeddings.embedding_dim, cue_dropout) if cues else None
        self.dropout = nn.Dropout(dropout)
        self.spans = SpanHead(width, devices)
        self.devices = EvidenceHead(width, devices)
        self.stances = PairHead(width, stances + 1, dropout)

    def forward(self, batch: Batch) -> Logits:
        """Logits of a batch; entries of padding are meaningless."""
        states = self.dropout(self.encode(batch))
        steps = self.spans(states, batch.borders)
        partition = log_partition(steps, batch.places, batch.text)
        return Logits(
            steps=steps,
            partition=partition,
            devices=self.devices(states, steps[..., 1, 1], partition, batch),
            stances=self.stances(states, batch),
        )

    def encode(self, batch: Batch) -> Tensor:
        """Last hidden states. Shape (B, T, W)."""
        embeddings: Any = self.encoder.get_input_embeddings()  # type: ignore[operator]
        embedded = embeddings(batch.ids) + self.segment(batch.segments)
        if self.lexicon is not None:
            embedded = embedded + self.lexicon(batch.words)
        if self.cues is not None:
            embedded = embedded + self.cues(batch.cues)
        dtype = embeddings.weight.dtype
        output = self.encoder(
            inputs_embeds=embedded.to(dtype),
            attention_mask=attention_bias(batch, dtype),
            position_ids=batch.positions + self.position_offset,
        )
        states: Tensor = output.last_hidden_state
        return states


def attention_mask(batch: Batch) -> Tensor:
    """Which token (row) may see which (column). Boolean. Shape (B, T, T).

    Padding sees the text, so that no row is empty; nothing sees padding.
    """
    text = (batch.blocks == 0) & (batch.segments != PAD)
    own_block = (batch.blocks[:, :, None] == batch.blocks[:, None]) & (batch.blocks > 0)[:, None]
    own_slot = batch.slots[:, :, None] == batch.slots[:, None]
    from_text = batch.blocks[:, :, None] == 0
    return own_block | (text[:, None] & (from_text | own_slot))


def attention_bias(batch: Batch, dtype: torch.dtype) -> Tensor:
    """What is added to the scores of attention: nothing where a token may see another, else -∞. Shape (B, 1, T, T).

    To add is faster than to fill, and the same for all layers.
    """
    seen = attention_mask(batch)[:, None]
    return torch.full(seen.shape, -torch.inf, dtype=dtype, device=seen.device).masked_fill_(seen, 0)


class Lexicon(nn.Module):
    """Vectors of whole words, added to the embeddings of the characters that spell them."""

    def __init__(self, size: int, width: int, output: int) -> None:
        super().__init__()
        self.vectors = nn.Embedding(size + 1, width, padding_idx=0)
        self.projection = nn.Linear(width, output, bias=False)

    def forward(self, words: Tensor) -> Tensor:
        """Word ids (B, T) → what to add to the token embeddings (B, T, E); zero for id 0."""
        projected: Tensor = self.projection(self.vectors(words))
        return projected


class CueInput(nn.Module):
    """What to add to the embeddings of the characters of set expressions."""

    def __init__(self, devices: int, output: int, dropout: float) -> None:
        super().__init__()
        self.dropout = dropout
        self.projection = nn.Linear(devices * BITS_PER_DEVICE, output, bias=False)
        nn.init.zeros_(self.projection.weight)

    def forward(self, cues: Tensor) -> Tensor:
        """Bits (B, T) → what to add to the token embeddings (B, T, E); zero where no bit is set."""
        if self.training and self.dropout:
            cues = cues * (torch.rand(len(cues), 1, device=cues.device) >= self.dropout)
        shifts = torch.arange(self.projection.in_features, device=cues.device)
        bits = (cues[..., None] >> shifts) & 1
        projected: Tensor = self.projection(bits.to(self.projection.weight.dtype))
        return projected


class EvidenceHead(nn.Module):
    """Presence of each device in each paragraph: the odds of a span, and evidence averaged by attention of its own.

    For device d, paragraph p:  logit = w_d · log(odds that the chain holds a span) + Σ_t softmax_t(a_td) · e_td, over
    the tokens t of p, where attention a and evidence e are linear in the token's state. The chain learns from span
    labels alone: the loss of presence would teach it to see spans anywhere, wherever they are.
    """

    def __init__(self, width: int, devices: int) -> None:
        super().__init__()
        self.attention = nn.Linear(width, devices)
        self.evidence = nn.Linear(width, devices)
        self.span_weight = nn.Parameter(torch.full((devices,), 0.5))

    def forward(self, states: Tensor, inside: Tensor, partition: Tensor, batch: Batch) -> Tensor:
        """States (B, T, W), log potentials of going on (B, T, D), partition (B, P, D) → logits (B, P, D)."""
        attention = (self.attention(states).float() + inside.detach().clamp(-10, 10)).clamp(-30, 30).exp()
        paragraphs = torch.arange(batch.places.shape[1], device=states.device)[:, None]
        weights = ((batch.slots[:, None] == paragraphs) & (batch.blocks == 0)[:, None]).to(attention.dtype)
        total = weights @ attention  # at least e^-30 where there is a token
        pooled: Tensor = (weights @ (attention * self.evidence(states).float())) / total.clamp_min(1e-20)
        partition = partition.detach().clamp_min(1e-4)
        return pooled + self.span_weight * (partition + (-(-partition).expm1()).log())


class PairHead(nn.Module):
    """Stance of each pair, from the first token of its block and from where the paragraph names the target."""

    def __init__(self, width: int, classes: int, dropout: float) -> None:
        super().__init__()
        self.mention = nn.Embedding(3, width)  # not named, named in part, named
        self.hidden = nn.Linear(3 * width, width)
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(width, classes)

    def forward(self, states: Tensor, batch: Batch) -> Tensor:
        """Stance logits. Shape (B, K, S + 1)."""
        width = states.shape[-1]
        places = batch.pair_places.clamp_min(0)[..., None].expand(-1, -1, width)
        own = states.gather(1, places)
        slots = batch.pair_slots.clamp_min(0)
        named = batch.named.gather(1, batch.pair_targets.clamp_min(0)[..., None].expand(-1, -1, batch.named.shape[-1]))
        inside = (batch.slots[:, None] == slots[..., None]) & (batch.blocks == 0)[:, None]
        here = named * inside  # (B, K, T): mentions of the pair's target in the pair's paragraph
        pooled = _mean(here > 0, states)
        paragraph = _mean(inside, states)
        kind = here.amax(-1).long() if here.shape[-1] else here.new_zeros(here.shape[:2]).long()
        features = torch.cat([own + self.mention(kind), pooled, paragraph], dim=-1)
        logits: Tensor = self.output(self.dropout(torch.nn.functional.gelu(self.hidden(features))))
        return logits


def _mean(chosen: Tensor, states: Tensor) -> Tensor:
    """Mean state over the chosen tokens, zero where there are none. (B, K, T), (B, T, W) → (B, K, W)."""
    weights = chosen.to(states.dtype)
    return (weights @ states) / weights.sum(-1, keepdim=True).clamp_min(1)
