from __future__ import annotations

import numpy as np
import pytest
import torch

from stance.model.calibration import Calibration, Probabilities
from stance.model.decoding import ParagraphReading, SpanReading, decode, merge
from stance.model.encoding import Passage

TEXT = "石磨中国很好a1"  # nine tokens: a1 is two


@pytest.fixture
def read(model):
    """Decodes one paragraph of eight characters with hand-written probabilities of one device."""

    def read(inside, begin, presence=0.9, threshold=0.5, text=TEXT):
        (window,) = model.encoder.windows(Passage("", (text,), ()))
        place = int(window.places[0])
        probabilities = Probabilities(
            inside=torch.zeros(1, len(window), 1),
            begin=torch.zeros(1, len(window), 1),
            devices=torch.tensor([[[presence]]]),
            stances=torch.zeros(1, 0, 3),
        )
        probabilities.inside[0, place : place + len(inside), 0] = torch.tensor(inside)
        probabilities.begin[0, place : place + len(begin), 0] = torch.tensor(begin)
        calibration = Calibration(
            stance_temperature=1.0,
            device_slopes=(1.0,),
            device_offsets=(0.0,),
            device_thresholds=(0.5,),
            span_thresholds=(threshold,),
        )
        (reading,) = decode(window, 0, probabilities, calibration)
        assert reading.tokens == len(window.pieces[0].ids)
        return [(text[s.start : s.end], round(s.probability, 4)) for s in reading.spans]

    return read


def test_one_span(read):
    assert read([0.1, 0.1, 0.8, 0.6, 0.2, 0.1, 0, 0], [0, 0, 0.7, 0.1, 0, 0, 0, 0]) == [("中国", 0.7)]


def test_a_span_needs_no_begin_and_may_reach_both_ends(read):
    assert read([0.8, 0.8, 0, 0, 0, 0, 0.9, 0.9], [0] * 8) == [("石磨", 0.8), ("a1", 0.9)]
    assert read([0.75] * 8, [0] * 8) == [(TEXT, 0.75)]


def test_adjacent_spans_are_split_by_begin(read):
    assert read([0.8, 0.8, 0.8, 0.6, 0, 0, 0, 0], [0.7, 0.1, 0.7, 0.1, 0, 0, 0, 0]) == [("石磨", 0.8), ("中国", 0.7)]
    assert read([0.8, 0.8, 0.8, 0.8, 0, 0, 0, 0], [0.7, 0.1, 0.4, 0.1, 0, 0, 0, 0]) == [("石磨中国", 0.8)]
    assert read([0.8, 0.8, 0, 0, 0, 0, 0, 0], [0.7, 0.7, 0, 0, 0, 0, 0, 0]) == [("石", 0.8), ("磨", 0.8)]


def test_a_span_steps_over_two_doubtful_tokens_and_no_more(read):
    assert read([0.8, 0.2, 0.2, 0.8, 0, 0, 0, 0], [0] * 8) == [("石磨中国", 0.5)]
    assert read([0.8, 0.2, 0.2, 0.2, 0.8, 0, 0, 0], [0] * 8) == [("石", 0.8), ("很", 0.8)]


def test_a_span_neither_ends_nor_begins_with_a_doubtful_token(read):
    """A token that begins a span closes the one before it at its last sure token; a doubtful one begins none."""
    assert read([0.8, 0.2, 0.8, 0, 0, 0, 0, 0], [0.7, 0, 0.7, 0, 0, 0, 0, 0]) == [("石", 0.8), ("中", 0.8)]
    assert read([0.8, 0.2, 0.8, 0, 0, 0, 0, 0], [0.7, 0.2, 0, 0, 0, 0, 0, 0]) == [("石磨中", 0.6)]


def test_the_threshold_is_inclusive(read):
    assert read([0.75, 0.5, 0.25, 0, 0, 0, 0, 0], [0] * 8, threshold=0.5) == [("石磨", 0.625)]


def test_a_device_that_is_there_has_a_span_even_where_no_token_is_sure(read):
    assert read([0.1, 0.2, 0.3, 0.16, 0.14, 0, 0, 0.2], [0] * 8) == [("磨中国", 0.22), ("1", 0.2)]


def test_a_device_that_is_not_there_has_none(read):
    assert read([0.9] * 8, [0] * 8, presence=0.49) == []
    assert read([0.9] * 8, [0] * 8, presence=0.5) == [(TEXT, 0.9)]


def test_presence_and_stances_of_each_piece(model):
    (window,) = model.encoder.windows(Passage("石磨", ("中国", "", "美国"), ("中国", "美国")))
    stances = torch.tensor([[[1, 0, 0], [0, 1, 0], [0, 0, 1], [0.5, 0.5, 0], [9, 9, 9]]], dtype=torch.float32)
    devices = torch.tensor([[[0.1, 0.2, 0.6], [0.7, 0.3, 0.8], [9, 9, 9]]])
    inside = torch.zeros(1, 40, 3)
    inside[0, 4, 2] = inside[0, 8, 0] = inside[0, 7:9, 2] = 0.9
    calibration = Calibration.identity(3)
    first, second = decode(window, 0, Probabilities(inside, inside * 0, devices, stances), calibration)
    assert (first.paragraph, second.paragraph) == (0, 2)
    assert first.devices.tolist() == pytest.approx([0.1, 0.2, 0.6])
    assert first.spans == (SpanReading(2, 0, 1, pytest.approx(0.9)),)
    assert first.stances.tolist() == [[1, 0, 0], [0, 1, 0]]
    # two devices in text order
    assert second.spans == (SpanReading(2, 0, 2, pytest.approx(0.9)), SpanReading(0, 1, 2, pytest.approx(0.9)))
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
