"""The catalogue gives back what was put into it, and says so when its file is no catalogue."""

import hashlib
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from corpus.article import Article
from corpus.catalogue import Catalogue, Entry, Failure, Span, Version
from corpus.errors import OutdatedError, ReexError, StorageError, UsageError

MakeArticle = Callable[..., Article]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "catalogue.sqlite"


@pytest.fixture
def catalogue(database: str) -> Iterator[Catalogue]:
    opened = Catalogue(database)
    yield opened
    opened.close()


def texts(database: str) -> list[str]:
    # All texts that are kept, past the catalogue.
    engine = sa.create_engine(database)
    with engine.connect() as db:
        found = list(db.execute(sa.text("select text from bodies")).scalars())
    engine.dispose()
    return found


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
    database: str, catalogue: Catalogue, make_article: MakeArticle
) -> None:
    full = make_article("包钢 👩‍🔬 said so.\n\nTwice.", "https://example.org/full", topics=("a", "稀土"))
    bare = Article("https://example.org/bare", "Text.")
    keep(catalogue, [full])
    keep(catalogue, [bare], "two")
    keep(catalogue, [])

    reopened = Catalogue(database)
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
    database: str, catalogue: Catalogue, make_article: MakeArticle
) -> None:
    first, second = make_article("One text."), make_article("One text.", "https://example.org/b")
    keep(catalogue, [first])
    catalogue.see([second], "two", T0 + DAY)
    catalogue.link({second.id: first.id})
    entries = catalogue.entries()
    assert entries[second.id] == entry(second, "two", stored="", passages=0, same_as=first.id)
    assert entries[first.id].body == entries[second.id].body
    assert texts(database) == ["One text."]


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
    database: str, catalogue: Catalogue, make_article: MakeArticle
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
    assert texts(database) == ["Shared."]
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


def test_a_catalogue_of_a_server_that_is_outdated_starts_over_and_keeps_what_it_must(
    database: str, make_article: MakeArticle
) -> None:
    former = Catalogue(database)
    keep(former, [make_article("Text.")])
    former.set_sources(["/a"])
    former.set_fact("data_dir", "mine")
    former.set_fact("schema", "0")
    former.close()
    with pytest.raises(OutdatedError, match="another version"):
        Catalogue(database)
    catalogue = Catalogue(database, rebuild=True)
    catalogue.start_over()
    assert (catalogue.sources(), catalogue.fact("data_dir"), catalogue.entries()) == (["/a"], "mine", {})
    keep(catalogue, [make_article("Text.")])
    catalogue.close()


def test_tables_of_somebody_else_in_a_server_are_left_alone(server: str) -> None:
    engine = sa.create_engine(server)
    with engine.begin() as db:
        db.execute(sa.text("create table articles (id int)"))
    for rebuild in (False, True):
        with pytest.raises(StorageError, match="give it a database of its own in REEX_CATALOGUE_URL"):
            Catalogue(server, rebuild=rebuild)
    assert sa.inspect(engine).get_table_names() == ["articles"]
    engine.dispose()


@pytest.mark.parametrize(
    ("url", "error", "message"),
    [
        ("", UsageError, "is not the URL of a database"),
        ("/srv/catalogue.sqlite", UsageError, "is not the URL of a database"),
        ("postgresql://reex:se@cret@127.0.0.1/reex", UsageError, "with %40 for an @"),
        ("postgresql://reex:cret@127.0.0.1:cret/reex", UsageError, "is not the URL of a database"),
        ("postgres://reex:cret@127.0.0.1/reex", UsageError, "names postgres, which SQLAlchemy does not know"),
        ("sqlite+aiosqlite:///x", UsageError, "for asyncio"),
        ("oracle+oracledb://reex:cret@127.0.0.1/reex", StorageError, "oracledb .* is not installed"),
        ("sqlite:////nowhere/at/all", StorageError, "cannot be used"),
    ],
)
def test_a_url_that_leads_nowhere_is_one_sentence_without_its_password(
    url: str, error: type[ReexError], message: str
) -> None:
    with pytest.raises(error, match=message) as caught:
        Catalogue(url)
    assert "cret" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_server_that_does_not_answer_or_know_us_is_one_sentence_without_its_password(
    server: str,
) -> None:
    right = sa.make_url(server)
    for wrong in (
        right.set(port=1, password="cret"),
        right.set(password="cret"),
        right.set(database="nothing"),
        right.set(username="nobody", query={"password": "cret"}),
        right.update_query_dict({"cret": "1"}),
    ):
        with pytest.raises(
            StorageError, match=r"cannot be used \(.*\): check that its server runs"
        ) as caught:
            Catalogue(wrong.render_as_string(hide_password=False))
        assert str(right.password) not in str(caught.value)
        assert "\n" not in str(caught.value)


def test_order_and_case_are_those_of_code_points_and_latin_letters(
    catalogue: Catalogue, make_article: MakeArticle
) -> None:
    for number, title in enumerate(("Éa", "b", "B", "稀土")):
        published = date(2026, 1, 1) if number else None
        keep(catalogue, [make_article(f"{number}.", f"https://x.org/{title}", published=published)])
    urls = [record.article.url for record in catalogue.records()]
    assert urls == [f"https://x.org/{title}" for title in ("B", "b", "稀土", "Éa")]
    assert len(catalogue.mentioning(["ORG/B"])) == 2
    assert len(catalogue.mentioning(["éA"])) == 0


def test_an_article_may_have_a_very_long_address(catalogue: Catalogue, make_article: MakeArticle) -> None:
    path = "".join(hashlib.sha256(bytes([number])).hexdigest() for number in range(200))
    article = make_article("Text.", f"https://example.org/{path}")
    keep(catalogue, [article])
    assert catalogue.articles([article.id]) == {article.id: article}


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


def test_sources_and_facts_are_remembered_and_replaced(database: str, catalogue: Catalogue) -> None:
    catalogue.set_sources(["starter"])
    catalogue.set_sources(["/a b/文", "starter"])
    catalogue.set_fact("generation", "1")
    catalogue.set_fact("generation", "2")
    reopened = Catalogue(database)
    assert reopened.sources() == ["/a b/文", "starter"]
    assert reopened.fact("generation") == "2"
    reopened.close()


def test_a_reader_goes_on_while_another_connection_writes(
    database: str, catalogue: Catalogue, make_article: MakeArticle
) -> None:
    reader = Catalogue(database)
    keep(catalogue, [make_article("Text.")])
    assert len(reader.entries()) == 1
    reader.close()


def test_a_file_that_is_no_database_is_a_storage_error(path: Path) -> None:
    path.write_bytes(b"This is no database at all. " * 100)
    with pytest.raises(StorageError, match="is damaged or is no catalogue"):
        Catalogue(path)


def test_a_damaged_database_is_a_storage_error(path: Path, make_article: MakeArticle) -> None:
    catalogue = Catalogue(path)
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
