"""The catalogue gives back what was put into it, and says so when its file is no catalogue."""

import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from corpus.article import Article
from corpus.catalogue import Catalogue, Entry, Failure, Span, Version
from corpus.errors import OutdatedError, StorageError

MakeArticle = Callable[..., Article]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "catalogue.sqlite"


@pytest.fixture
def catalogue(path: Path) -> Iterator[Catalogue]:
    opened = Catalogue(path)
    yield opened
    opened.close()


T0 = datetime(2026, 1, 1)
DAY = timedelta(days=1)


def keep(catalogue: Catalogue, articles: list[Article], source: str = "one", when: datetime = T0) -> None:
    # As an ingest does: seen first, stored later; three passages each.
    catalogue.see(articles, source, when)
    catalogue.put([(article.id, article.content_hash, 3) for article in articles])


def entry(article: Article, source: str = "one", **fields: object) -> Entry:
    given = Entry(
        article.id,
        article.url,
        source,
        "active",
        article.content_hash,
        article.text_hash,
        article.published,
        article.content_hash,
        3,
        "",
        None,
    )
    return replace(given, **fields)  # type: ignore[arg-type]


def test_a_new_catalogue_is_empty(catalogue: Catalogue) -> None:
    assert catalogue.entries() == {}
    assert catalogue.stored() == {}
    assert catalogue.span() == Span(0, None, None, None)
    assert catalogue.sources() == []
    assert catalogue.notes_of("one") == {}
    assert catalogue.failures() == {}
    assert catalogue.forgotten() == set()
    assert catalogue.fact("generation") is None


def test_articles_come_back_as_they_were_put(
    path: Path, catalogue: Catalogue, make_article: MakeArticle
) -> None:
    full = make_article("包钢 👩‍🔬 said so.\n\nTwice.", "https://example.org/full", topics=("a", "稀土"))
    bare = Article("https://example.org/bare", "Text.")
    keep(catalogue, [full])
    keep(catalogue, [bare], "two")
    keep(catalogue, [])

    reopened = Catalogue(path)
    assert reopened.articles([full.id, bare.id, "unknown"]) == {full.id: full, bare.id: bare}
    assert reopened.at([full.content_hash, "unknown"]) == {full.content_hash: full}
    assert reopened.entries() == {full.id: entry(full), bare.id: entry(bare, "two")}
    reopened.close()


def test_what_was_only_seen_belongs_to_the_corpus_once_it_is_stored(
    catalogue: Catalogue, make_article: MakeArticle
) -> None:
    article = make_article("Text.")
    catalogue.see([article], "one", T0)
    assert catalogue.entries() == {article.id: entry(article, stored="", passages=0)}
    assert (catalogue.articles([article.id]), catalogue.stored(), catalogue.span().articles) == ({}, {}, 0)
    catalogue.put([(article.id, article.content_hash, 3)])
    assert catalogue.articles([article.id]) == {article.id: article}
    assert catalogue.stored() == {article.content_hash: 3}


def test_a_new_version_waits_behind_the_stored_one_and_all_are_kept(
    catalogue: Catalogue, make_article: MakeArticle
) -> None:
    old, new = make_article("Old."), make_article("New.", title="Another title", published=None)
    keep(catalogue, [old])
    catalogue.see([new], "two", T0 + DAY)
    assert catalogue.articles([old.id]) == {old.id: old}
    assert catalogue.entries()[old.id].wanted == new.content_hash
    catalogue.put([(new.id, new.content_hash, 2)])
    assert catalogue.articles([old.id]) == {old.id: new}
    catalogue.see([old], "one", T0 + 2 * DAY)  # it may come back
    history = [Version(old.content_hash, T0, old), Version(new.content_hash, T0 + DAY, new)]
    assert catalogue.history(old.url) == history
    assert catalogue.history("https://example.org/unknown") == []


def test_retired_articles_are_no_part_of_the_corpus_until_they_are_offered_again(
    catalogue: Catalogue, make_article: MakeArticle
) -> None:
    first, second = make_article("First."), make_article("Second.", "https://example.org/b")
    keep(catalogue, [first, second])
    catalogue.retire([first.id, "unknown"])
    assert catalogue.articles([first.id, second.id]) == {second.id: second}
    assert catalogue.entries()[first.id] == entry(first, state="retired", stored="", passages=0)
    assert catalogue.span().articles == 1
    assert [version.article for version in catalogue.history(first.url)] == [first]
    catalogue.touch([first.id], "two", T0)
    assert catalogue.entries()[first.id] == entry(first, "two", stored="", passages=0)


def test_more_articles_can_be_retired_than_a_statement_takes_parameters(
    catalogue: Catalogue, make_article: MakeArticle
) -> None:
    article = make_article("Text.")
    keep(catalogue, [article])
    catalogue.retire([*(f"unknown-{i}" for i in range(40_000)), article.id])
    assert catalogue.stored() == {}


def test_an_article_is_missing_since_it_was_first_missed(
    catalogue: Catalogue, make_article: MakeArticle
) -> None:
    article = make_article("Text.")
    keep(catalogue, [article])
    catalogue.miss([article.id], T0)
    catalogue.miss([article.id], T0 + DAY)
    assert catalogue.entries()[article.id].missing_since == T0
    catalogue.touch([article.id], "one", T0 + 2 * DAY)
    assert catalogue.entries()[article.id].missing_since is None


def test_a_text_at_two_addresses_is_kept_once(
    path: Path, catalogue: Catalogue, make_article: MakeArticle
) -> None:
    first, second = make_article("One text."), make_article("One text.", "https://example.org/b")
    keep(catalogue, [first])
    catalogue.see([second], "two", T0 + DAY)
    catalogue.link({second.id: first.id})
    entries = catalogue.entries()
    assert entries[second.id] == entry(second, "two", stored="", passages=0, same_as=first.id)
    assert entries[first.id].body == entries[second.id].body
    with sqlite3.connect(path) as db:
        assert db.execute("select text from bodies").fetchall() == [("One text.",)]


def test_a_failure_is_news_once_until_its_reason_or_content_changes(catalogue: Catalogue) -> None:
    def fail(when: datetime, reason: str = "is empty", fingerprint: str = "x") -> bool:
        return catalogue.fail("a.md", "one", reason, when, fingerprint)

    assert fail(T0)
    assert not fail(T0 + DAY)
    assert catalogue.failures() == {
        "a.md": Failure("a.md", "one", "is empty", "x", 2, T0, T0 + DAY, T0 + DAY + 2 * DAY)
    }
    for _ in range(20):
        assert not fail(T0 + DAY)
    assert catalogue.failures()["a.md"].retry_at == T0 + DAY + 32 * DAY
    assert fail(T0 + 2 * DAY, fingerprint="y")
    assert fail(T0 + 2 * DAY, reason="is broken", fingerprint="y")
    assert catalogue.failures()["a.md"].tries == 1
    catalogue.clear_failures(["a.md", "b.md"])
    assert catalogue.failures() == {}


def test_what_is_forgotten_leaves_no_text_and_is_left_out_until_it_is_remembered(
    path: Path, catalogue: Catalogue, make_article: MakeArticle
) -> None:
    gone, shared = make_article("Own text."), make_article("Shared.", "https://example.org/b")
    other = make_article("Shared.", "https://example.org/c")
    keep(catalogue, [gone, shared, other])
    catalogue.set_notes("one", {"since": "today"})
    for url in (gone.url, shared.url, "https://example.org/never-seen"):
        catalogue.forget(url)
    assert set(catalogue.entries()) == {other.id}
    assert catalogue.history(gone.url) == []
    assert catalogue.articles([other.id]) == {other.id: other}
    with sqlite3.connect(path) as db:
        assert db.execute("select text from bodies").fetchall() == [("Shared.",)]
    assert catalogue.forgotten() == {gone.url, shared.url, "https://example.org/never-seen"}
    assert catalogue.remember(gone.url)
    assert not catalogue.remember(gone.url)
    assert gone.url not in catalogue.forgotten()
    assert catalogue.notes_of("one") == {}  # or its source would not offer the article again


def test_a_catalogue_of_an_earlier_version_is_refused_and_a_rebuild_keeps_its_sources(path: Path) -> None:
    with sqlite3.connect(path) as db:
        db.execute("create table articles (id varchar primary key, url varchar, text text)")
        db.execute("create table facts (name varchar primary key, value text not null)")
        db.execute("""insert into facts values ('sources', '["/a"]'), ('generation', '1')""")
        db.execute("insert into articles values ('x', 'https://example.org/a', 'Text.')")
    with pytest.raises(OutdatedError, match=r"another version .* run `reex ingest --rebuild`"):
        Catalogue(path)
    catalogue = Catalogue(path, rebuild=True)
    assert (catalogue.is_outdated, catalogue.sources()) == (True, ["/a"])
    catalogue.start_over()
    assert (catalogue.is_outdated, catalogue.sources(), catalogue.entries()) == (False, ["/a"], {})
    assert catalogue.fact("generation") is None
    catalogue.close()
    assert Catalogue(path).sources() == ["/a"]


def test_any_database_that_sqlalchemy_knows_will_do(path: Path, make_article: MakeArticle) -> None:
    catalogue = Catalogue(f"sqlite+pysqlite:///{path}")
    keep(catalogue, [make_article("Text.")])
    assert Catalogue(path).span().articles == 1


def test_the_span_tells_the_number_of_articles_and_their_dates(
    catalogue: Catalogue, make_article: MakeArticle
) -> None:
    days = (date(2025, 5, 13), None, date(2023, 1, 2), date(2026, 2, 10))
    articles = [
        make_article(f"{day}.", f"https://example.org/{i}", published=day) for i, day in enumerate(days)
    ]
    keep(catalogue, articles)
    span = catalogue.span()
    assert (span.articles, span.oldest, span.newest) == (4, date(2023, 1, 2), date(2026, 2, 10))
    assert span.updated is not None
    assert abs(datetime.now(UTC).replace(tzinfo=None) - span.updated) < timedelta(minutes=1)


def test_publishers_come_with_the_most_frequent_first_and_without_the_unknown(
    catalogue: Catalogue, make_article: MakeArticle
) -> None:
    names = ("B", "a", "", "A", "", "", "B")
    articles = [make_article(f"{i}.", f"https://example.org/{i}", publisher=p) for i, p in enumerate(names)]
    keep(catalogue, articles)
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
    keep(catalogue, [make_article("Text.")])
    assert len(reader.entries()) == 1
    reader.close()


def test_a_file_that_is_no_database_is_a_storage_error(path: Path) -> None:
    path.write_bytes(b"This is no database at all. " * 100)
    with pytest.raises(StorageError, match="is damaged or is no catalogue"):
        Catalogue(path)


def test_a_damaged_database_is_a_storage_error(
    path: Path, catalogue: Catalogue, make_article: MakeArticle
) -> None:
    keep(catalogue, [make_article(f"{i}. " * 1000, f"https://example.org/{i}") for i in range(20)])
    catalogue.close()  # writes the log back into the file
    raw = path.read_bytes()
    path.write_bytes(raw[:4096] + b"\xa5" * (len(raw) - 4096))
    with pytest.raises(StorageError, match="is damaged or is no catalogue"):
        Catalogue(path).entries()


def test_a_catalogue_in_a_folder_that_is_not_there_is_a_storage_error(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="cannot be used"):
        Catalogue(tmp_path / "nowhere" / "catalogue.sqlite")


def test_articles_are_found_by_all_words_of_their_newest_version(
    catalogue: Catalogue, make_article: MakeArticle
) -> None:
    old = make_article("Terbium rose by 100%.", "https://a.org/1", author="Ann Lee")
    other = make_article("Steel_mills closed.", "https://a.org/2")
    keep(catalogue, [old, other])
    keep(catalogue, [replace(old, text="Dysprosium rose by 100%.")], when=T0 + DAY)
    assert catalogue.mentioning(["dyspros", "LEE", "100%"]) == {old.id}
    assert catalogue.mentioning(["terbium"]) == set()
    assert catalogue.mentioning(["l_mills"]) == {other.id}
    assert catalogue.mentioning(["r%b"]) == set()
    assert catalogue.mentioning(["https://a.org"]) == catalogue.mentioning([]) == {old.id, other.id}
