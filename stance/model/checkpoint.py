"""Model folders: what `stance` saves and loads, and how an encoder folder from elsewhere becomes a model.

A model folder holds

    model.safetensors   weights, float16            stance.json        ModelConfig, format, weights digest
    encoder.json        configuration of the encoder   tokenizer.json     its tokenizer
    lexicon.json        word tokenizer, if any       schema.json        labels
    calibration.json    temperatures, thresholds     README.md, metrics.json   card and figures

Nothing in it is ever unpickled or executed.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from transformers import AutoConfig, AutoModel, AutoTokenizer
from torch import Tensor

from stance.errors import ModelError
from stance.model.calibration import Calibration
from stance.model.config import FORMAT, ModelConfig
from stance.model.encoding import Encoder
from stance.model.network import StanceNetwork
from stance.schema import LabelSchema

__all__ = ["Model", "from_encoder", "load", "save"]


@dataclass(slots=True)
class Model:
    """A network with all that is needed to use it."""

    name: str
    config: ModelConfig
    schema: LabelSchema
    calibration: Calibration
    network: StanceNetwork
    tokenizer: Tokenizer
    lexicon: Tokenizer | None
    digest: str = "unsaved"

    @property
    def id(self) -> str:
        """Name and weights digest, as written into results."""
        return f"{self.name}@{self.digest}"

    @property
    def encoder(self) -> Encoder:
        """The way from text to windows."""
        return Encoder(self.tokenizer, self.lexicon, self.config)


def build(
    encoder_config: Any, config: ModelConfig, schema: LabelSchema, encoder: torch.nn.Module | None = None
) -> StanceNetwork:
    """A network of the shape that the configurations give, with random weights or round a given encoder."""
    return StanceNetwork(
        encoder if encoder is not None else AutoModel.from_config(encoder_config),
        devices=len(schema.devices),
        stances=len(schema.stances),
        lexicon_size=config.lexicon_size,
        lexicon_width=config.lexicon_width,
        position_offset=config.position_offset,
    )


def from_encoder(folder: str | Path, schema: LabelSchema, *, name: str = "stance", **config: int) -> Model:
    """An untrained model round a pretrained encoder.

    Args:
        folder: a folder or hub id that `transformers` loads (BERT, RoBERTa, ELECTRA …). Where it holds `lexicon.json`
            and `lexicon.safetensors`, as folders made by `scripts/pretrain.py` may, the lexicon is taken over.
        schema: the labels to learn.
        name: name of the model in results.
        config: further fields of ModelConfig, such as `window_tokens`.

    Raises:
        ModelError: the folder is not an encoder with a fast tokenizer.
    """
    try:
        fast = AutoTokenizer.from_pretrained(folder, use_fast=True, trust_remote_code=False)
        encoder = AutoModel.from_pretrained(folder, trust_remote_code=False, dtype=torch.float32)
    except (OSError, ValueError, ImportError) as error:
        raise ModelError(
            f"{folder}: expected a folder or hub id of a pretrained encoder that transformers can load; {error} "
            "Without a connection, download it elsewhere and pass the local folder."
        ) from error
    lexicon, vectors = _read_lexicon(Path(folder))
    model_config = ModelConfig(
        cls_id=_special(fast, "cls"),
        sep_id=_special(fast, "sep"),
        pad_id=_special(fast, "pad"),
        position_offset=_position_offset(encoder.config),
        lexicon_size=len(vectors["vectors.weight"]) - 1 if vectors else 0,
        lexicon_width=vectors["vectors.weight"].shape[1] if vectors else 0,
        **config,
    )
    network = build(encoder.config, model_config, schema, encoder)
    if network.lexicon is not None:
        network.lexicon.load_state_dict(vectors)
    return Model(
        name=name,
        config=model_config,
        schema=schema,
        calibration=Calibration.identity(len(schema.devices)),
        network=network,
        tokenizer=_plain(fast.backend_tokenizer),
        lexicon=lexicon,
    )


def _plain(tokenizer: Tokenizer) -> Tokenizer:
    """The tokenizer without padding and truncation, which windows do themselves."""
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer


def _special(tokenizer: Any, which: str) -> int:
    token_id = getattr(tokenizer, f"{which}_token_id")
    if token_id is None:
        raise ModelError(f"{tokenizer.name_or_path}: its tokenizer has no {which} token; use a BERT-like encoder.")
    return int(token_id)


def _position_offset(config: Any) -> int:
    """RoBERTa and its kin count positions from pad_token_id + 1."""
    return int(config.pad_token_id) + 1 if "roberta" in config.model_type or config.model_type == "camembert" else 0


def _read_lexicon(folder: Path) -> tuple[Tokenizer | None, dict[str, Tensor]]:
    if not (folder / "lexicon.json").is_file():
        return None, {}
    vectors = {k: v.float() for k, v in load_file(folder / "lexicon.safetensors").items()}
    return Tokenizer.from_file(str(folder / "lexicon.json")), vectors


def save(model: Model, folder: Path) -> None:
    """Write a model folder, weights in float16, and note their digest in the model."""
    folder.mkdir(parents=True, exist_ok=True)
    weights = {
        k: v.detach().to("cpu", torch.float16 if v.is_floating_point() else v.dtype).contiguous()
        for k, v in model.network.state_dict().items()
    }
    save_file(weights, folder / "model.safetensors")
    model.digest = _digest(folder / "model.safetensors")
    model.network.encoder.config.to_json_file(folder / "encoder.json")  # type: ignore[union-attr, operator]
    model.tokenizer.save(str(folder / "tokenizer.json"))
    if model.lexicon is not None:
        model.lexicon.save(str(folder / "lexicon.json"))
    model.schema.save(folder / "schema.json")
    model.calibration.save(folder / "calibration.json", model.schema)
    about = {"format": FORMAT, "name": model.name, "weights": model.digest, "config": model.config.to_dict()}
    (folder / "stance.json").write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")


def load(folder: Path) -> Model:
    """Read a model folder, in float32 on the CPU.

    Raises:
        ModelError: the folder is missing, incomplete, damaged, or of a later format.
    """
    about = _about(folder)
    config = ModelConfig.from_dict(about["config"], str(folder / "stance.json"))
    missing = [
        f
        for f in ("model.safetensors", "encoder.json", "tokenizer.json", "schema.json", "calibration.json")
        if not (folder / f).is_file()
    ]
    if missing:
        raise ModelError(f"{folder}: the model folder is incomplete, {', '.join(missing)} is missing. Copy it again.")
    found = _digest(folder / "model.safetensors")
    if found != about["weights"]:
        raise ModelError(
            f"{folder}/model.safetensors: expected weights with digest {about['weights']}, found {found}: the file is "
            "damaged or was exchanged. Copy the model folder again."
        )
    schema = LabelSchema.load(folder / "schema.json")
    settings = json.loads((folder / "encoder.json").read_text(encoding="utf-8"))
    network = build(AutoConfig.for_model(**settings), config, schema)
    weights = {k: v.float() if v.is_floating_point() else v for k, v in load_file(folder / "model.safetensors").items()}
    try:
        network.load_state_dict(weights)
    except RuntimeError as error:
        raise ModelError(f"{folder}: the weights do not fit encoder.json and stance.json: {error}") from error
    lexicon = folder / "lexicon.json"
    return Model(
        name=about["name"],
        config=config,
        schema=schema,
        calibration=Calibration.load(folder / "calibration.json", schema),
        network=network.eval(),
        tokenizer=Tokenizer.from_file(str(folder / "tokenizer.json")),
        lexicon=Tokenizer.from_file(str(lexicon)) if lexicon.is_file() else None,
        digest=found,
    )


def _about(folder: Path) -> dict[str, Any]:
    path = folder / "stance.json"
    if not path.is_file():
        found = (
            "no such folder"
            if not folder.is_dir()
            else ", ".join(sorted(p.name for p in folder.iterdir())[:8]) or "nothing"
        )
        raise ModelError(
            f"{folder}: expected a model folder made by `stance train` (with stance.json); found {found}. "
            "Pass such a folder, or leave --model out for the model that comes with stance."
        )
    try:
        about: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        later = about["format"] > FORMAT
        about["config"], about["weights"], about["name"]
    except (ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{path}: expected format, name, weights and config in JSON; {error!r}.") from error
    if later:
        raise ModelError(
            f"{folder}: made by a later stance (format {about['format']}, this one reads up to {FORMAT}). Upgrade stance."
        )
    return about


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12]
