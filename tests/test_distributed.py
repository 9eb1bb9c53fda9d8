"""The batch run on a real Ray cluster of this machine: the same bytes as without it, whatever breaks it off."""

from __future__ import annotations

import json
import os
import sys
from functools import partial

import pytest
from fake_analyzer import FakeAnalyzer

from stance import RunError
from stance.columns import ColumnLabeller
from stance.distributed import RayEngine, label_dataset
from stance.formats import Fields
from stance.runs import label

pytest.importorskip("ray", reason="Ray is not installed (pip install 'stance[ray]')")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("default"),  # Ray's own
]

ROWS = 26
BAD = {4: '{"id": "bad"}', 9: "{broken"}


class Failing(FakeAnalyzer):
    """Fails at one article."""

    def __init__(self, id):
        super().__init__(before_article=partial(self._fail, id))

    @staticmethod
    def _fail(id, article):
        if article.id == id:
            raise OSError(5, f"the GPU fell off at {id}")


class Counting(FakeAnalyzer):
    """Leaves a file for each analyzer made, and for each article seen."""

    def __init__(self, folder):
        self.folder = folder
        (folder / f"made-{id(self)}-{len(list(folder.iterdir()))}").touch()
        super().__init__(before_article=lambda article: (folder / f"saw-{article.id}").touch())


@pytest.fixture(scope="module")
def ray():
    ray = pytest.importorskip("ray")
    ray.init(
        num_cpus=2,
        include_dashboard=False,
        log_to_driver=False,
        logging_level=40,
        object_store_memory=100_000_000,
        runtime_env={"env_vars": {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}},
    )
    yield ray
    ray.shutdown()


@pytest.fixture
def news(tmp_path):
    rows = [{"id": f"n{min(n, 24)}", "text": f"第{n}篇称赞石磨。\n指责它。", "n": n} for n in range(ROWS)]
    lines = [BAD.get(n, json.dumps(row, ensure_ascii=False)) for n, row in enumerate(rows)]
    path = tmp_path / "news.jsonl"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def files(folder):
    return {p.name: p.read_bytes() for p in folder.iterdir() if p.is_file() and not p.name.endswith(".run.json")}


def run(news, output, **options):
    options = {"targets": ["甲"], "part_articles": 4, "near_duplicates": 0.3, **options}
    return label([news], output, FakeAnalyzer(), **options)


@pytest.mark.parametrize("name", ["out.jsonl", "out.parquet"])
def test_ray_writes_the_same_bytes(ray, tmp_path, news, name):
    (tmp_path / "local").mkdir()
    (tmp_path / "ray").mkdir()
    local = run(news, tmp_path / "local" / name)
    seen = []
    spread = run(news, tmp_path / "ray" / name, engine=RayEngine(FakeAnalyzer, workers=2), on_progress=seen.append)
    assert files(tmp_path / "ray") == files(tmp_path / "local")
    counts = ("articles", "paragraphs", "rejected", "duplicate_ids", "near_duplicates", "parts")
    assert [getattr(spread, c) for c in counts] == [getattr(local, c) for c in counts]
    assert (spread.articles, spread.rejected, spread.duplicate_ids) == (24, 2, 1)
    assert len(seen) == 7
    assert (seen[-1].articles, seen[-1].bytes_done) == (24, news.stat().st_size)


def test_a_broken_off_run_goes_on_with_ray_and_loads_the_model_once_an_actor(ray, tmp_path, news):
    (tmp_path / "ray").mkdir()
    output = tmp_path / "ray" / "out.jsonl"
    with pytest.raises(RunError, match=r"the GPU fell off at n14.*finished parts are kept"):
        run(news, output, engine=RayEngine(partial(Failing, "n14"), workers=1))
    assert (tmp_path / "ray" / "out.jsonl.parts").is_dir()
    (tmp_path / "count").mkdir()
    report = run(news, output, engine=RayEngine(partial(Counting, tmp_path / "count"), workers=1))
    assert report.resumed_parts == 3
    names = [p.name for p in (tmp_path / "count").iterdir()]
    assert sum(name.startswith("made") for name in names) == 1
    assert "saw-n11" not in names
    assert "saw-n12" in names
    run(news, tmp_path / "out.jsonl")
    assert output.read_bytes() == (tmp_path / "out.jsonl").read_bytes()
    assert run(news, output, engine=RayEngine(FakeAnalyzer)).already_done


def test_input_that_changed_is_not_mixed(ray, tmp_path, news):
    (tmp_path / "ray").mkdir()
    output = tmp_path / "ray" / "out.jsonl"
    with pytest.raises(RunError):
        run(news, output, engine=RayEngine(partial(Failing, "n14"), workers=1))
    text = news.read_text("utf-8")
    news.write_text(text.replace("第5篇称赞", "第5篇指责"), "utf-8")
    with pytest.raises(RunError, match="the input of part 2 is not what it was"):
        run(news, output, engine=RayEngine(FakeAnalyzer, workers=1))


def test_a_dataset_gets_columns_of_labels_and_goes_on_from_a_folder(ray, tmp_path):
    rows = [{"no": n, "body": f"第{n}篇称赞石磨。\n指责它。" if n != 3 else None} for n in range(12)]
    (tmp_path / "count").mkdir()
    options = {"fields": Fields(text="body", id="no"), "targets": ["甲"]}

    def labelled(load):
        dataset = ray.data.from_items(rows, override_num_blocks=3)
        done = label_dataset(dataset, load, folder=tmp_path / "kept", batch_articles=4, workers=1, **options)
        return sorted(done.take_all(), key=lambda row: row["no"])

    found = labelled(FakeAnalyzer)
    columns = {name: [row[name] for row in rows] for name in ("no", "body")}
    expected = ColumnLabeller(FakeAnalyzer(), **options)(columns)
    for name, values in expected.items():
        assert [plain(row[name]) for row in found] == values
    assert [row["no"] for row in found] == list(range(12))
    assert "no field" not in found[0]["warnings"]
    assert "no field 'body'" in found[3]["warnings"][0]
    assert labelled(partial(Counting, tmp_path / "count")) == found
    assert not list((tmp_path / "count").glob("saw-*"))


def plain(value):
    """Without NumPy arrays, in which Ray gives lists."""
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    return [plain(v) for v in value] if hasattr(value, "__len__") and not isinstance(value, str) else value
