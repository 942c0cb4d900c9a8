"""What cannot be the answer is not given as one, however well it is supported."""

from datetime import date

import pytest

from rag.abstain import misses_the_point, suffices
from rag.types import Sentence
from rag.window import DateWindow


def said(text: str, support: str = "supported") -> list[Sentence]:
    return [Sentence(text, support, (1,), "")]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("question", "reply"),
    [
        ("How many tons of magnets did China export in 2025?", "China exported 52,660 tons in 2023."),
        ("What is Ramaco expecting to spend on the plant?", "Ramaco expects 1,242 tons of oxides a year."),
        ("How many tonnes did the plant deliver?", "It delivered magnets for 1.5 million cars."),
        ("How long does a licence take?", "A licence costs $45."),
        ("Who takes over from Amanda Lacaze at Lynas?", "Amanda Lacaze of Lynas will retire."),
        ("Where in the US does ASM want its plant?", "ASM wants its plant in the United States."),
        ("Why does ASM want a plant?", "ASM wants a plant."),
        ("Which Chinese firm is their partner?", "A Chinese state-owned firm is their partner."),
    ],
)
def test_a_reply_of_another_kind_misses_the_point(question: str, reply: str) -> None:
    assert misses_the_point(question, said(reply))


@pytest.mark.parametrize(
    ("question", "reply"),
    [
        ("How many tons of magnets did China export in 2023?", "China exported 52,660 tons in 2023."),
        ("How many tons of magnets did China export in 2023?", "Exports came to 52,660 tons."),
        ("What is Ramaco expecting to spend on the plant?", "The plant will cost $300 million."),
        ("What is the rent?", "It is 12% of revenue."),
        ("Which Chinese firm is their partner?", "Shenghe is their partner."),
        ("How long does a licence take?", "Up to 45 days."),
        ("Who takes over from Amanda Lacaze at Lynas?", "Gina Smith takes over from her."),
        ("Where in the US does ASM want its plant?", "It wants to build in Texas."),
        ("Who has the larger letter, Tanbreez or HyProMag?", "Tanbreez has the larger letter."),
        ("What made Washington drop its price floors?", "A lack of funds made it drop them."),
        ("谁接替Lacaze？", "Gina Smith。"),
    ],
)
def test_a_reply_of_the_kind_that_was_asked_for_does_not(question: str, reply: str) -> None:
    assert not misses_the_point(question, said(reply))


def test_the_years_of_a_window_are_not_those_of_the_answer() -> None:
    question, reply = "In news before March 2024, what are the licences good for?", said("Until late 2022.")
    assert misses_the_point(question, reply)
    assert not misses_the_point(question, reply, DateWindow(until=date(2024, 2, 29)))


def test_what_is_withheld_answers_nothing_and_misses_nothing() -> None:
    assert not misses_the_point("How much is it?", said("It is blue.", "unsupported"))


def test_what_a_reply_became_counts_for_as_much_as_the_model_is_sure() -> None:
    assert suffices("supported", 0.72)
    assert not suffices("supported", 0.5)
    for nothing in ("unsupported", "beside", "refusal"):
        assert not suffices(nothing, 0.72)
        assert suffices(nothing, 0.9)


def test_a_model_that_does_not_tell_how_sure_it_is_is_believed() -> None:
    assert suffices("weak", None)
    assert not suffices("refusal", None)
    assert not suffices("unsupported", None)
