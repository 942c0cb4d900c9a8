"""From retrieved passages to the few sentences that the model reads, or to none.

The local model reads some sixty tokens a second, so the length of the prompt is the wait for the
first word. Whole passages would fill it with sentences that have nothing to do with the
question; single sentences, ranked against it, carry the same facts in half the tokens.
"""

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from corpus.article import Article
from rag.asked import asks_for_date, asks_for_figure
from rag.dates import find_dates
from rag.lexical import synonyms_of, terms
from rag.names import names_in
from rag.retrieve import Rated, Retriever
from rag.screen import is_forged
from rag.tokens import count_tokens
from rag.types import Hit

_READ_HITS = 8
_SYNONYM_WEIGHT = 0.5
# A softmax over the sentences of the passages, fitted on questions of four suites (former-report-8 to -10 and
# report), with queries read by an adapter that had not seen them; the scale is that of `rag.quote`.
_COSINE_WEIGHT = 1.65
_LEXICAL_WEIGHT = 0.37
_TITLED_LEXICAL_WEIGHT = 0.59
_PASSAGE_WEIGHT = 1.63
_ARTICLE_WEIGHT = 0.05
_NO_FIGURE = -0.23
_NO_DATE = -0.1
_LEAD = -0.27  # first sentences sum up what the next ones say exactly
_HEADER_TOKENS = 25
# A pronoun among the first words points at the sentence before.
_DANGLING = re.compile(
    r"^(?:\w+ ){0,4}(it|its|they|their|he|she|his|her|this|these|those|both|the company)\b", re.IGNORECASE
)


@dataclass(frozen=True)
class Candidate(Rated):
    """A sentence of a retrieved passage with its relevance."""

    score: float
    tokens: int

    @property
    def text(self) -> str:
        return self.hit.article.text[self.start : self.end]


@dataclass(frozen=True)
class Excerpt:
    """The sentences of one passage that the model gets to see, in the order of the text."""

    hit: Hit
    sentences: tuple[str, ...]


@dataclass(frozen=True)
class Evidence:
    """What the model gets to see, and how well it fits the question.

    Attributes:
        excerpts: best passage first.
        similarity: the highest cosine of a sentence to the question.
        coverage: the share of the question's terms, weighted by rarity, that the best article
            holds; 0 to 1.
        ranked: all sentences of the passages that were read, the most relevant first.
    """

    excerpts: tuple[Excerpt, ...]
    similarity: float
    coverage: float
    ranked: tuple[Candidate, ...] = ()


def select(question: str, hits: Sequence[Hit], retriever: Retriever, budget: int) -> Evidence:
    """Choose the sentences that answer best within ``budget`` tokens."""
    if not hits:
        return Evidence((), 0.0, 0.0)
    hits = hits[:_READ_HITS]
    wanted = {term: retriever.index.lexical.rarity(term) for term in set(terms(question))}
    ranked = rank_sentences(question, hits, retriever.rate(question, hits), wanted)
    chosen = _fill(ranked, budget)
    by_passage: dict[str, list[Candidate]] = defaultdict(list)
    for candidate in chosen:
        by_passage[candidate.hit.passage.id].append(candidate)
    excerpts = tuple(
        Excerpt(group[0].hit, tuple(c.text for c in sorted(group, key=lambda c: c.start)))
        for group in by_passage.values()
    )
    held = coverage(question, wanted, [excerpt.hit for excerpt in excerpts])
    return Evidence(excerpts, max((c.similarity for c in ranked), default=0.0), held, tuple(ranked))


def rank_sentences(
    question: str, hits: Sequence[Hit], sentences: Sequence[Rated], wanted: dict[str, float]
) -> list[Candidate]:
    """The sentences of the hits, the most relevant first.

    Args:
        question: what is asked.
        hits: retrieved passages.
        sentences: theirs.
        wanted: the terms of the question with their rarities.
    """
    title_terms = {hit.article.id: set(terms(hit.article.title)) for hit in hits}
    passage_prior, article_prior = _priors(hits)
    for_figure, for_date = asks_for_figure(question), asks_for_date(question)
    ranked = []
    for one in sentences:
        hit, text = one.hit, one.hit.article.text[one.start : one.end]
        present = set(terms(text))
        in_context = present | title_terms[hit.article.id]
        has_figure = any(character.isdigit() for character in text)
        score = (
            _COSINE_WEIGHT * one.similarity
            + _LEXICAL_WEIGHT * _share(wanted, present)
            + _TITLED_LEXICAL_WEIGHT * _share(wanted, in_context)
            + _PASSAGE_WEIGHT * passage_prior[hit.passage.id]
            + _ARTICLE_WEIGHT * article_prior[hit.article.id]
            + _NO_FIGURE * (for_figure and not has_figure)
            + _NO_DATE * (for_date and not has_figure and not find_dates(text))
            + _LEAD * (one.start == 0)
        )
        ranked.append(Candidate(hit, one.start, one.end, one.similarity, score, count_tokens(text)))
    return sorted(ranked, key=lambda candidate: -candidate.score)


def heading(article: Article) -> str:
    """An article's title, unless it is addressed to a machine."""
    return "" if is_forged(article.title) else article.title


def _share(wanted: dict[str, float], present: set[str]) -> float:
    """How much of what is wanted is present, weighted by rarity; 0 to 1."""
    total = sum(wanted.values()) or 1.0
    return sum(_match(term, present) * weight for term, weight in wanted.items()) / total


def _match(term: str, present: set[str]) -> float:
    """1 for a term that is there, less for one that only a synonym stands for."""
    if term in present:
        return 1.0
    return _SYNONYM_WEIGHT if synonyms_of(term) & present else 0.0


def _priors(hits: Sequence[Hit]) -> tuple[dict[str, float], dict[str, float]]:
    """How well retrieval thought of each passage and of each article, 1 for the best of each."""
    passages = {hit.passage.id: hit.score for hit in hits}
    articles: dict[str, float] = defaultdict(float)
    for hit in hits:
        articles[hit.article.id] += hit.score
    best_passage, best_article = max(passages.values()), max(articles.values())
    return (
        {id_: score / best_passage for id_, score in passages.items()},
        {id_: score / best_article for id_, score in articles.items()},
    )


def _fill(ranked: Sequence[Candidate], budget: int) -> list[Candidate]:
    """The best sentences that fit, with the sentence before one that cannot stand without it."""
    chosen: dict[tuple[str, int], Candidate] = {}
    articles: set[str] = set()
    left = budget
    for candidate in ranked:
        wanted = [candidate]
        if leans_on_previous(candidate.text) and (before := predecessor(candidate, ranked)):
            wanted.append(before)
        fresh = [c for c in wanted if (c.hit.passage.id, c.start) not in chosen]
        cost = sum(c.tokens for c in fresh)
        if candidate.hit.article.id not in articles:
            cost += _HEADER_TOKENS
        # One sentence longer than the whole budget is still better than none.
        if fresh and cost > left and chosen:
            break
        for c in fresh:
            chosen[c.hit.passage.id, c.start] = c
        articles.add(candidate.hit.article.id)
        left -= cost
    return list(chosen.values())


def leans_on_previous(sentence: str) -> bool:
    """Whether a sentence can hardly be understood without the one before it."""
    return bool(_DANGLING.match(sentence))


def predecessor(candidate: Candidate, ranked: Sequence[Candidate]) -> Candidate | None:
    """The sentence before one in its passage; None for the first."""
    passage = candidate.hit.passage.id
    earlier = (c for c in ranked if c.hit.passage.id == passage and c.start < candidate.start)
    return max(earlier, key=lambda c: c.start, default=None)


def coverage(question: str, wanted: dict[str, float], hits: Sequence[Hit]) -> float:
    """How much of the question the best article holds: its terms, weighted by rarity; 0 to 1."""
    total = sum(wanted.values())
    if not total:
        return 1.0
    articles = {hit.article.id: hit.article for hit in hits}.values()
    found = [terms_of(article) | renamed_terms(question, article) for article in articles]
    held = (sum(wanted[term] for term in wanted.keys() & present) / total for present in found)
    return max(held, default=0.0)


def terms_of(article: Article) -> set[str]:
    """The terms of everything that is known of an article."""
    return set(terms(f"{article.title} {article.publisher} {article.published} {article.text}"))


def renamed_terms(question: str, article: Article) -> set[str]:
    """Terms of names in the question that the article holds under another name."""
    folded = f"{article.title} {article.text}".casefold()
    found: set[str] = set()
    for spelling, group in names_in(question):
        if any(name.casefold() in folded for name in group):
            found |= set(terms(spelling))
    return found
