"""What an annotation tool is given: one paragraph a task, with its neighbours to read; and the way back to articles.

A stance that is not chosen means that the paragraph does not speak of the target. Of a model's labels, neutral ones
are therefore not filled in: a model does not tell neutral from unspoken of.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from stance.errors import InputError
from stance.training.examples import GoldSpan, LabelledArticle

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from stance.results import ArticleAnalysis, ParagraphAnalysis
    from stance.schema import Label, LabelSchema

__all__ = ["Names", "Task", "articles_of", "labelled_of", "tasks_of", "within"]


@dataclass(frozen=True, slots=True)
class Task:
    """A paragraph to annotate, with the labels that it has so far.

    Attributes:
        article, title: id and title of its article.
        index: number of the paragraph in its article, from 0.
        targets: what stances are asked towards.
        text: of the paragraph.
        before, after: text of its neighbours, empty where there is none.
        spans: devices with their places, in code points.
        stances: target → stance id, for the targets that the paragraph speaks of.
        model: name of the model that made the labels, empty where a person did.
        confidence: probability of its least certain label, 0 to 1; None where a person labelled.
    """

    article: str
    title: str
    index: int
    targets: tuple[str, ...]
    text: str
    before: str
    after: str
    spans: tuple[GoldSpan, ...]
    stances: Mapping[str, str]
    model: str = ""
    confidence: float | None = None


class Names:
    """Names of labels as annotators see them (`隐喻 metaphor`, `反对 against: 美国`), and the way back to ids."""

    def __init__(self, schema: LabelSchema) -> None:
        self.schema = schema
        self._devices = {name: label.id for label in schema.devices for name in _names(label)}

    def device(self, id: str) -> str:
        """The name of a device."""
        return _name(self.schema.device(id))

    def stance(self, id: str, target: str) -> str:
        """The name of a stance towards a target."""
        return f"{_name(self.schema.stance(id))}: {target}"

    def choices(self, targets: Iterable[str]) -> list[str]:
        """The names of all stances towards all targets."""
        return [self.stance(stance, target) for target in targets for stance in self.schema.stance_ids]

    def device_id(self, name: str) -> str:
        """The device with this name, whether of the form above, its id or its Chinese name. Raises InputError."""
        if name not in self._devices:
            known = ", ".join(map(self.device, self.schema.device_ids))
            raise InputError(f"unknown device {name!r}; expected one of {known}. Name the scheme with --schema")
        return self._devices[name]

    def stances(self, chosen: Iterable[str], targets: Sequence[str]) -> dict[str, str]:
        """Target → stance id, from the names chosen. Raises InputError for an unknown one, and for two for a target."""
        known = {
            self.stance(stance, target): (target, stance) for target in targets for stance in self.schema.stance_ids
        }
        found: dict[str, str] = {}
        for name in chosen:
            if name not in known:
                raise InputError(
                    f"unknown stance {name!r}; expected one of {', '.join(known) or 'none, without targets'}"
                )
            target, stance = known[name]
            if found.setdefault(target, stance) != stance:
                raise InputError(f"two stances towards {target!r}, {found[target]} and {stance}; choose one")
        return found


def _name(label: Label) -> str:
    return f"{label.chinese} {label.id}"


def _names(label: Label) -> tuple[str, str, str]:
    return _name(label), label.id, label.chinese


def within(analysis: ArticleAnalysis, schema: LabelSchema) -> ArticleAnalysis:
    """The analysis without the devices that the schema does not have."""
    paragraphs = (
        replace(paragraph, devices=tuple(found for found in paragraph.devices if found.device in schema.device_ids))
        for paragraph in analysis.paragraphs
    )
    return replace(analysis, paragraphs=tuple(paragraphs))


def labelled_of(analysis: ArticleAnalysis, schema: LabelSchema) -> LabelledArticle:
    """A model's labels in the form of a person's; see above for neutral ones.

    Raises:
        SchemaError: the analysis names a stance or device that the schema does not know.
    """
    for paragraph in analysis.paragraphs:
        for found in paragraph.devices:
            schema.device(found.device)
        for answer in paragraph.stances:
            schema.stance(answer.stance)
    every = frozenset(schema.device_ids)
    return LabelledArticle(
        id=analysis.id,
        title=analysis.title,
        paragraphs=tuple(p.text for p in analysis.paragraphs),
        targets=analysis.targets,
        stances=tuple({s.target: s.stance for s in p.stances if s.stance != "neutral"} for p in analysis.paragraphs),
        absence_known=True,
        spans=tuple(tuple(sorted(set(_spans(p)))) for p in analysis.paragraphs),
        presence=tuple(frozenset(found.device for found in p.devices) for p in analysis.paragraphs),
        annotated=every,
        located=every,
        extra={"model": analysis.model},
    )


def _spans(paragraph: ParagraphAnalysis) -> Iterator[GoldSpan]:
    for found in paragraph.devices:
        for span in found.spans:
            yield GoldSpan(found.device, span.start, span.end)


def tasks_of(
    article: LabelledArticle, analysis: ArticleAnalysis | None = None, indices: Iterable[int] | None = None
) -> list[Task]:
    """The paragraphs of an article as tasks; blank ones are left out.

    Args:
        article: the article with its labels.
        analysis: what a model found in it, where the labels are that model's.
        indices: numbers of the paragraphs wanted; all where left out.
    """
    texts = article.paragraphs
    return [
        Task(
            article=article.id,
            title=article.title,
            index=i,
            targets=article.targets,
            text=texts[i],
            before=texts[i - 1] if i else "",
            after=texts[i + 1] if i + 1 < len(texts) else "",
            spans=article.spans[i],
            stances=article.stances[i],
            model=analysis.model if analysis else "",
            confidence=_confidence(analysis.paragraphs[i]) if analysis else None,
        )
        for i in (range(len(texts)) if indices is None else sorted(indices))
        if texts[i].strip()
    ]


def _confidence(paragraph: ParagraphAnalysis) -> float:
    found = [d.probability for d in paragraph.devices] + [s.probability for s in paragraph.stances]
    return min(found, default=1.0)


def articles_of(
    tasks: Iterable[Task], schema: LabelSchema, whole: Iterable[LabelledArticle] = ()
) -> list[LabelledArticle]:
    """The articles whose paragraphs were annotated.

    Args:
        tasks: annotated paragraphs, in any order.
        schema: the labels that annotators could give.
        whole: the articles that the tasks were made of. A paragraph that was not annotated keeps its text and labels
            from there; without them an article consists of its annotated paragraphs.

    Raises:
        InputError: a paragraph comes twice, or differs from the one in `whole`.
    """
    grouped: dict[str, dict[int, Task]] = {}
    for task in tasks:
        own = grouped.setdefault(task.article, {})
        if task.index in own:
            raise InputError(f"Article {task.article!r}: paragraph {task.index} comes twice. Leave one of them out.")
        own[task.index] = task
    originals = {article.id: article for article in whole}
    return [
        _merged(originals[name], own) if name in originals else _article([own[i] for i in sorted(own)], schema)
        for name, own in grouped.items()
    ]


def _article(tasks: Sequence[Task], schema: LabelSchema) -> LabelledArticle:
    every = frozenset(schema.device_ids)
    return LabelledArticle(
        id=tasks[0].article,
        title=tasks[0].title,
        paragraphs=tuple(task.text for task in tasks),
        targets=tuple(dict.fromkeys(target for task in tasks for target in task.targets)),
        stances=tuple(task.stances for task in tasks),
        absence_known=True,
        spans=tuple(task.spans for task in tasks),
        presence=tuple(frozenset(span.device for span in task.spans) for task in tasks),
        annotated=every,
        located=every,
    )


def _merged(whole: LabelledArticle, tasks: Mapping[int, Task]) -> LabelledArticle:
    stances, spans, presence = list(whole.stances), list(whole.spans), list(whole.presence)
    for i, task in tasks.items():
        if i >= len(whole.paragraphs) or whole.paragraphs[i] != task.text:
            raise InputError(
                f"Article {whole.id!r}: paragraph {i} is not the one that was annotated. "
                "Pass the labels that the tasks were exported from."
            )
        stances[i], spans[i] = task.stances, task.spans
        presence[i] = frozenset(span.device for span in task.spans)
    return replace(whole, stances=tuple(stances), spans=tuple(spans), presence=tuple(presence))
