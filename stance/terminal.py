"""An analysed article as coloured text for a terminal.

    小镇的账本
    美国  against  favor 0  against 5  neutral 2

    1  这笔贷款成了‹压在小镇头上的石磨›隐喻。
       美国 against 0.93

Colour is never the only carrier: a span stands in ‹ › with the device's name behind it. Text from the article
is never obeyed: control, escape and direction characters are shown as `<U+001B>`. Lines are broken by width in
columns, in which a Chinese character takes two, and no line begins with closing punctuation.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rich import progress
from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from stance.schema import DEFAULT_SCHEMA, LabelSchema

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from stance.results import ArticleAnalysis, ParagraphAnalysis
    from stance.runs import Progress

__all__ = [
    "break_lines",
    "marked_paragraph",
    "overall_stance",
    "print_analysis",
    "printable",
    "printable_json",
    "run_progress",
]

_WIDEST = 110
"""Columns past which lines of Chinese get hard to read."""

_STANCE_STYLES = {"favor": "bold green", "against": "bold red", "neutral": "dim"}
_DEVICE_STYLES = {
    "simile": "cyan",
    "metaphor": "bold cyan",
    "personification": "bold blue",
    "metonymy": "blue",
    "hyperbole": "bold yellow",
    "parallelism": "underline green",
    "antithesis": "underline cyan",
    "repetition": "underline yellow",
    "rhetorical_question": "bold magenta",
    "hypophora": "magenta",
    "irony": "italic magenta",
    "quotation": "italic green",
    "scare_quotes": "italic yellow",
    "loaded_language": "bold red",
}
_OTHER_STYLE = "reverse"
_UNPRINTABLE = frozenset(("Cc", "Cf", "Cs", "Zl", "Zp"))
_NO_LINE_START = frozenset("，。、；：！？）》〉」』】〕”’…—·,.;:!?)]}%›")
_NO_LINE_END = frozenset("（《〈「『【〔“‘([{‹")
_WORD = re.compile(r"[A-Za-z0-9]+(?:[.,'’_-][A-Za-z0-9]+)*|.", re.DOTALL)


def printable(text: str) -> str:
    """The text with everything that could steer a terminal, or hide in it, written out as a code point."""
    return "".join(
        " " if c in "\t\n\r" else f"<U+{ord(c):04X}>" if unicodedata.category(c) in _UNPRINTABLE else c for c in text
    )


def printable_json(value: Any) -> str:
    """JSON for a terminal: equal to any other JSON of the value, with nothing in it that could steer one."""
    text = json.dumps(value, ensure_ascii=False, indent=2)
    return "".join(json.dumps(c)[1:-1] if c != "\n" and unicodedata.category(c) in _UNPRINTABLE else c for c in text)


def overall_stance(analysis: ArticleAnalysis, target: str) -> tuple[str, Counter[str]]:
    """The stance that most paragraphs with a stance take towards the target, and how many take each.

    Neutral where no paragraph takes a side, or as many take one as the other.
    """
    counts = Counter(s.stance for p in analysis.paragraphs for s in p.stances if s.target == target)
    sides = [(stance, count) for stance, count in counts.most_common() if stance != "neutral"]
    if not sides or (len(sides) > 1 and sides[0][1] == sides[1][1]):
        return "neutral", counts
    return sides[0][0], counts


@dataclass(frozen=True, slots=True)
class _Mark:
    start: int
    end: int
    device: str


def marked_paragraph(paragraph: ParagraphAnalysis, schema: LabelSchema = DEFAULT_SCHEMA) -> Text:
    """The paragraph's text with each span in ‹ › and the device's short name behind it.

    Spans that cross are closed and opened again, so that the brackets always match; the name stands at the
    true end of its span.
    """
    marks = sorted(
        (_Mark(s.start, s.end, d.device) for d in paragraph.devices for s in d.spans),
        key=lambda mark: (mark.start, -mark.end, mark.device),
    )
    text = Text()
    is_open: list[_Mark] = []
    borders = sorted({0, len(paragraph.text), *(b for m in marks for b in (m.start, m.end))})
    for start, end in zip(borders, [*borders[1:], len(paragraph.text)], strict=True):
        _close(text, is_open, start, schema)
        for mark in marks:
            if mark.start == start:
                text.append("‹", _style(mark.device))
                is_open.append(mark)
        style = " ".join(_style(mark.device) for mark in is_open)
        text.append(printable(paragraph.text[start:end]), style)
    return text


def _close(text: Text, is_open: list[_Mark], at: int, schema: LabelSchema) -> None:
    crossing: list[_Mark] = []
    while any(mark.end == at for mark in is_open):
        mark = is_open.pop()
        text.append("›", _style(mark.device))
        if mark.end == at:
            text.append(_short_name(mark.device, schema), f"dim {_style(mark.device)}")
        else:
            crossing.append(mark)
    for mark in reversed(crossing):
        text.append("‹", _style(mark.device))
        is_open.append(mark)


def _style(device: str) -> str:
    return _DEVICE_STYLES.get(device, _OTHER_STYLE)


def _short_name(device: str, schema: LabelSchema) -> str:
    return schema.device(device).chinese if device in schema.device_ids else printable(device)


def break_lines(text: Text, width: int) -> list[Text]:
    """The text in lines of at most so many columns, broken as Chinese is: between characters, not in words."""
    breaks: list[int] = []
    column = line_start = last_allowed = 0
    previous = ""
    for match in _WORD.finditer(text.plain):
        word, at = match.group(), match.start()
        allowed = word[0] not in _NO_LINE_START and previous not in _NO_LINE_END
        if allowed or at - last_allowed > width // 2:  # a run that can be broken nowhere is broken anyway
            last_allowed = at
        column += cell_len(word)
        while column > width:
            cut = last_allowed if last_allowed > line_start else at
            if cut <= line_start:  # one word wider than the line
                cut = line_start + _fitting(text.plain[line_start : match.end()], width)
            breaks.append(cut)
            line_start = last_allowed = cut
            column = cell_len(text.plain[cut : match.end()])
        previous = word[-1]
    lines = list(text.divide(breaks)) if breaks else [text]
    for line in lines:
        line.rstrip()
    return lines


def _fitting(text: str, width: int) -> int:
    """How many characters fit the width, at least one."""
    used = 0
    for count, character in enumerate(text):
        used += cell_len(character)
        if used > width:
            return max(count, 1)
    return len(text)


def print_analysis(
    analysis: ArticleAnalysis, console: Console, schema: LabelSchema = DEFAULT_SCHEMA, prose: str = ""
) -> None:
    """Print title, targets, paragraphs with their spans and stances, then `prose` on the article, and counts."""
    width = min(console.width, _WIDEST)
    for line in _view(analysis, width, schema, prose):
        console.print(line, no_wrap=True, overflow="ignore", crop=False, highlight=False, soft_wrap=True)


def _view(analysis: ArticleAnalysis, width: int, schema: LabelSchema, prose: str) -> Iterator[Text]:
    title = printable(analysis.title or analysis.id)
    if title and all(paragraph.kind != "title" for paragraph in analysis.paragraphs):
        yield from break_lines(Text(title, "bold"), width)
        yield Text()
    for warning in analysis.warnings:
        yield from break_lines(Text(f"warning: {printable(warning)}", "yellow"), width)
    yield from _targets(analysis, width, schema)
    indent = len(str(len(analysis.paragraphs))) + 2
    for paragraph in analysis.paragraphs:
        yield Text()
        yield from _paragraph(paragraph, width, indent, schema)
    yield Text()
    if prose:
        yield from break_lines(Text(printable(prose)), width)
        yield Text()
    yield from _summary(analysis, width, schema)


def _targets(analysis: ArticleAnalysis, width: int, schema: LabelSchema) -> Iterator[Text]:
    if not analysis.targets:
        yield Text("no targets", "dim")
        return
    names = [printable(target) for target in analysis.targets]
    column = min(max(map(cell_len, names)), width // 3) + 2
    for target, name in zip(analysis.targets, names, strict=True):
        stance, counts = overall_stance(analysis, target)
        line = Text(name + " " * max(column - cell_len(name), 2), "bold")
        line.append(f"{stance:<9}", _STANCE_STYLES.get(stance, ""))
        each = "  ".join(f"{id_} {counts[id_]}" for id_ in schema.stance_ids)
        line.append(each, "dim")
        yield from break_lines(line, width)


def _paragraph(paragraph: ParagraphAnalysis, width: int, indent: int, schema: LabelSchema) -> Iterator[Text]:
    text = marked_paragraph(paragraph, schema)
    if paragraph.kind != "body":
        text.stylize("bold")
    yield from _hanging(text, f"{paragraph.index + 1}", width, indent)
    stances = Text()
    for prediction in paragraph.stances:
        if prediction.stance == "neutral":
            continue
        if stances:
            stances.append("  ")
        stances.append(printable(prediction.target))
        label = f" {prediction.stance} {prediction.probability:.2f}"
        stances.append(label, _STANCE_STYLES.get(prediction.stance, ""))
    if stances:
        yield from _hanging(stances, "", width, indent)


def _hanging(text: Text, head: str, width: int, indent: int) -> Iterator[Text]:
    """Lines with the head before the first and the same indent before all."""
    for number, line in enumerate(break_lines(text, width - indent)):
        yield Text((head if number == 0 else "").ljust(indent), "dim") + line


def _summary(analysis: ArticleAnalysis, width: int, schema: LabelSchema) -> Iterator[Text]:
    counts = Counter(device.device for p in analysis.paragraphs for device in p.devices for _ in device.spans)
    paragraphs = len(analysis.paragraphs)
    head = f"{paragraphs} paragraph{'s' * (paragraphs != 1)}, {counts.total()} device span{'s' * (counts.total() != 1)}"
    note = "A target not named under a paragraph: neutral there."
    yield from break_lines(Text(f"{head}. {note}", "dim"), width)
    devices = Text()
    for device, count in counts.most_common():
        name = schema.device(device).english if device in schema.device_ids else printable(device)
        if devices:
            devices.append("  ")
        devices.append(f"{_short_name(device, schema)} {name}", _style(device))
        devices.append(f" {count}")
    if devices:
        yield from break_lines(devices, width)
    yield from break_lines(Text(f"model {printable(analysis.model)}", "dim"), width)


@contextmanager
def run_progress() -> Iterator[Callable[[Progress], None]]:
    """A progress bar on standard error, to be told how far a run is; quiet where that is no terminal."""
    console = Console(stderr=True)
    columns = (
        progress.BarColumn(),
        progress.TaskProgressColumn(),
        progress.TextColumn("{task.description}"),
        progress.TimeRemainingColumn(),
    )
    with progress.Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as bar:
        task = bar.add_task("reading", total=None)

        def show(now: Progress) -> None:
            speed = bar.tasks[0].speed
            rate = f", {speed * now.articles / now.bytes_done:.1f}/s" if speed and now.bytes_done else ""
            aside = f", {now.rejected:,} set aside" if now.rejected else ""
            bar.update(
                task,
                total=now.bytes_total,
                completed=now.bytes_done,
                description=f"{now.articles:,} articles{rate}, {now.paragraphs:,} paragraphs{aside}",
            )

        yield show
