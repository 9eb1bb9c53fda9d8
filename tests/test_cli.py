"""The command line: what goes where, exit codes, and one clean line for every error."""

from __future__ import annotations

import io
import json
import os
import random
import re
import subprocess
import sys
import types
from pathlib import Path

import pytest
from fake_analyzer import FakeAnalyzer

import stance
from stance import ModelError, cli
from stance.formats import read_analyses
from stance.model import checkpoint

TEXT = "镇上的人都在谈论这件事，没有人知道结果会怎样。\n石磨压着小镇，镇长却称赞了石磨。\n"


class Loaded:
    """Stands in for `stance.Analyzer`."""

    calls: list

    @classmethod
    def load(cls, model=None, *, engine=None):
        cls.calls.append((model, engine.hardware))
        if model == "nowhere":
            raise ModelError(
                "nowhere: expected a model folder with stance.json; found no such folder. Name one with --model."
            )
        return FakeAnalyzer()


@pytest.fixture(autouse=True)
def analyzer(monkeypatch):
    Loaded.calls = []
    monkeypatch.setitem(stance.__dict__, "Analyzer", Loaded)
    monkeypatch.setitem(stance.__dict__, "EngineConfig", lambda hardware: types.SimpleNamespace(hardware=hardware))


@pytest.fixture
def run(monkeypatch, capsys, tmp_path):
    """Run a command as a user would; gives exit code, standard output, standard error."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments, stdin=b""):
        monkeypatch.setattr(sys, "argv", ["stance", *map(str, arguments)])
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        with pytest.raises(SystemExit) as caught:
            cli.main()
        out, err = capsys.readouterr()
        return caught.value.code or 0, out, err

    return call


@pytest.fixture
def commentary(tmp_path):
    path = tmp_path / "commentary.txt"
    path.write_text(TEXT, encoding="utf-8")
    return path


# --- analyze ---


def test_analyze_shows_an_article(run, commentary):
    code, out, err = run("analyze", commentary, "--target", "石磨", "-t", "镇长")
    assert (code, err) == (0, "")
    assert "2  ‹石磨›隐喻压着小镇，镇长却称赞了石磨。" in out
    assert re.search(r"石磨 favor 0\.75 +镇长 favor 0\.75", out)
    assert Loaded.calls == [(None, "auto")]


def test_analyze_as_json_is_the_contract(run, commentary):
    code, out, err = run("analyze", commentary, "-t", "石磨", "--format", "json", "--model", "m", "--hardware", "cpu")
    assert (code, err) == (0, "")
    record = json.loads(out)
    assert list(record) == ["id", "title", "targets", "model", "paragraphs", "warnings"]
    assert (record["id"], record["targets"]) == ("commentary", ["石磨"])
    assert [TEXT[p["start"] : p["end"]] == p["text"] for p in record["paragraphs"]] == [True, True]
    assert Loaded.calls == [("m", "cpu")]


def test_analyze_reads_standard_input(run):
    code, out, _ = run("analyze", "-", "--format", "json", stdin=TEXT.encode("gb18030"))
    assert code == 0
    assert json.loads(out)["paragraphs"][1]["text"] == "石磨压着小镇，镇长却称赞了石磨。"


def test_analyze_takes_a_row_of_json_with_fields_by_other_names(run, tmp_path):
    (tmp_path / "a.jsonl").write_text('{"no": 5, "head": "题", "body": "石磨"}\n', encoding="utf-8")
    code, out, _ = run(
        "analyze", "a.jsonl", "--format", "json", "--text-field", "body", "--id-field", "no", "--title-field", "head"
    )
    assert code == 0
    record = json.loads(out)
    assert (record["id"], record["title"]) == ("5", "题")


BINARY = bytes(random.Random(1).choices(range(256), k=4_000))


@pytest.mark.parametrize(
    ("name", "content", "parts"),
    [
        ("empty.txt", b"", ["the file is empty: expected at least one article"]),
        ("binary.txt", BINARY, ["expected"]),
        ("long.txt", b"x" * 30_000_000, ["at most 2,000,000 characters", "found 30,000,000"]),
        ("long.jsonl", b'{"text": "' + b"x" * 30_000_000 + b'"}', ["line 1", "at most 2,000,000 characters"]),
        (
            "notext.jsonl",
            b'{"id": 1, "title": "t"}',
            ["line 1: no field 'text' (found: id, title). Name it with --text-field."],
        ),
        (
            "two.jsonl",
            b'{"text": "a"}\n{"text": "b"}\n',
            ["expected one article, found more", "stance label two.jsonl OUTPUT"],
        ),
        ("news.docx", b"PK", ["unknown kind of file '.docx'. Expected .jsonl"]),
        ("gone.txt", None, ["no such file or folder"]),
    ],
)
def test_bad_input_gives_one_line_that_says_what_to_do(run, tmp_path, name, content, parts):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    code, out, err = run("analyze", name)
    assert (code, out) == (2, "")
    assert err.startswith(f"error: {name}")
    assert err.count("\n") == 1
    assert all(part in err for part in parts)


def test_a_wrong_model_folder(run, commentary):
    code, out, err = run("analyze", commentary, "--model", "nowhere")
    assert (code, out) == (2, "")
    assert (
        err
        == "error: nowhere: expected a model folder with stance.json; found no such folder. Name one with --model.\n"
    )


def test_errors_do_not_steer_the_terminal(run, tmp_path):
    (tmp_path / "a.jsonl").write_bytes(b'{"\\u001b[2J": 1}')
    _, _, err = run("analyze", "a.jsonl")
    assert "\x1b" not in err
    assert "found: <U+001B>[2J" in err


# --- label ---


def write_news(path, *lines):
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


GOOD = ['{"id": "a", "text": "石磨", "source": "报"}', '{"id": "b", "text": "称赞\\n指责"}']


def test_label_a_corpus(run, tmp_path):
    write_news(tmp_path / "news.jsonl", *GOOD)
    code, out, err = run("label", "news.jsonl", "labels.parquet", "--target", "美国")
    assert (code, out) == (0, "")
    assert re.fullmatch(r"labels\.parquet: 2 articles, 3 paragraphs in \d+\.\d s\.\n", err)
    assert [a.targets for a in read_analyses(tmp_path / "labels.parquet")] == [("美国",)] * 2
    code, out, err = run("label", "news.jsonl", "labels.parquet", "--target", "美国")
    assert (code, out) == (0, "")
    assert err == (
        "labels.parquet: was complete already (2 articles, 3 paragraphs); nothing done. To label anew: --restart.\n"
    )


def test_rows_set_aside_are_told_and_exit_with_1(run, tmp_path):
    write_news(tmp_path / "a.jsonl", GOOD[0], '{"id": "x"}', GOOD[0])
    write_news(tmp_path / "b.jsonl", "{", GOOD[1])
    code, out, err = run("label", "a.jsonl", "b.jsonl", "out.jsonl", "--part-articles", "2")
    assert (code, out) == (1, "")
    lines = err.splitlines()
    assert lines[0].startswith("out.jsonl: 3 articles, 4 paragraphs in ")
    assert lines[1:] == [
        "1 near-duplicate of earlier articles, marked duplicate_of.",
        "1 article with an id met before, now numbered (a#2).",
        "2 rows set aside, with reasons, in out.jsonl.rejected.jsonl.",
        "The first: a.jsonl line 2: no field 'text' (found: id). Name it with --text-field.",
    ]
    assert [a.id for a in read_analyses(tmp_path / "out.jsonl")] == ["a", "a#2", "b"]


def test_an_output_in_no_folder_is_refused(run, tmp_path):
    write_news(tmp_path / "news.jsonl", *GOOD)
    code, _, err = run("label", "news.jsonl", "sub/o.jsonl")
    assert (code, err) == (
        2,
        "error: sub/o.jsonl: there is no folder sub to write it to. Make it first, or mend the name.\n",
    )


def test_another_target_is_refused_and_restart_accepted(run, tmp_path):
    write_news(tmp_path / "news.jsonl", *GOOD)
    assert run("label", "news.jsonl", "o.jsonl", "-t", "甲")[0] == 0
    code, _, err = run("label", "news.jsonl", "o.jsonl", "-t", "乙")
    assert code == 2
    assert err == (
        'error: o.jsonl was begun otherwise: targets was ["甲"], is now ["乙"]. '
        "Choose another output name, or begin anew with --restart.\n"
    )
    assert run("label", "news.jsonl", "o.jsonl", "-t", "乙", "--restart")[0] == 0


def test_a_folder_with_files_of_other_kinds(run, tmp_path):
    (tmp_path / "in").mkdir()
    write_news(tmp_path / "in" / "news.jsonl", *GOOD)
    (tmp_path / "in" / "photo.jpg").write_bytes(b"")
    code, _, err = run("label", "in", "o.jsonl")
    assert code == 0
    assert f"1 file of unknown kind in the input folders passed over: {Path('in', 'photo.jpg')}" in err


def test_interrupted_runs_say_how_to_go_on(run, tmp_path, monkeypatch):
    write_news(tmp_path / "news.jsonl", *GOOD)

    def interrupt(article):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Loaded, "load", lambda *_, **__: FakeAnalyzer(before_article=interrupt))
        code, _, err = run("label", "news.jsonl", "o.jsonl")
    assert code == 130
    assert err == "stopped. The finished parts are kept: run the same command again to go on.\n"
    assert run("label", "news.jsonl", "o.jsonl")[0] == 0


# --- train, evaluate ---


def test_train_hands_its_options_over(run, monkeypatch):
    seen = []

    def train(config, schema):
        seen.append(config | {"schema": schema})
        headline = {
            "f1": {"value": 0.51234, "low": 0.4, "high": 0.6},
            "stance_f1": {"value": None, "low": None, "high": None},
        }
        Path("o").mkdir()
        Path("o/metrics.json").write_text(json.dumps({"articles": 7, "headline": headline}), encoding="utf-8")
        return types.SimpleNamespace(id="stance@1")

    module = types.ModuleType("stance.training.train")
    module.TrainConfig, module.train = dict, train
    monkeypatch.setitem(sys.modules, "stance.training.train", module)
    numbers = ("--epochs", 2, "--batch-windows", 4, "--window-tokens", 128, "--head-rate", 0.1, "--dropout", 0.2)
    code, _, err = run(
        *("train", "--data", "a", "--data", "b", "--dev", "d", "--encoder", "e", "--output", "o", "--swaps", 0),
        *numbers,
    )
    assert (code, err.splitlines()) == (
        0,
        [
            "o: stance@1, measured on 7 articles that were held out of training",
            "f1         0.512 [0.400, 0.600]",
            "stance_f1  –",
            f"Report: {Path('o/quality/quality.html')}",
        ],
    )
    given = {"encoder": "e", "data": ("a", "b"), "dev": ("d",), "output": "o", "epochs": 2, "swaps": 0.0}
    given |= {"batch_windows": 4, "window_tokens": 128, "head_rate": 0.1, "dropout": 0.2}
    left_out = {
        "cues": "",
        "patience": 0,
        "held_out": 0.1,
        "auxiliary": (),
        "auxiliary_share": 0.5,
        "name": "stance",
        "rate": 2e-4,
        "seed": 1,
    }
    assert seen == [given | left_out | {"schema": stance.DEFAULT_SCHEMA}]


def test_evaluate_prints_text_or_json(run, monkeypatch):
    report = types.SimpleNamespace(to_text=lambda: "宏平均 0.5", to_dict=lambda: {"f1": 0.5})
    module = types.ModuleType("stance.training.evaluate")
    module.evaluate = lambda model, data: report
    monkeypatch.setitem(sys.modules, "stance.training.evaluate", module)
    assert run("evaluate", "model", "dev.jsonl") == (0, "宏平均 0.5\n", "")
    code, out, _ = run("evaluate", "model", "dev.jsonl", "--format", "json")
    assert (code, json.loads(out)) == (0, {"f1": 0.5})


# --- the program ---


def test_version_and_usage(run):
    assert run("--version") == (0, f"stance {stance.__version__}\n", "")
    code, out, _ = run("--help")
    assert code == 0
    assert all(command in out for command in ("analyze", "label", "train", "evaluate"))
    code, out, err = run("label", "one.jsonl")
    assert (code, out) == (2, "")
    assert "OUTPUT" in err
    assert run("analyze", "a.txt", "--format", "xml")[0] == 2


def test_options_stand_in_groups(run):
    _, out, _ = run("label", "--help")
    assert re.findall(r"─ (\w+) ─", out) == [
        "Arguments",
        "Options",
        "Input",
        "Output",
        "Model",
        "Hardware",
    ]


def test_help_needs_no_heavy_import():
    code = (
        "import sys; sys.argv = ['stance', '--help']\n"
        "from stance.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print('heavy:', sorted({'torch', 'pyarrow', 'trafilatura', 'jieba', 'numpy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.endswith("heavy: []\n")


ANALYZE = """
import gc, json, sys
from stance.cli import main
try: main()
except SystemExit: pass
heavy = json.loads(sys.stdin.read())
print("heavy:", [name for name in heavy if name in sys.modules], file=sys.stderr)
print("collector:", gc.isenabled(), gc.get_freeze_count() > 100_000, file=sys.stderr)
"""
NEEDLESS = [
    *("altair", "datasets", "datasketch", "fastapi", "jieba", "lxml", "pandas", "polars", "sklearn", "trafilatura"),
    *("uvicorn", "torch._inductor.compile_fx", "transformers.trainer", "transformers.pipelines"),
    *("stance.duplicates", "stance.report", "stance.runs", "stance.service", "stance.training"),
]


def test_analyze_loads_only_what_it_needs(make_model, commentary, tmp_path):
    checkpoint.save(make_model("bert"), tmp_path / "model")
    command = ["analyze", str(commentary), "--model", str(tmp_path / "model"), "-t", "美国"]
    done = subprocess.run(
        [sys.executable, "-c", ANALYZE, *command],
        input=json.dumps(NEEDLESS),
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert "美国" in done.stdout
    assert done.stderr.endswith("heavy: []\ncollector: True True\n")


def test_python_m_stance():
    done = subprocess.run(
        [sys.executable, "-m", "stance", "--version"], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == f"stance {stance.__version__}\n"


def test_output_is_utf_8_whatever_the_locale(commentary):
    code = (
        "import sys, stance; sys.path.insert(0, sys.argv.pop(1))\n"
        "from fake_analyzer import FakeAnalyzer\n"
        "class Loaded:\n"
        "    load = staticmethod(lambda *a, **k: FakeAnalyzer())\n"
        "stance.Analyzer, stance.EngineConfig = Loaded, lambda hardware: None\n"
        "from stance.cli import main; main()"
    )
    command = [sys.executable, "-c", code, str(Path(__file__).parent), "analyze", str(commentary)]
    environment = os.environ | {"PYTHONIOENCODING": "ascii"}
    done = subprocess.run(command, capture_output=True, timeout=60, check=True, env=environment)
    assert "‹石磨›隐喻压着小镇" in done.stdout.decode("utf-8")
