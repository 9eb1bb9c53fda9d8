from __future__ import annotations

import json

import pytest

from stance import (
    Article,
    ArticleAnalysis,
    DevicePrediction,
    InputError,
    Paragraph,
    ParagraphAnalysis,
    Span,
    StancePrediction,
)

TEXT = "镇上来信\n账单像雪片😀，一片接一片。"
RECORD = {
    "id": "a1",
    "title": "镇上来信",
    "targets": ["账单"],
    "model": "tiny@0123",
    "paragraphs": [
        {
            "index": 0,
            "start": 0,
            "end": 4,
            "text": "镇上来信",
            "kind": "title",
            "stances": [],
            "devices": [],
            "needs_review": [],
        },
        {
            "index": 1,
            "start": 5,
            "end": 17,
            "text": "账单像雪片😀，一片接一片",
            "kind": "body",
            "stances": [
                {
                    "target": "账单",
                    "stance": "against",
                    "probability": 0.7,
                    "probabilities": {"favor": 0.1, "against": 0.7, "neutral": 0.2},
                }
            ],
            "devices": [
                {
                    "device": "simile",
                    "probability": 0.9,
                    "spans": [
                        {"start": 2, "end": 5, "text": "像雪片", "probability": 0.8},
                        {"start": 7, "end": 12, "text": "一片接一片", "probability": 0.6},
                    ],
                }
            ],
            "needs_review": ["irony", "账单"],
        },
    ],
    "warnings": ["一句话。"],
}
ANALYSIS = ArticleAnalysis(
    id="a1",
    title="镇上来信",
    targets=("账单",),
    model="tiny@0123",
    paragraphs=(
        ParagraphAnalysis(Paragraph(0, 0, 4, "镇上来信", "title"), (), ()),
        ParagraphAnalysis(
            Paragraph(1, 5, 17, "账单像雪片😀，一片接一片"),
            (StancePrediction("账单", "against", {"favor": 0.1, "against": 0.7, "neutral": 0.2}),),
            (DevicePrediction("simile", 0.9, (Span(2, 5, "像雪片", 0.8), Span(7, 12, "一片接一片", 0.6))),),
            ("irony", "账单"),
        ),
    ),
    warnings=("一句话。",),
)


def test_min_probability_leaves_out_what_is_less_probable():
    (_, before) = ANALYSIS.paragraphs
    assert ANALYSIS.with_min_probability(0.7).paragraphs[1] == before
    strict = ANALYSIS.with_min_probability(0.75).paragraphs[1]
    assert [(s.stance, s.probabilities) for s in strict.stances] == [("neutral", before.stances[0].probabilities)]
    assert (strict.devices, strict.needs_review) == (before.devices, before.needs_review)
    assert ANALYSIS.with_min_probability(0.91).paragraphs[1].devices == ()
    assert ANALYSIS.with_min_probability(0) is ANALYSIS
    for wrong in (-0.1, 1.1):
        with pytest.raises(InputError, match="between 0 and 1; found"):
            ANALYSIS.with_min_probability(wrong)


def test_files_without_review_marks_are_read():
    record = json.loads(json.dumps(RECORD))
    for paragraph in record["paragraphs"]:
        del paragraph["needs_review"]
    assert [p.needs_review for p in ArticleAnalysis.from_dict(record).paragraphs] == [(), ()]


def test_the_output_contract():
    assert ANALYSIS.to_dict() == RECORD
    assert list(ANALYSIS.to_dict()) == list(RECORD)
    assert json.loads(json.dumps(ANALYSIS.to_dict())) == RECORD


def test_round_trip():
    assert ArticleAnalysis.from_dict(RECORD) == ANALYSIS
    assert ParagraphAnalysis.from_dict(RECORD["paragraphs"][1]) == ANALYSIS.paragraphs[1]


def test_further_columns_come_through_after_our_own():
    record = RECORD | {"date": "2024-05-01", "nested": {"a": [1]}}
    analysis = ArticleAnalysis.from_dict(record)
    assert analysis.extra == {"date": "2024-05-01", "nested": {"a": [1]}}
    assert analysis.to_dict() == record
    assert list(analysis.to_dict())[-2:] == ["date", "nested"]


def test_a_further_column_does_not_hide_our_own():
    analysis = ArticleAnalysis("a", "", (), "m", (), extra={"model": "theirs", "url": "u"})
    assert analysis.to_dict()["model"] == "m"
    assert analysis.to_dict()["url"] == "u"


def test_what_is_derived():
    paragraph = ANALYSIS.paragraphs[1]
    assert (paragraph.index, paragraph.kind, paragraph.text[:2]) == (1, "body", "账单")
    assert paragraph.stances[0].probability == 0.7
    assert TEXT[paragraph.paragraph.start : paragraph.paragraph.end] == paragraph.text


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"id": None, "targets": 3}, "TypeError"),
        ({"paragraphs": [{"index": 0}]}, "KeyError"),
        ({"paragraphs": [RECORD["paragraphs"][0] | {"end": 5}]}, r"\[0, 5\) does not fit 4 characters"),
        ({"paragraphs": [RECORD["paragraphs"][0] | {"kind": "footer"}]}, "kind must be one of"),
    ],
)
def test_other_records_are_refused(change, fault):
    with pytest.raises(InputError, match=f"Expected an article labelled by stance.*{fault}.*stance label"):
        ArticleAnalysis.from_dict(RECORD | change)


@pytest.mark.parametrize("field", RECORD)
def test_every_field_is_needed(field):
    with pytest.raises(InputError, match=f"KeyError\\('{field}'\\)"):
        ArticleAnalysis.from_dict({name: value for name, value in RECORD.items() if name != field})


@pytest.mark.parametrize(("start", "end", "text"), [(0, 3, "ab"), (-1, 1, "ab"), (2, 1, "")])
def test_paragraphs_fit_their_offsets(start, end, text):
    with pytest.raises(ValueError, match=rf"Paragraph 7: \[{start}, {end}\) does not fit"):
        Paragraph(7, start, end, text)


@pytest.mark.parametrize(
    "span", [Span(0, 2, "石磨", 0.5), Span(1, 1, "", 0.5), Span(1, 9, "单像", 0.5), Span(-1, 3, "像", 0.5)]
)
def test_spans_stand_at_their_place(span):
    with pytest.raises(ValueError, match=r"Paragraph 0: span Span\(.*is not at its place in the text"):
        ParagraphAnalysis(Paragraph(0, 0, 3, "账单像"), (), (DevicePrediction("simile", 0.9, (span,)),))


def test_articles():
    article = Article.from_text(TEXT, id="a", title="t", targets=["甲", "乙"])
    assert article == Article(TEXT, "a", "t", None, ("甲", "乙"))
    listed = Article.from_paragraphs(["甲。", "", "乙。"], id="a", targets=("甲",), extra={"date": 1})
    assert listed == Article("甲。\n\n乙。", "a", "", ("甲。", "", "乙。"), ("甲",), {"date": 1})
    assert Article.from_paragraphs([]).text == ""


def test_text_and_paragraphs_agree():
    with pytest.raises(ValueError, match=r"joined by a line feed; use Article\.from_paragraphs"):
        Article("甲乙", paragraphs=("甲", "乙"))


def test_results_are_not_changed_by_accident():
    with pytest.raises(AttributeError):
        ANALYSIS.title = "另题"
