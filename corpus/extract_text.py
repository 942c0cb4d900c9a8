"""Markdown with front matter and plain text become articles, and so do fields that are already apart."""

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Any

import yaml
from markdown_it import MarkdownIt
from markdown_it.token import Token
from mdit_py_plugins.front_matter import front_matter_plugin

from corpus.article import Article
from corpus.clean import clean_line, clean_text
from corpus.errors import Unreadable

# Inline HTML is left as text: it is shown escaped, and never interpreted anywhere.
_MARKDOWN = MarkdownIt("commonmark", {"html": False}).use(front_matter_plugin)

MAX_ARTICLE_CHARS = 2_000_000
"""Twice the longest novel: what is longer is a dump of data, and would hold up everything behind it."""


def from_markdown(raw: bytes, url: str) -> Article:
    """Read Markdown: front matter gives the fields, the body its words without the markup.

    Raises:
        Unreadable: it is no UTF-8 text, its front matter is broken, or nothing is in it.
    """
    return from_fields(_parse_markdown(decode_utf8(raw)), default_url=url)


def from_plain_text(raw: bytes, url: str) -> Article:
    """Take all of it as the text of the article.

    Raises:
        Unreadable: it is no UTF-8 text, or nothing is in it.
    """
    return from_fields({"text": decode_utf8(raw)}, default_url=url)


def from_fields(fields: Mapping[str, Any], default_url: str = "") -> Article:
    """Make an article of named values, all of them optional but ``text``.

    Raises:
        Unreadable: a value is of the wrong kind, or there is no text or far too much of it.
    """
    text = clean_text(_string(fields, "text"))
    if not text:
        raise Unreadable("has no text")
    if len(text) > MAX_ARTICLE_CHARS:
        raise Unreadable(f"is longer than {MAX_ARTICLE_CHARS:,} characters")
    return Article(
        url=clean_line(_string(fields, "url")) or default_url,
        text=text,
        title=clean_line(_string(fields, "title")),
        publisher=clean_line(_string(fields, "publisher")),
        published=_date(fields.get("published")),
        topics=_topics(fields.get("topics")),
        author=clean_line(_string(fields, "author")),
        modified=_date(fields.get("modified")),
        language=clean_line(_string(fields, "language")),
    )


def decode_utf8(raw: bytes) -> str:
    """The text of a file that must be UTF-8, with or without a byte order mark.

    Raises:
        Unreadable: it is something else.
    """
    if b"\x00" in raw:
        raise Unreadable("is not a text file")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Unreadable("is not UTF-8 text") from error


def _string(fields: Mapping[str, Any], name: str) -> str:
    value = fields.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise Unreadable(f"has a {name} that is not text")
    return value


def _date(value: object) -> date | None:
    if value is None or value == "":
        return None
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    try:
        return datetime.fromisoformat(str(value).strip()).date()
    except ValueError:
        raise Unreadable(f"has a date that is not like 2025-05-13: {value!r}") from None


def _topics(value: object) -> tuple[str, ...]:
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(topic, str) for topic in value):
        raise Unreadable("has topics that are not a list of words")
    return tuple(clean_line(topic) for topic in value)


def _parse_markdown(raw: str) -> dict[str, Any]:
    """Front matter and the body as plain text: what a reader sees, without the markup."""
    raw = raw.lstrip("\ufeff \t\r\n")  # front matter counts only on the first line
    tokens = _MARKDOWN.parse(raw)
    fields: dict[str, Any] = {}
    blocks: list[str] = []
    for token in tokens:
        if token.type == "front_matter":
            fields = _front_matter(token.content)
        elif token.type == "inline":
            blocks.append(_plain(token.children or ()))
        elif token.type in ("fence", "code_block"):
            blocks.append(token.content)
    if raw.startswith("---") and not fields:
        raise Unreadable("has broken front matter (no closing --- line, or nothing in it)")
    return {**fields, "text": "\n\n".join(blocks)}


def _front_matter(content: str) -> dict[str, Any]:
    try:
        fields = yaml.load(content, Loader=yaml.CSafeLoader)  # ten times as fast as safe_load
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise Unreadable(f"has broken front matter ({' '.join(str(error).split())})") from error
    if not isinstance(fields, dict):
        raise Unreadable("has front matter that is not a list of `name: value` lines")
    return fields


def _plain(children: Iterable[Token]) -> str:
    parts: list[str] = []
    for token in children:
        if token.type in ("text", "code_inline"):
            parts.append(token.content)
        elif token.type in ("softbreak", "hardbreak"):
            parts.append("\n")
    return "".join(parts)
