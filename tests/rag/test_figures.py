"""Equal figures are equal however they are written, and different ones never are."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from rag.figures import figures, missing_figures

CASES: list[dict[str, Any]] = yaml.safe_load(
    Path(__file__).with_name("figure_cases.yaml").read_text(encoding="utf-8")
)

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
    assert missing_figures("40% in May 2024, 7 plants", "no figures") == ["40%", "7", "May 2024"]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_a_figure_stands_in_the_passage_or_it_does_not(case: dict[str, Any]) -> None:
    assert (missing_figures(case["said"], case["passage"]) == []) == case["stands"], case["why"]


def test_the_table_is_large_and_has_both_sides() -> None:
    wrong = sum(not case["stands"] for case in CASES)
    assert len(CASES) >= 150
    assert 60 <= wrong <= len(CASES) - 60


def test_verbs_are_no_months() -> None:
    assert figures("prices may rise and march on") == []


@given(st.integers(min_value=0, max_value=10**12))
def test_thousands_separators_change_nothing(value: int) -> None:
    (tonnes,) = figures(f"{value:,} t")
    assert figures(f"{value} t") == [tonnes]
    assert (tonnes.unit, tonnes.value) == ("kg", 1000 * value)


@given(st.integers(min_value=0, max_value=10**9), st.integers(min_value=0, max_value=10**9))
def test_a_number_stands_only_where_it_is(one: int, other: int) -> None:
    assert (missing_figures(f"{one} t of oxide", f"{other} t of oxide") == []) == (one == other)


@given(
    st.dates(min_value=date(1950, 1, 1), max_value=date(2099, 12, 31)), st.dates(min_value=date(1950, 1, 1))
)
def test_a_date_stands_however_it_is_written_and_another_never_does(one: date, other: date) -> None:
    forms = [f"{d.day} {d:%B} {d.year}" for d in (one, other)]
    for written in (
        f"{one:%B} {one.day}, {one.year}",
        one.isoformat(),
        f"{one.year}年{one.month}月{one.day}日",
    ):
        assert missing_figures(forms[0], f"It met on {written}.") == []
        assert (missing_figures(forms[1], f"It met on {written}.") == []) == (one == other)


@given(st.text(max_size=200))
def test_every_text_contains_its_own_figures(text: str) -> None:
    assert missing_figures(text, text) == []


@given(st.text(alphabet="0123456789.,%$ €年月日五十t/kg-–ofand", max_size=300))
def test_figure_like_noise_contains_itself_too(text: str) -> None:
    assert missing_figures(text, text) == []
