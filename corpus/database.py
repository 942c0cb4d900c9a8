"""A database of ours, in a file or on a server: opening it, and saying in one sentence what is wrong with it.

SQLAlchemy Core rather than the sqlite3 module, so that the same code speaks to PostgreSQL too.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, OperationalError, SQLAlchemyError

from corpus.errors import StorageError, UsageError

_LIBPQ = {"connect_timeout": "10", "client_encoding": "utf8"}

STRING = sa.String().with_variant(sa.String(collation="C"), "postgresql")
"""Compared and sorted by code points everywhere, as SQLite does it, whatever the locale of a server."""


def now() -> datetime:
    """The present moment as our tables hold it: UTC, without a zone."""
    return datetime.now(UTC).replace(tzinfo=None)


class Database:
    """Connections to one database, whose every failure becomes a `StorageError`."""

    def __init__(self, place: Path | str, what: str, variable: str, damaged: str):
        """Name the database; it is reached at the first use.

        Args:
            place: the path of an SQLite file, or a URL of SQLAlchemy's as text.
            what: what to call it in messages, such as "catalogue".
            variable: the setting that holds the URL.
            damaged: what to do when the file is damaged, to follow a colon.

        Raises:
            UsageError: the URL is none.
            StorageError: the driver that the URL names is not installed.
        """
        if isinstance(place, Path):
            self.name = str(place)
            self.engine = sa.create_engine(sa.URL.create("sqlite", database=str(place)))
        else:
            self.engine = _engine_at(place, variable)
            # Without what stands behind the question mark, where a password may be too.
            self.name = self.engine.url.set(query={}).render_as_string(hide_password=True)
        self.is_file = self.engine.dialect.name == "sqlite"
        self._what, self._variable, self._damaged = what, variable, damaged
        if self.is_file:
            sa.event.listen(self.engine, "connect", _prepare_sqlite)

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """A connection to read with.

        Raises:
            StorageError: the database cannot be used.
        """
        with self.guard(), self.engine.connect() as db:
            yield db

    @contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        """A transaction: all of it counts, or, when the block fails, nothing.

        Raises:
            StorageError: the database cannot be used.
        """
        with self.guard(), self.engine.begin() as db:
            if self.is_file:
                # From its first reading on, so that what it read still holds when it writes; and who comes
                # second waits, where SQLite would fail at once if both had read.
                db.exec_driver_sql("BEGIN IMMEDIATE")
            yield db

    @contextmanager
    def alone(self, task: str) -> Iterator[bool]:
        """Whether nobody else is at a task on this database, on whatever machine, until the block ends.

        Only PostgreSQL can tell; with any other one is always alone. The lock is that of a connection, so
        whoever dies leaves none behind.

        Raises:
            StorageError: the database cannot be used.
        """
        if self.engine.dialect.name != "postgresql":
            yield True
            return
        with self.reading() as db:
            db.execution_options(isolation_level="AUTOCOMMIT")  # no transaction stays open for hours
            try:
                yield bool(db.execute(sa.select(sa.func.pg_try_advisory_lock(*_lock_of(task)))).scalar_one())
            finally:
                db.invalidate()  # the lock goes with the connection, which must not go back to the pool

    def line_up(self, db: sa.Connection, task: str) -> None:
        """Wait within a transaction until nobody else is at a task, which SQLite ensures anyway."""
        if self.engine.dialect.name == "postgresql":
            db.execute(sa.select(sa.func.pg_advisory_xact_lock(*_lock_of(task))))

    @contextmanager
    def guard(self) -> Iterator[None]:
        """Word the failures of SQLAlchemy for people."""
        try:
            yield
        except SQLAlchemyError as error:
            raise StorageError(self._complaint(error)) from error

    def _complaint(self, error: SQLAlchemyError) -> str:
        cause = " ".join(str(getattr(error, "orig", error)).split())[:300]
        if not self.is_file:
            return (
                f"The {self._what} {self.name} cannot be used ({cause}): check that its server runs, "
                f"and the address, user and rights in {self._variable}."
            )
        if isinstance(error, OperationalError):
            remedy = "check free disk space and access rights"
            return f"The {self._what} {self.name} cannot be used ({cause}): {remedy}."
        return f"{self.name} is damaged or is no {self._what} ({cause}): {self._damaged}."

    def close(self) -> None:
        """Release the connections."""
        self.engine.dispose()


def _lock_of(task: str) -> tuple[sa.ColumnElement[int], sa.ColumnElement[int]]:
    # Locks are of a database, in which each schema may be one of ours.
    return sa.func.hashtext(f"reex {task}"), sa.func.hashtext(sa.func.current_schema())


def _engine_at(url: str, variable: str) -> sa.Engine:
    """The engine for a URL, of which no message repeats what could be a part of a password."""
    try:
        parsed = sa.make_url(url)
        if url.count("@") > 1:  # the rest of a password would be taken for the host
            raise ValueError
        dialect, driver = parsed.get_dialect(), parsed.get_driver_name()
    except NoSuchModuleError:
        raise UsageError(
            f"{variable} names {parsed.drivername}, which SQLAlchemy does not know: "
            "begin it with postgresql+psycopg:// or sqlite:///."
        ) from None
    except (ArgumentError, ValueError):
        raise UsageError(
            f"{variable} is not the URL of a database: write it as "
            "postgresql+psycopg://user:password@host/name, with %40 for an @ in the password."
        ) from None
    if dialect.is_async:
        raise UsageError(f"The driver {driver} in {variable} is for asyncio: name another, as psycopg.")
    if driver in ("psycopg", "psycopg2"):
        parsed = parsed.set(query={**_LIBPQ, **parsed.query})
    try:
        return sa.create_engine(parsed, pool_pre_ping=dialect.name != "sqlite")
    except ImportError as error:
        raise StorageError(
            f"The driver {driver} in {variable} is not installed ({error}): "
            "run `pip install -c constraints.txt -e '.[postgres]'`, or install what it needs."
        ) from error


def _prepare_sqlite(connection: sa.engine.interfaces.DBAPIConnection, _: object) -> None:
    connection.execute("PRAGMA journal_mode=WAL")  # readers go on while somebody writes
    connection.execute("PRAGMA busy_timeout=30000")
