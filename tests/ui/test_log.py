"""What stands in the log, and what never does."""

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI, Request
from fastapi.testclient import TestClient

from corpus.errors import StorageError, UsageError
from rag.settings import Settings
from rag.types import Answer, Question, Signals, Timings
from ui import log
from ui.accounts import User

ANN = User("u1", "Ann", "reader")
SECRET = Question("What does my rival pay for terbium?")
ANSWERED = Answer(
    "", "He pays 900.", False, "", None, (), (), (), (), Timings(0.011, 1.5, 4.25, 0.1, 2.0), "local:m",
    signals=Signals(outcome="weak"),
)  # fmt: skip


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    root, ours = logging.getLogger(), logging.getLogger("reex")
    before = root.handlers, root.level, ours.level
    yield
    root.handlers, level, our_level = before
    root.setLevel(level)
    ours.setLevel(our_level)


def started(folder: Path, form: str = "json", **settings: Any) -> Path:
    path = folder / "reex.log"
    log.start(Settings(log=form, log_file=path, **settings))  # type: ignore[arg-type]
    return path


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def app() -> TestClient:
    api = FastAPI()
    api.add_middleware(log.Requests)

    @api.get("/share/{secret}")
    def share(secret: str, request: Request) -> str:
        request.state.user = ANN
        with log.answering(ANN, SECRET) as finish:
            finish(ANSWERED)
        return secret

    @api.get("/broken")
    def broken() -> str:
        raise RuntimeError

    inner = FastAPI()
    inner.add_api_route("/files/{path:path}", lambda path: path)
    api.mount("/library", inner)
    return TestClient(api, raise_server_exceptions=False)


def test_requests_and_answers_are_told_with_ids_and_without_their_words(tmp_path: Path) -> None:
    path = started(tmp_path)
    reply = app().get("/share/s3cr3t", headers={"X-Request-ID": "from-the-proxy"})
    assert reply.headers["X-Request-ID"] == "from-the-proxy"
    answered, request = rows(path)
    assert (request["event"], request["user"], request["route"], request["status"]) == (
        "request", "u1", "/share/{secret}", 200,
    )  # fmt: skip
    assert request["request"] == answered["request"] == "from-the-proxy"
    told = ("event", "user", "model", "outcome", "waited_ms", "total_ms")
    assert [answered[name] for name in told] == ["answered", "u1", "local:m", "weak", 2000, 4250]
    written = path.read_text(encoding="utf-8")
    assert all(word not in written for word in ("s3cr3t", "terbium", "900", "Ann"))


def test_words_are_logged_where_that_is_wanted(tmp_path: Path) -> None:
    path = started(tmp_path)
    with log.answering(ANN, SECRET, content=True) as finish:
        finish(ANSWERED)
    assert (rows(path)[0]["question"], rows(path)[0]["text"]) == (SECRET.text, "He pays 900.")


@pytest.mark.parametrize("given", ["", "a b", "x" * 65, "a\tb"])
def test_an_id_from_outside_that_could_forge_the_log_is_replaced(tmp_path: Path, given: str) -> None:
    path = started(tmp_path, "text")
    reply = app().get("/nowhere/terbium", headers={"X-Request-ID": given})
    made = reply.headers["X-Request-ID"]
    assert len(made) == 32
    (line,) = path.read_text(encoding="utf-8").splitlines()
    assert f'INFO request request={made} user="" method=GET route="(none)" status=404' in line


def test_a_failure_is_a_warning_with_its_trace_also_by_default(tmp_path: Path) -> None:
    path = started(tmp_path, "warnings")
    client = app()
    assert client.get("/library/files/a").status_code == 200
    assert client.get("/broken").status_code == 500
    written = path.read_text(encoding="utf-8")
    assert "route=/broken status=500" in written
    assert "/library" not in written
    with pytest.raises(UsageError), log.answering(ANN, SECRET):
        raise UsageError("no")
    with pytest.raises(KeyError), log.answering(ANN, SECRET):
        raise KeyError
    last = path.read_text(encoding="utf-8").removeprefix(written)
    assert "ERROR failed" in last
    assert "Traceback" in last
    assert "refused" not in last


def test_the_route_of_a_page_in_a_page_is_told_from_the_root(tmp_path: Path) -> None:
    path = started(tmp_path)
    app().get("/library/files/secret")
    assert rows(path)[0]["route"] == "/library/files/{path:path}"


def test_what_runs_on_behind_a_request_is_not_taken_for_a_part_of_it(tmp_path: Path) -> None:
    path = started(tmp_path)
    api = FastAPI()
    api.add_middleware(log.Requests)
    kept: list[Any] = []

    @api.get("/start")
    def start() -> None:
        from contextvars import copy_context

        kept.append(copy_context())

    TestClient(api).get("/start")

    def later() -> None:
        with log.answering(ANN, SECRET) as finish:
            finish(ANSWERED)

    kept[0].run(later)
    assert rows(path)[-1]["request"] == ""


def test_off_is_off_and_a_file_that_cannot_be_written_is_told(tmp_path: Path, capfd: Any) -> None:
    log.start(Settings(log="off"))
    app().get("/broken")
    assert capfd.readouterr().err == ""
    with pytest.raises(StorageError, match=r"cannot be written .*: set REEX_LOG_FILE"):
        log.start(Settings(log_file=tmp_path / "no" / "such.log"))
