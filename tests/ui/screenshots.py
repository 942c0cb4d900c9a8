"""The pictures of ``docs/pages.md``: every page on a desktop and on a phone, light and dark.

``python -m tests.ui.screenshots`` makes them all: it serves a new data directory with the starter corpus,
asks the configured language model once, and looks at the pages with a browser. ``--data-dir`` keeps what was
asked, so that a look after a change of style is short; ``--only desk`` makes those whose names begin so.
"""

import argparse
import io
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvicorn
from PIL import Image
from playwright.sync_api import Browser, Page, expect, sync_playwright

from evals.run import RETRIEVAL, run
from rag.chain import AnswerChain
from rag.ingest import update
from rag.settings import Settings, load_settings
from rag.types import Question
from tests.ui.conftest import CHROMIUM_FLAGS, PHONE
from ui import conversations, sharing
from ui.accounts import Accounts
from ui.desk.queries import Incoming
from ui.desk.workbench import Workbench
from ui.server import build_app
from ui.service import Service
from ui.state import open_state
from ui.turns import Turns

OUT = Path(__file__).parents[2] / "docs" / "pages"
SIZES = {"desktop": {"width": 1280, "height": 800}, "phone": PHONE}
NAME, PASSWORD = "anna", "a password for pictures"
QUESTIONS = (
    "Which countries received Chinese dysprosium in October 2025?",
    "What did Baogang's leadership stress at its meeting of 13 May 2025?",
)
QUERIES = (
    "What price floor did the Pentagon give MP Materials, and for how long?",
    "Which countries received Chinese dysprosium in October 2025?",
    "How much is Solvay spending on the expansion at La Rochelle?",
    "Has the DFC funded Serra Verde?",
)
_QUALITY = 82


@dataclass(frozen=True)
class Shown:
    """What there is to be looked at: the addresses that hold an id."""

    talk: str
    shared: str
    query: str


@contextmanager
def served(settings: Settings) -> Iterator[tuple[str, Service]]:
    """The product over a data directory, at an address on loopback."""
    update(settings, [])
    state = open_state(settings)
    service = Service(AnswerChain.open(settings), state, settings, Turns.of(settings))
    server = uvicorn.Server(uvicorn.Config(build_app(service), port=0, log_level="error"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        threading.Event().wait(0.05)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}", service
    finally:
        server.should_exit = True
        thread.join(timeout=20)
        state.close()


def prepared(service: Service) -> Shown:
    """Ask, draft and measure, where that was not done before."""
    accounts, state = Accounts(service.state), service.state
    if not accounts.list():
        accounts.add(NAME, "admin", PASSWORD)
    user = accounts.find(NAME).user
    if not conversations.listed(state, user.id):
        for question in QUESTIONS:
            talk = conversations.start(state, user.id, question)
            asked = conversations.append(state, user.id, talk.id, question)
            conversations.complete(state, user.id, asked.id, service.chain.invoke(Question(question)))
    bench = Workbench(service)
    if not bench.desk.queries():
        bench.desk.take_in([Incoming(text) for text in reversed(QUERIES)], "forum.example/latest.rss", user)
        first, second = (bench.desk.queries(words=text)[0].id for text in QUERIES[:2])
        bench.draft(second, user)
        bench.desk.move(second, "review", user)
        made = bench.draft(first, user)
        bench.save(first, f"{made.body}\n\nLynas gets the same price.", user, made.number)
    if not (service.settings.data_dir / "evals").exists():
        run("starter", service.settings, system=RETRIEVAL)
    newest = conversations.listed(state, user.id)[0]
    said = conversations.load(state, user.id, newest.id)[0]
    query = bench.desk.queries(words=QUERIES[0])[0]
    return Shown(newest.id, sharing.share(state, user.id, said.id), query.id)


# Each page: where it is, and what is done there before the picture


def _chat(page: Page) -> None:
    page.locator("#evidence .card").first.wait_for(state="attached")
    expect(page.locator(".next button").first).to_be_attached()


def _evidence(page: Page) -> None:
    _chat(page)
    page.locator(".answer a.cite").first.click()
    page.locator("#evidence .full mark").wait_for()


def _welcome(page: Page) -> None:
    expect(page.locator("#starters button")).to_have_count(4)


def _library(page: Page) -> None:
    page.locator("#library-table a.open").first.wait_for()


def _article(page: Page) -> None:
    page.locator("#library-words input").fill("Lynas dysprosium")
    expect(page.locator("#library-table a.open").first).to_contain_text("Lynas")
    page.locator("#library-table a.open").first.click()
    page.locator("#library-text .passage").first.wait_for()


def _desk(page: Page) -> None:
    page.locator("#desk-inbox a.row").first.wait_for()


def _query(page: Page) -> None:
    page.locator("#desk-evidence .card").first.wait_for()
    page.locator("#desk-checks .doubt").first.wait_for()


def _evals(page: Page) -> None:
    page.frame_locator("#evals-report iframe").locator("h1, h2").first.wait_for()


def _nothing(page: Page) -> None:
    page.locator("h1").first.wait_for()


def pages(shown: Shown) -> dict[str, tuple[str, Callable[[Page], None]]]:
    """The address of each page, and what waits there until all is to be seen."""
    return {
        "sign-in": ("/login", _nothing),
        "welcome": ("/", _welcome),
        "chat": (f"/?c={shown.talk}", _chat),
        "evidence": (f"/?c={shown.talk}", _evidence),
        "shared": (shown.shared, _nothing),
        "library": ("/library/", _library),
        "article": ("/library/", _article),
        "desk": ("/desk/", _desk),
        "query": (f"/desk/?query={shown.query}", _query),
        "evals": ("/evals/", _evals),
    }


def look(browser: Browser, url: str, shown: Shown, out: Path, only: tuple[str, ...]) -> None:
    """Save a picture of each page in each size and light."""
    for size, viewport in SIZES.items():
        for scheme in ("light", "dark"):
            context = _context(browser, viewport, scheme)
            signed_out = _context(browser, viewport, scheme)
            done = context.request.post(f"{url}/login", form={"name": NAME, "password": PASSWORD})
            assert done.ok
            for name, (path, wait) in pages(shown).items():
                if not name.startswith(only):
                    continue
                page = (signed_out if name == "sign-in" else context).new_page()
                page.goto(url + path)
                wait(page)
                page.wait_for_timeout(700)  # what moves has come to rest
                _save(page.screenshot(), out / f"{name}-{size}-{scheme}.webp")
                page.close()
            context.close()
            signed_out.close()


def _context(browser: Browser, viewport: Any, scheme: Any) -> Any:
    return browser.new_context(
        viewport=viewport, color_scheme=scheme, reduced_motion="reduce", has_touch=viewport == PHONE
    )


def _save(png: bytes, path: Path) -> None:
    Image.open(io.BytesIO(png)).convert("RGB").save(path, quality=_QUALITY, method=6)


def main() -> None:
    """Make the pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--only", default=("",), nargs="+")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        settings = load_settings(data_dir=given.data_dir or Path(folder), sign_in=True)
        with served(settings) as (url, service), sync_playwright() as playwright:
            shown = prepared(service)
            browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=CHROMIUM_FLAGS)
            look(browser, url, shown, given.out, tuple(given.only))
            browser.close()


if __name__ == "__main__":
    main()
