"""Dates that a text names, whole or in part, in English, Chinese and ISO 8601.

``13 May 2025``, ``May 13, 2025``, ``2025-05-13``, ``2025年5月13日``, ``May 2025``, ``5月``, ``2025``
and ``third quarter of 2025`` all become a `PartialDate`.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from functools import lru_cache

MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
_MONTH_NUMBERS = {name[:3].lower(): number for number, name in enumerate(MONTHS, 1)}
_CHINESE_DIGITS = {"一": 1, "二": 2, "三": 3, "四": 4}
_ORDINALS = {"first": 1, "second": 2, "third": 3, "fourth": 4, "1st": 1, "2nd": 2, "3rd": 3, "4th": 4}
_HALVES = {"first": "1", "second": "2", "latter": "2", "上": "1", "下": "2"}

# Capitals are asked for: "may" and "march" are verbs. Short forms need a figure beside them.
_FULL = "|".join(MONTHS)
_NAME = rf"(?:{_FULL}|(?:Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|Nov|Dec)\b\.?)"
_YEAR = r"(?:19|20)\d{2}"
_DAY = r"(?:[12]\d|3[01]|0?[1-9])"

# Every quantifier is bounded and alternatives differ early: linear on any input.
_PATTERNS = [
    re.compile(pattern)
    for pattern in (
        rf"(?<!\d)(?P<year>{_YEAR})-(?P<month>0[1-9]|1[0-2])(?:-(?P<day>0[1-9]|[12]\d|3[01]))?(?![\d-])",
        rf"(?<!\d)(?P<year>{_YEAR})\s?年\s?(?P<month>1[0-2]|0?[1-9])\s?月(?:\s?(?P<day>{_DAY})\s?[日号])?",
        rf"(?<!\d)(?P<month>1[0-2]|0?[1-9])\s?月(?!\s?\d{{0,2}}\s?个)(?:\s?(?P<day>{_DAY})\s?[日号])?",
        rf"(?<!\d)(?P<year>{_YEAR})\s?年\s?第?(?P<quarter>[一二三四1-4])季度?",
        r"第(?P<quarter>[一二三四1-4])季度",
        rf"(?<!\d)(?P<year>{_YEAR})\s?年(?!期)",
        rf"(?<![\w.,])(?P<day>{_DAY})(?:st|nd|rd|th)?(?:\sof)?\s(?P<name>{_NAME})"
        rf"(?:,?\s(?P<year>{_YEAR})(?!\d))?",
        rf"\b(?P<name>{_NAME})\s(?:the\s)?(?P<day>{_DAY})(?:st|nd|rd|th)?(?![\w.]?\d)(?:,?\s(?P<year>{_YEAR})(?!\d))?",
        rf"\b(?P<name>{_NAME})(?:,|\sof)?\s(?P<year>{_YEAR})(?!\d)",
        rf"\b(?P<name>{_FULL})\b",
        rf"\b(?:Q(?P<quarter>[1-4])|(?P<quarter_>[1-4])Q)(?:\sof)?(?:[\s-]?(?P<year>{_YEAR}|\d\d(?!\d)))?",
        rf"\b(?P<ordinal>(?i:first|second|third|fourth|1st|2nd|3rd|4th))[\s-](?i:quarter)"
        rf"(?:\s(?:of\s)?(?P<year>{_YEAR})(?!\d))?",
        rf"(?<!\d)(?P<year>{_YEAR})\sQ(?P<quarter>[1-4])",
        rf"\bH(?P<half>[12])(?:\sof)?(?:[\s-]?(?P<year>{_YEAR}))?(?!\d)",
        rf"\b(?P<half_>(?i:first|second|latter))[\s-](?i:half)(?:\s(?:of\s)?(?P<year>{_YEAR})(?!\d)|(?=\sof\sthe\s(?:\w+\s)?year))",
        rf"(?:(?<!\d)(?P<year>{_YEAR})\s?年)?(?P<half_>[上下])半年",
        rf"\bFY\s?-?(?P<year>{_YEAR}|\d\d(?!\d))",
    )
]


@dataclass(frozen=True)
class PartialDate:
    """As much of a date as is said; ``quarter`` and ``half`` are of the year, from 1."""

    year: int | None = None
    month: int | None = None
    day: int | None = None
    quarter: int | None = None
    half: int | None = None

    def __str__(self) -> str:
        if self.quarter or self.half:
            part = f"Q{self.quarter}" if self.quarter else f"H{self.half}"
            return f"{part} {self.year or ''}".strip()
        month = MONTHS[self.month - 1] if self.month else None
        return " ".join(str(part) for part in (self.day, month, self.year) if part)


def day_number(day: date | None) -> int:
    """A day as a number that compares like it, 20250513; 0 for none."""
    return day.year * 10_000 + day.month * 100 + day.day if day else 0


def find_dates(text: str) -> list[tuple[int, int, PartialDate]]:
    """Dates in a text with their places ``(start, end, date)``, in order, none overlapping.

    A bare year such as ``2025`` is a number, not a date: only its context could tell.
    """
    return list(_found(text))


@lru_cache(maxsize=2_000)  # an answer is checked against the same sentences dozens of times
def _found(text: str) -> tuple[tuple[int, int, PartialDate], ...]:
    taken = bytearray(len(text))
    found = []
    for start, end, said in _matches(text):
        if not any(taken[start:end]):
            taken[start:end] = b"\1" * (end - start)
            found.append((start, end, said))
    return tuple(sorted(found, key=lambda item: item[0]))


def _matches(text: str) -> Iterator[tuple[int, int, PartialDate]]:
    for pattern in _PATTERNS:
        for match in pattern.finditer(text):
            yield *match.span(), _date(match.groupdict())


def _date(parts: dict[str, str | None]) -> PartialDate:
    quarter = parts.get("quarter") or parts.get("quarter_")
    half = parts.get("half") or _HALVES.get((parts.get("half_") or "").lower())
    name, month, ordinal = parts.get("name"), parts.get("month"), parts.get("ordinal")
    return PartialDate(
        year=_year(parts.get("year")),
        month=_MONTH_NUMBERS[name[:3].lower()] if name else int(month) if month else None,
        day=int(day) if (day := parts.get("day")) else None,
        quarter=_ORDINALS[ordinal.lower()]
        if ordinal
        else (_CHINESE_DIGITS.get(quarter) or int(quarter))
        if quarter
        else None,
        half=int(half) if half else None,
    )


def _year(digits: str | None) -> int | None:
    if not digits:
        return None
    return int(digits) if len(digits) == 4 else 2000 + int(digits)
