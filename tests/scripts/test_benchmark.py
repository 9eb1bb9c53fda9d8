"""The benchmark: its corpus, its clock, and that all of its parts say what they should."""

from __future__ import annotations

import json
import sys
from itertools import islice
from pathlib import Path

import pytest
import torch

sys.path.insert(0, str(Path(__file__).parents[2] / "scripts"))

import benchmark
from benchmarking import corpus
from benchmarking.clock import Clock, command_seconds, matrix_rate, operations, peak_memory
from benchmarking.pipelines import Pipelines

from stance import Article
from stance.model import checkpoint


@pytest.fixture(scope="module")
def folder(make_model, tmp_path_factory):
    """A tiny model on disk."""
    folder = tmp_path_factory.mktemp("tiny")
    checkpoint.save(make_model(), folder)
    return folder


def run(folder, capsys, *options):
    benchmark.main(["--model", str(folder), "--hardware", "cpu", "--clock", "processor", *options])
    printed = capsys.readouterr().out
    return printed, json.loads(printed.splitlines()[-1])


def test_generated_articles_are_the_same_each_time_and_have_no_end():
    first, again = (list(islice(corpus.generate(), 50)) for _ in range(2))
    assert first == again
    assert list(islice(corpus.generate(2), 50)) != first
    assert len({article.id for article in first}) == 50
    assert all(4 <= len(article.paragraphs) <= 16 for article in first)


def test_a_corpus_ends_with_its_paragraphs():
    articles = [Article.from_paragraphs(["好"] * 4)] * 3 + [Article.from_text("好\n美")] * 3
    assert [len(list(corpus.cut(iter(articles), n))) for n in (1, 4, 5, 12, 13, 99)] == [1, 1, 2, 3, 4, 6]


def test_written_articles_are_read(tmp_path):
    articles = list(islice(corpus.generate(), 3))
    corpus.write(articles, tmp_path / "a.jsonl")
    read = list(corpus.read(str(tmp_path / "a.jsonl")))
    assert [(a.id, a.title, a.paragraphs) for a in read] == [(a.id, a.title, a.paragraphs) for a in articles]


def test_sixteen_different_targets():
    assert len(set(corpus.TARGETS)) == 16


def test_works_are_timed_in_turn(monkeypatch):
    order, now = [], iter([0, 1, 1, 11, 20, 23, 30, 32, 40, 42, 50, 59])
    monkeypatch.setattr(Clock, "now", lambda clock: next(now))
    clock = Clock(processor=False)
    seconds = clock.in_turn({"a": lambda: order.append("a"), "b": lambda: order.append("b")}, 3)
    assert order == ["a", "b"] * 3
    assert seconds == {"a": 2, "b": 9}  # medians of 1, 3, 2 and of 10, 2, 9


def test_operations_are_counted():
    assert operations(lambda: torch.ones(3, 4) @ torch.ones(4, 5)) == 2 * 3 * 4 * 5


def test_rates_and_memory_are_numbers_of_this_machine():
    assert matrix_rate(torch.device("cpu"), torch.float32, Clock(processor=False)) > 1e8
    assert 10 < peak_memory() < 1e6
    taken = command_seconds([sys.executable, "-c", "sum(range(10**6))"])
    assert 0 < taken["wall"] < 60


def test_pipelines_read_every_paragraph_and_every_pair(make_model):
    model = make_model()
    pipelines = Pipelines.of(model, torch.device("cpu"), torch.float32)
    encoder = pipelines.tags.model.base_model.state_dict()
    for name, weight in model.network.encoder.state_dict().items():
        if name in encoder:
            assert torch.equal(encoder[name], weight)
    assert pipelines.run(["中国好", "石磨"], ["中国", "美国", "石磨"], 2) == 2 + 6
    text, pair = pipelines.tags.tokenizer("好"), pipelines.pairs.tokenizer("好", "美国")
    names = pipelines.tags.tokenizer.convert_ids_to_tokens
    assert names(text["input_ids"]) == ["[CLS]", "好", "[SEP]"]
    assert names(pair["input_ids"]) == ["[CLS]", "好", "[SEP]", "美", "国", "[SEP]"]


def test_the_table_compares_equal_work(folder, capsys):
    printed, report = run(folder, capsys, "--quick", "--only", "table")
    table = report["table"]
    assert table["paragraphs"] >= 40
    names = list(table["rows"])
    assert names[-3:] == ["b forward", "c analyze_many", "d label"]
    assert all(name.startswith("a pipelines, ") for name in names[:-3])
    for name, row in table["rows"].items():
        assert name in printed
        assert row["paragraphs_per_second"] == pytest.approx(table["paragraphs"] / row["seconds"], rel=0.01)
    seconds = {name: row["seconds"] for name, row in table["rows"].items()}
    best = min(own for name, own in seconds.items() if name.startswith("a "))
    assert table["c_to_best_a"] == pytest.approx(best / seconds["c analyze_many"], rel=0.02)
    assert table["c_to_b"] == pytest.approx(seconds["c analyze_many"] / seconds["b forward"], rel=0.02)
    assert table["d_to_c"] == pytest.approx(seconds["d label"] / seconds["c analyze_many"], rel=0.02)
    assert 0 <= table["padding"] < 0.5


def test_the_other_parts(folder, capsys):
    printed, report = run(folder, capsys, "--quick", "--only", "targets", "scale", "memory")
    assert list(report["targets"]["seconds"]) == ["1", "16"]
    first, last = report["targets"]["seconds"].values()
    assert report["targets"]["cost_of_one_more"] == pytest.approx((last - first) / 15 / first, abs=0.01)
    assert list(report["scale"]) == ["40", "200"]
    assert report["memory"]["many"] >= 1000
    assert 0 <= report["memory"]["growth"] < 1
    assert report["peak_memory_mb"] >= report["memory"]["few_mb"] > 0
    assert report["hardware"] in printed


def test_start_up_is_timed(folder, capsys, monkeypatch):
    commands = []
    monkeypatch.setattr(benchmark, "command_seconds", lambda c: commands.append(c) or {"wall": 1.0, "processor": 0.5})
    _, report = run(folder, capsys, "--quick", "--only", "startup")
    assert report["startup"]["stance analyze"] == {"wall": 1.0, "processor": 0.5}
    assert [command[1:3] for command in commands] == [["-c", ""], ["-c", "import stance"], ["-m", "stance"]]
    assert Path(commands[2][4]).is_file()
    assert commands[2][5:] == ["--model", str(folder)]


def test_a_file_of_articles_is_taken(folder, capsys, tmp_path):
    file = tmp_path / "own.jsonl"
    corpus.write([Article.from_paragraphs(["中国好", "美国好"], id="1")] * 2, file)
    _, report = run(folder, capsys, "--quick", "--only", "scale", "--corpus", str(file))
    assert set(report["scale"]) == {"40", "200"}
