"""Links to an answer: a copy of it with its evidence, which goes on showing what was shared."""

import re
import secrets
from dataclasses import dataclass
from datetime import datetime
from threading import Lock

import sqlalchemy as sa
from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from corpus.database import Database, now
from corpus.errors import UsageError
from rag.types import Answer
from ui.document import document_html
from ui.frozen import thaw
from ui.service import Service
from ui.standing import standings
from ui.state import conversations, exchanges, shares

_TOKEN_BYTES = 24
_TOKEN = re.compile(r"[\w-]{32}", re.ASCII)
_sharing = Lock()  # two clicks make one link

_HEADERS = {
    "X-Robots-Tag": "noindex, nofollow",
    "Referrer-Policy": "no-referrer",  # the link itself would tell the publishers where it was read
    "Cache-Control": "private, no-cache",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'",
}
_NOTHING = (
    "Nothing is shared under this link: it was taken back, or a part of it is missing. "
    "Ask whoever sent it for a new one."
)


@dataclass(frozen=True)
class Shared:
    """A question and its answer as they were when somebody shared them."""

    question: str
    answer: Answer
    created_at: datetime


def share(state: Database, user_id: str, exchange_id: str) -> str:
    """Make a link to the answer of an exchange; sharing the same answer again gives the same link.

    Returns:
        Its path on this server, such as ``/a/…``; the last part is a secret of 192 bits.

    Raises:
        UsageError: the user has no such exchange, or it has no answer.
    """
    mine = sa.select(exchanges).join_from(
        exchanges, conversations, exchanges.c.conversation_id == conversations.c.id
    )
    with _sharing, state.writing() as db:
        row = db.execute(
            mine.where(exchanges.c.id == exchange_id, conversations.c.user_id == user_id)
        ).one_or_none()
        if row is None or row.answer is None:
            raise UsageError("There is no answer here to be shared: wait for it, or ask again.")
        former = db.execute(sa.select(shares).where(*_of(user_id, exchange_id)))
        for known in former:
            if (known.question, known.answer) == (row.question, row.answer):
                return _path(known.id)
        token = secrets.token_urlsafe(_TOKEN_BYTES)
        db.execute(
            sa.insert(shares).values(
                id=token,
                user_id=user_id,
                exchange_id=exchange_id,
                question=row.question,
                answer=row.answer,
                created_at=now(),
            )
        )
    return _path(token)


def unshare(state: Database, user_id: str, exchange_id: str) -> bool:
    """Take back every link of a user's to an exchange; tells whether there was one."""
    with state.writing() as db:
        return db.execute(sa.delete(shares).where(*_of(user_id, exchange_id))).rowcount > 0


def links(state: Database, user_id: str, conversation_id: str) -> dict[str, str]:
    """The newest link to each exchange of a conversation that a user has shared, by the exchange's id."""
    there = sa.select(exchanges.c.id).where(exchanges.c.conversation_id == conversation_id)
    mine = sa.select(shares.c.exchange_id, shares.c.id).where(shares.c.user_id == user_id)
    with state.reading() as db:
        found = db.execute(mine.where(shares.c.exchange_id.in_(there)).order_by(shares.c.created_at))
        return {row.exchange_id: _path(row.id) for row in found}


def shared(state: Database, token: str) -> Shared | None:
    """What is shared under the last part of a link; None when nothing is."""
    if not _TOKEN.fullmatch(token):
        return None
    with state.reading() as db:
        row = db.execute(sa.select(shares).where(shares.c.id == token)).one_or_none()
    return Shared(row.question, thaw(row.answer), row.created_at) if row else None


def routes(service: Service) -> APIRouter:
    """Where shared answers are read."""
    router = APIRouter()

    @router.api_route(
        "/a/{token}", methods=["GET", "HEAD"], response_class=HTMLResponse, include_in_schema=False
    )
    def read(token: str) -> HTMLResponse:
        found = shared(service.state, token)
        if found is None:
            page = document_html("This link shows nothing", (), line=_NOTHING, home="/")
            return HTMLResponse(page, status_code=404, headers=_HEADERS)
        return HTMLResponse(_page(service, found), headers=_HEADERS)

    return router


def _page(service: Service, found: Shared) -> str:
    catalogue = service.chain.retriever.index.catalogue
    line = f"Shared on {found.created_at:%Y-%m-%d}. The answer and its evidence are as they were then."
    standing = standings(catalogue, found.answer.citations)
    return document_html("", (found,), line=line, standings=standing, home="/")


def _of(user_id: str, exchange_id: str) -> tuple[sa.ColumnElement[bool], sa.ColumnElement[bool]]:
    return shares.c.user_id == user_id, shares.c.exchange_id == exchange_id


def _path(token: str) -> str:
    return f"/a/{token}"
