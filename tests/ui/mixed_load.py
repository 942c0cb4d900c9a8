"""People at work on a served product, over HTTP as their browsers and programs talk to it, without browsers.

Each tells what the product has said that it has done.
"""

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Protocol
from uuid import uuid4

import httpx

from tests.ui.conftest import PASSWORD, QUESTION, SAYS, ok

Tell = Callable[..., None]
_ASKED_IN_ONE = 5  # questions, before the next conversation begins
_NOTHING: Mapping[str, Any] = {}


class Page:
    """One of Gradio's pages, used by the ids of its elements."""

    def __init__(self, http: httpx.Client, path: str):
        self._http = http
        self._path = path
        self._session = uuid4().hex
        config = ok(http.get(f"{path}config")).json()
        self._given = {part["id"]: part["props"].get("value") or "" for part in config["components"]}
        self._names = {part["id"]: part["props"].get("elem_id") for part in config["components"]}
        self._events: dict[tuple[str | None, str], Any] = {}
        for event in config["dependencies"]:
            for id, trigger in event["targets"]:
                self._events.setdefault((self._names.get(id), trigger), event)

    def call(self, element: str, function: str, **data: Any) -> dict[str, Any]:
        """What one of the element's server functions gives."""
        id = next(id for id, name in self._names.items() if name == element)
        body = {"session_hash": self._session, "component_id": id, "fn_name": function, "data": data}
        got: dict[str, Any] = ok(
            self._http.post(f"{self._path}gradio_api/component_server", json=body)
        ).json()
        assert "error" not in got, got
        return got

    def send(
        self,
        element: str | None,
        trigger: str,
        values: Mapping[str, Any] = _NOTHING,
        details: Mapping[str, Any] | None = None,
        **query: str,
    ) -> Iterator[dict[str, Any]]:
        """What an event does to the elements, at its first step and at its end.

        Args:
            element: where it happens; None for the page.
            trigger: what happens.
            values: what stands in the elements that somebody has filled in.
            details: of what happens.
            query: what follows the question mark in the page's address.
        """
        event = self._events[element, trigger]
        body = {
            "fn_index": event["id"],
            "session_hash": self._session,
            "data": [values.get(self._names[id] or "", self._given[id]) for id in event["inputs"]],
            "event_data": details,
        }
        api = f"{self._path}gradio_api/queue"
        ok(self._http.post(f"{api}/join", json=body, params=query))
        names = [self._names[id] for id in event["outputs"]]
        begun = False
        with self._http.stream("GET", f"{api}/data", params={"session_hash": self._session}) as reply:
            for line in reply.iter_lines():
                said = json.loads(line.removeprefix("data:") or "{}")
                if said.get("msg") == "process_completed":
                    assert said["success"], said
                elif said.get("msg") != "process_generating" or begun:  # later steps come as differences
                    continue
                begun = True
                yield dict(zip(names, said["output"]["data"], strict=False))


class Person(Protocol):
    """Somebody at work."""

    def come(self) -> None:
        """Open what one works with, which takes an account that is signed in."""

    def work(self, tell: Tell) -> None:
        """Do the next thing."""


class Reader:
    """Chats on the page, and is never content."""

    def __init__(self, name: str, http: httpx.Client):
        self._name, self._http = name, http
        self._conversation, self._asked = "", 0

    def come(self) -> None:
        self.page = Page(self._http, "/")

    def work(self, tell: Tell) -> None:
        if self._asked % _ASKED_IN_ONE == 0:
            self._conversation = ""
        self.go_on(tell)

    def go_on(self, tell: Tell) -> None:
        """Ask the next thing in the same conversation, even if the server was started again meanwhile."""
        before = self._conversation
        self._asked += 1
        self.ask(tell, text=f"{QUESTION} Question {self._asked}.", conversation=before)
        assert before in (self._conversation, "")

    def ask(self, tell: Tell, **details: str) -> None:
        """Ask something, or something again."""
        steps = self.page.send("chat-page", "submit", details=details)
        shown = next(steps)["chat-page"]
        self._conversation = shown["conversation"]
        exchange = {"who": self._name, "exchange": shown["exchange"]}
        tell("asked", **exchange, question=details.get("text"), conversation=self._conversation)
        for _ in steps:
            pass
        copied = self.page.call("chat-page", "copy", exchange=shown["exchange"], form="plain")["text"]
        tell("answered", **exchange, copied=copied)
        reason = f"It is wrong, says {self._name}: {uuid4().hex}"
        self.page.call("chat-page", "judge", exchange=shown["exchange"], verdict=-1, reason=reason)
        tell("judged", **exchange, reason=reason)


class Program:
    """Asks through the API, and complains of each answer."""

    def __init__(self, http: httpx.Client):
        self._http = http
        self._asked = 0

    def come(self) -> None: ...

    def work(self, tell: Tell) -> None:
        self._asked += 1
        asked = {"role": "user", "content": f"{QUESTION} Question {self._asked} of a program."}
        said = ok(self._http.post("/v1/chat/completions", json={"model": "reex", "messages": [asked]})).json()
        tell("completed", id=said["id"], content=said["choices"][0]["message"]["content"])
        verdict = {"id": said["id"], "verdict": "down", "reason": f"It is wrong: {uuid4().hex}"}
        ok(self._http.post("/v1/feedback", json=verdict))
        tell("objected", id=said["id"], reason=verdict["reason"])


class Desk:
    """Two who work at the desk: one takes a query in and writes its answer, the other approves it."""

    def __init__(self, writer: httpx.Client, reviewer: httpx.Client):
        self._writer, self._reviewer = writer, reviewer

    def come(self) -> None:
        self._writing, self._reviewing = Page(self._writer, "/desk/"), Page(self._reviewer, "/desk/")

    def work(self, tell: Tell) -> None:
        text = f"{QUESTION} {uuid4().hex}"
        (taken,) = ok(self._writer.post("/v1/desk/queries", json={"queries": [{"text": text}]})).json()
        query, body = taken["id"], ""
        tell("taken", query=query, text=text)
        self._open(self._writing, query)
        for number in range(3):
            body = f"Draft {number} for {query}."
            self._press(self._writing, "desk-save", "Saved.", body)
            tell("saved", query=query, number=number, body=body)
        self._press(self._writing, "desk-review", "Sent to review.", body)
        tell("sent to review", query=query)
        assert self._open(self._reviewing, query) == body
        reason = f"It cites nothing, and is right: {uuid4().hex}"
        self._press(self._reviewing, "desk-approve", "Approved.", body, reason)
        tell("approved", query=query, body=body, reason=reason)

    def _open(self, page: Page, query: str) -> str:
        shown, *_ = page.send(None, "load", query=query)
        return str(shown["desk-body"]["value"])

    def _press(self, page: Page, button: str, says: str, body: str, reason: str = "") -> None:
        values = {"desk-body": body, "desk-reason": reason, "desk-anyway": bool(reason)}
        (shown,) = page.send(button, "click", values)
        assert says in shown["desk-status"], shown["desk-status"]


def browser(url: str, **headers: str) -> httpx.Client:
    """What talks to the product for somebody."""
    # The server closes a connection that nobody used for five seconds, just when httpx would use it again; a
    # browser would then ask once more.
    limits = httpx.Limits(keepalive_expiry=2)
    return httpx.Client(base_url=url, headers=headers, timeout=60, limits=limits, trust_env=False)


def sign_in(url: str, name: str) -> httpx.Client:
    """A browser in which somebody has signed in."""
    http = browser(url)
    ok(http.post("/login", data={"name": name, "password": PASSWORD}))
    return http


def work_until(
    people: Sequence[Person], tell: Tell, over: Callable[[], bool], kill: Callable[[], object]
) -> None:
    """Let people work side by side until it is over, and kill the server under them.

    Whatever fails before that is raised.
    """
    failed: list[BaseException] = []
    dying = threading.Event()

    def live(person: Person) -> None:
        try:
            while True:
                person.work(tell)
        except BaseException as error:  # noqa: BLE001  # raised again below
            if not (dying.is_set() and isinstance(error, httpx.TransportError)):
                failed.append(error)

    threads = [threading.Thread(target=live, args=(person,)) for person in people]
    for thread in threads:
        thread.start()
    while not (over() or failed):
        time.sleep(0.01)
    dying.set()
    kill()
    for thread in threads:
        thread.join(60)
    for error in failed:
        raise error


@contextmanager
def language_model() -> Iterator[str]:
    """The address of one that speaks as OpenAI's do, always says the same, and is in no hurry."""

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None: ...

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.end_headers()
            with suppress(OSError):  # who listened was killed
                for word in SAYS.split():
                    delta = {"role": "assistant", "content": f"{word} "}
                    choice = {"index": 0, "delta": delta, "finish_reason": None}
                    piece = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "fake"}
                    self.wfile.write(f"data: {json.dumps(piece | {'choices': [choice]})}\n\n".encode())
                    time.sleep(0.05)
                self.wfile.write(b"data: [DONE]\n\n")

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/v1"
    finally:
        server.shutdown()
        server.server_close()
