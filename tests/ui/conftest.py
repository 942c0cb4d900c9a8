"""A served product with accounts, whose language model is a fake: its words are not the subject here."""

import hashlib
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
import uvicorn
from fastapi import FastAPI
from langchain_core.language_models import GenericFakeChatModel
from langchain_core.messages import AIMessage
from playwright.sync_api import Browser, BrowserContext, sync_playwright
from starlette.testclient import TestClient

from corpus.database import Database
from rag.chain import AnswerChain
from rag.index import Index
from rag.llm import LLM
from rag.retrieve import Retriever
from rag.settings import Settings
from tests.conftest import POSTGRES
from ui import state as state_module
from ui.accounts import Accounts, Role
from ui.server import PAGES, Pages, build_app
from ui.service import Service
from ui.state import open_state

PASSWORD = "correct horse battery"
QUESTION = "How much NdPr did Lynas produce in the December 2025 quarter?"
SAYS = "Lynas produced 1,404 tonnes of NdPr."


@pytest.fixture(scope="session", autouse=True)
def _states_in_postgresql() -> Iterator[None]:
    """Where a server is given, what tests keep goes there: a schema in place of each file."""
    if not POSTGRES:
        yield
        return
    engine = sa.create_engine(POSTGRES)
    made: set[str] = set()

    def opened(place: Path | str, *rest: str) -> Database:
        if isinstance(place, Path):
            schema = f"state_{hashlib.sha256(str(place).encode()).hexdigest()[:16]}"
            made.add(schema)
            with engine.begin() as db:
                db.execute(sa.text(f"create schema if not exists {schema}"))
            place = sa.make_url(POSTGRES).update_query_dict({"options": f"-csearch_path={schema}"})
            place = place.render_as_string(hide_password=False)
        return Database(place, *rest)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(state_module, "Database", opened)
        yield
    with engine.begin() as db:
        for schema in made:
            db.execute(sa.text(f"drop schema {schema} cascade"))
    engine.dispose()


@dataclass
class Product:
    """All that is served, and the ways to it."""

    service: Service
    app: FastAPI
    accounts: Accounts
    replies: list[str] = field(default_factory=lambda: [SAYS])

    def client(self, name: str = "", **options: Any) -> TestClient:
        """A browser, in which somebody has signed in when a name is given."""
        client = TestClient(self.app, "http://127.0.0.1", follow_redirects=False, **options)
        if name:
            done = client.post("/login", data={"name": name, "password": PASSWORD})
            assert done.status_code == 303, done.text
        return client

    def key(self, name: str) -> dict[str, str]:
        """The header of a new API key."""
        return {"Authorization": f"Bearer {self.accounts.add_key(name)}"}

    @contextmanager
    def served(self) -> Iterator[str]:
        """The address of a real server on loopback."""
        server = uvicorn.Server(uvicorn.Config(self.app, port=0, log_level="error"))
        thread = threading.Thread(target=server.run)
        thread.start()
        while not server.started:
            assert thread.is_alive()
            threading.Event().wait(0.02)
        try:
            yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(timeout=20)


Make = Callable[..., Product]

_POLICY = "Content Security Policy"  # stands in what Chromium says when one forbids something
DESKTOP, PHONE = {"width": 1366, "height": 820}, {"width": 390, "height": 844}
CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A browser in which no page may do what its own Content-Security-Policy forbids."""
    refused: list[str] = []

    def listen(context: BrowserContext) -> None:
        context.on("console", lambda told: refused.append(told.text) if _POLICY in told.text else None)

    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=CHROMIUM_FLAGS)
        running.on("context", listen)
        yield running
        running.close()
    assert refused == []


@pytest.fixture(scope="module")
def make_product(
    request: pytest.FixtureRequest,
    embedder,  # type: ignore[no-untyped-def]
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Make]:
    """Products over the starter corpus or another, each with a state of its own."""
    opened = []

    def starter() -> Index:
        found: Index = request.getfixturevalue("starter_index")  # made only when it is wanted
        return found

    def make(
        folder: Path | None = None,
        accounts: tuple[Role, ...] = (),
        pages: Pages = PAGES,  # without any, all is there much sooner
        index: Index | None = None,
        **settings: Any,
    ) -> Product:
        folder = folder or tmp_path_factory.mktemp("product")
        chosen = Settings(**{"data_dir": folder, "sign_in": True, "llm": "fake", **settings})
        replies = [SAYS]

        def said() -> Iterator[AIMessage]:
            while True:
                yield AIMessage(replies[-1])

        chat = GenericFakeChatModel(messages=said())
        chain = AnswerChain(
            Retriever(index or starter(), embedder), lambda: LLM("fake", chat, "fake"), chosen
        )
        state = open_state(chosen)
        opened.append(state)
        service = Service(chain, state, chosen)
        product = Product(service, build_app(service, pages), Accounts(state), replies)
        for role in accounts:
            product.accounts.add(role, role, PASSWORD)
        return product

    yield make
    for state in opened:
        state.close()


def ok(response: httpx.Response) -> httpx.Response:
    """The answer, which is none of a failure."""
    assert response.status_code < 400, response.text
    return response
