"""Queries over HTTP: for a forum that hands its members' queries to the desk, and looks for the answers."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Query
from pydantic import BaseModel, ConfigDict, Field

from ui.accounts import LOCAL, User
from ui.desk import posting
from ui.desk.queries import MAX_CHARS, Desk, DeskError, Incoming, State
from ui.desk.queries import Query as Asked
from ui.service import Service

_SHORT = MAX_CHARS // 10


class IncomingQuery(BaseModel):
    """A member's query."""

    model_config = ConfigDict(extra="forbid")

    text: str = Field(min_length=1, max_length=MAX_CHARS, description="what the member asks")
    member: str = Field("", max_length=_SHORT, description="who asks")
    reference: str = Field(
        "",
        max_length=_SHORT,
        description="its id in the forum: a query with a known one is not taken in again",
    )
    link: str = Field("", max_length=_SHORT, description="where it stands in the forum")


class IncomingQueries(BaseModel):
    """Some queries."""

    model_config = ConfigDict(extra="forbid")

    queries: list[IncomingQuery] = Field(min_length=1, max_length=1000)


class KeptQuery(BaseModel):
    """A query at the desk."""

    id: str
    text: str
    member: str
    source: str
    link: str
    state: State
    received_at: datetime
    changed_at: datetime


class TakenQuery(KeptQuery):
    """A query that came in."""

    is_new: bool = Field(description="false when it was there already")


class AnsweredQuery(KeptQuery):
    """A query with its answer."""

    answer: str | None = Field(description="the post; null until it is approved")
    events: list[dict[str, Any]] = Field(description="who did what and when")


def local() -> User:
    """Who asks where nobody signs in."""
    return LOCAL


def router(service: Service, staff: Callable[..., User | Awaitable[User]] = local) -> APIRouter:
    """The endpoints under ``/v1/desk``.

    Args:
        service: what is served.
        staff: a dependency that gives the user, and refuses whoever is no staff.
    """
    desk = Desk(service.state, service.settings.desk_self_approve)
    routes = APIRouter(prefix="/v1/desk", tags=["desk"])
    who_asks = Annotated[User, Depends(staff)]

    @routes.post("/queries", status_code=201)
    def take_in(given: IncomingQueries, who: who_asks) -> list[TakenQuery]:
        """Put queries into the inbox, each once by its reference."""
        items = [_incoming(item) for item in given.queries]
        try:
            taken = desk.take_in(items, "API", who)
        except DeskError as error:
            raise HTTPException(422, str(error)) from error
        return [TakenQuery(**_kept(item.query), is_new=item.is_new) for item in taken]

    @routes.get("/queries")
    def list_queries(
        who: who_asks,
        state: State | None = None,
        words: Annotated[str, Query(max_length=200)] = "",
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    ) -> list[KeptQuery]:
        """Queries, those that changed last first."""
        found = desk.queries([state] if state else [], words, limit)
        return [KeptQuery(**_kept(query)) for query in found]

    @routes.get("/queries/{id}")
    def one_query(id: str, who: who_asks, format: posting.Format = "markdown") -> AnsweredQuery:
        """A query, its trail, and once it is approved its answer."""
        try:
            query = desk.query(id)
        except DeskError as error:
            raise HTTPException(404, "There is no query with this id.") from error
        revision = desk.newest([id]).get(id) if query.state in ("approved", "posted") else None
        answer = posting.rendered(revision.body, revision.answer.citations, format) if revision else None
        events = [{**vars(event), "at": event.at.isoformat()} for event in desk.events(id)]
        return AnsweredQuery(**_kept(query), answer=answer, events=events)

    return routes


def _incoming(item: IncomingQuery) -> Incoming:
    return Incoming(item.text, item.member, item.reference, item.link)


def _kept(query: Asked) -> dict[str, Any]:
    return {name: getattr(query, name) for name in KeptQuery.model_fields}
