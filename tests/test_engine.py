"""The engine: whatever it does with batches, threads and memory, the readings are those of one passage at a time."""

from __future__ import annotations

import threading
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from stance import EngineConfig, HardwareError
from stance.engine import POOL, Engine, Hardware, pool, run
from stance.engine.packing import deal_out
from stance.model.batch import Batch, collate
from stance.model.chain import IMPOSSIBLE
from stance.model.decoding import Decisions, decode, merge
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
    return list(Engine(model, EngineConfig(hardware="cpu", **{"precision": "float32"} | config)).read(given))


def read_plainly(model, passage):
    """One window at a time, in float32, without the engine."""
    readings = []
    for window in model.encoder.windows(passage):
        with torch.inference_mode():
            batch = collate([window], model.config.pad_id)
            decisions = Decisions.of(model.network(batch), batch, model.calibration)
        readings += decode(window, 0, decisions)
    sizes = len(passage.paragraphs), len(passage.targets)
    return merge(readings, *sizes, len(model.schema.devices), len(model.schema.stances))


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


@pytest.fixture
def small_pools(monkeypatch):
    """Nine passages in a pool."""
    monkeypatch.setattr(pool, "POOL", 9)
    monkeypatch.setattr(pool, "PASSAGE_TOKENS", 10**9)


def test_batched_is_one_by_one(make_model, encoder_kind, small_pools):
    model, given = make_model(encoder_kind), passages(20)
    alone = [read_plainly(model, passage) for passage in given]
    assert sum(len(reading.spans) for readings in alone for reading in readings) > 20
    assert_same(read(model, given), alone)
    assert_same(read(model, given, max_batch_tokens=150), alone)
    assert_same(read(model, given[::-1])[::-1], alone)


def test_rows_with_a_part_of_the_blocks_say_the_same(make_model, monkeypatch):
    model, given = make_model(), passages(20)
    alone = [read_plainly(model, passage) for passage in given]
    monkeypatch.setattr(pool, "deal_out", lambda window: deal_out(window, 7))
    assert_same(read(model, given), alone)


def test_bfloat16_is_float32_but_for_rounding(make_model):
    model, given = make_model(), passages(20)
    alone = [read_plainly(model, passage) for passage in given]
    for ours, theirs in zip(read(model, given, precision="bfloat16"), alone, strict=True):
        for a, b in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(a.devices, b.devices, atol=2e-2, rtol=0)
            np.testing.assert_allclose(a.stances, b.stances, atol=2e-2, rtol=0)


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
    """Of two long paragraphs, the long first pieces are read before the short last ones."""
    network = RememberingNetwork()
    text = "好" * 45 + "美" * 5
    readings = read(replace(model, network=network), [Passage("", (text, text), ())], max_batch_tokens=1)[0]
    assert network.shapes == [(1, 48), (1, 48), (1, 8), (1, 8)]
    for reading in readings:
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
    assert all(rows == 1 or rows * tokens <= budget for rows, tokens in network.shapes)
    assert (max(rows for rows, _ in network.shapes) > 1) == (budget > 1)


def test_out_of_memory_halves_the_budget_and_goes_on(model):
    given = passages(30)
    short = remembering(model, memory=300)
    engine = Engine(short, EngineConfig(hardware="cpu", precision="float32", max_batch_tokens=1600))
    assert_same(list(engine.read(given)), read(remembering(model), given))
    assert engine.budget == 200  # 1600 → 800 → 400 → 200
    assert short.network.failures == 3
    list(engine.read(given))
    assert short.network.failures == 3  # the lower budget is kept


def test_out_of_memory_with_real_readings(make_model):
    """Batches that are run again in pieces give the same readings as those that were not."""
    model, given = make_model(), passages(20)
    alone = [read_plainly(model, passage) for passage in given]
    network = model.network

    class Short(nn.Module):
        def forward(self, batch):
            if batch.ids.numel() > 200:
                raise torch.OutOfMemoryError("no memory")
            return network(batch)

    assert_same(read(replace(model, network=Short()), given), alone)


def test_a_single_row_without_memory(model):
    engine = Engine(remembering(model, memory=30), EngineConfig(hardware="cpu"))
    with pytest.raises(
        HardwareError, match=r"cpu: out of memory on a single row of \d+ tokens\. Free .* --hardware cpu"
    ):
        list(engine.read(passages(9)))


def test_other_errors_of_the_network_are_not_hidden(model):
    class Broken(nn.Module):
        def forward(self, batch):
            raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        list(Engine(replace(model, network=Broken()), EngineConfig(hardware="cpu")).read(passages(3)))


def test_errors_of_the_source_are_raised(model):
    def source():
        yield from passages(3)
        raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        list(Engine(model, EngineConfig(hardware="cpu")).read(source()))


def stance_threads():
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("stance-")]


def test_no_thread_is_left_behind(model, small_pools):
    engine = Engine(model, EngineConfig(hardware="cpu", max_batch_tokens=100))
    readings = engine.read(passages(200))
    next(readings)
    assert {name.rpartition("_")[0] for name in stance_threads()} == {"stance-prepare", "stance-run"}
    readings.close()  # as when the caller breaks off
    assert stance_threads() == []
    list(engine.read(passages(5)))
    assert stance_threads() == []


def test_the_engine_reads_few_pools_ahead(model, small_pools):
    pulled = 0

    def source():
        nonlocal pulled
        for passage in passages(200):
            pulled += 1
            yield passage

    readings = Engine(model, EngineConfig(hardware="cpu")).read(source())
    assert pulled == 0
    ahead = []
    for n, _ in enumerate(readings, 1):
        ahead.append(pulled - n)
    assert pulled == 200
    # being prepared, two ready, two running, of which one is given out
    assert max(ahead) <= 5 * 9


def test_a_pool_is_full_at_its_tokens_too(model):
    pools = list(pool.pools([Passage("", ("好" * 40,), ())] * 10, model.encoder, 100))
    assert [len(p.passages) for p in pools] == [3, 3, 3, 1]
    assert [len(p.passages) for p in pool.pools(passages(POOL + 1), model.encoder, 30_000)] == [POOL, 1]
    short = [Passage("", ("好",), ())] * 301  # four tokens each
    assert [len(p.passages) for p in pool.pools(short, model.encoder, 300 * pool.PASSAGE_TOKENS)] == [300, 1]


def test_passages_are_prepared_while_the_network_runs(model, small_pools):
    """The network waits, in its first batch, until a passage of a later pool is pulled."""
    pulled, later = 0, threading.Event()

    def source():
        nonlocal pulled
        for passage in passages(40):
            pulled += 1
            if pulled > 9:
                later.set()
            yield passage

    class Waiting(RememberingNetwork):
        def forward(self, batch):
            assert later.wait(20)
            return super().forward(batch)

    waiting = replace(model, network=Waiting())
    assert len(read(waiting, source())) == 40


@pytest.fixture
def two_pieces(monkeypatch):
    """Two pieces of hardware, both of them this CPU."""
    both = Hardware((torch.device("cpu"),) * 2, torch.float32, 150, "two")
    monkeypatch.setattr(run, "choose_hardware", lambda config: both)


def test_several_pieces_of_hardware_share_the_work(make_model, two_pieces, small_pools):
    model, given = make_model(), passages(40)
    alone = [read_plainly(model, passage) for passage in given]
    assert_same(list(Engine(model).read(given)), alone)


def test_each_piece_of_hardware_has_a_network_of_its_own(model, two_pieces, small_pools):
    given, seen = passages(40), set()

    class Seen(RememberingNetwork):
        def forward(self, batch):
            seen.add((id(self), threading.current_thread().name))
            return super().forward(batch)

    assert_same(list(Engine(replace(model, network=Seen())).read(given)), read(remembering(model), given))
    assert len({network for network, _ in seen}) == len(seen) == 2


def test_pieces_of_hardware_that_fail_together_halve_once(model, two_pieces):
    barrier = threading.Barrier(2, timeout=20)

    class Short(RememberingNetwork):
        def forward(self, batch):
            if batch.ids.numel() > 100:
                barrier.wait()
            return super().forward(batch)

    # every row is 48 tokens, so the first batches of both have three rows
    given = [Passage("", ("好" * 46,), ())] * 6
    engine = Engine(replace(model, network=Short(memory=100)))
    list(engine.read(given))
    assert engine.budget == 75


class Signal:
    """A CUDA event that remembers what was asked of it."""

    log: list[str] = []  # noqa: RUF012

    def record(self, stream):
        self.log.append(f"record in {stream}")

    def synchronize(self):
        self.log.append("wait")


def test_the_way_to_a_gpu_and_back(make_model, monkeypatch):
    """A CPU that passes for a GPU: batches are pinned, and each result is waited for after its copy was queued."""
    Signal.log = []
    monkeypatch.setattr(Hardware, "is_gpu", True)
    monkeypatch.setattr(run, "choose_hardware", lambda c: Hardware((torch.device("cpu"),), torch.float32, 150, "fake"))
    monkeypatch.setattr(torch.cuda, "Event", Signal)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda device: f"stream of {device}")
    pinned = []
    monkeypatch.setattr(Batch, "pin", lambda batch: pinned.append(batch) or batch)
    model, given = make_model(), passages(20)
    alone = [read_plainly(model, passage) for passage in given]
    assert_same(list(Engine(model).read(given)), alone)
    assert len(pinned) > 3
    assert Signal.log.count("record in stream of cpu") == Signal.log.count("wait") == len(pinned)
    assert Signal.log[0] != "wait"


def test_copies_go_with_the_stream(model, monkeypatch):
    asked = []
    send = Batch.to

    def remember(batch, hardware, *, non_blocking=False):
        asked.append((hardware, non_blocking))
        return send(batch, hardware, non_blocking=non_blocking)

    monkeypatch.setattr(Batch, "to", remember)
    read(model, passages(3))
    assert set(asked) == {(torch.device("cpu"), True)}


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
