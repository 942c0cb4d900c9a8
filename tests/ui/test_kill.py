"""The server dies at any moment, as kill -9 does it, and what people were told is kept is there afterwards.

Three kills in the usual run; REEX_TEST_KILLS sets how many.
"""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from html import escape
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from corpus.database import Database
from evals import feedback, jsonl
from rag.embed import PACKAGED, Embedder
from rag.ingest import ingest
from rag.settings import Settings
from tests.ui.conftest import PASSWORD
from tests.ui.mixed_load import (
    Desk,
    Page,
    Person,
    Program,
    Reader,
    browser,
    language_model,
    sign_in,
    work_until,
)
from ui import conversations
from ui.accounts import Accounts, Role
from ui.completion import content_of
from ui.copying import as_plain
from ui.desk.queries import MOVES
from ui.desk.queries import Desk as Bench
from ui.frozen import thaw
from ui.server import free_port
from ui.state import completions, exchanges, open_state

KILLS = int(os.environ.get("REEX_TEST_KILLS", "3"))
ROOT = Path(__file__).parents[2]
LONGEST_S = 3.0
START_S = 90.0  # on a machine that does much else; alone it takes a tenth of it
READERS = ("ann", "ben", "cai")
STAFF = ("dora", "emil")
KINDS = {"asked", "answered", "judged"}  # by readers
KINDS |= {"completed", "objected"}  # by a program
KINDS |= {"taken", "saved", "sent to review", "approved"}  # by the desk
ARTICLE = {
    "url": "https://news.example/lynas",
    "title": "Lynas quarterly output",
    "publisher": "Example News",
    "published": "2026-01-20",
    "text": "Lynas Rare Earths produced 1,404 tonnes of NdPr in the December 2025 quarter. "
    "Revenue was A$201.9 million.",
}

Told = dict[str, Any]


@dataclass
class Product:
    """A server that is killed and started again, always over the same folder at the same address."""

    folder: Path
    llm: str
    port: int
    slowest_s: float = 0.0
    patience_s: float = START_S
    quiet: bool = True
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @contextmanager
    def serving(self) -> Iterator[subprocess.Popen[str]]:
        """The server, started by the command that people run; it must neither fail nor complain."""
        environment = {
            "REEX_DATA_DIR": str(self.folder),
            "REEX_STATE_URL": "",
            "REEX_SIGN_IN": "1",
            "REEX_API_QUESTIONS": "10000/minute",
            "OPENAI_BASE_URL": self.llm,
            **self.environment,
        }
        command = [sys.executable, "-u", "-m", "ui.cli", "chat", "--llm=openai:fake", f"--port={self.port}"]
        complaints = self.folder / f"stderr-{self.port}"
        began = time.monotonic()
        with complaints.open("w") as errors:
            server = subprocess.Popen(
                command,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                cwd=ROOT,
                env={**os.environ, **environment},
            )
        assert server.stdout
        too_slow = threading.Timer(self.patience_s, server.kill)
        too_slow.start()
        try:
            said = next((line for line in server.stdout if " is " in line), "")  # or its port was taken
            assert f"REEx Answers is at {self.url} " in said, said + complaints.read_text()
            too_slow.cancel()
            self.slowest_s = max(self.slowest_s, time.monotonic() - began)
            yield server
        finally:
            too_slow.cancel()
            server.kill()
            server.wait()
            server.stdout.close()
        if self.quiet:
            assert "Traceback" not in complaints.read_text(), complaints.read_text()


@contextmanager
def opened(settings: Settings) -> Iterator[Database]:
    """The state, closed again before the server dies, which nobody must clean up behind."""
    state = open_state(settings)
    try:
        yield state
    finally:
        state.close()


def check(state: Database, settings: Settings, told: list[Told]) -> None:
    """All that was acknowledged is there."""
    bench = Bench(state)
    cases = {row["id"]: row["note"] for row in jsonl.read(feedback.folder(settings) / "cases.jsonl")}
    with state.reading() as db:
        programs = {row.id: row for row in db.execute(sa.select(completions))}

    def exchange(said: Told) -> conversations.Exchange:
        return conversations.exchange(state, Accounts(state).find(said["who"]).id, said["exchange"])

    for said in told:
        match said:
            case {"what": "asked", "question": question, "conversation": conversation}:
                found = exchange(said)
                assert found.conversation_id == conversation
                assert question in (found.question, None)  # none where it was asked again
            case {"what": "answered", "copied": copied}:
                found = exchange(said)
                assert found.answer
                assert as_plain(found.question, found.answer) == copied
            case {"what": "judged", "reason": reason}:
                found = exchange(said)
                assert (found.verdict, found.reason, cases[found.case_id]) == (-1, reason, reason)
            case {"what": "completed", "id": id_, "content": content}:
                assert content_of(thaw(programs[id_].answer)) == content
            case {"what": "objected", "id": id_, "reason": reason}:
                row = programs[id_]
                assert (row.verdict, row.reason, cases[row.case_id]) == (-1, reason, reason)
            case {"what": "taken", "query": id_, "text": text}:
                assert bench.query(id_).text == text
            case {"what": "saved", "query": id_, "number": number, "body": body}:
                assert bench.revisions(id_)[number].body == body
            case {"what": "sent to review", "query": id_}:
                assert "sent to review" in [event.what for event in bench.events(id_)]
            case {"what": "approved", "query": id_, "body": body, "reason": reason}:
                assert bench.query(id_).state == "approved"
                assert bench.newest([id_])[id_].body == body
                last = bench.events(id_)[-1]
                assert (last.who, last.what, last.detail.endswith(reason)) == ("emil", "approved", True)
            case _:
                raise AssertionError(said)


def is_sound(state: Database) -> None:
    """Nothing is damaged or half done: no conversation has a gap, and each query is where its trail says."""
    numbers: dict[str, list[int]] = defaultdict(list)
    with state.reading() as db:
        if state.is_file:
            assert db.execute(sa.text("pragma integrity_check")).scalar_one() == "ok"
        for row in db.execute(sa.select(exchanges.c.conversation_id, exchanges.c.number)):
            numbers[row.conversation_id].append(row.number)
    for found in numbers.values():
        assert sorted(found) == list(range(len(found)))
    bench = Bench(state)
    leads_to = {"edited": "drafted"} | {move.what: move.after for move in MOVES.values()}
    for query in bench.queries():
        trail = [event.what for event in bench.events(query.id)]
        assert trail[0] == "came in"
        assert query.state == ["new", *(leads_to[what] for what in trail[1:])][-1]
        assert len(bench.revisions(query.id)) == trail.count("edited")


def unfinished(state: Database, name: str) -> list[conversations.Exchange]:
    """The questions of somebody that the server was answering when it died."""
    user = Accounts(state).find(name).id
    talks = conversations.listed(state, user)
    said = (exchange for talk in talks for exchange in conversations.load(state, user, talk.id))
    return [exchange for exchange in said if exchange.answer is None]


def shows_as_unfinished(page: Page, exchange: conversations.Exchange) -> bool:
    """Whether the page says so under the question, and offers to ask it again."""
    thread = page.call("chat-page", "open_one", conversation=exchange.conversation_id)["thread"]
    _, _, behind = thread.partition(f'data-id="{exchange.id}"')
    article, _, _ = behind.partition("</article>")
    wanted = (escape(exchange.question), "This answer was not finished.", 'data-act="again"')
    return all(piece in article for piece in wanted)


@pytest.fixture
def settings(tmp_path: Path, embedder: Embedder) -> Settings:
    """Of a product over one article, with accounts."""
    source = tmp_path / "articles.jsonl"
    jsonl.write(source, [ARTICLE])
    settings = Settings(data_dir=tmp_path / "data")
    ingest(settings.data_dir, PACKAGED, [str(source)], only=True, load_embedder=lambda: embedder)
    with opened(settings) as state:
        roles: dict[str, Role] = {"admin": "admin", **dict.fromkeys(READERS, "reader")}
        for name, role in (roles | dict.fromkeys(STAFF, "staff")).items():
            Accounts(state).add(name, role, PASSWORD)
    return settings


def test_what_was_acknowledged_outlives_a_kill_at_any_moment(settings: Settings) -> None:
    chance = random.Random(6)
    told: list[Told] = []
    asked_again = 0

    def tell(what: str, **details: Any) -> None:
        told.append({"what": what, **details})

    def is_time(moment: float) -> bool:
        """Whether a moment has come; the first time, everybody must have done everything too."""
        return time.monotonic() > moment and {said["what"] for said in told} == KINDS

    with language_model() as llm:
        product = Product(settings.data_dir, llm, free_port("127.0.0.1", random.randrange(20_000, 30_000)))
        with opened(settings) as state:
            key = {"Authorization": f"Bearer {Accounts(state).add_key('ann')}"}
        people: list[Person] = []
        readers: dict[str, Reader] = {}
        for kill in range(KILLS + 1):
            with product.serving() as server:
                if not people:  # who has signed in stays so
                    readers = {name: Reader(name, sign_in(product.url, name)) for name in READERS}
                    desk = Desk(*(sign_in(product.url, name) for name in STAFF))
                    people = [*readers.values(), Program(browser(product.url, **key)), desk]
                for person in people:
                    person.come()
                with opened(settings) as state:
                    check(state, settings, told)
                    is_sound(state)
                    for name, reader in readers.items():
                        for exchange in unfinished(state, name):
                            assert shows_as_unfinished(reader.page, exchange)
                            reader.ask(tell, exchange=exchange.id)
                            asked_again += 1
                        assert not unfinished(state, name)
                        if kill:
                            reader.go_on(tell)
                if kill < KILLS:
                    moment = time.monotonic() + chance.uniform(0, LONGEST_S)
                    work_until(people, tell, partial(is_time, moment), server.kill)
                else:
                    server.send_signal(signal.SIGINT)
                    assert server.wait(timeout=30) in (0, 130)
    assert asked_again
    print(f"{KILLS} kills; acknowledged and none lost: {dict(Counter(said['what'] for said in told))}")
    print(f"{asked_again} half-written answers asked again; slowest start {product.slowest_s:.1f} s")
