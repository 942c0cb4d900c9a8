"""Articles that tell one story: near-duplicates and syndicated rewrites.

MinHash (datasketch) finds candidates, articles that share a good part of their wording and figures. What
tells a rewrite from next quarter's release by the same template are the figures: a rewrite keeps them, a
template fills in others. Both thresholds were chosen on the tuning half of `evals.near_duplicates`.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from corpus.article import Article

if TYPE_CHECKING:
    from datasketch import MinHash

MIN_WORDS = 0.5
"""Least share of the words of the shorter article that the longer one has too."""

MIN_FIGURES = 0.65
"""Least share of the figures of the shorter article that the longer one has too."""

MIN_WORDS_ALONE = 0.75
"""As `MIN_WORDS`, where the articles have too few figures to tell anything."""

_ENOUGH_FIGURES = 3
_ENOUGH_WORDS = 20  # fewer are soon all in any longer article
_PERMUTATIONS = 128
_ROWS = 2  # of a band: at a resemblance of 0.3 two of 64 bands agree in 98 % of cases, at 0.03 in 0.2 %
_FIGURE_WEIGHT = 3

_CJK = "\u3400-\u4dbf\u4e00-\u9fff"
_WORD = re.compile(rf"[{_CJK}]|\d+(?:[.,]\d+)*|[^\W\d_{_CJK}]+")
_YEAR = re.compile(r"(?:19|20)\d\d")
_COMMON = frozenset(
    "a about after all also an and are as at be been but by for from had has have he her his in into is it "  # noqa: SIM905
    "its more not of on one or other over said says she so than that the their them there these they this "
    "to up was we were what when which while who will with would".split()
)

Hashes = npt.NDArray[np.uint32]


@dataclass(frozen=True)
class Sketch:
    """What an article is compared by.

    ``words`` and ``figures`` are sorted hashes, each once. Two articles that share at least `MIN_BANDS` of
    their ``bands`` are worth comparing.
    """

    words: Hashes
    figures: Hashes
    bands: tuple[int, ...] = ()

    @classmethod
    def of(cls, words: bytes, figures: bytes) -> "Sketch":
        """A sketch to compare with, from the bytes of its hashes."""
        return cls(np.frombuffer(words, np.uint32), np.frombuffer(figures, np.uint32))


MIN_BANDS = 2
"""How many bands two articles must share to be compared."""


def sketch(article: Article) -> Sketch:
    """The sketch of an article, of its title and text."""
    terms = [term for term in _terms(f"{article.title}\n{article.text}") if term not in _COMMON]
    figures = {term for term in terms if term[0].isdigit() and not _YEAR.fullmatch(term)}
    wording = {f"{first} {second}".encode() for first, second in pairwise(terms)}
    wording |= {f"{figure}#{n}".encode() for figure in figures for n in range(_FIGURE_WEIGHT)}
    return Sketch(_hashes(set(terms) - figures), _hashes(figures), _bands(wording))


def same_story(one: Sketch, other: Sketch) -> bool:
    """Whether two articles tell one story, in other words or with a part left out."""
    if min(len(one.words), len(other.words)) < _ENOUGH_WORDS:
        return False
    words = _shared(one.words, other.words)
    if min(len(one.figures), len(other.figures)) < _ENOUGH_FIGURES:
        return words >= MIN_WORDS_ALONE
    return words >= MIN_WORDS and _shared(one.figures, other.figures) >= MIN_FIGURES


def groups(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Ids that are connected by pairs, each with the least id of its group."""
    leader: dict[str, str] = {}

    def find(id_: str) -> str:
        while (up := leader.setdefault(id_, id_)) != id_:
            leader[id_] = leader[up]
            id_ = up
        return id_

    for one, other in pairs:
        first, second = sorted((find(one), find(other)))
        leader[second] = first
    return {id_: find(id_) for id_ in leader}


def _terms(text: str) -> Iterator[str]:
    for match in _WORD.finditer(text.casefold()):
        term = match.group()
        yield term.replace(",", "") if term[0].isdigit() else term


def _hashes(terms: Iterable[str]) -> Hashes:
    return np.array(
        sorted({int.from_bytes(hashlib.sha1(term.encode()).digest()[:4], "little") for term in terms}),
        dtype=np.uint32,
    )


def _shared(one: Hashes, other: Hashes) -> float:
    smaller = min(len(one), len(other))
    return len(np.intersect1d(one, other, assume_unique=True)) / smaller if smaller else 0.0


@lru_cache(maxsize=1)
def _empty() -> "MinHash":
    # Imported here because it takes a quarter of a second, and only an ingest needs it.
    from datasketch import MinHash

    return MinHash(num_perm=_PERMUTATIONS, seed=1, scheme="affine32")


def _bands(wording: set[bytes]) -> tuple[int, ...]:
    # datasketch's own LSH keeps all buckets in memory; here they are rows of the catalogue.
    signature = _empty().copy()
    signature.update_batch(sorted(wording))
    rows: Sequence[Sequence[int]] = signature.hashvalues.reshape(-1, _ROWS).tolist()
    keys = (f"{number}:{row}".encode() for number, row in enumerate(rows))
    return tuple(int.from_bytes(hashlib.sha1(key).digest()[:8], "little", signed=True) for key in keys)
