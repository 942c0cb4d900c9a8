"""What was asked and the corpus could not answer, grouped, for the editors who decide what to write."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from corpus.database import Database
from ui.desk.likeness import Likeness
from ui.desk.queries import Desk
from ui.state import exchanges


@dataclass(frozen=True)
class Gap:
    """A question without an answer.

    Attributes:
        text: the question.
        asked_at: when.
        where: "desk" or "chat"; who asked in the chat is not told.
        missing: names and words of it that no article found holds.
        query_id: of the query at the desk; empty for the chat.
    """

    text: str
    asked_at: datetime
    where: str
    missing: tuple[str, ...]
    query_id: str = ""


@dataclass(frozen=True)
class Group:
    """Questions that ask the same; the first asked speaks for all."""

    gaps: tuple[Gap, ...]

    @property
    def text(self) -> str:
        return self.gaps[0].text

    @property
    def missing(self) -> list[str]:
        """What no article holds, the most asked first."""
        counted = Counter(word for gap in self.gaps for word in gap.missing)
        return [word for word, _ in counted.most_common()]

    def as_data(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "question": self.text,
            "asked": len(self.gaps),
            "desk": sum(gap.where == "desk" for gap in self.gaps),
            "chat": sum(gap.where == "chat" for gap in self.gaps),
            "last_asked": max(gap.asked_at for gap in self.gaps).isoformat(timespec="seconds"),
            "missing": self.missing,
            "questions": [gap.text for gap in self.gaps],
        }


def gaps(desk: Desk, state: Database, likeness: Likeness) -> list[Group]:
    """The questions that were not answered, in groups, the largest first."""
    found = sorted([*_at_the_desk(desk), *_in_the_chat(state)], key=lambda gap: gap.asked_at)
    return [Group(tuple(group)) for group in likeness.grouped(found, lambda gap: gap.text)]


def _at_the_desk(desk: Desk) -> Iterator[Gap]:
    queries = {query.id: query for query in desk.queries()}
    for id_, revision in desk.newest(queries).items():
        if revision.answer.abstained:
            query = queries[id_]
            searched = revision.answer.searched
            yield Gap(query.text, query.received_at, "desk", searched.missing if searched else (), id_)


def _in_the_chat(state: Database) -> Iterator[Gap]:
    asked = sa.select(exchanges.c.question, exchanges.c.answer, exchanges.c.asked_at).where(
        exchanges.c.answer["abstained"].as_boolean()
    )
    with state.reading() as db:
        for row in db.execute(asked):
            missing = (row.answer.get("searched") or {}).get("missing") or ()
            # The question as it was understood stands alone; as it was typed it may lean on the one before.
            yield Gap(str(row.answer.get("question") or row.question), row.asked_at, "chat", tuple(missing))
