"""How quick the chat page feels, in Chromium: ``python -m tests.ui.quickness``.

Serves a new data directory with the starter corpus and the configured language model, and measures the
first load, the time from Enter to the first passages, and from a key to the next frame in a long talk.
"""

import statistics
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, sync_playwright

from evals.run import spread
from evals.suite import read_suite
from rag.sentences import has_cjk
from rag.settings import load_settings
from rag.types import Question
from tests.ui.conftest import CHROMIUM_FLAGS
from tests.ui.screenshots import NAME, PASSWORD, QUESTIONS, SIZES, served
from ui import conversations
from ui.accounts import Accounts
from ui.service import Service

_ASKED = 21
_EXCHANGES = 100  # 200 messages
_LOADED = """() => {
    const all = [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')];
    return {files: all.length, bytes: all.reduce((sum, one) => sum + one.decodedBodySize, 0)};
}"""
_SHOWN = """() => {
    window.shown = new Promise(done => {
        let pressed = 0;
        const press = event => { pressed = event.timeStamp; };
        document.addEventListener('keydown', press, {once: true, capture: true});
        const watch = new MutationObserver(() => {
            if (!document.querySelector('#evidence .card')) return;
            watch.disconnect();
            requestAnimationFrame(() => done(performance.now() - pressed));
        });
        watch.observe(document.body, {childList: true, subtree: true});
    });
}"""
_TYPED = """() => {
    window.typed = [];
    document.addEventListener('keydown', event =>
        requestAnimationFrame(() => window.typed.push(performance.now() - event.timeStamp)), {capture: true});
}"""


def first_passages(page: Page, url: str, questions: Iterable[str]) -> Iterator[float]:
    """Milliseconds from Enter to the first passages."""
    for question in questions:
        page.goto(url)  # to go away stops the answer before
        page.locator("#question").fill(question)
        page.wait_for_timeout(1_500)
        page.evaluate(_SHOWN)
        page.keyboard.press("Enter")
        yield page.evaluate("window.shown")


def keys(page: Page, address: str) -> list[float]:
    """Milliseconds from each key to the next frame in a long conversation."""
    page.goto(address)
    page.locator(".exchange").nth(_EXCHANGES - 1).wait_for()
    page.locator("#question").click()
    page.wait_for_timeout(1_000)
    page.evaluate(_TYPED)
    page.keyboard.type(QUESTIONS[0], delay=80)
    page.wait_for_timeout(500)
    measured: list[float] = page.evaluate("window.typed")
    return measured


def long_conversation(service: Service) -> str:
    """The id of a conversation of 200 messages."""
    user = Accounts(service.state).add(NAME, "reader", PASSWORD)
    answer = service.chain.invoke(Question(QUESTIONS[1]))
    talk = conversations.start(service.state, user.id, QUESTIONS[1])
    for _ in range(_EXCHANGES):
        asked = conversations.append(service.state, user.id, talk.id, QUESTIONS[1])
        conversations.complete(service.state, user.id, asked.id, answer)
    return talk.id


def main() -> None:
    """Measure, and print what was found."""
    with tempfile.TemporaryDirectory() as folder:
        settings = load_settings(data_dir=Path(folder), sign_in=True)
        with served(settings) as (url, service), sync_playwright() as playwright:
            talk = long_conversation(service)
            browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=CHROMIUM_FLAGS)
            context: Any = browser.new_context(viewport=SIZES["desktop"])
            assert context.request.post(f"{url}/login", form={"name": NAME, "password": PASSWORD}).ok
            page = context.new_page()
            page.goto(url)
            page.locator("#question").wait_for()
            until_ready = page.evaluate("performance.now()")
            loaded = page.evaluate(_LOADED)
            _print("from a key to the next frame", keys(page, f"{url}/?c={talk}"))
            cases = [case for case in read_suite("starter").cases if not case.question.history]
            asked = [case.question.text for case in spread(cases, _ASKED)]
            chinese = [text for text in asked if has_cjk(text)]  # the model translates these first
            english = [text for text in asked if text not in chinese]
            _print("from Enter to the first passages", [*first_passages(page, url, english)])
            _print("the same for questions in Chinese", [*first_passages(page, url, chinese)])
            print(f"first load: {until_ready:.0f} ms, {loaded['files']} files, {loaded['bytes']:,} bytes")
            browser.close()


def _print(what: str, ms: list[float]) -> None:
    print(
        f"{what}: median {statistics.median(ms):.0f} ms, longest {max(ms):.0f} ms, of {len(ms)}", flush=True
    )


if __name__ == "__main__":
    main()
