"""The HTTP API: answers in OpenAI's shape, passages, feedback, and how the server is."""

import json
import secrets
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine
from contextlib import aclosing, suppress
from dataclasses import dataclass
from datetime import timedelta
from importlib.metadata import version
from typing import Annotated, Any, Literal, cast

import sqlalchemy as sa
from anyio import to_thread
from fastapi import APIRouter, Body, Depends
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, StreamingResponse
from fastapi.routing import APIRoute
from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from corpus.database import now
from corpus.errors import ReexError, UsageError
from evals import feedback
from rag.filters import read_filters
from rag.llm import name_of
from rag.types import Answer, Draft, Event, Question, Retrieved, Turn
from rag.understand import check, understand
from ui import completion
from ui.accounts import LOCAL, User
from ui.allowance import Allowance, Left, TooOftenError
from ui.apart import apart
from ui.asking import Waiting, ask
from ui.frozen import freeze, thaw
from ui.gate import RefusedError, at_least, problem
from ui.render import citation_as_data, hit_as_data
from ui.service import Service
from ui.state import completions
from ui.turns import LineFullError

_BODY_BYTES = 512 * 1024
_BEAT_S = 10.0  # a line of nothing so often keeps a connection open on which nothing comes
_LOOK_S = 0.5  # so often it is looked whether somebody still waits for the first step
_KEPT_FOR = timedelta(days=30)
_INVALID = "invalid_request_error"


def _sound(text: str) -> str:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise ValueError("it holds half of a character") from error
    return text


Text = Annotated[str, AfterValidator(_sound)]


class Part(BaseModel):
    """A piece of a message."""

    model_config = ConfigDict(extra="allow")
    type: Text
    text: Text = ""


class Message(BaseModel):
    """One message of a conversation; those of system and developer are not read."""

    model_config = ConfigDict(extra="allow")
    role: Literal["system", "developer", "user", "assistant"]
    content: Text | list[Part] | None = None


class StreamOptions(BaseModel):
    """OpenAI's options of a stream."""

    model_config = ConfigDict(extra="allow")
    include_usage: bool = False


class ChatRequest(BaseModel):
    """A question with the conversation before it; other fields of OpenAI's change nothing."""

    model_config = ConfigDict(extra="allow")
    messages: list[Message] = Field(min_length=1, max_length=500, description="The last one asks.")
    model: Text = Field(completion.MODEL, description="Any name: the server's settings choose the model.")
    stream: bool | None = False
    stream_options: StreamOptions | None = None
    n: Literal[1] | None = None
    filters: dict[str, Any] | None = Field(
        None, description="Which articles: `since`, `until` (YYYY-MM-DD), `publishers` (names)."
    )


class SearchRequest(BaseModel):
    """What to look for."""

    query: Text
    k: int | None = Field(None, ge=1, le=100, description="How many passages; RAG_TOP_K when left out.")
    filters: dict[str, Any] | None = Field(None, description="As for answers.")


class FeedbackRequest(BaseModel):
    """What somebody thinks of an answer."""

    id: Text = Field(description="The id of the completion.")
    verdict: Literal["up", "down"]
    reason: Text = Field("", max_length=4000)


_ASKS = {
    "question": {
        "summary": "A question",
        "value": {"model": "reex", "messages": [{"role": "user", "content": "Who leads Baogang?"}]},
    },
    "filtered": {
        "summary": "A follow-up, streamed, over articles since 2026",
        "value": {
            "model": "reex",
            "stream": True,
            "messages": [
                {"role": "user", "content": "How much NdPr did Lynas produce?"},
                {"role": "assistant", "content": "Lynas produced 1,404 tonnes of NdPr. [1]"},
                {"role": "user", "content": "And MP Materials?"},
            ],
            "filters": {"since": "2026-01-01"},
        },
    },
}
_SOURCE = {
    "title": "Lynas: quarterly report",
    "url": "https://example.com/lynas",
    "date": "2026-01-21",
    "snippet": "NdPr production was 1,404 tonnes.",
}
_PLACE = {"start_index": 37, "end_index": 40, "url": _SOURCE["url"], "title": _SOURCE["title"]}
_ANSWERED = {
    "id": "chatcmpl-5f0c",
    "object": "chat.completion",
    "created": 1767225600,
    "model": "reex",
    "choices": [
        {
            "index": 0,
            "message": {
                "role": "assistant",
                "content": "Lynas produced 1,404 tonnes of NdPr. [1]",
                "refusal": None,
                "annotations": [{"type": "url_citation", "url_citation": _PLACE}],
            },
            "finish_reason": "stop",
            "logprobs": None,
        }
    ],
    "usage": {"prompt_tokens": 9, "completion_tokens": 13, "total_tokens": 22},
    "citations": [_SOURCE["url"]],
    "search_results": [_SOURCE],
    "reex": {"as_of": "2026-01-21", "sentences": ["…"], "citations": ["…"]},
}


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
    503: _failing("server_error", "The state cannot be used: check free disk space and access rights."),
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
        case LineFullError():
            headers = {"Retry-After": str(error.retry_after_s)}
            return problem(429, str(error), "rate_limit_error", "line_full", headers)
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


class UnknownError(UsageError):
    """A request names something that is not there."""


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
    """How often each user may ask and search from outside, whichever way in is taken."""

    questions: Allowance
    searches: Allowance

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

    def spending(allowance: Allowance) -> Callable[[Request, User], User]:
        def check_limit(request: Request, user: reader) -> User:
            request.state.left = spend(allowance, user)
            return user

        return check_limit

    @api.post(
        "/v1/chat/completions",
        summary="Answer a question",
        responses={
            200: {
                "description": "The answer; or, for `stream`, its pieces, with all sources behind the last.",
                "content": {"application/json": {"example": _ANSWERED}, "text/event-stream": {}},
            },
            **_PROBLEMS,
        },
        response_class=JSONResponse,
    )
    async def chat(
        request: Request,
        asked: Annotated[ChatRequest, Body(openapi_examples=cast(Any, _ASKS))],
        user: Annotated[User, Depends(spending(allowances.questions))],
    ) -> Response:
        question = question_of(asked)
        events = apart(ask(service, user, question), _LOOK_S)
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
            200: _shown({"query": "…", "results": [_SOURCE]}, "The passages, best first."),
            **_PROBLEMS,
        },
    )
    def search(
        asked: SearchRequest, user: Annotated[User, Depends(spending(allowances.searches))]
    ) -> dict[str, Any]:
        hits = found(service, asked.query, asked.k, asked.filters)
        return {"query": asked.query, "results": hits}

    @api.post(
        "/v1/feedback",
        summary="Say what you think of an answer",
        responses={404: _failing(_INVALID, "There is no such answer of yours."), **_PROBLEMS},
    )
    def judge(said: FeedbackRequest, user: reader) -> dict[str, Any]:
        keep_verdict(service, user, said)
        return {"id": said.id, "verdict": said.verdict, "reason": said.reason}

    @api.get("/health", summary="How the server is; needs no key", responses={503: _PROBLEMS[503]})
    def health() -> dict[str, Any]:
        return state_of(service)

    return api


_MODEL = {"id": completion.MODEL, "object": "model", "created": 1767225600, "owned_by": "reex"}


def question_of(asked: ChatRequest) -> Question:
    """The question that a request asks.

    Raises:
        UsageError: its last message is not the user's, or a message holds more than text.
    """
    said = [(message.role, _text_of(message)) for message in asked.messages]
    if said[-1][0] != "user":
        raise UsageError("The last message must be the user's: it is the question.")
    turns = tuple(Turn(role, text) for role, text in said[:-1] if role in ("user", "assistant"))
    return check(Question(said[-1][1], turns, read_filters(asked.filters)))


def _text_of(message: Message) -> str:
    if isinstance(message.content, str):
        return message.content
    parts = message.content or []
    if any(part.type != "text" for part in parts):
        raise UsageError("A message may hold nothing but text.")
    return "\n".join(part.text for part in parts)


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
        row = {
            "id": self._id,
            "user_id": self._user.id,
            "question": self._question.text,
            "answer": freeze(answer),
            "verdict": 0,
            "reason": "",
            "case_id": "",
            "asked_at": now(),
        }
        with self._service.state.writing() as db:
            db.execute(sa.delete(completions).where(completions.c.asked_at < now() - _KEPT_FOR))
            db.execute(sa.insert(completions).values(row))


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


def keep_verdict(service: Service, user: User, said: FeedbackRequest) -> None:
    """Keep what a user thinks of an answer; one that was bad becomes a case for review, as on the page.

    Raises:
        UnknownError: that user got no such answer in the last month.
    """
    mine = (completions.c.id == said.id) & (completions.c.user_id == user.id)
    with service.state.reading() as db:
        row = db.execute(sa.select(completions).where(mine)).one_or_none()
    if row is None:
        raise UnknownError("There is no such answer of yours, or it is older than a month.")
    case = row.case_id
    with suppress(UsageError):  # a reviewer has taken the case out meanwhile
        if case and said.verdict == "up":
            feedback.drop(case, service.settings)
        elif case:
            feedback.note(case, said.reason, service.settings)
    if said.verdict == "up":
        case = ""
    elif not case:
        answer = thaw(row.answer)
        evidence = [citation_as_data(citation) for citation in answer.citations]
        reported = feedback.Reported(answer.question, (), answer.text, evidence, said.reason)
        case = feedback.add(reported, service.settings)
    verdict = 1 if said.verdict == "up" else -1
    with service.state.writing() as db:
        values = {"verdict": verdict, "reason": said.reason, "case_id": case}
        db.execute(sa.update(completions).where(mine).values(values))


def state_of(service: Service) -> dict[str, Any]:
    """How the server is: its index, its model, and how new the corpus is."""
    index = service.chain.retriever.index
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
