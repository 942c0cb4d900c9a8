"""A draft as a post, in the markup of a forum: Markdown, Discourse's, BBCode and HTML.

The body of a draft is a small part of Markdown: paragraphs, lists with ``-``, quotations with ``>``,
``**bold**``, links and markers. Everything else in it, and all that comes from articles, is text and cannot
become markup. Markers are numbered anew in the order of the text, one number for each article, and name their
sources below it.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from itertools import groupby
from typing import Literal, get_args
from urllib.parse import quote, urlsplit

from rag.markers import read_numbers
from rag.sentences import has_cjk
from rag.types import Citation

Format = Literal["markdown", "discourse", "bbcode", "html"]

FORMATS: tuple[Format, ...] = get_args(Format)
NAMES: Mapping[Format, str] = {
    "markdown": "Markdown",
    "discourse": "Discourse",
    "bbcode": "BBCode (wpForo, phpBB)",
    "html": "HTML",
}

_INLINE = re.compile(
    r"(?P<marker>[\[【［]\d{1,4}(?:\s?[,，、]\s?\d{1,4}){0,20}[\]】］](?!\())"
    r"|\*\*(?P<bold>[^*\n]{1,500})\*\*"
    r"|\[(?P<label>[^\[\]\n]{1,300})\]\((?P<target>https?://[^\s()<>]{1,1000})\)"
)
_ITEM = re.compile(r"^\s*[-*•]\s+")
_QUOTE = re.compile(r"^\s*>\s?")
_HEADING = re.compile(r"^\s*#{1,6}\s+")


@dataclass(frozen=True)
class Text:
    """Words; ``target`` is where a link leads, empty for none."""

    text: str
    bold: bool = False
    target: str = ""


@dataclass(frozen=True)
class Marker:
    """A number in the text, and the address of the source that it stands for; empty for none of the web."""

    n: int
    url: str


Inline = Text | Marker
Kind = Literal["paragraph", "item", "quote"]


@dataclass(frozen=True)
class Block:
    """A paragraph, an item of a list, or a quotation, which may have several lines."""

    kind: Kind
    lines: tuple[tuple[Inline, ...], ...]


@dataclass(frozen=True)
class Post:
    """A draft taken apart, with the sources that it cites in the order of their new numbers."""

    blocks: tuple[Block, ...]
    sources: tuple[Citation, ...]
    heading: str
    as_of: str


def post_of(body: str, citations: Iterable[Citation]) -> Post:
    """Take a draft apart. Markers that stand for no citation are left out."""
    by_number = {citation.n: citation for citation in citations}
    sources: dict[str, Citation] = {}
    blocks = tuple(
        Block(kind, tuple(_inlines(line, by_number, sources) for line in lines))
        for kind, lines in _blocks(body)
    )
    dates = [citation.published for citation in sources.values() if citation.published]
    chinese = has_cjk(body)
    newest = max(dates, default=None)
    as_of = (f"截至 {newest}。" if chinese else f"As of {newest}.") if newest else ""
    return Post(blocks, tuple(sources.values()), "来源" if chinese else "Sources", as_of)


def _blocks(body: str) -> list[tuple[Kind, list[str]]]:
    found: list[tuple[Kind, list[str]]] = []
    for kind, group in groupby(body.strip().split("\n"), _kind):
        lines = [_ITEM.sub("", _QUOTE.sub("", _HEADING.sub("", line))).strip() for line in group]
        if kind == "item":
            found += [("item", [line]) for line in lines]
        elif kind != "blank":
            found.append((kind, lines))
    return found


def _kind(line: str) -> Literal["paragraph", "item", "quote", "blank"]:
    if not line.strip():
        return "blank"
    if _QUOTE.match(line):
        return "quote"
    return "item" if _ITEM.match(line) else "paragraph"


def _inlines(
    line: str, citations: Mapping[int, Citation], sources: dict[str, Citation]
) -> tuple[Inline, ...]:
    """``sources`` are the articles cited so far, in the order of their new numbers; it grows."""
    parts: list[Inline] = []
    done = 0
    for match in _INLINE.finditer(line):
        parts.append(Text(line[done : match.start()]))
        if match["marker"]:
            cited = [citations[n] for n in read_numbers(match["marker"])[1] if n in citations]
            for citation in {citation.article_id: citation for citation in cited}.values():
                sources.setdefault(citation.article_id, citation)
                number = list(sources).index(citation.article_id) + 1
                parts.append(Marker(number, web_address(citation.url)))
        elif match["bold"]:
            parts.append(Text(match["bold"], bold=True))
        else:
            parts.append(Text(match["label"], target=web_address(match["target"])))
        done = match.end()
    parts.append(Text(line[done:]))
    return tuple(part for part in parts if not isinstance(part, Text) or part.text)


def web_address(url: str) -> str:
    """An address of the web, with all that could end it or begin markup encoded; else empty."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    if parts.scheme.lower() not in ("http", "https") or not parts.netloc:
        return ""
    return re.sub(r"%(?![0-9A-Fa-f]{2})", "%25", quote(url, safe="%/:?#@!$&*+,;=~-._"))


def rendered(body: str, citations: Iterable[Citation], format: Format) -> str:
    """A draft as text to be put into a post."""
    return _RENDERERS[format](post_of(body, citations))


@dataclass(frozen=True)
class _Markup:
    """How a kind of Markdown writes things."""

    text: Callable[[str], str]
    quote: Callable[[list[str]], str]


def _markdown(post: Post, markup: "_Markup") -> str:
    def inline(part: Inline) -> str:
        if isinstance(part, Marker):
            return f"[\\[{part.n}\\]]({_entity_free(part.url)})" if part.url else f"\\[{part.n}\\]"
        text = markup.text(part.text)
        if part.target:
            return f"[{text}]({_entity_free(part.target)})"
        return _around(text, "**", "**") if part.bold else text

    def line(parts: Sequence[Inline]) -> str:
        return _as_paragraph("".join(map(inline, parts)))

    def block(item: Block) -> str:
        lines = [line(parts) for parts in item.lines]
        if item.kind == "quote":
            return markup.quote(lines)
        return f"- {lines[0]}" if item.kind == "item" else "\n".join(lines)

    def source(n: int, citation: Citation) -> str:
        title = markup.text(_title(citation))
        url = web_address(citation.url)
        named = f"[{title}]({_entity_free(url)})" if url else title
        return f"{n}. {_as_paragraph(f'{named}, {markup.text(_byline(citation))}')}"

    parts = _joined([(item.kind, block(item)) for item in post.blocks], "\n")
    if post.sources:
        listed = "\n".join(source(n, citation) for n, citation in enumerate(post.sources, 1))
        parts += [f"**{post.heading}**", listed]
    return "\n\n".join([*parts, *([post.as_of] if post.as_of else [])]) + "\n"


def _entity_free(url: str) -> str:
    """An address in which Markdown finds no entity such as ``&lt;``."""
    return re.sub(r"&(?=#?\w+;)", "&amp;", url)


def _escaped_markdown(text: str) -> str:
    # HTML could pass through, and "&lt;" would be read as the letter.
    text = re.sub(r"([\\`*_\[\]~|])", r"\\\1", _on_one_line(text))
    text = re.sub(r"!$", r"\\!", text)  # before a link it would make a picture of it
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _AUTOLINK.sub(lambda match: f"{match[1]}&#{ord(match[2])};", text)


_AUTOLINK = re.compile(r"(?i)\b(https?|ftp|mailto|www)([:.])")


def _escaped_discourse(text: str) -> str:
    # Brackets as entities, since Discourse looks for its tags before it looks at Markdown's backslashes;
    # so are the signs that call people, categories and pictures.
    text = _escaped_markdown(text).replace("\\[", "&#91;").replace("\\]", "&#93;")
    return text.replace("@", "&#64;")


def _as_paragraph(line: str) -> str:
    """A line that cannot begin a heading, a list, a rule or code."""
    line = line.strip()
    if re.match(r"#{1,6}(?:\s|$)|[-+](?:\s|$)|[-=]+\s*$", line):
        return f"\\{line}"
    return re.sub(r"^(\d{1,9})([.)])(?=\s|$)", r"\1\\\2", line)


def _bbcode(post: Post) -> str:
    def inline(part: Inline) -> str:
        if isinstance(part, Marker):
            return f"[url={part.url}][{part.n}][/url]" if part.url else f"[{part.n}]"
        text = _escaped_bbcode(part.text)
        if part.target:
            return f"[url={part.target}]{text}[/url]"
        return _around(text, "[b]", "[/b]") if part.bold else text

    def block(item: Block) -> str:
        lines = "\n".join("".join(map(inline, parts)).strip() for parts in item.lines)
        if item.kind == "quote":
            return f"[quote]{lines}[/quote]"
        return f"[*]{lines}" if item.kind == "item" else lines

    def source(citation: Citation) -> str:
        title = _escaped_bbcode(_title(citation))
        url = web_address(citation.url)
        return f"[*]{f'[url={url}]{title}[/url]' if url else title}, {_escaped_bbcode(_byline(citation))}"

    parts = [
        f"[list]\n{text}\n[/list]" if kind == "item" else text
        for kind, text in _grouped([(item.kind, block(item)) for item in post.blocks], "\n")
    ]
    if post.sources:
        listed = "\n".join(map(source, post.sources))
        parts.append(f"[b]{post.heading}[/b]\n[list=1]\n{listed}\n[/list]")
    return "\n\n".join([*parts, *([post.as_of] if post.as_of else [])]) + "\n"


def _escaped_bbcode(text: str) -> str:
    # BBCode has no escape. A blank of no width behind a bracket looks the same and begins no tag.
    return _on_one_line(text).replace("[", "[\u200b")


def _html(post: Post) -> str:
    def inline(part: Inline) -> str:
        if isinstance(part, Marker):
            return _anchor(part.url, f"[{part.n}]")
        text = escape(_on_one_line(part.text))
        if part.target:
            return _anchor(part.target, _on_one_line(part.text))
        return f"<strong>{text}</strong>" if part.bold else text

    def block(item: Block) -> str:
        lines = "<br>\n".join("".join(map(inline, parts)).strip() for parts in item.lines)
        tag = {"quote": "blockquote", "item": "li", "paragraph": "p"}[item.kind]
        return f"<{tag}>{lines}</{tag}>"

    parts = [
        f"<ul>\n{text}\n</ul>" if kind == "item" else text
        for kind, text in _grouped([(item.kind, block(item)) for item in post.blocks], "\n")
    ]
    if post.sources:
        listed = "\n".join(
            f"<li>{_anchor(web_address(c.url), _title(c))}, {escape(_byline(c))}</li>" for c in post.sources
        )
        parts.append(f"<p><strong>{post.heading}</strong></p>\n<ol>\n{listed}\n</ol>")
    return "\n".join([*parts, *([f"<p>{post.as_of}</p>"] if post.as_of else [])]) + "\n"


def _anchor(url: str, text: str) -> str:
    return f'<a href="{escape(url)}" rel="nofollow noopener">{escape(text)}</a>' if url else escape(text)


def _around(text: str, before: str, after: str) -> str:
    """Marks around words, not around the blanks at their ends."""
    bare = text.strip()
    lead = text[: len(text) - len(text.lstrip())]
    return f"{lead}{before}{bare}{after}{text[len(lead) + len(bare) :]}" if bare else text


def _grouped(blocks: Sequence[tuple[Kind, str]], between: str) -> list[tuple[Kind, str]]:
    """Blocks, with the items of a list as one."""
    found: list[tuple[Kind, str]] = []
    for kind, group in groupby(blocks, key=lambda block: block[0]):
        texts = [text for _, text in group]
        found += [("item", between.join(texts))] if kind == "item" else [(kind, text) for text in texts]
    return found


def _joined(blocks: Sequence[tuple[Kind, str]], between: str) -> list[str]:
    return [text for _, text in _grouped(blocks, between)]


def _title(citation: Citation) -> str:
    return _on_one_line(citation.title) or citation.url


def _byline(citation: Citation) -> str:
    when = citation.published.isoformat() if citation.published else "undated"
    return f"{_on_one_line(citation.publisher) or 'unknown publisher'}, {when}"


def _on_one_line(text: str) -> str:
    """Without line breaks and other control characters, but with the blanks at its ends."""
    return re.sub(r"[\x00-\x1f\x7f\x85\u2028\u2029]+", " ", text)


def _quoted_markdown(lines: list[str]) -> str:
    return "\n".join(f"> {line}" for line in lines)


def _quoted_discourse(lines: list[str]) -> str:
    return "\n".join(["[quote]", *lines, "[/quote]"])


_RENDERERS: Mapping[Format, Callable[[Post], str]] = {
    "markdown": lambda post: _markdown(post, _Markup(_escaped_markdown, _quoted_markdown)),
    "discourse": lambda post: _markdown(post, _Markup(_escaped_discourse, _quoted_discourse)),
    "bbcode": _bbcode,
    "html": _html,
}
