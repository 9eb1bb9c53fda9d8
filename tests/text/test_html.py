import pytest

from stance.errors import InputError
from stance.text.html import article_from_html, looks_like_html
from stance.text.segment import segment

PAGE = """<!DOCTYPE html>
<html lang="zh"><head><meta charset="utf-8"><title>渔港里的新账本 - 海潮网</title>
<meta property="og:title" content="渔港里的新账本"><meta property="og:site_name" content="海潮网">
<meta name="author" content="林小舟">
<meta property="article:published_time" content="2025-03-04T08:00:00+08:00"><script>var a = "脚本。";</script></head>
<body><nav><ul><li><a href="/">首页</a></li><li><a href="/n">新闻</a></li></ul></nav>
<article><h1>渔港里的新账本</h1><p>来源：海潮网</p>
<p>东湾渔港今年换了一本新账。过去渔民只记打了多少鱼，如今还要记省下多少油。</p>
<h2>一、油钱从哪里省</h2>
<p>船老大陈阿福说，换上新发动机以后，每趟出海能少烧两成油。</p>
<p>镇上给每条船补了三万元，渔民自己只掏一半。有人起初不信，<b>后来</b>抢着报名。</p>
<h2>二、鱼往哪里卖</h2>
<p>码头边新建的冷库能存五百吨鱼，价钱不好的时候可以等一等再卖。</p>
<p>责任编辑：王海</p></article>
<aside><h3>推荐阅读</h3><ul><li><a href="/1">南岛的风车转起来了</a></li></ul></aside>
<footer><p>© 2025 海潮网 版权所有</p></footer></body></html>"""


def test_article_of_a_page():
    article = article_from_html(PAGE, id="p1", where="p1.html")
    assert (article.id, article.title, article.paragraphs) == ("p1", "渔港里的新账本", None)
    assert article.extra == {"date": "2025-03-04", "site": "海潮网", "author": "林小舟"}
    assert [(p.kind, p.text) for p in segment(article).paragraphs] == [
        ("title", "渔港里的新账本"),
        ("body", "东湾渔港今年换了一本新账。过去渔民只记打了多少鱼，如今还要记省下多少油。"),
        ("heading", "一、油钱从哪里省"),
        ("body", "船老大陈阿福说，换上新发动机以后，每趟出海能少烧两成油。"),
        ("body", "镇上给每条船补了三万元，渔民自己只掏一半。有人起初不信，后来抢着报名。"),
        ("heading", "二、鱼往哪里卖"),
        ("body", "码头边新建的冷库能存五百吨鱼，价钱不好的时候可以等一等再卖。"),
    ]


def test_a_single_sentence_is_an_article():
    assert (
        article_from_html("<html><body><p>镇上明天停水，后天恢复。</p></body></html>").text
        == "镇上明天停水，后天恢复。"
    )


@pytest.mark.parametrize(
    "page",
    [
        "",
        "  \n",
        "<html><body></body></html>",
        "<html><body><nav><a href='/'>首页</a><a href='/n'>新闻</a></nav></body></html>",
        "<html><body><p>© 2025 海潮网 版权所有</p></body></html>",
    ],
)
def test_pages_without_an_article_are_refused(page, capsys):
    with pytest.raises(InputError, match=r"empty\.html: expected a page with an article; .*Give a page"):
        article_from_html(page, where="empty.html")
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    "text",
    [
        "<!DOCTYPE html>\n<p>好",
        "\ufeff \n<HTML lang='zh'>",
        "<!-- 缓存 -->\n<html>",
        "<?xml version='1.0'?><html>",
        "<p>好</p>",
    ],
)
def test_pages_are_known_by_how_they_begin(text):
    assert looks_like_html(text)


@pytest.mark.parametrize(
    "text",
    ["", "渔港换了新账。", "# 题目\n\n一行<br>又一行<p>好</p>", "<3 这家店", "<<红楼梦>>读后", "网页以 <html> 开头。"],
)
def test_plain_text_is_no_page(text):
    assert not looks_like_html(text)
