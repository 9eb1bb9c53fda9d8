from __future__ import annotations

import inspect
import re
from importlib import import_module
from pathlib import Path

import pytest

import stance

PROJECT = Path(stance.__file__).parents[1] / "pyproject.toml"


def test_the_public_names():
    assert stance.__all__ == [
        "DEFAULT_SCHEMA",
        "Analyzer",
        "Article",
        "ArticleAnalysis",
        "DevicePrediction",
        "EngineConfig",
        "HardwareError",
        "InputError",
        "Label",
        "LabelSchema",
        "ModelError",
        "Paragraph",
        "ParagraphAnalysis",
        "RunError",
        "SchemaError",
        "Span",
        "StanceError",
        "StancePrediction",
        "summarize",
        "summarize_corpus",
    ]


@pytest.mark.parametrize("name", stance.__all__)
def test_every_public_name_is_there_and_described(name):
    value = getattr(stance, name)
    assert inspect.getdoc(value)
    assert name in {"DEFAULT_SCHEMA", getattr(value, "__name__", "")}


def test_what_is_slow_to_load_is_loaded_on_first_use():
    assert stance.Analyzer.__module__ == "stance.analyzer"
    assert stance.EngineConfig.__module__.startswith("stance.engine")
    assert stance.summarize is import_module("stance.summary").summarize
    assert stance.summarize_corpus is import_module("stance.summary").summarize_corpus
    with pytest.raises(AttributeError, match="module 'stance' has no attribute 'Analyser'"):
        stance.Analyser  # noqa: B018


def parameters(function):
    return list(inspect.signature(function).parameters)


def test_signatures_that_users_rely_on():
    assert parameters(stance.Analyzer.load) == ["model", "engine"]
    assert parameters(stance.Analyzer.analyze) == ["self", "article", "targets"]
    assert parameters(stance.Analyzer.analyze_many) == ["self", "articles", "targets"]
    assert parameters(stance.Analyzer.label_frame) == ["self", "frame", "text", "id", "title", "targets"]
    assert parameters(stance.Analyzer.explain) == ["self", "analysis", "paragraph", "label", "target"]
    assert parameters(stance.Analyzer.save_pretrained) == ["self", "folder"]
    assert parameters(stance.Analyzer.push_to_hub) == ["self", "repository", "private", "token", "dry_run"]
    assert parameters(stance.Article.from_text) == ["text", "id", "title", "targets"]
    assert parameters(stance.Article.from_paragraphs) == ["paragraphs", "id", "title", "targets", "extra"]
    assert parameters(stance.summarize) == ["analysis", "corpus", "schema"]
    assert parameters(stance.summarize_corpus) == ["analyses", "by", "count_copies", "schema"]
    assert parameters(stance.EngineConfig) == ["hardware", "precision", "max_batch_tokens"]


def test_one_error_to_catch_them_all():
    errors = [getattr(stance, name) for name in stance.__all__ if name.endswith("Error")]
    assert len(errors) == 6
    assert all(issubclass(error, stance.StanceError) for error in errors)
    assert not any(issubclass(error, (ValueError, TypeError)) for error in errors)


@pytest.mark.skipif(not PROJECT.is_file(), reason="installed without its project file")
def test_the_version_is_the_one_of_the_package():
    (version,) = re.findall(r'^version = "(.+)"$', PROJECT.read_text(encoding="utf-8"), re.MULTILINE)
    assert stance.__version__ == version


def test_types_are_shipped():
    assert (Path(stance.__file__).parent / "py.typed").is_file()
