"""Prompts from which a question may be answered, the shortest first, of which most need no other."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain

from langchain_core.messages import AIMessage

from rag.abstain import ENOUGH, ENOUGH_IN_A_TALK
from rag.generate import Prompt, Said, build_prompt
from rag.lookup import Reading
from rag.select import Excerpt
from rag.types import Hit
from rag.understand import Understood


@dataclass(frozen=True)
class Attempt:
    """A prompt, and what must be so for an answer from it; the last attempt has to do.

    Attributes:
        prompt: what the model is asked.
        read: what it reads for this question.
        left: what it would read in a longer one.
        enough: how probable the model must find it that the passages hold the answer.
        before: what stands before it.
    """

    prompt: Prompt
    read: tuple[Excerpt, ...]
    left: tuple[Excerpt, ...]
    enough: float
    before: Said | None = None

    def said(self, reply: str) -> Said:
        """What stands before the next question, when this is the reply."""
        read = (*self.before.read, *self.read) if self.before else self.read
        return Said((*self.prompt.answer, AIMessage(reply)), self.prompt.markers, read, self.left)


def attempts(
    reading: Reading, markers: Mapping[str, Hit], understood: Understood, before: Said | None
) -> Iterator[Attempt]:
    """Behind what was said before, if something was; then with what stands out, and with all the evidence."""
    layers = reading.evidence.layers
    if before:
        new = _unread(reading.evidence.excerpts, (*before.read, *before.left))
        prompt = build_prompt(understood.asked, [before.left, new], markers, after=before)
        yield Attempt(prompt, (*before.left, *new), (), ENOUGH_IN_A_TALK, before)
    for count in range(1, len(layers) + 1):
        prompt = build_prompt(reading.asked, layers[:count], markers, in_chinese=understood.in_chinese)
        read, left = (tuple(chain.from_iterable(part)) for part in (layers[:count], layers[count:]))
        yield Attempt(prompt, read, left, ENOUGH)


def _unread(excerpts: Iterable[Excerpt], known: Iterable[Excerpt]) -> tuple[Excerpt, ...]:
    """Of some excerpts the sentences that are not among those of others."""
    read = {(one.hit.passage.id, text) for one in known for text in one.sentences}
    new = (
        Excerpt(one.hit, tuple(text for text in one.sentences if (one.hit.passage.id, text) not in read))
        for one in excerpts
    )
    return tuple(one for one in new if one.sentences)
