"""A person's way through the chat page, in a real browser, with the real local model."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from evals import feedback
from rag.settings import load_settings

pytestmark = [pytest.mark.browser, pytest.mark.model]

BAOGANG = "What did Baogang commit to under the 15th Five-Year Plan?"
BAOGANG_URL = "https://rareearthexchanges.com/?p=5652"
DESKTOP, PHONE = {"width": 1366, "height": 820}, {"width": 390, "height": 844}
ANSWER_MS = 180_000
CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="module")
def url(starter_folder: Path) -> Iterator[str]:
    """The page, served by the command that people run; its port was taken, so it is the next one."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        server = subprocess.Popen(
            [sys.executable, "-u", "-m", "ui.cli", "chat", "--port", str(port)],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "REEX_DATA_DIR": str(starter_folder), "REEX_LLM": ""},
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


def test_a_follow_up_is_understood(page: Page) -> None:
    ask(page, "How much revenue did Lynas report for the December 2025 quarter?")
    wait_until_answered(page)
    ask(page, "and how much NdPr did it produce then?")
    wait_until_answered(page)
    expect(page.locator("#chat")).to_contain_text("1,404")


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


def test_nothing_breaks_on_a_phone(page: Page) -> None:
    page.set_viewport_size(PHONE)
    ask(page, "What is the capital of the moon colony?")
    wait_until_answered(page)
    expect(page.locator("#chat .refusal")).to_contain_text("The corpus does not say.")
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


def test_markup_in_a_question_stays_text(page: Page) -> None:
    page.evaluate("window.hit = 0")
    ask(page, "<img src=x onerror='window.hit=1'> <b>Lynas</b>")
    wait_until_answered(page)
    assert page.evaluate("window.hit") == 0


def test_a_run_can_be_started_watched_and_read(page: Page, url: str) -> None:
    page.goto(f"{url}/evals")
    page.locator("#evals-run").click()
    expect(page.locator("#evals-status")).to_contain_text("of 12 cases", timeout=ANSWER_MS)
    expect(page.locator("#evals-status")).to_contain_text("Finished: smoke-", timeout=ANSWER_MS)
    report = page.frame_locator("#evals-report iframe")
    expect(report.locator(".case")).to_have_count(12)
    report.locator("#kind").select_option("chinese")
    expect(report.locator(".case:visible")).to_have_count(1)


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
