"""Work that a page follows: it is done in a thread of its own, goes on when nobody listens any more, and
can be asked to end."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from queue import SimpleQueue
from typing import TypeVar
from uuid import uuid4

T = TypeVar("T")

_GOING: dict[str, threading.Event] = {}
"""What ends each work that this server has going, by a key that only its page knows."""


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


@contextmanager
def stoppable() -> Iterator[tuple[str, threading.Event]]:
    """Meanwhile `stop` sets the event that is given, when it is called with the key that is given."""
    key = uuid4().hex
    _GOING[key] = halt = threading.Event()
    try:
        yield key, halt
    finally:
        del _GOING[key]


def stop(key: str) -> None:
    """Ask the work with this key to end; nothing happens when it has ended."""
    if halt := _GOING.get(key):
        halt.set()
