"""The figures of a text, in a form in which equal ones are equal.

``1,200 t`` equals ``1.2 thousand``, ``43%`` equals ``43 per cent``, ``three`` equals ``3``, and
``May 13, 2025`` holds the same month, day and year as ``13 May 2025`` and ``2025-05-13``.
"""

import re
from dataclasses import dataclass
from decimal import Decimal

_SCALES = {
    "thousand": 3, "k": 3, "million": 6, "mn": 6, "m": 6, "billion": 9, "bn": 9, "b": 9,
    "trillion": 12, "百": 2, "千": 3, "万": 4, "百万": 6, "千万": 7, "亿": 8, "十亿": 9,
}  # fmt: skip
_WORDS = {
    "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9,
    "ten": 10, "eleven": 11, "twelve": 12, "dozen": 12, "fifteen": 15, "twenty": 20, "thirty": 30,
    "forty": 40, "fifty": 50, "hundred": 100,
}  # fmt: skip
_MONTHS = (
    "january", "february", "march", "april", "may", "june",
    "july", "august", "september", "october", "november", "december",
)  # fmt: skip
_MONTH_NAMES = {name: i for i, name in enumerate(_MONTHS, 1)} | {
    name[:3]: i for i, name in enumerate(_MONTHS, 1)
}

# Every quantifier is bounded and every alternative begins differently: linear on any input.
_NUMBER = re.compile(
    r"(?<![\w.,])(?P<number>\d{1,20}(?:,\d{3}){0,6}(?:\.\d{1,10})?)"
    r"(?:(?P<percent>\s?(?:%|％|per ?cent\b|percent\b))"
    r"|[\s-]?(?P<scale>thousand|million|billion|trillion|bn|mn|[kmb](?![\w])|百万|千万|十亿|[百千万亿]))?",
    re.IGNORECASE,
)
_WORD = re.compile(r"\b(" + "|".join(_WORDS) + r")\b", re.IGNORECASE)
_MONTH = re.compile(
    r"\b(" + "|".join(_MONTHS) + r"|(?:jan|feb|mar|apr|jun|jul|aug|sept?|oct|nov|dec)(?=\.? \d))\b", re.I
)
_ISO = re.compile(r"\b(\d{4})-(\d{2})-(\d{2})\b")
_CHINESE_DATE = re.compile(r"(\d{1,2})月")
_SPACED_CJK = re.compile(r"(?<=[\u3400-\u9fff])(?=\d)")


@dataclass(frozen=True)
class Figure:
    """A figure: its value, and ``percent``, ``month`` or nothing for what it counts."""

    value: Decimal
    kind: str = ""


def figures(text: str) -> set[Figure]:
    """All figures in a text."""
    found: set[Figure] = set()
    for match in _ISO.finditer(text):
        year, month, day = match.groups()
        found |= {Figure(Decimal(year)), Figure(Decimal(month), "month"), Figure(Decimal(day))}
    text = _ISO.sub(" ", text)
    for match in _CHINESE_DATE.finditer(text):
        found.add(Figure(Decimal(match.group(1)), "month"))
    text = _CHINESE_DATE.sub(" ", text)
    for match in _NUMBER.finditer(_SPACED_CJK.sub(" ", text)):
        found.add(_figure(match))
    for match in _WORD.finditer(text):
        found.add(Figure(Decimal(_WORDS[match.group().lower()])))
    for match in _MONTH.finditer(text):
        name = match.group().lower()
        # "May" the verb opens no date; only the capitalised form counts.
        if match.group()[0].isupper():
            found.add(Figure(Decimal(_MONTH_NAMES[name if name in _MONTH_NAMES else name[:3]]), "month"))
    return found


def _figure(match: re.Match[str]) -> Figure:
    value = Decimal(match["number"].replace(",", ""))
    if match["percent"]:
        return Figure(value.normalize(), "percent")
    if match["scale"]:
        value = value.scaleb(_SCALES[match["scale"].lower()])
    return Figure(value.normalize())


def missing_figures(statement: str, evidence: str) -> list[str]:
    """The figures of a statement that do not stand in the evidence, as text."""
    known = figures(evidence)
    return sorted(_spoken(figure) for figure in figures(statement) if figure not in known)


def _spoken(figure: Figure) -> str:
    if figure.kind == "month":
        return _MONTHS[int(figure.value) - 1].capitalize() if 1 <= figure.value <= 12 else str(figure.value)
    return f"{figure.value:f}" + ("%" if figure.kind == "percent" else "")
