"""Filters leave articles out of both searches, and the places that these held are filled."""

import shutil
from dataclasses import replace
from datetime import date
from pathlib import Path
from statistics import mean

import numpy as np
import pytest

from corpus.errors import UsageError
from rag.embed import PACKAGED, Embedder
from rag.index import Index, ef_search
from rag.retrieve import Candidate, Retriever, fold
from rag.types import Filters
from rag.window import known_date

QUERY = ["rare earth magnet prices"]


@pytest.fixture(scope="module")
def retriever(starter_index: Index, embedder: Embedder) -> Retriever:
    return Retriever(starter_index, embedder)


def test_publishers_are_compared_without_case(retriever: Retriever) -> None:
    hits = retriever.search(QUERY, 40, Filters(publishers=("RAWMATERIALS.NET", "fastmarkets")))
    found = {hit.article.publisher for hit in hits}
    assert found == {"Rawmaterials.net", "rawmaterials.net", "Fastmarkets"}


def test_an_unknown_publisher_is_refused_and_known_ones_are_named(retriever: Retriever) -> None:
    with pytest.raises(UsageError, match="“Rawmaterials”; it has some by Rare Earth Exchanges, Fastmarkets"):
        retriever.search(QUERY, 5, Filters(publishers=("Fastmarkets", "Rawmaterials")))


@pytest.mark.parametrize(
    "filters",
    [
        Filters(since=date(2026, 2, 10)),
        Filters(until=date(2025, 1, 17)),
        Filters(date(2025, 1, 1), date(2025, 12, 31), ("Rare Earth Exchanges",)),
    ],
)
def test_as_many_passages_are_found_as_without_filters(retriever: Retriever, filters: Filters) -> None:
    hits = retriever.search(QUERY, 10, filters)
    assert len(hits) == 10
    assert all(hit.similarity for hit in hits)
    for hit in hits:
        day = known_date(hit.article, date.today())
        assert day is not None
        assert (filters.since or day) <= day <= (filters.until or day)
        assert not filters.publishers or hit.article.publisher in filters.publishers


def test_days_are_inclusive_and_days_that_exclude_each_other_find_nothing(retriever: Retriever) -> None:
    day = date(2025, 1, 17)
    assert {hit.article.published for hit in retriever.search(QUERY, 40, Filters(day, day))} == {day}
    assert retriever.search(QUERY, 10, Filters(since=date(2026, 1, 1), until=date(2025, 1, 1))) == []


def test_each_search_filters_by_itself(starter_index: Index, embedder: Embedder) -> None:
    filters = Filters(date(2024, 1, 1), date(2026, 12, 31), ("Fastmarkets",))
    vector = embedder.encode(QUERY)
    for found in (
        starter_index.dense(vector, 5, filters),
        starter_index.lexical.search(QUERY[0], 5, filters),
    ):
        passages = starter_index.passages([id_ for id_, _ in found]).values()
        articles = starter_index.catalogue.articles({passage.article_id for passage in passages})
        assert {article.publisher for article in articles.values()} == {"Fastmarkets"}


@pytest.mark.parametrize(
    "filters",
    [
        Filters(until=date(2024, 12, 31)),  # few: their vectors are read
        Filters(since=date(2025, 1, 1)),  # most: those that do not pass are left out of the nearest
        Filters(since=date(2025, 3, 1), publishers=("Fastmarkets",)),
        Filters(publishers=("nobody",)),
        Filters(versions=()),
    ],
)
@pytest.mark.parametrize("exact", [0, 12])
def test_the_dense_search_finds_the_nearest_that_pass(
    starter_index: Index, embedder: Embedder, filters: Filters, exact: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rag.index._EXACT", exact)
    vector = embedder.encode(QUERY)
    everything = starter_index.dense(vector, len(starter_index))
    articles = starter_index.catalogue.at(starter_index.lexical.versions)
    passages = starter_index.passages([id_ for id_, _ in everything])
    of = {id_: articles[passage.version] for id_, passage in passages.items()}
    wanted = [
        (id_, pytest.approx(cosine, abs=1e-4))
        for id_, cosine in everything
        if filters.versions != ()
        and (not filters.publishers or of[id_].publisher in filters.publishers)
        and (filters.since or date.min) <= (known_date(of[id_], date.today()) or date.min)
        and (known_date(of[id_], date.today()) or date.max) <= (filters.until or date.max)
    ]
    assert len(everything) == len(starter_index)
    assert starter_index.dense(vector, 12, filters) == wanted[:12]


def test_a_lexical_index_of_an_earlier_version_is_built_anew_once(
    starter_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(starter_folder, tmp_path / "data")
    (bm25,) = (tmp_path / "data" / "bm25").iterdir()
    (bm25 / "publishers.npy").unlink()
    (bm25 / "rows.json").write_text("[[], [], [], []]")
    for _ in range(2):
        index = Index(tmp_path / "data", PACKAGED)
        assert len(index) == sum(index.catalogue.stored().values())
        assert index.lexical.search("magnet", 5, Filters(publishers=("Fastmarkets",)))
        index.close()
        monkeypatch.setattr(Index, "_rows", None)  # what it would be built from


def test_a_large_index_is_searched_more_thoroughly_from_the_next_start_on(
    starter_folder: Path, starter_index: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(starter_folder, tmp_path / "data")

    def candidates() -> int:
        index = Index(tmp_path / "data", PACKAGED)
        assert len(index.dense(np.ones((1, 384), np.float32), 5)) == 5
        kept = index._collection.configuration["hnsw"]
        index.close()
        return int((kept or {}).get("ef_search") or 0)

    assert candidates() == ef_search(0) < ef_search(1_000_000)
    monkeypatch.setattr("rag.index.ef_search", lambda passages: passages * 10)
    assert candidates() == sum(starter_index.catalogue.stored().values()) * 10


def test_articles_that_tell_one_story_are_folded_to_the_one_of_the_best_candidate() -> None:
    found = [Candidate(f"{name}{n}", name, 0, 1 - n / 10) for n, name in enumerate("bacbd")]
    folded = fold(found, {"a": ("story", 3), "b": ("story", 3), "c": ("another", 2)})
    assert folded == [
        replace(found[0], copies=2),
        replace(found[2], copies=1),
        replace(found[3], copies=2),
        found[4],
    ]


def test_only_the_passages_that_are_given_back_are_read(
    retriever: Retriever, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    passages = retriever.index.passages
    monkeypatch.setattr(retriever.index, "passages", lambda ids: read.extend(ids) or passages(ids))
    hits = retriever.search(QUERY, 5)
    assert [hit.passage.id for hit in hits] == read
    assert len(read) == 5


def test_newer_articles_rank_higher_where_the_latest_is_asked_for(retriever: Retriever) -> None:
    def mean_day(query: str, latest: bool) -> float:
        days = [known_date(hit.article, date.today()) for hit in retriever.search([query], 3, latest=latest)]
        return mean(day.toordinal() if day else 0 for day in days)

    for query in ("rare earth prices", "Lynas NdPr production", "MP Materials results"):
        assert mean_day(query, latest=True) > mean_day(query, latest=False)


def test_passages_that_came_up_lately_are_not_read_again(
    starter_index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(starter_index, "_read", {})
    some, others = list(starter_index.lexical.ids[:3]), list(starter_index.lexical.ids[3:6])
    known = starter_index.passages(some)
    read: list[str] = []
    get = starter_index._collection.get
    monkeypatch.setattr(
        starter_index._collection,
        "get",
        lambda ids, include: read.extend(ids) or get(ids=ids, include=include),
    )
    assert starter_index.passages(some) == known
    assert starter_index.passages([*some, *others]) == known | starter_index.passages(others)
    assert sorted(read) == sorted(others)


def test_sentences_are_rated_alike_whether_their_vectors_were_stored_or_not(
    starter_index: Index, embedder: Embedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    retriever = Retriever(starter_index, embedder)
    hits = retriever.search(QUERY, 8)
    stored = retriever.rate(QUERY[0], hits)
    assert {one.hit.passage.id for one in stored} == {hit.passage.id for hit in hits}
    for one in stored:
        assert one.hit.passage.start <= one.start < one.end <= one.hit.passage.end

    lacking = {hit.passage.id for hit in hits[:3]}
    kept = retriever.index.catalogue.sentences
    monkeypatch.setattr(
        retriever.index.catalogue, "sentences", lambda ids: kept([id_ for id_ in ids if id_ not in lacking])
    )
    for _ in range(2):  # computed, and remembered
        again = retriever.rate(QUERY[0], hits)
        assert [(one.start, one.end) for one in again] == [(one.start, one.end) for one in stored]
        assert [one.similarity for one in again] == pytest.approx(
            [one.similarity for one in stored], abs=0.005
        )
        monkeypatch.setattr(retriever.embedder, "encode_parts", lambda *_: pytest.fail("computed again"))


def test_sentences_that_are_cut_otherwise_than_at_the_ingest_are_embedded_anew(
    starter_index: Index, embedder: Embedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    retriever = Retriever(starter_index, embedder)
    hits = retriever.search(QUERY, 3)
    for place in ("rag.retrieve", "rag.chunk"):
        monkeypatch.setattr(
            f"{place}.sentences_that_count", lambda text, start, end: [(start, end - 1), (end - 1, end)]
        )
    assert len(retriever.rate(QUERY[0], hits)) == 2 * len(hits)
