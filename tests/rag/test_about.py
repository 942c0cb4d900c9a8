"""Topics and companies come down to articles, and a search stays within them."""

import pytest

from corpus.errors import UsageError
from rag.about import about, companies_of, topics_of
from rag.embed import Embedder
from rag.index import Index
from rag.names import names_in
from rag.retrieve import Retriever
from rag.types import Filters


def test_a_search_keeps_to_topics_and_to_companies_by_any_of_their_names(
    starter_index: Index, embedder: Embedder
) -> None:
    retriever = Retriever(starter_index, embedder)
    hits = retriever.search(["output in 2025"], 10, Filters(companies=("LYC",)))
    assert hits
    assert all(
        any(
            group[0] == "Lynas Rare Earths"
            for _, group in names_in(f"{hit.article.title} {hit.article.text}")
        )
        for hit in hits
    )
    on_prices = retriever.search(["Lynas"], 10, Filters(topics=("Prices",)))
    assert on_prices
    assert all("prices" in hit.article.topics for hit in on_prices)


def test_several_names_of_one_filter_widen_and_two_filters_narrow(starter_index: Index) -> None:
    def found(**names: tuple[str, ...]) -> set[str]:
        return set(about(Filters(**names), starter_index) or ())

    lynas, baogang = found(companies=("Lynas",)), found(companies=("Baogang",))
    assert found(companies=("Lynas", "Baogang")) == lynas | baogang
    prices = found(topics=("prices",))
    assert found(topics=("prices",), companies=("Lynas",)) == prices & lynas
    assert about(Filters(publishers=("X",)), starter_index) is None


def test_filters_that_leave_nothing_find_nothing(starter_index: Index, embedder: Embedder) -> None:
    nothing = Filters(topics=("lynas",), companies=("Baogang",))
    assert about(nothing, starter_index) == ()
    assert Retriever(starter_index, embedder).search(["output"], 5, nothing) == []


def test_what_the_corpus_does_not_have_is_said(starter_index: Index) -> None:
    with pytest.raises(UsageError, match="no article on the topic “chess”"):
        about(Filters(topics=("chess",)), starter_index)
    with pytest.raises(UsageError, match="no article that mentions “Zyzzyva plc”"):
        about(Filters(companies=("Zyzzyva plc",)), starter_index)


def test_what_there_is_to_choose_from_is_in_the_corpus(starter_index: Index) -> None:
    assert "Lynas Rare Earths" in companies_of(starter_index)
    assert "prices" in topics_of(starter_index)
