"""The prepared corpus: a folder of arrays with one entry a token, its tokenizer, and its lexicon if it has one.

    tokenizer.json   WordPiece tokenizer            lexicon.json   Unigram tokenizer of words
    ids.npy          token ids, uint16              words.npy      lexicon id of each token's word, 0 for none, uint16
    starts.npy       does a word start here? bool   lexvec.npy     vectors of the words, float16, row 0 zero

`[SEP]` stands behind each paragraph. The files on the right belong together, and to the ids on the left.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from stance.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Data", "Flags", "Ids", "Specials", "pieces_of", "read_tokenizer"]

Ids = NDArray[np.uint16]
Flags = NDArray[np.bool_]

HELD_OUT = 0.005
"""Share of the tokens, at the end of the corpus, on which the loss is measured and never trained."""

LEXICON = ("lexicon.json", "words.npy", "lexvec.npy")

NAMES = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


@dataclass(frozen=True, slots=True)
class Specials:
    """Ids of the special tokens."""

    pad: int
    unk: int
    cls: int
    sep: int
    mask: int

    @property
    def ids(self) -> tuple[int, ...]:
        """All of them."""
        return self.pad, self.unk, self.cls, self.sep, self.mask


def read_tokenizer(path: Path) -> tuple[Tokenizer, Specials]:
    """A tokenizer file, and its special tokens.

    Raises:
        InputError: the file is missing, of another format, without a special token, or too large for 16-bit ids.
    """
    if not path.is_file():
        raise InputError(f"{path}: expected a tokenizer, found no such file. Run `pretrain.py prepare` first.")
    tokenizer = Tokenizer.from_file(str(path))
    ids = [i for name in NAMES if (i := tokenizer.token_to_id(name)) is not None]
    if len(ids) < len(NAMES) or tokenizer.get_vocab_size() > 1 << 16:
        raise InputError(
            f"{path}: expected a tokenizer with {' '.join(NAMES)} and at most 65536 tokens; found {len(ids)} of them "
            f"and {tokenizer.get_vocab_size()} tokens. Leave --tokenizer out to train one."
        )
    return tokenizer, Specials(*ids)


def pieces_of(tokenizer: Tokenizer) -> list[str]:
    """What each token looks like, by id; pieces that go on with a word begin with ##."""
    return [tokenizer.id_to_token(i) or "" for i in range(tokenizer.get_vocab_size())]


@dataclass(frozen=True)
class Data:
    """A prepared corpus, opened without being read into memory."""

    folder: Path

    @cached_property
    def ids(self) -> Ids:
        """Token ids. Shape (N,)."""
        ids: Ids = self._array("ids")
        return ids

    @cached_property
    def starts(self) -> Flags:
        """Does a word start at the token? Shape (N,)."""
        starts: Flags = self._array("starts")
        return starts

    @cached_property
    def words(self) -> Ids | None:
        """Lexicon id of the word that each token lies in, None without a lexicon. Shape (N,).

        Raises:
            InputError: the lexicon is not whole, or of another corpus.
        """
        found = [name for name in LEXICON if (self.folder / name).exists()]
        if not found:
            return None
        words: Ids | None = self._array("words") if len(found) == len(LEXICON) else None
        if words is None or len(words) != len(self.ids):
            entries = "" if words is None else f" with words of {len(words)} tokens"
            raise InputError(
                f"{self.folder}: expected {', '.join(LEXICON)} for its {len(self.ids)} tokens, or none of them; found "
                f"{', '.join(found)}{entries}. Run `pretrain.py lexicon` again, or remove them."
            )
        return words

    @cached_property
    def vectors(self) -> NDArray[np.float16]:
        """Vectors of the lexicon's words. Shape (W, V)."""
        vectors: NDArray[np.float16] = self._array("lexvec")
        return vectors

    @property
    def tokenizer_path(self) -> Path:
        """The tokenizer's file."""
        return self.folder / "tokenizer.json"

    @property
    def lexicon_path(self) -> Path:
        """The word tokenizer's file, which need not be there."""
        return self.folder / "lexicon.json"

    def remove_lexicon(self) -> None:
        """Remove the lexicon, which does not fit other ids."""
        for name in LEXICON:
            (self.folder / name).unlink(missing_ok=True)

    def split(self, length: int) -> tuple[slice, slice]:
        """Where to train and where to measure, for windows of `length` tokens.

        Raises:
            InputError: the corpus is too small for that.
        """
        total = len(self.ids)
        held_out = max(int(total * HELD_OUT), 4 * length)
        if total < 10 * held_out:
            raise InputError(
                f"{self.folder}: expected at least {40 * length} tokens for windows of {length}, found {total}. "
                "Prepare more text."
            )
        return slice(0, total - held_out), slice(total - held_out, total)

    def _array(self, name: str) -> NDArray[Any]:
        path = self.folder / f"{name}.npy"
        try:
            array: NDArray[Any] = np.load(path, mmap_mode="r")
        except (OSError, ValueError) as error:
            raise InputError(
                f"{path}: expected an array made by `pretrain.py prepare` or `lexicon`; {error}. Run it again."
            ) from error
        return array
