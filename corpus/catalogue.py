"""The record of what the corpus holds: one SQLite file beside the index.

SQLAlchemy Core rather than the sqlite3 module, so that the same code can speak to Postgres
once several servers share one corpus.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.exc import DatabaseError, OperationalError

from corpus.article import Article
from corpus.errors import StorageError

_schema = sa.MetaData()

_articles = sa.Table(
    "articles",
    _schema,
    sa.Column("id", sa.String, primary_key=True),
    sa.Column("url", sa.String, nullable=False, unique=True),
    sa.Column("title", sa.String, nullable=False),
    sa.Column("publisher", sa.String, nullable=False),
    sa.Column("published", sa.Date),
    sa.Column("topics", sa.JSON, nullable=False),
    sa.Column("author", sa.String, nullable=False),
    sa.Column("modified", sa.Date),
    sa.Column("language", sa.String, nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("content_hash", sa.String, nullable=False),
    sa.Column("source", sa.String, nullable=False),
    sa.Column("passages", sa.Integer, nullable=False),
    sa.Column("ingested_at", sa.DateTime(timezone=True), nullable=False),
)

# Small facts about the corpus as a whole: its sources, and the mark of its present state.
_facts = sa.Table(
    "facts",
    _schema,
    sa.Column("name", sa.String, primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
)

_REMOVE = sa.delete(_articles).where(_articles.c.id == sa.bindparam("gone"))


@dataclass(frozen=True)
class Entry:
    """What the catalogue knows of an article besides its text.

    ``passages`` is how many passages of it the index stores.
    """

    article_id: str
    content_hash: str
    source: str
    passages: int


@dataclass(frozen=True)
class Span:
    """The extent of the corpus: how many articles, and between which dates of publication."""

    articles: int
    oldest: date | None
    newest: date | None
    updated: datetime | None


class Catalogue:
    """Articles whose passages are stored. An article enters after its passages did."""

    def __init__(self, path: Path):
        """Open the file, and make it when it is missing.

        Raises:
            StorageError: the file cannot be made, or is not a catalogue.
        """
        self._path = path
        self._engine = sa.create_engine(f"sqlite:///{path}", connect_args={"timeout": 30})
        sa.event.listen(self._engine, "connect", _use_write_ahead_log)
        with self._guard():
            _schema.create_all(self._engine)

    @contextmanager
    def _guard(self) -> Iterator[None]:
        try:
            yield
        except OperationalError as error:
            raise StorageError(
                f"The catalogue {self._path} cannot be used ({error.orig}): "
                "check free disk space and access rights."
            ) from error
        except DatabaseError as error:
            raise StorageError(
                f"{self._path} is damaged or is no catalogue ({error.orig}): "
                "move it away and run `reex ingest` again."
            ) from error

    def close(self) -> None:
        """Release the file."""
        self._engine.dispose()

    # Reading

    def entries(self) -> dict[str, Entry]:
        """Every article's entry, by article id."""
        table = _articles.c
        query = sa.select(table.id, table.content_hash, table.source, table.passages)
        with self._guard(), self._engine.connect() as db:
            return {row.id: Entry(*row) for row in db.execute(query)}

    def articles(self, ids: Iterable[str]) -> dict[str, Article]:
        """The articles with these ids, by id; unknown ids are absent."""
        query = sa.select(_articles).where(_articles.c.id.in_(list(ids)))
        with self._guard(), self._engine.connect() as db:
            return {row.id: _to_article(row) for row in db.execute(query)}

    def span(self) -> Span:
        """How much the corpus holds, and of which dates."""
        table = _articles.c
        query = sa.select(
            sa.func.count(),
            sa.func.min(table.published),
            sa.func.max(table.published),
            sa.func.max(table.ingested_at),
        )
        with self._guard(), self._engine.connect() as db:
            return Span(*db.execute(query).one())

    def publishers(self) -> list[str]:
        """Who published the articles, in every spelling, the one with the most articles first."""
        name = _articles.c.publisher
        query = sa.select(name).where(name != "").group_by(name).order_by(sa.func.count().desc(), name)
        with self._guard(), self._engine.connect() as db:
            return list(db.execute(query).scalars())

    def fact(self, name: str) -> str | None:
        """A small fact stored under this name."""
        query = sa.select(_facts.c.value).where(_facts.c.name == name)
        with self._guard(), self._engine.connect() as db:
            value: str | None = db.execute(query).scalar()
            return value

    def sources(self) -> list[str]:
        """The files and folders that the corpus is kept in step with."""
        return list(json.loads(self.fact("sources") or "[]"))

    # Writing

    def put(self, articles: Sequence[tuple[Article, str, int]]) -> None:
        """Record articles with their source and their number of passages, replacing earlier versions."""
        if not articles:
            return
        now = datetime.now(UTC)
        rows = [_to_row(article, source, passages, now) for article, source, passages in articles]
        with self._guard(), self._engine.begin() as db:
            db.execute(_REMOVE, [{"gone": row["id"]} for row in rows])
            db.execute(sa.insert(_articles), rows)

    def remove(self, ids: Iterable[str]) -> None:
        """Forget articles, however many."""
        gone = [{"gone": article_id} for article_id in ids]
        if not gone:
            return
        with self._guard(), self._engine.begin() as db:
            db.execute(_REMOVE, gone)

    def set_fact(self, name: str, value: str) -> None:
        """Store a small fact, replacing the earlier one of that name."""
        with self._guard(), self._engine.begin() as db:
            db.execute(sa.delete(_facts).where(_facts.c.name == name))
            db.execute(sa.insert(_facts).values(name=name, value=value))

    def set_sources(self, sources: Sequence[str]) -> None:
        """Remember what the corpus is kept in step with."""
        self.set_fact("sources", json.dumps(list(sources)))


def _use_write_ahead_log(connection: sa.engine.interfaces.DBAPIConnection, _: object) -> None:
    connection.execute("PRAGMA journal_mode=WAL")  # readers go on while an ingest writes


def _to_row(article: Article, source: str, passages: int, now: datetime) -> dict[str, object]:
    return {
        "id": article.id,
        "url": article.url,
        "title": article.title,
        "publisher": article.publisher,
        "published": article.published,
        "topics": list(article.topics),
        "author": article.author,
        "modified": article.modified,
        "language": article.language,
        "text": article.text,
        "content_hash": article.content_hash,
        "source": source,
        "passages": passages,
        "ingested_at": now,
    }


def _to_article(row: sa.Row[tuple[object, ...]]) -> Article:
    return Article(
        row.url,
        row.text,
        row.title,
        row.publisher,
        row.published,
        tuple(row.topics),
        row.author,
        row.modified,
        row.language,
    )
