"""Slips of the model that the passages can put right, before a sentence is checked or after.

A small model drops the country from a currency, and repeats words of the question that no passage has.
"""

import re

from rag.names import names_in

_BARE_DOLLARS = re.compile(r"(?<![A-Za-z$])\$\s?(\d[\d,.]*\d|\d)")
_DOLLARS = r"(?<![A-Za-z])([A-Z]{{0,2}}\$(?:US|A|C)?)\s?{}(?![,.]?\d)"


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
