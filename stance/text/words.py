"""Chinese words with their parts of speech, by jieba: loaded on first use, in silence, once for all threads."""

from __future__ import annotations

import logging
import math
import threading
import warnings
from functools import cache
from typing import Any

__all__ = ["rarity", "tagged_words"]

_LOCK = threading.Lock()


def tagged_words(text: str) -> list[tuple[str, str]]:
    """The words of `text` in order, each with jieba's tag (nr person, ns place, nt organisation, n noun …)."""
    return [(pair.word, pair.flag) for pair in _tagger().cut(text)]


def _tagger() -> Any:
    with _LOCK:
        return _load_tagger()


@cache
def _load_tagger() -> Any:
    with warnings.catch_warnings():
        # jieba's own imports raise DeprecationWarning and SyntaxWarning on newer Pythons.
        warnings.simplefilter("ignore")
        import jieba  # noqa: PLC0415  (takes a second: on first use)
        from jieba import posseg  # noqa: PLC0415

        jieba.setLogLevel(logging.WARNING)
        tokenizer = posseg.POSTokenizer(jieba.Tokenizer())
        tokenizer.initialize()
    return tokenizer


def rarity(word: str) -> float:
    """How rare a word is in general Chinese: 0 for the commonest, 1 for one that the dictionary lacks."""
    frequency = _tagger().tokenizer.FREQ.get(word, 0)
    return 1.0 - min(math.log1p(frequency) / 13.0, 1.0)
