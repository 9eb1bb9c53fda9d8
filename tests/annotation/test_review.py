from __future__ import annotations

import pytest
from fake_analyzer import FakeAnalyzer

from stance import (
    DEFAULT_SCHEMA,
    Article,
    DevicePrediction,
    Paragraph,
    ParagraphAnalysis,
    SchemaError,
    Span,
    StancePrediction,
)
from stance.annotation import choose, expected_errors


def test_expected_errors_by_hand():
    paragraph = ParagraphAnalysis(
        Paragraph(0, 0, 4, "石磨石磨"),
        (StancePrediction("美国", "favor", {"favor": 0.6, "against": 0.3, "neutral": 0.1}),),
        (DevicePrediction("metaphor", 0.8, (Span(0, 2, "石磨", 0.5), Span(2, 4, "石磨", 1.0))),),
    )
    assert expected_errors(paragraph) == pytest.approx(0.4 + 0.2 + 0.8 * 0.5)


def analyses(texts):
    articles = [Article.from_text(text, id=f"a{i}", targets=["镇长"]) for i, text in enumerate(texts)]
    return FakeAnalyzer().analyze_many(articles)


SURE, UNSURE, PLAIN = "镇长称赞了人们{}。", "石磨压着小镇{}。", "人们在路上{}。"  # 0.25, 0.5 + 0.28, 0.5


def chosen(found):
    return [(choice.task.article, choice.task.index, choice.drawn) for choice in found]


def test_the_most_doubtful_paragraphs_are_chosen():
    texts = ["\n".join(pattern.format(i) for pattern in (SURE, UNSURE, PLAIN)) for i in range(3)]
    found = choose(analyses(texts), DEFAULT_SCHEMA, 4, share_by_lot=0)
    assert chosen(found) == [("a0", 1, False), ("a0", 2, False), ("a1", 1, False), ("a2", 1, False)]
    assert [round(choice.expected_errors, 2) for choice in found] == [0.78, 0.5, 0.78, 0.78]


def test_no_article_takes_all_places_and_no_text_comes_twice():
    texts = ["\n".join(UNSURE.format(i) for i in range(9)), "\n".join([UNSURE.format(1), SURE.format(1)])]
    found = choose(analyses(texts), DEFAULT_SCHEMA, 5, share_by_lot=0, most_per_article=3)
    assert [(a, i) for a, i, _ in chosen(found)] == [("a0", 0), ("a0", 1), ("a0", 2), ("a1", 1)]


def test_a_share_is_drawn_by_lot_the_same_each_time():
    texts = [SURE.format(i) for i in range(50)] + [UNSURE.format(i) for i in range(5)]
    found = choose(analyses(texts), DEFAULT_SCHEMA, 10, share_by_lot=0.5)
    assert sum(drawn for *_, drawn in chosen(found)) == 5
    assert len(found) == 10
    assert chosen(found) == chosen(choose(analyses(texts), DEFAULT_SCHEMA, 10, share_by_lot=0.5))
    assert chosen(found) != chosen(choose(analyses(texts), DEFAULT_SCHEMA, 10, share_by_lot=0.5, seed=1))
    assert len(choose(analyses(texts), DEFAULT_SCHEMA, 99, share_by_lot=1.0)) == 55


def test_labels_of_another_scheme_are_refused(schema):
    analysis = FakeAnalyzer().analyze(Article.from_text(UNSURE, targets=["镇长"]))
    other = type(schema)(schema.stances, (schema.device("irony"),))
    with pytest.raises(SchemaError, match="Unknown device"):
        choose([analysis], other, 1)
