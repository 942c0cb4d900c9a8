"""Sitemaps: the pages that a site lists for search engines, through indexes and gzip."""

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any
from urllib.parse import urlsplit
from xml.etree.ElementTree import Element, ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import iterparse

from corpus.article import Article
from corpus.errors import FetchError, Unreadable
from corpus.fetch import Fetcher, gunzip
from corpus.reading import Rejected
from corpus.sources.pages import Link, read_pages, same_site
from corpus.sources.source import Seen

_MAX_BYTES = 50 * 2**20  # as the protocol has it
_MAX_ENTRIES = 100_000  # twice what the protocol has
_MAX_FILES = 1000
_MAX_PAGES = 500_000
_MAX_DEPTH = 10
# Lists of articles are no articles; this is how WordPress, Yoast and others name theirs.
_LISTS = re.compile(r"(^|[-_/])(categor(y|ies)|tags?|post_tag|authors?|users|taxonomies)(?=[-_.\d]|$)")


@dataclass(frozen=True)
class _Entry:
    url: str
    changed: str
    is_sitemap: bool


class Sitemap:
    """A sitemap or an index of sitemaps, and all pages of the same site that it lists."""

    complete = True

    def __init__(self, url: str, fetcher: Fetcher) -> None:
        self.name = url
        self.describes = f"the sitemap {url}"
        self._fetcher = fetcher

    def has_articles(self) -> bool:
        """Whether there is such a sitemap, with something in it.

        Raises:
            CorpusError: it cannot be fetched, or is no sitemap.
        """
        return bool(self._entries(self.name))

    def articles(self, state: dict[str, Any]) -> Iterator[Article | Seen | Rejected]:
        """Yield the articles of the pages listed; the date of change there says what need not be read.

        Raises:
            CorpusError: the sitemap cannot be fetched, or is no sitemap.
        """
        foreign: list[Rejected] = []
        yield from read_pages(self._links(foreign), self._fetcher, state)
        yield from foreign  # after the rest, for which the list is whole

    def _links(self, foreign: list[Rejected]) -> Iterator[Link | Rejected]:
        waiting, met, pages = [self.name], {self.name}, 0
        while waiting:
            url = waiting.pop(0)
            try:
                entries = self._entries(url)
            except FetchError as error:
                if url == self.name:
                    raise
                yield Rejected(url, error.reason)
                continue
            others = 0
            for entry in entries:
                if not same_site(entry.url, self.name):
                    others += 1
                elif not entry.is_sitemap:
                    pages += 1
                    if pages > _MAX_PAGES:
                        yield Rejected(self.name, f"lists more than {_MAX_PAGES:,} pages")
                        return
                    if urlsplit(entry.url).path.strip("/"):  # the front page holds no article of its own
                        yield Link(entry.url, entry.changed)
                elif entry.url not in met and not _LISTS.search(urlsplit(entry.url).path.lower()):
                    if len(met) >= _MAX_FILES:
                        yield Rejected(self.name, f"lists more than {_MAX_FILES:,} sitemaps")
                        return
                    met.add(entry.url)
                    waiting.append(entry.url)
            if others:
                reason = f"lists {others:,} addresses of other sites, which are left out"
                foreign.append(Rejected(url, reason))

    def _entries(self, url: str) -> list[_Entry]:
        page = self._fetcher.get(url, max_bytes=_MAX_BYTES)
        body = page.body
        if body.startswith(b"\x1f\x8b"):
            body = gunzip(body, _MAX_BYTES, url)
        try:
            entries = list(islice(_parse(body), _MAX_ENTRIES + 1))
        except Unreadable as error:
            raise FetchError(url, str(error), "check the address") from error
        if len(entries) > _MAX_ENTRIES:
            raise FetchError(url, f"lists more than {_MAX_ENTRIES:,} addresses", "tell its site to split it")
        return entries


def _parse(body: bytes) -> Iterator[_Entry]:
    """The entries of a sitemap, in XML or as plain lines.

    Raises:
        Unreadable: it is no sitemap, or a hostile one.
    """
    if not body.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        yield from _parse_lines(body)
        return
    path: list[Element] = []
    try:
        for event, element in iterparse(io.BytesIO(body), events=("start", "end")):
            if event == "start":
                path.append(element)
                _check_shape(path)
                continue
            path.pop()
            if len(path) == 1:
                yield from _entry(element)
                path[0].clear()  # or the whole file would be in memory several times over
    except ParseError as error:
        raise Unreadable(f"is not well-formed XML ({error})") from error
    except DefusedXmlException as error:
        raise Unreadable("defines entities, which no sitemap needs") from error
    except (ValueError, LookupError) as error:  # an encoding that is not known
        raise Unreadable(f"cannot be read as XML ({error})") from error


def _check_shape(path: list[Element]) -> None:
    if len(path) > _MAX_DEPTH:
        raise Unreadable(f"nests elements more than {_MAX_DEPTH} deep, as no sitemap does")
    if _name(path[0]) not in ("urlset", "sitemapindex"):
        raise Unreadable("is no sitemap")


def _entry(element: Element) -> Iterator[_Entry]:
    fields = {_name(child): (child.text or "").strip() for child in reversed(element)}
    if fields.get("loc") and _name(element) in ("url", "sitemap"):
        yield _Entry(fields["loc"], fields.get("lastmod", ""), _name(element) == "sitemap")


def _parse_lines(body: bytes) -> Iterator[_Entry]:
    lines = [line.strip() for line in body.decode("utf-8-sig", "replace").splitlines()]
    urls = [line for line in lines if line]
    if not urls or not all(url.startswith(("http://", "https://")) for url in urls):
        raise Unreadable("is no sitemap")
    yield from (_Entry(url, "", False) for url in urls)


def _name(element: Element) -> str:
    return str(element.tag).rpartition("}")[2].lower()
