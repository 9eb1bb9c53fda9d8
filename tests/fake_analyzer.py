"""An analyzer without a network: what it finds hangs on plain words, so that any output can be foretold."""

from __future__ import annotations

from stance import (
    DEFAULT_SCHEMA,
    Article,
    ArticleAnalysis,
    DevicePrediction,
    Paragraph,
    ParagraphAnalysis,
    Span,
    StancePrediction,
)

METAPHOR = "石磨"
PRAISE, BLAME = "称赞", "指责"


class FakeAnalyzer:
    """Each line is a paragraph; 石磨 is a metaphor; 称赞 and 指责 turn the stance to all targets."""

    schema = DEFAULT_SCHEMA
    hardware = "no hardware: fake"

    def __init__(self, model_id: str = "fake@0123abcd", before_article=lambda article: None) -> None:
        self.model_id = model_id
        self.seen: list[str] = []
        self._before_article = before_article

    def analyze(self, article, targets=None):
        return next(self.analyze_many([article], targets))

    def analyze_many(self, articles, targets=None):
        for article in articles:
            self._before_article(article)
            self.seen.append(article.id)
            yield self._analysis(article, tuple(targets) if targets else article.targets or ("目标",))

    def _analysis(self, article: Article, targets: tuple[str, ...]) -> ArticleAnalysis:
        paragraphs, start = [], 0
        for line in article.text.split("\n"):
            if line.strip() and not line.startswith("广告"):
                paragraphs.append(self._paragraph(len(paragraphs), start, line, targets))
            start += len(line) + 1
        return ArticleAnalysis(
            id=article.id,
            title=article.title,
            targets=targets,
            model=self.model_id,
            paragraphs=tuple(paragraphs),
            warnings=() if paragraphs else ("No paragraph was found.",),
            extra=article.extra,
        )

    @staticmethod
    def _paragraph(index: int, start: int, line: str, targets: tuple[str, ...]) -> ParagraphAnalysis:
        if PRAISE in line:
            stance, probabilities = "favor", {"favor": 0.75, "against": 0.125, "neutral": 0.125}
        elif BLAME in line:
            stance, probabilities = "against", {"favor": 0.125, "against": 0.75, "neutral": 0.125}
        else:
            stance, probabilities = "neutral", {"favor": 0.25, "against": 0.25, "neutral": 0.5}
        at = line.find(METAPHOR)
        spans = (Span(at, at + len(METAPHOR), METAPHOR, 0.8),) if at >= 0 else ()
        return ParagraphAnalysis(
            Paragraph(index, start, start + len(line), line),
            tuple(StancePrediction(target, stance, probabilities) for target in targets),
            (DevicePrediction("metaphor", 0.9, spans),) if spans else (),
        )
