"""Kills at random times, full disks and disks that may not be written: real ones, from outside the process."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
KILLS = 20

RUN = """
import sys
sys.path.insert(0, sys.argv[1])
from fake_analyzer import FakeAnalyzer
from stance import RunError
from stance.duplicates import signature
from stance.runs import label

signature("")  # what is slow to import is imported before the first child is made

def run(output):
    return label([sys.argv[2]], output, FakeAnalyzer(), part_articles=5, near_duplicates=0.5)
"""
FORKS = """
import os
for line in sys.stdin:  # an output to write in a child of its own, which the test may kill
    child = os.fork()
    if child == 0:
        run(line.strip())
        os._exit(0)
    print(child, flush=True)
    sys.stdin.readline()  # until then it can be killed, also where it is done
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


@pytest.fixture
def news(tmp_path):
    """Forty rows, some of them bad, some copies, ids met before."""
    bad = {7: "{", 21: '{"id": "b"}'}
    rows = [{"id": f"n{n % 33}", "text": f"第{n % 29}篇称赞石磨，说得很长。\n指责它。"} for n in range(40)]
    lines = [bad.get(n, json.dumps(row, ensure_ascii=False)) for n, row in enumerate(rows)]
    path = tmp_path / "news.jsonl"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def files(folder):
    return {p.name: p.read_bytes() for p in folder.iterdir() if not p.name.endswith(".run.json")}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork and SIGKILL")
def test_kills_at_random_times_change_no_byte(tmp_path, news):
    command = [sys.executable, "-c", RUN + FORKS, str(TESTS), str(news)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1) as process:

        def run(folder, seconds=None):
            """Exit code of a run that is killed after so many seconds, or not."""
            folder.mkdir(exist_ok=True)
            process.stdin.write(f"{folder / 'out.jsonl'}\n")
            child = int(process.stdout.readline())
            if seconds is not None:
                time.sleep(seconds)
                os.kill(child, signal.SIGKILL)
            process.stdin.write("\n")
            return int(process.stdout.readline())

        assert run(tmp_path / "warm") == 0
        began = time.perf_counter()
        assert run(tmp_path / "whole") == 0
        duration = time.perf_counter() - began
        expected = files(tmp_path / "whole")
        assert b'"duplicate_of": "n' in expected["out.jsonl"]
        chance = random.Random(20)
        kills = outputs = 0
        while kills < KILLS:
            folder = tmp_path / f"killed{outputs}"
            assert outputs < 10 * KILLS
            outputs += 1
            while (code := run(folder, chance.uniform(0, duration))) != 0:  # until one comes through
                assert code == -signal.SIGKILL
                kills += 1
                if chance.random() < 0.5:
                    assert run(folder) == 0
                    break
            assert files(folder) == expected
        process.stdin.close()


MOUNTED = """
mkdir -p "$1" && mount -t tmpfs -o size="$2" stance-test "$1" || exit 77
shift 2
exec "$@"
"""
FULL = """
import os
output = sys.argv[3]
try:
    run(output)
except RunError as error:
    print(error)
parts = sorted(os.listdir(output + ".parts"))
print(*parts)
if len(sys.argv) > 4:
    os.unlink(sys.argv[4])
report = run(output)
print(report.resumed_parts, report.articles, report.rejected)
print(open(output, encoding="utf-8").read(), end="")
"""
READ_ONLY = """
import os
output = sys.argv[3]
run(output)
before = open(output, "rb").read()
os.system(f"mount -o remount,ro {os.path.dirname(output)}")
for name in (output, output + ".other.jsonl"):
    try:
        run(name)
    except RunError as error:
        print(error)
print(open(output, "rb").read() == before)
"""


def in_mount(folder, size, script, *arguments):
    """What a script prints that runs with a small disk of its own at a folder; skips where none may be mounted."""
    if shutil.which("unshare") is None:
        pytest.skip("unshare is not installed")
    command = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", MOUNTED, "sh", str(folder), size]
    command += [sys.executable, "-c", RUN + script, str(TESTS), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    if done.returncode == 77 or "unshare" in done.stderr:
        pytest.skip(f"no disk may be mounted here: {done.stderr.strip()}")
    assert done.stderr == ""
    return done.stdout


def test_a_full_disk_stops_the_run_and_room_lets_it_go_on(tmp_path, news):
    disk = tmp_path / "disk"
    fill = "open(sys.argv[4], 'wb').write(bytes(190_000))\n"
    out = in_mount(disk, "260k", fill + FULL, news, disk / "out.jsonl", disk / "ballast")
    message, parts, counts, *lines = out.split("\n", 3)
    assert "cannot be written (No space left on device). Free some room" in message
    assert "finished parts are kept" in message
    assert "ledger.jsonl" in parts
    resumed, articles, rejected = map(int, counts.split())
    assert (articles, rejected) == (38, 2)
    assert 0 < resumed < 8
    subprocess.run(
        [sys.executable, "-c", RUN + "run(sys.argv[3])", str(TESTS), str(news), str(tmp_path / "whole.jsonl")],
        check=True,
    )
    assert lines == [(tmp_path / "whole.jsonl").read_text("utf-8")]


def test_a_disk_that_may_not_be_written_gives_one_clear_error_and_stays_as_it_is(tmp_path, news):
    out = in_mount(tmp_path / "disk", "1m", READ_ONLY, news, tmp_path / "disk" / "out.jsonl")
    *messages, same = out.splitlines()
    assert len(messages) == 2
    for message in messages:
        assert "cannot be written (Read-only file system). Free some room or mend the permissions" in message
    assert same == "True"
