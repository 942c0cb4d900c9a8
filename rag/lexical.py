"""BM25 over passages, with bm25s: stemmed English, and Chinese as single and paired characters.

bm25s rather than rank-bm25: scores are computed when the index is built, so a query is a sparse
sum; it saves to disk, needs only numpy, and is maintained.
"""

import math
import re
import shutil
import unicodedata
import uuid
from array import array
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
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
from scipy.sparse import csr_array

from rag.types import UNFILTERED, Filters

Scores = npt.NDArray[np.float32]
"""One number for each row of an index, or for some."""
Numbers = npt.NDArray[np.int32]
Passing = npt.NDArray[np.bool_]
"""For each row whether it passes filters."""

_FORMAT = "2"  # of a saved index: its terms are without accents

_PLAIN = {
    letter: plain
    for letter in range(0xC0, 0x250)
    if (plain := unicodedata.normalize("NFD", chr(letter))[0]).isascii()
} | str.maketrans("øłđı", "oldi")
"""Latin letters without their accents."""

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
_PORTION = 1 << 22  # scores that are computed at once
_stemmer = Stemmer.Stemmer("english")


def terms(text: str) -> list[str]:
    """The index terms of a text, in order, with repetitions."""
    return list(_known_terms(text))


@lru_cache(maxsize=2_000)  # an answer is checked against the same sentences dozens of times
def _known_terms(text: str) -> tuple[str, ...]:
    return tuple(_terms(text))


def _terms(text: str) -> Iterator[str]:
    text = text.casefold()
    # Who asks for Araxá or Norra Kärr has often no such key.
    for match in _TERM.finditer(text if text.isascii() else text.translate(_PLAIN)):
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
class Found:
    """What an index knows of a passage that was found: its id, and version and day as in a `Row`."""

    id: str
    version: str
    day: int


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


@dataclass(frozen=True, eq=False)
class _Columns:
    """The rows of an index as arrays, each of which is one file that is mapped into memory, not read.

    ``versions`` and ``publishers`` are places in the sorted ``*_names``, ``by_id`` is the rows in the order
    of their ids, and ``tokens`` are those of all rows one after another, as the numbers of their terms.
    """

    ids: npt.NDArray[np.bytes_]
    by_id: Numbers
    days: Numbers
    versions: Numbers
    version_names: npt.NDArray[np.bytes_]
    publishers: Numbers
    publisher_names: npt.NDArray[np.str_]
    lengths: Numbers
    tokens: Numbers


class LexicalIndex:
    """A BM25 index whose rows are passages."""

    def __init__(self, columns: _Columns, bm25: bm25s.BM25):
        self._columns = columns
        self._bm25 = bm25
        self._terms: dict[str, int] = bm25.vocab_dict  # the number of each

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
        return _empty().updated(
            (), (Row(id_, "", day, publisher, text) for id_, text, day, publisher in rows)
        )

    def updated(self, keep: Collection[str], rows: Iterable[Row]) -> "LexicalIndex":
        """The index with these rows added, and without those of versions that are not in ``keep``.

        What stays is not read again: most of the time to build an index goes into cutting texts into terms.
        """
        old, numbers = self._columns, dict(self._terms)
        fresh = _columns_of(rows, numbers)
        kept = np.array([name.decode() in keep for name in old.version_names], bool)[old.versions]
        ids = np.concatenate([old.ids[kept], fresh.ids])
        versions = np.concatenate(
            [old.version_names[old.versions[kept]], fresh.version_names[fresh.versions]]
        )
        publishers = np.concatenate(
            [old.publisher_names[old.publishers[kept]], fresh.publisher_names[fresh.publishers]]
        )
        lengths = np.concatenate([old.lengths[kept], fresh.lengths])
        tokens = np.concatenate([old.tokens[np.repeat(kept, old.lengths)], fresh.tokens])
        days = np.concatenate([old.days[kept], fresh.days])
        return LexicalIndex(
            _Columns(ids, _order(ids), days, *_coded(versions), *_coded(publishers), lengths, tokens),
            _bm25_of(tokens, lengths, numbers),
        )

    def __len__(self) -> int:
        return len(self._columns.ids)

    @property
    def ids(self) -> tuple[str, ...]:
        """The id of every row."""
        return tuple(id_.decode() for id_ in self._columns.ids.tolist())

    @property
    def versions(self) -> tuple[str, ...]:
        """The version of every row."""
        names = [name.decode() for name in self._columns.version_names.tolist()]
        return tuple(names[code] for code in self._columns.versions.tolist())

    def counts(self) -> dict[str, int]:
        """How many rows each version has."""
        counts = np.bincount(self._columns.versions, minlength=len(self._columns.version_names))
        names = (name.decode() for name in self._columns.version_names.tolist())
        return dict(zip(names, counts.tolist(), strict=True))

    def publishers(self) -> list[str]:
        """Who published the articles, in every spelling, the one with the most passages first."""
        names = self._columns.publisher_names.tolist()
        counts = np.bincount(self._columns.publishers, minlength=len(names)).tolist()
        of = dict(zip(names, counts, strict=True))
        return sorted(filter(None, names), key=lambda name: (-of[name], name))

    def known(self, ids: Sequence[str], passing: Passing | None = None) -> list[str]:
        """Those of some ids that rows have, or rows that pass, in the order given."""
        columns = self._columns
        rows = _places(columns.ids, ids, columns.by_id)
        good = rows >= 0 if passing is None else (rows >= 0) & passing[rows]
        return [id_ for id_, is_good in zip(ids, good.tolist(), strict=True) if is_good]

    def found(self, ids: Sequence[str]) -> list[Found]:
        """What is known of those of some ids that rows have, in the order given, without any text."""
        columns = self._columns
        rows = [row for row in _places(columns.ids, ids, columns.by_id).tolist() if row >= 0]
        versions = columns.version_names[columns.versions[rows]].tolist()
        days = columns.days[rows].tolist()
        return [
            Found(columns.ids[row].decode(), version.decode(), day)
            for row, version, day in zip(rows, versions, days, strict=True)
        ]

    def ids_of(self, passing: Passing) -> list[str]:
        """The ids of the rows that pass."""
        return [id_.decode() for id_ in self._columns.ids[passing].tolist()]

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
        in_names = {term for name in names for term in terms(name)}
        scores = self._sum([term for term in terms(query) if term not in in_names])
        score_of = cache(lambda term: self._sum([term]))  # the spellings of a name share most of their words
        for name, others in names.items():
            scores += self._best_of(name, others, score_of)
        passing = self.passing(filters)
        if passing is not None:
            scores *= passing
        return [(self._columns.ids[row].decode(), float(scores[row])) for row in _best(scores, k)]

    def passing(self, filters: Filters) -> Passing | None:
        """Which rows pass the filters; None for all."""
        columns = self._columns
        tests: list[Passing] = []
        if filters.days:
            first, last = filters.days
            tests.append((columns.days >= first) & (columns.days <= last))
        if filters.publishers:
            tests.append(_among(columns.publishers, columns.publisher_names, filters.publishers))
        if filters.versions is not None:
            tests.append(_among(columns.versions, columns.version_names, filters.versions))
        return reduce(np.logical_and, tests) if tests else None

    def _sum(self, wanted: Sequence[str]) -> Scores:
        """The BM25 score of every row for some terms."""
        known = [term for term in wanted if term in self._terms]
        return self._bm25.get_scores(known) if known else np.zeros(len(self), np.float32)

    def _best_of(self, name: str, others: Sequence[str], score_of: Callable[[str], Scores]) -> Scores:
        """The score of every row for a name, or for the best of its others, which must be there whole."""
        own = terms(name)
        best = self._sum(own)
        # Many spellings have the same terms, as "ASX:LYC" and "ASX: LYC".
        for spelling in dict.fromkeys(tuple(terms(other)) for other in others):
            if spelling != tuple(own):
                rows, scores = self._holding(spelling, score_of)
                best[rows] = np.maximum(best[rows], scores)
        return best

    def holding(self, names: Iterable[str]) -> set[str]:
        """The versions of articles with a passage that holds all words of any of some names."""
        score_of = cache(lambda term: self._sum([term]))
        rows = [self._holding(terms(name), score_of)[0] for name in names]
        codes = np.unique(self._columns.versions[np.concatenate(rows)]) if rows else ()
        return {self._columns.version_names[code].decode() for code in codes}

    def _holding(self, wanted: Sequence[str], score_of: Callable[[str], Scores]) -> tuple[Numbers, Scores]:
        """The rows that hold all of some terms, and the BM25 scores of these rows for them."""
        if not wanted or any(term not in self._terms for term in wanted):
            return np.zeros(0, np.int32), np.zeros(0, np.float32)
        # Only those with the rarest term are looked at: a name is rarer than most of its words.
        rarest = min(wanted, key=lambda term: len(self._scores_with(term)[0]))
        rows, of_rarest = self._scores_with(rarest)
        each = [of_rarest if term == rarest else score_of(term)[rows] for term in wanted]
        whole = reduce(np.logical_and, (scores > 0 for scores in each))
        return rows[whole], reduce(np.add, each)[whole]

    def _scores_with(self, term: str) -> tuple[Numbers, Scores]:
        """The rows that hold a term, in order, and their scores for it."""
        start, end = self._span(term)
        return self._bm25.scores["indices"][start:end], self._bm25.scores["data"][start:end]

    def rarity(self, term: str) -> float:
        """Inverse document frequency of an index term, log((N + 1) / (n + 1)); highest if unseen."""
        start, end = self._span(term) if term in self._terms else (0, 0)
        return math.log((len(self) + 1) / (end - start + 1))

    def _span(self, term: str) -> tuple[int, int]:
        start, end = self._bm25.scores["indptr"][self._terms[term] :][:2].tolist()
        return start, end

    def save(self, folder: Path) -> None:
        """Write the index to a folder that appears only when it is whole; several may do so at once."""
        partial = folder.with_name(f"{folder.name}.{uuid.uuid4().hex}.partial")
        partial.mkdir(parents=True)
        self._bm25.save(str(partial), show_progress=False)
        (partial / "format").write_text(_FORMAT, encoding="ascii")
        for column in fields(_Columns):
            np.save(partial / f"{column.name}.npy", getattr(self._columns, column.name))
        shutil.rmtree(folder, ignore_errors=True)
        partial.rename(folder)

    @classmethod
    def load(cls, folder: Path) -> "LexicalIndex":
        """Open a saved index: its arrays are mapped into memory, and what a search touches is read then.

        Raises:
            OSError, ValueError: there is none, it is damaged, or of an earlier format; build it anew.
        """
        if (folder / "format").read_text(encoding="utf-8") != _FORMAT:
            raise ValueError(f"{folder} is of another format")
        try:
            columns = _Columns(*(_mapped(folder / f"{column.name}.npy") for column in fields(_Columns)))
            bm25 = bm25s.BM25.load(str(folder), mmap=True)
        except EOFError as error:  # numpy's word for an empty file
            raise ValueError(f"{folder} holds an empty file") from error
        bm25.scores |= {name: np.asarray(bm25.scores[name]) for name in ("data", "indices", "indptr")}
        return cls(columns, bm25)


def _mapped(path: Path) -> Any:
    return np.asarray(np.load(path, mmap_mode="r"))  # as a plain array, which is faster than a np.memmap


def _empty() -> LexicalIndex:
    numbers = {"": 0}  # a term that no text has: bm25s wants one
    columns = _columns_of((), dict(numbers))
    return LexicalIndex(columns, _bm25_of(columns.tokens, columns.lengths, numbers))


def _columns_of(rows: Iterable[Row], numbers: dict[str, int]) -> _Columns:
    """Rows as arrays; terms that have no number yet get one."""
    ids, versions, publishers = [], [], []
    days, lengths, tokens = array("i"), array("i"), array("i")
    for row in rows:
        before = len(tokens)
        tokens.extend(numbers.setdefault(term, len(numbers)) for term in _terms(row.text))
        lengths.append(len(tokens) - before)
        days.append(row.day)
        ids.append(row.id.encode())
        versions.append(row.version.encode())
        publishers.append(row.publisher)
    of_ids = np.array(ids, np.bytes_)
    return _Columns(
        of_ids,
        _order(of_ids),
        np.array(days, np.int32),
        *_coded(np.array(versions, np.bytes_)),
        *_coded(np.array(publishers, np.str_)),
        np.array(lengths, np.int32),
        np.array(tokens, np.int32),
    )


def _order(ids: npt.NDArray[np.bytes_]) -> Numbers:
    return np.argsort(ids).astype(np.int32)


def _coded(column: npt.NDArray[Any]) -> tuple[Numbers, npt.NDArray[Any]]:
    """For each value its place among the different ones, and those, sorted."""
    names, codes = np.unique(column, return_inverse=True)
    return codes.astype(np.int32), names


def _places(
    names: npt.NDArray[Any], wanted: Sequence[str], order: Numbers | None = None
) -> npt.NDArray[np.int64]:
    """Where each of some names stands in an array that is sorted, or has this order; -1 where it does not."""
    if not len(names):
        return np.full(len(wanted), -1)
    values = np.array(
        [name.encode() for name in wanted] if names.dtype.kind == "S" else wanted, names.dtype.kind
    )
    places = np.searchsorted(names, values, sorter=order).clip(max=len(names) - 1)
    places = places if order is None else order[places]
    return np.where(names[places] == values, places, -1)


def _among(codes: Numbers, names: npt.NDArray[Any], wanted: Sequence[str]) -> Passing:
    """Which of the coded values are among some names."""
    allowed = np.zeros(len(names) + 1, bool)
    allowed[_places(names, wanted)] = True
    allowed[-1] = False  # where names that nothing has went
    among: Passing = allowed[codes]
    return among


def _best(scores: Scores, k: int) -> list[int]:
    """The rows of the ``k`` highest scores above 0, the highest first, and of equals the first row first."""
    least = np.partition(scores, -k)[-k] if k < len(scores) else 0
    # Scores of rounded sums tie often: all that tie with the last one are sorted, or chance would pick.
    rows = np.flatnonzero(scores >= least) if least > 0 else np.flatnonzero(scores)
    best: list[int] = rows[np.argsort(-scores[rows], kind="stable")][:k].tolist()
    return best


def _bm25_of(tokens: Numbers, lengths: Numbers, numbers: dict[str, int]) -> bm25s.BM25:
    """What `bm25s.BM25.index` makes of the rows, without Python's lists of them, which take minutes."""
    starts = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])
    ones = np.ones(len(tokens), np.float32)
    counts = csr_array((ones, tokens, starts), shape=(len(lengths), len(numbers))).tocsc()
    counts.sum_duplicates()
    bm25 = bm25s.BM25()  # Lucene's variant, k1 = 1.5, b = 0.75
    holding = np.diff(counts.indptr)
    bm25.scores = {
        "data": _scores_of(counts, lengths, _idf(holding, len(lengths)), bm25.k1, bm25.b),
        "indices": counts.indices.astype(np.int32, copy=False),
        "indptr": counts.indptr.astype(np.int64),
        "num_docs": len(lengths),
    }
    bm25.vocab_dict = numbers
    bm25.nonoccurrence_array = None
    return bm25


def _idf(holding: Numbers, total: int) -> Scores:
    """Lucene's inverse document frequency of each term, by the number of rows that hold it."""
    different, codes = np.unique(holding, return_inverse=True)
    logs = [math.log(1 + (total - n + 0.5) / (n + 0.5)) if n else 0.0 for n in different.tolist()]
    return np.array(logs, np.float32)[codes]


def _scores_of(counts: Any, lengths: Numbers, idf: Scores, k1: float, b: float) -> Scores:
    """The BM25 score of each row for each term that it holds, a portion at a time."""
    scores = np.empty(counts.nnz, np.float32)
    relative = k1 * ((1 - b) + b * lengths / lengths.mean()) if counts.nnz else lengths
    of_terms = np.repeat(idf, np.diff(counts.indptr))
    for i in range(0, len(scores), _PORTION):
        some = slice(i, i + _PORTION)
        count = counts.data[some]
        scores[some] = of_terms[some] * (count / (relative[counts.indices[some]] + count))
    return scores
