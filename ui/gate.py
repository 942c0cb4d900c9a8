"""Who sends a request, and what is open to whom; one place for pages, Gradio's own routes and the API."""

from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from ipaddress import ip_address
from typing import Any
from urllib.parse import quote, urlsplit

from anyio import CapacityLimiter, to_thread
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from corpus.errors import ReexError
from rag.settings import Settings
from ui.accounts import LOCAL, Accounts, Role, User
from ui.allowance import AtOnce, BusyError
from ui.door import door, root_of
from ui.texts import ENGLISH, texts_for

_SAFE = ("GET", "HEAD", "OPTIONS")
_BEARER = "bearer "
_CALL = "/gradio_api/component_server"  # of a page's server function
_SEARCH = "/v1/search"

# Gradio needs inline scripts and styles and compiles small functions; all of it must come from here.
_POLICY = "; ".join(
    (
        "default-src 'self'",
        "script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "media-src 'self' data: blob:",
        "font-src 'self' data:",
        "worker-src 'self' blob:",
        "object-src 'none'",
        "base-uri 'self'",
        "form-action 'self'",
        "frame-ancestors 'self'",
    )
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "SAMEORIGIN",
    "Referrer-Policy": "same-origin",  # with no-referrer a form would come from the origin "null"
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}


class Headers:
    """Middleware that tells browsers what pages may do, where an answer does not say it itself."""

    def __init__(self, app: ASGIApp):
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
                if headers.get("content-type", "").startswith("text/html"):
                    headers.setdefault(
                        "Cache-Control", "no-store"
                    )  # "back" must not show it after signing out
            await send(message)

        await self._app(scope, receive, guarded if scope["type"] == "http" else send)


class Crowd:
    """Middleware that refuses a request while too many of its kind are under way.

    They would only pile up, hold up all else, and be late themselves. It costs least at the door, before
    anybody looks at a key or a body: five times too many searches must leave time for those that are made.
    """

    def __init__(self, app: ASGIApp, searches: AtOnce, calls: AtOnce):
        """``searches`` are those of programs, ``calls`` those of pages, each done in a thread."""
        self._app = app
        self._searches = searches
        self._calls = calls

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"] if scope["type"] == "http" else ""
        with ExitStack() as held:
            try:
                if path.endswith(_SEARCH):
                    # Its place is taken when it begins: whoever sends slowly or has no key keeps none.
                    self._searches.check()
                elif path.endswith(_CALL):
                    held.enter_context(self._calls.one())
            except BusyError as error:
                after = {"Retry-After": str(error.retry_after_s)}
                await problem(429, str(error), "rate_limit_error", "busy", after)(scope, receive, send)
                return
            await self._app(scope, receive, send)


class Identify:
    """Middleware that finds out who sends a request, before anything else sees it.

    ``request.state.user`` is a `User`, or None for somebody who has not signed in. Requests that another
    site makes a browser send are refused.
    """

    def __init__(self, app: ASGIApp, accounts: Accounts, settings: Settings):
        self._app = app
        self._accounts = accounts
        self._settings = settings
        self._waiting: CapacityLimiter | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        request = HTTPConnection(scope)
        keyed = request.headers.get("authorization", "").lower().startswith(_BEARER)
        if refused := self._suspicious(request, keyed):
            await _answer(refused, scope, receive, send)
            return
        try:
            user = await self._user(request, keyed)
        except ReexError as error:
            await _answer(problem(503, str(error), "server_error"), scope, receive, send)
            return
        scope.setdefault("state", {})["user"] = user
        await self._app(scope, receive, send)

    def _suspicious(self, request: HTTPConnection, keyed: bool) -> Response | None:
        if not self._settings.sign_in and not self._is_at_home(request):
            return problem(
                403,
                "This server asks nobody to sign in, and is not known by this address: "
                "set REEX_PUBLIC_URL to it, or REEX_SIGN_IN=1.",
                "permission_error",
            )
        unsafe = request.scope["type"] == "websocket" or request.scope["method"] not in _SAFE
        if unsafe and not keyed and self._is_foreign(request):
            return problem(403, "Another site asked your browser to do this: do it here.", "permission_error")
        return None

    def _is_at_home(self, request: HTTPConnection) -> bool:
        """Whether the address is one that no name on the internet can be made to lead to."""
        try:
            host = request.url.hostname or ""
            return (
                host == urlsplit(self._settings.public_url).hostname
                or not set(host) & set(".:")
                or ip_address(host).is_loopback
            )
        except ValueError:
            return False

    def _is_foreign(self, request: HTTPConnection) -> bool:
        origin = request.headers.get("origin")
        if origin is None:
            return request.headers.get("sec-fetch-site") in ("cross-site", "same-site")
        ours = (request.headers.get("host", ""), urlsplit(self._settings.public_url).netloc)
        came = origin.partition("://")[2].lower()
        return not came or came not in (host.lower() for host in ours)

    async def _user(self, request: HTTPConnection, keyed: bool) -> User | None:
        if not self._settings.sign_in:
            return LOCAL
        if keyed:
            return await self._ask(
                self._accounts.of_key, request.headers["authorization"][len(_BEARER) :].strip()
            )
        session = request.session
        if not session.keys() >= {"user", "epoch", "session"}:
            return None
        return await self._ask(
            self._accounts.of_session, session["user"], session["epoch"], session["session"]
        )

    async def _ask(self, question: Callable[..., User | None], *about: object) -> User | None:
        # Threads of their own, so that people are let in while all others are busy.
        if self._waiting is None:
            self._waiting = CapacityLimiter(8)
        return await to_thread.run_sync(question, *about, limiter=self._waiting)


class Gate:
    """Middleware before an application, all of which needs a role."""

    def __init__(self, app: ASGIApp, role: Role):
        self._app = app
        self._role = role

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in ("http", "websocket"):
            request = HTTPConnection(scope)
            user = user_of(request)
            if user is None or not user.may(self._role):
                await _answer(refusal(request, self._role), scope, receive, send)
                return
        await self._app(scope, receive, send)


class RefusedError(HTTPException):
    """A route needs a role that the sender of the request has not."""

    def __init__(self, role: Role):
        self.role = role
        super().__init__(401, f"This needs the role {role}.")


def at_least(role: Role) -> Callable[[Request], Awaitable[User]]:
    """A dependency of FastAPI's: the user who sends a request, if a role's work is open to that user."""

    async def check(request: Request) -> User:
        user = user_of(request)
        if user is None or not user.may(role):
            raise RefusedError(role)
        return user

    return check


def user_of(request: HTTPConnection) -> User | None:
    """Who sends a request; None for somebody who has not signed in."""
    user: User | None = getattr(request.state, "user", None)
    return user


async def refused(request: Request, error: Exception) -> Response:
    """The answer to a `RefusedError`."""
    assert isinstance(error, RefusedError)
    return refusal(request, error.role)


def refusal(request: HTTPConnection, role: Role) -> Response:
    """Why something is not open: a way to sign in for people, one sentence for programs."""
    for_people = request.scope.get("method") in ("GET", "HEAD") and "text/html" in request.headers.get(
        "accept", ""
    )
    user = user_of(request)
    if user is None and for_people:
        here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        return RedirectResponse(f"{root_of(request)}/login?next={quote(here, safe='/')}", 303)
    if user is None:
        message = "Sign in, or send an API key as “Authorization: Bearer reex_…”; this one opens nothing."
        return problem(
            401, message, "authentication_error", "invalid_api_key", {"WWW-Authenticate": "Bearer"}
        )
    about = {"role": role, "who": user.name, "own": user.role}
    if for_people:
        say = texts_for(request.cookies, request.headers)
        return door(request, "not_open", 403, message=say("for_role", **about))
    return problem(403, ENGLISH("for_role", **about), "permission_error", "insufficient_role")


def problem(
    status: int, message: str, kind: str, code: str | None = None, headers: dict[str, str] | None = None
) -> JSONResponse:
    """What went wrong, in the shape that OpenAI's clients read; ``detail`` is what Gradio's reads."""
    error: dict[str, Any] = {"message": message, "type": kind, "param": None, "code": code}
    return JSONResponse({"error": error, "detail": message}, status, headers)


async def _answer(response: Response, scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008})
        return
    await response(scope, receive, send)
