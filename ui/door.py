"""The page that stands before the others: the form to sign in, and the reason why something is not open."""

import base64
import hashlib
from pathlib import Path
from typing import Any

from jinja2 import Environment, select_autoescape
from starlette.requests import HTTPConnection
from starlette.responses import HTMLResponse

from ui.texts import texts_for

_HERE = Path(__file__).parent
_STYLE = (_HERE / "door.css").read_text(encoding="utf-8")
_TEMPLATE = Environment(autoescape=select_autoescape(default=True)).from_string(
    (_HERE / "door.html.jinja").read_text(encoding="utf-8")
)
_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
# No script at all, this one style, and the form only comes back here.
_POLICY = (
    f"default-src 'none'; style-src 'sha256-{_HASH}'; img-src 'self' data:; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)


def door(request: HTTPConnection, title: str, status: int = 200, **shown: Any) -> HTMLResponse:
    """The page with a title, in the language of who sent the request.

    Args:
        request: what it answers.
        title: what it is about, as the name of one of the `Texts`.
        status: of HTTP.
        shown: ``message``, and whether it is about something ``wrong``; ``form`` for the fields, with the
            ``name`` typed, where to go ``next``, and the ``provider`` that one may sign in with instead.
    """
    going = str(shown.get("next", ""))
    theme = next((t for t in ("dark", "light") if f"__theme={t}" in going), "")
    style = _Verbatim(_STYLE)
    say = texts_for(request.cookies, request.headers)
    html = _TEMPLATE.render(
        title=say(title), say=say, style=style, root=root_of(request), theme=theme, **shown
    )
    headers = {"Content-Security-Policy": _POLICY, "Cache-Control": "no-store"}
    return HTMLResponse(html, status, headers)


def root_of(request: HTTPConnection) -> str:
    """The path below which a proxy shows us, empty for none."""
    return str(request.scope.get("app_root_path", request.scope.get("root_path", ""))).rstrip("/")


class _Verbatim(str):
    """Text of our own that is markup already."""

    def __html__(self) -> str:
        return self
