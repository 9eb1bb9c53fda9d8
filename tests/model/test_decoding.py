from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from math import exp, log

import numpy as np
import pytest
import torch

from stance.model.batch import collate
from stance.model.calibration import Calibration
from stance.model.chain import IMPOSSIBLE
from stance.model.decoding import Decisions, ParagraphReading, SpanReading, decode, merge
from stance.model.encoding import BODY, Passage
from stance.model.network import Logits

TEXT = "石磨中国很好a1"  # eight tokens, one a character
SEP = 3  # of the BERT tokenizer in conftest


def logit(probability):
    return log(probability / (1 - probability))


def collated(model, *passages):
    """One window for each passage, and their batch."""
    windows = [window for passage in passages for window in model.encoder.windows(passage)]
    assert len(windows) == len(passages)
    return windows, collate(windows, model.config.pad_id)


def logits_of(batch, presence, devices):
    """Presence as given (B, P, D). Each token is inside with chance 0.05, whatever its neighbours: see `mark`."""
    rows, tokens = batch.ids.shape
    steps = torch.zeros(rows, tokens, devices, 2, 2)
    steps[..., 1] = logit(0.05)
    steps[(batch.segments != BODY) | (batch.ids == SEP)] = torch.tensor([[0.0, IMPOSSIBLE], [0.0, IMPOSSIBLE]])
    return Logits(
        steps=steps,
        partition=torch.zeros(rows, batch.places.shape[1], devices),
        devices=torch.tensor(presence).logit(),
        stances=torch.zeros(rows, batch.pair_slots.shape[1], 4),
    )


def mark(logits, batch, row, slot, device, chances):
    """Chances of the first tokens of a paragraph to be inside, each whatever its neighbours are."""
    place = int(batch.places[row, slot])
    own = torch.tensor([logit(chance) for chance in chances])
    logits.steps[row, place : place + len(chances), device, :, 1] = own[:, None]


def spans_of(reading, text):
    return [(s.device, text[s.start : s.end], round(s.probability, 4)) for s in reading.spans]


@pytest.fixture
def read(model):
    """Decodes one paragraph and one device; `hold` is the log potential of ending a span."""

    def read(chances, presence=0.9, hold=0.0, text=TEXT, bonus=0.0):
        (window,), batch = collated(model, Passage("", (text,), ()))
        logits = logits_of(batch, [[[presence]]], 1)
        mark(logits, batch, 0, 0, 0, chances)
        logits.steps[..., 1, 0] = hold
        calibration = replace(Calibration.identity(1), begin_bonus=bonus)
        (reading,) = decode(window, 0, Decisions.of(logits, batch, calibration))
        assert reading.tokens == len(window.pieces[0].ids)
        return [(words, probability) for _, words, probability in spans_of(reading, text)]

    return read


def test_one_span(read):
    assert read([0.1, 0.1, 0.8, 0.6, 0.2, 0.1]) == [("中国", 0.7)]


def test_a_span_may_reach_both_ends(read):
    assert read([0.8, 0.8, 0.1, 0.1, 0.1, 0.1, 0.9, 0.9]) == [("石磨", 0.8), ("a1", 0.9)]
    assert read([0.75] * 8) == [(TEXT, 0.75)]


def test_a_doubtful_token_splits_a_span_unless_ends_cost_more(read):
    chances = [0.9, 0.4, 0.8, 0.1]
    assert read(chances) == [("石", 0.9), ("中", 0.8)]
    ((words, _),) = read(chances, hold=-1.0)  # a second end counts e^-1, the doubtful token 0.4 / 0.6
    assert words == "石磨中"


def test_a_bonus_lets_doubtful_spans_begin_and_leaves_probabilities(read):
    chances = [0.9, 0.1, 0.4, 0.1, 0.1]
    assert read(chances, bonus=0.4) == [("石", 0.9)]  # odds 0.4 / 0.6 = e^-0.405
    assert read(chances, bonus=0.41) == [("石", 0.9), ("中", 0.4)]


def test_probability_with_ends_by_hand(read):
    """Two tokens and ends of weight 1/2: nothing 1, first 9/2, second 9/2, both 81/2."""
    ((words, probability),) = read([0.9, 0.9], hold=log(0.5), text="石磨")
    assert words == "石磨"
    assert probability == pytest.approx((4.5 + 40.5) / 50.5, abs=1e-4)


def test_a_device_that_is_reported_has_a_span_even_where_no_token_is_sure(read):
    assert read([0.1, 0.2, 0.3, 0.16, 0.14, 0.1, 0.1, 0.2]) == [("中", 0.3)]


def test_a_device_that_is_not_reported_has_none(read):
    assert read([0.9] * 8, presence=0.49) == []
    assert read([0.9] * 8, presence=0.5) == [(TEXT, 0.9)]  # the threshold itself counts


def test_reported_devices_by_hand(model):
    """Two windows, of two paragraphs and of one; a place without a paragraph reports nothing."""
    windows, batch = collated(model, Passage("", ("石磨", "中国很好"), ()), Passage("石磨", ("好",), ()))
    presence = [[[0.6, 0.39, 0.3], [0.1, 0.4, 0.9]], [[0.49, 0.9, 0.1], [0.99, 0.99, 0.99]]]
    logits = logits_of(batch, presence, 3)
    calibration = replace(Calibration.identity(3), device_thresholds=(0.5, 0.395, 0.295))
    decisions = Decisions.of(logits, batch, calibration)
    assert decisions.owners.tolist() == [[0, 0, 0], [0, 0, 2], [0, 1, 1], [0, 1, 2], [1, 0, 1]]
    assert decisions.inside.shape == decisions.chosen.shape == (5, 5)  # four tokens and the separator behind them
    assert decisions.chosen.any(-1).all()
    inside = np.full((5, 5), 0.05)
    for row, tokens in enumerate((2, 2, 4, 4, 1)):
        inside[row, tokens:] = 0
    np.testing.assert_allclose(decisions.inside, inside, atol=1e-5)
    found = [[[s.device for s in reading.spans] for reading in decode(w, n, decisions)] for n, w in enumerate(windows)]
    assert found == [[[0, 2], [1, 2]], [[1]]]


def test_no_device_is_reported(model):
    (window,), batch = collated(model, Passage("", ("石磨", "好"), ("中国",)))
    decisions = Decisions.of(logits_of(batch, [[[0.4] * 3] * 2], 3), batch, Calibration.identity(3)).cpu()
    assert decisions.owners.shape == (0, 3)
    assert [reading.spans for reading in decode(window, 0, decisions)] == [(), ()]


def test_spans_of_several_devices_come_in_text_order(model):
    windows, batch = collated(model, Passage("", ("好",), ()), Passage("石磨", ("石磨", "中国很好"), ()))
    logits = logits_of(batch, [[[0.9] * 3] * 2] * 2, 3)
    mark(logits, batch, 1, 1, 0, [0.1, 0.9, 0.1, 0.8])
    mark(logits, batch, 1, 1, 1, [0.7, 0.7, 0.1, 0.1])
    mark(logits, batch, 1, 1, 2, [0.1, 0.9, 0.9, 0.1])
    mark(logits, batch, 1, 0, 2, [0.1, 0.6])
    decisions = Decisions.of(logits, batch, Calibration.identity(3))
    first, second = decode(windows[1], 1, decisions)
    assert [span for span in spans_of(first, "石磨") if span[0] == 2] == [(2, "磨", 0.6)]
    assert spans_of(second, "中国很好") == [(1, "中国", 0.7), (0, "国", 0.9), (2, "国很", 0.9), (0, "好", 0.8)]


def test_a_reported_device_always_has_a_span_within_its_paragraph(model):
    passages = [Passage("石磨", ("石磨" * n, "好", "中国" * (n % 4 + 1)), ()) for n in range(1, 9)]
    windows, batch = collated(model, *passages)
    generator = torch.Generator().manual_seed(1)
    logits = logits_of(batch, [[[0.5] * 3] * 3] * 8, 3)
    shifts = torch.tensor([-30.0, 0.0, 30.0])[:, None, None] * torch.tensor([0.0, 1.0])  # nowhere, here, everywhere
    possible = logits.steps[..., 0, 1] > IMPOSSIBLE
    drawn = 3 * torch.randn(logits.steps.shape, generator=generator) + shifts
    logits.steps[possible] = drawn[possible]
    logits.steps[..., 0, 0] = 0
    calibration = replace(Calibration.identity(3), device_thresholds=(0.0,) * 3)
    decisions = Decisions.of(logits, batch, calibration)
    for row, (window, passage) in enumerate(zip(windows, passages, strict=True)):
        for reading in decode(window, row, decisions):
            length = len(passage.paragraphs[reading.paragraph])
            assert {span.device for span in reading.spans} == {0, 1, 2}
            assert all(0 <= s.start < s.end <= length and 0 <= s.probability <= 1 for s in reading.spans)
            for device in range(3):
                own = [s for s in reading.spans if s.device == device]
                assert all(a.end < b.start for a, b in pairwise(own))  # neighbours would be one span
            assert [(s.start, s.end) for s in reading.spans if s.device == 2] == [(0, length)]
            assert max(s.probability for s in reading.spans if s.device == 0) < exp(-5)


def test_presence_and_stances_of_each_piece(model):
    (window,), _ = collated(model, Passage("石磨", ("中国", "", "美国"), ("中国", "美国")))
    decisions = Decisions(
        devices=torch.tensor([[[0.1, 0.2, 0.6], [0.7, 0.3, 0.8], [9, 9, 9]]]),
        stances=torch.tensor([[[1, 0, 0], [0, 1, 0], [0, 0, 1], [0.5, 0.5, 0], [9, 9, 9]]], dtype=torch.float32),
        owners=torch.tensor([[0, 0, 2], [0, 1, 0], [0, 1, 2]]),
        inside=torch.tensor([[0.9, 0.1, 0], [0.2, 0.7, 0], [0.9, 0.8, 0]]),
        chosen=torch.tensor([[True, False, False], [False, True, False], [True, True, False]]),
    )
    first, second = decode(window, 0, decisions)
    assert (first.paragraph, second.paragraph) == (0, 2)
    assert first.devices.tolist() == pytest.approx([0.1, 0.2, 0.6])
    assert first.spans == (SpanReading(2, 0, 1, pytest.approx(0.9)),)
    assert first.stances.tolist() == [[1, 0, 0], [0, 1, 0]]
    assert second.spans == (SpanReading(2, 0, 2, pytest.approx(0.85)), SpanReading(0, 1, 2, pytest.approx(0.7)))
    assert second.stances.tolist() == [[0, 0, 1], [0.5, 0.5, 0]]


def reading(paragraph, devices, spans, stances, tokens):
    return ParagraphReading(paragraph, np.float32(devices), spans, np.float32(stances), tokens)


def test_pieces_are_merged():
    one, two, three = SpanReading(0, 2, 4, 0.5), SpanReading(1, 3, 4, 0.6), SpanReading(0, 20, 25, 0.7)
    alone = reading(2, [0.5, 0.5], (), [[0.2, 0.3, 0.5]], 7)
    pieces = [
        reading(0, [0.9, 0.6], (one, two), [[1, 0, 0]], 30),
        reading(0, [0.2, 0.7], (three,), [[0, 0.5, 0.5]], 10),
        alone,
    ]
    merged = merge(pieces, paragraphs=4, targets=1, devices=2, stances=3)
    assert [r.paragraph for r in merged] == [0, 1, 2, 3]
    assert merged[0].devices.tolist() == pytest.approx([0.9, 0.7])
    assert merged[0].spans == (one, two, three)
    assert merged[0].stances.tolist() == [pytest.approx([0.75, 0.125, 0.125])]
    assert merged[0].tokens == 40
    assert merged[2] is alone


@pytest.mark.parametrize("others", [[], [reading(1, [0.5, 0.5], (), [[0.2, 0.3, 0.5]] * 2, 7)]])
def test_a_paragraph_without_a_token_is_neutral_and_bare(others):
    blank = merge(others, paragraphs=2, targets=2, devices=2, stances=3)[0]
    assert blank.paragraph == 0
    assert blank.devices.tolist() == [0, 0]
    assert blank.spans == ()
    assert blank.stances.tolist() == [[0, 0, 1], [0, 0, 1]]
    assert blank.tokens == 0
