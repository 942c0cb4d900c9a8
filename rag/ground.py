"""The model's words become sentences with citations, each checked against what it cites.

Works on the text as it streams in: a sentence is grounded as soon as it is whole, and a marker
that has only begun is never shown.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from rag.markers import read_markers, settled
from rag.sentences import sentence_spans
from rag.support import Rarity, attribute
from rag.types import Citation, Draft, Hit, Sentence

_BULLET = re.compile(r"^\s*(?:[-*•]|\d{1,2}[.)])\s+")
_EMPHASIS = re.compile(r"\*\*|__|`")
# Markers behind the full stop belong to the sentence before it.
_TRAILING = re.compile(r"\s*[\[【［(][^\[\]【】［］()\n]{1,80}[\]】］)](?=\W|$)")


@dataclass
class Grounder:
    """Grounds one reply.

    Args:
        markers: which id in the prompt stands for which passage.
        rarity: inverse document frequency of a term.
    """

    markers: dict[str, Hit]
    rarity: Rarity
    unknown: int = 0
    _text: str = ""
    _done: int = 0
    _sentences: list[Sentence] = field(default_factory=list)
    _numbers: dict[str, int] = field(default_factory=dict)
    _hits: list[Hit] = field(default_factory=list)

    def feed(self, piece: str) -> Draft:
        """Take a piece of the reply in, and return the answer so far."""
        self._text += piece
        self._ground(final=False)
        pending = read_markers(settled(self._text[self._done :]), self.markers).text
        return Draft(tuple(self._sentences), self.citations(), _plain(pending)[0])

    def finish(self) -> Draft:
        """Ground what is left, and return the whole answer."""
        self._ground(final=True)
        return Draft(tuple(self._sentences), self.citations())

    def quote(self, hit: Hit, text: str) -> None:
        """Add a sentence of a passage, word for word."""
        self._sentences.append(Sentence(text, "supported", (self._number(hit),), quoted=True))

    def citations(self) -> tuple[Citation, ...]:
        """The cited passages in the order of their numbers."""
        return tuple(_citation(n, hit) for n, hit in enumerate(self._hits, 1))

    def _ground(self, *, final: bool) -> None:
        for start, end in self._whole_sentences(final):
            self._add(self._text[start:end])

    def _whole_sentences(self, final: bool) -> Iterator[tuple[int, int]]:
        start = self._done
        spans = list(_lines_and_sentences(self._text, start))
        for i, (begin, end) in enumerate(spans):
            while trailing := _TRAILING.match(self._text, end):
                end = trailing.end()
            if begin < self._done:
                if end > self._done:
                    begin = self._done  # the rest of a span whose start was taken as a marker
                else:
                    continue
            # The last span may go on, and its marker may still be coming.
            if not final and i >= len(spans) - 2 and not self._text[end:].strip():
                return
            if not final and i == len(spans) - 1:
                return
            self._done = end
            yield begin, end

    def _add(self, raw: str) -> None:
        marked = read_markers(raw, self.markers)
        self.unknown += marked.unknown
        text, bullet = _plain(marked.text)
        if not re.search(r"\w", text):
            if marked.ids and self._sentences:
                self._extend_last([self.markers[id_] for id_ in marked.ids])
            return
        cited = [self.markers[id_] for id_ in marked.ids]
        check = attribute(text, cited, list(self.markers.values()), self.rarity)
        numbers: tuple[int, ...] = ()
        if check.support != "unsupported":
            numbers = tuple(dict.fromkeys(self._number(hit) for hit in check.hits))
        self._sentences.append(Sentence(f"- {text}" if bullet else text, check.support, numbers, check.doubt))

    def _extend_last(self, more: list[Hit]) -> None:
        last = self._sentences[-1]
        if not last.citations:
            return
        numbers = tuple(dict.fromkeys([*last.citations, *(self._number(hit) for hit in more)]))
        self._sentences[-1] = Sentence(last.text, last.support, numbers, last.doubt)

    def _number(self, hit: Hit) -> int:
        if hit.passage.id not in self._numbers:
            self._hits.append(hit)
            self._numbers[hit.passage.id] = len(self._hits)
        return self._numbers[hit.passage.id]


def _lines_and_sentences(text: str, start: int) -> Iterator[tuple[int, int]]:
    """Spans of sentences; a line break ends one too, since models write lists in lines."""
    position = start
    for line in text[start:].split("\n"):
        bullet = _BULLET.match(line)
        skip = bullet.end() if bullet else 0
        first = True
        for begin, end in sentence_spans(text, position + skip, position + len(line)):
            yield (position if first else begin), end
            first = False
        position += len(line) + 1


def _plain(text: str) -> tuple[str, bool]:
    """A sentence without Markdown, and whether it was an item of a list."""
    bullet = _BULLET.match(text)
    body = text[bullet.end() :] if bullet else text
    return _EMPHASIS.sub("", body).strip(), bool(bullet)


def _citation(n: int, hit: Hit) -> Citation:
    passage, article = hit.passage, hit.article
    return Citation(
        n=n,
        passage_id=passage.id,
        article_id=article.id,
        url=article.url,
        title=article.title,
        publisher=article.publisher,
        published=article.published,
        start=passage.start,
        end=passage.end,
        quote=passage.text,
    )


def shown_text(sentences: tuple[Sentence, ...]) -> str:
    """The answer as text with numbered markers; sentences without support are withheld."""
    text = ""
    for sentence in sentences:
        if sentence.support == "unsupported":
            continue
        separator = "\n" if sentence.text.startswith("- ") or sentence.quoted else " "
        text += (separator if text else "") + with_markers(sentence)
    return text


def with_markers(sentence: Sentence) -> str:
    """A sentence as text: in quotation marks when quoted, its numbers behind it."""
    body = f"“{sentence.text}”" if sentence.quoted else sentence.text
    marks = "".join(f"[{n}]" for n in sentence.citations)
    return f"{body} {marks}".rstrip()
