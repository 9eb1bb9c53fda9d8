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


def test_an_article_about_something_else_has_no_twin():
    given = article(targets=("后院",), stances=({"后院": "against"},), article_stance={})
    assert swap_names(given, np.random.default_rng(0)) is None


def test_a_name_without_a_free_peer_stays():
    names = [name for name in KINDS["country"].split() if len(name) == 3]
    given = article(
        title="",
        paragraphs=("、".join(names),),
        targets=(names[0],),
        stances=({},),
        spans=((),),
        presence=(frozenset(),),
        article_stance={},
    )
    assert swap_names(given, np.random.default_rng(0)).paragraphs == given.paragraphs


def test_no_name_is_of_two_kinds():
    names = [name for kind in KINDS.values() for name in kind.split()]
    assert len(names) == len(set(names))
