"""The corpus as HTML, for the Library page: everything from articles and sources is escaped."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from difflib import SequenceMatcher, unified_diff
from html import escape
from typing import Any

from corpus.article import Article
from corpus.catalogue import Failure, Record, State, Version
from rag.types import Passage
from ui.evidence import link

PAGE_SIZE = 25
_WRONG = ("not indexed", "new version not indexed", "gone from its source")
_MOST_FAILURES = 50
_MOST_WORDS = 1_500  # of a changed paragraph: the time to compare grows with their square
_CONTEXT_CHARS = 160


@dataclass(frozen=True)
class Wanted:
    """Which articles are listed; what is None leaves nothing out.

    Attributes:
        since, until: first and last day of publication; with either, articles of unknown date are out.
        publisher, topic: as the articles name them, whatever the case of their letters.
        state: in the corpus, or retired.
    """

    since: date | None = None
    until: date | None = None
    publisher: str | None = None
    topic: str | None = None
    state: State | None = None

    def fits(self, record: Record) -> bool:
        """Whether an article is one of them."""
        article = record.article
        return (
            (self.state is None or record.state == self.state)
            and (self.publisher is None or article.publisher.casefold() == self.publisher.casefold())
            and (self.topic is None or self.topic.casefold() in map(str.casefold, article.topics))
            and (self.since is None or bool(article.published and article.published >= self.since))
            and (self.until is None or bool(article.published and article.published <= self.until))
        )


@dataclass(frozen=True)
class Leaf:
    """One page of a list of articles.

    Attributes:
        rows: the articles on it.
        number: which page it is, from 1.
        pages: how many there are, at least 1.
        total: how many articles all pages have.
    """

    rows: tuple[Record, ...]
    number: int
    pages: int
    total: int


def leaf(found: Sequence[Record], number: int, size: int = PAGE_SIZE) -> Leaf:
    """The page with this number, or the nearest that there is."""
    pages = max(1, -(-len(found) // size))
    number = min(max(1, number), pages)
    return Leaf(tuple(found[(number - 1) * size : number * size]), number, pages, len(found))


def stories(records: Iterable[Record]) -> Counter[str]:
    """How many articles of the corpus tell each story that several tell, by the name of the story."""
    return Counter(r.story for r in records if r.story and r.state == "active")


def state_of(record: Record) -> str:
    """How an article stands, in a few words."""
    entry = record.entry
    if entry.state == "retired":
        return "retired"
    if entry.same_as:
        return "same text as another"
    if not entry.stored:
        return "not indexed"
    if entry.stored != entry.wanted:
        return "new version not indexed"
    return "gone from its source" if entry.missing_since else "in use"


# The list


def list_html(shown: Leaf, told: Counter[str]) -> str:
    """One page of articles as a table; a click on a title opens that article."""
    if not shown.rows:
        return '<p class="hint">No article fits.</p>'
    rows = "".join(_row(record, told[record.story]) for record in shown.rows)
    heads = "".join(
        f'<th scope="col">{name}</th>' for name in ("Article", "Publisher", "Published", "Passages", "State")
    )
    return f"<table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>"


def where_html(shown: Leaf) -> str:
    """Which part of a list is shown."""
    first = (shown.number - 1) * PAGE_SIZE + 1
    part = f"{first:,} to {first + len(shown.rows) - 1:,} of " if shown.pages > 1 else ""
    return f"<p>{part}{_count(shown.total, 'article')}</p>"


def _row(record: Record, tellers: int) -> str:
    article = record.article
    origin = f' <span class="origin">{tellers} articles, 1 origin</span>' if tellers > 1 else ""
    title = f'<a class="open" href="#article-{escape(record.entry.article_id)}">{_title(article)}</a>'
    return (
        f'<tr><td class="title">{title}{origin}</td>'
        f'<td class="publisher">{escape(article.publisher or "unknown")}</td>'
        f'<td class="published">{_day(article)}</td>'
        f'<td class="passages">{record.entry.passages}<span class="unit"> passages</span></td>'
        f'<td class="state">{_state(record)}</td></tr>'
    )


def _state(record: Record) -> str:
    words = state_of(record)
    kind = "wrong" if words in _WRONG else "right"
    return f'<span class="{kind}">{words}</span>'


def _title(article: Article) -> str:
    return escape(article.title or article.url)


def _day(article: Article) -> str:
    return article.published.isoformat() if article.published else "undated"


# One article


def article_html(
    record: Record,
    text: str,
    passages: Sequence[Passage],
    addresses: Sequence[dict[str, Any]],
    versions: Sequence[Version],
    tellers: int = 0,
) -> str:
    """One article: what is known of it, its text with the passages marked, its addresses and versions.

    Args:
        record: what the catalogue knows of it.
        text: of its newest version.
        passages: as the index holds them; those of an older version are not marked.
        addresses: others with its text or story, as `Catalogue.addresses` gives them.
        versions: the oldest first.
        tellers: how many articles tell its story.
    """
    article = record.article
    byline = f"{escape(article.publisher or 'unknown publisher')} · {_day(article)} · {_state(record)}"
    marked = [p for p in passages if text[p.start : p.end] == p.text]
    return (
        f'<article><header><p class="byline">{byline}</p><h2>{_title(article)}</h2>'
        f'<p class="facts">{link(article.url, article.url)}</p>{_facts(record)}</header>'
        f"{_addresses(addresses, tellers)}{_versions(record, versions)}"
        f'<section><h3>Text</h3><p class="facts">{_marked_note(marked, passages)}</p>'
        f'<div class="text">{marked_html(text, marked)}</div></section></article>'
    )


def marked_html(text: str, passages: Sequence[Passage]) -> str:
    """A text with its passages in alternate shades, each with its number before it."""
    parts: list[str] = []
    end = 0
    for number, passage in enumerate(sorted(passages, key=lambda p: p.start), 1):
        if passage.start < end:
            continue  # one of another cut: shades cannot overlap
        parts.append(escape(text[end : passage.start]))
        shade = "odd" if number % 2 else "even"
        parts.append(
            f'<span class="passage {shade}"><sup title="Passage {number}">{number}</sup>'
            f"{escape(text[passage.start : passage.end])}</span>"
        )
        end = passage.end
    return "".join(parts) + escape(text[end:])


def _facts(record: Record) -> str:
    article = record.article
    rows = {
        "Author": article.author,
        "Topics": ", ".join(article.topics),
        "Language": article.language,
        "Changed by its publisher": article.modified.isoformat() if article.modified else "",
        "Source": record.source,
        "Seen": f"first {_moment(record.first_seen)}, last {_moment(record.last_seen)}",
        "Gone from its source": _moment(record.entry.missing_since) if record.entry.missing_since else "",
    }
    items = "".join(f"<dt>{name}</dt><dd>{escape(value)}</dd>" for name, value in rows.items() if value)
    return f"<dl>{items}</dl>"


def _marked_note(marked: Sequence[Passage], passages: Sequence[Passage]) -> str:
    if len(marked) < len(passages):
        return "The index holds an older version, so its passages cannot be marked in this one."
    if not marked:
        return "The index holds no passages of it."
    return f"{_count(len(marked), 'passage')}, in alternate shades."


def _addresses(addresses: Sequence[dict[str, Any]], tellers: int) -> str:
    if not addresses:
        return ""
    items = "".join(
        f"<li>{'same text' if other['same_text'] else 'same story'}: {link(other['url'], other['url'])}</li>"
        for other in addresses
    )
    origin = f" ({tellers} articles, 1 origin)" if tellers > 1 else ""
    return f"<section><h3>Other addresses{origin}</h3><ul>{items}</ul></section>"


def _versions(record: Record, versions: Sequence[Version]) -> str:
    if len(versions) < 2:
        return ""
    items = "".join(
        f"<li>{_moment(version.first_seen)}: {len(version.article.text):,} characters, "
        f"{_title(version.article)}{' (current)' if version.hash == record.entry.wanted else ''}</li>"
        for version in versions
    )
    changes = changes_html(versions[-2].article, versions[-1].article)
    return (
        f"<section><h3>{len(versions)} versions</h3><ol>{items}</ol>"
        f"<details open><summary>What changed last</summary>{changes}</details></section>"
    )


def _moment(when: datetime | None) -> str:
    return f"{when:%Y-%m-%d %H:%M} UTC" if when else "unknown"


# Two versions of an article


def article_as_data(article: Article) -> dict[str, Any]:
    """What is known of an article, without its text, as plain data."""
    return {
        "url": article.url,
        "title": article.title,
        "publisher": article.publisher,
        "published": article.published.isoformat() if article.published else None,
        "topics": list(article.topics),
        "author": article.author,
        "modified": article.modified.isoformat() if article.modified else None,
        "language": article.language,
    }


def as_lines(article: Article) -> list[str]:
    """An article line by line, its metadata first: what two versions are compared by."""
    data = article_as_data(article)
    return [*(f"{name}: {value}" for name, value in data.items()), "", *article.text.splitlines()]


def changed_lines(one: Article, other: Article, names: tuple[str, str]) -> list[str]:
    """What changed between two versions as a unified diff; empty when nothing did."""
    return list(unified_diff(as_lines(one), as_lines(other), *names, lineterm=""))


def changes_html(one: Article, other: Article) -> str:
    """What changed between two versions: their changed paragraphs, with the words that went and came."""
    before, after = as_lines(one), as_lines(other)
    changed = [
        f"<p>{changed_words_html(before[i:j], after[k:m])}</p>"
        for kind, i, j, k, m in SequenceMatcher(None, before, after, autojunk=False).get_opcodes()
        if kind != "equal" and any(before[i:j] + after[k:m])
    ]
    return f'<div class="changes">{"".join(changed) or "<p>They are the same.</p>"}</div>'


def changed_words_html(before: Sequence[str], after: Sequence[str]) -> str:
    """Some lines as they were and as they are: words that went in ``del``, words that came in ``ins``."""
    old, new = (re.findall(r"\s+|\S+", "\n".join(lines).strip("\n")) for lines in (before, after))
    if max(len(old), len(new)) > _MOST_WORDS:
        return _gone(old) + _come(new)
    parts = []
    for kind, i, j, k, m in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        parts.append(_shortened(old[i:j]) if kind == "equal" else _gone(old[i:j]) + _come(new[k:m]))
    return "".join(parts)


def _shortened(words: Sequence[str]) -> str:
    text = "".join(words)
    if len(text) <= 2 * _CONTEXT_CHARS:
        return escape(text)
    return f"{escape(text[:_CONTEXT_CHARS])} … {escape(text[-_CONTEXT_CHARS:])}"


def _gone(words: Sequence[str]) -> str:
    return f"<del>{escape(''.join(words))}</del>" if words else ""


def _come(words: Sequence[str]) -> str:
    return f"<ins>{escape(''.join(words))}</ins>" if words else ""


# The corpus as a whole


def health_html(counts: dict[str, Any], last_run: dict[str, Any] | None, failures: Sequence[Failure]) -> str:
    """How the corpus stands, in one line, and a list of what failed.

    Args:
        counts: of `Catalogue.counts`.
        last_run: the fact of that name; None when nothing was ever ingested.
        failures: what could not be taken in.
    """
    size = f"{_count(counts['articles'], 'article')}, {_count(counts['passages'], 'passage')}"
    dates = f", published {counts['oldest']} to {counts['newest']}" if counts["newest"] else ""
    failed = [(item["where"], f"failed: {item['reason']}") for item in (last_run or {}).get("failed", ())]
    failed += [(failure.where, failure.reason + _tries(failure)) for failure in failures]
    return f'<p class="health">{size}{dates}. {_last_run(last_run)}</p>{_failures(failed)}'


def _last_run(run: dict[str, Any] | None) -> str:
    if run is None:
        return "It was never brought up to date."
    what = ("added", "changed", "removed")
    done = ", ".join(f"{run[name]:,} {name}" for name in what if run[name]) or "nothing new"
    sources = len(run["failed"])
    failed = f"; {_count(sources, 'source')} failed" if sources else ""
    stopped = ", and stopped before its end" if run.get("stopped") else ""
    return f"Last update {_moment(datetime.fromisoformat(run['at']))}: {done}{failed}{stopped}."


def _failures(failed: Sequence[tuple[str, str]]) -> str:
    if not failed:
        return '<p class="well">Nothing fails.</p>'
    items = "".join(
        f"<li><strong>{escape(where)}</strong> {escape(reason)}</li>"
        for where, reason in failed[:_MOST_FAILURES]
    )
    rest = len(failed) - _MOST_FAILURES
    more = f"<li>{rest} more: <code>reex corpus stats</code> names all.</li>" if rest > 0 else ""
    return (
        f'<details class="failures"><summary>{_count(len(failed), "failure")}</summary>'
        f"<ul>{items}{more}</ul></details>"
    )


def _tries(failure: Failure) -> str:
    return f" ({failure.tries} times)" if failure.tries > 1 else ""


def status_html(lines: Sequence[str], failed: bool = False) -> str:
    """How far an addition is, or how it ended."""
    kind = "failure" if failed else "status"
    return "".join(f'<p class="{kind}">{escape(line)}</p>' for line in lines)


def choices(counted: dict[str, int]) -> Iterator[tuple[str, str]]:
    """Names to choose from, each with how many articles have it; without those of no name."""
    return ((f"{name} ({count:,})", name) for name, count in counted.items() if name)


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"
