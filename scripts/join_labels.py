"""Join stand-off labels with the articles that they belong to.

    python scripts/join_labels.py data/standoff.jsonl ARTICLES.jsonl[.zst] OUT.jsonl

The labels of real articles lie in the project without the text, which belongs to its publishers: article id, index of
the first labelled paragraph, and for each paragraph its length, stances and device offsets (code points). This script
puts text and labels together in the record format of the annotation guidelines. A paragraph whose length or digest
differs from the one that was labelled is an error, never a silent shift.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import zstandard

if TYPE_CHECKING:
    from collections.abc import Iterator


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("labels", type=Path)
    parser.add_argument("articles", type=Path)
    parser.add_argument("out", type=Path)
    args = parser.parse_args()
    articles = {article["id"]: article for article in _lines(args.articles)}
    missing = 0
    with args.out.open("w", encoding="utf-8") as out:
        for record in _lines(args.labels):
            if record["id"] not in articles:
                missing += 1
                continue
            out.write(json.dumps(joined(record, articles[record["id"]]), ensure_ascii=False) + "\n")
    written = sum(1 for _ in _lines(args.out))
    print(f"{args.out}: {written} articles; {missing} labelled ones are not in {args.articles}")


def joined(record: dict[str, Any], article: dict[str, Any]) -> dict[str, Any]:
    """The article's labelled paragraphs with their labels, as one annotation record."""
    first = record["first"]
    paragraphs = article["paragraphs"][first : first + len(record["labels"])]
    if digest(paragraphs) != record["digest"]:
        count = len(record["labels"])
        sys.exit(f"{record['id']}: expected the {count} paragraphs that were labelled, found other text.")
    labels = [
        {
            "stance": label["stance"],
            "devices": [_reference(text, device, start, end) for device, start, end in label["devices"]],
        }
        for text, label in zip(paragraphs, record["labels"], strict=True)
    ]
    own = {k: record[k] for k in ("id", "targets", "article_stance")}
    about = {k: article[k] for k in ("title", "source", "date", "genre", "topic") if k in article}
    return own | about | {"paragraphs": paragraphs, "labels": labels}


def digest(paragraphs: list[str]) -> str:
    """Short digest of the labelled text."""
    return hashlib.sha256("\n".join(paragraphs).encode()).hexdigest()[:12]


def _reference(text: str, device: str, start: int, end: int) -> list[Any]:
    words = text[start:end]
    places = [i for i in range(len(text)) if text.startswith(words, i)]
    nth = places.index(start)
    return [device, words, nth] if nth else [device, words]


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    opener = zstandard.open(path, "rt", encoding="utf-8") if path.suffix == ".zst" else path.open(encoding="utf-8")
    with opener as file:
        for line in file:
            yield json.loads(line)


if __name__ == "__main__":
    main()
