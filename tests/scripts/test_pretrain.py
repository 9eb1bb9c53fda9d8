"""Pretraining: text to tokens, lexicon, masking, objectives, checkpoints, export and transport."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
import zstandard
from tokenizers import Tokenizer
from transformers import RobertaPreLayerNormForMaskedLM

sys.path.insert(0, str(Path(__file__).parents[2] / "scripts"))

from pretraining import checkpoint, lexicon, objectives, transport
from pretraining.batches import POSITIONS, MaskedBatch, MaskedWindows, Masking
from pretraining.corpus import documents
from pretraining.data import Data, Specials, read_tokenizer
from pretraining.export import export
from pretraining.grow import grow
from pretraining.objectives import MaskedLanguageModel, ReplacedTokenDetection, encoder_config
from pretraining.optimizers import Schedule, make_optimizers
from pretraining.positions import frequencies, look_at_neighbours, sinusoids
from pretraining.prepare import encode_documents, prepare, train_tokenizer
from pretraining.settings import Settings
from pretraining.train import train

from stance.errors import InputError, RunError
from stance.model.checkpoint import from_encoder
from stance.model.network import Lexicon
from stance.schema import DEFAULT_SCHEMA

ROOT = Path(__file__).parents[2]
SENTENCES = ["我们发展经济。", "記者報導臺灣經濟。", "2025年GDP增长5%。", "人民推动改革，国家发展科技。"]
SPECIALS = Specials(0, 1, 2, 3, 4)
TINY = {"layers": 2, "width": 32, "rows": 4, "length": 16, "compile": False, "warmup": 5, "hardware": "cpu"}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A prepared corpus of some ten thousand tokens, with a lexicon whose vectors are made up."""
    folder = tmp_path_factory.mktemp("pretrain")
    rng = np.random.default_rng(0)
    texts = ["\n".join(rng.choice(SENTENCES, 8)) for _ in range(150)]
    (folder / "text").mkdir()
    (folder / "text/a.txt").write_text("\n\n".join(texts), encoding="utf-8")
    prepare(folder / "text", folder / "data", vocab=120)
    lexicon.unigram({"发展": 30, "经济": 20, "改革": 10}, {"我": 5, "们": 5}).save(str(folder / "data/lexicon.json"))
    data = Data(folder / "data")
    lexicon.write_words(data)
    vectors = rng.normal(size=(6, 8)).astype(np.float16)
    vectors[0] = 0
    np.save(folder / "data/lexvec.npy", vectors)
    return Data(folder / "data")


def test_documents_of_all_formats(tmp_path):
    (tmp_path / "a.txt").write_text("标题\n 正文 \n\n\n第二篇\n", encoding="utf-8")
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep/b.txt.zst").write_bytes(zstandard.compress("第三篇".encode()))
    lines = [{"text": "一\n\n二", "title": "题"}, {"paragraphs": ["三", "四"]}]
    (tmp_path / "e.jsonl").write_text("\n".join(map(json.dumps, lines)))
    (tmp_path / "README.md").write_text("no text")
    assert list(documents(tmp_path)) == ["标题\n正文", "第二篇", "第三篇", "题\n一\n二", "三\n四"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.jsonl", b'{"text": "x"}\n{"body": "y"}', r"a\.jsonl line 2: expected a JSON object with 'text'"),
        ("a.jsonl", b"[1]", r"a\.jsonl line 1"),
        ("a.txt", "文".encode("gb18030"), r"a\.txt: expected text in UTF-8"),
        ("a.txt.zst", b"not zstd", r"a\.txt\.zst: expected text"),
        ("a.pdf", b"", r"expected files named \*\.txt"),
    ],
)
def test_unreadable_text_is_named(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=message):
        list(documents(tmp_path))


def test_tokenizer_cuts_characters_and_lowers_latin():
    tokenizer = train_tokenizer(SENTENCES * 10, 200)
    tokens = tokenizer.encode("臺灣GDP發").tokens
    assert tokens[:2] == ["臺", "灣"]
    assert "".join(t.removeprefix("##") for t in tokens[2:-1]) == "gdp"
    assert tokens[-1] == "[UNK]"  # a character that it has not seen
    assert [tokenizer.token_to_id(t) for t in ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")] == [0, 1, 2, 3, 4]


def test_words_start_where_jieba_cuts(data):
    ids, starts = encode_documents(str(data.tokenizer_path), ["我们发展经济。\n\n我们"])
    tokenizer, _ = read_tokenizer(data.tokenizer_path)
    assert [tokenizer.id_to_token(i) for i in ids] == [*"我们发展经济。", "[SEP]", *"我们", "[SEP]"]
    assert starts.astype(int).tolist() == [1, 0, 1, 0, 1, 0, 1, 1, 1, 0, 1]


def test_given_tokenizer_is_used_and_checked(data, tmp_path):
    text = data.folder.parent / "text"
    prepare(text, tmp_path, tokenizer=data.tokenizer_path)
    assert np.array_equal(Data(tmp_path).ids, data.ids)
    (tmp_path / "other.json").write_text(lexicon.unigram({"发展": 1}, {"我": 1}).to_str())
    with pytest.raises(InputError, match=r"expected a tokenizer with \[PAD\]"):
        prepare(text, tmp_path, tokenizer=tmp_path / "other.json")


def test_words_are_counted(tmp_path):
    tokenizer = train_tokenizer(SENTENCES * 10, 200)
    word = [tokenizer.token_to_id(c) for c in "经济"]
    other = tokenizer.token_to_id("，")
    np.save(tmp_path / "ids.npy", np.array(([*word, other] * 25 + word[:1]) + [other], np.uint16))
    np.save(tmp_path / "starts.npy", np.array([True, False, True] * 25 + [True, True]))
    words, single = lexicon.count_words(Data(tmp_path), tokenizer)
    assert words == Counter({"经济": 25})
    assert single["经"] == 1
    assert "，" not in single


def test_words_are_found_as_the_model_will_find_them(data):
    tokenizer, _ = read_tokenizer(data.tokenizer_path)
    ids, _ = encode_documents(str(data.tokenizer_path), ["我们发展GDP，经济改革"])
    words, runs = lexicon.find_words(ids, lexicon.characters_of(tokenizer), Tokenizer.from_file(str(data.lexicon_path)))
    tokens = [tokenizer.id_to_token(i) for i in ids]
    found = dict(zip(tokens, words.tolist(), strict=True))
    assert [found[c] for c in "我们发展，经济改革"] == [4, 5, 1, 1, 0, 2, 2, 3, 3]
    assert runs == [[4, 5, 1], [2, 3]]


def test_softened_norms():
    vectors = np.zeros((4, 2), np.float32)
    vectors[1, 0], vectors[2, 1], vectors[3, 0] = 1, 16, 81
    norms = np.linalg.norm(lexicon.soften(vectors).astype(np.float32), axis=1)
    assert norms[0] == 0
    assert norms[1:] / norms[1] == pytest.approx([1, 2, 3], rel=1e-2)
    assert norms[2] == pytest.approx(0.25 * 2**0.5, rel=1e-2)


def test_lexicon_from_corpus(data, tmp_path):
    pytest.importorskip("gensim")
    for name in ("ids.npy", "starts.npy", "tokenizer.json"):
        (tmp_path / name).write_bytes((data.folder / name).read_bytes())
    lexicon.build_lexicon(Data(tmp_path), words=5, width=4)
    built = Data(tmp_path)
    assert built.vectors.shape[1] == 4
    assert not built.vectors[0].any()
    assert np.isfinite(built.vectors).all()
    assert 0 < built.words.max() < len(built.vectors)
    assert not (tmp_path / "sentences.tmp").exists()
    with pytest.raises(InputError, match="expected 1 to 65535 words"):
        lexicon.build_lexicon(Data(tmp_path), words=0)


def draw(data, masking, rows=16, length=32, seed=0):
    windows = MaskedWindows(data, slice(0, len(data.ids)), SPECIALS, 120, masking, rows, length, seed)
    return next(iter(windows))


def test_masked_windows_come_from_the_corpus(data):
    batch = draw(data, Masking(0.25))
    assert len(batch.places) == len(batch.labels) == 16 * 32 // 4
    assert (batch.places.diff() > 0).all()
    original = batch.ids.flatten().clone()
    original[batch.places] = batch.labels
    corpus = data.ids.astype("<u2").tobytes()
    for row in original.view(16, 32).numpy().astype("<u2"):
        assert row[0] == SPECIALS.cls
        assert row[1:].tobytes() in corpus
    assert not np.isin(batch.labels, SPECIALS.ids).any()
    shown = batch.ids.flatten()[batch.places]
    assert 0.6 < (shown == SPECIALS.mask).float().mean() < 0.95
    assert (batch.positions.diff(dim=1) == 1).all()
    assert batch.positions.min() >= 0
    assert batch.positions.max() < POSITIONS


def test_half_of_the_windows_mask_whole_words(data):
    """Of the words in the lower half at most one, where the share is reached, may be masked in part."""
    batch = draw(data, Masking(0.25, masks=1.0, randoms=0.0), rows=200)
    masked = torch.zeros(batch.ids.numel(), dtype=torch.bool)
    masked[batch.places] = True
    original = batch.ids.flatten().clone()
    original[batch.places] = batch.labels
    tokenizer, _ = read_tokenizer(data.tokenizer_path)
    pair = [tokenizer.token_to_id(c) for c in "经济"]
    broken = {"characters": 0, "words": 0}
    for row in range(200):
        line = original.view(200, 32)[row].tolist()
        hidden = masked.view(200, 32)[row].tolist()
        at = [i for i in range(1, 31) if line[i : i + 2] == pair]
        broken["characters" if row < 100 else "words"] += sum(hidden[i] != hidden[i + 1] for i in at)
    assert broken["words"] <= 1
    assert broken["characters"] > 10


def test_masked_words_are_hidden_from_the_lexicon(data):
    batch = draw(data, Masking(0.25), rows=40)
    assert not batch.words.flatten()[batch.places].any()
    original = batch.ids.flatten().clone()
    original[batch.places] = batch.labels
    tokenizer, _ = read_tokenizer(data.tokenizer_path)
    pair = [tokenizer.token_to_id(c) for c in "经济"]
    whole = [
        words[i : i + 2]
        for line, words in zip(original.view(40, 32).tolist(), batch.words.tolist(), strict=True)
        for i in range(1, 31)
        if line[i : i + 2] == pair
    ]
    assert {tuple(words) for words in whole} == {(0, 0), (2, 2)}  # both characters or neither


def test_decoys_hide_words_that_are_not_masked(data):
    plain, decoyed = draw(data, Masking(0.15)), draw(data, Masking(0.15, decoys=0.3))
    assert (decoyed.words > 0).sum() < 0.8 * (plain.words > 0).sum()


def test_seeds_and_workers_draw_other_windows(data):
    assert torch.equal(draw(data, Masking(0.2)).ids, draw(data, Masking(0.2)).ids)
    assert not torch.equal(draw(data, Masking(0.2)).ids, draw(data, Masking(0.2), seed=1).ids)


def test_held_out_text_is_kept_apart(data):
    seen, unseen = data.split(16)
    assert seen.stop == unseen.start
    assert unseen.stop == len(data.ids)
    with pytest.raises(InputError, match="expected at least 40000 tokens"):
        data.split(1000)


def test_schedule():
    schedule = Schedule(warmup=10, decay=0.2)
    assert [schedule.share(step, 1.0) for step in (0, 4, 9, 500)] == pytest.approx([0.1, 0.5, 1, 1])
    assert [schedule.share(500, left) for left in (0.2, 0.1, 0.0)] == pytest.approx([1, 0.5, 0.02])
    assert not schedule.falls(0.2)
    assert not Schedule(10, 0.0).falls(0.0)


def test_heads_look_at_their_neighbours():
    """By positions alone, without the random part of the weights, attention is largest at the offset."""
    config = encoder_config(100, 2, 256, SPECIALS)
    encoder = MaskedLanguageModel(config, None).encoder
    for layer in encoder.encoder.layer:
        for weight in (layer.attention.self.query.weight, layer.attention.self.key.weight):
            torch.nn.init.zeros_(weight)
    look_at_neighbours(encoder)
    states = sinusoids(300, 256) / sinusoids(300, 256).std()
    for layer, offsets in zip(encoder.encoder.layer, ((-1, 1, -2, 2), (-1, 1, -3, 3)), strict=True):
        attention = layer.attention.self
        query, key = (x.weight @ states.T for x in (attention.query, attention.key))
        for head, offset in enumerate(offsets):
            rows = slice(64 * head, 64 * head + 64)
            best = (query[rows].T @ key[rows]).argmax(1)
            assert (best[5:-5] == torch.arange(5, 295) + offset).all()
    assert frequencies(256)[0] == pytest.approx(np.pi)


def make(kind=MaskedLanguageModel, words=5):
    torch.manual_seed(0)
    return kind(encoder_config(120, 2, 32, SPECIALS), Lexicon(words, 8, 32))


def test_replaced_token_detection_learns_both(data, monkeypatch):
    objective = make(ReplacedTokenDetection)
    batch = draw(data, Masking(0.25, 1.0, 0.0))
    losses = objective(batch)
    assert losses.total.item() == pytest.approx(losses.masked.item() + 50 * losses.replaced.item())
    losses.total.backward()
    unmoved = [n for n, p in objective.named_parameters() if p.requires_grad and p.grad is None]
    assert unmoved == ["generator.encoder.embeddings.word_embeddings.weight"]
    # A generator that guesses right replaces nothing: a detector that always says "original" is right then …
    with torch.no_grad():
        objective.detector[2].weight.zero_()
        objective.detector[2].bias.fill_(-10)
    monkeypatch.setattr(objectives, "sample", lambda logits: batch.labels)
    assert objective(batch).replaced.item() < 1e-3
    # … and wrong at each masked place when all guesses are wrong.
    monkeypatch.setattr(objectives, "sample", lambda logits: (batch.labels + 1) % 100)
    assert objective(batch).replaced.item() == pytest.approx(10 * len(batch.places) / batch.ids.numel(), rel=1e-2)


def test_samples_follow_the_distribution():
    torch.manual_seed(0)
    shares = torch.tensor([0.1, 0.7, 0.2])
    drawn = objectives.sample(shares.log().expand(20_000, 3))
    assert drawn.bincount(minlength=3) / 20_000 == pytest.approx(shares, abs=0.02)


def learn(objective, optimizers, batch):
    objective(batch).total.backward()
    for optimizer in optimizers:
        optimizer.step()
        optimizer.zero_grad()


@pytest.mark.parametrize("kind", [MaskedLanguageModel, ReplacedTokenDetection])
def test_restored_run_goes_on_as_if_never_stopped(data, tmp_path, kind):
    first, batch = make(kind), draw(data, Masking(0.25))
    optimizers = make_optimizers(first, 1e-3, 2e-3)
    learn(first, optimizers, batch)
    checkpoint.save_state(tmp_path / "state.pt", first.parts(), optimizers, checkpoint.Progress(1, 64))
    second = kind(encoder_config(120, 2, 32, SPECIALS), Lexicon(5, 8, 32))
    others = make_optimizers(second, 1e-3, 2e-3)
    state = checkpoint.read_state(tmp_path / "state.pt", torch.device("cpu"))
    assert checkpoint.restore(state, second.parts(), others, tmp_path) == checkpoint.Progress(1, 64)
    for objective, own in ((first, optimizers), (second, others)):
        torch.manual_seed(1)
        learn(objective, own, batch)
    for (name, a), b in zip(first.state_dict().items(), second.state_dict().values(), strict=True):
        assert torch.equal(a, b), name


def test_half_written_checkpoint_leaves_the_old_one(tmp_path, monkeypatch):
    objective = make()
    path = tmp_path / "state.pt"
    checkpoint.save_state(path, objective.parts(), [], checkpoint.Progress(7, 70))

    def fail(state, file):
        file.write(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(torch, "save", fail)
    with pytest.raises(OSError, match="disk full"):
        checkpoint.save_state(path, objective.parts(), [], checkpoint.Progress(8, 80))
    assert checkpoint.read_state(path, torch.device("cpu"))["step"] == 7


def test_state_of_plain_transformers_modules_loads(data, tmp_path):
    """The layout is that of transformers' model and two plain modules, so that states made elsewhere load."""
    model = RobertaPreLayerNormForMaskedLM(encoder_config(120, 2, 32, SPECIALS))
    words = {"vectors": torch.nn.Embedding(6, 8), "projection": torch.nn.Linear(8, 32, bias=False)}
    state = {"model": model.state_dict(), "lexicon": torch.nn.ModuleDict(words).state_dict(), "optimizers": []}
    objective = make()
    checkpoint.restore(state | {"step": 3, "tokens": 9}, objective.parts(), [], tmp_path)
    assert torch.equal(objective.lexicon.vectors.weight, words["vectors"].weight)
    with pytest.raises(RunError, match=r"expected the parts \['lexicon', 'model'\] and 1 optimizers"):
        checkpoint.restore(state | {"step": 3, "tokens": 9}, objective.parts(), [torch.optim.SGD], tmp_path)


def log(run):
    return [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]


def test_train_decay_extend_and_export(data, tmp_path, capsys):
    run = tmp_path / "run"
    progress = train(data, run, Settings(minutes=0.03, log_minutes=0.005, decay=0.5, **TINY))
    entries = log(run)
    losses = [e["loss"] for e in entries if "loss" in e]
    assert losses[-1] < losses[0]
    assert entries[-1]["held_out_loss"] < 5
    assert progress.decayed
    assert progress.tokens == progress.step * 64
    stable = checkpoint.read_state(run / "stable.pt", torch.device("cpu"))
    assert 0 < stable["step"] < progress.step
    train(data, run, Settings(minutes=0.005, extend=True, **TINY))
    assert {"resumed": "stable.pt", "step": stable["step"], "tokens": stable["tokens"]} in log(run)

    export(run, tmp_path / "encoder")
    model = from_encoder(tmp_path / "encoder", DEFAULT_SCHEMA)
    assert (model.config.lexicon_size, model.config.lexicon_width, model.config.position_offset) == (5, 8, 1)
    ids, words = torch.tensor([[2, 20, 21, 3]]), torch.tensor([[0, 1, 1, 0]])
    embedded = model.network.encoder.get_input_embeddings()(ids) + model.network.lexicon(words)
    positions = torch.arange(4)[None]
    found = model.network.encoder(inputs_embeds=embedded, position_ids=positions + 1).last_hidden_state[0]
    tokenizer, _ = read_tokenizer(data.tokenizer_path)
    config = encoder_config(tokenizer.get_vocab_size(), 2, 32, SPECIALS)
    objective = MaskedLanguageModel(config, Lexicon(5, 8, 32))
    state = checkpoint.read_state(run / "state.pt", torch.device("cpu"))
    for name, part in objective.parts().items():
        part.load_state_dict(state[name])
    expected = objective.states(objective.embed(ids, words), positions)
    assert torch.allclose(found, expected, atol=0.03)

    for name in ("ids.npy", "starts.npy", "tokenizer.json"):
        (tmp_path / name).write_bytes((data.folder / name).read_bytes())
    lexicon.adopt_lexicon(Data(tmp_path), tmp_path / "encoder")
    assert np.array_equal(Data(tmp_path).words, data.words)
    assert Data(tmp_path).vectors.shape == (6, 8)
    with pytest.raises(InputError, match="Leave --like out"):
        lexicon.adopt_lexicon(Data(tmp_path), run)
    settings = Settings(minutes=0.002, start=tmp_path / "encoder", rate=0, muon=0, **TINY)
    train(Data(tmp_path), tmp_path / "next", settings)
    begun = checkpoint.read_state(tmp_path / "next/state.pt", torch.device("cpu"))["model"]
    assert all(torch.allclose(begun[k], v.half().float(), atol=1e-6) for k, v in state["model"].items())


@pytest.mark.parametrize("muon", [0.0, 3e-3])
def test_a_grown_run_computes_the_same_and_goes_on(data, tmp_path, muon):
    settings = Settings(minutes=0.02, muon=muon, **TINY)
    train(data, tmp_path / "two", settings)
    said = grow(tmp_path / "two", tmp_path / "four", [0, 0, 1, 1])
    assert said.startswith("2 layers became 4")
    old, new = (torch.load(tmp_path / name / "state.pt", weights_only=True) for name in ("two", "four"))
    encoders = []
    for name in ("two", "four"):
        export(tmp_path / name, tmp_path / f"{name}-encoder")
        model = RobertaPreLayerNormForMaskedLM.from_pretrained(tmp_path / f"{name}-encoder", dtype=torch.float32)
        encoders.append(model.eval())
        assert model.config.num_hidden_layers == {"two": 2, "four": 4}[name]
    ids = torch.randint(5, 40, (3, 12), generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        torch.testing.assert_close(encoders[0](ids).logits, encoders[1](ids).logits)
    moments = [
        sum("exp_avg" in e or "momentum_buffer" in e for o in s["optimizers"] for e in o["state"].values())
        for s in (old, new)
    ]
    assert moments[0] == moments[1] > 0  # known for the old weights, unknown for the new ones
    progress = train(data, tmp_path / "four", Settings(minutes=0.02, muon=muon, **(TINY | {"layers": None})))
    assert progress.step > new["step"]


@pytest.mark.parametrize("plan", [[1, 0], [0], [0, 1, 2]])
def test_a_plan_without_the_old_layers_is_refused(data, tmp_path, plan):
    train(data, tmp_path, Settings(minutes=0.005, **TINY))
    with pytest.raises(RunError, match=r"its layers 0 to 1 in their order"):
        grow(tmp_path, tmp_path / "new", plan)


def test_run_of_another_shape_or_with_broken_loss_is_refused(data, tmp_path, capsys):
    settings = Settings(minutes=0.002, **TINY)
    train(data, tmp_path, settings)
    before = (tmp_path / "state.pt").read_bytes()
    with pytest.raises(RunError, match="expected a pre-norm encoder of 3 × 32"):
        train(data, tmp_path, Settings(minutes=1, **(TINY | {"layers": 3})))
    with pytest.raises(RunError, match="lower --rate"):
        train(data, tmp_path, Settings(minutes=0.02, **(TINY | {"rate": 1e30, "muon": 1e30})))
    assert (tmp_path / "state.pt").read_bytes() == before


@pytest.mark.slow
def test_kill_loses_only_the_steps_since_the_checkpoint(data, tmp_path, capsys):
    options = "--minutes 5 --layers 2 --width 32 --rows 4 --length 16 --no-compile --save-minutes 0.005"
    command = [sys.executable, str(ROOT / "scripts/pretrain.py"), "train", "--data", str(data.folder)]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    process = subprocess.Popen([*command, "--out", str(tmp_path), *options.split()], env=environment)
    try:
        deadline = time.monotonic() + 60
        while not (tmp_path / "state.pt").exists():
            assert time.monotonic() < deadline
            assert process.poll() is None
            time.sleep(0.02)
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    saved = checkpoint.read_state(tmp_path / "state.pt", torch.device("cpu"))
    assert saved["step"] > 0
    progress = train(data, tmp_path, Settings(minutes=0.003, **TINY))
    assert log(tmp_path)[0] == {"resumed": "state.pt", "step": saved["step"], "tokens": saved["tokens"]}
    assert progress.step > saved["step"]


def test_packed_data_come_back(data, tmp_path, monkeypatch):
    monkeypatch.setattr(transport, "BLOCK", 3000)
    files = transport.pack(data, tmp_path / "parts", part_mb=1)
    assert [path.name for path in files] == ["companions.tar.xz", "part-000.bin"]
    transport.unpack(tmp_path / "parts", tmp_path / "data")
    for name in ("ids.npy", "starts.npy", "words.npy", "lexvec.npy", "tokenizer.json", "lexicon.json"):
        assert (tmp_path / "data" / name).read_bytes() == (data.folder / name).read_bytes()


def test_parts_keep_their_size_and_serve_alone(data, tmp_path, monkeypatch):
    monkeypatch.setattr(transport, "BLOCK", 2000)
    monkeypatch.setattr(transport, "MB", 1500)
    files = transport.pack(data, tmp_path / "parts", part_mb=1)[1:]
    assert len(files) > 1
    assert all(path.stat().st_size <= 1500 for path in files)
    files[0].unlink()
    transport.unpack(tmp_path / "parts", tmp_path / "data")
    rest = Data(tmp_path / "data").ids
    assert 0 < len(rest) < len(data.ids)
    assert np.array_equal(rest, data.ids[-len(rest) :])
    files[1].write_bytes(files[1].read_bytes()[:-1])
    with pytest.raises(InputError, match=r"part-001\.bin: expected .* bytes"):
        transport.unpack(tmp_path / "parts", tmp_path / "data")


def test_shards_come_back(tmp_path, monkeypatch):
    monkeypatch.setattr(transport, "MIB", 1000)
    (tmp_path / "folder").mkdir()
    content = np.random.default_rng(0).bytes(5000)
    (tmp_path / "folder/model.safetensors").write_bytes(content)
    files = transport.shard(tmp_path / "folder", tmp_path / "shards", mib=1)
    assert len(files) > 5
    assert all(path.stat().st_size <= 1000 for path in files)
    transport.join(tmp_path / "shards", tmp_path / "back")
    assert (tmp_path / "back/model.safetensors").read_bytes() == content
    files[1].write_bytes(b"damaged")
    with pytest.raises(InputError, match="expected shards with digest"):
        transport.join(tmp_path / "shards", tmp_path / "back")
    files[1].unlink()
    with pytest.raises(InputError, match=r"shard-001\.bin"):
        transport.join(tmp_path / "shards", tmp_path / "back")


def test_batches_move_whole(data):
    batch = draw(data, Masking(0.2))
    assert all(torch.equal(a, b) for a, b in zip(batch, batch.to(torch.device("cpu")), strict=True))
    assert isinstance(batch, MaskedBatch)
