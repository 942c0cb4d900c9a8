"""Answers that programs got, kept for a month so that they can say what they think of them."""

from contextlib import suppress
from datetime import timedelta

import sqlalchemy as sa

from corpus.database import Database, now
from corpus.errors import UsageError
from evals import feedback
from rag.types import Answer
from ui.accounts import User
from ui.frozen import freeze, thaw
from ui.render import citation_as_data
from ui.service import Service
from ui.state import completions

_KEPT_FOR = timedelta(days=30)


class UnknownError(UsageError):
    """A request names something that is not there."""


def keep(state: Database, id: str, user: User, question: str, answer: Answer) -> None:
    """Keep an answer, and forget those that are too old."""
    row = {
        "id": id,
        "user_id": user.id,
        "question": question,
        "answer": freeze(answer),
        "verdict": 0,
        "reason": "",
        "case_id": "",
        "asked_at": now(),
    }
    with state.writing() as db:
        db.execute(sa.delete(completions).where(completions.c.asked_at < now() - _KEPT_FOR))
        db.execute(sa.insert(completions).values(row))


def judge(service: Service, user: User, id: str, good: bool, reason: str) -> None:
    """Keep what a user thinks of an answer; one that was bad becomes a case for review, as on the page.

    Raises:
        UnknownError: that user got no such answer in the last month.
    """
    mine = (completions.c.id == id) & (completions.c.user_id == user.id)
    with service.state.reading() as db:
        row = db.execute(sa.select(completions).where(mine)).one_or_none()
    if row is None:
        raise UnknownError("There is no such answer of yours, or it is older than a month.")
    case = row.case_id
    with suppress(UsageError):  # a reviewer has taken the case out meanwhile
        if case and good:
            feedback.drop(case, service.settings)
        elif case:
            feedback.note(case, reason, service.settings)
    if good:
        case = ""
    elif not case:
        case = feedback.add(_reported(thaw(row.answer), reason), service.settings)
    with service.state.writing() as db:
        values = {"verdict": 1 if good else -1, "reason": reason, "case_id": case}
        db.execute(sa.update(completions).where(mine).values(values))


def _reported(answer: Answer, reason: str) -> feedback.Reported:
    evidence = [citation_as_data(citation) for citation in answer.citations]
    return feedback.Reported(answer.question, (), answer.text, evidence, reason)
