"""An answer to take along: as Markdown, as plain text, and its sources as BibTeX.

What people, articles and models wrote stays text in each of them: nothing in it becomes a heading, a link,
markup or a field.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from itertools import groupby
from urllib.parse import quote, urlsplit

from rag.ground import caveat
from rag.types import Answer, Citation, Sentence
from ui.render import (
    KINDS,
    NEAREST,
    WEAK,
    near_articles,
    one_origin,
    refusal_as_text,
    searched_as_text,
    sentence_as_text,
)

# Always special, or where several of them come together; `&` only where an entity would begin, and `$`
# where mathematics could, which never ends before a digit.
_MARKS = re.compile(r"[\\`*_\[\]<|~@#]|&(?=#?\w{1,40};)|\$(?!\d)|(?<=\w):(?=//)|(?<=www)\.", re.IGNORECASE)
_AT_THE_START = re.compile(r"^([>+=:-]|\d{1,9}(?=[.)]))")
_NO_LINK = '\\`<>()[]{}|"^ '
_TEX = {
    "\\": r"\textbackslash{}", "{": r"\textbraceleft{}", "}": r"\textbraceright{}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
    **{mark: f"\\{mark}" for mark in "$&#_%"},
}  # fmt: skip


# Markdown


def as_markdown(question: str, answer: Answer) -> str:
    """A question and its answer as Markdown: sentences with markers such as [1], then the sources."""
    parts = [f"## {_inline(question)}"]
    leads, remarks = notes_around(answer)
    parts += [_line(note) for note in leads]
    parts += _refusal(answer) if answer.abstained else _body(answer.sentences)
    parts += [_line(note) for note in remarks]
    if answer.as_of:
        parts.append(f"*As of {answer.as_of.isoformat()}, the newest article cited.*")
    if any_weak(answer):
        parts.append(WEAK)
    if answer.citations:
        parts.append("### Sources")
        parts += [_source(citation) for citation in answer.citations]
    return "\n\n".join(parts) + "\n"


def _body(sentences: Iterable[Sentence]) -> Iterator[str]:
    for kind, block in blocks(sentences):
        lines = [_sentence(sentence) for sentence in block]
        if kind == "item":
            yield "\n".join(f"- {line}" for line in lines)
        elif kind == "quote":
            yield "\n>\n".join(f"> {line}" for line in lines)
        else:
            yield " ".join(lines)


def _sentence(sentence: Sentence) -> str:
    text = sentence.text if sentence.quoted else sentence.text.removeprefix("- ") + caveat(sentence)
    body = f"“{_inline(text)}”{_inline(caveat(sentence))}" if sentence.quoted else _line(text)
    marks = "".join(f"[{n}]" for n in sentence.citations)
    return f"{body} {marks}".rstrip() + (" (?)" if sentence.support == "weak" else "")


def _refusal(answer: Answer) -> Iterator[str]:
    yield f"**{_inline(answer.text)}**"
    if answer.reason:
        yield _line(answer.reason)
    if answer.searched:
        yield _line(searched_as_text(answer.searched))
    if answer.nearest:
        yield NEAREST
        yield "\n".join(
            f"- {_link(article.title, article.url)}, {_inline(article.label)}"
            + (": " + " … ".join(f"“{_inline(sentence)}”" for sentence in sentences) if sentences else "")
            for article, sentences in near_articles(answer)
        )


def _source(citation: Citation) -> str:
    quoted = "\n".join(f"> {_line(line)}".rstrip() for line in citation.quote.splitlines())
    about = f"{KINDS[citation.kind]}" + (f"; {one_origin(citation.copies)}" if citation.copies else "")
    head = f"[{citation.n}] {_inline(publisher_of(citation))}, {day_of(citation)}:"
    return f"{head} {_link(citation.title, citation.url)} ({about})\n\n{quoted}"


def _link(title: str, url: str) -> str:
    text = _inline(title or url)
    if not is_web(url):
        return text
    address = quote(url.strip(), safe="".join(set(map(chr, range(33, 127))) - set(_NO_LINK)))
    return f"[{text}]({_MARKS.sub(_escaped, address) if ';' in address else address})"


def _line(text: str) -> str:
    """Text that begins a line."""
    return _AT_THE_START.sub(_escaped_start, _inline(text))


def _inline(text: str) -> str:
    """Text within a line: as it is when the Markdown is shown, whatever it holds."""
    return _MARKS.sub(_escaped, one_line(text))


def _escaped(match: re.Match[str]) -> str:
    return f"\\{match.group()}"


def _escaped_start(match: re.Match[str]) -> str:
    mark = match.group()
    return f"\\{mark}" if not mark.isdigit() else mark + "\\"


# Plain text


def as_plain(question: str, answer: Answer) -> str:
    """A question and its answer as text for a letter: sentences with markers, then the sources."""
    if answer.abstained:
        return f"{one_line(question)}\n\n{refusal_as_text(answer)}\n"
    leads, remarks = notes_around(answer)
    parts = [one_line(question), *leads]
    for kind, block in blocks(answer.sentences):
        lines = [sentence_as_text(sentence) for sentence in block]
        parts.append((" " if kind == "prose" else "\n").join(lines))
    parts += remarks
    if answer.as_of:
        parts.append(f"As of {answer.as_of.isoformat()}, the newest article cited.")
    if any_weak(answer):
        parts.append(WEAK)
    if answer.citations:
        parts.append("Sources")
    for citation in answer.citations:
        head = f"[{citation.n}] {publisher_of(citation)}, {day_of(citation)}: {one_line(citation.title)}"
        parts.append(f"{head}\n{one_line(citation.url)}\n“{one_line(citation.quote)}”")
    return "\n\n".join(parts) + "\n"


# BibTeX


def as_bibtex(answer: Answer) -> str:
    """The sources of an answer as BibTeX, an ``@online`` entry for each cited article; "" without any."""
    by_article: dict[str, list[Citation]] = {}
    for citation in answer.citations:
        by_article.setdefault(citation.article_id, []).append(citation)
    return "\n".join(_entry(cited) for cited in by_article.values())


def _entry(cited: list[Citation]) -> str:
    first = cited[0]
    # Twice in braces, or styles change the capitals of a title and take "Smith and Co" for two.
    fields = {
        "title": f"{{{_tex(first.title or first.url)}}}",
        "organization": f"{{{_tex(first.publisher)}}}" if first.publisher else "",
        "date": first.published.isoformat() if first.published else "",
        "url": _bare_url(first.url) if is_web(first.url) else "",
        "annote": " ".join(f"[{c.n}] “{_tex(c.quote)}”" for c in cited),
    }
    lines = "".join(f"  {name} = {{{value}}},\n" for name, value in fields.items() if value)
    return f"@online{{{_key(first)},\n{lines}}}\n"


def _key(citation: Citation) -> str:
    """Readable, and one's own for each article."""
    folded = unicodedata.normalize("NFKD", citation.publisher)
    name = re.sub(r"[^a-z]", "", folded.lower())[:24] or "source"
    year = citation.published.year if citation.published else ""
    return f"{name}{year}-{re.sub(r'[^0-9A-Za-z]', '', citation.article_id)}"


def _tex(text: str) -> str:
    # No brace may come in, not even behind a backslash: BibTeX counts it all the same.
    return "".join(_TEX.get(character, character) for character in one_line(text))


def _bare_url(url: str) -> str:
    return quote(url.strip(), safe="".join(set(map(chr, range(33, 127))) - set('{}\\"<>^`|')))


# What all of them share


def notes_around(answer: Answer) -> tuple[list[str], list[str]]:
    """The notes that stand before an answer, such as that it is no advice, and those that follow it."""
    leads = [note for note in answer.notes if note in answer.text]
    return leads, [note for note in answer.notes if note not in leads]


def blocks(sentences: Iterable[Sentence]) -> list[tuple[str, list[Sentence]]]:
    """What is shown of an answer, in pieces of one kind: "prose", "item" (of a list) or "quote"."""
    shown = [sentence for sentence in sentences if sentence.support != "unsupported"]
    return [(kind, list(group)) for kind, group in groupby(shown, _kind)]


def _kind(sentence: Sentence) -> str:
    if sentence.quoted:
        return "quote"
    return "item" if sentence.text.startswith("- ") else "prose"


def any_weak(answer: Answer) -> bool:
    """Whether an answer shows a sentence of weak support."""
    return any(sentence.support == "weak" for sentence in answer.sentences)


def publisher_of(citation: Citation) -> str:
    """Its publisher, or that it is unknown."""
    return one_line(citation.publisher) or "unknown publisher"


def day_of(citation: Citation) -> str:
    """Its date of publication, or that it has none."""
    return citation.published.isoformat() if citation.published else "undated"


def one_line(text: str) -> str:
    """A text without line breaks and control characters."""
    return " ".join("".join(c if c.isprintable() or c.isspace() else " " for c in text).split())


def is_web(url: str) -> bool:
    """Whether an address may become a link: javascript: and file: addresses may not."""
    try:
        return urlsplit(url.strip()).scheme in ("http", "https")
    except ValueError:  # such as http://[
        return False
