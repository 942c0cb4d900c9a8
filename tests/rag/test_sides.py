"""A comparison is taken apart into its two sides; anything else is left whole."""

import re
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.sides import sides


@pytest.mark.parametrize(
    ("question", "one", "other"),
    [
        (
            "Which cost more, ASM's plant or MP's mine in Nevada?",
            "Which cost more, ASM's plant?",
            "Which cost more, MP's mine in Nevada?",
        ),
        (
            "Revenue in late 2024: Lynas against MP?",
            "Revenue in late 2024: Lynas?",
            "Revenue in late 2024: MP?",
        ),
        ("Grade of the ore, Nolans vs Longonjo", "Grade of the ore, Nolans", "Grade of the ore, Longonjo"),
        (
            "How does the old budget compare in size with the final cost?",
            "How does the old budget?",
            "the final cost?",
        ),
        (
            "Compare Vital's net loss for 2024 with its net loss for 2025.",
            "Compare Vital's net loss for 2024.",
            "Compare Vital's net loss its net loss for 2025.",
        ),
        (
            "How did demand differ between Europe in 2024 and Japan in 2025?",
            "How did demand differ in Europe in 2024?",
            "How did demand differ in Japan in 2025?",
        ),
        (
            "How did the loss of MP change between Q3 2023 and Q4 2025?",
            "How did the loss of MP change in Q3 2023?",
            "How did the loss of MP change in Q4 2025?",
        ),
        (
            "How much oxide did MP make in 2024, and how much in 2025?",
            "How much oxide did MP make in 2024?",
            "How much oxide did MP make how much in 2025?",
        ),
        (
            "Who led the session of Baogang, and who chairs the Society of Rare Earths?",
            "Who led the session of Baogang?",
            "who chairs the Society of Rare Earths?",
        ),
        (
            "On loans: what did Ucore get, and what did Torngat get?",
            "On loans: what did Ucore get?",
            "On loans: what did Torngat get?",
        ),
    ],
)
def test_each_side_is_searched_for_without_the_other(question: str, one: str, other: str) -> None:
    found = sides(question)
    assert found
    assert [side.question for side in found] == [one, other]


def test_a_side_is_called_what_the_question_calls_it() -> None:
    found = sides("Who made more NdPr in 2025, Lynas or the mine of MP Materials?")
    assert found
    assert [side.name for side in found] == ["Lynas", "mine of MP Materials"]


@pytest.mark.parametrize(
    ("question", "asked"),
    [
        ("Who made more NdPr, Lynas or MP? Give both figures.", "Who made NdPr, Lynas? Give figures."),
        ("Which is dearer to build, Nolans or Longonjo?", "Which is priced to build, Nolans?"),
        (
            "How did MP's loss change between Q3 2023 and Q4 2025?",
            "How did MP's loss in Q3 2023?",
        ),
        ("Who has more staff, Less Common Metals or MP?", "Who has staff, Less Common Metals?"),
    ],
)
def test_nobody_is_asked_whether_one_side_is_the_bigger_one(question: str, asked: str) -> None:
    found = sides(question)
    assert found
    assert found[0].asked == asked


@pytest.mark.parametrize(
    "question",
    [
        "",
        "What did Lynas and Iluka sign?",  # one deal
        "How much did ARU raise for Lynas?",
        "Which three funds from Australia, the US and Germany were lined up, for how much each?",
        "What was reported between January 2025 and March 2026 on each of the plants?",
        "Why build it in America rather than at home?",
        "What is the extra $16 million or so meant to pay for?",
        "Which is the largest deposit of all?",
    ],
)
def test_anything_else_is_asked_in_one(question: str) -> None:
    assert sides(question) is None


_PIECES = (
    "Lynas", "MP", "2024", "Q3 2025", "or", "and", "vs", "compare", "compared with", "against", "who",
    "between", "which", "how much", "more", "than", "each", ",", ":", "?", " - ", "in", "with", "(",
)  # fmt: skip


@given(st.lists(st.sampled_from(_PIECES), max_size=25).map(" ".join) | st.text(max_size=200))
def test_no_side_is_empty_and_none_says_what_the_question_does_not(question: str) -> None:
    for side in sides(question) or ():
        assert re.search(r"\w", side.question)
        assert re.search(r"\w", side.name)
        assert Counter(re.findall(r"\w+", side.question)) <= Counter(re.findall(r"\w+", question))
