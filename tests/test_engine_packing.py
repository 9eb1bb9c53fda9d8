"""Packing: batches stay in their budget, and blocks dealt out over rows change nothing."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stance.engine.packing import BLOCK_TOKENS, deal_out, join, pack, padded
from stance.model.decoding import ParagraphReading, SpanReading
from stance.model.encoding import BLOCK, Passage

TARGETS = ("中国", "美国", "石磨")


@pytest.fixture(scope="module")
def window(model):
    """[CLS] 石磨 [SEP] 好 [SEP] 美国好 [SEP], and six blocks of three tokens."""
    (window,) = model.encoder.windows(Passage("石磨", ("好", "美国好"), TARGETS))
    return window


@given(st.lists(st.integers(1, 60), max_size=40), st.integers(1, 300))
def test_every_row_is_in_one_batch_within_the_budget(lengths, budget):
    batches = list(pack(lengths, budget))
    assert sorted(place for batch in batches for place in batch) == list(range(len(lengths)))
    for batch in batches:
        longest = max(lengths[place] for place in batch)
        assert len(batch) == 1 or len(batch) * padded(longest) <= budget
    longests = [max(lengths[place] for place in batch) for batch in batches]
    assert longests == sorted(longests, reverse=True)


def test_batches_by_hand():
    assert list(pack([3, 16, 8, 9, 1], 32)) == [[1, 3], [2, 0, 4]]
    assert list(pack([3, 16, 8, 9, 1], 1)) == [[1], [3], [2], [0], [4]]
    assert list(pack([3, 16, 8, 9, 1], 24, [0, 2, 4])) == [[2, 0, 4]]
    assert [padded(n) for n in (1, 8, 9)] == [8, 8, 16]


def test_a_window_with_room_for_its_blocks_stays_as_it_is(window):
    assert deal_out(window) == [window]
    assert deal_out(window, 18) == [window]


@pytest.mark.parametrize(("room", "sizes"), [(17, [5, 1]), (9, [3, 3]), (7, [2, 2, 2]), (3, [1] * 6), (1, [1] * 6)])
def test_blocks_are_dealt_out_in_order(window, room, sizes):
    rows = deal_out(window, room)
    assert [len(row.pair_places) for row in rows] == sizes
    text = int(np.sum(window.segments != BLOCK))
    start = 0
    for row in rows:
        stop = start + len(row.pair_places)
        assert len(row) == text + 3 * (stop - start)
        for name in ("ids", "words", "positions", "segments", "slots"):
            whole, part = getattr(window, name), getattr(row, name)
            assert part[:text].tolist() == whole[:text].tolist()
            assert part[text:].tolist() == whole[text + 3 * start : text + 3 * stop].tolist()
        assert row.pair_slots.tolist() == window.pair_slots[start:stop].tolist()
        assert row.places.tolist() == window.places.tolist()
        assert [row.blocks[place] for place in row.pair_places] == list(range(1, stop - start + 1))
        assert [row.segments[place] for place in row.pair_places] == [BLOCK] * (stop - start)
        for own, target in zip(row.pair_targets, window.pair_targets[start:stop], strict=True):
            assert row.named[own].tolist() == window.named[target].tolist()
        start = stop
    assert start == 6


def test_rows_keep_the_types_of_windows(window):
    for row in deal_out(window, 7):
        for field in fields(window):
            if field.name != "pieces":
                assert getattr(row, field.name).dtype == getattr(window, field.name).dtype


def test_a_window_of_many_pairs_has_rows_of_bounded_length(model):
    """120 paragraphs of one token and 20 targets: 2,400 blocks, in one row they would be 7,200 tokens."""
    big = type(model.encoder)(model.tokenizer, None, replace(model.config, window_tokens=256))
    targets = tuple(a + b for a in "中美石磨" for b in "国好财政税")
    windows = big.windows(Passage("", ("好",) * 120, targets))
    assert len(windows[0].pair_slots) == 2400
    rows = deal_out(windows[0])
    assert max(map(len, rows)) <= 256 + BLOCK_TOKENS
    assert len(rows) == -(-2400 // (BLOCK_TOKENS // 3))
    assert sum(len(row.pair_slots) for row in rows) == 2400
    assert max(row.named.shape[0] for row in rows) <= 20


def test_readings_of_rows_are_joined_by_hand():
    def reading(paragraph, stances, spans=()):
        return ParagraphReading(paragraph, np.ones(1, np.float32), spans, np.array(stances, np.float32), 4)

    span = SpanReading(0, 1, 2, 0.5)
    first = [reading(3, [[1, 0]], (span,)), reading(4, np.zeros((0, 2)))]
    second = [reading(3, [[0, 1]], (span,)), reading(4, [[0.5, 0.5], [1, 0]])]
    joined = join([first, second])
    assert [r.stances.tolist() for r in joined] == [[[1, 0], [0, 1]], [[0.5, 0.5], [1, 0]]]
    assert [r.paragraph for r in joined] == [3, 4]
    assert joined[0].spans == (span,)
    assert join([first]) == first
