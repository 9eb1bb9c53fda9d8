import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stance.results import Article
from stance.text.chrome import CHROME, MASTHEAD, is_chrome
from stance.text.segment import segment

PAGE = """\
首页 > 评论 > 地方
渔港换账本，换的是什么？

来源：海潮网
2025-03-04 08:00  林小舟

\u3000\u3000东湾渔港今年换了一本新账。过去只记打了多少鱼，如今还要记省下多少油。

一、油钱从哪里省
船老大陈阿福说，换上新发动机以后，每趟出海能少烧两成油。
镇上给每条船补了三万元，渔民自己只掏一半

有人起初不信，后来抢着报名，连邻镇的船主也跑来打听门路。

二、账本背后,是谁在算
码头边新建的冷库能存五百吨鱼，价钱不好的时候可以等一等再卖。
算得清，是因为：
以前鱼等人，现在人等价。

展开阅读全文
更新时间:2025-03-05
标签:渔业   东湾   账本   节油
1 2 3 4 5
上滑加载更多 ↓
推荐阅读:
南岛的风车转起来了
海苔养殖户的一天
友情链接:
更多:
本站资料均由网友提供,仅供学习交流。如有版权问题,请与我联系,QQ:10000
© CopyRight 2020- All Rights Reserved. Powered By example.com 闽ICP备00000000号
闽公网安备00000000000000号
Top"""


def texts(segmentation, kind):
    return [p.text for p in segmentation.paragraphs if p.kind == kind]


def test_a_page_pasted_whole():
    result = segment(Article.from_text(PAGE))
    assert result.title == "渔港换账本，换的是什么？"
    assert texts(result, "title") == ["渔港换账本，换的是什么？"]
    assert texts(result, "heading") == ["一、油钱从哪里省", "二、账本背后,是谁在算"]
    assert texts(result, "body") == [
        "东湾渔港今年换了一本新账。过去只记打了多少鱼，如今还要记省下多少油。",
        "船老大陈阿福说，换上新发动机以后，每趟出海能少烧两成油。",
        "镇上给每条船补了三万元，渔民自己只掏一半",
        "有人起初不信，后来抢着报名，连邻镇的船主也跑来打听门路。",
        "码头边新建的冷库能存五百吨鱼，价钱不好的时候可以等一等再卖。",
        "算得清，是因为：",
        "以前鱼等人，现在人等价。",
    ]
    assert result.dropped == 3 + 14
    assert [p.index for p in result.paragraphs] == list(range(10))
    for p in result.paragraphs:
        assert PAGE[p.start : p.end] == p.text


BODY = "渔港今年换了一本新账，过去只记打了多少鱼，如今还要记省下多少油。"
MORE = "码头边新建的冷库能存五百吨鱼，价钱不好的时候可以等一等再卖。"


@pytest.mark.parametrize(
    "line",
    [
        "更新时间：2025年3月5日 10:20",
        "标签：财经 渔业",
        "关键词: 渔业",
        "展开阅读全文",
        "推荐阅读",
        "【相关阅读】",
        "延伸阅读：南岛的风车转起来了",
        "友情链接：海潮网 东湾在线",
        "（责任编辑：王海）",
        "责编：王海、李江",
        "版权声明：本文归作者所有，未经许可不得转载。",
        "海潮网版权所有，未经书面授权禁止转载",
        "免责声明：本文仅代表作者本人观点。",
        "转载请注明出处",
        "京ICP备12345678号-1",
        "浙公网安备 33010602000000号",
        "增值电信业务经营许可证：浙B2-20200000",
        "违法和不良信息举报电话：0571-00000000",
        "1 2 3 4 5",
        "上一页 1 2 3 … 9 下一页",
        "上一篇：海苔养殖户的一天",
        "分享到：微信 微博 QQ空间",
        "点赞 12 收藏 3 评论 5",
        "上滑加载更多 ↓",
        "返回顶部",
        "↑Top",
        "扫码关注海潮网公众号",
        "长按识别二维码关注我们",
        "欢迎关注我们的公众号",
        "点击下载海潮客户端",
        "广告",
        "字号：大 中 小",
        "打印 关闭",
        "首页 | 关于我们 | 联系我们 | 广告服务",
        "当前位置：首页 > 新闻 > 地方",
        "Copyright © 2025 example.com",
        "Powered by ExampleCMS",
        "2025-03-04 08:00 来源：海潮网",
        "全部评论(12)",
        "猜你喜欢",
    ],
)
def test_chrome_is_left_out(line):
    assert [p.text for p in segment(Article.from_text(f"{BODY}\n{MORE}\n{line}")).paragraphs] == [BODY, MORE]
    assert is_chrome(line)


@pytest.mark.parametrize(
    "line",
    [
        "版权问题再次摆到渔歌会的面前。",
        "版权所有者起诉了这家网站，案子拖了三年。",
        "这支渔歌的版权归镇文化站所有，有人未经许可转载，被告上了法庭。",
        "推荐阅读这本书的人越来越多。",
        "推荐阅读是老师的本分，替学生读书不是。",
        "更新时间表之后，工期又推迟了两个月。",
        "标签化的说法害了渔民。",
        "他在朋友圈里写道：船又满了。",
        "扫码支付以后，渔民再也不怕收到假钱。",
        "分享经验的，总是那几个老船长。",
        "评论区里吵成一片。",
        "来源：渔民自己的账本，还是镇上的报表？这要问清楚。",
        "首页改版以后，镇网站的访问量翻了一番。",
        "责任编辑不是挂名的差事。",
        "2025年3月4日，东湾渔港封港。",
        "更多的人选择留下。",
        "广告打得响，不如鱼新鲜。",
        "未经许可的转载，伤的是写作者的心。",
        "本站内容被人转载、侵权的事，去年就有三起，镇上没有一次追究到底。",
        "1 2 3 4 5，上山打老虎",
    ],
)
def test_sentences_about_the_same_things_stay(line):
    assert [p.text for p in segment(Article.from_text(f"{BODY}\n{line}\n{MORE}\n{BODY}")).paragraphs] == [
        BODY,
        line,
        MORE,
        BODY,
    ]


def test_a_closing_block_in_the_middle_drops_only_itself():
    text = f"{BODY}\n相关阅读：海苔养殖户的一天\n{MORE}\n{BODY}"
    result = segment(Article.from_text(text))
    assert [p.text for p in result.paragraphs] == [BODY, MORE, BODY]
    assert result.dropped == 1


def test_source_and_author_count_as_chrome_only_before_and_after_the_body():
    line = "作者：一位不愿具名的船长"
    assert line not in segment(Article.from_text(f"{line}\n{BODY}\n{MORE}")).paragraphs[0].text
    middle = segment(Article.from_text(f"{BODY}\n{line}\n{MORE}")).paragraphs
    assert [p.text for p in middle] == [BODY, line, MORE]


@pytest.mark.parametrize(
    "heading",
    [
        "一、旧账",
        "（二）新账",
        "3. 谁来算账",
        "4、谁来记账",
        "## 谁来还账",
        "第三章 油钱",
        "【记者观察】",
        "新账本，旧规矩",
        "省下的油",
    ],
)
def test_headings(heading):
    kinds = [p.kind for p in segment(Article.from_text(f"{BODY}\n{heading}\n{MORE}")).paragraphs]
    assert kinds == ["body", "heading", "body"]


@pytest.mark.parametrize(
    "line",
    [
        "一、先把旧账还清。",
        "3.5万元够不够？",
        "够了！",
        "账，是一笔一笔算的。",
        "船老大摆摆手：",
        "“够了”",
        "……",
        "——",
        "因为算得清，",
    ],
)
def test_short_lines_that_are_no_headings(line):
    kinds = [p.kind for p in segment(Article.from_text(f"{BODY}\n{line}\n{MORE}")).paragraphs]
    assert kinds == ["body", "body", "body"]


def test_a_known_title_is_found_wherever_its_line_stands_and_stays_the_title():
    result = segment(Article.from_text(f"海潮网评论\n渔港  换账本\n{BODY}\n{MORE}", title="渔港换账本"))
    assert texts(result, "title") == ["渔港  换账本"]
    assert result.title == "渔港换账本"
    assert segment(Article.from_text(f"{BODY}\n{MORE}", title="渔港换账本")).title == "渔港换账本"


@pytest.mark.parametrize("first", ["东湾渔港换了新账本。", "东湾渔港说，", "一、旧账", "渔" * 61])
def test_first_lines_that_are_no_title(first):
    result = segment(Article.from_text(f"{first}\n{BODY}"))
    assert (result.title, texts(result, "title")) == ("", [])


def test_listed_paragraphs_are_kept_one_for_one():
    paragraphs = ["渔港换账本", "", " 更新时间：2025-03-05 ", BODY, "推荐阅读", "  ", "Top"]
    article = Article.from_paragraphs(paragraphs)
    result = segment(article)
    assert [p.text for p in result.paragraphs] == paragraphs
    assert result.dropped == 0
    assert result.paragraphs[0].kind == "title"
    for p in result.paragraphs:
        assert article.text[p.start : p.end] == p.text


@pytest.mark.parametrize("text", ["", "\n \u3000\n", "\ufeff\u200b"])
def test_nothing_to_read(text):
    assert segment(Article.from_text(text)).paragraphs == ()


def test_a_single_line_is_body():
    assert [p.kind for p in segment(Article.from_text("渔港换账本")).paragraphs] == ["body"]


LINES = st.lists(st.one_of(st.sampled_from(PAGE.split("\n")), st.text(max_size=20)), max_size=12)


@given(LINES)
def test_places_are_exact_and_in_order(lines):
    text = "\n".join(lines)
    places = []
    for p in segment(Article.from_text(text)).paragraphs:
        assert text[p.start : p.end] == p.text == p.text.strip() != ""
        places += [p.start, p.end]
    assert places == sorted(places)


@given(st.lists(st.sampled_from(PAGE.split("\n")), max_size=12))
def test_every_line_is_kept_or_counted(lines):
    result = segment(Article.from_text("\n".join(lines)))
    assert len(result.paragraphs) + result.dropped == sum(line != "" for line in lines)


@given(st.lists(st.text(max_size=20), max_size=12))
def test_any_list_comes_out_as_it_went_in(paragraphs):
    assert [p.text for p in segment(Article.from_paragraphs(paragraphs)).paragraphs] == paragraphs


@pytest.mark.parametrize("unit", ["稀土管制，", "稀土管制。", "\u3000", "1 ", "更新时间"])
def test_time_is_linear_in_a_long_line(unit):
    def seconds(n):
        article = Article.from_text(unit * n)
        start = time.process_time()
        segment(article)
        return time.process_time() - start

    # Quadratic work would take more than a minute.
    assert seconds(1_000_000) < 3


@pytest.mark.parametrize(
    "unit", ["1", " ", "+", "首页", "点赞 ", "微博 ", "分享", "—", "版权", "1 2 页", "A大", "()", "打印|", "2025-"]
)
def test_no_pattern_backtracks_for_long(unit):
    line = (unit * 160)[:159] + "字"
    start = time.process_time()
    is_chrome(line)
    assert time.process_time() - start < 0.5


def test_every_pattern_has_a_name_of_its_own():
    assert not set(CHROME) & set(MASTHEAD)
