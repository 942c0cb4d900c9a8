"""The HTTP API, mostly through the official client of OpenAI's against a real server on loopback."""

import asyncio
import json
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import suppress
from dataclasses import replace
from datetime import date
from itertools import islice
from typing import Any

import httpx
import mcp.types
import openai
import pytest
from mcp import ClientSession
from mcp.client.streamable_http import streamablehttp_client
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from corpus.article import Article
from corpus.errors import StoppedError
from evals import feedback
from rag.answer_cache import AnswerCache
from rag.retrieve import Retriever
from rag.types import Answer, Draft, Hit, Near, Question, Retrieved, Sentence, Signals
from tests.ui.conftest import QUESTION, SAYS, Make, Product
from ui import completion
from ui.allowance import AtOnce
from ui.apart import apart
from ui.gate import Crowd
from ui.turns import Turns

ASKS: dict[str, Any] = {"model": "reex", "messages": [{"role": "user", "content": QUESTION}]}


@pytest.fixture(scope="module")
def product(make_product: Make) -> Product:
    return make_product(pages={}, accounts=("reader", "staff"), api_questions="1000/minute")


@pytest.fixture(scope="module")
def key(product: Product) -> dict[str, str]:
    return product.key("reader")


@pytest.fixture(scope="module")
def url(product: Product) -> Iterator[str]:
    with product.served() as address:
        yield address


@pytest.fixture(scope="module")
def client(url: str, key: dict[str, str]) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{url}/v1", api_key=key["Authorization"].split()[1], max_retries=0)


def marked(content: str, annotations: list[Any]) -> list[str]:
    return [content[a["url_citation"]["start_index"] : a["url_citation"]["end_index"]] for a in annotations]


def test_openais_client_gets_the_answer_with_its_citations(client: openai.OpenAI) -> None:
    done = client.chat.completions.create(**ASKS)
    message = done.choices[0].message
    assert message.content
    assert message.content.startswith("Lynas produced 1,404 tonnes of NdPr. [1]")
    assert done.choices[0].finish_reason == "stop"
    assert message.annotations
    first = message.annotations[0].url_citation
    assert message.content[first.start_index : first.end_index] == "[1]"
    assert done.usage
    assert done.usage.total_tokens > done.usage.completion_tokens > 0
    more = done.model_extra
    assert more
    assert more["citations"][0] == first.url == more["reex"]["citations"][0]["url"]
    assert more["search_results"][0] == {
        "title": first.title,
        "url": first.url,
        "date": more["reex"]["citations"][0]["published"],
        "snippet": more["reex"]["citations"][0]["quote"],
    }
    assert more["reex"]["text"] == message.content


def test_openais_client_streams_the_same(client: openai.OpenAI) -> None:
    whole = client.chat.completions.create(**ASKS)
    pieces = list(client.chat.completions.create(**ASKS, stream=True, stream_options={"include_usage": True}))
    content = "".join(p.choices[0].delta.content or "" for p in pieces if p.choices)
    assert content == whole.choices[0].message.content
    assert pieces[0].choices[0].delta.role == "assistant"
    assert pieces[0].model_extra["search_results"][0]["snippet"]  # type: ignore[index]
    last = pieces[-2]
    assert last.choices[0].finish_reason == "stop"
    annotations = last.choices[0].delta.model_extra["annotations"]  # type: ignore[index]
    assert annotations == whole.to_dict()["choices"][0]["message"]["annotations"]  # type: ignore[index]
    assert last.model_extra["citations"] == whole.model_extra["citations"]  # type: ignore[index]
    assert last.model_extra["reex"]["text"] == content  # type: ignore[index]
    assert pieces[-1].usage
    assert pieces[-1].usage == whole.usage
    assert len({piece.id for piece in pieces}) == 1


def test_a_refusal_says_why_and_where_to_look(client: openai.OpenAI) -> None:
    done = client.chat.completions.create(
        model="x", messages=[{"role": "user", "content": "qwxz vbnm zzyzx"}]
    )
    told = "The corpus does not say. No passage comes close to the question."
    assert done.choices[0].message.content == told
    assert done.choices[0].message.annotations == []
    assert done.model_extra
    assert done.model_extra["citations"] == []
    assert len(done.model_extra["search_results"]) == 3


def test_earlier_messages_are_the_conversation_and_filters_narrow_it(
    client: openai.OpenAI, product: Product
) -> None:
    product.replies.append("How much NdPr did Lynas Rare Earths produce in the December 2025 quarter?")
    try:
        done = client.chat.completions.create(
            model="reex",
            messages=[
                {"role": "system", "content": "Answer like a pirate."},
                {"role": "user", "content": [{"type": "text", "text": "What about Lynas?"}]},
                {"role": "assistant", "content": "It mines rare earths. [1]"},
                {"role": "user", "content": "How much NdPr did it produce in the December 2025 quarter?"},
            ],
            extra_body={"filters": {"since": "2026-01-01"}},
        )
    finally:
        product.replies.pop()
    told = done.model_extra["reex"]  # type: ignore[index]
    assert "Lynas" in told["question"]
    assert told["searched"] is None or told["searched"]["queries"]
    assert any("since 1 January 2026" in note for note in told["notes"])


def test_models_are_listed(client: openai.OpenAI) -> None:
    assert [model.id for model in client.models.list()] == ["reex"]
    assert client.models.retrieve("reex").owned_by == "reex"
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("gpt-4o")


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"messages": [{"role": "user", "content": " "}]}, "The question is empty"),
        ({"messages": [{"role": "user", "content": "x" * 3000}]}, "at most 2,000 are read"),
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "assistant", "content": "x"}]}, "must be the user's"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "messages.0.role"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, "nothing but text"),
        ({"messages": [{"role": "user", "content": "\ud800"}]}, "half of a character"),
        (ASKS | {"n": 2}, "n:"),
        (ASKS | {"filters": {"since": "soon"}}, "no date"),
        (ASKS | {"filters": {"publishers": ["Nobody"]}}, "no article published by"),
        (ASKS | {"filters": {"publishers": ["Nobody"]}, "stream": True}, "no article published by"),
        ([], "the body"),
        (None, "the body"),
    ],
)
def test_what_cannot_be_answered_is_said_in_one_sentence(
    product: Product, key: dict[str, str], body: object, said: str
) -> None:
    headers = {**key, "Content-Type": "application/json"}
    told = product.client().post("/v1/chat/completions", content=json.dumps(body), headers=headers)
    assert told.status_code == 400
    assert said in told.json()["error"]["message"]
    assert told.json()["error"]["type"] == "invalid_request_error"
    assert "Traceback" not in told.text


def test_openais_client_is_told_what_a_key_is_for(url: str, product: Product) -> None:
    with pytest.raises(openai.AuthenticationError, match="API key"):
        openai.OpenAI(base_url=f"{url}/v1", api_key="sk-no", max_retries=0).chat.completions.create(**ASKS)
    with product.client("reader") as browser:
        assert browser.post("/v1/chat/completions", json=ASKS).status_code == 200
        foreign = {"Origin": "https://evil.example"}
        assert browser.post("/v1/chat/completions", json=ASKS, headers=foreign).status_code == 403


def test_a_request_that_is_far_too_large_is_refused(product: Product, key: dict[str, str]) -> None:
    told = product.client().post("/v1/search", content=b'"' + b"x" * 600_000 + b'"', headers=key)
    assert (told.status_code, told.json()["error"]["type"]) == (413, "invalid_request_error")


def test_what_a_user_may_ask_is_limited_whatever_the_key(make_product: Make) -> None:
    product = make_product(pages={}, accounts=("reader", "staff"), api_searches="2/minute")
    browser, query = product.client(), {"query": "Lynas"}
    first = browser.post("/v1/search", json=query, headers=product.key("reader"))
    assert [first.headers[f"ratelimit-{name}"] for name in ("limit", "remaining")] == ["2", "1"]
    assert browser.post("/v1/search", json=query, headers=product.key("reader")).status_code == 200
    slowed = browser.post("/v1/search", json=query, headers=product.key("reader"))
    assert slowed.status_code == 429
    assert slowed.json()["error"]["code"] == "rate_limit_exceeded"
    assert 0 < int(slowed.headers["retry-after"]) <= 60
    assert slowed.headers["ratelimit-remaining"] == "0"
    assert browser.post("/v1/search", json=query, headers=product.key("staff")).status_code == 200


def test_a_full_line_before_the_model_says_when_to_come_back(make_product: Make) -> None:
    product = make_product(pages={}, accounts=("reader",))
    turns, done = Turns(per_user=1), threading.Event()
    object.__setattr__(product.service, "turns", turns)  # before it is first asked

    def take_a_turn() -> None:
        with (
            suppress(StoppedError),
            turns.turn(turns.line_up(product.accounts.find("reader").id), gone=done.is_set),
        ):
            done.wait(60)

    busy = [threading.Thread(target=take_a_turn) for _ in range(2)]
    for thread in busy:
        thread.start()
    while turns.waiting() < 1:
        time.sleep(0.01)
    refused = product.client().post("/v1/chat/completions", json=ASKS, headers=product.key("reader"))
    done.set()
    assert (refused.status_code, refused.json()["error"]["code"]) == (429, "line_full")
    assert refused.headers["retry-after"] == "20"


def test_who_streams_is_refused_in_the_same_way(make_product: Make) -> None:
    product = make_product(pages={}, sign_in=False)
    turns = Turns(in_all=1)
    object.__setattr__(product.service, "turns", turns)
    places = [turns.line_up(name) for name in "ab"]
    refused = product.client().post("/v1/chat/completions", json=ASKS | {"stream": True})
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "20")
    for place in places:
        turns.leave(place)


def test_an_answer_is_given_again_unless_a_new_one_is_asked_for(make_product: Make) -> None:
    product = make_product(pages={}, sign_in=False)
    object.__setattr__(product.service, "answers", AnswerCache(9))

    def answer(**headers: str) -> tuple[str, bool]:
        said = product.client().post("/v1/chat/completions", json=ASKS, headers=headers).json()
        return said["choices"][0]["message"]["content"].split(" [1]")[0], said["reex"]["timings"]["cached"]

    assert answer() == (SAYS, False)
    product.replies.append("Lynas produced 1,404 tonnes of NdPr in that quarter.")
    assert answer() == (SAYS, True)
    assert answer(**{"Cache-Control": "no-cache"}) == (product.replies[-1], False)
    assert answer() == (product.replies[-1], True)


def test_more_searches_than_can_be_made_at_once_are_refused(make_product: Make) -> None:
    product = make_product(pages={}, sign_in=False, searches_at_once=1)
    begun, done = threading.Event(), threading.Event()
    retriever = product.service.chain.retriever

    class Slow(Retriever):
        def search(self, *args: Any, **kwargs: Any) -> list[Hit]:
            begun.set()
            assert done.wait(20)
            return super().search(*args, **kwargs)

    product.service.chain.retriever = Slow(retriever.index, retriever.embedder)
    got: list[int] = []

    def search(body: bytes = b'{"query": "Lynas"}') -> httpx.Response:
        kind = {"Content-Type": "application/json"}
        return product.client().post("/v1/search", content=body, headers=kind)

    first = threading.Thread(target=lambda: got.append(search().status_code))
    first.start()
    assert begun.wait(20)
    refused, unread = search(), search(b"{")
    done.set()
    first.join(20)
    assert (refused.status_code, refused.json()["error"]["code"]) == (429, "busy")
    assert refused.headers["retry-after"] == "1"
    assert unread.status_code == 429  # nobody has looked at its body
    assert [*got, search().status_code, search(b"{").status_code] == [200, 200, 400]


def test_a_search_that_would_be_late_is_refused(make_product: Make) -> None:
    product = make_product(pages={}, sign_in=False)
    done = threading.Event()
    retriever = product.service.chain.retriever

    class Slow(Retriever):
        def search(self, *args: Any, **kwargs: Any) -> list[Hit]:
            assert done.wait(20)
            return super().search(*args, **kwargs)

    product.service.chain.retriever = Slow(retriever.index, retriever.embedder)
    with product.served() as url, ThreadPoolExecutor(8) as pool:

        def search() -> int:
            return httpx.post(f"{url}/v1/search", json={"query": "Lynas"}, timeout=30).status_code

        asked = [pool.submit(search) for _ in range(8)]
        late = [search.result() for search in islice(as_completed(asked, 20), 5)]
        done.set()
        assert late == 5 * [429]
        assert sorted(search.result() for search in asked) == 3 * [200] + 5 * [429]


def test_searches_that_have_not_begun_keep_no_place() -> None:
    async def visit() -> None:
        async def unread(scope: Scope, receive: Receive, send: Send) -> None:
            await asyncio.Event().wait()

        searches = AtOnce(1, "full")
        transport = httpx.ASGITransport(Crowd(unread, searches, AtOnce(1, "full")))
        async with httpx.AsyncClient(transport=transport, base_url="http://a") as http:
            waiting = [asyncio.create_task(http.post("/v1/search")) for _ in range(3)]
            await asyncio.sleep(0.1)
            assert not any(task.done() for task in waiting)
            with searches.one():
                assert (await http.post("/v1/search")).status_code == 429

    asyncio.run(visit())


def test_more_calls_of_pages_than_can_be_made_at_once_are_refused() -> None:
    async def visit() -> None:
        end = asyncio.Event()

        async def slow(scope: Scope, receive: Receive, send: Send) -> None:
            await end.wait()
            await Response("done")(scope, receive, send)

        transport = httpx.ASGITransport(Crowd(slow, AtOnce(1, "full"), AtOnce(1, "full")))
        async with httpx.AsyncClient(transport=transport, base_url="http://a") as http:
            call, other = "/gradio_api/component_server", "/v1/chat/completions"
            waiting = [asyncio.create_task(http.post(path)) for path in (call, other)]
            await asyncio.sleep(0)
            refused = await http.post(f"/desk{call}")
            end.set()
            assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
            assert [(await task).status_code for task in waiting] == [200, 200]
            assert (await http.post(call)).status_code == 200

    asyncio.run(visit())


def test_search_gives_passages_and_asks_no_model(product: Product, key: dict[str, str]) -> None:
    loaded = product.service.chain.loaded_llm
    found = product.client().post("/v1/search", json={"query": QUESTION, "k": 3}, headers=key).json()
    assert len(found["results"]) == 3
    assert any("1,404" in result["text"] for result in found["results"])
    assert found["results"][0]["snippet"] == found["results"][0]["text"]
    assert found["results"][0]["date"] == found["results"][0]["published"]
    assert product.service.chain.loaded_llm is loaded


def test_a_verdict_is_kept_and_a_bad_answer_becomes_a_case(product: Product, key: dict[str, str]) -> None:
    client, settings = product.client(), product.service.settings
    id = client.post("/v1/chat/completions", json=ASKS, headers=key).json()["id"]

    def judge(verdict: str, reason: str = "", **headers: str) -> int:
        given = {"id": id, "verdict": verdict, "reason": reason}
        return client.post("/v1/feedback", json=given, headers=headers or key).status_code

    assert judge("down", "It forgets the revenue.") == 200
    [case] = feedback.waiting(settings)
    assert (case["question"], case["note"]) == (QUESTION, "It forgets the revenue.")
    assert case["evidence"]
    assert judge("down", "And more.") == 200
    assert [case["note"] for case in feedback.waiting(settings)] == ["And more."]
    assert judge("up", **product.key("staff")) == 404
    assert judge("up") == 200
    assert feedback.waiting(settings) == []


def test_health_needs_no_key_and_tells_what_is_there(product: Product) -> None:
    told = product.client().get("/health").json()
    assert told["status"] == "ok"
    assert told["index"]["articles"] == 76
    assert told["index"]["passages"] > 76
    assert told["corpus"]["newest"].startswith("2026-")
    assert told["model"] == "fake"


def test_without_sign_in_no_key_is_needed(make_product: Make) -> None:
    client = make_product(pages={}, sign_in=False, api_searches="1/day").client()
    for headers in ({}, {"Authorization": "Bearer whatever"}):
        assert client.post("/v1/search", json={"query": "Lynas"}, headers=headers).status_code == 200


@pytest.mark.parametrize("stream", [True, False])
def test_what_must_not_happen_is_told_without_its_text(
    product: Product, key: dict[str, str], monkeypatch: pytest.MonkeyPatch, stream: bool
) -> None:
    def fail(question: Question) -> Iterator[object]:
        raise RuntimeError("a password, or worse")

    monkeypatch.setattr(product.service.chain, "stream", fail)
    client = product.client(raise_server_exceptions=False)
    told = client.post("/v1/chat/completions", json=ASKS | {"stream": stream}, headers=key)
    assert (told.status_code, told.json()["error"]["type"]) == (500, "server_error")
    assert "password" not in told.text


# A client that goes away


class Endless:
    """A chain that would go on for ever, and tells when it was closed."""

    def __init__(self) -> None:
        self.closed = threading.Event()

    def stream(self, question: Question, **_: object) -> Iterator[object]:
        try:
            yield Retrieved(question.text, ())
            while True:
                time.sleep(0.02)
                yield Draft((), ())
        finally:
            self.closed.set()


@pytest.mark.parametrize("stream", [True, False])
def test_a_client_that_goes_away_stops_the_work(
    make_product: Make, monkeypatch: pytest.MonkeyPatch, stream: bool
) -> None:
    product = make_product(pages={}, sign_in=False)
    chain = Endless()
    monkeypatch.setattr(product.service.chain, "stream", chain.stream)
    with product.served() as url:
        host, port = url.removeprefix("http://").split(":")
        body = json.dumps(ASKS | {"stream": stream})
        with socket.create_connection((host, int(port))) as connection:
            head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: {host}:{port}\r\n"
            kind = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
            connection.sendall((head + kind + body).encode())
            if stream:
                assert b"200 OK" in connection.recv(1000)
            else:
                time.sleep(0.3)
            assert not chain.closed.is_set()
        assert chain.closed.wait(5)
        assert httpx.get(f"{url}/health").status_code == 200


def test_work_apart_hands_on_steps_errors_and_silence() -> None:
    def steps() -> Iterator[int]:
        yield 1
        time.sleep(0.2)
        yield 2
        raise ValueError("three")

    async def listen() -> list[object]:
        heard: list[object] = []
        try:
            async for step in apart(steps(), 0.05):  # type: ignore[arg-type]
                heard.append(step)
        except ValueError as error:
            heard.append(str(error))
        return heard

    heard = asyncio.run(listen())
    assert None in heard
    assert [step for step in heard if step is not None] == [1, 2, "three"]


# What was told and cannot be taken back


def answer_of(*sentences: str, text: str = "", abstained: bool = False) -> Answer:
    told = tuple(Sentence(sentence, "supported") for sentence in sentences)
    plain = {"reason": "Why.", "as_of": None, "citations": (), "retrieved": (), "shown": ()}
    body = " ".join(sentences)
    return Answer(
        "q",
        text=text or body,
        abstained=abstained,
        sentences=told,
        timings=None,
        model="",
        **plain,  # type: ignore[arg-type]
    )


def tell(answer: Answer, *drafts: tuple[str, ...]) -> str:
    telling = completion.Telling("q")
    pieces = [telling.go_on(Draft(tuple(Sentence(s, "supported") for s in draft), ())) for draft in drafts]
    assert telling.said == "".join(pieces)
    return "".join([*pieces, "|", telling.end(answer)])


def test_a_sentence_is_told_once_the_next_has_begun() -> None:
    assert tell(answer_of("A.", "B."), ("A.",), ("A.", "B.")) == "A.| B."
    assert tell(answer_of("A."), ("A.",)) == "|A."


def test_what_came_to_light_late_is_told_behind() -> None:
    late = answer_of("A.", "B.", text="Beware.\nA. B.")
    assert tell(late, ("A.", "B.")) == "A.| B.\n\nBeware."
    assert tell(late) == "|Beware.\nA. B."
    refused = answer_of("A.", text="No.", abstained=True)
    assert tell(refused, ("A.", "B.")) == "A.|\n\nWhat stands above is withdrawn. No. Why."


def test_a_refusal_quotes_what_comes_near_each_under_its_article() -> None:
    plant = Article(
        "https://a.example/plant", "It opened. It has 300 workers.", "A plant", "Test", date(2025, 5, 1)
    )
    mine = Article("https://a.example/mine", "Mine X closed.", "[free](https://evil.example)", "Test")
    near = (Near(plant, 0, 10), Near(plant, 11, 30), Near(mine, 0, 14), Near(mine))
    refused = replace(
        answer_of(text="No.", abstained=True), nearest=near, signals=Signals(similarity=0.6, coverage=0.5)
    )
    content = completion.content_of(refused)
    told = [
        "- “It opened.” … “It has 300 workers.” (A plant, Test, 2025-05-01)",
        "- “Mine X closed.” (Test, undated)",
    ]
    assert content.splitlines()[-2:] == told
    places = [one["url_citation"] for one in completion.annotations(content, refused)]
    assert [(p["url"], content[p["start_index"] : p["end_index"]]) for p in places] == [
        (plant.url, told[0].removeprefix("- ")),
        (mine.url, told[1].removeprefix("- ")),
    ]


def test_a_refusal_quotes_nothing_that_is_far_from_the_question() -> None:
    source = Article("https://a.example/plant", "It opened.", "A plant", "Test")
    refused = replace(answer_of(text="No.", abstained=True), nearest=(Near(source, 0, 10),))
    assert completion.content_of(refused) == "No. Why."


# MCP


def call(url: str, headers: dict[str, str], *calls: tuple[str, dict[str, Any]]) -> list[Any]:
    async def run() -> list[Any]:
        async with (
            streamablehttp_client(f"{url}/mcp", headers) as (reading, writing, _),
            ClientSession(reading, writing) as session,
        ):
            await session.initialize()
            tools = {tool.name: tool for tool in (await session.list_tools()).tools}
            return [tools, *[await session.call_tool(name, given) for name, given in calls]]

    return asyncio.run(run())


def test_programs_ask_and_search_over_mcp(make_product: Make) -> None:
    product = make_product(accounts=("reader",), api_questions="1/day")
    key = product.key("reader")
    with product.served() as url:
        tools, asked, found, wrong, slowed = call(
            url,
            key,
            ("ask", {"question": QUESTION, "since": "2026-01-01"}),
            ("search", {"query": QUESTION, "k": 2}),
            ("search", {"query": QUESTION, "since": "soon"}),
            ("ask", {"question": QUESTION}),
        )
        assert set(tools) == {"ask", "search"}
        assert set(tools["ask"].inputSchema["properties"]) == {"question", "since", "until", "publishers"}
        assert tools["ask"].inputSchema["required"] == ["question"]
        assert "citations" in tools["ask"].description
        assert isinstance(asked.content[0], mcp.types.TextContent)
        assert asked.content[0].text.startswith("Lynas produced 1,404 tonnes of NdPr. [1]")
        assert "\n[1] " in asked.content[0].text
        assert "1,404" in found.content[0].text
        assert (wrong.isError, "no date" in wrong.content[0].text) == (True, True)
        assert (slowed.isError, "too often" in slowed.content[0].text) == (True, True)
        # Programs find these two, and none of the events of the pages.
        listed = httpx.get(f"{url}/gradio_api/info", headers=key).json()
        assert (listed["named_endpoints"], listed["unnamed_endpoints"]) == ({}, {})
        for path in ("/mcp", "/mcp/gradio_api/mcp/", "/mcp/gradio_api/mcp/schema"):
            assert httpx.post(f"{url}{path}", json={}, follow_redirects=True).status_code == 401
