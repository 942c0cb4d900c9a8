"""What the page remembers of a conversation."""

from collections.abc import Sequence
from dataclasses import dataclass

from rag.types import Answer, Turn


@dataclass(frozen=True)
class Exchange:
    """One question with its answer, which is None when it failed.

    ``case`` is the id of the case that was made of it, if any: see ``ui.thumb``.
    """

    question: str
    answer: Answer | None
    case: str = ""


def turns_of(memory: Sequence[Exchange]) -> tuple[Turn, ...]:
    """The conversation as the chain takes it: what was answered, without markup."""
    turns: list[Turn] = []
    for exchange in memory:
        if exchange.answer:
            cited = tuple((c.passage_id, c.n) for c in exchange.answer.citations)
            turns += [Turn("user", exchange.question), Turn("assistant", exchange.answer.text, cited)]
    return tuple(turns)
