"""The engine: passages in, readings out, in three stages that work at the same time.

    prepare   pull passages, encode them, pack their rows into batches         one thread
    run       copy a batch to the hardware, network, calibration, copy back    one thread for each GPU, or for the CPU
    finish    decode, join rows and pieces, restore the order                  the caller's thread

Memory is bounded: a few pools are alive at once, however many passages come.
"""

from __future__ import annotations

import copy
import threading
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, TypeVar

import torch

from stance.engine.attention import use_matmul_attention
from stance.engine.hardware import EngineConfig, bound_caches, choose_hardware, keep_memory
from stance.engine.pool import POOL_BUDGETS, pools
from stance.engine.precision import as_it_runs
from stance.errors import HardwareError
from stance.model.decoding import Decisions, decode

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator

    from torch import nn

    from stance.engine.pool import Pool
    from stance.model.batch import Batch
    from stance.model.checkpoint import Model
    from stance.model.decoding import ParagraphReading
    from stance.model.encoding import Passage

__all__ = ["Engine"]

T = TypeVar("T")

QUEUED = 2
"""Batches handed to each piece of hardware at once: one to compute, one to have at hand when it is done."""


@dataclass(frozen=True, slots=True)
class _Job:
    """Rows of a pool on their way through the stages.

    Attributes:
        pool: the pool.
        places: of the rows in it; none where no passage of the pool has a token.
        batch: the rows.
        last: no more rows of the pool come after these.
    """

    pool: Pool
    places: list[int]
    batch: Batch | None
    last: bool


@dataclass(frozen=True, slots=True)
class _Found:
    """What the network found in rows of a pool: complete on the CPU once `arrived`."""

    places: list[int]
    decisions: Decisions
    arrived: torch.cuda.Event | None


class Engine:
    """Batched inference with one model.

    Attributes:
        model: the model.
        hardware: what it runs on, and why.
        networks: the network as it runs, one for each piece of hardware.
        budget: tokens in a batch; halved for good whenever the hardware runs out of memory.
    """

    def __init__(self, model: Model, config: EngineConfig | None = None) -> None:
        self.model = model
        self.hardware = choose_hardware(config or EngineConfig())
        self.budget = self.hardware.budget
        self._halving = threading.Lock()
        self._encoder = model.encoder
        if not self.hardware.is_gpu:
            bound_caches()
            keep_memory()
        network = as_it_runs(model.network.eval(), self.hardware)
        if not self.hardware.is_gpu:
            use_matmul_attention(network)
        first, *others = self.hardware.devices
        copies = [copy.deepcopy(network).to(device) for device in others]
        self.networks: list[nn.Module] = [network.to(first), *copies]

    def read(self, passages: Iterable[Passage]) -> Iterator[list[ParagraphReading]]:
        """Readings of every paragraph of every passage, passages in their order, lazily and in bounded memory.

        The passages are pulled in another thread. Raises HardwareError where the memory is too small for one row.
        """
        running: deque[tuple[_Job, Future[list[_Found]]]] = deque()
        with ExitStack() as stack:
            threads = [ThreadPoolExecutor(1, thread_name_prefix="stance-run") for _ in self.networks]
            for thread in threads:
                stack.callback(thread.shutdown, cancel_futures=True)
            jobs = stack.enter_context(closing(_ahead(self._jobs(passages), QUEUED)))
            for number, job in enumerate(jobs):
                replica = number % len(threads)
                running.append((job, threads[replica].submit(self._run, job, replica)))
                if len(running) == QUEUED * len(threads):
                    yield from self._finish(*running.popleft())
            while running:
                yield from self._finish(*running.popleft())

    def _jobs(self, passages: Iterable[Passage]) -> Iterator[_Job]:
        """Prepare."""
        tokens = POOL_BUDGETS * len(self.networks) * self.hardware.budget
        for pool in pools(passages, self._encoder, tokens):
            batches = pool.pack(self.budget)
            for number, places in enumerate(batches, 1):
                batch = pool.batch(places)
                yield _Job(pool, places, batch.pin() if self.hardware.is_gpu else batch, number == len(batches))
            if not batches:
                yield _Job(pool, [], None, last=True)

    def _run(self, job: _Job, replica: int) -> list[_Found]:
        """Run: the rows in one batch, or in several smaller ones where the memory does not suffice."""
        found: list[_Found] = []
        parts = deque([job.places] if job.places else [])
        while parts:
            places = parts.popleft()
            batch = job.batch if job.batch is not None and places is job.places else job.pool.batch(places)
            budget = self.budget
            if batch.ids.numel() > budget and len(places) > 1:  # the budget was halved since
                parts.extend(job.pool.pack(budget, places))
                continue
            try:
                found.append(self._forward(places, batch, replica))
            except torch.OutOfMemoryError as error:
                if len(places) == 1:
                    raise HardwareError(
                        f"{self.hardware.devices[replica]}: out of memory on a single row of {batch.ids.shape[1]} "
                        "tokens. Free memory on it or use --hardware cpu."
                    ) from error
                self._halve(budget)
                parts.append(places)
        return found

    def _forward(self, places: list[int], batch: Batch, replica: int) -> _Found:
        """Network and decisions of one batch; only these travel back."""
        device = self.hardware.devices[replica]
        bf16 = self.hardware.dtype is torch.bfloat16
        with torch.inference_mode(), torch.autocast(device.type, torch.bfloat16, enabled=bf16):
            there = batch.to(device, non_blocking=True)
            decisions = Decisions.of(self.networks[replica](there), there, self.model.calibration)
            # copied behind the computation in its stream: `.cpu()` would wait for batches queued meanwhile
            found = [getattr(decisions, f.name).to("cpu", non_blocking=True) for f in fields(decisions)]
        arrived = None
        if self.hardware.is_gpu:
            arrived = torch.cuda.Event()  # type: ignore[no-untyped-call]
            arrived.record(torch.cuda.current_stream(device))
        return _Found(places, Decisions(*found), arrived)

    def _halve(self, budget: int) -> None:
        """Halve the budget, once however many pieces of hardware failed under it."""
        with self._halving:
            self.budget = min(self.budget, max(1, budget // 2))

    def _finish(self, job: _Job, running: Future[list[_Found]]) -> Iterator[list[ParagraphReading]]:
        """Finish: yields the passages of a pool once its last rows are there."""
        for found in running.result():
            if found.arrived is not None:
                found.arrived.synchronize()
            for row, place in enumerate(found.places):
                job.pool.found[place] = list(decode(job.pool.rows[place], row, found.decisions))
        if job.last:
            schema = self.model.schema
            yield from job.pool.readings(len(schema.devices), len(schema.stances))


def _ahead(source: Iterator[T], count: int) -> Generator[T]:
    """The items of `source`, up to `count` of them made ahead in a thread of their own."""
    end = object()
    thread = ThreadPoolExecutor(1, thread_name_prefix="stance-prepare")
    waiting = deque(thread.submit(next, source, end) for _ in range(count))
    try:
        while (item := waiting.popleft().result()) is not end:
            waiting.append(thread.submit(next, source, end))
            yield item  # type: ignore[misc]
    finally:
        thread.shutdown(cancel_futures=True)
