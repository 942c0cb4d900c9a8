"""What a local model has read and said, so that a follow-up takes only what is new to it.

A server keeps what it has read as long as a prompt begins in the same way. So a follow-up is put as what it
is, the next turn of a talk: behind the passages, the question and the reply before it, none of which is read
again. This is kept in memory only, for the latest talks; without it a follow-up is asked like a first
question, with what was said before it in the question.
"""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from threading import Lock

from corpus.clean import clean_text
from rag.generate import Said
from rag.types import Filters, Question

_KEPT = 64
_TURNS = 2


@dataclass(frozen=True)
class _Key:
    """What a model has said depends on: the last questions, what was searched, and the state of the index."""

    asked: tuple[str, ...]
    filters: Filters
    generation: str


class Talks:
    """The latest talks, the one longest unused forgotten first; may be used from any number of threads."""

    def __init__(self) -> None:
        self._kept: OrderedDict[_Key, Said] = OrderedDict()
        self._using = Lock()

    def keep(self, question: Question, generation: str, said: Said) -> None:
        """Remember what was read and said for a question, with this state of the index."""
        key = _key(question, [*_asked_before(question), question.text], generation)
        with self._using:
            self._kept[key] = said
            self._kept.move_to_end(key)
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)

    def of(self, question: Question, generation: str) -> Said | None:
        """What was read and said for a question; None when that is not remembered."""
        return self._find(_key(question, [*_asked_before(question), question.text], generation))

    def before(self, question: Question, generation: str) -> Said | None:
        """What was read and said for the question before this one; None when that is not remembered."""
        return self._find(_key(question, _asked_before(question), generation))

    def _find(self, key: _Key) -> Said | None:
        with self._using:
            return self._kept.get(key)


def _asked_before(question: Question) -> list[str]:
    return [turn.content for turn in question.history if turn.role == "user"]


def _key(question: Question, asked: Sequence[str], generation: str) -> _Key:
    return _Key(tuple(clean_text(text) for text in asked[-_TURNS:]), question.filters, generation)
