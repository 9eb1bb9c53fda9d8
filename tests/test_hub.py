"""Models by hub id: no hub is reached, a local folder stands in for it."""

from __future__ import annotations

import json
import shutil

import huggingface_hub
import pytest

from stance import Analyzer, Article, EngineConfig, ModelError, hub
from stance.model import checkpoint

CPU = EngineConfig(hardware="cpu", precision="float32")


@pytest.fixture
def folder(make_model, tmp_path):
    checkpoint.save(make_model(), tmp_path / "model")
    return tmp_path / "model"


@pytest.fixture
def local_hub(monkeypatch, tmp_path):
    """A hub in a folder."""
    root = tmp_path / "hub"

    def upload_folder(self, *, repo_id, folder_path, allow_patterns, commit_message):
        (root / repo_id).mkdir(parents=True)
        for name in allow_patterns:
            if (folder_path / name).is_file():
                shutil.copy(folder_path / name, root / repo_id / name)
        return f"{root.as_uri()}/{repo_id}"

    def snapshot_download(repo_id, *, revision, allow_patterns):
        if not (root / repo_id).is_dir():
            raise huggingface_hub.errors.LocalEntryNotFoundError("cannot find it\nsecond line")
        assert revision in (None, "v1")
        return str(root / repo_id)

    monkeypatch.setattr(huggingface_hub.HfApi, "create_repo", lambda self, *args, **kwargs: None)
    monkeypatch.setattr(huggingface_hub.HfApi, "upload_folder", upload_folder)
    monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot_download)
    return root


def test_a_model_goes_to_the_hub_and_comes_back(folder, local_hub, tmp_path):
    (folder / "evil.pkl").write_bytes(b"no")
    (folder / "metrics.json").write_text('{"articles": 3, "data": "/x/dev.jsonl", "headline": {"f1": {"value": 0.5}}}')
    analyzer = Analyzer.load(folder, engine=CPU)
    files = analyzer.push_to_hub("me/tiny", dry_run=True)
    assert "model.safetensors" in files
    assert "evil" not in files
    assert not local_hub.exists()
    assert analyzer.push_to_hub("me/tiny").endswith("/me/tiny")
    there = {path.name for path in (local_hub / "me" / "tiny").iterdir()}
    assert there == {*files.split(", ")}
    for name in ("me/tiny", "me/tiny@v1"):
        again = Analyzer.load(name, engine=CPU)
        assert again.model_id == analyzer.model_id
        article = Article.from_text("财政是石磨，美国不好。", targets=["美国"])
        assert again.analyze(article) == analyzer.analyze(article)


def test_a_folder_counts_before_a_hub_id(folder, local_hub, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder.rename(tmp_path / "me")
    (tmp_path / "me").rename(tmp_path / "tiny")
    (tmp_path / "me").mkdir()
    (tmp_path / "tiny").rename(tmp_path / "me" / "tiny")
    assert Analyzer.load("me/tiny", engine=CPU).model_id.startswith("tiny-bert@")


def test_damaged_weights_from_the_hub_are_refused(folder, local_hub):
    Analyzer.load(folder, engine=CPU).push_to_hub("me/tiny")
    weights = local_hub / "me" / "tiny" / "model.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    with pytest.raises(ModelError, match="expected weights with digest"):
        Analyzer.load("me/tiny", engine=CPU)


def test_without_a_hub_the_message_says_what_to_do(local_hub):
    with pytest.raises(ModelError) as caught:
        Analyzer.load("nobody/nothing")
    message = str(caught.value)
    for part in ("nobody/nothing", "cannot find it", "copy the model folder here", "HF_ENDPOINT", "HF_HUB_OFFLINE"):
        assert part in message
    assert "second line" not in message


def test_offline_mode_needs_no_network(monkeypatch, tmp_path):
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(ModelError, match="found no such folder, and the hub did not"):
        hub.local_folder("nobody/nothing")
    with pytest.raises(ModelError, match=r"expected a repository on the hub .* to write to"):
        hub.push(tmp_path, "nobody/nothing")


def test_a_path_is_never_looked_up(tmp_path, local_hub):
    for name in ("nowhere", "./me/tiny", "a/b/c", "/me/tiny"):
        with pytest.raises(ModelError, match="expected a model folder made by `stance train`"):
            Analyzer.load(name)


def test_saving_copies_or_writes(folder, model, tmp_path):
    loaded = Analyzer.load(folder, engine=CPU)
    loaded.save_pretrained(tmp_path / "copy")
    assert Analyzer.load(tmp_path / "copy", engine=CPU).model_id == loaded.model_id
    loaded.save_pretrained(folder)
    made = Analyzer(model, CPU)
    made.save_pretrained(tmp_path / "made")
    assert Analyzer.load(tmp_path / "made", engine=CPU).model_id == made.model_id
    assert (tmp_path / "made" / "README.md").read_text(encoding="utf-8").startswith("---\nlanguage: zh\n")


def test_the_card_says_what_the_folder_says(folder, schema):
    card = hub.model_card(folder)
    assert all(label.definition in card for label in (*schema.stances, *schema.devices))
    assert "Not measured." in card
    metrics = {
        "data": "/home/someone/dev.jsonl",
        "articles": 12,
        "headline": {"device_micro_f1": {"value": 0.5, "low": 0.4, "high": 0.625}, "stance_macro_f1": {"value": None}},
    }
    (folder / "metrics.json").write_text(json.dumps(metrics), encoding="utf-8")
    training = {"encoder": "/home/someone/base", "data": ["/home/someone/a.jsonl"], "output": "/x", "epochs": 3}
    (folder / "train.json").write_text(json.dumps(training), encoding="utf-8")
    hub.write_card(folder)
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert "| device_micro_f1 | 0.500 [0.400, 0.625] |" in card
    assert "| stance_macro_f1 | – |" in card
    assert "on dev.jsonl, 12 articles" in card
    assert "from the encoder base" in card
    assert '"data": ["a.jsonl"], "epochs": 3' in card
    assert "someone" not in card
    with pytest.raises(ModelError, match=r"expected a model folder with stance\.json"):
        hub.model_card(folder.parent)
