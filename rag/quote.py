"""Sentences of the evidence that are worth quoting beside what the model wrote.

A small model cuts lists short and leaves out the date that was asked for. The sentence itself
says it all, is exact by construction, and costs no waiting.
"""

from collections.abc import Collection, Sequence

from rag.lexical import terms
from rag.select import Candidate, Evidence, leans_on_previous
from rag.types import Sentence

MAX_QUOTES = 2
_NEAR_THE_BEST = 0.85
_RESTATED = 0.7


def quotable(evidence: Evidence, written: Sequence[Sentence], cited: Collection[str]) -> list[Candidate]:
    """The most relevant sentences that the model's own do not restate, best first.

    Args:
        evidence: what the model was shown.
        written: what it wrote.
        cited: ids of the articles that its supported sentences cite. Another article is quoted
            only when there are none: beside an answer it would mostly be beside the point.
    """
    said = set(terms(" ".join(s.text for s in written if s.support != "unsupported")))
    candidates = [c for c in evidence.ranked if not cited or c.hit.article.id in cited]
    chosen: list[Candidate] = []
    for candidate in candidates:
        if len(chosen) == MAX_QUOTES or candidate.score < _NEAR_THE_BEST * evidence.ranked[0].score:
            break
        own = set(terms(candidate.text))
        if len(own & said) < _RESTATED * len(own) and not leans_on_previous(candidate.text):
            chosen.append(candidate)
    return chosen
