"""Sentences of the evidence that are worth quoting beside what the model wrote.

A small model cuts lists short and leaves out the date that was asked for. The sentence itself
says it all, is exact by construction, and costs no waiting.
"""

import re
from collections import defaultdict
from collections.abc import Sequence
from itertools import combinations

from corpus.article import Article
from rag.asked import asks_for_commitments, asks_twice, compares
from rag.attribution import kind_of
from rag.figures import figures, missing_figures
from rag.lexical import terms
from rag.names import names_in
from rag.select import Candidate, Evidence, leans_on_previous, predecessor
from rag.support import Rarity, terms_held
from rag.types import Citation, Draft, Near

MAX_QUOTES = 4
"""How many sentences are quoted when the model says nothing that is supported."""
# Beside its own sentences: of former-report-2's answers, the first two added facts in 4 of 56, the rest in 2.
_BESIDE_AN_ANSWER = 2
_MORE_FOR_TWO_PARTS = 2
_NEARBY_ARTICLES = 3
_BEHIND_THE_BEST = 1.0  # at 0.5, 3 of 100 answers lacked a fact that stood in the evidence
_RESTATED = 0.7
_SAME_THING = 0.5
_QUOTATION = re.compile(r"“[^”]*”|\"[^\"]*\"")
_UNPLAIN = re.compile(r"\byou(?:rs?)?\b|https?://|www\.|[\[\]{}<>]|[\U0001f300-\U0001faff]", re.IGNORECASE)


def quotable(evidence: Evidence, draft: Draft, question: str, rarity: Rarity) -> list[Candidate]:
    """The most relevant sentences that the model's own do not restate, best first.

    What the model said doubtfully is most often told by the sentence that it meant to retell: the more of
    its terms a sentence holds, the earlier it comes.

    Another article than the cited ones is quoted only for comparisons, or when nothing is cited:
    beside an answer it would mostly be beside the point. What somebody committed to is not
    answered by what an author infers.
    """
    said = " ".join(s.text for s in draft.sentences if s.support != "unsupported")
    cited = {citation.article_id for citation in draft.citations}
    only_facts = asks_for_commitments(question)
    several = compares(question)
    most = (_BESIDE_AN_ANSWER if said else MAX_QUOTES) + asks_twice(question) * _MORE_FOR_TWO_PARTS
    doubtful = [s.text for s in draft.sentences if s.support != "supported"]
    scores = {
        candidate: candidate.score
        + max((terms_held(text, candidate.text, rarity) for text in doubtful), default=0.0)
        for candidate in evidence.ranked
    }
    best = max(scores.values(), default=0.0)
    chosen: list[Candidate] = []
    for candidate in sorted(scores, key=lambda c: -scores[c]):
        if len(chosen) >= most or scores[candidate] < best - _BEHIND_THE_BEST:
            break
        if candidate in chosen:
            continue
        if cited and not several and candidate.hit.article.id not in cited:
            continue
        if only_facts and kind_of(candidate.text, candidate.hit.article.publisher) == "inferred":
            continue
        if _is_news(candidate.text, said) and is_plain(candidate.text):
            chosen += _whole(candidate, evidence, chosen)
    return chosen


def is_plain(sentence: str) -> bool:
    """Whether a sentence reports: no link, bracket or emoji, and nobody is spoken to outside quotation marks.

    What speaks to a reader is an advertisement or an order to a machine, and no evidence.
    """
    return not _UNPLAIN.search(_QUOTATION.sub(" ", sentence))


def _is_news(sentence: str, said: str) -> bool:
    """Whether a sentence tells something that was not said yet."""
    own = set(terms(sentence))
    return len(own & set(terms(said))) < _RESTATED * len(own) or bool(missing_figures(sentence, said))


def _whole(candidate: Candidate, evidence: Evidence, chosen: list[Candidate]) -> list[Candidate]:
    """A sentence, and before it the one that it cannot be understood without."""
    if not leans_on_previous(candidate.text):
        return [candidate]
    before = predecessor(candidate, evidence.ranked)
    if before is None or before in chosen or leans_on_previous(before.text):
        return [candidate]
    return [before, candidate]


def nearest(evidence: Evidence) -> list[Candidate]:
    """The most relevant sentences, for when no model writes anything."""
    chosen: list[Candidate] = []
    for candidate in evidence.ranked:
        if len(chosen) < MAX_QUOTES and candidate not in chosen and is_plain(candidate.text):
            chosen += _whole(candidate, evidence, chosen)
    return chosen


def nearby(articles: Sequence[Article], evidence: Evidence) -> tuple[Near, ...]:
    """Where to look when there is no answer: the most relevant sentences, of three articles at least.

    Sentences of one article stand together, in the order of its text.

    Args:
        articles: those that were found, best first.
        evidence: their sentences.
    """
    near: dict[str, list[Near]] = defaultdict(list)
    for candidate in nearest(evidence):
        near[candidate.hit.article.id].append(Near(candidate.hit.article, candidate.start, candidate.end))
    for article in articles:
        if len(near) < _NEARBY_ARTICLES and article.id not in near:
            near[article.id].append(_nearest_of(article, evidence))
    return tuple(one for group in near.values() for one in sorted(group, key=lambda one: one.start))


def _nearest_of(article: Article, evidence: Evidence) -> Near:
    """An article with its most relevant sentence."""
    for candidate in evidence.ranked:
        if candidate.hit.article.id == article.id and is_plain(candidate.text):
            return Near(article, candidate.start, candidate.end)
    return Near(article)


def conflicting(evidence: Evidence, draft: Draft) -> list[Candidate]:
    """The sentence of another date's article that gives another figure for the same thing, if any."""
    dates = {citation.n: citation.published for citation in draft.citations}
    cited = {citation.article_id for citation in draft.citations}
    shown = [s.text for s in draft.sentences if s.support == "supported"]
    for candidate in evidence.ranked:
        day = candidate.hit.article.published
        if day is None or candidate.hit.article.id in cited or day in dates.values():
            continue
        if any(_differ(text, candidate.text) for text in shown):
            return [candidate]
    return []


def disagreeing(draft: Draft) -> list[Citation]:
    """The citations of other dates than each other whose sentences give different figures for one thing."""
    by_number = {citation.n: citation for citation in draft.citations}
    shown = [s for s in draft.sentences if s.support == "supported" and s.citations]
    numbers: set[int] = set()
    for one, other in combinations(shown, 2):
        first, second = (by_number[s.citations[0]] for s in (one, other))
        dated = first.published and second.published and first.published != second.published
        if dated and _differ(one.text, other.text):
            numbers |= {first.n, second.n}
    return [by_number[n] for n in sorted(numbers)]


def _differ(one: str, other: str) -> bool:
    who, whom = ({group[0] for _, group in names_in(text, materials=False)} for text in (one, other))
    if who and whom and who.isdisjoint(whom):
        return False
    words, others = _words(one), _words(other)
    if len(words & others) < _SAME_THING * min(len(words), len(others)):
        return False
    values, other_values = _measures(one), _measures(other)
    shared = values.keys() & other_values.keys()
    return any(values[unit].isdisjoint(other_values[unit]) for unit in shared)


def _words(text: str) -> set[str]:
    return {term for term in terms(text) if not term[0].isdigit()}


def _measures(text: str) -> dict[str, set[object]]:
    """The measured figures of a text by unit."""
    found: dict[str, set[object]] = {}
    for figure in figures(text):
        if figure.unit and figure.unit not in ("year", "month", "day"):
            found.setdefault(figure.unit, set()).add(figure.value)
    return found
