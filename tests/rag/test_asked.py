"""What a question asks for is read off its words."""

import pytest

from rag.asked import (
    asks_for_advice,
    asks_for_commitments,
    asks_for_date,
    asks_for_figure,
    asks_twice,
    compares,
)


@pytest.mark.parametrize(
    "question",
    [
        "Should I buy MP Materials now?",
        "Is Lynas a good investment at this price?",
        "Would you top up on Arafura?",
        "Is it smart for a retail investor to own JL MAG?",
        "What is your price target for USAR?",
        "Will the share price of Lynas double next year?",
        "Buy or sell Iluka?",
        "Iluka fell after its results. Buy the dip or get out?",
        "Holding Hastings since 2023 - add more or take profits?",
        "Arafura at 28c: worth buying here or wait?",
        "Thinking of picking up some Lynas. What did its shares do?",
        "After the half-year numbers, do I sell Iluka?",
        "MP的股票值得买吗？",
    ],
)
def test_advice(question: str) -> None:
    assert asks_for_advice(question)


@pytest.mark.parametrize(
    "question",
    [
        "Who agreed to buy Peak Rare Earths?",
        "How many shares did MP buy back?",
        "At what price did Sojitz invest in Lynas?",
        "What does McKinsey expect for demand by 2035?",
        "Which company should supply the magnets under the contract?",
        "Why did Lynas shares fall?",
        "Did Shenghe sell its stake in MP or keep it?",
        "Is the mine up for sale, or will Iluka hold it?",
        "谁收购了Peak？",
    ],
)
def test_a_question_about_deals_is_no_request_for_advice(question: str) -> None:
    assert not asks_for_advice(question)


def test_other_kinds() -> None:
    assert asks_for_commitments("What did Baogang commit to?")
    assert not asks_for_commitments("What did Baogang discuss?")
    assert asks_for_figure("How much did it cost?")
    assert asks_for_date("When did the mill restart?")
    assert compares("Lynas versus MP: who made more?")
    assert not compares("Who leads Baogang?")


@pytest.mark.parametrize(
    ("question", "twice"),
    [
        ("How much did MP make in 2024, and how much in 2025?", True),
        ("Who led the session, and who chairs the society?", True),
        ("MP against Lynas: revenue?", True),
        ("And what products come out?", False),
        ("How much does Lynas make each year?", False),
    ],
)
def test_a_question_of_two_parts(question: str, twice: bool) -> None:
    assert asks_twice(question) is twice
