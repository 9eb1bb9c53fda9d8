"""Labelled articles as windows with gold, and a count of every label that a window cannot hold."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from stance.model.batch import Batch, collate
from stance.model.encoding import Encoder, Passage, Piece, Window
from stance.model.losses import UNKNOWN, Gold
from stance.text.clean import clean
from stance.training.examples import GoldSpan, LabelledArticle

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from stance.schema import LabelSchema

__all__ = ["EncodingLoss", "LabelledWindow", "collate_labelled", "labelled_windows"]

Labels = NDArray[np.int8]


@dataclass(frozen=True, slots=True)
class LabelledWindow:
    """A window and its gold.

    Attributes:
        window: the tokens.
        tags: see `Gold.tags`. Shape (T, D).
        devices: see `Gold.devices`. Shape (P, D).
        stances: see `Gold.stances`. Shape (K, S + 1).
    """

    window: Window
    tags: Labels
    devices: Labels
    stances: NDArray[np.bool_]


@dataclass(slots=True)
class EncodingLoss:
    """What the windows of a data set could not hold: shown in training, stored by evaluation."""

    paragraphs: int = 0
    cut_paragraphs: int = 0
    spans: int = 0
    lost_spans: int = 0
    widened_spans: int = 0

    def __str__(self) -> str:
        return (
            f"{self.cut_paragraphs} of {self.paragraphs} paragraphs cut; of {self.spans} spans {self.lost_spans} lost "
            f"in cleaning, {self.widened_spans} not on token borders"
        )


def labelled_windows(
    articles: Iterable[LabelledArticle], encoder: Encoder, schema: LabelSchema, loss: EncodingLoss
) -> list[LabelledWindow]:
    """Windows with gold of all articles, in order; what is lost is added to `loss`."""
    windows = []
    for article in articles:
        cleaned = [clean(p) for p in article.paragraphs]
        passage = Passage(
            clean(article.title).text,
            tuple(c.text for c in cleaned),
            tuple(clean(t).text or t for t in article.targets),
        )
        spans = [
            [
                GoldSpan(span.device, *kept)
                for span in given
                if (kept := text.from_original(span.start, span.end)) is not None
            ]
            for text, given in zip(cleaned, article.spans, strict=True)
        ]
        encoded = encoder.windows(passage)
        _count(article, spans, encoded, loss)
        windows += [_label(article, spans, w, schema) for w in encoded]
    return windows


def _label(
    article: LabelledArticle, spans: Sequence[Sequence[GoldSpan]], window: Window, schema: LabelSchema
) -> LabelledWindow:
    devices = schema.device_ids
    tags = np.full((len(window), len(devices)), UNKNOWN, np.int8)
    presence = np.full((len(window.pieces), len(devices)), UNKNOWN, np.int8)
    for slot, piece in enumerate(window.pieces):
        place = int(window.places[slot])
        whole = _is_whole(piece, article.paragraphs[piece.paragraph])
        for d, device in enumerate(devices):
            if device not in article.annotated:
                continue
            present = device in article.presence[piece.paragraph]
            if device in article.located or not present:
                own = [s for s in spans[piece.paragraph] if s.device == device]
                row = _tag(piece, own)
                tags[place : place + len(row), d] = row
                presence[slot, d] = row.any() or (present and whole)
            elif whole:
                presence[slot, d] = present
    return LabelledWindow(window, tags, presence, _stances(article, window, schema))


def _tag(piece: Piece, spans: Iterable[GoldSpan]) -> Labels:
    row = np.zeros(len(piece.ids), np.int8)
    for span in spans:
        inside = np.flatnonzero((piece.starts < span.end) & (piece.ends > span.start))
        row[inside] = 1
    return row


def _stances(article: LabelledArticle, window: Window, schema: LabelSchema) -> NDArray[np.bool_]:
    ids = schema.stance_ids
    absent = len(ids)
    allowed = np.zeros((len(window.pair_slots), absent + 1), np.bool_)
    for row, slot, target in zip(allowed, window.pair_slots, window.pair_targets, strict=True):
        stance = article.stances[window.pieces[slot].paragraph].get(article.targets[target])
        if stance is None:
            row[absent if article.absence_known else slice(None)] = True
        else:
            row[ids.index(stance)] = True
            row[absent] |= stance == "neutral" and not article.absence_known
    return allowed


def _is_whole(piece: Piece, text: str) -> bool:
    return len(piece.ids) == 0 or (int(piece.starts[0]) <= 2 and int(piece.ends[-1]) >= len(clean(text).text) - 2)


def _count(
    article: LabelledArticle, spans: Sequence[Sequence[GoldSpan]], windows: Sequence[Window], loss: EncodingLoss
) -> None:
    pieces = [piece for window in windows for piece in window.pieces]
    starts = {(piece.paragraph, int(s)) for piece in pieces for s in piece.starts}
    ends = {(piece.paragraph, int(e)) for piece in pieces for e in piece.ends}
    loss.paragraphs += len(article.paragraphs)
    loss.cut_paragraphs += sum(count > 1 for count in Counter(piece.paragraph for piece in pieces).values())
    loss.spans += sum(len(given) for given in article.spans)
    loss.lost_spans += sum(len(given) - len(kept) for given, kept in zip(article.spans, spans, strict=True))
    loss.widened_spans += sum(
        (p, s.start) not in starts or (p, s.end) not in ends for p, kept in enumerate(spans) for s in kept
    )


def collate_labelled(rows: Sequence[LabelledWindow], pad_id: int) -> tuple[Batch, Gold]:
    """Pad windows and their gold to one shape."""
    batch = collate([row.window for row in rows], pad_id)
    size, tokens = batch.ids.shape
    devices = rows[0].tags.shape[1]
    tags = torch.full((size, tokens, devices), UNKNOWN)
    presence = torch.full((size, batch.places.shape[1], devices), UNKNOWN)
    stances = torch.ones((size, batch.pair_slots.shape[1], rows[0].stances.shape[1]), dtype=torch.bool)
    for i, row in enumerate(rows):
        tags[i, : len(row.tags)] = torch.from_numpy(row.tags).long()
        presence[i, : len(row.devices)] = torch.from_numpy(row.devices).long()
        stances[i, : len(row.stances)] = torch.from_numpy(row.stances)
    return batch, Gold(tags, presence, stances)
