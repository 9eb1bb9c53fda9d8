"""Shape of the network: what is saved with the weights and never changes afterwards."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from stance.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["FORMAT", "ModelConfig"]

FORMAT = 2
"""Version of the model folder's layout; a folder of another version is refused."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelConfig:
    """How text is cut into windows, and how large the heads are.

    Attributes:
        window_tokens: longest window of text, in tokens, title and separators included.
        title_tokens: longest title repeated at the head of each window, in tokens.
        target_tokens: longest target block, in tokens, its first token included.
        cls_id, sep_id, pad_id: special tokens of the encoder's tokenizer.
        position_offset: position id of a sequence's first token (RoBERTa counts from pad_id + 1).
        lexicon_size: words in the lexicon, 0 for an encoder without one.
        lexicon_width: width of the lexicon's vectors.
        cues: does the model read set expressions (`cues.tsv` in its folder)?
    """

    window_tokens: int = 256
    title_tokens: int = 32
    target_tokens: int = 16
    cls_id: int
    sep_id: int
    pad_id: int
    position_offset: int = 0
    lexicon_size: int = 0
    lexicon_width: int = 0
    cues: bool = False

    def __post_init__(self) -> None:
        if self.window_tokens < self.title_tokens + 32:
            raise ModelError(
                f"window_tokens must leave at least 32 tokens beside the title; found window_tokens="
                f"{self.window_tokens}, title_tokens={self.title_tokens}."
            )
        if self.target_tokens < 2:
            raise ModelError(f"target_tokens must be at least 2, found {self.target_tokens}.")

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers, as saved in `stance.json`."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], where: str) -> ModelConfig:
        """The configuration saved by `to_dict`. Raises ModelError, naming `where`, for anything else."""
        try:
            return cls(**data)
        except TypeError as error:
            raise ModelError(
                f"{where}: not the configuration of a stance model of format {FORMAT}: {error}."
            ) from error
