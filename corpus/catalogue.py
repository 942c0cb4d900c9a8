"""The record of what the corpus holds: articles, their versions, and what went wrong with others.

All times are UTC, without a zone.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any, Literal

import sqlalchemy as sa

from corpus.alike import MIN_BANDS, Sketch, groups, same_story, sketch
from corpus.article import Article
from corpus.database import STRING, Database, now
from corpus.errors import OutdatedError, StorageError

State = Literal["active", "retired"]

_SCHEMA = "2"
_MANY = 500  # parameters to one statement: SQLite takes 999 on old builds
_CANDIDATES = 100  # articles that one is compared with
_FIRST_RETRY = timedelta(days=1)
_LAST_RETRY = timedelta(days=32)

_tables = sa.MetaData()

# Small facts about the corpus as a whole: its sources, and the mark of its present state.
_facts = sa.Table(
    "facts",
    _tables,
    sa.Column("name", STRING, primary_key=True),
    sa.Column("value", STRING, nullable=False),
)

# One row for each address. ``wanted`` is its newest version, ``stored`` the one whose passages the index
# holds. Of several addresses with one text, one is stored and the others name it in ``same_as``.
_articles = sa.Table(
    "articles",
    _tables,
    sa.Column("id", STRING, primary_key=True),
    sa.Column("url", STRING, nullable=False),  # its hash is the id; an index would limit its length
    sa.Column("source", STRING, nullable=False),
    sa.Column("state", STRING, nullable=False),
    sa.Column("wanted", STRING, nullable=False),
    sa.Column("stored", STRING, nullable=False),
    sa.Column("passages", sa.Integer, nullable=False),
    sa.Column("same_as", STRING, nullable=False, index=True),
    sa.Column("cluster", STRING, nullable=False, index=True),
    sa.Column("first_seen", sa.DateTime, nullable=False),
    sa.Column("last_seen", sa.DateTime, nullable=False),
    sa.Column("missing_since", sa.DateTime),
    sa.Column("stored_at", sa.DateTime),
)

_versions = sa.Table(
    "versions",
    _tables,
    sa.Column("hash", STRING, primary_key=True),
    sa.Column("article_id", STRING, nullable=False, index=True),
    sa.Column("url", STRING, nullable=False),
    sa.Column("title", STRING, nullable=False),
    sa.Column("publisher", STRING, nullable=False),
    sa.Column("published", sa.Date),
    sa.Column("topics", sa.JSON, nullable=False),
    sa.Column("author", STRING, nullable=False),
    sa.Column("modified", sa.Date),
    sa.Column("language", STRING, nullable=False),
    sa.Column("body", STRING, nullable=False, index=True),
    sa.Column("first_seen", sa.DateTime, nullable=False),
)

_bodies = sa.Table(
    "bodies",
    _tables,
    sa.Column("hash", STRING, primary_key=True),
    sa.Column("text", STRING, nullable=False),
)

_failures = sa.Table(
    "failures",
    _tables,
    sa.Column("place", STRING, primary_key=True),
    sa.Column("source", STRING, nullable=False),
    sa.Column("reason", STRING, nullable=False),
    sa.Column("fingerprint", STRING, nullable=False),
    sa.Column("tries", sa.Integer, nullable=False),
    sa.Column("first_seen", sa.DateTime, nullable=False),
    sa.Column("last_seen", sa.DateTime, nullable=False),
    sa.Column("retry_at", sa.DateTime, nullable=False),
)

_forgotten = sa.Table(
    "forgotten",
    _tables,
    sa.Column("url", STRING, primary_key=True),
    sa.Column("since", sa.DateTime, nullable=False),
)

# What stored articles are compared by, and which of them tell one story.
_sketches = sa.Table(
    "sketches",
    _tables,
    sa.Column("article_id", STRING, primary_key=True),
    sa.Column("version", STRING, nullable=False),
    sa.Column("words", sa.LargeBinary, nullable=False),
    sa.Column("figures", sa.LargeBinary, nullable=False),
)
_bands = sa.Table(
    "bands",
    _tables,
    sa.Column("band", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("article_id", STRING, primary_key=True, index=True),
)
_pairs = sa.Table(
    "pairs",
    _tables,
    sa.Column("one", STRING, primary_key=True),
    sa.Column("other", STRING, primary_key=True, index=True),
)

# What the sentences of stored passages are compared with a question by; the index makes and reads it.
_sentences = sa.Table(
    "sentences",
    _tables,
    sa.Column("passage", STRING, primary_key=True),
    sa.Column("version", STRING, nullable=False, index=True),
    sa.Column("vectors", sa.LargeBinary, nullable=False),
)

_IN_USE = sa.and_(_articles.c.state == "active", _articles.c.stored != "")
_STORED = _articles.join(_versions, _articles.c.stored == _versions.c.hash)


@dataclass(frozen=True)
class Entry:
    """What the catalogue knows of an article besides its text.

    Attributes:
        article_id: identifies the address.
        url: the address.
        source: the name of the source that offered it last.
        state: ``active``, or ``retired`` once it has left its source.
        wanted: content hash of its newest version.
        body: hash of the text of that version.
        published: date of publication of that version.
        stored: content hash of the version whose passages the index holds; empty when it holds none.
        passages: how many passages of it the index stores.
        same_as: id of the article that stands for the text that both have; empty when it stands for itself.
        missing_since: when it was first found gone from its source.
    """

    article_id: str
    url: str
    source: str
    state: State
    wanted: str
    body: str
    published: date | None
    stored: str
    passages: int
    same_as: str
    missing_since: datetime | None


@dataclass(frozen=True)
class Span:
    """The extent of the corpus: how many articles, and between which dates of publication."""

    articles: int
    oldest: date | None
    newest: date | None
    updated: datetime | None


@dataclass(frozen=True)
class Version:
    """An article as it once stood: its content hash, when it was first seen, and the article."""

    hash: str
    first_seen: datetime
    article: Article


@dataclass(frozen=True)
class Record:
    """All that the catalogue knows of one address, with the article as it is now, without its text.

    ``story`` names the story that it shares with others; empty when it shares none.
    """

    entry: Entry
    article: Article
    story: str
    first_seen: datetime
    last_seen: datetime

    @property
    def state(self) -> State:
        return self.entry.state

    @property
    def source(self) -> str:
        return self.entry.source

    @property
    def speaker(self) -> str:
        """Id of the article whose passages hold its text."""
        return self.entry.same_as or self.entry.article_id


@dataclass(frozen=True)
class Failure:
    """Something that was offered and could not be taken in.

    Attributes:
        where: address, file or line.
        source: the name of its source.
        reason: worded to follow ``where``.
        fingerprint: names its content as far as that is known; with other content it is tried at once.
        tries: in how many runs it was found failing.
        first_seen, last_seen: when it failed first and last.
        retry_at: before this time the same content is not tried again.
    """

    where: str
    source: str
    reason: str
    fingerprint: str
    tries: int
    first_seen: datetime
    last_seen: datetime
    retry_at: datetime


class Catalogue:
    """What was seen, what is stored, and since when."""

    def __init__(self, database: Path | str, *, rebuild: bool = False):
        """Open the database, and make its tables when it has none; ``name`` is what to call it in messages.

        Args:
            database: the path of an SQLite file, or a URL of SQLAlchemy's as text.
            rebuild: also open one that an earlier version made, for `start_over`.

        Raises:
            UsageError: the URL is none.
            StorageError: the database cannot be reached or made, or is not a catalogue.
            OutdatedError: an earlier version made it.
        """
        remedy = "move it away and run `reex ingest` again"
        self._db = Database(database, "catalogue", "REEX_CATALOGUE_URL", remedy)
        self.name = self._db.name
        self._reading, self._writing = self._db.reading, self._db.writing
        with self._db.guard():
            self._check_encoding()
            self.is_outdated = self._find_outdated()
            if self.is_outdated and not rebuild:
                raise OutdatedError(
                    f"The catalogue {self.name} was made by another version of REEx Answers: "
                    "run `reex ingest --rebuild`."
                )
            if not self.is_outdated:
                self._create()

    def _check_encoding(self) -> None:
        if self._db.engine.dialect.name != "postgresql":
            return
        with self._reading() as db:
            encoding = db.execute(sa.text("SHOW server_encoding")).scalar_one()
        if encoding != "UTF8":
            raise StorageError(
                f"The database {self.name} has the encoding {encoding}, which cannot hold every text: "
                "make another one with UTF8."
            )

    def _find_outdated(self) -> bool:
        tables = sa.inspect(self._db.engine).get_table_names()
        if "articles" not in tables:
            return False
        schema = self.fact("schema") if _facts.name in tables or self._db.is_file else None
        # No version of ours left that in a server; a rebuild would delete the tables of somebody else.
        if schema is None and not self._db.is_file:
            raise StorageError(
                f"The database {self.name} holds tables that are not of REEx Answers: "
                "give it a database of its own in REEX_CATALOGUE_URL."
            )
        return schema != _SCHEMA

    def _create(self) -> None:
        # The mark comes before the tables: without it they would count as those of an earlier version.
        with self._db.engine.begin() as db:
            self._db.line_up(db, "create")
            _facts.create(db, checkfirst=True)
            if db.execute(sa.select(_facts.c.value).where(_facts.c.name == "schema")).scalar() is None:
                db.execute(sa.insert(_facts).values(name="schema", value=_SCHEMA))
        with self._db.engine.begin() as db:
            self._db.line_up(db, "create")
            _tables.create_all(db)

    def close(self) -> None:
        """Release the database."""
        self._db.close()

    # Reading

    def entries(self) -> dict[str, Entry]:
        """Every article's entry, by article id: hashes and dates, no texts."""
        table, version = _articles.c, _versions.c
        query = sa.select(
            table.id,
            table.url,
            table.source,
            table.state,
            table.wanted,
            version.body,
            version.published,
            table.stored,
            table.passages,
            table.same_as,
            table.missing_since,
        ).join_from(_articles, _versions, table.wanted == version.hash)
        with self._reading() as db:
            return {row.id: Entry(*row) for row in db.execute(query)}

    def stored(self) -> dict[str, int]:
        """The versions that belong to the corpus, by content hash, each with its number of passages."""
        query = sa.select(_articles.c.stored, _articles.c.passages).where(_IN_USE)
        with self._reading() as db:
            return {row.stored: row.passages for row in db.execute(query)}

    def articles(self, ids: Iterable[str]) -> dict[str, Article]:
        """The stored articles with these ids, by id; others are absent."""
        query = _select_articles(_STORED)
        found: dict[str, Article] = {}
        with self._reading() as db:
            for some in _portions(ids):
                rows = db.execute(query.where(_IN_USE, _articles.c.id.in_(some)))
                found |= {row.article_id: _to_article(row) for row in rows}
        return found

    def at(self, versions: Iterable[str]) -> dict[str, Article]:
        """The articles as they stood in these versions, by content hash; unknown ones are absent."""
        found: dict[str, Article] = {}
        with self._reading() as db:
            for some in _portions(versions):
                found |= {row.hash: _to_article(row) for row in db.execute(_AT, {"some": some})}
        return found

    def history(self, url: str) -> list[Version]:
        """Every version of the article at an address, the oldest first; none when it is unknown."""
        query = _select_articles(_versions).where(_versions.c.url == url).order_by(_versions.c.first_seen)
        with self._reading() as db:
            return [Version(row.hash, row.first_seen, _to_article(row)) for row in db.execute(query)]

    def records(self) -> Iterator[Record]:
        """Every article that was ever seen and is not forgotten, the newest first, without texts."""
        table = _articles.c
        query = (
            sa.select(
                _versions, *(table[n] for n in ("source", "state", "wanted", "stored", "passages", "same_as"))
            )
            .add_columns(table.cluster, table.missing_since, table.last_seen, table.first_seen.label("since"))
            .select_from(_articles.join(_versions, table.wanted == _versions.c.hash))
            .order_by(_versions.c.published.desc().nulls_last(), _versions.c.url)
        )
        with self._reading() as db:
            rows = db.execute(query).all()
        for row in rows:
            entry = Entry(
                row.article_id,
                row.url,
                row.source,
                row.state,
                row.wanted,
                row.body,
                row.published,
                row.stored,
                row.passages,
                row.same_as,
                row.missing_since,
            )
            yield Record(entry, _to_article(row, ""), row.cluster, row.since, row.last_seen)

    def mentioning(self, words: Iterable[str]) -> set[str]:
        """Ids of the articles that hold every one of these words or parts of words, in their newest version.

        Looked for in title, publisher, author, address and text, whatever the case of Latin letters.
        """
        fields = (*(_versions.c[n] for n in ("title", "publisher", "author", "url")), _bodies.c.text)
        query = (
            sa.select(_articles.c.id)
            .select_from(_articles.join(_versions, _articles.c.wanted == _versions.c.hash))
            .join(_bodies, _versions.c.body == _bodies.c.hash)
        )
        for word in words:
            query = query.where(sa.or_(*(field.icontains(word, autoescape=True) for field in fields)))
        with self._reading() as db:
            return set(db.execute(query).scalars())

    def addresses(self, id_: str) -> list[dict[str, Any]]:
        """The other active addresses of an article's text or story, and when they were seen."""
        table = _articles.c
        with self._reading() as db:
            me = db.execute(sa.select(_articles).where(table.id == id_)).one()
            body = sa.select(_versions.c.body).where(_versions.c.hash == me.wanted).scalar_subquery()
            query = (
                sa.select(table.url, _versions.c.body == body, table.first_seen, table.last_seen)
                .select_from(_articles.join(_versions, table.wanted == _versions.c.hash))
                .where(table.id != id_, table.state == "active")
                .where(
                    sa.or_(
                        _versions.c.body == body, sa.and_(table.cluster != "", table.cluster == me.cluster)
                    )
                )
                .order_by(table.url)
            )
            return [
                {"url": url, "same_text": bool(same), "first_seen": first, "last_seen": last}
                for url, same, first, last in db.execute(query)
            ]

    def all_articles(self) -> Iterator[Article]:
        """The articles of the corpus one at a time, in the order of their ids."""
        for some in _portions(sorted(id_ for id_, entry in self.entries().items() if entry.stored)):
            found = self.articles(some)
            yield from (found[id_] for id_ in some if id_ in found)

    def counts(self) -> dict[str, Any]:
        """How many articles, addresses and passages there are, by month, publisher and topic."""
        records = list(self.records())
        stored = [record for record in records if record.entry.stored]
        dates = [record.article.published for record in stored if record.article.published]
        months = Counter(f"{day:%Y-%m}" for day in sorted(dates))
        return {
            "articles": len(stored),
            "addresses": sum(record.state == "active" for record in records),
            "retired": sum(record.state == "retired" for record in records),
            "forgotten": len(self.forgotten()),
            "passages": sum(record.entry.passages for record in stored),
            "oldest": min(dates).isoformat() if dates else None,
            "newest": max(dates).isoformat() if dates else None,
            "months": dict(months),
            "publishers": dict(Counter(record.article.publisher for record in stored).most_common()),
            "topics": dict(Counter(t for record in stored for t in record.article.topics).most_common()),
        }

    def span(self) -> Span:
        """How much the corpus holds, and of which dates."""
        published = _versions.c.published
        query = (
            sa.select(
                sa.func.count(),
                sa.func.min(published),
                sa.func.max(published),
                sa.func.max(_articles.c.stored_at),
            )
            .select_from(_STORED)
            .where(_IN_USE)
        )
        with self._reading() as db:
            return Span(*db.execute(query).one())

    def publishers(self) -> list[str]:
        """Who published the articles, in every spelling, the one with the most articles first."""
        name = _versions.c.publisher
        query = (
            sa.select(name)
            .select_from(_STORED)
            .where(_IN_USE, name != "")
            .group_by(name)
            .order_by(sa.func.count().desc(), name)
        )
        with self._reading() as db:
            return list(db.execute(query).scalars())

    def topics(self) -> dict[str, tuple[str, ...]]:
        """The topics of each version that belongs to the corpus, by content hash."""
        query = sa.select(_versions.c.hash, _versions.c.topics).select_from(_STORED).where(_IN_USE)
        with self._reading() as db:
            return {row.hash: tuple(row.topics) for row in db.execute(query)}

    def failures(self) -> dict[str, Failure]:
        """What could not be taken in, by where it is."""
        with self._reading() as db:
            rows = db.execute(sa.select(_failures).order_by(_failures.c.place))
            return {row.place: Failure(*row) for row in rows}

    def forgotten(self) -> set[str]:
        """Addresses that are not to be taken in."""
        with self._reading() as db:
            return set(db.execute(sa.select(_forgotten.c.url)).scalars())

    def fact(self, name: str) -> str | None:
        """A small fact stored under this name."""
        with self._reading() as db:
            value: str | None = db.execute(_FACT, {"name": name}).scalar()
            return value

    def sources(self) -> list[str]:
        """The names of the sources that the corpus is kept in step with."""
        return list(json.loads(self.fact("sources") or "[]"))

    def notes_of(self, source: str) -> dict[str, Any]:
        """What a source noted in its last good run."""
        return dict(json.loads(self.fact(f"notes {source}") or "{}"))

    def told_by(self, versions: Iterable[str]) -> dict[str, tuple[str, int]]:
        """Of which versions the article shares its story with others: a name of it, and how many tell it."""
        with self._reading() as db:
            found: dict[str, str] = {}
            for some in _portions(versions):
                found |= {row.hash: row.cluster for row in db.execute(_STORY_OF, {"some": some})}
            counts: dict[str, int] = {}
            for some in _portions(set(found.values())):
                counts |= {row[0]: row[1] for row in db.execute(_TELLERS_OF, {"some": some})}
        return {version: (cluster, counts.get(cluster, 1)) for version, cluster in found.items()}

    def sentences(self, passages: Iterable[str]) -> dict[str, bytes]:
        """What `put_sentences` was given for these passages, by their ids; others are absent."""
        found: dict[str, bytes] = {}
        with self._reading() as db:
            for some in _portions(passages):
                found |= {row.passage: row.vectors for row in db.execute(_SENTENCES_OF, {"some": some})}
        return found

    # Writing

    def see(self, articles: Sequence[Article], source: str, when: datetime) -> None:
        """Record new articles and new versions, which are not stored yet."""
        if not articles:
            return
        with self._writing() as db:
            _insert_missing(db, _bodies, [{"hash": a.text_hash, "text": a.text} for a in articles])
            _insert_missing(db, _versions, [_to_version(article, when) for article in articles])
            _insert_missing(db, _articles, [_to_row(article, source, when) for article in articles])
            db.execute(
                sa.update(_articles)
                .where(_articles.c.id == sa.bindparam("which"))
                .values(wanted=sa.bindparam("version")),
                [{"which": article.id, "version": article.content_hash} for article in articles],
            )
            self._touch(db, [article.id for article in articles], source, when)

    def touch(self, ids: Iterable[str], source: str, when: datetime) -> None:
        """Record that a source offers these known articles; a retired one is active again."""
        with self._writing() as db:
            self._touch(db, ids, source, when)

    def _touch(self, db: sa.Connection, ids: Iterable[str], source: str, when: datetime) -> None:
        change = sa.update(_articles).values(
            last_seen=when, source=source, state="active", missing_since=None
        )
        for some in _portions(ids):
            db.execute(change.where(_articles.c.id.in_(some)))

    def miss(self, ids: Iterable[str], when: datetime) -> None:
        """Record that articles were found gone from their source, unless that is known already."""
        change = sa.update(_articles).values(missing_since=when)
        with self._writing() as db:
            for some in _portions(ids):
                db.execute(change.where(_articles.c.id.in_(some), _articles.c.missing_since.is_(None)))

    def put(self, stored: Sequence[tuple[str, str, int]]) -> None:
        """Record versions whose passages are stored now: article id, content hash, number of passages."""
        if not stored:
            return
        change = (
            sa.update(_articles)
            .where(_articles.c.id == sa.bindparam("which"))
            .values(
                stored=sa.bindparam("version"), passages=sa.bindparam("count"), same_as="", stored_at=now()
            )
        )
        with self._writing() as db:
            db.execute(change, [{"which": id_, "version": v, "count": n} for id_, v, n in stored])

    def put_sentences(self, rows: Iterable[tuple[str, str, bytes]]) -> None:
        """Keep bytes for passages: the id of each, and the content hash of the version it is of."""
        values = [{"passage": id_, "version": version, "vectors": kept} for id_, version, kept in rows]
        with self._writing() as db:
            _insert_missing(db, _sentences, values)

    def drop_sentences(self, versions: Iterable[str]) -> None:
        """Delete what was kept for the passages of these versions."""
        with self._writing() as db:
            for some in _portions(versions):
                db.execute(sa.delete(_sentences).where(_sentences.c.version.in_(some)))

    def unstore(self, ids: Iterable[str]) -> None:
        """Record that the index does not hold the passages of articles; unknown ids are no error."""
        self._change(ids, {"stored": "", "passages": 0})

    def retire(self, ids: Iterable[str]) -> None:
        """Record that articles have left their source, and with it the corpus; their versions are kept."""
        self._change(ids, {"state": "retired", "stored": "", "passages": 0, "same_as": ""})

    def _change(self, ids: Iterable[str], values: Mapping[str, Any]) -> None:
        with self._writing() as db:
            for some in _portions(ids):
                db.execute(sa.update(_articles).where(_articles.c.id.in_(some)).values(values))

    def link(self, same_as: Mapping[str, str]) -> None:
        """Record which article, by id, has the text of which other that stands for both."""
        if not same_as:
            return
        change = (
            sa.update(_articles)
            .where(_articles.c.id == sa.bindparam("which"))
            .values(same_as=sa.bindparam("other"), stored="", passages=0)
        )
        with self._writing() as db:
            db.execute(change, [{"which": id_, "other": other} for id_, other in same_as.items()])

    def find_stories(self) -> None:
        """Find out which stored articles tell one story; only what changed since is compared."""
        with self._writing() as db:
            self._drop_sketches(db)
        self.compare_new()
        with self._writing() as db:
            self._name_stories(db)

    def compare_new(self) -> None:
        """Do the work of `find_stories` for what is stored and was never compared, and name no story yet."""
        while fresh := self._unsketched():
            articles = self.at(fresh.values())
            with self._writing() as db:
                for id_, version in fresh.items():
                    self._compare(db, id_, version, sketch(articles[version]))

    def _drop_sketches(self, db: sa.Connection) -> None:
        current = sa.select(_articles.c.stored).where(_IN_USE)
        stale = db.execute(sa.select(_sketches.c.article_id).where(_sketches.c.version.not_in(current)))
        for some in _portions(stale.scalars().all()):
            db.execute(sa.delete(_sketches).where(_sketches.c.article_id.in_(some)))
            db.execute(sa.delete(_bands).where(_bands.c.article_id.in_(some)))
            db.execute(sa.delete(_pairs).where(sa.or_(_pairs.c.one.in_(some), _pairs.c.other.in_(some))))

    def _unsketched(self) -> dict[str, str]:
        """Some stored articles without a sketch, by id, with their version."""
        known = sa.select(_sketches.c.article_id)
        query = sa.select(_articles.c.id, _articles.c.stored).where(_IN_USE, _articles.c.id.not_in(known))
        with self._reading() as db:
            return {row.id: row.stored for row in db.execute(query.limit(_MANY))}

    def _compare(self, db: sa.Connection, id_: str, version: str, found: Sketch) -> None:
        """Record an article's sketch, and which of the articles that were there before tell its story."""
        candidates = (
            sa.select(_bands.c.article_id)
            .where(_bands.c.band.in_(found.bands))
            .group_by(_bands.c.article_id)
            .having(sa.func.count() >= MIN_BANDS)
            .order_by(sa.func.count().desc(), _bands.c.article_id)
            .limit(_CANDIDATES)
        )
        rows = db.execute(sa.select(_sketches).where(_sketches.c.article_id.in_(candidates))).all()
        alike = [row.article_id for row in rows if same_story(found, Sketch.of(row.words, row.figures))]
        values = {"article_id": id_, "version": version}
        db.execute(
            sa.insert(_sketches).values(
                words=found.words.tobytes(), figures=found.figures.tobytes(), **values
            )
        )
        db.execute(sa.insert(_bands), [{"band": band, "article_id": id_} for band in set(found.bands)])
        if alike:
            db.execute(sa.insert(_pairs), [{"one": min(id_, o), "other": max(id_, o)} for o in alike])

    def _name_stories(self, db: sa.Connection) -> None:
        pairs = [(row.one, row.other) for row in db.execute(sa.select(_pairs))]
        copies = sa.select(_articles.c.id, _articles.c.same_as).where(_articles.c.same_as != "")
        pairs += [(row.id, row.same_as) for row in db.execute(copies)]
        wanted = groups(pairs)
        named = sa.select(_articles.c.id, _articles.c.cluster).where(_articles.c.cluster != "")
        former = {row.id: row.cluster for row in db.execute(named)}
        ids = wanted.keys() | former.keys()
        changed = [id_ for id_ in ids if wanted.get(id_, "") != former.get(id_, "")]
        if changed:
            db.execute(
                sa.update(_articles)
                .where(_articles.c.id == sa.bindparam("which"))
                .values(cluster=sa.bindparam("story")),
                [{"which": id_, "story": wanted.get(id_, "")} for id_ in changed],
            )

    def fail(self, where: str, source: str, reason: str, when: datetime, fingerprint: str = "") -> bool:
        """Record a failure, to be tried again later and later.

        Returns:
            Whether this is news: nothing is known of it, or it had another reason or content.
        """
        row = {"place": where, "source": source, "reason": reason, "fingerprint": fingerprint}
        with self._writing() as db:
            known = db.execute(sa.select(_failures).where(_failures.c.place == where)).one_or_none()
            same = known is not None and (known.reason, known.fingerprint) == (reason, fingerprint)
            tries = known.tries + 1 if known is not None and same else 1
            db.execute(sa.delete(_failures).where(_failures.c.place == where))
            db.execute(
                sa.insert(_failures).values(
                    **row,
                    tries=tries,
                    first_seen=known.first_seen if known is not None and same else when,
                    last_seen=when,
                    retry_at=when + min(_FIRST_RETRY * 2 ** min(tries - 1, 9), _LAST_RETRY),
                )
            )
        return not same

    def clear_failures(self, places: Iterable[str]) -> None:
        """Take back failures that are none any more."""
        with self._writing() as db:
            for some in _portions(places):
                db.execute(sa.delete(_failures).where(_failures.c.place.in_(some)))

    def forget(self, url: str) -> None:
        """Delete all that is known of an address, and remember to leave it out."""
        with self._writing() as db:
            bodies = list(db.execute(sa.select(_versions.c.body).where(_versions.c.url == url)).scalars())
            db.execute(sa.delete(_articles).where(_articles.c.url == url))
            db.execute(sa.delete(_versions).where(_versions.c.url == url))
            db.execute(sa.delete(_failures).where(_failures.c.place == url))
            used = sa.select(_versions.c.body)
            db.execute(sa.delete(_bodies).where(_bodies.c.hash.in_(bodies), _bodies.c.hash.not_in(used)))
            _insert_missing(db, _forgotten, [{"url": url, "since": now()}])

    def remember(self, url: str) -> bool:
        """Let a forgotten address be taken in again; tells whether it was forgotten."""
        with self._writing() as db:
            found = db.execute(sa.delete(_forgotten).where(_forgotten.c.url == url)).rowcount
            # A source that only tells of changes must be asked for everything once.
            db.execute(sa.delete(_facts).where(_facts.c.name.startswith("notes ")))
        return found > 0

    def set_fact(self, name: str, value: str) -> None:
        """Store a small fact, replacing the earlier one of that name."""
        with self._writing() as db:
            db.execute(sa.delete(_facts).where(_facts.c.name == name))
            db.execute(sa.insert(_facts).values(name=name, value=value))

    def set_sources(self, sources: Sequence[str]) -> None:
        """Remember what the corpus is kept in step with."""
        self.set_fact("sources", json.dumps(list(sources)))

    def set_notes(self, source: str, notes: Mapping[str, Any]) -> None:
        """Keep what a source noted, for its next run."""
        self.set_fact(f"notes {source}", json.dumps(notes))

    def start_over(self) -> None:
        """Record that the index holds nothing; an outdated catalogue keeps only the names of its sources."""
        if not self.is_outdated:
            with self._writing() as db:
                db.execute(sa.update(_articles).values(stored="", passages=0))
                db.execute(sa.delete(_sentences))
            return
        with self._db.guard():
            with self._db.engine.begin() as db:
                db.execute(sa.delete(_facts).where(_facts.c.name.not_in(("sources", "data_dir"))))
                _tables.drop_all(db, [table for table in _tables.sorted_tables if table is not _facts])
            self._create()
        self.is_outdated = False


@contextmanager
def ingesting(url: str) -> Iterator[bool]:
    """Whether nobody else fills the catalogue at a URL, until the block ends; see `Database.alone`.

    Raises:
        UsageError, StorageError: as `Catalogue`.
    """
    database = Database(url, "catalogue", "REEX_CATALOGUE_URL", "")
    try:
        with database.alone("ingest") as alone:
            yield alone
    finally:
        database.close()


def _portions(items: Iterable[str]) -> Iterator[list[str]]:
    rest = iter(items)
    while some := list(islice(rest, _MANY)):
        yield some


def _insert_missing(db: sa.Connection, table: sa.Table, rows: Sequence[dict[str, Any]]) -> None:
    """Insert the rows whose primary key is not there yet, the first of equals."""
    (key,) = table.primary_key.columns
    by_key = {row[key.name]: row for row in reversed(rows)}
    for some in _portions(by_key):
        known = set(db.execute(sa.select(key).where(key.in_(some))).scalars())
        if fresh := [by_key[name] for name in some if name not in known]:
            db.execute(sa.insert(table), fresh)


def _to_row(article: Article, source: str, when: datetime) -> dict[str, Any]:
    return {
        "id": article.id,
        "url": article.url,
        "source": source,
        "state": "active",
        "wanted": article.content_hash,
        "stored": "",
        "passages": 0,
        "same_as": "",
        "cluster": "",
        "first_seen": when,
        "last_seen": when,
    }


def _to_version(article: Article, when: datetime) -> dict[str, Any]:
    return {
        "hash": article.content_hash,
        "article_id": article.id,
        "url": article.url,
        "title": article.title,
        "publisher": article.publisher,
        "published": article.published,
        "topics": list(article.topics),
        "author": article.author,
        "modified": article.modified,
        "language": article.language,
        "body": article.text_hash,
        "first_seen": when,
    }


def _select_articles(tables: sa.FromClause) -> sa.Select[Any]:
    return sa.select(_versions, _bodies.c.text).select_from(
        tables.join(_bodies, _versions.c.body == _bodies.c.hash)
    )


# What every search asks for: to put such a statement together takes longer than to run it.
_SOME: sa.BindParameter[Any] = sa.bindparam("some", expanding=True)
_FACT = sa.select(_facts.c.value).where(_facts.c.name == sa.bindparam("name"))
_AT = _select_articles(_versions).where(_versions.c.hash.in_(_SOME))
_SENTENCES_OF = sa.select(_sentences.c.passage, _sentences.c.vectors).where(_sentences.c.passage.in_(_SOME))
_STORY_OF = (
    sa.select(_versions.c.hash, _articles.c.cluster)
    .join(_articles, _versions.c.article_id == _articles.c.id)
    .where(_articles.c.cluster != "", _versions.c.hash.in_(_SOME))
)
_TELLERS_OF = (
    sa.select(_articles.c.cluster, sa.func.count())
    .where(_articles.c.state == "active", _articles.c.cluster.in_(_SOME))
    .group_by(_articles.c.cluster)
)


def _to_article(row: sa.Row[Any], text: str | None = None) -> Article:
    return Article(
        row.url,
        row.text if text is None else text,
        row.title,
        row.publisher,
        row.published,
        tuple(row.topics),
        row.author,
        row.modified,
        row.language,
    )
