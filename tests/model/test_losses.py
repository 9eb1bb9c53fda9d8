from __future__ import annotations

from math import log

import pytest
import torch

from stance.model.losses import UNKNOWN, Gold, multitask_loss
from stance.model.network import Logits

TWO = log(2.0)  # logits of 0, 0 and log 2 are probabilities of 1/4, 1/4 and 1/2
ALL = (True,) * 4


def logits(tags=(), devices=(), stances=()):
    return Logits(
        torch.tensor(tags, dtype=torch.float32).reshape(1, -1, 2, 3),
        torch.tensor(devices, dtype=torch.float32).reshape(1, -1, 2),
        torch.tensor(stances, dtype=torch.float32).reshape(1, -1, 4),
    )


def gold(tags=(), devices=(), stances=()):
    return Gold(
        torch.tensor(tags, dtype=torch.int64).reshape(1, -1, 2),
        torch.tensor(devices, dtype=torch.int64).reshape(1, -1, 2),
        torch.tensor(stances, dtype=torch.bool).reshape(1, -1, 4),
    )


def test_tags_by_hand():
    even, third = [0, 0, 0], [0, 0, TWO]
    losses = multitask_loss(
        logits(tags=[[third, third], [even, third], [even, even]]),
        gold(tags=[[2, 0], [1, UNKNOWN], [UNKNOWN, UNKNOWN]]),
    )
    # summed over devices, averaged over the two tokens with a label
    assert losses.tags.item() == pytest.approx((log(2) + log(4) + log(3)) / 2)
    assert losses.counts == (2, 0, 0)


def test_presence_by_hand():
    losses = multitask_loss(
        logits(devices=[[log(3), 0], [log(3), 5], [1, 1]]), gold(devices=[[1, 0], [0, UNKNOWN], [UNKNOWN, UNKNOWN]])
    )
    assert losses.devices.item() == pytest.approx((-log(3 / 4) - log(1 / 2) - log(1 / 4)) / 2)
    assert losses.counts == (0, 2, 0)


def test_stances_by_hand():
    row = [0, 0, TWO, TWO]  # 1/6, 1/6, 1/3, 1/3
    losses = multitask_loss(
        logits(stances=[row, row, row, row]),
        gold(stances=[[True, False, False, False], [False, False, True, True], [False, False, False, True], ALL]),
    )
    assert losses.stances.item() == pytest.approx((log(6) + log(3 / 2) + log(3)) / 3)
    assert losses.counts == (0, 0, 3)


def test_a_stance_left_open_pulls_to_none_of_its_classes():
    wish = torch.tensor([[[0.0, 0.0, 1.0, 1.0]]], requires_grad=True)
    given = Logits(torch.zeros(1, 1, 2, 3), torch.zeros(1, 1, 2), wish)
    multitask_loss(given, gold(tags=[[0, 0]], devices=[[0, 0]], stances=[[False, False, True, True]])).total.backward()
    favor, against, neutral, absent = wish.grad.flatten().tolist()
    assert neutral == pytest.approx(absent)
    assert neutral < 0 < favor == pytest.approx(against)


def test_smoothing_by_hand():
    losses = multitask_loss(
        logits(devices=[[log(3), 0]], stances=[[0, 0, TWO, TWO]]),
        gold(devices=[[1, UNKNOWN]], stances=[[True, False, False, False]]),
        smoothing=0.1,
    )
    assert losses.devices.item() == pytest.approx(-0.9 * log(3 / 4) - 0.1 * log(1 / 4))
    assert losses.stances.item() == pytest.approx(0.9 * log(6) + 0.1 * (2 * log(6) + 2 * log(3)) / 4)


def test_weights_and_total():
    given = logits(tags=[[[0, 0, 0]] * 2], devices=[[0, 0]], stances=[[0, 0, 0, 0]])
    labels = gold(tags=[[0, 0]], devices=[[1, 1]], stances=[[True, False, False, False]])
    losses = multitask_loss(given, labels, weights=(1.0, 10.0, 100.0))
    assert losses.tags.item() == pytest.approx(2 * log(3))
    assert losses.devices.item() == pytest.approx(10 * 2 * log(2))
    assert losses.stances.item() == pytest.approx(100 * log(4))
    assert losses.total.item() == pytest.approx(2 * log(3) + 20 * log(2) + 100 * log(4))


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_a_batch_without_gold_teaches_nothing(smoothing):
    given = Logits(*(torch.randn(shape, requires_grad=True) for shape in ((1, 2, 2, 3), (1, 1, 2), (1, 2, 4))))
    nothing = gold(tags=[[UNKNOWN] * 2] * 2, devices=[[UNKNOWN] * 2], stances=[ALL, ALL])
    losses = multitask_loss(given, nothing, smoothing=smoothing)
    assert losses.counts == (0, 0, 0)
    assert losses.total.item() == 0
    losses.total.backward()
    assert not any(tensor.grad.any() for tensor in (given.tags, given.devices, given.stances))


def test_a_batch_without_targets():
    given = Logits(torch.zeros(1, 1, 2, 3), torch.zeros(1, 1, 2), torch.zeros(1, 0, 4, requires_grad=True))
    losses = multitask_loss(given, gold(tags=[[0, 0]], devices=[[0, 0]]))
    assert losses.stances.item() == 0
    assert losses.counts == (1, 1, 0)


def test_large_logits_stay_finite():
    losses = multitask_loss(
        logits(tags=[[[300, 0, 0], [0, 0, 0]]], devices=[[-300, 300]], stances=[[300, 0, 0, 0]]),
        gold(tags=[[1, 0]], devices=[[1, 1]], stances=[[False, False, True, True]]),
    )
    assert losses.tags.item() == pytest.approx(300 + log(3), rel=1e-5)
    assert losses.devices.item() == pytest.approx(300, rel=1e-5)
    assert losses.stances.item() == pytest.approx(300 - log(2), rel=1e-5)
