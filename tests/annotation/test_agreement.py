"""Agreement; the oracles are scikit-learn, figures from the literature, and counting by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score

from stance import DEFAULT_SCHEMA, InputError
from stance.annotation import agreement
from stance.annotation.agreement import cohen_kappa, krippendorff_alpha
from stance.training.examples import GoldSpan, LabelledArticle

EVERY = frozenset(DEFAULT_SCHEMA.device_ids)


def article(id="a", spans=((), ()), stances=({}, {}), targets=("美国",), texts=("石磨压着小镇。", "镇长说话。")):
    return LabelledArticle(
        id=id,
        title="",
        paragraphs=texts,
        targets=targets,
        stances=stances,
        absence_known=True,
        spans=tuple(tuple(GoldSpan(*span) for span in own) for own in spans),
        presence=tuple(frozenset(span[0] for span in own) for own in spans),
        annotated=EVERY,
        located=EVERY,
    )


def table(pairs, size=3):
    counts = np.zeros((size, size), np.int64)
    for a, b in pairs:
        counts[a, b] += 1
    return counts


LABELS = st.integers(0, 2)


@given(st.lists(st.tuples(LABELS, LABELS), min_size=2, max_size=40))
def test_kappa_is_that_of_scikit_learn(pairs):
    first, second = zip(*pairs, strict=True)
    found = float(cohen_kappa(table(pairs)))
    if len({*first, *second}) == 1:
        assert np.isnan(found)
    else:
        assert found == pytest.approx(cohen_kappa_score(first, second))


def alpha_by_pairs(pairs):
    """From the definition: how often two values differ within a unit, against any two values at all."""
    values = [value for pair in pairs for value in pair]
    within = sum(a != b for a, b in pairs) / len(pairs)
    differing = sum(a != b for i, a in enumerate(values) for j, b in enumerate(values) if i != j)
    return 1 - within / (differing / (len(values) * (len(values) - 1)))


@given(st.lists(st.tuples(LABELS, LABELS), min_size=2, max_size=30))
def test_alpha_is_what_its_definition_says(pairs):
    found = float(krippendorff_alpha(table(pairs)))
    if len({value for pair in pairs for value in pair}) == 1:
        assert np.isnan(found)
    else:
        assert found == pytest.approx(alpha_by_pairs(pairs))


def test_alpha_of_the_literature():
    # Krippendorff, Computing Krippendorff's Alpha-Reliability (2011), section A: binary data, two observers
    first, second = (0, 1, 0, 0, 0, 0, 0, 0, 1, 0), (1, 1, 1, 0, 0, 1, 0, 0, 0, 0)
    assert float(krippendorff_alpha(table(zip(first, second, strict=True), 2))) == pytest.approx(0.095, abs=5e-4)


def test_agreement_by_hand():
    first = [
        article("a", [[("metaphor", 0, 2)], [("irony", 0, 2)]], [{"美国": "favor"}, {}]),
        article("b", [[], [("metaphor", 0, 2)]], [{"美国": "against"}, {"美国": "neutral"}]),
    ]
    second = [
        article("b", [[], []], [{"美国": "against"}, {}]),
        article("a", [[("metaphor", 1, 4)], [("irony", 0, 2)]], [{"美国": "against"}, {}], targets=("美国", "中国")),
    ]
    found = agreement(first, second, DEFAULT_SCHEMA)
    names = DEFAULT_SCHEMA.stance_ids
    pairs = [("favor", "against"), ("neutral", "neutral"), ("against", "against"), ("neutral", "neutral")]
    expected = table([(names.index(a), names.index(b)) for a, b in pairs])
    assert (found.confusion[:, 0].sum(axis=0) == expected).all()
    assert found.confusion[:, 1].sum() == 3
    figures = {name: figure.value for name, figure in found.figures.items()}
    assert figures["stance_kappa"] == pytest.approx(cohen_kappa_score(*zip(*pairs, strict=True)))
    assert figures["span_exact_f1"] == pytest.approx(2 / 5)  # irony alone, of three and two
    assert figures["span_overlap_f1"] == pytest.approx(4 / 5)
    assert found.devices["metaphor"] == {
        "first": 2,
        "second": 1,
        "kappa": pytest.approx(cohen_kappa_score([1, 0, 0, 1], [1, 0, 0, 0])),
        "span_exact_f1": 0.0,
        "span_overlap_f1": pytest.approx(2 / 3),
    }
    assert found.devices["simile"]["kappa"] is None
    assert found.to_dict()["paragraphs"] == 4
    assert "2 articles, 4 paragraphs" in found.to_text()
    assert "metaphor                    2       1" in found.to_text()
    again = agreement(second, first, DEFAULT_SCHEMA)
    assert {n: f.value for n, f in again.figures.items()} == pytest.approx(figures)


def test_with_itself_a_labelling_agrees():
    own = [article("a", [[("metaphor", 0, 2)], []], [{"美国": "favor"}, {"美国": "against"}]), article("b")]
    found = agreement(own, own, DEFAULT_SCHEMA)
    assert {f.value for f in found.figures.values()} == {1.0}
    assert found.figures["stance_kappa"].high == 1.0


def test_articles_of_one_side_are_named():
    found = agreement([article("a"), article("x")], [article("a"), article("y"), article("z")], DEFAULT_SCHEMA)
    assert (found.only_first, found.only_second) == (("x",), ("y", "z"))
    assert "left out: 1 articles only in the first, 2 only in the second" in found.to_text()


def test_what_cannot_be_compared_is_refused():
    with pytest.raises(InputError, match="no shared id"):
        agreement([article("a")], [article("b")], DEFAULT_SCHEMA)
    with pytest.raises(InputError, match="the same paragraphs"):
        agreement([article("a")], [article("a", texts=("石磨压着小镇。", "别的"))], DEFAULT_SCHEMA)
