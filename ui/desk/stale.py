"""Approved and posted answers whose evidence is not what it was: changed, gone, or overtaken."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

from corpus.article import Article
from corpus.catalogue import Record
from rag.markers import read_numbers
from rag.names import names_in
from rag.retrieve import Retriever
from rag.types import Citation, Hit
from ui.desk.queries import DONE, Desk, Query, Revision

Why = Literal["changed", "left", "overtaken"]

KEPT = "found still right"
"""How the trail calls it that somebody looked at an alarm and let the answer stand."""

_WORDS: Mapping[Why, str] = {
    "changed": "the article has a newer version",
    "left": "the article has left the corpus",
    "overtaken": "a newer article fits the query better",
}


@dataclass(frozen=True)
class Alarm:
    """Why one citation of an answer should be looked at.

    Attributes:
        why: what happened.
        citation: the evidence, as it was cited.
        before: the article as it was cited; None when the catalogue has forgotten it.
        after: the article as it is now, or the newer one; None when it is gone.
        passage_stands: whether the cited words still stand in the article.
    """

    why: Why
    citation: Citation
    before: Article | None
    after: Article | None
    passage_stands: bool = False

    @property
    def text(self) -> str:
        """The reason, in words."""
        stands = {True: "; the cited passage still stands in it", False: "; the cited passage is not in it"}
        return _WORDS[self.why] + (stands[self.passage_stands] if self.why == "changed" else "")

    @property
    def key(self) -> str:
        """Equal for the same alarm, so that one that was dismissed stays so."""
        after = self.after.content_hash[:12] if self.after else ""
        return f"{self.citation.n}:{self.why}:{after}"


@dataclass(frozen=True)
class Stale:
    """An answered query with its alarms."""

    query: Query
    revision: Revision
    alarms: tuple[Alarm, ...]

    @property
    def key(self) -> str:
        """Names the alarms together; what the trail keeps when they are dismissed."""
        return " ".join(sorted(alarm.key for alarm in self.alarms))


def stale(desk: Desk, retriever: Retriever, only: str = "") -> Iterator[Stale]:
    """The answers that should be looked at, those that changed last first; without what was dismissed.

    Each answer costs a search, some 50 ms. ``only`` is the id of a query, to look at no other.
    """
    answered = [query for query in desk.queries(DONE) if only in ("", query.id)]
    revisions = desk.newest(query.id for query in answered)
    kept = desk.noted(KEPT)
    retriever.index.refresh()
    records = {record.entry.article_id: record for record in retriever.index.catalogue.records()}
    for query in answered:
        if query.id not in revisions:
            continue
        found = Stale(
            query, revisions[query.id], tuple(_alarms(query, revisions[query.id], retriever, records))
        )
        if found.alarms and kept.get(query.id) != found.key:
            yield found


def _alarms(
    query: Query, revision: Revision, retriever: Retriever, records: Mapping[str, Record]
) -> Iterator[Alarm]:
    catalogue = retriever.index.catalogue
    numbers = read_numbers(revision.body)[1]
    cited = [citation for citation in revision.answer.citations if citation.n in numbers]
    then = catalogue.at({citation.version for citation in cited})
    now = catalogue.articles({citation.article_id for citation in cited})
    for citation in cited:
        before, after = then.get(citation.version), now.get(citation.article_id)
        if after is None:
            record = records.get(citation.article_id)
            if record is None or record.state == "retired":  # else its text stands at another address
                yield Alarm("left", citation, before, None)
        elif citation.version and after.content_hash != citation.version:
            yield Alarm("changed", citation, before, after, citation.quote in after.text)
    if not cited:
        return
    hits = retriever.search([query.text], 10)
    newer = _overtaking(cited, hits, records, revision)
    if newer:
        first = max(cited, key=lambda citation: citation.published or date.min)
        yield Alarm("overtaken", first, then.get(first.version), newer)


def _overtaking(
    cited: Sequence[Citation], hits: Sequence[Hit], records: Mapping[str, Record], revision: Revision
) -> Article | None:
    """An article that came in after the draft, is newer than all cited ones, speaks of the same, and is
    found before them; None without one."""
    ids = {citation.article_id for citation in cited}
    newest = max((citation.published for citation in cited if citation.published), default=None)
    stories = {records[id_].story for id_ in ids if id_ in records and records[id_].story}
    names = {name for citation in cited for name in _companies(f"{citation.title} {citation.quote}")}
    for hit in hits:
        article = hit.article
        if article.id in ids:
            return None
        record = records.get(article.id)
        came_later = record is not None and record.first_seen > revision.created_at
        is_newer = article.published is not None and (newest is None or article.published > newest)
        same = (record is not None and record.story in stories) or bool(
            names & _companies(f"{article.title} {hit.passage.text}")
        )
        if came_later and is_newer and same:
            return article
    return None


def _companies(text: str) -> set[str]:
    return {group[0] for _, group in names_in(text, materials=False)}
