"""A conversation as HTML, and what stands around it: the list of conversations, the composer, the actions."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from html import escape
from itertools import groupby

from jinja2 import Environment, PackageLoader
from markupsafe import Markup

from corpus.catalogue import Span
from corpus.database import now
from rag.types import Filters
from rag.understand import MAX_CHARS
from ui import evidence
from ui.conversations import Conversation, Exchange
from ui.figure_table import figure_table_html, timeline_html
from ui.texts import Texts

_templates = Environment(
    loader=PackageLoader("ui", "."), autoescape=True, trim_blocks=True, lstrip_blocks=True
)


def icon(name: str) -> str:
    """A small drawing; the text beside it, or the label of its button, says what it means."""
    return f'<svg class="icon" viewBox="0 0 20 20" aria-hidden="true"><path d="{_ICONS[name]}"/></svg>'


_ICONS = {
    "rail": "M3 5h14M3 10h14M3 15h9",
    "new": "M10 4v12M4 10h12",
    "more": "M5 10h.01M10 10h.01M15 10h.01",
    "copy": "M7 7V4h9v9h-3M4 7h9v9H4z",
    "share": "M10 12V3M6.5 6.5 10 3l3.5 3.5M4 10v7h12v-7",
    "again": "M16 6v4h-4M15.6 10a6 6 0 1 0-1.2 4",
    "good": "M7 17V9l3-6c1.5 0 2 1 2 2l-.6 3H16l-1.2 9zM4 9h3v8H4z",
    "bad": "M13 3v8l-3 6c-1.500 0-2-1-2-2l.6-3H4l1.200-9zM16 3h-3v8h3z",
    "close": "M5 5l10 10M15 5 5 15",
    "evidence": "M5 3h10v14H5zM8 7h4M8 10h4M8 13h2",
    "export": "M10 3v9M6.500 8.500 10 12l3.500-3.500M4 14v3h12v-3",
    "send": "M10 16V4M5 9l5-5 5 5",
    "filters": "M3 5h14M6 10h8M8.500 15h3",
}


# The page


def shell_html(say: Texts, publishers: Sequence[str], topics: Sequence[str], companies: Sequence[str]) -> str:
    """All of the page that stays, in one language, with what the corpus has for filters to choose from."""
    lists = [("publishers", "publisher", publishers), ("topics", "topic", topics)]
    lists += [("companies", "company", companies)]
    template = _templates.get_template("chat.html.jinja")
    return template.render(say=say, icon=lambda name: Markup(icon(name)), lists=lists, max_chars=MAX_CHARS)


def welcome_html(say: Texts, span: Span) -> str:
    """What stands where nothing was asked yet; questions to begin with come into it later."""
    newest = span.newest.isoformat() if span.newest else "…"
    line = say("welcome_line", count=span.articles, newest=newest) if span.articles else say("welcome_empty")
    return (
        f'<div class="welcome"><h2>{say("welcome")}</h2><p>{line}</p>'
        f'<div id="starters" class="suggested"></div></div>'
    )


def suggestions_html(questions: Sequence[str], head: str) -> str:
    """Questions to be asked with one click."""
    if not questions:
        return ""
    buttons = "".join(
        f'<button type="button" data-act="ask" lang="und">{escape(question)}</button>'
        for question in questions
    )
    return f"<h3>{head}</h3>{buttons}"


# The list of conversations


def rail_html(
    found: Sequence[Conversation], say: Texts, current: str = "", words: str = "", minutes_west: int = 0
) -> str:
    """Conversations by day.

    Args:
        found: the conversations, the newest first.
        say: the language.
        current: the id of the one that is open.
        words: what was searched for.
        minutes_west: how far the reader's clock is behind UTC, which says what is today there.
    """
    if not found:
        return f'<p class="hint">{say("none_found" if words else "no_conversations")}</p>'
    shift = timedelta(minutes=minutes_west)
    today = (now() - shift).date()

    def day(conversation: Conversation) -> date:
        return (conversation.updated_at - shift).date()

    return "".join(
        f"<h3>{_day_name(when, today, say)}</h3><ul>{''.join(_entry(c, say, current) for c in same)}</ul>"
        for when, same in groupby(found, day)
    )


def _day_name(when: date, today: date, say: Texts) -> str:
    names = {today: say("today"), today - timedelta(days=1): say("yesterday")}
    return names.get(when, when.isoformat())


def _entry(conversation: Conversation, say: Texts, current: str) -> str:
    title = escape(conversation.title)
    here = ' aria-current="page"' if conversation.id == current else ""
    return (
        f'<li data-id="{conversation.id}"><a href="?c={conversation.id}" data-act="open"{here}>{title}</a>'
        f'<details class="menu"><summary class="quiet" aria-label="{say("options_for", title=title)}">'
        f"{icon('more')}</summary><div>"
        f'<button type="button" data-act="rename" data-label="{say("title_of")}">{say("rename")}</button>'
        f'<button type="button" data-act="delete" data-sure="{say("delete_this")}">{say("delete")}</button>'
        f"</div></details></li>"
    )


# Exchanges


def thread_html(said: Sequence[Exchange], say: Texts, links: Mapping[str, str]) -> str:
    """All exchanges of a conversation, with the links to those that are shared, by their ids."""
    return "".join(exchange_html(exchange, say, links.get(exchange.id, "")) for exchange in said)


def exchange_html(exchange: Exchange, say: Texts, link: str = "") -> str:
    """A question with its answer and what one can do with it."""
    return (
        f'<article class="exchange" data-id="{exchange.id}" data-turn="{exchange.number}">'
        f'<header class="asked">{asked_html(exchange.question, exchange.filters, say)}</header>'
        f'<div class="answer">{body_html(exchange, say)}</div>'
        f'<footer class="after">{after_html(exchange, say, link)}</footer></article>'
    )


def asked_html(question: str, filters: Filters, say: Texts) -> str:
    """A question with the filters that it was asked with."""
    chips = "".join(f"<li>{escape(label)}</li>" for label in filter_labels(filters, say))
    return f"<h2>{escape(question)}</h2>" + (f'<ul class="chips">{chips}</ul>' if chips else "")


def filter_labels(filters: Filters, say: Texts) -> Iterator[str]:
    """What each filter lets through, in words."""
    if filters.since:
        yield say("since_day", day=filters.since)
    if filters.until:
        yield say("until_day", day=filters.until)
    yield from (*filters.publishers, *filters.topics, *filters.companies)


def body_html(exchange: Exchange, say: Texts) -> str:
    """An answer, or why there is none."""
    answer, turn = exchange.answer, exchange.number
    if answer is None:
        return evidence.error_html(exchange.failure or say("unfinished"))
    return (
        evidence.answer_html(answer, turn, exchange.question, say)
        + figure_table_html(answer, turn, say.language)
        + timeline_html(answer, turn, say.language)
    )


def after_html(exchange: Exchange, say: Texts, link: str = "") -> str:
    """What one can do with an answer, which is shared where there is a link."""
    answer = exchange.answer
    if answer is None:
        return f'<div class="actions">{_action("again", say("ask_again"), say, worded=True)}</div>'
    shown = len(answer.citations)
    buttons = [_copy_menu(say), _action("share", say("share"), say)]
    buttons.append(_action("again", say("regenerate"), say))
    if shown:
        buttons.append(_action("evidence", say("show_evidence", n=shown), say, worded=True))
    thumbs = "".join(_thumb(name, value, exchange.verdict, say) for name, value in (("good", 1), ("bad", -1)))
    return (
        f'<div class="actions">{"".join(buttons)}<span class="thumbs">{thumbs}</span></div>'
        f'<p class="sharing">{shared_html(link, say) if link else ""}</p>'
        f'<form class="why" hidden><input type="text" maxlength="1000" value="{escape(exchange.reason)}" '
        f'data-good="{say("why_good")}" data-bad="{say("why_bad")}" aria-label="{say("why_bad")}">'
        f'<button type="submit">{say("send")}</button></form>'
        f'<div class="next suggested"></div>'
    )


def shared_html(link: str, say: Texts) -> str:
    """The link to a shared answer, and the way to take it back."""
    return (
        f'<a class="shared" href="{link}" target="_blank">{say("share_link")}</a>'
        f'<button type="button" class="quiet" data-act="unshare">{say("unshare")}</button>'
    )


def _action(act: str, label: str, say: Texts, *, worded: bool = False) -> str:
    text = f"<span>{label}</span>" if worded else ""
    named = "" if worded else f' aria-label="{label}" title="{label}"'
    return f'<button type="button" class="quiet" data-act="{act}"{named}>{icon(act)}{text}</button>'


def _thumb(name: str, value: int, verdict: int, say: Texts) -> str:
    pressed = str(verdict == value).lower()
    return (
        f'<button type="button" class="quiet" data-act="judge" data-verdict="{value}" '
        f'aria-pressed="{pressed}" aria-label="{say(name)}" title="{say(name)}">{icon(name)}</button>'
    )


def _copy_menu(say: Texts) -> str:
    forms = "".join(
        f'<button type="button" data-act="copy" data-form="{form}">{say(f"copy_{form}")}</button>'
        for form in ("markdown", "plain", "references")
    )
    return (
        f'<details class="menu"><summary class="quiet" aria-label="{say("copy")}" title="{say("copy")}">'
        f"{icon('copy')}</summary><div>{forms}</div></details>"
    )
