"""Markers are found in every form that models write them, and never shown half-written."""

from time import perf_counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.markers import read_markers, settled

KNOWN = {"a7", "k3"}


@pytest.mark.parametrize(
    "written",
    [
        "Output rose [a7].",
        "Output rose. [a7]",
        "Output rose[[a7]].",
        "Output rose 【a7】.",
        "Output rose ［a7］.",
        "Output rose (a7).",
        "Output rose [A7].",
        "Output rose [id: a7].",
        'Output rose [a7; "Lynas"].',
    ],
)
def test_accepts_the_variants_that_models_write(written: str) -> None:
    marked = read_markers(written, KNOWN)
    assert (marked.text, marked.ids, marked.unknown) == ("Output rose.", ("a7",), 0)


def test_several_ids_keep_their_order_and_appear_once() -> None:
    marked = read_markers("Both say so [k3, a7][k3].", KNOWN)
    assert marked.ids == ("k3", "a7")
    assert marked.text == "Both say so."


def test_unknown_ids_are_dropped_and_counted() -> None:
    marked = read_markers("Output rose [z9][a7][1].", KNOWN)
    assert (marked.text, marked.ids, marked.unknown) == ("Output rose.", ("a7",), 2)


def test_an_aside_in_brackets_keeps_its_words() -> None:
    assert read_markers("It [the company] agreed.", KNOWN).text == "It the company agreed."


@pytest.mark.parametrize(
    "begun", ["Output rose [", "Output rose [a", "Output rose [a7, k", "Output rose 【a7"]
)
def test_a_marker_that_has_only_begun_is_held_back(begun: str) -> None:
    assert settled(begun) == "Output rose"


def test_a_bracket_that_stays_open_is_text_after_a_while() -> None:
    text = "Output rose [" + "x" * 100
    assert settled(text) == text


@given(st.text(alphabet="ab7k3 [](){}【】［］,.;:\n", max_size=200))
def test_no_marker_survives_in_the_text(text: str) -> None:
    shown = read_markers(text, KNOWN).text
    assert not set(shown) & set("[]【】［］")


@given(st.text(max_size=300))
def test_settled_is_a_prefix(text: str) -> None:
    assert text.startswith(settled(text))


@pytest.mark.parametrize(
    "hostile", ["[" * 50_000, "[a7" * 20_000, "[a7, " * 20_000, "(" * 50_000, " " * 100_000]
)
def test_no_input_makes_it_slow(hostile: str) -> None:
    # Ten times the text may not take much more than ten times as long; a nested quantifier
    # would take a hundred times.
    def seconds(text: str) -> float:
        started = perf_counter()
        read_markers(text, KNOWN)
        settled(text)
        return perf_counter() - started

    short = min(seconds(hostile[: len(hostile) // 10]) for _ in range(3))
    assert seconds(hostile) < 40 * short + 0.05
