"""How long an answer takes, against its floor, the tutorial chain and LlamaIndex.

The floor is what the same server needs at least: the tokens of our prompt that no earlier prompt can have
left in its cache, at the speed with which it reads, and the tokens of the reply at the speed with which it
writes. Both speeds are measured raw, in the same run, before, between and after the questions.
"""

import random
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from time import perf_counter
from typing import Any

import httpx
from langchain_core.messages import BaseMessage

from corpus.errors import UsageError
from evals.peers import Peer
from evals.suite import Case
from rag.chain import AnswerChain
from rag.generate import system_messages
from rag.llm import LLM
from rag.settings import Settings
from rag.stopping import Gone, never
from rag.types import Answer, Question, Turn

_RAW_PROMPT_WORDS = 250
_RAW_REPLY_TOKENS = 64
_SPEEDS_EVERY = 8  # questions


@dataclass(frozen=True)
class _Timed(LLM):
    """A model that notes the seconds spent in it, and what it was asked last."""

    spent: list[float] = field(default_factory=list)
    asked: list[list[BaseMessage]] = field(default_factory=list)

    def stream(
        self, messages: list[BaseMessage], max_tokens: int, gone: Gone = never, *, as_taught: bool = False
    ) -> Iterator[str]:
        self.asked.append(messages)
        pieces = super().stream(messages, max_tokens, gone, as_taught=as_taught)
        while True:
            began = perf_counter()
            piece = next(pieces, None)
            self.spent.append(perf_counter() - began)
            if piece is None:
                return
            yield piece

    def says_yes(self, probe: list[BaseMessage], gone: Gone = never) -> float | None:
        began = perf_counter()
        yes = super().says_yes(probe, gone)
        self.spent.append(perf_counter() - began)
        return yes


@dataclass(frozen=True)
class _Server:
    """llama.cpp's server, asked without a chat around it."""

    root: str

    def speeds(self, seed: int) -> tuple[float, float]:
        """Prompt tokens a second and reply tokens a second, on a prompt that nobody has sent before."""
        words = random.Random(seed)
        prompt = " ".join("".join(words.choices("aeiourtnslm", k=4)) for _ in range(_RAW_PROMPT_WORDS))
        wanted = {"prompt": prompt, "n_predict": _RAW_REPLY_TOKENS, "ignore_eos": True, "temperature": 0}
        told = self._post("/completion", wanted)["timings"]
        return told["prompt_per_second"], told["predicted_per_second"]

    def tokens(self, messages: Sequence[BaseMessage]) -> int:
        """How many tokens a prompt has, with what the model's chat format adds."""
        roles = {"system": "system", "human": "user"}
        chat = [{"role": roles[message.type], "content": message.content} for message in messages]
        text = self._post("/apply-template", {"messages": chat})["prompt"]
        return self.count(text)

    def count(self, text: str) -> int:
        return len(self._post("/tokenize", {"content": text, "parse_special": True})["tokens"])

    def _post(self, path: str, content: dict[str, Any]) -> dict[str, Any]:
        try:
            reply = httpx.post(f"{self.root}{path}", json=content, timeout=600)
            reply.raise_for_status()
            return dict(reply.json())
        except (httpx.HTTPError, ValueError) as error:
            raise UsageError(
                f"{self.root} does not tell its raw speed as llama.cpp's server does ({error}): "
                "leave REEX_LLM out, so that the packaged model is measured."
            ) from error


@dataclass(frozen=True)
class Measured:
    """Medians by name, and for each question that was answered the seconds that each system took."""

    figures: dict[str, float]
    rows: list[dict[str, Any]]


def measure(
    chain: AnswerChain,
    settings: Settings,
    peers: Mapping[str, Peer],
    plain: Sequence[Case],
    talks: Sequence[Case],
    advance: Callable[[int, int], None],
) -> Measured:
    """Ask each question once of this product and once of each peer, and follow-ups of this product.

    Args:
        chain: this product, with a local model.
        settings: those of the chain.
        peers: other systems by name, the tutorial chain among them, over the same articles and with the same
            models.
        plain: questions without a conversation, since the peers know none, and answerable ones, since a
            refusal has no first word.
        talks: follow-ups.
        advance: is told how many questions of how many have been asked.

    Raises:
        UsageError: the model's server is not llama.cpp's.
    """
    opened = chain.llm()
    llm = _Timed(**vars(opened))
    chain = AnswerChain(chain.retriever, lambda: llm, settings)
    whole = len(plain) + len(talks)
    advance(0, whole)
    figures, rows = _questions(chain, llm, peers, plain, lambda done: advance(done, whole))
    figures |= _follow_ups(chain, talks, lambda done: advance(len(plain) + done, whole))
    return Measured(figures, rows)


def bars(figures: dict[str, float]) -> list[tuple[str, str, float, float]]:
    """What is held to a bar: its name, what it is a multiple of, the figure, and the most that is good."""
    held = [
        ("first token", "the tutorial chain's", "first_token_to_tutorial", 0.35),
        ("first token", "its floor", "first_token_to_floor", 1.25),
        ("first token", "LlamaIndex's", "first_token_to_llamaindex", 1.0),
        ("whole answer", "the tutorial chain's", "whole_to_tutorial", 0.6),
        ("whole answer", "LlamaIndex's", "whole_to_llamaindex", 1.0),
        ("first token of a follow-up", "a first question's", "follow_up_to_first", 0.5),
        ("beside the model, ms", "", "beside_the_model_ms", 60),
    ]
    return [(what, against, figures[name], bar) for what, against, name, bar in held if name in figures]


def _questions(
    chain: AnswerChain,
    llm: _Timed,
    peers: Mapping[str, Peer],
    cases: Sequence[Case],
    advance: Callable[[int], None],
) -> tuple[dict[str, float], list[dict[str, Any]]]:
    server = _Server(str(llm.chat.openai_api_base).removesuffix("/v1"))  # type: ignore[attr-defined]
    chain.warm_up()
    cached = server.tokens(system_messages()[:1])
    speeds: list[tuple[float, float]] = []
    rows: list[dict[str, Any]] = []
    for number, case in enumerate(cases):
        if number % _SPEEDS_EVERY == 0:
            speeds.append(server.speeds(number))
        # Each question once of each, another one first every time.
        turns: list[Callable[[], dict[str, float]]] = [
            partial(_ours, chain, llm, server, case.question, cached),
            *(partial(_theirs, name, peer, case.question) for name, peer in peers.items()),
        ]
        row: dict[str, Any] = {"id": case.id}
        for turn in range(len(turns)):
            row |= turns[(number + turn) % len(turns)]()
        rows.append(row)
        advance(number + 1)
    speeds.append(server.speeds(len(cases)))
    reading, writing = (statistics.median(s[i] for s in speeds) for i in (0, 1))
    rows = [row for row in rows if "first" in row]  # refused before a word of it
    if not rows:
        return {"questions": 0}, []
    for row in rows:
        row["floor_first"] = row["read"] / reading
        row["floor_whole"] = row["read"] / reading + row["written"] / writing
    middle = {name: statistics.median(row[name] for row in rows) for name in rows[0] if name != "id"}
    figures = {
        "questions": len(rows),
        "read_tokens_per_s": round(reading, 1),
        "written_tokens_per_s": round(writing, 1),
        "prompt_tokens_not_cached": round(middle["read"]),
        "reply_tokens": round(middle["written"]),
        "first_token_s": round(middle["first"], 2),
        "first_token_floor_s": round(middle["floor_first"], 2),
        "first_token_to_floor": round(statistics.median(r["first"] / r["floor_first"] for r in rows), 3),
        "whole_s": round(middle["whole"], 2),
        "whole_floor_s": round(middle["floor_whole"], 2),
        "beside_the_model_ms": round(1000 * middle["beside"]),
        "retrieval_ms": round(1000 * middle["retrieval"]),
        "grounding_ms": round(1000 * middle["grounding"]),
    }
    for name in peers:
        figures |= {
            f"first_token_to_{name}": round(middle["first"] / middle[f"{name}_first"], 3),
            f"{name}_first_token_s": round(middle[f"{name}_first"], 2),
            f"whole_to_{name}": round(middle["whole"] / middle[f"{name}_whole"], 3),
            f"{name}_whole_s": round(middle[f"{name}_whole"], 2),
        }
    return figures, rows


def _ours(
    chain: AnswerChain, llm: _Timed, server: _Server, question: Question, cached: int
) -> dict[str, float]:
    llm.spent.clear()
    llm.asked.clear()
    answer = chain.invoke(question)
    timings = answer.timings
    if timings.first_token_s is None:
        return {}
    written = sum(server.count(sentence.text) for sentence in answer.sentences)
    return {
        "first": timings.first_token_s,
        "whole": timings.total_s,
        "beside": timings.total_s - sum(llm.spent),
        "retrieval": timings.retrieve_s,
        "grounding": timings.ground_s,
        "read": server.tokens(llm.asked[0]) - cached,
        "written": written,
    }


def _theirs(name: str, peer: Peer, question: Question) -> dict[str, float]:
    timings = peer.invoke(question).timings
    return {f"{name}_first": timings.first_token_s or 0.0, f"{name}_whole": timings.total_s}


def _follow_ups(
    chain: AnswerChain, cases: Sequence[Case], advance: Callable[[int], None]
) -> dict[str, float]:
    """First questions and what follows them in the same conversation."""
    first: list[float] = []
    after: list[float] = []
    for number, case in enumerate(cases, 1):
        opening = next(turn for turn in case.question.history if turn.role == "user")
        begun = chain.invoke(Question(opening.content))
        history = (opening, Turn("assistant", begun.text, _cited(begun)))
        followed = chain.invoke(replace(case.question, history=history))
        if begun.timings.first_token_s is not None and followed.timings.first_token_s is not None:
            first.append(begun.timings.first_token_s)
            after.append(followed.timings.first_token_s)
        advance(number)
    if not first:
        return {"follow_ups": 0}
    return {
        "follow_ups": len(first),
        "first_question_first_token_s": round(statistics.median(first), 2),
        "follow_up_first_token_s": round(statistics.median(after), 2),
        "follow_up_to_first": round(statistics.median(after) / statistics.median(first), 3),
    }


def _cited(answer: Answer) -> tuple[tuple[str, int], ...]:
    return tuple((citation.passage_id, citation.n) for citation in answer.citations)
