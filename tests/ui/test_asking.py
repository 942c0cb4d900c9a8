"""Several people ask one slow model: each in turn, passages at once, and nothing runs on for nobody."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from typing import Any

import pytest
from langchain_core.language_models import GenericFakeChatModel
from langchain_core.messages import AIMessage

from corpus.errors import UsageError
from rag.answer_cache import AnswerCache
from rag.chain import AnswerChain
from rag.embed import Embedder
from rag.index import Index
from rag.llm import LLM
from rag.retrieve import Retriever
from rag.settings import Settings
from rag.types import Answer, Question, Retrieved
from ui import asking
from ui.accounts import User
from ui.asking import Waiting, ask
from ui.service import Service
from ui.turns import LineFullError, Turns

LYNAS = Question("How much NdPr did Lynas produce in the December 2025 quarter?")
REPLY = "Lynas produced 1,404 tonnes of NdPr."
ANN, BEN = User("ann", "Ann", "reader"), User("ben", "Ben", "reader")


class Slow(GenericFakeChatModel):
    """Says its piece once ``go`` is set; ``asked`` tells that it is being asked."""

    go: Any
    asked: Any

    def _stream(self, *args: Any, **kwargs: Any) -> Iterator[Any]:
        self.asked.set()
        assert self.go.wait(20)
        yield from super()._stream(*args, **kwargs)


class Model:
    """A service with such a model."""

    def __init__(self, retriever: Retriever, **turns: int):
        self.go, self.asked = threading.Event(), threading.Event()
        chat = Slow(messages=iter([AIMessage(REPLY)] * 9), go=self.go, asked=self.asked)
        chain = AnswerChain(retriever, lambda: LLM("slow", chat, "fake"), Settings())
        self.service = Service(chain, None, Settings(), Turns(**turns))  # type: ignore[arg-type]


@pytest.fixture
def model(starter_index: Index, embedder: Embedder, monkeypatch: pytest.MonkeyPatch) -> Iterator[Model]:
    monkeypatch.setattr(asking, "_BEAT_S", 0.02)
    model = Model(Retriever(starter_index, embedder), per_user=1)
    yield model
    model.go.set()


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.005)


def first(kind: type, events: Any) -> Any:
    return next(event for event in events if isinstance(event, kind))


def in_line(events: Any) -> Waiting:
    return next(event for event in events if isinstance(event, Waiting) and event.position)


def test_passages_come_at_once_and_the_answer_in_turn(model: Model) -> None:
    with closing(ask(model.service, ANN, LYNAS)) as anns, closing(ask(model.service, BEN, LYNAS)) as bens:
        first(Retrieved, anns)
        assert model.asked.wait(10)
        first(Retrieved, bens)
        assert in_line(bens) == Waiting(1, 20.0)
        model.go.set()
        assert first(Answer, anns).text.startswith(REPLY)
        answer = first(Answer, bens)
    assert answer.timings.waited_s > 0
    assert (model.service.turns.waiting(), model.service.turns.busy()) == (0, 0)


def test_whoever_stops_reading_leaves_the_line_and_stops_the_model(model: Model) -> None:
    anns, bens = ask(model.service, ANN, LYNAS), ask(model.service, BEN, LYNAS)
    first(Retrieved, anns)
    assert model.asked.wait(10)
    in_line(bens)
    bens.close()
    until(lambda: model.service.turns.waiting() == 0)
    assert model.service.turns.busy() == 1
    assert next(anns) == Waiting()  # for a reader who only notices between two events that he is alone
    anns.close()
    until(lambda: model.service.turns.busy() == 0)
    model.go.set()
    assert first(Answer, ask(model.service, BEN, LYNAS)).text.startswith(REPLY)


def test_too_many_questions_are_refused_before_anything_is_done(model: Model) -> None:
    anns, bens = ask(model.service, ANN, LYNAS), ask(model.service, BEN, LYNAS)  # of which nothing is read
    with pytest.raises(LineFullError):
        ask(model.service, BEN, LYNAS)
    model.go.set()
    assert first(Answer, anns)
    assert first(Answer, bens)


def test_a_question_that_nobody_reads_leaves_the_line(model: Model) -> None:
    ask(model.service, ANN, LYNAS).close()
    ask(model.service, ANN, LYNAS)  # forgotten
    until(lambda: model.service.turns.busy() == 0)


def test_the_same_question_is_answered_from_memory_even_when_the_line_is_full(model: Model) -> None:
    service = replace(model.service, answers=AnswerCache(9))
    model.go.set()
    made = first(Answer, ask(service, ANN, LYNAS))
    model.go.clear()
    model.asked.clear()
    busy, waits = ask(service, ANN, LYNAS, fresh=True), ask(service, BEN, LYNAS, fresh=True)
    with pytest.raises(LineFullError):
        ask(service, BEN, Question("What did Iluka report?"))
    found, again = ask(service, BEN, Question(LYNAS.text.upper()))
    assert found == Retrieved(LYNAS.text.upper(), made.retrieved)
    assert isinstance(again, Answer)
    assert (again.text, again.timings.cached, made.timings.cached) == (made.text, True, False)
    assert model.asked.wait(10)  # for who wanted another answer
    model.go.set()
    assert not first(Answer, busy).timings.cached
    assert not first(Answer, waits).timings.cached


def test_what_is_wrong_with_a_question_is_raised_where_its_events_are_read(model: Model) -> None:
    events = ask(model.service, ANN, Question(" "))
    with pytest.raises(UsageError):
        next(events)
    assert model.service.turns.busy() == 0
