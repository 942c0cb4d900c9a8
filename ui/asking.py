"""How pages and API have a question answered: in turn with others, and stopped when nobody reads on."""

import threading
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from contextvars import copy_context
from dataclasses import dataclass
from queue import Empty, SimpleQueue

from corpus.errors import StoppedError
from rag.answer_cache import Key
from rag.types import Answer, Event, Question, Retrieved
from ui import log
from ui.accounts import User
from ui.service import Service

_BEAT_S = 1.0


@dataclass(frozen=True)
class Waiting:
    """Event: nothing new yet.

    ``position`` is the place in the line before the model, 1 for who is next, 0 for who is not in line;
    ``seconds`` is about how long the wait will be.
    """

    position: int = 0
    seconds: float = 0.0


@dataclass(frozen=True)
class _End:
    error: BaseException | None = None


Events = Generator[Waiting | Event, None, None]


def ask(service: Service, user: User, question: Question, *, fresh: bool = False) -> Events:
    """What `AnswerChain.stream` yields, with a `Waiting` for each place in line.

    The place is taken at the call, so that whoever would wait too long is refused before anything is done. An
    answer that was given before is given again without one, unless ``fresh``.

    A `Waiting` comes in every second in which nothing else does, so that whoever reads gets to see that the
    browser has gone away, and closes the generator: then the question leaves the line, and the model stops.

    Raises:
        LineFullError: too many wait; at the call.
        UsageError: as `AnswerChain.stream`, at a step.
    """
    key = service.answers.key(service.chain, question)
    if key and not fresh and (answer := service.answers.find(key, question)):
        return _again(service, user, question, answer)
    events = _events(service, user, question, key)
    next(events)  # now it has its place, and gives it up when it is closed or forgotten
    return events


def answer_to(service: Service, user: User, question: Question, *, fresh: bool = False) -> Answer:
    """The answer to a question, in turn with others.

    Raises:
        LineFullError, UsageError: as `ask`.
    """
    *_, answer = ask(service, user, question, fresh=fresh)
    assert isinstance(answer, Answer)
    return answer


def _again(service: Service, user: User, question: Question, answer: Answer) -> Events:
    with log.answering(user, question, service.settings.log_content) as finish:
        yield Retrieved(answer.question, answer.retrieved)
        finish(answer)
        yield answer


def _events(service: Service, user: User, question: Question, key: Key | None) -> Events:
    place = service.turns.line_up(user.id)
    found: SimpleQueue[Waiting | Event | _End] = SimpleQueue()
    stopped = threading.Event()

    def told(position: int) -> None:
        found.put(Waiting(position, service.turns.wait_s(position)))

    @contextmanager
    def turn() -> Iterator[None]:
        with service.turns.turn(place, told, stopped.is_set):
            found.put(Waiting())
            yield

    def answer() -> None:
        try:
            events = service.chain.stream(question, turn=turn, gone=stopped.is_set)
            with log.answering(user, question, service.settings.log_content) as finish, closing(events):
                for event in events:
                    if isinstance(event, Answer):
                        service.answers.keep(key, service.chain, question, event)
                    found.put(event)
                    if isinstance(event, Answer):
                        finish(event)
                    elif stopped.is_set():
                        raise StoppedError("The answer was stopped, since nobody waits for it any more.")
            found.put(_End())
        except BaseException as error:  # noqa: BLE001  # raised again where the events are read
            found.put(_End(error))
        finally:
            service.turns.leave(place)

    threading.Thread(target=copy_context().run, args=(answer,), name="answer", daemon=True).start()
    waiting = Waiting()
    try:
        yield waiting  # to `ask`
        while True:
            try:
                event = found.get(timeout=_BEAT_S)
            except Empty:
                yield waiting
                continue
            if isinstance(event, Waiting):
                waiting = event
            if not isinstance(event, _End):
                yield event
            elif event.error is not None:
                raise event.error
            else:
                return
    finally:
        stopped.set()
