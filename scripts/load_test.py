"""How much the service bears: many clients at once on this machine, and every answer checked.

    python scripts/load_test.py [--model FOLDER] [--clients 64] [--requests 5] [--json]

Starts `stance serve` on a free port of the loopback address, and ends it. Four bounded rounds:

    alone      one client, one request after the other: the yardstick
    together   all clients at once, each with so many requests of 1 to 50 paragraphs
    overload   more clients than the service takes: refusals must come at once
    alone      again: the service must be well, and other load on the machine may have changed

Every answer must be what `Analyzer.analyze` gives for that article, to 1e-3 in probabilities (2e-2 in bfloat16); labels
whose probability is that near a threshold or another may differ and are counted.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import socket
import statistics
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import TYPE_CHECKING, Any

import stance
from stance.training.examples import read_labelled

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

PARAGRAPHS = Path(__file__).parents[1] / "data" / "train.jsonl"
TARGETS = ("美国", "中国", "日本")
PATIENCE_S = 300


@dataclass(frozen=True, slots=True)
class Answer:
    """What a request came to: its number, status, seconds, and the body."""

    number: int
    status: int
    seconds: float
    body: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Round:
    """Figures of a round; seconds of those answered 200."""

    name: str
    requests: int
    answered: int
    refused: int
    lost: int
    p50_s: float
    p99_s: float
    paragraphs_per_s: float
    slowest_refusal_s: float

    @classmethod
    def of(cls, name: str, answers: Sequence[Answer], wall: float) -> Round:
        """The figures of all answers of a round that took `wall` seconds."""
        good = [a for a in answers if a.status == 200]
        refused = [a for a in answers if a.status in {429, 503}]
        seconds = sorted(a.seconds for a in good) or [0.0]
        return cls(
            name=name,
            requests=len(answers),
            answered=len(good),
            refused=len(refused),
            lost=len(answers) - len(good) - len(refused),
            p50_s=round(statistics.median(seconds), 3),
            p99_s=round(seconds[min(len(seconds) - 1, int(0.99 * len(seconds)))], 3),
            paragraphs_per_s=round(sum(len(a.body["paragraphs"]) for a in good) / wall, 1),
            slowest_refusal_s=round(max((a.seconds for a in refused), default=0.0), 3),
        )


def articles(number: int, seed: int = 0) -> list[dict[str, Any]]:
    """Made-up articles of 1 to 50 paragraphs of the project's own data."""
    rng = random.Random(seed)
    texts = [text for article in read_labelled(PARAGRAPHS, stance.DEFAULT_SCHEMA) for text in article.paragraphs]
    return [
        {
            "id": f"load-{i}",
            "paragraphs": rng.sample(texts, rng.randint(1, 50)),
            "targets": list(rng.sample(TARGETS, rng.randint(1, 2))),
        }
        for i in range(number)
    ]


def ask(port: int, number: int, article: dict[str, Any]) -> Answer:
    """Send one article; status 0 where no answer came."""
    begun = time.monotonic()
    connection = HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
    try:
        body = json.dumps(article).encode()
        connection.request("POST", "/v1/analyze", body, {"Content-Type": "application/json"})
        response = connection.getresponse()
        return Answer(number, response.status, time.monotonic() - begun, json.loads(response.read()))
    except (OSError, ValueError) as error:
        return Answer(number, 0, time.monotonic() - begun, {"error": str(error)})
    finally:
        connection.close()


def run(port: int, name: str, work: Sequence[dict[str, Any]], clients: int) -> tuple[Round, list[Answer]]:
    """All articles of `work`, by so many clients at once."""
    begun = time.monotonic()
    with ThreadPoolExecutor(clients) as pool:
        answers = list(pool.map(lambda item: ask(port, *item), enumerate(work)))
    return Round.of(name, answers, time.monotonic() - begun), answers


def wrong(answers: Sequence[Answer], expected: Sequence[dict[str, Any]], tolerance: float) -> tuple[int, int]:
    """Answers that are wrong, and answers with a label that differs within the tolerance."""
    bad = near = 0
    for answer in answers:
        if answer.status != 200:
            continue
        differences = list(_differences(answer.body, expected[answer.number % len(expected)], tolerance))
        bad += any(not close for close in differences)
        near += bool(differences) and all(differences)
    return bad, near


def _differences(found: dict[str, Any], own: dict[str, Any], tolerance: float) -> Iterator[bool]:
    """One item for each difference: whether it is within the tolerance."""
    if found["id"] != own["id"] or [p["text"] for p in found["paragraphs"]] != [p["text"] for p in own["paragraphs"]]:
        yield False
        return
    for ours, theirs in zip(own["paragraphs"], found["paragraphs"], strict=True):
        for a, b in zip(ours["stances"], theirs["stances"], strict=True):
            gap = max(abs(p - b["probabilities"][name]) for name, p in a["probabilities"].items())
            if a["target"] != b["target"] or gap > tolerance:
                yield False
            elif a["stance"] != b["stance"]:
                yield True
        if [d["device"] for d in ours["devices"]] != [d["device"] for d in theirs["devices"]]:
            yield True  # a probability at its threshold; how many, shows in the figures
        else:
            yield from (False for a, b in zip(ours["devices"], theirs["devices"], strict=True)
                        if abs(a["probability"] - b["probability"]) > tolerance)  # fmt: skip


def serve(model: str | None, port: int, max_requests: int) -> subprocess.Popen[bytes]:
    """The service in a process of its own, once it answers."""
    options = {"--port": port, "--max-requests": max_requests, "--timeout": PATIENCE_S, "--model": model}
    given = [str(word) for pair in options.items() if pair[1] is not None for word in pair]
    process = subprocess.Popen([sys.executable, "-m", "stance", "serve", *given], stderr=subprocess.DEVNULL)
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until and process.poll() is None:
        connection = HTTPConnection("127.0.0.1", port, timeout=1)
        try:
            connection.request("GET", "/health")
            if connection.getresponse().status == 200:
                return process
        except OSError:
            time.sleep(0.2)
        finally:
            connection.close()
    process.kill()
    raise SystemExit(f"the service did not start on port {port}")


def measure(model: str | None, clients: int, requests: int) -> dict[str, Any]:
    """All rounds; see above."""
    work = articles(clients * requests)
    analyzer = stance.Analyzer.load(model)
    tolerance = 2e-2 if "bfloat16," in analyzer.hardware else 1e-3
    expected = [
        analyzer.analyze(
            stance.Article.from_paragraphs(item["paragraphs"], id=item["id"], targets=item["targets"])
        ).to_dict()
        for item in work
    ]
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = serve(model, port, max_requests=clients)
    try:
        few = work[: max(20, len(work) // 10)]
        alone, first = run(port, "alone", few, 1)
        together, second = run(port, "together", work, clients)
        overload, third = run(port, "overload", (work * (4 * clients))[: 4 * clients], 4 * clients)
        after, fourth = run(port, "alone again", few, 1)
    finally:
        process.terminate()
        process.wait(60)
    bad, near = wrong([*first, *second, *third, *fourth], expected, tolerance)
    return {
        "hardware": analyzer.hardware,
        "cores": os.cpu_count(),
        "clients": clients,
        "rounds": [asdict(r) for r in (alone, together, overload, after)],
        "wrong": bad,
        "label_at_a_threshold": near,
        "speedup": round(2 * together.paragraphs_per_s / (alone.paragraphs_per_s + after.paragraphs_per_s), 2),
        "exit_code": process.returncode,
    }


def main() -> None:
    """Run the rounds and print their figures; exit code 1 where an answer was lost or wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model")
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--requests", type=int, default=5, help="of each client")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    found = measure(options.model, options.clients, options.requests)
    if options.json:
        print(json.dumps(found, indent=1))
    else:
        print(f"{found['hardware']}; {found['cores']} cores")
        for row in found["rounds"]:
            print("  ".join(f"{name} {value}" for name, value in row.items()))
        print(f"speed-up {found['speedup']}, wrong {found['wrong']}, at a threshold {found['label_at_a_threshold']}")
    well = found["wrong"] == 0 and not any(row["lost"] for row in found["rounds"])
    sys.exit(0 if well and found["rounds"][-1]["refused"] == 0 else 1)


if __name__ == "__main__":
    main()
