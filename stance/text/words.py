"""Chinese words with their parts of speech, by jieba: loaded on first use, in silence, once for all threads."""

from __future__ import annotations

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
    """Jieba's tagger, both of its tables made from one reading of its dictionary.

    jieba itself reads that file several times over, or takes a copy that any user of the machine may have written
    into the folder for temporary files.
    """
    with warnings.catch_warnings():
        # jieba's own imports raise DeprecationWarning and SyntaxWarning on newer Pythons.
        warnings.simplefilter("ignore")
        import jieba  # noqa: PLC0415  (takes half a second with its tables: on first use)
        from jieba import posseg  # noqa: PLC0415

    tokenizer = jieba.Tokenizer()
    with tokenizer.get_dict_file() as file:
        entries = file.read().decode("utf-8").split()  # word, count, tag; word, count, tag …
    words, tags = entries[::3], entries[2::3]
    counts = [int(count) for count in entries[1::3]]
    beginnings = (word[:end] for word in words for end in range(1, len(word)))
    tokenizer.FREQ = dict.fromkeys(beginnings, 0)
    tokenizer.FREQ.update(zip(words, counts, strict=True))
    tokenizer.total = sum(counts)
    tokenizer.initialized = True

    class Tagger(posseg.POSTokenizer):  # type: ignore[misc]
        def load_word_tag(self, file: Any) -> None:
            file.close()
            self.word_tag_tab = dict(zip(words, tags, strict=True))

    return Tagger(tokenizer)


def rarity(word: str) -> float:
    """How rare a word is in general Chinese: 0 for the commonest, 1 for one that the dictionary lacks."""
    frequency = _tagger().tokenizer.FREQ.get(word, 0)
    return 1.0 - min(math.log1p(frequency) / 13.0, 1.0)
