"""Answers and their evidence as HTML: everything from articles, models and people is escaped."""

from collections.abc import Mapping, Sequence
from html import escape
from itertools import groupby
from urllib.parse import urlsplit

from corpus.article import Article
from rag.ground import caveat
from rag.types import Answer, Citation, Draft, Hit, Retrieved, Searched, Sentence
from ui.render import near_articles, searched_as_text
from ui.texts import ENGLISH, Texts

_PREVIEW_CHARS = 420


def answer_html(answer: Answer, turn: int, asked: str = "", say: Texts = ENGLISH) -> str:
    """A finished answer.

    Args:
        answer: the answer.
        turn: tells its markers from other answers'.
        asked: the words of the person, to show on demand how they were understood.
        say: the language of what stands around it.
    """
    # What a reader must know before the answer stands in its text too, such as that it is no advice.
    leads = [note for note in answer.notes if note in answer.text]
    rest = [note for note in answer.notes if note not in leads]
    parts = [_note(note) for note in leads]
    parts.append(_refusal(answer, say) if answer.abstained else _sentences(answer.sentences, turn, say))
    parts += [_note(note) for note in rest]
    return "".join(parts) + _standing(answer, say) + _understood(answer, asked, say)


def draft_html(draft: Draft, turn: int, say: Texts = ENGLISH) -> str:
    """An answer that is still being written."""
    pending = f'<span class="pending">{escape(draft.pending)}</span>' if draft.pending else ""
    return f"{_sentences(draft.sentences, turn, say)}<p>{pending}{_CARET}</p>"


_CARET = '<span class="caret"></span>'


def searching_html(say: Texts = ENGLISH) -> str:
    """The message while passages are looked for."""
    return status_html(say("searching"))


def reading_html(found: Retrieved, say: Texts = ENGLISH) -> str:
    """The message while the model reads."""
    articles = len({hit.article.id for hit in found.hits})
    return status_html(say("reading", passages=len(found.hits), articles=articles))


def status_html(text: str) -> str:
    """What goes on, in the place of an answer that is still to come."""
    return f'<p class="status">{escape(text)}{_CARET}</p>'


def error_html(message: str) -> str:
    """A failure in the place of an answer."""
    return f'<p class="failure">{escape(message)}</p>'


def _note(note: str) -> str:
    return f'<p class="note">{escape(note)}</p>'


def _sentences(sentences: Sequence[Sentence], turn: int, say: Texts) -> str:
    """Prose as a paragraph, items of a list as a list, quotations as quotations."""
    shown = [sentence for sentence in sentences if sentence.support != "unsupported"]
    return "".join(_block(kind, list(group), turn, say) for kind, group in groupby(shown, _kind))


def _kind(sentence: Sentence) -> str:
    if sentence.quoted:
        return "quote"
    return "item" if sentence.text.startswith("- ") else "prose"


def _block(kind: str, sentences: Sequence[Sentence], turn: int, say: Texts) -> str:
    bodies = [_sentence(sentence, turn, say) for sentence in sentences]
    if kind == "item":
        return f"<ul>{''.join(f'<li>{body}</li>' for body in bodies)}</ul>"
    if kind == "quote":
        quotes = "".join(f"<blockquote>{body}</blockquote>" for body in bodies)
        return f'<section class="quotes"><h4>{say("from_articles")}</h4>{quotes}</section>'
    return f"<p>{' '.join(bodies)}</p>"


def _sentence(sentence: Sentence, turn: int, say: Texts) -> str:
    marks = "".join(marker(n, turn) for n in sentence.citations)
    text = escape(sentence.text.removeprefix("- ") + caveat(sentence))
    if sentence.support == "weak":
        why = f'<span class="weak-note" title="{say("weak_why")}">{say("weak_mark")}</span>'
        return f'<span class="weak">{text}</span>{marks}{why}'
    return f"<span>{text}</span>{marks}"


def marker(n: int, turn: int) -> str:
    """The number of a passage, which leads to it."""
    return f'<a class="cite" href="#cite-{turn}-{n}">{n}</a>'


def _standing(answer: Answer, say: Texts) -> str:
    """How far an answer is supported, of which day it is, and what was withheld from it."""
    told = []
    if answer.as_of:
        day = f'<time datetime="{answer.as_of}">{answer.as_of}</time>'
        told.append(f'<span class="as-of">{say("as_of", day=day)}</span>')
    if not answer.abstained:
        told += [f'<span class="support {name}">{text}</span>' for name, text in _supports(answer, say)]
    line = f'<p class="standing">{"".join(told)}</p>' if told else ""
    withheld = [s for s in answer.sentences if s.support == "unsupported"]
    if not withheld:
        return line
    items = "".join(f"<li><s>{escape(s.text)}</s> <em>{escape(s.doubt)}</em></li>" for s in withheld)
    summary = say("withheld", n=len(withheld))
    return f'{line}<details class="withheld"><summary>{summary}</summary><ul>{items}</ul></details>'


def _supports(answer: Answer, say: Texts) -> list[tuple[str, str]]:
    quoted = sum(s.quoted for s in answer.sentences)
    whole = sum(s.support == "supported" and not s.quoted for s in answer.sentences)
    weak = sum(s.support == "weak" for s in answer.sentences)
    counted = [("supported", whole), ("weak", weak), ("quoted", quoted)]
    if whole and not weak and not quoted:
        return [("supported", say("all_supported"))]
    return [(name, say(name, n=n)) for name, n in counted if n]


def _understood(answer: Answer, asked: str, say: Texts) -> str:
    if not asked or answer.question == asked:
        return ""
    return (
        f'<details class="understood"><summary>{say("understood")}</summary>'
        f"<p>{escape(answer.question)}</p></details>"
    )


def _refusal(answer: Answer, say: Texts) -> str:
    nearest = "".join(f"<li>{_near(*near)}</li>" for near in near_articles(answer))
    near = f'<p class="near">{say("nearest")}</p><ul class="near-list">{nearest}</ul>' if nearest else ""
    return (
        f'<p class="refusal"><strong>{escape(answer.text)}</strong></p>'
        f'<p class="reason">{escape(answer.reason)}</p>'
        f"{_searched(answer.searched)}{near}"
    )


def _near(article: Article, sentences: Sequence[str]) -> str:
    head = f"{link(article.url, article.title or article.url)} <small>{escape(article.label)}</small>"
    quoted = "".join(f"<p>{escape(sentence)}</p>" for sentence in sentences)
    return head + (f"<blockquote>{quoted}</blockquote>" if quoted else "")


def _searched(searched: Searched | None) -> str:
    if searched is None:
        return ""
    return f'<p class="reason">{escape(searched_as_text(searched))}</p>'


# The panel beside the answer


def empty_panel(say: Texts = ENGLISH) -> str:
    """The panel before anything was asked."""
    return f'<p class="hint">{say("empty_panel")}</p>'


def found_panel(hits: Sequence[Hit], say: Texts = ENGLISH) -> str:
    """The passages that were found, while the answer is being written."""
    if not hits:
        return f'<p class="hint">{say("no_passage")}</p>'
    cards = "".join(_found_card(hit, say) for hit in hits)
    return f'<h2>{say("found")}</h2><div class="cards">{cards}</div>'


def _found_card(hit: Hit, say: Texts) -> str:
    article = hit.article
    when = article.published.isoformat() if article.published else ""
    return (
        f'<article class="card"><header>{_byline(article.publisher, when, say)}</header>'
        f"<h3>{escape(article.title or article.url)}</h3><p>{escape(hit.passage.text)}</p>"
        f"<footer>{link(article.url, say('original'))}{_origin(hit.copies, say)}</footer></article>"
    )


def cited_panel(
    answer: Answer,
    articles: Mapping[str, Article],
    turn: int,
    selected: int | None = None,
    asked: str = "",
    say: Texts = ENGLISH,
) -> str:
    """The cited passages of an answer in the order of their markers, the selected one shown in its article.

    Args:
        answer: the answer.
        articles: the articles to show passages in, by id.
        turn: tells its markers from other answers'.
        selected: the number of a citation.
        asked: the question, to head the panel with, where it is not the one beside it.
        say: the language of what stands around them.
    """
    if answer.abstained or not answer.citations:
        return found_panel(answer.retrieved, say) if answer.retrieved else empty_panel(say)
    head = say("sources_of", question=escape(asked)) if asked else say("sources")
    return _cited(answer.citations, articles, turn, selected, head, say)


def draft_panel(citations: Sequence[Citation], turn: int, say: Texts = ENGLISH) -> str:
    """The passages that an answer has cited so far."""
    return _cited(citations, {}, turn, None, say("sources"), say)


def _cited(
    citations: Sequence[Citation],
    articles: Mapping[str, Article],
    turn: int,
    selected: int | None,
    head: str,
    say: Texts,
) -> str:
    cards = "".join(_cited_card(c, articles, turn, c.n == selected, say) for c in citations)
    counted = f'<p class="counted">{_independent(citations, say)}</p>'
    return f'<h2>{head}</h2>{counted}<div class="cards">{cards}</div>'


def _independent(citations: Sequence[Citation], say: Texts) -> str:
    """How many articles tell it, and how many of them did not copy another."""
    tellers = {citation.article_id: citation.copies + 1 for citation in citations}
    return origins(sum(tellers.values()), len(tellers), say)


def origins(articles: int, independent: int, say: Texts = ENGLISH) -> str:
    """That articles which tell one story are no further sources of it."""
    if articles == 1:
        return say("one_article")
    return say("counted_one" if independent == 1 else "counted", articles=articles, origins=independent)


def _cited_card(
    citation: Citation, articles: Mapping[str, Article], turn: int, selected: bool, say: Texts
) -> str:
    n, when = citation.n, citation.published.isoformat() if citation.published else ""
    body = _in_article(citation, articles, say) if selected else f"<p>{escape(citation.quote)}</p>"
    toggle = say("hide_article") if selected else say("in_article")
    kind = f'<span class="kind {citation.kind}">{say(citation.kind)}</span>'
    return (
        f'<article class="card{" selected" if selected else ""}" id="card-{turn}-{n}" tabindex="-1" '
        f'aria-label="{say("passage_n", n=n)}"><header><span class="number" aria-hidden="true">{n}</span>'
        f"{_byline(citation.publisher, when, say)}{kind}</header>"
        f"<h3>{escape(citation.title or citation.url)}</h3>{body}"
        f'<footer><button type="button" class="in-article" data-turn="{turn}" data-n="{n}" '
        f'aria-expanded="{str(selected).lower()}">{toggle}</button>'
        f"{link(citation.url, say('original'))}{_origin(citation.copies, say)}</footer></article>"
    )


def _origin(copies: int, say: Texts) -> str:
    return f'<small class="origins">{origins(copies + 1, 1, say)}</small>' if copies else ""


def _in_article(citation: Citation, articles: Mapping[str, Article], say: Texts) -> str:
    article = articles.get(citation.article_id)
    if article is None:
        return f'<p class="changed">{say("gone")}</p><p>{escape(citation.quote)}</p>'
    if article.text[citation.start : citation.end] != citation.quote:
        return f'<p class="changed">{say("changed")}</p><p>{escape(citation.quote)}</p>'
    before, after = article.text[: citation.start], article.text[citation.end :]
    marked = f"{escape(before)}<mark>{escape(citation.quote)}</mark>{escape(after)}"
    label = escape(citation.title or citation.url)
    return f'<div class="full" tabindex="0" role="region" aria-label="{label}">{marked}</div>'


def preview_html(citation: Citation, say: Texts = ENGLISH) -> str:
    """A cited passage in short, to see at the place where it is cited."""
    when = citation.published.isoformat() if citation.published else ""
    quote = citation.quote
    quote = quote if len(quote) <= _PREVIEW_CHARS else f"{quote[:_PREVIEW_CHARS].rsplit(' ', 1)[0]} …"
    kind = f'<span class="kind {citation.kind}">{say(citation.kind)}</span>'
    return f"<header>{_byline(citation.publisher, when, say)}{kind}</header><p>{escape(quote)}</p>"


def _byline(publisher: str, day: str, say: Texts) -> str:
    name = escape(publisher or say("no_publisher"))
    when = f'<time datetime="{day}">{day}</time>' if day else f"<span>{say('undated')}</span>"
    return f'<span class="publisher">{name}</span>{when}'


def link(url: str, text: str) -> str:
    """A link that opens elsewhere, or the mere text of it where the address is not of the web."""
    if _is_web(url):
        target = 'target="_blank" rel="noopener noreferrer"'
        return f'<a class="out" href="{escape(url)}" {target}>{escape(text)}</a>'
    return f"<span>{escape(text)}</span>"


def _is_web(url: str) -> bool:
    # Only web addresses become links: a javascript: or file: address in an article is just text.
    try:
        return urlsplit(url).scheme in ("http", "https")
    except ValueError:
        return False
