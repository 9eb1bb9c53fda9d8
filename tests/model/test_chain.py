"""The chain against sums and maxima over all paths, written out."""

from __future__ import annotations

from itertools import product
from math import exp, fsum, log

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from stance.model.borders import INSIDE_WORD, KINDS, OUTSIDE, borders
from stance.model.chain import IMPOSSIBLE, SpanHead, best_paths, log_partition, marginals, path_score


def every_path(steps):
    """All paths through tokens 0 … T - 1 of one chain (T, 2, 2) from outside, with their scores."""
    numbers = steps.tolist()
    for path in product((0, 1), repeat=len(numbers)):
        yield path, fsum(step[i][j] for step, i, j in zip(numbers, (0, *path), path, strict=False))


def total_of(scores):
    """Log of the sum of the exponentials."""
    top = max(scores)
    return top + log(fsum(exp(score - top) for score in scores))


def closed(path):
    """Does the path end outside, as all paths do at a separator?"""
    return path[-1] == 0


def chain_of(tokens, devices=1, rows=1, seed=0, spread=2.0):
    """Random steps, staying outside for nothing, the last token a separator."""
    generator = torch.Generator().manual_seed(seed)
    steps = spread * torch.randn(rows, tokens, devices, 2, 2, generator=generator)
    steps[..., 0, 0] = 0
    steps[:, -1, :, :, 1] = IMPOSSIBLE
    return steps


@pytest.fixture
def window():
    """Two windows: head 0-1, paragraphs 2-4 and 6-7 with separators 5 and 8; head 0-1, paragraph 2-5, separator 6."""
    steps = chain_of(12, devices=3, rows=2)
    for row, outside in enumerate(([0, 1, 5, 8, 9, 10, 11], [0, 1, 6, 7, 8, 9, 10, 11])):
        steps[row, outside, :, :, 1] = IMPOSSIBLE
    paragraphs = {(0, 0): (2, 6), (0, 1): (6, 9), (1, 0): (2, 7)}
    return steps, torch.tensor([[2, 6], [2, -1]]), torch.tensor([9, 7]), paragraphs


def test_two_tokens_by_hand():
    """Begin counts 2, stay 3, end 5, for tokens x and y and a separator: 1 + 2·5 + 2·5 + 2·3·5 = 51."""
    step = [[0.0, log(2)], [log(5), log(3)]]
    closing = [[0.0, IMPOSSIBLE], [log(5), IMPOSSIBLE]]
    outside = [[0.0, IMPOSSIBLE], [0.0, IMPOSSIBLE]]
    steps = torch.tensor([outside, step, step, closing])[None, :, None]
    places, text = torch.tensor([[1]]), torch.tensor([4])
    assert log_partition(steps, places, text).item() == pytest.approx(log(51))
    for path, score in (([0, 0, 0, 0], 1), ([0, 1, 0, 0], 10), ([0, 0, 1, 0], 10), ([0, 1, 1, 0], 30)):
        inside = torch.tensor(path).bool()[None, :, None]
        assert path_score(steps, inside, places, text).item() == pytest.approx(log(score), abs=1e-6)
    own = steps[:, 1:]
    assert marginals(own).flatten().tolist() == pytest.approx([40 / 51, 40 / 51, 0])
    assert best_paths(own).flatten().tolist() == [True, True, False]


def test_the_sum_over_all_paths_of_each_paragraph(window):
    steps, places, text, paragraphs = window
    found = log_partition(steps, places, text)
    assert found.shape == (2, 2, 3)
    for (row, slot), (first, stop) in paragraphs.items():
        for device in range(3):
            scores = [score for path, score in every_path(steps[row, first:stop, device]) if closed(path)]
            assert found[row, slot, device].item() == pytest.approx(total_of(scores), abs=1e-4)


def test_the_score_of_a_path_through_each_paragraph(window):
    steps, places, text, paragraphs = window
    inside = torch.zeros(2, 12, 3, dtype=torch.bool)
    chosen = {(0, 0): (1, 1, 0, 0), (0, 1): (0, 1, 0), (1, 0): (1, 0, 1, 1, 0)}
    for (row, slot), (first, stop) in paragraphs.items():
        inside[row, first:stop, 1] = torch.tensor(chosen[row, slot]).bool()
    found = path_score(steps, inside, places, text)
    for (row, slot), (first, stop) in paragraphs.items():
        expected = dict(every_path(steps[row, first:stop, 1]))[chosen[row, slot]]
        assert found[row, slot].tolist() == pytest.approx([0, expected, 0], abs=1e-4)


def test_a_paragraph_cannot_tell_its_neighbours(window):
    steps, places, text, _ = window
    before = log_partition(steps, places, text)
    steps[0, 2:5] += torch.tensor([[0.0, 5.0], [-3.0, 2.0]])
    steps[1, 7:, :, 1, 0] += 9  # padding
    after = log_partition(steps, places, text)
    torch.testing.assert_close(after[0, 1], before[0, 1], atol=1e-4, rtol=0)
    torch.testing.assert_close(after[1, 0], before[1, 0], atol=1e-4, rtol=0)
    assert (after[0, 0] - before[0, 0]).abs().min() > 0.5


def oracle(steps):
    """By brute force over one chain (T, 2, 2): marginals, and scores of closed paths that are inside somewhere."""
    paths = {path: score for path, score in every_path(steps) if closed(path)}
    total = total_of(list(paths.values()))
    inside = [fsum(exp(s - total) for path, s in paths.items() if path[t]) for t in range(len(steps))]
    return inside, {path: score for path, score in paths.items() if any(path)}


@pytest.mark.parametrize("tokens", [2, 3, 4, 5, 8, 9, 10])
def test_marginals_and_best_paths_of_every_length(tokens):
    steps = chain_of(tokens, devices=2, rows=3, seed=tokens)
    probable, best = marginals(steps), best_paths(steps)
    assert (probable.shape, best.shape, best.dtype) == ((3, tokens, 2), (3, tokens, 2), torch.bool)
    for row, device in product(range(3), range(2)):
        inside, scores = oracle(steps[row, :, device])
        assert probable[row, :, device].tolist() == pytest.approx(inside, abs=1e-4)
        assert tuple(best[row, :, device].int().tolist()) == max(scores, key=scores.get)


NUMBERS = st.floats(-8, 8, width=32)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(NUMBERS, NUMBERS, NUMBERS), min_size=1, max_size=7), NUMBERS)
def test_any_chain(tokens, last):
    steps = torch.tensor([[[0, begin], [end, stay]] for begin, stay, end in tokens] + [[[0, -1e4], [last, -1e4]]])
    padded = torch.cat([torch.tensor([[[0.0, -1e4], [0, -1e4]]]), steps])[None, :, None]
    inside, scores = oracle(steps)
    total = log_partition(padded, torch.tensor([[1]]), torch.tensor([padded.shape[1]])).item()
    assert total == pytest.approx(total_of([0.0, *scores.values()]), abs=1e-3)
    assert marginals(steps[None, :, None]).flatten().tolist() == pytest.approx(inside, abs=1e-3)
    best = tuple(best_paths(steps[None, :, None]).flatten().int().tolist())
    top = max(scores.values())
    if sum(score > top - 1e-3 for score in scores.values()) == 1:
        assert scores[best] == top
    else:  # equals may be mixed, but never into nothing
        assert any(best)


def test_a_best_path_is_inside_somewhere_however_improbable():
    steps = chain_of(6)
    steps[:, :-1, :, :, 1] = -30.0
    steps[:, 3, :, 0, 1] = -25.0
    assert best_paths(steps).flatten().tolist() == [False, False, False, True, False, False]
    assert marginals(steps).max() < 1e-6


def test_a_path_inside_has_the_probability_that_its_gradient_says():
    """The derivative of the log partition by each step is the probability that a path takes it."""
    steps = chain_of(6, devices=2).requires_grad_()
    places, text = torch.tensor([[0]]), torch.tensor([6])
    free = torch.cat([torch.tensor([[0.0, IMPOSSIBLE], [0.0, IMPOSSIBLE]]).expand(1, 1, 2, 2, 2), steps], 1)
    log_partition(free, places + 1, text + 1).sum().backward()
    torch.testing.assert_close(steps.grad[..., 1].sum(-1), marginals(steps.detach()), atol=1e-4, rtol=0)
    torch.testing.assert_close(steps.grad.sum((-1, -2)), torch.ones(1, 6, 2), atol=1e-4, rtol=0)


def test_gradients_by_small_differences(window):
    steps, places, text, _ = window
    inside = torch.zeros(2, 12, 3, dtype=torch.bool)
    inside[0, 3:5] = inside[1, 2] = True
    possible = (steps > IMPOSSIBLE).double()

    def loss(change):
        own = steps.double() + change * possible
        return (log_partition(own, places, text) - path_score(own, inside, places, text))[[0, 0, 1], [0, 1, 0]]

    change = torch.zeros_like(steps, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(loss, change, fast_mode=True)


def test_a_long_certain_chain_stays_finite():
    steps = chain_of(512, spread=40.0).requires_grad_()
    places, text = torch.tensor([[1]]), torch.tensor([512])
    total = log_partition(steps, places, text)
    total.sum().backward()
    assert total.isfinite().all()
    assert steps.grad.isfinite().all()
    assert marginals(steps.detach()).isfinite().all()


@torch.no_grad()
def test_span_head_by_loops():
    torch.manual_seed(1)
    head = SpanHead(4, 2)
    torch.nn.init.normal_(head.border.weight)
    states = torch.randn(1, 3, 4)
    kinds = torch.tensor([[INSIDE_WORD, OUTSIDE + 1, KINDS - 1]])
    steps = head(states, kinds)
    assert steps.shape == (1, 3, 2, 2, 2)
    for t in range(3):
        scores = head.token.weight @ states[0, t] + head.token.bias + head.border.weight[kinds[0, t]]
        for d in range(2):
            begin, stay, end = scores[d], scores[2 + d], scores[4 + d]
            expected = torch.stack([torch.zeros(()), begin, end, stay]).view(2, 2)
            torch.testing.assert_close(steps[0, t, d], expected)


@torch.no_grad()
def test_span_head_lets_no_span_reach_beyond_its_paragraph():
    head = SpanHead(4, 2)
    kinds = borders("好。", np.int32([0, 1]), np.int32([1, 2]), np.array([False, False]))
    steps = head(torch.randn(1, 4, 4), torch.tensor([[OUTSIDE, *kinds.tolist()]]))
    assert (steps[..., 1] == IMPOSSIBLE).all(-1).any(-1).tolist() == [[True, False, False, True]]
    assert (steps[0, [0, 3], :, :, 1] == IMPOSSIBLE).all()
    assert (steps[0, [1, 2]] > IMPOSSIBLE).all()
    assert not steps[..., 0, 0].any()


@torch.no_grad()
def test_a_new_head_holds_spans_rare_and_words_whole():
    head = SpanHead(4, 2)
    inside, between = head(torch.zeros(1, 2, 4), torch.tensor([[INSIDE_WORD, KINDS - 1]]))[0]
    assert (between[:, 0, 1] < 0).all()
    assert (inside[:, 0, 1] < between[:, 0, 1]).all()
    assert (inside[:, 1, 0] < between[:, 1, 0]).all()
    assert torch.equal(inside[:, 1, 1], between[:, 1, 1])
