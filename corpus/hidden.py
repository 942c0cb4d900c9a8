"""What readers of a page cannot see: text in such an element is the usual way to speak to a machine.

Inline styles, attributes, well-known class names and the page's own style sheets tell. Sheets in other
files are not fetched, and rules inside ``@media`` do not count: they hide things on some screens only.
"""

import re
from collections.abc import Iterable, Iterator

from lxml.html import HtmlElement

# No text for a reader is in these: code, controls, and what stands in for something else.
_NEVER_TEXT = (
    "script", "style", "noscript", "template", "svg", "canvas", "iframe", "object", "embed", "applet",
    "audio", "video", "map", "input", "select", "option", "datalist", "textarea", "button", "rp", "rt",
)  # fmt: skip
_CLASSES = frozenset(
    ["screen-reader-text", "screen-reader-shortcut", "sr-only", "visually-hidden", "visuallyhidden",
     "assistive-text", "offscreen", "off-screen"]
)  # fmt: skip
_NUMBER = re.compile(r"(-?\d*\.?\d+)\s*(px|pt|em|rem|%|vw|vh)?")
_PIXELS = {"px": 1.0, "pt": 1.33, "em": 16.0, "rem": 16.0, "%": 0.16, "vw": 10.0, "vh": 10.0, "": 1.0}
_SIMPLE_SELECTOR = re.compile(r"(?:[a-z][a-z0-9]*)?([.#][\w-]+)", re.IGNORECASE)
_COLOURS = {"white": "#ffffff", "black": "#000000"}
_SMALLEST_LETTER = 4
_FAR_OUTSIDE = -500
"""Pixels: letters smaller, and places farther to the left or the top, are out of sight."""


def drop_hidden(tree: HtmlElement) -> None:
    """Take out of a page, in place, every element that is not shown, and what is no text at all."""
    by_sheet = frozenset(_hiding_selectors(tree))
    hidden = [e for e in tree.iter() if e.tag not in ("html", "body") and _is_hidden(e, by_sheet)]
    drop(hidden)


def drop(elements: Iterable[HtmlElement]) -> None:
    """Remove elements with all that is in them; the text behind each stays."""
    for element in list(elements):
        if element.getparent() is not None:
            element.drop_tree()


def _is_hidden(element: HtmlElement, by_sheet: frozenset[str]) -> bool:
    if not isinstance(element.tag, str) or element.tag in _NEVER_TEXT:  # no string: a comment
        return True
    classes = (element.get("class") or "").split()
    own = {f".{name}" for name in classes} | {f"#{element.get('id')}"}
    return (
        element.get("hidden") is not None
        or (element.get("aria-hidden") or "").strip().lower() == "true"
        or not by_sheet.isdisjoint(own)
        or not _CLASSES.isdisjoint(classes)
        or _hides(element.get("style") or "")
    )


def _hides(style: str) -> bool:
    """Whether CSS declarations make an element invisible."""
    if ":" not in style:
        return False
    rules: dict[str, str] = {}
    for declaration in style.lower().split(";"):
        name, _, value = declaration.partition(":")
        rules[name.strip()] = value.replace("!important", "").strip()
    return (
        rules.get("display") == "none"
        or rules.get("visibility") in ("hidden", "collapse")
        or _number(rules.get("opacity")) == 0
        or (_pixels(rules.get("font-size")) or _SMALLEST_LETTER) < _SMALLEST_LETTER
        or _pixels(rules.get("font-size")) == 0
        or _is_outside(rules)
        or _is_clipped(rules)
        or _is_unreadable(rules)
    )


def _is_outside(rules: dict[str, str]) -> bool:
    places = ("left", "top", "right", "text-indent", "margin-left", "margin-top")
    return any((_pixels(rules.get(name)) or 0) <= _FAR_OUTSIDE for name in places) or bool(
        re.search(r"translate(?:x|y|3d)?\(\s*-\d{4,}", rules.get("transform", ""))
    )


def _is_clipped(rules: dict[str, str]) -> bool:
    box = [_pixels(rules.get(name)) for name in ("width", "height", "max-height", "max-width")]
    no_room = any(side is not None and side <= 1 for side in box)
    return (
        (no_room and rules.get("overflow", "") in ("hidden", "clip"))
        or bool(
            re.match(r"rect\(\s*[01](?:px)?[\s,]+[01](?:px)?[\s,]+[01](?:px)?[\s,]", rules.get("clip", ""))
        )
        or bool(re.match(r"inset\(\s*(?:[5-9]\d|100)%", rules.get("clip-path", "")))
        or bool(re.search(r"scale[xy]?\(\s*0\s*[,)]", rules.get("transform", "")))
    )


def _is_unreadable(rules: dict[str, str]) -> bool:
    """Whether letters have the colour of the paper, or none."""
    colour = _colour(rules.get("color", ""))
    paper = _colour((rules.get("background-color") or rules.get("background") or "").split(" ")[0])
    return colour == "transparent" or (bool(colour) and colour == paper)


def _colour(value: str) -> str:
    value = _COLOURS.get(value, value).replace(" ", "")
    if re.fullmatch(r"#[0-9a-f]{3}", value):
        return "#" + "".join(digit * 2 for digit in value[1:])
    if match := re.fullmatch(r"rgba?\((\d{1,3}),(\d{1,3}),(\d{1,3})(?:,([\d.]+))?\)", value):
        if match[4] is not None and float(match[4]) == 0:
            return "transparent"
        return "#" + "".join(f"{min(255, int(part)):02x}" for part in match.groups()[:3])
    return value


def _number(value: str | None) -> float | None:
    match = _NUMBER.match(value or "")
    return float(match[1]) if match else None


def _pixels(value: str | None) -> float | None:
    match = _NUMBER.match(value or "")
    return float(match[1]) * _PIXELS[match[2] or ""] if match else None


def _hiding_selectors(tree: HtmlElement) -> Iterator[str]:
    """Plain selectors (".name", "#name", "p.name") that the page's own style sheets hide."""
    for sheet in tree.iter("style"):
        for selectors, declarations in _rules(re.sub(r"/\*.*?\*/", "", sheet.text or "", flags=re.DOTALL)):
            if _hides(declarations):
                for selector in selectors.split(","):
                    if match := _SIMPLE_SELECTOR.fullmatch(selector.strip()):
                        yield match[1]


def _rules(css: str) -> Iterator[tuple[str, str]]:
    """The rules of a style sheet that stand in no block of another."""
    depth = 0
    selectors = ""
    start = 0
    for match in re.finditer(r"[{};]", css):
        mark = match.group()
        if mark == "{":
            if depth == 0:
                selectors = css[start : match.start()].strip()
                start = match.end()
            depth += 1
        elif mark == "}":
            depth = max(0, depth - 1)
            if depth == 0:
                if not selectors.startswith("@"):
                    yield selectors, css[start : match.start()]
                start = match.end()
        elif depth == 0:
            start = match.end()
