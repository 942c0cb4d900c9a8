"""Filters are read as people give them, and meet the words of the question and the names of the corpus."""

from datetime import date

import pytest

from corpus.errors import UsageError
from rag.filters import as_spelled, narrowed, read_filters
from rag.types import UNFILTERED, Filters
from rag.window import DateWindow

JANUARY, MAY = date(2026, 1, 1), date(2026, 5, 31)


def test_filters_are_read_from_an_object_whose_fields_are_all_optional() -> None:
    given = {"since": "2026-01-01", "until": "2026-05-31", "publishers": ["Fastmarkets ", "electrive"]}
    assert read_filters(given) == Filters(JANUARY, MAY, ("Fastmarkets", "electrive"))
    nothing = {"since": None, "until": None, "publishers": None}
    assert read_filters({}) == read_filters(None) == read_filters(nothing) == UNFILTERED
    assert read_filters({"since": "2026-01-01", "until": "2026-01-01"}).since == JANUARY


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("2026", "object"),
        ([], "object"),
        ({"publisher": "Fastmarkets"}, "object"),
        ({"publishers": "Fastmarkets"}, "lists of names"),
        ({"publishers": [1]}, "lists of names"),
        ({"since": "last week"}, "last week is no date"),
        ({"since": ""}, "is no date"),
        ({"until": "2026-02-30"}, "2026-02-30 is no date"),
        ({"until": 2026}, "2026 is no date"),
        ({"since": "2026-05-31", "until": "2026-01-01"}, "swap the dates"),
    ],
)
def test_what_is_no_filter_is_refused(given: object, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        read_filters(given)


@pytest.mark.parametrize(
    ("filters", "window", "both"),
    [
        (UNFILTERED, DateWindow(), (None, None)),
        (Filters(since=JANUARY), DateWindow(until=MAY), (JANUARY, MAY)),
        (Filters(JANUARY, MAY), DateWindow(date(2026, 3, 1), date(2026, 8, 1)), (date(2026, 3, 1), MAY)),
        (Filters(JANUARY, MAY), DateWindow(date(2025, 3, 1), date(2026, 2, 1)), (JANUARY, date(2026, 2, 1))),
    ],
)
def test_filters_and_a_window_leave_the_days_that_both_have(
    filters: Filters, window: DateWindow, both: tuple[date | None, date | None]
) -> None:
    found = narrowed(filters, window)
    assert (found.since, found.until, found.excludes_all) == (*both, False)


def test_filters_and_a_window_may_have_no_day_in_common() -> None:
    assert narrowed(Filters(until=JANUARY), DateWindow(since=MAY)).excludes_all


def test_publishers_get_every_spelling_of_the_corpus() -> None:
    known = ["Rare Earth Exchanges", "Rawmaterials.net", "rawmaterials.net"]
    found = as_spelled(Filters(JANUARY, publishers=("RAWMATERIALS.net",)), known)
    assert found == Filters(JANUARY, publishers=("Rawmaterials.net", "rawmaterials.net"))
    with pytest.raises(UsageError, match="“Rawmaterials”; it has some by Rare Earth Exchanges, Raw"):
        as_spelled(Filters(publishers=("Rawmaterials",)), known)
    with pytest.raises(UsageError, match="none whose publisher is known"):
        as_spelled(Filters(publishers=("X",)), [])
