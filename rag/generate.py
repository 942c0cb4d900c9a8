"""The prompt that the model is given.

Passages carry short opaque ids, bound to the stored passage and not to a place in a list, so
that numbering for display can never drift. The stable part of the prompt comes first: a local
server keeps it cached between questions.
"""

import hashlib
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from itertools import chain

from langchain_core.messages import BaseMessage, HumanMessage, SystemMessage

from rag.prompts import prompt
from rag.select import Excerpt, heading
from rag.types import Hit

NOT_FOUND = "NOT IN THE CORPUS"
"""What the model is told to reply when the passages do not hold the answer."""

_LETTERS = "abcdefghjkmnpqrstuvwxyz"  # without i, l and o, which look like digits
_DIGITS = "23456789"


@dataclass(frozen=True)
class Said:
    """What a model has read and replied, for the next question of a conversation to go on from.

    Attributes:
        messages: from the first of the conversation, or of what is remembered of it, to the reply.
        markers: which id in them stands for which passage.
        read: the excerpts in them.
        left: what was chosen for the last question too, and left unread; it is to come before what the next
            one adds, so that a server may read it ahead.
    """

    messages: tuple[BaseMessage, ...]
    markers: dict[str, Hit]
    read: tuple[Excerpt, ...]
    left: tuple[Excerpt, ...]


@dataclass(frozen=True)
class Prompt:
    """What the model is asked about some passages.

    Attributes:
        answer: messages that ask for the answer.
        probe: messages that ask whether the passages hold it. They begin like ``answer``, so a
            local server reads the passages once for both.
        markers: which id in them stands for which passage.
    """

    answer: list[BaseMessage]
    probe: list[BaseMessage]
    markers: dict[str, Hit]


def build_prompt(
    question: str,
    layers: Sequence[Sequence[Excerpt]],
    markers: Mapping[str, Hit] | None = None,
    *,
    in_chinese: bool = False,
    after: Said | None = None,
) -> Prompt:
    """Lay out the passages, grouped by article, and the question.

    Layers stand one after the other, so a local server that has read some of them reads only what is added.

    Args:
        question: what is asked, with what it leans on that does not stand before it.
        layers: what the model gets to see.
        markers: those of the passages, where they have some already.
        in_chinese: the language of the answer; else it is the question's own.
        after: what was said before it. Of an article whose title stands there only the date is given again.
    """
    markers = name_passages(list(chain.from_iterable(layers))) if markers is None else dict(markers)
    known = _articles(after.read) if after else set()
    ids = {hit.passage.id: marker for marker, hit in markers.items()}
    values = {
        "passages": "\n\n".join(_laid_out(excerpts, ids, known) for excerpts in layers if excerpts),
        "question": _defuse(question),
    }
    language = "Answer in Chinese." if in_chinese else ""
    head = after.messages if after else (SystemMessage(prompt("system")),)
    return Prompt(
        [*head, HumanMessage(prompt("answer", language=language, **values).strip())],
        [*head, HumanMessage(prompt("probe", **values).lstrip())],
        markers,
    )


def _articles(excerpts: Sequence[Excerpt]) -> set[str]:
    return {excerpt.hit.article.id for excerpt in excerpts}


def _laid_out(excerpts: Sequence[Excerpt], ids: Mapping[str, str], known: AbstractSet[str]) -> str:
    blocks: dict[str, list[str]] = {}
    for excerpt in excerpts:
        article = excerpt.hit.article
        date = f"{article.published.isoformat()} " if article.published else ""
        title = "" if article.id in known else heading(article)
        block = blocks.setdefault(article.id, [_defuse(f"{date}{title}")])
        block.append(f"[{ids[excerpt.hit.passage.id]}] {_defuse(' '.join(excerpt.sentences))}")
    return "\n\n".join("\n".join(filter(None, lines)) for lines in blocks.values())


def system_messages() -> list[BaseMessage]:
    """The stable head of every prompt, for warming up a local server."""
    return [SystemMessage(prompt("system")), HumanMessage("Ready?")]


def ahead(said: Said) -> list[BaseMessage]:
    """The beginning of any prompt that goes on from what was said, as far as it is known."""
    ids = {hit.passage.id: marker for marker, hit in said.markers.items()}
    return [*said.messages, HumanMessage(_laid_out(said.left, ids, _articles(said.read)))]


def name_passages(excerpts: Sequence[Excerpt], named: Mapping[str, Hit] | None = None) -> dict[str, Hit]:
    """A short id for each passage, taken from a hash of its own id, beside those that are ``named``."""
    markers = dict(named or {})
    known = {hit.passage.id for hit in markers.values()}
    hits = {excerpt.hit.passage.id: excerpt.hit for excerpt in excerpts}
    for hit in (hit for id_, hit in hits.items() if id_ not in known):
        number = int(hashlib.sha256(hit.passage.id.encode()).hexdigest(), 16)
        while (marker := _marker(number)) in markers:
            number += 1
        markers[marker] = hit
    return markers


def _marker(number: int) -> str:
    return _LETTERS[number % len(_LETTERS)] + _DIGITS[number // len(_LETTERS) % len(_DIGITS)]


def _defuse(text: str) -> str:
    """Text that cannot be taken for a marker or for the layout of the prompt."""
    return " ".join(text.replace("[", "(").replace("]", ")").split())
