"""The figures of an answer as a table, each beside the passage that it stands in, and its sources by date."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from html import escape

from rag.dates import find_dates
from rag.figures import figure_spans, figures, missing_figures, stands
from rag.lexical import terms
from rag.names import actors_in, names_in
from rag.types import Answer, Citation, Sentence

_LEAST = 3  # rows, and dates of a timeline
_SAME_THING = 0.5
_WHAT_CHARS = 160
# Not measured: what is merely counted, and spans of time, of which the words say too little.
_BESIDE_THE_POINT = ("", "year", "month", "day")
_CLAUSE = re.compile(
    r"(?<!\d),(?=\s)|(?<=\d),\s|[;:—–()（）“”\"；：，。、]"
    r"|\s(?:and|or)\s(?=[^,;:]{0,80}\d)|\s(?:while|whereas|but|versus|against|compared with)\s",
    re.IGNORECASE,
)
_ASIDE = re.compile(r"\s?[(（][^()（）\d]{1,60}[)）]")
_QUARTER = re.compile(r" (?:quarter|half|(?:financial|fiscal) year)\b")
_FEW_WORDS = 2
_YEAR = re.compile(r"(?<![\d.,])(?:19|20)\d\d(?![\d,%]|\.\d)")
_LOOSE_START = re.compile(r"^(?:\W|(?:and|or|but|while|which|that|as|whereas)\b)+", re.IGNORECASE)
_WORDS = {
    "en": {
        "caption": "Figures in this answer",
        "what": "What",
        "figure": "Figure",
        "when": "When",
        "source": "Source",
        "published": "published",
        "timeline": "The sources by date",
        "show": "Show passage",
    },
    "zh": {
        "caption": "回答中的数字",
        "what": "内容",
        "figure": "数值",
        "when": "时间",
        "source": "来源",
        "published": "发布于",
        "timeline": "来源按日期排列",
        "show": "显示引文",
    },
}


@dataclass(frozen=True)
class Row:
    """One figure as the answer words it, which stands in a passage that the answer cites for it.

    Attributes:
        what: the words that it belongs to.
        figure: with its currency and unit.
        when: the date or period that the same words name; empty when they name none.
        citation: the passage.
    """

    what: str
    figure: str
    when: str
    citation: Citation


def rows(answer: Answer) -> list[Row]:
    """The measured figures of what an answer says, each once, in its order."""
    cited = {citation.n: citation for citation in answer.citations}
    found: list[Row] = []
    for sentence in answer.sentences:
        if sentence.support != "unsupported":
            for row in _rows_of(sentence, [cited[n] for n in sentence.citations if n in cited]):
                if not any(_tell_the_same(row, other) for other in found):
                    found.append(row)
    return found


def figure_table_html(answer: Answer, turn: int, language: str = "en") -> str:
    """The figures of an answer as a table; empty when there are fewer than three.

    Args:
        answer: the answer.
        turn: tells its markers from other answers'.
        language: of its heads, "en" or "zh".
    """
    found = rows(answer)
    if len(found) < _LEAST:
        return ""
    words = _WORDS.get(language, _WORDS["en"])
    heads = "".join(
        f'<th scope="col" class="{name}">{words[name]}</th>' for name in ("what", "figure", "when", "source")
    )
    body = "".join(_row(row, turn, words) for row in found)
    return (
        f'<table class="figures"><caption>{words["caption"]}</caption>'
        f"<thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table>"
    )


def timeline_html(answer: Answer, turn: int, language: str = "en") -> str:
    """The cited articles by date, the oldest first; empty when they are of fewer than three dates.

    Arguments as for `figure_table_html`.
    """
    by_day: dict[date, list[Citation]] = {}
    for citation in answer.citations:
        if citation.published:
            by_day.setdefault(citation.published, []).append(citation)
    if answer.abstained or len(by_day) < _LEAST:
        return ""
    words = _WORDS.get(language, _WORDS["en"])
    items = "".join(
        f"<li>{_time(day)} <span>{_articles(by_day[day], turn, words)}</span></li>" for day in sorted(by_day)
    )
    name = words["timeline"]
    return (
        f'<section class="timeline" aria-label="{name}"><p class="head">{name}</p><ol>{items}</ol></section>'
    )


def _row(row: Row, turn: int, words: dict[str, str]) -> str:
    published = row.citation.published
    if row.when:
        when = escape(row.when)
    else:
        when = f'<span class="published">{words["published"]} {_time(published)}</span>' if published else ""
    return (
        f'<tr><th scope="row" class="what">{escape(row.what)}</th>'
        f'<td class="figure">{escape(row.figure)}</td><td class="when">{when}</td>'
        f'<td class="source">{_marker(row.citation, turn, words)}</td></tr>'
    )


def _articles(cited: list[Citation], turn: int, words: dict[str, str]) -> str:
    """The articles of one day, each with the markers of its passages."""
    by_article: dict[str, list[Citation]] = {}
    for citation in cited:
        by_article.setdefault(citation.article_id, []).append(citation)
    return "; ".join(
        f"{escape(same[0].title or same[0].url)} {''.join(_marker(c, turn, words) for c in same)}"
        for same in by_article.values()
    )


def _time(day: date) -> str:
    return f'<time datetime="{day.isoformat()}">{day.isoformat()}</time>'


def _marker(citation: Citation, turn: int, words: dict[str, str]) -> str:
    n = citation.n
    return f'<a class="cite" href="#cite-{turn}-{n}" title="{words["show"]} {n}">{n}</a>'


def _rows_of(sentence: Sentence, cited: list[Citation]) -> Iterator[Row]:
    text = _ASIDE.sub("", sentence.text.removeprefix("- "))
    known = [(citation, figures(citation.quote)) for citation in cited]
    actors = {group[0]: name for name, group in actors_in(text) if ":" not in name}  # tickers say little
    actor = next(iter(actors.values())) if len(actors) == 1 else ""
    measured = [(start, end) for start, end in figure_spans(text) if _is_measured(text[start:end])]
    for place, (start, end) in enumerate(measured):
        said = figures(text[start:end])
        source = next((c for c, held in known if all(stands(figure, held) for figure in said)), None)
        bounds = _clause(text, start, end)
        what = _what(text, bounds, (start, end), _head(text, measured[: place + 1]), actor)
        if source and what:
            next_figure = measured[place + 1][0] if place + 1 < len(measured) else len(text)
            yield Row(what, text[start:end], _when(text, bounds, end, next_figure, source), source)


def _head(text: str, measured: list[tuple[int, int]]) -> str:
    """What stands before the first of a run of figures of one unit, and is meant with the last too."""
    units = [[figure.unit for figure in figures(text[start:end])] for start, end in measured]
    run = next((n for n, found in enumerate(reversed(units)) if found != units[-1]), len(units))
    if run == 1:
        return ""
    first = measured[-run]
    return text[_clause(text, *first)[0] : first[0]]


def _is_measured(figure: str) -> bool:
    said = figures(figure)
    return bool(said) and not any(part.unit in _BESIDE_THE_POINT for part in said)


def _clause(text: str, start: int, end: int) -> tuple[int, int]:
    """Where the clause of a figure begins and ends; one that says too little takes in what is before it."""
    breaks = [match.span() for match in _CLAUSE.finditer(text)]
    last = min((before for before, _ in breaks if before >= end), default=len(text))
    starts = [0, *(after for _, after in breaks if after <= start)]
    first = starts.pop()
    thin = len(_content(text[first:start] + text[end:last])) < _FEW_WORDS
    if starts and thin and text[first:start].strip():
        first = starts.pop()
    return first, last


def _content(words: str) -> list[str]:
    """The terms of some words that are no numbers."""
    return [term for term in terms(words) if not term[0].isdigit()]


def _what(text: str, bounds: tuple[int, int], figure: tuple[int, int], head: str, actor: str) -> str:
    """The words of a clause with a gap for the figure; empty when they say nothing.

    A clause that begins with its figure goes on from ``head``, the beginning of a list; one that names
    nobody is of ``actor``, the one company or agency that its sentence names.
    """
    before = _LOOSE_START.sub("", text[bounds[0] : figure[0]]).strip() or _LOOSE_START.sub("", head).strip()
    after = text[figure[1] : bounds[1]].strip(" .。")
    words = f"{before} … {after}".strip()
    if not _content(words):
        return ""
    if actor and not names_in(words, materials=False):
        words = f"{actor}: {words}"
    if words.split()[0].islower():
        words = words[0].upper() + words[1:]
    words = words if len(words) <= _WHAT_CHARS else f"{words[:_WHAT_CHARS].rsplit(' ', 1)[0]} …"
    return words.removesuffix(" …") if words.count("…") == 1 else words


def _when(text: str, bounds: tuple[int, int], end: int, next_figure: int, source: Citation) -> str:
    """The date that follows a figure in its clause, or the only one there, if the source has it too."""
    dates = [(a, b) for a, b, _ in find_dates(text)]
    years = [m.span() for m in _YEAR.finditer(text) if not any(a <= m.start() < b for a, b in dates)]
    own = [(a, b) for a, b in sorted(dates + years) if bounds[0] <= a < bounds[1]]
    chosen = [(a, b) for a, b in own if end <= a < next_figure][:1] or (own if len(own) == 1 else [])
    if not chosen:
        return ""
    start, stop = chosen[0]
    said = text[start:stop]
    held = f"{source.title} {source.published or ''} {source.quote}"
    if missing_figures(said, held):
        return ""
    quarter = _QUARTER.match(text, stop)
    return said + quarter.group() if quarter else said


def _tell_the_same(row: Row, other: Row) -> bool:
    """Whether two sentences give one figure for one thing."""
    if figures(row.figure) != figures(other.figure):
        return False
    words, others = set(terms(row.what)), set(terms(other.what))
    return len(words & others) >= _SAME_THING * min(len(words), len(others))
