"""The probe: its rows, its scores, and that it can tell what it should."""

import gzip
import json
import sys
from pathlib import Path

import numpy as np
import pytest
from transformers import AutoModel, PreTrainedTokenizerFast

sys.path.insert(0, str(Path(__file__).parents[2] / "scripts"))

import probe
from pretraining.data import Specials
from pretraining.objectives import encoder_config
from pretraining.prepare import train_tokenizer
from probing.fitting import by_length, fit_articles
from probing.tasks import Row, Task, read_rows, read_task

from stance.errors import InputError

PLAIN = ["他说今天很好", "我们去看电影", "天气不错", "她在家里读书", "大家都很高兴", "昨天下了雨"]
FIGURES = ["云朵像棉花", "她像一朵花", "月亮像小船", "雨像细细的线", "他像一座山", "笑像太阳"]


def write(folder, name, split, rows):
    (folder / name).mkdir(exist_ok=True)
    with gzip.open(folder / name / f"{split}.jsonl.gz", "wt", encoding="utf-8") as file:
        file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def similes(texts, label):
    return [{"text": text, "devices": ["simile"] * label, "annotated": ["simile"]} for text in texts]


@pytest.fixture
def folder(tmp_path):
    for split, end in (("train", "。"), ("dev", "")):
        rows = similes([t + end for t in PLAIN] * 8, 0) + similes([t + end for t in FIGURES] * 8, 1)
        write(tmp_path, "simile-cnu", split, rows)
    return tmp_path


@pytest.fixture
def encoder(tmp_path):
    """A tiny encoder folder with random weights."""
    tokenizer = train_tokenizer([*PLAIN, *FIGURES] * 5, 100)
    names = {f"{n.lower()}_token": f"[{n}]" for n in ("PAD", "UNK", "CLS", "SEP", "MASK")}
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, **names).save_pretrained(tmp_path / "encoder")
    config = encoder_config(tokenizer.get_vocab_size(), 2, 32, Specials(0, 1, 2, 3, 4))
    AutoModel.from_config(config).save_pretrained(tmp_path / "encoder")
    return tmp_path / "encoder"


def test_stance_rows_are_noun_phrases(tmp_path):
    text = "关税不好，关税会伤人"
    rows = [
        {"text": text, "target": "关税", "stance": "against", "target_type": "noun_phrase"},
        {"text": text, "target": "关税会伤人", "stance": "favor", "target_type": "claim"},
        {"text": text, "target": "美国", "stance": "neutral", "target_type": "noun_phrase"},
    ]
    write(tmp_path, "c-stance", "dev", rows)
    assert read_rows(tmp_path, "c-stance", "dev", 0) == [Row(text, "关税", 1), Row(text, "美国", 2)]


def test_no_training_row_stands_in_a_dev_or_test_file(tmp_path):
    rows = similes(["甲像乙", "丙像丁", "戊像己"], 1)
    rows[1]["also_in"] = ["other/test"]
    rows[2]["also_in"] = ["other/train"]
    write(tmp_path, "simile-cnu", "train", rows)
    write(tmp_path, "simile-cnu", "dev", rows)
    assert [row.text for row in read_rows(tmp_path, "simile-cnu", "train", 0)] == ["甲像乙", "戊像己"]
    assert len(read_rows(tmp_path, "simile-cnu", "dev", 0)) == 3


def test_rows_that_the_set_does_not_judge_are_left_out(tmp_path):
    write(tmp_path, "simile-cnu", "dev", [*similes(["甲像乙"], 1), {"text": "丙", "devices": [], "annotated": []}])
    assert read_rows(tmp_path, "simile-cnu", "dev", 0) == [Row("甲像乙", "", 1)]


def test_capped_rows_are_the_same_each_time(folder):
    rows = read_rows(folder, "simile-cnu", "train", 20)
    assert len(rows) == 20
    assert rows == read_rows(folder, "simile-cnu", "train", 20)
    assert {row.label for row in rows} == {0, 1}
    with pytest.raises(InputError, match=r"train\.jsonl\.gz: expected a public data set"):
        read_rows(folder, "cmre", "train", 0)


def test_scores():
    rows = [Row("", "", label) for label in (0, 0, 1, 1, 1)]
    predicted = np.array([0, 1, 1, 1, 0])  # of yes: precision 2/3, recall 2/3
    assert Task("cmre", [], rows).score(predicted) == pytest.approx(2 / 3)
    rows = [Row("", "", label) for label in (0, 1, 2, 2)]
    predicted = np.array([0, 1, 1, 2])  # F1 of 1, 2/3 and 2/3
    assert Task("c-stance", [], rows).score(predicted) == pytest.approx((1 + 2 / 3 + 2 / 3) / 3)


def test_batches_hold_each_row_once():
    rows = [np.zeros(n) for n in (5, 9, 1, 7, 3, 8, 2)]
    batches = list(by_length(rows, 3, np.random.default_rng(0)))
    assert sorted(i for batch in batches for i in batch) == list(range(7))
    assert sorted(map(len, batches)) == [1, 3, 3]


def test_rows_of_the_dev_file_are_not_trained_on(tmp_path):
    write(tmp_path, "simile-cnu", "train", similes(PLAIN, 0))
    write(tmp_path, "simile-cnu", "dev", similes(PLAIN[:2] + FIGURES, 1))
    assert [row.text for row in read_task(tmp_path, "simile-cnu").train] == PLAIN[2:]


@pytest.mark.parametrize("pool", ["mean", "cls"])
def test_probe_finds_what_is_plain(folder, encoder, pool, capsys):
    options = [str(encoder), "--data", str(folder), "--tasks", "simile-cnu", "--seeds", "1", "--random", str(encoder)]
    recipe = ["--rate", "0.003", "--epochs", "10", "--batch", "16", "--pool", pool, "--hardware", "cpu"]
    results = probe.probe(probe.parser().parse_args(options + recipe))
    assert [r["encoder"] for r in results] == [
        "TF-IDF + logistic regression",
        str(encoder),
        "random weights of encoder",
        "random weights, the lexicon of encoder",
    ]
    for result in results:
        assert result["simile-cnu"][0] > 0.9
    lines = probe.table(results).splitlines()
    assert lines[0] == "| encoder | simile-cnu |"
    assert len(lines) == 6


def test_labelled_articles_are_a_task_too(encoder, tmp_path):
    data = Path(__file__).parents[2] / "data" / "dev.jsonl"
    figures = fit_articles(encoder, data, data, 0)
    assert set(figures) == {"devices", "spans", "stances"}
    assert all(0 <= value <= 1 for value in figures.values())
    assert figures["stances"] > 0.2  # neutral alone reaches that


def test_table_gives_mean_and_deviation():
    text = probe.table([{"encoder": "x", "cmre": [0.8, 0.9], "pse-paibi": [0.5]}, {"encoder": "y", "cmre": [0.7]}])
    assert text.splitlines()[2:] == ["| x | 0.850 ± 0.050 | 0.500 |", "| y | 0.700 | – |"]
