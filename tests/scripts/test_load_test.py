"""The load test, against a service without a network: it counts right, and sees what is wrong."""

from __future__ import annotations

import copy
import importlib
import sys
from pathlib import Path

import pytest
from fake_analyzer import FakeAnalyzer
from running_service import running

from stance import Article
from stance.service import ServiceConfig

SCRIPTS = Path(__file__).parents[2] / "scripts"
if not (SCRIPTS / "load_test.py").is_file():
    pytest.skip("installed without its scripts", allow_module_level=True)
sys.path.insert(0, str(SCRIPTS))
load_test = importlib.import_module("load_test")
sys.path.pop(0)


@pytest.fixture(scope="module")
def work():
    return load_test.articles(12)


@pytest.fixture(scope="module")
def expected(work):
    articles = (Article.from_paragraphs(w["paragraphs"], id=w["id"], targets=w["targets"]) for w in work)
    return [analysis.to_dict() for analysis in FakeAnalyzer().analyze_many(articles)]


def test_articles_are_of_one_to_fifty_paragraphs_and_the_same_each_time(work):
    assert work == load_test.articles(12)
    assert all(1 <= len(article["paragraphs"]) <= 50 for article in work)


def test_every_answer_is_counted_and_right(work, expected):
    with running(FakeAnalyzer()) as (address, _):
        figures, answers = load_test.run(int(address.rpartition(":")[2]), "together", work, 6)
    assert (figures.requests, figures.answered, figures.refused, figures.lost) == (12, 12, 0, 0)
    assert 0 < figures.p50_s <= figures.p99_s
    assert load_test.wrong(answers, expected, 1e-3) == (0, 0)


def test_refusals_and_losses_are_told_apart(work):
    with running(FakeAnalyzer(), ServiceConfig(max_characters=1)) as (address, _):
        port = int(address.rpartition(":")[2])
        figures, _ = load_test.run(port, "too long", work[:2], 2)
    assert (figures.answered, figures.refused, figures.lost) == (0, 0, 2)
    figures, answers = load_test.run(port, "nobody there", work[:2], 2)
    assert figures.lost == 2
    assert {answer.status for answer in answers} == {0}


def test_wrong_answers_are_seen(expected):
    def counted(change):
        body = copy.deepcopy(expected[0])
        change(body)
        return load_test.wrong([load_test.Answer(0, 200, 0.1, body)], expected, 1e-3)

    def other_text(body):
        body["paragraphs"][0]["text"] += "。"

    def probability(body, gap):
        odds = body["paragraphs"][0]["stances"][0]["probabilities"]
        odds["favor"] += gap

    def stance(body):
        body["paragraphs"][0]["stances"][0]["stance"] = "other"

    assert counted(lambda body: None) == (0, 0)
    assert counted(other_text) == (1, 0)
    assert counted(lambda body: body.update(id="another's")) == (1, 0)
    assert counted(lambda body: probability(body, 0.01)) == (1, 0)
    assert counted(lambda body: probability(body, 0.0005)) == (0, 0)
    assert counted(stance) == (0, 1)
