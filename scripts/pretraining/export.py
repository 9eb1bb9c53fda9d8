"""From a run to an encoder folder that `transformers` loads."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import torch
from safetensors.torch import save_file
from transformers import AutoConfig, AutoTokenizer, RobertaPreLayerNormForMaskedLM, RobertaPreLayerNormModel

from pretraining.checkpoint import read_state
from stance.errors import RunError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["export"]


def export(run: Path, to: Path) -> str:
    """Write weights in float16, configuration, tokenizer and lexicon; returns what was made, in a line.

    Args:
        run: the folder of a run.
        to: the folder to write.

    Raises:
        RunError: there is no run, or its lexicon's tokenizer is missing.
    """
    state = read_state(run / "state.pt", torch.device("cpu"))
    words = run / "lexicon.json"
    if "lexicon" in state and not words.exists():
        raise RunError(f"{words}: expected the tokenizer of the run's lexicon, found no such file. Copy the data's.")
    config = AutoConfig.from_pretrained(run)
    replaced = "detector" in state  # there is no head for masked tokens then
    model: Any = (
        RobertaPreLayerNormModel(config, add_pooling_layer=False)
        if replaced
        else RobertaPreLayerNormForMaskedLM(config)
    )
    model.load_state_dict(state["model"])
    to.mkdir(parents=True, exist_ok=True)
    for name in ("lexicon.json", "lexicon.safetensors"):
        (to / name).unlink(missing_ok=True)  # of another encoder, if the folder held one
    model.to(torch.float16).save_pretrained(to)
    AutoTokenizer.from_pretrained(run).save_pretrained(to)
    size = sum(p.numel() for p in model.parameters())
    if "lexicon" in state:
        vectors = {name: value.half().contiguous() for name, value in state["lexicon"].items()}
        save_file(vectors, to / "lexicon.safetensors")
        shutil.copyfile(words, to / "lexicon.json")
        size += sum(value.numel() for value in vectors.values())
    return f"{size / 1e6:.1f} M parameters after {state['step']} steps, {state['tokens'] / 1e6:.1f} M tokens, in {to}"
