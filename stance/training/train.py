"""Training: an encoder and labelled articles in, a calibrated model folder out.

Runs on `transformers.Trainer`, with a data order of its own: each epoch takes all main windows and a sample of the
auxiliary ones, spread over their files by temperature, in batches of windows of similar length.
"""

from __future__ import annotations

import hashlib
import json
import math
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from datasets import Dataset
from torch import Tensor, nn
from transformers import EarlyStoppingCallback, get_linear_schedule_with_warmup, set_seed

from stance.analyzer import Analyzer
from stance.engine.attention import use_matmul_attention
from stance.errors import InputError, RunError
from stance.hub import write_card
from stance.model import checkpoint
from stance.schema import DEFAULT_SCHEMA, LabelSchema
from stance.training.augment import swap_names
from stance.training.calibrate import calibrate
from stance.training.evaluate import evaluate_articles
from stance.training.examples import LabelledArticle, read_labelled
from stance.training.features import EncodingLoss, LabelledWindow, labelled_windows
from stance.training.quality import write_quality_report
from stance.training.trainer import Collator, Log, MultitaskTrainer, OneHardware

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


__all__ = ["TrainConfig", "read_articles", "train"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainConfig:
    """A training run; saved beside the model as `train.json`, with digests of its files in place of their folders.

    Attributes:
        encoder: folder or hub id of a pretrained encoder, or a model folder to train further.
        data: labelled articles to learn from, all of them in every epoch.
        auxiliary: further labelled files, sampled.
        dev: labelled articles on which temperatures and thresholds are fitted; none of them is trained on.
            Without any, a share of `data` is held out for this.
        output: model folder to write.
        cues: list of set expressions for the model to read; where empty those of a model folder, or none.
        name: name of the model in results.
        held_out: share of the articles of `data` that is held out where no `dev` is given, 0 to 1.
        epochs: passes over `data`.
        auxiliary_share: sampled auxiliary windows per main window, 0 and up.
        swaps: share of the articles about a known name that are read, in each epoch, with that name exchanged for
            another (`stance.training.augment`), 0 to 1.
        temperature: 1 samples auxiliary files by their size, 0 evenly.
        batch_windows: windows in a batch.
        window_tokens: longest window of text, tokens.
        rate: peak learning rate of the encoder; 1e-3 for one as small as the shipped model's.
        head_rate: peak learning rate of heads and lexicon.
        border_rate: peak learning rate of the scores of span borders: few numbers, which must become large.
        patience: stop after so many epochs without a lower loss on the articles that are not trained on, and take the
            weights of the best epoch; 0 trains for all epochs and looks at no loss but the training's.
        warmup: share of all steps, 0 to 1.
        weights: of the losses of span paths, devices and stances.
        smoothing: label smoothing of presence and stance, 0 to 0.5.
        dropout: share of features dropped in the encoder, 0 to 1.
        seed: of data order, new weights and dropout.
    """

    encoder: str
    data: tuple[str, ...]
    output: str
    cues: str = ""
    dev: tuple[str, ...] = ()
    auxiliary: tuple[str, ...] = ()
    name: str = "stance"
    held_out: float = 0.1
    epochs: int = 4
    auxiliary_share: float = 0.5
    swaps: float = 0.25
    temperature: float = 0.5
    batch_windows: int = 8
    window_tokens: int = 256
    rate: float = 2e-4
    head_rate: float = 2e-3
    border_rate: float = 3e-2
    patience: int = 0
    warmup: float = 0.1
    weights: tuple[float, float, float] = (0.3, 1.0, 3.0)
    smoothing: float = 0.0
    dropout: float = 0.1
    seed: int = 1

    def __post_init__(self) -> None:
        if not self.data:
            raise InputError("Training needs at least one file of labelled articles; found none. Name it with --data.")
        if self.epochs < 1 or self.batch_windows < 1:
            raise InputError(f"epochs and batch_windows must be at least 1; found {self.epochs}, {self.batch_windows}.")
        if self.patience < 0:
            raise InputError(f"patience must be 0 or more epochs; found {self.patience}.")


def train(config: TrainConfig, schema: LabelSchema = DEFAULT_SCHEMA) -> checkpoint.Model:
    """Train, calibrate on `config.dev`, and save the model folder; resumes from the last checkpoint of the same run.

    Beside the model lie its card, `metrics.json` and the quality report `quality/` on the articles that were not
    trained on. Thresholds were fitted on these, so the figures lean to the good side.

    Raises:
        InputError, SchemaError: data that cannot be read, or is too little.
        ModelError: an encoder that cannot be loaded.
        RunError: the output folder holds a finished model, or checkpoints of a run with other settings or data.
    """
    set_seed(config.seed)
    torch.set_float32_matmul_precision("high")
    output = Path(config.output)
    last_checkpoint = _claim(output, config, schema)
    model = checkpoint.from_encoder(
        config.encoder,
        schema,
        name=config.name,
        cues=Path(config.cues) if config.cues else None,
        window_tokens=config.window_tokens,
    )
    articles = read_articles(config, schema)
    if not articles.main or not articles.dev:
        raise InputError(
            "Training needs articles to learn from and others to calibrate on; found "
            f"{len(articles.main)} and {len(articles.dev)}. "
            "Name more data, or a file to calibrate on with --dev."
        )
    _fit(model, config, articles, last_checkpoint)
    model.calibration = calibrate(model, articles.dev)
    checkpoint.save(model, output)
    _report(model, articles.dev, output)
    write_card(output)
    shutil.rmtree(output / "checkpoints", ignore_errors=True)  # only a broken run goes on from them
    return model


def _report(model: checkpoint.Model, dev: Sequence[LabelledArticle], output: Path) -> None:
    report = evaluate_articles(Analyzer(model), dev, "articles held out of training, on which thresholds were fitted")
    numbers = json.dumps(report.to_dict(), ensure_ascii=False, indent=1)
    (output / "metrics.json").write_text(numbers + "\n", encoding="utf-8")
    write_quality_report(report, output / "quality")


def _claim(output: Path, config: TrainConfig, schema: LabelSchema) -> str | None:
    """Write `train.json`; the last checkpoint of this very run, where it was broken off."""
    if (output / "stance.json").exists():
        raise RunError(
            f"{output}: expected a new folder, or one in which training was broken off; found a finished model. "
            "Choose another output, or remove the folder to train anew."
        )
    record = output / "train.json"
    settings = json.dumps(_settings(config, schema), ensure_ascii=False, indent=1) + "\n"
    found = sorted((output / "checkpoints").glob("checkpoint-*"), key=lambda p: int(p.name.split("-")[1]))
    if found and not (record.is_file() and record.read_text(encoding="utf-8") == settings):
        raise RunError(
            f"{output}: expected no checkpoints, or those of a run with the same settings and data; found "
            f"{found[-1].name} of another run ({record.name}). Choose another output, or remove {found[-1].parent} "
            "to begin anew."
        )
    output.mkdir(parents=True, exist_ok=True)
    record.write_text(settings, encoding="utf-8")
    return str(found[-1]) if found else None


def _settings(config: TrainConfig, schema: LabelSchema) -> dict[str, Any]:
    """What a run is told apart by, wherever its files and its output lie."""
    settings = asdict(config) | {"schema": schema.digest}
    del settings["output"]
    settings |= {name: _with_digest(settings[name]) for name in ("encoder", "cues")}
    return settings | {name: [*map(_with_digest, settings[name])] for name in ("data", "dev", "auxiliary")}


def _with_digest(path: str) -> str:
    """`name@digest` of a file, or of the files of a folder; a hub id, or what is not there, as it is."""
    place = Path(path)
    if not path or not place.exists():
        return path
    digest = hashlib.sha256()
    for file in sorted(place.iterdir()) if place.is_dir() else [place]:
        if file.is_file():
            digest.update(file.name.encode() + hashlib.sha256(file.read_bytes()).digest())
    return f"{place.absolute().name}@{digest.hexdigest()[:12]}"


class Articles(NamedTuple):
    """Articles to train on, others to calibrate on, and auxiliary ones by their files."""

    main: list[LabelledArticle]
    dev: list[LabelledArticle]
    auxiliary: list[list[LabelledArticle]]


def _fit(model: checkpoint.Model, config: TrainConfig, articles: Articles, last_checkpoint: str | None) -> None:
    loss = EncodingLoss()
    main = labelled_windows(articles.main, model.encoder, model.schema, loss)
    auxiliary = [labelled_windows(group, model.encoder, model.schema, loss) for group in articles.auxiliary]
    swapped, places = _swapped_windows(articles.main, model, config)
    windows = [*main, *(w for group in auxiliary for w in group), *swapped]
    twins = np.where(places < 0, -1, places + len(windows) - len(swapped))
    order = _order(config, len(main), [len(group) for group in auxiliary], [len(w.window) for w in windows], twins)
    unseen = labelled_windows(articles.dev, model.encoder, model.schema, EncodingLoss()) if config.patience else []
    steps = math.ceil(len(order) / config.batch_windows)
    output = Path(config.output)
    _set_dropout(model.network.encoder, config.dropout)
    if not torch.cuda.is_available():
        use_matmul_attention(model.network)
    trainer = MultitaskTrainer(
        model=model.network,
        args=_arguments(config, output, math.ceil(steps / config.epochs)),
        train_dataset=Dataset.from_dict({"window": order}),
        eval_dataset=Dataset.from_dict({"window": range(len(windows), len(windows) + len(unseen))}) if unseen else None,
        data_collator=Collator([*windows, *unseen], model.config.pad_id),
        optimizers=_optimizers(model.network, config, steps),
        callbacks=[
            Log(output / "log.jsonl", str(loss)),
            *([EarlyStoppingCallback(config.patience)] if config.patience else []),
        ],
    )
    trainer.loss_weights, trainer.smoothing = config.weights, config.smoothing
    trainer.train(resume_from_checkpoint=last_checkpoint)
    model.network.eval()


def read_articles(config: TrainConfig, schema: LabelSchema) -> Articles:
    """The articles that the configuration names; which is held out depends on its id alone."""
    main = [a for path in config.data for a in read_labelled(Path(path), schema)]
    auxiliary = [read_labelled(Path(path), schema) for path in config.auxiliary]
    if config.dev:
        dev = [a for path in config.dev for a in read_labelled(Path(path), schema)]
        _check_apart(dev, [*main, *(a for group in auxiliary for a in group)])
        return Articles(main, dev, auxiliary)
    drawn = [int(hashlib.sha256(a.id.encode()).hexdigest()[:8], 16) / 2**32 < config.held_out for a in main]
    kept, held_out = ([a for a, out in zip(main, drawn, strict=True) if out == side] for side in (False, True))
    return Articles(kept, held_out, auxiliary)


def _check_apart(dev: Sequence[LabelledArticle], trained: Sequence[LabelledArticle]) -> None:
    """Raises InputError where an article to calibrate on, known by its id or its text, is also trained on."""
    known = {a.id for a in trained} | {a.paragraphs for a in trained}
    both = [a.id for a in dev if a.id in known or a.paragraphs in known]
    if both:
        raise InputError(
            f"--dev: expected articles that are not trained on; found {len(both)} of {len(dev)} in the training data "
            f"too, by id or text ({', '.join(both[:3])}{' …' if len(both) > 3 else ''}). Take them out of one of the "
            "two, give different articles different ids, or leave --dev out to have a share of --data held out."
        )


def _set_dropout(encoder: nn.Module, share: float) -> None:
    """Drop features alone: drawing a number for every pair of tokens would cost a quarter of a step on a CPU."""
    for name, module in encoder.named_modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0 if name.endswith("self.dropout") else share


def _swapped_windows(
    articles: Sequence[LabelledArticle], model: checkpoint.Model, config: TrainConfig
) -> tuple[list[LabelledWindow], NDArray[np.int64]]:
    """Windows of articles with names exchanged, and for each window of the articles the place of its twin, or -1."""
    rng = np.random.default_rng(config.seed)
    windows: list[LabelledWindow] = []
    places: list[int] = []
    for article in articles:
        original = labelled_windows([article], model.encoder, model.schema, EncodingLoss())
        twin = swap_names(article, rng) if config.swaps else None
        twins = labelled_windows([twin], model.encoder, model.schema, EncodingLoss()) if twin else []
        alike = len(twins) == len(original)  # the lexicon may break a text elsewhere
        places += range(len(windows), len(windows) + len(twins)) if alike else [-1] * len(original)
        windows += twins if alike else []
    return windows, np.array(places, np.int64)


def _order(
    config: TrainConfig,
    main: int,
    auxiliary: Sequence[int],
    lengths: Sequence[int],
    twins: NDArray[np.int64] | None = None,
) -> list[int]:
    """Indices of windows for the whole run: epoch after epoch, batch after batch.

    A main window that has a twin (its index in `twins`, else -1) gives way to it in a share of the epochs.
    """
    rng = np.random.default_rng(config.seed)
    sizes = np.array(auxiliary, float) ** config.temperature
    counts = (config.auxiliary_share * main * sizes / max(sizes.sum(), 1)).round().astype(int)
    starts = main + np.concatenate([[0], np.cumsum(auxiliary)]).astype(int)
    order: list[int] = []
    for _ in range(config.epochs):
        samples = [
            start + rng.choice(size, min(count, size), replace=False)
            for start, size, count in zip(starts, auxiliary, counts, strict=False)
        ]
        own = np.arange(main)
        if twins is not None:
            own = np.where((twins >= 0) & (rng.random(main) < config.swaps), twins, own)
        epoch = rng.permutation(np.concatenate([own, *samples]))
        order += _by_length(epoch, lengths, config.batch_windows, rng)
    return order


def _by_length(epoch: Any, lengths: Sequence[int], size: int, rng: np.random.Generator) -> list[int]:
    """Sort pools of 32 batches by length, so that batches hold windows of one length, and shuffle the batches."""
    batches = []
    for at in range(0, len(epoch), 32 * size):
        pool = sorted(epoch[at : at + 32 * size], key=lambda i: lengths[i])
        batches += [pool[i : i + size] for i in range(0, len(pool), size)]
    return [int(i) for b in rng.permutation(len(batches)) for i in batches[b]]


def _arguments(config: TrainConfig, output: Path, epoch_steps: int) -> OneHardware:
    cuda = torch.cuda.is_available()
    watched: dict[str, Any] = {"save_steps": 200}
    if config.patience:
        watched = {"save_steps": epoch_steps, "eval_steps": epoch_steps, "eval_strategy": "steps"}
        watched |= {"load_best_model_at_end": True, "metric_for_best_model": "eval_loss", "greater_is_better": False}
    return OneHardware(
        output_dir=str(output / "checkpoints"),
        per_device_train_batch_size=config.batch_windows,
        num_train_epochs=1,  # the order holds all epochs
        bf16=True,
        use_cpu=not cuda,
        max_grad_norm=1.0,
        logging_steps=20,
        save_total_limit=1,
        report_to=[],
        seed=config.seed,
        remove_unused_columns=False,
        dataloader_num_workers=0,
        dataloader_pin_memory=cuda,
        disable_tqdm=True,
        per_device_eval_batch_size=config.batch_windows,
        **watched,
    )


def _optimizers(network: nn.Module, config: TrainConfig, steps: int) -> tuple[torch.optim.Optimizer, Any]:
    groups: dict[tuple[float, bool], list[Tensor]] = {}
    for name, parameter in network.named_parameters():
        rate = config.rate if name.startswith("encoder.") else config.head_rate
        rate = config.border_rate if name.startswith("spans.border.") else rate
        groups.setdefault((rate, parameter.dim() > 1), []).append(parameter)
    optimizer = torch.optim.AdamW(
        [{"params": p, "lr": rate, "weight_decay": 0.01 if matrix else 0.0} for (rate, matrix), p in groups.items()],
        betas=(0.9, 0.98),
        fused=True,
    )
    schedule = get_linear_schedule_with_warmup(optimizer, int(config.warmup * steps), steps)  # type: ignore[no-untyped-call]
    return optimizer, schedule
