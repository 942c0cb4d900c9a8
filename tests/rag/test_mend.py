"""Currencies and words of the question are put right, and nothing else is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.lexical import terms
from rag.mend import with_currencies, with_reservations, without_contrast, without_echoes


@pytest.mark.parametrize(
    ("sentence", "evidence", "mended"),
    [
        ("It pays $0.545 a share.", "at least A$0.545 each", "It pays A$0.545 a share."),
        ("It costs $12.5 million.", "C$12.5 million, or US$9 million", "It costs C$12.5 million."),
        ("It costs $1,500.", "A$1,500 in all.", "It costs A$1,500."),
        # Two currencies, none, or a longer number: nothing tells which is meant.
        ("It costs $5 million.", "A$5 million and US$5 million", "It costs $5 million."),
        ("It costs $5 million.", "$5 million", "It costs $5 million."),
        ("It costs $5 million.", "A$5.5 million", "It costs $5 million."),
        ("It costs $5 million.", "A$5,500 million", "It costs $5 million."),
        ("It costs $5 million.", "A$15 million", "It costs $5 million."),
        ("It costs US$5 million.", "A$5 million", "It costs US$5 million."),
        ("It costs 5 million.", "A$5 million", "It costs 5 million."),
    ],
)
def test_a_bare_dollar_is_the_one_of_the_evidence(sentence: str, evidence: str, mended: str) -> None:
    assert with_currencies(sentence, evidence) == mended


@given(st.text(), st.text())
def test_any_sentence_keeps_all_but_its_dollars(sentence: str, evidence: str) -> None:
    mended = with_currencies(sentence, evidence)
    assert [c for c in mended if c.isdigit()] == [c for c in sentence if c.isdigit()]
    assert with_currencies(sentence, "") == sentence


@pytest.mark.parametrize(
    ("sentence", "left"),
    [
        ("The plant is not in Lyon but in Grenoble.", "The plant is in Grenoble."),
        ("Profit did not fall but rose by 4.7%.", "Profit rose by 4.7%."),
        ("It is in Grenoble, not in Lyon.", "It is in Grenoble."),
        ("Grenoble, and not Lyon, has the plant.", "Grenoble has the plant."),
        # More is denied than was asked about, or nothing.
        ("The plant is not in Paris but in Grenoble.", "The plant is not in Paris but in Grenoble."),
        ("The plant is not in Lyon.", "The plant is not in Lyon."),
        ("It is in Lyon but small.", "It is in Lyon but small."),
    ],
)
def test_what_is_denied_of_a_question_goes_when_the_truth_stands_beside(sentence: str, left: str) -> None:
    assert without_contrast(sentence, "Why did profit fall at the plant in Lyon?") == left


@given(st.text(), st.text())
def test_any_sentence_loses_nothing_that_was_not_asked_for(sentence: str, question: str) -> None:
    left = set(terms(without_contrast(sentence, question)))
    assert set(terms(sentence)) - left <= {*terms(question), "not", "but", "and"}


QUESTION = "What is the upfront capex at Lofdal in the PFS (NMI)? And in the 2024 DFS of LYC?"


@pytest.mark.parametrize(
    ("sentence", "missing", "left"),
    [
        ("The capex in the PFS is US$273 million.", ("PFS",), "The capex in the is US$273 million."),
        ("The PFS and the DFS say so.", ("PFS", "DFS"), "The and the say so."),
        # Not a word of the question, a company, or a figure.
        ("The PEA says US$273 million.", ("PEA",), "The PEA says US$273 million."),
        ("The PFS of Acme says so.", ("PFS", "Acme"), "The PFS of Acme says so."),
        ("The capex of LYC is US$273 million.", ("LYC",), "The capex of LYC is US$273 million."),
        ("The capex in 2024 was US$273 million.", ("2024",), "The capex in 2024 was US$273 million."),
        ("The capex is US$273 million.", (), "The capex is US$273 million."),
    ],
)
def test_only_words_that_are_repeated_from_the_question_go(
    sentence: str, missing: tuple[str, ...], left: str
) -> None:
    assert without_echoes(sentence, missing, QUESTION) == left


@pytest.mark.parametrize(
    ("sentence", "evidence", "mended"),
    [
        (
            "It offers A$0.545 a share.",
            "some A$240 million, or at least A$0.545 each",
            "It offers at least A$0.545 a share.",
        ),
        ("It came to 43%.", "It rose to nearly 43%.", "It came to nearly 43%."),
        ("22 kilograms go into each.", "It takes About 22 kilograms.", "about 22 kilograms go into each."),
        # Said already, said differently in two places, or another figure.
        ("It holds about 22 kilograms.", "about 22 kilograms", "It holds about 22 kilograms."),
        ("It holds more than 22 kilograms.", "about 22 kilograms", "It holds more than 22 kilograms."),
        ("It holds 22 kilograms.", "about 22 kilograms, or 22 kilograms exactly", "It holds 22 kilograms."),
        ("It holds 22 kilograms.", "about 22.5 kilograms and about 122", "It holds 22 kilograms."),
        ("The F-22 flies.", "about 22 kilograms", "The F-22 flies."),
        ("It takes the 22 kilograms.", "about 22 kilograms", "It takes the 22 kilograms."),
        ("It takes an extra 22 kilograms.", "about 22 kilograms", "It takes an extra 22 kilograms."),
        ("EXIM's $456 million.", "as much as $456 million", "EXIM's $456 million."),
        ("It costs $16 million or so.", "more than $16 million", "It costs $16 million or so."),
        ("It holds 22 kilograms.", "", "It holds 22 kilograms."),
    ],
)
def test_a_figure_keeps_the_reservation_of_the_evidence(sentence: str, evidence: str, mended: str) -> None:
    assert with_reservations(sentence, evidence) == mended


@given(st.text(), st.text())
def test_reservations_only_add_words(sentence: str, evidence: str) -> None:
    rest = iter(with_reservations(sentence, evidence))
    assert all(character in rest for character in sentence)
