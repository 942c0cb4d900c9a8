"""Which source a name means: by its form, and for a site's bare address by looking at the site."""

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urljoin, urlsplit

from corpus.errors import CorpusError
from corpus.fetch import Fetcher, Page
from corpus.reading import STARTER
from corpus.sources.feed import Feed
from corpus.sources.files import STARTER_SOURCE, Files
from corpus.sources.pages import Pages, listed_urls
from corpus.sources.sitemap import Sitemap
from corpus.sources.source import Source
from corpus.sources.wordpress import WordPress

_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)
_WORDPRESS = re.compile(r"/wp/v2/[\w-]+$|[?&]rest_route=")
_SITEMAP = re.compile(r"sitemap[^/]*\.(xml|xml\.gz|txt)$|\.xml\.gz$", re.IGNORECASE)
_FEED = re.compile(r"(/|^)(feed|rss|atom)/?$|\.(rss|atom|rdf|xml)$", re.IGNORECASE)
# Where they usually are, for sites that do not say it.
_SITEMAPS = ("/sitemap.xml", "/sitemap_index.xml", "/wp-sitemap.xml")
_FEEDS = ("/feed/", "/feed.xml", "/rss.xml", "/atom.xml")
_FEED_TYPES = ("application/rss+xml", "application/atom+xml")


def open_source(name: str, fetcher: Fetcher) -> Source:
    """The source that a name means.

    `STARTER_SOURCE` is the starter corpus. A path is a file or folder, a text file of nothing but addresses
    the list of its pages. The address of a WordPress REST interface, a sitemap or a feed is known by its
    form; a bare https://site/ is looked at; any other address is one page.

    Raises:
        CorpusError: there is nothing of that name, or its site cannot be reached.
    """
    if name == STARTER_SOURCE:
        return Files(STARTER, name)
    if not _SCHEME.match(name):
        path = Path(name)
        urls = listed_urls(path)
        return Pages(name, urls, fetcher) if urls else Files(path)
    parts = urlsplit(name)
    if parts.scheme.lower() not in ("http", "https"):
        raise CorpusError(f"{name} is neither a path nor a web address: give one of the two.")
    if _WORDPRESS.search(name):
        return WordPress(name, fetcher)
    if _SITEMAP.search(parts.path):
        return Sitemap(name, fetcher)
    if _FEED.search(parts.path):
        return Feed(name, fetcher)
    if parts.path.strip("/") or parts.query:
        return Pages(name, [name], fetcher)
    return discover(name, fetcher)


def discover(site: str, fetcher: Fetcher) -> Source:
    """The best source of a site: its WordPress REST interface, else its sitemap, its feed, its front page.

    Raises:
        CorpusError: the site cannot be reached.
    """
    front = fetcher.get(site)
    for source in _candidates(front, fetcher):
        try:
            if source.has_articles():
                return source
        except CorpusError:
            continue
    return Pages(site, [site], fetcher)


def _candidates(front: Page, fetcher: Fetcher) -> Iterator[WordPress | Sitemap | Feed]:
    links = _Links(front)
    for api in [*links.wordpress, urljoin(front.url, "/wp-json/")]:
        yield WordPress(f"{api.rstrip('/')}/wp/v2/posts", fetcher)
    for sitemap in [*fetcher.sitemaps(front.url), *(urljoin(front.url, path) for path in _SITEMAPS)]:
        yield Sitemap(sitemap, fetcher)
    for feed in [*links.feeds, *(urljoin(front.url, path) for path in _FEEDS)]:
        yield Feed(feed, fetcher)


class _Links(HTMLParser):
    """What a front page says of its site's interfaces: WordPress REST, and feeds."""

    def __init__(self, front: Page) -> None:
        super().__init__()
        self.wordpress: list[str] = []
        self.feeds: list[str] = []
        self._base = front.url
        self.feed(front.body[: 2**20].decode("utf-8", "replace"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag != "link" or not given.get("href"):
            return
        url = urljoin(self._base, given["href"])
        if given.get("rel") == "https://api.w.org/":
            self.wordpress.append(url)
        elif given.get("type", "").lower() in _FEED_TYPES and "comments" not in url:
            self.feeds.append(url)
