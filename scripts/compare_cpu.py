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
    onnx, onnx-int8          ONNX Runtime, the encoder exported with torch.onnx
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
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from types import SimpleNamespace
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
INPUTS = ["embedded", "mask", "positions"]
"""Names of what an exported encoder takes."""


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


class Encoder(nn.Module):
    """An encoder from tensors to a tensor, as exporters want it."""

    def __init__(self, encoder: Any) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, embedded: Tensor, mask: Tensor, positions: Tensor) -> Tensor:
        """Embeddings (B, T, E), what to add to scores (B, 1, T, T), positions (B, T) → last hidden states."""
        output = self.encoder(inputs_embeds=embedded, attention_mask=mask, position_ids=positions)
        states: Tensor = output.last_hidden_state
        return states


class StandIn(nn.Module):
    """What a network takes for its encoder; heads and chains, which exporters do not follow, stay torch's."""

    def __init__(self, encoder: Any, run: Callable[[Tensor, Tensor, Tensor], Tensor]) -> None:
        super().__init__()
        self._embeddings = encoder.get_input_embeddings()
        self._run = run

    def get_input_embeddings(self) -> nn.Module:
        """Of the encoder's own ids."""
        embeddings: nn.Module = self._embeddings
        return embeddings

    def forward(self, inputs_embeds: Tensor, attention_mask: Tensor, position_ids: Tensor) -> SimpleNamespace:
        """The last hidden states, under the name that transformers gives them."""
        return SimpleNamespace(last_hidden_state=self._run(inputs_embeds, attention_mask, position_ids))


def with_encoder(job: Job, run: Callable[[Tensor, Tensor, Tensor], Tensor]) -> Forward:
    """The network with another way of running its encoder."""
    network = job.network()
    network.encoder = StandIn(network.encoder, run)
    return partial(eager, network)


def compiled(job: Job, *, bf16: bool, dynamic: bool) -> Forward:
    """torch.compile of the encoder; with fixed shapes, each shape is compiled once, and others run eagerly."""
    network = job.network()
    torch._dynamo.config.cache_size_limit = 64  # else the shapes beyond the eighth run eagerly
    plain_encoder, run = network.encoder, torch.compile(network.encoder, dynamic=dynamic)
    known = {batch.ids.shape for batch in job.ready}

    def forward(batch: Batch) -> Logits:
        network.encoder = run if dynamic or batch.ids.shape in known else plain_encoder
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            logits: Logits = network(batch)
        return logits

    return forward


def int8(job: Job) -> Forward:
    """The encoder's linear layers with int8 weights, activations quantised as they come."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        quantize: Any = torch.ao.quantization.quantize_dynamic
        network = job.network()
        network.encoder = quantize(network.encoder, {nn.Linear}, torch.qint8)
    return partial(eager, network)


@cache
def _scratch() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="compare-cpu-")


def exported(job: Job) -> Path:
    """The encoder as an ONNX file, for any shape."""
    path = Path(_scratch().name) / "encoder.onnx"
    if not path.exists():
        import onnxscript  # noqa: F401 - torch.onnx needs it, and says so late

        encoder = job.network().encoder
        rows, tokens, width = 3, 40, encoder.get_input_embeddings().embedding_dim
        mask = torch.zeros(rows, 1, tokens, tokens)
        inputs = (torch.randn(rows, tokens, width), mask, torch.arange(tokens).repeat(rows, 1))
        auto = torch.export.Dim.AUTO
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.onnx.export(
                Encoder(encoder).eval(),
                inputs,
                str(path),
                input_names=INPUTS,
                output_names=["states"],
                dynamic_shapes=({0: auto, 1: auto}, {0: auto, 2: auto, 3: auto}, {0: auto, 1: auto}),
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

    def run(*tensors: Tensor) -> Tensor:
        (states,) = session.run(None, {name: t.numpy() for name, t in zip(INPUTS, tensors, strict=True)})
        return torch.from_numpy(states)

    return with_encoder(job, run)


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

    def run(*tensors: Tensor) -> Tensor:
        found = network({name: t.numpy() for name, t in zip(INPUTS, tensors, strict=True)})
        return torch.from_numpy(np.array(found[network.outputs[0]]))

    return with_encoder(job, run)


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
