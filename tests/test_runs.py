"""Batch runs: nothing lost, nothing mixed, and the same bytes whatever breaks them off."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from fake_analyzer import FakeAnalyzer

from stance import InputError, RunError
from stance.formats import ArticleReader, Fields, Limits, Located, read_analyses
from stance.runs import label, lock

TESTS = Path(__file__).parent
ROWS = 23
BAD_LINES = {5: '{"id": "bad", "title": "no text"}', 12: "{broken", 13: '{"id": "chrome", "text": "广告：买一送一"}'}

BROKEN_OFF = """
import os, signal, sys
sys.path.insert(0, sys.argv[1])
from fake_analyzer import FakeAnalyzer
from stance.runs import label

where, countdown = sys.argv[4], int(sys.argv[5])
os.fsync = lambda descriptor: None  # a kill, unlike a power cut, loses nothing that was written

def die():
    global countdown
    countdown -= 1
    if countdown < 0:
        os.kill(os.getpid(), signal.SIGKILL)

def before(function):
    def call(*args, **kwargs):
        die()
        return function(*args, **kwargs)
    return call

def torn_write(function):
    def call(descriptor):
        # what a kill in the middle of the write of a line leaves in the file
        name = os.readlink(f"/proc/self/fd/{descriptor}")
        global countdown
        if name.endswith("ledger.jsonl"):
            if countdown <= 0:
                os.truncate(name, os.path.getsize(name) - 9)
            die()
        return function(descriptor)
    return call

if where == "fsync":
    os.fsync = before(os.fsync)
elif where == "rename":
    import pathlib
    pathlib.Path.replace = before(pathlib.Path.replace)
elif where == "unlink":
    import pathlib
    pathlib.Path.unlink = before(pathlib.Path.unlink)
elif where == "ledger":
    os.fsync = torn_write(os.fsync)
hook = (lambda article: die()) if where == "article" else (lambda article: None)

def run(output):
    near = float(sys.argv[7]) or None
    options = {"targets": ["甲"], "part_articles": int(sys.argv[6]), "near_duplicates": near}
    label([sys.argv[2]], output, FakeAnalyzer(before_article=hook), **options)

if countdown >= 0:
    run(sys.argv[3])
else:
    from stance.duplicates import signature
    signature("")  # what is slow to import is imported once
    # one child after the other, each killed one step later, until one runs through
    for step in range(500):
        os.mkdir(f"{sys.argv[3]}/{step}")
        countdown = step
        if os.fork() == 0:
            run(f"{sys.argv[3]}/{step}/out.jsonl")
            os._exit(0)
        if os.wait()[1] == 0:
            break
"""


@pytest.fixture(autouse=True)
def quick_disk(monkeypatch):
    """A kill, unlike a power cut, loses nothing that was written: these tests need not wait for the disk."""
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)


@pytest.fixture
def news(tmp_path):
    """Twenty-three rows: three of them bad, one id twice, further columns."""
    lines = []
    for n in range(1, ROWS + 1):
        row = {"id": f"n{min(n, 22)}", "text": f"第{n}段称赞石磨。\n指责第二段。", "source": f"报{n}", "n": n}
        lines.append(BAD_LINES.get(n, json.dumps(row, ensure_ascii=False)))
    path = tmp_path / "news.jsonl"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def run(news, output, **options):
    options = {"targets": ["甲"], "part_articles": 4, "near_duplicates": None, **options}
    analyzer = options.pop("analyzer", None) or FakeAnalyzer()
    return label([news], output, analyzer, **options)


def files(folder):
    """Names and contents, but for the record with its times."""
    return {p.name: p.read_bytes() for p in folder.iterdir() if p.is_file() and not p.name.endswith(".run.json")}


@pytest.mark.parametrize("name", ["out.jsonl", "out.jsonl.gz", "out.parquet"])
def test_every_row_ends_up_in_exactly_one_file(tmp_path, news, name):
    report = run(news, tmp_path / name)
    assert (report.articles, report.paragraphs, report.rejected, report.duplicate_ids) == (20, 40, 3, 1)
    assert (report.parts, report.resumed_parts, report.already_done) == (6, 0, False)
    labelled = list(read_analyses(tmp_path / name))
    assert [a.extra["n"] for a in labelled] == [n for n in range(1, ROWS + 1) if n not in BAD_LINES]
    expected = FakeAnalyzer().analyze_many(articles_of(news), ["甲"])
    assert labelled == list(expected)
    rejected = [json.loads(line) for line in (tmp_path / f"{name}.rejected.jsonl").read_text().splitlines()]
    assert [(r["line"], r["id"]) for r in rejected] == [(5, "bad"), (12, ""), (13, "chrome")]
    assert all(r["file"] == str(news) for r in rejected)
    assert rejected[0]["reason"] == "no field 'text' (found: id, title). Name it with --text-field."
    assert rejected[1]["row"] == "{broken"
    assert rejected[2]["reason"] == "no paragraph is left to label. No paragraph was found."
    assert rejected[2]["row"]["text"] == "广告：买一送一"
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(
        ["news.jsonl", name, f"{name}.rejected.jsonl", f"{name}.run.json"]
    )


def articles_of(news):
    return [row.article for row in ArticleReader([news]) if isinstance(row, Located) and row.article.id != "chrome"]


def test_the_output_does_not_depend_on_the_size_of_parts(tmp_path, news):
    for size in (1, 7, 500):
        run(news, tmp_path / f"o{size}.parquet", part_articles=size)
        run(news, tmp_path / f"o{size}.jsonl", part_articles=size)
    for kind in ("parquet", "jsonl"):
        assert len({(tmp_path / f"o{size}.{kind}").read_bytes() for size in (1, 7, 500)}) == 1


def test_the_record_says_what_was_done(tmp_path, news):
    run(news, tmp_path / "out.jsonl")
    record = json.loads((tmp_path / "out.jsonl.run.json").read_text())
    assert record["settings"]["model"] == "fake@0123abcd"
    assert record["settings"]["targets"] == ["甲"]
    assert record["settings"]["inputs"] == [[str(news), news.stat().st_size]]
    assert (record["articles"], record["paragraphs"], record["rejected"]) == (20, 40, 3)
    assert record["seconds"] >= 0
    assert "python" in record["versions"]


def broken_off(news, output, where, countdown, part_articles=4, near_duplicates=0):
    command = [
        sys.executable,
        "-c",
        BROKEN_OFF,
        str(TESTS),
        str(news),
        str(output),
        where,
        str(countdown),
        str(part_articles),
        str(near_duplicates),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.stderr == ""
    return done.returncode == -9


KILLS = [
    ("article", 10),  # in the third part
    ("ledger", 2),  # while the ledger's line is written
    ("rename", 14),  # rejected rows in place, labels not
    ("unlink", 4),  # all is done, the parts are half deleted
]


@pytest.mark.skipif(os.name == "nt", reason="needs SIGKILL")
@pytest.mark.parametrize(("where", "countdown"), KILLS)
def test_a_kill_at_any_point_changes_no_byte(tmp_path, news, where, countdown):
    name = "whole.parquet" if (where, countdown) == ("rename", 14) else "whole.jsonl"
    run(news, tmp_path / name)
    (tmp_path / "killed").mkdir()
    output = tmp_path / "killed" / name
    assert broken_off(news, output, where, countdown)
    analyzer = FakeAnalyzer()
    report = run(news, output, analyzer=analyzer)
    assert (report.articles, report.rejected) == (20, 3)
    assert files(output.parent) == {k: v for k, v in files(tmp_path).items() if k != "news.jsonl"}
    assert not (tmp_path / "killed" / f"{name}.parts").exists()
    assert report.already_done == (where == "unlink")
    left = [line for line in range(4 * report.resumed_parts + 1, ROWS + 1) if line not in (5, 12)]
    assert len(analyzer.seen) == len(left)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork and SIGKILL")
@pytest.mark.parametrize("where", ["article", "fsync", "rename", "unlink", "ledger"])
def test_a_kill_at_every_single_point(tmp_path, news, where):
    options = {"part_articles": 8, "near_duplicates": 0.3}
    run(news, tmp_path / "out.jsonl", **options)
    expected = {k: v for k, v in files(tmp_path).items() if k != "news.jsonl"}
    assert b'"duplicate_of": "n' in expected["out.jsonl"]
    (tmp_path / "killed").mkdir()
    broken_off(news, tmp_path / "killed", where, -1, **options)
    folders = sorted((tmp_path / "killed").iterdir(), key=lambda folder: int(folder.name))
    assert 3 < len(folders) < 500
    assert files(folders[-1]) == expected
    for folder in folders[:-1]:
        run(news, folder / "out.jsonl", **options)
        assert files(folder) == expected


@pytest.mark.skipif(os.name == "nt", reason="needs SIGKILL")
def test_kill_after_kill_comes_to_an_end(tmp_path, news):
    run(news, tmp_path / "out.jsonl")
    (tmp_path / "k").mkdir()
    kills = 0
    while broken_off(news, tmp_path / "k" / "out.jsonl", "article", 8):  # two parts further each time
        kills += 1
    assert kills == 2
    assert files(tmp_path / "k") == {k: v for k, v in files(tmp_path).items() if k != "news.jsonl"}


def stopped(news, output, after=9, **options):
    """A run that was broken off in the third part."""
    seen = []

    def stop(article):
        seen.append(article)
        if len(seen) > after:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(news, output, analyzer=FakeAnalyzer(before_article=stop), **options)


def test_a_finished_run_does_nothing_when_repeated(tmp_path, news):
    run(news, tmp_path / "out.jsonl")
    before = {p: (p.stat().st_mtime_ns, p.read_bytes()) for p in tmp_path.iterdir()}
    analyzer = FakeAnalyzer()
    report = run(news, tmp_path / "out.jsonl", analyzer=analyzer)
    assert report.already_done
    assert (report.articles, report.rejected) == (20, 3)
    assert "was complete already" in report.lines()[0]
    assert analyzer.seen == []
    assert {p: (p.stat().st_mtime_ns, p.read_bytes()) for p in tmp_path.iterdir()} == before


@pytest.mark.parametrize("finished", [True, False])
@pytest.mark.parametrize(
    ("options", "part"),
    [
        ({"analyzer": FakeAnalyzer("other@1")}, "model was fake@0123abcd, is now other@1"),
        ({"targets": ["乙"]}, 'targets was ["甲"], is now ["乙"]'),
        ({"part_articles": 5}, "part_articles was 4, is now 5"),
        ({"fields": Fields(id="n")}, '"id": "n"'),
        ({"limits": Limits(max_characters=9)}, '"max_characters": 9'),
    ],
)
def test_other_settings_are_not_mixed(tmp_path, news, options, part, finished):
    output = tmp_path / "out.jsonl"
    run(news, output) if finished else stopped(news, output)
    before = {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    with pytest.raises(RunError) as caught:
        run(news, output, **options)
    assert part in str(caught.value)
    assert "Choose another output name, or begin anew with --restart." in str(caught.value)
    assert {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()} == before


def change(news, old, new, line):
    lines = news.read_text(encoding="utf-8").splitlines(keepends=True)
    assert old in lines[line - 1]
    lines[line - 1] = lines[line - 1].replace(old, new)
    news.write_text("".join(lines), encoding="utf-8")


@pytest.mark.parametrize("finished", [True, False])
def test_changed_input_is_not_mixed(tmp_path, news, finished):
    output = tmp_path / "out.jsonl"
    run(news, output) if finished else stopped(news, output)
    change(news, "称赞", "指责", 2)  # as many bytes as before
    os.utime(news, ns=(1, 1))
    with pytest.raises(RunError, match="input"):
        run(news, output)
    change(news, "指责石磨", "很长的一段", 2)
    with pytest.raises(RunError, match="inputs was"):
        run(news, output)


def test_input_that_was_only_touched_is_the_same_input(tmp_path, news):
    run(news, tmp_path / "out.jsonl")
    os.utime(news, ns=(1, 1))
    assert run(news, tmp_path / "out.jsonl").already_done


def test_input_not_yet_read_may_not_vanish(tmp_path, news):
    stopped(news, tmp_path / "out.jsonl")
    text = news.read_text(encoding="utf-8")
    cut = "".join(text.splitlines(keepends=True)[:3])
    news.write_text(cut + " " * (len(text.encode()) - len(cut.encode()) - 1) + "\n", encoding="utf-8")
    with pytest.raises(RunError, match="the input of part 1 is not what it was"):
        run(news, tmp_path / "out.jsonl")


def test_restart_begins_anew_and_replaces_the_output_at_the_end(tmp_path, news):
    output = tmp_path / "out.jsonl"
    run(news, output)
    first = output.read_bytes()
    stopped(news, output, targets=["乙"], restart=True)
    assert output.read_bytes() == first
    report = run(news, output, targets=["乙"])
    assert report.resumed_parts == 2
    assert [a.targets for a in read_analyses(output)] == [("乙",)] * 20
    run(news, output, restart=True)
    assert output.read_bytes() == first


@pytest.mark.parametrize("damage", ["truncate", "delete", "foreign byte"])
def test_damaged_parts_are_made_again(tmp_path, news, damage):
    run(news, tmp_path / "out.jsonl")
    expected = (tmp_path / "out.jsonl").read_bytes()
    stopped(news, tmp_path / "o.jsonl", after=15)
    part = tmp_path / "o.jsonl.parts" / "part-000001.jsonl"
    if damage == "truncate":
        part.write_bytes(part.read_bytes()[:-7])
    elif damage == "delete":
        part.unlink()
    else:
        part.write_bytes(part.read_bytes().replace(b"0.75", b"0.76", 1))
    assert run(news, tmp_path / "o.jsonl").resumed_parts == 1
    assert (tmp_path / "o.jsonl").read_bytes() == expected


def test_parts_of_another_version_are_made_again(tmp_path, news):
    stopped(news, tmp_path / "out.jsonl")
    ledger = tmp_path / "out.jsonl.parts" / "ledger.jsonl"
    ledger.write_bytes(ledger.read_bytes().replace(b'"hardware": ', b'"device": '))
    assert run(news, tmp_path / "out.jsonl").resumed_parts == 0


def test_a_torn_line_of_the_ledger_is_written_over(tmp_path, news):
    stopped(news, tmp_path / "out.jsonl")
    ledger = tmp_path / "out.jsonl.parts" / "ledger.jsonl"
    ledger.write_bytes(ledger.read_bytes()[:-9])
    stopped(news, tmp_path / "out.jsonl", after=9)  # parts 1 and 2 are made, 3 is not
    assert all(json.loads(line) for line in ledger.read_bytes().splitlines())
    assert run(news, tmp_path / "out.jsonl").resumed_parts == 3


def test_a_file_of_the_user_is_never_replaced(tmp_path, news):
    output = tmp_path / "out.jsonl"
    output.write_text("mine")
    for restart in (False, True):
        with pytest.raises(RunError, match=r"is of no run of `stance label`\. Move it away"):
            run(news, output, restart=restart)
    assert output.read_text() == "mine"
    output.unlink()
    (tmp_path / "out.jsonl.parts").mkdir()
    (tmp_path / "out.jsonl.parts" / "thesis.doc").write_text("mine")
    with pytest.raises(RunError, match=r"found other files \(thesis\.doc\)"):
        run(news, output)
    (tmp_path / "out.jsonl.parts" / "thesis.doc").unlink()
    (tmp_path / "out.jsonl.run.json").write_text("[1]")
    with pytest.raises(RunError, match="expected the record of a run"):
        run(news, output)


def test_a_foreign_file_among_the_parts_stays(tmp_path, news):
    stopped(news, tmp_path / "out.jsonl")
    note = tmp_path / "out.jsonl.parts" / "note.txt"
    note.write_text("mine")
    run(news, tmp_path / "out.jsonl")
    assert [p.name for p in note.parent.iterdir()] == ["note.txt"]


def test_a_finished_output_that_was_edited_is_not_called_done(tmp_path, news):
    run(news, tmp_path / "out.jsonl")
    with (tmp_path / "out.jsonl").open("a") as file:
        file.write("\n")
    with pytest.raises(RunError, match="bytes when its run was complete"):
        run(news, tmp_path / "out.jsonl")


def test_input_and_output_are_kept_apart(tmp_path, news):
    with pytest.raises(RunError, match="both input and output"):
        label([news], news, FakeAnalyzer())
    with pytest.raises(RunError, match="would be among the input"):
        label([tmp_path], tmp_path / "out.jsonl", FakeAnalyzer())
    with pytest.raises(RunError, match="would be among the input"):
        label([str(tmp_path / "*.jsonl")], tmp_path / "out.jsonl", FakeAnalyzer())
    with pytest.raises(InputError, match=r"unknown kind of output '\.csv'"):
        label([news], tmp_path / "out.csv", FakeAnalyzer())
    assert [p.name for p in tmp_path.iterdir()] == ["news.jsonl"]


def test_only_one_process_writes_an_output(tmp_path, news):
    output = tmp_path / "out.jsonl"

    def second(article):
        with pytest.raises(RunError, match=f"process {os.getpid()} is writing this output"):
            run(news, output)

    run(news, output, analyzer=FakeAnalyzer(before_article=second))
    assert output.exists()


def test_a_lock_left_behind_is_taken_over(tmp_path, news):
    (tmp_path / "out.jsonl.lock").write_text("1\n")  # process 1 lives, but holds nothing
    assert run(news, tmp_path / "out.jsonl").articles == 20
    assert not (tmp_path / "out.jsonl.lock").exists()


def test_a_lock_deleted_by_its_holder_in_between_is_not_taken_for_held(tmp_path, monkeypatch):
    path = tmp_path / "out.jsonl.lock"
    real, calls = lock._try_lock, []

    def late(descriptor):
        if not calls:
            path.unlink()  # its holder ends after we opened the file and before we lock it
        calls.append(descriptor)
        return real(descriptor)

    monkeypatch.setattr(lock, "_try_lock", late)
    with lock.output_lock(path):
        monkeypatch.undo()
        with pytest.raises(RunError, match="is writing this output"), lock.output_lock(path):
            pass
    assert len(calls) == 2


def test_a_full_disk_stops_the_run_and_keeps_what_is_done(tmp_path, news, monkeypatch):
    output = tmp_path / "out.jsonl"
    real, calls = os.fsync, []

    def full(descriptor):
        calls.append(descriptor)
        if len(calls) > 14:
            raise OSError(28, "No space left on device")
        real(descriptor)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(RunError, match=r"cannot be written \(No space left on device\)\. Free some room"):
        run(news, output)
    monkeypatch.undo()
    assert not list(tmp_path.rglob("*.tmp"))
    report = run(news, output)
    assert 0 < report.resumed_parts < 6
    run(news, tmp_path / "whole.jsonl")
    assert output.read_bytes() == (tmp_path / "whole.jsonl").read_bytes()


def test_an_output_folder_that_is_not_there_or_may_not_be_written(tmp_path, news):
    with pytest.raises(InputError, match="there is no folder"):
        run(news, tmp_path / "gone" / "out.jsonl")
    with pytest.raises(RunError, match="cannot be written"):
        run(news, Path("/proc/out.jsonl"))


def test_errors_of_the_analyzer_pass_and_the_parts_stay(tmp_path, news):
    def fail(article):
        if article.id == "n14":
            raise OSError(5, "the GPU fell off")

    with pytest.raises(OSError, match="the GPU fell off"):
        run(news, tmp_path / "out.jsonl", analyzer=FakeAnalyzer(before_article=fail))
    assert run(news, tmp_path / "out.jsonl").resumed_parts == 3


def test_progress_counts_up_to_the_end(tmp_path, news):
    seen = []
    run(news, tmp_path / "out.jsonl", on_progress=seen.append)
    assert len(seen) == ROWS
    assert [p.articles + p.rejected for p in seen] == list(range(1, ROWS + 1))
    assert seen[-1].paragraphs == 40
    assert [p.bytes_done for p in seen] == sorted(p.bytes_done for p in seen)
    assert seen[-1].bytes_done == seen[-1].bytes_total == news.stat().st_size


def test_part_articles_must_be_positive(tmp_path, news):
    with pytest.raises(ValueError, match="at least 1, found 0"):
        run(news, tmp_path / "out.jsonl", part_articles=0)


def test_an_analyzer_that_loses_an_article_is_found_out(tmp_path, news):
    class Lossy(FakeAnalyzer):
        def analyze_many(self, articles, targets=None):
            yield from super().analyze_many(list(articles)[:-1], targets)

    with pytest.raises(RuntimeError, match="one analysis an article, in order; lost 'n4'"):
        run(news, tmp_path / "out.jsonl", analyzer=Lossy())
