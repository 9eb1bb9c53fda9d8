"""A corpus labelled in parts, so that a kill at any point costs one part and the same call goes on.

    report = label(["news.jsonl"], "labels.parquet", stance.Analyzer.load(), targets=["美国"])

The output does not depend on where a run was broken off: parts are cut by the input alone, and the final
files are put together from them, each in one step. Every input row is in exactly one of the output and
`OUTPUT.rejected.jsonl`.
"""

from __future__ import annotations

import fnmatch
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import stance
from stance.errors import RunError
from stance.formats.atomic import atomic_file
from stance.formats.read import ArticleReader
from stance.formats.rows import Fields, Limits, Located, Rejected
from stance.formats.table import Shape
from stance.formats.write import assemble, check_output_name
from stance.ledger import Ledger, RunPaths
from stance.lock import disk_errors, output_lock
from stance.parts import Labeller, Part, cut_parts, digest_of, label_part, rows_digest
from stance.record import differences, read_record, versions, write_record

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from stance.results import ArticleAnalysis

__all__ = ["Labeller", "Progress", "RunReport", "label"]

_ANEW = "Choose another output name, or begin anew with --restart."


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is: counts since its beginning, bytes of the input files as they lie on disk."""

    articles: int
    paragraphs: int
    rejected: int
    bytes_done: int
    bytes_total: int


@dataclass(frozen=True, slots=True)
class RunReport:
    """What a run did.

    Attributes:
        output: the output file.
        rejected_file: the rows set aside, with reasons.
        articles, paragraphs: how many were labelled.
        rejected: how many rows were set aside.
        duplicate_ids: how many articles had an id met before and got a number (`a#2`).
        passed_over: files in input folders that are of no known kind.
        seconds: time spent, that of broken-off runs' finished parts included.
        parts, resumed_parts: how many there are, and how many an earlier call had finished.
        already_done: the run was complete before this call, which did nothing.
    """

    output: Path
    rejected_file: Path
    articles: int
    paragraphs: int
    rejected: int
    duplicate_ids: int
    passed_over: tuple[str, ...]
    seconds: float
    parts: int
    resumed_parts: int
    already_done: bool = False

    def lines(self) -> list[str]:
        """The report for people, one sentence a line; what asks for attention comes last."""
        counts = f"{_counted(self.articles, 'article')}, {_counted(self.paragraphs, 'paragraph')}"
        if self.already_done:
            lines = [f"{self.output}: was complete already ({counts}); nothing done. To label anew: --restart."]
        else:
            resumed = f", {self.resumed_parts} of {self.parts} parts from before" if self.resumed_parts else ""
            lines = [f"{self.output}: {counts} in {self.seconds:.1f} s{resumed}."]
        if self.passed_over:
            names = ", ".join(self.passed_over[:3]) + ("…" if self.passed_over[3:] else "")
            files = _counted(len(self.passed_over), "file")
            lines.append(f"{files} of unknown kind in the input folders passed over: {names}")
        if self.duplicate_ids:
            lines.append(f"{_counted(self.duplicate_ids, 'article')} with an id met before, now numbered (a#2).")
        if self.rejected:
            lines.append(f"{_counted(self.rejected, 'row')} set aside, with reasons, in {self.rejected_file}.")
        return lines


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'s' * (count != 1)}"


def label(  # noqa: PLR0913 - one keyword for each choice of the user
    inputs: Sequence[str | Path],
    output: str | Path,
    analyzer: Labeller,
    *,
    targets: Sequence[str] | None = None,
    fields: Fields | None = None,
    limits: Limits | None = None,
    part_articles: int = 500,
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
        restart: throw away the parts of an earlier run, and replace its output when this one is complete.
        on_progress: called after each article.

    Raises:
        InputError: an input or the output's kind is not as expected.
        RunError: the output belongs to a run with other settings or inputs, or to no run; or another
            process is writing it; or the disk is full or may not be written. Finished parts are kept.
        ValueError: `part_articles` is below 1.
    """
    if part_articles < 1:
        raise ValueError(f"part_articles must be at least 1, found {part_articles}.")
    paths = RunPaths(Path(output))
    check_output_name(paths.output)
    reader = ArticleReader(inputs, fields=fields, limits=limits)
    _refuse_own_files(inputs, reader, paths)
    run = _Run(paths, reader, analyzer, targets=tuple(targets or ()), part_articles=part_articles)
    with output_lock(paths.lock):
        return run.go(on_progress or (lambda _: None), restart=restart)


class _Run:
    """One call of `label`, with the lock held."""

    def __init__(
        self,
        paths: RunPaths,
        reader: ArticleReader,
        analyzer: Labeller,
        *,
        targets: Sequence[str],
        part_articles: int,
    ) -> None:
        self.paths = paths
        self.reader = reader
        self.analyzer = analyzer
        self.targets = targets
        self.part_articles = part_articles
        self.settings: dict[str, Any] = {
            "stance": stance.__version__,
            "model": analyzer.model_id,
            "targets": list(targets),
            "fields": asdict(reader.fields),
            "limits": asdict(reader.limits),
            "part_articles": part_articles,
            "inputs": [[str(source.path), source.size] for source in reader.sources],
        }

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
            digests = [rows_digest(rows) for rows in cut_parts(self.reader, self.part_articles)]
            if record["rows_digest"] != digest_of("".join(digests).encode()):
                raise RunError(f"{self.paths.output}: the input has changed since its run was complete. {_ANEW}")

    def _label(self, ledger: Ledger, on_progress: Callable[[Progress], None]) -> None:
        """Check the parts that are there against the input, and make those that are not."""
        finished = list(ledger.parts)
        tally = _Tally(self.reader.total_bytes, on_progress)
        count = 0
        for number, rows in enumerate(cut_parts(self.reader, self.part_articles)):
            count += 1
            if number >= len(finished):
                ledger.add(label_part(number, rows, self.analyzer, self.targets or None, tally.row))
            elif finished[number].rows_digest == rows_digest(rows):
                tally.part(finished[number], rows[-1])
            else:
                raise RunError(f"{self.paths.output}: the input of part {count} is not what it was. {_ANEW}")
        if count < len(finished):
            raise RunError(f"{self.paths.output}: the input of part {count + 1} is not there any more. {_ANEW}")

    def _finish(self, ledger: Ledger) -> dict[str, Any]:
        """Put the output together. A kill in between leaves the ledger, from which the same is done again."""
        shape = Shape()
        for part in ledger.parts:
            shape.merge(Shape.from_dict(part.shape))
        with disk_errors(self.paths.output):
            with atomic_file(self.paths.rejected) as file:
                file.writelines(ledger.lines(rejected=True))
            assemble(ledger.lines(), shape, self.paths.output)
            record = self._record(ledger)
            write_record(record, self.paths.record)
        ledger.remove()
        return record

    def _record(self, ledger: Ledger) -> dict[str, Any]:
        parts = ledger.parts
        return {
            "settings": self.settings,
            "versions": versions(),
            "articles": sum(part.articles for part in parts),
            "paragraphs": sum(part.paragraphs for part in parts),
            "rejected": sum(part.rejected for part in parts),
            "duplicate_ids": self.reader.duplicate_ids,
            "passed_over": [str(path) for path in self.reader.passed_over],
            "seconds": round(sum(part.seconds for part in parts), 3),
            "parts": len(parts),
            "rows_digest": digest_of("".join(part.rows_digest for part in parts).encode()),
            "modified": [source.modified for source in self.reader.sources],
            "output_bytes": [path.stat().st_size for path in (self.paths.output, self.paths.rejected)],
        }

    def _report(self, record: Mapping[str, Any], *, resumed_parts: int, already_done: bool = False) -> RunReport:
        counts = ("articles", "paragraphs", "rejected", "duplicate_ids", "seconds", "parts")
        return RunReport(
            output=self.paths.output,
            rejected_file=self.paths.rejected,
            passed_over=tuple(record["passed_over"]),
            resumed_parts=resumed_parts,
            already_done=already_done,
            **{name: record[name] for name in counts},
        )


class _Tally:
    """Counts what is done, and tells."""

    def __init__(self, bytes_total: int, on_progress: Callable[[Progress], None]) -> None:
        self._now = Progress(0, 0, 0, 0, bytes_total)
        self._tell = on_progress

    def row(self, row: Located | Rejected, result: ArticleAnalysis | Rejected) -> None:
        """One more row is done."""
        if isinstance(result, Rejected):
            self._add(row, 0, 0, 1)
        else:
            self._add(row, 1, len(result.paragraphs), 0)

    def part(self, part: Part, last: Located | Rejected) -> None:
        """One more part, which ends with this row, was found done."""
        self._add(last, part.articles, part.paragraphs, part.rejected)

    def _add(self, row: Located | Rejected, articles: int, paragraphs: int, rejected: int) -> None:
        now = self._now
        self._now = Progress(
            articles=now.articles + articles,
            paragraphs=now.paragraphs + paragraphs,
            rejected=now.rejected + rejected,
            bytes_done=row.position if isinstance(row, Located) else now.bytes_done,
            bytes_total=now.bytes_total,
        )
        self._tell(self._now)


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
