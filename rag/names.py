"""Other names for the same thing: tickers, abbreviations, Chinese names (``names.yaml``)."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import yaml

from rag.sentences import has_cjk

_FILE = Path(__file__).with_name("names.yaml")
# A letter or digit that is not Chinese: Chinese text has no spaces around the foreign words in it.
_LETTER = re.compile(r"[^\W_\u3400-\u9fff]")
# Where a name may begin: at any Chinese character, or at the first letter of a word.
_START = re.compile(rf"[\u3400-\u9fff]|(?<!{_LETTER.pattern}){_LETTER.pattern}+")
_EXCHANGE = re.compile(r"(?<=[A-Za-z]):(?=[A-Z0-9])")
_ACRONYM_CHARS = 5
_GLOSSARY = "terms"  # plain words, in Chinese and English
_COMPANIES = "companies"

_ACTORS = ("companies", "agencies")
_MATERIALS = ("elements", "oxides", _GLOSSARY)


@dataclass(frozen=True)
class _Name:
    """One spelling and the group of names that it belongs to, canonical one first."""

    spelling: str
    group: tuple[str, ...]
    section: str = ""

    def stands_at(self, text: str, folded: str, start: int) -> bool:
        end = start + len(self.spelling)
        # "US" is not "us", and "IRA" not "Ira": short capitals match only as they are.
        if self.spelling.isupper() and len(self.spelling) <= _ACRONYM_CHARS:
            matches = text.startswith(self.spelling, start)
        else:
            matches = folded.startswith(self.spelling.casefold(), start)
        return matches and (has_cjk(self.spelling) or not _LETTER.match(text, end))


def names_in(text: str, *, materials: bool = True) -> list[tuple[str, tuple[str, ...]]]:
    """The known names in a text as they are spelled there, each with all names of the same thing.

    ``materials=False`` leaves elements, oxides and plain words out.
    """
    return [
        (name.spelling, name.group) for name in _names_in(text) if materials or name.section not in _MATERIALS
    ]


def companies() -> list[tuple[str, ...]]:
    """All names of each company, the canonical one first."""
    return list(
        dict.fromkeys(n.group for names in _names().values() for n in names if n.section == _COMPANIES)
    )


def actors_in(text: str) -> list[tuple[str, tuple[str, ...]]]:
    """The companies and agencies in a text as they are spelled there, each with all its names."""
    return [(name.spelling, name.group) for name in _names_in(text) if name.section in _ACTORS]


def other_names(text: str) -> list[str]:
    """Names that mean the same as a name in the text and are not in it, canonical ones first.

    >>> "Baogang Group" in other_names("包钢在会上承诺了什么？")
    True
    """
    folded = text.casefold()
    found: dict[str, None] = {}
    for name in _names_in(text):
        for other in name.group:
            if other.casefold() not in folded:
                found.setdefault(other)
    return list(found)


def with_other_names(text: str) -> str:
    """A text in lower case, followed by the other names of what it names: for looking names up in it."""
    return f"{text} {' '.join(other_names(text))}".casefold()


def names_any(text: str, names: Iterable[str]) -> bool:
    """Whether a text holds one of some names, or something that goes by one of them."""
    held = with_other_names(text)
    return any(name.casefold() in held for name in names)


def without_tickers(text: str) -> str:
    """A text without the names in it that hold digits: 600111 is a company there, and no figure."""
    for spelling, _ in names_in(text):
        if any(character.isdigit() for character in spelling):
            text = re.sub(re.escape(spelling), " ", text, flags=re.IGNORECASE)
    return text


def spelled_out(text: str) -> str:
    """A text with tickers and other names in capitals or digits as the names that they stand for.

    >>> spelled_out("LYC capex?")
    'Lynas Rare Earths capex?'
    """
    for name in _names_in(text):
        if name.spelling == name.spelling.upper() and not has_cjk(name.spelling):
            text = re.sub(rf"(?<!\w){re.escape(name.spelling)}(?!\w)", name.group[0], text)
    return text


def english_names(text: str, *, words: bool = True) -> list[str]:
    """The canonical English names of the Chinese names in a text, in the order of the text.

    ``words`` also gives those of plain words, such as output for 产量.
    """
    return list(
        dict.fromkeys(
            name.group[0]
            for name in _names_in(text)
            if has_cjk(name.spelling) and (words or name.section != _GLOSSARY)
        )
    )


@lru_cache(maxsize=2_000)  # an answer is checked against the same sentences dozens of times
def _names_in(text: str) -> tuple[_Name, ...]:
    """The longest name at each place where one begins; names do not overlap."""
    return tuple(_find_names(text))


def _find_names(text: str) -> Iterator[_Name]:
    folded = text.casefold()
    if len(folded) != len(text):  # a few letters grow when folded ("ß"), and places must stay the same
        folded = "".join(folding if len(folding := letter.casefold()) == 1 else letter for letter in text)
    by_start = _names()
    done = 0
    for match in _START.finditer(folded):
        if match.start() < done:
            continue
        for name in by_start.get(match.group(), ()):
            if name.stands_at(text, folded, match.start()):
                yield name
                done = match.start() + len(name.spelling)
                break


def _spaced(ticker: str) -> str:
    return _EXCHANGE.sub(": ", ticker)


@lru_cache(maxsize=1)
def _names() -> dict[str, list[_Name]]:
    """Names by their first word or Chinese character, the longest first."""
    by_start: dict[str, list[_Name]] = defaultdict(list)
    sections = yaml.load(_FILE.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
    for section, groups in sections.items():
        for group in groups:
            # "NYSE: MP" is how articles write it; the file has "NYSE:MP".
            for spelling in dict.fromkeys(form for name in group for form in (name, _spaced(name))):
                # English words for plain things ("output", "plant") would only blur a search;
                # that section is a glossary for questions in Chinese, and of abbreviations.
                plain = section == _GLOSSARY and not (has_cjk(spelling) or spelling.isupper())
                if not plain and (start := _START.match(spelling.casefold())):
                    name = _Name(spelling, tuple(group), section)
                    by_start[start.group()].append(name)
    for names in by_start.values():
        names.sort(key=lambda name: -len(name.spelling))
    return dict(by_start)
