"""The model's words become sentences with citations, each checked against what it cites.

Works on the text as it streams in: a sentence is grounded as soon as it is whole, and a marker
that has only begun is never shown.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from time import perf_counter

from rag.asked import compares
from rag.attribution import kind_of, owns_up
from rag.lexical import terms
from rag.markers import read_markers, settled
from rag.mend import with_currencies, with_reservations, without_contrast, without_echoes
from rag.sentences import has_cjk, sentence_spans
from rag.support import RANK, Check, Rarity, aligned, attribute, evidence_text
from rag.types import Citation, Draft, Hit, Kind, Sentence, Support

Judge = Callable[[str, str], Support]
"""Passages and a sentence in, a verdict out."""

_ENDS = (".", "!", "?", "…", "。", "！", "？", "]", "”", '"', ")", "）")
_BULLET = re.compile(r"^\s*(?:[-*•]|\d{1,2}[.)])\s+")
_LINK = re.compile(r"https?://|www\.|</?[a-z][^>]{0,200}>|\]\(|javascript:", re.IGNORECASE)
_EMPHASIS = re.compile(r"\*\*|__|`")
TRAILING = re.compile(r"\s*[\[【［(][^\[\]【】［］()\n]{1,80}[\]】］)](?=\W|$)")
"""A marker behind the full stop, which belongs to the sentence before it."""


@dataclass
class Grounder:
    """Grounds one reply.

    Args:
        markers: which id in the prompt stands for which passage.
        rarity: inverse document frequency of a term.
        known_numbers: the numbers that passages got earlier in the conversation, by passage id.
        judge: a second opinion, which may lower the support of a sentence.
        question: what is asked; a word that a sentence only repeats from it does not count as invented.
        unknown: how many markers named no passage.
        seconds: what the checks have taken so far.
    """

    markers: dict[str, Hit]
    rarity: Rarity
    known_numbers: Mapping[str, int] = field(default_factory=dict)
    judge: Judge | None = None
    question: str = ""
    unknown: int = 0
    seconds: float = 0.0
    _text: str = ""
    _done: int = 0
    _sentences: list[Sentence] = field(default_factory=list)
    _cited: dict[str, Citation] = field(default_factory=dict)

    @cached_property
    def _evidence(self) -> str:
        return " ".join(map(evidence_text, self.markers.values()))

    def feed(self, piece: str) -> Draft:
        """Take a piece of the reply in, and return the answer so far."""
        self._text += piece
        self._ground(final=False)
        pending = read_markers(settled(self._text[self._done :]), self.markers).text
        return Draft(tuple(self._sentences), self.citations(), plain_sentence(pending)[0])

    def finish(self) -> Draft:
        """Ground what is left, and return the whole answer; what is fed later begins another sentence."""
        self._ground(final=True)
        return Draft(tuple(self._sentences), self.citations())

    def cut_short(self) -> None:
        """Leave out a last sentence that has no end, since the reply was broken off."""
        if not self._text.rstrip().endswith(_ENDS):
            self._ground(final=False)
            self._text = self._text[: self._done]

    def quote(self, hit: Hit, text: str) -> None:
        """Add a sentence of a passage, word for word."""
        kind = kind_of(text, hit.article.publisher)
        number = self._number(hit, kind)
        self._sentences.append(Sentence(text, "supported", (number,), quoted=True, kind=kind))

    def citations(self) -> tuple[Citation, ...]:
        """The cited passages in the order of their numbers."""
        return tuple(sorted(self._cited.values(), key=lambda citation: citation.n))

    def _ground(self, *, final: bool) -> None:
        for start, end in self._whole_sentences(final):
            self._add(self._text[start:end])

    def _whole_sentences(self, final: bool) -> Iterator[tuple[int, int]]:
        start = self._done
        spans = list(lines_and_sentences(self._text, start))
        for i, (begin, end) in enumerate(spans):
            while trailing := TRAILING.match(self._text, end):
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
        started = perf_counter()
        self._ground_one(raw)
        self.seconds += perf_counter() - started

    def _ground_one(self, raw: str) -> None:
        marked = read_markers(raw, self.markers)
        self.unknown += marked.unknown
        text, bullet = plain_sentence(marked.text)
        if not re.search(r"\w", text):
            if marked.ids and self._sentences:
                self._extend_last([self.markers[id_] for id_ in marked.ids])
            return
        cited = [self.markers[id_] for id_ in marked.ids]
        text = with_currencies(text, self._evidence)
        check = self._check(text, cited)
        text = with_reservations(text, " ".join(map(evidence_text, check.hits)))
        said = f"- {text}" if bullet else text
        if _LINK.search(text):
            # Links come from citations alone: one in the text was dictated by an article, or invented.
            self._sentences.append(Sentence(said, "unsupported", (), "it holds a link or markup"))
            return
        if check.support == "unsupported":
            self._sentences.append(Sentence(said, check.support, (), check.doubt))
            return
        kind = kind_of(aligned(text, check.hits, self.rarity), check.hits[0].article.publisher)
        numbers = tuple(dict.fromkeys(self._number(hit, kind) for hit in check.hits))
        self._sentences.append(Sentence(said, check.support, numbers, check.doubt, kind=kind))

    def _check(self, text: str, cited: list[Hit]) -> Check:
        check = self._attribute(text, cited)
        if check.support == "supported" and self._only_chooses(text):
            check = replace(
                check, support="weak", doubt="a verdict on what is compared, which no passage gives"
            )
        if self.judge is None or check.support == "unsupported":
            return check
        verdict = self.judge(" ".join(map(evidence_text, check.hits)), text)
        if RANK[verdict] >= RANK[check.support]:
            return check
        return replace(check, support=verdict, doubt="the passage does not entail it, says the NLI model")

    def _only_chooses(self, text: str) -> bool:
        """Whether a sentence says no more than which of the things in the question it is.

        That would take both sides' figures; the words of the question stand in some passage anyway.
        """
        return compares(self.question) and set(terms(text)) <= set(terms(self.question))

    def _attribute(self, text: str, cited: list[Hit]) -> Check:
        shown = list(self.markers.values())
        check = attribute(text, cited, shown, self.rarity)
        if check.support == "supported":
            return check
        told = without_contrast(text, self.question)
        if told != text and (second := attribute(told, cited, shown, self.rarity)).support == "supported":
            return second
        plain = without_echoes(text, check.missing, self.question)
        if plain == text:
            return check
        second = attribute(plain, cited, shown, self.rarity)
        weak: Support = "weak" if second.support == "supported" else second.support
        return replace(second, support=weak, doubt=check.doubt) if RANK[weak] > RANK[check.support] else check

    def _extend_last(self, more: list[Hit]) -> None:
        last = self._sentences[-1]
        if not last.citations:
            return
        numbers = tuple(dict.fromkeys([*last.citations, *(self._number(hit, last.kind) for hit in more)]))
        self._sentences[-1] = replace(last, citations=numbers)

    def _number(self, hit: Hit, kind: Kind) -> int:
        if hit.passage.id not in self._cited:
            taken = [*self.known_numbers.values(), *(citation.n for citation in self._cited.values())]
            n = self.known_numbers.get(hit.passage.id) or max(taken, default=0) + 1
            self._cited[hit.passage.id] = _citation(n, hit, kind)
        return self._cited[hit.passage.id].n


def lines_and_sentences(text: str, start: int) -> Iterator[tuple[int, int]]:
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


def plain_sentence(text: str) -> tuple[str, bool]:
    """A sentence without Markdown, and whether it was an item of a list."""
    bullet = _BULLET.match(text)
    body = text[bullet.end() :] if bullet else text
    return _EMPHASIS.sub("", body).strip(), bool(bullet)


def _citation(n: int, hit: Hit, kind: Kind) -> Citation:
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
        kind=kind,
        copies=hit.copies,
        version=passage.version,
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


def caveat(sentence: Sentence) -> str:
    """Words that a sentence needs behind it, for it passes on a judgement and does not say so."""
    if sentence.kind != "inferred" or owns_up(sentence.text):
        return ""
    return "（文章作者的解读）" if has_cjk(sentence.text) else " (the author's reading)"


def with_markers(sentence: Sentence) -> str:
    """A sentence as text: in quotation marks when quoted, its numbers behind it."""
    body = (f"“{sentence.text}”" if sentence.quoted else sentence.text) + caveat(sentence)
    marks = "".join(f"[{n}]" for n in sentence.citations)
    return f"{body} {marks}".rstrip()
