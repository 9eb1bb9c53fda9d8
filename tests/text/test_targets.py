import json
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stance.text.names import ALIASES, PAIRS, SIGNS, canonical, names_of
from stance.text.targets import find_targets, mentions, partial_mentions


def named(spans, text):
    return [text[start:end] for start, end in spans]


@pytest.mark.parametrize(
    ("target", "plain"),
    [
        ("美方", "美国"),
        ("白宫", "美国"),
        ("我国", "中国"),
        ("布鲁塞尔", "欧盟"),
        ("川普", "特朗普"),
        ("贝森特财长", "贝森特"),
        ("普京总统", "普京"),
        ("弗拉基米尔·普京", "普京"),
        (" 稀土出口管制 ", "稀土出口管制"),
        ("王老师", "王老师"),  # what is left would be a surname alone
        ("美国总统", "美国总统"),  # no person
        ("外交部发言人", "外交部发言人"),
        ("特朗普总统", "特朗普"),
        ("", ""),
    ],
)
def test_aliases_fold_into_the_plain_name(target, plain):
    assert canonical(target) == plain


def test_no_alias_belongs_to_two_names_or_is_a_name_itself():
    aliases = [alias for names in ALIASES.values() for alias in names]
    assert len(aliases) == len(set(aliases))
    assert not set(aliases) & set(ALIASES)
    assert all(any(c in SIGNS for c in pair) and len(pair) == 2 for pair in PAIRS)


def test_names_are_longest_first():
    assert names_of("普丁") == ("弗拉基米尔·普京", "普丁", "普京")


@pytest.mark.parametrize(
    ("text", "target", "expected"),
    [
        ("美国说，美方和白宫都慌了", "美国", ["美国", "美方", "白宫"]),
        ("中美博弈，美中关系", "美国", ["美", "美"]),
        ("中美博弈，美中关系", "中国", ["中", "中"]),
        ("美日韩三方会谈", "韩国", ["韩"]),
        ("美财长对美企说，驻美大使赴美", "美国", ["美", "美", "美", "美"]),
        ("中俄欧都在看，俄乌仍在谈", "俄罗斯", ["俄", "俄"]),
        ("日媒称日方不满", "日本", ["日", "日方"]),
        ("中华人民共和国中国", "中国", ["中华人民共和国", "中国"]),
        ("AI和人工智能", "人工智能", ["AI", "人工智能"]),
        ("facebook与Facebook", "Facebook", ["facebook", "Facebook"]),
        ("《渔光曲》又上演，渔光曲", "《渔光曲》", ["渔光曲", "渔光曲"]),
        ("贝森特又说", "贝森特财长", ["贝森特"]),
    ],
)
def test_mentions(text, target, expected):
    spans = mentions(text, target)
    assert named(spans, text) == expected


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("美丽的美好生活，完美收官，对美好的向往，赞美中秋，美中不足，美元，美食，审美方式，完美方案", "美国"),
        ("北美军迷，南美洲，中美洲，精美日历，优美英文，健美中心", "美国"),
        ("中间，其中方案，集中方向，心中美好，空中方阵，完美中断，高中日记", "中国"),
        ("今日中午，假日方便，日子，日前，生日美好，近日韩红", "日本"),
        ("以方便群众，可以军训，以伊始", "以色列"),
        ("办法方面，司法方式，做法中肯", "法国"),
        ("道德方面，品德", "德国"),
        ("增加方式，参加美食节", "加拿大"),
        ("自我方法", "中国"),
        ("MAIN，AIDS，Bai", "人工智能"),
        ("UNESCO", "联合国"),
        ("无关的话", "稀土"),
        ("", "美国"),
        ("美国", ""),
    ],
)
def test_near_misses_are_no_mentions(text, target):
    assert mentions(text, target) == ()


@pytest.mark.parametrize(
    ("text", "target", "expected"),
    [
        ("稀土出口管制之外，稀土和出口管制", "稀土出口管制", ["稀土", "出口管制"]),
        ("里希特又说，约翰·里希特", "约翰·里希特", ["里希特"]),
        ("美国慌了", "美国", []),
        ("法治不是口号", "法治思想", ["法治"]),
        ("思想解放，政策问题", "法治思想政策", []),  # too general to be a sign of it
        ("稀土", "", []),
    ],
)
def test_partial_mentions(text, target, expected):
    assert named(partial_mentions(text, target), text) == expected


@given(
    st.text(alphabet="中美日方国企对财长稀土出口管制完好其，", max_size=40),
    st.sampled_from(["美国", "中国", "日本", "稀土出口管制"]),
)
def test_mentions_are_in_order_and_do_not_overlap(text, target):
    whole, parts = mentions(text, target), partial_mentions(text, target)
    for spans in (whole, parts, sorted(whole + parts)):
        flat = [place for span in spans for place in span]
        assert flat == sorted(flat)
        assert all(start < end for start, end in spans)


ARTICLE = [
    "渔业局上月公布新的休渔补贴办法，船老大陈阿福带头叫好。",
    "陈阿福说，休渔补贴不是施舍，渔业局这回总算算清了账。",
    "也有人说情况没那么简单：休渔补贴若不及时发，渔民照样心里没底。",
    "问题在时间，情况也在变。陈阿福等得起，小渔民等不起，渔业局要快。",
]


def test_what_an_article_is_about():
    found = find_targets("休渔补贴办得好", ARTICLE)
    assert {"休渔补贴", "渔业局", "陈阿福"} <= set(found)
    assert len(found) == 4
    assert not {"问题", "情况", "时间"} & set(found)


def test_aliases_count_for_the_plain_name():
    paragraphs = ["白宫昨天表态，美方愿意再谈。", "中方回应说，大门敞开。我国商务部随后发表声明，华盛顿没有回音。"]
    found = find_targets("中美再谈关税", paragraphs)
    assert {"美国", "中国"} <= set(found)
    assert not {"美方", "白宫", "华盛顿", "中方", "我国", "中美"} & set(found)


def test_names_do_not_contain_one_another():
    found = find_targets("休渔补贴办得好", ARTICLE, limit=10)
    assert not [(a, b) for a in found for b in found if a != b and a in b]


@pytest.mark.parametrize(("title", "paragraphs"), [("", []), ("", [""]), ("。", ["！！", " "]), ("\ud800", ["\x00"])])
def test_nothing_to_find(title, paragraphs):
    assert find_targets(title, paragraphs) == ()


def test_limit():
    assert find_targets("休渔补贴办得好", ARTICLE, limit=0) == ()
    assert len(find_targets("休渔补贴办得好", ARTICLE, limit=2)) == 2
    assert find_targets("休渔补贴办得好", ARTICLE, 4)[:2] == find_targets("休渔补贴办得好", ARTICLE, 2)


IN_A_PROCESS_OF_ITS_OWN = """
import json, sys
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from stance.text import words
from stance.text.targets import find_targets
assert "jieba" not in sys.modules and "torch" not in sys.modules
together = Barrier(4)
def run(_):
    together.wait()
    return find_targets("休渔补贴办得好", json.loads(sys.argv[1]))
with ThreadPoolExecutor(4) as pool:
    found = list(pool.map(run, range(4)))
assert words._load_tagger.cache_info().misses == 1
print(json.dumps(found))
"""


def test_four_threads_load_jieba_once_in_silence_and_find_the_same_as_here():
    command = [sys.executable, "-X", "utf8", "-W", "error", "-c", IN_A_PROCESS_OF_ITS_OWN, json.dumps(ARTICLE)]
    done = subprocess.run(command, capture_output=True, check=True, text=True, encoding="utf-8")
    assert done.stderr == ""
    assert json.loads(done.stdout) == [list(find_targets("休渔补贴办得好", ARTICLE))] * 4
