"""The figures of a text, in a form in which equal ones are equal, and whether they stand in another.

``1,200 t`` equals ``1.2 kt`` and ``1.2 thousand tonnes``, ``US$110/kg`` equals ``$110,000 per
tonne``, ``43%`` equals ``43 per cent``, ``5万吨`` equals ``50,000 tonnes``, and ``May 2025`` stands
where ``13 May 2025`` does. ``RMB`` is not ``US$``, percent are not percentage points, and
``1,200`` does not stand in ``11,200``.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache

from rag.dates import PartialDate, find_dates

_SCALES = {
    "thousand": 3, "k": 3, "million": 6, "mn": 6, "mln": 6, "m": 6, "billion": 9, "bn": 9, "b": 9,
    "trillion": 12, "tn": 12, "百": 2, "千": 3, "万": 4, "百万": 6, "千万": 7, "亿": 8, "十亿": 9, "万亿": 12,
}  # fmt: skip
_UNITS = {
    "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10,
    "eleven": 11, "twelve": 12, "thirteen": 13, "fourteen": 14, "fifteen": 15, "sixteen": 16,
    "seventeen": 17, "eighteen": 18, "nineteen": 19,
}  # fmt: skip
_TENS = {
    "twenty": 20,
    "thirty": 30,
    "forty": 40,
    "fifty": 50,
    "sixty": 60,
    "seventy": 70,
    "eighty": 80,
    "ninety": 90,
}
_ORDINALS = {
    "second": 2, "third": 3, "fourth": 4, "fifth": 5, "sixth": 6, "seventh": 7, "eighth": 8, "ninth": 9,
    "tenth": 10, "eleventh": 11, "twelfth": 12, "thirteenth": 13, "fourteenth": 14, "fifteenth": 15,
    "sixteenth": 16, "seventeenth": 17, "eighteenth": 18, "nineteenth": 19, "twentieth": 20,
    "thirtieth": 30, "fortieth": 40, "fiftieth": 50,
}  # fmt: skip
_TIMES = {"doubl": 2, "twofold": 2, "two-fold": 2, "tripl": 3, "threefold": 3, "three-fold": 3, "quadrupl": 4,
          "fourfold": 4, "four-fold": 4, "fivefold": 5, "five-fold": 5,
          "tenfold": 10, "ten-fold": 10}  # fmt: skip
_FRACTIONS = {
    "half": Decimal(50), "a third": Decimal("33.3333"), "one third": Decimal("33.3333"),
    "one-third": Decimal("33.3333"), "two thirds": Decimal("66.6667"), "two-thirds": Decimal("66.6667"),
    "a quarter": Decimal(25), "one quarter": Decimal(25), "one-quarter": Decimal(25),
    "three quarters": Decimal(75), "three-quarters": Decimal(75), "a fifth": Decimal(20),
    "one fifth": Decimal(20), "one-fifth": Decimal(20), "一半": Decimal(50), "三分之一": Decimal("33.3333"),
    "三分之二": Decimal("66.6667"), "四分之一": Decimal(25), "四分之三": Decimal(75),
}  # fmt: skip
_CURRENCIES = {
    "us$": "USD", "$us": "USD", "u.s.$": "USD", "usd": "USD", "$": "USD", "dollar": "USD",
    "u.s. dollar": "USD",
    "us dollar": "USD", "美元": "USD", "a$": "AUD", "au$": "AUD", "aud": "AUD", "australian dollar": "AUD",
    "澳元": "AUD", "$a": "AUD", "c$": "CAD", "ca$": "CAD", "cad": "CAD", "canadian dollar": "CAD",
    "加元": "CAD",
    "€": "EUR", "eur": "EUR", "euro": "EUR", "欧元": "EUR", "£": "GBP", "gbp": "GBP", "英镑": "GBP",
    "rmb": "CNY", "renminbi": "CNY", "cny": "CNY", "yuan": "CNY", "¥": "CNY", "人民币": "CNY", "元": "CNY",
    "jpy": "JPY", "yen": "JPY", "日元": "JPY", "₹": "INR", "inr": "INR", "rupee": "INR", "krw": "KRW",
}  # fmt: skip
_KILOGRAM = Decimal(1)
_MASSES = {
    "kg": _KILOGRAM, "kilogram": _KILOGRAM, "kilogramme": _KILOGRAM, "kilo": _KILOGRAM, "公斤": _KILOGRAM,
    "千克": _KILOGRAM, "g": Decimal("0.001"), "gram": Decimal("0.001"), "t": Decimal(1000),
    "tonne": Decimal(1000), "ton": Decimal(1000), "metric ton": Decimal(1000), "metric tonne": Decimal(1000),
    "mt": Decimal(1000), "tpa": Decimal(1000), "tpy": Decimal(1000), "吨": Decimal(1000),
    "kt": Decimal(10**6), "ktpa": Decimal(10**6), "kilotonne": Decimal(10**6), "mtpa": Decimal(10**9),
    "short ton": Decimal("907.18474"), "lb": Decimal("0.45359237"), "pound": Decimal("0.45359237"),
}  # fmt: skip
# Counted things that are easily mistaken for each other; a year is twelve months.
_COUNTS: dict[str, tuple[str, int | Decimal]] = {
    "month": ("month", 1), "个月": ("month", 1), "year": ("month", 12), "年": ("month", 12),
    "day": ("day", 1), "天": ("day", 1), "week": ("day", 7), "mw": ("MW", 1), "megawatt": ("MW", 1),
    "gw": ("MW", 1000), "gigawatt": ("MW", 1000), "kw": ("MW", Decimal("0.001")),
    "times": ("times", 1), "倍": ("times", 1),
}  # fmt: skip
_RATES = {"month": "month", "月": "month", "week": "week", "day": "day", "天": "day"}
_PERCENT = ("%", "％", "percent", "per cent", "pct")
_POINTS = ("percentage point", "pp", "个百分点")
_CHINESE_NUMERALS = {c: i for i, c in enumerate("零一二三四五六七八九")} | {"两": 2}
_CHINESE_PLACES = {"十": 10, "百": 100, "千": 1000}


def _either(words: object) -> str:
    """A pattern for one of the words, the longest first, plural or not; words end where words end."""
    ordered = sorted(words, key=len, reverse=True)  # type: ignore[call-overload]
    return "|".join(
        re.escape(w) + (r"s?(?![A-Za-z])" if w[-1].isascii() and w[-1].isalpha() else "") for w in ordered
    )


# Every quantifier is bounded and alternatives begin differently: linear on any input.
_PREFIXES = [c for c in _CURRENCIES if c not in ("元", "dollar", "yuan")]
_SUFFIXES = (*_PERCENT, *_POINTS, *_MASSES, *_CURRENCIES, *_COUNTS)
_QUANTITY = re.compile(
    r"(?:每(?P<before>公斤|千克|吨)\s?)?"
    rf"(?:(?<![A-Za-z$])(?P<currency>{'|'.join(map(re.escape, sorted(_PREFIXES, key=len, reverse=True)))})\s?"
    r"|(?<![A-Za-z_\d]))"
    r"(?:(?P<percent>百分之)\s?)?"
    r"(?P<number>(?<!\d)(?<!\d[.,])\d{1,3}(?:[ \u00a0\u2009\u202f]\d{3}(?![\d.,]\d)){1,4}(?![\d%])"
    r"|(?<!\d)(?<!\d[.,])\d{1,20}(?:,\d{3}){0,6}(?:\.\d{1,10})?(?:(?=[^\w])|(?![\d_])))"
    r"(?:st\b|nd\b|rd\b|th\b)?"
    rf"(?:[\s-]?(?P<scale>{_either(s for s in _SCALES if len(s) > 1 and s[0].isascii())}"
    r"|百万|千万|十亿|万亿|[百千万亿]|[kKmMbB](?![A-Za-z])))?"
    rf"(?:[\s-]{{0,2}}(?P<unit>{_either(_SUFFIXES)}))?"
    rf"(?:\s?(?:/|per\s|an?\s|每)\s?(?:(?P<per>{_either(_MASSES)})|(?P<rate>{_either(_RATES)})))?",
    re.IGNORECASE,
)
_MILLION_TONNES = re.compile(r"(?<=\d)\s?Mt\b")
_YEAR_SPAN = re.compile(r"\b((?:19|20)\d\d)[-–/](\d\d)\b(?![-/])")
_TEN = "|".join(_TENS)
_UNIT = "|".join(sorted(_UNITS, key=len, reverse=True))
_WORD = re.compile(
    rf"\b(?:(?P<half>half\sa)(?=\s(?:million|billion|trillion|dozen))"
    rf"|(?:(?P<tens>{_TEN})(?:[\s-](?P<ones>{_UNIT}))?|(?P<unit>{_UNIT})|an?(?=\s(?:hundred|dozen)\b)"
    rf"|one(?=[\s-](?:hundred|thousand|million|billion|trillion|dozen)\b))"
    rf"(?:[\s-](?P<times>hundred|dozen))?)\b",
    re.IGNORECASE,
)
_TIME = re.compile(r"\b(" + "|".join(_TIMES) + r")(?:e[sd]?|ing)?\b", re.IGNORECASE)
_ORDINAL = re.compile(r"\b(" + "|".join(_ORDINALS) + r")\b(?![\s-](?:half|quarter))", re.IGNORECASE)
_ROMAN = {"ii": 2, "iii": 3, "iv": 4}
_PHASE = re.compile(r"\b(?:phase|stage) (" + "|".join(_ROMAN) + r")\b", re.IGNORECASE)
_FRACTION = re.compile(
    r"\b(?:"
    + "|".join(f for f in _FRACTIONS if f.isascii() and f != "half")
    + r"|(?<!first )(?<!second )half(?=\s(?:of|the|its|all|their)\b))"
    r"(?!-year)|一半|[三四]分之[一二三]",
    re.IGNORECASE,
)
_CHINESE_NUMBER = re.compile(
    r"(?<=百分之)[一二两三四五六七八九十百]{1,6}"
    r"|[一二两三四五六七八九十百千]{1,6}(?=万|亿|吨|公斤|元|美元|年|家|个月|倍|成|月|号|日|次|%)"
)
_JOINED = re.compile(
    r"^\s?(?:-|–|—|~|to|and|or|至|到)\s?(?:between\s|about\s|nearly\s|RMB\s?|CNY\s?|US\$|A\$|[$€£¥])?$",
    re.IGNORECASE,
)
_JOINED_CLOSELY = re.compile(r"^\s?(?:-|–|—|~|to|至|到)\s?$")
_SPACED_CJK = re.compile(r"(?<=[\u3400-\u9fff])(?=\d)")


@dataclass(frozen=True)
class Figure:
    """A figure as it is said and in its base unit.

    Attributes:
        number: with its scale: 1.2 million is 1200000.
        unit: ``%``, ``pp`` (percentage points), ``kg``, ``kg/month``, a currency as in ISO 4217,
            ``USD/kg``, ``month``, ``day``, ``MW``, ``times``, ``year`` of the calendar, or nothing for
            what is merely counted.
        value: ``number`` in ``unit``: tonnes are turned into kilograms.
        date: for a date, and then the rest is empty.
    """

    number: Decimal
    unit: str = ""
    value: Decimal = Decimal(0)
    date: PartialDate | None = None

    def __str__(self) -> str:
        if self.date:
            return str(self.date)
        return f"{self.number:f}" + {"%": "%", "pp": " percentage points"}.get(self.unit, "")


def figures(text: str) -> list[Figure]:
    """All figures in a text, dates last."""
    return list(_figures(text))


@lru_cache(maxsize=2_000)  # an answer is checked against the same sentences dozens of times
def _figures(text: str) -> tuple[Figure, ...]:
    dates = find_dates(text)
    rest = list(text)
    for start, end, _ in dates:
        rest[start:end] = " " * (end - start)
    plain, words = _spelled("".join(rest))
    return (
        *_quantities(_SPACED_CJK.sub(" ", _chinese_numbers(plain))),
        *words,
        *(Figure(Decimal(0), date=date) for *_, date in dates),
    )


def figure_spans(text: str) -> list[tuple[int, int]]:
    """Where the figures in digits stand in a text, with their currencies and units, in order.

    The two ends of a range are one: ``5-7%``. Dates are left out, and so are figures in words.

    >>> text = "It makes 5,000 t a year, for US$110/kg."
    >>> [text[start:end] for start, end in figure_spans(text)]
    ['5,000 t', 'US$110/kg']
    """
    rest = list(text)
    for start, end, _ in find_dates(text):
        rest[start:end] = " " * (end - start)
    spans: list[tuple[int, int]] = []
    for match in _QUANTITY.finditer("".join(rest)):
        if spans and _JOINED_CLOSELY.match(text[spans[-1][1] : match.start()]):
            start, before = spans.pop()
            ends = figures(text[start : match.end()])
            if len({figure.unit for figure in ends}) > 1:  # up 40% to $270
                spans += [(start, before), match.span()]
            else:
                spans.append((start, match.end()))
        else:
            spans.append(match.span())
    return spans


def missing_figures(statement: str, evidence: str, *, dates: bool = True) -> list[str]:
    """The figures of a statement that do not stand in the evidence, as text; dates and years if asked for."""
    known = figures(evidence)
    wanted = (figure for figure in figures(statement) if dates or not (figure.date or figure.unit == "year"))
    return sorted({str(figure) for figure in wanted if not stands(figure, known)})


def stands(figure: Figure, known: Sequence[Figure]) -> bool:
    """Whether a figure is among those of a text."""
    if figure.date:
        return _date_stands(figure.date, known)
    units = {other.unit for other in known}
    for other in known:
        if other.date:
            # A year as a bare number, where the other text has it in a date.
            if figure.unit in ("", "year") and other.date.year == figure.number:
                return True
        elif figure.unit == other.unit:
            if figure.value == other.value:
                return True
        elif figure.number == other.number and _may_share(figure.unit, other.unit, units):
            return True
    return False


def years_of(found: Sequence[Figure]) -> set[int]:
    """The years of the calendar among figures, those of dates as well."""
    dated = {f.date.year for f in found if f.date and f.date.year}
    return dated | {int(f.number) for f in found if f.unit == "year"}


def _may_share(wanted: str, given: str, units: set[str]) -> bool:
    """Whether equal numbers of two units may be the same figure: when one text leaves the unit out."""
    if "year" in (wanted, given):
        return "" in (wanted, given)
    if wanted == f"{given}/kg":
        return wanted in units  # from $60 per kg to $50
    if not wanted:
        return given not in ("%", "pp", "times")
    return not given and wanted in units


def _date_stands(date: PartialDate, known: Sequence[Figure]) -> bool:
    """Whether all that is said of a date is said of one date; the year may be said elsewhere."""
    dates = [figure.date for figure in known if figure.date]
    years = {d.year for d in dates} | {int(f.number) for f in known if f.unit == "year"}
    for other in dates:
        same_year = date.year in (None, other.year) or (other.year is None and date.year in years)
        if same_year and date.day in (None, other.day) and _month_fits(date, other):
            return True
    return date == PartialDate(year=date.year) and date.year in years


def _month_fits(date: PartialDate, other: PartialDate) -> bool:
    if date.quarter or date.half:
        return (other.quarter, other.half) == (date.quarter, date.half)
    return date.month in (None, other.month)


def _quantities(text: str) -> list[Figure]:
    found: list[tuple[re.Match[str], Figure]] = []
    text = _MILLION_TONNES.sub(" million t", _YEAR_SPAN.sub(r"\1, 20\2", text))
    for match in _QUANTITY.finditer(text):
        figure = _figure(match)
        if found and _JOINED.match(text[found[-1][0].end("number") : match.start("number")]):
            last, before = found[-1]
            if before.unit in _CURRENCIES.values() and figure.unit in ("", "year"):
                figure = _figure(match, before.unit)
            found[-1] = (last, _sharing(before, match, figure))
        found.append((match, figure))
    return [figure for _, figure in found]


def _sharing(first: Figure, match: re.Match[str], second: Figure) -> Figure:
    """The first end of a range, which takes its scale and unit from the second: 5-7%, $3 to 4 million."""
    if first.unit not in ("", second.unit, second.unit.removesuffix("/kg")) or not second.unit:
        return first
    scale = Decimal(10) ** (_SCALES[match["scale"].lower().rstrip("s")] if match["scale"] else 0)
    if first.number >= scale > 1:
        scale = Decimal(1)
    number = (first.number * scale).normalize()
    ratio = second.value / second.number if second.number else Decimal(1)
    return Figure(number, second.unit, (number * ratio).normalize())


def _figure(match: re.Match[str], currency: str = "") -> Figure:
    """``currency``: the one that was said before, for the second end of a range."""
    number = Decimal(re.sub(r"[,\s]", "", match["number"]))
    if match["scale"]:
        scale = match["scale"].lower()
        number = number.scaleb(_SCALES[scale] if scale in _SCALES else _SCALES[scale.rstrip("s")])
    number = number.normalize()
    unit, factor = "", Decimal(1)
    said = _singular(match["unit"])
    if match["percent"] or said in _PERCENT:
        unit = "%"
    elif said in _POINTS:
        unit = "pp"
    elif currency or match["currency"] or said in _CURRENCIES:
        own = said if said in _CURRENCIES and said != "dollar" else (match["currency"] or said).lower()
        unit = currency or _CURRENCIES[own]
        if mass := _MASSES.get(_singular(match["per"] or match["before"])):
            unit, factor = f"{unit}/kg", 1 / mass
    elif said in _MASSES:
        unit, factor = "kg", _MASSES[said]
    elif said in _COUNTS:
        unit, count = _COUNTS[said]
        factor = Decimal(count)
    elif not match["scale"] and re.fullmatch(r"(?:19|20)\d\d", match["number"]):
        unit = "year"
    if match["rate"] and unit:
        unit += f"/{_RATES[match['rate'].lower().removesuffix('s')]}"
    return Figure(number, unit, (number * factor).normalize())


def _singular(unit: str | None) -> str:
    unit = (unit or "").lower()
    return unit if unit in _SUFFIXES else unit.removesuffix("s")


def _spelled(text: str) -> tuple[str, list[Figure]]:
    """A text with its numbers in words as digits, and the shares, multiples and ordinals in words."""
    found = []

    def take(match: re.Match[str], number: int | Decimal, unit: str) -> str:
        found.append(Figure(Decimal(number), unit, Decimal(number)))
        return " " * len(match.group())

    text = _FRACTION.sub(lambda m: take(m, _FRACTIONS[m.group().lower()], "%"), text)
    text = _TIME.sub(lambda m: take(m, _TIMES[m.group(1).lower()], "times"), text)
    text = _ORDINAL.sub(lambda m: take(m, _ORDINALS[m.group(1).lower()], ""), text)
    text = _PHASE.sub(lambda m: take(m, _ROMAN[m.group(1).lower()], ""), text)
    return _WORD.sub(_digits, text), found


def _digits(match: re.Match[str]) -> str:
    if match["half"]:
        return "0.5"
    value = _TENS.get((match["tens"] or "").lower(), 0) + _UNITS.get(
        (match["ones"] or match["unit"] or "").lower(), 0
    )
    times = {"hundred": 100, "dozen": 12}.get((match["times"] or "").lower(), 1)
    return str((value or 1) * times)


def _chinese_numbers(text: str) -> str:
    """A text with the Chinese numerals that count something as digits: 五万吨 as 5万吨."""
    return _CHINESE_NUMBER.sub(lambda match: str(_chinese_value(match.group())), text)


def _chinese_value(numeral: str) -> int:
    total, digit = 0, 0
    for character in numeral:
        if place := _CHINESE_PLACES.get(character):
            total += (digit or 1) * place
            digit = 0
        else:
            digit = _CHINESE_NUMERALS[character]
    return total + digit
