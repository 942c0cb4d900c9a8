"""Signing in and out: a form for passwords, or a provider of OpenID Connect, and signed cookies after it."""

import os
import secrets
from contextlib import suppress
from ipaddress import ip_address, ip_network
from math import ceil
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
from anyio import to_thread
from authlib.integrations.base_client import OAuthError
from authlib.integrations.starlette_client import OAuth
from fastapi import APIRouter
from joserfc.errors import JoseError
from starlette.middleware.sessions import SessionMiddleware
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from corpus.errors import ReexError, StorageError, UsageError
from rag.settings import Settings
from ui.accounts import ROLES, SESSION, Account, Accounts, Role, role_named
from ui.allowance import Allowance, TooOftenError
from ui.door import door, root_of
from ui.gate import problem, user_of
from ui.texts import Texts, texts_for

_SESSION_S = int(SESSION.total_seconds())
_SECRET_FILE = "session-secret"
_SECRET_CHARS = 32
_FORM_BYTES = 16 * 1024
_PER_NAME, _PER_ADDRESS = "10/15minute", "50/15minute"
_PROVIDER_S = 10  # s until a provider counts as unreachable


class Sessions:
    """Middleware for sessions in signed cookies, which are marked for https only where it is spoken."""

    def __init__(self, app: ASGIApp, secret: str):
        self._plain = SessionMiddleware(app, secret, "reex_session", _SESSION_S)
        self._https = SessionMiddleware(app, secret, "__Host-reex_session", _SESSION_S, https_only=True)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        sessions = self._https if scope.get("scheme") in ("https", "wss") else self._plain
        await sessions(scope, receive, send)


def session_secret(settings: Settings) -> str:
    """What the cookies are signed with: as it is set, or made once, and readable by nobody else.

    Raises:
        UsageError: the one that is set could be guessed.
        StorageError: the data directory cannot be read or written.
    """
    if given := settings.session_secret.get_secret_value():
        if len(given) < _SECRET_CHARS:
            raise UsageError(
                f"REEX_SESSION_SECRET has {len(given)} characters, and needs {_SECRET_CHARS} that nobody can "
                "guess: `openssl rand -base64 48` makes some."
            )
        return given
    data_dir = settings.data_dir
    path = data_dir / _SECRET_FILE
    fresh = data_dir / f".{_SECRET_FILE}-{secrets.token_hex(4)}"
    try:
        if not path.exists():
            with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                file.write(secrets.token_urlsafe(48))
            with suppress(FileExistsError):  # of two that start at once, the first one counts
                os.link(fresh, path)
            fresh.unlink()
        return path.read_text(encoding="ascii").strip()
    except OSError as error:
        raise StorageError(f"The secret of sessions in {path} cannot be used ({error.strerror}).") from error


def router(accounts: Accounts, settings: Settings) -> APIRouter:
    """The routes by which people come and go.

    Raises:
        UsageError: the settings of OpenID Connect are incomplete.
    """
    pages = APIRouter(include_in_schema=False)
    per_name, per_address = Allowance(_PER_NAME), Allowance(_PER_ADDRESS)
    provider = _provider(settings)
    provider_name = (urlsplit(settings.oidc_issuer).hostname or "") if provider else ""
    roles = _roles(settings)

    def form(request: Request, going: str, status: int = 200, message: str = "", name: str = "") -> Response:
        shown = {"message": message, "wrong": bool(message), "name": name, "next": going}
        return door(request, "sign_in", status, form=True, provider=provider_name, **shown)

    def let_in(request: Request, account: Account, going: str) -> Response:
        request.session.clear()
        session = {"user": account.id, "epoch": account.epoch, "session": secrets.token_urlsafe(16)}
        request.session.update(session)
        return RedirectResponse(going, 303)

    @pages.get("/login")
    async def ask(request: Request, next: str = "/") -> Response:
        going = local_path(next, root_of(request))
        return RedirectResponse(going, 303) if user_of(request) else form(request, going)

    @pages.post("/login")
    async def answer(request: Request) -> Response:
        fields = await _fields(request)
        if fields is None:
            return problem(413, "A form to sign in is smaller than this.", "invalid_request_error")
        name, going = (
            fields.get("name", "").strip()[:64],
            local_path(fields.get("next", "/"), root_of(request)),
        )
        try:
            per_address.spend(_neighbourhood(request))
            per_name.spend(name.casefold())
        except TooOftenError as error:
            message = _say(request)("too_many", minutes=ceil(error.left.after_s / 60))
            response = form(request, going, 429, message, name)
            response.headers["Retry-After"] = str(error.left.after_s)
            return response
        account = await to_thread.run_sync(accounts.check, name, fields.get("password", ""))
        if account is None:
            return form(request, going, 401, _say(request)("wrong_password"), name)
        per_name.forgive(name.casefold())
        return let_in(request, account, going)

    @pages.post("/logout")
    async def leave(request: Request) -> Response:
        user = user_of(request)
        if user and settings.sign_in:
            everywhere = "everywhere" in (await _fields(request) or {})
            if everywhere:
                await to_thread.run_sync(accounts.end_sessions, user.name)
            elif session := request.session.get("session"):  # there is none where a key was sent
                await to_thread.run_sync(accounts.end_session, session)
        request.session.clear()
        return RedirectResponse(f"{root_of(request)}/login", 303)

    @pages.get("/login/provider")
    async def to_provider(request: Request, next: str = "/") -> Response:
        going = local_path(next, root_of(request))
        if provider is None:
            return RedirectResponse(f"{root_of(request)}/login", 303)
        back = _absolute(request, settings, "/login/callback")
        request.session.clear()  # of what is left of earlier attempts
        try:
            response: Response = await provider.authorize_redirect(request, back)
        except (OAuthError, httpx2.HTTPError, ValueError, RuntimeError) as error:
            why = _say(request)("not_reached", provider=provider_name, why=_short(error))
            return form(request, going, 502, why)
        request.session["next"] = going
        return response

    @pages.get("/login/callback")
    async def from_provider(request: Request) -> Response:
        if provider is None:
            return RedirectResponse(f"{root_of(request)}/login", 303)
        going = local_path(request.session.get("next", "/"), root_of(request))
        try:
            token = await provider.authorize_access_token(request)
            claims = token["userinfo"]
            issuer, subject = str(claims["iss"]), str(claims["sub"])
            if issuer.rstrip("/") != settings.oidc_issuer.rstrip("/"):
                raise ValueError(f"it says that it is {issuer}")
            role, decided = _role(claims, settings, roles)
            account = await to_thread.run_sync(
                accounts.admit, f"{issuer}|{subject}", _name(claims), role, decided
            )
        except ReexError as error:
            return form(request, going, 403, str(error))
        except (
            OAuthError,
            JoseError,
            httpx2.HTTPError,
            ValueError,
            KeyError,
            TypeError,
            RuntimeError,
        ) as error:
            why = _say(request)("not_let_in", provider=provider_name, why=_short(error))
            return form(request, going, 400, why)
        return let_in(request, account, going)

    return pages


def local_path(wanted: str, root: str = "") -> str:
    """A path of ours that somebody asked to be sent to, or else the first page."""
    odd = any(char <= " " or char in "\\\x7f" for char in wanted)  # browsers read them away, or as a slash
    if odd or not wanted.startswith("/") or wanted.startswith("//") or len(wanted) > 2000:
        return f"{root}/"
    path = urlsplit(wanted).path
    return f"{root}/" if path.startswith((f"{root}/login", f"{root}/logout")) else wanted


def _say(request: Request) -> Texts:
    return texts_for(request.cookies, request.headers)


async def _fields(request: Request) -> dict[str, str] | None:
    """The fields of a form; None when it is far too large."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _FORM_BYTES:
            return None
    try:
        fields = parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=10)
    except ValueError:
        return {}
    return {name: values[0] for name, values in fields.items()}


def _neighbourhood(request: Request) -> str:
    """The address that a request comes from, or the network that one household or office has."""
    host = request.client.host if request.client else ""
    try:
        address = ip_address(host)
    except ValueError:
        return host
    return str(ip_network(f"{address}/64", strict=False)) if address.version == 6 else host


def _provider(settings: Settings) -> Any:
    """Authlib's client of the provider; None when there is none."""
    if not settings.oidc_issuer:
        return None
    if not settings.oidc_client_id:
        raise UsageError("REEX_OIDC_ISSUER needs REEX_OIDC_CLIENT_ID, and mostly REEX_OIDC_CLIENT_SECRET.")
    return OAuth().register(
        "provider",
        server_metadata_url=f"{settings.oidc_issuer.rstrip('/')}/.well-known/openid-configuration",
        client_id=settings.oidc_client_id,
        client_secret=settings.oidc_client_secret.get_secret_value() or None,
        client_kwargs={
            "scope": "openid profile email",
            "code_challenge_method": "S256",
            "timeout": _PROVIDER_S,
        },
    )


def _absolute(request: Request, settings: Settings, path: str) -> str:
    base = settings.public_url.rstrip("/")
    return f"{base or str(request.base_url).rstrip('/')}{path}"


def _roles(settings: Settings) -> dict[str, Role]:
    pairs = [pair.partition("=") for pair in settings.oidc_roles.split(",") if pair.strip()]
    if pairs and not settings.oidc_claim:
        raise UsageError("REEX_OIDC_ROLES needs REEX_OIDC_CLAIM, the claim that it speaks of.")
    return {value.strip(): role_named(role.strip()) for value, _, role in pairs}


def _role(claims: Any, settings: Settings, roles: dict[str, Role]) -> tuple[Role, bool]:
    """The highest role that the claims give, and whether they decide on it at all."""
    told = claims.get(settings.oidc_claim) if settings.oidc_claim else None
    values = told if isinstance(told, list) else [told]
    given = [roles[value] for value in values if isinstance(value, str) and value in roles]
    return max([settings.oidc_role, *given], key=ROLES.index), bool(roles)


def _name(claims: Any) -> str:
    named = (claims.get(claim) for claim in ("preferred_username", "email", "name", "sub"))
    return str(next(name for name in named if name))


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
