"""The plain way: a loop over transformers pipelines, with the weights of the same encoder.

One token classification a paragraph, and one text-pair classification a paragraph and target. The heads say
nothing (every token is O), so that sorting out their answers costs next to nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from tokenizers import Tokenizer
from tokenizers.processors import TemplateProcessing
from transformers import (
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
    PreTrainedTokenizerFast,
    pipeline,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stance.model.checkpoint import Model

__all__ = ["Pipelines"]


@dataclass(frozen=True)
class Pipelines:
    """The two pipelines."""

    tags: Any
    pairs: Any

    @classmethod
    def of(cls, model: Model, device: torch.device, dtype: torch.dtype) -> Pipelines:
        """Pipelines with the model's encoder and tokenizer."""
        tokenizer, devices = _tokenizer(model), len(model.schema.devices)
        given: dict[str, Any] = {"tokenizer": tokenizer, "device": device, "dtype": dtype}
        tagger = _with_encoder(AutoModelForTokenClassification, model, 1 + 2 * devices).to(dtype)
        judge = _with_encoder(AutoModelForSequenceClassification, model, len(model.schema.stances)).to(dtype)
        return cls(
            pipeline("token-classification", model=tagger, ignore_labels=["LABEL_0"], **given),
            pipeline("text-classification", model=judge, **given),
        )

    def run(self, paragraphs: Sequence[str], targets: Sequence[str], batch_size: int) -> int:
        """Tags of every paragraph, a stance of every pair; returns how many answers there were."""
        tags = self.tags(list(paragraphs), batch_size=batch_size)
        pairs = [{"text": paragraph, "text_pair": target} for paragraph in paragraphs for target in targets]
        return len(tags) + len(self.pairs(pairs, batch_size=batch_size, truncation=True))


def _with_encoder(kind: Any, model: Model, labels: int) -> Any:
    """A transformers model of this kind round the model's encoder."""
    encoder: Any = model.network.encoder
    config = type(encoder.config).from_dict({**encoder.config.to_dict(), "num_labels": labels})
    whole = kind.from_config(config)
    whole.base_model.load_state_dict(encoder.state_dict(), strict=False)
    for name, parameter in whole.named_parameters():
        if name == "classifier.weight":
            torch.nn.init.zeros_(parameter)
        elif name == "classifier.bias":
            parameter.data = torch.eye(labels)[0]
    return whole.eval()


def _tokenizer(model: Model) -> PreTrainedTokenizerFast:
    """The model's tokenizer, as transformers wants it."""
    config = model.config
    cls, sep, pad = (str(model.tokenizer.id_to_token(i)) for i in (config.cls_id, config.sep_id, config.pad_id))
    own = Tokenizer.from_str(model.tokenizer.to_str())
    own.post_processor = TemplateProcessing(
        single=f"{cls} $A {sep}",
        pair=f"{cls} $A {sep} $B {sep}",
        special_tokens=[(cls, config.cls_id), (sep, config.sep_id)],
    )
    encoder: Any = model.network.encoder
    longest = int(encoder.config.max_position_embeddings) - config.position_offset
    return PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=own, cls_token=cls, sep_token=sep, pad_token=pad, model_max_length=longest
    )
