"""The batch run on a Ray cluster, with Ray Data (`pip install 'stance[ray]'`).

    runs.label(inputs, "labels.parquet", analyzer, engine=RayEngine(stance.Analyzer.load))   # files, as ever
    labelled = label_dataset(ray.data.read_parquet("s3://news/"))                            # any Ray Dataset

Actors load the model once each, one a GPU, or one a CPU core where there is no GPU. A lost actor or node is
replaced by Ray, and what it was at is labelled again. Labels do not depend on how many there are.
"""

# ruff: noqa: PLC0415 - Ray is an extra, and slow to import

from __future__ import annotations

import hashlib
import logging
import pickle
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

import stance
from stance.columns import ColumnLabeller
from stance.errors import RunError
from stance.formats.atomic import atomic_file
from stance.runs.engine import Job, Outcome
from stance.runs.lock import disk_errors
from stance.runs.parts import CutPart, label_part, rows_digest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    import ray.data

    from stance.formats.rows import Fields, Limits
    from stance.runs.parts import Labeller

__all__ = ["RayEngine", "label_dataset"]


class RayEngine:
    """An engine for `stance.runs.label`.

    This process reads the input and writes the output, so that other nodes need neither; they need `stance` and the
    model. A run that was broken off goes on with this engine or without it, on any number of workers.

    Args:
        load: makes the analyzer, in each actor once; `stance.Analyzer.load` for the shipped model.
        workers: how many actors; by default one a GPU of the cluster, or one a CPU core where it has none.
    """

    def __init__(self, load: Callable[[], Labeller], workers: int | None = None) -> None:
        self.load = load
        self.workers = workers

    def __call__(self, job: Job) -> Iterator[Outcome]:
        """An outcome for each part, in order. Raises RunError where the cluster cannot finish the work."""
        ray = _ray()
        here = {"ray.io/node-id": ray.get_runtime_context().get_node_id()}
        parts = ray.data.from_items([{"first": 0}])
        parts.context.execution_options.preserve_order = True
        parts.context.target_max_block_size = 1  # a part a block: blocks are what actors are handed
        parts.context.enable_progress_bars = False
        parts.context.raise_original_map_exception = True
        # without a share of a CPU, so that reading needs no core that an actor could have, and stays a task of its own
        parts = parts.map_batches(_cut, fn_kwargs={"job": job}, batch_size=1, num_cpus=0, label_selector=here)
        labelled = parts.map_batches(
            _PartLabeller,
            fn_constructor_kwargs={
                "load": self.load,
                "targets": job.targets,
                "min_probability": job.min_probability,
                "signatures": job.signatures,
            },
            batch_size=1,
            **_actors(self.workers),
        )
        for row in _rows(labelled):
            outcome: Outcome | str = pickle.loads(row["outcome"])
            if isinstance(outcome, str):
                raise _failed(outcome)
            yield outcome


def label_dataset(  # noqa: PLR0913 - one keyword for each choice of the user
    dataset: ray.data.Dataset,
    load: Callable[[], Labeller] | None = None,
    *,
    targets: Sequence[str] | None = None,
    fields: Fields | None = None,
    limits: Limits | None = None,
    batch_articles: int = 200,
    workers: int | None = None,
    folder: str | Path | None = None,
) -> ray.data.Dataset:
    """The dataset with columns of labels, computed where and when its rows are asked for; see `ColumnLabeller`.

    Rows neither come from nor go through this process, so that the size of the cluster is the only limit.

    Args:
        dataset: articles, a row each.
        load: makes the analyzer, in each actor once; by default the shipped model's.
        targets: targets for all articles; without them those of each article, else those found in it.
        fields: names of the input's columns.
        limits: what is too large for an article.
        batch_articles: articles in a batch; what a kill can cost of each actor.
        workers: how many actors, as for `RayEngine`.
        folder: where finished batches are kept, on a disk that all nodes share. A repeated call takes from there
            what has the same rows, model, schema and settings, and labels the rest. Without it nothing is kept.
    """
    _ray()
    options = {"targets": targets, "fields": fields, "limits": limits}
    return dataset.map_batches(
        _TableLabeller,
        fn_constructor_kwargs={
            "load": load or stance.Analyzer.load,
            "options": options,
            "folder": None if folder is None else str(folder),
        },
        batch_size=batch_articles,
        batch_format="pyarrow",
        **_actors(workers),
    )


def _ray() -> Any:
    """Ray, connected: to the cluster that RAY_ADDRESS or `ray start` names, else to one on this machine."""
    try:
        import ray
        import ray.data
    except ImportError as error:
        raise RunError(f"--engine ray: expected Ray, found {error}. Install it: pip install 'stance[ray]'.") from error
    if not ray.is_initialized():
        ray.init(include_dashboard=False, log_to_driver=False, logging_level=logging.WARNING)
    return ray


def _actors(workers: int | None) -> dict[str, Any]:
    ray = _ray()
    found = ray.cluster_resources()
    gpus = int(found.get("GPU", 0))
    size = workers or gpus or max(1, int(found.get("CPU", 1)))
    return {"compute": ray.data.ActorPoolStrategy(size=size), "num_gpus" if gpus else "num_cpus": 1}


def _rows(dataset: ray.data.Dataset) -> Iterator[Mapping[str, Any]]:
    ray = _ray()
    try:
        yield from dataset.iter_rows()
    except ray.exceptions.RayError as error:
        raise _failed(str(getattr(error, "cause", error)).strip().rpartition("\n")[2]) from error


def _failed(cause: str) -> RunError:
    return RunError(
        f"Ray: expected all parts to be labelled; an actor or the cluster failed: {cause}. Mend that and run the same "
        "command again: finished parts are kept."
    )


def _cut(batch: Mapping[str, Any], job: Job) -> Iterator[dict[str, list[bytes]]]:  # noqa: ARG001 - one row starts it
    for cut in job.parts():
        finished = cut.number < job.finished
        sent = Outcome(cut.number, cut.position, rows_digest(cut.rows), None) if finished else cut
        yield {"part": [pickle.dumps(sent)]}


class _PartLabeller:
    """An actor: labels one part at a time; passes on what was finished before."""

    def __init__(
        self,
        load: Callable[[], Labeller],
        targets: Sequence[str] | None,
        *,
        min_probability: float,
        signatures: bool,
    ) -> None:
        self._label = partial(
            label_part, labeller=load(), targets=targets, min_probability=min_probability, signatures=signatures
        )

    def __call__(self, batch: Mapping[str, Any]) -> dict[str, list[bytes]]:
        return {"outcome": [pickle.dumps(self._outcome(pickle.loads(part))) for part in batch["part"]]}

    def _outcome(self, sent: CutPart | Outcome) -> Outcome | str:
        if isinstance(sent, Outcome):
            return sent
        try:
            labelled = self._label(sent)
        except Exception as error:  # noqa: BLE001 - raised by the run itself, once the parts before this one are on disk
            return f"{type(error).__name__}: {error}"
        return Outcome(sent.number, sent.position, labelled.part.rows_digest, labelled)


class _TableLabeller:
    """An actor: labels one Arrow table at a time, or finds it in the folder."""

    def __init__(self, load: Callable[[], Labeller], options: Mapping[str, Any], folder: str | None) -> None:
        self._columns = ColumnLabeller(load(), **options)
        self._folder = None if folder is None else Path(folder)
        labeller = self._columns.labeller
        self._settings = repr((stance.__version__, labeller.model_id, labeller.schema.digest, sorted(options.items())))

    def __call__(self, table: pa.Table) -> pa.Table:
        if self._folder is None:
            return self._columns.label_table(table)
        path = self._folder / f"{self._digest(table)}.arrow"
        if path.is_file():
            with pa.memory_map(str(path)) as stream:
                return pa.ipc.open_file(stream).read_all()
        labelled = self._columns.label_table(table)
        with disk_errors(path):
            self._folder.mkdir(parents=True, exist_ok=True)
            with atomic_file(path) as file, pa.ipc.new_file(file, labelled.schema) as writer:
                writer.write_table(labelled)
        return labelled

    def _digest(self, table: pa.Table) -> str:
        digest = hashlib.sha256(self._settings.encode())
        digest.update(repr(table.schema).encode())
        digest.update(repr(table.to_pylist()).encode("utf-8", "surrogatepass"))
        return digest.hexdigest()
