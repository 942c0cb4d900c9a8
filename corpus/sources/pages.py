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

LONGEST_WAIT_DAYS = 30
"""A page that fails again and again is tried at least this often."""

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
            yield from unchanged(known[url], url)


def read_page(link: Link, fetcher: Fetcher, known: dict[str, Any]) -> Iterator[Article | Seen | Rejected]:
    """Read one page, unless it is known and its source or its site says that nothing changed.

    One that failed is tried again when its source says that it changed, else later and later. A page of
    which an article was known and that is gone yields nothing.
    """
    memory = known.get(link.url)
    trusted = memory if memory and rests(link.url, memory) else None
    failed = bool(trusted and trusted["rejected"])
    if trusted and link.changed == trusted["changed"] and (link.changed or failed):
        yield from unchanged(trusted, link.url)
        return
    try:
        page = fetcher.get(link.url, trusted["validators"] if trusted else None)
    except FetchError as error:
        found: Article | Rejected = Rejected(link.url, error.reason)
        noted = remember(found, link.changed, {}, memory)
        noted["gone"] = error.status in _GONE and bool(noted["article"])
        if not error.where.endswith("/robots.txt"):  # else the site failed, and the page was not asked for
            known[link.url] = noted
        yield from unchanged(noted, link.url)
        return
    if page.unchanged and trusted:
        trusted["changed"] = link.changed
        yield from unchanged(trusted, link.url)
        return
    found = to_article(page, link.url)
    known[link.url] = remember(found, link.changed, page.validators, memory)
    yield found


def remember(
    found: Article | Rejected,
    changed: str,
    validators: dict[str, str],
    former: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """What to note of a page that was read today, as JSON; ``former`` is what was noted before."""
    tries, article = 0, found.url if isinstance(found, Article) else ""
    if isinstance(found, Rejected):
        article = former["article"] if former else ""
        again = former and former["rejected"] and former["changed"] == changed
        tries = former.get("tries", 0) + 1 if former and again else 1
    return {
        "article": article,  # what was read there last, or nothing yet
        "rejected": found.reason if isinstance(found, Rejected) else "",
        "changed": changed,
        "read": date.today().isoformat(),
        "validators": validators,
        "tries": tries,
    }


def unchanged(memory: dict[str, Any], url: str) -> Iterator[Seen | Rejected]:
    """What a page yields of which nothing new is known; nothing when it is gone."""
    if memory.get("gone"):
        return
    if memory["rejected"]:
        yield Rejected(memory["article"] or url, memory["rejected"])
    else:
        yield Seen(memory["article"])


def rests(key: str, memory: dict[str, Any]) -> bool:
    """Whether something need not be read again yet as long as its source says that it did not change.

    Sources forget to say so; different days for different pages spread the work. What failed is tried again
    after a day, then after two, four, and so on.
    """
    age = (date.today() - date.fromisoformat(memory["read"])).days
    if memory["rejected"]:
        tries: int = memory.get("tries", 0)
        return tries > 0 and age < min(2 ** (tries - 1), LONGEST_WAIT_DAYS)
    return age < REREAD_DAYS + crc32(key.encode()) % REREAD_DAYS


def ask_again(state: dict[str, Any]) -> None:
    """Let everything that failed be tried at the next reading, in the notes of any source."""
    for notes in state.values():
        for memory in notes.values() if isinstance(notes, dict) else ():
            if isinstance(memory, dict) and memory.get("rejected"):
                memory["tries"] = 0


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
