"""How pages and API have a question answered: in turn with others, and stopped when nobody reads on."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import copy_context
from dataclasses import dataclass
from queue import Empty, SimpleQueue

from corpus.errors import StoppedError
from rag.types import Answer, Event, Question
from ui import log
from ui.accounts import User
from ui.service import Service

_BEAT_S = 1.0


@dataclass(frozen=True)
class Waiting:
    """Event: others have the model.

    ``position`` is the place in line, 1 for who is next, 0 once it is one's turn; ``seconds`` is about how
    long the wait will be.
    """

    position: int = 0
    seconds: float = 0.0


@dataclass(frozen=True)
class _End:
    error: BaseException | None = None


def ask(service: Service, user: User, question: Question) -> Iterator[Waiting | Event]:
    """What `AnswerChain.stream` yields, with a `Waiting` for each place in line.

    The last event comes again every second in which nothing happens, so that whoever reads gets to see
    that the browser has gone away, and closes the iterator: then the question leaves the line, and the model
    stops.

    Raises:
        LineFullError: too many wait; at the call, or, when others were faster, at a step.
        UsageError: as `AnswerChain.stream`, at a step.
    """
    service.turns.check(user.id)
    return _events(service, user, question)


def _events(service: Service, user: User, question: Question) -> Iterator[Waiting | Event]:
    found: SimpleQueue[Waiting | Event | _End] = SimpleQueue()
    stopped = threading.Event()

    def told(position: int) -> None:
        found.put(Waiting(position, service.turns.wait_s(position)))

    @contextmanager
    def turn() -> Iterator[None]:
        with service.turns.turn(user.id, told, stopped.is_set):
            found.put(Waiting())
            yield

    def answer() -> None:
        try:
            with log.answering(user, question, service.settings.log_content) as finish:
                for event in service.chain.stream(question, turn=turn, gone=stopped.is_set):
                    found.put(event)
                    if isinstance(event, Answer):
                        finish(event)
                    elif stopped.is_set():
                        raise StoppedError("The answer was stopped, since nobody waits for it any more.")
            found.put(_End())
        except BaseException as error:  # noqa: BLE001  # raised again where the events are read
            found.put(_End(error))

    threading.Thread(target=copy_context().run, args=(answer,), name="answer", daemon=True).start()
    last: Waiting | Event = Waiting()
    try:
        while True:
            try:
                event = found.get(timeout=_BEAT_S)
            except Empty:
                yield last
                continue
            if not isinstance(event, _End):
                yield (last := event)
            elif event.error is not None:
                raise event.error
            else:
                return
    finally:
        stopped.set()
