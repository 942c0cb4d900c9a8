"""What is logged: every request and answer with an id, and nothing of what was asked or answered.

`REEX_LOG` says how much and in which form, `REEX_LOG_FILE` where to; only `REEX_LOG_CONTENT` adds the words.
"""

import json
import logging
import re
import sys
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from logging.handlers import WatchedFileHandler
from time import perf_counter
from typing import Any

from pythonjsonlogger.core import RESERVED_ATTRS
from pythonjsonlogger.json import JsonFormatter
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from corpus.errors import ReexError, StoppedError, StorageError
from rag.settings import Settings
from rag.types import Answer, Question
from ui.accounts import User

_HEADER = b"x-request-id"
_FIT_ID = re.compile(rb"[\w.:-]{1,64}")
_PLAIN = re.compile(r"[\w.:/{}=+-]+")
_NO_FIELDS = {*RESERVED_ATTRS, "taskName"}
_log = logging.getLogger("reex")


@dataclass
class _Request:
    """A request on its way; Gradio's own tasks go on in its context when it is long over."""

    id: str
    is_over: bool = False


_current: ContextVar[_Request | None] = ContextVar("request", default=None)


def start(settings: Settings) -> None:
    """Log as the settings say, from now on, in the whole process.

    Raises:
        StorageError: the file of the log cannot be written.
    """
    root = logging.getLogger()
    root.handlers = [_handler(settings)]
    root.setLevel(logging.WARNING)
    _log.setLevel(logging.INFO if settings.log in ("text", "json") else logging.WARNING)


def _handler(settings: Settings) -> logging.Handler:
    if settings.log == "off":
        return logging.NullHandler()
    try:
        # Watched, so that logrotate may move the file away.
        file = WatchedFileHandler(settings.log_file, encoding="utf-8") if settings.log_file else None
    except OSError as error:
        raise StorageError(
            f"The log {settings.log_file} cannot be written ({error.strerror}): set REEX_LOG_FILE to a file "
            "in a folder that exists and is yours."
        ) from error
    handler: logging.Handler = file or logging.StreamHandler(sys.stderr)
    handler.setFormatter(_as_json() if settings.log == "json" else _AsText())
    return handler


def _as_json() -> logging.Formatter:
    return JsonFormatter(
        "%(levelname)s %(name)s %(message)s",
        timestamp="time",
        rename_fields={"levelname": "level", "name": "logger", "message": "event"},
        json_ensure_ascii=False,
    )


class _AsText(logging.Formatter):
    """Lines such as ``2026-05-04 12:00:01 INFO answer user=u1 outcome=supported``."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(message)s", "%Y-%m-%d %H:%M:%S")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  # logging's name
        fields = {k: v for k, v in vars(record).items() if k not in _NO_FIELDS}
        return " ".join(
            [super().formatMessage(record), *(f"{k}={_on_one_line(v)}" for k, v in fields.items())]
        )


def _on_one_line(value: object) -> str:
    text = str(value)
    return text if _PLAIN.fullmatch(text) else json.dumps(text, ensure_ascii=False)


class Requests:
    """ASGI middleware: gives every request an id, which goes out as X-Request-ID, and logs how it went.

    An id that came in as X-Request-ID is kept, so that a request can be followed from a proxy on.
    """

    def __init__(self, app: ASGIApp):
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = _Request(_id_of(scope))
        token = _current.set(request)
        began, status = perf_counter(), 0

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", ()), (_HEADER, request.id.encode())]
            await send(message)

        try:
            await self._app(scope, receive, sending)
        except Exception:  # told with its trace, and answered, farther out
            status = status or 500
            raise
        finally:
            request.is_over = True
            _current.reset(token)
            _log.log(
                logging.INFO if status < 500 else logging.WARNING,
                "request",
                extra={
                    "request": request.id,
                    "user": _user(scope),
                    "method": scope["method"],
                    "route": _route(scope),
                    "status": status,  # 0 when the client went away before there was one
                    "ms": _ms(perf_counter() - began),
                },
            )


def _id_of(scope: Scope) -> str:
    given: bytes = dict(scope["headers"]).get(_HEADER, b"")
    return given.decode() if _FIT_ID.fullmatch(given) else uuid.uuid4().hex


def _user(scope: Scope) -> str:
    """Who sent a request, as whoever checked that has noted in its state; empty for a stranger."""
    user = scope.get("state", {}).get("user")
    return user.id if isinstance(user, User) else ""


def _route(scope: Scope) -> str:
    """The path as it is written in the code: what people put into a path may be the secret of a link."""
    route = getattr(scope.get("route"), "path", None)
    return f"{scope.get('root_path', '')}{route}" if route is not None else "(none)"


@contextmanager
def answering(user: User, question: Question, content: bool = False) -> Iterator[Callable[[Answer], None]]:
    """Log how a question fares while the block answers it; call what it gives with the answer.

    Args:
        user: who asks.
        question: what.
        content: log the words of question and answer too.
    """
    request = _current.get()
    fields: dict[str, Any] = {
        "answer": uuid.uuid4().hex,
        "request": request.id if request and not request.is_over else "",
        "user": user.id,
        "turns": len(question.history),
    }
    if content:
        fields["question"] = question.text
    given: list[Answer] = []
    try:
        yield given.append
    except StoppedError:
        _log.info("stopped", extra=fields)
        raise
    except ReexError as error:
        _log.info("refused", extra={**fields, "error": type(error).__name__})
        raise
    except Exception:
        _log.exception("failed", extra=fields)
        raise
    for answer in given:
        # That the model cannot be used is worth a warning, whatever is logged.
        level = logging.WARNING if answer.failure else logging.INFO
        _log.log(level, "answered", extra={**fields, **_about(answer, content)})


def _about(answer: Answer, content: bool) -> dict[str, Any]:
    timings = answer.timings
    return {
        "model": answer.model,
        "outcome": answer.signals.outcome,
        "abstained": answer.abstained,
        "failure": answer.failure,
        "retrieved": len(answer.retrieved),
        "shown": len(answer.shown),
        "cited": len(answer.citations),
        "retrieve_ms": _ms(timings.retrieve_s),
        "waited_ms": _ms(timings.waited_s),
        "first_token_ms": None if timings.first_token_s is None else _ms(timings.first_token_s),
        "ground_ms": _ms(timings.ground_s),
        "total_ms": _ms(timings.total_s),
        "cached": timings.cached,
        **({"text": answer.text} if content else {}),
    }


def _ms(seconds: float) -> int:
    return round(seconds * 1000)
