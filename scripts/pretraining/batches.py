"""Masked windows, drawn at random without end.

Windows are short (128 tokens), because short ones are cheap, and start at a random position, because all positions
are to be trained: windows that always began at 0 would leave most of the position table as it was made.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import IterableDataset, get_worker_info

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from pretraining.data import Data, Flags, Ids, Specials

__all__ = ["POSITIONS", "MaskedBatch", "MaskedWindows", "Masking"]

POSITIONS = 512
"""Positions that the encoder knows."""


class MaskedBatch(NamedTuple):
    """Windows with masked tokens. B windows, T tokens, M masked places in all.

    Attributes:
        ids: token ids, masked. int64. Shape (B, T).
        words: lexicon ids, 0 for none and for words with a masked part. int64. Shape (B, T).
        decoyed: the same without the words that are hidden as decoys. int64. Shape (B, T).
        positions: from 0. int64. Shape (B, T).
        places: index of each masked token among the B · T tokens, ascending. int64. Shape (M,).
        labels: the token ids that stood there. int64. Shape (M,).
    """

    ids: Tensor
    words: Tensor
    decoyed: Tensor
    positions: Tensor
    places: Tensor
    labels: Tensor

    def to(self, hardware: torch.device) -> MaskedBatch:
        """The same batch on other hardware."""
        return MaskedBatch(*(x.to(hardware, non_blocking=True) for x in self))


@dataclass(frozen=True, slots=True)
class Masking:
    """How tokens are masked.

    In half of the windows single characters are masked, in the other half whole words (jieba).

    Attributes:
        share: share of the tokens that is masked.
        masks, randoms: of these, the share shown as `[MASK]`, and as a random token; the rest is shown as it is.
        decoys: share of the lexicon's words that are hidden from a discriminator although nothing in them is masked,
            so that it cannot tell by the lexicon where a token was replaced.
    """

    share: float
    masks: float = 0.8
    randoms: float = 0.1
    decoys: float = 0.0


@dataclass(frozen=True, eq=False)
class MaskedWindows(IterableDataset[MaskedBatch]):
    """Endless batches of `rows` windows of `length` tokens from a part of a corpus.

    Each (seed, worker) draws windows of its own.
    """

    data: Data
    part: slice
    specials: Specials
    vocab: int
    masking: Masking
    rows: int
    length: int
    seed: int

    def __iter__(self) -> Iterator[MaskedBatch]:
        worker = get_worker_info()
        rng = np.random.default_rng([self.seed, worker.id if worker else 0])
        ids, starts = self.data.ids[self.part], self.data.starts[self.part]
        words = None if self.data.words is None else self.data.words[self.part]
        while True:
            yield self._draw(rng, ids, starts, words)

    def _draw(self, rng: np.random.Generator, ids: Ids, starts: Flags, words: Ids | None) -> MaskedBatch:
        window = rng.integers(0, len(ids) - self.length, (self.rows, 1)) + np.arange(self.length)
        shown = ids[window].astype(np.int64)
        begins = np.array(starts[window])
        shown[:, 0], begins[:, 0] = self.specials.cls, True
        begins[: self.rows // 2] = True  # single characters in half of the rows
        flat = shown.reshape(-1)
        places = self._places(rng, flat, begins.reshape(-1))
        labels = flat[places]
        flat[places] = self._substitutes(rng, labels)
        lexicon = np.zeros_like(shown) if words is None else words[window].astype(np.int64)
        lexicon[:, 0] = 0
        lexicon, decoyed = (x.reshape(shown.shape) for x in self._hidden(rng, lexicon.reshape(-1), places))
        positions = np.arange(self.length) + rng.integers(0, POSITIONS - self.length + 1, (self.rows, 1))
        return MaskedBatch(*map(torch.from_numpy, (shown, lexicon, decoyed, positions, places, labels)))

    def _places(self, rng: np.random.Generator, flat: NDArray[np.int64], begins: Flags) -> NDArray[np.int64]:
        """Words in random order until the share is reached, cut there, so that all batches have one shape."""
        count = int(len(flat) * self.masking.share)
        word = np.cumsum(begins) - 1
        rank = rng.permutation(word[-1] + 1)[word].astype(np.float64)
        rank[np.isin(flat, self.specials.ids)] = np.inf
        return np.sort(np.argpartition(rank, count)[:count])

    def _substitutes(self, rng: np.random.Generator, labels: NDArray[np.int64]) -> NDArray[np.int64]:
        dice = rng.random(len(labels))
        random = rng.integers(0, self.vocab, len(labels))
        kept = np.where(dice < self.masking.masks + self.masking.randoms, random, labels)
        return np.where(dice < self.masking.masks, self.specials.mask, kept)

    def _hidden(
        self, rng: np.random.Generator, lexicon: NDArray[np.int64], places: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The lexicon ids without those of words with a masked part, which would give it away; and without decoys."""
        run = np.cumsum(np.diff(lexicon, prepend=-1) != 0) - 1
        hidden = np.zeros(run[-1] + 1, np.bool_)
        hidden[run[places]] = True
        words = np.where(hidden[run], 0, lexicon)
        if not self.masking.decoys:
            return words, words
        hidden |= rng.random(len(hidden)) < self.masking.decoys
        return words, np.where(hidden[run], 0, lexicon)
