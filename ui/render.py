"""An answer as text for a terminal and as the JSON object that scripts rely on."""

from datetime import date
from itertools import groupby
from typing import Any

from corpus.article import Article
from rag.ground import with_markers
from rag.notes import Notes
from rag.types import Answer, Citation, Hit, Searched, Sentence


def answer_as_data(answer: Answer) -> dict[str, Any]:
    """The object of ``reex ask --json``; its fields are documented in docs/json.md."""
    data: dict[str, Any] = {
        "question": answer.question,
        "text": answer.text,
        "abstained": answer.abstained,
        "reason": answer.reason,
        "as_of": _iso(answer.as_of),
        "sentences": [
            {
                "text": s.text,
                "support": s.support,
                "citations": list(s.citations),
                "doubt": s.doubt,
                "quoted": s.quoted,
                "kind": s.kind,
            }
            for s in answer.sentences
        ],
        "citations": [citation_as_data(citation) for citation in answer.citations],
        "retrieved": [hit_as_data(hit, short=True) for hit in answer.retrieved],
        "shown": list(answer.shown),
        "nearest": [
            {
                "url": near.article.url,
                "title": near.article.title,
                "publisher": near.article.publisher,
                "published": _iso(near.article.published),
                "start": near.start,
                "end": near.end,
                "text": near.text,
            }
            for near in answer.nearest
        ],
        "notes": list(answer.notes),
        "searched": _searched_as_data(answer.searched),
        "unknown_markers": answer.unknown_markers,
        "timings": {
            "retrieve_s": round(answer.timings.retrieve_s, 4),
            "first_token_s": _rounded(answer.timings.first_token_s),
            "total_s": round(answer.timings.total_s, 4),
            "ground_s": round(answer.timings.ground_s, 4),
            "waited_s": round(answer.timings.waited_s, 4),
            "cached": answer.timings.cached,
        },
        "model": answer.model,
    }
    return data | ({"error": answer.failure} if answer.failure else {})


def _searched_as_data(searched: Searched | None) -> dict[str, Any] | None:
    if searched is None:
        return None
    span = searched.span
    return {
        "queries": list(searched.queries),
        "articles": span.articles,
        "oldest": _iso(span.oldest),
        "newest": _iso(span.newest),
        "updated": span.updated.isoformat(timespec="seconds") if span.updated else None,
        "missing": list(searched.missing),
    }


def hit_as_data(hit: Hit, short: bool = False) -> dict[str, Any]:
    """A retrieved passage; ``short`` leaves out the text and where it stands."""
    data: dict[str, Any] = {
        "passage_id": hit.passage.id,
        "url": hit.article.url,
        "score": round(hit.score, 6),
    }
    if short:
        return data
    return data | {
        "similarity": round(hit.similarity, 4),
        "bm25": round(hit.bm25, 4),
        "title": hit.article.title,
        "publisher": hit.article.publisher,
        "published": _iso(hit.article.published),
        "start": hit.passage.start,
        "end": hit.passage.end,
        "text": hit.passage.text,
        "copies": hit.copies,
    }


def citation_as_data(citation: Citation) -> dict[str, Any]:
    """A citation as JSON."""
    return {
        "n": citation.n,
        "passage_id": citation.passage_id,
        "article_id": citation.article_id,
        "url": citation.url,
        "title": citation.title,
        "publisher": citation.publisher,
        "published": _iso(citation.published),
        "start": citation.start,
        "end": citation.end,
        "quote": citation.quote,
        "kind": citation.kind,
        "copies": citation.copies,
    }


def _iso(value: date | None) -> str | None:
    return value.isoformat() if value else None


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 4)


WEAK = "(?) only weakly supported by its passage: read it before you rely on it."
"""What the mark behind a weak sentence means."""


def sentence_as_text(sentence: Sentence) -> str:
    """A sentence with its markers; ``(?)`` marks weak support."""
    return with_markers(sentence) + (" (?)" if sentence.support == "weak" else "")


def answer_tail(answer: Answer) -> str:
    """All that follows the sentences: the passages cited, the date, what was withheld."""
    if answer.abstained:
        return refusal_as_text(answer)
    lines = [""]
    for citation in answer.citations:
        lines += [citation_as_text(citation), ""]
    if answer.as_of:
        lines.append(f"As of {answer.as_of.isoformat()}, the newest article cited.")
    lines += answer.notes
    if any(s.support == "weak" for s in answer.sentences):
        lines.append(WEAK)
    withheld = [s for s in answer.sentences if s.support == "unsupported"]
    if withheld:
        lines.append("Withheld, because no passage supports it:")
        lines += [f"  - {s.text} ({s.doubt})" for s in withheld]
    return "\n".join(lines)


KINDS = {"reported": "reported", "said": "said by somebody in it", "inferred": "the author's reading"}
"""Who vouches for a passage, in words."""


def citation_as_text(citation: Citation) -> str:
    """Number, publisher, title, date, address and the exact passage."""
    when = citation.published.isoformat() if citation.published else "undated"
    head = (
        f"[{citation.n}] {citation.publisher or 'unknown publisher'}, {when}: {citation.title} "
        f"({KINDS[citation.kind]}{_and_origin(citation.copies)})"
    )
    quote = "\n".join(f"    | {line}" for line in citation.quote.split("\n"))
    return f"{head}\n    {citation.url}\n{quote}"


def one_origin(copies: int) -> str:
    """That other articles which tell a story are no further sources of it."""
    return f"{copies + 1} articles, 1 origin"


def _and_origin(copies: int) -> str:
    return f"; {one_origin(copies)}" if copies else ""


NEAREST = Notes(chinese=False).nearest()


def refusal_as_text(answer: Answer) -> str:
    """Why there is no answer, and where to look."""
    lines = [answer.text, answer.reason, *answer.notes]
    if answer.searched:
        lines.append(searched_as_text(answer.searched))
    if answer.nearest:
        lines += ["", NEAREST]
        for article, sentences in near_articles(answer):
            lines.append(f"  - {article_line(article)}")
            lines += [f"    | {line}" for sentence in sentences for line in sentence.splitlines()]
    return "\n".join(lines)


def near_articles(answer: Answer) -> list[tuple[Article, list[str]]]:
    """The articles below a refusal, each with its sentences that come nearest to the question."""
    groups = groupby(answer.nearest, key=lambda near: near.article)
    return [(article, [near.text for near in group if near.text]) for article, group in groups]


def searched_as_text(searched: Searched) -> str:
    """What a refusal rests on, in one sentence."""
    span = searched.span
    dates = f" published from {_iso(span.oldest)} to {_iso(span.newest)}" if span.newest else ""
    updated = f", last updated on {span.updated.date().isoformat()}" if span.updated else ""
    wordings = "; ".join(f"“{query}”" for query in searched.queries)
    return f"Searched {span.articles} articles{dates}{updated}, for {wordings}."


def article_line(article: Article) -> str:
    """An article in one line."""
    return f"{article.title or article.url} ({article.label}) {article.url}"


def hit_as_text(rank: int, hit: Hit) -> str:
    """A search result in a few lines."""
    scores = f"cosine {hit.similarity:.2f}, BM25 {hit.bm25:.1f}{_and_origin(hit.copies)}"
    quote = "\n".join(f"   | {line}" for line in hit.passage.text.split("\n"))
    return f"{rank}. {hit.article.title} ({hit.article.label}; {scores})\n   {hit.article.url}\n{quote}\n"
