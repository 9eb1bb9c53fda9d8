"""Articles to time: read from a file, or put together from the paragraphs of the project's own articles."""

from __future__ import annotations

import json
import random
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from stance.formats import ArticleReader, Rejected
from stance.results import Article

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["TARGETS", "cut", "generate", "read", "write"]

DATA = Path(__file__).parents[2] / "data"
TARGETS = (
    "中国",
    "美国",
    "日本",
    "欧盟",
    "俄罗斯",
    "印度",
    "英国",
    "法国",
    "德国",
    "韩国",
    "联合国",
    "台湾",
    "特朗普",
    "企业",
    "政府",
    "网民",
)
"""Sixteen targets, of two or three characters as most are."""


def generate(seed: int = 1) -> Iterator[Article]:
    """Articles without end: titles and 4 to 16 paragraphs drawn at random from the labelled ones in `data/`."""
    rows = [json.loads(line) for name in ("train", "dev", "test") for line in _lines(DATA / f"{name}.jsonl")]
    paragraphs = [paragraph for row in rows for paragraph in row["paragraphs"]]
    draw = random.Random(seed)
    for number in count():
        chosen = draw.choices(paragraphs, k=draw.randint(4, 16))
        yield Article.from_paragraphs(chosen, id=f"a{number}", title=draw.choice(rows)["title"])


def read(file: str) -> Iterator[Article]:
    """The articles of a file that `stance label` reads; rows that are none are passed over."""
    for row in ArticleReader([file]):
        if not isinstance(row, Rejected):
            yield row.article


def cut(articles: Iterator[Article], paragraphs: int) -> Iterator[Article]:
    """The first articles, until they have so many paragraphs."""
    seen = 0
    for article in articles:
        yield article
        seen += len(article.paragraphs or article.text.splitlines())
        if seen >= paragraphs:
            return


def write(articles: list[Article], file: Path) -> None:
    """As JSONL."""
    with file.open("w", encoding="utf-8") as lines:
        for article in articles:
            given = {"paragraphs": article.paragraphs} if article.paragraphs else {"text": article.text}
            lines.write(json.dumps({"id": article.id, "title": article.title, **given}, ensure_ascii=False) + "\n")


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines()
