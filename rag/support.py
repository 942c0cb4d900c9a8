"""Whether passages support a sentence: deterministic, without a second model.

A sentence is *supported* when its figures all stand in the passages that it cites and its words,
weighted by how rare they are, mostly do; *weak* when a reader should look for himself; and
*unsupported* otherwise. A sentence in Chinese over an English passage shares no words with it, so
its figures and its names are checked, and it is never more than weak.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rag.figures import missing_figures
from rag.lexical import terms
from rag.names import english_names, other_names
from rag.sentences import has_cjk
from rag.types import Hit, Support

SUPPORTED = 0.6
WEAK = 0.35
_MAX_CITED = 3

Rarity = Callable[[str], float]
"""Inverse document frequency of an index term."""


@dataclass(frozen=True)
class Check:
    """The outcome for one sentence.

    Attributes:
        hits: the passages that it was checked against.
        support: the state.
        doubt: the reason for less than full support.
        overlap: the share of the sentence's terms that the passages hold, 0 to 1.
        missing: figures of the sentence that stand in no passage.
    """

    hits: tuple[Hit, ...]
    support: Support
    doubt: str
    overlap: float
    missing: tuple[str, ...] = ()


def check_support(sentence: str, cited: Sequence[Hit], rarity: Rarity) -> Check:
    """Check one sentence against all the passages that it cites, taken together."""
    hits = tuple(cited)
    if not hits:
        return Check(hits, "unsupported", "no passage says this", 0.0)
    passages = " ".join(hit.passage.text for hit in hits)
    translated = has_cjk(sentence) and not _mostly_chinese(passages)
    overlap = _names_overlap(sentence, hits) if translated else _overlap(sentence, hits, rarity)
    missing = tuple(missing_figures(sentence, passages))
    if missing:
        headings = " ".join(f"{hit.article.title} {hit.article.published or ''}" for hit in hits)
        still_missing = missing_figures(sentence, f"{passages} {headings}")
        if still_missing or overlap < WEAK:
            doubt = f"not in the cited passage: {', '.join(still_missing or missing)}"
            return Check(hits, "unsupported", doubt, overlap, missing)
        return Check(hits, "weak", f"only in the article's title or date: {', '.join(missing)}", overlap)
    if overlap < WEAK:
        return Check(hits, "unsupported", "the cited passage does not say this", overlap)
    if translated:
        return Check(hits, "weak", "translated: only its names and figures were checked", overlap)
    if overlap < SUPPORTED:
        return Check(hits, "weak", "worded differently from the cited passage", overlap)
    return Check(hits, "supported", "", overlap)


def attribute(sentence: str, cited: Sequence[Hit], shown: Sequence[Hit], rarity: Rarity) -> Check:
    """The passages that a sentence rests on: those it cites, or else those that fit it best.

    Small models leave the marker out, or copy a neighbour's; a sentence may also join the
    figures of two passages under one marker.
    """
    own = check_support(sentence, cited, rarity)
    if own.support == "supported" or not shown:
        return own
    single = [check_support(sentence, [hit], rarity) for hit in shown]
    best = max(single, key=lambda check: (-len(check.missing), check.overlap))
    options = [own, best]
    if own.missing:
        options.append(check_support(sentence, _completed(cited, single), rarity))
    if best.missing:
        options.append(check_support(sentence, _completed(best.hits, single), rarity))
    return max(options, key=lambda check: (_RANK[check.support], check.overlap, -len(check.hits)))


_RANK = {"unsupported": 0, "weak": 1, "supported": 2}


def _completed(start: Sequence[Hit], others: Sequence[Check]) -> list[Hit]:
    """Passages joined to ``start``, those first that leave the fewest figures unexplained."""
    hits = list(start)
    for check in sorted(others, key=lambda check: (len(check.missing), -check.overlap)):
        if len(hits) < _MAX_CITED and check.hits[0] not in hits:
            hits.append(check.hits[0])
            break
    return hits


def _overlap(sentence: str, hits: Sequence[Hit], rarity: Rarity) -> float:
    """The share of the sentence's terms, weighted by rarity, that the passages hold; 0 to 1."""
    wanted = set(terms(sentence))
    total = sum(rarity(term) for term in wanted)
    if not total:
        return 1.0
    context = _context(hits)
    present = set(terms(context)) | set(terms(" ".join(other_names(context))))
    return sum(rarity(term) for term in wanted & present) / total


def _names_overlap(sentence: str, hits: Sequence[Hit]) -> float:
    """The share of the names in a Chinese sentence that the passages hold in English; 0 to 1."""
    context = _context(hits)
    known = f"{context} {' '.join(other_names(context))}".casefold()
    names = english_names(sentence)
    if not names:
        return WEAK
    return sum(name.casefold() in known for name in names) / len(names)


def _context(hits: Sequence[Hit]) -> str:
    return " ".join(f"{hit.article.title} {hit.article.publisher} {hit.passage.text}" for hit in hits)


def _mostly_chinese(text: str) -> bool:
    """Whether a text is in Chinese, and not in English with some Chinese names."""
    return sum(map(has_cjk, text)) > len(text) // 5
