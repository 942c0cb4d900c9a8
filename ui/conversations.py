"""Conversations as the server keeps them: each is one user's, and no other user can see or change it.

An exchange is written down before its answer begins and completed after it, so that a server which dies in
between loses nothing but that answer.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import uuid4

import sqlalchemy as sa

from corpus.clean import clean_line
from corpus.database import Database, now
from corpus.errors import UsageError
from rag.filters import filters_as_data, read_filters
from rag.types import UNFILTERED, Answer, Filters, Turn
from ui import frozen
from ui.state import conversations, exchanges

_TITLE_CHARS = 60
_REMEMBERED = 12  # exchanges: a question leans on what was said lately
_REASON_CHARS = 1_000


@dataclass(frozen=True)
class Conversation:
    """A conversation without what was said in it. Times are UTC."""

    id: str
    title: str
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True)
class Exchange:
    """One question with its answer.

    Attributes:
        number: its place in the conversation, from 0.
        answer: None while it is written, and when it was not finished.
        failure: why there is no answer; empty when nobody knows, such as after the server died.
        verdict: -1, 0 or 1, the reader's thumb; ``reason`` is what was said for it.
        case_id: what a thumb down made of it, as in ``evals.feedback``; empty for nothing.
    """

    id: str
    conversation_id: str
    number: int
    question: str
    filters: Filters
    answer: Answer | None
    failure: str
    verdict: int
    reason: str
    case_id: str
    asked_at: datetime


def start(state: Database, user_id: str, question: str) -> Conversation:
    """Begin a conversation, named after its first question."""
    begun = now()
    made = Conversation(uuid4().hex, _title(question), begun, begun)
    with state.writing() as db:
        db.execute(conversations.insert().values(user_id=user_id, **vars(made)))
    return made


def listed(state: Database, user_id: str, words: str = "", limit: int = 500) -> list[Conversation]:
    """A user's conversations, the one with the newest question first.

    Args:
        state: the database.
        user_id: whose.
        words: only those in which every one of these is found, in title, questions or answers.
        limit: how many at most.
    """
    query = sa.select(conversations).where(conversations.c.user_id == user_id)
    for word in words.split():
        said = sa.or_(_holds(exchanges.c.question, word), _holds(exchanges.c.answer_text, word))
        spoken_of = sa.exists().where(exchanges.c.conversation_id == conversations.c.id, said)
        query = query.where(sa.or_(_holds(conversations.c.title, word), spoken_of))
    query = query.order_by(conversations.c.updated_at.desc(), conversations.c.id).limit(limit)
    with state.reading() as db:
        return [_to_conversation(row) for row in db.execute(query)]


def find(state: Database, user_id: str, conversation_id: str) -> Conversation:
    """A conversation.

    Raises:
        UsageError: this user has no such conversation.
    """
    with state.reading() as db:
        return _to_conversation(_mine(db, user_id, conversation_id))


def rename(state: Database, user_id: str, conversation_id: str, title: str) -> None:
    """Give a conversation another title; an empty one changes nothing.

    Raises:
        UsageError: this user has no such conversation.
    """
    with state.writing() as db:
        _mine(db, user_id, conversation_id)
        if title := _title(title):
            changed = conversations.update().where(conversations.c.id == conversation_id)
            db.execute(changed.values(title=title))


def delete(state: Database, user_id: str, conversation_id: str) -> None:
    """Delete a conversation with all that was said in it; what was shared of it stays.

    Raises:
        UsageError: this user has no such conversation.
    """
    with state.writing() as db:
        _mine(db, user_id, conversation_id)
        db.execute(exchanges.delete().where(exchanges.c.conversation_id == conversation_id))
        db.execute(conversations.delete().where(conversations.c.id == conversation_id))


def load(state: Database, user_id: str, conversation_id: str) -> list[Exchange]:
    """What was said in a conversation, in order.

    Raises:
        UsageError: this user has no such conversation.
    """
    query = sa.select(exchanges).where(exchanges.c.conversation_id == conversation_id)
    with state.reading() as db:
        _mine(db, user_id, conversation_id)
        return [_to_exchange(row) for row in db.execute(query.order_by(exchanges.c.number))]


def append(
    state: Database, user_id: str, conversation_id: str, question: str, filters: Filters = UNFILTERED
) -> Exchange:
    """Write a question down, before its answer begins.

    Raises:
        UsageError: this user has no such conversation.
    """
    id_, asked = uuid4().hex, now()
    of_it = exchanges.c.conversation_id == conversation_id
    with state.writing() as db:
        _mine(db, user_id, conversation_id)
        number = db.execute(sa.select(sa.func.count()).where(of_it)).scalar_one()
        db.execute(
            exchanges.insert().values(
                id=id_,
                conversation_id=conversation_id,
                number=number,
                question=question,
                filters=filters_as_data(filters),
                answer=None,
                answer_text="",
                failure="",
                verdict=0,
                reason="",
                case_id="",
                asked_at=asked,
            )
        )
        touched = conversations.update().where(conversations.c.id == conversation_id)
        db.execute(touched.values(updated_at=asked))
    return Exchange(id_, conversation_id, number, question, filters, None, "", 0, "", "", asked)


def complete(
    state: Database, user_id: str, exchange_id: str, answer: Answer | None, failure: str = ""
) -> None:
    """Write an answer down, or why there is none; a verdict on an earlier answer goes with that.

    Raises:
        UsageError: this user has no such exchange.
    """
    values: dict[str, Any] = {"failure": failure}
    if answer:
        values |= {"answer": frozen.freeze(answer), "answer_text": f"{answer.text}\n{answer.reason}"}
        values |= {"verdict": 0, "reason": "", "case_id": ""}
    _change(state, user_id, exchange_id, values)


def judge(
    state: Database, user_id: str, exchange_id: str, verdict: int, reason: str = "", case_id: str = ""
) -> None:
    """Keep the reader's thumb: 1 up, -1 down, 0 neither; and what was said for it.

    Raises:
        UsageError: this user has no such exchange.
    """
    values = {"verdict": verdict, "reason": reason.strip()[:_REASON_CHARS], "case_id": case_id}
    _change(state, user_id, exchange_id, values)


def exchange(state: Database, user_id: str, exchange_id: str) -> Exchange:
    """One exchange.

    Raises:
        UsageError: this user has no such exchange.
    """
    with state.reading() as db:
        return _to_exchange(_said_by(db, user_id, exchange_id))


def at(state: Database, user_id: str, conversation_id: str, number: int) -> Exchange:
    """The exchange with a number in a conversation.

    Raises:
        UsageError: this user has no such conversation, or it has no such exchange.
    """
    here = exchanges.c.conversation_id == conversation_id
    with state.reading() as db:
        _mine(db, user_id, conversation_id)
        row = db.execute(sa.select(exchanges).where(here, exchanges.c.number == number)).one_or_none()
    if row is None:
        raise _no_answer()
    return _to_exchange(row)


def turns(state: Database, user_id: str, conversation_id: str, before: int) -> tuple[Turn, ...]:
    """What the chain is told of a conversation: the last answered exchanges before a number.

    Raises:
        UsageError: this user has no such conversation.
    """
    # Read as JSON, not as answers: that is all a question waits for before it is searched for.
    query = (
        sa.select(exchanges.c.question, exchanges.c.answer)
        .where(exchanges.c.conversation_id == conversation_id, exchanges.c.number < before)
        .where(exchanges.c.answer_text != "")
        .order_by(exchanges.c.number.desc())
        .limit(_REMEMBERED)
    )
    with state.reading() as db:
        _mine(db, user_id, conversation_id)
        rows = db.execute(query).all()
    said: list[Turn] = []
    for row in reversed(rows):
        cited = tuple((c["passage_id"], c["n"]) for c in row.answer["citations"])
        said += [Turn("user", row.question), Turn("assistant", row.answer["text"], cited)]
    return tuple(said)


def _change(state: Database, user_id: str, exchange_id: str, values: dict[str, Any]) -> None:
    with state.writing() as db:
        _said_by(db, user_id, exchange_id)
        db.execute(exchanges.update().where(exchanges.c.id == exchange_id).values(**values))


def _mine(db: sa.Connection, user_id: str, conversation_id: str) -> sa.Row[Any]:
    mine = (conversations.c.id == conversation_id, conversations.c.user_id == user_id)
    row = db.execute(sa.select(conversations).where(*mine)).one_or_none()
    if row is None:
        raise UsageError("There is no such conversation: it may have been deleted; begin a new one.")
    return row


def _said_by(db: sa.Connection, user_id: str, exchange_id: str) -> sa.Row[Any]:
    of_mine = exchanges.join(conversations, exchanges.c.conversation_id == conversations.c.id)
    query = sa.select(exchanges).select_from(of_mine)
    query = query.where(exchanges.c.id == exchange_id, conversations.c.user_id == user_id)
    row = db.execute(query).one_or_none()
    if row is None:
        raise _no_answer()
    return row


def _no_answer() -> UsageError:
    return UsageError("There is no such answer: its conversation may have been deleted.")


def _holds(column: sa.Column[Any], word: str) -> sa.ColumnElement[bool]:
    return column.icontains(word, autoescape=True)


def _title(text: str) -> str:
    line = clean_line(text)
    if len(line) <= _TITLE_CHARS:
        return line
    cut = line[:_TITLE_CHARS]
    return f"{cut[: cut.rfind(' ')] if ' ' in cut[_TITLE_CHARS // 2 :] else cut}…"


def _to_conversation(row: sa.Row[Any]) -> Conversation:
    return Conversation(row.id, row.title, row.created_at, row.updated_at)


def _to_exchange(row: sa.Row[Any]) -> Exchange:
    return Exchange(
        row.id,
        row.conversation_id,
        row.number,
        row.question,
        read_filters(row.filters),
        frozen.thaw(row.answer) if row.answer else None,
        row.failure,
        row.verdict,
        row.reason,
        row.case_id,
        row.asked_at,
    )
