"""Only questions that lean on the conversation, or are in Chinese, cost a call of the model."""

from datetime import date

import pytest
from langchain_core.messages import BaseMessage

from corpus.errors import UsageError
from rag.sentences import has_cjk
from rag.types import Filters, Question, Turn
from rag.understand import MAX_CHARS, check, leans_on_conversation, understand

HISTORY = (
    Turn("user", "What did Lynas report for the December 2025 quarter?"),
    Turn("assistant", "Lynas reported revenue of A$201.9 million."),
)


@pytest.mark.parametrize(
    "question",
    [
        "and when was that meeting?",
        "How much of it is debt?",
        "Who leads the company?",
        "What about NdPr?",
        "Why?",
        "它的产量是多少？",
        "ok and how much of the concentrate is sold forward?",
        "Was there anything Brussels asked for there and did not get?",
        "Did they announce something else?",
        "Is that another matter for them, or do they pay?",
    ],
)
def test_leaning_questions_are_recognised(question: str) -> None:
    assert leans_on_conversation(Question(question, HISTORY))


@pytest.mark.parametrize(
    "question",
    [
        "How much NdPr did MP Materials produce in 2024?",
        "What price floor did the Pentagon give MP Materials in July 2025?",
        "Which countries restrict exports of gallium?",
        "Are there any plants for NdPr in Estonia, and how many is there money for?",
        "OK, different topic. Who runs the bank these days?",
        "Thanks. Now something else: how rich is the ore that it mines?",
        "换个话题，它的产量是多少？",
    ],
)
def test_complete_questions_are_left_alone(question: str) -> None:
    def never(messages: object, limit: int) -> str:
        raise AssertionError("the model was asked")

    assert not leans_on_conversation(Question(question, HISTORY))
    if not has_cjk(question):
        assert understand(Question(question, HISTORY), never).queries == (question,)


def test_nothing_leans_without_a_conversation() -> None:
    assert not leans_on_conversation(Question("And when was that?"))


def test_a_leaning_question_is_rewritten_and_searched_in_several_wordings() -> None:
    rewritten = "When did Lynas report for the December 2025 quarter?"
    understood = understand(Question("and when was that?", HISTORY), lambda messages, limit: rewritten)
    assert understood.question == rewritten
    assert understood.queries[0] == rewritten
    assert any("A$201.9 million" in query for query in understood.queries)


def test_a_model_that_is_slow_to_rewrite_is_not_asked_to() -> None:
    def never(messages: object, limit: int) -> str:
        raise AssertionError("the model was asked")

    understood = understand(Question("and when was that?", HISTORY), never, rewrite=False)
    assert understood.question.startswith("and when was that? (asked after: ")
    assert any("A$201.9 million" in query for query in understood.queries)


def test_a_rewriting_that_loses_the_subject_gets_the_earlier_question_back() -> None:
    understood = understand(
        Question("Who leads it?", HISTORY), lambda messages, limit: "Who leads the company?"
    )
    assert "Lynas" in understood.question


@pytest.mark.parametrize("unfaithful", ["How much did Lynas pay for it?", "When was Lynas founded?"])
def test_a_rewriting_that_asks_for_what_nobody_spoke_of_is_not_used(unfaithful: str) -> None:
    understood = understand(Question("and when was that?", HISTORY), lambda messages, limit: unfaithful)
    assert understood.question.startswith("and when was that? (asked after: ")
    assert "Lynas" in understood.question
    assert "A$201.9 million" in understood.question
    assert understood.asked == "and when was that?"


def test_a_rewriting_may_use_another_form_of_a_word() -> None:
    rewritten = "What was Lynas' production in the December 2025 quarter?"
    asked = Question("and how much did it produce then?", HISTORY)
    assert understand(asked, lambda messages, limit: rewritten).question == rewritten


def test_names_from_further_back_stay_the_subject() -> None:
    history = (
        Turn("user", "Where does Ucore run its demonstration line?"),
        Turn("assistant", "In Kingston."),
        Turn("user", "and what did the Pentagon add?"),
        Turn("assistant", "It added US$18.4 million."),
    )
    assert "Ucore" in understand(Question("when was that?", history)).queries[0]


def test_without_a_model_the_earlier_question_helps_the_search() -> None:
    understood = understand(Question("and when was that?", HISTORY))
    assert any("December 2025" in query for query in understood.queries)


def test_a_chinese_question_is_searched_in_english() -> None:
    understood = understand(
        Question("包钢承诺了什么？"), lambda messages, limit: "What did Baogang commit to?"
    )
    assert understood.queries[0].startswith("What did Baogang commit to?")
    assert understood.question == "包钢承诺了什么？"


def test_names_alone_help_a_chinese_question_when_there_is_no_model() -> None:
    assert "Baogang Group" in understand(Question("包钢承诺了什么？")).queries[0]


@pytest.mark.parametrize("text", ["", "   \n\t ", "\u200b\u200b", "\x00\x01"])
def test_an_empty_question_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="empty"):
        check(Question(text))


def test_a_far_too_long_question_is_refused() -> None:
    with pytest.raises(UsageError, match="100,000"):
        check(Question("x" * 100_000))
    assert check(Question("x" * MAX_CHARS)).text == "x" * MAX_CHARS


def test_control_characters_are_dropped() -> None:
    assert check(Question("Who\x07 leads\u202e Baogang?")).text == "Who leads Baogang?"


def test_a_checked_question_keeps_its_conversation_and_filters() -> None:
    asked = Question("Who leads Baogang?", HISTORY, Filters(publishers=("Fastmarkets",)))
    assert check(asked) == asked


def test_the_filters_of_a_follow_up_are_its_own_and_meet_its_window() -> None:
    asked = Question("And since January 2026?", HISTORY, Filters(until=date(2026, 5, 1), publishers=("A",)))
    assert understand(asked).filters == Filters(date(2026, 1, 1), date(2026, 5, 1), ("A",))


IN_CHINESE = (Turn("user", "包钢承诺了什么？"), Turn("assistant", "包钢承诺扩大产量。"))


def test_of_a_chinese_follow_up_only_the_question_itself_is_translated() -> None:
    told: list[str] = []

    def translate(messages: list[BaseMessage], limit: int) -> str:
        told.append(str(messages[-1].content))
        return "By how much?"

    understood = understand(Question("那是多少？", IN_CHINESE), translate, rewrite=False)
    assert understood.queries[0].startswith("By how much? Baogang Group")
    assert ["那是多少？" in told[0], "承诺" in told[0]] == [True, False]


def test_an_english_follow_up_to_a_chinese_answer_is_not_translated() -> None:
    def never(messages: object, limit: int) -> str:
        raise AssertionError("the model was asked")

    understood = understand(Question("By how much did it grow?", IN_CHINESE), never, rewrite=False)
    assert understood.queries[0].startswith("By how much did it grow? Baogang Group")
