from __future__ import annotations

import numpy as np
import pytest
import torch

from stance.model.losses import UNKNOWN
from stance.training.examples import GoldSpan, LabelledArticle
from stance.training.features import EncodingLoss, collate_labelled, labelled_windows

SIMILE, METAPHOR, IRONY = 0, 1, 2
ALL = frozenset({"simile", "metaphor", "irony"})


def article(paragraphs, spans=None, presence=None, stances=None, **fields):
    """A labelled article; what is left out is absent."""
    spans = spans or [[] for _ in paragraphs]
    presence = presence or [{span.device for span in own} for own in spans]
    complete = {"annotated": ALL, "located": ALL, "absence_known": True, "targets": (), "title": ""} | fields
    return LabelledArticle(
        id="a",
        paragraphs=tuple(paragraphs),
        stances=tuple(stances or [{} for _ in paragraphs]),
        spans=tuple(tuple(own) for own in spans),
        presence=tuple(frozenset(own) for own in presence),
        **complete,
    )


@pytest.fixture
def encode(model):
    def encode(given, loss=None):
        return labelled_windows([given], model.encoder, model.schema, loss or EncodingLoss())

    return encode


def test_tags_and_presence_by_hand(encode):
    (row,) = encode(
        article(
            ["石磨像山。", "好"],
            [[GoldSpan("metaphor", 0, 2), GoldSpan("simile", 2, 4), GoldSpan("simile", 1, 2)], []],
            title="山",
        )
    )
    x = UNKNOWN  # [CLS] 山 [SEP] 石 磨 像 山 。 [SEP] 好 [SEP]
    assert row.tags[:, SIMILE].tolist() == [x, x, x, 0, 1, 1, 1, 0, x, 0, x]
    assert row.tags[:, METAPHOR].tolist() == [x, x, x, 1, 1, 0, 0, 0, x, 0, x]
    assert row.tags[:, IRONY].tolist() == [x, x, x, 0, 0, 0, 0, 0, x, 0, x]
    assert row.devices.tolist() == [[1, 1, 0], [0, 0, 0]]


def test_spans_find_their_place_in_cleaned_text(encode):
    loss = EncodingLoss()
    (row,) = encode(article(["中\u200b國 的石磨"], [[GoldSpan("metaphor", 0, 3), GoldSpan("irony", 1, 2)]]), loss)
    assert row.tags[2:, METAPHOR].tolist() == [1, 1, 0, 0, 0, UNKNOWN]  # 中 国 的 石 磨 [SEP]
    assert not row.tags[2:7, IRONY].any()  # a zero-width space alone: nothing is left of it
    assert row.devices.tolist() == [[0, 1, 1]]
    assert str(loss) == "0 of 1 paragraphs cut; of 2 spans 1 lost in cleaning, 0 not on token borders"


def test_a_span_within_a_token_takes_the_whole_token(encode):
    loss = EncodingLoss()
    (row,) = encode(article(["xyz好"], [[GoldSpan("irony", 1, 2)]]), loss)
    assert row.tags[2:4, IRONY].tolist() == [1, 0]
    assert (loss.spans, loss.lost_spans, loss.widened_spans) == (1, 0, 1)


def test_all_tokens_of_a_character_are_inside(make_model):
    model = make_model("roberta")
    given = article(["a石磨b"], [[GoldSpan("metaphor", 1, 3)]])
    (row,) = labelled_windows([given], model.encoder, model.schema, EncodingLoss())
    assert row.tags[2:10, METAPHOR].tolist() == [0, 1, 1, 1, 1, 1, 1, 0]


def test_spans_that_touch_or_overlap_are_one(encode):
    spans = [GoldSpan("irony", 0, 2), GoldSpan("irony", 1, 3), GoldSpan("irony", 3, 4)]
    (row,) = encode(article(["石磨像山。"], [spans]))
    assert row.tags[2:7, IRONY].tolist() == [1, 1, 1, 1, 0]


def test_gold_never_lies_outside_of_paragraphs(encode):
    text = "石磨" * 40
    for row in encode(article([text, "好"], [[GoldSpan("irony", 0, len(text))], []], targets=("美国",), title=text)):
        places = np.concatenate(
            [np.arange(at, at + len(p.ids)) for at, p in zip(row.window.places, row.window.pieces, strict=True)]
        )
        assert (np.flatnonzero((row.tags != UNKNOWN).any(-1)) == places).all()


def test_what_is_not_annotated_is_unknown(encode):
    simile = frozenset({"simile"})
    (row,) = encode(article(["石磨"], [[GoldSpan("simile", 0, 1)]], annotated=simile, located=simile))
    assert row.tags[2:4].tolist() == [[1, UNKNOWN, UNKNOWN], [0, UNKNOWN, UNKNOWN]]
    assert row.devices.tolist() == [[1, UNKNOWN, UNKNOWN]]


def test_a_device_that_is_somewhere(encode):
    """Annotated without spans: present, but who knows where; where it is absent it is nowhere."""
    (row,) = encode(article(["石磨", "好"], presence=[{"irony"}, set()], located=frozenset({"simile"})))
    x = UNKNOWN
    assert row.tags[:, IRONY].tolist() == [x, x, x, x, x, 0, x]
    assert row.tags[:, METAPHOR].tolist() == [x, x, 0, 0, x, 0, x]
    assert row.devices.tolist() == [[0, 0, 1], [0, 0, 0]]


def test_the_pieces_of_a_long_paragraph(encode):
    text = "好" * 40 + "。" + "石磨" * 10
    loss = EncodingLoss()
    given = article([text], [[GoldSpan("metaphor", 41, 43)]], [{"metaphor", "irony"}], located=ALL - {"irony"})
    first, second = encode(given, loss)
    assert first.devices.tolist() == [[0, 0, UNKNOWN]]  # the irony may be in either piece
    assert second.devices.tolist() == [[0, 1, UNKNOWN]]
    assert not (first.tags[2:43, METAPHOR]).any()
    assert second.tags[2:5, METAPHOR].tolist() == [1, 1, 0]
    assert (first.tags[:, IRONY] == UNKNOWN).all()
    assert str(loss) == "1 of 1 paragraphs cut; of 1 spans 0 lost in cleaning, 0 not on token borders"


@pytest.mark.parametrize(
    ("stance", "absence_known", "allowed"),
    [
        ("favor", True, [True, False, False, False]),
        ("against", False, [False, True, False, False]),
        ("neutral", True, [False, False, True, False]),
        ("neutral", False, [False, False, True, True]),
        (None, True, [False, False, False, True]),
        (None, False, [True, True, True, True]),
    ],
)
def test_what_a_stance_leaves_open(encode, stance, absence_known, allowed):
    stances = [{} if stance is None else {"美国": stance}]
    (row,) = encode(article(["石磨"], stances=stances, targets=("美国",), absence_known=absence_known))
    assert row.stances.tolist() == [allowed]


def test_pairs_of_paragraphs_and_targets(encode):
    stances = [{"中国": "favor"}, {}, {"美国": "against"}]
    (row,) = encode(article(["好", "", "不"], stances=stances, targets=("中国", "美国")))
    assert row.stances.argmax(-1).tolist() == [0, 3, 3, 1]  # the blank paragraph has no pair


def test_losses_add_up_over_articles(model):
    loss = EncodingLoss()
    given = article(["好" * 100, "好"], [[GoldSpan("irony", 0, 2)], []])
    labelled_windows([given, given], model.encoder, model.schema, loss)
    assert (loss.paragraphs, loss.cut_paragraphs, loss.spans) == (4, 2, 2)


def test_collated_gold_is_padded_with_unknown(encode, model):
    (small,) = encode(article(["好"], [[GoldSpan("irony", 0, 1)]]))
    (large,) = encode(article(["石磨", "山", "税"], stances=[{"美国": "favor"}, {}, {}], targets=("美国",)))
    batch, gold = collate_labelled([small, large], model.config.pad_id)
    assert gold.tags.shape == (*batch.ids.shape, 3)
    assert gold.tags[0, :, IRONY].tolist() == [UNKNOWN, UNKNOWN, 1, *[UNKNOWN] * 21]
    assert gold.devices[0].tolist() == [[0, 0, 1], [UNKNOWN] * 3, [UNKNOWN] * 3]
    assert gold.stances[0].tolist() == [[True] * 4] * 3
    assert gold.stances[1].tolist() == [[True, False, False, False], *[[False, False, False, True]] * 2]
    assert (gold.tags.dtype, gold.devices.dtype, gold.stances.dtype) == (torch.int64, torch.int64, torch.bool)
    assert np.array_equal(gold.tags[1, : len(large.tags)].numpy(), large.tags)
