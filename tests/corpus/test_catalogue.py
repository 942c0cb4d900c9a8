"""The catalogue gives back what was put into it, and says so when its file is no catalogue."""

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from corpus.article import Article
from corpus.catalogue import Catalogue, Entry, Span
from corpus.errors import StorageError

MakeArticle = Callable[..., Article]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "catalogue.sqlite"


@pytest.fixture
def catalogue(path: Path) -> Iterator[Catalogue]:
    opened = Catalogue(path)
    yield opened
    opened.close()


def entry(article: Article, source: str, passages: int) -> Entry:
    return Entry(article.id, article.content_hash, source, passages)


def test_a_new_catalogue_is_empty(catalogue: Catalogue) -> None:
    assert catalogue.entries() == {}
    assert catalogue.span() == Span(0, None, None, None)
    assert catalogue.sources() == []
    assert catalogue.fact("generation") is None


def test_articles_come_back_as_they_were_put(
    path: Path, catalogue: Catalogue, make_article: MakeArticle
) -> None:
    full = make_article("包钢 👩‍🔬 said so.\n\nTwice.", "https://example.org/full", topics=("a", "稀土"))
    bare = Article("https://example.org/bare", "Text.")
    catalogue.put([(full, "one", 3), (bare, "two", 1)])
    catalogue.put([])

    reopened = Catalogue(path)
    assert reopened.articles([full.id, bare.id, "unknown"]) == {full.id: full, bare.id: bare}
    assert reopened.entries() == {full.id: entry(full, "one", 3), bare.id: entry(bare, "two", 1)}
    reopened.close()


def test_putting_an_address_again_replaces_the_article(
    catalogue: Catalogue, make_article: MakeArticle
) -> None:
    old, other = make_article("Old."), make_article("Other.", "https://example.org/other")
    catalogue.put([(old, "one", 3), (other, "one", 1)])
    new = make_article("New.", title="Another title", published=None)
    catalogue.put([(new, "two", 2)])
    assert old.id == new.id
    assert catalogue.articles([new.id, other.id]) == {new.id: new, other.id: other}
    assert catalogue.entries() == {new.id: entry(new, "two", 2), other.id: entry(other, "one", 1)}


def test_removed_articles_are_gone_and_unknown_ids_are_no_error(
    catalogue: Catalogue, make_article: MakeArticle
) -> None:
    first, second = make_article("First."), make_article("Second.", "https://example.org/b")
    catalogue.put([(first, "one", 1), (second, "one", 1)])
    catalogue.remove([first.id, "unknown"])
    assert set(catalogue.entries()) == set(catalogue.articles([first.id, second.id])) == {second.id}


def test_more_articles_can_be_removed_than_sqlite_takes_parameters(
    catalogue: Catalogue, make_article: MakeArticle
) -> None:
    article = make_article("Text.")
    catalogue.put([(article, "one", 1)])
    catalogue.remove([*(f"unknown-{i}" for i in range(260_000)), article.id])
    assert catalogue.entries() == {}


def test_the_span_tells_the_number_of_articles_and_their_dates(
    catalogue: Catalogue, make_article: MakeArticle
) -> None:
    days = (date(2025, 5, 13), None, date(2023, 1, 2), date(2026, 2, 10))
    articles = [
        make_article(f"{day}.", f"https://example.org/{i}", published=day) for i, day in enumerate(days)
    ]
    catalogue.put([(article, "one", 1) for article in articles])
    span = catalogue.span()
    assert (span.articles, span.oldest, span.newest) == (4, date(2023, 1, 2), date(2026, 2, 10))
    assert span.updated is not None
    assert abs(datetime.now(UTC).replace(tzinfo=None) - span.updated) < timedelta(minutes=1)


def test_publishers_come_with_the_most_frequent_first_and_without_the_unknown(
    catalogue: Catalogue, make_article: MakeArticle
) -> None:
    names = ("B", "a", "", "A", "", "", "B")
    articles = [make_article(f"{i}.", f"https://example.org/{i}", publisher=p) for i, p in enumerate(names)]
    catalogue.put([(article, "one", 1) for article in articles])
    assert catalogue.publishers() == ["B", "A", "a"]


def test_sources_and_facts_are_remembered_and_replaced(path: Path, catalogue: Catalogue) -> None:
    catalogue.set_sources(["starter"])
    catalogue.set_sources(["/a b/文", "starter"])
    catalogue.set_fact("generation", "1")
    catalogue.set_fact("generation", "2")
    reopened = Catalogue(path)
    assert reopened.sources() == ["/a b/文", "starter"]
    assert reopened.fact("generation") == "2"
    reopened.close()


def test_a_reader_goes_on_while_another_connection_writes(
    path: Path, catalogue: Catalogue, make_article: MakeArticle
) -> None:
    reader = Catalogue(path)
    catalogue.put([(make_article("Text."), "one", 1)])
    assert len(reader.entries()) == 1
    reader.close()


def test_a_file_that_is_no_database_is_a_storage_error(path: Path) -> None:
    path.write_bytes(b"This is no database at all. " * 100)
    with pytest.raises(StorageError, match="is damaged or is no catalogue"):
        Catalogue(path)


def test_a_damaged_database_is_a_storage_error(
    path: Path, catalogue: Catalogue, make_article: MakeArticle
) -> None:
    catalogue.put([(make_article("Text. " * 1000, f"https://example.org/{i}"), "one", 1) for i in range(20)])
    catalogue.close()  # writes the log back into the file
    raw = path.read_bytes()
    path.write_bytes(raw[:4096] + b"\xa5" * (len(raw) - 4096))
    with pytest.raises(StorageError, match="is damaged or is no catalogue"):
        Catalogue(path).entries()


def test_a_catalogue_in_a_folder_that_is_not_there_is_a_storage_error(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="cannot be used"):
        Catalogue(tmp_path / "nowhere" / "catalogue.sqlite")
