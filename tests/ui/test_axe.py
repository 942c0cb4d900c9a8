"""What axe thinks of the pages that no other file shows it, and how the head of each fits on a phone."""

from collections.abc import Iterator
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.ui.conftest import DESKTOP, PHONE, QUESTION, Make

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def url(make_product: Make) -> Iterator[str]:
    with make_product(sign_in=False).served() as address:
        yield address


@pytest.fixture(params=[(DESKTOP, "light"), (DESKTOP, "dark"), (PHONE, "light"), (PHONE, "dark")], ids=str)
def page(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    size, scheme = request.param
    context = browser.new_context(
        viewport=size, color_scheme=scheme, reduced_motion="reduce", bypass_csp=True, locale="zh-CN"
    )
    yield context.new_page()
    context.close()


def wrong(page: Page) -> list[Any]:
    """What axe finds serious or critical, and where."""
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    return [
        (found["id"], [node["html"][:160] for node in found["nodes"][:4]])
        for found in Axe().run(page).response["violations"]
        if found["impact"] in ("serious", "critical")
    ]


def test_an_answer_in_chinese_and_what_is_shared_of_it(page: Page, url: str) -> None:
    page.goto(url)
    page.locator("#question").fill(QUESTION)
    page.keyboard.press("Enter")
    expect(page.locator(".exchange .thumbs")).to_be_visible(timeout=30_000)
    page.locator(".answer a.cite").first.click()
    page.locator("#evidence .card.selected mark").wait_for()
    found = wrong(page)
    if page.viewport_size == PHONE:
        page.get_by_label("关闭").click()
    page.get_by_label("分享").click()
    link = page.locator("a.shared")
    link.wait_for()
    found += wrong(page)
    page.goto(url + str(link.get_attribute("href")))
    page.locator(".evidence .card").first.wait_for()
    assert found + wrong(page) == []


def test_the_library(page: Page, url: str) -> None:
    page.goto(f"{url}/library/")
    page.locator("#library-table a.open").first.wait_for()
    expect(page.locator("#masthead h1")).to_have_text("Library文库")
    page.locator("#library-add > button").click()
    found = wrong(page)
    page.locator("#library-table a.open").first.click()
    page.locator("#library-text .passage").first.wait_for()
    assert found + wrong(page) == []


def test_the_evaluations(page: Page, url: str) -> None:
    page.goto(f"{url}/evals/")
    expect(page.locator("#evals-report")).to_contain_text("There is no run yet")
    assert wrong(page) == []


@pytest.mark.parametrize("path", ["/", "/desk/", "/library/", "/evals/"])
def test_on_a_phone_all_of_the_masthead_can_be_seen_and_touched(
    browser: Browser, url: str, path: str
) -> None:
    page = browser.new_page(viewport=PHONE)
    page.goto(url + path)
    page.locator("#masthead nav a").first.wait_for()
    for part in page.locator("#masthead :is(nav a, button):visible").all():
        part.click(trial=True)
        box = part.bounding_box()
        assert box is not None
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= PHONE["width"]
        assert min(box["width"], box["height"]) >= 40
    assert page.locator("#masthead nav a:visible").count() == 4
    title = page.locator("#masthead h1")
    assert title.evaluate("(e) => e.scrollWidth <= e.clientWidth")
    page.close()
