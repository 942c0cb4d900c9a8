"""The thumb under an answer: one click keeps it as a case to be reviewed, and a line says what was wrong."""

import contextlib

from corpus.errors import UsageError
from evals import feedback
from ui import conversations
from ui.conversations import Exchange
from ui.render import citation_as_data
from ui.service import Service


def judge(service: Service, user_id: str, exchange_id: str, verdict: int, reason: str = "") -> Exchange:
    """Keep the reader's thumb on an answer: 1 up, -1 down, 0 neither; gives the exchange as it is then.

    A thumb down makes a case of the answer for ``reex eval``; taken back, it takes the case back.

    Raises:
        UsageError: this user has no such answer.
        StorageError: it cannot be kept.
    """
    exchange = conversations.exchange(service.state, user_id, exchange_id)
    if exchange.answer is None:
        raise UsageError("There is no answer yet to judge.")
    case_id = exchange.case_id
    if verdict < 0:
        case_id = _reported(service, user_id, exchange, reason)
    elif case_id:
        with contextlib.suppress(UsageError):  # a reviewer was faster
            feedback.drop(case_id, service.settings)
        case_id = ""
    conversations.judge(service.state, user_id, exchange_id, verdict, reason, case_id)
    return conversations.exchange(service.state, user_id, exchange_id)


def _reported(service: Service, user_id: str, exchange: Exchange, reason: str) -> str:
    """The id of the case that an answer is, made when there is none yet."""
    if exchange.case_id:
        with contextlib.suppress(UsageError):
            feedback.note(exchange.case_id, reason, service.settings)
        return exchange.case_id
    before = conversations.turns(service.state, user_id, exchange.conversation_id, exchange.number)
    assert exchange.answer
    reported = feedback.Reported(
        question=exchange.question,
        history=[{"role": said.role, "content": said.content} for said in before],
        text=exchange.answer.text,
        evidence=[citation_as_data(citation) for citation in exchange.answer.citations],
        note=reason.strip(),
    )
    return feedback.add(reported, service.settings)
