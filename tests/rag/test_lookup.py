"""What is read for a question; for a comparison, for each of its sides."""

import pytest

from rag.index import Index
from rag.lookup import Reading, all_evidence, all_hits, look_up
from rag.retrieve import Retriever
from rag.settings import Settings
from rag.tokens import count_tokens
from rag.types import Question, Turn
from rag.understand import understand

COMPARISON = (
    "Which is the pricier build, Aclara's separation plant in Louisiana or Pensana's Longonjo project?"
)


@pytest.fixture(scope="module")
def retriever(starter_index: Index, embedder) -> Retriever:  # type: ignore[no-untyped-def]
    return Retriever(starter_index, embedder)


def test_a_comparison_is_read_once_for_each_side(retriever: Retriever) -> None:
    aclara, longonjo = look_up(understand(Question(COMPARISON)), retriever, Settings())
    assert "Aclara" in aclara.hits[0].article.text
    assert "Longonjo" in longonjo.hits[0].article.text
    assert aclara.side != longonjo.side


def test_what_both_sides_found_is_told_once_and_nothing_of_it_is_lost(retriever: Retriever) -> None:
    readings = look_up(understand(Question(COMPARISON)), retriever, Settings())
    ids = [hit.passage.id for hit in all_hits(readings)]
    assert len(ids) == len(set(ids))
    assert set(ids) == {hit.passage.id for reading in readings for hit in reading.hits}
    evidence = all_evidence(readings)
    assert {excerpt.hit.passage.id for excerpt in evidence.excerpts} <= set(ids)
    ranked = [(one.hit.passage.id, one.start) for one in evidence.ranked]
    assert len(ranked) == len(set(ranked))


def test_what_one_article_compares_is_read_in_one(retriever: Retriever) -> None:
    question = "How did MP's sales differ between Q4 2025 and Q4 2024?"
    (reading,) = look_up(understand(Question(question)), retriever, Settings())
    assert reading.asked == question


@pytest.mark.parametrize(
    "question",
    [
        Question("How much NdPr did Lynas produce in the December 2025 quarter?"),
        Question(
            "And which of them is bigger, Lynas or MP?",
            (Turn("user", "Who makes NdPr?"), Turn("assistant", "Lynas and MP Materials do.")),
        ),
        Question("Lynas和MP Materials的收入分别是多少？"),
    ],
)
def test_any_other_question_is_read_once_and_whole(retriever: Retriever, question: Question) -> None:
    understood = understand(question)
    (reading,) = look_up(understood, retriever, Settings())
    assert reading.asked == understood.question
    assert not reading.side


def test_two_parts_in_one_question_are_given_more_to_read(retriever: Retriever) -> None:
    (one,) = look_up(understand(Question("When does the plant open?")), retriever, Settings())
    (two,) = look_up(
        understand(Question("When does the plant open, and what will it make?")), retriever, Settings()
    )
    assert _tokens(two) > _tokens(one)


def _tokens(reading: Reading) -> int:
    return sum(count_tokens(text) for excerpt in reading.evidence.excerpts for text in excerpt.sentences)
