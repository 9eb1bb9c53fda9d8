"""How fast does stance label, against a plain loop of pipelines and against the bare network?

    python scripts/benchmark.py                      # the whole table; --quick takes under a minute
    OMP_NUM_THREADS=1 python scripts/benchmark.py --clock processor     # on a machine that others use too

Equal work for all: the same paragraphs, the same targets, the same weights of the same encoder.

    a  pipelines     a loop of transformers pipelines: a token classification a paragraph, a text-pair
                     classification a paragraph and target; at batch size 1 and at larger ones, in float32 and,
                     where the engine computes in bfloat16, in that too
    b  forward       the bare network on ready tensors, in the batches that the engine makes
    c  analyze_many  articles in memory → analyses
    d  label         `stance label`: a JSONL file → a JSONL file

a, b, c and d are run in turn, round after round; figures are medians. Paragraphs a second are of the corpus; tokens
are those of the windows with their target blocks, padding not counted. Then: the cost of more targets, the rate
from small to large corpora, memory, and start-up. Memory is measured on `--memory` paragraphs streamed through a
network of one narrow layer, since it is the way there and back that could grow. Last comes one line of JSON.
"""

from __future__ import annotations

import argparse
import copy
import json
import platform
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from benchmarking import corpus
from benchmarking.clock import Clock, command_seconds, matrix_rate, operations, peak_memory
from benchmarking.pipelines import Pipelines
from transformers import BertConfig, BertModel
from transformers.utils import logging as transformers_logging

from stance.analyzer import Analyzer, shipped_model
from stance.engine import EngineConfig
from stance.engine.attention import use_matmul_attention
from stance.engine.pool import POOL_BUDGETS, pools
from stance.model import checkpoint
from stance.model.encoding import Passage
from stance.model.network import StanceNetwork
from stance.runs import label
from stance.text.clean import clean

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from stance.model.batch import Batch
    from stance.results import Article

PARTS = ("table", "targets", "scale", "memory", "startup")
TARGETS = 3
"""Targets in the table, as many as an article has on average."""


def main(arguments: Sequence[str] | None = None) -> None:
    args = _parser().parse_args(arguments)
    if args.quick:
        args.paragraphs, args.rounds, args.batch_sizes = 40, 1, [1, 8]
        args.scale, args.memory, args.target_counts = [40, 200], [200, 1000], [1, 16]
    transformers_logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    torch.manual_seed(1)
    bench = Benchmark(args)
    print(bench.analyzer.engine.hardware.reason)
    report: dict[str, Any] = {"model": bench.analyzer.model_id, "hardware": bench.analyzer.engine.hardware.reason}
    report |= {"torch": torch.__version__, "python": platform.python_version(), "clock": args.clock}
    for part in args.only:
        print(f"\n{part}", flush=True)
        report[part] = getattr(bench, part)()
    report["peak_memory_mb"] = round(peak_memory())
    print(f"\npeak memory of this process: {report['peak_memory_mb']} MB")
    print(json.dumps(report, ensure_ascii=False))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, help="model folder; default: the shipped one")
    parser.add_argument("--corpus", help="file of articles; default: put together from data/*.jsonl")
    parser.add_argument("--hardware", choices=["auto", "cuda", "cpu"], default="auto")
    parser.add_argument("--precision", choices=["auto", "float32", "bfloat16"], default="auto")
    parser.add_argument("--clock", choices=["wall", "processor"], default="wall")
    parser.add_argument("--paragraphs", type=int, default=1000, help="paragraphs in the table and for the targets")
    parser.add_argument("--batch-sizes", type=int, nargs="+", default=[1, 8, 32], help="of the pipelines")
    parser.add_argument("--target-counts", type=int, nargs="+", default=[1, 2, 4, 8, 16])
    parser.add_argument("--scale", type=int, nargs="+", default=[1000, 10_000, 100_000], help="paragraphs")
    parser.add_argument("--memory", type=int, nargs=2, default=[10_000, 200_000], help="paragraphs")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS, metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--quick", action="store_true", help="all parts on very little text")
    return parser


class Benchmark:
    """The parts of the report, each printed as it is found."""

    def __init__(self, args: argparse.Namespace) -> None:
        self.args = args
        self.clock = Clock(args.clock == "processor")
        self.config = EngineConfig(hardware=args.hardware, precision=args.precision)
        self.model = checkpoint.load(args.model or shipped_model())
        self.analyzer = Analyzer(self.model, self.config)
        self.articles = list(self._cut(args.paragraphs))

    def _cut(self, paragraphs: int) -> Iterator[Article]:
        return corpus.cut(corpus.read(self.args.corpus) if self.args.corpus else corpus.generate(), paragraphs)

    def table(self) -> dict[str, Any]:
        """Pipelines, bare forward, analyze_many and label on equal work."""
        targets = corpus.TARGETS[:TARGETS]
        analyses = list(self.analyzer.analyze_many(self.articles, targets))  # warm, and says what the paragraphs are
        paragraphs = [clean(p.paragraph.text).text for a in analyses for p in a.paragraphs]
        batches = self._ready(targets)
        tokens, padded = (sum(int(n) for n in ns) for ns in zip(*map(_sizes, batches), strict=True))
        with tempfile.TemporaryDirectory() as folder:
            source = Path(folder) / "articles.jsonl"
            corpus.write(self.articles, source)
            works: dict[str, Callable[[], object]] = {
                **self._pipelines(paragraphs, targets),
                "b forward": partial(self._forward, batches),
                "c analyze_many": lambda: list(self.analyzer.analyze_many(self.articles, targets)),
                "d label": lambda: label(
                    [source], Path(folder) / "labels.jsonl", self.analyzer, targets=targets, restart=True
                ),
            }
            seconds = self.clock.in_turn(works, self.args.rounds)
        report = self._rows(seconds, len(paragraphs), tokens)
        rate = matrix_rate(batches[0].ids.device, self.analyzer.engine.hardware.dtype, self.clock)
        share = operations(partial(self._exact, batches)) / seconds["b forward"] / rate
        padding = 1 - tokens / padded
        print(f"padding {padding:.1%}; matrix products {rate / 1e9:.0f} GFLOP/s, of which forward has {share:.0%}")
        return report | {"padding": round(padding, 4), "matrix_gflops": round(rate / 1e9), "share": round(share, 3)}

    def _rows(self, seconds: dict[str, float], paragraphs: int, tokens: int) -> dict[str, Any]:
        """Prints the table."""
        best = min(own for name, own in seconds.items() if name.startswith("a "))
        print(f"{paragraphs} paragraphs, {tokens} tokens, {TARGETS} targets")
        print(f"{'':30} {'paragraphs/s':>12} {'tokens/s':>9} {'× best a':>9} {'÷ b':>6}")
        for name, own in seconds.items():
            rates = f"{paragraphs / own:12.1f} {tokens / own:9.0f}"
            print(f"{name:30} {rates} {best / own:9.2f} {own / seconds['b forward']:6.2f}", flush=True)
        rows = {
            name: {
                "seconds": round(own, 4),
                "paragraphs_per_second": round(paragraphs / own, 2),
                "tokens_per_second": round(tokens / own),
            }
            for name, own in seconds.items()
        }
        c = seconds["c analyze_many"]
        ratios = {"c_to_best_a": best / c, "c_to_b": c / seconds["b forward"], "d_to_c": seconds["d label"] / c}
        return {"paragraphs": paragraphs, "rows": rows} | {name: round(value, 3) for name, value in ratios.items()}

    def _pipelines(self, paragraphs: Sequence[str], targets: Sequence[str]) -> dict[str, Callable[[], object]]:
        hardware = self.analyzer.engine.hardware
        works: dict[str, Callable[[], object]] = {}
        for dtype in dict.fromkeys((torch.float32, hardware.dtype)):
            pipelines = Pipelines.of(self.model, hardware.devices[0], dtype)
            for size in self.args.batch_sizes:
                name = f"a pipelines, {str(dtype)[6:]}, batch {size}"
                works[name] = partial(pipelines.run, paragraphs, targets, size)
        return works

    def _ready(self, targets: Sequence[str]) -> list[Batch]:
        """The batches that the engine makes of the articles, on the hardware."""
        engine = self.analyzer.engine
        passages = (
            Passage(
                clean(a.title).text, tuple(clean(p).text for p in a.paragraphs or a.text.splitlines()), tuple(targets)
            )
            for a in self.articles
        )
        return [
            pool.batch(places).to(engine.hardware.devices[0])
            for pool in pools(passages, self.model.encoder, POOL_BUDGETS * engine.budget)
            for places in pool.pack(engine.budget)
        ]

    def _forward(self, batches: Sequence[Batch]) -> None:
        bf16 = self.analyzer.engine.hardware.dtype is torch.bfloat16
        for batch in batches:
            with torch.inference_mode(), torch.autocast(batch.ids.device.type, torch.bfloat16, enabled=bf16):
                self.analyzer.engine.networks[0](batch)

    def _exact(self, batches: Sequence[Batch]) -> None:
        """The same in float32 by the products that a counter of operations knows."""
        network = copy.deepcopy(self.model.network)
        use_matmul_attention(network)
        for batch in batches:
            with torch.inference_mode():
                network(batch)

    def targets(self) -> dict[str, Any]:
        """What more targets cost; the corpus is the table's."""
        works = {str(n): partial(self._drain, self.articles, corpus.TARGETS[:n]) for n in self.args.target_counts}
        seconds = self.clock.in_turn(works, self.args.rounds)
        least, most = min(self.args.target_counts), max(self.args.target_counts)
        first, last = seconds[str(least)], seconds[str(most)]
        each = (last - first) / max(1, most - least) / first
        for n, own in seconds.items():
            print(f"{n:>3} targets {own:8.2f} s")
        print(f"each target after the first costs {each:.1%} of a run with {least}")
        return {"seconds": {n: round(own, 3) for n, own in seconds.items()}, "cost_of_one_more": round(each, 4)}

    def scale(self) -> dict[str, float]:
        """The rate from small to large corpora, streamed."""
        rates = {}
        for paragraphs in self.args.scale:
            seconds = self.clock.seconds(partial(self._drain, self._cut(paragraphs), corpus.TARGETS[:TARGETS]))
            rates[str(paragraphs)] = round(paragraphs / seconds, 1)
            print(f"{paragraphs:8} paragraphs {rates[str(paragraphs)]:8.1f} a second", flush=True)
        return rates

    def memory(self) -> dict[str, Any]:
        """Peak memory while paragraphs stream through a network of one narrow layer."""
        few, many = self.args.memory
        analyzer = Analyzer(narrow(self.model), self.config)
        seen, at_few = 0, 0.0
        for analysis in analyzer.analyze_many(self._cut(many), corpus.TARGETS[:TARGETS]):
            seen += len(analysis.paragraphs)
            if not at_few and seen >= few:
                at_few = peak_memory()
        growth = peak_memory() / at_few - 1
        print(f"{few} paragraphs {at_few:.0f} MB, {seen} paragraphs {peak_memory():.0f} MB: {growth:+.1%}")
        return {"few": few, "many": seen, "few_mb": round(at_few), "growth": round(growth, 4)}

    def startup(self) -> dict[str, Any]:
        """Seconds of `import stance`, and of `stance analyze` on one article, start to finish."""
        article = str(corpus.DATA / "samples" / "commentary.txt")
        model = ["--model", str(self.args.model)] if self.args.model else []
        commands = {
            "python": [sys.executable, "-c", ""],
            "import stance": [sys.executable, "-c", "import stance"],
            "stance analyze": [sys.executable, "-m", "stance", "analyze", article, *model],
        }
        found = {name: command_seconds(command) for name, command in commands.items()}
        for name, own in found.items():
            print(f"{name:15} {own['wall']:6.2f} s, {own['processor']:.2f} s of processor time")
        return found

    def _drain(self, articles: Any, targets: Sequence[str]) -> None:
        for _ in self.analyzer.analyze_many(articles, targets):
            pass


def narrow(model: checkpoint.Model) -> checkpoint.Model:
    """The same tokenizers and labels round a network of one narrow layer."""
    rows = model.tokenizer.get_vocab_size()
    sizes: Any = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1, "intermediate_size": 8}
    network = StanceNetwork(
        BertModel(BertConfig(vocab_size=rows, max_position_embeddings=1024, **sizes)),
        devices=len(model.schema.devices),
        stances=len(model.schema.stances),
    )
    return checkpoint.Model(
        name="narrow",
        config=model.config,
        schema=model.schema,
        calibration=model.calibration,
        network=network,
        tokenizer=model.tokenizer,
        lexicon=model.lexicon,
    )


def _sizes(batch: Batch) -> tuple[int, int]:
    """Tokens, and tokens with padding."""
    return int((batch.segments != 0).sum()), int(batch.segments.numel())


if __name__ == "__main__":
    main()
