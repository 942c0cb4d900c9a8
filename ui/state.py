"""What people leave behind: accounts, conversations, shared answers, the desk. One database holds it all.

SQLite in the data directory by default, any other database by ``REEX_STATE_URL``; Alembic brings an older
one up to date when it is opened. All times are UTC, without a zone.
"""

import threading
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.util import CommandError

from corpus.database import STRING, Database
from corpus.errors import OutdatedError, StorageError
from rag.settings import Settings

_FILE = "state.sqlite"
_MIGRATIONS = Path(__file__).parent / "migrations"
_migrating = threading.Lock()  # Alembic keeps what it is at in a module

tables = sa.MetaData()

users = sa.Table(
    "users",
    tables,
    sa.Column("id", STRING, primary_key=True),
    sa.Column("name", STRING, nullable=False, unique=True),
    sa.Column("password", STRING, nullable=False),  # hash; empty for who signs in elsewhere
    sa.Column("subject", STRING, unique=True),  # issuer and subject of OpenID Connect
    sa.Column("role", STRING, nullable=False),
    sa.Column("disabled", sa.Boolean, nullable=False),
    sa.Column("epoch", sa.Integer, nullable=False),  # sessions of an earlier one are over
    sa.Column("created_at", sa.DateTime, nullable=False),
)

# Those that somebody signed out of; kept for as long as their cookies would be believed.
ended_sessions = sa.Table(
    "ended_sessions",
    tables,
    sa.Column("id", STRING, primary_key=True),
    sa.Column("ended_at", sa.DateTime, nullable=False),
)

api_keys = sa.Table(
    "api_keys",
    tables,
    sa.Column("id", STRING, primary_key=True),
    sa.Column("user_id", STRING, nullable=False, index=True),
    sa.Column("label", STRING, nullable=False),
    sa.Column("digest", STRING, nullable=False, unique=True),
    sa.Column("created_at", sa.DateTime, nullable=False),
    sa.Column("last_used_at", sa.DateTime),
)

conversations = sa.Table(
    "conversations",
    tables,
    sa.Column("id", STRING, primary_key=True),
    sa.Column("user_id", STRING, nullable=False, index=True),
    sa.Column("title", STRING, nullable=False),
    sa.Column("created_at", sa.DateTime, nullable=False),
    sa.Column("updated_at", sa.DateTime, nullable=False),
)

# ``answer`` is a frozen answer (ui.frozen), null while it is written and where it failed.
exchanges = sa.Table(
    "exchanges",
    tables,
    sa.Column("id", STRING, primary_key=True),
    sa.Column("conversation_id", STRING, nullable=False, index=True),
    sa.Column("number", sa.Integer, nullable=False),  # from 0
    sa.Column("question", STRING, nullable=False),
    sa.Column("filters", sa.JSON, nullable=False),
    sa.Column("answer", sa.JSON(none_as_null=True)),
    sa.Column("answer_text", STRING, nullable=False, default=""),  # what the answer says, to search in
    sa.Column("failure", STRING, nullable=False),
    sa.Column("verdict", sa.Integer, nullable=False),  # -1, 0 or 1: the reader's thumb
    sa.Column("reason", STRING, nullable=False),  # for the thumb
    sa.Column(
        "case_id", STRING, nullable=False, default=""
    ),  # of what a thumb down made of it: evals.feedback
    sa.Column("asked_at", sa.DateTime, nullable=False),
    sa.UniqueConstraint("conversation_id", "number"),
)

# What programs were answered, so that they can say what they think of it; forgotten after a month.
completions = sa.Table(
    "completions",
    tables,
    sa.Column("id", STRING, primary_key=True),
    sa.Column("user_id", STRING, nullable=False, index=True),
    sa.Column("question", STRING, nullable=False),
    sa.Column("answer", sa.JSON, nullable=False),
    sa.Column("verdict", sa.Integer, nullable=False),  # -1, 0 or 1
    sa.Column("reason", STRING, nullable=False),
    sa.Column("case_id", STRING, nullable=False),  # of evals.feedback, empty for none
    sa.Column("asked_at", sa.DateTime, nullable=False),
)

# A copy, so that a link goes on showing what was shared.
shares = sa.Table(
    "shares",
    tables,
    sa.Column("id", STRING, primary_key=True),  # the secret part of the link
    sa.Column("user_id", STRING, nullable=False, index=True),
    sa.Column("exchange_id", STRING, nullable=False, index=True),
    sa.Column("question", STRING, nullable=False),
    sa.Column("answer", sa.JSON, nullable=False),
    sa.Column("created_at", sa.DateTime, nullable=False),
)

queries = sa.Table(
    "queries",
    tables,
    sa.Column("id", STRING, primary_key=True),
    sa.Column("text", STRING, nullable=False),
    sa.Column("member", STRING, nullable=False),
    sa.Column("source", STRING, nullable=False),  # pasted, a file, a feed, the API
    sa.Column("reference", STRING, unique=True),  # its id at the source, so that it comes in once
    sa.Column("link", STRING, nullable=False),
    sa.Column("state", STRING, nullable=False),
    sa.Column("received_at", sa.DateTime, nullable=False),
    sa.Column("changed_at", sa.DateTime, nullable=False),
)

# ``answer`` is the frozen answer that the draft began with, ``body`` its text with markers such as [1].
drafts = sa.Table(
    "drafts",
    tables,
    sa.Column("id", STRING, primary_key=True),
    sa.Column("query_id", STRING, nullable=False, index=True),
    sa.Column("number", sa.Integer, nullable=False),  # from 0; every edit is a new one
    sa.Column("body", STRING, nullable=False),
    sa.Column("answer", sa.JSON, nullable=False),
    sa.Column("author", STRING, nullable=False),
    sa.Column("created_at", sa.DateTime, nullable=False),
    sa.UniqueConstraint("query_id", "number"),
)

# The audit trail of the desk: rows are added, and never changed.
events = sa.Table(
    "events",
    tables,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("query_id", STRING, nullable=False, index=True),
    sa.Column("at", sa.DateTime, nullable=False),
    sa.Column("who", STRING, nullable=False),
    sa.Column("what", STRING, nullable=False),
    sa.Column("detail", STRING, nullable=False),
)


def open_state(settings: Settings) -> Database:
    """Open the database, make it when there is none, and bring it up to date.

    Raises:
        UsageError: ``REEX_STATE_URL`` is no URL of a database.
        StorageError: it cannot be reached or made.
        OutdatedError: a later version of the product made it.
    """
    url = settings.state_url.get_secret_value()
    if not url:
        try:
            settings.data_dir.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StorageError(
                f"The data directory {settings.data_dir} cannot be made ({error.strerror})."
            ) from error
    place = url or settings.data_dir / _FILE
    remedy = "restore it from a copy, or move it away to begin with an empty one"
    database = Database(place, "state", "REEX_STATE_URL", remedy)
    try:
        with _migrating, database.writing() as db:
            database.line_up(db, "upgrade")  # replicas that start at once
            _upgrade(db)
    except CommandError as error:
        database.close()
        raise OutdatedError(
            f"The state {database.name} was made by a later version of REEx Answers ({error}): update it."
        ) from error
    except StorageError:
        database.close()
        raise
    return database


def _upgrade(db: sa.Connection) -> None:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = db
    command.upgrade(config, "head")
