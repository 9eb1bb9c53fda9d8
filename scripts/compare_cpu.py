"""Which way of running the network is the fastest on this processor, and what does it cost in accuracy?

    python scripts/compare_cpu.py [MODEL] [--data data/dev.jsonl] [--ways fp32 bf16 …] [--batches 6] [--speed-only]

All ways run the same ready batches, made from the labelled file with three targets, in turn within each round, so
that other load on the machine falls on all of them alike. Speed is the median over rounds, in tokens of the
windows (padding not counted) a second of processor time. Accuracy is scored on the whole file, through the engine.

    fp32, bf16               eager, with torch's fused attention (SDPA); bf16 by autocast
    fp32-matmul, bf16-matmul the same, with attention as two matrix products
    engine                   what the engine does: bf16 throughout, packed weights, attention as products
    fp32-as-bf16             fp32 whose matrix products are computed in bf16
    compile-*                torch.compile, for any shape (dynamic) or anew for each (fixed)
    int8                     dynamic quantisation of the linear layers
    onnx, onnx-int8          ONNX Runtime, exported with torch.onnx
    openvino, openvino-bf16  OpenVINO, from the same export

Ways whose library is missing are listed as such: `pip install onnx onnxscript onnxruntime openvino` adds them.
"""

# ruff: noqa: PLC0415 - onnxruntime and openvino are compared where they are installed

from __future__ import annotations

import argparse
import copy
import json
import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from stance.analyzer import Analyzer, shipped_model
from stance.engine import EngineConfig, Hardware
from stance.engine.attention import use_matmul_attention
from stance.engine.hardware import PROCESSOR_BUDGET, keep_memory, processor_flags
from stance.engine.packing import MULTIPLE, pack
from stance.engine.precision import as_it_runs
from stance.model import checkpoint
from stance.model.batch import Batch, collate
from stance.model.encoding import Passage
from stance.model.network import Logits
from stance.training.examples import LabelledArticle, read_labelled
from stance.training.metrics import evaluate

if TYPE_CHECKING:
    from collections.abc import Sequence

Forward = Callable[[Batch], Logits]
TARGETS = ("美国", "中国", "日本")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", nargs="?", type=Path, default=None, help="model folder; default: the shipped one")
    parser.add_argument("--data", type=Path, default=Path(__file__).parents[1] / "data" / "dev.jsonl")
    parser.add_argument("--ways", nargs="+", choices=list(WAYS), default=list(WAYS), metavar="WAY")
    parser.add_argument("--batches", type=int, default=6)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--speed-only", action="store_true", help="leave accuracy out")
    args = parser.parse_args()
    keep_memory()
    model = checkpoint.load(args.model or shipped_model())
    gold = read_labelled(args.data, model.schema)
    ready = ready_batches(model, gold, args.batches)
    forwards = build(args.ways, Job(model, ready))
    seconds = measure(forwards, ready, args.rounds)
    tokens = sum(int((batch.segments != 0).sum()) for batch in ready)
    flags = [flag for flag in ("amx_bf16", "avx512_bf16", "avx512_vnni", "avx2") if flag in processor_flags()]
    print(f"{len(ready)} batches, {tokens} tokens, {torch.get_num_threads()} threads, processor: {', '.join(flags)}")
    print(f"{'way':20} {'tokens/s':>9} {'× fp32':>7} {'device F1':>10} {'stance F1':>10}")
    rows = []
    for way, forward in forwards.items():
        scores = {} if args.speed_only else accuracy(model, forward, gold)
        gain = f"{seconds['fp32'] / seconds[way]:7.2f}" if "fp32" in seconds else " " * 7
        f1 = "".join(f" {score:10.4f}" for score in scores.values())
        print(f"{way:20} {tokens / seconds[way]:9.0f} {gain}{f1}", flush=True)
        rows.append({"way": way, "tokens_per_second": round(tokens / seconds[way]), **scores})
    print(json.dumps({"model": model.id, "data": args.data.name, "processor": flags, "ways": rows}))


@dataclass(frozen=True)
class Job:
    """What a way of running is built from."""

    model: checkpoint.Model
    ready: list[Batch]

    def network(self) -> Any:
        """A copy of the network, free to be changed."""
        return copy.deepcopy(self.model.network).eval()


def ready_batches(model: checkpoint.Model, gold: Sequence[LabelledArticle], count: int) -> list[Batch]:
    """Batches as the engine makes them on a CPU, evenly from long to short rows."""
    passages = (Passage(article.title, article.paragraphs, TARGETS) for article in gold)
    windows = [window for passage in passages for window in model.encoder.windows(passage)]
    packed = list(pack([len(window) for window in windows], PROCESSOR_BUDGET))
    chosen = packed[:: max(1, len(packed) // count)][:count]
    return [collate([windows[place] for place in places], model.config.pad_id, MULTIPLE) for places in chosen]


def build(ways: Sequence[str], job: Job) -> dict[str, Forward]:
    """The ways that can be had here; says what is missing of the others."""
    forwards = {}
    for way in ways:
        began = time.perf_counter()
        try:
            forward = WAYS[way](job)
            for batch in job.ready:
                forward(batch)
        except ImportError as error:
            print(f"{way}: left out, {error}", file=sys.stderr)
            continue
        print(f"{way}: ready in {time.perf_counter() - began:.1f} s", file=sys.stderr)
        forwards[way] = forward
    return forwards


def measure(forwards: dict[str, Forward], ready: Sequence[Batch], rounds: int) -> dict[str, float]:
    """Median seconds of processor time for all batches."""
    seconds: dict[str, list[float]] = {way: [] for way in forwards}
    for _ in range(rounds):
        for way, forward in forwards.items():
            began = time.process_time()
            for batch in ready:
                forward(batch)
            seconds[way].append(time.process_time() - began)
    return {way: statistics.median(own) for way, own in seconds.items()}


class AsNetwork(nn.Module):
    """A way of running in the network's place."""

    def __init__(self, run: Forward) -> None:
        super().__init__()
        self._run = run

    def forward(self, batch: Batch) -> Logits:
        """Logits of a batch."""
        return self._run(batch)


def accuracy(model: checkpoint.Model, forward: Forward, gold: Sequence[LabelledArticle]) -> dict[str, Any]:
    """Micro-F1 of devices and macro-F1 of stances on the labelled file."""
    config = EngineConfig(hardware="cpu", precision="float32")
    analyzer = Analyzer(replace(model, network=AsNetwork(forward)), config)  # type: ignore[arg-type]
    analyses = list(analyzer.analyze_many(article.to_article() for article in gold))
    presence = (np.zeros((len(a.paragraphs), len(model.schema.devices))) for a in gold)
    headline = evaluate(gold, analyses, model.schema, presence).scores(resamples=2).headline
    return {name: headline[name].value or 0.0 for name in ("device_micro_f1", "stance_macro_f1")}


def eager(network: Any, batch: Batch, *, bf16: bool = False) -> Logits:
    """The network as it is."""
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=bf16):
        logits: Logits = network(batch)
    return logits


def plain(job: Job, *, bf16: bool, matmul: bool = False) -> Forward:
    """Eager, by autocast where bf16."""
    network = job.network()
    if matmul:
        use_matmul_attention(network)
    return partial(eager, network, bf16=bf16)


def engine(job: Job) -> Forward:
    """As the engine runs it on a processor that multiplies bfloat16."""
    hardware = Hardware((torch.device("cpu"),), torch.bfloat16, PROCESSOR_BUDGET, "asked for")
    network = as_it_runs(job.network(), hardware)
    use_matmul_attention(network)
    return partial(eager, network, bf16=True)


def as_bf16(job: Job) -> Forward:
    """fp32 tensors whose matrix products are computed in bf16."""
    network = job.network()

    def forward(batch: Batch) -> Logits:
        torch.set_float32_matmul_precision("medium")
        try:
            return eager(network, batch)
        finally:
            torch.set_float32_matmul_precision("highest")

    return forward


class Unpacked(nn.Module):
    """The network from tensors to tensors, as exporters want it."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        """Fields of a batch → fields of its logits."""
        logits = self.network(Batch(*tensors))
        return tuple(getattr(logits, f.name) for f in fields(logits))


def unpacked(batch: Batch) -> tuple[Tensor, ...]:
    """The fields of a batch, in order."""
    return tuple(getattr(batch, f.name) for f in fields(batch))


def compiled(job: Job, *, bf16: bool, dynamic: bool) -> Forward:
    """torch.compile; with fixed shapes, each shape is compiled once, and shapes never met run eagerly."""
    network = Unpacked(job.network())
    torch._dynamo.config.cache_size_limit = 64  # else the shapes beyond the eighth run eagerly
    run = torch.compile(network, dynamic=dynamic)
    known = {tuple(t.shape for t in unpacked(batch)) for batch in job.ready}

    def forward(batch: Batch) -> Logits:
        tensors = unpacked(batch)
        chosen = run if dynamic or tuple(t.shape for t in tensors) in known else network
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            return Logits(*chosen(*tensors))

    return forward


def int8(job: Job) -> Forward:
    """Linear layers with int8 weights, activations quantised as they come."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        quantize: Any = torch.ao.quantization.quantize_dynamic
        network = quantize(job.network(), {nn.Linear}, torch.qint8)
    return partial(eager, network)


@cache
def _scratch() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="compare-cpu-")


def exported(job: Job) -> Path:
    """The network as an ONNX file, for any shape."""
    path = Path(_scratch().name) / "network.onnx"
    if not path.exists():
        import onnxscript  # noqa: F401 - torch.onnx needs it, and says so late

        auto = torch.export.Dim.AUTO
        inputs = unpacked(max(job.ready, key=lambda batch: min(batch.ids.shape[0], batch.places.shape[1])))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.onnx.export(
                Unpacked(job.network()),
                inputs,
                str(path),
                input_names=[f.name for f in fields(Batch)],
                output_names=[f.name for f in fields(Logits)],
                dynamic_shapes=(tuple(dict.fromkeys(range(t.dim()), auto) for t in inputs),),
                dynamo=True,
                verbose=False,
            )
    return path


def onnx(job: Job, *, int8_weights: bool = False) -> Forward:
    """ONNX Runtime."""
    import onnxruntime

    path = exported(job)
    if int8_weights:
        from onnxruntime.quantization import quantize_dynamic

        path, whole = path.with_name("int8.onnx"), path
        quantize_dynamic(whole, path)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    wanted = {node.name for node in session.get_inputs()}

    def forward(batch: Batch) -> Logits:
        given = {f.name: getattr(batch, f.name).numpy() for f in fields(batch) if f.name in wanted}
        return Logits(*map(torch.from_numpy, session.run(None, given)))

    return forward


def openvino(job: Job, *, bf16: bool) -> Forward:
    """OpenVINO, from the ONNX file."""
    import openvino as ov

    core = ov.Core()
    config = {
        "INFERENCE_PRECISION_HINT": "bf16" if bf16 else "f32",
        "INFERENCE_NUM_THREADS": torch.get_num_threads(),
        "PERFORMANCE_HINT": "LATENCY",
    }
    network = core.compile_model(core.read_model(exported(job)), "CPU", config)
    wanted = {name for port in network.inputs for name in port.get_names()}

    def forward(batch: Batch) -> Logits:
        given = {f.name: getattr(batch, f.name).numpy() for f in fields(batch) if f.name in wanted}
        found = network(given)
        return Logits(*(torch.from_numpy(np.array(found[port])) for port in network.outputs))

    return forward


WAYS: dict[str, Callable[[Job], Forward]] = {
    "fp32": partial(plain, bf16=False),
    "fp32-matmul": partial(plain, bf16=False, matmul=True),
    "bf16": partial(plain, bf16=True),
    "bf16-matmul": partial(plain, bf16=True, matmul=True),
    "engine": engine,
    "fp32-as-bf16": as_bf16,
    "compile-dynamic": partial(compiled, bf16=False, dynamic=True),
    "compile-dynamic-bf16": partial(compiled, bf16=True, dynamic=True),
    "compile-fixed-bf16": partial(compiled, bf16=True, dynamic=False),
    "int8": int8,
    "onnx": onnx,
    "onnx-int8": partial(onnx, int8_weights=True),
    "openvino": partial(openvino, bf16=False),
    "openvino-bf16": partial(openvino, bf16=True),
}
"""Ways of running, by name."""


if __name__ == "__main__":
    main()
