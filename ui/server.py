"""One process serves the pages and the API: FastAPI with a Gradio app for each page."""

import contextlib
import socket
import threading
from collections.abc import Callable

import gradio as gr
import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import RedirectResponse

from corpus.errors import ReexError, UsageError
from rag.chain import AnswerChain
from rag.settings import Settings
from ui import desk_api, desk_page, evals_page, frame, library_page, page, refresh
from ui.service import Service
from ui.state import open_state

_PAGES = {
    "/desk": desk_page.build,
    "/library": library_page.build,
    "/evals": evals_page.build,
    "/": page.build,
}
_LOCAL_HOSTS = ("127.0.0.1", "localhost", "::1")


def build_app(service: Service) -> FastAPI:
    """All that is served; the chat page is mounted last, since its path is the beginning of all others."""
    app = FastAPI(title="REEx Answers", docs_url="/docs", redoc_url=None)
    app.include_router(desk_api.router(service))
    for path, build in _PAGES.items():
        if path != "/":  # which would take /library for a path of its own
            app.add_route(path, _with_slash)
        blocks = build(service)
        blocks.queue(default_concurrency_limit=8)
        gr.mount_gradio_app(app, blocks, path, **frame.mounting())
    return app


def _with_slash(request: Request) -> RedirectResponse:
    return RedirectResponse(request.url.replace(path=f"{request.url.path}/"))


def serve(chain: AnswerChain, settings: Settings, announce: Callable[[str], None]) -> None:
    """Serve until it is interrupted; warms the language model up and updates the corpus meanwhile.

    Raises:
        UsageError: the address is public, or no port is free.
    """
    if settings.host not in _LOCAL_HOSTS:
        raise UsageError(
            f"{settings.host} is open to others and the page has no sign-in: listen on 127.0.0.1 and put a "
            "proxy with sign-in in front of it."
        )
    port = free_port(settings.host, settings.port)
    if port != settings.port:
        print(f"Port {settings.port} is taken, so port {port} is used.", flush=True)
    state = open_state(settings)
    try:
        app = build_app(Service(chain, state, settings))
        server = uvicorn.Server(
            uvicorn.Config(app, settings.host, port, log_level="warning", timeout_graceful_shutdown=3)
        )
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
    # The first question meets the same error, and shows it.
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
