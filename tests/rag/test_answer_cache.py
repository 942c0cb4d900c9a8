"""Answers that are given again, and all that makes them be made anew."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from langchain_core.language_models import GenericFakeChatModel
from langchain_core.messages import AIMessage

from corpus.article import Article
from rag import answer_cache
from rag.answer_cache import AnswerCache, same_words
from rag.chain import AnswerChain
from rag.embed import PACKAGED, Embedder
from rag.index import Index
from rag.llm import LLM
from rag.retrieve import Retriever
from rag.settings import Settings
from rag.types import Answer, Filters, Question, Turn

LYNAS = Question("How much NdPr did Lynas produce in the December 2025 quarter?")


@pytest.fixture(scope="module")
def chain(starter_index: Index, embedder: Embedder) -> AnswerChain:
    chat = GenericFakeChatModel(messages=iter([AIMessage("Lynas produced 1,404 tonnes of NdPr.")] * 9))
    return AnswerChain(Retriever(starter_index, embedder), lambda: LLM("fake", chat, "fake"), Settings())


@pytest.fixture(scope="module")
def made(chain: AnswerChain) -> Answer:
    return chain.invoke(LYNAS)


@pytest.fixture
def cache(chain: AnswerChain, made: Answer) -> AnswerCache:
    cache = AnswerCache(3)
    cache.keep(cache.key(chain, LYNAS), chain, LYNAS, made)
    return cache


def found(cache: AnswerCache, chain: AnswerChain, question: Question) -> Answer | None:
    key = cache.key(chain, question)
    return cache.find(key, question) if key else None


def test_the_same_question_gets_the_same_answer(cache: AnswerCache, chain: AnswerChain, made: Answer) -> None:
    again = Question("  how much NdPr did “Lynas” produce, in the December 2025 quarter？？")
    answer = found(cache, chain, again)
    assert answer
    assert answer.timings.cached
    assert answer == replace(made, question=again.text, timings=answer.timings)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("Who leads Baogang?", "who leads  BAOGANG", True),
        ("Ｗｈｏ leads Baogang？", "Who leads Baogang!", True),
        ("包钢在做什么？", "包钢在做什么", True),
        ("What did “Lynas” say, and why?", "What did 'Lynas' say and why", True),
        ("Did it rise by 1.5%?", "Did it rise by 15%?", False),
        ("Did it rise by .5%?", "Did it rise by 5%?", False),
        ("Did it cost $5 million?", "Did it cost €5 million?", False),
        ("What happened in 2024?", "What happened in 2025?", False),
        ("What does Lynas' Mt Weld produce?", "What does Lynas produce?", False),
    ],
)
def test_which_questions_are_the_same(one: str, other: str, same: bool) -> None:
    assert (same_words(one) == same_words(other)) is same


def test_other_filters_another_day_and_another_prompt_are_another_question(
    cache: AnswerCache, chain: AnswerChain, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert found(cache, chain, LYNAS)
    assert not found(cache, chain, replace(LYNAS, filters=Filters(since=date(2025, 1, 1))))
    with monkeypatch.context() as patched:
        patched.setattr(answer_cache, "in_force", lambda: "Answer in verse.")
        assert not found(cache, chain, LYNAS)

    class Tomorrow(date):
        @classmethod
        def today(cls) -> "Tomorrow":
            return cls(2199, 1, 1)

    with monkeypatch.context() as patched:
        patched.setattr(answer_cache, "date", Tomorrow)
        assert not found(cache, chain, LYNAS)
    assert found(cache, chain, LYNAS)


def test_passages_keep_the_numbers_of_their_conversation(
    cache: AnswerCache, chain: AnswerChain, made: Answer
) -> None:
    cited = tuple((citation.passage_id, citation.n) for citation in made.citations)
    after_itself = (Turn("user", LYNAS.text), Turn("assistant", made.text, cited))
    assert found(cache, chain, replace(LYNAS, history=after_itself))
    for elsewhere in [(("another-passage", 1),), ((cited[0][0], 7),)]:
        history = (Turn("user", "What else?"), Turn("assistant", "Much.", elsewhere))
        assert not found(cache, chain, replace(LYNAS, history=history))


def test_what_only_the_conversation_makes_clear_is_not_kept(cache: AnswerCache, chain: AnswerChain) -> None:
    history = (Turn("user", LYNAS.text), Turn("assistant", "It produced 1,404 tonnes."))
    assert cache.key(chain, Question("And what about the one before?", history)) is None


def test_an_answer_that_is_not_whole_is_not_kept(chain: AnswerChain, made: Answer) -> None:
    for half in (replace(made, failure="no model"), replace(made, cut_short=True)):
        cache = AnswerCache(3)
        cache.keep(cache.key(chain, LYNAS), chain, LYNAS, half)
        assert not found(cache, chain, LYNAS)


def test_the_one_longest_unused_is_forgotten_first(chain: AnswerChain, made: Answer) -> None:
    cache = AnswerCache(2)
    first, second, third = (Question(f"What did {name} produce?") for name in ("Lynas", "Iluka", "Neo"))
    for question in (first, second):
        cache.keep(cache.key(chain, question), chain, question, made)
    assert found(cache, chain, first)
    cache.keep(cache.key(chain, third), chain, third, made)
    assert [bool(found(cache, chain, question)) for question in (first, second, third)] == [True, False, True]
    assert AnswerCache(0).key(chain, first) is None


@pytest.fixture
def changing(tmp_path: Path, embedder: Embedder, make_article: Callable[..., Article]) -> Iterator[Index]:
    index = Index(tmp_path, PACKAGED, create=True)
    index.publish()
    yield index
    index.close()


def test_an_ingest_makes_every_answer_anew_whenever_it_ends(
    changing: Index, embedder: Embedder, made: Answer
) -> None:
    here = AnswerChain(Retriever(changing, embedder), lambda: pytest.fail("a model was asked"), Settings())
    cache = AnswerCache(3)
    before = cache.key(here, LYNAS)
    cache.keep(before, here, LYNAS, made)
    assert found(cache, here, LYNAS)
    # Another process ingests.
    changing.catalogue.set_fact("generation", "another")
    assert cache.key(here, LYNAS) is None  # until this process follows
    cache.keep(before, here, LYNAS, made)  # what was being made of the articles before
    changing.refresh()
    assert not found(cache, here, LYNAS)
