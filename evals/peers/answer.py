"""A peer's reply in our form, so that one scorer serves all: numbered markers become citations."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from corpus.article import Article
from rag.sentences import sentence_spans
from rag.types import Answer, Citation, Hit, Passage, Question, Sentence, Timings

_MARKER = re.compile(r"\s*\[(\d{1,2})\]")
# How models say it when told to say so.
_KNOWS_NOT = re.compile(
    r"\b(?:don't|do not|does not|doesn't|not|no) (?:know|have|provide|mention|contain|specify|state|available"
    r"|enough|sufficient|information|explicitly)"
    r"|\bnot (?:provided|mentioned|specified|stated|available|given|helpful)\b"
    r"|\bnone of the (?:given |provided )?(?:sources|documents)"
    r"|不知道|没有(?:提供|提到|说明)|未(?:提供|提到|说明)",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Source:
    """A chunk that a peer retrieved, with the article that it is cut from."""

    article: Article
    text: str

    def hit(self, rank: int) -> Hit:
        start = max(0, self.article.text.find(self.text.strip()[:80]))
        passage = Passage(
            f"{self.article.id}-{start}-{rank}", self.article.id, start, start + len(self.text), self.text
        )
        return Hit(passage, self.article, 1 / rank, 0.0, 0.0)


def answer(question: Question, text: str, sources: Sequence[Source], timings: Timings, model: str) -> Answer:
    """The reply with ``[n]`` resolved to the n-th source; every sentence counts as shown."""
    hits = tuple(source.hit(rank) for rank, source in enumerate(sources, 1))
    sentences = []
    unknown = 0
    cited: dict[int, Citation] = {}
    moved = _markers_inside(text)
    for start, end in sentence_spans(moved, 0, len(moved)):
        raw = moved[start:end]
        numbers = [int(n) for n in _MARKER.findall(raw)]
        known = [n for n in dict.fromkeys(numbers) if 1 <= n <= len(hits)]
        unknown += sum(not 1 <= n <= len(hits) for n in numbers)
        cited |= {n: _citation(n, hits[n - 1]) for n in known}
        plain = _MARKER.sub("", raw).strip()
        if re.search(r"\w", plain):
            sentences.append(Sentence(plain, "supported", tuple(known)))
    return Answer(
        question=question.text,
        text=text.strip(),
        abstained=bool(_KNOWS_NOT.search(text)) or not text.strip(),
        reason="",
        as_of=None,
        sentences=tuple(sentences),
        citations=tuple(cited[n] for n in sorted(cited)),
        retrieved=hits,
        shown=tuple(hit.passage.id for hit in hits),
        timings=timings,
        model=model,
        unknown_markers=unknown,
    )


def _markers_inside(text: str) -> str:
    """The text with markers before the full stop that they follow, so that a sentence keeps its own."""
    return re.sub(r"([.!?。])((?:\s*\[\d{1,2}\])+)", r"\2\1", text)


def _citation(n: int, hit: Hit) -> Citation:
    passage, article = hit.passage, hit.article
    return Citation(
        n, passage.id, article.id, article.url, article.title, article.publisher, article.published,
        passage.start, passage.end, passage.text,
    )  # fmt: skip
