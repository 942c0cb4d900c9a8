"""Any server that speaks OpenAI's protocol answers, and each way to fail is one telling sentence."""

import asyncio
import json
import math
import select
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import BaseMessage, HumanMessage, SystemMessage
from langchain_openai import ChatOpenAI
from pydantic import SecretStr

from corpus.errors import StoppedError
from rag import local_llm
from rag.errors import LLMError
from rag.llm import LLM, local_chat, name_of, open_llm, uses_packaged_model
from rag.settings import Settings

MESSAGES: list[BaseMessage] = [SystemMessage("Be brief."), HumanMessage("稀土?")]


@dataclass
class Server:
    # A model server on the loopback interface.
    #
    # does: "answer", "hang", "hang midway", "break midway", or an HTTP status to fail with.
    # models: the body of the list of models.
    # asked: path, key and body of each request.
    # left: set once a client went away while the server hung.
    url: str = ""
    does: str | int = "answer"
    models: str = '{"data": [{"id": "first-model"}, {"id": "second-model"}]}'
    asked: list[tuple[str, str, Any]] = field(default_factory=list)
    done: threading.Event = field(default_factory=threading.Event)
    left: threading.Event = field(default_factory=threading.Event)


class Handler(BaseHTTPRequestHandler):
    state: Server

    def log_message(self, *_: object) -> None:
        pass

    def reply(self, status: int, kind: str, body: str = "") -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.end_headers()
        self.wfile.write(body.encode())

    def hang(self) -> None:
        while not self.state.done.wait(0.01):
            readable, _, _ = select.select([self.connection], [], [], 0)
            if readable and not self.connection.recv(1, socket.MSG_PEEK):
                return self.state.left.set()
        return None

    def do_GET(self) -> None:
        self.state.asked.append((self.path, self.headers["Authorization"], None))
        if isinstance(self.state.does, int):
            return self.reply(self.state.does, "text/plain", "no")
        return self.reply(200, "application/json", self.state.models)

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.state.asked.append((self.path, self.headers["Authorization"], body))
        does = self.state.does
        if isinstance(does, int):
            return self.reply(does, "application/json", json.dumps({"error": {"message": "because so"}}))
        if does == "hang":
            return self.hang()
        if not body.get("stream"):
            likely = [{"token": " Yes", "logprob": math.log(0.6)}, {"token": "no", "logprob": math.log(0.2)}]
            first = {"token": " Yes", "logprob": 0, "top_logprobs": likely}
            message = {"role": "assistant", "content": " Yes"}
            choice = {"index": 0, "message": message, "logprobs": {"content": [first]}}
            return self.reply(200, "application/json", json.dumps({"id": "1", "choices": [choice]}))
        self.reply(200, "text/event-stream")
        for piece in ("", "稀土 are ", "17 elements."):
            choices = [{"index": 0, "delta": {"role": "assistant", "content": piece}, "finish_reason": None}]
            event = {
                "id": "1",
                "object": "chat.completion.chunk",
                "created": 1,
                "model": "m",
                "choices": choices,
            }
            self.wfile.write(f"data: {json.dumps(event)}\n\n".encode())
            self.wfile.flush()
            if piece and does == "hang midway":
                return self.hang()
            if piece and does == "break midway":
                self.wfile.write(b'data: {"error": {"message": "the model fell over"}}\n\n')
                return None
        self.wfile.write(b"data: [DONE]\n\n")
        return None


@pytest.fixture
def server() -> Iterator[Server]:
    state = Server()
    handler = type("Handler", (Handler,), {"state": state})
    http = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    state.url = f"http://127.0.0.1:{http.server_address[1]}/v1"
    threading.Thread(target=http.serve_forever, daemon=True).start()
    yield state
    state.done.set()
    http.shutdown()
    http.server_close()


@pytest.fixture(autouse=True)
def _no_settings_of_the_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("REEX_LLM", "OPENAI_API_KEY", "OPENAI_BASE_URL", "OPENAI_API_BASE", "ANTHROPIC_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("REEX_CACHE_DIR", str(tmp_path))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


def settings(**values: Any) -> Settings:
    return Settings(**{"llm_timeout_s": 20.0, **values})


def failure(model: LLM) -> str:
    with pytest.raises(LLMError) as caught:
        list(model.stream(MESSAGES, 50))
    assert "\n" not in str(caught.value)
    return str(caught.value)


# Answering


def test_a_named_model_of_a_server_streams_its_reply(server: Server) -> None:
    model = open_llm(settings(llm="openai:qwen", openai_base_url=server.url))
    assert model.name == "openai:qwen"
    assert list(model.stream(MESSAGES, 7)) == ["稀土 are ", "17 elements."]
    ((path, key, body),) = server.asked
    assert (path, key, body["model"]) == ("/v1/chat/completions", "Bearer none", "qwen")
    assert [message["content"] for message in body["messages"]] == ["Be brief.", "稀土?"]
    assert 7 in (body.get("max_tokens"), body.get("max_completion_tokens"))


def test_complete_gives_the_whole_reply(server: Server) -> None:
    model = open_llm(settings(llm="openai:qwen", openai_base_url=server.url))
    assert model.complete(MESSAGES, 50) == "稀土 are 17 elements."


def test_a_server_alone_answers_with_its_first_model(server: Server) -> None:
    chosen = settings(openai_base_url=server.url + "/", openai_api_key=SecretStr("secret"))
    model = open_llm(chosen)
    assert model.name == "openai:first-model"
    assert name_of(chosen) == f"the first model of {server.url}/"
    assert model.complete(MESSAGES, 50) == "稀土 are 17 elements."
    assert [(path, key) for path, key, _ in server.asked] == [
        ("/v1/models", "Bearer secret"),
        ("/v1/chat/completions", "Bearer secret"),
    ]


def test_closing_a_stream_early_is_no_error_and_stops_the_server(server: Server) -> None:
    server.does = "hang midway"
    stream = open_llm(settings(llm="openai:qwen", openai_base_url=server.url)).stream(MESSAGES, 50)
    assert next(stream) == "稀土 are "
    assert not server.left.is_set()
    stream.close()  # type: ignore[attr-defined]
    assert server.left.wait(1)


@pytest.mark.parametrize("ask", [LLM.complete, lambda llm, m, n, gone: llm.says_yes(m, gone)])
def test_a_server_is_stopped_before_its_first_word_when_nobody_waits(server: Server, ask: Any) -> None:
    server.does = "hang"
    chat = ChatOpenAI(base_url=server.url, api_key=SecretStr("local"), model="m", max_retries=0)
    with pytest.raises(StoppedError):
        ask(LLM("local:m", chat, "local"), MESSAGES, 50, lambda: bool(server.asked))
    assert server.left.wait(1)
    server.does = "answer"
    assert LLM("local:m", chat, "local").complete(MESSAGES, 50) == "稀土 are 17 elements."


def test_a_local_server_that_gives_up_idle_connections_loses_no_question(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    body = json.dumps(
        {"choices": [{"index": 0, "message": {"role": "assistant", "content": "Yes"}}]}
    ).encode()

    class Fleeting(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"  # the connection stays, until something is sent on it again
        used = False

        def log_message(self, *_: object) -> None:
            pass

        def do_POST(self) -> None:
            self.close_connection = self.used
            if not self.used:
                self.used = True
                self.rfile.read(int(self.headers["Content-Length"]))
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    with ThreadingHTTPServer(("127.0.0.1", 0), Fleeting) as served:
        threading.Thread(target=served.serve_forever, daemon=True).start()
        chat = local_chat(f"http://127.0.0.1:{served.server_port}/v1", "m", settings())
        replies = [asyncio.run(_asked(chat)) for _ in range(3)]
        served.shutdown()
    assert replies == [["Yes", "Yes"]] * 3


async def _asked(chat: BaseChatModel) -> list[str]:
    return [str((await chat.ainvoke(MESSAGES)).content) for _ in range(2)]


def test_the_packaged_model_is_used_when_nothing_else_is_set() -> None:
    assert uses_packaged_model(settings())
    assert uses_packaged_model(settings(llm="local", openai_base_url="http://127.0.0.1:1/v1"))
    assert not uses_packaged_model(settings(openai_base_url="http://127.0.0.1:1/v1"))
    assert not uses_packaged_model(settings(llm="openai:gpt-4o-mini"))
    assert name_of(settings()).startswith("local:qwen")
    assert name_of(settings(llm="openai:gpt-4o-mini")) == "openai:gpt-4o-mini"


def test_only_a_local_model_says_yes_and_as_surely_as_its_first_word(server: Server) -> None:
    chat = ChatOpenAI(base_url=server.url, api_key=SecretStr("local"), model="m", max_retries=0)
    assert LLM("local:m", chat, "local").says_yes(MESSAGES) == pytest.approx(0.75)
    assert LLM("openai:m", chat, "openai").says_yes(MESSAGES) is None
    server.does = 500
    with pytest.raises(LLMError):
        LLM("local:m", chat, "local").says_yes(MESSAGES)


# Failing


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (401, "The model openai:qwen refused the key .*because so.*: check the key"),
        (403, "The model openai:qwen refused the key"),
        (404, "There is no model openai:qwen .*: check the name in REEX_LLM"),
        (429, "The model openai:qwen is over its limit .*: wait, or use another model"),
        (500, "The model openai:qwen failed .*because so"),
        (400, "The model openai:qwen failed .*because so"),
    ],
)
def test_a_status_of_failure_is_told_in_plain_words(server: Server, status: int, said: str) -> None:
    server.does = status
    model = open_llm(settings(llm="openai:qwen", openai_base_url=server.url))
    with pytest.raises(LLMError, match=said):
        model.complete(MESSAGES, 50)


@pytest.mark.parametrize("does", ["hang", "hang midway"])
def test_a_server_that_hangs_is_told(server: Server, does: str) -> None:
    server.does = does
    model = open_llm(settings(llm="openai:qwen", openai_base_url=server.url, llm_timeout_s=0.2))
    assert "did not answer in time: check its server or raise REEX_LLM_TIMEOUT_S" in failure(model)


def test_a_stream_that_breaks_off_is_told_after_what_came(server: Server) -> None:
    server.does = "break midway"
    model = open_llm(settings(llm="openai:qwen", openai_base_url=server.url))
    stream = model.stream(MESSAGES, 50)
    assert next(stream) == "稀土 are "
    with pytest.raises(LLMError, match="the model fell over"):
        next(stream)


def unused_address() -> str:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}/v1"


def test_a_server_that_is_not_there_is_told() -> None:
    url = unused_address()
    model = open_llm(settings(llm="openai:qwen", openai_base_url=url))
    assert "cannot be reached" in failure(model)
    with pytest.raises(LLMError, match=f"{url}/models cannot be reached .*: check its address"):
        open_llm(settings(openai_base_url=url))


@pytest.mark.parametrize("url", ["localhost:1/v1", "nonsense", "http://[", "http://no-such-host.invalid/v1"])
def test_an_address_that_is_none_is_told(url: str) -> None:
    with pytest.raises(LLMError, match=r"models (cannot be reached|failed)"):
        open_llm(settings(openai_base_url=url))


@pytest.mark.parametrize("models", ['{"data": []}', "[]", "null", "<html>", "{}", '{"data": [{}]}'])
def test_a_server_without_a_model_is_told(server: Server, models: str) -> None:
    server.models = models
    with pytest.raises(LLMError, match="lists no model: set REEX_LLM=openai:NAME"):
        open_llm(settings(openai_base_url=server.url))


def test_a_server_that_refuses_to_list_its_models_is_told(server: Server) -> None:
    server.does = 401
    with pytest.raises(LLMError, match="refused the key"):
        open_llm(settings(openai_base_url=server.url))


@pytest.mark.parametrize(
    ("llm", "said"),
    [
        ("openai:gpt-4o-mini", "needs a key: set OPENAI_API_KEY in the environment or in .env"),
        ("anthropic:claude", "needs a key: set ANTHROPIC_API_KEY"),
        ("gpt-4o-mini", "'gpt-4o-mini' names no provider: write it as provider:model"),
        ("openai:", "names no provider"),
        ("/no/such/model.gguf", "There is no model file /no/such/model.gguf: check REEX_LLM"),
        ("mistralai:small", "The provider 'mistralai' needs a package"),
        ("nosuchvendor:model", "nosuchvendor"),
    ],
)
def test_a_model_that_cannot_be_opened_is_told(llm: str, said: str) -> None:
    with pytest.raises(LLMError, match=said):
        open_llm(settings(llm=llm))


@pytest.mark.parametrize("content", [b"", b"not a model", b"GGUF\x03\0\0\0" + b"\xff" * 100])
def test_a_file_that_is_no_gguf_is_told(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(content)
    with pytest.raises(LLMError, match=r"model.gguf cannot be loaded .*: give REEX_LLM the path of a GGUF"):
        open_llm(settings(llm=str(path)))


@pytest.mark.parametrize(
    ("processor", "build", "unused"),
    [
        (["avx2", "avx512_vnni"], "CPU : AVX2 = 1 | FMA = 1 | ", True),
        (["avx2", "avx512_vnni"], "CPU : AVX2 = 1 | AVX512 = 1 | ", False),
        (["avx2"], "CPU : AVX2 = 1 | FMA = 1 | ", False),
        ([], "CPU : NEON = 1 | ", False),
    ],
)
def test_a_build_that_leaves_the_processor_unused_is_told(
    processor: list[str], build: str, unused: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("xllamacpp.get_system_info", lambda: build)
    monkeypatch.setattr(local_llm, "_processor_flags", lambda: processor)
    assert local_llm.leaves_avx512_unused() is unused
