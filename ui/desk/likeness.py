"""Which queries ask the same: by the cosine of their embeddings, and by the names and years in them."""

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Generic, TypeVar

import numpy as np

from rag.embed import Embedder, Vectors
from rag.figures import figures, years_of
from rag.names import names_in, spelled_out

ALIKE = 0.65
"""Least cosine of two queries that ask the same, with the packaged embedding model.

At 0.65 it finds 34 of the 40 questions that ``tests/ui/asked_again.yaml`` asks again in other words, and
takes 49 of the 13,041 pairs of different questions of the suite dev for one; at 0.7 it would be 30 and 29.
"""

_MOST_KEPT = 20_000  # vectors of 1.5 KB

T = TypeVar("T", bound=Hashable)


@dataclass(frozen=True)
class Like(Generic[T]):
    """Something that asks the same, and the cosine of the two."""

    item: T
    cosine: float


class Likeness:
    """Compares queries; keeps their vectors, since the same ones are compared again and again."""

    def __init__(self, embedder: Embedder):
        self._embedder = embedder
        self._known: dict[str, Vectors] = {}
        self._lock = Lock()

    def to(self, text: str, others: Sequence[T], text_of: Callable[[T], str], most: int = 5) -> list[Like[T]]:
        """The things whose text asks the same as a text, the most alike first."""
        if not others:
            return []
        cosines = self._vectors([text_of(other) for other in others]) @ self._vectors([text])[0]
        found = [
            Like(other, float(cosine))
            for other, cosine in zip(others, cosines, strict=True)
            if cosine >= ALIKE and not differ(text, text_of(other))
        ]
        return sorted(found, key=lambda like: -like.cosine)[:most]

    def grouped(self, items: Sequence[T], text_of: Callable[[T], str]) -> list[list[T]]:
        """Things whose texts ask the same, in groups, the largest first.

        Greedy: each joins the group whose first member it is most like, or begins one.
        """
        if not items:
            return []
        vectors = self._vectors([text_of(item) for item in items])
        groups: list[list[int]] = []
        for number, vector in enumerate(vectors):
            heads = [group[0] for group in groups]
            cosines = vectors[heads] @ vector if heads else np.zeros(0, np.float32)
            for place in np.argsort(-cosines, kind="stable"):
                if cosines[place] < ALIKE:
                    groups.append([number])
                    break
                if not differ(text_of(items[heads[place]]), text_of(items[number])):
                    groups[int(place)].append(number)
                    break
            else:
                groups.append([number])
        groups.sort(key=lambda group: -len(group))
        return [[items[number] for number in group] for group in groups]

    def _vectors(self, texts: Iterable[str]) -> Vectors:
        wanted = list(texts)
        with self._lock:
            missing = [text for text in dict.fromkeys(wanted) if text not in self._known]
            if len(self._known) + len(missing) > _MOST_KEPT:
                self._known.clear()
                missing = list(dict.fromkeys(wanted))
            if missing:
                encoded = self._embedder.encode([spelled_out(text) for text in missing])
                self._known.update(zip(missing, encoded, strict=True))
            return np.stack([self._known[text] for text in wanted])


def differ(one: str, other: str) -> bool:
    """Whether two queries speak of different companies, places and people, or of different years only.

    >>> differ("What did Lynas earn?", "What did Iluka earn?")
    True
    """
    return any(
        bool(mine and theirs) and mine.isdisjoint(theirs)
        for mine, theirs in ((_names(one), _names(other)), (_years(one), _years(other)))
    )


def _names(text: str) -> set[str]:
    return {group[0] for _, group in names_in(text, materials=False)}


def _years(text: str) -> set[int]:
    return years_of(figures(text))
