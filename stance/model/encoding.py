"""From text to windows of token ids, with the way back to characters.

Whole paragraphs are packed, in order, into windows of at most `window_tokens`, the title first as context.
A paragraph too long for a window is cut at sentence ends. Each (paragraph, target) pair becomes a short
block of tokens behind the window's text:

    [CLS] title [SEP] paragraph 1 [SEP] paragraph 2 [SEP]   [CLS] 美国   [CLS] 中国   [CLS] 美国   …
    └────────────────── text ─────────────────────────┘     └ 1, 美国 ┘  └ 1, 中国 ┘  └ 2, 美国 ┘

This module knows tokens and characters; it knows neither labels nor tensors.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stance.model.borders import OUTSIDE, borders, code_points, part_of
from stance.text.targets import mentions, partial_mentions

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tokenizers import Encoding, Tokenizer

    from stance.model.config import ModelConfig
    from stance.text.cues import CueFinder

__all__ = ["BLOCK", "BODY", "EXACT", "PAD", "PARTIAL", "TITLE", "Encoder", "Passage", "Piece", "Window"]

Ids = NDArray[np.int32]
Bits = NDArray[np.int64]
Named = NDArray[np.int8]

PAD, TITLE, BODY, BLOCK = range(4)
"""Segment of a token: padding, title, body text, target block."""

PARTIAL, EXACT = 1, 2
"""How a token belongs to a mention of a target: to a part of its name, or to its name or an alias."""

_NO_WORD, _NO_CUE = np.zeros(1, np.int32), np.zeros(1, np.int64)
"""Of a special token."""

_CHINESE = 0x2E80
"""The first character of Chinese writing: each is a word to the tokenizer, as far as we know."""

_SENTENCE_END = re.compile(r"(?<=[。！？!?；;…])[”’」』）)]*")


@dataclass(frozen=True, slots=True)
class Passage:
    """One article as the model reads it: cleaned text, and the targets to judge."""

    title: str
    paragraphs: tuple[str, ...]
    targets: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Piece:
    """A paragraph, or a part of a long one, as tokens.

    Attributes:
        paragraph: index of the paragraph in its passage.
        ids: token ids. Shape (T,).
        words: id in the lexicon of the word that the token lies in, 0 for none. Shape (T,).
        cues: bits of the expressions that the token lies in, see `stance.text.cues`. int64. Shape (T,).
        starts, ends: half-open character span of each token in the paragraph. Shape (T,).
        borders: kind (`stance.model.borders`) of the place before each token, and behind the last. Shape (T + 1,).
    """

    paragraph: int
    ids: Ids
    words: Ids
    cues: Bits
    starts: Ids
    ends: Ids
    borders: Ids


@dataclass(frozen=True, slots=True)
class Window:
    """What one row of a batch holds.

    Attributes:
        pieces: the paragraphs of the window, slot 0, 1, … in order.
        ids, words, cues, positions, segments, borders: one entry a token, text first, then the blocks. Shape (T,).
        slots: slot of the piece that a token belongs to; -1 for title and separators before the first. Shape (T,).
        blocks: number of the token's block, from 1; 0 for text. Shape (T,).
        places: index of the first token of each piece. Shape (P,).
        pair_slots, pair_targets, pair_places: slot, target index and first token's index of each block. Shape (K,).
        named: does a token belong to a mention of the target (`PARTIAL`, `EXACT`)? Shape (targets, text tokens).
    """

    pieces: tuple[Piece, ...]
    ids: Ids
    words: Ids
    cues: Bits
    positions: Ids
    segments: Ids
    borders: Ids
    slots: Ids
    blocks: Ids
    places: Ids
    pair_slots: Ids
    pair_targets: Ids
    pair_places: Ids
    named: Named

    def __len__(self) -> int:
        return len(self.ids)


class Encoder:
    """Turns passages into windows. Thread-safe: it keeps no state between calls."""

    def __init__(
        self, tokenizer: Tokenizer, lexicon: Tokenizer | None, config: ModelConfig, cues: CueFinder | None = None
    ) -> None:
        self.tokenizer = tokenizer
        self.lexicon = lexicon
        self.config = config
        self.cues = cues

    def windows(self, passage: Passage) -> list[Window]:
        """The windows of a passage, in order. Each paragraph that holds a token is in one or more of them."""
        head, named_head = self._head(passage)
        room = self.config.window_tokens - len(head.ids)
        parts = list(self._parts(passage, room - 1))
        blocks = self._blocks(passage.targets)
        windows = []
        for group in _pack([len(piece.ids) + 1 for piece, _ in parts], room):
            pieces = tuple(parts[i][0] for i in group)
            windows.append(self._assemble(head, pieces, blocks, [named_head, *(parts[i][1] for i in group)]))
        return windows

    def _parts(self, passage: Passage, room: int) -> Iterator[tuple[Piece, Named]]:
        """Paragraphs, long ones in parts of at most `room` tokens, and where they name the targets."""
        for paragraph, text in zip(self._tokens(passage.paragraphs), passage.paragraphs, strict=True):
            named = _named(paragraph, text, passage.targets)  # once a paragraph: looking again for each part is slow
            start = 0
            for piece in _cut(paragraph, text, room):
                yield piece, named[:, start : start + len(piece.ids)]
                start += len(piece.ids)

    def _head(self, passage: Passage) -> tuple[Piece, Named]:
        """[CLS] title [SEP], and where it names the targets."""
        title = _part(self._tokens([passage.title])[0], 0, self.config.title_tokens)
        named = _named(title, passage.title, passage.targets)
        ids = _ids([self.config.cls_id, *title.ids, self.config.sep_id])
        words = np.concatenate([_NO_WORD, title.words, _NO_WORD])
        cues = np.concatenate([_NO_CUE, title.cues, _NO_CUE])
        return _outside(ids, words, cues), np.pad(named, ((0, 0), (1, 0)))

    def _tokens(self, texts: Sequence[str]) -> list[Piece]:
        encodings = self.tokenizer.encode_batch(list(texts), add_special_tokens=False)
        words = (
            self.lexicon.encode_batch(list(texts), add_special_tokens=False) if self.lexicon else [None] * len(texts)
        )
        return [self._piece(i, text, e, w) for i, (text, e, w) in enumerate(zip(texts, encodings, words, strict=True))]

    def _piece(self, index: int, text: str, encoding: Encoding, words: Encoding | None) -> Piece:
        spans = np.array(encoding.offsets, np.int32).reshape(-1, 2)
        starts, ends = spans[:, 0], spans[:, 1]
        spelled = np.zeros(len(text) + 1, np.int32)  # word id of each character
        begins = np.zeros(len(text) + 1, np.bool_)  # does a word begin at it?
        for word, (start, end) in zip(words.ids, words.offsets, strict=True) if words else ():
            begins[start] = True
            if 0 < word <= self.config.lexicon_size:
                spelled[start:end] = word
        continued = ~begins[starts] if words else np.zeros(len(starts), np.bool_)
        own = np.array([-1 if word is None else word for word in encoding.word_ids])
        same = (own[1:] == own[:-1]) & (code_points(text)[starts[1:]] < _CHINESE)
        continued[1:] |= same | (starts[1:] < ends[:-1])  # or several tokens of one character
        cues = self.cues.bits(text) if self.cues else np.zeros(len(text), np.int64)
        return Piece(
            index,
            np.array(encoding.ids, np.int32),
            spelled[starts],
            cues[starts] | cues[ends - 1],
            starts,
            ends,
            borders(text, starts, ends, continued),
        )

    def _blocks(self, targets: Sequence[str]) -> list[Piece]:
        """[CLS] target, for each target."""
        blocks = []
        for target in self._tokens(targets) if targets else []:
            kept = _part(target, 0, self.config.target_tokens - 1)
            ids = _ids([self.config.cls_id, *kept.ids])
            words, cues = np.concatenate([_NO_WORD, kept.words]), np.concatenate([_NO_CUE, kept.cues])
            blocks.append(_outside(ids, words, cues))
        return blocks

    def _assemble(self, head: Piece, pieces: tuple[Piece, ...], blocks: list[Piece], named: list[Named]) -> Window:
        pairs = [(slot, target) for slot in range(len(pieces)) for target in range(len(blocks))]
        rows = [head, *(self._closed(p) for p in pieces), *(blocks[target] for _, target in pairs)]
        sizes = np.array([len(row.ids) for row in rows])
        starts = np.cumsum(sizes) - sizes
        first_block = 1 + len(pieces)
        text = int(sizes[:first_block].sum())
        segments = np.repeat([TITLE, *[BODY] * len(pieces), *[BLOCK] * len(pairs)], sizes)
        within = np.arange(sizes.sum()) - np.repeat(starts, sizes)
        named_text = np.zeros((len(blocks), text), np.int8)
        for start, own in zip(starts, named, strict=False):
            named_text[:, start : start + own.shape[1]] = own
        return Window(
            pieces=pieces,
            ids=np.concatenate([r.ids for r in rows]),
            words=np.concatenate([r.words for r in rows]),
            cues=np.concatenate([r.cues for r in rows]),
            positions=_ids(np.where(segments == BLOCK, within, np.arange(sizes.sum()))),
            segments=_ids(segments),
            borders=np.concatenate([r.borders[: len(r.ids)] for r in rows]),
            slots=_ids(np.repeat([-1, *range(len(pieces)), *(slot for slot, _ in pairs)], sizes)),
            blocks=_ids(np.repeat([0] * first_block + list(range(1, len(pairs) + 1)), sizes)),
            places=_ids(starts[1:first_block]),
            pair_slots=_ids([slot for slot, _ in pairs]),
            pair_targets=_ids([target for _, target in pairs]),
            pair_places=_ids(starts[first_block:]),
            named=named_text,
        )

    def _closed(self, piece: Piece) -> Piece:
        """The piece with [SEP] behind it."""
        return Piece(
            piece.paragraph,
            np.concatenate([piece.ids, _ids([self.config.sep_id])]),
            np.concatenate([piece.words, _NO_WORD]),
            np.concatenate([piece.cues, _NO_CUE]),
            piece.starts,
            piece.ends,
            piece.borders,
        )


def _ids(values: ArrayLike) -> Ids:
    return np.asarray(values, np.int32)


def _outside(ids: Ids, words: Ids, cues: Bits) -> Piece:
    """Tokens that no span can lie in."""
    none = _ids([])
    return Piece(-1, ids, words, cues, none, none, np.full(len(ids) + 1, OUTSIDE, np.int32))


def _cut(piece: Piece, text: str, room: int) -> Iterator[Piece]:
    """Parts of at most `room` tokens, cut behind a sentence where there is one in the second half."""
    start = 0
    ends = [m.end() for m in _SENTENCE_END.finditer(text)] if len(piece.ids) > room else []
    borders = np.searchsorted(piece.starts, ends)  # first token of each next sentence
    while len(piece.ids) - start > room:
        fitting = borders[(borders > start + room // 2) & (borders <= start + room)]
        stop = int(fitting[-1]) if len(fitting) else start + room
        yield _part(piece, start, stop)
        start = stop
    if start < len(piece.ids):
        yield _part(piece, start, len(piece.ids))


def _part(piece: Piece, start: int, stop: int) -> Piece:
    """The piece's tokens `[start, stop)`."""
    if start == 0 and stop >= len(piece.ids):
        return piece
    cut = slice(start, stop)
    return Piece(
        piece.paragraph,
        piece.ids[cut],
        piece.words[cut],
        piece.cues[cut],
        piece.starts[cut],
        piece.ends[cut],
        part_of(piece.borders, start, stop),
    )


def _pack(sizes: Sequence[int], room: int) -> Iterator[list[int]]:
    """Runs of neighbours, as long as fit into `room`."""
    group: list[int] = []
    used = 0
    for i, size in enumerate(sizes):
        if group and used + size > room:
            yield group
            group, used = [], 0
        group.append(i)
        used += size
    if group:
        yield group


def _named(piece: Piece, text: str, targets: Sequence[str]) -> Named:
    """For each target and token: part of a mention? Shape (targets, T)."""
    named = np.zeros((len(targets), len(piece.ids)), np.int8)
    for row, target in zip(named, targets, strict=True):
        for kind, spans in ((PARTIAL, partial_mentions(text, target)), (EXACT, mentions(text, target))):
            for start, end in spans:
                row[piece.ends.searchsorted(start, "right") : piece.starts.searchsorted(end)] = kind
    return named
