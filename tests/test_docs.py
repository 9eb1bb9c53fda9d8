"""Every command and every block of Python in the docs, run in their order on tiny texts with a tiny model.

A command is run as it stands, but for what `IN_PLACE_OF` and `SMALLER` name. What cannot run in a test (it installs
packages, trains for hours, needs a cluster) is checked by `CHECKED`, and run on something small by the test that
`ELSEWHERE` names. A command of which nobody knows how to run it fails.
"""

from __future__ import annotations

import gzip
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from socket import create_server
from urllib.request import Request, urlopen

import pytest
import torch
import typer

import stance
from stance import Analyzer, EngineConfig, cli
from stance.formats import ArticleReader, read_analyses, write
from stance.model import checkpoint
from stance.schema import as_markdown

ROOT = Path(__file__).parents[1]
if not (ROOT / "docs").is_dir():
    pytest.skip("installed without its docs", allow_module_level=True)
PAGES = {
    path.name: path.read_text(encoding="utf-8") for path in [*sorted((ROOT / "docs").glob("*.md")), ROOT / "README.md"]
}

IN_PLACE_OF = {  # what the docs name: what a test has
    "hfl/chinese-roberta-wwm-ext": "encoder",
    "FOLDER": "encoder",
    "ENCODER": "encoder",
    "MODEL": "my-model",
    "DATA": "test.jsonl",
    "cuda": "cpu",
    "0.0.0.0": "127.0.0.1",
    "$STANCE_TOKEN": "geheim",
}
SMALLER = {"train": ["--epochs", "1"], "label": ["--restart"]}
"""Options added, to make a command short, or to replace what the command before has written."""

ELSEWHERE = {  # the tests that run what is only checked here
    "scripts/benchmark.py": "scripts/test_benchmark.py",
    "scripts/compare_cpu.py": "scripts/test_compare_cpu.py",
    "scripts/load_test.py": "scripts/test_load_test.py",
    "scripts/measure_runs.py": "scripts/test_measure_runs.py",
    "scripts/pretrain.py": "scripts/test_pretrain.py",
    "scripts/probe.py": "scripts/test_probe.py",
}


# --- what the docs show ---


def blocks(page, language):
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGES[page], re.MULTILINE | re.DOTALL)


def shown(page):
    """The lines to type, each with the lines that it goes on over."""
    for block in blocks(page, "console"):
        for line in block.replace("\\\n", " ").replace("&&\n", "&& ").splitlines():
            if line.startswith("$ "):
                yield line[2:]


def examples():
    """The lines to type that `--help` shows, in the order of the commands."""
    group = typer.main.get_command(cli.app)
    context = typer.Context(group)
    for name in group.list_commands(context):
        yield from re.findall(r"Example: (.*)", group.get_command(context, name).epilog or "")


def commands(line):
    """Words of the commands in a line of the shell, variables of the docs' own filled in."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    words = []
    for word in [*lexer, ";"]:
        if word not in (";", "&", "&&", "||"):
            words += ["python", "scripts/pretrain.py"] if word == "$P" else [word]
            continue
        while words and (words[0] in ("export", "nohup") or re.match(r"\w+=", words[0])):
            words.pop(0)
        words = words[3:] if words[:2] == ["nice", "-n"] else words
        if words and words[0] != "[":
            yield words
        words = []


LINES = {page: [words for line in shown(page) for words in commands(line)] for page in PAGES}
LINES["--help"] = [words for line in examples() for words in commands(line)]
LINES = {page: lines for page, lines in LINES.items() if lines}


def test_what_is_typed_is_found():
    assert len(LINES) >= 11
    assert LINES["--help"][0] == ["stance", "analyze", "article.txt", "--target", "美国", "--target", "中国"]
    assert len(LINES["--help"]) == len(cli.app.registered_commands)
    assert list(commands('nohup nice -n 5 python a.py --out "b c" > RUN.txt & # d')) == [
        ["python", "a.py", "--out", "b c", ">", "RUN.txt"]
    ]
    assert list(commands("[ -e data ] || $P train -x && A=1 stance serve")) == [
        ["python", "scripts/pretrain.py", "train", "-x"],
        ["stance", "serve"],
    ]


# --- where it runs ---

ARTICLES = [
    {
        "id": "n1",
        "title": "石磨",
        "text": "财政是石磨。\n\n中国增长，美国不好。",
        "source": "甲报",
        "date": "2026-01-05",
    },
    {
        "id": "n2",
        "title": "税",
        "text": "税像山一样高。\n\n美国是神，中国是人。",
        "source": "乙报",
        "date": "2026-02-07",
    },
]
"""By its id, n2 is of the tenth that `stance train` holds out."""


def labelled(id):
    label = {"stance": {"美国": "against"}, "devices": [["metaphor", "石磨"]]}
    blank = {"stance": {}, "devices": []}
    return {
        "id": id,
        "title": "",
        "paragraphs": ["美国是石磨。", "中国增长。"],
        "targets": ["美国"],
        "labels": [label, blank],
    }


def write_rows(path, rows):
    path.parent.mkdir(exist_ok=True)
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")


@pytest.fixture(scope="module")
def shipped(model, tmp_path_factory):
    """A tiny model in the place of the one that comes with stance."""
    folder = tmp_path_factory.mktemp("shipped")
    checkpoint.save(model, folder)
    return folder


def no_cluster(load, workers):
    """In the place of `RayEngine`, which tests/test_distributed.py runs: what its actors load, and the local engine."""
    assert load().model_id.startswith("tiny")


@pytest.fixture
def folder(tmp_path, monkeypatch, shipped, roomy_encoder):
    """A folder with the files that the docs speak of."""
    monkeypatch.setattr("stance.analyzer.shipped_model", lambda: shipped)
    monkeypatch.setattr("stance.distributed.RayEngine", no_cluster)
    monkeypatch.delenv("STANCE_TOKEN", raising=False)
    monkeypatch.chdir(tmp_path)
    shutil.copytree(shipped, "my-model")
    shutil.copytree(roomy_encoder, "encoder")
    checkpoint.save(checkpoint.from_encoder("encoder", stance.DEFAULT_SCHEMA, name="tiny"), Path("models/news-small"))
    Path("data").mkdir()
    shutil.copy(ROOT / "data" / "cues.tsv", "data")
    Path("article.txt").write_text(ARTICLES[0]["text"], encoding="utf-8")
    for name in ("news.jsonl", "2019/news.jsonl", "2020/more.jsonl"):
        write_rows(Path(name), ARTICLES)
    csv = "编号,标题,正文\n" + "".join(f'{a["id"]},{a["title"]},"{a["text"]}"\n' for a in ARTICLES)
    Path("news.csv").write_text(csv, encoding="utf-8")
    Path("extra").mkdir()
    Path("extra/more.csv.gz").write_bytes(gzip.compress("id,text\nx,税像山一样高。\n".encode()))
    for name in ("labelled.jsonl", "mine.jsonl", "test.jsonl"):
        write_rows(Path(name), map(labelled, ("n1", "n2", "n3")))
    analyzer = Analyzer.load(engine=EngineConfig(hardware="cpu", precision="float32"))
    analyses = list(analyzer.analyze_many(located.article for located in ArticleReader(["news.jsonl"])))
    for name in ("labels.jsonl", "labels.parquet", "anna.jsonl", "ben.jsonl"):
        write(analyses, name)
    yield tmp_path
    torch.set_float32_matmul_precision("highest")  # training has set it


# --- how it runs ---


class Terminal:
    """Runs what a page tells to type, one line after the other."""

    def __init__(self, page, monkeypatch, capsys):
        self.page = page
        self._monkeypatch = monkeypatch
        self._capsys = capsys
        self._requests = [words for words in LINES[page] if words[0] == "curl"]
        self._served = False

    def type(self, words):
        program, *arguments = words
        if program == "stance":
            self._stance([IN_PLACE_OF.get(word, word) for word in arguments])
        elif program == "curl":
            assert self._served, f"{self.page}: curl before `stance serve`"
        elif program in CHECKED:
            CHECKED[program](words)
        else:
            pytest.fail(f"{self.page}: nobody knows how to run: {shlex.join(words)}")

    def _stance(self, words):
        words, redirected = (words[:-2], words[-1]) if ">" in words else (words, None)
        if words[0] == "serve":
            self._serve(words)
        else:
            make_way(words)
            out = self._run([*words, *SMALLER.get(words[0], [])])
            if redirected:
                Path(redirected).write_text(out, encoding="utf-8")

    def _run(self, words):
        self._monkeypatch.setattr(sys, "argv", ["stance", *words])
        with pytest.raises(SystemExit) as caught:
            cli.main()
        out, err = self._capsys.readouterr()
        assert not caught.value.code, (self.page, words, err)
        return out

    def _serve(self, words):
        """The command here; its clients in another thread, which in the end presses Ctrl-C."""
        with create_server(("127.0.0.1", 0)) as free:
            port = str(free.getsockname()[1])
        words = [port if word == "8000" else word for word in words]
        words += [] if "--port" in words else ["--port", port]
        token = words[words.index("--token") + 1] if "--token" in words else ""
        over = threading.Event()
        with ThreadPoolExecutor(1) as pool:
            asked = pool.submit(self._ask, f"http://localhost:{port}", token, over)
            try:
                self._run(words)
            finally:
                over.set()
        asked.result()
        self._served = True

    def _ask(self, address, token, over):
        try:
            wait_for(f"{address}/health", over)
            request = Request(f"{address}/v1/analyze", "税像山一样高。".encode(), {"Content-Type": "text/plain"})
            request.add_header("Authorization", f"Bearer {token}")
            assert json.load(urlopen(request, timeout=60))["paragraphs"][0]["text"] == "税像山一样高。"
            if self._requests and not self._served:
                for words in self._requests:
                    done = subprocess.run(at(address, words), capture_output=True, check=True, timeout=60)
                    assert done.stdout
                    assert b'{"error"' not in done.stdout, (words, done.stdout)
                run_python(self.page, {}, address)
        finally:
            if not over.is_set():
                os.kill(os.getpid(), signal.SIGINT)


def at(address, words):
    return [word.replace("http://localhost:8000", address) for word in words]


def wait_for(address, over):
    until = time.monotonic() + 60
    while not answers(address):
        assert time.monotonic() < until, f"no answer from {address}"
        assert not over.is_set(), "the command ended by itself"
        time.sleep(0.02)


def answers(address):
    try:
        return bool(urlopen(address, timeout=10).read())
    except OSError:
        return False


def make_way(words):
    """What must be there, or may not be there, before a command."""
    if words[0] == "label":  # it replaces no file but its own
        for word in words:
            if word.startswith("labels."):
                Path(word).unlink(missing_ok=True)
    elif words[0] == "train":
        shutil.rmtree("my-model")
    elif "--errors" in words:  # a model of random weights tells no stances apart
        path = Path(words[words.index("--errors") + 1])
        scores = json.loads(path.read_text(encoding="utf-8"))
        for true, found in scores["confusion"].items():
            found[true] += 9
        path.write_text(json.dumps(scores), encoding="utf-8")
    elif words[0] == "import" and words[1] == "export.json":  # annotators submit what was predicted
        tasks = json.loads(Path("tasks.json").read_text(encoding="utf-8"))
        done = [{"data": task["data"], "annotations": task["predictions"]} for task in tasks]
        Path("export.json").write_text(json.dumps(done), encoding="utf-8")
    elif words[0] == "import":
        shutil.copy("tasks.jsonl", words[1])


def check_script(words):
    """A program in Python of ours: that there is a test of it, and that it has the options."""
    script, arguments = words[1], words[2:]
    test = (ROOT / "tests" / ELSEWHERE[script]).read_text(encoding="utf-8")
    name = Path(script).stem
    assert re.search(rf'^import {name}$|import_module\("{name}"\)|{name}\.py', test, re.MULTILINE), script
    sources = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "scripts").rglob("*.py"))
    for word in arguments:  # an option, or a field of settings
        if word.startswith("--"):
            assert re.search(rf'"{word}"|^\s+{word[2:].replace("-", "_")}: ', sources, re.MULTILINE), word


def check_shell(words):
    assert os.access(ROOT / words[0], os.X_OK)
    subprocess.run(["sh", "-n", ROOT / words[0]], check=True)


def check_extras(words):
    assert words[1] == "install"
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    for extra in re.findall(r"[\w-]+(?=[\],])", words[-1]):
        assert f"\n{extra} = [" in project


CHECKED = {
    "pip": check_extras,
    "python": check_script,
    "ray": lambda words: words[1] == "start" or pytest.fail(words),
    "scripts/demo": check_shell,
    "scripts/test": check_shell,
}


@pytest.mark.parametrize("page", LINES)
def test_the_commands_of_a_page_run_one_after_the_other(page, folder, monkeypatch, capsys):
    terminal = Terminal(page, monkeypatch, capsys)
    for words in LINES[page]:
        terminal.type(words)
    if page == "quick-start.md":
        assert [a.id for a in read_analyses("labels.parquet")] == ["n1", "n2"]
        assert Path("report/index.html").is_file()
    elif page == "own-labels.md":
        scheme = stance.LabelSchema.load(Path("my-model/schema.json"))
        assert scheme == stance.LabelSchema.load(Path("labels.yaml"))
        assert scheme.device_ids == ("metaphor", "irony")
        assert {a.model.split("@")[0] for a in read_analyses("labels.parquet")} == {"mine"}


def test_a_command_that_nobody_knows_is_refused(monkeypatch, capsys):
    with pytest.raises(pytest.fail.Exception, match="nobody knows how to run: make all"):
        Terminal("README.md", monkeypatch, capsys).type(["make", "all"])
    with pytest.raises(KeyError, match=r"scripts/none\.py"):
        Terminal("README.md", monkeypatch, capsys).type(["python", "scripts/none.py"])


# --- Python ---

GIVEN = {
    "README.md": lambda: {"text": ARTICLES[0]["text"], "articles": [stance.Article.from_text(ARTICLES[1]["text"])]}
}
"""Names that a block takes as known."""


def run_python(page, names, address="http://localhost:8000"):
    code = "\n".join(block for block in blocks(page, "python") if "import ray" not in block)
    exec(compile(code.replace("http://localhost:8000", address), page, "exec"), names)


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page, "python") and page != "serve.md"])
@pytest.mark.filterwarnings("ignore")  # of datasets
def test_the_python_of_a_page_runs_from_top_to_bottom(page, folder, capsys):
    run_python(page, {"__name__": page, **GIVEN.get(page, dict)()})
    assert capsys.readouterr().out


# --- the rest ---


def test_labels_are_printed_from_the_scheme():
    assert PAGES["labels.md"].endswith("\n\n" + as_markdown(stance.DEFAULT_SCHEMA) + "\n")


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page):
    folder = ROOT if page == "README.md" else ROOT / "docs"
    for target in re.findall(r"\]\(([^)#]+)\)", PAGES[page]):
        if not target.startswith("http"):
            assert (folder / target).exists(), target
