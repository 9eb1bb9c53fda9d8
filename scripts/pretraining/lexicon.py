"""The lexicon: frequent words, a Unigram tokenizer that finds them without jieba, and their word2vec vectors.

An encoder that sees little text learns slowly what words mean; word2vec learns it in minutes of one core. So
each token gets, besides its own embedding, the vector of the word that it lies in.
"""

from __future__ import annotations

import math
import multiprocessing
import re
import shutil
from collections import Counter
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np
from safetensors.numpy import load_file
from tokenizers import Tokenizer, models

from pretraining.data import Data, Ids, pieces_of, read_tokenizer
from stance.errors import InputError, RunError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

__all__ = [
    "adopt_lexicon",
    "build_lexicon",
    "characters_of",
    "count_words",
    "find_words",
    "soften",
    "unigram",
    "write_words",
]

CHUNK = 1 << 20
"""Tokens handled at a time; a word that a border cuts is not counted."""

LONGEST = 6
FEWEST = 20
"""A word of the lexicon has 2 to 6 characters, and stands at least 20 times in the corpus."""

UNKNOWN = -30.0
"""Log probability of a character that is not in the lexicon: any word is better."""

SENTENCE = 60
"""Words on a line for word2vec, at least."""

EPOCHS = 4

OTHER = "□"
"""Stands for each token that is not a Chinese character."""

_HAN = re.compile(r"[\u4e00-\u9fff]")
_WORD = re.compile(r"[\u4e00-\u9fff]{2,6}")
_RUN = re.compile(f"[^{OTHER}]+")


def build_lexicon(data: Data, *, words: int = 40_000, width: int = 128, workers: int = 1) -> str:
    """Write `lexicon.json`, `words.npy` and `lexvec.npy`; returns what was made, in a line.

    Raises:
        InputError: the corpus is not prepared, holds no frequent word, or more words are asked for than ids have room.
        RunError: gensim is not installed.
    """
    word2vec = _word2vec()
    tokenizer, _ = read_tokenizer(data.tokenizer_path)
    frequent, single = count_words(data, tokenizer)
    chosen = frequent.most_common(words)
    if not chosen or len(chosen) + len(single) >= 1 << 16:
        raise InputError(
            f"{data.folder}: expected 1 to {(1 << 16) - 1} words and characters, found {len(chosen)} words (of 2 to "
            f"{LONGEST} characters, {FEWEST} times or more) and {len(single)} characters. Change --words or the corpus."
        )
    lexicon = unigram(dict(chosen), single)
    data.remove_lexicon()
    lexicon.save(str(data.lexicon_path))
    with TemporaryDirectory(dir=data.folder) as folder:
        sentences = Path(folder) / "sentences"
        covered = write_words(data, sentences, workers=workers)
        vectors = _train_vectors(word2vec, sentences, lexicon.get_vocab_size(), width, workers)
    np.save(data.folder / "lexvec.npy", vectors)
    return f"{len(chosen)} words, {len(single)} characters, {covered:.1%} of the tokens in them"


def adopt_lexicon(data: Data, encoder: Path, *, workers: int = 1) -> str:
    """Write the same files with the lexicon of an exported encoder; returns what was made, in a line.

    Raises:
        InputError: the encoder has no lexicon.
    """
    words, vectors = encoder / "lexicon.json", encoder / "lexicon.safetensors"
    if not (words.exists() and vectors.exists()):
        raise InputError(f"{encoder}: expected an encoder with {words.name} and {vectors.name}. Leave --like out.")
    shutil.copyfile(words, data.lexicon_path)
    np.save(data.folder / "lexvec.npy", load_file(vectors)["vectors.weight"].astype(np.float16))
    return f"{write_words(data, workers=workers):.1%} of the tokens in words"


def count_words(data: Data, tokenizer: Tokenizer) -> tuple[Counter[str], dict[str, int]]:
    """How often each Chinese word of two or more characters stands in the corpus, and each character alone."""
    pieces = pieces_of(tokenizer)
    alone = np.zeros(len(pieces), np.int64)
    runs: Counter[bytes] = Counter()  # the ids of a word, as bytes: half the memory of tuples
    for start in range(0, len(data.ids), CHUNK):
        ids = np.array(data.ids[start : start + CHUNK])
        begins = np.flatnonzero(data.starts[start : start + CHUNK])
        sizes = np.diff(begins)
        alone += np.bincount(ids[begins[:-1][sizes == 1]], minlength=len(pieces))
        several = (sizes > 1) & (sizes <= LONGEST)
        raw, item = ids.tobytes(), ids.itemsize
        places = zip(begins[:-1][several].tolist(), sizes[several].tolist(), strict=True)
        runs.update(raw[place * item : (place + size) * item] for place, size in places)
    words: Counter[str] = Counter()
    for run, count in runs.items():
        word = "".join(pieces[i].removeprefix("##") for i in np.frombuffer(run, np.uint16))
        if count >= FEWEST and _WORD.fullmatch(word):
            words[word] += count
    single = {piece: max(1, int(n)) for piece, n in zip(pieces, alone, strict=True) if _HAN.fullmatch(piece)}
    return words, single


def unigram(words: dict[str, int], single: dict[str, int]) -> Tokenizer:
    """A tokenizer that cuts text into its likeliest words; id 0 is the unknown."""
    total = sum(words.values()) + sum(single.values())
    vocab = [(word, math.log(count / total)) for counts in (words, single) for word, count in counts.items()]
    return Tokenizer(models.Unigram([("<unk>", UNKNOWN), *vocab], unk_id=0))


def write_words(data: Data, sentences: Path | None = None, *, workers: int = 1) -> float:
    """Write `words.npy`, and the words as lines for word2vec where asked; returns the share of tokens in words."""
    tokenizer, _ = read_tokenizer(data.tokenizer_path)
    lexicon = Tokenizer.from_file(str(data.lexicon_path))
    find = partial(find_words, characters=characters_of(tokenizer), lexicon=lexicon)
    words = np.zeros(len(data.ids), np.uint16)
    starts = range(0, len(words), CHUNK)
    chunks = (np.array(data.ids[start : start + CHUNK]) for start in starts)
    with ExitStack() as stack:
        file = stack.enter_context(sentences.open("w")) if sentences else None
        pool = stack.enter_context(multiprocessing.Pool(workers)) if workers > 1 else None
        for start, (found, runs) in zip(starts, pool.imap(find, chunks) if pool else map(find, chunks), strict=True):
            words[start : start + CHUNK] = found
            if file:
                file.writelines(" ".join(map(str, line)) + "\n" for line in _lines(runs))
    np.save(data.folder / "words.npy", words)
    return float((words > 0).mean())


def characters_of(tokenizer: Tokenizer) -> NDArray[np.uint32]:
    """For each token the code of the Chinese character that it is, or of `OTHER`. Shape (tokens,)."""
    codes = [ord(piece if _HAN.fullmatch(piece) else OTHER) for piece in pieces_of(tokenizer)]
    return np.array(codes, "<u4")


def find_words(ids: Ids, characters: NDArray[np.uint32], lexicon: Tokenizer) -> tuple[Ids, list[list[int]]]:
    """The lexicon id of each token's word (N,), and the ids of each run of words, with nothing else between them."""
    text = characters[ids].tobytes().decode("utf-32-le")
    runs = list(_RUN.finditer(text))
    encodings = lexicon.encode_batch([run.group() for run in runs], add_special_tokens=False)
    words = np.zeros(len(ids), np.uint16)
    for run, encoding in zip(runs, encodings, strict=True):
        for word, (start, end) in zip(encoding.ids, encoding.offsets, strict=True):
            words[run.start() + start : run.start() + end] = word
    return words, [encoding.ids for encoding in encodings]


def _lines(runs: list[list[int]]) -> Iterator[list[int]]:
    """Runs joined to lines of `SENTENCE` words or more: word2vec sees no further than a line."""
    line: list[int] = []
    for run in runs:
        line += run
        if len(line) >= SENTENCE:
            yield line
            line = []
    if line:
        yield line


def _word2vec() -> Any:
    """Gensim's Word2Vec: an extra that no other step needs."""
    try:
        from gensim.models import Word2Vec  # noqa: PLC0415
    except ImportError as error:
        raise RunError(
            f"pretrain.py lexicon: expected gensim, found {error}. Install it: pip install 'stance[pretrain]'."
        ) from error
    return Word2Vec


def _train_vectors(word2vec: Any, sentences: Path, size: int, width: int, workers: int) -> NDArray[np.float16]:
    """Word2vec (CBOW, negative sampling) on lines of word ids; row 0, and words too rare, are zero."""
    model = word2vec(
        corpus_file=str(sentences),
        vector_size=width,
        window=6,
        negative=5,
        sample=1e-4,
        alpha=0.05,
        min_count=5,
        epochs=EPOCHS,
        workers=workers,
    )
    vectors = np.zeros((size, width), np.float32)
    for word in range(1, size):
        if str(word) in model.wv:
            vectors[word] = model.wv[str(word)]
    return soften(vectors)


def soften(vectors: NDArray[np.float32]) -> NDArray[np.float16]:
    """The vectors with norms to the power of a quarter, then features of about ±0.25.

    A raw norm says mostly how frequent a word is, which the encoder should not read from the vector's length.
    """
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    softened = vectors / np.maximum(norms, 1e-6) ** 0.75
    typical = float(np.median(np.linalg.norm(softened[norms[:, 0] > 0], axis=1))) if norms.any() else 1.0
    scaled: NDArray[np.float16] = (softened * (0.25 * math.sqrt(vectors.shape[1]) / typical)).astype(np.float16)
    return scaled
