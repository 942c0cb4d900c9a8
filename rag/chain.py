"""The product as one function: question in, `Answer` out, streamed or not.

>>> chain = AnswerChain.open(load_settings())  # doctest: +SKIP
>>> chain.invoke(Question("Who leads Baogang?")).text  # doctest: +SKIP
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from threading import Lock
from time import perf_counter
from typing import Any

from langchain_core.runnables import Runnable, RunnableConfig

from rag.abstain import (
    MIN_CONFIDENCE,
    QUOTE_CONFIDENCE,
    confidence,
    may_be_refusal,
    too_weak,
)
from rag.embed import Embedder
from rag.generate import Prompt, build_prompt, system_messages
from rag.ground import Grounder, shown_text
from rag.index import Index
from rag.llm import LLM, Progress, open_llm
from rag.quote import quotable
from rag.retrieve import Retriever
from rag.select import Evidence, select
from rag.sentences import has_cjk
from rag.settings import Settings
from rag.types import Answer, Draft, Event, Hit, Question, Retrieved, Timings
from rag.understand import Understood, check, understand

REFUSAL = "The corpus does not say."
REFUSAL_ZH = "语料库中没有相关内容。"
NOT_STATED = "The passages that come closest do not state the answer."
_NEAREST = 3


class AnswerChain(Runnable[Question, Answer]):
    """A LangChain Runnable whose ``stream`` yields `Retrieved`, `Draft` … and last the `Answer`."""

    def __init__(self, retriever: Retriever, load_llm: Callable[[], LLM], settings: Settings):
        """``load_llm`` is called once, when a question first needs the model."""
        self.retriever = retriever
        self._load_llm = load_llm
        self._settings = settings
        self._llm: LLM | None = None
        self._loading = Lock()

    @classmethod
    def open(cls, settings: Settings, progress: Progress = lambda done, total: None) -> "AnswerChain":
        """Open the index and the embedding model; the language model waits for a question.

        Raises:
            IndexUnusableError: there is no index, or another embedding model built it.
        """
        return cls(open_retriever(settings), lambda: open_llm(settings, progress), settings)

    @property
    def loaded_llm(self) -> LLM | None:
        """The language model if a question has needed it yet."""
        return self._llm

    def llm(self) -> LLM:
        """The language model, opened at the first call."""
        with self._loading:
            if self._llm is None:
                self._llm = self._load_llm()
            return self._llm

    def warm_up(self) -> None:
        """Open the model and let it read the stable head of the prompt."""
        for _ in self.llm().stream(system_messages(), 1):
            pass

    def invoke(self, input: Question, config: RunnableConfig | None = None, **kwargs: Any) -> Answer:
        """Answer a question.

        Raises:
            UsageError: the question is empty or far too long.
            LLMError: the language model cannot be used.
        """
        answer: Event | None = None
        for event in self.stream(input, config):
            answer = event
        assert isinstance(answer, Answer)
        return answer

    def stream(  # type: ignore[override]
        self, input: Question, config: RunnableConfig | None = None, **kwargs: Any
    ) -> Iterator[Event]:
        """Yield the passages as soon as they are found, the answer as it grows, and the answer."""
        return _Run(self, self._settings, check(input)).events()

    async def astream(  # type: ignore[override]
        self, input: Question, config: RunnableConfig | None = None, **kwargs: Any
    ) -> AsyncIterator[Event]:
        """The same for asyncio; the work is done in a thread."""
        events = self.stream(input, config)
        try:
            while (event := await asyncio.to_thread(next, events, None)) is not None:
                yield event
        finally:
            await asyncio.to_thread(events.close)  # type: ignore[attr-defined]


def open_retriever(settings: Settings) -> Retriever:
    """Open the index and the embedding model, for search alone.

    Raises:
        IndexUnusableError: there is no index, or another embedding model built it.
    """
    index = Index(settings.data_dir, settings.embedding_model)
    return Retriever(index, Embedder(settings.embedding_model))


class _Run:
    """One question on its way through the steps."""

    def __init__(self, chain: AnswerChain, settings: Settings, question: Question):
        self._chain = chain
        self._settings = settings
        self._question = question
        self._started = perf_counter()
        self._retrieve_s = 0.0
        self._first_token_s: float | None = None
        self._understood = Understood(question.text, (question.text,))
        self._hits: tuple[Hit, ...] = ()
        self._shown: tuple[str, ...] = ()

    def events(self) -> Iterator[Event]:
        retriever = self._chain.retriever
        self._understood = understand(self._question, lambda m, n: self._chain.llm().complete(m, n))
        began = perf_counter()
        self._hits = tuple(
            retriever.search(self._understood.queries, self._settings.top_k, self._understood.window)
        )
        self._retrieve_s = perf_counter() - began
        yield Retrieved(self._understood.question, self._hits)
        evidence = select(
            self._understood.queries[0],
            self._hits,
            retriever.embedder,
            retriever.index.lexical.rarity,
            self._settings.evidence_tokens,
        )
        if too_weak(evidence):
            yield self._abstain("No passage comes close to the question.")
        else:
            yield from self._generate(evidence)

    def _generate(self, evidence: Evidence) -> Iterator[Event]:
        llm = self._chain.llm()
        prompt = build_prompt(self._understood.question, evidence.excerpts)
        self._shown = tuple(hit.passage.id for hit in prompt.markers.values())
        sure = confidence(llm.says_yes(prompt.probe), evidence)
        if sure < MIN_CONFIDENCE:
            yield self._abstain(NOT_STATED)
            return
        grounder = Grounder(prompt.markers, self._chain.retriever.index.lexical.rarity)
        for piece in self._said(llm, prompt):
            yield grounder.feed(piece)
        draft = grounder.finish()
        if draft.citations or sure >= QUOTE_CONFIDENCE:
            cited = {citation.article_id for citation in draft.citations}
            for candidate in quotable(evidence, draft.sentences, cited):
                grounder.quote(candidate.hit, candidate.text)
            draft = grounder.finish()
            yield draft
        if draft.citations:
            yield self._conclude(draft, grounder.unknown, llm.name)
        else:
            refusal = self._abstain(NOT_STATED)
            yield replace(refusal, sentences=draft.sentences, unknown_markers=grounder.unknown)

    def _said(self, llm: LLM, prompt: Prompt) -> Iterator[str]:
        """The model's reply, piece by piece; nothing when the whole of it is a refusal."""
        beginning: str | None = ""
        for piece in llm.stream(prompt.answer, self._settings.answer_tokens):
            if self._first_token_s is None:
                self._first_token_s = perf_counter() - self._started
            if beginning is None:
                yield piece
            elif not may_be_refusal(beginning + piece):
                yield beginning + piece
                beginning = None
            else:
                beginning += piece

    def _conclude(self, draft: Draft, unknown: int, model: str) -> Answer:
        dates = [citation.published for citation in draft.citations if citation.published]
        return Answer(
            question=self._understood.question,
            text=shown_text(draft.sentences),
            abstained=False,
            reason="",
            as_of=max(dates, default=None),
            sentences=draft.sentences,
            citations=draft.citations,
            retrieved=self._hits,
            shown=self._shown,
            timings=self._timings(),
            model=model,
            unknown_markers=unknown,
        )

    def _abstain(self, reason: str) -> Answer:
        nearest = list({hit.article.id: hit.article for hit in self._hits}.values())[:_NEAREST]
        llm = self._chain.loaded_llm
        return Answer(
            question=self._understood.question,
            text=REFUSAL_ZH if has_cjk(self._question.text) else REFUSAL,
            abstained=True,
            reason=reason,
            as_of=None,
            sentences=(),
            citations=(),
            retrieved=self._hits,
            shown=self._shown,
            timings=self._timings(),
            model=llm.name if llm and self._first_token_s is not None else "",
            nearest=tuple(nearest),
        )

    def _timings(self) -> Timings:
        return Timings(self._retrieve_s, self._first_token_s, perf_counter() - self._started)
