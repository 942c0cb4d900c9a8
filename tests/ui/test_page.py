"""A person's way through the pages, in a real browser; through the chat with the real local model."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from evals import feedback
from rag.embed import PACKAGED, Embedder
from rag.ingest import ingest
from rag.settings import load_settings

pytestmark = pytest.mark.browser

BAOGANG = "What did Baogang commit to under the 15th Five-Year Plan?"
BAOGANG_URL = "https://rareearthexchanges.com/?p=5652"
DESKTOP, PHONE = {"width": 1366, "height": 820}, {"width": 390, "height": 844}
ANSWER_MS = 180_000
HOSTILE = "<img src=x onerror='window.hit=1'> ${window.hit=1} {{value}} <script>window.hit=1</script>"
CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@contextmanager
def serving(folder: Path, llm: str = "") -> Iterator[str]:
    """The pages, served by the command that people run; its port was taken, so it is the next one."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        server = subprocess.Popen(
            [sys.executable, "-u", "-m", "ui.cli", "chat", "--port", str(port)],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "REEX_DATA_DIR": str(folder), "REEX_LLM": llm},
        )
        assert server.stdout
        lines = []
        for line in server.stdout:
            lines.append(line)
            if "REEx Answers is at" in line:
                break
        assert f"Port {port} is taken" in "".join(lines)
        yield lines[-1].split()[4]
        server.send_signal(signal.SIGINT)
        assert server.wait(timeout=30) in (0, 130)


@pytest.fixture(scope="module")
def url(starter_folder: Path) -> Iterator[str]:
    with serving(starter_folder) as address:
        yield address


@pytest.fixture(scope="module")
def hostile_folder(tmp_path_factory: pytest.TempPathFactory, embedder: Embedder) -> Path:
    """A corpus of two articles, one of them written by an enemy, with two versions."""
    folder = tmp_path_factory.mktemp("library")
    source = folder / "articles.jsonl"
    for text in (HOSTILE, f"{HOSTILE} It was changed."):
        rows = [
            {"url": "javascript:window.hit=1", "title": HOSTILE, "publisher": HOSTILE, "text": text},
            {"url": "https://example.com/steel", "title": "Steel", "text": "Baogang makes steel."},
        ]
        source.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
        ingest(folder, PACKAGED, [str(source)], only=True, load_embedder=lambda: embedder)
    return folder


@pytest.fixture(scope="module")
def library(hostile_folder: Path) -> Iterator[str]:
    """The address of the Library page; no language model is loaded, since none is asked."""
    with serving(hostile_folder, "ollama:none") as address:
        yield f"{address}/library"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=CHROMIUM_FLAGS)
        yield running
        running.close()


@pytest.fixture
def page(browser: Browser, url: str) -> Iterator[Page]:
    opened = browser.new_page(viewport=DESKTOP)
    opened.goto(url)
    opened.locator("#question textarea").wait_for()
    yield opened
    opened.close()


def ask(page: Page, question: str) -> None:
    page.locator("#question textarea").fill(question)
    page.keyboard.press("Enter")


def wait_until_answered(page: Page) -> None:
    page.locator("#chat .caret").last.wait_for(state="attached", timeout=ANSWER_MS)
    expect(page.locator("#chat .caret")).to_have_count(0, timeout=ANSWER_MS)


@pytest.mark.model
def test_the_main_job_from_question_to_the_passage_in_its_article(page: Page) -> None:
    ask(page, BAOGANG)
    page.locator("#evidence .card").first.wait_for()  # passages are there before the answer
    wait_until_answered(page)
    marker = page.locator("#chat a.cite").first
    marker.click()
    mark = page.locator("#evidence .card.selected mark")
    mark.wait_for()
    assert mark.inner_text().strip()
    links = page.locator("#evidence a.out").evaluate_all("links => links.map(link => link.href)")
    assert BAOGANG_URL in links
    card = page.locator("#evidence .card.selected")
    assert "Rare Earth Exchanges" in card.inner_text()


@pytest.mark.model
def test_a_follow_up_is_understood(page: Page) -> None:
    ask(page, "How much revenue did Lynas report for the December 2025 quarter?")
    wait_until_answered(page)
    ask(page, "and how much NdPr did it produce then?")
    wait_until_answered(page)
    expect(page.locator("#chat")).to_contain_text("1,404")


@pytest.mark.model
def test_an_example_can_be_clicked_and_the_answer_stopped_and_cleared(page: Page) -> None:
    page.locator("#examples button").nth(1).click()
    page.locator("#stop").click(timeout=ANSWER_MS)
    expect(page.locator("#send")).to_be_visible()
    page.locator("#clear").click()
    expect(page.locator("#chat .message")).to_have_count(0)
    expect(page.locator("#examples button").first).to_be_visible()
    ask(page, "Who is the chief executive of Lynas?")
    wait_until_answered(page)
    expect(page.locator("#chat")).to_contain_text("Lacaze")


@pytest.mark.model
def test_nothing_breaks_on_a_phone(page: Page) -> None:
    page.set_viewport_size(PHONE)
    ask(page, "What is the capital of the moon colony?")
    wait_until_answered(page)
    expect(page.locator("#chat .refusal")).to_contain_text("The corpus does not say.")
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


@pytest.mark.model
def test_markup_in_a_question_stays_text(page: Page) -> None:
    page.evaluate("window.hit = 0")
    ask(page, "<img src=x onerror='window.hit=1'> <b>Lynas</b>")
    wait_until_answered(page)
    assert page.evaluate("window.hit") == 0


@pytest.mark.model
def test_a_run_can_be_started_watched_and_read(page: Page, url: str) -> None:
    page.goto(f"{url}/evals")
    page.locator("#evals-run").click()
    expect(page.locator("#evals-status")).to_contain_text("of 12 cases", timeout=ANSWER_MS)
    expect(page.locator("#evals-status")).to_contain_text("Finished: smoke-", timeout=ANSWER_MS)
    report = page.frame_locator("#evals-report iframe")
    expect(report.locator(".case")).to_have_count(12)
    report.locator("#kind").select_option("chinese")
    expect(report.locator(".case:visible")).to_have_count(1)


@pytest.mark.model
def test_a_run_can_be_stopped(page: Page, url: str) -> None:
    page.goto(f"{url}/evals")
    page.get_by_label("Suite").click()
    page.get_by_role("option", name="dev", exact=True).click()
    page.locator("#evals-run").click()
    expect(page.locator("#evals-status")).to_contain_text("of 423 cases", timeout=ANSWER_MS)
    page.locator("#evals-stop").click()
    expect(page.locator("#evals-status")).to_contain_text("Stopped: dev-", timeout=ANSWER_MS)
    expect(page.locator("#evals-status")).to_contain_text("unfinished")
    expect(page.locator("#evals-run")).to_be_visible()


@pytest.mark.model
def test_a_thumb_keeps_an_answer_with_what_was_wrong(page: Page, starter_folder: Path) -> None:
    def kept() -> list[dict[str, Any]]:
        return feedback.waiting(load_settings(data_dir=starter_folder))

    ask(page, BAOGANG)
    wait_until_answered(page)
    page.get_by_label("Dislike").last.click()
    page.locator("#wrong textarea").fill("It leaves the mines out.")
    page.locator("#wrong-send").click()
    expect(page.locator("#wrong")).to_be_hidden()
    (row,) = kept()
    assert (row["question"], row["note"]) == (BAOGANG, "It leaves the mines out.")
    assert row["evidence"][0]["url"] == BAOGANG_URL
    page.get_by_label("Disliked").last.click()
    page.wait_for_timeout(1_000)
    assert not kept()


def test_the_library_is_searched_read_and_added_to(browser: Browser, library: str, tmp_path: Path) -> None:
    page = browser.new_page(viewport=PHONE)
    page.goto(library)
    titles = page.locator("#library-table a.open")
    expect(titles).to_have_count(2)
    expect(page.locator("#library-health")).to_contain_text("2 articles")
    page.locator("#library-words input").fill("changed")
    expect(titles).to_have_count(1)
    titles.click()
    expect(page.locator("#library-text .passage")).to_contain_text(f"{HOSTILE} It was changed.")
    expect(page.locator("#library-text ins")).to_contain_text("It was changed.")
    assert page.locator("#library-text a[href^=javascript]").count() == 0
    assert page.evaluate("window.hit") is None
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    page.locator("#library-close").click()

    report = tmp_path / "Report <b>.txt"
    report.write_text("A report on dysprosium\n\nDysprosium was scarce in 2025.", encoding="utf-8")
    page.locator("#library-add > button").click()
    with page.expect_file_chooser() as chooser:
        page.locator("#library-upload").click()
    chooser.value.set_files(report)
    expect(page.locator("#library-status")).to_contain_text("1 added", timeout=ANSWER_MS)
    page.locator("#library-words input").fill("dysprosium")
    expect(titles).to_have_text(["A report on dysprosium"])
    page.locator("#library-address input").fill("/etc/passwd")
    page.locator("#library-add-address").click()
    expect(page.locator("#library-status .failure")).to_contain_text("Only web addresses")
    page.close()
