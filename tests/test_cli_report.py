"""`stance summarize`, `stance report`, and the pages of `stance analyze`: what goes where, and with what exit code."""

from __future__ import annotations

import io
import json
import sys
import types

import pytest
from fake_analyzer import FakeAnalyzer

import stance
from stance import cli
from stance.formats import read_analyses, write

TEXT = "镇上的人都在谈论这件事，没有人知道结果会怎样。\n石磨压着小镇，镇长却称赞了石磨。\n"


@pytest.fixture(autouse=True)
def analyzer(monkeypatch):
    monkeypatch.setitem(stance.__dict__, "Analyzer", types.SimpleNamespace(load=lambda *_, **__: FakeAnalyzer()))
    monkeypatch.setitem(stance.__dict__, "EngineConfig", lambda **_: None)


@pytest.fixture
def run(monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["stance", *map(str, arguments)])
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(TEXT.encode())))
        with pytest.raises(SystemExit) as caught:
            cli.main()
        out, err = capsys.readouterr()
        return caught.value.code or 0, out, err

    return call


@pytest.fixture
def labels(tmp_path):
    articles = [
        stance.Article.from_paragraphs(
            TEXT.split("\n")[:2],
            id=str(n),
            title=f"第{n}篇",
            targets=["镇长"],
            extra={"source": "甲乙"[n % 2], "date": f"2024-0{n + 1}"},
        )
        for n in range(4)
    ]
    path = tmp_path / "labels.jsonl"
    write(FakeAnalyzer().analyze_many(articles), path)
    return path


# --- summarize ---


def test_summarize_writes_what_the_library_gives(run, labels, tmp_path):
    code, out, err = run("summarize", labels, "s.jsonl", "--corpus", "c.json", "--by", "source", "--by", "date:year")
    assert (code, out) == (0, "")
    assert err == "s.jsonl: 4 articles summed up.\n"
    analyses = list(read_analyses(labels))
    corpus = stance.summarize_corpus(analyses, ["source", "date:year"])
    written = [json.loads(line) for line in (tmp_path / "s.jsonl").read_text(encoding="utf-8").splitlines()]
    assert written == [stance.summarize(analysis, corpus).to_dict() for analysis in analyses]
    assert json.loads((tmp_path / "c.json").read_text(encoding="utf-8")) == corpus.to_dict()


def test_summarize_in_english_and_with_corrected_shares(run, labels, tmp_path):
    stances = ("favor", "against", "neutral")
    confusion = {true: {found: 80 if true == found else 10 for found in stances} for true in stances}
    (tmp_path / "scores.json").write_text(json.dumps({"confusion": confusion}))
    options = ("--language", "en", "--corpus", "c.md", "--errors", "scores.json")
    assert run("summarize", labels, "s.md", *options)[0] == 0
    assert "corrected" in (tmp_path / "c.md").read_text(encoding="utf-8")
    assert "## Devices" in (tmp_path / "s.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["summarize", "labels.jsonl", "s.txt"], "unknown kind of output '.txt'"),
        (["summarize", "labels.jsonl", "s.md", "--corpus", "c.json", "--by", "paper"], "a column 'paper'"),
        (["summarize", "labels.jsonl", "s.md", "--by", "source"], "name its file with --corpus"),
        (["summarize", "nothing.jsonl", "s.md"], "nothing.jsonl"),
        (
            ["summarize", "labels.jsonl", "s.md", "--corpus", "c.md", "--errors", "labels.jsonl"],
            "expected scores in JSON",
        ),
        (["report", "nothing.jsonl", "out"], "nothing.jsonl"),
        (["report", "labels.jsonl", "."], "expected a new folder"),
        (["report", "labels.jsonl", "out", "--pages", "-1"], "--pages"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_go(run, labels, arguments, part):
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert part in " ".join(err.replace("│", " ").split())
    assert "Traceback" not in err


# --- report ---


def test_report_in_a_folder_and_in_a_file(run, labels, tmp_path):
    code, out, err = run("report", labels, "out")
    assert (code, out) == (0, "")
    assert err == f"{tmp_path.joinpath('out', 'index.html').relative_to(tmp_path)}: 4 articles, 4 with a page.\n"
    assert (tmp_path / "out" / "articles" / "00004.html").is_file()
    code, _, err = run("report", labels, "out.html", "--pages", 2, "--language", "en")
    assert (code, err) == (0, "out.html: 4 articles, 2 with a page.\n")
    assert '<html lang="en"' in (tmp_path / "out.html").read_text(encoding="utf-8")


# --- analyze ---


def test_analyze_sums_up_under_the_text(run):
    code, out, _ = run("analyze", "-", "-t", "镇长")
    assert code == 0
    prose = stance.summarize(FakeAnalyzer().analyze(stance.Article.from_text(TEXT), ["镇长"])).chinese
    assert prose in out.replace("\n", "")
    assert out.index("称赞了石磨") < out.index(prose[:10])
    assert "favor of" in run("analyze", "-", "-t", "镇长", "--language", "en")[1].replace("\n", " ")


def test_analyze_as_a_page(run):
    code, out, err = run("analyze", "-", "-t", "镇长", "--format", "html")
    assert (code, err) == (0, "")
    assert out.startswith("<!doctype html>")
    assert ">石磨</mark>" in out
    assert out.endswith("</html>\n")
    code, out, err = run("analyze", "-", "-t", "镇长", "--format", "markdown")
    assert (code, err) == (0, "")
    assert out.endswith("‹石磨›隐喻压着小镇，镇长却称赞了石磨。\n\n> ▲ 镇长 支持 0.75\n")
