"""Waiting for a model in a way that can be given up at any moment, even before its first word.

A thread that waits for a server cannot be interrupted; a task of asyncio can, and then closes its
connection, at which the server stops its work. So models are asked in one loop, in a thread of its own.
"""

import asyncio
import contextvars
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from queue import Empty, SimpleQueue
from typing import TypeVar

from corpus.errors import StoppedError

Item = TypeVar("Item")
Gone = Callable[[], bool]
"""Whether nobody waits any more; asked several times a second."""

_LOOK_S = 0.1
_starting = threading.Lock()


def never() -> bool:
    """Somebody waits to the end."""
    return False


@dataclass(frozen=True)
class _End:
    error: Exception | None = None


def items(source: AsyncIterator[Item], gone: Gone = never) -> Iterator[Item]:
    """The items of an asynchronous source; closing the iterator cancels the source.

    Raises:
        StoppedError: nobody waits any more; the source is cancelled.
    """
    found: SimpleQueue[Item | _End] = SimpleQueue()

    async def read() -> None:
        try:
            async for item in source:
                found.put(item)
            found.put(_End())
        except Exception as error:  # noqa: BLE001  # raised again where the items are read
            found.put(_End(error))

    cancel = _start(read)
    try:
        while True:
            if gone():
                raise StoppedError("The answer was stopped, since nobody waits for it any more.")
            try:
                item = found.get(timeout=_LOOK_S)
            except Empty:
                continue
            if not isinstance(item, _End):
                yield item
            elif item.error is not None:
                raise item.error
            else:
                return
    finally:
        cancel()


def result(call: Callable[[], Awaitable[Item]], gone: Gone = never) -> Item:
    """What an asynchronous call gives.

    Raises:
        StoppedError: nobody waits any more; the call is cancelled.
    """

    async def one() -> AsyncIterator[Item]:
        yield await call()

    return next(iter(items(one(), gone)))


def _start(work: Callable[[], Awaitable[None]]) -> Callable[[], None]:
    """Run a coroutine in the loop, in the context of the caller; gives what cancels it."""
    with _starting:
        loop = _loop()
    tasks: list[asyncio.Future[None]] = []

    def begin() -> None:
        tasks.append(asyncio.ensure_future(work()))

    def cancel() -> None:
        loop.call_soon_threadsafe(lambda: tasks[0].cancel())  # in vain when it is done

    loop.call_soon_threadsafe(begin, context=contextvars.copy_context())
    return cancel


@lru_cache(maxsize=1)
def _loop() -> asyncio.AbstractEventLoop:
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name="models", daemon=True).start()
    return loop
