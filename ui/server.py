"""One process serves the pages and the API: FastAPI with a Gradio app for each page."""

import contextlib
import socket
import threading
from collections.abc import AsyncIterator, Callable, Mapping
from importlib.metadata import version

import gradio as gr
import uvicorn
from anyio import to_thread
from fastapi import Depends, FastAPI, Request
from fastapi.responses import RedirectResponse
from starlette.middleware import Middleware

from corpus.errors import ReexError, UsageError
from rag.answer_cache import AnswerCache
from rag.chain import AnswerChain
from rag.settings import Settings
from ui import (
    api,
    evals_page,
    frame,
    gate,
    library_page,
    log,
    page,
    refresh,
    sharing,
    signin,
    suggest,
    tools,
)
from ui.accounts import Accounts, Role
from ui.allowance import AtOnce
from ui.desk import api as desk_api
from ui.desk import page as desk_page
from ui.service import Service
from ui.state import open_state
from ui.turns import Turns

Pages = Mapping[str, tuple[Callable[[Service], gr.Blocks], Role]]

PAGES: Pages = {
    "/desk": (desk_page.build, "staff"),
    "/library": (library_page.build, "staff"),
    "/evals": (evals_page.build, "staff"),
    "/": (page.build, "reader"),
}
_ABOUT = """Cited answers from articles on the rare-earth industry. Send an API key, which `reex user key`
makes, as `Authorization: Bearer reex_…`; a server that asks nobody to sign in needs none."""
_THREADS = 200
_CALLS_AT_ONCE = 16  # of a page's server functions, where Gradio itself knows no limit
_LOOK_S = 0.02
_KEEP_ALIVE_S = 75  # longer than nginx's 60: who closes a connection first must not be who waits for requests
_LOCAL_HOSTS = ("127.0.0.1", "localhost", "::1")


def build_app(service: Service, pages: Pages = PAGES) -> FastAPI:
    """All that is served; the chat page is mounted last, since its path is the beginning of all others.

    Raises:
        UsageError: the settings of signing in or of the API cannot be used.
    """
    accounts, settings = Accounts(service.state), service.settings
    allowances = api.Allowances.of(service)
    calls = AtOnce(_CALLS_AT_ONCE, "Too many people use these pages at the moment: try again in a second.")
    app = FastAPI(
        title="REEx Answers",
        docs_url=None,  # its scripts would come from elsewhere
        redoc_url=None,
        middleware=[
            Middleware(log.Requests),
            Middleware(gate.Headers),
            Middleware(gate.Crowd, searches=allowances.searching, calls=calls),
            Middleware(signin.Sessions, secret=signin.session_secret(settings)),
            Middleware(gate.Identify, accounts=accounts, settings=settings),
        ],
        exception_handlers={
            gate.RefusedError: gate.refused,
            Exception: api.unexpected,
        },
        description=_ABOUT,
        version=version("reex-answers"),
        lifespan=_with_many_threads,
    )
    app.include_router(signin.router(accounts, settings))
    app.include_router(api.router(service, allowances))
    app.include_router(desk_api.router(service, gate.at_least("staff")))
    app.include_router(sharing.routes(service), dependencies=[Depends(gate.at_least("reader"))])
    if pages:
        app.add_route("/mcp", _to_tools, methods=["GET", "POST", "DELETE"])
        offered = tools.build(service, allowances)
        _look_less_often(offered)
        gr.mount_gradio_app(app, offered, "/mcp", **frame.mounting("reader") | {"mcp_server": True})
    for path, (build, role) in pages.items():
        if path != "/":  # which would take /library for a path of its own
            app.add_route(path, _with_slash)
        blocks = build(service)
        blocks.queue(default_concurrency_limit=8)
        _look_less_often(blocks)
        for event in blocks.fns.values():
            event.api_visibility = "private"  # programs have an API of their own, with limits
        gr.mount_gradio_app(app, blocks, path, **frame.mounting(role))
    return app


def _look_less_often(blocks: gr.Blocks) -> None:
    # Gradio looks for a waiting call a thousand times a second, for each page by itself, which kept 7 %
    # of a core busy when nobody was there.
    blocks._queue.sleep_when_free = _LOOK_S


@contextlib.asynccontextmanager
async def _with_many_threads(app: FastAPI) -> AsyncIterator[None]:
    # Whoever waits for the model keeps a thread, and must not keep others from what is done at once.
    to_thread.current_default_thread_limiter().total_tokens = _THREADS
    yield


def _to_tools(request: Request) -> RedirectResponse:
    return RedirectResponse(request.url.replace(path=f"{request.url.path}/gradio_api/mcp/"))


def _with_slash(request: Request) -> RedirectResponse:
    return RedirectResponse(request.url.replace(path=f"{request.url.path}/"))


def serve(chain: AnswerChain, settings: Settings, announce: Callable[[str], None]) -> None:
    """Serve until it is interrupted; warms the language model up and updates the corpus meanwhile.

    Raises:
        UsageError: others reach the address and nobody has to sign in, nobody could, or no port is free.
    """
    if settings.host not in _LOCAL_HOSTS and not settings.sign_in:
        raise UsageError(
            f"{settings.host} is open to others, so people must sign in: set REEX_SIGN_IN=1 and make an "
            "account with `reex user add NAME --role admin`, or listen on 127.0.0.1."
        )
    port = free_port(settings.host, settings.port)
    if port != settings.port:
        print(f"Port {settings.port} is taken, so port {port} is used.", flush=True)
    log.start(settings)
    state = open_state(settings)
    try:
        if settings.sign_in and not Accounts(state).has_admin():
            raise UsageError(
                "People must sign in, and there is no administrator: run `reex user add NAME --role admin`."
            )
        app = build_app(
            Service(chain, state, settings, Turns.of(settings), AnswerCache(settings.answer_cache))
        )
        config = uvicorn.Config(
            app,
            settings.host,
            port,
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=3,
            timeout_keep_alive=_KEEP_ALIVE_S,
        )
        server = uvicorn.Server(config)
        threading.Thread(target=_announced, args=(server, settings, port, announce), daemon=True).start()
        threading.Thread(target=_warm_up, args=(chain,), daemon=True).start()
        refresh.start(settings)
        server.run()
    finally:
        state.close()


def _announced(
    server: uvicorn.Server, settings: Settings, port: int, announce: Callable[[str], None]
) -> None:
    pause = threading.Event()
    while not server.started and not server.should_exit:
        pause.wait(0.05)
    if server.started:
        announce(f"http://{settings.host}:{port}")


def _warm_up(chain: AnswerChain) -> None:
    # Whoever comes first meets the same errors, and is shown them.
    with contextlib.suppress(ReexError):
        for language in ("en", "zh"):
            suggest.starters(chain, language=language)
    with contextlib.suppress(ReexError):
        chain.warm_up()


def free_port(host: str, wanted: int) -> int:
    """The wanted port, or the next free one above it.

    Raises:
        UsageError: a hundred ports in a row are taken.
    """
    for port in range(wanted, min(wanted + 100, 65_536)):
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError:
                continue
            return port
    raise UsageError(f"Ports {wanted} to {wanted + 99} on {host} are all taken: choose another with --port.")
