"""Measure a model and pin its figures: floors that scores may not fall under, ceilings that errors may not pass.

    python scripts/set_floors.py [MODEL] [--lower] [--dry]

Measures the model (the shipped one where left out) on the project's own test set and on its swapped names, and writes
each floor a little under what was found, each ceiling a little above. A limit is only ever tightened; one that would
have to be loosened is refused, and nothing written, unless --lower is given.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from stance import Analyzer
from stance.training.evaluate import evaluate
from stance.training.quality import measure_invariance, read_swaps

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).parents[1]
FILE = ROOT / "tests" / "quality" / "floors.json"
DATA, SWAPS = ROOT / "data" / "test.jsonl", ROOT / "data" / "invariance.jsonl"

FLOORS = ("device_micro_f1", "device_macro_f1", "span_exact_micro_f1", "span_overlap_micro_f1", "stance_macro_f1")
CEILINGS = ("device_calibration_error", "stance_calibration_error", "names_moved_share", "names_sided_share")
MARGIN = 0.01
"""Room between a figure and its limit, for differences of hardware and rounding."""


@dataclass(frozen=True)
class Limits:
    """Figure → lowest value (floors) or highest value (ceilings), and the model on which they were set."""

    model: str
    floors: Mapping[str, float]
    ceilings: Mapping[str, float]

    @classmethod
    def read(cls, path: Path) -> Limits:
        """The limits in a file."""
        return cls(**json.loads(path.read_text(encoding="utf-8")))

    def write(self, path: Path) -> None:
        """Write them to a file."""
        path.write_text(json.dumps(asdict(self), indent=1) + "\n", encoding="utf-8")

    def broken(self, found: Mapping[str, float]) -> list[str]:
        """What does not keep to the limits, a line each with figure and limit."""
        low = [
            f"{name}: found {found[name]:.4f}, floor {at:.4f}" for name, at in self.floors.items() if found[name] < at
        ]
        high = [
            f"{name}: found {found[name]:.4f}, ceiling {at:.4f}"
            for name, at in self.ceilings.items()
            if found[name] > at
        ]
        return low + high


def measure(model: Path | None) -> tuple[str, dict[str, float]]:
    """Name and digest of the model, and the figures that have limits; a score of nothing is 0."""
    report = evaluate(model, DATA)
    scores = report.counts.scores(resamples=0)
    names = measure_invariance(Analyzer.load(model), read_swaps(SWAPS))
    figures = {name: estimate.value or 0.0 for name, estimate in scores.headline.items()}
    return report.model, figures | {"names_moved_share": names.moved_share, "names_sided_share": names.sided_share}


def limits_for(model: str, found: Mapping[str, float]) -> Limits:
    """Limits a little looser than the figures, with three decimals."""
    return Limits(
        model,
        {name: max(0.0, math.floor((found[name] - MARGIN) * 1000) / 1000) for name in FLOORS},
        {name: min(1.0, math.ceil((found[name] + MARGIN) * 1000) / 1000) for name in CEILINGS},
    )


def tightened(old: Limits, new: Limits) -> Limits:
    """The stricter of each limit; one that was not there before is taken over."""
    return Limits(
        new.model,
        {name: max(at, old.floors.get(name, at)) for name, at in new.floors.items()},
        {name: min(at, old.ceilings.get(name, at)) for name, at in new.ceilings.items()},
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", nargs="?", type=Path, help="model folder; the shipped one where left out")
    parser.add_argument("--lower", action="store_true", help="let limits be loosened")
    parser.add_argument("--dry", action="store_true", help="show, and write nothing")
    options = parser.parse_args()
    model, found = measure(options.model)
    new = limits_for(model, found)
    if FILE.exists() and not options.lower:
        old = Limits.read(FILE)
        if broken := old.broken(found):
            sys.exit("\n".join(["The model does not keep to the limits; nothing is written without --lower:", *broken]))
        new = tightened(old, new)
    for name, at in {**new.floors, **new.ceilings}.items():
        print(f"{name:<26} found {found[name]:.4f}  limit {at:.3f}")
    if not options.dry:
        new.write(FILE)


if __name__ == "__main__":
    main()
