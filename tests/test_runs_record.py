"""What a run leaves on record: what was done, with what, on what, and a paragraph for a paper."""

from __future__ import annotations

import datetime as dt
import json
import sys

import pytest
import typer.testing
from fake_analyzer import FakeAnalyzer

import stance
from stance import DEFAULT_SCHEMA, LabelSchema, RunError, cli
from stance.distributed import RayEngine
from stance.runs import label
from stance.runs.engine import label_here
from stance.runs.methods import methods


@pytest.fixture
def news(tmp_path):
    path = tmp_path / "news.jsonl"
    text = "称赞石磨，说它养活了半个镇子的人。\n指责它。"
    rows = [{"id": "a", "text": text}, {"id": "b", "text": text}, {"id": "b", "text": "另一篇文章。"}, {"id": "c"}]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def record_of(output):
    return json.loads((output.parent / f"{output.name}.run.json").read_text("utf-8"))


def test_the_record_names_model_labels_hardware_and_times(tmp_path, news):
    before = dt.datetime.now(dt.timezone.utc).replace(microsecond=0)
    label([news], tmp_path / "out.jsonl", FakeAnalyzer(), targets=["甲"], part_articles=2)
    record = record_of(tmp_path / "out.jsonl")
    assert record["settings"]["schema"] == DEFAULT_SCHEMA.digest
    assert record["settings"]["near_duplicates"] == 0.8
    assert record["hardware"] == ["no hardware: fake"]
    assert (record["articles"], record["paragraphs"], record["rejected"], record["parts"]) == (3, 5, 1, 2)
    assert (record["duplicate_ids"], record["near_duplicates"]) == (1, {"articles": 1, "paragraphs": 2})
    assert before <= dt.datetime.fromisoformat(record["finished"]) <= dt.datetime.now(dt.timezone.utc)
    assert set(record["versions"]) >= {"python", "torch", "pyarrow", "datasketch"}


def test_a_run_that_went_on_elsewhere_names_both(tmp_path, news):
    def stop(article):
        if article.id == "b#2":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        label([news], tmp_path / "out.jsonl", FakeAnalyzer(before_article=stop), part_articles=2)
    other = FakeAnalyzer()
    other.hardware = "another machine"
    report = label([news], tmp_path / "out.jsonl", other, part_articles=2)
    assert record_of(tmp_path / "out.jsonl")["hardware"] == ["no hardware: fake", "another machine"]
    assert report.duplicate_ids == 1


def test_other_labels_are_not_mixed(tmp_path, news):
    label([news], tmp_path / "out.jsonl", FakeAnalyzer())
    other = FakeAnalyzer()
    other.schema = LabelSchema(DEFAULT_SCHEMA.stances, DEFAULT_SCHEMA.devices[:3])
    with pytest.raises(RunError, match=f"schema was {DEFAULT_SCHEMA.digest}, is now {other.schema.digest}"):
        label([news], tmp_path / "out.jsonl", other)


def test_the_likeness_of_near_duplicates_is_a_setting(tmp_path, news):
    label([news], tmp_path / "out.jsonl", FakeAnalyzer())
    with pytest.raises(RunError, match=r"near_duplicates was 0\.8, is now null"):
        label([news], tmp_path / "out.jsonl", FakeAnalyzer(), near_duplicates=None)


RECORD = {
    "settings": {"stance": "1.2", "model": "m@ab", "schema": "c0ffee", "targets": ["美国"], "near_duplicates": 0.8},
    "versions": {"python": "3.11", "torch": "2.6"},
    "hardware": ["CPU, 1 thread"],
    "articles": 1_200,
    "paragraphs": 9_000,
    "rejected": 7,
    "near_duplicates": {"articles": 30, "paragraphs": 210},
    "seconds": 62.4,
    "finished": "2026-01-02T03:04:05+00:00",
}


def test_the_methods_paragraph_in_chinese():
    schema = LabelSchema(DEFAULT_SCHEMA.stances, (DEFAULT_SCHEMA.device("metaphor"), DEFAULT_SCHEMA.device("irony")))
    stances = "、".join(s.chinese for s in schema.stances)
    devices = f"{schema.devices[0].chinese}、{schema.devices[1].chinese}"
    assert methods(RECORD, schema)["zh"] == (
        "本研究用 stance 1.2（模型 m@ab，标签体系 c0ffee）自动标注了 1,200 篇文章、共 9,000 个段落。"
        f"对每个段落，程序判断作者对各对象的立场（{stances}，附概率），"
        f"并识别 2 种修辞手法（{devices}）及其在原文中的起止位置。"
        "立场对象统一指定为美国。"
        "另有 7 行输入因无法读取或不含正文而未纳入，原因逐行存档。"
        "以 MinHash 比较正文的五字片段（Jaccard 相似度估计值不低于 0.8），30 篇（210 个段落）与更早的文章近似重复，"
        "已作标记，可据此给出含重复与不含重复的两组统计。"
        "计算环境：CPU, 1 thread；Python 3.11, torch 2.6。标注用时 62 秒，完成于 2026-01-02。"
        "以上标签由模型自动给出，未经人工复核；模型的准确度见其模型说明。"
    )


def test_the_methods_paragraph_in_english_says_only_what_was_done():
    plain = {
        **RECORD,
        "settings": {**RECORD["settings"], "targets": [], "near_duplicates": None},
        "rejected": 0,
        "near_duplicates": None,
    }
    text = methods(plain, DEFAULT_SCHEMA)["en"]
    assert text.startswith("We labelled 1,200 articles (9,000 paragraphs) automatically with stance 1.2 (model m@ab, ")
    assert f"marks {len(DEFAULT_SCHEMA.devices)} rhetorical devices" in text
    assert "were those given with each article or else found in its text" in text
    assert "could not be read" not in text
    assert "MinHash" not in text
    full = methods(RECORD, DEFAULT_SCHEMA)["en"]
    assert "A further 7 input rows could not be read" in full
    assert "30 articles (210 paragraphs) were near-duplicates of an earlier one" in full


def test_the_paragraph_is_in_the_record(tmp_path, news):
    label([news], tmp_path / "out.jsonl", FakeAnalyzer())
    record = record_of(tmp_path / "out.jsonl")
    assert record["methods"] == methods(record, DEFAULT_SCHEMA)


# --- engines, limits and the command line ---


def test_any_engine_gives_the_same_bytes(tmp_path, news):
    def engine(job):
        jobs.append(job)
        yield from label_here(job, FakeAnalyzer(), lambda row, result: None)

    jobs = []
    label([news], tmp_path / "a.jsonl", FakeAnalyzer(), part_articles=2)
    label([news], tmp_path / "b.jsonl", FakeAnalyzer(), part_articles=2, engine=engine)
    assert (tmp_path / "a.jsonl").read_bytes() == (tmp_path / "b.jsonl").read_bytes()
    assert [(job.part_articles, job.targets, job.finished) for job in jobs] == [(2, None, 0)]


@pytest.fixture
def command(monkeypatch, tmp_path):
    """Runs `stance label` on a fake analyzer."""
    monkeypatch.setitem(stance.__dict__, "Analyzer", type("Loaded", (), {"load": lambda *_, **__: FakeAnalyzer()}))
    monkeypatch.setitem(stance.__dict__, "EngineConfig", lambda hardware: None)
    monkeypatch.chdir(tmp_path)
    return lambda *words: typer.testing.CliRunner().invoke(cli.app, ["label", *words])


def test_limits_and_near_duplicates_on_the_command_line(command, tmp_path, news):
    words = ("--max-characters", "10", "--max-decompressed-bytes", "5000", "--near-duplicates", "0")
    assert command("news.jsonl", "out.jsonl", *words).exit_code == 1
    settings = record_of(tmp_path / "out.jsonl")["settings"]
    assert settings["limits"] == {"max_characters": 10, "max_decompressed_bytes": 5000, "max_json_bytes": 1 << 30}
    assert settings["near_duplicates"] is None


def test_the_engine_on_the_command_line(command, monkeypatch, tmp_path, news):
    made = []

    def engine(load, workers):
        made.append((load().model_id, workers))
        return lambda job: label_here(job, FakeAnalyzer(), lambda row, result: None)

    monkeypatch.setattr("stance.distributed.RayEngine", engine)
    assert command("news.jsonl", "ray.jsonl", "--engine", "ray", "--workers", "3").exit_code == 1
    assert command("news.jsonl", "local.jsonl").exit_code == 1
    assert made == [("fake@0123abcd", 3)]
    assert (tmp_path / "ray.jsonl").read_bytes() == (tmp_path / "local.jsonl").read_bytes()


def test_without_ray_the_engine_says_what_to_install(monkeypatch, tmp_path, news):

    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(RunError, match=r"expected Ray, found .* Install it: pip install 'stance\[ray\]'"):
        label([news], tmp_path / "out.jsonl", FakeAnalyzer(), engine=RayEngine(FakeAnalyzer))
