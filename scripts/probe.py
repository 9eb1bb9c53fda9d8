"""Compare encoders on four small tasks, with one recipe: `probe.py ENCODER… --data DATA`.

DATA is the folder of public sets that `build_data.py` reads too, here with their own labels, all rows; training rows
whose text stands in a dev or test file of any set (`also_in`) are left out. Each ENCODER is a folder that transformers
loads, with or without a lexicon. All weights are fine-tuned; the last epoch's model is scored on the task's dev file,
for each seed.

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
import gzip
import json
import shutil
import sys
import tempfile
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from pretraining.allocator import keep_memory
from sklearn.metrics import f1_score
from torch import Tensor, nn
from torch.nn import functional
from transformers.utils import logging as transformers_logging

from stance.engine.attention import use_matmul_attention
from stance.errors import InputError, StanceError
from stance.model.batch import Batch, collate
from stance.model.checkpoint import Model, from_encoder
from stance.model.encoding import PAD, Passage, Window
from stance.schema import DEFAULT_SCHEMA
from stance.training.evaluate import evaluate
from stance.training.train import TrainConfig, train

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

TASKS = {"c-stance": None, "simile-cnu": "simile", "cmre": "metaphor", "pse-paibi": "parallelism"}
"""Name of the data set, and the device to find; None for stance."""

ARTICLES = {"devices": "device_micro_f1", "spans": "span_overlap_micro_f1", "stances": "stance_macro_f1"}
"""Column of the table, and the figure of `stance evaluate` in it."""

STANCES = ("favor", "against", "neutral")


@dataclass(frozen=True, slots=True)
class Row:
    """A text to classify, with the target to judge where the task is stance."""

    text: str
    target: str
    label: int


@dataclass(frozen=True, slots=True)
class Task:
    """A data set's training and dev rows."""

    name: str
    train: list[Row]
    dev: list[Row]

    @property
    def classes(self) -> int:
        """Number of labels."""
        return 2 if TASKS[self.name] else len(STANCES)

    def score(self, predicted: NDArray[np.int64]) -> float:
        """F1 on the dev rows: of class 1 in a task of two classes, else the mean of all classes."""
        average = "binary" if self.classes == 2 else "macro"
        return float(f1_score([row.label for row in self.dev], predicted, average=average, zero_division=0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How every encoder is fine-tuned.

    Attributes:
        rate: peak rate of AdamW; it rises over a tenth of the steps and falls to zero.
        epochs: passes over the training rows.
        batch: rows in a batch.
        tokens: longest window; what is behind it is not read.
        pool: "mean" of all tokens, or the first token ("cls").
        steps: most steps of a fit, 0 for no limit.
        hardware: where to train, as torch names it.
    """

    rate: float = 3e-4
    epochs: int = 3
    batch: int = 32
    tokens: int = 160
    pool: str = "mean"
    steps: int = 0
    hardware: str = "cpu"


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
    root.add_argument("--distil", action="store_true", help="ensemble the seeds, and teach a student by them")
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
    if not (options.no_baseline or options.distil):
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
                if options.distil:
                    found = distil(folder, task, recipe, options.seeds)
                    scores |= {f"{task.name} {name}": values for name, values in found.items()}
                    continue
                scores[task.name] = [fit(folder, task, recipe, seed).score for seed in range(options.seeds)]
            if options.articles:
                train_file, dev_file = options.articles
                runs = [fit_articles(folder, train_file, dev_file, seed) for seed in range(options.seeds)]
                scores |= {name: [figures[name] for figures in runs] for name in ARTICLES}
            results.append(scores)
    return results


def table(results: Sequence[dict[str, Any]]) -> str:
    """A Markdown table: mean ± standard deviation over seeds."""
    tasks = [name for name in max(results, key=len) if name != "encoder"]
    lines = ["| encoder | " + " | ".join(tasks) + " |", "|---|" + "---:|" * len(tasks)]
    for result in results:
        cells = [f"{np.mean(result[t]):.3f} ± {np.std(result[t]):.3f}" if t in result else "–" for t in tasks]
        lines.append(f"| {result['encoder']} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def read_task(folder: Path, name: str, rows: int = 0, dev_rows: int = 0) -> Task:
    """A task's rows; a cap keeps the same rows for every encoder.

    Raises:
        InputError: a file is missing or cannot be read.
    """
    return Task(name, read_rows(folder, name, "train", rows), read_rows(folder, name, "dev", dev_rows))


def read_rows(folder: Path, name: str, split: str, most: int) -> list[Row]:
    path = folder / name / f"{split}.jsonl.gz"
    if not path.exists():
        raise InputError(f"{path}: expected a public data set, found no such file. Name the folder of the sets.")
    with gzip.open(path, "rt", encoding="utf-8") as file:
        given = [json.loads(line) for line in file]
    if split == "train":
        given = [row for row in given if not any(f.endswith(("/dev", "/test")) for f in row.get("also_in", ()))]
    device = TASKS[name]
    if device is None:
        given = [row for row in given if row["target_type"] == "noun_phrase"]
        rows = [Row(row["text"], row["target"], STANCES.index(row["stance"])) for row in given]
    else:
        rows = [Row(row["text"], "", int(device in row["devices"])) for row in given if device in row["annotated"]]
    if most and most < len(rows):
        chosen = np.sort(np.random.default_rng(0).permutation(len(rows))[:most])
        rows = [rows[i] for i in chosen]
    return rows


def ngrams(task: Task) -> NDArray[np.int64]:
    """Predictions of logistic regression on TF-IDF of character 1-3-grams of the text and of the target."""
    from scipy.sparse import hstack  # type: ignore[import-untyped]  # noqa: PLC0415
    from sklearn.feature_extraction.text import TfidfVectorizer  # noqa: PLC0415
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415

    known, asked = [], []
    for view in ("text", "target") if any(row.target for row in task.train) else ("text",):
        vectorizer = TfidfVectorizer(analyzer="char", ngram_range=(1, 3), sublinear_tf=True, dtype=np.float32)
        known.append(vectorizer.fit_transform(getattr(row, view) for row in task.train))
        asked.append(vectorizer.transform(getattr(row, view) for row in task.dev))
    classifier = LogisticRegression(C=10, class_weight="balanced", max_iter=1000)
    classifier.fit(hstack(known, format="csr"), [row.label for row in task.train])
    predicted: NDArray[np.int64] = classifier.predict(hstack(asked, format="csr"))
    return predicted


def randomise(folder: Path, to: Path, *, lexicon: bool) -> Path:
    """An encoder folder with configuration, tokenizer and perhaps lexicon of another, and random weights."""
    from transformers import AutoConfig, AutoModel, AutoTokenizer  # noqa: PLC0415

    torch.manual_seed(0)
    AutoModel.from_config(AutoConfig.from_pretrained(folder)).save_pretrained(to)  # type: ignore[no-untyped-call]
    AutoTokenizer.from_pretrained(folder).save_pretrained(to)
    for name in ("lexicon.json", "lexicon.safetensors"):
        if lexicon and (folder / name).exists():
            shutil.copyfile(folder / name, to / name)
    return to


class Classifier(nn.Module):
    """An encoder, pooled, and a linear layer."""

    def __init__(self, model: Model, classes: int, pool: str) -> None:
        super().__init__()
        self.network = model.network
        self.pool = pool
        width = int(model.network.encoder.config.hidden_size)  # type: ignore[union-attr, arg-type]
        self.dropout = nn.Dropout(0.1)
        self.output = nn.Linear(width, classes)

    def forward(self, batch: Batch) -> Tensor:
        """Logits. Shape (B, classes)."""
        states = self.network.encode(batch)
        if self.pool == "cls":
            pooled = states[:, 0]
        else:
            real = (batch.segments != PAD).to(states.dtype)[..., None]
            pooled = (states * real).sum(1) / real.sum(1)
        logits: Tensor = self.output(self.dropout(pooled)).float()
        return logits


def distil(folder: Path, task: Task, recipe: Recipe, seeds: int) -> dict[str, list[float]]:
    """Scores of each seed, of their ensemble, and of a student of it ("born-again", Furlanello et al. 2018).

    The student learns from the labels and, with equal weight, from the ensemble's probabilities on the training rows.
    """
    fits = [fit(folder, task, recipe, seed) for seed in range(seeds)]
    together = torch.stack([f.dev for f in fits]).mean(0)
    student = fit(folder, task, recipe, seeds, teacher=torch.stack([f.train() for f in fits]).mean(0))
    return {
        "seeds": [f.score for f in fits],
        "ensemble": [task.score(together.argmax(-1).numpy())],
        "student": [student.score],
    }


@dataclass(frozen=True, slots=True)
class Fit:
    """A fine-tuned encoder's score on the dev rows, and probabilities of both sets of rows. Shape (rows, classes)."""

    score: float
    dev: Tensor
    train: Callable[[], Tensor]


def fit(folder: Path, task: Task, recipe: Recipe, seed: int, teacher: Tensor | None = None) -> Fit:
    """Fine-tune an encoder on a task, from its labels and from a teacher's probabilities if there is one."""
    began = time.monotonic()
    hardware = torch.device(recipe.hardware)
    torch.manual_seed(seed)
    model = from_encoder(folder, DEFAULT_SCHEMA, window_tokens=recipe.tokens)
    if hardware.type == "cpu":
        use_matmul_attention(model.network)
    classifier = Classifier(model, task.classes, recipe.pool).to(hardware)
    train, pad = windows(model, task.train), model.config.pad_id
    goal = functional.one_hot(torch.tensor([row.label for row in task.train]), task.classes).float()
    if teacher is not None:
        goal = (goal + teacher) / 2
    order = np.random.default_rng(seed)
    batches = [batch for _ in range(recipe.epochs) for batch in by_length(train, recipe.batch, order)]
    batches = batches[: recipe.steps or None]
    parameters = [p for p in classifier.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=recipe.rate, weight_decay=0.01, fused=True)
    rise = max(1, len(batches) // 10)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min((step + 1) / rise, (len(batches) - step) / max(1, len(batches) - rise))
    )
    classifier.train()
    for chosen in batches:
        with torch.autocast(hardware.type, dtype=torch.bfloat16):
            logits = classifier(collate([train[i] for i in chosen], pad).to(hardware))
        loss = functional.cross_entropy(logits, goal[chosen].to(hardware))
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad(set_to_none=True)
    dev = predict(classifier, windows(model, task.dev), pad, hardware)
    score = task.score(dev.argmax(-1).numpy())
    seconds = time.monotonic() - began
    print(f"{folder.name} {task.name} seed {seed}: {score:.3f}, {len(batches)} steps, {seconds:.0f} s", file=sys.stderr)
    return Fit(score, dev, partial(predict, classifier, train, pad, hardware))


def fit_articles(folder: Path, train_file: Path, dev_file: Path, seed: int) -> dict[str, float]:
    """The figures of `ARTICLES` after an epoch on labelled articles."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as temporary:
        output = Path(temporary) / "model"
        train(
            TrainConfig(
                encoder=str(folder),
                data=(str(train_file),),
                output=str(output),
                epochs=1,
                rate=1e-3,
                head_rate=2e-3,
                swaps=0.0,
                seed=seed,
            )
        )
        headline = evaluate(output, dev_file).to_dict()["headline"]
    figures = {name: float(headline[figure]["value"]) for name, figure in ARTICLES.items()}
    seconds = time.monotonic() - began
    said = ", ".join(f"{name} {value:.3f}" for name, value in figures.items())
    print(f"{folder.name} articles seed {seed}: {said}, {seconds:.0f} s", file=sys.stderr)
    return figures


def windows(model: Model, rows: Sequence[Row]) -> list[Window]:
    """The first window of each row; the target stands where the title would."""
    encoder = model.encoder
    return [encoder.windows(Passage(row.target, (row.text,), ()))[0] for row in rows]


def by_length(rows: Sequence[Window], size: int, order: np.random.Generator) -> Iterator[list[int]]:
    """Batches of rows of like length, so that little is padded, in random order."""
    noise = order.uniform(0.9, 1.1, len(rows))
    ranked = np.argsort(np.array([len(row) for row in rows]) * noise)
    batches = [ranked[i : i + size].tolist() for i in range(0, len(rows), size)]
    yield from (batches[i] for i in order.permutation(len(batches)))


@torch.no_grad()
def predict(classifier: Classifier, rows: Sequence[Window], pad: int, hardware: torch.device) -> Tensor:
    """Probabilities of the labels of each row, in order. Shape (rows, classes)."""
    classifier.eval()
    ranked = np.argsort([len(row) for row in rows])
    found = []
    for start in range(0, len(rows), 64):
        with torch.autocast(hardware.type, dtype=torch.bfloat16):
            found.append(classifier(collate([rows[i] for i in ranked[start : start + 64]], pad).to(hardware)))
    return torch.cat(found).softmax(-1).cpu()[torch.from_numpy(np.argsort(ranked))]


if __name__ == "__main__":
    main()
