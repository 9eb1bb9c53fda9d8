"""What is learned: masked tokens, or which tokens were replaced.

Both work round the same encoder, BERT with the layer norms before the blocks (Xiong et al. 2020, "On Layer
Normalization in the Transformer Architecture"), which bears high rates without long warm-up.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import RobertaPreLayerNormConfig, RobertaPreLayerNormForMaskedLM, RobertaPreLayerNormModel

from pretraining.batches import POSITIONS, MaskedBatch
from pretraining.positions import look_at_neighbours, sinusoids

if TYPE_CHECKING:
    from pretraining.data import Specials
    from stance.model.network import Lexicon

__all__ = ["Losses", "MaskedLanguageModel", "Objective", "ReplacedTokenDetection", "encoder_config"]

HEAD_WIDTH = 64


class Losses(NamedTuple):
    """What to minimise, and its parts.

    Attributes:
        total: the sum that is minimised.
        masked: cross entropy at masked places, in nats.
        replaced: binary cross entropy of replaced-token detection, in nats; zero without it.
    """

    total: Tensor
    masked: Tensor
    replaced: Tensor


def encoder_config(vocab: int, layers: int, width: int, specials: Specials) -> RobertaPreLayerNormConfig:
    """The encoder's shape; the vocabulary is rounded up to a multiple of 64, which matrix units like."""
    return RobertaPreLayerNormConfig(
        vocab_size=math.ceil(vocab / 64) * 64,
        hidden_size=width,
        num_hidden_layers=layers,
        num_attention_heads=max(1, width // HEAD_WIDTH),
        intermediate_size=4 * width,
        max_position_embeddings=POSITIONS + specials.pad + 1,
        type_vocab_size=2,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        layer_norm_eps=1e-6,
        pad_token_id=specials.pad,
        bos_token_id=specials.cls,
        eos_token_id=specials.sep,
    )


class Objective(nn.Module):
    """An encoder with what its training needs. `forward` takes a MaskedBatch and returns Losses.

    Attributes:
        model: the `transformers` model that is saved under "model" and exported.
        lexicon: vectors of whole words, None without a lexicon.
    """

    def __init__(self, model: Any, lexicon: Lexicon | None) -> None:
        super().__init__()
        self.model = model
        self.lexicon = lexicon
        self.position_offset = int(model.config.pad_token_id) + 1

    @property
    def encoder(self) -> Any:
        """The encoder in the model."""
        return self.model.base_model

    def start(self, vectors: Tensor | None) -> None:
        """Weights that know about positions, and word2vec vectors."""
        look_at_neighbours(self.encoder)
        with torch.no_grad():
            table = self.encoder.embeddings.position_embeddings.weight
            table.copy_(sinusoids(*table.shape))
            if self.lexicon is not None and vectors is not None:
                self.lexicon.vectors.weight.copy_(vectors)
                nn.init.normal_(self.lexicon.projection.weight, std=0.012)

    def parts(self) -> dict[str, nn.Module]:
        """What a checkpoint holds, by name; the order is that of the parameters in the optimizers' states."""
        return {"model": self.model} | ({"lexicon": self.lexicon} if self.lexicon is not None else {})

    def matrices(self) -> list[nn.Parameter]:
        """Weights between hidden layers, which Muon may train."""
        return [p for p in self.encoder.encoder.parameters() if p.dim() == 2]

    def embed(self, ids: Tensor, words: Tensor) -> Tensor:
        """Embeddings of tokens with those of their words. Shape (B, T, W)."""
        embedded: Tensor = self.encoder.embeddings.word_embeddings(ids)
        return embedded if self.lexicon is None else embedded + self.lexicon(words)

    def states(self, embedded: Tensor, positions: Tensor) -> Tensor:
        """Last hidden states of all tokens. Shape (B · T, W)."""
        output = self.encoder(inputs_embeds=embedded, position_ids=positions + self.position_offset)
        states: Tensor = output.last_hidden_state.flatten(0, 1)
        return states


class MaskedLanguageModel(Objective):
    """Guess the masked tokens (Devlin et al. 2019)."""

    def __init__(self, config: RobertaPreLayerNormConfig, lexicon: Lexicon | None) -> None:
        super().__init__(RobertaPreLayerNormForMaskedLM(config), lexicon)

    def forward(self, batch: MaskedBatch) -> Losses:
        """Losses of a batch."""
        loss = functional.cross_entropy(self.guess(batch), batch.labels)
        return Losses(loss, loss.detach(), loss.new_zeros(()))

    def guess(self, batch: MaskedBatch) -> Tensor:
        """Logits of the masked tokens. Shape (M, vocabulary)."""
        states = self.states(self.embed(batch.ids, batch.words), batch.positions)
        logits: Tensor = self.model.lm_head(states[batch.places])
        return logits


class ReplacedTokenDetection(Objective):
    """Tell which tokens a generator has replaced.

    Clark et al. 2020, "ELECTRA: Pre-training Text Encoders as Discriminators Rather Than Generators":
    loss = MLM of the generator + 50 · RTD of the encoder; the generator has the encoder's depth, about a third
    of its width, and its token and word embeddings. Or the generator is a finished masked language model, and stays
    as it is (Dong et al. 2024, "Fast-ELECTRA for Efficient Pre-training", here without its curriculum of temperatures).
    """

    WEIGHT = 50.0

    def __init__(
        self, config: RobertaPreLayerNormConfig, lexicon: Lexicon | None, finished: MaskedLanguageModel | None = None
    ) -> None:
        super().__init__(RobertaPreLayerNormModel(config, add_pooling_layer=False), lexicon)
        self.generator = Generator(config) if finished is None else None
        self.finished = finished and finished.requires_grad_(requires_grad=False)
        self.detector = nn.Sequential(
            nn.Linear(config.hidden_size, config.hidden_size), nn.GELU(), nn.Linear(config.hidden_size, 1)
        )

    def parts(self) -> dict[str, nn.Module]:
        """As for every objective, the generator if it is trained, and the detector."""
        generator = {"generator": self.generator} if self.generator is not None else {}
        return super().parts() | generator | {"detector": self.detector}

    def matrices(self) -> list[nn.Parameter]:
        """Those of both encoders."""
        trained = self.generator.encoder.encoder.parameters() if self.generator is not None else ()
        return super().matrices() + [p for p in trained if p.dim() == 2]

    def forward(self, batch: MaskedBatch) -> Losses:
        """Losses of a batch whose masked tokens are all shown as `[MASK]`."""
        logits = self.guess(batch)
        masked = functional.cross_entropy(logits, batch.labels)
        guesses = sample(logits.detach())
        replaced_ids = batch.ids.flatten().scatter(0, batch.places, guesses).view_as(batch.ids)
        is_replaced = torch.zeros(batch.ids.numel(), device=batch.ids.device)
        is_replaced = is_replaced.scatter(0, batch.places, (guesses != batch.labels).to(is_replaced.dtype))
        states = self.states(self.embed(replaced_ids, batch.decoyed), batch.positions)
        scores = self.detector(states)[:, 0].float()
        replaced = functional.binary_cross_entropy_with_logits(scores, is_replaced)
        return Losses(masked + self.WEIGHT * replaced, masked.detach(), replaced.detach())

    def guess(self, batch: MaskedBatch) -> Tensor:
        """The generator's logits of the masked tokens. Shape (M, vocabulary)."""
        if self.generator is None:
            assert self.finished is not None
            with torch.no_grad():
                return self.finished.guess(batch)
        embedded, positions = self.embed(batch.ids, batch.words), batch.positions + self.position_offset
        vocabulary = self.encoder.embeddings.word_embeddings.weight
        logits: Tensor = self.generator(embedded, positions, batch.places, vocabulary)
        return logits


class Generator(nn.Module):
    """A narrow masked language model over the embeddings of another encoder."""

    def __init__(self, config: RobertaPreLayerNormConfig) -> None:
        super().__init__()
        width, outer = narrow(config.hidden_size), config.hidden_size
        settings = config.to_dict() | {
            "hidden_size": width,
            "num_attention_heads": max(1, width // HEAD_WIDTH),
            "intermediate_size": 4 * width,
            "vocab_size": int(config.pad_token_id or 0) + 1,  # tokens come as embeddings
            "bos_token_id": None,
            "eos_token_id": None,
        }
        self.enter = nn.Linear(outer, width, bias=False)
        self.encoder: Any = RobertaPreLayerNormModel(RobertaPreLayerNormConfig(**settings), add_pooling_layer=False)
        self.leave = nn.Sequential(nn.Linear(width, outer), nn.GELU(), nn.LayerNorm(outer))
        self.bias = nn.Parameter(torch.zeros(config.vocab_size))

    def forward(self, embedded: Tensor, position_ids: Tensor, places: Tensor, vocabulary: Tensor) -> Tensor:
        """Logits of the tokens at `places`. Shape (M, vocabulary)."""
        states = self.encoder(inputs_embeds=self.enter(embedded), position_ids=position_ids).last_hidden_state
        return functional.linear(self.leave(states.flatten(0, 1)[places]), vocabulary, self.bias)


def narrow(width: int) -> int:
    """The generator's width: about a third, in whole heads."""
    return max(1, round(width / 3 / HEAD_WIDTH)) * HEAD_WIDTH if width > HEAD_WIDTH else width


def sample(logits: Tensor) -> Tensor:
    """A token of each distribution (Gumbel's way). (M, vocabulary) → (M,)."""
    uniform = torch.rand_like(logits, dtype=torch.float32).clamp_(1e-9, 1 - 1e-7)
    return (logits.float() - (-uniform.log()).log()).argmax(-1)
