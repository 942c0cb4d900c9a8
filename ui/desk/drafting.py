"""From a member's query to a draft in the forum's voice, and from an approved answer to one for today."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from rag.abstain import is_far
from rag.attribution import kind_of
from rag.ground import caveat, with_markers
from rag.index import Index
from rag.lexical import terms
from rag.sentences import has_cjk
from rag.support import Rarity
from rag.types import Answer, Citation, Near, Passage, Question, Sentence, Timings
from ui.accounts import User
from ui.asking import answer_to
from ui.desk.queries import Query, Revision
from ui.desk.recheck import facts_in
from ui.service import Service

_SAME_PASSAGE = 0.5
"""Least share of the terms of a cited passage, by rarity, that the passage in its place must hold."""


@dataclass(frozen=True)
class Drafted:
    """A text with markers such as [1], and the answer whose citations they stand for."""

    body: str
    answer: Answer


def make_draft(service: Service, query: Query, who: User) -> Drafted:
    """Ask the chain on somebody's behalf, and put its answer into the forum's voice.

    Raises:
        UsageError: the query is longer than a question may be.
        LineFullError: too many wait for the model.
    """
    return in_forums_voice(answer_to(service, who, Question(query.text), fresh=True))


def in_forums_voice(answer: Answer) -> Drafted:
    """An answer as a post: sentences with markers, quotations as quotations, no greeting.

    A refusal becomes a polite one, with the sentences that come nearest as quotations.
    """
    if answer.abstained:
        return _refusal(answer)
    shown = [sentence for sentence in answer.sentences if sentence.support != "unsupported"]
    blocks = [_block(quoted, list(group)) for quoted, group in groupby(shown, lambda s: s.quoted)]
    if shown and all(sentence.quoted for sentence in shown):
        blocks.insert(0, _either(answer, "This is what our articles say:", "我们的文章是这样写的："))
    return Drafted("\n\n".join([*blocks, *_closing(answer)]), answer)


def _block(quoted: bool, sentences: Sequence[Sentence]) -> str:
    if quoted:
        return "\n\n".join(f"> {_on_one_line(sentence)}" for sentence in sentences)
    text = ""
    for sentence in sentences:
        item = sentence.text.startswith("- ")
        text += ("\n" if item and text else " " if text else "") + with_markers(sentence)
    return text


def _on_one_line(sentence: Sentence) -> str:
    marks = "".join(f"[{n}]" for n in sentence.citations)
    return f"{' '.join(sentence.text.split())}{caveat(sentence)} {marks}"


def _closing(answer: Answer) -> list[str]:
    """The notes that a member must read; what they say of figures and names is for the desk alone."""
    told = [note for note in answer.notes if not facts_in(note) and not _about_the_model(note, answer)]
    return [" ".join(told)] if told else []


def _about_the_model(note: str, answer: Answer) -> bool:
    return bool(answer.failure) and note.startswith(answer.failure)


def without_evidence(query: Query) -> Answer:
    """What a draft rests on that somebody wrote without asking the corpus."""
    return Answer(query.text, "", False, "", None, (), (), (), (), Timings(0.0, None, 0.0), "")


def remarks(answer: Answer) -> list[str]:
    """What the desk should know of an answer beside its text."""
    closing = " ".join(_closing(answer))
    return [*([answer.reason] if answer.reason else []), *(n for n in answer.notes if n not in closing)]


def _refusal(answer: Answer) -> Drafted:
    near = [] if is_far(answer.signals) else [item for item in answer.nearest if item.text.strip()]
    citations = tuple(_citation(n, item) for n, item in enumerate(near, 1))
    said = _either(answer, "Our articles do not answer this.", "我们的文章没有回答这个问题。")
    if not near:
        return Drafted(said, answer)
    nearest = _either(answer, "These passages come nearest:", "最接近的内容是：")
    quotes = [f"> {' '.join(item.text.split())} [{n}]" for n, item in enumerate(near, 1)]
    return Drafted("\n\n".join([f"{said} {nearest}", *quotes]), replace(answer, citations=citations))


def _citation(n: int, near: Near) -> Citation:
    article = near.article
    kind = kind_of(near.text, article.publisher)
    return Citation(
        n, "", article.id, article.url, article.title, article.publisher, article.published,
        near.start, near.end, near.text, kind, version=article.content_hash,
    )  # fmt: skip


def _either(answer: Answer, english: str, chinese: str) -> str:
    return chinese if has_cjk(answer.question) else english


# An answer that was given before


def reused(revision: Revision, index: Index) -> Drafted:
    """An earlier draft with its evidence as the corpus has it today, to be checked against that.

    A citation follows its passage to where it stands now, or to the passage of the same article that says
    the most of it. When there is none any more, the citation goes, and its marker stands for nothing.
    """
    answer = revision.answer
    found = [_today(citation, index) for citation in answer.citations]
    citations = tuple(citation for citation in found if citation is not None)
    dates = [citation.published for citation in citations if citation.published]
    return Drafted(revision.body, replace(answer, citations=citations, as_of=max(dates, default=None)))


def _today(citation: Citation, index: Index) -> Citation | None:
    article = index.catalogue.articles([citation.article_id]).get(citation.article_id)
    if article is None:
        return None
    now = replace(
        citation,
        title=article.title,
        publisher=article.publisher,
        published=article.published,
        version=article.content_hash,
    )
    place = article.text.find(citation.quote)
    if place >= 0:
        return replace(now, start=place, end=place + len(citation.quote))
    passage = _heir(citation.quote, index.passages_of(citation.article_id), index.lexical.rarity)
    if passage is None:
        return None
    return replace(now, passage_id=passage.id, start=passage.start, end=passage.end, quote=passage.text)


def _heir(quote: str, passages: Iterable[Passage], rarity: Rarity) -> Passage | None:
    """The passage that holds the most of a quotation, if that is enough to be taken for it."""
    wanted = set(terms(quote))
    total = sum(map(rarity, wanted)) or 1.0

    def held(passage: Passage) -> float:
        return sum(map(rarity, wanted & set(terms(passage.text)))) / total

    best = max(passages, key=held, default=None)
    return best if best is not None and held(best) >= _SAME_PASSAGE else None
