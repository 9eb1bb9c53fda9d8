from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stance import ModelError
from stance.text.cues import BITS_PER_DEVICE, CueFinder

DEVICES = ("simile", "metaphor", "irony")
INSIDE, BEGIN, END = 1, 2, 4  # bits of the first device; three further for each next one
METAPHOR = 3


def finder(**expressions):
    return CueFinder(DEVICES, {words: tuple(devices.split()) for words, devices in expressions.items()})


def test_bits_by_hand():
    found = finder(踩刹车="metaphor").bits("他踩刹车了")
    assert BITS_PER_DEVICE == 3
    assert found.tolist() == [0, 0b011_000, 0b001_000, 0b101_000, 0]
    assert found.dtype == np.int64


def test_an_expression_of_several_devices():
    (first, last) = finder(如虎="simile irony").bits("如虎").tolist()
    assert first == 0b011_000_011
    assert last == 0b101_000_101


def test_every_occurrence_counts():
    assert (finder(石磨="metaphor").bits("石磨和石磨") > 0).tolist() == [True, True, False, True, True]
    assert [int(b) >> METAPHOR for b in finder(石磨="metaphor").bits("石磨石磨")] == [INSIDE | BEGIN, INSIDE | END] * 2


def test_the_longest_comes_first_and_hides_what_lies_within():
    found = finder(石磨="simile", 石磨上="simile", 磨上="simile").bits("石磨上").tolist()
    assert found == [INSIDE | BEGIN, INSIDE, INSIDE | END]


def test_overlapping_expressions_are_both_found():
    """Each begins and ends where it does, so that the model can tell two from one."""
    found = finder(一石磨="simile", 磨工厂="simile").bits("一石磨工厂").tolist()
    assert found == [INSIDE | BEGIN, INSIDE, INSIDE | BEGIN | END, INSIDE, INSIDE | END]


def test_devices_do_not_hide_each_other():
    found = finder(石磨上="simile", 石磨="metaphor").bits("石磨上").tolist()
    assert found == [0b011_011, 0b101_001, 0b000_101]


def test_the_order_of_the_list_does_not_matter():
    given_order = {"石磨": ("simile",), "石磨上": ("simile",), "磨上山": ("irony",)}
    turned = dict(reversed(given_order.items()))
    text = "石磨上山，石磨"
    assert (CueFinder(DEVICES, given_order).bits(text) == CueFinder(DEVICES, turned).bits(text)).all()


def test_the_order_of_devices_gives_the_bits():
    turned = CueFinder(DEVICES[::-1], {"石磨": ("irony",)})
    assert turned.bits("石磨").tolist() == [INSIDE | BEGIN, INSIDE | END]


def test_unknown_devices_are_passed_over():
    assert not finder(石磨="hyperbole").bits("石磨").any()
    assert finder(石磨="hyperbole simile").bits("石磨").tolist() == [INSIDE | BEGIN, INSIDE | END]


def test_a_single_character_is_no_cue():
    assert not finder(石="simile").bits("石石").any()


@pytest.mark.parametrize("text", ["", "石", "磨石"])
def test_nothing_to_find(text):
    assert finder(石磨="simile").bits(text).tolist() == [0] * len(text)


def test_twenty_one_devices_fit_and_no_more():
    names = [f"d{n}" for n in range(22)]
    last = CueFinder(names[:21], {"石磨": ("d20",)}).bits("石磨").tolist()
    assert last == [0b011 << 60, 0b101 << 60]
    with pytest.raises(ModelError, match="at most 21 devices; found 22"):
        CueFinder(names, {})


EXPRESSIONS = st.dictionaries(
    st.text(alphabet="石磨山", min_size=2, max_size=4),
    st.lists(st.sampled_from(DEVICES), min_size=1, max_size=2, unique=True).map(tuple),
    max_size=6,
)


@given(EXPRESSIONS, st.text(alphabet="石磨山，", max_size=12))
def test_inside_is_exactly_what_occurrences_cover(expressions, text):
    bits = CueFinder(DEVICES, expressions).bits(text)
    for number, device in enumerate(DEVICES):
        covered, first, last = set(), set(), set()
        for words, borne in expressions.items():
            for at in range(len(text)):
                if device in borne and text.startswith(words, at):
                    covered |= set(range(at, at + len(words)))
                    first.add(at)
                    last.add(at + len(words) - 1)
        own = bits >> (BITS_PER_DEVICE * number)
        assert set(np.flatnonzero(own & INSIDE).tolist()) == covered
        assert set(np.flatnonzero(own & BEGIN).tolist()) <= first
        assert set(np.flatnonzero(own & END).tolist()) <= last


def test_round_trip(tmp_path):
    path = tmp_path / "cues.tsv"
    given_list = {"踩刹车": ("metaphor",), "如虎": ("simile", "irony"), "堆成山": ("hyperbole",)}
    CueFinder(DEVICES, given_list).save(path)
    again = CueFinder.load(path, DEVICES)
    assert again.expressions == given_list
    assert again.devices == DEVICES
    first = path.read_bytes()
    again.save(path)
    assert path.read_bytes() == first


def test_a_list_by_hand(tmp_path):
    path = tmp_path / "cues.tsv"
    path.write_text("踩刹车\tmetaphor\t12\t3\n如虎\tsimile,irony\n", encoding="utf-8")
    assert CueFinder.load(path, DEVICES).expressions == {"踩刹车": ("metaphor",), "如虎": ("simile", "irony")}


@pytest.mark.parametrize("line", ["石磨", "\tsimile", "石磨 simile", ""])
def test_a_line_that_is_none(tmp_path, line):
    path = tmp_path / "cues.tsv"
    path.write_text(f"踩刹车\tmetaphor\n{line}\n如虎\tsimile\n", encoding="utf-8")
    with pytest.raises(ModelError, match=r"cues\.tsv line 2: expected an expression, a tab and its devices; found "):
        CueFinder.load(path, DEVICES)


def test_a_list_that_cannot_be_read(tmp_path):
    with pytest.raises(ModelError, match=r"none\.tsv: expected a list of expressions in UTF-8"):
        CueFinder.load(tmp_path / "none.tsv", DEVICES)
    (tmp_path / "bytes.tsv").write_bytes(b"\xff\xfe\t")
    with pytest.raises(ModelError, match=r"bytes\.tsv: expected a list of expressions in UTF-8"):
        CueFinder.load(tmp_path / "bytes.tsv", DEVICES)
