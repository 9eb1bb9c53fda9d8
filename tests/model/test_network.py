from __future__ import annotations

import math
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from stance.model.batch import Batch, collate
from stance.model.borders import KINDS, OUTSIDE
from stance.model.chain import IMPOSSIBLE, log_partition
from stance.model.encoding import BLOCK, PAD, Passage
from stance.model.network import (
    CueInput,
    EvidenceHead,
    Lexicon,
    PairHead,
    StanceNetwork,
    attention_bias,
    attention_mask,
)
from stance.text.cues import BITS_PER_DEVICE

PARAGRAPHS = ("美方加税。", "中国的石磨很好，财政也好。", "", "天大的笑话，" * 14, "好")
TARGETS = ("美国", "财政", "中国的石磨")


@pytest.fixture(scope="module")
def models(make_model):
    return {kind: make_model(kind) for kind in ("bert", "roberta", "electra", "lexicon")}


@pytest.fixture
def model(models, encoder_kind):
    return models[encoder_kind]


def run(model, windows):
    with torch.inference_mode():
        return model.network(collate(windows, model.config.pad_id))


def close(one, two):
    torch.testing.assert_close(one, two, atol=1e-4, rtol=0)


def test_attention_mask_by_hand(make_model):
    model = make_model()
    (window,) = model.encoder.windows(Passage("石", ("好", "美"), ("中",)))
    batch = collate([window], model.config.pad_id)
    seen = ["".join(".x"[int(cell)] for cell in row) for row in attention_mask(batch)[0]]
    assert seen == [
        # text ──── blocks padding
        # [CLS] 石 [SEP] 好 [SEP] 美 [SEP] [CLS] 中 [CLS] 中
        "xxxxxxx.........",  # [CLS]
        "xxxxxxx.........",  # 石
        "xxxxxxx.........",  # [SEP]
        "xxxxxxx.........",  # 好
        "xxxxxxx.........",  # [SEP]
        "xxxxxxx.........",  # 美
        "xxxxxxx.........",  # [SEP]
        "...xx..xx.......",  # [CLS] of (好, 中)
        "...xx..xx.......",  # 中
        ".....xx..xx.....",  # [CLS] of (美, 中)
        ".....xx..xx.....",  # 中
        *["xxxxxxx........."] * 5,  # padding
    ]


def test_attention_bias_is_nothing_or_all(make_model):
    model = make_model()
    batch = collate(model.encoder.windows(Passage("石", ("好", "美"), ("中",))), model.config.pad_id)
    bias = attention_bias(batch, torch.bfloat16)
    assert (bias.shape, bias.dtype) == ((1, 1, 16, 16), torch.bfloat16)
    seen = attention_mask(batch)[:, None]
    assert (bias[seen] == 0).all()
    assert (bias[~seen] == -math.inf).all()


class EchoEncoder(nn.Module):
    """Gives back what it is given, and remembers it."""

    def __init__(self, vocabulary, width):
        super().__init__()
        self.config = SimpleNamespace(hidden_size=width)
        self.embeddings = nn.Embedding(vocabulary, width)
        self.given = {}

    def get_input_embeddings(self):
        return self.embeddings

    def forward(self, **given):
        self.given = given
        return SimpleNamespace(last_hidden_state=given["inputs_embeds"])


@pytest.fixture(scope="module")
def cues(tmp_path_factory):
    path = tmp_path_factory.mktemp("cues") / "cues.tsv"
    path.write_text("石磨\tmetaphor\n天大\tirony,simile\n", encoding="utf-8")
    return path


def test_what_the_encoder_is_given(make_model, cues):
    model = make_model("lexicon", cues=cues)
    (window,) = model.encoder.windows(Passage("石磨", ("中国好",), ("美国",)))
    assert window.cues.any()
    batch = collate([window], model.config.pad_id)
    encoder = EchoEncoder(200, 6)
    network = StanceNetwork(
        encoder, devices=3, stances=3, lexicon_size=6, lexicon_width=5, cues=True, position_offset=2
    )
    nn.init.normal_(network.segment.weight)
    nn.init.normal_(network.cues.projection.weight)
    states = network.eval().encode(batch)
    for t in range(len(window)):
        expected = encoder.embeddings.weight[window.ids[t]] + network.segment.weight[window.segments[t]]
        if window.words[t]:
            expected = expected + network.lexicon.projection.weight @ network.lexicon.vectors.weight[window.words[t]]
        for bit in range(9):
            if int(window.cues[t]) & 1 << bit:
                expected = expected + network.cues.projection.weight[:, bit]
        torch.testing.assert_close(states[0, t], expected)
    assert encoder.given["position_ids"][0, : len(window)].tolist() == [p + 2 for p in window.positions]
    assert encoder.given["attention_mask"].shape == (1, 1, 16, 16)
    assert set(encoder.given) == {"inputs_embeds", "attention_mask", "position_ids"}


def test_no_word_adds_nothing():
    lexicon = Lexicon(3, 2, 4)
    assert not lexicon(torch.tensor([[0]])).any()
    assert lexicon(torch.tensor([[3]])).any()


def test_cues_by_hand():
    cues = CueInput(2, 4, dropout=0.5).eval()
    assert not cues(torch.tensor([[0, 63]])).any()  # new ones say nothing yet
    nn.init.normal_(cues.projection.weight)
    found = cues(torch.tensor([[0b000_000, 0b011_000, 0b100_001]]))[0]
    columns = cues.projection.weight.T
    torch.testing.assert_close(found, torch.stack([0 * columns[0], columns[3] + columns[4], columns[0] + columns[5]]))


def test_the_last_bit_of_the_last_device():
    devices = 21
    cues = CueInput(devices, 2, dropout=0.0)
    nn.init.normal_(cues.projection.weight)
    found = cues(torch.tensor([[1 << (BITS_PER_DEVICE * devices - 1)]]))
    torch.testing.assert_close(found[0, 0], cues.projection.weight[:, -1])


def test_cues_are_dropped_from_whole_windows_and_only_in_training():
    torch.manual_seed(1)
    cues = CueInput(1, 3, dropout=0.25)
    nn.init.normal_(cues.projection.weight)
    given = torch.tensor([[1, 3, 5]]).expand(2000, 3)
    whole = cues.eval()(given)[0]
    assert (cues(given) == whole).all()
    dropped = 0
    for row in cues.train()(given):
        assert not row.any() or torch.equal(row, whole)
        dropped += not row.any()
    assert 400 < dropped < 600
    assert not CueInput(1, 3, dropout=1.0)(given).any()


def test_cues_reach_the_steps(make_model, cues):
    model = make_model(cues=cues)
    windows = model.encoder.windows(Passage("", ("好的石磨很好", "天大的好"), ("石磨",)))
    batch = collate(windows, model.config.pad_id)
    bare = Batch(**{name: getattr(batch, name) for name in Batch.__dataclass_fields__} | {"cues": 0 * batch.cues})
    with torch.inference_mode():
        with_cues, without = model.network(batch), model.network(bare)
    possible = with_cues.steps > IMPOSSIBLE
    assert (with_cues.steps - without.steps)[possible].abs().max() > 1e-2
    assert (with_cues.partition - without.partition).abs().max() > 1e-2
    assert (with_cues.stances - without.stances).abs().max() > 1e-3


def test_a_model_without_cues_does_not_read_them(make_model):
    model = make_model()
    (window,) = model.encoder.windows(Passage("", ("好",), ()))
    batch = collate([window], model.config.pad_id)
    marked = Batch(**{name: getattr(batch, name) for name in Batch.__dataclass_fields__} | {"cues": batch.cues + 1})
    with torch.inference_mode():
        assert torch.equal(model.network(batch).steps, model.network(marked).steps)


def test_the_partition_is_that_of_the_steps(model):
    batch = collate(model.encoder.windows(Passage("石磨", PARAGRAPHS, TARGETS)), model.config.pad_id)
    with torch.inference_mode():
        logits = model.network(batch)
    torch.testing.assert_close(logits.partition, log_partition(logits.steps, batch.places, batch.text))
    assert (logits.partition[batch.places >= 0] > 0).all()  # the path outside counts 1, and there are others


def test_no_span_can_leave_its_paragraph(model):
    batch = collate(model.encoder.windows(Passage("石磨", PARAGRAPHS, TARGETS)), model.config.pad_id)
    with torch.inference_mode():
        steps = model.network(batch).steps
    own = (batch.segments == 2) & (batch.ids != model.config.sep_id)
    assert (steps[~own][..., 1] == IMPOSSIBLE).all()
    assert (steps[own] > IMPOSSIBLE).all()


def test_text_cannot_tell_the_targets(model):
    without = model.encoder.windows(Passage("石磨", PARAGRAPHS, ()))
    asked = model.encoder.windows(Passage("石磨", PARAGRAPHS, TARGETS))
    for one, two in zip(without, asked, strict=True):
        text = len(one)
        with torch.inference_mode():
            states = [model.network.encode(collate([w], model.config.pad_id))[0, :text] for w in (one, two)]
        close(*states)
        bare, full = run(model, [one]), run(model, [two])
        close(bare.devices, full.devices)
        close(bare.partition, full.partition)
        close(bare.steps[0, :text], full.steps[0, :text])


def test_a_pair_cannot_tell_the_other_targets(model):
    together = [run(model, [w]).stances[0] for w in model.encoder.windows(Passage("石磨", PARAGRAPHS, TARGETS))]
    together = [stances.unflatten(0, (-1, len(TARGETS))) for stances in together]
    for place, target in enumerate(TARGETS):
        alone = [run(model, [w]).stances[0] for w in model.encoder.windows(Passage("石磨", PARAGRAPHS, (target,)))]
        for all_targets, one in zip(together, alone, strict=True):
            close(all_targets[:, place], one)
    turned = model.encoder.windows(Passage("石磨", PARAGRAPHS, TARGETS[::-1]))
    for all_targets, w in zip(together, turned, strict=True):
        close(all_targets.flip(1), run(model, [w]).stances[0].unflatten(0, (-1, len(TARGETS))))


def test_targets_and_paragraphs_do_matter(model):
    stances = run(model, model.encoder.windows(Passage("石磨", ("美方加税。", "好"), TARGETS))).stances[0]
    for one in range(len(stances)):
        for two in range(one):
            assert (stances[one] - stances[two]).abs().max() > 1e-3


def test_windows_cannot_tell_their_batch(model):
    windows = model.encoder.windows(Passage("石磨", PARAGRAPHS, TARGETS))
    windows += model.encoder.windows(Passage("", ("美国" * 9, "好"), ("中国",)))
    windows += model.encoder.windows(Passage("财政", ("财政", "税", "法"), ()))
    alone = [run(model, [w]) for w in windows]
    for order in (range(len(windows)), reversed(range(len(windows)))):
        chosen = list(order)
        batch = run(model, [windows[i] for i in chosen])
        for row, i in enumerate(chosen):
            text, pieces, pairs = windows[i].named.shape[1], len(windows[i].pieces), len(windows[i].pair_slots)
            close(batch.steps[row, :text], alone[i].steps[0, :text])
            close(batch.partition[row, :pieces], alone[i].partition[0, :pieces])
            close(batch.devices[row, :pieces], alone[i].devices[0, :pieces])
            close(batch.stances[row, :pairs], alone[i].stances[0, :pairs])


def random_batch():
    """Two windows of 2 and 1 paragraphs with targets named here and there, made from numbers alone."""
    slots = torch.tensor([[-1, 0, 0, 0, 1, 1, 0, 1, 1, -1], [-1, -1, 0, 0, 0, 0, 0, -1, -1, -1]])
    blocks = torch.tensor([[0, 0, 0, 0, 0, 0, 1, 2, 3, 0], [0, 0, 0, 0, 0, 1, 1, 0, 0, 0]])
    segments = torch.tensor([[1, 2, 2, 2, 2, 2, 3, 3, 3, PAD], [1, 1, 2, 2, 2, 3, 3, PAD, PAD, PAD]])
    named = torch.zeros(2, 2, 10, dtype=torch.int8)
    named[0, 0, 2], named[0, 1, 0], named[0, 1, 4], named[0, 1, 5] = 2, 2, 1, 2
    named[1, 0, 3] = 1
    return Batch(
        ids=torch.ones_like(slots),
        words=torch.zeros_like(slots),
        cues=torch.zeros_like(slots),
        positions=torch.zeros_like(slots),
        segments=segments,
        borders=torch.full_like(slots, OUTSIDE),
        slots=slots,
        blocks=blocks,
        text=torch.tensor([6, 5]),
        places=torch.tensor([[1, 4], [2, -1]]),
        pair_slots=torch.tensor([[0, 1, 1], [0, -1, -1]]),
        pair_targets=torch.tensor([[0, 0, 1], [0, -1, -1]]),
        pair_places=torch.tensor([[6, 7, 8], [5, -1, -1]]),
        named=named,
    )


@torch.no_grad()
def test_evidence_head_against_loops():
    torch.manual_seed(5)
    batch, head = random_batch(), EvidenceHead(4, 3)
    nn.init.normal_(head.span_weight)
    states, inside = torch.randn(2, 10, 4), 3 * torch.randn(2, 10, 3)
    partition = torch.rand(2, 2, 3) + 0.1
    found = head(states, inside, partition, batch)
    for b, p in ((0, 0), (0, 1), (1, 0)):
        own = [t for t in range(10) if batch.slots[b, t] == p and batch.blocks[b, t] == 0]
        for d in range(3):
            weights, evidence = [], []
            for t in own:
                attention = float(head.attention.weight[d] @ states[b, t] + head.attention.bias[d])
                weights.append(math.exp(attention + float(inside[b, t, d])))
                evidence.append(float(head.evidence.weight[d] @ states[b, t] + head.evidence.bias[d]))
            pooled = sum(w * e for w, e in zip(weights, evidence, strict=True)) / sum(weights)
            none = math.exp(-float(partition[b, p, d]))  # the probability that there is no span
            odds = math.log((1 - none) / none)
            assert found[b, p, d].item() == pytest.approx(pooled + float(head.span_weight[d]) * odds, abs=1e-4)


@pytest.mark.parametrize(("partition", "odds"), [(0.0, math.log(math.expm1(1e-4))), (30.0, 30.0), (200.0, 200.0)])
def test_evidence_of_certain_chains_is_not_lost(partition, odds):
    """However sure the chain is, the mean of the evidence still is the evidence, and the odds are numbers."""
    batch, head = random_batch(), EvidenceHead(4, 1)
    for layer in (head.attention, head.evidence):
        nn.init.zeros_(layer.weight)
    nn.init.constant_(head.attention.bias, -25.0)
    nn.init.constant_(head.evidence.bias, 3.0)
    inside, total = torch.full((2, 10, 1), IMPOSSIBLE), torch.full((2, 2, 1), partition)
    found = head(torch.zeros(2, 10, 4), inside, total, batch)
    assert found[0, :, 0].tolist() == pytest.approx([3 + 0.5 * odds] * 2, abs=1e-3)


@torch.no_grad()
def test_pair_head_against_loops():
    torch.manual_seed(6)
    batch, head = random_batch(), PairHead(4, 4, dropout=0.5).eval()
    states = torch.randn(2, 10, 4)
    found = head(states, batch)
    assert found.shape == (2, 3, 4)
    kinds = []
    for b, k in ((0, 0), (0, 1), (0, 2), (1, 0)):
        slot, target = batch.pair_slots[b, k], batch.pair_targets[b, k]
        paragraph = [t for t in range(10) if batch.slots[b, t] == slot and batch.blocks[b, t] == 0]
        mentions = [t for t in paragraph if batch.named[b, target, t] > 0]
        kinds.append(max((int(batch.named[b, target, t]) for t in mentions), default=0))
        own = states[b, batch.pair_places[b, k]] + head.mention.weight[kinds[-1]]
        mentioned = sum((states[b, t] for t in mentions), torch.zeros(4)) / max(len(mentions), 1)
        whole = sum(states[b, t] for t in paragraph) / len(paragraph)
        hidden = head.hidden.weight @ torch.cat([own, mentioned, whole]) + head.hidden.bias
        gelu = torch.tensor([0.5 * x * (1 + math.erf(x / math.sqrt(2))) for x in hidden.tolist()])
        torch.testing.assert_close(found[b, k], head.output.weight @ gelu + head.output.bias, atol=1e-5, rtol=0)
    assert kinds == [2, 0, 2, 1]


def test_mentions_reach_the_pair_head(make_model):
    model = make_model()
    (window,) = model.encoder.windows(Passage("石磨", ("美方加税。",), ("美国",)))
    batch = collate([window], model.config.pad_id)
    with torch.inference_mode():
        named = model.network(batch).stances
        batch.named.zero_()
        unnamed = model.network(batch).stances
    assert (named - unnamed).abs().max() > 1e-3


def test_every_part_learns(model):
    windows = model.encoder.windows(Passage("石磨", PARAGRAPHS, TARGETS))
    network = model.network
    logits = network(collate(windows, model.config.pad_id))
    (logits.partition.sum() + logits.devices.square().sum() + logits.stances.square().sum()).backward()
    still = {name.split(".")[0] for name, p in network.named_parameters() if p.grad is None or not p.grad.any()}
    learning = {name.split(".")[0] for name, p in network.named_parameters() if p.grad is not None and p.grad.any()}
    assert learning >= {"encoder", "segment", "spans", "devices", "stances"}
    assert still <= {"encoder"}  # a pooler that no head reads, the first rows of position embeddings
    network.zero_grad()


def test_cues_learn(make_model, cues):
    model = make_model(cues=cues)
    windows = model.encoder.windows(Passage("", ("好的石磨",), ()))
    model.network(collate(windows, model.config.pad_id)).partition.sum().backward()
    metaphor = model.network.cues.projection.weight.grad.unflatten(1, (3, BITS_PER_DEVICE)).abs().sum((0, 2))
    assert metaphor[1] > 0
    assert metaphor[[0, 2]].tolist() == [0, 0]


def test_collate_pads_with_nothing(make_model):
    model = make_model()
    long, short = (
        model.encoder.windows(Passage("", (text,), targets))[0] for text, targets in (("好" * 9, ("中国",)), ("美", ()))
    )
    batch = collate([short, long], model.config.pad_id)
    assert batch.ids.shape == (2, 16)
    assert batch.ids[0].tolist() == [*short.ids, *[0] * 12]
    assert batch.segments[0, 4:].tolist() == [PAD] * 12
    assert batch.slots[0].tolist() == [-1, -1, 0, 0, *[-1] * 12]
    assert batch.pair_places.tolist() == [[-1], [12]]
    assert batch.borders[0].tolist() == [*short.borders, *[OUTSIDE] * 12]
    assert (batch.cues.dtype, batch.cues.any().item()) == (torch.int64, False)
    assert 0 <= batch.borders.min() <= batch.borders.max() < KINDS
    assert batch.text.tolist() == [4, 12]
    assert int((batch.segments == BLOCK).sum()) == 3
    assert batch.named.shape == (2, 1, 16)


def test_a_batch_of_wrong_shape_is_refused():
    batch = random_batch()
    fields = {name: getattr(batch, name) for name in Batch.__dataclass_fields__}
    with pytest.raises(ValueError, match=r"Batch\.slots must be int64 of shape \(2, 10\), was torch\.int64 \(2, 9\)"):
        Batch(**fields | {"slots": batch.slots[:, :9]})
    with pytest.raises(ValueError, match=r"Batch\.words must be int64"):
        Batch(**fields | {"words": batch.words.float()})
    with pytest.raises(ValueError, match=r"Batch\.cues must be int64 of shape .* was torch\.int32"):
        Batch(**fields | {"cues": batch.cues.int()})
    with pytest.raises(ValueError, match=r"Batch\.borders must be int64"):
        Batch(**fields | {"borders": batch.borders[:1]})
