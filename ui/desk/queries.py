"""The staff desk: members' queries on their way from *new* to *posted*, and who moved them.

A query has drafts, of which every edit is a new revision, and a trail of events, to which rows are only
added. Every change happens in one transaction together with its event.
"""

import hashlib
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, get_args

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from corpus.clean import clean_line, clean_text
from corpus.database import Database, now
from corpus.errors import UsageError
from rag.types import Answer
from ui.accounts import LOCAL, User
from ui.frozen import freeze, thaw
from ui.state import drafts, events, queries

State = Literal["new", "drafted", "in review", "approved", "posted"]

STATES: tuple[State, ...] = get_args(State)
OPEN: tuple[State, ...] = ("new", "drafted", "in review")
"""The states of queries that nobody has answered yet."""
DONE: tuple[State, ...] = ("approved", "posted")

MAX_CHARS = 10_000
"""The longest query that is taken in, and the longest of its other fields is a tenth of it."""
MAX_BODY_CHARS = 50_000


@dataclass(frozen=True)
class Move:
    """A change of state: from which states, to which, and how the trail calls it."""

    before: tuple[State, ...]
    after: State
    what: str


MOVES: Mapping[str, Move] = {
    "review": Move(("drafted",), "in review", "sent to review"),
    "approve": Move(("in review",), "approved", "approved"),
    "back": Move(("in review",), "drafted", "sent back"),
    "post": Move(("approved",), "posted", "posted"),
    "reopen": Move(("approved", "posted"), "drafted", "reopened"),
}
"""All legal moves but the first, which saving a draft of a new query makes."""


class DeskError(UsageError):
    """What was asked of the desk is not allowed, or not possible as things stand now."""


class MeanwhileError(DeskError):
    """Somebody else saved a revision meanwhile; ``theirs`` is the newest."""

    def __init__(self, theirs: "Revision") -> None:
        self.theirs = theirs
        super().__init__(
            f"{theirs.author} saved revision {theirs.number + 1} meanwhile: compare the two texts, and save "
            "again to put yours on top of it."
        )


@dataclass(frozen=True)
class Incoming:
    """A query as it comes in.

    ``reference`` is its id at the source; without one it is known by its own words and its member.
    """

    text: str
    member: str = ""
    reference: str = ""
    link: str = ""


@dataclass(frozen=True)
class Query:
    """A member's query; ``source`` says how it came in, ``reference`` identifies it there."""

    id: str
    text: str
    member: str
    source: str
    reference: str
    link: str
    state: State
    received_at: datetime
    changed_at: datetime


@dataclass(frozen=True)
class Taken:
    """A query that came in; ``is_new`` is false when it was there already."""

    query: Query
    is_new: bool


@dataclass(frozen=True)
class Revision:
    """One state of a draft: ``body`` is Markdown with markers such as [1], which ``answer.citations`` number.

    ``number`` counts from 0. ``answer`` is what the chain said, frozen with its evidence.
    """

    query_id: str
    number: int
    body: str
    answer: Answer
    author: str
    created_at: datetime


@dataclass(frozen=True)
class Event:
    """One line of the audit trail."""

    at: datetime
    who: str
    what: str
    detail: str


class Desk:
    """What is kept of queries, drafts and events, and the rules by which they change."""

    def __init__(self, state: Database, self_approve: bool | None = None):
        """
        Args:
            state: the database.
            self_approve: whether one may approve a text that one changed last; None allows it only where
                nobody signs in, for there is nobody else.
        """
        self._db = state
        self._self_approve = self_approve

    # Queries

    def take_in(self, items: Iterable[Incoming], source: str, who: User) -> list[Taken]:
        """Put queries into the inbox, each once.

        Raises:
            DeskError: one is empty or far too long, and then none is taken in, or ``who`` is no staff.
        """
        _must_be_staff(who)
        checked = [_checked(item) for item in items]
        taken = []
        with self._db.writing() as db:
            for item in checked:
                row = {
                    "id": uuid.uuid4().hex[:12],
                    **vars(item),
                    "reference": _reference(item, source),
                    "source": source,
                    "state": "new",
                    "received_at": now(),
                    "changed_at": now(),
                }
                is_new = _insert_once(db, queries, row)
                if is_new:
                    _note(db, row["id"], who, "came in", source)
                found = db.execute(sa.select(queries).where(queries.c.reference == row["reference"])).one()
                taken.append(Taken(_query(found), is_new))
        return taken

    def query(self, id_: str) -> Query:
        """One query.

        Raises:
            DeskError: there is none with this id.
        """
        row = None
        if id_.isalnum():
            with self._db.reading() as db:
                row = db.execute(sa.select(queries).where(queries.c.id == id_)).one_or_none()
        if row is None:
            raise DeskError(f"There is no query {id_!r}: look it up in `reex desk list`.")
        return _query(row)

    def queries(self, states: Sequence[str] = (), words: str = "", limit: int | None = None) -> list[Query]:
        """Queries, those that changed last first.

        Args:
            states: only in one of these; all when empty.
            words: only those that hold each of these words in text, member, link or newest draft, whatever
                the case of Latin letters.
            limit: how many at most.
        """
        asked = sa.select(queries).order_by(queries.c.changed_at.desc(), queries.c.id).limit(limit)
        if states:
            asked = asked.where(queries.c.state.in_(states))
        for word in clean_line(words).split():
            fields = (queries.c.text, queries.c.member, queries.c.link, _newest(drafts.c.body))
            asked = asked.where(sa.or_(*(field.icontains(word, autoescape=True) for field in fields)))
        with self._db.reading() as db:
            return [_query(row) for row in db.execute(asked)]

    def counts(self) -> dict[State, int]:
        """How many queries there are in each state."""
        asked = sa.select(queries.c.state, sa.func.count()).group_by(queries.c.state)
        with self._db.reading() as db:
            found = {row[0]: row[1] for row in db.execute(asked)}
        return {state: found.get(state, 0) for state in STATES}

    def sources(self, prefix: str = "") -> list[str]:
        """Where queries came from, without repeats."""
        asked = sa.select(queries.c.source).distinct().where(queries.c.source.startswith(prefix))
        with self._db.reading() as db:
            return sorted(db.execute(asked).scalars())

    # Drafts

    def revisions(self, query_id: str) -> list[Revision]:
        """All revisions of the draft of a query, the oldest first."""
        asked = sa.select(drafts).where(drafts.c.query_id == query_id).order_by(drafts.c.number)
        with self._db.reading() as db:
            return [_revision(row) for row in db.execute(asked)]

    def newest(self, query_ids: Iterable[str]) -> dict[str, Revision]:
        """The newest revision of each of some queries, by the id of the query; those without are absent."""
        found: dict[str, Revision] = {}
        ids = list(query_ids)
        with self._db.reading() as db:
            for begin in range(0, len(ids), 500):
                some = ids[begin : begin + 500]
                last = (
                    sa.select(drafts.c.query_id, sa.func.max(drafts.c.number).label("number"))
                    .where(drafts.c.query_id.in_(some))
                    .group_by(drafts.c.query_id)
                    .subquery()
                )
                same = sa.and_(drafts.c.query_id == last.c.query_id, drafts.c.number == last.c.number)
                for row in db.execute(sa.select(drafts).join(last, same)):
                    found[row.query_id] = _revision(row)
        return found

    def save(
        self, query_id: str, body: str, answer: Answer, who: User, based_on: int | None, why: str = "edited"
    ) -> Revision:
        """Keep a new revision of the draft; a new query becomes a drafted one.

        Args:
            query_id: of which query.
            body: Markdown with markers.
            answer: what its markers stand for.
            who: the author.
            based_on: the number of the revision that was edited; None for the first.
            why: how the trail calls it.

        Raises:
            MeanwhileError: there is a newer revision than the one that was edited.
            DeskError: the query is approved or posted, the text is empty or far too long, or ``who`` is no
                staff.
        """
        _must_be_staff(who)
        body = clean_text(body)
        if not body:
            raise DeskError("The draft is empty: write something, or let one be made.")
        if len(body) > MAX_BODY_CHARS:
            raise DeskError(f"The draft has {len(body):,} characters, at most {MAX_BODY_CHARS:,} are kept.")
        number = 0 if based_on is None else based_on + 1
        row = {
            "id": uuid.uuid4().hex,
            "query_id": query_id,
            "number": number,
            "body": body,
            "answer": freeze(answer),
            "author": who.name,
            "created_at": now(),
        }
        with self._db.writing() as db:
            # This takes the lock of the row first, so that two who save come one after the other.
            becomes = sa.case((queries.c.state == "new", "drafted"), else_=queries.c.state)
            changed = sa.update(queries).values(state=becomes, changed_at=now())
            done = db.execute(changed.where(queries.c.id == query_id, queries.c.state.in_(OPEN)))
            saved = bool(done.rowcount) and _insert_once(db, drafts, row)
            if saved:
                _note(db, query_id, who, why, f"revision {number + 1}")
            elif done.rowcount:
                db.rollback()
        if saved:
            return _revision_of(row, answer)
        newest = self.newest([query_id]).get(query_id)
        query = self.query(query_id)
        if query.state in DONE or newest is None:
            raise DeskError(f"The query is {query.state}: reopen it before you change its answer.")
        raise MeanwhileError(newest)

    # Moves

    def move(self, query_id: str, by: str, who: User, detail: str = "", *, seen: int | None = None) -> Query:
        """Change the state of a query by one of `MOVES`.

        Args:
            query_id: of which query.
            by: the name of the move.
            who: who moves it.
            detail: goes into the trail: the reason, or the link of a post.
            seen: the number of the revision that ``who`` looked at; with a newer one nothing happens.

        Raises:
            MeanwhileError: there is a newer revision than the one that was seen.
            DeskError: it is not in a state from which it can be moved so, one's own text is not to be
                approved, or ``who`` is no staff.
        """
        _must_be_staff(who)
        move, detail = MOVES[by], clean_line(detail)
        newest = self.newest([query_id]).get(query_id)
        if newest and seen is not None and newest.number != seen:
            raise MeanwhileError(newest)
        if by == "approve" and newest and newest.author == who.name and not self.may_approve_own(who):
            raise DeskError(
                "You wrote the newest revision yourself: somebody else has to approve it, unless "
                "REEX_DESK_SELF_APPROVE is set."
            )
        with self._db.writing() as db:
            changed = sa.update(queries).values(state=move.after, changed_at=now())
            changed = changed.where(queries.c.id == query_id, queries.c.state.in_(move.before))
            if newest:  # nobody may slip a revision in between the look and the move
                last = sa.select(sa.func.max(drafts.c.number)).where(drafts.c.query_id == query_id)
                changed = changed.where(last.scalar_subquery() == newest.number)
            moved = bool(db.execute(changed).rowcount)
            if moved:
                revision = f"revision {newest.number + 1}" if newest else ""
                _note(db, query_id, who, move.what, ": ".join(filter(None, (revision, detail))))
        query = self.query(query_id)
        if not moved and query.state in move.before:
            raise MeanwhileError(self.newest([query_id])[query_id])
        if not moved:
            raise DeskError(
                f"The query is {query.state}, so it cannot be {move.what}: that needs one that is "
                f"{' or '.join(move.before)}. Reload the page if somebody else moved it."
            )
        return query

    def approve(
        self, query_id: str, who: User, seen: int, unsupported: Sequence[str] = (), reason: str = ""
    ) -> Query:
        """Approve a draft that is in review.

        Args:
            query_id: of which query.
            who: the reviewer.
            seen: the number of the revision that was read.
            unsupported: sentences of it that nothing supports, as `ui.desk.recheck` found them.
            reason: why it is approved all the same; goes into the trail.

        Raises:
            DeskError: sentences are unsupported and no reason is given; or as `move`.
        """
        reason = clean_line(reason)
        if unsupported and not reason:
            raise DeskError(
                f"{len(unsupported)} of its sentences are not supported by what they cite: mend them, or "
                "tick “Approve anyway” and say why."
            )
        detail = f"anyway, with {len(unsupported)} unsupported: {reason}" if unsupported else ""
        return self.move(query_id, "approve", who, detail, seen=seen)

    def may_approve_own(self, who: User) -> bool:
        """Whether somebody may approve a text that nobody else has read."""
        return who == LOCAL if self._self_approve is None else self._self_approve

    # The trail

    def note(self, query_id: str, who: User, what: str, detail: str = "") -> None:
        """Add a line to the trail of a query.

        Raises:
            DeskError: ``who`` is no staff.
        """
        _must_be_staff(who)
        with self._db.writing() as db:
            _note(db, query_id, who, what, detail)

    def events(self, query_id: str) -> list[Event]:
        """The trail of a query, the oldest line first."""
        asked = sa.select(events).where(events.c.query_id == query_id).order_by(events.c.id)
        with self._db.reading() as db:
            return [Event(row.at, row.who, row.what, row.detail) for row in db.execute(asked)]

    def marker(self) -> int:
        """A number that grows with every change of the desk."""
        with self._db.reading() as db:
            return db.execute(sa.select(sa.func.max(events.c.id))).scalar() or 0

    def noted(self, what: str) -> dict[str, str]:
        """The newest detail under ``what`` in the trail of each query that has one."""
        asked = sa.select(events.c.query_id, events.c.detail).where(events.c.what == what)
        with self._db.reading() as db:
            return {row.query_id: row.detail for row in db.execute(asked.order_by(events.c.id))}


def _must_be_staff(who: User) -> None:
    if not who.may("staff"):
        raise DeskError("The desk is for staff: ask an admin for that role.")


def _checked(item: Incoming) -> Incoming:
    text = clean_text(item.text)
    if not text:
        raise DeskError("A query is empty: give it a text.")
    if len(text) > MAX_CHARS:
        raise DeskError(f"A query has {len(text):,} characters, at most {MAX_CHARS:,} are taken in.")
    short = [clean_line(value) for value in (item.member, item.reference, item.link)]
    if any(len(value) > MAX_CHARS // 10 for value in short):
        raise DeskError(f"Member, reference and link may have {MAX_CHARS // 10:,} characters each.")
    return Incoming(text, *short)


def _reference(item: Incoming, source: str) -> str:
    if item.reference:
        return f"{source} {item.reference}"
    words = f"{item.member}\n{' '.join(item.text.split())}".casefold()
    return f"text {hashlib.sha256(words.encode()).hexdigest()}"


def _insert_once(db: sa.Connection, table: sa.Table, row: dict[str, Any]) -> bool:
    """Whether a row was inserted; it is not where it would break a rule of uniqueness."""
    insert = postgresql.insert if db.dialect.name == "postgresql" else sqlite.insert
    # Not by the count of rows, which is -1 for what goes into PostgreSQL.
    inserted = insert(table).values(row).on_conflict_do_nothing().returning(table.c.id)
    return db.execute(inserted).first() is not None


def _note(db: sa.Connection, query_id: str, who: User, what: str, detail: str) -> None:
    db.execute(sa.insert(events).values(query_id=query_id, at=now(), who=who.name, what=what, detail=detail))


def _newest(column: sa.ColumnElement[str]) -> sa.ScalarSelect[str]:
    """A column of the newest revision of a query."""
    asked = sa.select(column).where(drafts.c.query_id == queries.c.id)
    return asked.order_by(drafts.c.number.desc()).limit(1).correlate(queries).scalar_subquery()


def _query(row: Any) -> Query:
    return Query(
        row.id, row.text, row.member, row.source, row.reference, row.link, row.state, row.received_at,
        row.changed_at,
    )  # fmt: skip


def _revision(row: Any) -> Revision:
    return _revision_of(row._mapping, thaw(row.answer))


def _revision_of(row: Mapping[str, Any], answer: Answer) -> Revision:
    return Revision(row["query_id"], row["number"], row["body"], answer, row["author"], row["created_at"])
