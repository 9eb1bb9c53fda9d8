"""Which paragraphs are most worth a human look, by what a model said of them.

A label with calibrated probability p is wrong with probability 1 - p, so the labels of a paragraph are expected to
hold the sum of these many errors; paragraphs with the most come first. A share is drawn by lot all the same: only a
random sample tells how good the labels are, and only it can show what the model is sure of and wrong about.
"""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from stance.annotation.tasks import labelled_of, tasks_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from stance.annotation.tasks import Task
    from stance.results import ArticleAnalysis, ParagraphAnalysis
    from stance.schema import LabelSchema

__all__ = ["Choice", "choose", "expected_errors"]


@dataclass(frozen=True, slots=True)
class Choice:
    """A paragraph to be looked at.

    Attributes:
        task: the paragraph with its labels.
        expected_errors: labels in it that are expected to be wrong.
        drawn: whether it was drawn by lot.
    """

    task: Task
    expected_errors: float
    drawn: bool


def expected_errors(paragraph: ParagraphAnalysis) -> float:
    """Labels of a paragraph that are expected to be wrong: stances, devices, and spans of devices that are there."""
    stances = sum(1 - answer.probability for answer in paragraph.stances)
    devices = sum(1 - found.probability for found in paragraph.devices)
    spans = sum(found.probability * (1 - span.probability) for found in paragraph.devices for span in found.spans)
    return stances + devices + spans


def choose(  # noqa: PLR0913 - one parameter for each thing to choose by
    analyses: Iterable[ArticleAnalysis],
    schema: LabelSchema,
    number: int,
    *,
    share_by_lot: float = 0.2,
    most_per_article: int = 5,
    seed: int = 0,
) -> list[Choice]:
    """Choose paragraphs for review, in the order of the corpus; of paragraphs with the same text only the first.

    Args:
        analyses: what `stance label` found.
        schema: the labels of the model.
        number: paragraphs wanted; fewer come where there are no more.
        share_by_lot: share of them that is drawn by lot, 0 to 1.
        most_per_article: paragraphs from one article among those chosen by expected errors.
        seed: of the lot.

    Raises:
        SchemaError: the analyses name a stance or device that the schema does not know.
    """
    candidates: list[Choice] = []
    seen: set[str] = set()
    for analysis in analyses:
        article = labelled_of(analysis, schema)
        for task in tasks_of(article, analysis):
            if task.text not in seen:
                seen.add(task.text)
                candidates.append(Choice(task, expected_errors(analysis.paragraphs[task.index]), drawn=False))
    by_lot = min(round(number * share_by_lot), len(candidates))
    drawn = set(random.Random(seed).sample(range(len(candidates)), by_lot))
    taken = Counter[str]()
    worst: set[int] = set()
    for place in sorted(range(len(candidates)), key=lambda place: -candidates[place].expected_errors):
        article_id = candidates[place].task.article
        if len(worst) < number - by_lot and place not in drawn and taken[article_id] < most_per_article:
            worst.add(place)
            taken[article_id] += 1
    return [
        Choice(choice.task, choice.expected_errors, drawn=place in drawn)
        for place, choice in enumerate(candidates)
        if place in drawn or place in worst
    ]
