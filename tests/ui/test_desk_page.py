"""A day at the desk, in a real browser, without a language model: drafts then quote passages."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from rag.embed import PACKAGED, Embedder
from rag.ingest import ingest
from tests.corpus.site import Answer, Site
from tests.ui.conftest import DESKTOP, PHONE
from tests.ui.test_page import serving

pytestmark = pytest.mark.browser

MP = "What price floor did the Pentagon give MP Materials?"
GAP = "Who will win the world cup in curling?"
HOSTILE = "<img src=x onerror='window.hit=1'> ${window.hit=1} {{value}} <script>window.hit=1</script>"


ARTICLES = [
    {
        "url": "https://news.example/mp",
        "title": "MP Materials and the Pentagon agree on a price floor",
        "publisher": "Example News",
        "published": "2025-07-10",
        "text": "The Pentagon gave MP Materials a price floor of $110/kg for NdPr oxide. "
        "The floor lasts for ten years. "
        "The Pentagon also becomes the largest shareholder of MP Materials with 15%.",
    },
    {
        "url": "https://news.example/lynas",
        "title": "Lynas quarterly output",
        "publisher": "Example News",
        "published": "2026-01-20",
        "text": "Lynas Rare Earths produced 1,404 tonnes of NdPr in the December 2025 quarter. "
        "Revenue was A$201.9 million.",
    },
    {
        "url": "https://news.example/steel",
        "title": "Baogang makes steel",
        "text": "Baogang makes steel and rare earths in Baotou. The group employs many people there.",
    },
]


def write(folder: Path, articles: list[dict[str, str]]) -> Path:
    source = folder / "articles.jsonl"
    source.write_text("\n".join(map(json.dumps, articles)), encoding="utf-8")
    return source


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, embedder: Embedder) -> Path:
    made = tmp_path_factory.mktemp("desk")
    ingest(made, PACKAGED, [str(write(made, ARTICLES))], only=True, load_embedder=lambda: embedder)
    return made


@pytest.fixture(scope="module")
def forum() -> Iterator[Site]:
    item = f"<item><title>{MP}</title><link>/t/9</link></item>"
    feed = f"<rss version='2.0'><channel><title>Forum</title>{item}</channel></rss>"
    with Site() as site:
        site.always["/latest.rss"] = Answer(feed.encode(), "application/rss+xml")
        yield site


@pytest.fixture(scope="module")
def url(folder: Path) -> Iterator[str]:
    with serving(folder, "ollama:none", "127.0.0.1") as address:
        yield f"{address}/desk/"


@pytest.fixture
def desk(browser: Browser, url: str) -> Iterator[Page]:
    context = browser.new_context(viewport=DESKTOP, permissions=["clipboard-read", "clipboard-write"])
    page = context.new_page()
    page.goto(url)
    page.locator("#desk-inbox :is(a.row, .hint)").first.wait_for()
    yield page
    assert page.evaluate("window.hit") is None
    context.close()


def add(page: Page, text: str) -> None:
    if not page.locator("#desk-paste").is_visible():
        page.locator("#desk-add > button").click()
    page.locator("#desk-paste textarea").fill(text)
    page.locator("#desk-take").click()
    expect(page.locator("#desk-status")).to_contain_text("added")


def open_query(page: Page, text: str) -> None:
    page.locator("#desk-inbox a.row").filter(has_text=text).first.click()
    expect(page.locator("#desk-query .asked")).to_have_text(text)


def draft(page: Page) -> None:
    page.locator("#desk-draft").click()
    expect(page.locator("#desk-checks .verdict")).to_have_text("✓ Everything is supported", timeout=60_000)


def no_serious_issue(page: Page) -> None:
    found = Axe().run(page).response["violations"]
    assert [
        (i["id"], i["nodes"][0]["html"][:200]) for i in found if i["impact"] in ("serious", "critical")
    ] == []


def test_a_query_from_the_inbox_to_the_forum(desk: Page) -> None:
    add(desk, f"{MP}\n\n{GAP}")
    expect(desk.locator("#desk-status")).to_have_text("2 queries added.")
    open_query(desk, MP)
    draft(desk)
    expect(desk.locator("#desk-remarks")).to_contain_text("cannot be reached")
    expect(desk.locator("#desk-evidence .card").first).to_contain_text("$110/kg")
    no_serious_issue(desk)

    body = desk.locator("#desk-body textarea")
    text = body.input_value()
    body.fill(text.replace("$110/kg", "$120/kg") + "\n\nAlso, Lynas makes 5 tonnes.\n\nKind regards!")
    doubts = desk.locator("#desk-checks .doubt")
    expect(desk.locator("#desk-checks .verdict")).to_contain_text("2 sentences not supported")
    expect(doubts.first).to_contain_text("not word for word")
    expect(doubts.last).to_contain_text("no marker")
    expect(desk.locator("#desk-checks .saved")).to_have_text("Unsaved changes")
    desk.locator("#desk-review").click()
    expect(desk.locator("#desk-status")).to_have_text("Sent to review.")

    desk.locator("#desk-approve").click()
    expect(desk.locator("#desk-status")).to_contain_text("2 of its sentences are not supported")
    desk.locator("#desk-reason textarea").fill("mend the price")
    desk.locator("#desk-send-back").click()
    expect(desk.locator("#desk-query .badge")).to_have_text("drafted")
    body.fill(text + "\n\nAlso, Lynas makes 5 tonnes.")
    body.press("Control+s")
    expect(desk.locator("#desk-status")).to_have_text("Saved.")
    desk.locator("#desk-review").click()
    expect(desk.locator("#desk-query .badge")).to_have_text("in review")
    desk.locator("#desk-anyway input").check()
    desk.locator("#desk-reason textarea").fill("we visited the plant")
    desk.locator("#desk-approve").click()
    expect(desk.locator("#desk-query .badge")).to_have_text("approved")

    desk.locator("#desk-export > button").click()
    desk.locator("#desk-format").get_by_text("BBCode").click()
    desk.get_by_role("button", name="Copy BBCode").click()
    expect(desk.locator(".copied")).to_have_text("Copied")
    assert "[url=https://" in desk.evaluate("navigator.clipboard.readText()")
    desk.locator("#desk-reason textarea").fill("https://forum.example/t/1")
    desk.locator("#desk-post").click()
    expect(desk.locator("#desk-query .badge")).to_have_text("posted")
    desk.locator("#desk-history > button").click()
    trail = desk.locator("#desk-history .trail li")
    expect(trail.first).to_contain_text("posted revision 3: https://forum.example/t/1")
    expect(desk.locator("#desk-history .trail")).to_contain_text(
        "anyway, with 1 unsupported: we visited the plant"
    )
    expect(desk.locator("#desk-history .trail")).to_contain_text("sent back revision 2: mend the price")


def test_an_approved_answer_is_offered_to_who_asks_the_same(desk: Page) -> None:
    add(desk, "Which floor price has the Pentagon given to MP Materials?")
    open_query(desk, "Which floor price has the Pentagon given to MP Materials?")
    offer = desk.locator("#desk-alike li").filter(has_text=MP)
    expect(offer).to_contain_text("posted")
    offer.get_by_role("button", name="Use as draft").click()
    expect(desk.locator("#desk-status")).to_contain_text("checked against today’s corpus")
    expect(desk.locator("#desk-body textarea")).to_have_value(re.compile("Also, Lynas makes 5 tonnes"))
    expect(desk.locator("#desk-checks .verdict")).to_contain_text("1 sentence not supported")


def test_two_who_edit_at_once_lose_nothing(desk: Page, browser: Browser, url: str) -> None:
    add(desk, "How much NdPr did Lynas produce in the December 2025 quarter?")
    open_query(desk, "How much NdPr did Lynas produce in the December 2025 quarter?")
    draft(desk)
    other = browser.new_page(viewport=DESKTOP)
    other.goto(desk.url)
    expect(other.locator("#desk-body textarea")).to_have_value(re.compile("NdPr"))
    desk.locator("#desk-body textarea").fill("Mine was first.")
    desk.locator("#desk-save").click()
    expect(desk.locator("#desk-status")).to_have_text("Saved.")
    other.locator("#desk-body textarea").fill("Mine was second.")
    other.locator("#desk-save").click()
    expect(other.locator("#desk-conflict")).to_contain_text("saved revision 2 meanwhile")
    expect(other.locator("#desk-conflict del")).to_contain_text("first")
    expect(other.locator("#desk-body textarea")).to_have_value("Mine was second.")
    other.locator("#desk-save").click()
    expect(other.locator("#desk-checks .saved")).to_have_text("Revision 3, saved")
    other.close()


def test_all_new_ones_are_drafted_and_what_has_no_answer_is_a_gap(desk: Page, forum: Site) -> None:
    desk.locator("#desk-add > button").click()
    desk.locator("#desk-feed input").fill(f"{forum.url}/latest.rss")
    desk.locator("#desk-feed input").press("Enter")
    desk.locator("#desk-read").click()
    expect(desk.locator("#desk-status")).to_have_text("1 query added.")
    desk.locator("#desk-read").click()
    expect(desk.locator("#desk-status")).to_have_text("0 queries added, 1 known already.")
    desk.locator("#desk-draft-all").click()
    expect(desk.locator("#desk-status")).to_contain_text(re.compile(r"\d of \d drafted"), timeout=60_000)
    expect(desk.locator("#desk-stop")).to_be_hidden()
    expect(desk.locator("#desk-state")).to_contain_text("New 0")
    desk.get_by_role("tab", name="Gaps").click()
    expect(desk.locator("#desk-gaps tbody tr").first).to_contain_text("curling")
    no_serious_issue(desk)
    desk.get_by_role("tab", name="Stale").click()
    expect(desk.locator("#desk-stale")).to_contain_text("Every answer rests on evidence that is as it was")
    no_serious_issue(desk)


def test_an_answer_whose_article_changed_is_flagged_with_the_difference(
    desk: Page, folder: Path, embedder: Embedder
) -> None:
    changed = ARTICLES[0] | {"text": ARTICLES[0]["text"].replace("110", "125")}
    write(folder, [changed, *ARTICLES[1:]])
    ingest(folder, PACKAGED, load_embedder=lambda: embedder)
    desk.get_by_role("tab", name="Stale").click()
    alarm = desk.locator("#desk-stale .stale").first
    expect(alarm).to_contain_text("the cited passage is not in it")
    expect(alarm.locator("ins").filter(has_text="125").first).to_be_visible()
    alarm.get_by_role("button", name="Reopen with today’s evidence").click()
    expect(desk.locator("#desk-query .badge")).to_have_text("drafted")
    expect(desk.locator("#desk-checks .doubt").first).to_contain_text("not word for word")


def test_markup_stays_text_everywhere(desk: Page) -> None:
    add(desk, HOSTILE)
    open_query(desk, HOSTILE)
    desk.locator("#desk-body textarea").fill(f"{HOSTILE} [1]\n\n> {HOSTILE}")
    expect(desk.locator("#desk-checks .mirror")).to_contain_text("<script>window.hit=1</script>")
    desk.locator("#desk-save").click()
    expect(desk.locator("#desk-status")).to_have_text("Saved.")
    desk.locator("#desk-export > button").click()
    for name in ("HTML", "Discourse", "BBCode"):
        desk.locator("#desk-format").get_by_text(name).click()
        expect(desk.get_by_role("button", name=f"Copy {name}")).to_be_visible()


def test_the_desk_on_a_phone(browser: Browser, url: str) -> None:
    phone = browser.new_page(viewport=PHONE)
    phone.goto(url)
    phone.locator("#desk-inbox a.row").first.wait_for()
    expect(phone.locator("#desk-query")).to_be_hidden()
    no_serious_issue(phone)
    phone.locator("#desk-words input, #desk-words textarea").first.fill("curling")
    expect(phone.locator("#desk-inbox a.row")).to_have_count(1)
    open_query(phone, GAP)
    expect(phone.locator("#desk-inbox")).to_be_hidden()
    expect(phone.locator("#desk-remarks")).to_contain_text("listed under Gaps")
    assert phone.evaluate("document.documentElement.scrollWidth <= innerWidth")
    no_serious_issue(phone)
    phone.locator("#desk-back").click()
    expect(phone.locator("#desk-inbox")).to_be_visible()
    phone.close()
