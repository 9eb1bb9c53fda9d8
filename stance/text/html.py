"""The article in a web page."""

from __future__ import annotations

import logging
import re
from copy import deepcopy
from functools import cache
from typing import TYPE_CHECKING, Any

from stance.errors import InputError
from stance.results import Article
from stance.text.segment import segment

if TYPE_CHECKING:
    from configparser import ConfigParser

__all__ = ["article_from_html", "looks_like_html"]

_HEAD = 2_000
"""Characters in which a page shows that it is one."""
_DOCUMENT = re.compile(
    r"\s*(?:<\?xml[^>]*>|<!--.*?-->|\s)*<(?:!doctype\s+html|html|head|body)\b", re.IGNORECASE | re.DOTALL
)
_FRAGMENT = re.compile(r"\s*<(article|main|section|div|p|h[1-6])\b[^<>]*>.*?</\1\s*>", re.IGNORECASE | re.DOTALL)

_AUTHOR = re.compile(r"""<meta\s+name=["']author["']\s+content=["']([^"'<>]{1,60})["']""", re.IGNORECASE)
"""Trafilatura passes over authors whose name has no space in it, as Chinese names have none."""

_METADATA = {"date": "date", "author": "author", "sitename": "site"}
"""Attribute of what trafilatura finds, and the article's further column for it."""


def looks_like_html(text: str) -> bool:
    """Whether a text is a web page or a piece of one, by how it begins. A tag within plain text does not count."""
    head = text[:_HEAD].lstrip("\ufeff")
    return bool(_DOCUMENT.match(head) or _FRAGMENT.match(head))


def article_from_html(html: str, *, id: str = "", where: str = "") -> Article:
    """The article in a page: its title as the first line of the text, then a line a paragraph or heading.

    Date, author and site name come as further columns `date`, `author` and `site`, where the page tells them. Site
    chrome that is left in the text is dropped later, by `stance.text.segment.segment`, as from any raw text.

    Args:
        html: the page.
        id: identifier of the article.
        where: names the page in the error message.

    Raises:
        InputError: the page has no article.
    """
    document = _extract(html) if html.strip() else None
    title = " ".join((document.title or "").split()) if document else ""
    lines = _lines(document.text or "") if document else []
    if title and title not in lines[:3]:
        lines.insert(0, title)
    article = Article("\n".join(lines), id=id, title=title, extra=_metadata(document, html))
    if not any(p.kind == "body" and re.search(r"[。！？!?；.]", p.text) for p in segment(article).paragraphs):
        raise InputError(
            f"{where or 'HTML page'}: expected a page with an article; found no paragraph of text in "
            f"{len(html)} characters. Give a page that holds the article itself, or its text."
        )
    return article


def _lines(text: str) -> list[str]:
    """Paragraphs of extracted text, white space squeezed, the marks of list items left out."""
    lines = (" ".join(line.split()) for line in text.split("\n"))
    return [line.removeprefix("- ") for line in lines if line]


def _metadata(document: Any, html: str) -> dict[str, str]:
    found = {column: value for name, column in _METADATA.items() if (value := getattr(document, name, None))}
    author = _AUTHOR.search(html)
    if author and author.group(1).strip():
        found.setdefault("author", author.group(1).strip())
    return found


def _extract(html: str) -> Any:
    """What trafilatura finds in a page, None where that is nothing."""
    from trafilatura import bare_extraction  # noqa: PLC0415  (takes a second: on first use)

    return bare_extraction(html, include_comments=False, with_metadata=True, config=_settings())


@cache
def _settings() -> ConfigParser:
    """Trafilatura's settings for Chinese, which says as much in a third of the characters."""
    from trafilatura.settings import DEFAULT_CONFIG  # noqa: PLC0415

    # Without a handler of its own, what trafilatura says of broken pages would go to the terminal.
    logging.getLogger("trafilatura").addHandler(logging.NullHandler())
    config: ConfigParser = deepcopy(DEFAULT_CONFIG)
    for name in ("MIN_EXTRACTED_SIZE", "MIN_OUTPUT_SIZE"):
        config["DEFAULT"][name] = str(config.getint("DEFAULT", name) // 3)
    return config
