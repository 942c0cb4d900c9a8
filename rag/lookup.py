"""What is read for a question: passages are searched, and of them sentences are chosen.

A comparison is looked up as two questions, one on each side.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import TypeVar

from rag.asked import asks_twice
from rag.retrieve import Retriever
from rag.select import Evidence, select
from rag.settings import Settings
from rag.sides import sides
from rag.types import Hit
from rag.understand import Understood

_T = TypeVar("_T")


@dataclass(frozen=True)
class Reading:
    """One thing that the model is asked, and what it reads for it.

    Attributes:
        asked: the question.
        side: what the question compares with something else here; empty where it compares nothing.
        hits: the passages that were found, best first.
        evidence: what is read of them.
    """

    asked: str
    side: str
    hits: tuple[Hit, ...]
    evidence: Evidence


def look_up(understood: Understood, retriever: Retriever, settings: Settings) -> tuple[Reading, ...]:
    """One reading of a question, or one for each side of a comparison.

    What is compared in one article is read and answered in one. Sentences on two things from several
    articles would take each other's place, and a small model that reads both mixes up their figures. A
    question that leans on a conversation, or is asked in Chinese, is not taken apart: its parts would lose
    the subject.

    Raises:
        UsageError: the filters name a publisher, topic or company that the corpus does not have.
    """

    def read(asked: str, side: str, queries: Sequence[str], budget: int) -> Reading:
        hits = retriever.search(queries, settings.top_k, understood.filters, understood.window.latest)
        return Reading(asked, side, tuple(hits), select(queries[0], hits, retriever, budget))

    whole, budget = understood.question, settings.evidence_tokens
    apart = sides(whole) if understood.queries == (whole,) else None
    if apart:
        readings = tuple(read(side.asked, side.name, (side.question,), budget) for side in apart)
        if not _in_the_same_articles(readings):
            return readings
    if asks_twice(understood.queries[0]):
        budget += budget // 3
    return (read(whole, "", understood.queries, budget),)


def _in_the_same_articles(readings: Sequence[Reading]) -> bool:
    """Whether the article that speaks best of each side is read for the other side too."""
    read = [{excerpt.hit.article.id for excerpt in reading.evidence.excerpts} for reading in readings]
    best = [reading.evidence.ranked[0].hit.article.id for reading in readings if reading.evidence.ranked]
    return len(best) < len(read) or all(set(best) <= articles for articles in read)


def all_hits(readings: Sequence[Reading]) -> tuple[Hit, ...]:
    """The passages of all readings, the best of each first."""
    found = _in_turns([reading.hits for reading in readings])
    return tuple({hit.passage.id: hit for hit in found}.values())


def all_evidence(readings: Sequence[Reading]) -> Evidence:
    """What is read in all readings together."""
    evidence = [reading.evidence for reading in readings]
    ranked = _in_turns([one.ranked for one in evidence])
    return Evidence(
        tuple(excerpt for one in evidence for excerpt in one.excerpts),
        max(one.similarity for one in evidence),
        max(one.coverage for one in evidence),
        tuple({(c.hit.passage.id, c.start): c for c in ranked}.values()),
    )


def _in_turns(lists: Sequence[Sequence[_T]]) -> list[_T]:
    """The first of each, then the second of each, and so on."""
    return [one for group in zip_longest(*lists) for one in group if one is not None]
