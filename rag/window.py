"""Which dates of publication a question asks for.

``since January 2026``, ``before the May 2025 meeting``, ``news of the last quarter``, ``这个月`` become
a window of days; ``latest`` asks for the newest first. A question about a time that is not about
publication ("output in 2024", "by 2030") has no window: an article of 2025 may answer it.
"""

import re
from calendar import monthrange
from dataclasses import dataclass, replace
from datetime import date, timedelta

from dateutil.relativedelta import relativedelta

from corpus.article import Article
from rag.asked import compares_times
from rag.dates import PartialDate, find_dates

_OPEN = {"on or after": "since", "on or before": "until",
         "since": "since", "after": "after", "following": "after", "later than": "after",
         "before": "before", "prior to": "before", "earlier than": "before",
         "until": "until", "up to": "until", "through": "until", "as of": "until"}  # fmt: skip
_OPERATOR = re.compile(
    r"\b(?P<word>"
    + "|".join(_OPEN)
    + r")\s+(?:the\s+)?(?:(?P<part>start|beginning|early|mid|middle|late|end)(?:\sof|-)?\s*(?:the\s+)?)?$",
    re.IGNORECASE,
)
# "Shortly before the March 2024 grant" tells when something happened, which the news of the grant may tell.
_CLOSE_BY = re.compile(
    r"\b(?:shortly|just|right|immediately|soon|(?:day|week|month|year)s?)\s+$", re.IGNORECASE
)
_MOMENTS = ("start", "beginning", "mid", "middle", "end")
_AND = re.compile(r"^\s*(?:and|to|until|through|-|–|—|至|到)\s*$", re.IGNORECASE)
_BETWEEN = re.compile(r"(?:\bbetween|\bfrom|从)\s*(?:the\s+)?$", re.IGNORECASE)
_IN = re.compile(r"\b(?:in|during|throughout|within|for|of|from|dated|on)\s+(?:the\s+)?$", re.IGNORECASE)
_ONWARDS = re.compile(r"^\s*(?:onwards?|on\b|以来|之后|以后|后)")
_EVENT = re.compile(
    r"^\s+(?!and\b|but\b|or\b|to\b|in\b|for\b|on\b|did\b|has\b|have\b|what\b|was\b|were\b|is\b|are\b)[a-z]+",
    re.I,
)
# "The highest since July 2022" tells how high, not when somebody wrote of it.
_CHINESE_SINCE = "以来(?!的?(?:最|首|新))"
_CHINESE_AFTER = re.compile(rf"^\s*(?:{_CHINESE_SINCE}|之后|以后|起)")
_SUPERLATIVE = re.compile(
    r"\b(?:\w{2,}est|most|least|best|worst|first|record|high|low|peak)\b(?:\W+\w+){0,3}\W+since\s+(?:the\s+)?$",
    re.IGNORECASE,
)
# "前三季度" are the first three quarters.
_CHINESE_BEFORE = re.compile(r"^\s*(?:之前|以前|前(?!\s*[\d一二三四五六七八九十两几半]))")

# A period is a window only where the question asks for what was published in it.
_ABOUT_REPORTING = re.compile(
    r"\b(report(s|ed|ing)?|publish(es|ed)?|news|articles?|coverage|covered|headlines?|stories|story|wrote|written|"
    r"happen(s|ed|ing)?|announce(s|d|ments?)?|develop(ed|ments?)|updates?|what'?s new)\b"
    r"|报道|发布|宣布|新闻|消息|动态|进展",
    re.IGNORECASE,
)
# What somebody said or put out in a month is in the articles of that month; what was said of a year may be
# in later ones.
_TOLD = re.compile(
    r"\b(sa(y|ys|id)|told|c[ao]me out|puts? out|releas(e|es|ed|ing)|unveil(s|ed)?|disclos(e|es|ed))\b",
    re.IGNORECASE,
)
_NEWS = re.compile(
    r"\b(?:news|articles?|headlines?|stor(?:y|ies)|coverage|covered)\b|新闻|报道|消息", re.IGNORECASE
)
# What was told in two months is in the articles of both.
_REPORTED_IN = re.compile(
    r"\b(?:told|said|reported|published|announced|stated|written|news|articles?|headlines?|stories|coverage)"
    r"\s+(?:in|of|from|during)\s+(?:the\s+)?$",
    re.IGNORECASE,
)
# "In the January update, and two months later": the articles of January do not tell the rest.
_ANOTHER_TIME = re.compile(
    r"\b(?:day|week|month|quarter|year)s? (?:later|earlier|afterwards|(?:after|before) that)\b", re.IGNORECASE
)
# "What did he say the hack in June was?" tells when the hack was, not when he said so.
_CLAUSE_ENDS = re.compile(r"^\s*(?:$|[^\w\s]|(?:about|on|of|that|regarding|concerning|by|from|and|how|to)\b)")
_OTHER_END = re.compile(
    r"^\s*,?\s*(?:and|but)\s+(?:before|until|up to|through)\s+(?:the\s+)?(?:(?:start|end)\s+of\s+)?$",
    re.IGNORECASE,
)
# As in "May 2025 news".
_NEWS_BEHIND = re.compile(r"^\s+(?:news|headlines?|coverage|articles)\b", re.IGNORECASE)
_QUARTER_BEHIND = re.compile(r"^\s*(?:quarter|half|financial|fiscal|results|earnings)\b", re.IGNORECASE)
_REPORTED_FIGURE = re.compile(
    r"\b(?:what|which|how (?:much|many|big|large|high))\b.{0,40}"
    r"\b(?:revenues?|sales|turnover|profits?|earnings|loss(?:es)?|income|eps|ebitda|output|production|cash|dividends?|margins?|exports?|imports?|price)\b.{0,60}"
    r"\b(?:report|post|announce|publish|disclose)(?:ed|s)?\b",
    re.IGNORECASE,
)
_LATEST = re.compile(
    r"\b(latest|newest|most recent(ly)?|recent(ly)?|current(ly)?|nowadays|right now|these days|"
    r"up[- ]to[- ]date|as of today|so far this)\b"
    r"|最新|最近|目前|当前|近期|现在|过去|这个?[周月年]|本[周月年]|今年",
    re.IGNORECASE,
)
_NUMBERS = {"two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "ten": 10, "twelve": 12,
            "两": 2, "三": 3, "四": 4, "五": 5, "六": 6, "十": 10}  # fmt: skip
_COUNT = r"(?P<count>\d{1,3}|" + "|".join(_NUMBERS) + r")"
_RELATIVE = re.compile(
    rf"\b(?:in|over|during|within|for|from)?\s*(?:the\s+)?(?P<which>last|past|previous|this|current)\s+"
    rf"(?:{_COUNT}\s+)?(?P<unit>day|week|month|quarter|year)s?\b(?!'s|’s)(?!\s+of\b)"
    r"|\b(?P<yesterday>yesterday|today)\b"
    rf"|(?P<zh_which>过去|最近|近|上|这|本|去|今)(?:{_COUNT.replace('count', 'zh_count')})?个?"
    r"(?P<zh_unit>天|日|周|星期|月|季度|年)",
    re.IGNORECASE,
)
_UNITS = {
    "天": "day",
    "日": "day",
    "周": "week",
    "星期": "week",
    "月": "month",
    "季度": "quarter",
    "年": "year",
}
_LAST_QUARTER_OF = re.compile(r"\b(?:last|final)\s+quarter\s+of\s+((?:19|20)\d\d)\b", re.IGNORECASE)
_BARE_YEAR = re.compile(r"(?:(?<![\d$€£¥.,-])|(?<=early-)|(?<=mid-)|(?<=late-))(?:19|20)\d\d(?![\d%]|[.,]\d)")
_BESIDE_CHARS = 12
_ASKS_FOR_A_TIME = re.compile(
    rf"\b(since|prior to|in the (last|past))\b|{_CHINESE_SINCE}|之前", re.IGNORECASE
)


@dataclass(frozen=True)
class DateWindow:
    """The dates of publication that a question asks for.

    Attributes:
        since: first day; None for no bound.
        until: last day; None for no bound.
        latest: the newest articles are wanted first.
        unread: words that seem to name a time and could not be read; nothing is filtered by them.
    """

    since: date | None = None
    until: date | None = None
    latest: bool = False
    unread: str = ""

    @property
    def narrows(self) -> bool:
        """Whether any date is outside."""
        return self.since is not None or self.until is not None

    def holds(self, day: date | None) -> bool:
        """Whether a date lies inside; no date lies inside no window that narrows."""
        if not self.narrows:
            return True
        return day is not None and (self.since or day) <= day <= (self.until or day)

    def __str__(self) -> str:
        since, until = (d.strftime("%-d %B %Y") if d else "" for d in (self.since, self.until))
        if since and until:
            return f"from {since} to {until}"
        return f"since {since}" if since else f"until {until}" if until else ""


ALWAYS = DateWindow()
"""No bounds."""


def read_window(question: str, today: date) -> DateWindow:
    """The window that a question names; one that narrows nothing when it names none."""
    latest = bool(_LATEST.search(question))
    window = _absolute(question, today) or _relative(question, today) or DateWindow()
    if window.until and window.until >= today:  # "before 2030" asks for plans, not for articles
        window = replace(window, until=None)
    if window.since and window.until and window.since > window.until:
        window = DateWindow(unread=str(window))
    asks = _ASKS_FOR_A_TIME.search(question)
    if asks and _SUPERLATIVE.search(f"{question[: asks.end()]} "):
        asks = None
    if asks and not window.narrows and not window.unread:
        window = replace(window, unread=question[asks.start() : asks.end() + 30].strip(" ?？。"))
    return replace(window, latest=latest)


def known_date(article: Article, today: date) -> date | None:
    """When an article was published, as far as it is known.

    An article whose source states no date was published on or after the newest day that it names,
    so that day stands in; days to come are plans and say nothing.
    """
    if article.published:
        return article.published
    days = [
        date(d.year, d.month, min(d.day, monthrange(d.year, d.month)[1]))
        for *_, d in find_dates(f"{article.title}\n{article.text}")
        if d.year and d.month and d.day
    ]
    return max((day for day in days if day <= today), default=None)


def _absolute(question: str, today: date) -> DateWindow | None:
    """A window from dates that are named outright."""
    if compares_times(question):
        return None
    question = _LAST_QUARTER_OF.sub(lambda match: f"Q4 {match.group(1)}", question)
    dates = _periods(question)
    for i, (start, end, said) in enumerate(dates):
        first = _bounds(said)[0]
        before, after = question[:start], question[end:]
        if i + 1 < len(dates) and _BETWEEN.search(before) and _AND.match(question[end : dates[i + 1][0]]):
            return DateWindow(first, _bounds(dates[i + 1][2])[1])
        operator = _OPERATOR.search(before)
        if operator and not _SUPERLATIVE.search(before):
            event = bool(_EVENT.match(after))
            if event and _CLOSE_BY.search(before[: operator.start()]):
                continue
            opened = _opened(operator, said, event)
            other = dates[i + 1] if i + 1 < len(dates) else None
            if opened.since and other and _OTHER_END.match(question[end : other[0]]):
                closing = _OPERATOR.search(question[: other[0]])
                assert closing
                return replace(opened, until=_opened(closing, other[2], False).until)
            return opened
        if _CHINESE_AFTER.match(after) or (_ONWARDS.match(after) and re.search(r"\bfrom\s+$", before, re.I)):
            return DateWindow(since=first)
        if _CHINESE_BEFORE.match(after):
            return DateWindow(until=first - timedelta(days=1))
    periods = [period for period in dates if _is_of_reporting(question, *period)]
    periods = [period for period in periods if _bounds(period[2])[0] <= today]  # of the future nobody wrote
    if not periods:
        return None
    told_in = [_bounds(period[2]) for period in periods if _REPORTED_IN.search(question[: period[0]])]
    if len(told_in) > 1:
        return DateWindow(min(first for first, _ in told_in), max(last for _, last in told_in))
    if _ANOTHER_TIME.search(question):
        return None
    away = {period: _from_reporting(question, *period[:2]) for period in periods}
    nearest = min(periods, key=away.__getitem__)
    if len(periods) > 1 and away[nearest] > _BESIDE_CHARS:  # then they may all be of what was reported
        return None
    return DateWindow(*_bounds(nearest[2]))


def _opened(operator: re.Match[str], said: PartialDate, event: bool) -> DateWindow:
    """What an operator such as "since" or "before the end of" makes of the date behind it."""
    kind, part = _OPEN[operator["word"].lower()], (operator["part"] or "").lower()
    return _one_sided(kind, *_part_of(*_bounds(said), part), part, event)


def _is_of_reporting(question: str, start: int, end: int, said: PartialDate) -> bool:
    """Whether a period may be the one in which something was published."""
    told = (
        bool(said.month or said.quarter or said.half)
        and bool(_TOLD.search(question))
        and (start < _BESIDE_CHARS or bool(_CLAUSE_ENDS.match(question[end:])))
    )
    # A day is that of an event, of which the next days write too, unless news of that day are asked for.
    asks = _NEWS.search(question) if said.day else told or _ABOUT_REPORTING.search(question)
    if not asks or _is_of_the_figures(question, start, end):
        return False
    beside = _IN.search(question[:start]) or _NEWS_BEHIND.match(question[end:])
    return bool(beside or re.search(r"[\u3400-\u9fff]", question))


def _from_reporting(question: str, start: int, end: int) -> int:
    """How many characters are between a period and the nearest word for news."""
    words = list(_NEWS.finditer(question)) or list(_ABOUT_REPORTING.finditer(question))
    return min((max(word.start() - end, start - word.end()) for word in words), default=0)


def _is_of_the_figures(question: str, start: int, end: int) -> bool:
    """Whether a period is that of reported figures, which are published after it: "revenue for Q3 2025"."""
    if _NEWS.search(question):
        return False
    for_period = re.search(r"\bfor\s+(?:the\s+)?$", question[:start], re.IGNORECASE)
    return bool(for_period or _QUARTER_BEHIND.match(question[end:]) or _REPORTED_FIGURE.search(question))


def _part_of(first: date, last: date, part: str) -> tuple[date, date]:
    """The days of a period that are meant by its start, middle, end, or by early or late in it."""
    third = (last - first) // 3
    return {
        "": (first, last),
        "start": (first, first),
        "beginning": (first, first),
        "early": (first, first + third),
        "mid": (first + (last - first) // 2,) * 2,
        "middle": (first + (last - first) // 2,) * 2,
        "late": (last - third, last),
        "end": (last, last),
    }[part]


def _one_sided(kind: str, first: date, last: date, part: str, event: bool) -> DateWindow:
    """``event``: the date only says which event is meant, which may be on any day of it."""
    if kind == "since":
        return DateWindow(since=first)
    if kind == "after":
        return DateWindow(since=first if event or part in _MOMENTS else last + timedelta(days=1))
    if kind == "before":
        return DateWindow(until=last if part == "end" else first - timedelta(days=1))
    return DateWindow(until=last)


def _periods(text: str) -> list[tuple[int, int, PartialDate]]:
    """Dates that have a year, bare years included, in the order of the text.

    A month before another takes its year from it ("between March and June 2025"), and so does one that ends
    what another begins ("since October 2025 and before March").
    """
    found = find_dates(text)
    taken = [range(start, end) for start, end, _ in found]
    for match in _BARE_YEAR.finditer(text):
        if not any(match.start() in places for places in taken):
            found.append((*match.span(), PartialDate(year=int(match.group()))))
    found.sort(key=lambda item: item[0])
    for i in range(len(found) - 2, -1, -1):
        start, end, said = found[i]
        if not said.year and _AND.match(text[end : found[i + 1][0]]):
            found[i] = (start, end, replace(said, year=found[i + 1][2].year))
    for i in range(1, len(found)):
        (_, end, begun), (start, stop, said) = found[i - 1], found[i]
        if begun.year and said.month and not said.year and _OTHER_END.match(text[end:start]):
            found[i] = (start, stop, replace(said, year=begun.year + (said.month < (begun.month or 1))))
    return [item for item in found if item[2].year]


def _bounds(said: PartialDate) -> tuple[date, date]:
    """First and last day of a date that is said in part."""
    assert said.year
    if said.quarter:
        first = date(said.year, 3 * said.quarter - 2, 1)
        return first, first + relativedelta(months=3, days=-1)
    if said.half:
        first = date(said.year, 6 * said.half - 5, 1)
        return first, first + relativedelta(months=6, days=-1)
    if not said.month:
        return date(said.year, 1, 1), date(said.year, 12, 31)
    days = monthrange(said.year, said.month)[1]
    if said.day:
        day = date(said.year, said.month, min(said.day, days))
        return day, day
    return date(said.year, said.month, 1), date(said.year, said.month, days)


def _relative(question: str, today: date) -> DateWindow | None:
    """A window counted from today."""
    match = _RELATIVE.search(question)
    if not match or not (_ABOUT_REPORTING.search(question) or _LATEST.search(question)):
        return None
    if match["yesterday"]:
        day = today - timedelta(days=match["yesterday"].lower() == "yesterday")
        return DateWindow(day, day)
    which = (match["which"] or match["zh_which"]).lower()
    unit = (match["unit"] or _UNITS[match["zh_unit"]]).lower()
    said = (match["count"] or match["zh_count"] or "").lower()
    count = _NUMBERS.get(said) or int(said or 1)
    if said or which in ("past", "过去", "最近", "近"):
        return DateWindow(since=today - _span(unit, count))
    first = _first_day(unit, today)
    if which in ("this", "current", "这", "本", "今"):
        return DateWindow(since=first)
    return DateWindow(first - _span(unit, 1), first - timedelta(days=1))


def _span(unit: str, count: int) -> relativedelta:
    return {
        "day": relativedelta(days=count),
        "week": relativedelta(weeks=count),
        "month": relativedelta(months=count),
        "quarter": relativedelta(months=3 * count),
        "year": relativedelta(years=count),
    }[unit]


def _first_day(unit: str, today: date) -> date:
    """The first day of the week (Monday), month, quarter or year that today lies in."""
    if unit == "week":
        return today - timedelta(days=today.weekday())
    if unit == "month":
        return today.replace(day=1)
    if unit == "quarter":
        return date(today.year, 3 * ((today.month - 1) // 3) + 1, 1)
    return today.replace(month=1, day=1) if unit == "year" else today
