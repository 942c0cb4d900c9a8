"""Whether to answer at all.

Three things speak: how near the evidence is to the question (before the model is asked
anything), how probable the model itself finds it that the passages hold the answer, and whether
the passages support what it wrote then.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Literal

from corpus.article import Article
from rag.asked import asks_for_name, compares, units_asked_for
from rag.figures import Figure, figures, years_of
from rag.generate import NOT_FOUND
from rag.lexical import terms
from rag.names import names_in, other_names, with_other_names
from rag.select import Evidence, renamed_terms, terms_of
from rag.sentences import has_cjk
from rag.support import RANK
from rag.types import Sentence, Signals, Support
from rag.window import ALWAYS, DateWindow

MIN_SIMILARITY = 0.265
MIN_COVERAGE = 0.2

Outcome = Literal["supported", "weak", "unsupported", "refusal", "beside"]
"""What became of the model's reply: its best support, a refusal, or an answer to another question."""

MIN_CONFIDENCE = 0.69
"""How probable the model must find it that the passages hold the answer, to be asked for one.

Chosen with `_WITHOUT_SUPPORT` on former-report-8 and -10, with evidence found by an encoder of queries that
had not seen them. The scale is that of an earlier classifier, to which `rag.llm` brings what the packaged
model's adapter tells.
"""

MIN_SIDE_CONFIDENCE = 0.5
"""The same for one side of a comparison, while `MIN_CONFIDENCE` is asked of the other."""

# When nothing that it wrote is supported, so that an answer consists of quotations.
_WITHOUT_SUPPORT = 0.78

_CAPITALISED = re.compile(r"\b[A-Z][\w&’'-]*")
_CURRENCY = re.compile("[A-Z]{3}")  # as in ISO 4217

_BELIEVED: tuple[Outcome, ...] = ("supported", "weak")


def too_weak(evidence: Evidence) -> bool:
    """Whether the evidence is too far from the question to show it to the model."""
    return not evidence.excerpts or is_far(Signals(evidence.similarity, evidence.coverage))


def is_far(signals: Signals) -> bool:
    """Whether not even the nearest passages are about what was asked."""
    return signals.similarity < MIN_SIMILARITY and signals.coverage < MIN_COVERAGE


def suffices(became: Outcome, says_yes: float | None) -> bool:
    """Whether an answer is given when the reply became this.

    ``says_yes`` is how probable the model finds it that the passages hold the answer, 0 to 1, or None when it
    does not tell.
    """
    believed = became in _BELIEVED
    if says_yes is None:
        return believed
    return says_yes >= (MIN_CONFIDENCE if believed else _WITHOUT_SUPPORT)


def outcome(question: str, sentences: Sequence[Sentence], dated: DateWindow = ALWAYS) -> Outcome:
    """What became of a reply to a question with a window; none at all counts as a refusal."""
    if not sentences:
        return "refusal"
    if misses_the_point(question, sentences, dated):
        return "beside"
    return best_support(sentences)


def best_support(sentences: Sequence[Sentence]) -> Support:
    """The best state among sentences; unsupported when there are none."""
    return max((s.support for s in sentences), key=RANK.__getitem__, default="unsupported")


def misses_the_point(question: str, sentences: Sequence[Sentence], dated: DateWindow = ALWAYS) -> bool:
    """Whether what is said in reply cannot be what was asked for, however well it is supported.

    It names other years than the question only, holds no figure of the kind or no name that was
    asked for, or says nothing that the question did not. The years of a window are those of the articles
    ("in news before March 2024"), which may tell of any other.
    """
    said = " ".join(s.text for s in sentences if s.support != "unsupported")
    if not said or has_cjk(question):
        return False
    asked, told = figures(question), figures(said)
    years, years_told = years_of(asked), years_of(told)
    if not dated.narrows and years and years_told and years.isdisjoint(years_told):
        return True
    wanted = units_asked_for(question)
    if wanted and wanted.isdisjoint(_units(figure for figure in told if figure not in asked)):
        return True
    known = {*terms(question), *terms(" ".join(other_names(question)))}
    if asks_for_name(question):
        return not any(set(terms(name)) - known for name in _CAPITALISED.findall(said))
    return known.issuperset(terms(said)) and not compares(question)


def _units(found: Iterable[Figure]) -> set[str]:
    """The units of figures without their rates; every currency is money."""
    units = {figure.unit.split("/")[0] for figure in found}
    return {"money" if _CURRENCY.fullmatch(unit) else unit for unit in units}


def may_be_refusal(said: str) -> bool:
    """Whether a reply, as far as it has come, is the refusal or may still turn out to be it."""
    start = said.strip().upper().lstrip("*\"'[")
    return NOT_FOUND.startswith(start[: len(NOT_FOUND)])


_NAME_OR_FIGURE = re.compile(r"\b(?:[A-Z][\w&’-]*|\d[\d.,]*\w*)\b")


def unmatched_words(question: str, articles: Sequence[Article]) -> list[str]:
    """Names and figures of a question that no article holds under any name, as they are spelled in it."""
    present: set[str] = set()
    for article in articles:
        present |= terms_of(article) | renamed_terms(question, article)
    if has_cjk(question):  # an English article holds none of its words
        return [name for name, group in names_in(question) if not _holds_any(group, articles)]
    known = " ".join(name for name, _ in names_in(question)).split()
    words = [w for w in _NAME_OR_FIGURE.findall(question) if w in known or not question.startswith(w)]
    return list(dict.fromkeys(w for w in words if terms(w) and not set(terms(w)) & present))


def _holds_any(names: Sequence[str], articles: Sequence[Article]) -> bool:
    texts = [f"{article.title} {article.text}".casefold() for article in articles]
    return any(name.casefold() in text for name in names for text in texts)


def uncovered_names(question: str, cited: str) -> list[str]:
    """Companies, places and people in a question that the cited passages hold under none of their names."""
    held = with_other_names(cited)
    return list(
        dict.fromkeys(
            name
            for name, group in names_in(question, materials=False)
            if not any(n.casefold() in held for n in group)
        )
    )
