"""An edited draft, checked again: each sentence against the passages that it cites, as they were frozen.

The checks are those of answers (`rag.support`). A sentence without a marker is let pass only when it holds
no figure and no name and stands in a line without cited sentences: a greeting, a sign-off, a transition.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from corpus.article import Article
from corpus.catalogue import Catalogue
from rag.figures import figures
from rag.ground import TRAILING, lines_and_sentences, plain_sentence
from rag.markers import read_numbers
from rag.names import names_in
from rag.sentences import has_cjk
from rag.support import RANK, WEAK, Check, Rarity, check_support, evidence_text
from rag.types import Answer, Citation, Hit, Passage

PLAIN = "plain"
"""The state of a sentence that says nothing that needs a source."""

_CAVEATS = (" (the author's reading)", "（文章作者的解读）")
_LINE_MARKUP = re.compile(r"^\s*(?:>\s?)+|^\s*#{1,6}\s+")
_ADDRESS = re.compile(r"\bhttps?://[^\s)>\]]+")
_QUOTED = re.compile(r"[“\"「]([^”\"」]{15,})[”\"」]")
_CAPITALISED = re.compile(r"(?<![A-Za-z\d.])[A-Z][A-Za-z\d&'’-]+")
_COURTESY = re.compile(
    r"^(?:hi|hello|hey|dear|thanks|thank you|many thanks|cheers|best|kind|warm|yours|sincerely|regards"
    r"|welcome|good (?:morning|afternoon|evening|question)|hope|the \w+ team|您好|你好|谢谢|感谢|祝)",
    re.IGNORECASE,
)
_COURTESY_WORDS = 10


@dataclass(frozen=True)
class Checked:
    """One sentence of a draft: where it stands in the body, and how far it can be relied on.

    Attributes:
        start, end: its place in the body, markers included.
        support: as in `rag.types.Support`, or `PLAIN` where no source is needed.
        doubt: the reason for less than full support.
        citations: the numbers that it cites.
        paragraph: counts from 0.
    """

    start: int
    end: int
    support: str
    doubt: str = ""
    citations: tuple[int, ...] = ()
    paragraph: int = 0


@dataclass(frozen=True)
class Review:
    """A whole draft, checked."""

    body: str
    sentences: tuple[Checked, ...]

    @property
    def unsupported(self) -> list[str]:
        """The sentences that stand in the way of an approval."""
        return [self.body[s.start : s.end] for s in self.sentences if s.support == "unsupported"]

    @property
    def weak(self) -> int:
        """How many sentences a reviewer should look at."""
        return sum(sentence.support == "weak" for sentence in self.sentences)

    @property
    def cited(self) -> tuple[int, ...]:
        """The numbers that the draft cites, in the order of the text."""
        return tuple(dict.fromkeys(n for sentence in self.sentences for n in sentence.citations))


def frozen_hits(answer: Answer, catalogue: Catalogue) -> dict[int, Hit]:
    """The passages that an answer cites, by number, in their articles as they stood then.

    Of an article that the catalogue has forgotten there is only the passage itself.
    """
    then = catalogue.at({citation.version for citation in answer.citations if citation.version})
    return {citation.n: _hit(citation, then.get(citation.version)) for citation in answer.citations}


def _hit(citation: Citation, article: Article | None) -> Hit:
    start, end = citation.start, citation.end
    if article is None or article.text[start:end] != citation.quote:
        start, end = 0, len(citation.quote)
        article = Article(
            citation.url, citation.quote, citation.title, citation.publisher, citation.published
        )
    passage = Passage(
        citation.passage_id, citation.article_id, start, end, citation.quote, version=citation.version
    )
    return Hit(passage, article, 0.0, 0.0, 0.0, citation.copies)


def review(body: str, hits: Mapping[int, Hit], rarity: Rarity, member: str = "") -> Review:
    """Check a draft.

    Args:
        body: Markdown with markers such as [1].
        hits: the passages that the markers stand for.
        rarity: inverse document frequency of a term.
        member: who asked; this name needs no source.
    """
    checked: list[Checked] = []
    spans = list(_spans(body))
    for paragraph, group in groupby(spans, key=lambda span: span[2]):
        raw = [(start, end, body[start:end]) for start, end, _ in group]
        has_cited = any(read_numbers(text)[1] for *_, text in raw)
        checked += [_checked(piece, paragraph, has_cited, hits, rarity, member) for piece in raw]
    return Review(body, tuple(checked))


def _spans(body: str) -> Iterator[tuple[int, int, int]]:
    """Sentences with the markers behind them, and the number of their line."""
    done = 0
    for start, end in lines_and_sentences(body, 0):
        if end <= done:
            continue
        while trailing := TRAILING.match(body, end):
            if not read_numbers(trailing.group())[1]:
                break  # an aside in brackets is a sentence's own
            end = trailing.end()
        start = max(start, done)
        done = end
        if re.search(r"[^\W_]", body[start:end]):
            yield start, end, body.count("\n", 0, start)


def _checked(
    piece: tuple[int, int, str],
    paragraph: int,
    has_cited: bool,
    hits: Mapping[int, Hit],
    rarity: Rarity,
    member: str,
) -> Checked:
    start, end, raw = piece
    text, numbers = read_numbers(_LINE_MARKUP.sub("", raw))
    is_quote = bool(_LINE_MARKUP.match(raw)) and ">" in raw[: len(raw) - len(raw.lstrip("> "))]
    text = plain_sentence(text)[0]
    for caveat in _CAVEATS:
        text = text.replace(caveat, "")
    text = _ADDRESS.sub("", text).strip()

    def result(support: str, doubt: str = "") -> Checked:
        return Checked(start, end, support, doubt, numbers, paragraph)

    if not re.search(r"\w", text):
        return result(PLAIN if all(n in hits for n in numbers) else "unsupported", _unknown(numbers, hits))
    if not numbers:
        return result(*_unmarked(text, has_cited, hits, rarity, member))
    cited = [hits[n] for n in numbers if n in hits]
    if unknown := _unknown(numbers, hits):
        return result("unsupported", unknown)
    if altered := _altered_quotation(text, is_quote, cited):
        return result("unsupported", altered)
    check = check_support(text, cited, rarity)
    return result(check.support, _doubt(text, check, numbers, hits, rarity))


def _unknown(numbers: Sequence[int], hits: Mapping[int, Hit]) -> str:
    missing = [f"[{n}]" for n in numbers if n not in hits]
    return f"{' and '.join(missing)} stands for no source of this draft" if missing else ""


def _unmarked(
    text: str, has_cited: bool, hits: Mapping[int, Hit], rarity: Rarity, member: str
) -> tuple[str, str]:
    facts = facts_in(text, member)
    near = _nearest(text, hits, rarity)
    hint = f"; [{near[0]}] seems to say it" if near else ""
    if facts:
        return "unsupported", f"it has no marker, and speaks of {', '.join(facts)}{hint}"
    if near:
        return "unsupported", f"it has no marker{hint}"
    if has_cited:
        return "weak", "it has no marker"
    return PLAIN, ""


def _nearest(text: str, hits: Mapping[int, Hit], rarity: Rarity) -> tuple[int, Check] | None:
    """The passage that supports a text best, with how; None when none says it."""
    checks = [(n, check_support(text, [hit], rarity)) for n, hit in hits.items()]
    good = [(n, check) for n, check in checks if check.support != "unsupported" and check.overlap >= WEAK]
    return max(good, key=lambda pair: (RANK[pair[1].support], pair[1].overlap), default=None)


def facts_in(text: str, member: str = "") -> list[str]:
    """The figures and names of a text that only a source can vouch for, as they are spelled.

    A capitalised word at the start, in a line of courtesy, or of the member's name is no such name.
    """
    without = text
    for part in member.split():
        without = re.sub(rf"@?\b{re.escape(part)}\b", " ", without, flags=re.IGNORECASE)
    found = [str(figure) for figure in figures(without)]
    found += [name for name, _ in names_in(without, materials=False)]
    polite = bool(_COURTESY.match(text)) and len(text.split()) <= _COURTESY_WORDS
    if not polite and not has_cjk(text):
        found += [
            match.group() for match in _CAPITALISED.finditer(without)
            if without[: match.start()].strip(" \"'“‘(-•*") and match.group() not in ("I", "We", "Our")
        ]  # fmt: skip
    return list(dict.fromkeys(found))


def _altered_quotation(text: str, is_quote: bool, cited: Sequence[Hit]) -> str:
    """What is given as a quotation must stand in a passage word for word."""
    quoted = [text.strip('“”"「」 ')] if is_quote else _QUOTED.findall(text)
    passages = [_bare(evidence_text(hit)) for hit in cited]
    for words in quoted:
        if not any(_bare(words) in passage for passage in passages):
            return "the quotation is not word for word what the cited passage says"
    return ""


def _bare(text: str) -> str:
    """A text in which only its letters and figures count, not how its quotation marks or blanks are set."""
    return " ".join(re.findall(r"\w+", text.casefold()))


def _doubt(text: str, check: Check, numbers: Sequence[int], hits: Mapping[int, Hit], rarity: Rarity) -> str:
    """The reason, and which other source would fit."""
    if check.support == "supported":
        return ""
    others = {n: hit for n, hit in hits.items() if n not in numbers}
    near = _nearest(text, others, rarity)
    better = near is not None and RANK[near[1].support] > RANK[check.support]
    return f"{check.doubt}; [{near[0]}] seems to say it" if near and better else check.doubt
