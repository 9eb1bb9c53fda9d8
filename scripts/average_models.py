"""The mean of two models' weights, calibrated anew: `average_models.py FIRST SECOND OUT --data FILE… [--held-out 0.1]`.

Two models of one training lineage often have a mean that is better than both (Wortsman et al. 2022, "Model soups",
arXiv 2203.05482). Everything but the weights and the calibration is SECOND's. The calibration is fitted on the articles
that `stance train` with the same data and share held out.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import torch

from stance.errors import ModelError, StanceError
from stance.model import checkpoint
from stance.training.calibrate import calibrate
from stance.training.train import TrainConfig, read_articles


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("first", type=Path)
    parser.add_argument("second", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--data", type=Path, nargs="+", required=True, help="labelled articles both were trained on")
    parser.add_argument("--held-out", type=float, default=0.1, help="share that was held out in training")
    options = parser.parse_args()
    try:
        print(average(options.first, options.second, options.out, options.data, options.held_out))
    except StanceError as error:
        sys.exit(f"average_models.py: {error}")


def average(first: Path, second: Path, out: Path, data: list[Path], held_out: float) -> str:
    """Write the mean model; returns its name and digest.

    Raises:
        ModelError: a folder is no model, or the two have weights of other names or shapes.
        InputError: no article was held out.
    """
    one, model = checkpoint.load(first), checkpoint.load(second)
    ours, theirs = one.network.state_dict(), model.network.state_dict()
    if {k: v.shape for k, v in ours.items()} != {k: v.shape for k, v in theirs.items()}:
        raise ModelError(
            f"{second}: expected weights of the names and shapes of {first}'s, found others. Train one from the other."
        )
    model.network.load_state_dict({name: torch.lerp(ours[name], theirs[name], 0.5) for name in ours})
    config = TrainConfig(encoder="", output="", data=tuple(map(str, data)), held_out=held_out)
    model.calibration = calibrate(model, read_articles(config, model.schema).dev)
    checkpoint.save(model, out)
    return model.id


if __name__ == "__main__":
    main()
