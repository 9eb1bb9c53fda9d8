"""Labelled articles: what the trainer learns from and what the metrics compare with.

Files are JSONL (plain or `.gz`), one object an article, in the record format of the annotation
guidelines: `id`, `title`, `paragraphs`, `targets`, optional `article_stance`, and `labels`, one for each
paragraph, of the form `{"stance": {target: stance}, "devices": [[id, substring], [id, substring, n]]}`,
where n counts from 0 the places at which the substring begins in the paragraph.

Sets that label only a part of this say so with four further fields:

    "annotated"      devices whose presence and absence is known (all of the schema where left out)
    "located"        devices whose spans are complete and follow the guidelines (as `annotated`)
    "presence"       for each paragraph, devices that are present somewhere in it, besides those with a span
    "absence_known"  false where a target left out of `stance` is unlabelled, not unspoken of (true)
"""

from __future__ import annotations

import gzip
import json
import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from stance.errors import InputError, SchemaError
from stance.results import Article

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from stance.schema import LabelSchema

__all__ = ["GoldSpan", "LabelledArticle", "read_labelled", "write_labelled"]

_PARTIAL = ("annotated", "located", "presence", "absence_known")
_OWN = {"id", "title", "paragraphs", "targets", "article_stance", "labels", "source", "genre", *_PARTIAL}
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, order=True)
class GoldSpan:
    """The words that bear a device: half-open `[start, end)` in code points of their paragraph."""

    device: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class LabelledArticle:
    """An article with its labels, wholly or partly labelled.

    Attributes:
        id, title: as in the file; the title may be empty.
        paragraphs: the texts that are labelled.
        targets: what the stances are about, the most central first.
        stances: for each paragraph, target → stance id.
        absence_known: True where a target left out of `stances` is known not to be spoken of in that
            paragraph; False where such a pair is merely unlabelled.
        spans: for each paragraph, the labelled spans, sorted; they may overlap.
        presence: for each paragraph, the devices in it (those of `spans` among them).
        annotated: devices whose presence and absence are known; nothing is known of the others.
        located: the part of `annotated` whose spans are exhaustive and follow the guidelines' span rule.
        article_stance: target → stance id for the whole text, empty where unlabelled.
        source, genre: where the text comes from, empty where unknown.
        extra: further fields of the record, untouched.
    """

    id: str
    title: str
    paragraphs: tuple[str, ...]
    targets: tuple[str, ...]
    stances: tuple[Mapping[str, str], ...]
    absence_known: bool
    spans: tuple[tuple[GoldSpan, ...], ...]
    presence: tuple[frozenset[str], ...]
    annotated: frozenset[str]
    located: frozenset[str]
    article_stance: Mapping[str, str] = field(default_factory=dict)
    source: str = ""
    genre: str = ""
    extra: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not len(self.paragraphs) == len(self.stances) == len(self.spans) == len(self.presence):
            raise ValueError(f"Article {self.id!r}: stances, spans and presence need one entry for each paragraph.")
        if not self.located <= self.annotated:
            raise ValueError(f"Article {self.id!r}: located devices must be annotated ones.")
        for text, spans, present in zip(self.paragraphs, self.spans, self.presence, strict=True):
            if not {span.device for span in spans} <= present <= self.annotated:
                raise ValueError(f"Article {self.id!r}: devices with spans must be present, present ones annotated.")
            if not all(0 <= span.start < span.end <= len(text) for span in spans):
                raise ValueError(f"Article {self.id!r}: a span lies outside its paragraph.")

    def to_article(self) -> Article:
        """The article without its labels, as the analyzer takes it."""
        return Article.from_paragraphs(self.paragraphs, id=self.id, title=self.title, targets=self.targets)

    def to_dict(self, schema: LabelSchema) -> dict[str, Any]:
        """The record that `read_labelled` reads back; fields of partial labelling only where they are needed."""
        every = frozenset(schema.device_ids)
        labels = [
            {"stance": dict(stances), "devices": [_reference(text, span) for span in spans]}
            for text, stances, spans in zip(self.paragraphs, self.stances, self.spans, strict=True)
        ]
        unplaced = [
            sorted(present - {span.device for span in spans})
            for present, spans in zip(self.presence, self.spans, strict=True)
        ]
        partial = {
            "annotated": sorted(self.annotated) if self.annotated != every else None,
            "located": sorted(self.located) if self.located != self.annotated else None,
            "presence": unplaced if any(unplaced) else None,
            "absence_known": None if self.absence_known else False,
        }
        return {
            "id": self.id,
            "title": self.title,
            "source": self.source,
            "genre": self.genre,
            **self.extra,
            "paragraphs": list(self.paragraphs),
            "targets": list(self.targets),
            "article_stance": dict(self.article_stance),
            "labels": labels,
            **{name: value for name, value in partial.items() if value is not None},
        }


def read_labelled(path: Path, schema: LabelSchema) -> list[LabelledArticle]:
    """Read labelled articles from JSONL, plain or `.gz`; empty lines are passed over.

    Raises:
        InputError: the file or a line cannot be read, or a field is missing or of the wrong shape.
        SchemaError: a label names a device, stance or target that is not known, or words that are not there.
    """
    return [_Record(f"{path} line {number}", data, schema).article() for number, data in _read_objects(path)]


def write_labelled(path: Path, articles: Iterable[LabelledArticle], schema: LabelSchema) -> int:
    """Write labelled articles as JSONL, compressed where the name ends in `.gz`; returns how many."""
    count = 0
    with gzip.open(path, "wt", encoding="utf-8") if path.suffix == ".gz" else path.open("w", encoding="utf-8") as file:
        for count, article in enumerate(articles, start=1):  # noqa: B007 - the last number is the count
            file.write(json.dumps(article.to_dict(schema), ensure_ascii=False) + "\n")
    return count


def _reference(text: str, span: GoldSpan) -> list[str | int]:
    """The span as `[device, substring]`, with the number of its occurrence where it is not the first."""
    words = text[span.start : span.end]
    earlier = sum(text.startswith(words, start) for start in range(span.start))
    return [span.device, words, earlier] if earlier else [span.device, words]


def _read_objects(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """The JSON objects of a file with their line numbers, from 1."""
    number = 0
    try:
        with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as file:
            for number, line in enumerate(file, start=1):
                if not line.strip():
                    continue
                data = json.loads(line)
                if not isinstance(data, dict):
                    raise InputError(
                        f"{path} line {number}: expected one JSON object an article, "
                        f"found {type(data).__name__}. Write the file as JSONL."
                    )
                yield number, data
    except (OSError, EOFError, ValueError, zlib.error) as error:
        place = f"{path} line {number}" if number else str(path)
        raise InputError(f"{place}: expected labelled articles as JSONL in UTF-8; {error}. Mend the file.") from error


@dataclass(frozen=True, slots=True)
class _Record:
    """One record on its way to a LabelledArticle; `where` names its file and line for messages."""

    where: str
    data: Mapping[str, Any]
    schema: LabelSchema

    def article(self) -> LabelledArticle:
        paragraphs = tuple(self._strings("paragraphs"))
        labels = self._list("labels", dict)
        if len(labels) != len(paragraphs):
            raise InputError(
                f"{self.where}: expected one entry of 'labels' for each of the {len(paragraphs)} paragraphs, "
                f"found {len(labels)}. Give paragraphs without labels an empty entry."
            )
        targets = tuple(self._strings("targets", default=[]))
        annotated = self._devices("annotated", self.schema.device_ids)
        spans = tuple(self._spans(i, text, labels[i], annotated) for i, text in enumerate(paragraphs))
        return LabelledArticle(
            id=self._get("id", str),
            title=self._get("title", str, ""),
            paragraphs=paragraphs,
            targets=targets,
            stances=tuple(
                self._stances(f"labels[{i}].stance", label.get("stance", {}), targets) for i, label in enumerate(labels)
            ),
            absence_known=self._get("absence_known", bool, True),  # noqa: FBT003 - a field's default
            spans=spans,
            presence=self._presence(spans, annotated),
            annotated=annotated,
            located=self._devices("located", sorted(annotated), within=annotated),
            article_stance=self._stances("article_stance", self.data.get("article_stance", {}), targets),
            source=self._get("source", str, ""),
            genre=self._get("genre", str, ""),
            extra={name: value for name, value in self.data.items() if name not in _OWN},
        )

    def _get(self, name: str, kind: type[_T], default: _T | None = None) -> _T:
        """The field `name`, of type `kind`; without a default it must be there."""
        value = self.data.get(name, default)
        if isinstance(value, kind):
            return value
        found = f"found {value!r:.60}" if name in self.data else f"found only {', '.join(sorted(self.data))}"
        raise InputError(f"{self.where}: expected field '{name}' of type {kind.__name__}, {found}. Add or mend it.")

    def _list(self, name: str, kind: type[_T], default: list[Any] | None = None) -> list[_T]:
        values = self._get(name, list, default)
        for i, value in enumerate(values):
            if not isinstance(value, kind):
                raise InputError(
                    f"{self.where}: expected {name}[{i}] of type {kind.__name__}, found {value!r:.60}. Mend the record."
                )
        return values

    def _strings(self, name: str, default: list[Any] | None = None) -> list[str]:
        values = self._list(name, str, default)
        if name == "targets" and len(set(values)) < len(values):
            raise InputError(f"{self.where}: expected each of 'targets' once, found {values}. Leave out repetitions.")
        return values

    def _device(self, name: str, id: object, known: Iterable[str]) -> str:
        if isinstance(id, str) and id in known:
            return id
        raise SchemaError(
            f"{self.where}: {name} names the device {id!r:.60}; expected one of {', '.join(sorted(known))}. "
            "Correct the id, or 'annotated' where the record labels only a part of the devices."
        )

    def _devices(self, name: str, default: Iterable[str], within: Iterable[str] | None = None) -> frozenset[str]:
        known = self.schema.device_ids if within is None else within
        return frozenset(self._device(name, device, known) for device in self._strings(name, list(default)))

    def _presence(
        self, spans: tuple[tuple[GoldSpan, ...], ...], annotated: frozenset[str]
    ) -> tuple[frozenset[str], ...]:
        listed = self._list("presence", list, [[]] * len(spans))
        if len(listed) != len(spans):
            raise InputError(
                f"{self.where}: expected one list in 'presence' for each of the {len(spans)} paragraphs, "
                f"found {len(listed)}. Give paragraphs without devices an empty list."
            )
        return tuple(
            frozenset(self._device(f"presence[{i}]", device, annotated) for device in devices)
            | {span.device for span in spans[i]}
            for i, devices in enumerate(listed)
        )

    def _stances(self, name: str, stances: object, targets: tuple[str, ...]) -> dict[str, str]:
        if not isinstance(stances, dict):
            raise InputError(f"{self.where}: expected an object target → stance in {name}, found {stances!r:.60}.")
        for target, stance in stances.items():
            if target not in targets:
                raise SchemaError(
                    f"{self.where}: {name} speaks of {target!r}, which is not among the targets {list(targets)}. "
                    "Add it to 'targets' or correct its name."
                )
            if stance not in self.schema.stance_ids:
                raise SchemaError(
                    f"{self.where}: {name} gives {target!r} the stance {stance!r}; "
                    f"expected one of {', '.join(self.schema.stance_ids)}. Correct it."
                )
        return dict(stances)

    def _spans(
        self, index: int, text: str, label: Mapping[str, Any], annotated: frozenset[str]
    ) -> tuple[GoldSpan, ...]:
        devices = label.get("devices", [])
        if not isinstance(devices, list):
            raise InputError(f"{self.where}: expected a list in labels[{index}].devices, found {devices!r:.60}.")
        places = (f"labels[{index}].devices[{i}]" for i in range(len(devices)))
        return tuple(
            sorted({self._span(name, text, item, annotated) for name, item in zip(places, devices, strict=True)})
        )

    def _span(self, name: str, text: str, item: object, annotated: frozenset[str]) -> GoldSpan:
        match item:
            case [str(id), str(words)]:
                occurrence = 0
            case [str(id), str(words), int(occurrence)] if occurrence >= 0:
                pass
            case _:
                raise InputError(
                    f"{self.where}: expected [device, substring] or [device, substring, n] with n from 0 "
                    f"in {name}, found {item!r:.60}. Mend the record."
                )
        device = self._device(name, id, annotated)
        starts = [start for start in range(len(text)) if words and text.startswith(words, start)]
        if occurrence < len(starts):
            return GoldSpan(device, starts[occurrence], starts[occurrence] + len(words))
        raise SchemaError(
            f"{self.where}: {name} names {words!r:.60}, occurrence {occurrence}, but the paragraph "
            f"has it {len(starts)} times: {text!r:.60}. Copy the words exactly, and count occurrences from 0."
        )
