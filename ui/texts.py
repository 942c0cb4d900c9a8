"""What the chat page says in each language that it speaks (``texts.yaml``)."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

LANGUAGES = ("en", "zh")
COOKIE = "reex-language"
"""Holds the language that somebody chose; the browser's own counts without it."""


@dataclass(frozen=True)
class Texts:
    """The texts in one language; call it with the name of a text and what to fill in.

    >>> ENGLISH("waiting", n=3, seconds=40)
    'You are number 3 in line; about 40 s'
    """

    language: str

    def __call__(self, name: str, **filled: object) -> str:
        text = _texts()[name][LANGUAGES.index(self.language)]
        return text.format(**filled) if filled else text


ENGLISH, CHINESE = (Texts(language) for language in LANGUAGES)


def texts_for(cookies: Any, headers: Any) -> Texts:
    """The texts for whoever sent these cookies and headers (mappings of strings)."""
    chosen = cookies.get(COOKIE)
    if chosen in LANGUAGES:
        return Texts(chosen)
    for wanted in str(headers.get("accept-language", "")).split(","):
        if (language := wanted.strip()[:2].lower()) in LANGUAGES:
            return Texts(language)
    return ENGLISH


@lru_cache(maxsize=1)
def _texts() -> dict[str, list[str]]:
    found: dict[str, list[str]] = yaml.safe_load(Path(__file__).with_name("texts.yaml").read_text("utf-8"))
    return found
