"""Dense and lexical search over passages, fused by reciprocal rank."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date

from rag.about import about
from rag.dates import day_number
from rag.embed import Embedder
from rag.filters import as_spelled
from rag.index import Index
from rag.names import names_in, spelled_out
from rag.types import UNFILTERED, Filters, Hit
from rag.window import known_date

RRF_K = 60
"""The constant of reciprocal rank fusion; Cormack, Clarke and Büttcher, SIGIR 2009."""

_CANDIDATES = 40
_PER_ARTICLE = 2
_HEAD = 5
_RECENCY_WEIGHT = 1.0


class Retriever:
    """Finds the passages that speak of what a question asks."""

    def __init__(self, index: Index, embedder: Embedder):
        self.index = index
        self.embedder = embedder

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
        vectors = self.embedder.encode([spelled_out(query) for query in queries])
        dense = [self.index.dense(vectors[i : i + 1], _CANDIDATES, filters) for i in range(len(queries))]
        lexical = [
            self.index.lexical.search(query, _CANDIDATES, filters, dict(names_in(query))) for query in queries
        ]
        fused = fuse([[id_ for id_, _ in ranking] for ranking in dense + lexical])
        similarity = _best_of(dense)
        bm25 = _best_of(lexical)
        candidates = sorted(fused, key=lambda id_: -fused[id_])[: max(_CANDIDATES, 2 * k)]
        passages = self.index.passages(candidates)
        # In the version that the passage is a slice of: a newer one may be on its way in.
        articles = self.index.catalogue.at({p.version for p in passages.values()})
        hits = [
            Hit(passage, articles[passage.version], fused[id_], similarity.get(id_, 0.0), bm25.get(id_, 0.0))
            for id_ in candidates
            if (passage := passages.get(id_)) and passage.version in articles
        ]
        ranked = _newest_first(hits) if latest else hits
        return spread(fold(ranked, self.index.catalogue.told_by({hit.article.id for hit in ranked})))[:k]


def fuse(rankings: Iterable[Sequence[str]]) -> dict[str, float]:
    """Reciprocal rank fusion: the sum over the rankings of 1 / (RRF_K + rank), ranks from 1."""
    scores: dict[str, float] = defaultdict(float)
    for ranking in rankings:
        for rank, id_ in enumerate(ranking, 1):
            scores[id_] += 1 / (RRF_K + rank)
    return dict(scores)


def _newest_first(hits: Sequence[Hit]) -> list[Hit]:
    """Hits with a further ranking fused in: the newest article first, undated ones last."""
    today = date.today()
    days = {hit.article.id: day_number(known_date(hit.article, today)) for hit in hits}
    newest = sorted(set(days.values()), reverse=True)
    fused = [
        replace(hit, score=hit.score + _RECENCY_WEIGHT / (RRF_K + 1 + newest.index(days[hit.article.id])))
        for hit in hits
    ]
    return sorted(fused, key=lambda hit: -hit.score)


def fold(hits: Sequence[Hit], told_by: Mapping[str, tuple[str, int]]) -> list[Hit]:
    """Let one article speak for each story, the one of the best hit; it carries how many others tell it.

    Args:
        hits: best first.
        told_by: for the ids of articles that share their story, a name of it and how many tell it.
    """
    speaker: dict[str, str] = {}
    folded: list[Hit] = []
    for hit in hits:
        story, tellers = told_by.get(hit.article.id, (hit.article.id, 1))
        if speaker.setdefault(story, hit.article.id) == hit.article.id:
            folded.append(replace(hit, copies=tellers - 1))
    return folded


def spread(hits: Sequence[Hit]) -> list[Hit]:
    """Let no article fill the head of the list: from its third passage on it waits behind."""
    seen: dict[str, int] = defaultdict(int)
    head: list[Hit] = []
    rest: list[Hit] = []
    for hit in hits:
        seen[hit.article.id] += 1
        crowded = seen[hit.article.id] > _PER_ARTICLE and len(head) < _HEAD
        (rest if crowded else head).append(hit)
    return head[:_HEAD] + sorted(head[_HEAD:] + rest, key=lambda hit: -hit.score)


def _best_of(rankings: Iterable[Sequence[tuple[str, float]]]) -> dict[str, float]:
    best: dict[str, float] = {}
    for ranking in rankings:
        for id_, score in ranking:
            best[id_] = max(score, best.get(id_, score))
    return best
