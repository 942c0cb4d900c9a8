"""Answers and their evidence as HTML: everything from articles, models and people is escaped."""

from collections.abc import Sequence
from html import escape
from itertools import groupby
from urllib.parse import urlsplit

from corpus.article import Article
from rag.ground import caveat
from rag.types import Answer, Citation, Draft, Hit, Near, Retrieved, Searched, Sentence
from ui.render import KINDS, NEAREST, one_origin, searched_as_text

_WEAK = "Only weakly supported by its passage: read it before you rely on it."


def question_html(text: str) -> str:
    """A question as a message of the chat."""
    return f"<p>{escape(text)}</p>"


def answer_html(answer: Answer, turn: int, asked: str = "") -> str:
    """A finished answer as a message of the chat.

    Args:
        answer: the answer.
        turn: tells its markers from other answers'.
        asked: the words of the person, to show on demand how they were understood.
    """
    # What a reader must know before the answer stands in its text too, such as that it is no advice.
    leads = [note for note in answer.notes if note in answer.text]
    rest = [note for note in answer.notes if note not in leads]
    parts = [_note(note) for note in leads]
    parts.append(_refusal(answer) if answer.abstained else _sentences(answer.sentences, turn))
    parts += [_note(note) for note in rest]
    if asked and answer.question != asked:
        parts.append(
            f'<details class="understood"><summary>How the question was understood</summary>'
            f"<p>{escape(answer.question)}</p></details>"
        )
    if answer.as_of:
        parts.append(f'<p class="as-of">As of {answer.as_of.isoformat()}, the newest article cited.</p>')
    withheld = [s for s in answer.sentences if s.support == "unsupported"]
    if withheld:
        items = "".join(f"<li><s>{escape(s.text)}</s> <em>{escape(s.doubt)}</em></li>" for s in withheld)
        summary = (
            f"{len(withheld)} sentence{'s' if len(withheld) > 1 else ''} withheld: no passage supports it"
        )
        parts.append(f'<details class="withheld"><summary>{summary}</summary><ul>{items}</ul></details>')
    return "".join(parts)


def draft_html(draft: Draft, turn: int) -> str:
    """An answer that is still being written."""
    pending = f'<span class="pending">{escape(draft.pending)}</span>' if draft.pending else ""
    return f'{_sentences(draft.sentences, turn)}<p>{pending}<span class="caret"></span></p>'


def searching_html() -> str:
    """The message while passages are looked for."""
    return '<p class="status">Looking through the articles<span class="caret"></span></p>'


def reading_html(found: Retrieved) -> str:
    """The message while the model reads."""
    articles = len({hit.article.id for hit in found.hits})
    return (
        f'<p class="status">Found {len(found.hits)} passages in {articles} articles; '
        'reading them<span class="caret"></span></p>'
    )


def error_html(message: str) -> str:
    """A failure in the place of an answer."""
    return f'<p class="failure">{escape(message)}</p>'


def _note(note: str) -> str:
    return f'<p class="note">{escape(note)}</p>'


def _sentences(sentences: Sequence[Sentence], turn: int) -> str:
    """Prose as a paragraph, items of a list as a list, quotations as quotations."""
    shown = [sentence for sentence in sentences if sentence.support != "unsupported"]
    return "".join(_block(kind, list(group), turn) for kind, group in groupby(shown, _kind))


def _kind(sentence: Sentence) -> str:
    if sentence.quoted:
        return "quote"
    return "item" if sentence.text.startswith("- ") else "prose"


def _block(kind: str, sentences: Sequence[Sentence], turn: int) -> str:
    bodies = [_sentence(sentence, turn) for sentence in sentences]
    if kind == "item":
        return f"<ul>{''.join(f'<li>{body}</li>' for body in bodies)}</ul>"
    if kind == "quote":
        quotes = "".join(f"<blockquote>{body}</blockquote>" for body in bodies)
        return f'<section class="quotes"><h4>From the articles</h4>{quotes}</section>'
    return f"<p>{' '.join(bodies)}</p>"


def _sentence(sentence: Sentence, turn: int) -> str:
    marks = "".join(_marker(n, turn) for n in sentence.citations)
    text = escape(sentence.text.removeprefix("- ") + caveat(sentence))
    if sentence.support == "weak":
        return f'<span class="weak" title="{_WEAK}">{text}</span>{marks}<span class="weak-note">weak</span>'
    return f"<span>{text}</span>{marks}"


def _marker(n: int, turn: int) -> str:
    return f'<a class="cite" href="#cite-{turn}-{n}" title="Show passage {n}">{n}</a>'


def _refusal(answer: Answer) -> str:
    nearest = "".join(f"<li>{_near(near)}</li>" for near in answer.nearest)
    near = f'<p class="near">{NEAREST}</p><ul class="near-list">{nearest}</ul>' if nearest else ""
    return (
        f'<p class="refusal"><strong>{escape(answer.text)}</strong></p>'
        f'<p class="reason">{escape(answer.reason)}</p>'
        f"{_searched(answer.searched)}{near}"
    )


def _near(near: Near) -> str:
    article = near.article
    head = f"{link(article.url, article.title or article.url)} <small>{escape(article.label)}</small>"
    return head + (f"<blockquote>{escape(near.text)}</blockquote>" if near.text else "")


def _searched(searched: Searched | None) -> str:
    if searched is None:
        return ""
    return f'<p class="reason">{escape(searched_as_text(searched))}</p>'


# The panel beside the chat


def empty_panel() -> str:
    """The panel before anything was asked."""
    return (
        '<div class="hint">The passages behind an answer appear here. '
        "Click a number in an answer to see its source.</div>"
    )


def found_panel(hits: Sequence[Hit]) -> str:
    """The passages that were found, while the answer is being written."""
    if not hits:
        return '<div class="hint">No passage was found.</div>'
    cards = "".join(_found_card(hit) for hit in hits)
    return f'<h2>Passages found</h2><div class="cards">{cards}</div>'


def _found_card(hit: Hit) -> str:
    article = hit.article
    return (
        f'<article class="card"><header>{_byline(article.publisher, article.label)}</header>'
        f"<h3>{escape(article.title or article.url)}</h3><p>{escape(hit.passage.text)}</p>"
        f"{link(article.url, 'Open original')}</article>"
    )


def cited_panel(answer: Answer, articles: dict[str, Article], turn: int, selected: int | None = None) -> str:
    """The cited passages of an answer, the selected one shown in its article."""
    if answer.abstained or not answer.citations:
        return found_panel(answer.retrieved)
    cards = "".join(
        _cited_card(c, articles.get(c.article_id), turn, c.n == selected) for c in answer.citations
    )
    return f'<h2>Sources of this answer</h2><div class="cards">{cards}</div>'


def _cited_card(citation: Citation, article: Article | None, turn: int, selected: bool) -> str:
    when = citation.published.isoformat() if citation.published else "undated"
    label = f"{citation.publisher or 'unknown publisher'}, {when}"
    body = _in_article(citation, article) if selected and article else f"<p>{escape(citation.quote)}</p>"
    return (
        f'<article class="card{" selected" if selected else ""}" id="card-{turn}-{citation.n}">'
        f"<header>{_marker(citation.n, turn)} {_byline(citation.publisher, label)} "
        f'<span class="kind {citation.kind}">{KINDS[citation.kind]}</span></header>'
        f"<h3>{escape(citation.title or citation.url)}</h3>{body}"
        f"<footer>{link(citation.url, 'Open original')} {_origins(citation)}</footer></article>"
    )


def _origins(citation: Citation) -> str:
    return f"<small>{one_origin(citation.copies)}</small>" if citation.copies else ""


def _in_article(citation: Citation, article: Article) -> str:
    if article.text[citation.start : citation.end] != citation.quote:
        return f'<p class="changed">The article has changed since.</p><p>{escape(citation.quote)}</p>'
    before, after = article.text[: citation.start], article.text[citation.end :]
    marked = f"{escape(before)}<mark>{escape(citation.quote)}</mark>{escape(after)}"
    return f'<div class="full" tabindex="0">{marked}</div>'


def _byline(publisher: str, label: str) -> str:
    date = label.rsplit(", ", 1)[-1]
    name = escape(publisher or "unknown publisher")
    return f'<span class="publisher">{name}</span> <time>{escape(date)}</time>'


def link(url: str, text: str) -> str:
    """A link that opens elsewhere, or the mere text of it where the address is not of the web."""
    # Only web addresses become links: a javascript: or file: address in an article is just text.
    if urlsplit(url).scheme in ("http", "https"):
        target = 'target="_blank" rel="noopener noreferrer"'
        return f'<a class="out" href="{escape(url)}" {target}>{escape(text)}</a>'
    return f"<span>{escape(text)}</span>"
