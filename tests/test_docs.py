"""Every command and every line of Python in the docs: run where it can be, else checked against the options there are."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from fake_analyzer import FakeAnalyzer
from running_service import running

import stance
from stance import Analyzer, EngineConfig, cli
from stance.formats import read_analyses, write
from stance.schema import as_markdown

ROOT = Path(__file__).parents[1]
PAGES = sorted(path for path in (ROOT / "docs").glob("*.md"))
OWN = ["quick-start.md", "recipes.md", "own-labels.md", "limits.md"]
if not (ROOT / "docs").is_dir():
    pytest.skip("installed without its docs", allow_module_level=True)

NOT_RUN = ("train", "serve", "evaluate")
"""Commands that take long, or do not end; their options are checked."""

ARTICLES = [
    {
        "id": "a1",
        "title": "石磨",
        "text": "财政是石磨。\n\n中国增长，美国不好。",
        "source": "甲报",
        "date": "2026-01-05",
    },
    {
        "id": "a2",
        "title": "税",
        "text": "税像山一样高。\n\n美国是神，中国是人。",
        "source": "乙报",
        "date": "2026-02-07",
    },
]


def blocks(page, language):
    text = page.read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def commands(page):
    for block in blocks(page, "console"):
        for line in block.replace("\\\n", " ").splitlines():
            if line.startswith("$ "):
                yield line[2:].split("   #")[0].strip()


def words_of(command):
    try:
        return shlex.split(command.split(" > ")[0], comments=True)
    except ValueError:  # a quotation that goes on over several lines, of the shell's own
        return [command]


ALL = [(page.name, command) for page in [*PAGES, ROOT / "README.md"] for command in commands(page)]


@pytest.mark.parametrize(("page", "command"), ALL)
def test_every_command_has_the_options_that_it_is_shown_with(page, command):
    program, *arguments = words_of(command)
    if program == "stance":
        group = typer.main.get_command(cli.app)
        name, found, rest = group.resolve_command(typer.Context(group), arguments)
        sketch = "…" in rest  # what else is needed is said elsewhere
        given = [word for word in rest if word != "…"]
        assert found.make_context(name, given, resilient_parsing=sketch)  # else raises
    elif program == "pip":
        extras = re.findall(r"stance\[([\w,]+)\]", command)
        project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
        assert all(f"\n{extra} = [" in project for names in extras for extra in names.split(","))
    elif program == "python" and arguments[0] != "-m":
        assert (ROOT / arguments[0]).is_file()
        scripts = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "scripts").rglob("*.py"))
        for word in (word for word in arguments if word.startswith("--")):  # an option, or a field of settings
            assert re.search(rf'"{word}"|^\s+{word[2:].replace("-", "_")}: ', scripts, re.MULTILINE), word


def test_labels_are_printed_from_the_scheme():
    page = (ROOT / "docs" / "labels.md").read_text(encoding="utf-8")
    assert page.endswith("\n\n" + as_markdown(stance.DEFAULT_SCHEMA) + "\n")


@pytest.mark.parametrize("page", [*PAGES, ROOT / "README.md"], ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8")):
        if not target.startswith("http"):
            assert (page.parent / target).exists(), target


@pytest.fixture
def folder(tmp_path, monkeypatch, model):
    """A folder with what the docs speak of, and a tiny model in the place of the shipped one."""
    analyzer = Analyzer(model, EngineConfig(hardware="cpu", precision="float32"))
    monkeypatch.setattr(Analyzer, "load", classmethod(lambda cls, *args, **kwargs: analyzer))
    monkeypatch.chdir(tmp_path)
    Path("article.txt").write_text(ARTICLES[0]["text"], encoding="utf-8")
    Path("news.jsonl").write_text("".join(json.dumps(a) + "\n" for a in ARTICLES), encoding="utf-8")
    rows = "".join(f'{a["id"]},{a["title"]},"{a["text"]}"\n' for a in ARTICLES)
    Path("news.csv").write_text("编号,标题,正文\n" + rows, encoding="utf-8")
    analyses = list(analyzer.analyze_many(map(_article, ARTICLES)))
    for name in ("labels.jsonl", "anna.jsonl", "ben.jsonl"):
        write(analyses, name)
    return tmp_path


def _article(record):
    return stance.Article.from_text(record["text"], id=record["id"], title=record["title"])


def annotated(name, tasks):
    """What people export: the model's labels, as they are."""
    if name == "export.json":
        records = json.loads(Path(tasks).read_text(encoding="utf-8"))
        for record in records:
            record["annotations"] = record.pop("predictions")
        Path(name).write_text(json.dumps(records), encoding="utf-8")
    else:
        shutil.copy(tasks, name)


@pytest.mark.parametrize("page", OWN)
def test_the_commands_of_a_page_run_one_after_the_other(page, folder, monkeypatch, capsys):
    ran = 0
    for command in commands(ROOT / "docs" / page):
        program, *arguments = words_of(command)
        if program != "stance" or arguments[0] in NOT_RUN or "ray" in arguments or "cuda" in arguments:
            continue
        for export, tasks in (("export.json", "tasks.json"), ("export.jsonl", "tasks.jsonl")):
            if export in arguments:
                annotated(export, tasks)
        if arguments[0] == "label":
            Path(arguments[2]).unlink(missing_ok=True)
            arguments.append("--restart")
        Path("labels.yaml").unlink(missing_ok=True) if arguments[0] == "new-schema" else None
        monkeypatch.setattr(sys, "argv", ["stance", *arguments])
        with pytest.raises(SystemExit) as caught:
            cli.main()
        assert not caught.value.code, (command, capsys.readouterr().err)
        ran += 1
    assert ran
    if page == "quick-start.md":
        assert [a.id for a in read_analyses("labels.parquet")] == ["a1", "a2"]
        assert Path("report/index.html").is_file()


@pytest.mark.parametrize("page", ["quick-start.md", "recipes.md"])
@pytest.mark.filterwarnings("ignore")  # of datasets
def test_the_python_of_a_page_runs_from_top_to_bottom(page, folder, capsys):
    code = "\n".join(blocks(ROOT / "docs" / page, "python"))
    exec(compile(code, page, "exec"), {"__name__": page})
    assert capsys.readouterr().out


@pytest.mark.skipif(shutil.which("curl") is None, reason="no curl")
def test_what_is_sent_to_the_service_is_answered(folder):
    lines = [command for command in commands(ROOT / "docs" / "serve.md") if command.startswith("curl")]
    assert len(lines) >= 6
    with running(FakeAnalyzer()) as (address, _):
        for line in lines:
            arguments = [word.replace("http://localhost:8000", address) for word in shlex.split(line)]
            done = subprocess.run(arguments, capture_output=True, check=True, timeout=60)
            assert done.stdout
            assert b'{"error"' not in done.stdout, (line, done.stdout)


def test_the_front_page_shows_python_that_runs(folder):
    for block in blocks(ROOT / "README.md", "python"):
        articles = [stance.Article.from_text(ARTICLES[0]["text"])]
        exec(compile(block, "README.md", "exec"), {"text": ARTICLES[1]["text"], "articles": articles})
