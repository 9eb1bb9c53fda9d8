"""A summary as a paragraph of English. Every number in it stands in the summary's JSON too."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stance.summary.domains import domains
from stance.summary.page import percent
from stance.summary.phrases import (
    TARGETS,
    course,
    examples,
    extremes,
    key_sentence,
    leading_devices,
    leading_side,
    manner,
    metaphors,
    quoted,
    sides,
)
from stance.summary.quoting import book_title, printable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from stance.schema import LabelSchema
    from stance.summary.article import ArticleSummary, TargetSummary

__all__ = ["article", "corpus"]

_SIDES = {"favor": "in favor of", "against": "against"}
_TAKEN = {"favor": "in favor", "against": "against"}
_MANNERS = {
    "silent": "No paragraph takes a side on {target}.",
    "split": "On {target} the text is evenly split",
    "mostly": "The author is {side} {target}",
    "leaning": "The author leans {side} {target}",
    "rarely": "The author seldom takes a side on {target}, but is now and then {taken}",
}
_THIRDS = ("first", "middle", "last")


def article(summary: ArticleSummary) -> str:
    """Length, stances, devices and metaphors of an article, and its key sentence."""
    if not summary.tally.extent.paragraphs:
        return "There is no paragraph to analyze."
    sentences = [_opening(summary), *map(_target, summary.targets[:TARGETS])]
    if len(summary.targets) > TARGETS:
        sentences.append("The other targets stand in the tables.")
    sentences += [_devices(summary), _crossings(summary), _metaphors(summary), _key_sentence(summary)]
    return " ".join(filter(None, sentences))


def _opening(summary: ArticleSummary) -> str:
    extent = summary.tally.extent
    subject = book_title(summary.title) if summary.title.strip() else "The text"
    missing = "" if summary.targets else " No target was given or found."
    paragraphs, characters = _number(extent.paragraphs, "paragraph"), _number(extent.characters, "character")
    return f"{subject} has {paragraphs} and {characters}.{missing}"


def _target(target: TargetSummary) -> str:
    counts, name = target.counts, printable(target.target)
    lead, other = sides(counts.drift if counts.drift != "neutral" else "favor")
    opening = _MANNERS[manner(counts)].format(target=name, side=_SIDES[lead], taken=_TAKEN[lead])
    if manner(counts) == "silent":
        return opening
    if counts.of(lead) == counts.paragraphs:
        return f"{opening} ({'all ' if counts.paragraphs > 1 else ''}{_number(counts.paragraphs, 'paragraph')})."
    parts = [f"{counts.of(side):,} {_TAKEN[side]}" for side in (lead, other) if counts.of(side)]
    if counts.neutral:
        parts.append(f"{counts.neutral:,} without a side")
    return f"{opening} (of {_number(counts.paragraphs, 'paragraph')}, {_enumerate(parts)}).{_course(target)}"


def _course(target: TargetSummary) -> str:
    how, third = course(target)
    if how == "turn":
        first, last = (_TAKEN[target.thirds[i].drift] for i in (0, 2))
        return f" From beginning to end it turns from {first} to {last}."
    side = _TAKEN.get(target.counts.drift, "")
    if how == "gathered":
        number = target.thirds[third].of(target.counts.drift)
        return f" Most of those {side} ({number:,}) come in the {_THIRDS[third]} third."
    return f" Those {side} run through the whole text." if how == "throughout" else ""


def _devices(summary: ArticleSummary) -> str:
    if not summary.devices:
        return "No rhetorical device was found."
    sentence = f"Rhetorical devices: {summary.tally.extent.spans:,}, or {summary.density:,} per thousand characters"
    if summary.percentile:
        sentence += f", denser than in {summary.percentile}% of the articles of the corpus"
    first = [
        f"{found.device.english} ({found.spans:,}{_such_as(quoted(found.typical))})" for found in summary.devices[:3]
    ]
    verb = "all of them" if len(summary.devices) == 1 else "most often" if len(summary.devices) > 3 else "namely"
    return f"{sentence}; {verb} {_enumerate(first)}."


def _crossings(summary: ArticleSummary) -> str:
    sentences = []
    for target in summary.targets[:TARGETS]:
        devices = leading_devices(target)
        if devices:
            counts = target.counts
            uses = [f"{number:,} use {summary.schema.device(device).english}" for device, number in devices]
            side = f"{_SIDES[counts.drift]} {printable(target.target)}"
            sentences.append(f"Of the {_number(counts.of(counts.drift), 'paragraph')} {side}, {_enumerate(uses)}.")
    return " ".join(sentences)


def _metaphors(summary: ArticleSummary) -> str:
    known = metaphors(summary)
    if not known:
        return ""
    parts = [f"{found.domain.english} ({found.spans:,}{_such_as(examples(found))})" for found in known[:3]]
    more = ["others"] if len(summary.metaphors) > len(parts) else []
    return f"Metaphors are drawn from {_enumerate(parts + more)}."


def _key_sentence(summary: ArticleSummary) -> str:
    found = key_sentence(summary)
    if found is None:
        return ""
    text, has_end = found
    end = "" if has_end else "."
    return f"Rhetoric and stance are densest in the sentence “{text}”{end}"


def _such_as(examples: Sequence[str]) -> str:
    return ", as in " + " and ".join(f"“{example}”" for example in examples) if examples else ""


def _enumerate(parts: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(parts[:-1]), parts[-1])))


def _number(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def corpus(figures: Mapping[str, Any], schema: LabelSchema) -> str:
    """Size, devices, stances, metaphors and groups of a corpus, from the figures of `CorpusSummary.to_dict`."""
    if not figures["paragraphs"]:
        return "There is no article to analyze."
    sentences = [
        _size(figures),
        _common_devices(figures, schema),
        *_common_targets(figures),
        _domains(figures),
        *_groups(figures),
    ]
    return " ".join(filter(None, sentences))


def _size(figures: Mapping[str, Any]) -> str:
    numbers = [_number(figures[f"{noun}s"], noun) for noun in ("article", "paragraph", "character")]
    copies = figures["copies_left_out"]
    left_out = f"; {_number(copies, 'reprint')} not counted" if copies else ""
    return f"The corpus has {_enumerate(numbers)}{left_out}."


def _common_devices(figures: Mapping[str, Any], schema: LabelSchema) -> str:
    found = [device for device in figures["devices"] if device["spans"]]
    if not found:
        return "No rhetorical device was found."
    names = [f"{schema.device(d['device']).english} (in {percent(d['share'])} of paragraphs)" for d in found[:3]]
    interval = ""
    if figures["per_1000_characters_low"] is not None:
        low, high = figures["per_1000_characters_low"], figures["per_1000_characters_high"]
        interval = f" ({100 * figures['confidence']:.0f}% interval {low:,} to {high:,})"
    density = f"{figures['per_1000_characters']:,} rhetorical devices per thousand characters{interval}"
    return f"It uses {density}, most of all {_enumerate(names)}."


def _common_targets(figures: Mapping[str, Any]) -> list[str]:
    targets = figures["targets"][:TARGETS]
    if not targets:
        return []
    names = [f"{printable(target['target'])} ({_number(target['articles'], 'article')})" for target in targets]
    return [f"The commonest targets are {_enumerate(names)}.", *map(_shares, targets)]


def _shares(target: Mapping[str, Any]) -> str:
    by_stance = {stance["stance"]: stance for stance in target["stances"]}
    lead = leading_side(target)
    both = sides(lead)
    shares = [percent(by_stance[side]["share"]) if by_stance[side]["paragraphs"] else "none" for side in both]
    shown = _enumerate(
        [f"{share} of the paragraphs are {_TAKEN[side]}" for share, side in zip(shares, both, strict=True)]
    )
    sentence = f"On {printable(target['target'])}, {shown}"
    if "corrected" in by_stance[lead]:
        corrected = _enumerate([f"{percent(by_stance[side]['corrected'])} {_TAKEN[side]}" for side in both])
        sentence += f"; corrected for the known errors of the model, {corrected}"
    return f"{sentence}."


def _domains(figures: Mapping[str, Any]) -> str:
    known = [found for found in figures["metaphors"] if found["domain"] != "other"][:3]
    names = [f"{domains()[found['domain']].english} ({percent(found['share'])})" for found in known]
    return f"Metaphors are drawn most of all from {_enumerate(names)}." if names else ""


def _groups(figures: Mapping[str, Any]) -> list[str]:
    sentences = []
    for target in figures["targets"][:1]:
        name, lead = printable(target["target"]), leading_side(target)
        for group in figures["groups"]:
            found = extremes(group["values"], target["target"], lead)
            if found:
                (most, high), (least, low) = found
                sentences.append(
                    f"By {printable(group['by'])}, the share of paragraphs {_SIDES[lead]} {name} is largest in "
                    f"“{printable(most)}” ({percent(high)}) and smallest in “{printable(least)}” ({percent(low)})."
                )
    return sentences
