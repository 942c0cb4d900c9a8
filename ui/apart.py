"""Work that goes step by step in a thread of its own, while the event loop serves others."""

import asyncio
import contextvars
import threading
from collections.abc import AsyncGenerator, Generator
from contextlib import suppress
from typing import Any, TypeVar

Step = TypeVar("Step")


async def apart(steps: Generator[Step, None, None], beat_s: float) -> AsyncGenerator[Step | None, None]:
    """The steps as they come, and None whenever none came for ``beat_s`` seconds.

    When nobody listens any more, the generator is closed at its next step. Its errors are raised here.
    """
    loop = asyncio.get_running_loop()
    handed: asyncio.Queue[tuple[str, Any]] = asyncio.Queue()
    gone = threading.Event()

    def hand(kind: str, what: Any = None) -> None:
        with suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(handed.put_nowait, (kind, what))

    def work() -> None:
        try:
            for step in steps:
                if gone.is_set():
                    return
                hand("step", step)
            hand("end")
        except BaseException as error:  # noqa: BLE001 (told to whoever listens)
            hand("error", error)
        finally:
            steps.close()

    threading.Thread(target=contextvars.copy_context().run, args=(work,), daemon=True).start()
    try:
        while True:
            try:
                kind, what = await asyncio.wait_for(handed.get(), beat_s)
            except TimeoutError:
                yield None
                continue
            if kind == "error":
                raise what
            if kind == "end":
                return
            yield what
    finally:
        gone.set()
