"""What has become of cited passages since they were cited."""

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Literal

from corpus.article import Article
from corpus.catalogue import Catalogue
from rag.sentences import sentence_spans
from rag.types import Citation
from ui.library import changed_words_html

_FEWEST = 0.3  # of a passage's words, for others to be what has become of it


@dataclass(frozen=True)
class Standing:
    """How a cited passage stands in the corpus now.

    Attributes:
        state: the article is unchanged, was changed since, or is no longer in the corpus.
        passage: what stands in the place of the passage now; equal to the quote when only the rest of the
            article was changed, and empty when nothing does.
        difference: from the quote to ``passage`` as HTML; empty when there is none to show.
    """

    state: Literal["unchanged", "changed", "gone"]
    passage: str = ""
    difference: str = ""

    @property
    def in_words(self) -> str:
        """One sentence for a reader; the difference may follow it."""
        if self.state == "unchanged":
            return "Source unchanged since."
        if self.state == "gone":
            return "Source no longer in the corpus."
        if not self.passage:
            return "Source changed since: this passage was taken out."
        if not self.difference:
            return "Source changed since, but not in this passage."
        return "Source changed since. The passage is now:"


def standings(catalogue: Catalogue, citations: Sequence[Citation]) -> dict[int, Standing]:
    """How each of some citations stands, by its number."""
    newest = _newest(catalogue, {citation.article_id for citation in citations})
    former = catalogue.at({c.version for c in citations if c.version})
    return {c.n: _standing(c, former.get(c.version), newest.get(c.article_id)) for c in citations}


def _newest(catalogue: Catalogue, ids: set[str]) -> dict[str, Article]:
    """The articles as they are now, by id; absent when they are no longer in the corpus."""
    found = catalogue.articles(ids)
    if missing := ids - found.keys():
        # One whose text another address has too is still there, though its passages are the other's.
        entries = catalogue.entries()
        versions = {e.article_id: e.wanted for id_ in missing if (e := entries.get(id_)) and e.same_as}
        texts = catalogue.at(versions.values())
        found |= {id_: texts[version] for id_, version in versions.items() if version in texts}
    return found


def _standing(citation: Citation, former: Article | None, now: Article | None) -> Standing:
    if now is None:
        return Standing("gone")
    quote = citation.quote
    same_place = now.text[citation.start : citation.end] == quote
    if now.content_hash == citation.version or (not citation.version and same_place):
        return Standing("unchanged", quote)
    if quote in now.text:
        return Standing("changed", quote)
    passage = _in_its_place(citation, former.text if former else "", now.text)
    return Standing("changed", passage, changed_words_html([quote], [passage]))


def _in_its_place(citation: Citation, former: str, now: str) -> str:
    """The sentences that stand now where a passage stood; empty when there are none like it."""
    spans = list(sentence_spans(now))
    bounds = _aligned(citation, former, now) if former else None
    first, last = bounds or _most_alike(citation.quote, [now[a:b] for a, b in spans], 0, len(spans))
    if first >= last:
        return ""
    passage = now[spans[first][0] : spans[last - 1][1]]
    return passage if _alikeness(_words(citation.quote), _words(passage)) >= _FEWEST else ""


def _aligned(citation: Citation, former: str, now: str) -> tuple[int, int] | None:
    """Which sentences of an article stand for those of a passage of its former text."""
    spans = list(sentence_spans(former))
    old, new = [former[a:b] for a, b in spans], [now[a:b] for a, b in sentence_spans(now)]
    mine = [i for i, (a, b) in enumerate(spans) if a < citation.end and b > citation.start]
    if not mine:
        return None
    found: list[int] = []
    for kind, i, j, k, m in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        part = [n for n in mine if i <= n < j]
        if part and kind == "equal":
            found += [k + n - i for n in part]
        elif part and kind == "replace":
            text = " ".join(old[n] for n in part)
            found += range(*_most_alike(text, new, k, m, max(len(part), m - k - (j - i - len(part)))))
    return (min(found), max(found) + 1) if found else (0, 0)


def _most_alike(text: str, sentences: Sequence[str], first: int, last: int, most: int = 0) -> tuple[int, int]:
    """The run of sentences from ``first`` to ``last`` that shares most words with a text.

    ``most`` is how many sentences it may have; 0 for as many as the text has.
    """
    wanted = _words(text)
    most = most or len(list(sentence_spans(text)))
    runs = [(i, j) for i in range(first, last) for j in range(i + 1, min(i + most, last) + 1)]
    scored = {run: _alikeness(wanted, _words(" ".join(sentences[slice(*run)]))) for run in runs}
    return max(scored, key=scored.__getitem__, default=(0, 0))


def _words(text: str) -> set[str]:
    return set(text.casefold().split()) if " " in text else set(text)


def _alikeness(one: set[str], other: set[str]) -> float:
    """The share of words that two texts have in common, 0 to 1."""
    return len(one & other) / len(one | other) if one | other else 0.0
