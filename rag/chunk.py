"""Cutting an article into passages that the embedding model reads whole.

Passages end where sentences end, prefer to end where paragraphs end, never overlap, and each is
an exact slice of the article. Title and date are added for the embedding only (`context_of`):
they raise recall for short passages that name neither, and are never quoted.
"""

import hashlib
import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import groupby

from corpus.article import Article
from rag.screen import sentences_that_count
from rag.sentences import sentence_spans, trimmed
from rag.tokens import count_tokens
from rag.types import Passage

TARGET_TOKENS = 150
"""A passage grows to at most this many tiktoken tokens.

Short enough that passage, title and date fit the 256 word pieces that MiniLM reads, and that
three passages of different articles fit the prompt.
"""

CHUNKING = f"sentences-{TARGET_TOKENS}-v2"
"""Names this way of cutting; part of the fingerprint of an index."""

_CONTEXT_TOKENS = 60
_HEADING_CHARS = 120
_LONGEST_EMOJI = 16
# Joiner, variation selector, keycap, skin tones, tags: they belong to the emoji before them.
_JOINS_PREVIOUS = re.compile("[\u200d\ufe0f\u20e3\U0001f3fb-\U0001f3ff\U000e0020-\U000e007f]")
_FLAG_LETTERS = "".join(map(chr, range(0x1F1E6, 0x1F200)))  # two of them make one flag


@dataclass(frozen=True)
class _Piece:
    """A sentence, or a part of an overlong one."""

    start: int
    end: int
    tokens: int
    paragraph: int
    section: str


def context_of(article: Article) -> str:
    """Title and date, as put before a passage when it is embedded."""
    title = article.title
    while title and count_tokens(title) > _CONTEXT_TOKENS:
        title = title[: len(title) * 3 // 4].rstrip()
    date = f" ({article.published.isoformat()})" if article.published else ""
    return f"{title}{date}\n" if title or date else ""


def embedded(article: Article, passage: Passage) -> tuple[str, list[tuple[int, int]]]:
    """What is embedded of a passage, and where in it the sentences that count stand."""
    context = context_of(article)
    moved = len(context) - passage.start
    spans = sentences_that_count(article.text, passage.start, passage.end)
    return context + passage.text, [(start + moved, end + moved) for start, end in spans]


def chunk(article: Article, fits: Callable[[str], bool] = lambda text: True) -> list[Passage]:
    """Cut an article into passages.

    Args:
        article: the article.
        fits: tells whether the embedding model reads a text to its end. Tiktoken and the
            model's own tokenizer disagree on rare words and on Chinese, so both are asked.
    """
    context = context_of(article)
    # Ids change with the article's content, so that the passages of two versions can be stored side
    # by side while one replaces the other. Hashing reads the whole article: once is enough.
    content = article.content_hash
    version = f"{article.id}:{content}:{CHUNKING}"
    passages: list[Passage] = []
    for group in _pack(_pieces(article.text)):
        start, end, section = group[0].start, group[-1].end, group[0].section
        for left, right in _split_to_fit(article.text, start, end, lambda text: fits(context + text)):
            digest = hashlib.sha256(f"{version}:{left}:{right}".encode()).hexdigest()[:20]
            text = article.text[left:right]
            passages.append(Passage(digest, article.id, left, right, text, section, content))
    return passages


def _is_heading(text: str, start: int, end: int) -> bool:
    """Whether a span is a short paragraph of its own, followed by another, and no sentence."""
    line = text[start:end]
    alone = text[max(0, start - 2) : start] in ("", "\n\n") and text.startswith("\n\n", end)
    return (
        alone and len(line) <= _HEADING_CHARS and line[-1] not in ".!?…。！？；:：,，;" and "\n" not in line
    )


def _pieces(text: str) -> Iterator[_Piece]:
    paragraph = 0
    section = ""
    previous_end = 0
    for start, end in sentence_spans(text):
        if "\n\n" in text[previous_end:start]:
            paragraph += 1
        if _is_heading(text, start, end):
            section = text[start:end]
        previous_end = end
        for left, right in _split_to_fit(text, start, end, _is_small):
            yield _Piece(left, right, count_tokens(text[left:right]), paragraph, section)


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
    places = range(middle, min(end, middle + _LONGEST_EMOJI))
    return next((place for place in places if not _is_inside_emoji(text, start, place)), middle)


def _is_inside_emoji(text: str, start: int, place: int) -> bool:
    """Whether a cut before ``text[place]`` would part what is shown as one character."""
    previous, character = text[place - 1], text[place]
    if previous == "\u200d" or _JOINS_PREVIOUS.match(character) or unicodedata.combining(character):
        return True
    if character not in _FLAG_LETTERS:
        return False
    before = text[start:place]
    return (len(before) - len(before.rstrip(_FLAG_LETTERS))) % 2 == 1


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
