"""A follow-up goes on from what a local model has read and said."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from langchain_core.language_models import GenericFakeChatModel
from langchain_core.messages import AIMessage, BaseMessage

from rag.chain import AnswerChain
from rag.index import Index
from rag.llm import LLM
from rag.retrieve import Retriever
from rag.settings import Settings
from rag.stopping import Gone, never
from rag.types import Answer, Filters, Question, Turn

FIRST = "How much NdPr did Lynas produce in the December 2025 quarter?"
REPLY = "Lynas produced 1,404 tonnes of NdPr."
NEXT = "And how much of it did they sell?"


@dataclass(frozen=True)
class Sure(LLM):
    # A model that finds any answer probable enough, and keeps what it was asked and what it read.
    sure: float = 0.95
    probed: list[list[BaseMessage]] = field(default_factory=list)
    read: list[list[BaseMessage]] = field(default_factory=list)

    def says_yes(self, probe: list[BaseMessage], answer: list[BaseMessage], gone: Gone = never) -> float:
        self.probed.append(answer)
        return self.sure

    def stream(self, messages: list[BaseMessage], max_tokens: int, gone: Gone = never) -> Iterator[str]:
        self.read.append(messages)
        yield REPLY


@dataclass
class Talk:
    chain: AnswerChain
    model: Sure
    history: tuple[Turn, ...] = ()

    def ask(self, text: str, filters: Filters = Filters()) -> Answer:  # noqa: B008
        answer = self.chain.invoke(Question(text, self.history, filters))
        self.history += (Turn("user", text), Turn("assistant", answer.text))
        return answer

    def read_ahead(self) -> None:
        self.chain.read_ahead(Question(self.history[-2].content, self.history[:-2]))


def talk(index: Index, embedder, sure: float = 0.95) -> Talk:  # type: ignore[no-untyped-def]
    chat = GenericFakeChatModel(messages=iter([AIMessage(REPLY)] * 9))
    model = Sure("sure", chat, "local", sure=sure)
    return Talk(AnswerChain(Retriever(index, embedder), lambda: model, Settings()), model)


@pytest.fixture
def begun(starter_index: Index, embedder) -> Talk:  # type: ignore[no-untyped-def]
    begun = talk(starter_index, embedder)
    begun.ask(FIRST)
    return begun


def texts(messages: list[BaseMessage]) -> list[str]:
    return [str(message.content) for message in messages]


def test_a_follow_up_stands_behind_what_was_read_and_said(begun: Talk) -> None:
    first = texts(begun.model.read[-1])
    answer = begun.ask(NEXT)
    asked = texts(begun.model.read[-1])
    assert asked[: len(first) + 1] == [*first, REPLY]
    assert asked[-1].endswith(f"Question: {NEXT}")
    assert len(begun.model.probed) == 2
    assert {c.passage_id for c in answer.citations} <= {hit.passage.id for hit in answer.retrieved}
    assert set(answer.shown) <= {hit.passage.id for hit in answer.retrieved}


def test_nothing_is_read_twice_in_a_talk(begun: Talk) -> None:
    begun.ask(NEXT)
    begun.ask("And what did they sell it for?")
    turns = [message for message in texts(begun.model.read[-1]) if "\n\nQuestion:" in message]
    assert len(turns) >= 2
    read = [line.partition("] ")[2] for turn in turns for line in turn.splitlines() if line.startswith("[")]
    sentences = [sentence for line in read for sentence in line.split(". ")]
    assert len(sentences) == len(set(sentences))


def test_what_was_read_ahead_is_how_the_follow_up_begins(begun: Talk) -> None:
    begun.read_ahead()
    *before, ahead = texts(begun.model.read[-1])
    begun.ask(NEXT)
    asked = texts(begun.model.read[-1])
    assert asked[: len(before)] == before
    assert ahead
    assert asked[-1].startswith(ahead)


def test_nothing_is_read_ahead_of_a_question_that_was_not_asked_here(begun: Talk) -> None:
    asked = len(begun.model.read)
    begun.chain.read_ahead(Question("Who leads Lynas?"))
    assert len(begun.model.read) == asked


@pytest.mark.parametrize(
    ("text", "filters"),
    [
        ("Who leads MP Materials?", Filters()),
        ("And what did they say of it in news since January 2026?", Filters()),
        (NEXT, Filters(publishers=("Rare Earth Exchanges",))),
        ("他们卖了多少?", Filters()),
    ],
)
def test_other_questions_are_asked_by_themselves(begun: Talk, text: str, filters: Filters) -> None:
    begun.model.read.clear()
    begun.ask(text, filters)
    assert all(REPLY not in texts(messages) for messages in begun.model.read)


def test_a_talk_that_leaves_the_model_unsure_is_left(starter_index: Index, embedder) -> None:  # type: ignore[no-untyped-def]
    unsure = talk(starter_index, embedder, sure=0.82)
    unsure.ask(FIRST)
    unsure.ask(NEXT)
    assert REPLY in texts(unsure.model.probed[1])
    assert REPLY not in texts(unsure.model.probed[2])
    assert REPLY not in texts(unsure.model.read[-1])


def test_what_was_taken_back_is_not_gone_on_from(starter_index: Index, embedder) -> None:  # type: ignore[no-untyped-def]
    refusing = talk(starter_index, embedder, sure=0.3)
    assert refusing.ask(FIRST).abstained
    refusing.ask(NEXT)
    assert all(REPLY not in texts(messages) for messages in refusing.model.probed)
