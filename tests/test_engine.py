from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

import stance.engine
from stance import EngineConfig, HardwareError
from stance.engine import POOL, Engine, choose_hardware
from stance.model.chain import IMPOSSIBLE
from stance.model.encoding import BODY, Passage
from stance.model.network import Logits

SEP = 3  # of the BERT tokenizer in conftest
SENTENCE = "中国的石磨很好，美国的财政也好。"


def passages(count):
    """Passages of many lengths: some blank, some longer than a window, with no to three targets."""
    targets = ("中国", "美国", "石磨")
    return [
        Passage("石磨" * (n % 3), (SENTENCE * (n % 7), "", "好" * (n % 5), "美方加税。" * (n % 11)), targets[: n % 4])
        for n in range(count)
    ]


def read(model, given, **config):
    return list(Engine(model, EngineConfig(hardware="cpu", **config)).read(given))


def assert_same(one, two, tolerance=1e-4):
    """The same readings, but for rounding."""
    assert len(one) == len(two)
    for ours, theirs in zip(one, two, strict=True):
        assert [r.paragraph for r in ours] == [r.paragraph for r in theirs]
        for a, b in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(a.devices, b.devices, atol=tolerance, rtol=0)
            np.testing.assert_allclose(a.stances, b.stances, atol=tolerance, rtol=0)
            assert [(s.device, s.start, s.end) for s in a.spans] == [(s.device, s.start, s.end) for s in b.spans]


class RememberingNetwork(nn.Module):
    """Reads the sum of a paragraph's token ids as its first device; keeps the shapes of batches; may lack memory.

    Every span reaches over its whole paragraph.
    """

    def __init__(self, memory=10**9):
        super().__init__()
        self.memory = memory
        self.shapes = []
        self.failures = 0

    def forward(self, batch):
        if batch.ids.numel() > self.memory:
            self.failures += 1
            raise torch.OutOfMemoryError("no memory")
        rows, tokens = batch.ids.shape
        self.shapes.append((rows, tokens))
        member = (batch.slots[:, None] == torch.arange(batch.places.shape[1])[:, None]) & (batch.blocks == 0)[:, None]
        total = (member * batch.ids[:, None]).sum(-1)
        steps = torch.tensor([[0.0, 9.0], [-9.0, 9.0]]).repeat(rows, tokens, 3, 1, 1)
        steps[(batch.segments != BODY) | (batch.ids == SEP)] = torch.tensor([[0.0, IMPOSSIBLE], [0.0, IMPOSSIBLE]])
        return Logits(
            steps=steps,
            partition=torch.zeros(rows, batch.places.shape[1], 3),
            devices=torch.stack([total / 1000, total * 0 - 9, total * 0 - 9], -1),
            stances=torch.zeros(rows, batch.pair_slots.shape[1], 4),
        )


def remembering(model, memory=10**9):
    return replace(model, network=RememberingNetwork(memory))


def test_batched_is_one_by_one(make_model, encoder_kind, monkeypatch):
    monkeypatch.setattr(stance.engine, "POOL", 9)
    model, given = make_model(encoder_kind), passages(20)
    alone = [read(model, [passage])[0] for passage in given]
    assert sum(len(reading.spans) for readings in alone for reading in readings) > 20
    assert_same(read(model, given), alone)
    assert_same(read(model, given, max_batch_tokens=150), alone)
    assert_same(read(model, given[::-1])[::-1], alone)


def test_readings_come_in_order(model):
    given = [Passage("", ("好" * (50 - n % 50), "美"), ()) for n in range(2 * POOL + 5)]
    good, beautiful, sep = (model.tokenizer.token_to_id(token) for token in ("好", "美", "[SEP]"))
    for n, readings in enumerate(read(remembering(model), given)):
        logit = ((50 - n % 50) * good + sep) / 1000
        if 50 - n % 50 <= 45:  # longer ones are cut
            assert readings[0].devices[0] == pytest.approx(1 / (1 + np.exp(-logit)), abs=1e-6)
        assert readings[1].devices[0] == pytest.approx(1 / (1 + np.exp(-(beautiful + sep) / 1000)), abs=1e-6)


def test_a_long_paragraph_comes_in_one_piece_in_text_order(make_model):
    text = SENTENCE * 40
    model = make_model()
    model.calibration = replace(model.calibration, device_thresholds=(0.0,) * 3)  # every device, in every piece
    (reading,), *_ = read(model, [Passage("石磨", (text,), ("中国",))])
    starts = [span.start for span in reading.spans]
    assert starts == sorted(starts)
    assert starts[-1] > len(text) - 48
    assert reading.tokens == len(text)


def test_pieces_read_out_of_order_are_joined_in_order(model):
    """The last piece is the shortest and so is read first; its spans still come last."""
    network = RememberingNetwork()
    text = "好" * 45 + "美" * 5
    (reading,) = read(replace(model, network=network), [Passage("", (text,), ())], max_batch_tokens=1)[0]
    assert network.shapes == [(1, 8), (1, 48)]
    assert [(s.start, s.end) for s in reading.spans if s.device == 0] == [(0, 45), (45, 50)]


def test_blank_passages_have_readings_of_the_right_shape(model):
    nothing, blank = read(model, [Passage("石磨", (), ("中国",)), Passage("", ("", " "), ("中国", "美国"))])
    assert nothing == []
    assert [r.devices.shape for r in blank] == [(3,), (3,)]
    assert blank[1].stances.tolist() == [[0, 0, 1], [0, 0, 1]]


@pytest.mark.parametrize("budget", [1, 100, 1000])
def test_batches_stay_in_their_budget(model, budget):
    network = RememberingNetwork()
    given = passages(40)
    read(replace(model, network=network), given, max_batch_tokens=budget)
    assert sum(rows for rows, _ in network.shapes) == sum(len(model.encoder.windows(p)) for p in given)
    # the token axis is padded to a multiple of 8
    assert all(rows == 1 or rows * (tokens - 7) <= budget for rows, tokens in network.shapes)
    assert (max(rows for rows, _ in network.shapes) > 1) == (budget > 1)


def test_out_of_memory_halves_the_budget_and_goes_on(model):
    given = passages(30)
    short = remembering(model, memory=300)
    engine = Engine(short, EngineConfig(hardware="cpu", max_batch_tokens=1600))
    assert_same(list(engine.read(given)), read(remembering(model), given))
    assert engine.budget == 200  # 1600 → 800 → 400 → 200
    assert short.network.failures == 3
    list(engine.read(given))
    assert short.network.failures == 3  # the lower budget is kept


def test_a_single_window_without_memory(model):
    engine = Engine(remembering(model, memory=30), EngineConfig(hardware="cpu"))
    with pytest.raises(HardwareError, match=r"cpu: out of memory on a single window\. Free memory .* --hardware cpu"):
        list(engine.read(passages(9)))


def test_other_errors_of_the_network_are_not_hidden(model):
    class Broken(nn.Module):
        def forward(self, batch):
            raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        list(Engine(replace(model, network=Broken())).read(passages(3)))


def test_the_engine_reads_at_most_a_pool_ahead(model):
    pulled = 0

    def source():
        nonlocal pulled
        for passage in passages(3 * POOL):
            pulled += 1
            yield passage

    readings = Engine(model, EngineConfig(hardware="cpu")).read(source())
    assert pulled == 0
    for n in range(1, POOL + 2):
        next(readings)
        assert n <= pulled <= (n - 1) // POOL * POOL + POOL
    assert pulled == 2 * POOL


def test_no_gpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(HardwareError, match=r"--hardware cuda: expected a CUDA GPU .* or use --hardware cpu"):
        choose_hardware(EngineConfig(hardware="cuda"))
    hardware = choose_hardware(EngineConfig())
    assert (hardware.device.type, hardware.dtype) == ("cpu", torch.float32)
    assert "no CUDA GPU found" in hardware.reason
    assert "asked for" in choose_hardware(EngineConfig(hardware="cpu")).reason


def test_a_gpu_is_taken_where_there_is_one(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda _: "Tiny 1")
    for wish in ("auto", "cuda"):
        hardware = choose_hardware(EngineConfig(hardware=wish))
        assert (hardware.device.type, hardware.dtype) == ("cuda", torch.bfloat16)
        assert "Tiny 1" in hardware.reason
    assert choose_hardware(EngineConfig(hardware="cpu")).device.type == "cpu"


def test_wrong_settings():
    with pytest.raises(HardwareError, match="must be auto, cuda or cpu; found 'tpu'"):
        EngineConfig(hardware="tpu")
    with pytest.raises(ValueError, match="max_batch_tokens must be at least 1, found 0"):
        EngineConfig(max_batch_tokens=0)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")
def test_gpu_is_cpu_but_for_rounding(make_model):
    given = passages(20)
    on_cpu = read(make_model(), given)
    on_gpu = list(Engine(make_model(), EngineConfig(hardware="cuda")).read(given))
    for ours, theirs in zip(on_cpu, on_gpu, strict=True):
        for a, b in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(a.devices, b.devices, atol=0.05)
            np.testing.assert_allclose(a.stances, b.stances, atol=0.05)
