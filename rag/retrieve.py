"""Dense and lexical search over passages, fused by reciprocal rank."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from rag.about import about
from rag.chunk import embedded
from rag.embed import Embedder, Vectors
from rag.filters import as_spelled
from rag.index import Index
from rag.lexical import Found
from rag.names import names_in, spelled_out
from rag.screen import sentences_that_count
from rag.types import UNFILTERED, Filters, Hit

RRF_K = 60
"""The constant of reciprocal rank fusion; Cormack, Clarke and Büttcher, SIGIR 2009."""

_CANDIDATES = 40
_PER_ARTICLE = 2
_HEAD = 5
_RECENCY_WEIGHT = 1.0
_REMEMBERED = 5_000  # passages, some 50 MB


@dataclass(frozen=True)
class Candidate(Found):
    """A passage that was found, before it is read; its article has one version among the candidates.

    Attributes:
        score: the fused one.
        copies: how many other articles tell the story of its article.
    """

    score: float
    copies: int = 0


@dataclass(frozen=True)
class Rated:
    """A sentence of a hit, with offsets into its article, and its cosine to a question."""

    hit: Hit
    start: int
    end: int
    similarity: float


class Retriever:
    """Finds the passages that speak of what a question asks."""

    def __init__(self, index: Index, embedder: Embedder):
        self.index = index
        self.embedder = embedder
        self._computed: dict[str, Vectors] = {}

    def search(
        self, queries: Sequence[str], k: int, filters: Filters = UNFILTERED, latest: bool = False
    ) -> list[Hit]:
        """The ``k`` best passages for any of several wordings of one question, best first.

        Args:
            queries: the wordings.
            k: how many passages.
            filters: only these articles.
            latest: rank newer articles higher.

        Raises:
            UsageError: the filters name a publisher, topic or company that the corpus does not have.
        """
        self.index.refresh()
        if not len(self.index):
            return []
        if filters.publishers:
            filters = as_spelled(filters, self.index.lexical.publishers())
        if filters.topics or filters.companies:
            filters = replace(filters, versions=about(filters, self.index))
        vectors = self.embedder.encode_queries([spelled_out(query) for query in queries])
        dense = [self.index.dense(vectors[i : i + 1], _CANDIDATES, filters) for i in range(len(queries))]
        lexical = [
            self.index.lexical.search(query, _CANDIDATES, filters, dict(names_in(query))) for query in queries
        ]
        fused = fuse([[id_ for id_, _ in ranking] for ranking in dense + lexical])
        similarity = _best_of(dense)
        bm25 = _best_of(lexical)
        best = sorted(fused, key=lambda id_: -fused[id_])[: max(_CANDIDATES, 2 * k)]
        candidates = [
            Candidate(row.id, row.version, row.day, fused[row.id]) for row in self.index.lexical.found(best)
        ]
        ranked = _newest_first(candidates) if latest else candidates
        told_by = self.index.catalogue.told_by({candidate.version for candidate in ranked})
        chosen = spread(fold(ranked, told_by))[:k]
        # Only these are read: passages and articles cost more than all of the ranking.
        passages = self.index.passages([candidate.id for candidate in chosen])
        # In the version that the passage is a slice of: a newer one may be on its way in.
        articles = self.index.catalogue.at({candidate.version for candidate in chosen})
        return [
            Hit(
                passages[one.id],
                articles[one.version],
                one.score,
                similarity.get(one.id, 0.0),
                bm25.get(one.id, 0.0),
                one.copies,
            )
            for one in chosen
            if one.id in passages and one.version in articles
        ]

    def rate(self, question: str, hits: Sequence[Hit]) -> list[Rated]:
        """The sentences of some hits that count, with their cosines to a question."""
        (vector,) = self.embedder.encode_queries([question])
        spans = {
            hit.passage.id: list(sentences_that_count(hit.article.text, hit.passage.start, hit.passage.end))
            for hit in hits
        }
        counts = {id_: len(some) for id_, some in spans.items() if some}
        vectors = self._sentences(hits, counts, len(vector))
        return [
            Rated(hit, start, end, float(row @ vector))
            for hit in hits
            if hit.passage.id in counts
            for (start, end), row in zip(spans[hit.passage.id], vectors[hit.passage.id], strict=True)
        ]

    def _sentences(
        self, hits: Sequence[Hit], counts: Mapping[str, int], dimensions: int
    ) -> dict[str, Vectors]:
        """The vectors of the sentences of passages; those that an earlier version stored are computed."""
        vectors = self.index.sentences(counts, dimensions)
        lacking = counts.keys() - vectors.keys()
        vectors |= {id_: rows for id_ in lacking if (rows := self._computed.get(id_)) is not None}
        if left := [hit for hit in hits if hit.passage.id in counts.keys() - vectors.keys()]:
            cut = [embedded(hit.article, hit.passage) for hit in left]
            _, made = self.embedder.encode_parts([text for text, _ in cut], [spans for _, spans in cut])
            fresh = {hit.passage.id: rows for hit, rows in zip(left, made, strict=True)}
            if len(self._computed) > _REMEMBERED:
                self._computed.clear()
            self._computed |= fresh
            vectors |= fresh
        return vectors


def fuse(rankings: Iterable[Sequence[str]]) -> dict[str, float]:
    """Reciprocal rank fusion: the sum over the rankings of 1 / (RRF_K + rank), ranks from 1."""
    scores: dict[str, float] = defaultdict(float)
    for ranking in rankings:
        for rank, id_ in enumerate(ranking, 1):
            scores[id_] += 1 / (RRF_K + rank)
    return dict(scores)


def _newest_first(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Candidates with a further ranking fused in: the newest article first, undated ones last."""
    newest = sorted({candidate.day for candidate in candidates}, reverse=True)
    place = {day: rank for rank, day in enumerate(newest, 1)}
    fused = [replace(one, score=one.score + _RECENCY_WEIGHT / (RRF_K + place[one.day])) for one in candidates]
    return sorted(fused, key=lambda one: -one.score)


def fold(candidates: Sequence[Candidate], told_by: Mapping[str, tuple[str, int]]) -> list[Candidate]:
    """Let one article speak for each story, that of the best candidate; it carries how many others tell it.

    Args:
        candidates: best first.
        told_by: for the versions of articles that share their story, a name of it and how many tell it.
    """
    speaker: dict[str, str] = {}
    folded: list[Candidate] = []
    for one in candidates:
        story, tellers = told_by.get(one.version, (one.version, 1))
        if speaker.setdefault(story, one.version) == one.version:
            folded.append(replace(one, copies=tellers - 1) if tellers > 1 else one)
    return folded


def spread(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Let no article fill the head of the list: from its third passage on it waits behind."""
    seen: dict[str, int] = defaultdict(int)
    head: list[Candidate] = []
    rest: list[Candidate] = []
    for one in candidates:
        seen[one.version] += 1
        crowded = seen[one.version] > _PER_ARTICLE and len(head) < _HEAD
        (rest if crowded else head).append(one)
    return head[:_HEAD] + sorted(head[_HEAD:] + rest, key=lambda one: -one.score)


def _best_of(rankings: Iterable[Sequence[tuple[str, float]]]) -> dict[str, float]:
    best: dict[str, float] = {}
    for ranking in rankings:
        for id_, score in ranking:
            best[id_] = max(score, best.get(id_, score))
    return best
