"""Work that a page follows: it is done in a thread of its own, and goes on when nobody listens any more."""

import threading
from collections.abc import Callable, Iterator
from queue import SimpleQueue
from typing import TypeVar

T = TypeVar("T")


def told_by(work: Callable[[Callable[[T], None]], None]) -> Iterator[T]:
    """What some work tells, as it tells it, until it ends or fails.

    Args:
        work: is given what to call with each thing that it has to tell.
    """
    news: SimpleQueue[tuple[T] | None] = SimpleQueue()

    def run() -> None:
        try:
            work(lambda word: news.put((word,)))
        finally:
            news.put(None)  # in any case, or the page would wait for ever

    threading.Thread(target=run, daemon=True).start()
    while (word := news.get()) is not None:
        yield word[0]
