"""From raw text to token ids and word starts."""

from __future__ import annotations

import multiprocessing
import random
import shutil
from functools import cache, partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers

from pretraining.corpus import documents, text_files
from pretraining.data import NAMES, Data, Flags, Ids, read_tokenizer
from stance.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["encode_documents", "prepare", "train_tokenizer"]

CHUNK = 400
"""Documents that go to a worker at a time."""


def prepare(corpus: Path, out: Path, *, vocab: int = 12_000, tokenizer: Path | None = None, workers: int = 1) -> str:
    """Write `tokenizer.json`, `ids.npy` and `starts.npy`; returns what was made, and which files were skipped.

    A lexicon that lies in `out` is removed: it belongs to what was there before.
    All documents are held in memory while they are shuffled, so that the end of the corpus is a fair sample.

    Raises:
        InputError: the corpus or the given tokenizer cannot be used.
    """
    out.mkdir(parents=True, exist_ok=True)
    target = out / "tokenizer.json"
    if tokenizer is not None:
        read_tokenizer(tokenizer)
        shutil.copyfile(tokenizer, target)
    elif not target.exists():
        train_tokenizer(islice(documents(corpus), 0, None, 3), vocab).save(str(target))
    _, specials = read_tokenizer(target)
    shuffled = list(documents(corpus))
    if not shuffled:
        raise InputError(f"{corpus}: expected text, found only empty files. Pass a folder of text.")
    random.Random(0).shuffle(shuffled)
    chunks = (shuffled[i : i + CHUNK] for i in range(0, len(shuffled), CHUNK))
    encode = partial(encode_documents, str(target))
    if workers > 1:
        with multiprocessing.Pool(workers) as pool:
            parts = list(pool.imap(encode, chunks))
    else:
        parts = list(map(encode, chunks))
    Data(out).remove_lexicon()
    ids = np.concatenate([part[0] for part in parts])
    np.save(out / "ids.npy", ids)
    np.save(out / "starts.npy", np.concatenate([part[1] for part in parts]))
    unknown = float(np.mean(ids == specials.unk))
    others = ", ".join(f"{count} {kind}" for kind, count in text_files(corpus)[1].most_common())
    skipped = f"; files skipped: {others}" if others else ""
    return f"{len(shuffled)} documents, {len(ids)} tokens, {unknown:.4%} of them unknown{skipped}"


def train_tokenizer(texts: Iterable[str], size: int) -> Tokenizer:
    """WordPiece in which each Chinese character is a word of its own; Latin in lower case, digits in pieces."""
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]", max_input_chars_per_word=100))
    tokenizer.normalizer = normalizers.BertNormalizer(
        clean_text=True, handle_chinese_chars=True, strip_accents=False, lowercase=True
    )
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    trainer = trainers.WordPieceTrainer(
        vocab_size=size,
        special_tokens=list(NAMES),
        min_frequency=5,
        limit_alphabet=size * 3 // 4,  # simplified and traditional characters, and room for Latin and digits
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def encode_documents(tokenizer_path: str, texts: Sequence[str]) -> tuple[Ids, Flags]:
    """Token ids, `[SEP]` behind each paragraph, and for each token whether a word (jieba) starts there. Shape (N,)."""
    import jieba  # noqa: PLC0415 - workers that only train do without it

    jieba.setLogLevel("WARNING")
    tokenizer, sep = _tokenizer(tokenizer_path)
    ids: list[int] = []
    starts: list[bool] = []
    for paragraph in (p for text in texts for p in text.split("\n") if p.strip()):
        words = {0}
        place = 0
        for word in jieba.cut(paragraph):
            words.add(place)
            place += len(word)
        encoding = tokenizer.encode(paragraph, add_special_tokens=False)
        ids += [*encoding.ids, sep]
        starts += [*(start in words for start, _ in encoding.offsets), True]
    return np.array(ids, np.uint16), np.array(starts, np.bool_)


@cache
def _tokenizer(path: str) -> tuple[Tokenizer, int]:
    tokenizer, specials = read_tokenizer(Path(path))
    return tokenizer, specials.sep
