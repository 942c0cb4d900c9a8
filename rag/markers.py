"""Markers that a model writes behind a sentence: found, told apart from text, and removed.

Accepted are ``[a7]``, ``[a7, k3]``, ``[[a7]]``, ``(a7)``, ``【a7】``, ``［a7］`` and what models
add inside them (``[id: a7]``, ``[a7; "title"]``). The patterns have no nested quantifiers, so no
input can make them slow.
"""

import re
from collections.abc import Container
from dataclasses import dataclass

MAX_CHARS = 80
"""A bracket that stays open for longer than this is text, not a marker being written."""

_OPEN = "[【［"
_BRACKET = re.compile(r"[\[【［]([^\[\]【】［］\n]{1,80})[\]】］]")
_ROUND = re.compile(r"\(([a-z][2-9](?:, ?[a-z][2-9])*)\)")
_ID = re.compile(r"(?<![A-Za-z0-9])[A-Za-z][0-9](?![A-Za-z0-9])")
_NUMBERS = re.compile(r"[\[【［](\d{1,4}(?:\s?[,，、]\s?\d{1,4}){0,20})[\]】］](?!\()")
_LEFTOVER = re.compile(r"[\[\]【】［］]")


@dataclass(frozen=True)
class Marked:
    """A text without its markers.

    Attributes:
        text: what is left to show.
        ids: the known ids in the order in which they were first cited.
        unknown: how many ids stand for no passage.
    """

    text: str
    ids: tuple[str, ...]
    unknown: int


def read_markers(text: str, known: Container[str]) -> Marked:
    """Take the markers out of a text."""
    ids: dict[str, None] = {}
    unknown = 0

    def take(match: re.Match[str]) -> str:
        nonlocal unknown
        found = [id_.lower() for id_ in _ID.findall(match.group(1))]
        for id_ in found:
            if id_ in known:
                ids.setdefault(id_)
            else:
                unknown += 1
        if not found and not match.group(1).strip().isdigit():
            return match.group()[1:-1]  # an aside in brackets: keep its words
        unknown += not found
        return ""

    text = _ROUND.sub(take, _BRACKET.sub(take, text))
    text = _LEFTOVER.sub("", text)
    text = re.sub(r"[ \t]{1,50}([.,;:!?。，；])", r"\1", text)
    return Marked(re.sub(r"[ \t]{2,}", " ", text).strip(), tuple(ids), unknown)


def read_numbers(text: str) -> tuple[str, tuple[int, ...]]:
    """Take the numbers of citations out of a text; gives what is left of it and the numbers, each once.

    A number before a round bracket is the text of a link in Markdown, and stays.

    >>> read_numbers("Output was 5 t [1][2, 3].")
    ('Output was 5 t.', (1, 2, 3))
    """
    found: dict[int, None] = {}

    def take(match: re.Match[str]) -> str:
        found.update(dict.fromkeys(int(n) for n in re.findall(r"\d+", match.group(1))))
        return ""

    text = _NUMBERS.sub(take, text)
    text = re.sub(r"[ \t]{1,50}([.,;:!?。，；])", r"\1", text)
    return re.sub(r"[ \t]{2,}", " ", text).strip(), tuple(found)


def settled(text: str) -> str:
    """A text that is still being written, without a marker that has only begun."""
    opened = max(text.rfind(bracket) for bracket in _OPEN)
    closed = max(text.rfind(bracket) for bracket in "]】］")
    if opened > closed and len(text) - opened <= MAX_CHARS:
        return text[:opened].rstrip()
    return text
