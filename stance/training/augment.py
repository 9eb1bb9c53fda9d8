"""Augmentation that keeps labels true: an article with names exchanged for others of their kind.

What an author thinks of 德国 stands in the words about 德国, not in the name. A model that learns from the news of one
time and place learns the name instead, and then finds a side in neutral reports. Exchanged names have as many
characters as the old, so that every offset stays.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from stance.text.mentions import mentions

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
_LONGER = """
发展中国家 其中国有 其中国内 其中国家 集中国家 集中国内 南中国海 东中国海 欧美国家 拉美国家 北美国家 南美国家 完美国
精英国家 立法国家 司法国家 法国梧桐 道德国家 品德国 今日本报 昨日本报 近日本报 韩国瑜 印度尼西亚 印度洋 印度教 印度支那
东印度 西印度 穿越南 跨越南 翻越南 巴西利亚 古巴比伦 明智利 理智利 波兰尼 白俄罗斯 俄罗斯方块 新墨西哥 墨西哥湾 墨西哥城
精华为 繁华为 豪华为 一百度 二百度 两百度 几百度 数百度 东京东 三星期 三星级 三星堆 三星上将 索尼娅 高通胀 高通货 高通量
提高通 最高通 亚马逊雨林 亚马逊河 亚马逊流域 亚马逊森林 亚马逊热带 亚马逊丛林 亚马逊盆地 北京时间 上海合作组织 变成都
组成都 造成都 完成都 形成都 构成都 促成都 隆重庆 郑重庆 广西安 东西安 西安事变 长沙发上 中山东路 中山西路 佛山东 佛山西
黄河南 淮河南 长江西 珠江西 太湖南 太湖北 西湖南 西湖北 东湖南 东湖北 幸福建
"""
"""Words that hold a name without naming it.

By hand, since word borders by jieba, to which many names are unknown, cut more true names (对华｜为) than false ones.
"""
_NAME = re.compile("|".join(sorted([*_LONGER.split(), *_PEERS], key=len, reverse=True)))


def swap_names(article: LabelledArticle, rng: np.random.Generator) -> LabelledArticle | None:
    """The article with names that it speaks of exchanged for others that it does not, of the same kind and length.

    Equal names get equal substitutes everywhere: in title, paragraphs, targets and stances. Labels and offsets stay.
    A name stays where the article calls its bearer something else too (美方, 中美, 我国 or 白宫 beside 美国 or 中国),
    which would go on speaking of the old one. None where no target's name is exchanged: it could not matter to stances.
    """
    texts = (article.title, *article.paragraphs, *article.targets)
    found = sorted({match for text in texts for match in _NAME.findall(text)} & _PEERS.keys())
    if not any(name in target for name in found for target in article.targets):
        return None
    substitutes = _substitutes(found, "\n".join(texts), rng)

    def swapped(text: str) -> str:
        return _NAME.sub(lambda match: substitutes.get(match[0], match[0]), text)

    targets = tuple(map(swapped, article.targets))
    if targets == article.targets:
        return None
    return replace(
        article,
        title=swapped(article.title),
        paragraphs=tuple(map(swapped, article.paragraphs)),
        targets=targets,
        stances=tuple({swapped(target): stance for target, stance in pairs.items()} for pairs in article.stances),
        article_stance={swapped(target): stance for target, stance in article.article_stance.items()},
    )


def _substitutes(found: Sequence[str], text: str, rng: np.random.Generator) -> dict[str, str]:
    """A name for each found one that has no other in the text, no two alike; a name without a free peer stays."""
    taken = set(found)
    chosen = {}
    for name in found:
        free = [peer for peer in _PEERS[name] if peer not in taken and not _goes_by_another(peer, text)]
        if free and not _goes_by_another(name, text):
            chosen[name] = free[int(rng.integers(len(free)))]
            taken.add(chosen[name])
    return chosen


def _goes_by_another(name: str, text: str) -> bool:
    return any(name not in text[start:end] for start, end in mentions(text, name))
