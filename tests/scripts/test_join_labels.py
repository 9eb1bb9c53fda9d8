from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import zstandard

SCRIPT = Path(__file__).parents[2] / "scripts" / "join_labels.py"
ARTICLE = {"id": "a1", "title": "石磨", "genre": "essay", "paragraphs": ["一。", "好，好，好。", "三。", "四。"]}
SHARD = "短题\n第一段。\n第二段像弦。\n\n" + "很长的第一行" * 11 + "\n下一段。"


@pytest.fixture
def corpus(tmp_path):
    write(tmp_path / "articles.jsonl.zst", json.dumps(ARTICLE, ensure_ascii=False) + "\n")
    write(tmp_path / "07-prose.txt.zst", SHARD)
    return tmp_path


def write(path, text):
    path.write_bytes(zstandard.compress(text.encode()))


def record(name, first, digest, devices):
    labels = [{"stance": {"好": "favor"}, "devices": own} for own in devices]
    return {"id": name, "first": first, "digest": digest, "targets": ["好"], "article_stance": {"好": "favor"}} | {
        "labels": labels
    }


def join(corpus, *records):
    labels, out = corpus / "labels.jsonl", corpus / "out.jsonl"
    labels.write_text("".join(json.dumps(r) + "\n" for r in records), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, str(SCRIPT), str(labels), str(corpus), str(out)], capture_output=True, text=True, check=False
    )
    joined = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()] if out.exists() else []
    return done, joined


def test_articles_and_documents_of_shards_are_joined(corpus):
    # the digests are the first 12 digits of sha256 over the paragraphs joined by line feeds
    done, joined = join(
        corpus,
        record("a1", 1, "18b76d78d6af", [[["repetition", 0, 5], ["metaphor", 2, 3]], []]),
        record("07:0", 1, "f421935fdf7f", [[], [["simile", 3, 5]]]),
        record("07:9", 0, "0", [[]]),
    )
    assert done.returncode == 0, done.stderr
    assert "2 excerpts; 1 labelled ones are not in" in done.stdout
    first, second = joined
    assert first["paragraphs"] == ["好，好，好。", "三。"]
    assert first["labels"][0]["devices"] == [["repetition", "好，好，好"], ["metaphor", "好", 1]]
    assert (first["title"], first["genre"], first["targets"]) == ("石磨", "essay", ["好"])
    assert second["paragraphs"] == ["第一段。", "第二段像弦。"]
    assert second["labels"][1] == {"stance": {"好": "favor"}, "devices": [["simile", "像弦"]]}
    assert (second["title"], second["genre"]) == ("短题", "prose")


def test_other_text_is_refused(corpus):
    done, _ = join(corpus, record("a1", 0, "18b76d78d6af", [[], []]))
    assert done.returncode == 1
    assert "a1: expected the 2 paragraphs that were labelled, found other text." in done.stderr


def test_a_long_first_line_is_no_title(corpus):
    done, joined = join(corpus, record("07:1", 1, "ac84f618a0ec", [[]]))
    assert done.returncode == 0, done.stderr
    assert (joined[0]["title"], joined[0]["paragraphs"]) == ("", ["下一段。"])
