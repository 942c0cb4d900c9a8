"""A person's way through the pages, in a real browser; through the chat with the real local model."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from rag.embed import PACKAGED, Embedder
from rag.ingest import ingest
from tests.corpus.site import Answer, Site, make_post
from tests.ui.conftest import DESKTOP, PHONE

pytestmark = pytest.mark.browser

BAOGANG = "What did Baogang's leadership stress at its meeting of 13 May 2025?"
BAOGANG_URL = "https://rareearthexchanges.com/?p=5652"
ANSWER_MS = 180_000
FILES = Path(__file__).parents[1] / "corpus" / "files"
HOSTILE = "<img src=x onerror='window.hit=1'> ${window.hit=1} {{value}} <script>window.hit=1</script>"


@contextmanager
def serving(folder: Path, llm: str = "", private_hosts: str = "") -> Iterator[str]:
    """The pages, served by the command that people run; its port was taken, so it is the next one."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        server = subprocess.Popen(
            [sys.executable, "-u", "-m", "ui.cli", "chat", "--port", str(port)],
            stdout=subprocess.PIPE,
            text=True,
            env={
                **os.environ,
                "REEX_DATA_DIR": str(folder),
                "REEX_LLM": llm,
                "REEX_PRIVATE_HOSTS": private_hosts,
            },
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


@pytest.fixture
def page(browser: Browser, url: str) -> Iterator[Page]:
    opened = browser.new_page(viewport=DESKTOP)
    opened.goto(url)
    opened.locator("#question").wait_for()
    yield opened
    opened.close()


def ask(page: Page, question: str) -> None:
    page.locator("#question").fill(question)
    page.keyboard.press("Enter")


def wait_until_answered(page: Page) -> None:
    expect(page.locator("#thread .exchange").last.locator(".actions")).to_be_visible(timeout=ANSWER_MS)


@pytest.mark.model
def test_the_main_job_from_question_to_the_passage_in_its_article(page: Page) -> None:
    ask(page, BAOGANG)
    page.locator("#evidence .card").first.wait_for()  # passages are there before the answer
    wait_until_answered(page)
    page.locator("#thread a.cite").first.click()
    mark = page.locator("#evidence .card.selected mark")
    mark.wait_for()
    assert mark.inner_text().strip()
    links = page.locator("#evidence a.out").evaluate_all("links => links.map(link => link.href)")
    assert BAOGANG_URL in links
    assert "Rare Earth Exchanges" in page.locator("#evidence .card.selected").inner_text()


@pytest.mark.model
def test_a_follow_up_is_understood(page: Page) -> None:
    ask(page, "How much revenue did Lynas report for the December 2025 quarter?")
    wait_until_answered(page)
    ask(page, "and how much NdPr did it produce then?")
    expect(page.locator("#thread .exchange")).to_have_count(2)
    wait_until_answered(page)
    expect(page.locator("#thread .exchange").last).to_contain_text("1,404")


@pytest.mark.model
def test_an_answer_is_stopped_and_the_next_one_comes(page: Page) -> None:
    # Asked by no other test here: a kept answer would be there before it could be stopped.
    ask(page, "How did NdPr production at Lynas change in the December 2025 quarter, and why?")
    page.locator("#stop").click(timeout=ANSWER_MS)
    expect(page.locator("#send")).to_be_visible()
    page.locator("#rail .new").click()
    expect(page.locator("#thread .exchange")).to_have_count(0)
    ask(page, "Who is the chief executive of Lynas?")
    wait_until_answered(page)
    expect(page.locator("#thread")).to_contain_text("Lacaze")


@pytest.mark.model
def test_nothing_breaks_on_a_phone(page: Page) -> None:
    page.set_viewport_size(PHONE)
    ask(page, "What is the capital of the moon colony?")
    wait_until_answered(page)
    expect(page.locator("#thread .refusal")).to_contain_text("The corpus does not say.")
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


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


# Adding to the library, from real sites over loopback


class SlowSite(Site):
    """Takes its time for the second portion of posts."""

    def answer(self, target: str, headers: dict[str, str]) -> Answer:
        if "include=51" in target:
            time.sleep(3)
        return super().answer(target, headers)


@pytest.fixture(scope="module")
def blog() -> Iterator[Site]:
    """A WordPress site of 60 posts."""
    with SlowSite(60) as site:
        yield site


@pytest.fixture(scope="module")
def stuck() -> Iterator[Site]:
    """A site without REST whose fifth page hangs."""
    with Site() as site:
        site.wordpress = False
        site.posts = {n: replace(make_post(n), title=f"Stuck {n}") for n in range(101, 121)}
        site.always["/post-105/"] = Answer(b"<p>late</p>", pause=90)
        yield site


@pytest.fixture(scope="module")
def adding_url(tmp_path_factory: pytest.TempPathFactory, embedder: Embedder) -> Iterator[str]:
    """The Library page of a corpus of one article; sites on 127.0.0.1 may be read, other private ones not."""
    folder = tmp_path_factory.mktemp("adding")
    source = folder / "steel.md"
    source.write_text("Baogang makes steel.", encoding="utf-8")
    ingest(folder, PACKAGED, [str(source)], only=True, load_embedder=lambda: embedder)
    with serving(folder, "ollama:none", "127.0.0.1") as address:
        yield f"{address}/library"


@pytest.fixture
def adding(browser: Browser, adding_url: str) -> Iterator[Page]:
    """The Library page with the part opened where articles are added."""
    opened = browser.new_page(viewport=DESKTOP)
    opened.goto(adding_url)
    opened.locator("#library-table a.open").first.wait_for()
    opened.locator("#library-add > button").click()
    yield opened
    opened.close()


def add_address(page: Page, address: str) -> None:
    page.locator("#library-address input").fill(address)
    page.locator("#library-add-address").click()


def upload(page: Page, file: Path) -> None:
    with page.expect_file_chooser() as chooser:
        page.locator("#library-upload").click()
    chooser.value.set_files(file)


def expect_found(page: Page, words: str, titles: list[str]) -> None:
    page.locator("#library-words input").fill(words)
    expect(page.locator("#library-table a.open")).to_have_text(titles)


def test_a_site_is_added_by_its_address(adding: Page, blog: Site) -> None:
    add_address(adding, blog.url)
    status, stop = adding.locator("#library-status"), adding.locator("#library-stop")
    expect(stop).to_be_visible()
    expect(adding.locator("#library-add-address")).to_be_disabled()
    reading = re.compile(r"Reading the WordPress posts at \S+/wp-json/wp/v2/posts: \d+ articles? so far\.")
    expect(status).to_contain_text(reading, timeout=ANSWER_MS)
    expect(status).to_contain_text(re.compile(r"Indexing: \d+ of 60 articles"), timeout=ANSWER_MS)
    expect(status).to_contain_text("60 added", timeout=ANSWER_MS)
    expect(stop).to_be_hidden()
    expect(adding.locator("#library-add-address")).to_be_enabled()
    expect_found(adding, "506 tonnes", [blog.posts[58].title])


def test_a_pdf_is_uploaded_and_one_that_is_none_refused(adding: Page, tmp_path: Path) -> None:
    upload(adding, FILES / "report.chromium.pdf")
    expect(adding.locator("#library-status")).to_contain_text("1 added", timeout=ANSWER_MS)
    expect_found(adding, "Kestrel dysprosium", ["Kiln report 2025"])
    upload(adding, Path(shutil.copy(FILES / "report.txt", tmp_path / "notes.pdf")))
    failure = adding.locator("#library-status .failure")
    expect(failure).to_have_text("notes.pdf is not a PDF file, whatever it is called.", timeout=ANSWER_MS)
    expect(adding.locator("#library-stop")).to_be_hidden()


def test_a_slow_site_is_stopped_and_what_was_read_stays(adding: Page, stuck: Site) -> None:
    add_address(adding, stuck.url)
    status, stop = adding.locator("#library-status"), adding.locator("#library-stop")
    expect(status).to_contain_text(re.compile(r"the sitemap \S+: 4 articles so far"), timeout=ANSWER_MS)
    stop.click()
    expect(status).to_contain_text("Stopped before the end", timeout=15_000)
    del stuck.always["/post-105/"]  # or every later update would wait for it
    expect(status).to_contain_text("4 added")
    expect(stop).to_be_hidden()
    expect(adding.locator("#library-add-address")).to_be_enabled()
    expect_found(adding, "stuck", [f"Stuck {number}" for number in (101, 102, 103, 104)])
    expect(adding.locator("#library-table .state").first).to_have_text("in use")


def test_what_cannot_be_added_is_said_in_a_sentence(adding: Page) -> None:
    failure = adding.locator("#library-status .failure")
    add_address(adding, "http://10.0.0.1/")
    expect(failure).to_have_text(
        "10.0.0.1 is not on the public internet (10.0.0.1) and not named in REEX_PRIVATE_HOSTS: "
        "name it there if it is yours and trusted.",
        timeout=ANSWER_MS,
    )
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # and does not listen
        address = f"http://127.0.0.1:{closed.getsockname()[1]}"
        add_address(adding, f"{address}/")
        expect(failure).to_contain_text(f"{address} cannot be reached", timeout=ANSWER_MS)
