"""A new run, or the one in a folder: its objective, with starting weights."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer, processors
from transformers import AutoConfig, AutoModel, AutoModelForMaskedLM, PreTrainedTokenizerFast

from pretraining.batches import POSITIONS
from pretraining.data import NAMES, Data, read_tokenizer
from pretraining.objectives import MaskedLanguageModel, Objective, ReplacedTokenDetection, encoder_config
from stance.errors import InputError, RunError
from stance.model.network import Lexicon

if TYPE_CHECKING:
    from pathlib import Path

    from pretraining.settings import Settings

__all__ = ["fast_tokenizer", "make_objective"]


def make_objective(data: Data, out: Path, settings: Settings) -> Objective:
    """The objective in the shape of `out/config.json`, or of a new run, whose configuration is then written.

    Raises:
        InputError: there is no encoder to start from.
        RunError: the run has another shape than asked for, or it or the encoder other tokens or words than the data.
    """
    tokenizer, specials = read_tokenizer(data.tokenizer_path)
    for option, folder in (("start", settings.start), ("generator", settings.generator)):
        if folder is None:
            continue
        if not (folder / "config.json").is_file():
            raise InputError(
                f"{folder}: expected an encoder made by `pretrain.py export`, found no config.json there. "
                f"Pass its folder as --{option}."
            )
        _compare_ids(data, folder, with_lexicon=settings.lexicon or option == "generator")
    _compare_ids(data, out, with_lexicon=settings.lexicon)
    torch.manual_seed(0)
    if (out / "config.json").exists():
        config = AutoConfig.from_pretrained(out)
    elif settings.start is not None:
        config = AutoConfig.from_pretrained(settings.start)
    else:
        config = encoder_config(tokenizer.get_vocab_size(), settings.layers or 6, settings.width or 384, specials)
    shape = config.num_hidden_layers, config.hidden_size
    asked = settings.layers or shape[0], settings.width or shape[1]
    if shape != asked or config.model_type != "roberta-prelayernorm" or config.vocab_size < tokenizer.get_vocab_size():
        raise RunError(
            f"{out}: expected a pre-norm encoder of {asked[0]} × {asked[1]} with at least {tokenizer.get_vocab_size()} "
            f"tokens, found {config.model_type}, {shape[0]} × {shape[1]}, {config.vocab_size} tokens. Leave --layers "
            "and --width out to go on with the run, or choose another --out."
        )
    with_lexicon = settings.lexicon and data.words is not None
    lexicon = _lexicon(data, config.hidden_size) if with_lexicon else None
    objective: Objective
    if settings.objective == "mlm":
        objective = MaskedLanguageModel(config, lexicon)
    else:
        finished = None if settings.generator is None else _finished(data, settings.generator)
        objective = ReplacedTokenDetection(config, lexicon, finished)
    objective.start(torch.from_numpy(data.vectors.astype("float32")) if with_lexicon else None)
    if settings.start is not None and not (out / "state.pt").exists():
        start_from(objective, settings.start)
    config.save_pretrained(out)
    if with_lexicon:
        shutil.copyfile(data.lexicon_path, out / "lexicon.json")
    fast_tokenizer(data).save_pretrained(out)
    return objective


def _compare_ids(data: Data, folder: Path, *, with_lexicon: bool) -> None:
    """Refuse weights to which the data's ids mean other tokens or words; what the folder lacks is not compared."""
    tokens, words = folder / "tokenizer.json", folder / "lexicon.json"
    if tokens.exists():
        theirs, ours = (Tokenizer.from_file(str(path)).get_vocab() for path in (tokens, data.tokenizer_path))
        if theirs != ours:
            raise RunError(
                f"{tokens}: expected the {len(ours)} tokens of {data.tokenizer_path}, found {len(theirs)} that are not "
                f"the same. Prepare the text with --tokenizer {tokens}, or choose another --start or --out."
            )
    both = with_lexicon and words.exists() and data.lexicon_path.exists()
    if both and words.read_bytes() != data.lexicon_path.read_bytes():
        raise RunError(
            f"{words}: expected the words of {data.lexicon_path}, found others. Take them over with `pretrain.py "
            "lexicon --like ENCODER`, or choose another --start or --out."
        )


def _lexicon(data: Data, width: int) -> Lexicon:
    return Lexicon(len(data.vectors) - 1, data.vectors.shape[1], width)


def _finished(data: Data, folder: Path) -> MaskedLanguageModel:
    """The masked language model of an exported encoder, with its lexicon if it has one."""
    config = AutoConfig.from_pretrained(folder)
    with_lexicon = (folder / "lexicon.safetensors").exists() and data.words is not None
    model = MaskedLanguageModel(config, _lexicon(data, config.hidden_size) if with_lexicon else None)
    start_from(model, folder)
    return model


def start_from(objective: Objective, folder: Path) -> None:
    """Take over the weights of an exported encoder, and its lexicon's vectors.

    Raises:
        InputError: it guesses no tokens, and the objective does; or it has a lexicon, and the objective none.
    """
    if isinstance(objective, MaskedLanguageModel):
        found = AutoConfig.from_pretrained(folder).architectures
        if "RobertaPreLayerNormForMaskedLM" not in (found or ()):
            raise InputError(
                f"{folder}: expected an encoder pretrained by --objective mlm, found {found}, which guesses no tokens. "
                "Give another, or --objective rtd."
            )
        model = AutoModelForMaskedLM.from_pretrained(folder, dtype=torch.float32, trust_remote_code=False)
    else:
        model = AutoModel.from_pretrained(folder, dtype=torch.float32, trust_remote_code=False, add_pooling_layer=False)
    objective.model.load_state_dict(model.state_dict())
    vectors = folder / "lexicon.safetensors"
    if not vectors.exists():
        return
    if objective.lexicon is None:
        raise InputError(
            f"{folder}: expected an encoder without a lexicon, as --no-lexicon is given or the data have none; found "
            f"one. Make the data's with `pretrain.py lexicon --like {folder}`, or give another encoder."
        )
    objective.lexicon.load_state_dict({name: value.float() for name, value in load_file(vectors).items()})


def fast_tokenizer(data: Data) -> PreTrainedTokenizerFast:
    """The tokenizer as `transformers` saves it, with [CLS] before and [SEP] behind a text."""
    tokenizer, specials = read_tokenizer(data.tokenizer_path)
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", specials.sep), ("[CLS]", specials.cls))
    names = ("pad_token", "unk_token", "cls_token", "sep_token", "mask_token")
    return PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=tokenizer, model_max_length=POSITIONS, **dict(zip(names, NAMES, strict=True))
    )
