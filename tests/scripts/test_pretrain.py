"""Pretraining: text to tokens, lexicon, masking, objectives, checkpoints, export and transport."""

import gzip
import json
import os
import shutil
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

import pretrain
from pretraining import checkpoint, lexicon, objectives, transport
from pretraining.batches import POSITIONS, MaskedBatch, MaskedWindows, Masking
from pretraining.corpus import documents, text_files
from pretraining.data import Data, Specials, read_tokenizer
from pretraining.export import export
from pretraining.grow import grow
from pretraining.objectives import MaskedLanguageModel, ReplacedTokenDetection, encoder_config
from pretraining.optimizers import Schedule, make_optimizers
from pretraining.positions import frequencies, look_at_neighbours, sinusoids
from pretraining.prepare import encode_documents, prepare, train_tokenizer
from pretraining.session import session
from pretraining.settings import Settings
from pretraining.train import train

from stance.errors import HardwareError, InputError, RunError
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


def test_documents_of_all_formats(tmp_path, tmp_path_factory):
    (tmp_path / "a.txt").write_text("标题\n 正文 \n\n\n第二篇\n", encoding="utf-8")
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep/b.txt.zst").write_bytes(zstandard.compress("第三篇".encode()))
    lines = [{"text": "一\n\n二", "title": "题"}, {"paragraphs": ["三", "四"]}]
    (tmp_path / "e.jsonl").write_text("\n".join(map(json.dumps, lines)))
    (tmp_path / "f.TXT.gz").write_bytes(gzip.compress("第六篇".encode()))
    (tmp_path / "g.jsonl.gz").write_bytes(gzip.compress('{"text": "七"}'.encode()))
    (tmp_path / "h.jsonl.zst").write_bytes(zstandard.compress('{"text": "八"}'.encode()))
    (tmp_path / "k.txt").write_bytes("我们的国家\r\n经济发展\r\n".encode("gb18030"))
    (tmp_path / "l.jsonl").write_bytes('{"text": "十"}'.encode("utf-8-sig"))
    for name in ("README.md", "i.pdf", "deep/j.PDF"):
        (tmp_path / name).write_text("no text")
    read = [
        "标题\n正文",
        "第二篇",
        "第三篇",
        "题\n一\n二",
        "三\n四",
        "第六篇",
        "七",
        "八",
        "我们的国家\n经济发展",
        "十",
    ]
    assert list(documents(tmp_path)) == read
    assert text_files(tmp_path)[1] == {".md": 1, ".pdf": 2}
    assert prepare(tmp_path, tmp_path_factory.mktemp("out")).endswith("unknown; files skipped: 2 .pdf, 1 .md")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.jsonl", b'{"text": "x"}\n{"body": "y"}', r"a\.jsonl line 2: expected a JSON object with 'text'"),
        ("a.jsonl", b"[1]", r"a\.jsonl line 1"),
        ("a.txt", b"\x89PNG\0\0\xff", r"a\.txt: expected a text file"),
        ("a.txt.zst", b"not zstd", r"a\.txt\.zst: expected a file of text"),
        ("a.txt.gz", gzip.compress(b"text" * 99, mtime=0)[:-9], r"a\.txt\.gz: expected a file of text"),
        ("a.pdf", b"", r"expected files named \*\.txt, .* found \.pdf"),
    ],
)
def test_unreadable_text_is_named(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=message):
        list(documents(tmp_path))


def test_a_corpus_without_text_is_refused(tmp_path, data):
    (tmp_path / "a.txt").write_text("\n \n")
    with pytest.raises(InputError, match="found only empty files"):
        prepare(tmp_path, tmp_path / "out", tokenizer=data.tokenizer_path)


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
    made = {"ids.npy", "starts.npy", "tokenizer.json", "lexicon.json", "words.npy", "lexvec.npy"}
    assert {path.name for path in tmp_path.iterdir()} == made
    with pytest.raises(InputError, match="expected 1 to 65535 words"):
        lexicon.build_lexicon(Data(tmp_path), words=0)


def copy_of(data, folder):
    shutil.copytree(data.folder, folder)
    return Data(folder)


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_words_are_found_by_several_processes_too(data, tmp_path, monkeypatch):
    monkeypatch.setattr(lexicon, "CHUNK", 3000)
    copy = copy_of(data, tmp_path / "data")
    lexicon.write_words(copy)
    alone = (copy.folder / "words.npy").read_bytes()
    (copy.folder / "words.npy").unlink()
    lexicon.write_words(copy, workers=2)
    assert (copy.folder / "words.npy").read_bytes() == alone


def test_lexicon_is_not_begun_without_gensim(data, tmp_path, monkeypatch):
    copy = copy_of(data, tmp_path / "data")
    copy.remove_lexicon()
    monkeypatch.setitem(sys.modules, "gensim.models", None)
    with pytest.raises(RunError, match=r"pip install 'stance\[pretrain\]'"):
        lexicon.build_lexicon(copy, words=5, width=4)
    assert not copy.lexicon_path.exists()


def test_other_ids_do_away_with_the_lexicon(data, tmp_path):
    copy = copy_of(data, tmp_path / "data")
    (tmp_path / "text").mkdir()
    (tmp_path / "text/a.txt").write_text("\n".join(SENTENCES), encoding="utf-8")
    prepare(tmp_path / "text", copy.folder)
    assert sorted(path.name for path in copy.folder.iterdir()) == ["ids.npy", "starts.npy", "tokenizer.json"]
    assert copy.words is None


@pytest.mark.parametrize("missing", ["lexicon.json", "words.npy", "lexvec.npy"])
def test_half_a_lexicon_is_refused(data, tmp_path, missing):
    copy = copy_of(data, tmp_path / "data")
    (copy.folder / missing).unlink()
    with pytest.raises(InputError, match=r"or none of them; found .* Run `pretrain.py lexicon` again"):
        train(copy, tmp_path / "run", Settings(minutes=0.002, **TINY))


def test_words_of_another_corpus_are_refused(data, tmp_path):
    copy = copy_of(data, tmp_path / "data")
    np.save(copy.folder / "words.npy", data.words[:-1])
    with pytest.raises(InputError, match=f"for its {len(data.ids)} tokens.* with words of {len(data.ids) - 1} tokens"):
        train(copy, tmp_path / "run", Settings(minutes=0.002, **TINY))


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
    plain, batch = draw(data, Masking(0.15)), draw(data, Masking(0.15, decoys=0.3), rows=400)
    assert torch.equal(plain.words, plain.decoyed)
    seen = batch.words > 0
    assert torch.equal(batch.decoyed[batch.decoyed > 0], batch.words[batch.decoyed > 0])
    assert (seen & (batch.decoyed == 0)).sum() / seen.sum() == pytest.approx(0.3, abs=0.03)


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


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("minutes", 0),
        ("minutes", float("nan")),
        ("layers", 0),
        ("width", 200),
        ("width", 33),
        ("rate", -1),
        ("warmup", 0),
        ("decay", 20),
        ("mask", 0),
        ("mask", 1),
        ("rows", 0),
        ("length", 513),
        ("threads", 0),
        ("workers", -1),
        ("save_minutes", -1),
    ],
)
def test_settings_out_of_their_range_are_refused(option, value):
    with pytest.raises(InputError, match=f"^--{option.replace('_', '-')}: expected .*, found {value}"):
        Settings(**{"minutes": 1} | {option: value})


@pytest.mark.parametrize("width", [32, 96, 192, 384, 512, 768])
def test_widths_of_whole_heads_are_taken(width):
    assert Settings(minutes=1, width=width).width == width


def test_absent_hardware_is_named(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert Settings(minutes=1).torch_device == torch.device("cpu")
    with pytest.raises(HardwareError, match="--hardware cuda: expected a CUDA device"):
        _ = Settings(minutes=1, hardware="cuda").torch_device


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


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "found no such file"), (b"text", "--extend"), (b"", "--extend"), ({"step": 1}, "found .'step'.")],
)
def test_unreadable_state_is_named(tmp_path, content, message):
    path = tmp_path / "state.pt"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content:
        torch.save(content, path)
    with pytest.raises(RunError, match=rf"state\.pt: expected the state of a pretraining run.*{message}"):
        checkpoint.read_state(path, torch.device("cpu"))


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
    assert all(0 <= e["waiting"] <= 1 and e["tokens_at_end"] >= e["tokens"] for e in entries if "loss" in e)
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


def test_a_finished_generator_is_not_trained(data, tmp_path):
    mlm, encoder, run = tmp_path / "mlm", tmp_path / "encoder", tmp_path / "run"
    short = {"minutes": 0.002, **TINY}
    train(data, mlm, Settings(**short))
    export(mlm, encoder)
    rtd = {"objective": "rtd", "generator": encoder, **short}
    train(data, run, Settings(start=encoder, **rtd))
    state = checkpoint.read_state(run / "state.pt", torch.device("cpu"))
    assert state.keys() & {"model", "lexicon", "detector", "generator", "finished"} == {"model", "lexicon", "detector"}
    train(data, run, Settings(**rtd))
    assert [e["resumed"] for e in log(run) if "resumed" in e] == ["state.pt"]
    export(run, tmp_path / "detector")
    assert from_encoder(tmp_path / "detector", DEFAULT_SCHEMA).config.lexicon_size == 5
    with pytest.raises(InputError, match=r"expected an encoder pretrained by --objective mlm, found .*Model"):
        train(data, tmp_path / "new", Settings(**rtd | {"generator": tmp_path / "detector"}))
    with pytest.raises(InputError, match="expected an encoder pretrained by --objective mlm, found"):
        train(data, tmp_path / "new", Settings(start=tmp_path / "detector", **short))
    with pytest.raises(InputError, match="as --generator"):
        train(data, tmp_path / "new", Settings(**rtd | {"generator": tmp_path}))
    with pytest.raises(RunError, match="expected a run of masked language modelling"):
        grow(run, tmp_path / "deeper", [0, 1, 1])
    plain = copy_of(data, tmp_path / "plain")
    plain.remove_lexicon()
    for given in ({"start": encoder}, rtd):
        with pytest.raises(InputError, match="expected an encoder without a lexicon"):
            train(plain, tmp_path / "new", Settings(**short | given))
    assert not (tmp_path / "new/config.json").exists()  # nothing that a next attempt would have to fit
    with pytest.raises(InputError, match="--generator: expected none unless"):
        Settings(generator=encoder, **short)


def test_a_finished_generator_keeps_its_weights_and_guesses_as_by_itself(data):
    finished, batch = make(), draw(data, Masking(0.25, 1.0, 0.0))
    torch.manual_seed(1)
    objective = ReplacedTokenDetection(encoder_config(120, 2, 32, SPECIALS), Lexicon(5, 8, 32), finished)
    before = {name: value.clone() for name, value in finished.state_dict().items()}
    masked = objective(batch).masked
    assert masked == finished(batch).masked
    learn(objective, make_optimizers(objective, 1e-3, 2e-3), batch)
    assert all(torch.equal(value, before[name]) for name, value in finished.state_dict().items())


def step_of(path):
    return checkpoint.read_state(path, torch.device("cpu"))["step"]


def resumed(run):
    return [(e["resumed"], e["step"]) for e in log(run) if "resumed" in e]


def test_an_extension_goes_on_where_it_stood(data, tmp_path, capsys):
    short = {"minutes": 0.004, **TINY}
    with pytest.raises(RunError, match=r"expected stable\.pt, or a state\.pt"):
        train(data, tmp_path, Settings(extend=True, **short))
    train(data, tmp_path, Settings(**short))
    before = (tmp_path / "state.pt").read_bytes()
    train(data, tmp_path, Settings(decay=0.5, **short))
    stable = step_of(tmp_path / "stable.pt")
    extended = train(data, tmp_path, Settings(extend=True, **short)).step
    assert extended > stable
    train(data, tmp_path, Settings(extend=True, **short))
    assert resumed(tmp_path)[-2:] == [("stable.pt", stable), ("state.pt", extended)]
    (tmp_path / "state.pt").write_bytes(before)  # as a kill in the fall, before the first checkpoint, leaves it
    train(data, tmp_path, Settings(extend=True, **short))
    assert resumed(tmp_path)[-1] == ("stable.pt", stable)


def test_each_fall_keeps_the_state_before_it(data, tmp_path, capsys):
    short = {"minutes": 0.004, **TINY}
    assert train(data, tmp_path, Settings(decay=0.5, **short)).decayed
    first = step_of(tmp_path / "stable.pt")
    risen = train(data, tmp_path, Settings(**short))
    assert not risen.decayed
    train(data, tmp_path, Settings(decay=0.5, **short))
    assert step_of(tmp_path / "stable.pt") > risen.step > first
    second = step_of(tmp_path / "stable.pt")
    train(data, tmp_path, Settings(decay=1, **short))  # finishes the fall
    assert step_of(tmp_path / "stable.pt") == second


@pytest.mark.parametrize("bf16", [True, False])
def test_bf16_can_be_turned_off(data, tmp_path, monkeypatch, bf16):
    seen, forward = set(), MaskedLanguageModel.forward

    def watched(self, batch):
        seen.add(torch.is_autocast_enabled("cpu"))
        return forward(self, batch)

    monkeypatch.setattr(MaskedLanguageModel, "forward", watched)
    train(data, tmp_path, Settings(minutes=0.002, bf16=bf16, **TINY))
    assert seen == {bf16}


def test_weights_go_on_only_with_their_own_ids(data, tmp_path, capsys):
    short = {"minutes": 0.002, **TINY}
    run, encoder = tmp_path / "run", tmp_path / "encoder"
    train(data, run, Settings(**short))
    export(run, encoder)
    kept = (run / "tokenizer.json").read_bytes()

    other = copy_of(data, tmp_path / "tokens")
    tokenizer = json.loads(other.tokenizer_path.read_text(encoding="utf-8"))
    vocab = tokenizer["model"]["vocab"]
    vocab["国"], vocab["人"] = vocab["人"], vocab["国"]
    other.tokenizer_path.write_text(json.dumps(tokenizer), encoding="utf-8")
    words = copy_of(data, tmp_path / "words")
    lexicon.unigram({"经济": 30, "发展": 20, "改革": 10}, {"我": 5, "们": 5}).save(str(words.lexicon_path))
    for wrong, message in ((other, "Prepare the text with --tokenizer"), (words, "lexicon --like")):
        with pytest.raises(RunError, match=message):
            train(wrong, run, Settings(**short))
        with pytest.raises(RunError, match=message):
            train(wrong, tmp_path / "new", Settings(start=encoder, **short))
    assert (run / "tokenizer.json").read_bytes() == kept
    with pytest.raises(InputError, match=r"expected an encoder made by `pretrain\.py export`"):
        train(data, tmp_path / "new", Settings(start=tmp_path / "absent", **short))


@pytest.mark.parametrize("muon", [0.0, 3e-3])
def test_a_grown_run_computes_the_same_and_goes_on(data, tmp_path, muon):
    settings = Settings(minutes=0.01, muon=muon, **TINY)
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
    progress = train(data, tmp_path / "four", Settings(minutes=0.01, muon=muon, **(TINY | {"layers": None})))
    assert progress.step > new["step"]
    with pytest.raises(RunError, match="expected a folder without a run"):
        grow(tmp_path / "two", tmp_path / "four", [0, 0, 1, 1])


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


def test_broken_weights_are_not_saved_between_two_lines_of_the_log(data, tmp_path, capsys):
    wild = TINY | {"rate": 1e30, "muon": 1e30}
    with pytest.raises(RunError, match=r"in the weights at step .* lower --rate"):
        train(data, tmp_path, Settings(minutes=0.05, log_minutes=9, save_minutes=0, **wild))
    saved = checkpoint.read_state(tmp_path / "state.pt", torch.device("cpu"))["model"]
    assert all(weight.isfinite().all() for weight in saved.values())


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
    assert {"resumed": "state.pt", "step": saved["step"], "tokens": saved["tokens"]} in log(tmp_path)
    assert [e["settings"]["rows"] for e in log(tmp_path) if "settings" in e] == [4, 4]
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


@pytest.mark.parametrize(
    ("name", "place", "message"),
    [
        ("part-000.bin", 500, "expected a part of"),
        ("part-000.bin", 15, "expected a part of"),
        ("companions.tar.xz", 300, "expected a file of"),
    ],
)
def test_a_flipped_byte_is_found(data, tmp_path, name, place, message):
    transport.pack(data, tmp_path)
    content = bytearray((tmp_path / name).read_bytes())
    content[place] ^= 1
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=f"{name}: {message}.*again"):
        transport.unpack(tmp_path, tmp_path / "data")


def test_parts_of_another_packing_are_removed(data, tmp_path, monkeypatch):
    monkeypatch.setattr(transport, "BLOCK", 2000)
    with monkeypatch.context() as smaller:
        smaller.setattr(transport, "MB", 1500)
        assert len(transport.pack(data, tmp_path, part_mb=1)) > 2
    transport.pack(data, tmp_path, part_mb=1)
    transport.unpack(tmp_path, tmp_path / "data")
    assert np.array_equal(Data(tmp_path / "data").ids, data.ids)


def test_a_session_trains_on_what_has_arrived(data, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(transport, "BLOCK", 2000)
    monkeypatch.setattr(transport, "MB", 1500)
    parts, out, back = tmp_path / "parts", tmp_path / "build", tmp_path / "back"
    late = transport.pack(data, parts, part_mb=1)[-1]
    late = late.rename(tmp_path / late.name)
    said = session(parts, out, back, Settings(minutes=1e-6, **TINY))
    assert said.endswith("give the command again to train")
    assert not (out / "run").exists()
    some = len(Data(out / "data").ids)

    said = session(parts, out, back, Settings(minutes=0.015, log_minutes=0.002, **TINY))
    assert "unpacked before" in capsys.readouterr().out
    assert f"files in {back}" in said
    assert sum("tokens_per_s" in e for e in log(out / "run")) > 1
    transport.join(back, tmp_path / "encoder")
    assert from_encoder(tmp_path / "encoder", DEFAULT_SCHEMA).config.lexicon_size == 5

    late.rename(parts / late.name)
    step = step_of(out / "run/state.pt")
    session(parts, out, back, Settings(minutes=0.015, **TINY))
    assert len(Data(out / "data").ids) == len(data.ids) > some
    assert resumed(out / "run") == [("state.pt", step)]


def test_a_session_does_without_what_only_text_needs():
    blocked = "import sys; sys.modules.update(dict.fromkeys(['zstandard', 'opencc', 'jieba', 'trafilatura', 'gensim']))"
    command = [sys.executable, "-c", f"{blocked}; import pretrain"]
    environment = os.environ | {"PYTHONPATH": f"{ROOT / 'scripts'}{os.pathsep}{ROOT}"}
    found = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stderr


def test_options_of_a_session():
    command = ["session", "--parts", "parts", "--out", "build", "--to", "back"]
    settings = pretrain.read_settings(pretrain.parser().parse_args([*command, "--width", "512", "--no-bf16"]))
    assert (settings.minutes, settings.rows, settings.width, settings.layers, settings.bf16) == (
        9,
        1024,
        512,
        None,
        False,
    )


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
