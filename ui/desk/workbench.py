"""The work at the staff desk: what is seen of a query, and what is done to it.

The page only lays this out. Everything here gives values back and can be tested without it.
"""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from corpus.errors import ReexError
from rag.types import Answer, Hit
from ui.accounts import User
from ui.background import told_by
from ui.desk import drafting, recheck
from ui.desk.drafting import Drafted
from ui.desk.gaps import Group, gaps
from ui.desk.likeness import Like, Likeness
from ui.desk.queries import DONE, OPEN, Desk, DeskError, Event, Query, Revision
from ui.desk.recheck import Review
from ui.desk.stale import KEPT, Stale, stale
from ui.service import Service

_MOST_COMPARED = 1000  # queries that a new one is compared with, those that changed last


@dataclass(frozen=True)
class Alike:
    """An open query that asks the same, or one with an answer to reuse."""

    query: Query
    cosine: float
    answer: Revision | None = None


@dataclass(frozen=True)
class Alikes:
    """What asks the same as a query: answers that could be reused, and queries that wait as well."""

    answered: tuple[Alike, ...]
    waiting: tuple[Alike, ...]


@dataclass(frozen=True)
class View:
    """All that the desk shows of one query.

    Attributes:
        query: the query.
        revisions: of its draft, the oldest first.
        events: its trail, the oldest first.
        hits: the passages that its markers stand for, by number.
        review: the newest revision, checked; None without a draft.
    """

    query: Query
    revisions: tuple[Revision, ...]
    events: tuple[Event, ...]
    hits: dict[int, Hit]
    review: Review | None

    @property
    def newest(self) -> Revision | None:
        return self.revisions[-1] if self.revisions else None


@dataclass(frozen=True)
class Told:
    """How far a batch is: how many of its queries were looked at, how many failed, and the last failure."""

    done: int
    total: int
    failed: int = 0
    failure: str = ""
    over: bool = False


class Workbench:
    """The desk with the chain that drafts and the corpus that drafts are checked against."""

    def __init__(self, service: Service):
        self._service = service
        self._index = service.chain.retriever.index
        self.desk = Desk(service.state, service.settings.desk_self_approve)
        self._likeness = Likeness(service.chain.retriever.embedder)
        self._stale: tuple[tuple[str, int], list[Stale]] | None = None

    # Looking

    def view(self, query_id: str) -> View:
        """All of one query.

        Raises:
            DeskError: there is none with this id.
        """
        query = self.desk.query(query_id)
        revisions = tuple(self.desk.revisions(query_id))
        hits = self.hits(revisions[-1].answer) if revisions else {}
        checked = self.review(revisions[-1].body, hits, query) if revisions else None
        events = tuple(self.desk.events(query_id))
        return View(query, revisions, events, hits, checked)

    def hits(self, answer: Answer) -> dict[int, Hit]:
        """The frozen passages of an answer, by number."""
        return recheck.frozen_hits(answer, self._index.catalogue)

    def review(self, body: str, hits: dict[int, Hit], query: Query) -> Review:
        """A text, checked against frozen passages."""
        return recheck.review(body, hits, self._index.lexical.rarity, query.member)

    def alike(self, query: Query) -> Alikes:
        """What asks the same; takes some seconds once after a start with many queries, to embed them."""
        others = [other for other in self.desk.queries(limit=_MOST_COMPARED) if other.id != query.id]
        waiting = self._likeness.to(query.text, [q for q in others if q.state in OPEN], _text)
        answered = self._likeness.to(query.text, [q for q in others if q.state in DONE], _text)
        return Alikes(
            tuple(self._answered(answered)), tuple(Alike(like.item, like.cosine) for like in waiting)
        )

    def _answered(self, likes: list[Like[Query]]) -> Iterator[Alike]:
        revisions = self.desk.newest(like.item.id for like in likes)
        for like in likes:
            if like.item.id in revisions:
                yield Alike(like.item, like.cosine, revisions[like.item.id])

    def answers_with(self, words: str, most: int = 8) -> list[Alike]:
        """Approved and posted answers that hold some words, those that changed last first."""
        found = self.desk.queries(DONE, words, most)
        revisions = self.desk.newest(query.id for query in found)
        return [Alike(query, 0.0, revisions[query.id]) for query in found if query.id in revisions]

    def stale(self) -> list[Stale]:
        """The answers whose evidence is not what it was; searched for again once desk or corpus changed."""
        self._index.refresh()
        now = (self._index.generation, self.desk.marker())
        if self._stale is None or self._stale[0] != now:
            self._stale = (now, list(stale(self.desk, self._service.chain.retriever)))
        return self._stale[1]

    def gaps(self) -> list[Group]:
        """What the corpus could not answer."""
        return gaps(self.desk, self._service.state, self._likeness)

    # Working

    def draft(self, query_id: str, who: User) -> Revision:
        """Make a draft, on top of what is there.

        Raises:
            DeskError: the query is approved or posted, or somebody saved meanwhile.
            ReexError: the chain fails.
        """
        query = self.desk.query(query_id)
        _must_be_open(query)
        newest = self.desk.newest([query_id]).get(query_id)
        made = drafting.make_draft(self._service, query, who)
        return self._keep(query_id, made, who, newest, "drafted")

    def save(self, query_id: str, body: str, who: User, based_on: int | None) -> Revision:
        """Keep an edited text; the markers go on standing for what they stood for.

        Raises:
            MeanwhileError, DeskError: as `Desk.save`.
        """
        newest = self.desk.newest([query_id]).get(query_id)
        answer = newest.answer if newest else drafting.without_evidence(self.desk.query(query_id))
        return self.desk.save(query_id, body, answer, who, based_on)

    def reuse(self, query_id: str, from_id: str, who: User) -> Revision:
        """Take the answer of another query as the draft, with its evidence as it is in today's corpus.

        Raises:
            DeskError: there is no such answer, or as `draft`.
        """
        _must_be_open(self.desk.query(query_id))
        source = self.desk.newest([from_id]).get(from_id)
        if source is None:
            raise DeskError("That query has no answer any more: reload the page.")
        made = drafting.reused(source, self._index)
        newest = self.desk.newest([query_id]).get(query_id)
        return self._keep(query_id, made, who, newest, f"reused the answer of {from_id}")

    def renew(self, query_id: str, who: User) -> Revision:
        """Reopen an answer, and bring its evidence up to date.

        Raises:
            DeskError: it is not approved or posted.
        """
        self.desk.move(query_id, "reopen", who, "its evidence changed")
        newest = self.desk.newest([query_id])[query_id]
        made = drafting.reused(newest, self._index)
        return self._keep(query_id, made, who, newest, "brought the evidence up to date")

    def keep(self, query_id: str, who: User) -> None:
        """Let an answer stand in spite of its alarms; others will be raised again."""
        for item in stale(self.desk, self._service.chain.retriever, query_id):
            self.desk.note(query_id, who, KEPT, item.key)

    def approve(self, query_id: str, who: User, seen: int, reason: str = "") -> Query:
        """Approve the revision that was seen, after checking it once more.

        Raises:
            DeskError: sentences are unsupported and no reason is given, or as `Desk.move`.
        """
        view = self.view(query_id)
        unsupported = view.review.unsupported if view.review else []
        return self.desk.approve(query_id, who, seen, unsupported, reason)

    def draft_all(self, who: User, halt: threading.Event) -> Iterator[Told]:
        """Draft every new query, the oldest first; tells how far it is. One that fails stops no other."""
        ids = [query.id for query in reversed(self.desk.queries(["new"]))]
        return told_by(lambda tell: self._draft_all(ids, who, halt, tell))

    def _draft_all(
        self, ids: list[str], who: User, halt: threading.Event, tell: Callable[[Told], None]
    ) -> None:
        failed, failure, done = 0, "", 0
        for done, id_ in enumerate(ids):
            if halt.is_set():
                break
            tell(Told(done, len(ids), failed, failure))
            try:
                if self.desk.query(id_).state == "new":  # somebody may have drafted it meanwhile
                    self.draft(id_, who)
            except ReexError as error:
                failed, failure = failed + 1, str(error)
        else:
            done = len(ids)
        tell(Told(done, len(ids), failed, failure, over=True))

    def _keep(self, query_id: str, made: Drafted, who: User, newest: Revision | None, why: str) -> Revision:
        based_on = newest.number if newest else None
        return self.desk.save(query_id, made.body, made.answer, who, based_on, why)


def _text(query: Query) -> str:
    return query.text


def _must_be_open(query: Query) -> None:
    """Before the chain is asked, which takes a while."""
    if query.state in DONE:
        raise DeskError(f"The query is {query.state}: reopen it before you change its answer.")
