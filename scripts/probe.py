"""Compare encoders on four small tasks, with one recipe: `probe.py ENCODER… --data DATA`.

DATA is the folder of public sets that `build_data.py` reads too, here with their own labels, all rows; training rows
whose text stands in a dev or test file of any set (`also_in`) or in the task's own dev file are left out. Each ENCODER
is a folder that transformers loads, with or without a lexicon. All weights are fine-tuned; the last epoch's model is
scored on the task's dev file, for each seed.

c-stance     favor, against or neutral, of a text towards a noun phrase: macro-F1 of the pair [CLS] target [SEP] text
simile-cnu   is there a simile in the sentence?        F1 of yes
cmre         is there a metaphor in the sentence?      F1 of yes
pse-paibi    is there parallelism in the paragraph?    F1 of yes

`--articles TRAIN DEV` adds what the encoder is for: one epoch of `stance train` on the labelled articles TRAIN, scored
on DEV: device micro-F1, span overlap micro-F1, stance macro-F1.

Three rows show what pretraining adds: `--random FOLDER`, the encoder of a folder's configuration with random weights,
without and with its lexicon, and TF-IDF of characters with logistic regression (`--no-baseline` leaves it out).

Prints a table of means and standard deviations over seeds, and last a line of JSON. `--rows` and `--steps` make it
quick; only figures with equal options compare.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from pretraining.allocator import keep_memory
from probing.fitting import ARTICLES, Recipe, fit, fit_articles, randomise
from probing.tasks import TASKS, ngrams, read_task
from transformers.utils import logging as transformers_logging

from stance.errors import StanceError

if TYPE_CHECKING:
    from collections.abc import Sequence


def main() -> None:
    options = parser().parse_args()
    transformers_logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    keep_memory()
    torch.set_num_threads(options.threads)
    try:
        results = probe(options)
    except StanceError as error:
        sys.exit(f"probe.py: {error}")
    print(table(results))
    print(json.dumps(results, ensure_ascii=False))


def parser() -> argparse.ArgumentParser:
    root = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    root.add_argument("encoders", nargs="*", metavar="ENCODER")
    root.add_argument("--data", type=Path, required=True, help="folder of the public sets")
    root.add_argument("--articles", type=Path, nargs=2, metavar=("TRAIN", "DEV"), help="labelled articles")
    root.add_argument("--tasks", nargs="*", choices=list(TASKS), default=list(TASKS))
    root.add_argument("--seeds", type=int, default=3)
    root.add_argument("--random", type=Path, metavar="FOLDER", help="add rows with random weights")
    root.add_argument("--no-baseline", action="store_true", help="leave TF-IDF out")
    root.add_argument("--rows", type=int, default=0, help="most training rows of a task; 0 for all")
    root.add_argument("--dev-rows", type=int, default=0, help="most dev rows of a task; 0 for all")
    root.add_argument("--hardware", default="cuda" if torch.cuda.is_available() else "cpu")
    root.add_argument("--threads", type=int, default=1)
    for name in ("rate", "epochs", "batch", "tokens", "steps"):
        value = getattr(Recipe(), name)
        root.add_argument(f"--{name}", type=type(value), default=value, help=f"see Recipe (default {value})")
    root.add_argument("--pool", choices=["mean", "cls"], default="mean")
    return root


def probe(options: argparse.Namespace) -> list[dict[str, Any]]:
    """Scores of each encoder on each task, one entry an encoder."""
    tasks = [read_task(options.data, name, options.rows, options.dev_rows) for name in options.tasks]
    names = ("rate", "epochs", "batch", "tokens", "steps", "pool", "hardware")
    recipe = Recipe(**{name: getattr(options, name) for name in names})
    results = []
    if not options.no_baseline:
        results.append({"encoder": "TF-IDF + logistic regression", **{t.name: [t.score(ngrams(t))] for t in tasks}})
    with tempfile.TemporaryDirectory() as temporary:
        folders = {folder: Path(folder) for folder in options.encoders}
        if options.random:
            for lexicon in (False, True):
                to = Path(temporary) / f"random{' with lexicon' * lexicon}"
                folders[f"random weights{', the lexicon' * lexicon} of {options.random.name}"] = randomise(
                    options.random, to, lexicon=lexicon
                )
        for encoder, folder in folders.items():
            scores: dict[str, Any] = {"encoder": encoder}
            for task in tasks:
                scores[task.name] = [fit(folder, task, recipe, seed) for seed in range(options.seeds)]
            if options.articles:
                train_file, dev_file = options.articles
                runs = [fit_articles(folder, train_file, dev_file, seed) for seed in range(options.seeds)]
                scores |= {name: [figures[name] for figures in runs] for name in ARTICLES}
            results.append(scores)
    return results


def cell(scores: Sequence[float]) -> str:
    """Mean, and standard deviation where there are several seeds."""
    if not scores:
        return "–"
    return f"{np.mean(scores):.3f}" + (f" ± {np.std(scores):.3f}" if len(scores) > 1 else "")


def table(results: Sequence[dict[str, Any]]) -> str:
    """A Markdown table: mean ± standard deviation over seeds."""
    tasks = [name for name in max(results, key=len) if name != "encoder"]
    lines = ["| encoder | " + " | ".join(tasks) + " |", "|---|" + "---:|" * len(tasks)]
    for result in results:
        cells = [cell(result.get(task, [])) for task in tasks]
        lines.append(f"| {result['encoder']} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
