"""Reports in a browser: a reader filters, points, taps, types, prints, and no request leaves.

Needs the package playwright and a Chromium on the path (Debian: `apt install chromium`); else skipped.
"""

from __future__ import annotations

import os
import re
import shutil

import pytest
from corpora import commentary, corpus, labels
from test_hostile import hostile

from stance import DEFAULT_SCHEMA
from stance.report import ReportOptions, write_report
from stance.report.palette import device_styles

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on the path (Debian: apt install chromium)")

STYLES = device_styles(DEFAULT_SCHEMA)
PHONE = {"width": 390, "height": 844}
DESK = {"width": 1280, "height": 900}


@pytest.fixture(scope="module")
def reports(tmp_path_factory):
    """Folder with reports: one article, a corpus in a folder and in one file, and hostile ones."""
    root = tmp_path_factory.mktemp("reports")
    write_report(labels(root / "one.jsonl", [commentary()]), root / "one.html")
    forty = labels(root / "forty.jsonl", corpus(40))
    write_report(forty, root / "forty")
    write_report(forty, root / "forty.html")
    evil = labels(root / "evil.jsonl", [hostile("a"), hostile("b"), *corpus(3)])
    write_report(evil, root / "evil.html", ReportOptions(language="en"))
    write_report(evil, root / "evil")
    return root


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as running:
        arguments = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
        chromium = running.chromium.launch(executable_path=CHROMIUM, args=arguments)
        yield chromium
        chromium.close()


@pytest.fixture
def visit(browser, reports):
    """Opens a page of the reports; afterwards no request may have left, and no error been logged."""
    contexts, asked, errors = [], [], []

    def open_page(name, viewport=DESK, **options):
        context = browser.new_context(viewport=viewport, **options)
        contexts.append(context)
        page = context.new_page()
        page.on("request", lambda request: asked.append(request.url))
        page.on(
            "console", lambda message: errors.append(message.text) if message.type in ("error", "warning") else None
        )
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("dialog", lambda dialog: errors.append(dialog.message))
        file, sign, place = name.partition("#")
        page.goto((reports / file).as_uri() + sign + place)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert asked
    assert [url for url in asked if not url.startswith(reports.as_uri())] == []
    assert errors == []


def mark(page, device):
    return page.locator(f"mark.{STYLES[device].name}").first


def until(page, expression):
    """Wait for the expression to hold; Playwright's own wait evaluates text in the page, which its policy forbids."""
    for _ in range(200):
        if page.evaluate(expression):
            return
        page.wait_for_timeout(50)
    pytest.fail(f"in vain waited for: {expression}")


def shown_card(page):
    card = page.locator("#card")
    assert card.is_visible()
    return card.inner_text()


def has_highlight(page, device):
    look = "e => getComputedStyle(e).textDecorationColor"
    return mark(page, device).evaluate(look) != "rgba(0, 0, 0, 0)"


# --- an article ---


def test_pointing_at_a_span_shows_its_card(visit):
    page = visit("one.html")
    card = page.locator("#card")
    assert card.is_hidden()
    mark(page, "metaphor").hover()
    text = shown_card(page)
    assert "隐喻" in text
    assert "本段使用 90% · 此处 81%" in text
    assert DEFAULT_SCHEMA.device("metaphor").definition in text
    page.locator("h1").hover()
    assert card.is_hidden()


def test_a_card_stays_within_the_window(visit):
    page = visit("one.html", PHONE, has_touch=True)
    for device in ("metaphor", "hyperbole", "irony", "simile"):
        mark(page, device).tap()
        box = page.locator("#card").bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= PHONE["width"]
        page.keyboard.press("Escape")


def test_a_tap_shows_the_card_and_a_second_one_hides_it(visit):
    page = visit("one.html", PHONE, has_touch=True)
    mark(page, "irony").tap()
    assert "反语" in shown_card(page)
    page.locator("h1").tap()
    assert page.locator("#card").is_hidden()


def test_the_keyboard_reaches_every_span(visit):
    page = visit("one.html")
    mark(page, "metaphor").focus()
    seen = [page.locator("#card b").first.inner_text()]
    for _ in range(3):
        page.keyboard.press("ArrowRight")
        seen.append(page.locator("#card b").first.inner_text())
    assert [re.sub(r"\s", "", name) for name in seen] == ["隐喻", "夸张", "反语", "明喻"]
    assert page.evaluate("document.activeElement.getAttribute('aria-describedby')") == "card"
    page.keyboard.press("ArrowLeft")
    assert "反语" in shown_card(page)
    page.keyboard.press("Escape")
    assert page.locator("#card").is_hidden()


def test_a_pointer_at_rest_takes_no_card_from_the_keyboard(visit):
    page = visit("one.html", {"width": 390, "height": 300})
    page.mouse.move(200, 150)
    mark(page, "simile").focus()  # scrolls the page under the pointer
    page.wait_for_timeout(700)
    over = "([x, y]) => document.querySelector('h1').dispatchEvent(new PointerEvent('pointerover', {bubbles: true, pointerType: 'mouse', clientX: x, clientY: y}))"
    page.evaluate(over, [200, 150])  # what a browser tells of a pointer at rest
    assert "明喻" in shown_card(page)
    assert page.evaluate("scrollY") > 300
    page.evaluate(over, [201, 150])  # and of one that moves
    assert page.locator("#card").is_hidden()


def test_one_tab_stop_leads_into_the_text(visit):
    page = visit("one.html")
    assert page.locator("mark[tabindex='0']").count() == 1
    page.locator(f".key.{STYLES['metaphor'].name}").click()  # the first span is hidden: the next takes its place
    assert page.locator("mark[tabindex='0']").get_attribute("class").split()[0] == STYLES["hyperbole"].name


def test_the_legend_filters(visit):
    page = visit("one.html")
    assert has_highlight(page, "metaphor")
    page.locator(f".key.{STYLES['metaphor'].name}").click()
    assert not has_highlight(page, "metaphor")
    assert has_highlight(page, "irony")
    mark(page, "metaphor").hover()
    assert page.locator("#card").is_hidden()
    page.locator("[data-keys=none]").click()
    assert not has_highlight(page, "irony")
    page.locator("[data-keys=all]").click()
    assert has_highlight(page, "metaphor")


def test_a_target_shows_the_paragraphs_that_take_a_side(visit):
    page = visit("one.html")
    page.locator(".only", has_text="邻镇").click()
    assert page.locator(".paragraph:not(.aside)").evaluate_all("all => all.map(p => p.id)") == ["p4"]
    page.locator(".only", has_text="银行").click()
    assert page.locator(".paragraph:not(.aside)").evaluate_all("all => all.map(p => p.id)") == ["p1", "p3"]
    page.locator(".only", has_text="银行").click()
    assert page.locator(".paragraph.aside").count() == 0


def test_the_ribbon_leads_to_the_paragraph(visit):
    page = visit("one.html", {"width": 390, "height": 300})
    block = page.locator(".ribbon a.against").last
    block.hover()
    page.mouse.move(0, 0)  # the first may have come while the page still scrolled
    block.hover()
    assert "第4段：反对 80%" in shown_card(page)
    block.click()
    assert page.locator("#p3").evaluate("p => p.classList.contains('there')")
    until(page, "document.querySelector('#p3').getBoundingClientRect().top < innerHeight")


def test_devices_differ_without_colour(visit):
    """The sign behind a span and the kind of line under it."""
    page = visit("one.html")
    looks = set()
    for device in ("metaphor", "hyperbole", "irony", "simile"):
        line = mark(page, device).evaluate("e => getComputedStyle(e).textDecorationStyle")
        sign = mark(page, device).evaluate("e => getComputedStyle(e, '::after').content")
        assert sign == f'"{STYLES[device].sign}"'
        assert line == STYLES[device].line
        looks.add((line, sign))
    assert len(looks) == 4


@pytest.mark.parametrize("name", ["one.html", "forty.html"])
def test_both_languages(visit, name):
    page = visit(name)
    shown = page.locator("main").inner_text()
    page.locator(".language").click()
    other = page.locator("main").inner_text()
    assert page.evaluate("document.documentElement.lang") == "en"
    assert "立场" in shown
    assert "立场" not in other.replace("立场警示", "")
    assert re.search(r"\bStances?\b", other)
    page.reload()
    assert page.evaluate("document.documentElement.lang") == "en"  # remembered


# --- a corpus ---


def rows(page, section="#articles"):
    return page.locator(f"{section} tbody tr")


def status(page, section="#articles"):
    return page.locator(f"{section} .status").inner_text()


def test_search_and_filter(visit):
    page = visit("forty.html")
    assert status(page) == "41 篇中的 41 篇，第 1/2 页"
    assert rows(page).count() == 25
    page.locator("#articles [data-page=next]").click()
    assert rows(page).count() == 16

    page.fill("#articles [name=query]", "记事之17")
    assert rows(page).count() == 1
    assert "仓库记事之17" in rows(page).inner_text()
    page.fill("#articles [name=query]", "石磨")  # stands in the text only
    until(page, "document.querySelectorAll('#articles tbody tr').length === 1")
    assert "小镇的账本" in rows(page).inner_text()
    page.fill("#articles [name=query]", "没有这句话")
    assert rows(page).count() == 0

    page.fill("#articles [name=query]", "")
    page.select_option("#articles [name=source]", "周刊")
    assert status(page).startswith("41 篇中的 13 篇")
    page.fill("#articles [name=from]", "2023")
    assert status(page) == f"41 篇中的 {sum(n % 3 == 2 and n % 4 == 3 for n in range(1, 41))} 篇"
    page.fill("#articles [name=from]", "")
    page.select_option("#articles [name=source]", "")
    page.select_option("#articles [name=target]", "仓库")
    page.select_option("#articles [name=stance]", "against")
    assert status(page).startswith("41 篇中的 20 篇")
    page.select_option("#articles [name=device]", str(DEFAULT_SCHEMA.device_ids.index("metaphor")))
    assert status(page) == f"41 篇中的 {sum(n % 3 == 0 and n % 2 for n in range(1, 41))} 篇"


def test_sorting_by_a_column(visit):
    page = visit("forty/index.html")
    page.click("[data-sort=date]")
    assert page.locator("th[aria-sort=descending]").count() == 1
    dates = page.locator("#articles tbody tr td:nth-child(3)").all_inner_texts()
    assert dates == sorted(dates, reverse=True)
    assert dates[0] == "2024-03-05"
    page.click("[data-sort=date]")
    dates = page.locator("#articles tbody tr td:nth-child(3)").all_inner_texts()
    assert dates == sorted(dates)


@pytest.mark.parametrize("name", ["forty/index.html", "forty.html"])
def test_the_concordance_leads_to_the_paragraph(visit, name):
    page = visit(name)
    page.locator("#concordance").scroll_into_view_if_needed()
    page.select_option("#concordance [name=device]", str(DEFAULT_SCHEMA.device_ids.index("rhetorical_question")))
    until(page, "document.querySelectorAll('#concordance tbody tr').length === 10")
    assert status(page, "#concordance") == "语料中 10 处，列出 10 行"
    page.select_option("#concordance [name=device]", "")
    page.fill("#concordance [name=query]", "石磨")
    assert rows(page, "#concordance").count() == 1
    assert [cell.strip() for cell in rows(page, "#concordance").locator("td").all_inner_texts()[:3]] == [
        "这笔贷款成了",
        "压在小镇头上的石磨",
        "。",
    ]
    rows(page, "#concordance").locator("a").click()
    page.wait_for_selector("#p1.there")
    assert "石磨" in page.locator("#p1").inner_text()
    page.go_back()
    page.wait_for_selector("#articles tbody tr")
    assert page.locator("#p1").count() == 0


def test_a_word_of_a_metaphor_leads_to_its_lines(visit):
    page = visit("forty/index.html")
    page.locator("[data-word='闸门']").click()
    until(page, "document.querySelectorAll('#concordance tbody tr').length === 13")
    assert set(page.locator("#concordance tbody bdi >> text=闸门").all_inner_texts()) == {"闸门"}


def test_choosing_a_target_changes_the_charts(visit):
    page = visit("forty/index.html")
    assert page.locator("[data-panel='0'] svg").first.is_visible()
    page.select_option("#target", label="银行")
    assert page.locator("[data-panel='0'] svg").first.is_hidden()
    assert page.locator("[data-panel='2'] svg").first.is_visible()


def test_articles_in_one_file_open_and_close(visit):
    page = visit("forty.html#a0/p3")
    page.wait_for_selector("#p3.there")
    assert page.locator("#overview").is_hidden()
    mark(page, "irony").hover()
    assert "反语" in shown_card(page)
    page.locator(f".key.{STYLES['irony'].name}").click()
    assert not has_highlight(page, "irony")
    page.locator("nav a[href='#articles']").click()
    page.wait_for_selector("#overview:not([hidden])")
    assert page.locator("#opened").is_hidden()


# --- every page ---

PAGES = ["one.html", "forty/index.html", "forty.html#a0", "evil.html", "evil.html#a0", "evil/articles/00001.html"]


@pytest.mark.parametrize("name", PAGES)
def test_no_page_scrolls_sideways(visit, name):
    page = visit(name, PHONE)
    for viewport in (PHONE, {"width": 320, "height": 600}, DESK):
        page.set_viewport_size(viewport)
        for _ in range(2):
            page.locator(".language").click()
            widths = page.evaluate("[document.documentElement.scrollWidth, document.body.scrollWidth, innerWidth]")
            assert max(widths) == viewport["width"]


@pytest.mark.parametrize("name", [name for name in PAGES if name.startswith("evil")])
def test_no_text_runs_or_turns(visit, name):
    page = visit(name)
    for selector in ("mark", ".ribbon a", "#articles tbody a", "[data-word]"):
        for element in page.locator(selector).all()[:3]:
            if element.is_visible():
                page.keyboard.press("Escape")  # the card of the one before may cover it
                element.hover()
    if page.locator("#concordance").is_visible():
        page.locator("#concordance").scroll_into_view_if_needed()
        page.select_option("#target", "0") if page.locator("#target").is_visible() else None
    assert page.evaluate("window.hacked === undefined")
    assert not re.search("[\u202a-\u202e\u2066-\u2069\u200b]", page.locator("html").inner_text())


@pytest.mark.parametrize("name", ["one.html", "forty/index.html"])
def test_text_can_be_read_in_light_dark_and_print(visit, name):
    contrasts = []
    page = visit(name)
    for scheme, medium in (("light", "screen"), ("dark", "screen"), ("dark", "print")):
        page.emulate_media(media=medium, color_scheme=scheme)
        colours = page.evaluate(
            """[".prose", ".status, .sides, .hint", "figure svg text, mark"].flatMap(s => {
                const e = document.querySelector(s); if (!e) return [];
                return [[getComputedStyle(e).color, getComputedStyle(document.body).backgroundColor]];
            })"""
        )
        contrasts += [contrast(*pair) for pair in colours]
    assert min(contrasts) >= 4.5


def contrast(*colours):
    """Contrast ratio as WCAG 2 defines it."""

    def luminance(colour):
        channels = [int(channel) / 255 for channel in re.findall(r"\d+", colour)[:3]]
        red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    low, high = sorted(map(luminance, colours))
    return (high + 0.05) / (low + 0.05)


def test_paper_has_the_text_and_no_buttons(visit):
    page = visit("one.html")
    page.emulate_media(media="print")
    assert page.locator(".language").is_hidden()
    assert page.locator("[data-keys=all]").is_hidden()
    assert mark(page, "metaphor").is_visible()
    assert page.pdf().startswith(b"%PDF")


def test_paper_has_the_concordance_and_names_the_target(visit):
    page = visit("forty/index.html")
    page.emulate_media(media="print")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert rows(page, "#concordance").count() > 0
    assert page.locator("[data-panel='0'] h3").inner_text() == "仓库"
    assert page.locator("#target").is_hidden()


def test_the_network_would_be_noticed(browser):
    """The guard itself: a page that does ask is caught by what `visit` listens to."""
    asked = []
    page = browser.new_page()
    page.on("request", lambda request: asked.append(request.url))
    page.set_content("<img src='http://localhost:9/x.png'>")
    page.wait_for_timeout(200)
    page.close()
    assert asked == ["http://localhost:9/x.png"]


REAL = [path for path in os.environ.get("STANCE_TEST_LABELS", "").split(os.pathsep) if path]


@pytest.mark.skipif(not REAL, reason="STANCE_TEST_LABELS names no labelled files")
@pytest.mark.parametrize("path", REAL)
def test_the_report_of_a_labelled_file(visit, reports, path):
    """Real articles, named from outside: all that a reader does, on whatever they hold."""
    name = f"real-{REAL.index(path)}.html"
    articles = write_report(path, reports / name).articles
    page = visit(name, PHONE)
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
    if articles > 1:
        page.set_viewport_size(DESK)
        assert status(page).startswith(f"{articles:,} 篇中的 {articles:,} 篇")
        title = rows(page).locator("a").nth(1).inner_text()
        page.fill("#articles [name=query]", title)
        assert title in rows(page).locator("a").all_inner_texts()
        page.fill("#concordance [name=query]", "的")
        until(page, "document.querySelectorAll('#concordance tbody tr').length > 0")
        assert all("的" in row for row in rows(page, "#concordance").all_inner_texts())
        page.set_viewport_size(PHONE)
        assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
        page.set_viewport_size(DESK)
        page.locator("#concordance tbody a").first.click()
        page.wait_for_selector(".there")
    first = page.locator("mark[tabindex='0']")
    first.focus()
    assert page.locator("#card").is_visible()
    device = first.get_attribute("class").split()[0]
    page.keyboard.press("Escape")
    page.locator(f".key.{device}").click()
    assert device not in (first.get_attribute("class") or "").split()  # the next one that shows takes its place
    assert (
        page.locator(f"mark.{device}").first.evaluate("e => getComputedStyle(e).textDecorationColor")
        == "rgba(0, 0, 0, 0)"
    )
    page.locator(".language").click()
    page.set_viewport_size(PHONE)
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
