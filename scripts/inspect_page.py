"""What a model said of a page: stances over all paragraphs, and the devices on given words.

    stance analyze PAGE -t 美国 -t 中国 --format json > page.json
    python scripts/inspect_page.py page.json --words 改造高速公路 绑在美国自己身上的炸药

For each target, how many paragraphs are favor, against and neutral. For each of the words, every reported device with
a span on them: its probability, the span, and "exact" where the span is just these words.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from stance.errors import StanceError
from stance.results import ArticleAnalysis

if TYPE_CHECKING:
    from collections.abc import Iterator


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("analysis", type=Path, help="an article labelled by stance, as JSON")
    parser.add_argument("--words", nargs="+", default=[])
    options = parser.parse_args()
    try:
        analysis = ArticleAnalysis.from_dict(json.loads(options.analysis.read_text(encoding="utf-8")))
    except (OSError, ValueError, StanceError) as error:
        sys.exit(f"inspect_page.py: {options.analysis}: expected what `stance analyze --format json` wrote; {error}")
    print(f"{analysis.model}, {len(analysis.paragraphs)} paragraphs")
    for target in analysis.targets:
        counts = Counter(s.stance for p in analysis.paragraphs for s in p.stances if s.target == target)
        print(f"{target}: " + ", ".join(f"{stance} {counts[stance]}" for stance in ("favor", "against", "neutral")))
    for words in options.words:
        for line in devices_on(words, analysis):
            print(f"{words}: {line}")


def devices_on(words: str, analysis: ArticleAnalysis) -> Iterator[str]:
    """A line for each device with a span on the first occurrence of the words in each paragraph."""
    found = False
    for paragraph in analysis.paragraphs:
        start = paragraph.text.find(words)
        if start < 0:
            continue
        found = True
        spans = [(d, s) for d in paragraph.devices for s in d.spans if s.start < start + len(words) and start < s.end]
        for device, span in spans:
            kind = "exact" if span.text == words else f"span {span.text}"
            yield f"paragraph {paragraph.index}, {device.device} {device.probability:.2f}, {kind}"
        if not spans:
            yield f"paragraph {paragraph.index}, no device"
    if not found:
        yield "not in the page"


if __name__ == "__main__":
    main()
