"""Where words and tensors meet: articles in, analyses out.

article → segment → clean → targets → passage → engine → readings → analysis
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from stance import explain as explanation
from stance import frames, hub
from stance.columns import ColumnLabeller
from stance.engine import Engine, EngineConfig
from stance.errors import InputError, ModelError
from stance.formats import Fields, Limits
from stance.model import checkpoint
from stance.model.encoding import Passage
from stance.results import (
    Article,
    ArticleAnalysis,
    DevicePrediction,
    Paragraph,
    ParagraphAnalysis,
    Span,
    StancePrediction,
)
from stance.text.clean import CleanText, clean
from stance.text.segment import segment
from stance.text.targets import find_targets

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from stance.model.decoding import ParagraphReading
    from stance.schema import LabelSchema

__all__ = ["Analyzer", "shipped_model"]

SHIPPED = "news-small"
"""Name of the model that comes with the package."""

DIGITS = 4
"""Decimal places of probabilities in results: more would be noise of float arithmetic."""


def shipped_model() -> Path:
    """Folder of the model that comes with stance: in the installed package, or in the source tree."""
    package = Path(__file__).parent
    for folder in (package / "models" / SHIPPED, package.parent / "models" / SHIPPED):
        if (folder / "stance.json").is_file():
            return folder
    raise ModelError(
        f"Expected the shipped model in {package / 'models' / SHIPPED}; found none. Install stance again, "
        "or name a model folder with --model or Analyzer.load(folder)."
    )


@dataclass(frozen=True, slots=True)
class _Prepared:
    """An article on its way through the engine."""

    article: Article
    title: str
    paragraphs: tuple[Paragraph, ...]
    cleaned: tuple[CleanText, ...]
    targets: tuple[str, ...]
    warnings: tuple[str, ...]

    def passage(self) -> Passage:
        return Passage(
            title=clean(self.title).text,
            paragraphs=tuple(c.text for c in self.cleaned),
            targets=tuple(clean(t).text or t for t in self.targets),
        )


class Analyzer:
    """Labels articles with one model. Make one and use it for everything: loading takes the time.

    Args:
        model: a loaded model.
        engine: where and how to run.
    """

    def __init__(self, model: checkpoint.Model, engine: EngineConfig | None = None) -> None:
        self._model = model
        self._folder: Path | None = None
        self.engine = Engine(model, engine)

    @classmethod
    def load(cls, model: str | Path | None = None, *, engine: EngineConfig | None = None) -> Analyzer:
        """Load a model.

        Args:
            model: a folder, or an id on the Hugging Face hub (`owner/name`, `owner/name@revision`); without it the
                model that comes with stance.
            engine: where and how to run.

        Raises:
            ModelError: the folder is missing, incomplete or damaged, or the hub does not give the model.
            HardwareError: the hardware asked for is not there.
        """
        folder = shipped_model() if model is None else hub.local_folder(model)
        analyzer = cls(checkpoint.load(folder), engine)
        analyzer._folder = folder
        return analyzer

    def save_pretrained(self, folder: str | Path) -> None:
        """Write the model folder, with its card, for `Analyzer.load`. Raises OSError where it cannot be written."""
        target = Path(folder)
        if self._folder is None:
            checkpoint.save(self._model, target)
        elif target.resolve() != self._folder.resolve():
            hub.copy_model(self._folder, target)
        if not (target / "README.md").is_file():
            hub.write_card(target)

    def push_to_hub(
        self, repository: str, *, private: bool | None = None, token: str | None = None, dry_run: bool = False
    ) -> str:
        """Upload the model to the Hugging Face hub, to be loaded by its id.

        Args:
            repository: id, `owner/name`; made where it does not exist.
            private: whether a repository that is made is private; the owner's default where left out.
            token: access token; else the one of `hf auth login` or `HF_TOKEN`.
            dry_run: upload nothing, only see to it that what would be uploaded can be loaded again.

        Returns:
            The address of the commit; of a dry run, the names of the files.

        Raises:
            ModelError: the hub cannot be reached or refuses.
        """
        with TemporaryDirectory() as folder:
            self.save_pretrained(folder)
            checkpoint.load(Path(folder))
            if dry_run:
                return ", ".join(sorted(path.name for path in Path(folder).iterdir()))
            return hub.push(Path(folder), repository, private=private, token=token)

    @property
    def model_id(self) -> str:
        """Name and weights digest of the model, as written into results."""
        return self._model.id

    @property
    def schema(self) -> LabelSchema:
        """The labels that the model knows."""
        return self._model.schema

    @property
    def hardware(self) -> str:
        """What the model runs on, and why."""
        return self.engine.hardware.reason

    def analyze(self, article: Article, targets: Sequence[str] | None = None) -> ArticleAnalysis:
        """Label one article.

        Args:
            article: the article, as given.
            targets: what to judge stances towards; else the article's own targets, else those found in the text.

        Raises:
            InputError: the article has no paragraph, or a target is blank.
        """
        analysis = next(self.analyze_many([article], targets))
        if not analysis.paragraphs:
            raise InputError(
                f"Article {article.id!r}: expected at least one paragraph of text; found none in {len(article.text)} "
                "characters. Check the file or the text field."
            )
        return analysis

    def analyze_many(
        self, articles: Iterable[Article], targets: Sequence[str] | None = None
    ) -> Iterator[ArticleAnalysis]:
        """Label articles one after the other, lazily, in their order, in memory that does not grow.

        An article without a paragraph comes back empty, with a warning. Raises InputError where a target is blank.
        """
        given = None if targets is None else _checked(targets)
        waiting: deque[_Prepared] = deque()

        def passages() -> Iterator[Passage]:
            for article in articles:
                prepared = _prepare(article, given)
                waiting.append(prepared)
                yield prepared.passage()

        for readings in self.engine.read(passages()):
            yield self._analysis(waiting.popleft(), readings)

    def explain(
        self, analysis: ArticleAnalysis, paragraph: int, label: str, target: str | None = None
    ) -> explanation.Explanation:
        """Which words of a paragraph carry a label: a deletion test, run as one stream of batches.

        Args:
            analysis: of the article, made by this model or another.
            paragraph: index of the paragraph.
            label: id of a device or of a stance.
            target: of the stance.

        Raises:
            InputError: there is no such paragraph, or a stance without a target.
            SchemaError: the model does not know the label.
        """
        return explanation.explain(self.engine, analysis, paragraph, label, target)

    def label_frame(
        self,
        frame: Any,
        *,
        text: str = "text",
        id: str = "id",
        title: str = "title",
        targets: Sequence[str] | None = None,
    ) -> Any:
        """Label the articles in a data frame, one a row.

        Args:
            frame: of pandas or polars, or an Arrow table.
            text: column of the texts; a column `paragraphs` (lists of texts) counts before it.
            id: column of the ids; where it is not there, the number of the row, from 0, serves.
            title: column of the headlines, which need not be there.
            targets: what to judge stances towards; else what the column `targets` lists, else what the text shows.

        Returns:
            A frame of the same library, one row a paragraph, with the columns of the Parquet output. A row that is no
            article has one row of nulls, with the reason in `warnings`.

        Raises:
            InputError: not a frame, without the column of texts, or a target is blank.
        """
        articles = frames.articles_from_frame(frame, Fields(text=text, id=id, title=title))
        analyses = (frames.with_reason(analysis) for analysis in self.analyze_many(articles, targets))
        return frames.like(type(frame).__module__.partition(".")[0], frames.to_arrow(analyses))

    def as_map_function(
        self, targets: Sequence[str] | None = None, *, fields: Fields | None = None, limits: Limits | None = None
    ) -> ColumnLabeller:
        """A function for `datasets`: `dataset.map(analyzer.as_map_function(), batched=True)`.

        Args:
            targets: what to judge stances towards; else what the column `targets` lists, else what the text shows.
            fields: names of the input's columns.
            limits: what is too large for an article.

        Returns:
            A function from the columns of a batch to the columns that labels fill; see `stance.columns`.
        """
        return ColumnLabeller(self, targets=targets, fields=fields, limits=limits)

    def _analysis(self, prepared: _Prepared, readings: Sequence[ParagraphReading]) -> ArticleAnalysis:
        return ArticleAnalysis(
            id=prepared.article.id,
            title=prepared.title,
            targets=prepared.targets,
            model=self.model_id,
            paragraphs=tuple(
                ParagraphAnalysis(
                    paragraph,
                    self._stances(prepared.targets, reading),
                    self._devices(paragraph, cleaned, reading),
                    self._unsure(prepared.targets, reading),
                )
                for paragraph, cleaned, reading in zip(prepared.paragraphs, prepared.cleaned, readings, strict=True)
            ),
            warnings=prepared.warnings,
            extra=prepared.article.extra,
        )

    def _unsure(self, targets: Sequence[str], reading: ParagraphReading) -> tuple[str, ...]:
        calibration = self._model.calibration
        devices = zip(self.schema.device_ids, calibration.unsure_devices(reading.devices), strict=True)
        stances = zip(targets, calibration.unsure_stances(reading.stances), strict=True)
        return tuple(name for name, unsure in (*devices, *stances) if unsure)

    def _stances(self, targets: Sequence[str], reading: ParagraphReading) -> tuple[StancePrediction, ...]:
        ids = self.schema.stance_ids
        return tuple(
            StancePrediction(
                target=target,
                stance=ids[stance],
                probabilities={stance: round(float(p), DIGITS) for stance, p in zip(ids, row, strict=True)},
            )
            for target, row, stance in zip(
                targets, reading.stances, self._model.calibration.stances(reading.stances), strict=True
            )
        )

    def _devices(
        self, paragraph: Paragraph, cleaned: CleanText, reading: ParagraphReading
    ) -> tuple[DevicePrediction, ...]:
        spans: dict[int, list[Span]] = {}
        for span in reading.spans:
            start, end = cleaned.to_original(span.start, span.end)
            found = Span(start, end, paragraph.text[start:end], round(span.probability, DIGITS))
            spans.setdefault(span.device, []).append(found)
        return tuple(
            DevicePrediction(self.schema.device_ids[d], round(float(reading.devices[d]), DIGITS), tuple(spans[d]))
            for d in sorted(spans)
        )


def _checked(targets: Sequence[str]) -> tuple[str, ...]:
    """The targets without white space at their ends, each once."""
    if isinstance(targets, str):
        raise TypeError(f"targets must be a list of str, was the str {targets!r}: write [{targets!r}].")
    stripped = [t.strip() for t in targets]
    if not all(stripped):
        raise InputError(f"A target must be a name or a term; found a blank one in {list(targets)}. Leave it out.")
    return tuple(dict.fromkeys(stripped))


def _prepare(article: Article, targets: tuple[str, ...] | None) -> _Prepared:
    parts = segment(article)
    cleaned = tuple(clean(p.text) for p in parts.paragraphs)
    warnings = []
    if targets is None:
        targets = tuple(dict.fromkeys(t.strip() for t in article.targets if t.strip()))
        if not targets and parts.paragraphs:
            targets = find_targets(parts.title, [c.text for c in cleaned])
            if not targets:
                warnings.append("No target was found in the text: name one to get stances.")
    if not parts.paragraphs:
        warnings.append("No paragraph of text was found.")
    return _Prepared(article, parts.title, parts.paragraphs, cleaned, targets, tuple(warnings))
