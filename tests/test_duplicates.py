"""Near-duplicates: what counts as one, against an exact count of shared pieces, and what a run makes of it."""

from __future__ import annotations

import json
import random

import numpy as np
import pytest
from fake_analyzer import FakeAnalyzer
from hypothesis import given, settings
from hypothesis import strategies as st

from stance.duplicates import find_originals, signature
from stance.formats import read_analyses
from stance.runs import label

CHARACTERS = [chr(0x4E00 + n) for n in range(2_000)]


def article(seed, length=400):
    return "".join(random.Random(seed).choices(CHARACTERS, k=length))


def likeness(a, b):
    """Jaccard, counted out."""
    pieces = [{text[i : i + 5] for i in range(len(text) - 4)} for text in (a, b)]
    return len(pieces[0] & pieces[1]) / len(pieces[0] | pieces[1])


def originals(*texts, threshold=0.8):
    return find_originals(np.stack([signature(text) for text in texts]), threshold).tolist()


def test_copies_are_found_and_others_are_not():
    a, b = article(1), article(2)
    shortened = a[:-20]
    half = a[:200] + article(3, 200)
    assert likeness(a, shortened) > 0.9
    assert likeness(a, half) < 0.5
    assert originals(a, b, shortened, half, a) == [0, 1, 0, 3, 0]


def test_the_estimate_is_near_the_count():
    a = article(1)
    for changed in (4, 12, 40):
        other = article(9, changed) + a[changed:]
        estimate = (signature(a) == signature(other)).mean()
        assert estimate == pytest.approx(likeness(a, other), abs=0.1)


def test_space_punctuation_width_and_case_do_not_count():
    plain = "美方称ＧＤＰ增长３％，分析人士说这是误判"
    assert originals(plain, "美方称GDP 增长3%\n分析人士说：“这是误判”", plain.lower()) == [0, 0, 0]


def test_texts_without_words_are_like_nothing():
    assert originals("，。", "，。", "", "") == [0, 1, 2, 3]
    assert originals("短", "短", "文") == [0, 0, 2]


def test_a_copy_of_a_copy_belongs_to_the_first():
    a = article(1, 1_000)
    b = article(2, 80) + a[80:]
    c = article(2, 80) + a[80:920] + article(3, 80)
    assert min(likeness(a, b), likeness(b, c)) > 0.8 > likeness(a, c)
    assert originals(a, b, c) == [0, 0, 0]
    assert originals(c, b, a) == [0, 0, 0]


def test_any_copies_among_many_are_found():
    texts = [article(seed, 60) for seed in range(1_500)]
    copies = random.Random(5).sample(range(1_500), 200)
    found = originals(*texts, *(texts[n] for n in copies))
    assert found == [*range(1_500), *copies]


def test_a_very_long_text_takes_little_memory():
    assert originals(article(1, 60_000), article(1, 60_000)[:-300]) == [0, 0]


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=40))
def test_any_text_has_a_signature_and_is_like_itself(text):
    values = signature(text)
    assert values.dtype == np.uint32
    assert values.shape == (125,)
    assert np.array_equal(values, signature(f" {text}。"))


# --- in a run ---


def write_news(path, *texts):
    path.write_text("".join(json.dumps({"id": f"n{i}", "text": t}) + "\n" for i, t in enumerate(texts)), "utf-8")
    return path


@pytest.mark.parametrize("name", ["out.jsonl", "out.jsonl.zst", "out.parquet"])
def test_copies_are_marked_and_counted(tmp_path, name):
    a, b = f"称赞{article(1)}\n{article(4)}", article(2)
    news = write_news(tmp_path / "news.jsonl", a, b, a[:-9], "广告：买", b, article(3))
    report = label([news], tmp_path / name, FakeAnalyzer(), part_articles=2)
    assert report.near_duplicates == 2
    assert "2 near-duplicates of earlier articles, marked duplicate_of." in report.lines()
    marked = {a.id: a.extra["duplicate_of"] for a in read_analyses(tmp_path / name)}
    assert marked == {"n0": None, "n1": None, "n2": "n0", "n4": "n1", "n5": None}
    record = json.loads((tmp_path / f"{name}.run.json").read_text("utf-8"))
    assert record["near_duplicates"] == {"articles": 2, "paragraphs": 3}
    assert record["settings"]["near_duplicates"] == 0.8


def test_the_marks_do_not_depend_on_parts(tmp_path):
    news = write_news(tmp_path / "news.jsonl", *(article(n % 7, 50) for n in range(30)))
    for size in (1, 4, 100):
        label([news], tmp_path / f"{size}.jsonl", FakeAnalyzer(), part_articles=size)
    assert len({(tmp_path / f"{size}.jsonl").read_bytes() for size in (1, 4, 100)}) == 1


def test_without_the_search_there_is_no_mark(tmp_path):
    news = write_news(tmp_path / "news.jsonl", article(1), article(1))
    report = label([news], tmp_path / "out.jsonl", FakeAnalyzer(), near_duplicates=None)
    assert report.near_duplicates is None
    assert all("duplicate_of" not in a.extra for a in read_analyses(tmp_path / "out.jsonl"))


def test_a_column_of_that_name_in_the_input_comes_through_under_another(tmp_path):
    (tmp_path / "news.jsonl").write_text('{"id": "a", "text": "石磨", "duplicate_of": "x"}\n', "utf-8")
    label([tmp_path / "news.jsonl"], tmp_path / "out.jsonl", FakeAnalyzer())
    [analysis] = read_analyses(tmp_path / "out.jsonl")
    assert analysis.extra == {"input_duplicate_of": "x", "duplicate_of": None}


def test_a_corpus_of_nothing_but_bad_rows(tmp_path):
    news = write_news(tmp_path / "news.jsonl", "广告")
    assert label([news], tmp_path / "out.parquet", FakeAnalyzer()).near_duplicates == 0


@pytest.mark.parametrize("threshold", [0.0, 1.1, -1])
def test_the_threshold_is_a_share(tmp_path, threshold):
    news = write_news(tmp_path / "news.jsonl", "文")
    with pytest.raises(ValueError, match="near_duplicates must be above 0 and at most 1"):
        label([news], tmp_path / "out.jsonl", FakeAnalyzer(), near_duplicates=threshold)
