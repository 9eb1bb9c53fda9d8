"""Names are exchanged one for one, and every label stays where it was."""

import re

import numpy as np
import pytest

from stance.training.augment import KINDS, swap_names
from stance.training.examples import GoldSpan, LabelledArticle

TEXT = "美国说，印度尼西亚的稻田与德国的车间一样，是美国的后院。"


def article(**changes):
    given = {
        "id": "a",
        "title": "美国与后院",
        "paragraphs": (TEXT,),
        "targets": ("美国政府", "后院"),
        "stances": ({"美国政府": "against"},),
        "absence_known": True,
        "spans": ((GoldSpan("metaphor", 25, 27),),),
        "presence": (frozenset({"metaphor"}),),
        "annotated": frozenset({"metaphor"}),
        "located": frozenset({"metaphor"}),
        "article_stance": {"美国政府": "against"},
    }
    return LabelledArticle(**given | changes)


@pytest.mark.parametrize("seed", range(20))
def test_a_name_gets_one_substitute_everywhere_and_offsets_stay(seed):
    swapped = swap_names(article(), np.random.default_rng(seed))
    new = swapped.title[:2]
    assert swapped.title == f"{new}与后院"
    other = re.fullmatch(f"{new}说，印度尼西亚的稻田与(..)的车间一样，是{new}的后院。", swapped.paragraphs[0])[1]
    assert len({new, other, "美国", "德国"}) == 4
    assert {new, other} <= set(KINDS["country"].split())
    assert swapped.targets == (f"{new}政府", "后院")
    assert swapped.stances == ({f"{new}政府": "against"},)
    assert swapped.article_stance == {f"{new}政府": "against"}
    assert swapped.spans == article().spans
    assert swapped.paragraphs[0][25:27] == "后院"


def about(text, target, **changes):
    given = {"title": "", "paragraphs": (text,), "targets": (target,), "stances": ({target: "against"},)}
    return article(**given | {"spans": ((),), "presence": (frozenset(),), "article_stance": {}} | changes)


def twin(text, target, seed=0):
    swapped = swap_names(about(text, target), np.random.default_rng(seed))
    return swapped and swapped.paragraphs[0]


def test_an_article_about_something_else_has_no_twin():
    given = article(targets=("后院",), stances=({"后院": "against"},), article_stance={})
    assert swap_names(given, np.random.default_rng(0)) is None


def test_a_name_without_a_free_peer_stays():
    names = [name for name in KINDS["country"].split() if len(name) == 3]
    assert twin("、".join(names), names[0]) is None
    assert twin("、".join(names) + "与华为", "华为").startswith("、".join(names))


@pytest.mark.parametrize(
    "word",
    [
        "高通胀",
        "三星期",
        "变成都",
        "广西安排",
        "东京东边",
        "发展中国家",
        "欧美国家",
        "白俄罗斯",
        "印度尼西亚",
        "新墨西哥州",
    ],
)
def test_no_name_is_found_inside_a_word(word):
    assert twin(f"{word}不好，丰田好。", "丰田")[:-6] == f"{word}不"
    assert twin(f"{word}不好。", word) is None


@pytest.mark.parametrize(
    "text", ["对华为不利", "江西安排得好", "发展中国特色产业", "日本海军来了", "京东方面说", "其中山东不好"]
)
def test_a_name_beside_a_character_that_it_makes_a_word_with_is_found(text):
    name = next(n for n in ("华为", "江西", "中国", "日本", "京东", "山东") if n in text)
    assert name not in twin(text, name)


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("美国", "美方"),
        ("美国", "白宫"),
        ("美国", "美军"),
        ("美国", "中美"),
        ("中国", "我国"),
        ("中国", "中欧"),
        ("特朗普", "川普"),
    ],
)
def test_a_name_stays_where_its_bearer_is_called_something_else_too(name, other):
    """What the other name does would still be told of the old bearer, and the label would speak of the new."""
    assert twin(f"{name}说话了，{other}没听。", name) is None
    assert twin(f"{name}政府说话了，华为没听，{other}也没听。", "华为").startswith(f"{name}政府说话了，")
    assert name not in twin(f"{name}说话了，{name}政府没听。", name)


@pytest.mark.parametrize("seed", range(20))
def test_no_name_becomes_one_of_which_the_text_speaks_otherwise(seed):
    assert twin("德国与白宫、我国、英方不同。", "德国", seed)[:2] not in ("德国", "美国", "中国", "英国")


def test_no_name_is_of_two_kinds():
    names = [name for kind in KINDS.values() for name in kind.split()]
    assert len(names) == len(set(names))
