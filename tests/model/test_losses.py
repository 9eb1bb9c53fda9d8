from __future__ import annotations

from dataclasses import replace
from math import log
from types import SimpleNamespace

import pytest
import torch

from stance.model.chain import IMPOSSIBLE, log_partition
from stance.model.losses import UNKNOWN, Gold, multitask_loss
from stance.model.network import Logits

TWO = log(2.0)  # logits of 0, 0 and log 2 are probabilities of 1/4, 1/4 and 1/2
ALL = (True,) * 4
STEP = [[0.0, log(2)], [log(5), log(3)]]  # to begin counts 2, to go on 3, to end 5
OUTSIDE = [[0.0, IMPOSSIBLE], [log(5), IMPOSSIBLE]]
x = UNKNOWN


#         head     two tokens  [SEP]    token [SEP]
STEPS = [[step, step] for step in (OUTSIDE, STEP, STEP, OUTSIDE, STEP, OUTSIDE)]
PARTITION = [[log(51)] * 2, [log(11)] * 2, [7.0] * 2]  # 1 + 2·5 + 2·5 + 2·3·5, 1 + 2·5, and no paragraph
WINDOW = SimpleNamespace(places=torch.tensor([[1, 4, -1]]), text=torch.tensor([6]))  # all that the losses look at
UNLABELLED = [[x, x]] * 6


def logits(steps=STEPS, partition=PARTITION, devices=(), stances=()):
    return Logits(
        torch.tensor(steps, dtype=torch.float32).reshape(1, -1, 2, 2, 2),
        torch.tensor(partition, dtype=torch.float32).reshape(1, -1, 2),
        torch.tensor(devices, dtype=torch.float32).reshape(1, -1, 2),
        torch.tensor(stances, dtype=torch.float32).reshape(1, -1, 4),
    )


def gold(tags=UNLABELLED, devices=(), stances=()):
    return Gold(
        torch.tensor(tags, dtype=torch.int64).reshape(1, -1, 2),
        torch.tensor(devices, dtype=torch.int64).reshape(1, -1, 2),
        torch.tensor(stances, dtype=torch.bool).reshape(1, -1, 4),
    )


def test_paths_by_hand():
    tags = [[x, x], [1, x], [1, x], [x, x], [0, 1], [x, x]]
    losses = multitask_loss(logits(), gold(tags), WINDOW)
    # summed over paragraphs and devices, averaged over the two paragraphs
    assert losses.tags.item() == pytest.approx((log(51 / 30) + log(11) + log(11 / 10)) / 2)
    assert losses.counts == (2, 0, 0)


@pytest.mark.parametrize(("tags", "score"), [((0, 0), 1), ((1, 0), 10), ((0, 1), 10), ((1, 1), 30)])
def test_every_path_has_its_probability(tags, score):
    first, second = tags
    labels = gold([[x, x], [x, first], [x, second], [x, x], [x, x], [x, x]])
    losses = multitask_loss(logits(), labels, WINDOW)
    assert losses.tags.item() == pytest.approx(log(51 / score))
    assert losses.counts == (1, 0, 0)


def test_the_path_loss_goes_down_as_its_gradient_says():
    tags = gold([[x, x], [1, 0], [1, 0], [x, x], [0, 1], [x, x]])
    steps = logits().steps.requires_grad_()

    def loss(steps):
        given = replace(logits(), steps=steps, partition=log_partition(steps, WINDOW.places, WINDOW.text))
        return multitask_loss(given, tags, WINDOW).tags

    before = loss(steps)
    before.backward()
    better = loss(steps.detach() - 0.1 * steps.grad)
    assert better < before - 0.05 * float(steps.grad.square().sum())


def test_presence_by_hand():
    losses = multitask_loss(
        logits(devices=[[log(3), 0], [log(3), 5], [1, 1]]),
        gold(devices=[[1, 0], [0, UNKNOWN], [UNKNOWN, UNKNOWN]]),
        WINDOW,
    )
    assert losses.devices.item() == pytest.approx((-log(3 / 4) - log(1 / 2) - log(1 / 4)) / 2)
    assert losses.counts == (0, 2, 0)


def test_stances_by_hand():
    row = [0, 0, TWO, TWO]  # 1/6, 1/6, 1/3, 1/3
    losses = multitask_loss(
        logits(stances=[row, row, row, row]),
        gold(stances=[[True, False, False, False], [False, False, True, True], [False, False, False, True], ALL]),
        WINDOW,
    )
    assert losses.stances.item() == pytest.approx((log(6) + log(3 / 2) + log(3)) / 3)
    assert losses.counts == (0, 0, 3)


def test_a_stance_left_open_pulls_to_none_of_its_classes():
    wish = torch.tensor([[[0.0, 0.0, 1.0, 1.0]]], requires_grad=True)
    given = replace(logits(devices=[[0, 0]]), stances=wish)
    labels = gold(devices=[[0, 0]], stances=[[False, False, True, True]])
    multitask_loss(given, labels, WINDOW).total.backward()
    favor, against, neutral, absent = wish.grad.flatten().tolist()
    assert neutral == pytest.approx(absent)
    assert neutral < 0 < favor == pytest.approx(against)


def test_smoothing_by_hand():
    losses = multitask_loss(
        logits(devices=[[log(3), 0]], stances=[[0, 0, TWO, TWO]]),
        gold(devices=[[1, UNKNOWN]], stances=[[True, False, False, False]]),
        WINDOW,
        smoothing=0.1,
    )
    assert losses.devices.item() == pytest.approx(-0.9 * log(3 / 4) - 0.1 * log(1 / 4))
    assert losses.stances.item() == pytest.approx(0.9 * log(6) + 0.1 * (2 * log(6) + 2 * log(3)) / 4)


def test_weights_and_total():
    given = logits(devices=[[0, 0]], stances=[[0, 0, 0, 0]])
    tags = [[x, x], [0, 0], [0, 0], [x, x], [x, x], [x, x]]
    labels = gold(tags, devices=[[1, 1]], stances=[[True, False, False, False]])
    losses = multitask_loss(given, labels, WINDOW, weights=(1.0, 10.0, 100.0))
    assert losses.tags.item() == pytest.approx(2 * log(51))
    assert losses.devices.item() == pytest.approx(10 * 2 * log(2))
    assert losses.stances.item() == pytest.approx(100 * log(4))
    assert losses.total.item() == pytest.approx(2 * log(51) + 20 * log(2) + 100 * log(4))


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_a_batch_without_gold_teaches_nothing(smoothing):
    shapes = ((1, 6, 2, 2, 2), (1, 3, 2), (1, 3, 2), (1, 2, 4))
    given = Logits(*(torch.randn(shape, requires_grad=True) for shape in shapes))
    nothing = gold(tags=[[UNKNOWN] * 2] * 6, devices=[[UNKNOWN] * 2] * 3, stances=[ALL, ALL])
    losses = multitask_loss(given, nothing, WINDOW, smoothing=smoothing)
    assert losses.counts == (0, 0, 0)
    assert losses.total.item() == 0
    losses.total.backward()
    assert not any(tensor.grad.any() for tensor in (given.steps, given.partition, given.devices, given.stances))


def test_a_paragraph_without_gold_teaches_nothing():
    steps = torch.randn(1, 6, 2, 2, 2, requires_grad=True)
    partition = torch.randn(1, 3, 2, requires_grad=True)
    given = replace(logits(), steps=steps, partition=partition)
    tags = gold([[x, x], [1, x], [0, x], [x, x], [x, x], [x, x]])
    multitask_loss(given, tags, WINDOW).tags.backward()
    assert partition.grad.tolist() == [[[1, 0], [0, 0], [0, 0]]]
    taken = torch.zeros(1, 6, 2, 2, 2)
    taken[0, 1, 0, 0, 1] = taken[0, 2, 0, 1, 0] = taken[0, 3, 0, 0, 0] = -1  # begins, ends, stays outside
    assert torch.equal(steps.grad, taken)


def test_a_batch_without_targets():
    given = logits(devices=[[0, 0]] * 3)
    losses = multitask_loss(given, gold([[0, 0]] * 6, devices=[[0, 0]] * 3), WINDOW)
    assert losses.stances.item() == 0
    assert losses.counts == (2, 3, 0)


def test_large_logits_stay_finite():
    sure = [[0.0, 300.0], [0.0, 300.0]]
    losses = multitask_loss(
        logits([[OUTSIDE] * 2, [sure] * 2, [OUTSIDE] * 2], [[300, 300]], [[-300, 300]], [[300, 0, 0, 0]]),
        gold([[x, x], [0, x], [x, x]], devices=[[1, 1]], stances=[[False, False, True, True]]),
        SimpleNamespace(places=torch.tensor([[1]]), text=torch.tensor([3])),
    )
    assert losses.tags.item() == pytest.approx(300, rel=1e-5)
    assert losses.devices.item() == pytest.approx(300, rel=1e-5)
    assert losses.stances.item() == pytest.approx(300 - log(2), rel=1e-5)
