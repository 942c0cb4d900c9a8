"""A person's way through the chat page in a real browser, with a model whose words are known."""

import re
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from langchain_core.language_models import GenericFakeChatModel
from langchain_core.messages import AIMessage
from playwright.sync_api import Browser, Page, expect

from evals import feedback
from rag.llm import LLM
from tests.ui.conftest import DESKTOP, PASSWORD, PHONE, QUESTION, SAYS, Make, Product

pytestmark = pytest.mark.browser

HOSTILE = (
    "<img src=x onerror='window.hit=1'> ${window.hit=1} {{value}} </textarea><script>window.hit=1</script>"
)
OTHER = "By how much did NdPr production at Lynas fall?"


@pytest.fixture(scope="module")
def product(make_product: Make) -> Product:
    return make_product(sign_in=False)


@pytest.fixture(scope="module")
def url(product: Product) -> Iterator[str]:
    with product.served() as address:
        yield address


def opened(browser: Browser, url: str, size: Any = DESKTOP, **options: Any) -> Page:
    page = browser.new_context(viewport=size, **options).new_page()
    page.goto(url)
    page.locator("#question").wait_for()
    return page


@pytest.fixture
def page(browser: Browser, url: str) -> Iterator[Page]:
    page = opened(browser, url, permissions=["clipboard-read", "clipboard-write"])
    yield page
    page.context.close()


def ask(page: Page, question: str = QUESTION) -> None:
    page.locator("#question").fill(question)
    page.keyboard.press("Enter")
    expect(page.locator(".exchange").last.locator(".actions")).to_be_visible(timeout=20_000)


def test_a_marker_leads_to_its_passage_in_its_article(page: Page) -> None:
    ask(page)
    marker = page.locator(".answer a.cite").first
    marker.hover()
    expect(page.locator("#preview")).to_contain_text("1,404 tonnes")
    page.mouse.move(5, 400)
    expect(page.locator("#preview")).to_be_hidden()
    marker.click()
    expect(page.locator("#evidence .card.selected mark")).to_contain_text("1,404 tonnes")
    card = page.locator("#evidence .card.selected")
    expect(card).to_contain_text("middle.news")
    assert str(card.locator("a.out").get_attribute("href")).startswith("https://")
    card.locator(".in-article").click()
    expect(page.locator("#evidence mark")).to_have_count(0)


def test_all_of_it_can_be_done_with_the_keyboard(page: Page) -> None:
    ask(page)
    page.locator("#thread").focus()
    page.keyboard.press("Tab")
    expect(page.locator(".answer a.cite").first).to_be_focused()
    expect(page.locator("#preview")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#preview")).to_be_hidden()
    page.keyboard.press("Enter")
    expect(page.locator("#evidence .card.selected")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator(".answer a.cite").first).to_be_focused()
    expect(page.locator("#said")).to_contain_text("1,404 tonnes")  # and was read out


def test_conversations_are_kept_found_renamed_and_deleted(page: Page, url: str) -> None:
    ask(page, f"{QUESTION} Say it.")
    page.locator("#rail .new").click()
    expect(page.locator(".exchange")).to_have_count(0)
    ask(page, OTHER)
    page.reload()
    expect(page.locator(".exchange h2")).to_have_text(OTHER)
    expect(page.locator("#evidence .card").first).to_be_visible()
    titles = page.locator("#rail-list a")
    page.locator("#rail-search").fill("december ndpr")
    expect(titles.first).to_contain_text("How much NdPr")
    titles.first.click()
    expect(page.locator(".exchange h2")).to_have_text(f"{QUESTION} Say it.")

    entry = page.locator("#rail-list li").first
    entry.hover()
    entry.locator("summary").click()
    entry.get_by_text("Rename").click()
    page.locator(".renaming").fill(f"Mine {HOSTILE}"[:60])
    page.keyboard.press("Enter")
    expect(page.locator("#talk-title")).to_contain_text("Mine <img")
    page.locator("#rail-search").fill("mine")
    expect(titles).to_have_count(1)
    entry.hover()
    entry.locator("summary").click()
    entry.get_by_text("Delete").click()
    entry.get_by_text("Delete this conversation?").click()
    expect(page.locator(".welcome")).to_be_visible()
    expect(titles).to_have_count(0)
    assert page.evaluate("window.hit") is None


def test_filters_narrow_what_is_searched_and_stay_with_the_question(page: Page) -> None:
    page.locator(".filters summary").click()
    page.locator("[data-filter=since]").fill("2026-01-01")
    for field, name in (
        ("publishers", "middle.news"),
        ("topics", "prices"),
        ("companies", "Lynas Rare Earths"),
    ):
        box = page.locator(f"[data-filter={field}]")
        box.fill(name)
        box.press("Tab")
    page.keyboard.press("Escape")
    chips = page.locator("#chips button")
    expect(chips).to_have_text(["From 2026-01-01", "middle.news", "prices", "Lynas Rare Earths"])
    page.get_by_label("Remove prices").click()
    expect(chips).to_have_count(3)
    ask(page)
    page.reload()
    labels = page.locator(".asked .chips li")
    expect(labels).to_have_text(["From 2026-01-01", "middle.news", "Lynas Rare Earths"])
    publishers = page.locator("#evidence .card .publisher").all_inner_texts()
    assert publishers
    assert set(publishers) == {"middle.news"}


def test_what_one_does_with_an_answer(page: Page, product: Product, url: str) -> None:
    ask(page)
    page.get_by_label("Copy").click()
    page.get_by_text("Markdown", exact=True).click()
    expect(page.locator("#toast")).to_have_text("Copied")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied.startswith(f"## {QUESTION}")
    assert "[1]" in copied

    page.get_by_label("Share").click()
    link = page.locator("a.shared")
    expect(link).to_be_visible()
    address = url + str(link.get_attribute("href"))
    page.goto(address)
    expect(page.locator(".answer")).to_contain_text(SAYS)
    page.go_back()
    page.get_by_text("Take the link back").click()
    expect(page.locator("#toast")).to_contain_text("Taken back")
    expect(link).to_have_count(0)
    assert page.request.get(address).status == 404

    page.get_by_label("Bad answer").click()
    page.locator(".why input").fill("It leaves the mines out.")
    page.keyboard.press("Enter")
    expect(page.locator(".why")).to_be_hidden()
    (case,) = feedback.waiting(product.service.settings)
    assert (case["question"], case["note"]) == (QUESTION, "It leaves the mines out.")
    page.get_by_label("Bad answer").click()
    expect(page.get_by_label("Bad answer")).to_have_attribute("aria-pressed", "false")
    assert not feedback.waiting(product.service.settings)

    product.replies.append("In that quarter NdPr output fell to 1,404 tonnes.")
    page.get_by_label("Regenerate").click()
    expect(page.locator(".answer")).to_contain_text("In that quarter NdPr output")
    expect(page.locator(".exchange")).to_have_count(1)
    product.replies.append(SAYS)
    with page.expect_download() as download:
        page.get_by_label("Export").click()
    assert "In that quarter NdPr output" in download.value.path().read_text(encoding="utf-8")


def test_questions_are_offered_and_asked_with_a_click(page: Page) -> None:
    first = page.locator("#starters button").first
    text = first.inner_text()
    first.click()
    expect(page.locator(".exchange h2")).to_have_text(text)
    expect(page.locator(".next button").first).to_be_visible(timeout=20_000)


class Slow(GenericFakeChatModel):
    """Says its piece once ``go`` is set."""

    go: Any

    def _stream(self, *args: Any, **kwargs: Any) -> Iterator[Any]:
        assert self.go.wait(30)
        yield from super()._stream(*args, **kwargs)


@pytest.fixture
def slow(make_product: Make) -> Iterator[tuple[Product, threading.Event]]:
    product, go = make_product(sign_in=True, accounts=("reader", "staff")), threading.Event()
    chat = Slow(messages=iter([AIMessage(SAYS)] * 9), go=go)
    product.service.chain._llm = LLM("slow", chat, "fake")
    yield product, go
    go.set()


def signed_in(browser: Browser, url: str, name: str) -> Page:
    page = browser.new_context(viewport=DESKTOP).new_page()
    page.goto(f"{url}/login")
    page.locator("[name=name]").fill(name)
    page.locator("[name=password]").fill(PASSWORD)
    page.keyboard.press("Enter")
    page.locator("#question").wait_for()
    return page


def test_two_people_wait_in_one_line_and_see_only_their_own(
    browser: Browser, slow: tuple[Product, threading.Event]
) -> None:
    product, go = slow
    with product.served() as url:
        ann, ben = signed_in(browser, url, "reader"), signed_in(browser, url, "staff")
        for page, question in ((ann, QUESTION), (ben, f"{QUESTION} Tell Ben.")):
            page.locator("#question").fill(question)
            page.keyboard.press("Enter")
            expect(page.locator("#evidence .card").first).to_be_visible()  # before any turn
        expect(ben.locator(".answer")).to_contain_text("You are number 1 in line")
        ann.locator("#stop").click()
        expect(ann.locator(".answer")).to_contain_text("Stopped.")
        expect(ben.locator(".answer")).not_to_contain_text("in line")  # the place is free
        go.set()
        for page in (ann, ben):
            if page is ann:
                ann.get_by_text("Ask again").click()
            expect(page.locator(".answer")).to_contain_text(SAYS, timeout=20_000)
        expect(ann.locator("#rail-list a")).to_have_count(1)
        expect(ann.locator("#rail-list a")).not_to_contain_text("Ben")
        of_ben = ben.url
        ann.goto(of_ben)
        expect(ann.locator("#toast")).to_contain_text("There is no such conversation")
        expect(ann.locator(".exchange")).to_have_count(0)
        ann.context.close()
        ben.context.close()


def test_a_browser_that_goes_away_gives_its_place_up(
    browser: Browser, slow: tuple[Product, threading.Event]
) -> None:
    product, go = slow
    with product.served() as url:
        ann, ben = signed_in(browser, url, "reader"), signed_in(browser, url, "staff")
        for page in (ann, ben):
            page.locator("#question").fill(QUESTION)
            page.keyboard.press("Enter")
            expect(page.locator("#evidence .card").first).to_be_visible()
        expect(ben.locator(".answer")).to_contain_text("in line")
        place = ann.url
        ann.close()
        expect(ben.locator(".answer")).not_to_contain_text("in line", timeout=20_000)
        back = ben.context.browser.contexts[-2].new_page()  # type: ignore[union-attr]
        back.goto(place)
        expect(back.locator(".answer")).to_contain_text("This answer was not finished.")
        go.set()
        for each in browser.contexts:
            each.close()


def test_the_page_speaks_the_language_of_the_browser_until_another_is_chosen(
    browser: Browser, url: str
) -> None:
    page = opened(browser, url, locale="zh-CN")
    expect(page.locator("#rail .new")).to_have_text("新对话")
    expect(page.locator("#masthead nav")).to_contain_text("提问")
    page.get_by_text("English", exact=True).click()
    expect(page.locator("#rail .new")).to_have_text("New chat")
    page.reload()
    expect(page.locator("#rail .new")).to_have_text("New chat")
    page.context.close()


def test_light_and_dark_follow_the_system_until_one_is_chosen(browser: Browser, url: str) -> None:
    page = opened(browser, url, color_scheme="dark")
    body = page.locator("body")
    expect(body).to_have_class(re.compile(r"\bdark\b"))
    page.get_by_label("Light or dark").click()
    page.reload()
    page.locator("#question").wait_for()
    expect(body).not_to_have_class(re.compile(r"\bdark\b"))
    page.context.close()


def test_nothing_that_was_not_written_here_becomes_markup(page: Page) -> None:
    page.locator(".filters summary").click()
    box = page.locator("[data-filter=topics]")
    box.fill(HOSTILE)
    box.press("Tab")
    page.keyboard.press("Escape")
    ask(page, HOSTILE)
    page.reload()
    expect(page.locator(".exchange h2")).to_have_text(HOSTILE)
    assert page.evaluate("window.hit") is None


SMALL = """() => [...document.querySelectorAll('#chat-root :is(button, summary, input, textarea, a.out)')]
  .filter((e) => e.checkVisibility({visibilityProperty: true}))
  .map((e) => [e.outerHTML.slice(0, 80), e.getBoundingClientRect()])
  .filter(([, box]) => box.height < 40 || box.width < 40).map(([e, box]) => [e, box.width, box.height])"""


def test_on_a_phone_the_outer_columns_come_over_the_talk(browser: Browser, url: str) -> None:
    page = opened(browser, url, PHONE, has_touch=True)
    ask(page)
    marker = page.locator(".answer a.cite").first
    marker.tap()
    expect(page.locator("#preview")).to_contain_text("1,404 tonnes")
    marker.tap()
    expect(page.locator("#evidence .card.selected mark")).to_be_visible()
    assert page.evaluate(SMALL) == []
    page.get_by_label("Close").tap()
    expect(page.locator("#evidence")).to_be_hidden()
    page.get_by_label("Show conversations").tap()
    expect(page.locator("#rail-list a").first).to_be_visible()
    page.wait_for_timeout(300)
    assert page.evaluate(SMALL) == []
    page.locator("#rail .new").tap()
    expect(page.locator("#rail")).to_be_hidden()
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    page.context.close()


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(browser: Browser, url: str, size: Any, scheme: str) -> None:
    page = opened(browser, url, size, color_scheme=scheme, reduced_motion="reduce")
    found = [Axe().run(page)]
    ask(page)
    page.locator(".answer a.cite").first.click()
    expect(page.locator("#evidence mark")).to_be_visible()
    found.append(Axe().run(page))
    if size == PHONE:
        page.get_by_label("Close").click()
        page.get_by_label("Show conversations").click()
        page.wait_for_timeout(300)
        found.append(Axe().run(page))
        page.keyboard.press("Escape")
    page.locator(".filters summary").click()
    page.locator(".asked").first.hover()
    found.append(Axe().run(page))
    page.context.close()
    wrong = [
        (violation["id"], [node["html"][:120] for node in violation["nodes"][:4]])
        for result in found
        for violation in result.response["violations"]
        if violation["impact"] in ("serious", "critical")
    ]
    assert wrong == []
