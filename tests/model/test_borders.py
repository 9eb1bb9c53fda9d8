from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stance.model.borders import INSIDE_WORD, KINDS, OUTSIDE, borders, part_of

CLASSES = 9
NONE, LETTER, COMMA, STOP, QUESTION, OPENING, CLOSING, QUOTE, DASH = range(CLASSES)


def kind(before, behind):
    """The number of a place between characters of two classes."""
    return 1 + CLASSES * before + behind


def of_characters(text, continued=()):
    """Borders of a text with one token a character; the tokens at `continued` go on with a word."""
    at = np.arange(len(text), dtype=np.int32)
    return borders(text, at, at + 1, np.isin(at, continued))


def test_the_kinds():
    assert KINDS == 1 + CLASSES**2
    assert (INSIDE_WORD, OUTSIDE) == (0, kind(NONE, NONE))


def test_a_paragraph_by_hand():
    assert of_characters("他说，“好吗？”", continued=[1]).tolist() == [
        kind(NONE, LETTER),
        INSIDE_WORD,
        kind(LETTER, COMMA),
        kind(COMMA, OPENING),
        kind(OPENING, LETTER),
        kind(LETTER, LETTER),
        kind(LETTER, QUESTION),
        kind(QUESTION, CLOSING),
        kind(CLOSING, NONE),
    ]


@pytest.mark.parametrize(
    ("marks", "expected"),
    [
        ("好a1 %", LETTER),
        ("，、；：,;:", COMMA),
        ("。！!…", STOP),
        ("？?", QUESTION),
        ("“‘「『《（(【[", OPENING),
        ("”’」』》）)】]", CLOSING),
        ("\"'", QUOTE),
        ("—－-～~·/", DASH),
    ],
)
def test_classes_of_characters(marks, expected):
    for mark in marks:
        assert of_characters(mark).tolist() == [kind(NONE, expected), kind(expected, NONE)], mark


def test_a_token_of_several_characters_shows_its_first_and_its_last():
    found = borders("ab。（c", np.int32([0, 2, 4]), np.int32([2, 4, 5]), np.array([False] * 3))
    assert found.tolist() == [kind(NONE, LETTER), kind(LETTER, STOP), kind(OPENING, LETTER), kind(LETTER, NONE)]


def test_a_gap_is_not_inside_a_word():
    """A lexicon may hold two words together across a space that no token covers."""
    found = borders("美 国", np.int32([0, 2]), np.int32([1, 3]), np.array([False, True]))
    assert found.tolist() == [kind(NONE, LETTER), kind(LETTER, LETTER), kind(LETTER, NONE)]


def test_tokens_of_one_character_are_inside_a_word():
    found = borders("好", np.int32([0, 0, 0]), np.int32([1, 1, 1]), np.array([False, True, True]))
    assert found.tolist() == [kind(NONE, LETTER), INSIDE_WORD, INSIDE_WORD, kind(LETTER, NONE)]


def test_a_first_token_begins_a_word_whatever_is_said():
    assert of_characters("好的", continued=[0, 1]).tolist() == [kind(NONE, LETTER), INSIDE_WORD, kind(LETTER, NONE)]


def test_no_token():
    nothing = np.zeros(0, np.int32)
    assert borders(" ", nothing, nothing, np.zeros(0, np.bool_)).tolist() == [OUTSIDE]


def test_a_part_by_hand():
    whole = of_characters("好，美国。", continued=[3])
    assert part_of(whole, 0, 2).tolist() == [kind(NONE, LETTER), kind(LETTER, COMMA), kind(COMMA, NONE)]
    assert part_of(whole, 2, 5).tolist() == [
        kind(COMMA, LETTER),
        INSIDE_WORD,
        kind(LETTER, STOP),
        kind(STOP, NONE),
    ]
    assert part_of(whole, 1, 3).tolist() == [kind(LETTER, COMMA), kind(COMMA, LETTER), kind(LETTER, NONE)]  # in a word


def test_a_part_leaves_the_whole_alone():
    whole = of_characters("好的。")
    before = whole.copy()
    part_of(whole, 0, 2)[:] = 99
    assert (whole == before).all()


@settings(deadline=None)
@given(st.text(alphabet='好a，。？“”"—', min_size=1, max_size=12), st.data())
def test_every_part_ends_with_nothing_behind_it(text, data):
    start = data.draw(st.integers(0, len(text) - 1))
    stop = data.draw(st.integers(start + 1, len(text)))
    part = part_of(of_characters(text), start, stop)
    alone = of_characters(text[start:stop])
    assert part[1:].tolist() == alone[1:].tolist()
    assert (int(part[0]) - 1) % CLASSES == (int(alone[0]) - 1) % CLASSES  # before it, the text goes on
