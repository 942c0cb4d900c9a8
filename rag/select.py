"""From retrieved passages to the few sentences that the model reads, or to none.

The local model reads some sixty tokens a second, so the length of the prompt is the wait for the
first word. Whole passages would fill it with sentences that have nothing to do with the
question; single sentences, ranked against it, carry the same facts in half the tokens.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from rag.embed import Embedder, Vectors
from rag.lexical import terms
from rag.names import other_names
from rag.sentences import sentence_spans
from rag.tokens import count_tokens
from rag.types import Hit

_READ_HITS = 8
_LEXICAL_WEIGHT = 0.5
_PASSAGE_WEIGHT = 0.2
_HEADER_TOKENS = 25
_DANGLING = re.compile(r"^(it|its|they|their|he|she|his|her|this|that|these|those|the company|both)\b", re.I)


@dataclass(frozen=True)
class Candidate:
    """A sentence of a retrieved passage, with offsets into its article and its relevance."""

    hit: Hit
    start: int
    end: int
    score: float
    similarity: float
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
        missing: the terms of the question that no shown article holds.
    """

    excerpts: tuple[Excerpt, ...]
    similarity: float
    coverage: float
    missing: tuple[str, ...] = ()


def select(
    question: str,
    hits: Sequence[Hit],
    embedder: Embedder,
    rarity: Callable[[str], float],
    budget: int,
) -> Evidence:
    """Choose the sentences that answer best within ``budget`` tokens."""
    if not hits:
        return Evidence((), 0.0, 0.0)
    vector = embedder.encode([question])
    wanted = {term: rarity(term) for term in set(terms(question))}
    ranked = rank_sentences(question, hits[:_READ_HITS], embedder, vector, wanted)
    chosen = _fill(ranked, budget)
    by_passage: dict[str, list[Candidate]] = defaultdict(list)
    for candidate in chosen:
        by_passage[candidate.hit.passage.id].append(candidate)
    excerpts = tuple(
        Excerpt(group[0].hit, tuple(c.text for c in sorted(group, key=lambda c: c.start)))
        for group in by_passage.values()
    )
    coverage, missing = _coverage(question, wanted, [excerpt.hit for excerpt in excerpts])
    return Evidence(excerpts, max(c.similarity for c in ranked), coverage, missing)


def rank_sentences(
    question: str,
    hits: Sequence[Hit],
    embedder: Embedder,
    vector: Vectors,
    wanted: dict[str, float],
) -> list[Candidate]:
    """All sentences of the hits, the most relevant first."""
    spans = [
        (hit, start, end)
        for hit in hits
        for start, end in sentence_spans(hit.article.text, hit.passage.start, hit.passage.end)
    ]
    texts = [hit.article.text[start:end] for hit, start, end in spans]
    cosines = embedder.encode(texts) @ vector[0]
    total = sum(wanted.values()) or 1.0
    aliases = set(terms(" ".join(other_names(question))))
    best_score = max(hit.score for hit in hits)
    ranked = []
    for (hit, start, end), text, cosine in zip(spans, texts, cosines, strict=True):
        # The title names what the sentences only call "the company" or "the plant".
        present = set(terms(text))
        titled = present | set(terms(hit.article.title))
        own = sum(weight for term, weight in wanted.items() if term in present)
        context = sum(weight for term, weight in wanted.items() if term in titled)
        lexical = (0.7 * own + 0.3 * context) / total + 0.1 * bool(aliases & titled)
        score = float(cosine) + _LEXICAL_WEIGHT * lexical + _PASSAGE_WEIGHT * hit.score / best_score
        ranked.append(Candidate(hit, start, end, score, float(cosine), count_tokens(text)))
    return sorted(ranked, key=lambda candidate: -candidate.score)


def _fill(ranked: Sequence[Candidate], budget: int) -> list[Candidate]:
    """The best sentences that fit, with the sentence before one that cannot stand without it."""
    chosen: dict[tuple[str, int], Candidate] = {}
    articles: set[str] = set()
    left = budget
    previous = _predecessors(ranked)
    for candidate in ranked:
        wanted = [candidate]
        before = previous.get((candidate.hit.passage.id, candidate.start))
        if before and _DANGLING.match(candidate.text):
            wanted.append(before)
        fresh = [c for c in wanted if (c.hit.passage.id, c.start) not in chosen]
        cost = sum(c.tokens for c in fresh)
        if candidate.hit.article.id not in articles:
            cost += _HEADER_TOKENS
        if fresh and cost > left:
            if chosen:
                break
            # One sentence longer than the whole budget is still better than none.
        for c in fresh:
            chosen[c.hit.passage.id, c.start] = c
        articles.add(candidate.hit.article.id)
        left -= cost
    return list(chosen.values())


def _predecessors(candidates: Sequence[Candidate]) -> dict[tuple[str, int], Candidate]:
    ordered = sorted(candidates, key=lambda c: (c.hit.passage.id, c.start))
    return {
        (after.hit.passage.id, after.start): before
        for before, after in zip(ordered, ordered[1:], strict=False)
        if before.hit.passage.id == after.hit.passage.id
    }


def _coverage(question: str, wanted: dict[str, float], hits: Sequence[Hit]) -> tuple[float, tuple[str, ...]]:
    total = sum(wanted.values())
    if not total:
        return 1.0, ()
    by_article: dict[str, set[str]] = defaultdict(set)
    for hit in hits:
        article = hit.article
        by_article[article.id] |= set(
            terms(f"{article.title} {article.publisher} {article.published} {article.text}")
        )
    renamed = _renamed_terms(question, by_article.values())
    shares = [
        sum(weight for term, weight in wanted.items() if term in present or term in renamed) / total
        for present in by_article.values()
    ]
    everything = set().union(*by_article.values()) | renamed
    missing = tuple(term for term in wanted if term not in everything)
    return float(np.max(shares)), missing


def _renamed_terms(question: str, articles: Sequence[set[str]] | object) -> set[str]:
    """Terms of names in the question that an article holds under another name."""
    everything: set[str] = set().union(*articles)  # type: ignore[misc]
    found: set[str] = set()
    words = question.split()
    for size in (1, 2, 3):
        for i in range(len(words) - size + 1):
            name = " ".join(words[i : i + size]).strip(".,?!:;'\"()")
            if any(set(terms(other)) <= everything for other in other_names(name) if terms(other)):
                found |= set(terms(name))
    return found
