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
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from tokenizers import Encoding, Tokenizer

from stance.model.config import ModelConfig
from stance.text.targets import mentions, partial_mentions

__all__ = ["BLOCK", "BODY", "EXACT", "PAD", "PARTIAL", "TITLE", "Encoder", "Passage", "Piece", "Window"]

Ids = NDArray[np.int32]

PAD, TITLE, BODY, BLOCK = range(4)
"""Segment of a token: padding, title, body text, target block."""

PARTIAL, EXACT = 1, 2
"""How a token belongs to a mention of a target: to a part of its name, or to its name or an alias."""

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
        starts, ends: half-open character span of each token in the paragraph. Shape (T,).
    """

    paragraph: int
    ids: Ids
    words: Ids
    starts: Ids
    ends: Ids


@dataclass(frozen=True, slots=True)
class Window:
    """What one row of a batch holds.

    Attributes:
        pieces: the paragraphs of the window, slot 0, 1, … in order.
        ids, words, positions, segments: one entry a token, text first, then the blocks. Shape (T,).
        slots: slot of the piece that a token belongs to; -1 for title and separators before the first. Shape (T,).
        blocks: number of the token's block, from 1; 0 for text. Shape (T,).
        places: index of the first token of each piece. Shape (P,).
        pair_slots, pair_targets, pair_places: slot, target index and index of the first token of each block. Shape (K,).
        named: does a token belong to a mention of the target (`PARTIAL`, `EXACT`)? Shape (targets, text tokens).
    """

    pieces: tuple[Piece, ...]
    ids: Ids
    words: Ids
    positions: Ids
    segments: Ids
    slots: Ids
    blocks: Ids
    places: Ids
    pair_slots: Ids
    pair_targets: Ids
    pair_places: Ids
    named: NDArray[np.int8]

    def __len__(self) -> int:
        return len(self.ids)


class Encoder:
    """Turns passages into windows. Thread-safe: it keeps no state between calls."""

    def __init__(self, tokenizer: Tokenizer, lexicon: Tokenizer | None, config: ModelConfig) -> None:
        self.tokenizer = tokenizer
        self.lexicon = lexicon
        self.config = config

    def windows(self, passage: Passage) -> list[Window]:
        """The windows of a passage, in order. Each paragraph that holds a token is in one or more of them."""
        title = self._tokens([passage.title])[0]
        head = np.concatenate([[self.config.cls_id], title.ids[: self.config.title_tokens], [self.config.sep_id]])
        head_words = np.concatenate([[0], title.words[: self.config.title_tokens], [0]])
        named_title = _named(title, passage.title, passage.targets)[:, : self.config.title_tokens]
        room = self.config.window_tokens - len(head)
        blocks = self._targets(passage.targets)
        paragraphs = self._tokens(passage.paragraphs)
        pieces = [part for p in paragraphs for part in _cut(p, passage.paragraphs[p.paragraph], room - 1)]
        named = [_named(p, passage.paragraphs[p.paragraph], passage.targets) for p in pieces]
        windows = []
        for group in _pack([len(p.ids) + 1 for p in pieces], room):
            mentioned = [np.pad(named_title, ((0, 0), (1, 1)))]
            mentioned += [np.pad(named[i], ((0, 0), (0, 1))) for i in group]
            chosen = tuple(pieces[i] for i in group)
            windows.append(self._assemble(head, head_words, chosen, blocks, np.concatenate(mentioned, axis=1)))
        return windows

    def _tokens(self, texts: Sequence[str]) -> list[Piece]:
        encodings = self.tokenizer.encode_batch(list(texts), add_special_tokens=False)
        words = self.lexicon.encode_batch(list(texts), add_special_tokens=False) if self.lexicon else [None] * len(texts)
        return [_piece(i, e, w, self.config.lexicon_size) for i, (e, w) in enumerate(zip(encodings, words, strict=True))]

    def _targets(self, targets: Sequence[str]) -> list[tuple[Ids, Ids]]:
        longest = self.config.target_tokens - 1
        return [
            (
                np.concatenate([[self.config.cls_id], t.ids[:longest]]).astype(np.int32),
                np.concatenate([[0], t.words[:longest]]).astype(np.int32),
            )
            for t in (self._tokens(targets) if targets else [])
        ]

    def _assemble(
        self, head: Ids, head_words: Ids, pieces: tuple[Piece, ...], blocks: list[tuple[Ids, Ids]], named: NDArray[np.int8]
    ) -> Window:
        sep = np.array([self.config.sep_id], np.int32)
        none = np.zeros(1, np.int32)
        ids, words = [head], [head_words]
        slots, places, at = [np.full(len(head), -1)], [], len(head)
        for slot, piece in enumerate(pieces):
            ids += [piece.ids, sep]
            words += [piece.words, none]
            slots.append(np.full(len(piece.ids) + 1, slot))
            places.append(at)
            at += len(piece.ids) + 1
        text = at
        positions = [np.arange(text)]
        segments = [np.where(np.arange(text) < len(head), TITLE, BODY)]
        numbers = [np.zeros(text)]
        pairs = [(slot, target) for slot in range(len(pieces)) for target in range(len(blocks))]
        pair_places = []
        for number, (slot, target) in enumerate(pairs, start=1):
            block_ids, block_words = blocks[target]
            size = len(block_ids)
            ids.append(block_ids)
            words.append(block_words)
            slots.append(np.full(size, slot))
            positions.append(np.arange(size))
            segments.append(np.full(size, BLOCK))
            numbers.append(np.full(size, number))
            pair_places.append(at)
            at += size
        return Window(
            pieces,
            *(np.concatenate(x).astype(np.int32) for x in (ids, words, positions, segments, slots, numbers)),
            *(np.array(x, np.int32) for x in (places, [s for s, _ in pairs], [t for _, t in pairs], pair_places)),
            named,
        )


def _piece(paragraph: int, encoding: Encoding, words: Encoding | None, lexicon_size: int) -> Piece:
    spans = np.array(encoding.offsets, np.int32).reshape(-1, 2)
    word_of_token = np.zeros(len(spans), np.int32)
    if words is not None and len(spans):
        spelled = np.zeros(int(spans.max(initial=0)) + 1, np.int32)  # word id of each character
        for word, (start, end) in zip(words.ids, words.offsets, strict=True):
            if 0 < word <= lexicon_size:
                spelled[start:end] = word
        word_of_token = spelled[spans[:, 0]]
    return Piece(paragraph, np.array(encoding.ids, np.int32), word_of_token, spans[:, 0], spans[:, 1])


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
    if start == 0 and stop == len(piece.ids):
        return piece
    cut = slice(start, stop)
    return Piece(piece.paragraph, piece.ids[cut], piece.words[cut], piece.starts[cut], piece.ends[cut])


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


def _named(piece: Piece, text: str, targets: Sequence[str]) -> NDArray[np.int8]:
    """For each target and token: part of a mention? Shape (targets, T)."""
    named = np.zeros((len(targets), len(piece.ids)), np.int8)
    for row, target in zip(named, targets, strict=True):
        for kind, spans in ((PARTIAL, partial_mentions(text, target)), (EXACT, mentions(text, target))):
            for start, end in spans:
                row[(piece.starts < end) & (piece.ends > start)] = kind
    return named
