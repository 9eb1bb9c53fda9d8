"""What the page of a corpus says of itself: what was drawn by lot or left out, and how to read its charts."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stance.schema import Label

__all__ = ["OVER_TIME", "Words", "by_source", "copies", "lines", "listed", "pages", "texts"]


class Words(NamedTuple):
    """A sentence of the page in both languages."""

    english: str
    chinese: str


OVER_TIME = Words(
    "▲ favor, whole line; ▼ against, dashed; share of paragraphs. Vertical lines: 95% interval, from 5 articles on.",
    "▲支持为实线，▼反对为虚线；占段落的比例。竖线为95%区间，至少5篇。",
)


def by_source(shown: int, sources: int) -> Words:
    """How to read the chart of sources, and how many of them it leaves out."""
    rest = Words("", "")
    if shown < sources:
        rest = Words(
            f" The {shown} sources of most articles, of {sources}.", f"文章最多的{shown}个来源，共{sources}个。"
        )
    return Words(
        "▲ favor to the right; ▼ against to the left, hatched; share of paragraphs. In brackets: articles. "
        f"Lines: 95% interval, from 5 articles on.{rest.english}",
        f"▲支持向右，▼反对向左（斜线）；占段落的比例。括号内为篇数，横线为95%区间，至少5篇。{rest.chinese}",
    )


def pages(articles: int, kept: int, *, whole: bool) -> Words:
    """Only a sample of the articles has pages, in the same file where `whole`."""
    english, chinese = (
        ("this file holds the text of", "本文件收录") if whole else ("this folder holds a page of", "本文件夹收录")
    )
    return Words(
        f"The figures count all {articles:,} articles; {english} {kept:,} of them, drawn by lot.",
        f"统计覆盖全部{articles:,}篇；{chinese}随机抽取的{kept:,}篇。",
    )


def listed(articles: int) -> Words:
    """The list of articles holds only those with a page."""
    return Words(f"The list of articles holds the {articles:,} with a page.", f"文章表只列有页面的{articles:,}篇。")


def lines(most: int, devices: Sequence[Label]) -> Words:
    """The concordance holds a sample of the spans of some devices."""
    english, chinese = ", ".join(d.english for d in devices), "、".join(d.chinese for d in devices)
    return Words(
        f"The concordance holds {most} lines, drawn by lot, of each of these: {english}. Of others it holds all.",
        f"语境索引对下列手法各随机抽取{most}行：{chinese}；其余手法全部列出。",
    )


def texts(characters: int) -> Words:
    """The search does not read the texts."""
    return Words(
        f"The texts come to {characters:,} characters, too many to carry: the search reads titles, sources, targets.",
        f"正文共{characters:,}字，篇幅过大，检索只及标题、来源和对象。",
    )


def copies(left_out: int) -> Words:
    """Reprints are not counted."""
    one = left_out == 1
    return Words(
        f"{left_out:,} reprint{'' if one else 's'} stand{'s' if one else ''} in the list of articles but do"
        f"{'es' if one else ''} not count: each story counts once.",
        f"{left_out:,}篇转载列于文章表，但不计入统计：同一稿件只计一次。",
    )
