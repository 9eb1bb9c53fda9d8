"""Source domains of metaphors."""

from __future__ import annotations

from collections import Counter
from importlib import resources

import pytest

from stance.summary import domains, read_metaphor
from stance.text.clean import clean


@pytest.mark.parametrize(
    ("text", "domain", "word"),
    [
        ("绑在自己身上的炸药", "war", "炸药"),
        ("组合拳", "body", "组合拳"),
        ("踩下急刹车", "road", "急刹车"),
        ("打錯了算盤", "gambling", "算盘"),  # traditional characters
        ("滚雪球", "weather", "滚雪球"),
        ("病根", "medicine", "病根"),
        ("空中楼阁", "building", "空中楼阁"),
        ("粉墨登场", "stage", "粉墨登场"),
        ("抢跑", "sport", "抢跑"),
        ("鸵鸟心态", "animal", "鸵鸟"),
        ("童养媳", "family", "童养媳"),
        ("拧紧发条", "machine", "发条"),  # of 拧紧 and 发条, equally long, the last
        ("星星之火", "water_fire", "星星之火"),  # not 星星, nor 火
        ("分一杯羹", "food", "分一杯羹"),
        ("交白卷", "school", "交白卷"),
        ("压舱石", "seafaring", "压舱石"),
        ("揠苗助长", "plant", "揠苗助长"),
        ("紧箍咒", "bondage", "紧箍咒"),
        ("甲乙丙", "other", "甲乙丙"),
    ],
)
def test_the_longest_word_tells_the_domain(text, domain, word):
    found = read_metaphor(text)
    assert (found.domain.id, found.word) == (domain, word)


def test_every_domain_has_two_names_and_several_dozen_words():
    lines = resources.files("stance.summary").joinpath("domains.txt").read_text(encoding="utf-8").splitlines()
    words = Counter(word for line in lines if line.startswith(" ") for word in line.split())
    assert [word for word, number in words.items() if number > 1] == []
    assert [word for word in words if clean(word).text != word] == []
    per_domain = Counter(read_metaphor(word).domain.id for word in words)
    assert set(per_domain) == set(domains()) - {"other"}
    assert min(per_domain.values()) >= 60
    names = [name for domain in domains().values() for name in (domain.chinese, domain.english)]
    assert len(set(names)) == 2 * len(domains())
    assert all(names)
