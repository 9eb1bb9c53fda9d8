"""Stance and rhetorical devices in Chinese news and commentary.

    import stance
    analyzer = stance.Analyzer.load()
    analysis = analyzer.analyze(stance.Article.from_text(text), targets=["美国", "中国"])

Importing the package is light: `Analyzer` and `EngineConfig`, which need torch, `summarize` and `summarize_corpus`
are loaded on first use.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from stance.errors import HardwareError, InputError, ModelError, RunError, SchemaError, StanceError
from stance.results import (
    Article,
    ArticleAnalysis,
    DevicePrediction,
    Paragraph,
    ParagraphAnalysis,
    Span,
    StancePrediction,
)
from stance.schema import DEFAULT_SCHEMA, Label, LabelSchema

if TYPE_CHECKING:
    from stance.analyzer import Analyzer
    from stance.engine import EngineConfig
    from stance.summary import summarize, summarize_corpus

__version__ = "0.1.0"

__all__ = [
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

_LAZY = {
    "Analyzer": "stance.analyzer",
    "EngineConfig": "stance.engine",
    "summarize": "stance.summary",
    "summarize_corpus": "stance.summary",
}


def __getattr__(name: str) -> object:
    """Load on first use what is slow to load (PEP 562)."""
    if name not in _LAZY:
        raise AttributeError(f"module 'stance' has no attribute {name!r}")
    return getattr(import_module(_LAZY[name]), name)
