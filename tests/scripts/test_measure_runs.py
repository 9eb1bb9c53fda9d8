"""What a corpus run costs beside the network, measured on a handful of paragraphs."""

from __future__ import annotations

import importlib
import re
import sys
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parents[2] / "scripts"
if not (SCRIPTS / "measure_runs.py").is_file():
    pytest.skip("installed without its scripts", allow_module_level=True)
sys.path.insert(0, str(SCRIPTS))
measure_runs = importlib.import_module("measure_runs")
sys.path.pop(0)


def test_time_a_paragraph_and_memory_are_printed(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["measure_runs.py", "--paragraphs", "40", "--per-article", "4"])
    measure_runs.main()
    first, times, memory = capsys.readouterr().out.splitlines()
    assert first == "40 paragraphs in 10 articles, near-duplicates 0.8:"
    assert re.fullmatch(r"  run \d+\.\d s, fake network alone 0\.0 s: the run adds \d+ µs a paragraph", times)
    assert re.fullmatch(r"  memory after each tenth, MB: \d+( \d+)*; at the end \d+", memory)
