"""Evaluation: a model folder and labelled articles in, scores with intervals out."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from stance.analyzer import Analyzer
from stance.errors import InputError
from stance.model.encoding import Passage
from stance.text.clean import clean
from stance.training.examples import LabelledArticle, read_labelled
from stance.training.features import EncodingLoss, labelled_windows
from stance.training.metrics import EvaluationCounts, Scores
from stance.training.metrics import evaluate as count
from stance.training.quality.errors import ParagraphError, worst_paragraphs

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from stance.engine import EngineConfig

__all__ = ["EvaluationReport", "evaluate", "evaluate_articles"]


@dataclass(frozen=True, slots=True)
class EvaluationReport:
    """Scores of one model on one file.

    Attributes:
        model: name and digest of the model.
        data: the file.
        counts: what every score derives from.
        lost: what the model's windows could not hold of the gold.
        errors: the paragraphs that the model got most wrong, the worst first.
    """

    model: str
    data: str
    counts: EvaluationCounts
    lost: EncodingLoss
    errors: tuple[ParagraphError, ...]

    @property
    def scores(self) -> Scores:
        """The scores, with bootstrap intervals over articles."""
        return self.counts.scores()

    def to_dict(self) -> dict[str, Any]:
        """Plain dicts and numbers; no text of the articles."""
        return {"model": self.model, "data": self.data, **self.scores.to_dict(), "lost": asdict(self.lost)}

    def to_text(self) -> str:
        """Tables for a terminal."""
        return f"{self.model} on {self.data}\n{self.scores.to_text()}\n\n{self.lost}"


def evaluate(model: str | Path | None, data: str | Path, engine: EngineConfig | None = None) -> EvaluationReport:
    """Label the articles of `data` and compare with their gold labels.

    Args:
        model: model folder; None for the shipped one.
        data: labelled JSONL.
        engine: where and how to run.

    Raises:
        ModelError: the model cannot be loaded.
        InputError, SchemaError: the data cannot be read, or has labels that the model does not know.
    """
    analyzer = Analyzer.load(model, engine=engine)
    gold = read_labelled(Path(data), analyzer.schema)
    if not gold:
        raise InputError(f"{data}: expected labelled articles, one JSON object a line; found none.")
    return evaluate_articles(analyzer, gold, str(data))


def evaluate_articles(analyzer: Analyzer, gold: Sequence[LabelledArticle], data: str) -> EvaluationReport:
    """Label articles and compare with their gold labels; `data` names them in the report."""
    schema = analyzer.schema
    analyses = list(analyzer.analyze_many(article.to_article() for article in gold))
    presence = list(_presence(analyzer, gold))
    lost = EncodingLoss()
    labelled_windows(gold, analyzer.engine.model.encoder, schema, lost)
    return EvaluationReport(
        model=analyzer.model_id,
        data=data,
        counts=count(gold, analyses, schema, presence),
        lost=lost,
        errors=worst_paragraphs(gold, analyses, presence, schema),
    )


def _presence(analyzer: Analyzer, gold: Sequence[LabelledArticle]) -> Iterator[NDArray[np.float64]]:
    """Presence probability of every device in every paragraph, reported or not, article by article."""
    passages = (Passage(clean(a.title).text, tuple(clean(p).text for p in a.paragraphs), ()) for a in gold)
    for readings in analyzer.engine.read(passages):
        yield np.array([r.devices for r in readings], dtype=np.float64).reshape(-1, len(analyzer.schema.devices))
