"""Labelled articles written by hand: devices stand in the text as ‹device:words›, stances as one sign a target.

article([paragraph("这是‹metaphor:空头支票›。", "-"), paragraph("双方会谈。", "0")], targets=["美国"])
"""

from __future__ import annotations

import re

from stance import ArticleAnalysis, DevicePrediction, Paragraph, ParagraphAnalysis, Span, StancePrediction

_MARK = re.compile(r"‹(\w+)(?:@([\d.]+))?:([^›]*)›")
_SIGNS = {"+": "favor", "-": "against", "0": "neutral"}


def paragraph(marked: str, signs: str = "", kind: str = "body", probability: float = 0.8):
    """What `article` needs to make a paragraph; a span's probability is 0.5, or as in ‹irony@0.9:…›."""
    return marked, signs, kind, probability


def article(paragraphs, *, id="a", title="", targets=("美国",), extra=None, warnings=()):
    made, start = [], 0
    for index, (marked, signs, kind, probability) in enumerate(paragraphs):
        text, devices = _read(marked)
        place = Paragraph(index, start, start + len(text), text, kind)
        stances = [_stance(t, _SIGNS[s], probability) for t, s in zip(targets, signs, strict=False)]
        made.append(ParagraphAnalysis(place, tuple(stances), devices))
        start += len(text) + 1
    return ArticleAnalysis(id, title, tuple(targets), "hand@0", tuple(made), tuple(warnings), extra or {})


def _read(marked):
    text, spans = "", {}
    done = 0
    for mark in _MARK.finditer(marked):
        text += marked[done : mark.start()]
        device, probability, words = mark.groups()
        span = Span(len(text), len(text) + len(words), words, float(probability or 0.5))
        spans.setdefault(device, []).append(span)
        text += words
        done = mark.end()
    text += marked[done:]
    return text, tuple(DevicePrediction(device, 0.9, tuple(found)) for device, found in spans.items())


def _stance(target, stance, probability):
    rest = (1 - probability) / 2
    return StancePrediction(
        target, stance, dict.fromkeys(("favor", "against", "neutral"), rest) | {stance: probability}
    )
