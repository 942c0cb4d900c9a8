"""The prompt that the model is given.

Passages carry short opaque ids, bound to the stored passage and not to a place in a list, so
that numbering for display can never drift. The stable part of the prompt comes first: a local
server keeps it cached between questions.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from langchain_core.messages import BaseMessage, HumanMessage, SystemMessage

from rag.prompts import prompt
from rag.select import Excerpt, heading
from rag.types import Hit

NOT_FOUND = "NOT IN THE CORPUS"
"""What the model is told to reply when the passages do not hold the answer."""

_LETTERS = "abcdefghjkmnpqrstuvwxyz"  # without i, l and o, which look like digits
_DIGITS = "23456789"


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
    excerpts: Sequence[Excerpt],
    markers: Mapping[str, Hit] | None = None,
    *,
    in_chinese: bool = False,
) -> Prompt:
    """Lay out the passages, grouped by article, and the question.

    Args:
        question: what is asked, with what it leans on.
        excerpts: what the model gets to see.
        markers: those of the passages, where they have some already.
        in_chinese: the language of the answer; else it is the question's own.
    """
    markers = name_passages(excerpts) if markers is None else dict(markers)
    ids = {hit.passage.id: marker for marker, hit in markers.items()}
    blocks: dict[str, list[str]] = {}
    for excerpt in excerpts:
        article = excerpt.hit.article
        date = f"{article.published.isoformat()} " if article.published else ""
        block = blocks.setdefault(article.id, [_defuse(f"{date}{heading(article)}")])
        block.append(f"[{ids[excerpt.hit.passage.id]}] {_defuse(' '.join(excerpt.sentences))}")
    values = {
        "passages": "\n\n".join("\n".join(lines) for lines in blocks.values()),
        "question": _defuse(question),
    }
    language = "Answer in Chinese." if in_chinese else ""
    system = SystemMessage(prompt("system"))
    return Prompt(
        [system, HumanMessage(prompt("answer", language=language, **values).strip())],
        [system, HumanMessage(prompt("probe", **values))],
        markers,
    )


def system_messages() -> list[BaseMessage]:
    """The stable head of every prompt, for warming up a local server."""
    return [SystemMessage(prompt("system")), HumanMessage("Ready?")]


def name_passages(excerpts: Sequence[Excerpt]) -> dict[str, Hit]:
    """A short id for each passage, taken from a hash of its own id."""
    markers: dict[str, Hit] = {}
    for hit in {excerpt.hit.passage.id: excerpt.hit for excerpt in excerpts}.values():
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
