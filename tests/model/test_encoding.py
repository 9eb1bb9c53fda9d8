from __future__ import annotations

import time
from itertools import groupby

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stance.model.borders import INSIDE_WORD, KINDS, OUTSIDE
from stance.model.encoding import BLOCK, BODY, EXACT, PARTIAL, TITLE, Encoder, Passage
from stance.text.cues import CueFinder

CLS, SEP = 2, 3  # of the BERT tokenizer in conftest


NONE, LETTER, COMMA, STOP = range(4)  # classes of characters


def between(before, behind):
    """Kind of a place between two classes of characters."""
    return 1 + round((KINDS - 1) ** 0.5) * before + behind


def words_of(encoder, ids):
    return "".join(encoder.tokenizer.id_to_token(int(i)) for i in ids)


def pieces_of(windows):
    return [piece for window in windows for piece in window.pieces]


def test_a_window_by_hand(model):
    passage = Passage("石磨", ("中国强。", "", "美a"), ("中国", "美国"))
    (window,) = model.encoder.windows(passage)
    assert words_of(model.encoder, window.ids) == (
        "[CLS]石磨[SEP]中国强。[SEP]美a[SEP][CLS]中国[CLS]美国[CLS]中国[CLS]美国"
    )
    assert [piece.paragraph for piece in window.pieces] == [0, 2]
    assert window.segments.tolist() == [TITLE] * 4 + [BODY] * 8 + [BLOCK] * 12
    assert window.positions.tolist() == [*range(12), *[0, 1, 2] * 4]
    assert window.slots.tolist() == [-1] * 4 + [0] * 5 + [1] * 3 + [0] * 6 + [1] * 6
    assert window.blocks.tolist() == [0] * 12 + [1] * 3 + [2] * 3 + [3] * 3 + [4] * 3
    assert window.places.tolist() == [4, 9]
    assert window.pair_slots.tolist() == [0, 0, 1, 1]
    assert window.pair_targets.tolist() == [0, 1, 0, 1]
    assert window.pair_places.tolist() == [12, 15, 18, 21]
    assert window.pieces[0].starts.tolist() == [0, 1, 2, 3]
    assert window.pieces[1].ends.tolist() == [1, 2]
    assert not window.words.any()
    assert not window.cues.any()


def test_borders_of_a_window_by_hand(model):
    (window,) = model.encoder.windows(Passage("石，磨", ("中国，a1。", "美"), ("中国",)))
    assert words_of(model.encoder, window.ids) == ("[CLS]石，磨[SEP]中国，a##1。[SEP]美[SEP][CLS]中国[CLS]中国")
    first = [
        between(NONE, LETTER),
        between(LETTER, LETTER),
        between(LETTER, COMMA),
        between(COMMA, LETTER),
        INSIDE_WORD,  # ##1
        between(LETTER, STOP),
        between(STOP, NONE),  # before [SEP]
    ]
    second = [between(NONE, LETTER), between(LETTER, NONE)]
    assert window.borders.tolist() == [*[OUTSIDE] * 5, *first, *second, *[OUTSIDE] * 6]
    assert [piece.borders.tolist() for piece in window.pieces] == [first, second]


def test_words_of_the_lexicon_give_borders(make_model):
    (window,) = make_model("lexicon").encoder.windows(Passage("", ("我们中国 美国。",), ()))
    apart = between(LETTER, LETTER)
    # 我 们 中 国 美 国 。 [SEP]: within 中国 and 美国, nothing begins; a blank that no token covers parts them
    assert window.borders.tolist() == [
        *[OUTSIDE] * 2,
        between(NONE, LETTER),
        apart,
        apart,
        INSIDE_WORD,
        apart,
        INSIDE_WORD,
        between(LETTER, STOP),
        between(STOP, NONE),
    ]


def test_borders_and_cues_of_cut_pieces(make_model):
    """A long paragraph is cut within a word, which is a cue too: a span ends there, and another begins."""
    model = make_model("lexicon")
    finder = CueFinder(model.schema.device_ids, {"石磨": ("metaphor",)})
    encoder = Encoder(model.tokenizer, model.lexicon, model.config, finder)
    first, second = pieces_of(encoder.windows(Passage("", ("好" * 44 + "石磨" + "好" * 3,), ())))
    apart = between(LETTER, LETTER)
    assert first.borders.tolist() == [between(NONE, LETTER), *[apart] * 44, between(LETTER, NONE)]
    assert second.borders.tolist() == [INSIDE_WORD, *[apart] * 3, between(LETTER, NONE)]
    assert first.cues.tolist() == [0] * 44 + [0b011_000]
    assert second.cues.tolist() == [0b101_000, 0, 0, 0]


@pytest.fixture
def with_cues(model):
    expressions = {"石磨": ("metaphor",), "像石磨": ("simile",), "xyz": ("irony",), "美x": ("irony",)}
    return Encoder(model.tokenizer, None, model.config, CueFinder(model.schema.device_ids, expressions))


def test_cues_of_a_window_by_hand(with_cues):
    (window,) = with_cues.windows(Passage("石磨", ("像石磨。", "好"), ("石磨",)))
    begin, end = 0b011_000, 0b101_000  # of a metaphor
    #                                [CLS] 石     磨  [SEP]  像      石             磨         。 [SEP]
    assert window.cues.tolist() == [
        *[0, begin, end, 0, 0b011, begin | 0b001, end | 0b101, 0, 0],
        *[0, 0],  # 好 [SEP]
        *[0, begin, end] * 2,  # [CLS] 石 磨
    ]
    assert window.cues.dtype == np.int64


def test_a_token_of_several_characters_has_the_cues_of_its_ends(with_cues):
    (window,) = with_cues.windows(Passage("", ("xyz美xy",), ()))  # xyz and xy are one [UNK] each
    irony = 6
    assert [int(bits) >> irony for bits in window.cues] == [0, 0, 0b111, 0b011, 0b101, 0]


def test_long_titles_and_targets_are_cut_with_their_cues(with_cues):
    (window,) = with_cues.windows(Passage("好" * 7 + "石磨", ("好",), ("好" * 4 + "石磨",)))
    assert window.cues.tolist() == [0] * 8 + [0b011_000] + [0] * 3 + [0] * 5 + [0b011_000]


@settings(max_examples=40, deadline=None)
@given(paragraphs=st.lists(st.text(alphabet="中国石磨，。！”ab 1\n", max_size=120), max_size=5))
def test_every_piece_is_closed(model, paragraphs):
    for window in model.encoder.windows(Passage("石磨", tuple(paragraphs), ("中国",))):
        assert len(window.borders) == len(window.cues) == len(window)
        outside = np.ones(len(window), np.bool_)
        for place, piece in zip(window.places, window.pieces, strict=True):
            assert len(piece.borders) == len(piece.ids) + 1
            assert window.borders[place : place + len(piece.ids) + 1].tolist() == piece.borders.tolist()
            assert piece.borders[-1] in {between(before, NONE) for before in range(1, 9)}
            outside[place : place + len(piece.ids) + 1] = False
        assert (window.borders[outside] == OUTSIDE).all()


def test_named_flags_by_hand(model):
    passage = Passage("美国税", ("美方加税，a税区。", "军区财政税，财政。"), ("美国", "军区财政税"))
    (window,) = model.encoder.windows(passage)
    #   [CLS] 美 国 税 [SEP]   美 方 加 税 ， a 税 区 。 [SEP]   军 区 财 政 税 ， 财 政 。 [SEP]
    assert window.named.tolist() == [
        [0, 2, 2, 0, 0, 2, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 2, 2, 2, 2, 0, 1, 1, 0, 0],
    ]
    assert (PARTIAL, EXACT) == (1, 2)


def test_a_token_that_overlaps_a_mention_is_named(byte_encoder):
    (window,) = byte_encoder.windows(Passage("", ("a中国b",), ("中国",)))
    assert window.named.tolist() == [[0, 0, 0, 2, 2, 2, 2, 2, 2, 0, 0]]  # [CLS] [SEP] a, three bytes each, b [SEP]


def test_no_title_no_targets(model):
    (window,) = model.encoder.windows(Passage("", ("好",), ()))
    assert window.ids.tolist()[:2] == [CLS, SEP]
    assert window.segments.tolist() == [TITLE, TITLE, BODY, BODY]
    assert window.named.shape == (0, 4)
    assert len(window.pair_slots) == 0


@pytest.mark.parametrize("paragraphs", [(), ("",), ("", " \t", "")])
def test_nothing_to_read_gives_no_window(model, paragraphs):
    assert model.encoder.windows(Passage("石磨", paragraphs, ("中国",))) == []


def test_long_titles_and_targets_are_cut(model):
    (window,) = model.encoder.windows(Passage("中国石磨很好，美国也好", ("好",), ("中国军区财政税增长",)))
    assert words_of(model.encoder, window.ids) == "[CLS]中国石磨很好，美[SEP]好[SEP][CLS]中国军区财"
    assert window.named.shape == (1, 12)


def test_paragraphs_are_packed_whole_and_in_order(model):
    sizes = [10, 20, 5, 30, 40, 3, 3]
    windows = model.encoder.windows(Passage("石磨", tuple("好" * n for n in sizes), ()))
    # a window of 48 tokens has room for 44 beside [CLS] 石 磨 [SEP], and each paragraph takes one more for its [SEP]
    assert [[len(p.ids) for p in w.pieces] for w in windows] == [[10, 20, 5], [30], [40], [3, 3]]
    assert all(len(w) <= 48 for w in windows)


def test_long_paragraphs_are_cut_behind_sentences(model):
    first, second, third = "好" * 23 + "。”", "美" * 17 + "！", "中" * 30 + "。"
    windows = model.encoder.windows(Passage("", (first + second + third,), ()))
    cut = [(int(p.starts[0]), int(p.ends[-1])) for p in pieces_of(windows)]
    assert cut == [(0, 43), (43, 74)]  # behind the second sentence: three together are longer than 45 tokens


def test_a_sentence_that_just_fits_is_not_cut_off(model):
    windows = model.encoder.windows(Passage("", ("好" * 29 + "。" + "美" * 14 + "。" + "中" * 20,), ()))
    assert [len(p.ids) for p in pieces_of(windows)] == [45, 20]


def test_a_sentence_end_in_the_first_half_is_no_place_to_cut(model):
    windows = model.encoder.windows(Passage("", ("好。" + "美" * 60,), ()))
    assert [len(p.ids) for p in pieces_of(windows)] == [45, 17]


def check_every_token_once(encoder, passage):
    """Each paragraph's tokens, joined over its pieces, are those of the tokenizer on the whole paragraph."""
    windows = encoder.windows(passage)
    found = {
        paragraph: [(int(i), (int(s), int(e))) for p in pieces for i, s, e in zip(p.ids, p.starts, p.ends, strict=True)]
        for paragraph, pieces in groupby(pieces_of(windows), key=lambda p: p.paragraph)
    }
    for index, text in enumerate(passage.paragraphs):
        expected = encoder.tokenizer.encode(text, add_special_tokens=False)
        assert found.get(index, []) == list(zip(expected.ids, expected.offsets, strict=True))
    for window in windows:
        assert int(np.sum(window.segments != BLOCK)) <= encoder.config.window_tokens
        text = [window.ids[place : place + len(p.ids)] for place, p in zip(window.places, window.pieces, strict=True)]
        assert all((ids == p.ids).all() for ids, p in zip(text, window.pieces, strict=True))


TEXT = st.text(alphabet="中国美石磨，。！”ab 1\n😀", max_size=150)


@settings(max_examples=60, deadline=None)
@given(title=TEXT, paragraphs=st.lists(TEXT, max_size=6), targets=st.lists(TEXT.filter(len), max_size=3, unique=True))
def test_every_token_of_every_paragraph_once(model, title, paragraphs, targets):
    check_every_token_once(model.encoder, Passage(title, tuple(paragraphs), tuple(targets)))


@pytest.fixture(scope="module")
def byte_encoder(make_model):
    return make_model("roberta").encoder


@settings(max_examples=20, deadline=None)
@given(paragraphs=st.lists(TEXT, max_size=4))
def test_every_byte_of_every_paragraph_once(byte_encoder, paragraphs):
    check_every_token_once(byte_encoder, Passage("石磨", tuple(paragraphs), ("中国",)))


def test_a_paragraph_of_a_hundred_thousand_characters(model):
    text = ("中国的石磨很好，" * 4 + "美国也好。") * 2703 + "尾"
    assert len(text) > 99_000
    passage = Passage("石磨", (text, "好"), ("中国", "美国"))
    start = time.process_time()
    windows = model.encoder.windows(passage)
    assert time.process_time() - start < 5  # reading the whole paragraph again for each piece takes over a minute
    check_every_token_once(model.encoder, passage)
    pieces = pieces_of(windows)
    assert all(text[int(p.ends[-1]) - 1] == "。" for p in pieces[:-2])
    named = np.concatenate([w.named[0, 4:][w.slots[4 : w.named.shape[1]] == 0] for w in windows])
    assert int((named == EXACT).sum()) == 2 * text.count("中国")


def test_words_of_the_lexicon(make_model):
    encoder = make_model("lexicon").encoder
    (window,) = encoder.windows(Passage("石磨", ("我们中国 美国",), ("贝森特",)))
    # words 1 中国, 2 美国, 3 石磨, 6 贝森特; single characters stand behind the lexicon's words and count as none
    #                                [CLS] 石 磨 [SEP]  我 们 中 国 美 国 [SEP]  [CLS] 贝 森 特
    assert window.words.tolist() == [0, 3, 3, 0, 0, 0, 1, 1, 2, 2, 0, 0, 6, 6, 6]


def test_encoding_leaves_no_trace(model):
    encoder = Encoder(model.tokenizer, None, model.config)
    passage = Passage("石磨", ("中国好。" * 20, "美国"), ("中国", "美国"))
    before = encoder.windows(passage)
    encoder.windows(Passage("", ("美",) * 9, ()))
    for one, two in zip(before, encoder.windows(passage), strict=True):
        assert (one.ids == two.ids).all()
        assert (one.named == two.named).all()
        assert (one.borders == two.borders).all()
