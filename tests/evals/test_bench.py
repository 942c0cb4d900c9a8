"""What `reex bench` says of what it measured. What it measures takes minutes and a quiet machine."""

from typing import Any

import pytest

from evals.bench.answers import bars
from evals.bench.page import as_html, as_text
from evals.bench.short import Measure

ROW = {"first": 5.0, "floor_first": 4.0, "tutorial_first": 11.0} | {
    "whole": 9.0,
    "floor_whole": 7.0,
    "tutorial_whole": 20.0,
}


def result(rows: list[dict[str, Any]]) -> dict[str, Any]:
    first = {"what": "first token", "against": "its floor", "value": 1.31, "bar": 1.25}
    index = {"what": "passages indexed a second", "against": "the model's", "value": 0.91, "bar": 0.9}
    return {
        "started": "2026-11-29T10:00:00+00:00",
        "suite": "starter <b>",
        "machine": {"processor": "A Processor", "cores": 2, "bfloat16": False, "load": 1.2},
        "commit": "0123456789abcdef",
        "changed": True,
        "measures": [
            first | {"at_least": False, "is_met": False},
            index | {"at_least": True, "is_met": True},
            {
                "what": "search, ms",
                "against": "",
                "value": 21.7,
                "bar": 60,
                "at_least": False,
                "is_met": True,
            },
        ],
        "figures": {"articles": 76, "passages": 226, "questions": len(rows), "search_ms": 21.7},
        "questions": rows,
    }


@pytest.mark.parametrize(
    ("value", "at_least", "is_met"),
    [(1.0, True, True), (0.99, True, False), (1.0, False, True), (1.01, False, False)],
)
def test_a_bar_is_met_when_it_is_reached(value: float, at_least: bool, is_met: bool) -> None:
    assert Measure("", "", value, 1.0, at_least).is_met is is_met


def test_the_text_sets_each_figure_beside_its_bar() -> None:
    assert [" ".join(line.split()) for line in as_text(result([ROW])).splitlines()] == [
        "first token against its floor 1.31 × ≤ 1.25 × missed",
        "passages indexed a second against the model's 0.91 × ≥ 0.90 × met",
        "search, ms 22 ≤ 60 met",
    ]


def test_the_page_tells_where_and_how_fast_and_escapes_what_it_is_told() -> None:
    page = as_html(result([ROW, ROW | {"first": 6.0}]))
    assert "without bfloat16 arithmetic" in " ".join(page.split())
    assert "Commit 0123456789ab, with changes." in page
    assert page.count("<svg") == 2
    assert "starter &lt;b&gt;" in page
    assert page.count('class="missed"') == 1


def test_the_page_does_without_answers() -> None:
    assert "<svg" not in as_html(result([]))


def test_only_what_was_measured_is_held_to_a_bar() -> None:
    assert bars({"questions": 0}) == []
    assert bars({"whole_to_tutorial": 0.5}) == [("whole answer", "the tutorial chain's", 0.5, 0.6)]
