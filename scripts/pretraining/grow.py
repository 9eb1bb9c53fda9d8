"""A deeper encoder from the state of a shallower one, which goes on where that one stood.

Each new layer is a copy of the one below it whose outputs are zero, so that the network computes what it computed
before, and the copy learns what to add (function-preserving growth: Chen, Goodfellow and Shlens 2016, "Net2Net").
Optimizers keep what they know of the old weights.
"""

from __future__ import annotations

import re
import shutil
from typing import TYPE_CHECKING, Any

import torch
from transformers import AutoConfig, AutoTokenizer

from pretraining.checkpoint import read_state
from pretraining.objectives import MaskedLanguageModel
from pretraining.optimizers import make_optimizers
from stance.errors import RunError
from stance.formats.atomic import atomic_file
from stance.model.network import Lexicon

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

__all__ = ["grow"]

_LAYER = re.compile(r"(.*encoder\.layer\.)(\d+)(\..*)")
_OUTPUT = re.compile(r"(attention\.output|\d\.output)\.dense\.(weight|bias)$")


def grow(run: Path, out: Path, plan: Sequence[int]) -> str:
    """Write a run with a layer for each entry of `plan`; returns what was made, in a line.

    Args:
        run: folder of a run of masked language modelling.
        out: folder of the new run.
        plan: which old layer each new one is: `0, 1, 1, 2, 2, 3` puts a copy of layers 1 and 2 behind them.

    Raises:
        RunError: another objective, a plan that does not hold the old layers in their order, or a run in `out`.
    """
    if (out / "state.pt").exists():
        raise RunError(f"{out}: expected a folder without a run, found state.pt in it. Choose another --out.")
    state = read_state(run / "state.pt", torch.device("cpu"))
    config = AutoConfig.from_pretrained(run)
    layers = config.num_hidden_layers
    if list(dict.fromkeys(plan)) != list(range(layers)) or "detector" in state:
        raise RunError(
            f"{run}: expected a run of masked language modelling and a plan with its layers 0 to {layers - 1} in their "
            f"order, found the plan {list(plan)}. Repeat a layer's number to put a copy behind it."
        )
    before = _parameters(config, state)
    config.num_hidden_layers = len(plan)
    after = _parameters(config, state)
    model = _Growth(plan)
    grown = state | {
        "model": {name: model.weight(name, state["model"]) for name in after.model.state_dict()},
        "optimizers": [
            model.optimizer(saved, ours, theirs)
            for saved, ours, theirs in zip(state["optimizers"], after.names, before.names, strict=True)
        ],
    }
    out.mkdir(parents=True, exist_ok=True)
    config.save_pretrained(out)
    AutoTokenizer.from_pretrained(run).save_pretrained(out)
    if (run / "lexicon.json").exists():
        shutil.copyfile(run / "lexicon.json", out / "lexicon.json")
    with atomic_file(out / "state.pt") as file:
        torch.save(grown, file)
    return f"{layers} layers became {len(plan)} after {state['tokens'] / 1e6:.1f} M tokens, in {out}"


class _Parameters:
    """A model of some depth, and the names of the parameters of each optimizer, group by group."""

    def __init__(self, objective: MaskedLanguageModel, optimizers: int) -> None:
        self.model = objective.model
        names = {id(p): f"{part}.{n}" for part, m in objective.parts().items() for n, p in m.named_parameters()}
        made = make_optimizers(objective, 1e-3, 1e-3 if optimizers > 1 else 0.0)
        self.names = [[[names[id(p)] for p in group["params"]] for group in o.param_groups] for o in made]


def _parameters(config: Any, state: dict[str, Any]) -> _Parameters:
    vectors = state.get("lexicon", {}).get("vectors.weight")
    lexicon = None if vectors is None else Lexicon(len(vectors) - 1, vectors.shape[1], config.hidden_size)
    return _Parameters(MaskedLanguageModel(config, lexicon), len(state["optimizers"]))


class _Growth:
    def __init__(self, plan: Sequence[int]) -> None:
        self.plan = plan
        self.new = {i for i, layer in enumerate(plan) if layer in plan[:i]}

    def source(self, name: str) -> tuple[str, bool]:
        """The old name of a parameter, and whether it lies in a new layer."""
        found = _LAYER.fullmatch(name)
        if not found:
            return name, False
        layer = int(found[2])
        return f"{found[1]}{self.plan[layer]}{found[3]}", layer in self.new

    def weight(self, name: str, old: dict[str, torch.Tensor]) -> torch.Tensor:
        source, new = self.source(name)
        weight = old[source].clone()
        return weight.zero_() if new and _OUTPUT.search(name) else weight

    def optimizer(self, saved: dict[str, Any], ours: list[list[str]], theirs: list[list[str]]) -> dict[str, Any]:
        """The optimizer's state with its entries at the places of the new parameters; new layers have none."""
        places = {name: place for place, name in enumerate(name for group in theirs for name in group)}
        entries, groups, place = {}, [], 0
        for group, names in zip(saved["param_groups"], ours, strict=True):
            groups.append(group | {"params": list(range(place, place + len(names)))})
            for name in names:
                source, new = self.source(name)
                if not new and places[source] in saved["state"]:
                    entries[place] = saved["state"][places[source]]
                place += 1
        return {"state": entries, "param_groups": groups}
