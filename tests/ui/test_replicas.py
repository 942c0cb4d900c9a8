"""Two replicas behind nginx, over one PostgreSQL and one Chroma server: what one keeps, the other has.

They run where Debian's nginx is and REEX_TEST_POSTGRES names a server; docs/scaling.md says how.
"""

import os
import re
import shutil
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from corpus.database import Database
from evals import jsonl
from rag.chroma import ChromaServer
from rag.embed import PACKAGED, Embedder
from rag.ingest import ingest
from rag.settings import Settings, load_settings
from tests import chroma_server
from tests.chroma_server import free_port
from tests.conftest import POSTGRES, schema_in_postgresql
from tests.ui.conftest import PASSWORD, QUESTION, ok
from tests.ui.mixed_load import Desk, Page, Person, Program, Reader, browser, language_model, sign_in
from tests.ui.test_kill import ARTICLE, KINDS, Product, Told, check, is_sound, unfinished
from ui import conversations
from ui.accounts import Accounts, Role
from ui.desk.queries import Desk as Bench
from ui.state import open_state

NGINX = shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/usr/bin:/bin")
CONFIGURATION = Path(__file__).parents[2] / "docs" / "deploy" / "nginx.conf"
ACCOUNTS: dict[str, Role] = {"root": "admin", **dict.fromkeys(("ann", "ben", "cai"), "reader")}
ACCOUNTS |= dict.fromkeys(("dora", "emil"), "staff")
SETTLED_S = 7.0  # nginx tries a replica again after five

pytestmark = pytest.mark.skipif(not (NGINX and POSTGRES), reason="needs nginx and REEX_TEST_POSTGRES")


@dataclass
class Site:
    """Two replicas, which share a data directory, and nginx before them."""

    url: str
    replicas: list[Product]
    settings: Settings
    state: Database
    running: list[Any]

    def kill(self, number: int) -> None:
        self.running[number].kill()
        self.running[number].wait()

    def start(self, number: int, stack: ExitStack) -> None:
        self.running[number] = stack.enter_context(self.replicas[number].serving())


@contextmanager
def nginx(folder: Path, ports: list[int]) -> Iterator[str]:
    """The address of nginx with our configuration, in which only names and ports are others."""
    port = free_port()
    site = CONFIGURATION.read_text()
    for number, replica in enumerate(ports, 1):
        site = site.replace(f"server app{number}:7860", f"server 127.0.0.1:{replica}")
    assert "app" not in re.sub("#.*", "", site)
    (folder / "site.conf").write_text(site.replace("listen 80;", f"listen 127.0.0.1:{port};"))
    temporary = "".join(
        f"{kind}_temp_path {folder}/{kind};\n"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (folder / "nginx.conf").write_text(
        f"daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/error.log;\n"
        + ("user root;\n" if os.geteuid() == 0 else "")
        + f"events {{}}\nhttp {{ access_log off;\n{temporary}include {folder}/site.conf; }}\n"
    )
    command = [str(NGINX), "-c", str(folder / "nginx.conf"), "-p", str(folder)]
    tested = subprocess.run([*command, "-t"], capture_output=True, text=True)
    assert "test is successful" in tested.stderr, tested.stderr
    server = subprocess.Popen(command)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, embedder: Embedder) -> Iterator[tuple[Site, ExitStack]]:
    folder = tmp_path_factory.mktemp("site")
    with ExitStack() as stack:
        catalogue, kept = (stack.enter_context(schema_in_postgresql()) for _ in range(2))
        chroma = stack.enter_context(chroma_server.running(folder / "chroma"))
        llm = stack.enter_context(language_model())
        environment = {
            "CHROMA_URL": chroma.url,
            "REEX_CATALOGUE_URL": catalogue,
            "REEX_STATE_URL": kept,
            "REEX_SESSION_SECRET": uuid4().hex,
        }
        # Of the pages that were open on a replica that died, Gradio complains where they go on.
        replicas = [
            Product(folder, llm, free_port(), patience_s=300, environment=environment, quiet=False)
            for _ in range(2)
        ]
        settings = load_settings(
            data_dir=folder, state_url=kept, catalogue_url=catalogue, chroma_url=chroma.url
        )
        jsonl.write(folder / "articles.jsonl", [ARTICLE])
        ingest(
            folder,
            PACKAGED,
            [str(folder / "articles.jsonl")],
            only=True,
            catalogue_url=catalogue,
            chroma=ChromaServer(chroma.url),
            load_embedder=lambda: embedder,
        )
        with ThreadPoolExecutor() as pool:  # their tables are made once
            states = list(pool.map(lambda _: open_state(settings), range(3)))
        for name, role in ACCOUNTS.items():
            Accounts(states[0]).add(name, role, PASSWORD)
        made = Site("", replicas, settings, states[0], [None, None])
        with ThreadPoolExecutor() as pool:
            list(pool.map(lambda number: made.start(number, stack), (0, 1)))
        made.url = stack.enter_context(nginx(folder, [replica.port for replica in replicas]))
        yield made, stack
        for state in states:
            state.close()


def test_who_has_signed_in_at_one_replica_is_known_to_the_other(site: tuple[Site, ExitStack]) -> None:
    served, _ = site
    http = sign_in(served.url, "ann")
    for replica in served.replicas:
        known = httpx.get(replica.url, cookies=dict(http.cookies), follow_redirects=False)
        assert known.status_code == 200
    ok(http.post("/logout"))
    for replica in served.replicas:
        left = httpx.get(replica.url, cookies=dict(http.cookies), follow_redirects=False)
        assert left.status_code == 401
    # One's visits go to one replica, and those of several people to both.
    seen = set()
    for _ in range(12):
        with browser(served.url) as http:
            ok(http.get("/health"))
            seen.add(http.cookies["reex_replica"])
            assert "set-cookie" not in http.get("/health").headers
    assert len(seen) == 12


def test_one_conversation_and_one_query_at_two_replicas_at_once(site: tuple[Site, ExitStack]) -> None:
    served, _ = site
    told: list[Told] = []

    def tell(what: str, **details: Any) -> None:
        told.append({"what": what, **details})

    readers = [Reader("ben", sign_in(replica.url, "ben")) for replica in served.replicas * 2]
    for reader in readers:
        reader.come()
    readers[0].ask(tell, text=f"{QUESTION} First.")
    talk = told[0]["conversation"]
    with ThreadPoolExecutor() as pool:
        asking = [
            pool.submit(reader.ask, tell, text=f"{QUESTION} Number {number}.", conversation=talk)
            for number, reader in enumerate(readers)
        ]
        for each in asking:
            each.result()
    said = conversations.load(served.state, Accounts(served.state).find("ben").id, talk)
    assert len(said) == 5
    assert all(exchange.answer for exchange in said)
    check(served.state, served.settings, told)
    is_sound(served.state)

    writers = [sign_in(replica.url, "dora") for replica in served.replicas]
    pages = [Page(writer, "/desk/") for writer in writers]
    (taken,) = ok(writers[0].post("/v1/desk/queries", json={"queries": [{"text": QUESTION}]})).json()
    for page in pages:
        list(page.send(None, "load", query=taken["id"]))

    def save(page: Page) -> str:
        (shown,) = page.send("desk-save", "click", {"desk-body": f"By {id(page)}."})
        return str(shown["desk-status"])

    with ThreadPoolExecutor() as pool:
        outcomes = list(pool.map(save, pages))
    assert sum("Saved." in outcome for outcome in outcomes) == 1, outcomes
    assert sum("meanwhile" in outcome for outcome in outcomes) == 1, outcomes
    assert len(Bench(served.state).revisions(taken["id"])) == 1


def test_a_replica_dies_under_load_and_nothing_is_lost_or_mixed_up(site: tuple[Site, ExitStack]) -> None:
    served, stack = site
    told: list[Told] = []
    troubles: Counter[str] = Counter()
    shaken, over = threading.Event(), threading.Event()

    def tell(what: str, **details: Any) -> None:
        told.append({"what": what, **details})

    def live(person: Person) -> None:
        while not over.is_set():
            try:
                person.work(tell)
            except (httpx.HTTPError, AssertionError, StopIteration, ValueError) as error:
                if not shaken.is_set():
                    raise
                troubles[type(error).__name__] += 1
                time.sleep(0.2)
                come(person)

    def come(person: Person) -> None:
        while not over.is_set():
            try:
                person.come()
                return
            except (httpx.HTTPError, AssertionError):
                time.sleep(0.2)

    key = {"Authorization": f"Bearer {Accounts(served.state).add_key('ann')}"}
    people: list[Person] = [Reader(name, sign_in(served.url, name)) for name in ("ann", "ben", "cai")]
    people += [Program(browser(served.url, **key)), Desk(*(sign_in(served.url, n) for n in ("dora", "emil")))]
    for person in people:
        person.come()

    def works(since: int) -> bool:
        return {said["what"] for said in told[since:]} == KINDS

    with ThreadPoolExecutor() as pool:
        lives = [pool.submit(live, person) for person in people]

        def wait_for(happened: Callable[[], bool], seconds: float = 120) -> None:
            end = time.monotonic() + seconds
            while not happened():
                if time.monotonic() > end or any(each.done() for each in lives):
                    over.set()
                    raise AssertionError([each.exception() for each in lives if each.done()] or told[-5:])
                time.sleep(0.05)

        wait_for(lambda: works(0))
        shaken.set()
        served.kill(0)
        dead = len(told)
        wait_for(lambda: works(dead))  # the other replica does everybody's work
        served.start(0, stack)
        time.sleep(SETTLED_S)
        shaken.clear()
        back = len(told)
        wait_for(lambda: works(back))
        over.set()
        for each in lives:
            each.result()

    check(served.state, served.settings, told)
    is_sound(served.state)
    questions = [said["question"] for said in told if said["what"] == "asked"]
    assert questions
    left = [exchange for name in ("ann", "ben", "cai") for exchange in unfinished(served.state, name)]
    assert len(left) <= 3  # what was being answered, and is offered again
    print(f"acknowledged and none lost: {dict(Counter(said['what'] for said in told))}")
    print(f"interrupted and begun again: {dict(troubles)}; unfinished answers: {len(left)}")
