"""How long an answer takes, against its floor and the tutorial chain: ``python -m evals.bench_answers``.

The floor is what the same server needs at least: the tokens of our prompt that no earlier prompt can have
left in its cache, at the speed with which it reads, and the tokens of the reply at the speed with which it
writes. Both speeds are measured raw, in the same run, before, between and after the questions.
"""

import argparse
import json
import random
import statistics
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import perf_counter
from typing import Any

import httpx
from langchain_core.messages import BaseMessage

from evals.peers.tutorial import TutorialChain
from evals.run import spread
from evals.suite import Case, read_suite
from rag.chain import AnswerChain
from rag.generate import system_messages
from rag.ingest import ingest
from rag.llm import LLM
from rag.settings import load_settings
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

    def stream(self, messages: list[BaseMessage], max_tokens: int, gone: Gone = never) -> Iterator[str]:
        self.asked.append(messages)
        pieces = super().stream(messages, max_tokens, gone)
        while True:
            began = perf_counter()
            piece = next(pieces, None)
            self.spent.append(perf_counter() - began)
            if piece is None:
                return
            yield piece

    def says_yes(self, messages: list[BaseMessage], gone: Gone = never) -> float | None:
        began = perf_counter()
        yes = super().says_yes(messages, gone)
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
        reply = httpx.post(f"{self.root}{path}", json=content, timeout=600)
        reply.raise_for_status()
        return dict(reply.json())


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--suite", default="starter")
    parser.add_argument("--questions", type=int, default=24, help="how many, spread over the suite")
    options = parser.parse_args()
    suite = read_suite(options.suite)
    # The tutorial's chain knows no conversation, and a refusal has no first word.
    plain = [case for case in suite.cases if not case.question.history and case.answerable]
    talks = [case for case in suite.cases if case.question.history]
    with tempfile.TemporaryDirectory() as folder:
        settings = load_settings(data_dir=Path(folder), catalogue_url="", chroma_url="")
        ingest(settings.data_dir, settings.embedding_model, suite.sources, only=True)
        chain = AnswerChain.open(settings)
        opened = chain.llm()
        llm = _Timed(opened.name, opened.chat, opened.provider)
        chain = AnswerChain(chain.retriever, lambda: llm, settings)
        catalogue = chain.retriever.index.catalogue
        articles = list(catalogue.articles(catalogue.entries()).values())
        tutorial = TutorialChain(articles, chain.retriever.embedder, opened)
        result = _measure(chain, llm, tutorial, spread(plain, options.questions))
        result |= _follow_ups(chain, spread(talks, options.questions // 2))
    print(json.dumps(result, indent=1))
    return 0


def _measure(
    chain: AnswerChain, llm: _Timed, tutorial: TutorialChain, cases: list[Case]
) -> dict[str, float | int]:
    server = _Server(str(llm.chat.openai_api_base).removesuffix("/v1"))  # type: ignore[attr-defined]
    chain.warm_up()
    cached = server.tokens(system_messages()[:1])
    speeds: list[tuple[float, float]] = []
    rows: list[dict[str, float]] = []
    for number, case in enumerate(cases):
        if number % _SPEEDS_EVERY == 0:
            speeds.append(server.speeds(number))
        # Each question once of each, ours and theirs first in turn.
        if number % 2:
            row = _theirs(tutorial, case.question) | _ours(chain, llm, server, case.question, cached)
        else:
            row = _ours(chain, llm, server, case.question, cached) | _theirs(tutorial, case.question)
        rows.append(row)
        print(f"\r{number + 1}/{len(cases)}", end="", file=sys.stderr)
    print(file=sys.stderr)
    speeds.append(server.speeds(len(cases)))
    reading, writing = (statistics.median(s[i] for s in speeds) for i in (0, 1))
    rows = [row for row in rows if "first" in row]  # refused before a word of it
    for row in rows:
        row["floor_first"] = row["read"] / reading
        row["floor_whole"] = row["read"] / reading + row["written"] / writing
    middle = {name: statistics.median(row[name] for row in rows) for name in rows[0]}
    return {
        "questions": len(rows),
        "read_tokens_per_s": round(reading, 1),
        "written_tokens_per_s": round(writing, 1),
        "prompt_tokens_not_cached": round(middle["read"]),
        "reply_tokens": round(middle["written"]),
        "first_token_s": round(middle["first"], 2),
        "first_token_floor_s": round(middle["floor_first"], 2),
        "first_token_to_floor": round(statistics.median(r["first"] / r["floor_first"] for r in rows), 3),
        "first_token_to_tutorial": round(middle["first"] / middle["their_first"], 3),
        "tutorial_first_token_s": round(middle["their_first"], 2),
        "whole_s": round(middle["whole"], 2),
        "whole_floor_s": round(middle["floor_whole"], 2),
        "whole_to_tutorial": round(middle["whole"] / middle["their_whole"], 3),
        "tutorial_whole_s": round(middle["their_whole"], 2),
        "beside_the_model_ms": round(1000 * middle["beside"]),
        "retrieval_ms": round(1000 * middle["retrieval"]),
        "grounding_ms": round(1000 * middle["grounding"]),
    }


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


def _theirs(tutorial: TutorialChain, question: Question) -> dict[str, float]:
    answer = tutorial.invoke(question)
    return {"their_first": answer.timings.first_token_s or 0.0, "their_whole": answer.timings.total_s}


def _follow_ups(chain: AnswerChain, cases: list[Case]) -> dict[str, float | int]:
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
        print(f"\r{number}/{len(cases)} follow-ups", end="", file=sys.stderr)
    print(file=sys.stderr)
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


if __name__ == "__main__":
    sys.exit(main())
