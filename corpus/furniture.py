"""What surrounds the article of a page: told by element, role, name, heading and wording.

Nothing goes that holds most of the prose of the page, since themes call whole articles "has-sidebar"
and whole sites stand in one form. The lists are in ``furniture.yaml``.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import yaml
from lxml.html import HtmlElement

from corpus.hidden import drop

_LISTS: dict[str, list[str]] = yaml.safe_load(
    (Path(__file__).parent / "furniture.yaml").read_text(encoding="utf-8")
)
_TAGS = frozenset(["nav", "aside", "footer", "header", "form", "dialog", "menu", "figcaption", "address"])
_ROLES = frozenset(
    ["navigation", "banner", "contentinfo", "complementary", "search", "dialog", "alertdialog",
     "menu", "menubar", "toolbar", "tablist", "alert"]
)  # fmt: skip
_LEVELS = {f"h{level}": level for level in range(1, 7)}
_PSEUDO_HEADINGS = frozenset(["p", "div", "span", "strong", "b", "summary", "dt", "label"])
_PSEUDO_LEVEL = 7
_LONGEST_HEADING = 80
_LONGEST_LINE = 200
_PROSE_CHARS = 40
"""A text of this many characters outside a link is prose; a Chinese character counts for three."""
_MOST = 0.5
_NEARLY_ALL = 0.9
_BOXES = frozenset(
    ["div", "main", "article", "section", "form", "center", "td", "tr", "tbody", "table", "body", "font"]
)
_MOST_HEADINGS = 100
"""Each is looked at with all that follows it; a page with more of them is made to waste time."""
_REPEATED = 0.6
_LONGEST_LINK = 30
_MOST_LINKS = 100
_NAME_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_TEXT_BAR = re.compile(r"[^\W\d][^|\d]{1,20}(?: ?\| ?[^|\d]{2,20}){2,}")
_CJK = re.compile("[\u3400-\u9fff]")
_WORD = re.compile(r"[\u3400-\u9fff]|[^\W\u3400-\u9fff]+")


def _either(patterns: Iterable[str]) -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{pattern})" for pattern in patterns), re.IGNORECASE)


_HEADING, _SUMMARY = _either(_LISTS["headings"]), _either(_LISTS["summaries"])
_LINE, _BYLINE, _NOTE = _either(_LISTS["lines"]), _either(_LISTS["bylines"]), _either(_LISTS["notes"])
_NAMES = frozenset(tuple(name.split()) for name in _LISTS["names"])
_LONGEST_NAME = max(map(len, _NAMES))


def drop_furniture(tree: HtmlElement) -> None:
    """Take out of a page, in place, what is not its article. Hidden elements must be gone already."""
    prose = _prose_lengths(tree)
    most = _MOST * prose[tree]
    drop(e for e in tree.iter() if _is_furniture(e) and prose[e] <= most)
    drop(e for e in tree.iter() if _is_link_bar(e))
    for heading in _headings(tree, _SUMMARY):
        _drop_repetition(tree, heading)
    for heading in _headings(tree, _HEADING):
        _drop_section(heading, prose, most)


def main_part(tree: HtmlElement) -> HtmlElement:
    """The smallest element that holds nearly all of the prose of a page."""
    prose = _prose_lengths(tree)
    least = _NEARLY_ALL * prose[tree]
    part = tree.find("body") if tree.find("body") is not None else tree
    while (inner := next((e for e in part if prose[e] >= least), None)) is not None:
        if inner.tag not in _BOXES:
            break
        part = inner
    return part


def is_prose(text: str | None) -> bool:
    """Whether a run of text is long enough to be a sentence of an article."""
    text = (text or "").strip()
    return len(text) + 2 * len(_CJK.findall(text)) >= _PROSE_CHARS


def strip_lines(blocks: Iterable[str]) -> list[str]:
    """Drop paragraphs and list items that only a page's furniture says, and notes inside the others."""
    blocks = list(blocks)
    kept: list[str] = []
    for place, block in enumerate(blocks):
        at_an_end = place < 3 or place >= len(blocks) - 3
        lines = (_NOTE.sub("", line).strip() for line in block.split("\n"))
        rest = [line for line in lines if line and not _is_furniture_line(line.removeprefix("- "), at_an_end)]
        if rest:
            kept.append("\n".join(rest))
    return kept


def _is_furniture_line(line: str, at_an_end: bool) -> bool:
    if len(line) > _LONGEST_LINE:
        return False
    bare = line.strip(" .:*|")
    return not bare or bool(_LINE.fullmatch(bare) or (at_an_end and _BYLINE.fullmatch(bare)))


# Elements


def _is_furniture(element: HtmlElement) -> bool:
    if element.tag in ("html", "body", "main", "article"):
        return False
    if element.tag == "footer" and element.getparent().tag in ("blockquote", "figure"):
        return False  # who said it
    return (
        element.tag in _TAGS
        or (element.get("role") or "").lower() in _ROLES
        or any(name in _NAMES for name in _names_of(element))
    )


def _names_of(element: HtmlElement) -> Iterator[tuple[str, ...]]:
    """Every run of words in the classes and the id of an element."""
    for token in (*(element.get("class") or "").split(), element.get("id") or ""):
        words = [word.lower() for word in _NAME_WORD.findall(token[:100])]
        for start in range(len(words)):
            for end in range(start + 1, min(start + _LONGEST_NAME, len(words)) + 1):
                yield tuple(words[start:end])


def _prose_lengths(tree: HtmlElement) -> dict[HtmlElement, int]:
    """How many characters of prose each element holds, with all that is in it."""
    prose: dict[HtmlElement, int] = dict.fromkeys(tree.iter(), 0)
    for element in reversed(list(prose)):  # children come before their parents
        if element.tag != "a":
            prose[element] += _prose(element.text)
        parent = element.getparent()
        if parent is not None and parent in prose:
            prose[parent] += prose[element] + _prose(element.tail)
    return prose


def _prose(text: str | None) -> int:
    return len((text or "").strip()) if is_prose(text) else 0


def _is_link_bar(element: HtmlElement) -> bool:
    """Whether an element holds short links, or short words between bars, and next to nothing else."""
    if element.tag in ("html", "body"):
        return False
    if _TEXT_BAR.fullmatch(_text(element, 200)):
        return True
    links = list(element.iter("a"))[:_MOST_LINKS]
    if len(links) < 2:
        return False
    linked = sum(len(_text(link)) for link in links)
    rest = len(re.sub(r"[\W_]", "", _text(element, 2000))) - linked
    return linked <= _LONGEST_LINK * len(links) and rest <= linked / 4


# Headings


def _says(element: HtmlElement, pattern: re.Pattern[str]) -> bool:
    if element.tag not in _LEVELS and element.tag not in _PSEUDO_HEADINGS:
        return False
    text = _text(element, _LONGEST_HEADING + 1).strip(" :.…*")
    return 0 < len(text) <= _LONGEST_HEADING and bool(pattern.fullmatch(text))


def _headings(tree: HtmlElement, pattern: re.Pattern[str]) -> Iterator[HtmlElement]:
    for element in [e for e in tree.iter() if _says(e, pattern)][:_MOST_HEADINGS]:
        if element.getroottree().getroot() is tree:  # not gone with another
            yield element


def _text(element: HtmlElement, at_most: int = 10**9) -> str:
    parts: list[str] = []
    length = 0
    for part in element.itertext():
        parts.append(part)
        length += len(part.strip())
        if length > at_most:
            break
    return " ".join(" ".join(parts).split())


def _section(heading: HtmlElement) -> list[HtmlElement]:
    """The heading with what belongs to it: the box that it heads, or what follows up to the next heading."""
    top = heading
    while (parent := top.getparent()) is not None and parent.tag not in ("body", "main", "article", "html"):
        if _text(parent, 200)[: len(_text(top))] != _text(top) or len(_text(parent)) == 0:
            break
        if any(e.tag in _LEVELS and e is not heading and _level(e) <= _level(heading) for e in parent.iter()):
            break
        top = parent
    if len(_text(top)) > len(_text(heading)):
        return [top]
    section = [top]
    for sibling in top.itersiblings():
        if any(e.tag in _LEVELS and _level(e) <= _level(heading) for e in sibling.iter()):
            break
        section.append(sibling)
        if heading.tag not in _LEVELS and sibling.tag in ("ul", "ol", "p", "div"):
            break  # a line that serves as a heading: only what is next belongs to it
    return section


def _level(element: HtmlElement) -> int:
    return _LEVELS.get(element.tag, _PSEUDO_LEVEL)


def _drop_section(heading: HtmlElement, prose: dict[HtmlElement, int], most: float) -> None:
    section = _section(heading)
    drop(section if sum(prose[element] for element in section) <= most else [heading])


def _drop_repetition(tree: HtmlElement, heading: HtmlElement) -> None:
    """Drop a box of highlights when most of what it says stands in the article too."""
    section = _section(heading)
    if len(section) > 1 and section[1].tag in ("ul", "ol"):
        del section[2:]  # the article itself may follow without a heading of its own
    said = _runs(" ".join(_text(element) for element in section[1:] or section))
    everything = _runs(_text(tree))
    if said and sum(everything[run] > said[run] for run in said) >= _REPEATED * len(said):
        drop(section)


def _runs(text: str) -> Counter[tuple[str, ...]]:
    words = _WORD.findall(text.lower())
    return Counter(tuple(words[place : place + 3]) for place in range(len(words) - 2))
