"""BM25 over passages, with bm25s: stemmed English, and Chinese as single and paired characters.

bm25s rather than rank-bm25: scores are computed when the index is built, so a query is a sparse
sum; it saves to disk, needs only numpy, and is maintained.
"""

import json
import re
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from pathlib import Path

import bm25s
import numpy as np
import Stemmer
import yaml

from rag.types import UNFILTERED, Filters

_CJK = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_TERM = re.compile(rf"[{_CJK}]+|\d+(?:[.,]\d+)*|[^\W\d_{_CJK}]+")
_STOPWORDS = frozenset(
    [
        "a",
        "an",
        "and",
        "are",
        "as",
        "at",
        "be",
        "been",
        "but",
        "by",
        "did",
        "do",
        "does",
        "for",
        "from",
        "had",
        "has",
        "have",
        "how",
        "in",
        "into",
        "is",
        "it",
        "its",
        "of",
        "on",
        "or",
        "s",
        "t",
        "that",
        "the",
        "their",
        "there",
        "these",
        "they",
        "this",
        "to",
        "was",
        "were",
        "what",
        "when",
        "where",
        "which",
        "who",
        "whom",
        "why",
        "will",
        "with",
        "would",
        "about",
        "can",
        "could",
        "should",
        "me",
        "us",
        "you",
        "i",
        "we",
        "any",
        "much",
        "many",
        "tell",
        "said",
        "say",
        "says",
    ]
)
_stemmer = Stemmer.Stemmer("english")


def terms(text: str) -> list[str]:
    """The index terms of a text, in order, with repetitions."""
    return list(_terms(text))


def _terms(text: str) -> Iterator[str]:
    for match in _TERM.finditer(text.casefold()):
        run = match.group()
        if "\u3400" <= run[0] <= "\u9fff" or "\uf900" <= run[0] <= "\ufaff":
            # No word segmentation: pairs of characters find compounds without a dictionary.
            yield from run if len(run) == 1 else (a + b for a, b in pairwise(run))
        elif run[0].isdigit():
            yield run.replace(",", "")
        elif run not in _STOPWORDS:
            yield _stemmer.stemWord(run)


def synonyms_of(term: str) -> frozenset[str]:
    """The index terms that mean the same as a term, itself left out, from ``synonyms.yaml``."""
    return _synonyms().get(term, frozenset())


@lru_cache(maxsize=1)
def _synonyms() -> dict[str, frozenset[str]]:
    groups = yaml.safe_load(Path(__file__).with_name("synonyms.yaml").read_text(encoding="utf-8"))
    stemmed = [frozenset(term for word in group for term in terms(word)) for group in groups]
    return {term: group - {term} for group in stemmed for term in group}


@dataclass(frozen=True)
class LexicalIndex:
    """A BM25 index whose rows are passages.

    ``ids[row]`` is the passage's id, ``days[row]`` the day of its article as a number such as
    20250513, 0 where it is not known, and ``publishers[row]`` who published it.
    """

    ids: tuple[str, ...]
    days: tuple[int, ...]
    publishers: tuple[str, ...]
    _bm25: bm25s.BM25 | None

    @classmethod
    def build(
        cls,
        ids: Sequence[str],
        texts: Sequence[str],
        days: Sequence[int] | None = None,
        publishers: Sequence[str] | None = None,
    ) -> "LexicalIndex":
        """Index texts under their ids, with the days and publishers of their articles."""
        if not ids:
            return cls((), (), (), None)
        bm25 = bm25s.BM25()  # Lucene's variant, k1 = 1.5, b = 0.75
        # bm25s fails when no text has any term; the empty one stands in, which no query has.
        rows = [terms(text) for text in texts]
        bm25.index(rows if any(rows) else [[""] for _ in rows], show_progress=False)
        return cls(tuple(ids), tuple(days or [0] * len(ids)), tuple(publishers or [""] * len(ids)), bm25)

    def search(self, query: str, k: int, filters: Filters = UNFILTERED) -> list[tuple[str, float]]:
        """Up to ``k`` passages that share a term with the query, with BM25 scores, best first.

        Args:
            query: words; unknown ones count nothing.
            k: how many at most.
            filters: only passages of these articles; publishers are named exactly as the articles do.
        """
        known = [term for term in terms(query) if self._bm25 is not None and term in self._bm25.vocab_dict]
        if self._bm25 is None or not known:
            return []
        scores = self._bm25.get_scores(known)
        if filters.days:
            first, last = filters.days
            of_rows = np.array(self.days)
            scores = np.where((of_rows >= first) & (of_rows <= last), scores, 0.0)
        if filters.publishers:
            scores = np.where(np.isin(self.publishers, filters.publishers), scores, 0.0)
        best = np.argsort(-scores, kind="stable")[:k]
        return [(self.ids[row], float(scores[row])) for row in best if scores[row] > 0]

    def rarity(self, term: str) -> float:
        """Inverse document frequency of an index term, log((N + 1) / (n + 1)); highest if unseen."""
        total = len(self.ids)
        if self._bm25 is None or term not in self._bm25.vocab_dict:
            return float(np.log(total + 1))
        indptr = self._bm25.scores["indptr"]
        row = self._bm25.vocab_dict[term]
        return float(np.log((total + 1) / (int(indptr[row + 1] - indptr[row]) + 1)))

    def save(self, folder: Path) -> None:
        """Write the index to a folder that appears only when it is whole."""
        partial = folder.with_name(folder.name + ".partial")
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        if self._bm25 is not None:
            self._bm25.save(str(partial), show_progress=False)
        (partial / "rows.json").write_text(
            json.dumps([self.ids, self.days, self.publishers]), encoding="utf-8"
        )
        shutil.rmtree(folder, ignore_errors=True)
        partial.rename(folder)

    @classmethod
    def load(cls, folder: Path) -> "LexicalIndex":
        """Read a saved index.

        Raises:
            OSError, ValueError: there is none, or it is damaged; build it anew.
        """
        ids, days, publishers = json.loads((folder / "rows.json").read_text(encoding="utf-8"))
        try:
            bm25 = bm25s.BM25.load(str(folder)) if ids else None
        except EOFError as error:  # numpy's word for an empty file
            raise ValueError(f"{folder} holds an empty file") from error
        return cls(tuple(ids), tuple(days), tuple(publishers), bm25)
