"""BM25 over passages, with bm25s: stemmed English, and Chinese as single and paired characters.

bm25s rather than rank-bm25: scores are computed when the index is built, so a query is a sparse
sum; it saves to disk, needs only numpy, and is maintained.
"""

import json
import re
import shutil
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache, reduce
from itertools import pairwise
from pathlib import Path
from types import MappingProxyType
from typing import Any

import bm25s
import numpy as np
import numpy.typing as npt
import Stemmer
import yaml

from rag.types import UNFILTERED, Filters

Scores = npt.NDArray[np.float32]
"""One number for each row of an index."""

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
class Row:
    """A passage as the index takes it.

    ``version`` names the version of its article, ``day`` is the day of its article as a number such as
    20250513, 0 where it is not known, and ``publisher`` who published it.
    """

    id: str
    version: str
    day: int
    publisher: str
    text: str


@dataclass(frozen=True)
class LexicalIndex:
    """A BM25 index whose rows are passages.

    ``ids[row]`` is the passage's id; ``versions``, ``days`` and ``publishers`` are those of its `Row`.
    """

    ids: tuple[str, ...]
    versions: tuple[str, ...]
    days: tuple[int, ...]
    publishers: tuple[str, ...]
    _bm25: bm25s.BM25 | None
    _tokens: tuple[npt.NDArray[np.int32], ...]  # of each row, as the numbers of its terms

    @classmethod
    def build(
        cls,
        ids: Sequence[str],
        texts: Sequence[str] = (),
        days: Sequence[int] | None = None,
        publishers: Sequence[str] | None = None,
    ) -> "LexicalIndex":
        """Index texts under their ids, with the days and publishers of their articles."""
        rows = zip(ids, texts, days or [0] * len(ids), publishers or [""] * len(ids), strict=True)
        return cls((), (), (), (), None, ()).updated(
            (), [Row(id_, "", day, publisher, text) for id_, text, day, publisher in rows]
        )

    def updated(self, keep: Collection[str], rows: Sequence[Row]) -> "LexicalIndex":
        """The index with these rows added, and without those of versions that are not in ``keep``.

        What stays is not read again: most of the time to build an index goes into cutting texts into terms.
        """
        vocabulary = dict(self._bm25.vocab_dict) if self._bm25 is not None else {"": 0}
        fresh = [
            np.array([vocabulary.setdefault(t, len(vocabulary)) for t in _terms(row.text)], dtype=np.int32)
            for row in rows
        ]
        kept = [number for number, version in enumerate(self.versions) if version in keep]
        tokens = (*(self._tokens[number] for number in kept), *fresh)
        return LexicalIndex(
            (*(self.ids[number] for number in kept), *(row.id for row in rows)),
            (*(self.versions[number] for number in kept), *(row.version for row in rows)),
            (*(self.days[number] for number in kept), *(row.day for row in rows)),
            (*(self.publishers[number] for number in kept), *(row.publisher for row in rows)),
            _bm25_of(tokens, vocabulary),
            tokens,
        )

    def search(
        self,
        query: str,
        k: int,
        filters: Filters = UNFILTERED,
        names: Mapping[str, Sequence[str]] = MappingProxyType({}),
    ) -> list[tuple[str, float]]:
        """Up to ``k`` passages that share a term with the query, with BM25 scores, best first.

        Args:
            query: words; unknown ones count nothing.
            k: how many at most.
            filters: only passages of these articles; publishers are named exactly as the articles do.
            names: names in the query as they are spelled there, each with its other names, of which one
                counts as much as the name itself; were all their words added to the query, a name with
                many others would drown the rest of it.
        """
        if self._bm25 is None:
            return []
        in_names = {term for name in names for term in terms(name)}
        scores = self._sum([term for term in terms(query) if term not in in_names])
        score_of = cache(lambda term: self._sum([term]))  # the spellings of a name share most of their words
        for name, others in names.items():
            scores = scores + self._best_of(name, others, score_of)
        if filters.days:
            first, last = filters.days
            of_rows = np.array(self.days)
            scores = np.where((of_rows >= first) & (of_rows <= last), scores, 0.0)
        if filters.publishers:
            scores = np.where(np.isin(self.publishers, filters.publishers), scores, 0.0)
        if filters.versions is not None:
            scores = np.where(np.isin(self.versions, filters.versions), scores, 0.0)
        best = np.argsort(-scores, kind="stable")[:k]
        return [(self.ids[row], float(scores[row])) for row in best if scores[row] > 0]

    def _sum(self, wanted: Sequence[str]) -> Scores:
        """The BM25 score of every row for some terms."""
        assert self._bm25 is not None
        known = [term for term in wanted if term in self._bm25.vocab_dict]
        return self._bm25.get_scores(known) if known else np.zeros(len(self.ids), np.float32)

    def _best_of(self, name: str, others: Sequence[str], score_of: Callable[[str], Scores]) -> Scores:
        """The score of every row for a name, or for the best of its others, which must be there whole."""
        best = self._sum(terms(name))
        for other in others:
            if parts := terms(other):
                each = np.stack([score_of(term) for term in parts])
                best = np.maximum(best, np.where((each > 0).all(axis=0), each.sum(axis=0), 0.0))
        return best

    def holding(self, names: Iterable[str]) -> set[str]:
        """The versions of articles with a passage that holds all words of any of some names."""
        return {self.versions[row] for name in names for row in self._rows_with(terms(name))}

    def _rows_with(self, wanted: Sequence[str]) -> npt.NDArray[Any]:
        if self._bm25 is None or not wanted or any(term not in self._bm25.vocab_dict for term in wanted):
            return np.zeros(0, int)
        indptr, indices = self._bm25.scores["indptr"], self._bm25.scores["indices"]
        numbers = [self._bm25.vocab_dict[term] for term in wanted]
        return reduce(np.intersect1d, (indices[indptr[n] : indptr[n + 1]] for n in numbers))

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
            np.save(partial / "tokens.npy", np.concatenate(self._tokens))
            np.save(partial / "lengths.npy", np.array([len(row) for row in self._tokens]))
        (partial / "rows.json").write_text(
            json.dumps([self.ids, self.versions, self.days, self.publishers]), encoding="utf-8"
        )
        shutil.rmtree(folder, ignore_errors=True)
        partial.rename(folder)

    @classmethod
    def load(cls, folder: Path) -> "LexicalIndex":
        """Read a saved index.

        Raises:
            OSError, ValueError: there is none, or it is damaged; build it anew.
        """
        ids, versions, days, publishers = json.loads((folder / "rows.json").read_text(encoding="utf-8"))
        try:
            bm25 = bm25s.BM25.load(str(folder)) if ids else None
            tokens = np.load(folder / "tokens.npy") if ids else np.zeros(0, np.int32)
            lengths = np.load(folder / "lengths.npy") if ids else np.zeros(0, int)
        except EOFError as error:  # numpy's word for an empty file
            raise ValueError(f"{folder} holds an empty file") from error
        rows = tuple(np.split(tokens, np.cumsum(lengths)[:-1])) if ids else ()
        return cls(tuple(ids), tuple(versions), tuple(days), tuple(publishers), bm25, rows)


def _bm25_of(tokens: Sequence[npt.NDArray[np.int32]], vocabulary: dict[str, int]) -> bm25s.BM25 | None:
    if not tokens:
        return None
    bm25 = bm25s.BM25()  # Lucene's variant, k1 = 1.5, b = 0.75
    # bm25s fails when no text has any term; the empty one stands in, which no query has.
    rows = [row.tolist() for row in tokens] if any(map(len, tokens)) else [[0]] * len(tokens)
    bm25.index((rows, vocabulary), show_progress=False)
    return bm25
