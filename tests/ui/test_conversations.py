"""Conversations outlive the server, are found again, and belong to one user alone."""

from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from corpus.database import Database
from corpus.errors import UsageError
from evals import feedback
from rag.settings import Settings, load_settings
from rag.types import Answer, Citation, Filters, Sentence, Timings, Turn
from ui import conversations, thumb
from ui.service import Service
from ui.state import open_state

ANN, BOB = "ann", "bob"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings(data_dir=tmp_path)


@pytest.fixture
def state(settings: Settings) -> Iterator[Database]:
    opened = open_state(settings)
    yield opened
    opened.close()


def answer(text: str = "Lynas made 1,404 t.") -> Answer:
    cited = Citation(7, "p", "a", "https://example.org", "T", "P", date(2025, 5, 13), 0, len(text), text)
    sentences = (Sentence(text, "supported", (7,)),)
    timings = Timings(0.1, 0.2, 0.3)
    return Answer("q", text, False, "", cited.published, sentences, (cited,), (), ("p",), timings, "m")


def talk(state: Database, *said: tuple[str, Answer | None], user: str = ANN) -> str:
    conversation = conversations.start(state, user, said[0][0])
    for question, told in said:
        exchange = conversations.append(state, user, conversation.id, question)
        if told:
            conversations.complete(state, user, exchange.id, told)
    return conversation.id


def test_a_server_that_dies_loses_only_the_answer_that_it_was_at(state: Database, settings: Settings) -> None:
    filters = Filters(date(2026, 1, 1), None, ("Fastmarkets",), ("prices",), ("Lynas",))
    id_ = talk(state, ("How much?", answer()))
    conversations.append(state, ANN, id_, "And then?", filters)
    again = open_state(settings)
    first, second = conversations.load(again, ANN, id_)
    again.close()
    assert (first.question, first.answer) == ("How much?", answer())
    assert (second.question, second.filters, second.answer) == ("And then?", filters, None)


def test_the_newest_question_comes_first_and_words_are_looked_for_in_all_that_was_said(
    state: Database,
) -> None:
    old = talk(state, ("Who is Lacaze?", answer("She leads 100% of it; 包钢 is not meant.")))
    new = talk(state, ("What of Baogang?", answer("It said nothing.")))

    def found(words: str) -> list[str]:
        return [each.id for each in conversations.listed(state, ANN, words)]

    assert found("") == [new, old]
    conversations.append(state, ANN, old, "And since?")
    assert found("") == [old, new]
    assert found("lacaze leads") == found("包钢") == found("100%") == [old]
    assert found("NOTHING") == [new]
    assert found("1%0") == found("lacaze nothing") == []


USES: list[Callable[[Database, str, str, str], Any]] = [
    lambda s, user, conversation, exchange: conversations.find(s, user, conversation),
    lambda s, user, conversation, exchange: conversations.load(s, user, conversation),
    lambda s, user, conversation, exchange: conversations.at(s, user, conversation, 0),
    lambda s, user, conversation, exchange: conversations.turns(s, user, conversation, 9),
    lambda s, user, conversation, exchange: conversations.append(s, user, conversation, "?"),
    lambda s, user, conversation, exchange: conversations.rename(s, user, conversation, "Mine"),
    lambda s, user, conversation, exchange: conversations.exchange(s, user, exchange),
    lambda s, user, conversation, exchange: conversations.complete(s, user, exchange, answer()),
    lambda s, user, conversation, exchange: conversations.judge(s, user, exchange, 1),
    lambda s, user, conversation, exchange: conversations.delete(s, user, conversation),
]


@pytest.mark.parametrize("use", USES)
def test_nobody_reaches_the_conversation_of_another(state: Database, use: Callable[..., Any]) -> None:
    id_ = talk(state, ("How much?", answer()))
    (before,) = conversations.load(state, ANN, id_)
    with pytest.raises(UsageError, match="There is no such"):
        use(state, BOB, id_, before.id)
    assert conversations.load(state, ANN, id_) == [before]
    assert conversations.listed(state, BOB) == []
    use(state, ANN, id_, before.id)  # and the same is open to its owner


def test_a_title_is_the_first_question_in_short_and_can_be_changed(state: Database) -> None:
    long = talk(
        state, ("What did Baogang commit to under the 15th Five-Year Plan, and what\nsince then?", None)
    )
    chinese = talk(state, ("包钢" * 40, None))
    titles = {each.id: each.title for each in conversations.listed(state, ANN)}
    assert titles[long] == "What did Baogang commit to under the 15th Five-Year Plan,…"
    assert titles[chinese] == "包钢" * 30 + "…"
    conversations.rename(state, ANN, long, " Baogang's\nplan ")
    conversations.rename(state, ANN, long, "  ")
    assert conversations.find(state, ANN, long).title == "Baogang's plan"


def test_what_is_deleted_is_gone(state: Database) -> None:
    id_ = talk(state, ("How much?", answer()))
    (exchange,) = conversations.load(state, ANN, id_)
    conversations.delete(state, ANN, id_)
    assert conversations.listed(state, ANN) == []
    with pytest.raises(UsageError):
        conversations.exchange(state, ANN, exchange.id)


def test_the_chain_is_told_what_was_answered_before_with_the_numbers_of_its_passages(state: Database) -> None:
    id_ = talk(state, ("How much?", answer()), ("Failed?", None), ("And?", answer("More.")))
    told = (Turn("user", "How much?"), Turn("assistant", "Lynas made 1,404 t.", (("p", 7),)))
    assert conversations.turns(state, ANN, id_, 2) == told
    assert len(conversations.turns(state, ANN, id_, 3)) == 4


def test_an_answer_that_is_made_again_replaces_the_former_one_when_it_is_there(state: Database) -> None:
    id_ = talk(state, ("How much?", answer()))
    (exchange,) = conversations.load(state, ANN, id_)
    conversations.judge(state, ANN, exchange.id, -1, "wrong", "feedback-001")
    conversations.complete(state, ANN, exchange.id, answer("1,405 t."))
    (now,) = conversations.load(state, ANN, id_)
    assert now.answer
    assert (now.answer.text, now.verdict, now.reason, now.case_id) == ("1,405 t.", 0, "", "")


def test_a_thumb_down_makes_a_case_and_taken_back_takes_it_back(state: Database, settings: Settings) -> None:
    service = Service(None, state, settings)  # type: ignore[arg-type]
    id_ = talk(state, ("Who?", answer("She.")), ("How much?", answer()))
    exchange = conversations.at(state, ANN, id_, 1)
    thumb.judge(service, ANN, exchange.id, -1)
    judged = thumb.judge(service, ANN, exchange.id, -1, " It leaves the mines out. ")
    (row,) = feedback.waiting(settings)
    assert (row["question"], row["note"]) == ("How much?", "It leaves the mines out.")
    assert (row["evidence"][0]["quote"], row["history"][0]["content"]) == ("Lynas made 1,404 t.", "Who?")
    assert (judged.verdict, judged.reason) == (-1, "It leaves the mines out.")
    assert thumb.judge(service, ANN, exchange.id, 1).verdict == 1
    assert feedback.waiting(settings) == []
