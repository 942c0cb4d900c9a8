"""What a page says of itself: title, address, author, publisher, dates, language, topics.

JSON-LD comes first, then OpenGraph and other ``meta`` elements, then what the page shows. A date that
the page does not state as its own is never made up: neither from its address nor from a copyright line.
"""

import json
import re
from collections.abc import Iterable, Iterator
from datetime import date, datetime
from typing import Any
from urllib.parse import urljoin, urlsplit, urlunsplit

from dateutil import parser as dateparser
from lxml.html import HtmlElement

from corpus.clean import CJK

_ARTICLE_TYPES = (
    "Article", "NewsArticle", "BlogPosting", "Report", "ReportageNewsArticle", "AnalysisNewsArticle",
    "OpinionNewsArticle", "BackgroundNewsArticle", "LiveBlogPosting", "TechArticle", "ScholarlyArticle",
    "SocialMediaPosting",
)  # fmt: skip
_PUBLISHED = (
    "article:published_time", "og:published_time", "datepublished", "date", "dc.date", "dc.date.issued",
    "dcterms.date", "dcterms.issued", "dcterms.created", "citation_publication_date", "citation_date",
    "pubdate", "publishdate", "publish-date", "publication_date", "parsely-pub-date", "sailthru.date",
    "article.published",
)  # fmt: skip
_MODIFIED = (
    "article:modified_time", "og:updated_time", "og:modified_time", "datemodified", "dcterms.modified",
    "dc.date.modified", "last-modified", "lastmod", "revised", "article.updated",
)  # fmt: skip
_AUTHOR = (
    "author", "dc.creator", "dcterms.creator", "citation_author", "parsely-author", "sailthru.author",
    "byl", "article:author",
)  # fmt: skip
_PUBLISHER = (
    "og:site_name",
    "dc.publisher",
    "dcterms.publisher",
    "publisher",
    "sitename",
    "application-name",
)
_TOPICS = ("article:tag", "article:section", "keywords", "news_keywords", "parsely-tags", "dcterms.subject")
_MOST_TOPICS = 20
_LONGEST_TOPIC = 60
_LONGEST_JSON = 2_000_000
_TITLE_PARTS = re.compile(r"\s+[|–—•·«»\-]\s+|_")
_OTHER_HOSTS = re.compile(r"^(?:www\d?|amp|m|mobile)\.")


def read_metadata(tree: HtmlElement, url: str) -> dict[str, Any]:
    """The fields of `corpus.article.Article` that a page states, besides its text.

    Read before anything is taken out of the page. Fields that it does not state are empty or None.
    """
    graph = list(_json_ld(tree))
    article = next((node for node in graph if _types(node) & set(_ARTICLE_TYPES)), {})
    page = next((node for node in graph if "WebPage" in _types(node)), {})
    meta = _meta(tree)
    publisher = _publisher(article, graph, meta)
    published = _first_date(
        [article.get("datePublished"), *_values(meta, _PUBLISHED), page.get("datePublished")]
    )
    published = published or _shown_date(tree)
    modified = _first_date([article.get("dateModified"), *_values(meta, _MODIFIED), page.get("dateModified")])
    return {
        "url": _address(tree, url),
        "title": _title(tree, article, meta, publisher),
        "author": _author(tree, article, meta),
        "publisher": publisher,
        "published": published,
        "modified": modified if modified and (not published or modified >= published) else None,
        "language": _language(tree, article, meta),
        "topics": _topics(tree, article, meta),
    }


def read_description(tree: HtmlElement) -> str:
    """What a page says that it is about; empty when it does not. Often it is the sentence under the title."""
    meta = _meta(tree)
    article = next((node for node in _json_ld(tree) if _types(node) & set(_ARTICLE_TYPES)), {})
    stated = (*_strings(article.get("description")), *_values(meta, ("og:description", "description")))
    return next(iter(stated), "")


# Where a page states things


def _json_ld(tree: HtmlElement) -> Iterator[dict[str, Any]]:
    for script in tree.iter("script"):
        if (script.get("type") or "").strip().lower() != "application/ld+json":
            continue
        source = (script.text or "").strip()
        if len(source) > _LONGEST_JSON:
            continue
        try:
            yield from _nodes(json.loads(source, strict=False))
        except (ValueError, RecursionError):
            continue  # broken, which is common, or made to break: the page's other statements remain


def _nodes(value: Any) -> Iterator[dict[str, Any]]:
    """The nodes at the top and those of a graph; what is nested deeper speaks of other things."""
    for node in value if isinstance(value, list) else [value]:
        if isinstance(node, dict):
            yield node
            for key in ("@graph", "mainEntity"):
                inner = node.get(key)
                yield from (n for n in (inner if isinstance(inner, list) else [inner]) if isinstance(n, dict))


def _types(node: dict[str, Any]) -> set[str]:
    found = node.get("@type")
    return {str(kind).rsplit("/", 1)[-1] for kind in (found if isinstance(found, list) else [found])}


def _meta(tree: HtmlElement) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for element in tree.iter("meta"):
        name = element.get("property") or element.get("name") or element.get("itemprop")
        content = (element.get("content") or "").strip()
        if name and content:
            found.setdefault(name.strip().lower(), []).append(content)
    return found


def _values(meta: dict[str, list[str]], names: Iterable[str]) -> Iterator[str]:
    for name in names:
        yield from meta.get(name, ())


def _text(element: HtmlElement) -> str:
    return " ".join("".join(element.itertext()).split())


def _strings(value: Any, key: str = "name") -> Iterator[str]:
    """Names in JSON-LD: a string, an object with a name, or a list of either."""
    for item in value if isinstance(value, list) else [value]:
        name = item.get(key) if isinstance(item, dict) else item
        if isinstance(name, str) and name.strip():
            yield name.strip()


# Single fields


def _address(tree: HtmlElement, url: str) -> str:
    for link in tree.iter("link"):
        if "canonical" in (link.get("rel") or "").lower().split():
            try:
                found, given = urlsplit(urljoin(url, (link.get("href") or "").strip())), urlsplit(url)
            except ValueError:
                return url
            same = found.scheme in ("http", "https") and _site(found.netloc) == _site(given.netloc)
            home = found.path in ("", "/") and given.path not in ("", "/")  # of a careless theme
            return urlunsplit((*found[:4], "")) if same and found.netloc and not home else url
    return url


def _site(host: str) -> str:
    return _OTHER_HOSTS.sub("", host.lower())


def _title(tree: HtmlElement, article: dict[str, Any], meta: dict[str, list[str]], publisher: str) -> str:
    headings = [text for element in tree.iter("h1") if (text := _text(element))]
    page_title = next((_text(element) for element in tree.iter("title")), "")
    stated = [*_strings(article.get("headline")), *_values(meta, ("og:title", "citation_title", "dc.title"))]
    if stated:
        return _without_site(stated[0], publisher)
    if len(headings) == 1:
        return headings[0]
    return _without_site(page_title, publisher) or next(iter(headings), "")


def _without_site(title: str, publisher: str) -> str:
    """A title without the name of the site behind it."""
    parts = _TITLE_PARTS.split(title)
    if publisher and len(parts) > 1 and parts[-1].strip().lower() == publisher.lower():
        return title[: title.rindex(parts[-1])].rstrip(" |–—•·«»-_")
    return title


def _publisher(article: dict[str, Any], graph: list[dict[str, Any]], meta: dict[str, list[str]]) -> str:
    sites = (name for node in graph if "WebSite" in _types(node) for name in _strings(node))
    stated = (*_strings(article.get("publisher")), *_values(meta, _PUBLISHER[:1]), *sites)
    names = (*stated, *_values(meta, _PUBLISHER[1:]))
    return next((name for name in names if not name.startswith(("http:", "https:", "@"))), "")


def _author(tree: HtmlElement, article: dict[str, Any], meta: dict[str, list[str]]) -> str:
    names = [*_strings(article.get("author"))] or [*_values(meta, _AUTHOR)]
    names = [name for name in names if not name.startswith(("http:", "https:")) and len(name) <= 100]
    if not names:
        shown = (
            e for e in tree.iter() if "author" in ((e.get("rel") or "") + (e.get("itemprop") or "")).split()
        )
        names = [text for element in shown if 0 < len(text := _text(element)) <= 60][:1]
    return ", ".join(dict.fromkeys(names))


def _language(tree: HtmlElement, article: dict[str, Any], meta: dict[str, list[str]]) -> str:
    """Two letters. A page of Chinese characters is Chinese, whatever its theme says."""
    text = (
        "".join(tree.itertext())[:20_000] if tree.find("body") is None else _text(tree.find("body"))[:20_000]
    )
    if len(CJK.findall(text)) > len(text) / 4 and not re.search("[\u3040-\u30ff]", text):
        return "zh"
    stated = (
        tree.get("lang") or "",
        *_strings(article.get("inLanguage")),
        *_values(meta, ("content-language", "language", "dc.language", "dcterms.language", "og:locale")),
    )
    codes = (re.match(r"[a-z]{2}(?=$|[-_])", value.strip().lower()) for value in stated)
    return next((code.group() for code in codes if code), "")


def _topics(tree: HtmlElement, article: dict[str, Any], meta: dict[str, list[str]]) -> list[str]:
    stated = (
        *_strings(article.get("articleSection")),
        *_strings(article.get("keywords")),
        *_values(meta, _TOPICS),
        *(_text(link) for link in tree.iter("a") if "tag" in (link.get("rel") or "").lower().split()),
    )
    topics: dict[str, str] = {}
    for value in stated:
        for topic in re.split(r"[,;，；、]", value):
            topic = " ".join(topic.split())
            if 1 < len(topic) <= _LONGEST_TOPIC:
                topics.setdefault(topic.lower(), topic)
    return list(topics.values())[:_MOST_TOPICS]


# Dates


def _first_date(values: Iterable[Any]) -> date | None:
    return next((found for value in values if (found := parse_date(value))), None)


def parse_date(value: Any) -> date | None:
    """The day that a value names as a whole; None when a part is missing, or day and month may be swapped."""
    if not isinstance(value, str) or not 8 <= len(value.strip()) <= 60:
        return None
    value = value.strip()
    if match := re.match(r"(\d{4})[-/.年]?(\d{1,2})[-/.月]?(\d{1,2})(?!\d)", value):
        return _day(*map(int, match.groups()))
    if re.match(r"\d{1,2}[/.-]\d{1,2}[/.-]", value):  # 05/06/2025 is two days
        return None
    try:
        first, second = (
            dateparser.parse(value, default=default, ignoretz=True)
            for default in (datetime(1904, 1, 1), datetime(1908, 2, 2))
        )
    except (ValueError, OverflowError):
        return None
    return _day(first.year, first.month, first.day) if first.date() == second.date() else None


def _day(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day) if 1990 <= year <= 2100 else None
    except ValueError:
        return None


def _shown_date(tree: HtmlElement) -> date | None:
    """The date in a ``time`` element that stands for the whole page, not for one entry or a comment."""
    times = [element for element in tree.iter("time") if element.get("datetime")]
    named = [element for element in times if _is_named_published(element)]
    titles = list(tree.iter("h1"))
    if not named and len(titles) == 1:  # near the title, as in the header of an article
        box = titles[0].getparent()
        for _ in range(2):
            named = [element for element in box.iter("time") if element.get("datetime")]
            if named or box.getparent() is None:
                break
            box = box.getparent()
    days = {parse_date(element.get("datetime")) for element in named[:1]}
    return next(iter(days), None)


def _is_named_published(element: HtmlElement) -> bool:
    words = re.split(r"[\s_-]+", (element.get("class") or "").lower())
    return (
        element.get("itemprop") == "datePublished"
        or element.get("pubdate") is not None
        or "published" in words
        or ("entry" in words and ("date" in words or "time" in words))
    )
