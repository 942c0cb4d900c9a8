"""Pages on the web: a single address, a list of them, or whatever another source lists."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from zlib import crc32

from corpus.article import Article
from corpus.errors import CorpusError, FetchError, Unreadable
from corpus.extract import extract
from corpus.fetch import Fetcher, Page
from corpus.reading import Rejected
from corpus.sources.source import Seen

REREAD_DAYS = 28
"""Between one and two times so many days after it was last read, a page is read whatever the site says."""

_GONE = (404, 410)


@dataclass(frozen=True)
class Link:
    """A page that a source lists; ``changed`` is what it says of the last change, in any form."""

    url: str
    changed: str = ""


class Pages:
    """One page, or those of a list.

    Args:
        name: the address, or the path of the file that lists addresses.
    """

    complete = True

    def __init__(self, name: str, urls: Iterable[str], fetcher: Fetcher) -> None:
        self.name = name
        self._links = [Link(url) for url in urls]
        count = len(self._links)
        self.describes = f"the page {name}" if count == 1 else f"the {count} pages listed in {name}"
        self._fetcher = fetcher

    def articles(self, state: dict[str, Any]) -> Iterator[Article | Seen | Rejected]:
        """Yield the article of each page.

        Raises:
            CorpusError: no page of them can be read.
        """
        failed: list[Rejected] = []
        some = False
        for found in read_pages(self._links, self._fetcher, state):
            if isinstance(found, Rejected):
                failed.append(found)
            else:
                some = True
                yield found
        if failed and not some:
            first = f"{failed[0].where} {failed[0].reason}"
            some_of = "" if len(self._links) == 1 else f"Nothing of {self.describes} can be read, as "
            raise CorpusError(f"{some_of}{first}: check the address.")
        yield from failed


def listed_urls(path: Path) -> list[str]:
    """The addresses in a text file that holds nothing but addresses, one a line; else nothing.

    Empty lines and lines that begin with # do not count.
    """
    if path.suffix.lower() != ".txt" or not path.is_file():
        return []
    try:
        lines = [line.strip() for line in path.read_text(encoding="utf-8-sig").splitlines()]
    except (OSError, UnicodeDecodeError):
        return []  # whoever reads it as an article says what is wrong
    urls = [line for line in lines if line and not line.startswith("#")]
    are_urls = all(url.lower().startswith(("http://", "https://")) and len(url.split()) == 1 for url in urls)
    return urls if are_urls else []


def read_pages(
    links: Iterable[Link | Rejected], fetcher: Fetcher, state: dict[str, Any]
) -> Iterator[Article | Seen | Rejected]:
    """Read the pages that are new or may have changed; the others are `Seen`.

    A `Rejected` among the links, a part of the list that cannot be read, is passed on, and pages known
    from earlier that nothing lists any more are then taken to be still there.

    Raises:
        CorpusError: a host is not to be asked again for now.
    """
    known: dict[str, Any] = state.setdefault("pages", {})
    listed: set[str] = set()
    whole = True
    for link in links:
        if isinstance(link, Rejected):
            whole = False
            yield link
        elif link.url not in listed:
            listed.add(link.url)
            yield from read_page(link, fetcher, known)
    for url in known.keys() - listed:
        if whole:
            del known[url]
        else:
            yield unchanged(known[url], url)


def read_page(link: Link, fetcher: Fetcher, known: dict[str, Any]) -> Iterator[Article | Seen | Rejected]:
    """Read one page, unless it is known and its source or its site says that nothing changed.

    A page that was known and is gone yields nothing.
    """
    memory = known.get(link.url)
    trusted = memory if memory and not due(link.url, memory) else None
    if trusted and link.changed and link.changed == trusted["changed"]:
        yield unchanged(trusted, link.url)
        return
    try:
        page = fetcher.get(link.url, trusted["validators"] if trusted else None)
    except FetchError as error:
        if memory and error.status in _GONE:
            del known[link.url]
        else:
            yield Rejected(memory["article"] if memory else link.url, error.reason)
        return
    if page.unchanged and memory:
        memory["changed"] = link.changed
        yield unchanged(memory, link.url)
        return
    found = to_article(page, link.url)
    known[link.url] = remember(found, link.changed, page.validators)
    yield found


def remember(found: Article | Rejected, changed: str, validators: dict[str, str]) -> dict[str, Any]:
    """What to note of a page that was read today, as JSON."""
    article = found.url if isinstance(found, Article) else found.where
    reason = found.reason if isinstance(found, Rejected) else ""
    today = date.today().isoformat()
    return {
        "article": article,
        "rejected": reason,
        "changed": changed,
        "read": today,
        "validators": validators,
    }


def unchanged(memory: dict[str, Any], url: str) -> Seen | Rejected:
    """What a page yields of which nothing new is known."""
    return Rejected(url, memory["rejected"]) if memory["rejected"] else Seen(memory["article"])


def due(key: str, memory: dict[str, Any]) -> bool:
    """Whether it is time to read something again though its source says that it did not change.

    Sources forget to say so; different days for different pages spread the work.
    """
    age = (date.today() - date.fromisoformat(memory["read"])).days
    return age >= REREAD_DAYS + crc32(key.encode()) % REREAD_DAYS


def to_article(page: Page, url: str) -> Article | Rejected:
    """The article of a page that was fetched for ``url``."""
    try:
        article = extract(page.body, page.url, page.kind)
    except Unreadable as error:
        return Rejected(url, str(error))
    # A page must not pass itself off as one of another site and so replace that site's article.
    return article if same_site(article.url, page.url) else replace(article, url=page.url)


def same_site(one: str, other: str) -> bool:
    """Whether two addresses belong to one site: the same host, or one below the other's, www. aside."""
    first, second = ((urlsplit(url).hostname or "").removeprefix("www.") for url in (one, other))
    return first == second or first.endswith(f".{second}") or second.endswith(f".{first}")
