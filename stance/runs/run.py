"""The batch run itself: begin, go on, or find that all is done; then put the output together."""

from __future__ import annotations

import fnmatch
import json
from dataclasses import asdict
from datetime import datetime, timezone
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import stance
from stance.duplicates import THRESHOLD
from stance.errors import RunError
from stance.formats.atomic import atomic_file
from stance.formats.read import ArticleReader
from stance.formats.rows import Rejected
from stance.formats.table import Shape
from stance.formats.write import assemble, check_output_name
from stance.runs.copies import FIELD, Copies
from stance.runs.engine import Job, label_here
from stance.runs.ledger import Ledger, RunPaths
from stance.runs.lock import disk_errors, output_lock
from stance.runs.methods import methods
from stance.runs.parts import cut_parts, digest_of, rows_digest
from stance.runs.record import differences, read_record, versions, write_record
from stance.runs.report import RunReport, Tally

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from stance.formats.rows import Fields, Limits
    from stance.runs.engine import Engine
    from stance.runs.parts import Labeller
    from stance.runs.report import Progress

__all__ = ["label"]

_ANEW = "Choose another output name, or begin anew with --restart."


def label(  # noqa: PLR0913 - one keyword for each choice of the user
    inputs: Sequence[str | Path],
    output: str | Path,
    analyzer: Labeller,
    *,
    targets: Sequence[str] | None = None,
    fields: Fields | None = None,
    limits: Limits | None = None,
    part_articles: int = 500,
    near_duplicates: float | None = THRESHOLD,
    min_probability: float = 0.0,
    engine: Engine | None = None,
    restart: bool = False,
    on_progress: Callable[[Progress], None] | None = None,
) -> RunReport:
    """Label all articles of the inputs into one file; go on where an earlier call of the same was broken off.

    Args:
        inputs: files, folders and patterns; see `stance.formats.ArticleReader`.
        output: .jsonl, .jsonl.gz, .jsonl.zst or .parquet.
        analyzer: an `Analyzer`.
        targets: targets for all articles; without them those of each article, else those found in it.
        fields: names of the input's fields.
        limits: what is too large for an article.
        part_articles: input rows in a part; what a kill can cost.
        near_duplicates: likeness of two texts, 0 to 1, from which the later is marked `duplicate_of` the earlier;
            None does not look for them.
        min_probability: devices and sides that are less probable are left out, 0 to 1.
        engine: what labels the parts; `stance.distributed.RayEngine` is one. Without it this process does.
        restart: throw away the parts of an earlier run, and replace its output when this one is complete.
        on_progress: called after each article; with an engine, after each part.

    Raises:
        InputError: an input or the output's kind is not as expected.
        RunError: the output belongs to a run with other settings or inputs, or to no run; or another
            process is writing it; or the disk is full or may not be written. Finished parts are kept.
        ValueError: `part_articles` is below 1, `near_duplicates` not above 0 and up to 1, or `min_probability` not
            from 0 to 1.
    """
    _check_numbers(part_articles, near_duplicates, min_probability)
    paths = RunPaths(Path(output))
    check_output_name(paths.output)
    reader = ArticleReader(inputs, fields=fields, limits=limits)
    _refuse_own_files(inputs, reader, paths)
    settings = {
        "stance": stance.__version__,
        "model": analyzer.model_id,
        "schema": analyzer.schema.digest,
        "targets": list(targets or ()),
        "fields": asdict(reader.fields),
        "limits": asdict(reader.limits),
        "part_articles": part_articles,
        "near_duplicates": near_duplicates,
        "min_probability": min_probability,
        "inputs": [[str(source.path), source.size] for source in reader.sources],
    }
    run = _Run(paths, reader, analyzer, settings, engine)
    with output_lock(paths.lock):
        return run.go(on_progress or (lambda _: None), restart=restart)


def _check_numbers(part_articles: int, near_duplicates: float | None, min_probability: float) -> None:
    if part_articles < 1:
        raise ValueError(f"part_articles must be at least 1, found {part_articles}.")
    if near_duplicates is not None and not 0 < near_duplicates <= 1:
        raise ValueError(f"near_duplicates must be above 0 and at most 1, found {near_duplicates}.")
    if not 0 <= min_probability <= 1:
        raise ValueError(f"min_probability must be from 0 to 1, found {min_probability}.")


class _Run:
    """One call of `label`, with the lock held."""

    def __init__(
        self,
        paths: RunPaths,
        reader: ArticleReader,
        analyzer: Labeller,
        settings: dict[str, Any],
        engine: Engine | None,
    ) -> None:
        self.paths = paths
        self.reader = reader
        self.analyzer = analyzer
        self.settings = settings
        self.engine = engine

    def go(self, on_progress: Callable[[Progress], None], *, restart: bool) -> RunReport:
        """Begin, go on, or find that all is done."""
        ledger = Ledger(self.paths.parts)
        record = read_record(self.paths.record)
        if ledger.settings is None and record is None:
            _refuse_foreign(self.paths)
        if restart:
            ledger.remove()
        elif ledger.settings is not None:
            self._refuse_mixing(ledger.settings)
        elif record is not None:
            self._refuse_mixing(record["settings"])
            self._refuse_changed(record)
            ledger.remove()  # what a kill may have left after all was done
            return self._report(record, resumed_parts=record["parts"], already_done=True)
        if ledger.settings is None:
            ledger.begin(self.settings)
        resumed = len(ledger.parts)
        self._label(ledger, on_progress)
        return self._report(self._finish(ledger), resumed_parts=resumed)

    def _refuse_mixing(self, before: Mapping[str, Any]) -> None:
        if differing := differences(before, self.settings):
            raise RunError(f"{self.paths.output} was begun otherwise: {'; '.join(differing)}. {_ANEW}")

    def _refuse_changed(self, record: Mapping[str, Any]) -> None:
        """A complete run is left alone only where its files and its input still are what they were."""
        for path, size in zip((self.paths.output, self.paths.rejected), record["output_bytes"], strict=True):
            found = path.stat().st_size if path.is_file() else 0
            if found != size:
                raise RunError(f"{path} had {size:,} bytes when its run was complete, and has {found:,}. {_ANEW}")
        if record["modified"] != [source.modified for source in self.reader.sources]:
            digests = [rows_digest(c.rows) for c in cut_parts(self.reader, self.settings["part_articles"])]
            if record["rows_digest"] != digest_of("".join(digests).encode()):
                raise RunError(f"{self.paths.output}: the input has changed since its run was complete. {_ANEW}")

    def _label(self, ledger: Ledger, on_progress: Callable[[Progress], None]) -> None:
        """Check the parts that are there against the input, and make those that are not."""
        finished = list(ledger.parts)
        tally = Tally(self.reader.total_bytes, on_progress)
        job = Job(
            self.reader,
            self.settings["part_articles"],
            tuple(self.settings["targets"]) or None,
            min_probability=self.settings["min_probability"],
            signatures=self.settings["near_duplicates"] is not None,
            finished=len(finished),
        )
        count = 0
        for outcome in (self.engine or partial(label_here, labeller=self.analyzer, on_row=tally.row))(job):
            count += 1
            if outcome.labelled is not None:
                ledger.add(outcome.labelled)
            elif finished[outcome.number].rows_digest != outcome.rows_digest:
                raise RunError(f"{self.paths.output}: the input of part {count} is not what it was. {_ANEW}")
            tally.part(ledger.parts[outcome.number], outcome.position)
        if count < len(finished):
            raise RunError(f"{self.paths.output}: the input of part {count + 1} is not there any more. {_ANEW}")

    def _finish(self, ledger: Ledger) -> dict[str, Any]:
        """Put the output together. A kill in between leaves the ledger, from which the same is done again."""
        shape = Shape()
        for part in ledger.parts:
            shape.merge(Shape.from_dict(part.shape))
        threshold = self.settings["near_duplicates"]
        copies = None if threshold is None else Copies(ledger, threshold)
        lines = ledger.lines()
        if copies is not None:
            shape.add_text(FIELD)
            lines = copies.mark(lines)
        with disk_errors(self.paths.output):
            with atomic_file(self.paths.rejected) as file:
                file.writelines(ledger.lines(rejected=True))
            assemble(lines, shape, self.paths.output)
            record = self._record(ledger, copies)
            write_record(record, self.paths.record)
        ledger.remove()
        return record

    def _record(self, ledger: Ledger, copies: Copies | None) -> dict[str, Any]:
        parts = ledger.parts
        counts = ("articles", "paragraphs", "rejected", "duplicate_ids")
        record = {
            "settings": self.settings,
            "versions": versions(),
            "hardware": list(dict.fromkeys(part.hardware for part in parts)),
            **{name: sum(getattr(part, name) for part in parts) for name in counts},
            "near_duplicates": copies and {"articles": copies.articles, "paragraphs": copies.paragraphs},
            "passed_over": [str(path) for path in self.reader.passed_over],
            "seconds": round(sum(part.seconds for part in parts), 3),
            "finished": datetime.now(timezone.utc).isoformat(timespec="seconds"),
            "parts": len(parts),
            "rows_digest": digest_of("".join(part.rows_digest for part in parts).encode()),
            "modified": [source.modified for source in self.reader.sources],
            "output_bytes": [path.stat().st_size for path in (self.paths.output, self.paths.rejected)],
        }
        return record | {"methods": methods(record, self.analyzer.schema)}

    def _report(self, record: Mapping[str, Any], *, resumed_parts: int, already_done: bool = False) -> RunReport:
        counts = ("articles", "paragraphs", "rejected", "duplicate_ids", "seconds", "parts")
        return RunReport(
            output=self.paths.output,
            rejected_file=self.paths.rejected,
            passed_over=tuple(record["passed_over"]),
            near_duplicates=(record["near_duplicates"] or {}).get("articles"),
            resumed_parts=resumed_parts,
            already_done=already_done,
            first_rejected=_first_rejected(self.paths.rejected),
            **{name: record[name] for name in counts},
        )


def _first_rejected(path: Path) -> str:
    with path.open("rb") as file:
        line = file.readline()
    return Rejected(**json.loads(line)).message if line else ""


def _refuse_own_files(inputs: Sequence[str | Path], reader: ArticleReader, paths: RunPaths) -> None:
    """A file that a run writes must not be read by it, now or when it goes on."""
    ours = {path.resolve() for path in paths.all()}
    for source in reader.sources:
        if source.path.resolve() in ours:
            raise RunError(f"{source.path} is both input and output. Choose another output name.")
    for given in map(Path, inputs):
        within = given.is_dir() and paths.output.resolve().is_relative_to(given.resolve())
        if within or fnmatch.fnmatch(str(paths.output), str(given)):
            raise RunError(f"{paths.output} would be among the input {given}. Choose an output outside of it.")


def _refuse_foreign(paths: RunPaths) -> None:
    for path in (paths.output, paths.rejected):
        if path.exists():
            raise RunError(
                f"{path} exists and is of no run of `stance label`. Move it away, or choose another output name."
            )
