"""The page in a browser: paste an article, see its highlights, click one, download.

Needs the package playwright and a Chromium on the path (Debian: `apt install chromium`); else skipped.
"""

from __future__ import annotations

import json
import os
import shutil

import pytest
from fake_analyzer import FakeAnalyzer
from running_service import running

from stance import Article
from stance.explain import Explanation, WordEffect
from stance.service import ServiceConfig

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on the path (Debian: apt install chromium)")

TEXT = "小镇的账本\n石磨压着小镇😀石磨，没有人说话。\n镇长称赞了石磨<script>alert(1)</script>。"


class Fake(FakeAnalyzer):
    """石磨 carries its label, wherever it stands first."""

    def explain(self, analysis, paragraph, label, target=None):
        text = analysis.paragraphs[paragraph].text
        at = text.find("石磨")
        words = (WordEffect(at, at + 2, "石磨", 0.5), WordEffect(at + 2, len(text), text[at + 2 :], -0.1))
        return Explanation(paragraph, label, target, 0.75, words)


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as started:
        arguments = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
        chromium = started.chromium.launch(executable_path=CHROMIUM, args=arguments)
        yield chromium
        chromium.close()


@pytest.fixture
def visit(browser):
    """Opens the page of a running service; afterwards no request went elsewhere and no error was logged."""
    contexts, asked, errors = [], [], []

    def open_page(address, **options):
        context = browser.new_context(**options)
        contexts.append(context)
        page = context.new_page()
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("dialog", lambda dialog: errors.append(dialog.message))
        page.goto(address)
        open_page.address = address
        return page

    open_page.errors = errors
    yield open_page
    for context in contexts:
        context.close()
    own = (open_page.address, "blob:", "about:", "data:")
    assert [url for url in asked if not url.startswith(own)] == []
    assert errors == []


def test_paste_read_click_download(visit, tmp_path):
    with running(Fake()) as (address, _):
        page = visit(address, accept_downloads=True)
        page.fill("#text", TEXT)
        page.fill("#targets", "镇长，小镇")
        page.click("#analyze")
        report = page.frame_locator("#report")
        report.locator("mark").first.wait_for()
        assert report.locator("mark").all_inner_texts() == ["石磨", "石磨"]
        assert page.locator("#status").text_content() == ""
        report.locator("mark").first.click()
        assert "隐喻" in report.locator("#card").inner_text()
        page.locator("#explanation .for").wait_for()
        assert page.locator("#explanation .words").inner_text() == TEXT.split("\n")[1]
        assert page.locator("#explanation .for").all_inner_texts() == ["石磨"]
        assert "第 2 段" in page.locator("#explanation").inner_text()
        page.keyboard.press("Escape")
        report.locator(".side", has_text="镇长").first.click()
        page.locator("#explanation b", has_text="镇长：支持").wait_for()
        with page.expect_download() as download:
            page.click("#json")
        download.value.save_as(tmp_path / "article.json")
        expected = Fake().analyze(Article.from_text(TEXT, targets=["镇长", "小镇"]))
        assert json.loads((tmp_path / "article.json").read_text(encoding="utf-8")) == expected.to_dict()
        with page.expect_download() as download:
            page.click("#page")
        assert download.value.suggested_filename.endswith(".html")


def test_a_file_is_dropped(visit, tmp_path):
    (tmp_path / "article.txt").write_bytes(TEXT.encode("gb18030"))
    with running(Fake()) as (address, _):
        page = visit(address)
        page.set_input_files("#file", tmp_path / "article.txt")
        page.frame_locator("#report").locator("mark").first.wait_for()
        drop = """(text) => {
            const data = new DataTransfer();
            data.items.add(new File([text], "other.txt"));
            document.dispatchEvent(new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true }));
        }"""
        page.evaluate(drop, "别的文章\n这里有另一个石磨。")
        page.frame_locator("#report").locator(".paragraph", has_text="这里有另一个").wait_for()


def test_on_a_phone_in_english_with_a_token(visit):
    with running(Fake(), ServiceConfig(token="geheim")) as (address, _):
        page = visit(address, viewport={"width": 390, "height": 844})
        page.click("#language")
        page.fill("#text", TEXT)
        page.click("#analyze")
        page.locator("#status.wrong", has_text="The token is wrong.").wait_for()
        assert len(visit.errors) == 1  # the browser logs the refusal
        visit.errors.clear()
        page.fill("#token", "geheim")
        page.click("#analyze")
        page.frame_locator("#report").locator("mark").first.wait_for()
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert page.frame_locator("#report").locator("html").get_attribute("data-ui") == "en"


def test_an_empty_page_says_what_to_do(visit):
    with running(Fake()) as (address, _):
        page = visit(address)
        page.click("#analyze")
        page.locator("#status.wrong", has_text="先粘贴一篇文章").wait_for()
