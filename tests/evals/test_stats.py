"""Intervals hold the truth about as often as they say, and noise is not taken for a difference."""

import numpy as np
import pytest

from evals.metrics import Share
from evals.stats import estimate, holm, p_value


def rates(flags: list[bool]) -> list[Share | None]:
    return [(float(flag), 1.0) for flag in flags]


def test_an_interval_holds_the_value_and_narrows_with_cases() -> None:
    few, many = estimate(rates([True, False] * 10)), estimate(rates([True, False] * 200))
    assert few.low < few.value == many.value == 0.5 < few.high
    assert many.high - many.low < few.high - few.low
    assert (few.cases, many.cases) == (20, 400)


def test_an_interval_holds_the_truth_about_as_often_as_it_says() -> None:
    draw = np.random.default_rng(7)
    held = 0
    for _ in range(60):
        found = estimate(rates(list(draw.random(80) < 0.7)))
        held += found.low <= 0.7 <= found.high
    assert held >= 50


def test_cases_of_no_concern_are_left_out_and_ratios_are_of_sums() -> None:
    found = estimate([None, (1.0, 4.0), (3.0, 4.0), None])
    assert (found.value, found.cases) == (0.5, 2)


def test_the_same_answers_are_no_difference() -> None:
    flags = rates([True, False, True])
    assert p_value(flags, flags) == 1.0
    assert p_value([None], [None]) == 1.0


def test_a_large_change_is_significant_and_a_single_flip_is_not() -> None:
    before = rates([True] * 30)
    assert p_value(before, rates([False] * 12 + [True] * 18)) < 0.01
    assert p_value(before, rates([False] + [True] * 29)) == pytest.approx(1.0)


def test_noise_is_seldom_taken_for_a_difference() -> None:
    draw = np.random.default_rng(11)
    false = sum(
        p_value(rates(list(draw.random(60) < 0.6)), rates(list(draw.random(60) < 0.6))) < 0.05
        for _ in range(40)
    )
    assert false <= 5


def test_holm_multiplies_the_smallest_most() -> None:
    assert holm({"a": 0.01, "b": 0.04, "c": 0.5}) == {"a": 0.03, "b": 0.08, "c": 0.5}
    assert holm({"a": 0.5, "b": 0.6}) == {"a": 1.0, "b": 1.0}
