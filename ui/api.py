"""The HTTP API: answers in OpenAI's shape, passages, feedback, and how the server is."""

import asyncio
import json
import secrets
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from typing import Annotated, Any, cast

from anyio import to_thread
from fastapi import APIRouter, Body, Depends
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, StreamingResponse
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from corpus.errors import ReexError, UsageError
from rag.filters import read_filters
from rag.llm import name_of
from rag.types import Answer, Draft, Event, Question, Retrieved
from rag.understand import check, understand
from ui import completion, kept
from ui.accounts import LOCAL, User
from ui.allowance import Allowance, AtOnce, BusyError, Left, TooOftenError
from ui.apart import apart
from ui.asking import Waiting, ask
from ui.gate import RefusedError, at_least, problem
from ui.kept import UnknownError
from ui.render import hit_as_data
from ui.requests import (
    ANSWERED,
    ASKS,
    SOURCE,
    ChatRequest,
    FeedbackRequest,
    SearchRequest,
    StreamOptions,
    question_of,
)
from ui.service import Service
from ui.turns import LineFullError

_BODY_BYTES = 512 * 1024
_BEAT_S = 10.0  # a line of nothing so often keeps a connection open on which nothing comes
_LOOK_S = 0.5  # so often it is looked whether somebody still waits for the first step
_SEARCHES_RUNNING = 3
_SEARCH_WAITS_S = 0.8  # a search that is late is worth less than one that may be tried elsewhere
_TOO_MANY_SEARCHES = "Too many searches are under way: try again in a second."
_INVALID = "invalid_request_error"


def _shown(example: Any, description: str) -> dict[str, Any]:
    return {"description": description, "content": {"application/json": {"example": example}}}


def _failing(status: str, message: str) -> dict[str, Any]:
    error = {"message": message, "type": status, "param": None, "code": None}
    return _shown({"error": error, "detail": message}, message)


_PROBLEMS: dict[int | str, dict[str, Any]] = {
    400: _failing(_INVALID, "The question is empty: type what you want to know."),
    401: _failing("authentication_error", "Sign in, or send an API key."),
    413: _failing(_INVALID, "A request may have 512 KiB: send less."),
    429: _failing("rate_limit_error", "That was too often: try again in 12 seconds."),
    503: _failing(
        "server_error", "A database cannot be used: check that its server runs, or free disk space."
    ),
}


Step = Waiting | Event


class _Bounded(Request):
    """A request whose body must not be larger than any that makes sense.

    FastAPI's own limit would tell it as plain text.
    """

    async def body(self) -> bytes:
        if not hasattr(self, "_body"):
            pieces, size = [], 0
            async for piece in self.stream():
                size += len(piece)
                if size > _BODY_BYTES:
                    raise HTTPException(413, f"A request may have {_BODY_BYTES // 1024} KiB: send less.")
                pieces.append(piece)
            self._body = b"".join(pieces)
        return self._body


class _Route(APIRoute):
    """A route whose failures are told in OpenAI's shape, in one sentence."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def handler(request: Request) -> Response:
            try:
                response = await handle(_Bounded(request.scope, request.receive))
            except RequestValidationError as error:
                return problem(400, _in_a_sentence(error), _INVALID)
            except RefusedError:
                raise
            except HTTPException as error:
                return problem(error.status_code, str(error.detail), _INVALID)
            except ReexError as error:
                return failure(error)
            if left := getattr(request.state, "left", None):
                response.headers.update(_limits(left))
            return response

        return handler


def failure(error: ReexError) -> JSONResponse:
    """The answer when something failed as it may."""
    match error:
        case TooOftenError():
            headers = {"Retry-After": str(error.left.after_s), **_limits(error.left)}
            return problem(429, str(error), "rate_limit_error", "rate_limit_exceeded", headers)
        case LineFullError() | BusyError():
            headers = {"Retry-After": str(error.retry_after_s)}
            code = "line_full" if isinstance(error, LineFullError) else "busy"
            return problem(429, str(error), "rate_limit_error", code, headers)
        case UnknownError():
            return problem(404, str(error), _INVALID, "not_found")
        case UsageError():
            return problem(400, str(error), _INVALID)
    return problem(503, str(error), "server_error")


async def unexpected(request: Request, error: Exception) -> Response:
    """The answer when something failed that must not: the server's log has the rest."""
    return problem(
        500, "Something went wrong here that should not: the server's log says what.", "server_error"
    )


def _in_a_sentence(error: RequestValidationError) -> str:
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"] if part != "body") or "the body"
    return f"The request cannot be read at {where[:200]}: {str(first['msg'])[:200]}."


def _limits(left: Left) -> dict[str, str]:
    return {
        "RateLimit-Limit": str(left.limit),
        "RateLimit-Remaining": str(left.remaining),
        "RateLimit-Reset": str(left.after_s),
    }


@dataclass(frozen=True)
class Allowances:
    """How often each user may ask and search from outside, whichever way in is taken, and how many searches
    may be under way at once."""

    questions: Allowance
    searches: Allowance
    searching: AtOnce

    @classmethod
    def of(cls, service: Service) -> "Allowances":
        """As the settings say.

        Raises:
            UsageError: they cannot be read.
        """
        settings = service.settings
        return cls(
            Allowance(settings.api_questions, "REEX_API_QUESTIONS"),
            Allowance(settings.api_searches, "REEX_API_SEARCHES"),
            AtOnce(settings.searches_at_once, _TOO_MANY_SEARCHES),
        )


def spend(allowance: Allowance, user: User) -> Left | None:
    """Take one of what a user has; whoever needs no account has no limit.

    Raises:
        TooOftenError: none is left.
    """
    return None if user == LOCAL else allowance.spend(user.id)


def router(service: Service, allowances: Allowances) -> APIRouter:
    """All routes of the API."""
    api = APIRouter(route_class=_Route, tags=["API"])
    reader = Annotated[User, Depends(at_least("reader"))]
    running = asyncio.Semaphore(_SEARCHES_RUNNING)

    def spending(allowance: Allowance) -> Callable[[Request, User], Awaitable[User]]:
        async def check_limit(request: Request, user: reader) -> User:
            request.state.left = spend(allowance, user)
            return user

        return check_limit

    @api.post(
        "/v1/chat/completions",
        summary="Answer a question",
        responses={
            200: {
                "description": "The answer; or, for `stream`, its pieces, with all sources behind the last.",
                "content": {"application/json": {"example": ANSWERED}, "text/event-stream": {}},
            },
            **_PROBLEMS,
        },
        response_class=JSONResponse,
    )
    async def chat(
        request: Request,
        asked: Annotated[ChatRequest, Body(openapi_examples=cast(Any, ASKS))],
        user: Annotated[User, Depends(spending(allowances.questions))],
    ) -> Response:
        question = question_of(asked)
        fresh = "no-cache" in request.headers.get("cache-control", "").lower()
        steps = await to_thread.run_sync(partial(ask, service, user, question, fresh=fresh))
        events = apart(steps, _LOOK_S)
        told = Told(service, user, question, asked.stream_options)
        if asked.stream:
            first = await _awaited(request, events)
            if first is None:
                return Response(status_code=499)
            return StreamingResponse(told.stream(first, events), media_type="text/event-stream")
        answer = await _awaited(request, events, lambda event: isinstance(event, Answer))
        if not isinstance(answer, Answer):
            return Response(status_code=499)  # nobody is there to read it
        return JSONResponse(await told.whole(answer))

    @api.get("/v1/models", summary="Name the model", responses={401: _PROBLEMS[401]})
    def models(user: reader) -> dict[str, Any]:
        return {"object": "list", "data": [_MODEL]}

    @api.get("/v1/models/{model}", summary="Show the model", responses={401: _PROBLEMS[401]})
    def model(model: str, user: reader) -> dict[str, Any]:
        if model != completion.MODEL:
            raise UnknownError(f"There is one model here, and it is called {completion.MODEL}.")
        return _MODEL

    @api.post(
        "/v1/search",
        summary="Find passages, without a language model",
        responses={
            200: _shown({"query": "…", "results": [SOURCE]}, "The passages, best first."),
            **_PROBLEMS,
        },
    )
    async def search(
        asked: SearchRequest, user: Annotated[User, Depends(spending(allowances.searches))]
    ) -> dict[str, Any]:
        with allowances.searching.one():
            # More in threads at a time would be no quicker, and keep the event loop from its work.
            async with _place(running):
                find = partial(found, service, asked.query, asked.k, asked.filters)
                hits = await to_thread.run_sync(find)
        return {"query": asked.query, "results": hits}

    @api.post(
        "/v1/feedback",
        summary="Say what you think of an answer",
        responses={404: _failing(_INVALID, "There is no such answer of yours."), **_PROBLEMS},
    )
    def judge(said: FeedbackRequest, user: reader) -> dict[str, Any]:
        kept.judge(service, user, said.id, said.verdict == "up", said.reason)
        return {"id": said.id, "verdict": said.verdict, "reason": said.reason}

    @api.get("/health", summary="How the server is; needs no key", responses={503: _PROBLEMS[503]})
    def health() -> dict[str, Any]:
        return state_of(service)

    return api


@asynccontextmanager
async def _place(running: asyncio.Semaphore) -> AsyncIterator[None]:
    """Keep a place among the searches that run.

    Raises:
        BusyError: none became free in time.
    """
    try:
        async with asyncio.timeout(_SEARCH_WAITS_S):
            await running.acquire()
    except TimeoutError:
        raise BusyError(_TOO_MANY_SEARCHES) from None
    try:
        yield
    finally:
        running.release()


_MODEL = {"id": completion.MODEL, "object": "model", "created": 1767225600, "owned_by": "reex"}


def found(
    service: Service, query: str, k: int | None = None, filters: dict[str, Any] | None = None
) -> list[dict[str, Any]]:
    """The passages for a query, best first.

    Raises:
        UsageError: the query is empty or far too long, or the filters are none.
    """
    asked = check(Question(query, filters=read_filters(filters)))
    queries = understand(asked).queries
    hits = service.chain.retriever.search(queries, k or service.settings.top_k, asked.filters)
    rows = [hit_as_data(hit) for hit in hits]
    return [row | {"date": row["published"], "snippet": row["text"]} for row in rows]


class Told:
    """One answer on its way to a program, which may judge it afterwards."""

    def __init__(self, service: Service, user: User, question: Question, options: StreamOptions | None):
        self._service = service
        self._user = user
        self._question = question
        self._with_usage = options is not None and options.include_usage
        self._id = f"chatcmpl-{secrets.token_hex(12)}"
        self._created = int(time.time())

    async def whole(self, answer: Answer) -> dict[str, Any]:
        """The answer in one piece."""
        await to_thread.run_sync(self._keep, answer)
        return completion.completion(self._id, self._created, self._question.text, answer)

    async def stream(self, first: Step, events: AsyncGenerator[Step | None, None]) -> AsyncIterator[str]:
        """The answer as events of a stream; a failure is the last of them."""
        async with aclosing(events):
            try:
                async for piece in self._pieces(first, events):
                    yield piece
            except ReexError as error:
                yield f"data: {bytes(failure(error).body).decode()}\n\n"
        yield "data: [DONE]\n\n"

    async def _pieces(self, first: Step, events: AsyncGenerator[Step | None, None]) -> AsyncIterator[str]:
        telling = completion.Telling(self._question.text)
        quiet = time.monotonic()
        event: Step | None = first
        place = 0
        while True:
            if event is None or isinstance(event, Waiting):
                moved_up = event is not None and event.position not in (0, place)
                if moved_up or time.monotonic() - quiet > _BEAT_S:
                    quiet = time.monotonic()
                    yield f": {_in_line(event)}\n\n"
                place = event.position if event else place
            elif lines := await self._lines(event, telling):
                quiet = time.monotonic()
                yield lines
            if isinstance(event, Answer):
                return
            event = await anext(events)

    async def _lines(self, event: Event, telling: completion.Telling) -> str:
        if isinstance(event, Retrieved):
            start = {"role": "assistant", "content": ""}
            return self._line(self._chunk(start, search_results=completion.found(event.hits)))
        if isinstance(event, Draft):
            piece = telling.go_on(event)
            return self._line(self._chunk({"content": piece})) if piece else ""
        await to_thread.run_sync(self._keep, event)
        piece = telling.end(event)
        lines = self._line(self._chunk({"content": piece})) if piece else ""
        lines += self._line(completion.last_chunk(self._id, self._created, telling.said, event))
        if self._with_usage:
            used = completion.usage(self._question.text, telling.said)
            lines += self._line(self._chunk({}) | {"choices": [], "usage": used})
        return lines

    def _chunk(self, delta: dict[str, Any], **more: Any) -> dict[str, Any]:
        return completion.chunk(self._id, self._created, delta, **more)

    def _line(self, data: dict[str, Any]) -> str:
        return f"data: {json.dumps(data, ensure_ascii=False)}\n\n"

    def _keep(self, answer: Answer) -> None:
        kept.keep(self._service.state, self._id, self._user, self._question.text, answer)


def _in_line(event: Waiting | None) -> str:
    """A comment of a stream, for whoever looks into it."""
    if event is None or not event.position:
        return "still at it"
    return f"place {event.position} in line, about {round(event.seconds)} seconds"


async def _awaited(
    request: Request,
    events: AsyncGenerator[Step | None, None],
    wanted: Callable[[Step], bool] = lambda event: True,
) -> Step | None:
    """The first event that is wanted; None, and an end of the work, when whoever asked went away before."""
    async for event in events:
        if event is not None and wanted(event):
            return event
        if await request.is_disconnected():
            break
    await events.aclose()
    return None


def state_of(service: Service) -> dict[str, Any]:
    """How the server is: its index, its model, and how new the corpus is."""
    index = service.chain.retriever.index
    index.check()
    span = index.catalogue.span()
    llm = service.chain.loaded_llm
    return {
        "status": "ok",
        "version": version("reex-answers"),
        "model": llm.name if llm else name_of(service.settings),
        "index": {"articles": span.articles, "passages": len(index)},
        "corpus": {
            "oldest": span.oldest.isoformat() if span.oldest else None,
            "newest": span.newest.isoformat() if span.newest else None,
            "updated": span.updated.isoformat(timespec="seconds") if span.updated else None,
        },
    }
