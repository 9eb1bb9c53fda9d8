"""Summaries as pages of Markdown, in Chinese or English. Whatever comes from an article is escaped."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stance.summary.counts import STANCES
from stance.summary.page import Page, interval
from stance.summary.quoting import escaped

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from stance.schema import LabelSchema
    from stance.summary.article import ArticleSummary

__all__ = ["article_markdown", "corpus_markdown"]

ROWS = 30
"""Rows of a table on a corpus; the page says how many there are in all."""
WORDS = 10
"""Words in a row of a table of metaphors."""
COMPARED = 3
"""Targets by which groups are compared."""

_COURSE = {"favor": "▲", "against": "▼", "neutral": "·"}


def article_markdown(summary: ArticleSummary, language: str) -> str:
    """The page of an article. Raises ValueError for a language other than `zh` and `en`."""
    page = Page(language, summary.schema)
    page.heading(1, escaped(summary.title or summary.id) or page.caption("Untitled"))
    page.paragraph(escaped(summary.chinese if language == "zh" else summary.english))
    for warning in summary.warnings:
        page.paragraph(f"> {escaped(warning)}")
    _article_stances(page, summary)
    _article_devices(page, summary)
    if summary.key_sentences:
        page.heading(2, page.caption("Key sentences"))
        page.paragraph("\n".join(f"- {escaped(sentence.text)}" for sentence in summary.key_sentences))
    return page.text()


def _article_stances(page: Page, summary: ArticleSummary) -> None:
    if not summary.targets:
        return
    page.heading(2, page.caption("Stances"))
    head = ["Target", "Overall", *STANCES, "Course (▲ favor, ▼ against, · neutral)"]
    rows = [
        [
            escaped(target.target),
            page.stance(target.counts.drift),
            *(str(target.counts.of(stance)) for stance in STANCES),
            "".join(_COURSE[stance] for stance in target.course),
        ]
        for target in summary.targets
    ]
    page.table([page.stance(name) if name in STANCES else page.caption(name) for name in head], rows)
    strong = [
        f"- {escaped(target.target)} · {page.stance(paragraph.stance)} {paragraph.probability:.2f}"
        f" · {escaped(paragraph.text)}"
        for target in summary.targets
        for paragraph in target.strongest
    ]
    if strong:
        page.heading(3, page.caption("Strongest paragraphs"))
        page.paragraph("\n".join(strong))


def _article_devices(page: Page, summary: ArticleSummary) -> None:
    figures = summary.to_dict()
    if figures["devices"]:
        page.heading(2, page.caption("Devices"))
        page.table(
            [page.caption(name) for name in ("Device", "Spans", "Paragraphs", "Per 1,000 characters", "Typical")],
            [
                [
                    page.device(found["device"]),
                    *(str(found[name]) for name in ("spans", "paragraphs", "per_1000_characters")),
                    " · ".join(map(escaped, found["typical"])),
                ]
                for found in figures["devices"]
            ],
        )
        _crossings(page, figures["targets"])
    if figures["metaphors"]:
        page.heading(2, page.caption("Metaphors"))
        _metaphors(page, figures["metaphors"])


def _crossings(page: Page, targets: Iterable[Mapping[str, Any]]) -> None:
    rows = [
        [escaped(target["target"]), page.device(found["device"]), *(str(found[stance]) for stance in STANCES)]
        for target in targets
        for found in target["devices"]
    ]
    if rows:
        page.heading(3, page.caption("Stance by device (paragraphs)"))
        page.table([page.caption("Target"), page.caption("Device"), *map(page.stance, STANCES)], rows)


def _metaphors(page: Page, found: Iterable[Mapping[str, Any]]) -> None:
    rows = [
        [
            page.domain(domain["domain"]),
            str(domain["spans"]),
            " · ".join(f"{escaped(word['word'])} {word['spans']}" for word in domain["words"][:WORDS]),
        ]
        for domain in found
    ]
    page.table([page.caption(name) for name in ("Source domain", "Spans", "Words")], rows)


def corpus_markdown(figures: Mapping[str, Any], schema: LabelSchema, language: str) -> str:
    """The page of a corpus, from its figures. Raises ValueError for a language other than `zh` and `en`."""
    page = Page(language, schema)
    page.heading(1, page.caption("Corpus"))
    page.paragraph(escaped(figures["chinese" if language == "zh" else "english"]))
    confidence = f"{100 * figures['confidence']:.0f}%"
    page.paragraph(page.caption("Brackets: confidence interval of {}").format(confidence))
    page.heading(2, page.caption("Stances"))
    _corpus_stances(page, figures["targets"], figures["distinct_targets"])
    page.heading(2, page.caption("Devices"))
    _corpus_devices(page, figures["devices"])
    _crossings(page, figures["targets"][:COMPARED])
    page.heading(2, page.caption("Metaphors"))
    _metaphors(page, figures["metaphors"])
    for group in figures["groups"]:
        page.heading(2, page.caption("By {}").format(escaped(group["by"])))
        _groups(page, group["values"], [target["target"] for target in figures["targets"][:COMPARED]])
    return page.text()


def _corpus_stances(page: Page, targets: Sequence[Mapping[str, Any]], distinct: int) -> None:
    rows = [
        [
            escaped(target["target"]),
            str(target["articles"]),
            str(target["paragraphs"]),
            *(_stance_cell(page, stance) for stance in target["stances"]),
        ]
        for target in targets[:ROWS]
    ]
    head = [page.caption(name) for name in ("Target", "Articles", "Paragraphs")]
    page.table([*head, *map(page.stance, STANCES)], rows)
    _note_rest(page, distinct)


def _stance_cell(page: Page, stance: Mapping[str, Any]) -> str:
    cell = interval(stance, "share")
    if "corrected" in stance:
        cell += f"; {page.caption('corrected')} {interval(stance, 'corrected')}"
    return cell


def _corpus_devices(page: Page, devices: Sequence[Mapping[str, Any]]) -> None:
    head = ("Device", "Spans", "Per 1,000 characters", "Paragraphs", "Share of paragraphs")
    rows = [
        [
            page.device(found["device"]),
            *(str(found[name]) for name in ("spans", "per_1000_characters", "paragraphs")),
            interval(found, "share"),
        ]
        for found in devices
        if found["spans"]
    ]
    page.table([page.caption(name) for name in head], rows)


def _groups(page: Page, values: Sequence[Mapping[str, Any]], compared: Sequence[str]) -> None:
    """A row a group: its articles, its density of devices, and the share of paragraphs for and against targets."""
    sides = [(target, stance) for target in compared for stance in ("favor", "against")]
    rows = []
    for group in values[:ROWS]:
        shares = {
            (target["target"], stance["stance"]): interval(stance, "share")
            for target in group["targets"]
            for stance in target["stances"]
        }
        name = escaped(group["value"]) or page.caption("(none)")
        density = interval(group, "per_1000_characters", percents=False)
        rows.append([name, str(group["articles"]), density, *(shares.get(side, "") for side in sides)])
    captions = [f"{escaped(target)} · {page.stance(stance)}" for target, stance in sides]
    page.table([*(page.caption(name) for name in ("Value", "Articles", "Per 1,000 characters")), *captions], rows)
    _note_rest(page, len(values))


def _note_rest(page: Page, rows: int) -> None:
    if rows > ROWS:
        page.paragraph(f"… {page.caption('in all')}: {rows}")
