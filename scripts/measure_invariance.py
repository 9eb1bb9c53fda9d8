"""Count the stances that move when a neutral report is about another name.

    python scripts/measure_invariance.py [MODEL] [--data data/invariance.jsonl] [--moves]

Prints, for each kind of name and in all: reports with another name in them, stances compared, how many of them moved,
and the share of stances that are not neutral though the reports are.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from stance import Analyzer
from stance.training.quality import measure_invariance, read_swaps

if TYPE_CHECKING:
    from stance.training.quality import Invariance

DATA = Path(__file__).parents[1] / "data" / "invariance.jsonl"


def row(kind: str, found: Invariance) -> str:
    swaps = len({(move.case.id, move.other) for move in found.stances})
    moved = f"{len(found.moved):>6} ({found.moved_share:.1%})"
    return f"{kind:<14}{swaps:>6}{len(found.stances):>9}{moved:>16}{found.sided_share:>12.1%}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", nargs="?", type=Path, help="model folder; the shipped one where left out")
    parser.add_argument("--data", type=Path, default=DATA, help="reports with names to swap, JSONL")
    parser.add_argument("--moves", action="store_true", help="show every stance that moved")
    options = parser.parse_args()
    analyzer = Analyzer.load(options.model)
    found = measure_invariance(analyzer, read_swaps(options.data))
    print(analyzer.model_id)
    print(f"{'':<14}{'swaps':>6}{'stances':>9}{'moved':>16}{'not neutral':>12}")
    for kind, part in found.by_kind().items():
        print(row(kind, part))
    print(row("all", found))
    for move in found.moved if options.moves else ():
        text = move.case.paragraphs[move.paragraph]
        print(f"{move.case.id} {move.case.name} → {move.other}, {move.target}: {move.before} → {move.after}: {text}")


if __name__ == "__main__":
    main()
