"""The form that the network runs in: other weights than those given, the same answers but for rounding."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from stance.engine import Hardware, precision
from stance.engine.precision import as_it_runs
from stance.model.batch import collate
from stance.model.encoding import Passage

CPU = (torch.device("cpu"),)
BF16 = Hardware(CPU, torch.bfloat16, 2048, "bfloat16")
PASSAGES = [
    Passage("石磨", ("好", "美国的财政", "中国的石磨很好，" * 4), ("中国", "美国")),
    Passage("", ("中国的石磨很好",), ()),
]


def read(network, model):
    batch = collate([w for p in PASSAGES for w in model.encoder.windows(p)], model.config.pad_id)
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
        logits = network(batch)
    return logits.stances.float()[batch.pair_slots >= 0], logits.devices.float()[batch.places >= 0]


@pytest.fixture(params=[True, False], ids=["packed", "plain"])
def packed(request, monkeypatch):
    if request.param and not precision._can_pack():
        pytest.skip("this processor, or this torch, has no packed products in bfloat16")
    monkeypatch.setattr(precision, "_can_pack", lambda: request.param)
    return request.param


def test_it_says_the_same(make_model, encoder_kind, packed):
    model = make_model(encoder_kind)
    exact = read(model.network.eval(), model)  # by autocast
    running = as_it_runs(model.network, BF16)
    layers = [module for module in running.encoder.modules() if isinstance(module, nn.Linear)]
    assert bool(layers) != packed
    assert {parameter.dtype for parameter in running.encoder.parameters()} == {torch.bfloat16}
    for ours, theirs in zip(read(running, model), exact, strict=True):
        torch.testing.assert_close(ours.softmax(-1), theirs.softmax(-1), atol=2e-2, rtol=0)


def test_the_network_given_stays_as_it_is(make_model, packed):
    network = make_model().network
    before = copy.deepcopy(network.state_dict())
    running = as_it_runs(network, BF16)
    assert running is not network
    after = network.state_dict()
    assert list(after) == list(before)
    assert all(torch.equal(after[name], weight) for name, weight in before.items())
    assert {parameter.dtype for parameter in network.parameters()} == {torch.float32}
    assert running.stances is network.stances  # no copies of what need not be copied


def test_a_packed_layer_is_the_layer():
    if not precision._can_pack():
        pytest.skip("this processor, or this torch, has no packed products in bfloat16")
    torch.manual_seed(1)
    given = torch.randn(3, 5, 16).bfloat16()
    for bias in (True, False):
        layer = nn.Linear(16, 24, bias=bias).bfloat16()
        exact = nn.functional.linear(given.float(), layer.weight.float(), layer.bias.float() if bias else None)
        for gelu, expected in ((False, exact), (True, nn.functional.gelu(exact))):
            with torch.inference_mode():
                found = precision._PackedLinear(layer, gelu=gelu)(given)
            torch.testing.assert_close(found.float(), expected, atol=2e-2, rtol=2e-2)


def test_gpus_get_no_packed_layers(make_model, monkeypatch):
    monkeypatch.setattr(Hardware, "is_gpu", True)
    encoder = as_it_runs(make_model().network, BF16).encoder
    assert any(isinstance(module, nn.Linear) for module in encoder.modules())
    assert not any(isinstance(module, precision._PackedLinear) for module in encoder.modules())


def test_what_need_not_change_does_not(make_model):
    network = make_model().network
    assert as_it_runs(network, Hardware(CPU, torch.float32, 2048, "float32")) is network
    other = nn.Linear(1, 1)
    assert as_it_runs(other, BF16) is other
