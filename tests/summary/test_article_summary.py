"""The summary of one article, against figures counted by hand."""

from __future__ import annotations

import json

import pytest
from analyses import article, paragraph

from stance import SchemaError
from stance.summary import StanceCounts, TargetSummary, summarize
from stance.summary.sentences import key_sentences, sentences

ARTICLE = article(
    [
        paragraph("稀土之争", "00", "title"),  # 4 characters
        paragraph("这张‹metaphor:空头支票›，是‹metaphor@0.9:绑在身上的炸药›。", "-0", probability=0.7),  # 16
        paragraph(" \n", "00"),  # blank, not counted
        paragraph("‹rhetorical_question:谁会相信›？‹metaphor:空头支票›而已。", "-+", probability=0.9),  # 12
        paragraph("中 方有理。", "0+"),  # 5 without the space
        paragraph("美方也有‹irony:功劳›。", "+0", probability=0.6),  # 7
    ],
    id="a1",
    title="稀土之争",
    targets=("美国", "中国"),
    extra={"source": "晚报", "paragraphs": 7},
    warnings=("One.",),
)


def test_every_figure_of_an_article():
    found = summarize(ARTICLE).to_dict()
    found.pop("chinese"), found.pop("english")
    assert found == {
        "id": "a1",
        "title": "稀土之争",
        "model": "hand@0",
        "paragraphs": 5,
        "characters": 44,
        "device_spans": 5,
        "per_1000_characters": 113.64,
        "percentile": None,
        "targets": [
            {
                "target": "美国",
                "drift": "against",
                "paragraphs": 5,
                "favor": 1,
                "against": 2,
                "neutral": 2,
                "favor_share": 0.2,
                "against_share": 0.4,
                "neutral_share": 0.4,
                "course": ["neutral", "against", "against", "neutral", "favor"],
                "thirds": [
                    {"favor": 0, "against": 0, "neutral": 1},
                    {"favor": 0, "against": 2, "neutral": 0},
                    {"favor": 1, "against": 0, "neutral": 1},
                ],
                "strongest": [
                    {"index": 3, "stance": "against", "probability": 0.9, "text": "谁会相信？空头支票而已。"},
                    {"index": 1, "stance": "against", "probability": 0.7, "text": "这张空头支票，是绑在身上的炸药。"},
                    {"index": 5, "stance": "favor", "probability": 0.6, "text": "美方也有功劳。"},
                ],
                "devices": [
                    {"device": "metaphor", "favor": 0, "against": 2, "neutral": 0},
                    {"device": "irony", "favor": 1, "against": 0, "neutral": 0},
                    {"device": "rhetorical_question", "favor": 0, "against": 1, "neutral": 0},
                ],
            },
            {
                "target": "中国",
                "drift": "favor",
                "paragraphs": 5,
                "favor": 2,
                "against": 0,
                "neutral": 3,
                "favor_share": 0.4,
                "against_share": 0.0,
                "neutral_share": 0.6,
                "course": ["neutral", "neutral", "favor", "favor", "neutral"],
                "thirds": [
                    {"favor": 0, "against": 0, "neutral": 1},
                    {"favor": 1, "against": 0, "neutral": 1},
                    {"favor": 1, "against": 0, "neutral": 1},
                ],
                "strongest": [
                    {"index": 3, "stance": "favor", "probability": 0.9, "text": "谁会相信？空头支票而已。"},
                    {"index": 4, "stance": "favor", "probability": 0.8, "text": "中 方有理。"},
                ],
                "devices": [
                    {"device": "metaphor", "favor": 1, "against": 0, "neutral": 1},
                    {"device": "irony", "favor": 0, "against": 0, "neutral": 1},
                    {"device": "rhetorical_question", "favor": 1, "against": 0, "neutral": 0},
                ],
            },
        ],
        "devices": [
            {
                "device": "metaphor",
                "spans": 3,
                "paragraphs": 2,
                "per_1000_characters": 68.18,
                "typical": ["空头支票", "绑在身上的炸药"],
            },
            {"device": "irony", "spans": 1, "paragraphs": 1, "per_1000_characters": 22.73, "typical": ["功劳"]},
            {
                "device": "rhetorical_question",
                "spans": 1,
                "paragraphs": 1,
                "per_1000_characters": 22.73,
                "typical": ["谁会相信"],
            },
        ],
        "metaphors": [
            {"domain": "trade", "spans": 2, "words": [{"word": "空头支票", "spans": 2}], "typical": ["空头支票"]},
            {"domain": "war", "spans": 1, "words": [{"word": "炸药", "spans": 1}], "typical": ["绑在身上的炸药"]},
        ],
        "key_sentences": [
            # 0.5 + 0.9 and the stance 0.7; 谁会相信？ is too short, 空头支票而已。 too
            {"paragraph": 1, "start": 0, "end": 16, "text": "这张空头支票，是绑在身上的炸药。", "score": 2.1},
        ],
        "warnings": ["One."],
        "source": "晚报",
        "input_paragraphs": 7,
    }


def test_json_is_one_line_of_the_same():
    summary = summarize(ARTICLE)
    assert "\n" not in summary.to_json()
    assert json.loads(summary.to_json()) == summary.to_dict()


@pytest.mark.parametrize(
    ("counts", "drift"),
    [
        ((0, 0, 9), "neutral"),
        ((1, 0, 9), "favor"),
        ((2, 3, 0), "against"),
        ((4, 4, 1), "neutral"),
        ((0, 0, 0), "neutral"),
    ],
)
def test_drift_is_the_side_that_more_paragraphs_take(counts, drift):
    assert StanceCounts(*counts).drift == drift


def test_a_target_that_no_paragraph_answers_for_is_neutral_throughout():
    summary = summarize(article([paragraph("甲。"), paragraph("乙。")], targets=("美国",)))
    assert summary.targets[0].course == ("neutral", "neutral")
    assert summary.targets[0].strongest == ()


@pytest.mark.parametrize(
    ("length", "sizes"), [(0, (0, 0, 0)), (1, (0, 0, 1)), (4, (1, 1, 2)), (5, (1, 2, 2)), (6, (2, 2, 2))]
)
def test_thirds_hold_every_paragraph_once(length, sizes):
    target = TargetSummary("美国", ("favor",) * length, (), {})
    assert tuple(third.favor for third in target.thirds) == sizes


def test_an_article_without_text_has_no_density():
    summary = summarize(article([paragraph("  ", "+")]))
    assert summary.density is None
    assert summary.to_dict()["targets"][0]["favor_share"] is None


def test_a_label_out_of_the_schema_is_refused():
    with pytest.raises(SchemaError, match="Unknown device 'zeugma'"):
        summarize(article([paragraph("‹zeugma:甲›。")]))


def test_a_stance_out_of_the_three_is_refused():
    strange = article([paragraph("甲。", "+")])
    answer = strange.paragraphs[0].stances[0]
    object.__setattr__(answer, "stance", "absent")
    with pytest.raises(SchemaError, match="found 'absent' towards '美国'"):
        summarize(strange)


# --- key sentences ---


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("甲。乙！丙", ["甲。", "乙！", "丙"]),
        ("他说：“好！”众人笑。", ["他说：“好！”", "众人笑。"]),
        ("真的？！走吧……完", ["真的？！", "走吧……", "完"]),
        (" 甲。  乙。 ", ["甲。", "乙。"]),
        ("一行\n二行", ["一行", "二行"]),
        ("", []),
        ("。", ["。"]),
    ],
)
def test_sentences(text, found):
    assert [text[start:end] for start, end in sentences(text)] == found


def test_key_sentences_by_score_in_the_order_of_the_text():
    paragraphs = article(
        [
            paragraph("‹irony@0.9:标题里的讽刺不算数的›。", "-", "heading"),
            paragraph("‹irony@0.4:这一句分数最低排不上›。这一句里没有修辞手法。", "0"),
            paragraph("‹irony@0.6:这一句得零点六分›。‹metaphor@0.9:短句›。", "0"),
            paragraph("‹irony@0.3:这一句加上立场›得一点一分。", "-", probability=0.8),
            paragraph("‹parallelism@0.7:横跨两句的排比在第一句里也在。第二句里也算它的›。", "0"),
        ]
    ).paragraphs
    best = key_sentences(paragraphs)
    assert [(s.paragraph, s.text, round(s.score, 6)) for s in best] == [
        (3, "这一句加上立场得一点一分。", 1.1),
        (4, "横跨两句的排比在第一句里也在。", 0.7),
        (4, "第二句里也算它的。", 0.7),
    ]
    assert all(paragraphs[s.paragraph].text[s.start : s.end] == s.text for s in best)
