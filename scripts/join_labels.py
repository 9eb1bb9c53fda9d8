"""Join stand-off labels with the articles that they belong to.

    python scripts/join_labels.py data/standoff.jsonl CORPUS OUT.jsonl

The labels of real articles lie in the project without the text, which belongs to its publishers: article id, index of
the first labelled paragraph, and for each paragraph its stances and device offsets (code points). This script puts
text and labels together in the record format of the annotation guidelines. CORPUS is a folder with `articles.jsonl.zst`
and text shards `NN-name.txt.zst` (one paragraph a line, an empty line between documents; document k of shard NN has
the id `NN:k`). Paragraphs whose digest differs from that of the labelled ones are an error, never a silent shift.
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

TITLE_CHARACTERS = 60
"""A document's first line is its title up to this length."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("labels", type=Path)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("out", type=Path)
    args = parser.parse_args()
    records = list(_lines(args.labels))
    articles = {article["id"]: article for article in _articles(args.corpus, {record["id"] for record in records})}
    found = [record for record in records if record["id"] in articles]
    with args.out.open("w", encoding="utf-8") as out:
        for record in found:
            out.write(json.dumps(joined(record, articles[record["id"]]), ensure_ascii=False) + "\n")
    print(f"{args.out}: {len(found)} excerpts; {len(records) - len(found)} labelled ones are not in {args.corpus}")


def _articles(corpus: Path, wanted: set[str]) -> Iterator[dict[str, Any]]:
    """The articles and documents of the corpus that are wanted."""
    yield from (a for a in _lines(corpus / "articles.jsonl.zst") if a["id"] in wanted)
    for shard in sorted(corpus.glob("[0-9][0-9]-*.txt.zst")):
        with zstandard.open(shard, "rt", encoding="utf-8") as file:
            for number, document in enumerate(file.read().split("\n\n")):
                if (name := f"{shard.name[:2]}:{number}") in wanted:
                    lines = [line for line in document.split("\n") if line.strip()]
                    title = lines[0] if len(lines[0]) <= TITLE_CHARACTERS else ""
                    yield {"id": name, "title": title, "genre": shard.name[3:-8], "paragraphs": lines}


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
