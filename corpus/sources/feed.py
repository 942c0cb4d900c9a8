"""RSS and Atom feeds: the latest articles of a site, in whole or as links."""

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any
from urllib.parse import urljoin

import feedparser

from corpus.article import Article
from corpus.errors import CorpusError
from corpus.fetch import Fetcher, Page
from corpus.reading import Rejected
from corpus.sources.fragment import article_of, plain
from corpus.sources.pages import Link, read_page, remember, same_site, unchanged
from corpus.sources.source import Seen

_MAX_BYTES = 8 * 2**20
_MAX_TAGS = 300_000  # the parser takes some 25 µs for each
_FULL_CHARS = 1000
_BREAK = re.compile(r"<(?:br|/p|/div|/li|/h\d|/blockquote)\b[^<>]*>", re.IGNORECASE)
_CUT_OFF = re.compile(r"(\[?(…|\.\.\.)\]?|(read more|continue reading|learn more)\W*)$", re.IGNORECASE)


class Feed:
    """A feed. Articles that have left it count as unchanged: it holds only the latest."""

    complete = False

    def __init__(self, url: str, fetcher: Fetcher) -> None:
        self.name = url
        self.describes = f"the feed {url}"
        self._fetcher = fetcher

    def has_articles(self) -> bool:
        """Whether there is such a feed, with something in it.

        Raises:
            CorpusError: it cannot be fetched, or is no feed.
        """
        return bool(_parsed(self._fetcher.get(self.name, max_bytes=_MAX_BYTES)).entries)

    def articles(self, state: dict[str, Any]) -> Iterator[Article | Seen | Rejected]:
        """Yield the articles of the feed; those that it gives only in part are read from their pages.

        Raises:
            CorpusError: the feed cannot be fetched, or is no feed.
        """
        known: dict[str, Any] = state.setdefault("pages", {})
        page = self._fetcher.get(self.name, state.get("validators"), _MAX_BYTES)
        listed: set[str] = set()
        if not page.unchanged:
            feed = _parsed(page)
            publisher = plain(str(feed.feed.get("title", "")))
            for entry in feed.entries:
                url = urljoin(page.url, str(entry.get("link", "")))
                if not url.startswith(("http://", "https://")):
                    yield Rejected(page.url, "has an entry without an address")
                elif url not in listed:
                    listed.add(url)
                    yield from self._entry(entry, url, publisher, known)
            state["validators"] = page.validators
        for url in [url for url in known if url not in listed]:
            if known[url]["rejected"]:
                yield from read_page(Link(url, known[url]["changed"]), self._fetcher, known)
            else:
                yield from unchanged(known[url], url)

    def _entry(
        self, entry: Any, url: str, publisher: str, known: dict[str, Any]
    ) -> Iterator[Article | Seen | Rejected]:
        changed = str(entry.get("updated") or entry.get("published") or "")
        body = _full_text(entry) if same_site(url, self.name) else ""
        if not body:
            yield from read_page(Link(url, changed), self._fetcher, known)
            return
        found = article_of(
            body,
            url,
            title=plain(str(entry.get("title", ""))),
            author=plain(str(entry.get("author", ""))),
            publisher=publisher,
            published=_day(entry.get("published_parsed")),
            modified=_day(entry.get("updated_parsed")),
            topics=tuple(plain(str(tag.get("term") or "")) for tag in entry.get("tags", [])),
        )
        known[url] = remember(found, changed, {}, known.get(url))
        yield found


def _parsed(page: Page) -> Any:
    if page.body.count(b"<") > _MAX_TAGS:
        raise CorpusError(f"The feed {page.url} has more than {_MAX_TAGS:,} tags: give another source.")
    headers = {"content-type": page.kind, "content-location": page.url}
    # In a BytesIO, since the parser takes bytes for the name of a file first.
    feed = feedparser.parse(io.BytesIO(page.body), response_headers=headers)
    if not feed.get("version") and not feed.entries:
        raise CorpusError(f"{page.url} is no RSS or Atom feed: check the address.")
    return feed


def _full_text(entry: Any) -> str:
    """The body in HTML, if the feed seems to give all of it."""
    bodies = [str(content.get("value", "")) for content in entry.get("content", [])]
    body = max(bodies, key=len, default="") or str(entry.get("summary", ""))
    text = plain(body)
    return body if len(text) >= _FULL_CHARS and not _CUT_OFF.search(text) else ""


def _day(parsed: Any) -> date | None:
    try:
        return date(*parsed[:3]) if parsed else None
    except (TypeError, ValueError):
        return None


@dataclass(frozen=True)
class Entry:
    """An entry of a feed as it stands there, for those that are no articles: posts of a forum."""

    id: str
    title: str
    text: str
    author: str
    link: str


def entries(url: str, fetcher: Fetcher) -> list[Entry]:
    """The entries of a feed, without markup.

    Raises:
        CorpusError: it cannot be fetched, or is no feed.
    """
    page = fetcher.get(url, max_bytes=_MAX_BYTES)
    return [_as_it_stands(entry, page.url) for entry in _parsed(page).entries]


def _as_it_stands(entry: Any, base: str) -> Entry:
    bodies = [str(content.get("value", "")) for content in entry.get("content", [])]
    body = max(bodies, key=len, default="") or str(entry.get("summary", ""))
    link = urljoin(base, str(entry.get("link", "")))
    lines = [plain(line) for line in _BREAK.split(body)]
    title, text = plain(str(entry.get("title", ""))), "\n".join(filter(None, lines))
    return Entry(
        str(entry.get("id", "")) or (link if entry.get("link") else "") or f"{title} {text}"[:200],
        title,
        text,
        plain(str(entry.get("author", ""))),
        link if link.startswith(("http://", "https://")) and entry.get("link") else "",
    )
