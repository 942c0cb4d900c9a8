"""Articles whose body comes as a piece of HTML in something else: a feed, or a site's REST interface."""

import html
import re
from dataclasses import replace
from datetime import date

from corpus.article import Article
from corpus.clean import clean_line
from corpus.errors import Unreadable
from corpus.extract import extract
from corpus.reading import Rejected

_TAG = re.compile(r"<[^<>]*>")


def plain(fragment: str) -> str:
    """A title or name without markup, on one line."""
    return clean_line(html.unescape(_TAG.sub("", fragment)))


def article_of(
    fragment: str,
    url: str,
    *,
    title: str,
    author: str = "",
    publisher: str = "",
    published: date | None = None,
    modified: date | None = None,
    topics: tuple[str, ...] = (),
) -> Article | Rejected:
    """The article of a body in HTML and of what its source says about it.

    ``title``, ``author``, ``publisher`` and ``topics`` are plain text.
    """
    page = (
        f'<!doctype html><html><head><meta charset="utf-8"><title>{html.escape(title)}</title></head>'
        f"<body><article>{fragment}</article></body></html>"
    )
    try:
        article = extract(page.encode("utf-8", "replace"), url, "text/html")
    except Unreadable as error:
        return Rejected(url, str(error))
    return replace(
        article,
        url=url,
        title=title or article.title,
        author=author or article.author,
        publisher=publisher or article.publisher,
        published=published or article.published,
        modified=modified or article.modified,
        topics=topics or article.topics,
    )
