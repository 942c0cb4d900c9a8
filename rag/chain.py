"""The product as one function: question in, `Answer` out, streamed or not.

>>> chain = AnswerChain.open(load_settings())  # doctest: +SKIP
>>> chain.invoke(Question("Who leads Baogang?")).text  # doctest: +SKIP
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Generator, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import replace
from datetime import date
from threading import Lock
from time import perf_counter
from typing import Any

from langchain_core.runnables import Runnable, RunnableConfig

from rag.abstain import (
    MIN_CONFIDENCE,
    MIN_SIDE_CONFIDENCE,
    Outcome,
    best_support,
    may_be_refusal,
    outcome,
    suffices,
    too_weak,
    uncovered_names,
    unmatched_words,
)
from rag.asked import without_counts
from rag.embed import Embedder
from rag.errors import LLMError
from rag.figures import missing_figures
from rag.generate import Prompt, build_prompt, name_passages, system_messages
from rag.ground import Grounder, Judge, shown_text
from rag.index import open_index
from rag.llm import LLM, Progress, open_llm, runs_here
from rag.lookup import Reading, all_evidence, all_hits, look_up
from rag.names import without_tickers
from rag.nli import Entailment
from rag.notes import Notes
from rag.quote import conflicting, disagreeing, nearby, nearest, quotable
from rag.retrieve import Retriever
from rag.select import Candidate, Evidence
from rag.settings import Settings
from rag.stopping import Gone, never
from rag.types import Answer, Draft, Event, Hit, Question, Retrieved, Searched, Signals, Timings
from rag.understand import Understood, check, understand

WaitForTurn = Callable[[], AbstractContextManager[object]]
"""Entered before the model is first asked, and left when it is no longer needed: it may wait."""


class AnswerChain(Runnable[Question, Answer]):
    """A LangChain Runnable whose ``stream`` yields `Retrieved`, `Draft` … and last the `Answer`."""

    def __init__(self, retriever: Retriever, load_llm: Callable[[], LLM], settings: Settings):
        """``load_llm`` is called once, when a question first needs the model."""
        self.retriever = retriever
        self._load_llm = load_llm
        self._settings = settings
        self._llm: LLM | None = None
        self._judge: Judge | None = None
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

    def judge(self) -> Judge | None:
        """The second opinion on each sentence that the settings name, loaded at the first call."""
        with self._loading:
            if self._settings.nli_model and self._judge is None:
                self._judge = Entailment(self._settings.nli_model).judge
            return self._judge

    def warm_up(self) -> None:
        """Open the model and let it read the stable head of the prompt."""
        for _ in self.llm().stream(system_messages(), 1):
            pass

    def invoke(self, input: Question, config: RunnableConfig | None = None, **kwargs: Any) -> Answer:
        """Answer a question. When the model fails, the answer quotes passages and says so in ``failure``.

        Raises:
            UsageError: the question is empty or far too long, or its filters name an unknown publisher.
        """
        answer: Event | None = None
        for event in self.stream(input, config):
            answer = event
        assert isinstance(answer, Answer)
        return answer

    def stream(  # type: ignore[override]
        self,
        input: Question,
        config: RunnableConfig | None = None,
        *,
        turn: WaitForTurn = nullcontext,
        gone: Gone = never,
        **kwargs: Any,
    ) -> Generator[Event, None, None]:
        """Yield the passages as soon as they are found, the answer as it grows, and the answer.

        Closing the iterator stops the model.

        Args:
            input: the question.
            config: LangChain's, unused.
            turn: where others ask the same model, the wait for one's turn.
            gone: stops the model too, also while it still reads and there is nothing to close.

        Raises:
            StoppedError: ``gone`` said so.
        """
        return _Run(self, self._settings, check(input), turn, gone).events()

    async def astream(  # type: ignore[override]
        self, input: Question, config: RunnableConfig | None = None, **kwargs: Any
    ) -> AsyncIterator[Event]:
        """The same for asyncio; the work is done in a thread."""
        events = self.stream(input, config)
        try:
            while (event := await asyncio.to_thread(next, events, None)) is not None:
                yield event
        finally:
            await asyncio.to_thread(events.close)


def open_retriever(settings: Settings) -> Retriever:
    """Open the index and the embedding model, for search alone.

    Raises:
        IndexUnusableError: there is no index, or another embedding model built it.
    """
    index = open_index(settings)
    embedder = Embedder.of(settings)
    embedder.encode_queries(["the first one takes longest"])
    return Retriever(index, embedder)


class _Run:
    """One question on its way through the steps."""

    def __init__(
        self, chain: AnswerChain, settings: Settings, question: Question, turn: WaitForTurn, gone: Gone
    ):
        self._chain = chain
        self._settings = settings
        self._question = question
        self._wait_for_turn = turn
        self._gone = gone
        self._turn = ExitStack()  # what is to be left when the model is no longer needed
        self._mine = False
        self._waited_s = 0.0
        self._say = Notes.for_question(question.text)
        self._started = perf_counter()
        self._retrieve_s = 0.0
        self._first_token_s: float | None = None
        self._ground_s = 0.0
        self._understood = Understood(question.text, question.text, (question.text,))
        self._hits: tuple[Hit, ...] = ()
        self._shown: tuple[str, ...] = ()
        self._untold: list[str] = []  # sides of a comparison that the model said nothing of
        self._told_until: list[int] = []  # how many sentences there were after each side
        self._model = ""
        self._failure = ""
        self._cut_short = False
        self._signals = Signals()

    def events(self) -> Generator[Event, None, None]:
        with self._turn:
            yield from self._events()

    def _events(self) -> Iterator[Event]:
        self._understood = self._understand()
        began = perf_counter()
        readings = look_up(self._understood, self._chain.retriever, self._settings)
        self._retrieve_s = perf_counter() - began
        self._hits = all_hits(readings)
        yield Retrieved(self._understood.question, self._hits)
        evidence = all_evidence(readings)
        self._signals = Signals(evidence.similarity, evidence.coverage)
        if too_weak(evidence):
            yield self._abstain(self._say.nothing_near(), evidence)
        elif self._understood.wants_advice:
            yield from self._report(evidence)
        else:
            yield from self._answer(readings, evidence)

    def _understand(self) -> Understood:
        try:
            # A model that runs here needs seconds to rewrite a follow-up, and is right no more often then.
            return understand(
                self._question,
                lambda m, n: self._llm().complete(m, n, self._gone),
                rewrite=not runs_here(self._settings),
            )
        except LLMError as error:
            self._failure = str(error)
            return understand(self._question)

    def _report(self, evidence: Evidence) -> Iterator[Event]:
        """What the articles say, without asking a model that might recommend something."""
        grounder = self._grounder({})
        _quote(grounder, nearest(evidence))
        draft = grounder.finish()
        yield draft
        yield self._conclude(draft, grounder.unknown)

    def _answer(self, readings: Sequence[Reading], evidence: Evidence) -> Iterator[Event]:
        markers = name_passages(evidence.excerpts)
        self._shown = tuple(hit.passage.id for hit in markers.values())
        grounder = self._grounder(markers)
        try:
            if self._failure:
                raise LLMError(self._failure)
            for reading in readings:
                if not self._cut_short:
                    yield from self._told(reading, markers, grounder)
        except LLMError as error:
            self._failure = str(error)
        self._turn.close()
        says_yes = self._signals.confidence
        if not self._failure and says_yes is not None and says_yes < MIN_CONFIDENCE:
            yield self._abstain(self._say.not_stated(), evidence)
            return
        if self._cut_short or self._failure:
            grounder.cut_short()
        draft = grounder.finish()
        self._ground_s = grounder.seconds
        became = self._became(draft)
        self._signals = replace(self._signals, outcome=became)
        if not self._failure and not suffices(became, says_yes):
            yield self._take_back(draft, grounder.unknown, evidence)
            return
        if self._failure:
            _quote(grounder, nearest(evidence))
        else:
            _quote(grounder, self._quotable(readings, draft, grounder))
        _quote(grounder, conflicting(evidence, grounder.finish()))
        draft = grounder.finish()
        if not draft.citations:
            yield self._take_back(draft, grounder.unknown, evidence)
            return
        yield draft
        yield self._conclude(draft, grounder.unknown)

    def _became(self, draft: Draft) -> Outcome:
        if self._cut_short:  # what it had not yet said cannot be held against it
            return best_support(draft.sentences) if draft.sentences else "weak"
        return outcome(self._understood.asked, draft.sentences, self._understood.window)

    def _take_back(self, draft: Draft, unknown: int, evidence: Evidence) -> Answer:
        """A refusal after all, with what the model wrote as withheld sentences."""
        doubt = "the passages seem not to hold the answer"
        withheld = tuple(
            replace(s, support="unsupported", citations=(), doubt=s.doubt or doubt) for s in draft.sentences
        )
        refusal = self._abstain(self._say.not_stated(), evidence)
        return replace(refusal, sentences=withheld, unknown_markers=unknown)

    def _llm(self) -> LLM:
        """The model, once it is this question's turn to ask it."""
        if not self._mine:
            began = perf_counter()
            self._turn.enter_context(self._wait_for_turn())
            self._mine = True
            self._waited_s = perf_counter() - began
        return self._chain.llm()

    def _grounder(self, markers: dict[str, Hit]) -> Grounder:
        known = dict(pair for turn in self._question.history for pair in turn.cited)
        rarity = self._chain.retriever.index.lexical.rarity
        return Grounder(markers, rarity, known, self._chain.judge(), self._understood.question)

    def _told(self, reading: Reading, markers: dict[str, Hit], grounder: Grounder) -> Iterator[Draft]:
        """What the model replies to one reading, as it grows; nothing when it is too unsure of an answer."""
        prompt = build_prompt(
            reading.asked, reading.evidence.excerpts, markers, in_chinese=self._understood.in_chinese
        )
        llm = self._llm()
        says_yes = llm.says_yes(prompt.probe, self._gone)
        if says_yes is not None:
            self._signals = replace(self._signals, confidence=max(says_yes, self._signals.confidence or 0.0))
        said = ""
        if says_yes is None or says_yes >= (MIN_SIDE_CONFIDENCE if reading.side else MIN_CONFIDENCE):
            for piece in self._said(llm, prompt):
                said += piece
                draft = grounder.feed(piece)
                if suffices("weak", self._signals.confidence):  # else it may all be taken back
                    yield draft
        if not reading.side or self._cut_short:
            return
        if not said:
            self._untold.append(reading.side)
        # What is said of the other side is another sentence, whatever this reply ends with.
        self._told_until.append(len(grounder.finish().sentences))

    def _quotable(self, readings: Sequence[Reading], draft: Draft, grounder: Grounder) -> list[Candidate]:
        """What is worth quoting beside what was said in each reading."""
        found: list[Candidate] = []
        begin = 0
        ends = [*self._told_until, *[len(draft.sentences)] * len(readings)]  # what was not asked comes last
        for reading, end in zip(readings, ends, strict=False):
            said = _between(draft, begin, end)
            found += quotable(reading.evidence, said, reading.asked, grounder.rarity)
            begin = end
        return list({(one.hit.passage.id, one.start): one for one in found}.values())

    def _said(self, llm: LLM, prompt: Prompt) -> Iterator[str]:
        """The model's reply, piece by piece; nothing when the whole of it is a refusal."""
        self._model = llm.name
        beginning: str | None = ""
        limit = self._settings.answer_tokens
        for piece in llm.stream(prompt.answer, limit, self._gone, as_taught=True):
            if self._first_token_s is None:
                self._first_token_s = perf_counter() - self._started
            if beginning is None:
                yield piece
            elif not may_be_refusal(beginning + piece):
                yield beginning + piece
                beginning = None
            else:
                beginning += piece
            if perf_counter() - self._started - self._waited_s > self._settings.answer_limit_s:
                self._cut_short = True
                return

    def _conclude(self, draft: Draft, unknown: int) -> Answer:
        dates = [citation.published for citation in draft.citations if citation.published]
        as_of = max(dates, default=None)
        leads = tuple(self._leads(draft))
        return Answer(
            question=self._understood.question,
            text="\n".join([*leads, shown_text(draft.sentences)]),
            abstained=False,
            reason="",
            as_of=as_of,
            sentences=draft.sentences,
            citations=draft.citations,
            retrieved=self._hits,
            shown=self._shown,
            timings=self._timings(),
            model=self._model,
            unknown_markers=unknown,
            notes=(*leads, *self._remarks(draft, as_of)),
            failure=self._failure,
            signals=self._signals,
            cut_short=self._cut_short,
        )

    def _leads(self, draft: Draft) -> Iterator[str]:
        """What a reader must know before the answer."""
        if self._failure:
            yield self._say.model_failed(self._failure)
        if self._cut_short:
            yield self._say.cut_short(self._settings.answer_limit_s)
        if self._understood.wants_advice:
            yield self._say.no_advice()
        elif unconfirmed := self._unconfirmed(draft):
            yield self._say.premise(unconfirmed)

    def _unconfirmed(self, draft: Draft) -> list[str]:
        """The figures of the question that its sources do not hold, but for the dates of its window."""
        asked = without_counts(without_tickers(self._understood.asked))
        return missing_figures(asked, _said_in(draft), dates=not self._understood.window.narrows)

    def _remarks(self, draft: Draft, as_of: date | None) -> Iterator[str]:
        """What a reader should know beside the answer."""
        if self._untold:
            yield self._say.untold(self._untold)
        names = uncovered_names(self._understood.asked, _said_in(draft))
        if names and not self._understood.wants_advice:
            yield self._say.uncovered(names)
        if citations := disagreeing(draft):
            yield self._say.disagreement(citations)
        yield from self._filter_notes()
        if as_of and (date.today() - as_of).days > self._settings.stale_days:
            yield self._say.stale(as_of)

    def _filter_notes(self) -> Iterator[str]:
        if self._understood.filters.narrows:
            yield self._say.searched_only(self._understood.filters)
        if unread := self._understood.window.unread:
            yield self._say.unread(unread)

    def _abstain(self, reason: str, evidence: Evidence) -> Answer:
        near = list({hit.article.id: hit.article for hit in self._hits}.values())
        missing = tuple(unmatched_words(self._question.text, near))
        if missing:
            reason = f"{reason} {self._say.missing(missing)}"
        return Answer(
            question=self._understood.question,
            text=self._say.refusal(),
            abstained=True,
            reason=reason,
            as_of=None,
            sentences=(),
            citations=(),
            retrieved=self._hits,
            shown=self._shown,
            timings=self._timings(),
            model=self._model,
            nearest=nearby(near, evidence),
            notes=tuple(self._filter_notes()),
            failure=self._failure,
            signals=self._signals,
            searched=Searched(
                self._understood.queries, self._chain.retriever.index.catalogue.span(), missing
            ),
            cut_short=self._cut_short,
        )

    def _timings(self) -> Timings:
        total_s = perf_counter() - self._started
        return Timings(self._retrieve_s, self._first_token_s, total_s, self._ground_s, self._waited_s)


def _quote(grounder: Grounder, candidates: Sequence[Candidate]) -> None:
    for candidate in candidates:
        grounder.quote(candidate.hit, candidate.text)


def _between(draft: Draft, begin: int, end: int) -> Draft:
    """Some of the sentences, with what they cite."""
    sentences = draft.sentences[begin:end]
    cited = {number for sentence in sentences for number in sentence.citations}
    return Draft(sentences, tuple(one for one in draft.citations if one.n in cited))


def _said_in(draft: Draft) -> str:
    """All that the cited passages say, with their titles and dates."""
    return " ".join(f"{c.title} {c.published or ''} {c.quote}" for c in draft.citations)
