"""Measure the search for targets against the targets that people gave labelled articles.

    python scripts/measure_targets.py dev.jsonl                # recall@4, precision@4, recall of equal names
    python scripts/measure_targets.py train.jsonl --fit        # weights by logistic regression, and their figures

A target counts as found if it equals a gold target after alias folding, or one of the two contains the other.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from stance.text.names import canonical
from stance.text.targets import WEIGHTS, Candidate, candidates, pick

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

LIMIT = 4
NEAR = 0.6
"""A candidate that shares this part of its length with a gold target is a positive example for the fit."""


@dataclass(frozen=True)
class Counts:
    """Gold targets and found targets, and how many of each have a counterpart."""

    gold: int = 0
    gold_found: int = 0
    gold_equal: int = 0
    found: int = 0
    found_right: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(
            self.gold + other.gold,
            self.gold_found + other.gold_found,
            self.gold_equal + other.gold_equal,
            self.found + other.found,
            self.found_right + other.found_right,
        )

    def __str__(self) -> str:
        recall, equal = self.gold_found / self.gold, self.gold_equal / self.gold
        precision = self.found_right / max(1, self.found)
        return (
            f"recall@{LIMIT} {recall:.3f}  precision@{LIMIT} {precision:.3f}  recall of equal names {equal:.3f}  "
            f"({self.gold} gold targets, {self.found} found)"
        )


@dataclass(frozen=True)
class Example:
    """The gold targets of an article, folded, and its candidates."""

    gold: tuple[str, ...]
    found: Sequence[Candidate]


def folded(target: str) -> str:
    return canonical(target.strip("《》“”"))


def overlap(a: str, b: str) -> float:
    """1 for equal names, the ratio of lengths where one contains the other, else 0."""
    return min(len(a), len(b)) / max(len(a), len(b)) if a in b or b in a else 0.0


def read(path: Path) -> list[Example]:
    articles = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [
        Example(tuple(map(folded, article["targets"])), candidates(article["title"], article["paragraphs"]))
        for article in articles
    ]


def measure(examples: Sequence[Example], weights: Mapping[str, float]) -> Counts:
    total = Counts()
    for example in examples:
        found = [folded(name) for name in pick(example.found, weights, LIMIT)]
        total += Counts(
            gold=len(example.gold),
            gold_found=sum(any(overlap(gold, name) for name in found) for gold in example.gold),
            gold_equal=sum(gold in found for gold in example.gold),
            found=len(found),
            found_right=sum(any(overlap(gold, name) for gold in example.gold) for name in found),
        )
    return total


def fit(examples: Sequence[Example]) -> dict[str, float]:
    """Weights that tell gold targets from other candidates; near misses are left out of the examples."""
    from sklearn.feature_extraction import DictVectorizer  # noqa: PLC0415  (only for --fit)
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415

    rows, labels = [], []
    for example in examples:
        for candidate in example.found:
            likeness = max(overlap(folded(candidate.name), gold) for gold in example.gold)
            if likeness == 0 or likeness >= NEAR:
                rows.append(dict(candidate.features))
                labels.append(likeness >= NEAR)
    vectorizer = DictVectorizer(sparse=False)
    model = LogisticRegression(max_iter=2000).fit(vectorizer.fit_transform(rows), labels)
    weights = zip(vectorizer.get_feature_names_out(), model.coef_[0], strict=True)
    return {str(name): round(float(weight), 2) for name, weight in weights}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("path", type=Path, help="labelled articles, JSONL")
    parser.add_argument("--fit", action="store_true", help="fit weights to these articles and measure them")
    arguments = parser.parse_args()
    examples = read(arguments.path)
    weights = fit(examples) if arguments.fit else WEIGHTS
    if arguments.fit:
        print(json.dumps(weights, indent=1))
    print(measure(examples, weights))


if __name__ == "__main__":
    main()
