"""Slips of the model that the passages can put right, before a sentence is checked or after.

A small model drops the country from a currency and the "about" from a figure, and repeats words of the
question that no passage has.
"""

import re

from rag.lexical import terms
from rag.names import names_in

_BARE_DOLLARS = re.compile(r"(?<![A-Za-z$])\$\s?(\d[\d,.]*\d|\d)")
_DOLLARS = r"(?<![A-Za-z])([A-Z]{{0,2}}\$(?:US|A|C)?)\s?{}(?![,.]?\d)"
_RESERVATION = (
    r"about|around|some|roughly|approximately|nearly|almost|close to|more than|less than|fewer than|at least"
    r"|at most|up to|as much as|as many as|an estimated"
)
_AMOUNT = r"(?:[A-Z]{0,3}[$€£¥]\s?|RMB\s?|CNY\s?)?\d[\d,.]*(?<=\d)%?"
_RESERVED = re.compile(
    rf"(?:\b({_RESERVATION})\s)?(?<![\w.,$€£¥-])({_AMOUNT})(?![\w-])(?!\s(?:\w+\s)?or so\b)", re.IGNORECASE
)
# "The about 22 kilograms" and "its extra about 22" are no English, and the second end of a range has its
# reservation at the first.
_NO_PLACE = re.compile(
    r"(?:\b(?:the|its|their|his|her|a|an|this|that|these|those|between|than|over|under|exactly|only|no|not"
    r"|extra|additional|another|further|other|new|full|total|entire|whole|same|first|second|last|next|\w+['’]s?)"
    r"|\d\S*\s(?:to|and|or))\s$",
    re.IGNORECASE,
)

_PART = r"[^,;:.]{1,60}?"
_CONTRAST = re.compile(
    rf"\b(?:(?:did|does|do)\s)?not\s(?P<denied>{_PART})\sbut\s|,\s(?:and\s)?not\s(?P<after>{_PART})(?=[,.;]|$),?"
)


def with_currencies(sentence: str, evidence: str) -> str:
    """A sentence whose bare dollars are those of the evidence, if it has that number in one currency only.

    >>> with_currencies("It offers $0.545 a share.", "GICP proposed at least A$0.545 each.")
    'It offers A$0.545 a share.'
    """

    def own(match: re.Match[str]) -> str:
        signs = set(re.findall(_DOLLARS.format(re.escape(match[1])), evidence))
        return f"{signs.pop()}{match[1]}" if len(signs) == 1 else match.group()

    return _BARE_DOLLARS.sub(own, sentence)


def without_echoes(sentence: str, missing: tuple[str, ...], question: str) -> str:
    """A sentence without the words that it only repeats from the question, if those are all that is missing.

    Figures are no echo, nor are names of companies, places and people: they say whom a statement is about.

    Args:
        sentence: what the model wrote.
        missing: its words that no passage holds.
        question: what was asked.
    """
    known = " ".join(name for name, _ in names_in(sentence, materials=False)).split()
    asked = {word for word in re.findall(r"[\w&’'-]+", question) if word not in known and word.isalpha()}
    if not missing or not asked.issuperset(missing):
        return sentence
    return re.sub(rf"\b(?:{'|'.join(map(re.escape, missing))})\b\s?", "", sentence)


def without_contrast(sentence: str, question: str) -> str:
    """A sentence without what it denies of what the question takes for granted.

    >>> without_contrast("Its plant is not in Lyon but in Grenoble.", "Why is its plant in Lyon?")
    'Its plant is in Grenoble.'
    """
    asked = set(terms(question))

    def unless_more(match: re.Match[str]) -> str:
        return "" if asked.issuperset(terms(match["denied"] or match["after"])) else match.group()

    return _CONTRAST.sub(unless_more, sentence)


def with_reservations(sentence: str, evidence: str) -> str:
    """A sentence whose figures have the "about" or "at least" that they always have in the evidence.

    >>> with_reservations("Each F-35 holds 22 kilograms.", "It puts about 22 kilograms into each F-35.")
    'Each F-35 holds about 22 kilograms.'
    """
    known: dict[str, set[str]] = {}
    for reserved, amount in _RESERVED.findall(evidence):
        known.setdefault(amount, set()).add(reserved.lower())

    def with_own(match: re.Match[str]) -> str:
        always = known.get(match[2], set())
        if match[1] or len(always) != 1 or _NO_PLACE.search(sentence[: match.start(2)]):
            return match.group()
        return " ".join(filter(None, (*always, match[2])))

    return _RESERVED.sub(with_own, sentence)
