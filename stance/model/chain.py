"""Spans as a linear-chain conditional random field of two states, outside and inside, for each device.

Lafferty, McCallum and Pereira 2001. A token is inside or outside; beginning, going on and ending are scored by the
token and by the kind of place before it (`stance.model.borders`). All sums over paths are prefix products of 2 × 2
matrices in the log or max semiring, taken in ⌈log₂ T⌉ steps (Hillis and Steele 1986), so that no loop runs over tokens.

A chain is given by its *steps*, log potentials from the state before to the state at each token:

    steps[..., t, i, j]    state i at token t - 1, state j at token t        0 outside, 1 inside

Tokens that belong to no paragraph are outside for certain, so the chains of paragraphs do not touch each other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from stance.model.borders import INSIDE_WORD, KINDS, OUTSIDE

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["IMPOSSIBLE", "SpanHead", "best_paths", "log_partition", "marginals", "paragraph_steps", "path_score"]

IMPOSSIBLE = -1e4
"""Log potential of what cannot be; finite, so that differences stay numbers."""

_CLASSES = int((KINDS - 1) ** 0.5)


class SpanHead(nn.Module):
    """Scores every step of every device's chain.

    Args:
        width: width of the encoder's states.
        devices: number of devices D.
    """

    def __init__(self, width: int, devices: int) -> None:
        super().__init__()
        self.token = nn.Linear(width, 3 * devices)
        self.border = nn.Embedding(KINDS, 3 * devices)
        nn.init.zeros_(self.border.weight)
        with torch.no_grad():
            self.border.weight[INSIDE_WORD].view(3, devices)[[0, 2]] = -2.0  # spans seldom begin or end inside words
            self.token.bias.view(3, devices).copy_(torch.tensor([[-6.0], [0.0], [-1.0]]).expand(3, devices))

    def forward(self, states: Tensor, borders: Tensor) -> Tensor:
        """States (B, T, W), kinds of places (B, T) → steps. Shape (B, T, D, 2, 2), float32."""
        scores = self.token(states).float() + self.border(borders).float()
        begin, stay, end = scores.unflatten(-1, (3, -1)).unbind(-2)
        outside = ((borders != INSIDE_WORD) & ((borders - 1) % _CLASSES == OUTSIDE - 1))[..., None]
        begin, stay = (x.masked_fill(outside, IMPOSSIBLE) for x in (begin, stay))
        steps: Tensor = torch.stack([torch.zeros_like(begin), begin, end, stay], -1)
        return steps.view(*steps.shape[:-1], 2, 2)


def log_partition(steps: Tensor, places: Tensor, text: Tensor) -> Tensor:
    """Log of the summed scores of all paths through each paragraph. (B, T, D, 2, 2), (B, P), (B,) → (B, P, D).

    The path that stays outside scores 0, so the probability of no span is exp(-log_partition).
    """
    rows, slots = (x.flatten() for x in torch.meshgrid(*map(torch.arange, places.shape), indexing="ij"))
    own = paragraph_steps(steps, places, text, rows.to(steps.device), slots.to(steps.device))
    totals: Tensor = _product(_by_state(own), torch.logaddexp)[0, 0]
    return totals.view(*places.shape, -1)


def paragraph_steps(steps: Tensor, places: Tensor, text: Tensor, rows: Tensor, slots: Tensor) -> Tensor:
    """The steps of single paragraphs, each with the separator behind it, padded with tokens outside.

    Args:
        steps: of whole windows. Shape (B, T, D, 2, 2).
        places: first token of each paragraph, -1 for none. Shape (B, P).
        text: tokens of text in each window. Shape (B,).
        rows: window of each paragraph that is asked for. Shape (N,).
        slots: its number in the window. Shape (N,).

    Returns:
        Shape (N, L, D, 2, 2), where L is the longest of all paragraphs of the batch and its separator, at least 1.
    """
    stops = _stops(places, text)
    length = max(1, int((stops - places).masked_fill(places < 0, 0).max())) if places.numel() else 1
    at = places[rows, slots].clamp_min(0)[:, None] + torch.arange(length, device=steps.device)
    own = steps[rows[:, None], at.clamp_max(steps.shape[1] - 1)]
    behind = (at >= stops[rows, slots][:, None])[..., None, None]
    return torch.stack([own[..., 0], own[..., 1].masked_fill(behind, IMPOSSIBLE)], -1)


def path_score(steps: Tensor, inside: Tensor, places: Tensor, text: Tensor) -> Tensor:
    """Score of one path through each paragraph. (B, T, D, 2, 2), (B, T, D) boolean, (B, P), (B,) → (B, P, D)."""
    now = inside.long()
    before = nn.functional.pad(now, (0, 0, 1, 0))[:, :-1]
    chosen = steps.flatten(-2).gather(-1, (2 * before + now)[..., None])[..., 0]
    total = nn.functional.pad(chosen.cumsum(1), (0, 0, 1, 0))
    begin, end = places.clamp_min(0), _stops(places, text)
    behind, before = (total.gather(1, at[..., None].expand(-1, -1, total.shape[-1])) for at in (end, begin))
    return behind - before


def marginals(steps: Tensor) -> Tensor:
    """Probability that each token is inside. (N, T, D, 2, 2) → (N, T, D)."""
    forward, backward = _both_ways(_by_state(steps), torch.logaddexp)
    outside, inside = (forward + backward).unbind()
    return (inside - torch.logaddexp(outside, inside)).exp().transpose(0, 1)


def best_paths(steps: Tensor) -> Tensor:
    """The best path that is inside somewhere (Viterbi). (N, T, D, 2, 2) → boolean (N, T, D)."""
    states = _by_state(steps)
    forward, backward = _both_ways(states, torch.maximum)
    through = forward[1] + backward[1]  # best score of a path that is inside at each token
    anchor = nn.functional.one_hot(through.argmax(0), len(through)).movedim(-1, 0).bool()
    states[:, 0].masked_fill_(anchor, 2 * IMPOSSIBLE)
    forward, backward = _both_ways(states, torch.maximum)
    outside, inside = (forward + backward).unbind()
    return (inside > outside).transpose(0, 1)


def _by_state(steps: Tensor) -> Tensor:
    """A copy in the order of axes that sums run over fastest: long runs for each pair of states. → (2, 2, T, N, D)."""
    return steps.permute(3, 4, 1, 0, 2).clone(memory_format=torch.contiguous_format)


def _stops(places: Tensor, text: Tensor) -> Tensor:
    """One behind the separator of each paragraph; meaningless where there is none. (B, P), (B,) → (B, P)."""
    following = torch.cat([places[:, 1:], places.new_full((len(places), 1), -1)], 1)
    return torch.where(following >= 0, following, text[:, None])


def _both_ways(steps: Tensor, add: Callable[[Tensor, Tensor], Tensor]) -> tuple[Tensor, Tensor]:
    """Summed scores of the paths up to, and from, each state of each token. (2, 2, T, …) → each (2, T, …)."""
    forward = _prefixes(steps, add)[0]
    later = torch.cat([steps[:, :, 1:], torch.zeros_like(steps[:, :, :1])], 2)
    products = _prefixes(later.flip(2).transpose(0, 1), add).flip(2).transpose(0, 1)
    return forward, add(products[:, 0], products[:, 1])


def _product(steps: Tensor, add: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
    """Product of the matrices of all tokens, pair by pair, in the semiring of `add` and +. (2, 2, T, …) → (2, 2, …)."""
    while (tokens := steps.shape[2]) > 1:
        both = _multiply(steps[:, :, 0 : tokens - 1 : 2], steps[:, :, 1::2], add)
        steps = torch.cat([both, steps[:, :, tokens - 1 :]], 2) if tokens % 2 else both
    return steps[:, :, 0]


def _multiply(left: Tensor, right: Tensor, add: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
    return add(left[:, None, 0] + right[None, 0], left[:, None, 1] + right[None, 1])


def _prefixes(steps: Tensor, add: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
    """Products of the matrices of tokens 0 … t, for each t, in the semiring of `add` and +. (2, 2, T, …)."""
    shift = 1
    while shift < steps.shape[2]:
        both = _multiply(steps[:, :, :-shift], steps[:, :, shift:], add)
        steps = torch.cat([steps[:, :, :shift], both], 2)
        shift *= 2
    return steps
