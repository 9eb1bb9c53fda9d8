"""Model folders: what `stance` saves and loads, and how an encoder folder from elsewhere becomes a model.

A model folder holds

    model.safetensors   weights, float16            stance.json        ModelConfig, format, weights digest
    encoder.json        configuration of the encoder   tokenizer.json     its tokenizer
    lexicon.json        word tokenizer, if any       cues.tsv           set expressions, if any
    schema.json         labels
    calibration.json    temperatures, thresholds     README.md, metrics.json   card and figures

Nothing in it is ever unpickled or executed.
"""

from __future__ import annotations

import hashlib
import json
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from transformers import AutoConfig, AutoModel, AutoTokenizer

from stance.errors import ModelError
from stance.model.calibration import Calibration
from stance.model.config import FORMAT, ModelConfig
from stance.model.encoding import Encoder
from stance.model.network import StanceNetwork
from stance.schema import LabelSchema
from stance.text.cues import CueFinder

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor

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
    cues: CueFinder | None = None
    digest: str = "unsaved"

    @property
    def id(self) -> str:
        """Name and weights digest, as written into results."""
        return f"{self.name}@{self.digest}"

    @property
    def encoder(self) -> Encoder:
        """The way from text to windows."""
        return Encoder(self.tokenizer, self.lexicon, self.config, self.cues)


def build(
    encoder_config: Any, config: ModelConfig, schema: LabelSchema, encoder: torch.nn.Module | None = None
) -> StanceNetwork:
    """A network of the shape that the configurations give, with random weights or round a given encoder."""
    return StanceNetwork(
        encoder if encoder is not None else AutoModel.from_config(encoder_config),  # type: ignore[no-untyped-call]
        devices=len(schema.devices),
        stances=len(schema.stances),
        lexicon_size=config.lexicon_size,
        lexicon_width=config.lexicon_width,
        cues=config.cues,
        position_offset=config.position_offset,
    )


def from_encoder(
    folder: str | Path, schema: LabelSchema, *, name: str = "stance", cues: Path | None = None, **config: int
) -> Model:
    """A model to be trained, round a pretrained encoder.

    Args:
        folder: a folder or hub id that `transformers` loads (BERT, RoBERTa, ELECTRA …). Where it holds `lexicon.json`
            and `lexicon.safetensors`, as folders made by `scripts/pretrain.py` may, the lexicon is taken over. Or a
            model folder, to be trained further: all of it is kept, but heads of labels that `schema` has otherwise.
        schema: the labels to learn.
        name: name of the model in results.
        cues: list of set expressions for the model to read, see `stance.text.cues`; None for those of a model folder.
        config: further fields of ModelConfig, such as `window_tokens`.

    Raises:
        ModelError: the folder is not an encoder with weights in safetensors and a fast tokenizer, nor a model folder.
    """
    begin = _trained if (Path(folder) / "stance.json").is_file() else _pretrained
    start = begin(folder, config, cues=cues is not None)
    _check_fit(folder, start.encoder, start.tokenizer, start.config)
    network = build(start.encoder.config, start.config, schema, start.encoder)
    begins_anew = _of_other_labels(start.schema, schema) if start.schema else ()
    weights = {name: value for name, value in start.weights.items() if not name.startswith(begins_anew)}
    network.load_state_dict(weights, strict=False)
    finder = CueFinder.load(cues, schema.device_ids) if cues else None
    if finder is None and start.cues is not None:
        finder = CueFinder(schema.device_ids, start.cues.expressions)
    return Model(
        name=name,
        config=start.config,
        schema=schema,
        calibration=Calibration.identity(len(schema.devices)),
        network=network,
        tokenizer=start.tokenizer,
        lexicon=start.lexicon,
        cues=finder,
    )


def _of_other_labels(old: LabelSchema, new: LabelSchema) -> tuple[str, ...]:
    """How the names of weights begin that mean something else, or nothing, in the new schema."""
    devices = ("spans.", "devices.", "cues.") if old.device_ids != new.device_ids else ()
    return (*devices, "stances.") if old.stance_ids != new.stance_ids else devices


@dataclass(frozen=True, slots=True)
class _Start:
    """What a model is begun with; `weights` are of a StanceNetwork, or a part of them, `schema` that of its heads."""

    encoder: Any
    config: ModelConfig
    tokenizer: Tokenizer
    lexicon: Tokenizer | None
    weights: dict[str, Tensor]
    schema: LabelSchema | None = None
    cues: CueFinder | None = None


def _trained(folder: str | Path, config: dict[str, int], *, cues: bool) -> _Start:
    model = load(Path(folder))
    return _Start(
        encoder=model.network.encoder,
        config=replace(model.config, cues=cues or model.config.cues, **config),
        tokenizer=model.tokenizer,
        lexicon=model.lexicon,
        weights=model.network.state_dict(),
        schema=model.schema,
        cues=model.cues,
    )


def _pretrained(folder: str | Path, config: dict[str, int], *, cues: bool) -> _Start:
    with _reading(
        f"{folder}: expected a folder or hub id of a pretrained encoder with weights in safetensors",
        "A pickle (pytorch_model.bin) is never read: where you trust it, make safetensors of it by transformers' "
        "save_pretrained. Without a connection, download the encoder elsewhere and pass the local folder.",
    ):
        fast = AutoTokenizer.from_pretrained(folder, use_fast=True, trust_remote_code=False)
        shape = AutoConfig.from_pretrained(folder, trust_remote_code=False)
        vars(shape).pop("transformers_weights", None)  # could name a pickle, which `use_safetensors` would not keep out
        encoder = AutoModel.from_pretrained(
            folder, config=shape, trust_remote_code=False, use_safetensors=True, dtype=torch.float32
        )
        tokenizer = _plain(fast.backend_tokenizer)
    lexicon, vectors = _read_lexicon(Path(folder))
    model_config = ModelConfig(
        cls_id=_special(fast, "cls"),
        sep_id=_special(fast, "sep"),
        pad_id=_special(fast, "pad"),
        position_offset=_position_offset(encoder.config),
        lexicon_size=len(vectors["vectors.weight"]) - 1 if vectors else 0,
        lexicon_width=vectors["vectors.weight"].shape[1] if vectors else 0,
        cues=cues,
        **config,
    )
    weights = {f"lexicon.{name}": value for name, value in vectors.items()}
    return _Start(encoder, model_config, tokenizer, lexicon, weights)


@contextmanager
def _reading(expected: str, advice: str) -> Iterator[None]:
    """Raises whatever goes wrong inside as a ModelError."""
    try:
        yield
    except Exception as error:  # a damaged file raises whatever its library likes: tokenizers a bare Exception
        raise ModelError(f"{expected}; found {type(error).__name__}: {error} {advice}") from error


def _check_fit(folder: str | Path, encoder: Any, tokenizer: Tokenizer, config: ModelConfig) -> None:
    """Raises ModelError where the tokenizer is another encoder's, or the windows are too long for the encoder."""
    rows, tokens = encoder.get_input_embeddings().num_embeddings, tokenizer.get_vocab_size()
    if not rows / 2 <= tokens <= rows:  # where there is no tokenizer, transformers makes up an empty one
        raise ModelError(
            f"{folder}: expected the tokenizer of an encoder with {rows} embeddings, found one with {tokens} tokens. "
            "Put the encoder's own tokenizer.json or vocab.txt into the folder."
        )
    positions = encoder.config.max_position_embeddings - config.position_offset
    if config.window_tokens > positions:
        raise ModelError(
            f"{folder}: expected windows of at most {positions} tokens, all that the encoder has positions for; "
            f"found window_tokens={config.window_tokens}. Choose a smaller one."
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
    with _reading(f"{folder}: expected a lexicon in lexicon.json and lexicon.safetensors", "Copy the folder again."):
        found = load_file(folder / "lexicon.safetensors")
        vectors = {name: found[name].float() for name in ("vectors.weight", "projection.weight")}
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
    if model.cues is not None:
        model.cues.save(folder / "cues.tsv")
    model.schema.save(folder / "schema.json")
    model.calibration.save(folder / "calibration.json", model.schema)
    about = {"format": FORMAT, "name": model.name, "weights": model.digest, "config": model.config.to_dict()}
    (folder / "stance.json").write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")


def load(folder: Path) -> Model:
    """Read a model folder, in float32 on the CPU.

    Raises:
        ModelError: the folder is missing, incomplete, damaged, or of another format.
    """
    about = _about(folder)
    config = ModelConfig.from_dict(about["config"], str(folder / "stance.json"))
    _check_files(folder, config, digest=about["weights"])
    with _reading(f"{folder}: expected the files of one model folder, unchanged", "Copy the model folder again."):
        schema = LabelSchema.load(folder / "schema.json")
        encoder_config = AutoConfig.for_model(**json.loads((folder / "encoder.json").read_text(encoding="utf-8")))
        network = build(encoder_config, config, schema)
        weights = load_file(folder / "model.safetensors")
        network.load_state_dict({k: v.float() if v.is_floating_point() else v for k, v in weights.items()})
        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        lexicon = Tokenizer.from_file(str(folder / "lexicon.json")) if config.lexicon_size else None
    return Model(
        name=about["name"],
        config=config,
        schema=schema,
        calibration=Calibration.load(folder / "calibration.json", schema),
        network=network.eval(),
        tokenizer=tokenizer,
        lexicon=lexicon,
        cues=CueFinder.load(folder / "cues.tsv", schema.device_ids) if config.cues else None,
        digest=about["weights"],
    )


def _check_files(folder: Path, config: ModelConfig, *, digest: str) -> None:
    needed = ["model.safetensors", "encoder.json", "tokenizer.json", "schema.json", "calibration.json"]
    needed += ["lexicon.json"] * (config.lexicon_size > 0) + ["cues.tsv"] * config.cues
    missing = [name for name in needed if not (folder / name).is_file()]
    if missing:
        raise ModelError(f"{folder}: the model folder is incomplete, {', '.join(missing)} is missing. Copy it again.")
    found = _digest(folder / "model.safetensors")
    if found != digest:
        raise ModelError(
            f"{folder}/model.safetensors: expected weights with digest {digest}, found {found}: the file is "
            "damaged or was exchanged. Copy the model folder again."
        )


def _about(folder: Path) -> dict[str, Any]:
    path = folder / "stance.json"
    if not path.is_file():
        files = sorted(p.name for p in folder.iterdir()) if folder.is_dir() else ["no such folder"]
        found = ", ".join(files[:8]) or "nothing"
        raise ModelError(
            f"{folder}: expected a model folder made by `stance train` (with stance.json); found {found}. "
            "Pass such a folder, or leave --model out for the model that comes with stance."
        )
    try:
        about: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        later, earlier = about["format"] > FORMAT, about["format"] < FORMAT
        about["config"], about["weights"], about["name"]
    except (ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{path}: expected format, name, weights and config in JSON; {error!r}.") from error
    if later:
        raise ModelError(
            f"{folder}: made by a later stance (format {about['format']}, this one reads format {FORMAT}). "
            "Upgrade stance."
        )
    if earlier:
        raise ModelError(
            f"{folder}: made by an earlier stance (format {about['format']}, this one reads format {FORMAT}). "
            "Train the model again with `stance train`, or use the stance that made it."
        )
    return about


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12]
