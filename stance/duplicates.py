"""Near-duplicate articles (wire copy, 通稿, reprints), found by MinHash in memory of some thirty bytes an article.

    signatures = np.stack([signature(text) for text in texts])
    originals = find_originals(signatures, threshold=0.8)     # originals[i] == i where nothing earlier is like it

Two texts are alike by the share of their five-character pieces that they have in common (Jaccard), white space,
punctuation and case apart. `datasketch` makes the signatures. Its index of them takes kilobytes an article, so here
they stay on disk, and one band of them at a time is sorted: equal bands lie beside each other.
"""

from __future__ import annotations

import re
import unicodedata
import zlib
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

    from datasketch import MinHash
    from numpy.typing import NDArray

__all__ = ["THRESHOLD", "find_originals", "signature", "signatures_in"]

THRESHOLD = 0.8
"""Likeness from which an article counts as a near-duplicate: another headline, a cut last paragraph, a few words."""

_BANDS, _ROWS = 25, 5
"""Of two texts as like as 0.8, one pair in fifteen thousand has no band in common; as like as 0.5, every other one."""

_PIECE = 5
_PIECES_AT_ONCE = 4_096
_PAIRS_AT_ONCE = 8_192
_NOT_WORDS = re.compile(r"[\W_]+")


def signature(text: str) -> NDArray[np.uint32]:
    """The MinHash of a text, (125,). All its bits are set where the text has no letter and no digit."""
    plain = _NOT_WORDS.sub("", unicodedata.normalize("NFKC", text)).casefold()
    data = plain.encode("utf-32-le", "surrogatepass")  # four bytes a character, so that pieces are slices
    pieces = list({data[i : i + 4 * _PIECE] for i in range(0, max(len(data) - 4 * _PIECE, 0) + 4, 4)} if data else ())
    sketch = _empty().copy()
    for start in range(0, len(pieces), _PIECES_AT_ONCE):
        sketch.update_batch(pieces[start : start + _PIECES_AT_ONCE])
    values: NDArray[np.uint32] = sketch.hashvalues
    return values


@cache
def _empty() -> MinHash:
    from datasketch import MinHash  # noqa: PLC0415 - brings scipy, which takes a second to import

    return MinHash(num_perm=_BANDS * _ROWS, hashfunc=zlib.crc32, scheme="affine32")


def signatures_in(path: Path) -> NDArray[np.uint32]:
    """Signatures that stand in a file one after the other, (articles, 125); mapped, not read into memory."""
    if path.stat().st_size == 0:
        return np.empty((0, _BANDS * _ROWS), dtype=np.uint32)
    return np.memmap(path, dtype="<u4", mode="r").reshape(-1, _BANDS * _ROWS)


def find_originals(signatures: NDArray[np.uint32], threshold: float = THRESHOLD) -> NDArray[np.int64]:
    """For each article the number of the earliest that it is like, directly or through others; else its own.

    Args:
        signatures: (articles, 125), in memory or mapped from a file.
        threshold: likeness from which two are near-duplicates, above 0 and at most 1.
    """
    originals = np.arange(len(signatures), dtype=np.int64)
    for band in range(_BANDS):
        for later, earlier in _candidates(signatures, band):
            alike = (signatures[later] == signatures[earlier]).mean(axis=1) >= threshold
            alike &= signatures[later].min(axis=1) < np.iinfo(np.uint32).max  # two texts without words are not alike
            np.minimum.at(originals, later[alike], earlier[alike])
    while not np.array_equal(originals, further := originals[originals]):
        originals = further
    return originals


def _candidates(signatures: NDArray[np.uint32], band: int) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Pairs that are equal in a band: each article with the first one like it there, and with the one before it."""
    keys = _keys(signatures, band)
    order = np.argsort(keys, kind="stable")
    keys = keys[order]
    is_first = np.ones(len(keys), dtype=bool)
    is_first[1:] = keys[1:] != keys[:-1]
    at = np.flatnonzero(~is_first)
    first = np.maximum.accumulate(np.where(is_first, np.arange(len(keys)), 0))
    pairs = []
    for start in range(0, len(at), _PAIRS_AT_ONCE):
        some = at[start : start + _PAIRS_AT_ONCE]
        pairs += [(order[some], order[first[some]]), (order[some], order[some - 1])]
    return pairs


def _keys(signatures: NDArray[np.uint32], band: int) -> NDArray[np.uint64]:
    """One number for each article's band, so that equal bands have equal numbers."""
    keys = np.zeros(len(signatures), dtype=np.uint64)
    for column in range(band * _ROWS, (band + 1) * _ROWS):
        keys = (keys ^ signatures[:, column]) * np.uint64(0x9E3779B97F4A7C15)
    return keys
