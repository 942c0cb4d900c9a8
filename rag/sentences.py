"""Where sentences begin and end, as offsets, in English and Chinese text."""

import re
from collections.abc import Iterator

# A full stop after one of these does not end a sentence.
_ABBREVIATIONS = frozenset(
    [
        "mr",
        "mrs",
        "ms",
        "dr",
        "prof",
        "gen",
        "sen",
        "rep",
        "gov",
        "st",
        "vs",
        "no",
        "nos",
        "fig",
        "inc",
        "ltd",
        "co",
        "corp",
        "llc",
        "plc",
        "jr",
        "sr",
        "approx",
        "est",
        "ca",
        "cf",
        "al",
        "e.g",
        "i.e",
        "u.s",
        "u.k",
        "u.n",
        "e.u",
        "a.m",
        "p.m",
        "jan",
        "feb",
        "mar",
        "apr",
        "jun",
        "jul",
        "aug",
        "sep",
        "sept",
        "oct",
        "nov",
        "dec",
    ]
)
_CJK = re.compile("[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]")
_END = re.compile(r"""[.!?…]["'”’)\]]*(?=\s|$)|[。！？；][”’」』）]*|\n{2,}""")
_LAST_WORD = re.compile(r"[\w.]+$")


def has_cjk(text: str) -> bool:
    """Whether a text holds a Chinese character."""
    return bool(_CJK.search(text))


def sentence_spans(text: str, start: int = 0, end: int | None = None) -> Iterator[tuple[int, int]]:
    """Yield ``(start, end)`` of each sentence in ``text[start:end]``, in order.

    Spans carry no white space at their ends, do not overlap, and together hold every
    character that is not white space. An empty line always ends a sentence.
    """
    stop = len(text) if end is None else end
    begin = start
    for match in _END.finditer(text, start, stop):
        if match.group().startswith(".") and _is_abbreviation(text, begin, match, stop):
            continue
        yield from trimmed(text, begin, match.end())
        begin = match.end()
    yield from trimmed(text, begin, stop)


def split_sentences(text: str) -> list[str]:
    """The sentences of a text."""
    return [text[start:end] for start, end in sentence_spans(text)]


def _is_abbreviation(text: str, begin: int, dot: re.Match[str], stop: int) -> bool:
    # The last word is looked for in a short window, so that the scan stays linear.
    word = _LAST_WORD.search(text, max(begin, dot.start() - 12), dot.start())
    if word is None:
        return False
    found = word.group().lower().strip(".")
    single_initial = len(found) == 1 and found.isalpha() and word.group()[0].isupper()
    if found not in _ABBREVIATIONS and not single_initial:
        return False
    rest = text[dot.end() : min(stop, dot.end() + 3)]
    return bool(rest.strip()) and not rest.startswith("\n\n")


def trimmed(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """The span without white space at its ends; nothing when there is only white space."""
    piece = text[start:end]
    left = start + len(piece) - len(piece.lstrip())
    right = start + len(piece.rstrip())
    if left < right:
        yield left, right
