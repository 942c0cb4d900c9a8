"""Filters as people and scripts give them, matched with what a question asks for and what the corpus has."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from typing import Any

from corpus.clean import clean_line
from corpus.errors import UsageError
from rag.types import Filters
from rag.window import DateWindow

_LISTS = ("publishers", "topics", "companies")
_FORM = (
    'Filters are an object with any of "since", "until" (YYYY-MM-DD), "publishers", "topics" and "companies" '
    "(lists of names)."
)
_SOME = 5


def read_filters(given: Any) -> Filters:
    """Filters from an object with any of the fields of `Filters`; what is missing or None filters nothing.

    Raises:
        UsageError: it is something else, a date is none, or the last day lies before the first.
    """
    given = {} if given is None else given
    if not isinstance(given, dict) or not given.keys() <= {"since", "until", *_LISTS}:
        raise UsageError(_FORM)
    publishers, topics, companies = (_names(given.get(name) or []) for name in _LISTS)
    filters = Filters(_day(given.get("since")), _day(given.get("until")), publishers, topics, companies)
    if filters.excludes_all:
        raise UsageError(f"No day is since {filters.since} and until {filters.until}: swap the dates.")
    return filters


def filters_as_data(filters: Filters) -> dict[str, Any]:
    """Filters as the object that `read_filters` reads, without what filters nothing."""
    days = {"since": filters.since, "until": filters.until}
    found: dict[str, Any] = {name: day.isoformat() for name, day in days.items() if day}
    return found | {name: list(names) for name in _LISTS if (names := getattr(filters, name))}


def _names(given: Any) -> tuple[str, ...]:
    if not isinstance(given, list) or not all(isinstance(name, str) for name in given):
        raise UsageError(_FORM)
    return tuple(clean_line(name) for name in given)


def _day(given: Any) -> date | None:
    if given is None:
        return None
    try:
        return date.fromisoformat(given)
    except (TypeError, ValueError) as error:
        raise UsageError(f"{given} is no date of publication: give it as YYYY-MM-DD.") from error


def narrowed(filters: Filters, window: DateWindow) -> Filters:
    """The filters and a window together; `Filters.excludes_all` when they have no day in common."""
    return replace(
        filters,
        since=max(filter(None, (filters.since, window.since)), default=None),
        until=min(filter(None, (filters.until, window.until)), default=None),
    )


def as_spelled(filters: Filters, known: Sequence[str]) -> Filters:
    """The filters with each publisher in all spellings that the corpus has.

    Raises:
        UsageError: the corpus has no such publisher.
    """
    spellings: dict[str, list[str]] = defaultdict(list)
    for name in known:
        spellings[name.casefold()].append(name)
    for name in filters.publishers:
        if name.casefold() not in spellings:
            some = f"some by {', '.join(known[:_SOME])}" if known else "none whose publisher is known"
            raise UsageError(f"The corpus has no article published by “{name}”; it has {some}.")
    return replace(filters, publishers=tuple(s for n in filters.publishers for s in spellings[n.casefold()]))
