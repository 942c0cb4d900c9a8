"""Equal figures are equal however they are written, and different ones never are."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.figures import Figure, figures, missing_figures

SAME = [
    ("1,200 tonnes", "1200 tonnes"),
    ("1.2 thousand tonnes", "1,200 tonnes"),
    ("US$400 million", "$400m"),
    ("$1.25bn", "1.25 billion dollars"),
    ("$1.25 billion", "$1,250 million"),
    ("4亿美元", "$400 million"),
    ("10.5亿元", "1.05 billion yuan"),
    ("5万吨", "50,000 tonnes"),
    ("43%", "43 per cent"),
    ("43 %", "43 percent"),
    ("three plants", "3 plants"),
    ("on May 13, 2025", "on 13 May 2025"),
    ("2025-05-13", "13 May 2025"),
    ("2025年5月13日", "13 May 2025"),
    ("Sept. 4", "4 September"),
    ("the 15th meeting", "meeting 15"),
    ("3-5% of demand", "3–5% of demand"),
    ("A$1.65 billion", "A$1.65bn"),
    ("$49.20 per kg", "$49.2 per kg"),
]

DIFFERENT = [
    ("1,200 tonnes", "1,300 tonnes"),
    ("$400 million", "$400 billion"),
    ("43%", "34%"),
    ("43%", "43 plants"),
    ("13 May 2025", "14 May 2025"),
    ("May 2025", "June 2025"),
    ("May 2025", "May 2024"),
    ("4亿", "4 million"),
    ("30.03 dollars", "30.30 dollars"),
    ("3 plants", "four plants"),
    ("1.2 tonnes", "12 tonnes"),
]


@pytest.mark.parametrize(("statement", "evidence"), SAME)
def test_the_same_figure_in_another_form_is_found(statement: str, evidence: str) -> None:
    assert missing_figures(statement, evidence) == []
    assert missing_figures(evidence, statement) == []


@pytest.mark.parametrize(("statement", "evidence"), DIFFERENT)
def test_another_figure_is_missed(statement: str, evidence: str) -> None:
    assert missing_figures(statement, evidence)


def test_missing_figures_are_named_for_people() -> None:
    assert missing_figures("40% in May 2024, 7 plants", "no figures") == ["2024", "40%", "7", "May"]


def test_may_the_verb_is_no_month() -> None:
    assert figures("prices may rise") == set()


@given(st.integers(min_value=0, max_value=10**12))
def test_thousands_separators_change_nothing(value: int) -> None:
    assert figures(f"{value:,} t") == figures(f"{value} t") == {Figure(Decimal(value).normalize())}


@given(st.text(max_size=200))
def test_every_text_contains_its_own_figures(text: str) -> None:
    assert missing_figures(text, text) == []
