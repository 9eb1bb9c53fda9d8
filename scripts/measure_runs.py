"""What a corpus run costs beside the network: time a paragraph, and memory, over a million paragraphs.

    python scripts/measure_runs.py                     # 1,000,000 paragraphs, fake network
    python scripts/measure_runs.py --engine-articles 60    # and the shipped model's own time a paragraph
    python scripts/measure_runs.py --ray 1 2           # and the same articles on 1 and on 2 Ray workers

The fake network gives each line of an article one stance and, where it fits, one device, in no time worth naming.
So the time of a run, less that of the fake alone, is what reading, digests, parts, the ledger, MinHash and writing
cost. Times are of this process's processor (`process_time`), so that other work on the machine does not blur them.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import stance
from stance import ArticleAnalysis, DevicePrediction, Paragraph, ParagraphAnalysis, Span, StancePrediction
from stance.distributed import RayEngine
from stance.duplicates import signature
from stance.formats import ArticleReader, Located
from stance.runs import Progress, label

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from stance import Article, LabelSchema

SENTENCES = (
    "港口的吊车停了三天，码头上的人都在等消息。",
    "这笔账像一块压在河底的石头，谁也不愿去翻。",
    "部门说问题已经解决，居民说水还是黄的。",
    "难道只有等到冬天，大家才想起煤价？",
)


class FakeNetwork:
    """An analyzer without a network; `seconds` is how long it sits on an article."""

    model_id = "fake@0"
    hardware = "no hardware: fake"

    def __init__(self, seconds: float = 0.0) -> None:
        self.seconds = seconds

    @property
    def schema(self) -> LabelSchema:
        """The labels."""
        return stance.DEFAULT_SCHEMA

    def analyze_many(
        self, articles: Iterable[Article], targets: Sequence[str] | None = None
    ) -> Iterator[ArticleAnalysis]:
        """One analysis an article."""
        for article in articles:
            time.sleep(self.seconds)
            yield self._analysis(article, tuple(targets or ("港口",)))

    def _analysis(self, article: Article, targets: tuple[str, ...]) -> ArticleAnalysis:
        paragraphs, start = [], 0
        for index, line in enumerate(article.text.split("\n")):
            probabilities = {"favor": 0.2, "against": 0.2, "neutral": 0.6}
            at = line.find("像")
            device = DevicePrediction("simile", 0.9, (Span(at, at + 1, "像", 0.8),))
            paragraphs.append(
                ParagraphAnalysis(
                    Paragraph(index, start, start + len(line), line),
                    tuple(StancePrediction(target, "neutral", probabilities) for target in targets),
                    (device,) if at >= 0 else (),
                )
            )
            start += len(line) + 1
        return ArticleAnalysis(article.id, article.title, targets, self.model_id, tuple(paragraphs))


def write_corpus(path: Path, articles: int, paragraphs: int) -> None:
    with path.open("w", encoding="utf-8") as file:
        for n in range(articles):
            lines = [f"第{n * paragraphs + i}段。{SENTENCES[(n + i) % len(SENTENCES)]}" for i in range(paragraphs)]
            row = {"id": f"a{n}", "title": f"第{n}篇", "text": "\n".join(lines), "source": "晚报"}
            file.write(json.dumps(row, ensure_ascii=False) + "\n")


def megabytes() -> float:
    """Largest memory of this process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def bare_seconds(news: Path) -> float:
    """The fake network alone, its articles in memory a few hundred at a time."""
    began, reading = time.process_time(), 0.0
    rows = iter(ArticleReader([news]))
    while True:
        before = time.process_time()
        articles = [row.article for _, row in zip(range(500), rows, strict=False) if isinstance(row, Located)]
        reading += time.process_time() - before
        if not articles:
            return time.process_time() - began - reading
        for _ in FakeNetwork().analyze_many(articles):
            pass


def measure_files(folder: Path, articles: int, paragraphs: int, near_duplicates: float | None) -> float:
    """Microseconds a paragraph that a run adds; prints memory on the way."""
    news = folder / "news.jsonl"
    write_corpus(news, articles, paragraphs)
    signature("")
    fake = bare_seconds(news)
    seen: list[float] = []

    def watch(now: Progress) -> None:
        if now.articles * 10 // articles > len(seen):
            seen.append(megabytes())

    began = time.process_time()
    report = label([news], folder / "labels.jsonl", FakeNetwork(), near_duplicates=near_duplicates, on_progress=watch)
    seconds = time.process_time() - began
    each = (seconds - fake) / report.paragraphs * 1e6
    print(f"{report.paragraphs:,} paragraphs in {report.articles:,} articles, near-duplicates {near_duplicates}:")
    print(f"  run {seconds:.1f} s, fake network alone {fake:.1f} s: the run adds {each:.0f} µs a paragraph")
    print(f"  memory after each tenth, MB: {' '.join(f'{m:.0f}' for m in seen)}; at the end {megabytes():.0f}")
    return each


def measure_engine(folder: Path, articles: int, paragraphs: int) -> float:
    """Microseconds a paragraph that the shipped model takes by itself, on one thread of the processor."""
    news = folder / "engine.jsonl"
    write_corpus(news, articles, paragraphs)
    given = [row.article for row in ArticleReader([news]) if isinstance(row, Located)]
    analyzer = stance.Analyzer.load(engine=stance.EngineConfig(hardware="cpu"))
    list(analyzer.analyze_many(given[:5], ["港口"]))
    began = time.process_time()
    list(analyzer.analyze_many(given, ["港口"]))
    each = (time.process_time() - began) / (articles * paragraphs) * 1e6
    print(f"bare engine ({analyzer.model_id}; {analyzer.hardware}): {each:.0f} µs a paragraph")
    return each


def measure_ray(folder: Path, workers: Sequence[int], seconds: float) -> None:
    """Articles a second on so many actors, each of which sits `seconds` on an article, as it would wait for a GPU."""
    news = folder / "ray.jsonl"
    write_corpus(news, 200, 10)
    rates = {}
    for count in workers:
        seen: list[tuple[float, int]] = []

        def watch(now: Progress, seen: list[tuple[float, int]] = seen) -> None:
            seen.append((time.perf_counter(), now.articles))

        began = time.perf_counter()
        engine = RayEngine(partial(FakeNetwork, seconds), count)
        label([news], folder / f"{count}.jsonl", FakeNetwork(), engine=engine, part_articles=5, on_progress=watch)
        wall = time.perf_counter() - began
        (start, first), (end, last) = seen[0], seen[-1]
        rates[count] = (last - first) / (end - start)
        print(f"Ray, {count} workers: {rates[count]:.2f} articles a second once it runs; {wall:.0f} s with the start")
    print("speed-up:", ", ".join(f"{count} workers ×{rate / rates[workers[0]]:.2f}" for count, rate in rates.items()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--paragraphs", type=int, default=1_000_000)
    parser.add_argument("--per-article", type=int, default=10, help="paragraphs in an article")
    parser.add_argument("--near-duplicates", type=float, default=0.8, help="0: not looked for")
    parser.add_argument("--engine-articles", type=int, default=0, help="articles for the shipped model, 0: none")
    parser.add_argument("--ray", type=int, nargs="*", default=[], help="numbers of Ray workers to compare")
    parser.add_argument("--ray-seconds", type=float, default=0.2, help="what an article takes on each of them")
    options = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if options.paragraphs:
            articles = options.paragraphs // options.per_article
            added = measure_files(folder, articles, options.per_article, options.near_duplicates or None)
        if options.engine_articles:
            bare = measure_engine(folder, options.engine_articles, options.per_article)
            if options.paragraphs:
                print(f"overhead of the run against the bare engine: {added / bare:.1%}")
        if options.ray:
            measure_ray(folder, options.ray, options.ray_seconds)


if __name__ == "__main__":
    main()
