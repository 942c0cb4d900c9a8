"""Whether a passage supports a sentence: deterministic, without a second model.

A sentence is *supported* when its figures all stand in the passages that it cites and its words,
weighted by how rare they are, mostly do; *weak* when the figures stand there but many words do
not; *unsupported* otherwise.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rag.figures import missing_figures
from rag.lexical import terms
from rag.names import other_names
from rag.types import Hit, Support

SUPPORTED = 0.6
WEAK = 0.35


@dataclass(frozen=True)
class Check:
    """The outcome for one sentence: the state, the reason for less than full support, the overlap."""

    support: Support
    doubt: str
    overlap: float


def check_support(sentence: str, cited: Sequence[Hit], rarity: Callable[[str], float]) -> Check:
    """Check one sentence against all the passages that it cites, taken together."""
    if not cited:
        return Check("unsupported", "cites no passage", 0.0)
    passages = " ".join(hit.passage.text for hit in cited)
    missing = missing_figures(sentence, passages)
    overlap = _overlap(sentence, cited, rarity)
    if missing:
        return Check("unsupported", f"not in the cited passage: {', '.join(missing)}", overlap)
    if overlap >= SUPPORTED:
        return Check("supported", "", overlap)
    if overlap >= WEAK:
        return Check("weak", "worded differently from the cited passage", overlap)
    return Check("unsupported", "the cited passage does not say this", overlap)


def _overlap(sentence: str, cited: Sequence[Hit], rarity: Callable[[str], float]) -> float:
    """The share of the sentence's terms, weighted by rarity, that the passages hold; 0 to 1."""
    wanted = set(terms(sentence))
    total = sum(rarity(term) for term in wanted)
    if not total:
        return 1.0
    context = " ".join(f"{hit.article.title} {hit.article.publisher} {hit.passage.text}" for hit in cited)
    present = set(terms(context)) | set(terms(" ".join(other_names(context))))
    return sum(rarity(term) for term in wanted & present) / total
