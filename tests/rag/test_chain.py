"""The chain from question to answer. The model is a fake here: its words are not the subject."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from langchain_core.language_models import GenericFakeChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatResult

from corpus.errors import UsageError
from rag.chain import AnswerChain
from rag.index import Index
from rag.llm import LLM
from rag.retrieve import Retriever
from rag.settings import Settings
from rag.types import Answer, Draft, Filters, Question, Retrieved, Turn

QUESTION = "How much NdPr did Lynas produce in the December 2025 quarter?"


def chain_saying(retriever: Retriever, *replies: str) -> AnswerChain:
    chat = GenericFakeChatModel(messages=iter(AIMessage(reply) for reply in replies))
    return AnswerChain(retriever, lambda: LLM("fake", chat, "fake"), Settings())


@pytest.fixture(scope="module")
def retriever(starter_index: Index, embedder) -> Retriever:  # type: ignore[no-untyped-def]
    return Retriever(starter_index, embedder)


def test_events_come_in_order_and_the_answer_last(retriever: Retriever) -> None:
    events = list(chain_saying(retriever, "Lynas produced 1,404 tonnes of NdPr.").stream(Question(QUESTION)))
    assert isinstance(events[0], Retrieved)
    assert all(isinstance(event, Draft) for event in events[1:-1])
    assert isinstance(events[-1], Answer)


def test_an_answer_carries_its_evidence(retriever: Retriever) -> None:
    answer = chain_saying(retriever, "Lynas produced 1,404 tonnes of NdPr.").invoke(Question(QUESTION))
    assert not answer.abstained
    assert answer.sentences[0].support == "supported"
    texts = {hit.article.id: hit.article.text for hit in answer.retrieved}
    assert answer.citations
    for citation in answer.citations:
        assert texts[citation.article_id][citation.start : citation.end] == citation.quote
    assert set(answer.shown) <= {hit.passage.id for hit in answer.retrieved}
    assert {c.passage_id for c in answer.citations} <= {hit.passage.id for hit in answer.retrieved}
    assert answer.citations[0].passage_id in answer.shown
    cited = [c.published for c in answer.citations if c.published]
    assert answer.as_of == max(cited)


@pytest.mark.parametrize(
    ("asked", "unconfirmed"),
    [
        ("In news since November 2025, how many tonnes of NdPr did Lynas produce?", []),
        ("In news since November 2025, did Lynas produce 900 tonnes of NdPr?", ["900"]),
        ("Did Lynas produce 900 tonnes of NdPr in May 2019?", ["900", "May 2019"]),
        ("How many tonnes of NdPr did Lynas produce in the two plants?", []),
    ],
)
def test_what_a_question_takes_for_granted_is_named_unless_it_is_when_the_news_is_from(
    retriever: Retriever, asked: str, unconfirmed: list[str]
) -> None:
    answer = chain_saying(retriever, "Lynas produced 1,404 tonnes of NdPr.").invoke(Question(asked))
    lead = answer.text.splitlines()[0]
    assert lead.startswith("The question speaks of") == bool(unconfirmed), answer.text
    assert all(said in lead for said in unconfirmed)


def test_invoke_stream_and_astream_agree(retriever: Retriever) -> None:
    async def last() -> object:
        return [event async for event in chain_saying(retriever, reply).astream(Question(QUESTION))][-1]

    def timeless(answer: object) -> Answer:
        assert isinstance(answer, Answer)
        return replace(answer, timings=None)  # type: ignore[arg-type]

    reply = "Lynas produced 1,404 tonnes of NdPr."
    invoked = timeless(chain_saying(retriever, reply).invoke(Question(QUESTION)))
    streamed = timeless(list(chain_saying(retriever, reply).stream(Question(QUESTION)))[-1])
    assert invoked == streamed == timeless(asyncio.run(last()))


def test_a_question_without_evidence_never_reaches_the_model(retriever: Retriever) -> None:
    def no_model() -> LLM:
        raise AssertionError("the model was asked")

    answer = AnswerChain(retriever, no_model, Settings()).invoke(Question("qwxz vbnm zzyzx"))
    assert answer.abstained
    assert answer.text == "The corpus does not say."
    assert len({near.article.id for near in answer.nearest}) >= 3
    assert all(near.text in near.article.text for near in answer.nearest)
    assert answer.citations == answer.shown == ()
    assert answer.timings.first_token_s is None


def test_figures_that_the_model_invents_are_withheld(retriever: Retriever) -> None:
    answer = chain_saying(retriever, "Lynas produced 9,999 tonnes of NdPr.").invoke(Question(QUESTION))
    assert "9,999" not in answer.text
    assert [s.support for s in answer.sentences if "9,999" in s.text] == ["unsupported"]


def test_a_model_that_refuses_is_believed(retriever: Retriever) -> None:
    answer = chain_saying(retriever, "NOT IN THE CORPUS.").invoke(Question(QUESTION))
    assert (answer.abstained, answer.sentences, answer.citations) == (True, (), ())


def test_an_answer_that_only_begins_like_a_refusal_is_shown(retriever: Retriever) -> None:
    reply = "NdPr output of Lynas was 1,404 tonnes in the December 2025 quarter, it said. No"
    assert "1,404" in chain_saying(retriever, reply).invoke(Question(QUESTION)).text


def test_an_empty_question_is_refused_before_any_work(retriever: Retriever) -> None:
    with pytest.raises(UsageError):
        chain_saying(retriever).invoke(Question("  "))


def test_a_model_that_fails_leaves_quoted_passages_and_the_reason(retriever: Retriever) -> None:
    class Broken(GenericFakeChatModel):
        def _stream(self, *args: object, **kwargs: object) -> Iterator[object]:  # type: ignore[override]
            raise ConnectionError("refused")
            yield

    chain = AnswerChain(retriever, lambda: LLM("x", Broken(messages=iter(())), "fake"), Settings())
    answer = chain.invoke(Question(QUESTION))
    assert "cannot be reached" in answer.failure
    assert answer.failure in answer.notes[0]
    assert answer.sentences
    assert all(sentence.quoted for sentence in answer.sentences)
    assert "1,404" in answer.text


def test_advice_is_answered_with_dated_quotations_and_without_the_model(retriever: Retriever) -> None:
    def no_model() -> LLM:
        raise AssertionError("the model was asked")

    answer = AnswerChain(retriever, no_model, Settings()).invoke(Question("Should I buy MP Materials now?"))
    assert not answer.abstained
    assert all(sentence.quoted for sentence in answer.sentences)
    assert "no advice" in answer.notes[0]


def test_a_window_leaves_older_articles_out_and_says_so(retriever: Retriever) -> None:
    question = Question("What has Lynas reported since January 2026?")
    answer = chain_saying(retriever, "Lynas produced 1,404 tonnes of NdPr.").invoke(question)
    assert answer.citations
    assert all(c.published is None or c.published >= date(2026, 1, 1) for c in answer.citations)
    assert all(hit.article.published != date(2025, 1, 17) for hit in answer.retrieved)
    assert any("since 1 January 2026" in note for note in answer.notes)


def test_filters_leave_articles_out_of_answers_and_refusals_and_say_so(retriever: Retriever) -> None:
    filters = Filters(date(2025, 1, 1), publishers=("MIDDLE.news", "electrive"))
    for reply in ("Lynas produced 1,404 tonnes of NdPr.", "NOT IN THE CORPUS."):
        answer = chain_saying(retriever, reply).invoke(Question(QUESTION, filters=filters))
        assert answer.abstained == reply.startswith("NOT")
        assert answer.retrieved
        assert {hit.article.publisher for hit in answer.retrieved} == {"middle.news"}
        note = "Only articles published by MIDDLE.news or electrive since 1 January 2025 were searched; "
        assert f"{note}those of unknown date were left out." in answer.notes


@pytest.mark.parametrize(
    ("text", "filters", "note"),
    [
        (QUESTION, Filters(publishers=("SEAISI",)), "Only articles published by SEAISI were searched."),
        ("qwxz 莱纳斯", Filters(publishers=("SEAISI",)), "仅检索了由 SEAISI 发布的文章。"),
        (
            "qwxz 莱纳斯",
            Filters(until=date(2024, 1, 1)),
            "仅检索了在 … 至 2024-01-01 发布的文章，日期不明的文章未纳入。",
        ),
    ],
)
def test_notes_on_filters_are_in_the_language_of_the_question(
    retriever: Retriever, text: str, filters: Filters, note: str
) -> None:
    answer = chain_saying(retriever, *["NOT IN THE CORPUS."] * 2).invoke(Question(text, filters=filters))
    assert note in answer.notes


def test_filters_that_exclude_what_the_question_asks_for_are_a_refusal(retriever: Retriever) -> None:
    filters = Filters(until=date(2025, 12, 31))
    question = Question("What has Lynas reported since January 2026?", filters=filters)
    answer = chain_saying(retriever).invoke(question)
    assert (answer.abstained, answer.retrieved) == (True, ())
    assert any("other dates of publication than its filters" in note for note in answer.notes)


def test_an_unknown_publisher_is_refused(retriever: Retriever) -> None:
    with pytest.raises(UsageError, match="“Nobody”"):
        chain_saying(retriever).invoke(Question(QUESTION, filters=Filters(publishers=("Nobody",))))


def test_a_figure_of_the_question_that_nothing_confirms_is_named(retriever: Retriever) -> None:
    question = Question("Why did Lynas produce 9,000 tonnes of NdPr in the December 2025 quarter?")
    answer = chain_saying(retriever, "Lynas produced 1,404 tonnes of NdPr.").invoke(question)
    assert any("9000" in note for note in answer.notes)


def test_a_follow_up_is_not_held_to_the_figures_and_years_of_what_was_said_before(
    retriever: Retriever,
) -> None:
    history = (
        Turn("user", "What did Lynas plan in 2019?"),
        Turn("assistant", "Lynas planned to make 9,000 tonnes in 2019."),
    )
    question = Question("And how much NdPr did they make in the latest quarter?", history)
    answer = chain_saying(
        retriever, "Lynas produced 1,404 tonnes of NdPr in the December 2025 quarter."
    ).invoke(question)
    assert not answer.abstained
    assert answer.signals.outcome in ("supported", "weak")
    assert not any("9000" in note or "2019" in note for note in answer.notes)


def test_a_follow_up_is_rewritten_by_a_model_that_runs_elsewhere(retriever: Retriever) -> None:
    rewritten = "How much NdPr did Lynas make in the December 2025 quarter?"
    replies = iter([AIMessage(rewritten), AIMessage("Lynas produced 1,404 tonnes of NdPr.")])
    llm = LLM("fake", GenericFakeChatModel(messages=replies), "fake")
    history = (Turn("user", "How did Lynas do in the December 2025 quarter?"), Turn("assistant", "Well."))
    question = Question("And how much NdPr did they make?", history)
    answer = AnswerChain(retriever, lambda: llm, Settings(llm="openai:any")).invoke(question)
    assert answer.question == rewritten
    assert "1,404" in answer.text


@pytest.mark.parametrize(("text", "in_chinese"), [("By how much did it grow?", False), ("那是多少？", True)])
def test_a_follow_up_is_answered_in_its_own_language(
    retriever: Retriever, text: str, in_chinese: bool
) -> None:
    told: list[str] = []

    class Listening(GenericFakeChatModel):
        def _generate(self, messages: list[BaseMessage], *args: Any, **options: Any) -> ChatResult:
            told.append(str(messages[-1].content))
            return super()._generate(messages, *args, **options)

    chat = Listening(messages=iter([AIMessage("Baogang grew.")] * 3))
    history = (Turn("user", "包钢承诺了什么？"), Turn("assistant", "包钢承诺扩大产量。"))
    AnswerChain(retriever, lambda: LLM("fake", chat, "fake"), Settings()).invoke(Question(text, history))
    assert ("Answer in Chinese" in told[-1]) is in_chinese


def test_a_refusal_tells_what_was_searched_and_what_was_missing(retriever: Retriever) -> None:
    question = Question("What did Lynas say about the Zyzzyva refinery?")
    answer = chain_saying(retriever, "NOT IN THE CORPUS.").invoke(question)
    assert answer.abstained
    assert answer.searched is not None
    assert answer.searched.missing == ("Zyzzyva",)
    assert "Zyzzyva" in answer.reason
    assert answer.searched.span.articles == 76
    assert answer.searched.queries == (question.text,)


def test_a_window_without_any_article_is_a_refusal(retriever: Retriever) -> None:
    answer = chain_saying(retriever).invoke(Question("What has been reported on Lynas since January 2031?"))
    assert answer.abstained
    assert answer.retrieved == ()


COMPARISON = (
    "Which is the pricier build, Aclara's separation plant in Louisiana or Pensana's Longonjo project?"
)
ACLARA = "Aclara's separation plant in Louisiana will cost US$277 million."


def test_each_side_of_a_comparison_is_asked_by_itself(retriever: Retriever) -> None:
    replies = (ACLARA, "The cost of Pensana's Longonjo project is $217 million.")
    answer = chain_saying(retriever, *replies).invoke(Question(COMPARISON))
    written = [sentence.text for sentence in answer.sentences if not sentence.quoted]
    assert [text for text in written if "277" in text]
    assert [text for text in written if "217" in text]
    assert not any("found no answer" in note for note in answer.notes)
    assert set(answer.shown) <= {hit.passage.id for hit in answer.retrieved}


def test_the_side_that_the_model_refuses_is_named_and_quoted(retriever: Retriever) -> None:
    answer = chain_saying(retriever, ACLARA, "NOT IN THE CORPUS").invoke(Question(COMPARISON))
    assert not answer.abstained
    assert any("no answer for “Pensana's Longonjo project”" in note for note in answer.notes)
    assert any(sentence.quoted and "Longonjo" in sentence.text for sentence in answer.sentences)


def test_a_model_that_takes_too_long_is_stopped(retriever: Retriever) -> None:
    chat = GenericFakeChatModel(messages=iter([AIMessage("Lynas produced 1,404 tonnes. " * 50)]))
    settings = Settings(answer_limit_s=1e-6)
    answer = AnswerChain(retriever, lambda: LLM("slow", chat, "fake"), settings).invoke(Question(QUESTION))
    assert any("stopped after" in note for note in answer.notes)


def test_old_evidence_is_named_as_such(retriever: Retriever) -> None:
    answer = AnswerChain(
        retriever, chain_saying(retriever, "Lynas produced 1,404 tonnes of NdPr.").llm, Settings(stale_days=1)
    ).invoke(Question(QUESTION))
    assert answer.as_of is not None
    assert any(answer.as_of.isoformat() in note for note in answer.notes)
