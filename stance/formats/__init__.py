"""Articles in and analyses out: JSONL, JSON, CSV, Parquet, `datasets`, text and HTML.

Example:
    for article in read_articles(["news.jsonl", "archive/"]):   # Article, or Rejected with the reason
        ...
    write(analyses, "labels.parquet")                             # or .jsonl, .jsonl.gz, .jsonl.zst
    for analysis in read_analyses("labels.parquet"):
        ...
"""

from __future__ import annotations

from stance.formats.read import ArticleReader, read_articles
from stance.formats.records import article_from_bytes
from stance.formats.rows import Fields, Limits, Located, Rejected
from stance.formats.write import read_analyses, write

__all__ = [
    "ArticleReader",
    "Fields",
    "Limits",
    "Located",
    "Rejected",
    "article_from_bytes",
    "read_analyses",
    "read_articles",
    "write",
]
