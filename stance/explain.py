"""Which words carry a label: each is left out in turn, and what the probability of the label loses is its share.

The paragraph stays among the paragraphs that the model reads together with it. All variants run as one stream, so
they fill batches. A deletion test shows what the model went by, not why an author wrote so.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from stance.errors import InputError, SchemaError
from stance.model.encoding import Passage
from stance.text.clean import clean
from stance.text.words import tagged_words

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stance.engine import Engine
    from stance.model.decoding import ParagraphReading
    from stance.results import ArticleAnalysis
    from stance.schema import LabelSchema

__all__ = ["Explanation", "WordEffect", "explain"]

PARTS = 200
"""Deletions tried at most; in a paragraph of more words, neighbours go together."""

DIGITS = 4


@dataclass(frozen=True, slots=True)
class WordEffect:
    """What the label loses without these words.

    Attributes:
        start, end: half-open place in the text of the paragraph, in code points.
        text: the words.
        effect: probability with them less probability without them, -1 to 1; positive where they speak for the label.
    """

    start: int
    end: int
    text: str
    effect: float


@dataclass(frozen=True, slots=True)
class Explanation:
    """Which words carry a label.

    Attributes:
        paragraph: index in the article.
        label: id of the device or stance.
        target: of the stance; None for a device.
        probability: of the label with all words there, 0 to 1.
        words: in the order of the text; put together they are the paragraph, less what the model does not read.
    """

    paragraph: int
    label: str
    target: str | None
    probability: float
    words: tuple[WordEffect, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain dicts and numbers."""
        return asdict(self)


def explain(
    engine: Engine, analysis: ArticleAnalysis, paragraph: int, label: str, target: str | None = None
) -> Explanation:
    """Which words of a paragraph carry a label; see `Analyzer.explain`."""
    schema = engine.model.schema
    _check(schema, analysis, paragraph, label, target)
    passage, place = _context(engine, analysis, paragraph, target)
    original = analysis.paragraphs[paragraph].text
    cleaned = clean(original)
    parts = list(_parts(cleaned.text))
    variants = [
        replace(passage, paragraphs=_with(passage.paragraphs, place, cleaned.text[:start] + cleaned.text[end:]))
        for start, end in parts
    ]
    values = [_value(schema, readings[place], label) for readings in engine.read([passage, *variants])]
    effects = []
    for (start, end), without in zip(parts, values[1:], strict=True):
        first, last = cleaned.to_original(start, end)
        effects.append(WordEffect(first, last, original[first:last], round(values[0] - without, DIGITS)))
    return Explanation(paragraph, label, target, round(values[0], DIGITS), tuple(effects))


def _check(schema: LabelSchema, analysis: ArticleAnalysis, paragraph: int, label: str, target: str | None) -> None:
    last = len(analysis.paragraphs) - 1
    if not 0 <= paragraph <= last:
        known = f"a paragraph from 0 to {last}" if last >= 0 else "an article with paragraphs"
        raise InputError(
            f"Article {analysis.id!r}: expected {known}; found {paragraph}. Give the `index` of one of its paragraphs."
        )
    if label in schema.stance_ids:
        if target is None or not target.strip():
            known = ", ".join(analysis.targets) or "none; name one"
            raise InputError(
                f"Expected the target of the stance {label!r}; found none. Pass target=… (of the article: {known})."
            )
    elif label not in schema.device_ids:
        known = ", ".join((*schema.stance_ids, *schema.device_ids))
        raise SchemaError(f"Unknown label {label!r}: the model knows {known}.")


def _context(engine: Engine, analysis: ArticleAnalysis, paragraph: int, target: str | None) -> tuple[Passage, int]:
    """The paragraphs that share the paragraph's window, and its place among them; a long one stands alone."""
    texts = tuple(clean(p.text).text for p in analysis.paragraphs)
    whole = Passage(clean(analysis.title).text, texts, () if target is None else (clean(target).text or target,))
    windows = [{piece.paragraph for piece in window.pieces} for window in engine.model.encoder.windows(whole)]
    own = [numbers for numbers in windows if paragraph in numbers]
    numbers = sorted(own[0]) if len(own) == 1 else [paragraph]
    return replace(whole, paragraphs=tuple(texts[i] for i in numbers)), numbers.index(paragraph)


def _parts(text: str) -> Iterator[tuple[int, int]]:
    """Words of the text as half-open places, or so many neighbours together that there are `PARTS` at most."""
    borders = [0]
    for word, _ in tagged_words(text):
        borders.append(borders[-1] + len(word))
    step = -(-(len(borders) - 1) // PARTS) or 1
    borders = [*borders[:-1:step], borders[-1]]
    for start, end in pairwise(borders):
        if text[start:end].strip():
            yield start, end


def _with(paragraphs: tuple[str, ...], place: int, text: str) -> tuple[str, ...]:
    return (*paragraphs[:place], text, *paragraphs[place + 1 :])


def _value(schema: LabelSchema, reading: ParagraphReading, label: str) -> float:
    if label in schema.stance_ids:
        return float(reading.stances[0][schema.stance_ids.index(label)])
    return float(reading.devices[schema.device_ids.index(label)])
