"""Plain baseline: character n-grams and logistic regression. `baseline.py TRAIN.jsonl EVAL.jsonl`.

Devices: TF-IDF of character 1-3-grams of the paragraph, one classifier a device, its threshold chosen by
cross-validation over articles of TRAIN. Spans: for each device a classifier of the words (jieba) of paragraphs
that have it, from the words around; runs of words inside are spans. Stance: TF-IDF of the
paragraph, of the words around mentions of the target, of the title and of the target, over all pairs of a
paragraph and a target, pairs left out counted as neutral.

Prints the scores of `stance.training.metrics` on EVAL with bootstrap intervals, and last a line of JSON.
"""

from __future__ import annotations

import argparse
import json
import re
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jieba
import numpy as np
from scipy.sparse import csr_matrix, hstack  # type: ignore[import-untyped]
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.multiclass import OneVsRestClassifier

from stance import DEFAULT_SCHEMA, ArticleAnalysis, DevicePrediction, Paragraph, ParagraphAnalysis, Span
from stance.results import StancePrediction
from stance.training.examples import LabelledArticle, read_labelled
from stance.training.metrics import evaluate

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

DEVICES = DEFAULT_SCHEMA.device_ids
FOLDS = 5
BUCKETS = 1 << 20
CLAUSE = re.compile(r"[^，。！？；：、,.!?;:\s]+")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("train", type=Path, metavar="TRAIN.jsonl")
    parser.add_argument("eval", type=Path, metavar="EVAL.jsonl")
    parser.add_argument("--no-spans", action="store_true", help="leave the spans out, which take longest")
    options = parser.parse_args()
    train, gold = (read_labelled(path, DEFAULT_SCHEMA) for path in (options.train, options.eval))
    probabilities, thresholds = predict_devices(train, gold)
    taggers = {} if options.no_spans else {device: SpanTagger(device, train) for device in DEVICES}
    answers = iter(predict_stances(train, gold))
    rows = iter(probabilities)
    analyses = [
        analyze(article, [next(rows) for _ in article.paragraphs], thresholds, taggers, answers) for article in gold
    ]
    borders = np.cumsum([len(article.paragraphs) for article in gold])[:-1]
    counts = evaluate(gold, analyses, DEFAULT_SCHEMA, np.split(probabilities, borders))
    scores = counts.scores()
    print(scores.to_text())
    print(json.dumps(scores.to_dict()["headline"]))


def analyze(
    article: LabelledArticle,
    probabilities: list[Floats],
    thresholds: Floats,
    taggers: dict[str, SpanTagger],
    answers: Iterator[dict[str, float]],
) -> ArticleAnalysis:
    """The article's predictions; `answers` gives one distribution for each pair, paragraph by paragraph."""
    paragraphs = []
    start = 0
    for i, (text, row) in enumerate(zip(article.paragraphs, probabilities, strict=True)):
        stances = []
        for target in article.targets:
            shares = next(answers)
            stances.append(StancePrediction(target, max(shares, key=shares.__getitem__), shares))
        devices = [
            DevicePrediction(device, float(p), taggers[device].spans(text) if device in taggers else ())
            for device, p, threshold in zip(DEVICES, row, thresholds, strict=True)
            if p >= threshold
        ]
        place = Paragraph(i, start, start + len(text), text)
        paragraphs.append(ParagraphAnalysis(place, tuple(stances), tuple(devices)))
        start += len(text) + 1
    return ArticleAnalysis(article.id, article.title, article.targets, "baseline", tuple(paragraphs))


def predict_devices(train: list[LabelledArticle], gold: list[LabelledArticle]) -> tuple[Floats, Floats]:
    """Probabilities [paragraphs of `gold`, D], and thresholds [D] chosen on `train`."""
    vectorizer = ngrams(1, 3)
    features = vectorizer.fit_transform(text for article in train for text in article.paragraphs)
    shown = vectorizer.transform(text for article in gold for text in article.paragraphs)
    groups = [i for i, article in enumerate(train) for _ in article.paragraphs]
    columns, thresholds = [], []
    for device in DEVICES:
        present = np.array([device in devices for article in train for devices in article.presence])
        classifier = LogisticRegression(C=10, class_weight="balanced", solver="liblinear")
        held_out = cross_val_predict(
            classifier, features, present, groups=groups, cv=GroupKFold(FOLDS), method="predict_proba"
        )
        thresholds.append(best_threshold(held_out[:, 1], present))
        columns.append(classifier.fit(features, present).predict_proba(shown)[:, 1])
    return np.stack(columns, axis=1), np.array(thresholds)


def best_threshold(probabilities: Floats, present: NDArray[np.bool_]) -> float:
    """The threshold with the highest F1."""
    order = np.argsort(-probabilities)
    right = np.cumsum(present[order])
    f1 = 2 * right / (np.arange(1, len(order) + 1) + present.sum())
    return float(probabilities[order[np.argmax(f1)]])


class SpanTagger:
    """Tells which words of a paragraph that has a device belong to its spans."""

    def __init__(self, device: str, train: list[LabelledArticle]) -> None:
        marked = [
            (text, [(span.start, span.end) for span in spans if span.device == device])
            for article in train
            for text, spans in zip(article.paragraphs, article.spans, strict=True)
        ]
        marked = [(text, spans) for text, spans in marked if spans]
        texts = [(text, words_of(text)) for text, _ in marked]
        inside = [
            any(a <= start and end <= b for a, b in spans)
            for (_, words), (_, spans) in zip(texts, marked, strict=True)
            for start, end in words
        ]
        self._classifier = SGDClassifier(loss="log_loss", alpha=1e-5, max_iter=10, tol=None, random_state=0)
        self._classifier.fit(word_features(texts), inside)

    def spans(self, text: str) -> tuple[Span, ...]:
        """Runs of words that are inside; without any, the clause with the likeliest word."""
        words = words_of(text)
        p = self._classifier.predict_proba(word_features([(text, words)]))[:, 1]
        edges = np.flatnonzero(np.diff(np.concatenate([[False], p > 0.5, [False]]).astype(np.int8)))
        runs = [trim(text, words[first][0], words[stop - 1][1]) for first, stop in edges.reshape(-1, 2)]
        if not any(end > start for start, end in runs):
            likeliest = words[int(np.argmax(p))]
            clauses = [match.span() for match in CLAUSE.finditer(text)]
            runs = [next((c for c in clauses if c[0] <= likeliest[0] < c[1]), likeliest)]
        return tuple(Span(start, end, text[start:end], float(p.max())) for start, end in runs if end > start)


def words_of(text: str) -> list[tuple[int, int]]:
    return [(start, end) for _, start, end in jieba.tokenize(text)]


def trim(text: str, start: int, end: int) -> tuple[int, int]:
    """`[start, end)` without punctuation at its ends."""
    found = list(CLAUSE.finditer(text, start, end))
    return (found[0].start(), found[-1].end()) if found else (start, start)


def word_features(texts: Iterable[tuple[str, list[tuple[int, int]]]]) -> csr_matrix:
    """A row a word: hashed, the words around it with their distance, its shape, and the ends of its clause."""
    indices: list[int] = []
    ends = [0]
    for text, places in texts:
        words = ["#", "#", *(text[start:end] for start, end in places), "#", "#"]
        clauses = [match.span() for match in CLAUSE.finditer(text)]
        border = {
            i: (text[start : start + 2], text[end : end + 1]) for start, end in clauses for i in range(start, end)
        }
        for i, (start, _) in enumerate(places):
            window = words[i : i + 5]
            word = window[2]
            opening, closing = border.get(start, ("", ""))
            names = [f"{k}{window[k]}" for k in range(5)] + [f"b{k}{window[k]} {window[k + 1]}" for k in range(4)]
            names += [f"s{word[-1]}", f"f{word[0]}", f"l{len(word)}", f"o{opening}", f"c{closing}"]
            indices.extend(zlib.crc32(name.encode()) % BUCKETS for name in names)
            ends.append(len(indices))
    data = np.ones(len(indices), dtype=np.float32)
    return csr_matrix((data, np.array(indices), np.array(ends)), shape=(len(ends) - 1, BUCKETS))


def predict_stances(train: list[LabelledArticle], gold: list[LabelledArticle]) -> list[dict[str, float]]:
    """A distribution over stances for each pair of `gold`, in the order article, paragraph, target."""
    known, asked = pair_texts(train), pair_texts(gold)
    labels = [
        stances.get(target, "neutral") for article in train for stances in article.stances for target in article.targets
    ]
    views: list[tuple[Any, Any]] = []
    for name, low, high in (("paragraph", 1, 3), ("mention", 1, 3), ("title", 1, 2), ("target", 1, 2)):
        vectorizer = ngrams(low, high)
        views.append((vectorizer.fit_transform(known[name]), vectorizer.transform(asked[name])))
    features, shown = (hstack(parts, format="csr") for parts in zip(*views, strict=True))
    classifier = OneVsRestClassifier(LogisticRegression(C=3, class_weight="balanced", solver="liblinear"))
    classifier.fit(features, labels)
    return [dict(zip(classifier.classes_, map(float, row), strict=True)) for row in classifier.predict_proba(shown)]


def pair_texts(articles: list[LabelledArticle]) -> dict[str, list[str]]:
    """For each pair of a paragraph and a target, the texts that its features come from."""
    texts: dict[str, list[str]] = {"paragraph": [], "mention": [], "title": [], "target": []}
    for article in articles:
        for paragraph in article.paragraphs:
            for target in article.targets:
                texts["paragraph"].append(paragraph)
                texts["mention"].append(around_mentions(paragraph, target))
                texts["title"].append(article.title)
                texts["target"].append(target)
    return texts


def around_mentions(paragraph: str, target: str, reach: int = 15) -> str:
    """The words within `reach` characters of the target's mentions, the mentions themselves as 〇."""
    windows = [
        paragraph[max(0, match.start() - reach) : match.start()] + "〇" + paragraph[match.end() : match.end() + reach]
        for match in re.finditer(re.escape(target), paragraph)
    ]
    return " ".join(windows) or "无"


def ngrams(low: int, high: int) -> TfidfVectorizer:
    return TfidfVectorizer(analyzer="char", ngram_range=(low, high), min_df=2, sublinear_tf=True, dtype=np.float32)


if __name__ == "__main__":
    main()
