"""Keeping the corpus up to date while the page is served."""

import sys
import threading
from collections.abc import Callable

from corpus.errors import ReexError
from rag.ingest import Report, update
from rag.settings import Settings


def start(settings: Settings) -> threading.Event | None:
    """Update the corpus every `refresh_minutes` in a thread of its own; none when that is 0.

    Answers go on meanwhile: readers see the former state until the new one is published.

    Returns:
        What ends it when it is set.
    """
    if not settings.refresh_minutes:
        return None
    stop = threading.Event()
    arguments = (lambda: _update(settings), settings.refresh_minutes * 60, stop)
    threading.Thread(target=repeat, args=arguments, name="refresh", daemon=True).start()
    return stop


def repeat(update: Callable[[], Report], seconds: float, stop: threading.Event) -> None:
    """Update again and again, with a pause before each; a failure is told and tried again after the pause."""
    while not stop.wait(seconds):
        try:
            report = update()
        except ReexError as error:
            print(f"reex: the corpus was not updated: {error}", file=sys.stderr, flush=True)
            continue
        if report.added or report.changed or report.removed or report.failed:
            print(report.as_text(), file=sys.stderr, flush=True)


def _update(settings: Settings) -> Report:
    # With an embedding model of its own: the tokenizer of one model cannot be used by two threads at once.
    return update(settings)
