"""Cutting an article into passages that the embedding model reads whole.

Passages end where sentences end, prefer to end where paragraphs end, never overlap, and each is
an exact slice of the article. Title and date are added for the embedding only (`context_of`):
they raise recall for short passages that name neither, and are never quoted.
"""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import groupby

from corpus.article import Article
from rag.sentences import sentence_spans, trimmed
from rag.tokens import count_tokens
from rag.types import Passage

TARGET_TOKENS = 150
"""A passage grows to at most this many tiktoken tokens.

Short enough that passage, title and date fit the 256 word pieces that MiniLM reads, and that
three passages of different articles fit the prompt.
"""

CHUNKING = f"sentences-{TARGET_TOKENS}-v1"
"""Names this way of cutting; part of the fingerprint of an index."""

_CONTEXT_TOKENS = 60
_HEADING_CHARS = 120


@dataclass(frozen=True)
class _Piece:
    """A sentence, or a part of an overlong one."""

    start: int
    end: int
    tokens: int
    paragraph: int


def context_of(article: Article) -> str:
    """Title and date, as put before a passage when it is embedded."""
    title = article.title
    while title and count_tokens(title) > _CONTEXT_TOKENS:
        title = title[: len(title) * 3 // 4].rstrip()
    date = f" ({article.published.isoformat()})" if article.published else ""
    return f"{title}{date}\n" if title or date else ""


def chunk(article: Article, fits: Callable[[str], bool] = lambda text: True) -> list[Passage]:
    """Cut an article into passages.

    Args:
        article: the article.
        fits: tells whether the embedding model reads a text to its end. Tiktoken and the
            model's own tokenizer disagree on rare words and on Chinese, so both are asked.
    """
    context = context_of(article)
    passages: list[Passage] = []
    section = ""
    for group in _pack(_pieces(article.text, lambda text: fits(context + text))):
        start, end = group[0].start, group[-1].end
        text = article.text[start:end]
        first_line = text.split("\n", 1)[0]
        if _is_heading(first_line):
            section = first_line
        for left, right in _split_to_fit(article.text, start, end, lambda text: fits(context + text)):
            passages.append(_passage(article, left, right, section))
    return passages


def _passage(article: Article, start: int, end: int, section: str) -> Passage:
    # The id changes with the article's content, so that the passages of two versions can be
    # stored side by side while one replaces the other.
    key = f"{article.id}:{article.content_hash}:{CHUNKING}:{start}:{end}"
    digest = hashlib.sha256(key.encode()).hexdigest()[:20]
    return Passage(digest, article.id, start, end, article.text[start:end], section)


def _is_heading(line: str) -> bool:
    return 0 < len(line) <= _HEADING_CHARS and line[-1] not in ".!?。！？；:：,，;" and "." not in line


def _pieces(text: str, fits: Callable[[str], bool]) -> Iterator[_Piece]:
    paragraph = 0
    previous_end = 0
    for start, end in sentence_spans(text):
        if "\n\n" in text[previous_end:start]:
            paragraph += 1
        previous_end = end
        for left, right in _split_to_fit(text, start, end, lambda part: _is_small(part) and fits(part)):
            yield _Piece(left, right, count_tokens(text[left:right]), paragraph)


def _is_small(text: str) -> bool:
    return count_tokens(text) <= TARGET_TOKENS


def _split_to_fit(text: str, start: int, end: int, fits: Callable[[str], bool]) -> Iterator[tuple[int, int]]:
    """Halve a span, at white space where there is some, until every part fits."""
    if end - start < 2 or (end - start < 50 * TARGET_TOKENS and fits(text[start:end])):
        yield start, end
        return
    middle = _break_near_middle(text, start, end)
    for left, right in ((start, middle), (middle, end)):
        for span in trimmed(text, left, right):
            yield from _split_to_fit(text, *span, fits)


def _break_near_middle(text: str, start: int, end: int) -> int:
    middle = (start + end) // 2
    quarter = (end - start) // 4
    for mark in ("\n", "；", "，", " "):
        before = text.rfind(mark, middle - quarter, middle + quarter)
        if before > start:
            return before + 1
    while middle < end - 1 and _joins_previous(text[middle]):
        middle += 1
    return middle


def _joins_previous(character: str) -> bool:
    # Joiners, variation selectors and skin tones belong to the emoji before them.
    return character in "\u200d\ufe0f" or "\U0001f3fb" <= character <= "\U0001f3ff"


def _pack(pieces: Iterator[_Piece]) -> Iterator[list[_Piece]]:
    """Fill passages up to the target, closing early at a paragraph's end when half full."""
    group: list[_Piece] = []
    size = 0
    for _, paragraph in groupby(pieces, key=lambda piece: piece.paragraph):
        sentences = list(paragraph)
        length = sum(piece.tokens for piece in sentences)
        if group and size + length > TARGET_TOKENS and size >= TARGET_TOKENS // 2:
            yield group
            group, size = [], 0
        for piece in sentences:
            if group and size + piece.tokens > TARGET_TOKENS:
                yield group
                group, size = [], 0
            group.append(piece)
            size += piece.tokens
    if group:
        yield group
