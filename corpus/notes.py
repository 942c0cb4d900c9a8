"""What stands around the words of an article in small print: footnotes, live prices, notes at the end.

Told by form: a note is set off by slant or size, and says no figure. Whatever says one stays.
"""

import re

from lxml.html import HtmlElement

from corpus.boilerplate import is_furniture_line, is_prose, says_figure
from corpus.hidden import drop

_MEASURE = re.compile(
    r"[$€£¥₩]\s?\d|\d\s?(?:%|°|per ?cent|ppm|k?g\b|k?t\b|k?m\b|tons?\b|tonnes?\b|met(?:er|re)s?\b"
    r"|[mb]illion|hours?\b|days?\b|dollars?|euros?|yuan|吨|公斤|万|亿|元|％)",
    re.IGNORECASE,
)
_NEWS = re.compile(
    r"(?:correct|clarif|updat|editor.s note|更正)"
    r"|.*\b(?:interview|conversation|discussion)\b.*\b(?:edited|shortened|condensed)\b",
    re.IGNORECASE,
)
_SLANTED = ("em", "i", "small")
_SMALL_NAME = re.compile(
    r"(?:^|[ _-])(?:small|smaller|text-xs|fine-?print|italics?)(?:$|[ _-])", re.IGNORECASE
)
_SMALL_STYLE = re.compile(
    r"font-style:\s*italic|font-size:\s*(?:x?x-small|smaller?|(?:[5-9]|1[0-2])(?:\.\d+)?px|[5-9](?:\.\d+)?pt|"
    r"0?\.[5-8]\d*r?em|[5-8]\d%)",
    re.IGNORECASE,
)
_LINES = ("p", "div", "li", "td", "h2", "h3", "h4", "h5", "h6", "dd", "blockquote")
_MOST_NOTES = 6
_LONGEST_NOTE = 1000
_NOTE_ID = re.compile(r"_?(?:ftn|fn|footnote|endnote|edn|note)[-_:.]?\d+", re.IGNORECASE)
_NOTE_BOX = re.compile(r"(?:^| )(?:footnotes?|endnotes?)(?:$| )", re.IGNORECASE)
_NOTE_MARK = re.compile(r"\[?\(?(?:\d{1,3}|[*†‡§]{1,3}|[ivx]{1,4})\)?\]?", re.IGNORECASE)
_LIVE_PRICE = re.compile(
    r"(?:[A-Z]{0,3}[$€£¥]?\d[\d.,]* ?)?\(?[▲▼△▽+−–-] ?[$€£¥]?\d+(?:[.,]\d+)? ?%?\)?(?: ?\([^()]*%\))?"
)
_SYMBOL = re.compile(r"\([A-Z][\w .]{1,20}: ?[A-Z0-9.]{1,8}\)?$")


def drop_note_marks(tree: HtmlElement) -> None:
    """Drop links to footnotes, and prices that a script keeps up to date behind a symbol in a sentence."""
    for link in list(tree.iter("a")):
        if re.match(r"#\w", link.get("href") or "") and _NOTE_MARK.fullmatch(
            "".join(link.itertext()).strip()
        ):
            link.drop_tree()
    for price in list(tree.iter("span", "b", "strong", "em", "i")):
        if (
            len(price) < 3
            and _LIVE_PRICE.fullmatch("".join(price.itertext()).strip())
            and _follows_symbol(price)
        ):
            price.drop_tree()


def _follows_symbol(element: HtmlElement) -> bool:
    above, parent = element.getprevious(), element.getparent()
    before = "".join(above.itertext()) + (above.tail or "") if above is not None else parent.text
    return bool(_SYMBOL.search((before or "").strip()[-40:]))


def drop_footnotes(tree: HtmlElement) -> None:
    """Drop footnotes; one that says a measure may be evidence, and stays."""
    notes = [e for e in tree.iter("li", "p", "div", "dd") if _is_footnote(e)]
    drop(e for e in notes if not _MEASURE.search("".join(e.itertext())))


def _is_footnote(element: HtmlElement) -> bool:
    box = element.getparent()
    in_box = element.tag == "li" and box is not None and bool(_NOTE_BOX.search(box.get("class") or ""))
    named = _NOTE_ID.fullmatch(element.get("id") or "") or (
        element.tag != "li" and _NOTE_BOX.search(element.get("class") or "") and len(element) < 4
    )
    return (in_box or bool(named)) and len("".join(element.itertext())) <= _LONGEST_NOTE


def drop_end_notes(part: HtmlElement) -> None:
    """Drop what stands slanted or small behind the last plain sentence of an article and says no figure."""
    lines = [e for e in part.iter(*_LINES) if next(e.iterdescendants(*_LINES), None) is None]
    notes = 0
    for line in reversed(lines):
        text = " ".join("".join(line.itertext()).split())
        if not is_prose(text) or is_furniture_line(text):
            continue
        if (
            notes == _MOST_NOTES
            or not _is_set_off(line, text, part)
            or says_figure(text)
            or _NEWS.match(text)
        ):
            break
        if text[0] in '“"‘«「' or len(text) > _LONGEST_NOTE:
            break
        drop([line])
        notes += 1


def _is_set_off(line: HtmlElement, text: str, part: HtmlElement) -> bool:
    box = line
    while box is not None and box is not part:
        if box.tag in _SLANTED or _SMALL_NAME.search(box.get("class") or ""):
            return True
        if _SMALL_STYLE.search(box.get("style") or ""):
            return True
        box = box.getparent() if len("".join(box.itertext()).strip()) <= 2 * _LONGEST_NOTE else None
    slanted = [
        e
        for e in line.iter(*_SLANTED, "span")
        if e.tag in _SLANTED or _SMALL_STYLE.search(e.get("style") or "")
    ]
    inside = {inner for e in slanted for inner in e.iterdescendants()}
    letters = sum(len("".join("".join(e.itertext()).split())) for e in slanted if e not in inside)
    return letters >= 0.95 * len("".join(text.split()))
