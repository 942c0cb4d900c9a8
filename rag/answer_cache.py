"""Answers that need not be made again: the same question, asked of the same articles on the same day.

An answer depends on nothing but the question, its filters, the articles, the day (a question may ask for last
month), the prompts, the model and the settings. The first five are the key of an answer. Model, settings and
program are those of the process whose memory holds the cache, so that another model starts with an empty one.
Evals ask the chain itself, and never get a kept answer.
"""

import re
import unicodedata
from collections import OrderedDict
from dataclasses import dataclass, replace
from datetime import date
from threading import Lock
from time import perf_counter

from corpus.clean import clean_text
from rag.chain import AnswerChain
from rag.prompts import in_force
from rag.types import Answer, Filters, Question, Timings
from rag.understand import leans_on_conversation

_MARK = "[?!.,;:\"'()\\[\\]{}«»…。、「」『』《》¿¡]"
# Marks that only divide words; those inside of figures and names, as in 1.5 and U.S.-made, say something.
_DIVIDES = re.compile(rf"(?<![0-9a-z]){_MARK}(?!\d)|{_MARK}(?![0-9a-z])")
_QUOTES = str.maketrans("‘’“”", "''\"\"")


@dataclass(frozen=True)
class Key:
    """What an answer depends on.

    Attributes:
        asked: the question, as `same_words` has it.
        filters: which articles are searched.
        day: today.
        generation: the state of the index.
        prompts: the texts that the model is given.
    """

    asked: str
    filters: Filters
    day: date
    generation: str
    prompts: str


class AnswerCache:
    """The latest answers, the one longest unused forgotten first; may be used from any number of threads."""

    def __init__(self, size: int):
        """``size`` is how many answers are kept; 0 for none."""
        self._size = size
        self._kept: OrderedDict[Key, Answer] = OrderedDict()
        self._using = Lock()

    def key(self, chain: AnswerChain, question: Question) -> Key | None:
        """What the answer to a question would depend on; None when it cannot be kept.

        That is so for a question which only a conversation makes clear, and while the index is on its way
        from one state to the next.
        """
        if not self._size or leans_on_conversation(question):
            return None
        index = chain.retriever.index
        generation = index.catalogue.fact("generation")
        if not generation or generation != index.generation:
            return None
        return Key(same_words(question.text), question.filters, date.today(), generation, in_force())

    def find(self, key: Key, question: Question) -> Answer | None:
        """The answer to a question, as if it had been made for it; None when there is none."""
        began = perf_counter()
        with self._using:
            answer = self._kept.get(key)
            if answer is None or not _numbers_fit(answer, question):
                return None
            self._kept.move_to_end(key)
        timings = Timings(0.0, None, perf_counter() - began, cached=True)
        return replace(answer, question=question.text, timings=timings)

    def keep(self, key: Key | None, chain: AnswerChain, question: Question, answer: Answer) -> None:
        """Keep an answer, if it is whole and all that it depends on is still as when ``key`` was made."""
        if key is None or answer.failure or answer.cut_short or self.key(chain, question) != key:
            return
        with self._using:
            self._kept[key] = answer
            self._kept.move_to_end(key)
            if len(self._kept) > self._size:
                self._kept.popitem(last=False)


def same_words(question: str) -> str:
    """A question without what may differ between two that ask the same: case, spaces, marks, wide letters.

    >>> same_words("What did  Lynas produce？") == same_words("what did Lynas produce")
    True
    """
    text = unicodedata.normalize("NFKC", clean_text(question)).translate(_QUOTES).casefold()
    return " ".join(_DIVIDES.sub(" ", text).split())


def _numbers_fit(answer: Answer, question: Question) -> bool:
    """Whether the passages of an answer have the numbers that they would get after what was said before."""
    known = dict(pair for turn in question.history for pair in turn.cited)
    first = max(known.values(), default=0) + 1
    new = [citation for citation in answer.citations if citation.passage_id not in known]
    numbers = known | {citation.passage_id: first + i for i, citation in enumerate(new)}
    return all(citation.n == numbers[citation.passage_id] for citation in answer.citations)
