"""The training loop."""

from __future__ import annotations

import json
import math
import time
from dataclasses import asdict, dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader

from pretraining.batches import MaskedBatch, MaskedWindows
from pretraining.checkpoint import Progress, read_state, restore, save_state
from pretraining.data import Data, read_tokenizer
from pretraining.optimizers import make_optimizers, set_rates
from pretraining.settings import HELD_OUT, Settings, masking
from pretraining.start import make_objective
from stance.errors import RunError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pretraining.objectives import Losses

__all__ = ["train"]


def train(data: Data, out: Path, settings: Settings) -> Progress:
    """Train, going on from `out/state.pt` where it is; returns how far the run has come.

    `out` gets `state.pt`, `stable.pt` (the state before the rate falls), `log.jsonl`, `config.json` and the tokenizer.

    Raises:
        InputError: the data are missing or too small.
        RunError: the run in `out` is another one, or its loss is no longer a number.
    """
    torch.set_num_threads(settings.threads)
    torch.set_float32_matmul_precision("high")
    out.mkdir(parents=True, exist_ok=True)
    run = _Run(data, out, settings)
    run.resume()
    run.go_on()
    return run.progress


class _Run:
    """A run in memory."""

    def __init__(self, data: Data, out: Path, settings: Settings) -> None:
        self.began = time.monotonic()
        self.out = out
        self.settings = settings
        self.hardware = settings.torch_device
        self.training, self.held_out = _windows(data, settings)
        self.objective = make_objective(data, out, settings).to(self.hardware)
        self.optimizers = make_optimizers(self.objective, settings.rate, settings.muon)
        self.progress = Progress()
        self.fixed: list[MaskedBatch] = []
        self.mean = _Mean()

    def resume(self) -> None:
        """Take the last state over; with `extend`, the last one whose rate had not begun to fall."""
        names = ["state.pt", "stable.pt"] if self.settings.extend else ["state.pt"]
        states = {path: read_state(path, self.hardware) for name in names if (path := self.out / name).exists()}
        if self.settings.extend:
            states = {path: state for path, state in states.items() if not state.get("decayed")}
            if not states:
                raise RunError(
                    f"{self.out}: expected stable.pt, or a state.pt whose rates have not fallen, to go on from; found "
                    "neither. Leave --extend out to go on from what is there, or to begin."
                )
        if states:
            path = max(states, key=lambda path: states[path]["step"])
            self.progress = restore(states[path], self.objective.parts(), self.optimizers, path)
            self._log({"resumed": path.name, "step": self.progress.step, "tokens": self.progress.tokens})

    def go_on(self) -> None:
        """Train until the time is over, then save."""
        settings, schedule = self.settings, self.settings.schedule
        self._log({"settings": asdict(settings) | {"hardware": str(self.hardware)}})
        step = torch.compile(self._losses) if settings.compile else self._losses
        timers = [
            _Timer(settings.log_minutes, self._report),
            _Timer(settings.save_minutes, self._save),
            _Timer(settings.held_out_minutes, self._measure),
        ]
        parameters = [p for group in self.optimizers for g in group.param_groups for p in g["params"]]
        for number, batch in enumerate(self._batches()):
            left = 1 - self._minutes() / settings.minutes
            if left <= 0:
                break
            falls = schedule.falls(left)
            if falls and not self.progress.decayed:
                self._save("stable.pt")
                self._save()  # a kill in the fall goes on from here, too
            self.progress.decayed = falls
            set_rates(self.optimizers, [settings.rate, settings.muon], schedule.share(self.progress.step, left))
            self._learn(step(batch), parameters)
            if number == 0:
                self.mean = _Mean()  # the first step compiles, and says nothing about the speed of others
            for timer in timers:
                timer.tick()
        self._report()
        self._save()
        self._measure()

    def _batches(self) -> Iterator[MaskedBatch]:
        """Endless batches; a resumed run draws others than those it has seen."""
        loader: DataLoader[MaskedBatch] = DataLoader(
            self.training(self.progress.step),
            batch_size=None,
            num_workers=self.settings.workers,
            pin_memory=self.hardware.type == "cuda",
            prefetch_factor=4 if self.settings.workers else None,
        )
        batches = iter(loader)
        while True:
            began = time.monotonic()
            batch = next(batches)
            self.mean.waited += time.monotonic() - began
            yield MaskedBatch(*batch).to(self.hardware)

    def _losses(self, batch: MaskedBatch) -> Losses:
        with torch.autocast(self.hardware.type, dtype=torch.bfloat16, enabled=self.settings.bf16):
            losses: Losses = self.objective(batch)
        return losses

    def _learn(self, losses: Losses, parameters: list[Tensor]) -> None:
        losses.total.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        for optimizer in self.optimizers:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        self.progress.step += 1
        self.progress.tokens += self.settings.rows * self.settings.length
        self.mean.add(losses)

    def _report(self) -> None:
        """Log the mean losses since the last report, the speed, and where it leads; ends a run whose loss is broken."""
        if not self.mean.count:
            return
        waited = self.mean.waited
        steps, seconds, losses = self.mean.take()
        if not math.isfinite(losses["loss"]):
            raise self._broken("loss")
        speed = round(steps * self.settings.rows * self.settings.length / seconds)
        left = 60 * max(0.0, self.settings.minutes - self._minutes())
        pace = {
            "tokens_per_s": speed,
            "waiting": round(waited / seconds, 3),
            "tokens_at_end": self.progress.tokens + round(speed * left),
        }
        rate = self.optimizers[0].param_groups[0]["lr"]
        self._log(self._place() | pace | {"rate": rate} | losses)

    def _measure(self) -> None:
        """Log the losses on fixed windows that are never trained on."""
        if not self.fixed:
            self.fixed = list(islice(iter(self.held_out), HELD_OUT.batches))
        self.objective.eval()
        mean = _Mean()
        with torch.no_grad(), torch.random.fork_rng():
            torch.manual_seed(0)  # the generator of replaced-token detection draws tokens
            for batch in self.fixed:
                mean.add(self._losses(batch.to(self.hardware)))
        self.objective.train()
        _, seconds, losses = mean.take()
        self.mean.began += seconds  # tokens/s means training alone
        self._log(self._place() | {f"held_out_{name}": value for name, value in losses.items()})

    def _save(self, name: str = "state.pt") -> None:
        if not all(bool(p.isfinite().all()) for p in self.objective.parameters()):
            raise self._broken("weights")
        save_state(self.out / name, self.objective.parts(), self.optimizers, self.progress)

    def _broken(self, what: str) -> RunError:
        return RunError(
            f"{self.out}: expected finite numbers, found others in the {what} at step {self.progress.step}. What was "
            "saved before is kept: go on from it with a lower --rate and --muon."
        )

    def _place(self) -> dict[str, Any]:
        minutes = round(self._minutes(), 2)
        return {"minutes": minutes, "step": self.progress.step, "tokens": self.progress.tokens}

    def _minutes(self) -> float:
        return (time.monotonic() - self.began) / 60

    def _log(self, entry: dict[str, Any]) -> None:
        line = json.dumps(entry, default=str)
        print(line, flush=True)
        with (self.out / "log.jsonl").open("a", encoding="utf-8") as file:
            file.write(line + "\n")


def _windows(data: Data, settings: Settings) -> tuple[Callable[[int], MaskedWindows], MaskedWindows]:
    """Training windows by seed, and the fixed windows of the held-out loss."""
    tokenizer, specials = read_tokenizer(data.tokenizer_path)
    vocab = tokenizer.get_vocab_size()
    seen, unseen = data.split(settings.length)

    def training(seed: int) -> MaskedWindows:
        return MaskedWindows(data, seen, specials, vocab, settings.masking, settings.rows, settings.length, seed)

    fixed = masking(settings.objective, HELD_OUT.mask)
    return training, MaskedWindows(data, unseen, specials, vocab, fixed, HELD_OUT.rows, settings.length, 0)


@dataclass(slots=True)
class _Mean:
    """Mean losses, summed where they are, so that nothing waits for the GPU before they are read.

    `waited` is how long, in seconds, training stood still for want of batches.
    """

    count: int = 0
    sums: Tensor | None = None
    waited: float = 0.0
    began: float = field(default_factory=time.monotonic)

    def add(self, losses: Losses) -> None:
        values = torch.stack([loss.detach().float() for loss in losses])
        self.sums = values if self.sums is None else self.sums + values
        self.count += 1

    def take(self) -> tuple[int, float, dict[str, float]]:
        """Steps and seconds since the last call, and the mean losses; starts anew."""
        assert self.sums is not None
        total, masked, replaced = (self.sums / self.count).tolist()
        now = time.monotonic()
        steps, seconds = self.count, now - self.began
        self.count, self.sums, self.waited, self.began = 0, None, 0.0, now
        parts = {"masked": round(masked, 4), "replaced": round(replaced, 4)} if replaced else {}
        return steps, seconds, {"loss": round(total, 4), **parts}


@dataclass(slots=True)
class _Timer:
    """Calls `action` each time `minutes` have passed."""

    minutes: float
    action: Callable[[], None]
    last: float = field(default_factory=time.monotonic)

    def tick(self) -> None:
        if time.monotonic() - self.last >= self.minutes * 60:
            self.action()
            self.last = time.monotonic()
