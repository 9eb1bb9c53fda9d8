"""Augmentation that keeps labels true: an article with names exchanged for others of their kind.

What an author thinks of 德国 stands in the words about 德国, not in the name. A model that learns from the news of one
time and place learns the name instead, and then finds a side in neutral reports. Exchanged names have as many
characters as the old, so that every offset stays.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np

    from stance.training.examples import LabelledArticle

__all__ = ["KINDS", "swap_names"]

KINDS: dict[str, str] = {
    "country": "中国 美国 英国 法国 德国 日本 韩国 印度 越南 泰国 巴西 埃及 荷兰 瑞典 波兰 伊朗 挪威 希腊 古巴 智利 "
    "俄罗斯 以色列 乌克兰 菲律宾 意大利 土耳其 加拿大 西班牙 葡萄牙 匈牙利 新西兰 阿根廷 墨西哥 "
    "澳大利亚 马来西亚 保加利亚 罗马尼亚 尼日利亚 埃塞俄比亚 巴基斯坦",
    "company": "谷歌 微软 华为 腾讯 百度 京东 丰田 三星 索尼 高通 英特尔 特斯拉 英伟达 亚马逊 比亚迪 拼多多 台积电",
    "person": "拜登 普京 川普 默茨 特朗普 马克龙 默克尔 尹锡悦 奥巴马 泽连斯基 岸田文雄 石破茂",
    "region": "北京 上海 广州 深圳 成都 武汉 重庆 南京 杭州 西安 天津 沈阳 郑州 长沙 昆明 青岛",
    "province": "广东 山东 河南 四川 江苏 湖北 湖南 浙江 福建 安徽 江西 陕西 山西 云南 贵州 甘肃",
}
"""Names that may stand for one another, by kind."""

_PEERS = {
    name: [peer for peer in names.split() if len(peer) == len(name)]
    for names in KINDS.values()
    for name in names.split()
}
_LONGER = "印度尼西亚 印度洋 印度教 日本海 中国海 西安事变 上海合作组织 北京时间 巴西利亚 法国梧桐 京东方"
_NAME = re.compile("|".join(sorted([*_LONGER.split(), *_PEERS], key=len, reverse=True)))


def swap_names(article: LabelledArticle, rng: np.random.Generator) -> LabelledArticle | None:
    """The article with each name it speaks of exchanged for another that it does not, of the same kind and length.

    Equal names get equal substitutes everywhere: in title, paragraphs, targets and stances. Labels and offsets stay.
    None where no name of `KINDS` is one of the targets: exchange could not matter to their stances.
    """
    texts = (article.title, *article.paragraphs, *article.targets)
    found = sorted({match for text in texts for match in _NAME.findall(text)} & _PEERS.keys())
    if not any(name in target for name in found for target in article.targets):
        return None
    substitutes = _substitutes(found, rng)

    def swapped(text: str) -> str:
        return _NAME.sub(lambda match: substitutes.get(match[0], match[0]), text)

    return replace(
        article,
        title=swapped(article.title),
        paragraphs=tuple(map(swapped, article.paragraphs)),
        targets=tuple(map(swapped, article.targets)),
        stances=tuple({swapped(target): stance for target, stance in pairs.items()} for pairs in article.stances),
        article_stance={swapped(target): stance for target, stance in article.article_stance.items()},
    )


def _substitutes(found: Sequence[str], rng: np.random.Generator) -> dict[str, str]:
    """A name for each found one, no two alike; a name whose peers are all taken stays."""
    taken = set(found)
    chosen = {}
    for name in found:
        free = [peer for peer in _PEERS[name] if peer not in taken]
        if free:
            chosen[name] = free[int(rng.integers(len(free)))]
            taken.add(chosen[name])
    return chosen
