"""What surrounds the article of a page: told by element, role, name, heading and wording.

Nothing goes that holds most of the prose of the page, since themes call whole articles "has-sidebar"
and whole sites stand in one form. The lists are in ``furniture.yaml``.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import islice, takewhile

from lxml import etree, html
from lxml.html import HtmlElement

from corpus.boilerplate import LISTS, either, is_appeal, is_furniture_line, is_prose, resembles, says_figure
from corpus.clean import WORD
from corpus.hidden import drop
from corpus.notes import drop_footnotes

_TAGS = frozenset(
    ["nav", "aside", "footer", "header", "form", "dialog", "menu", "figcaption", "address",
     "amp-twitter", "amp-instagram", "amp-facebook", "amp-tiktok", "amp-ad"]
)  # fmt: skip
_ROLES = frozenset(
    ["navigation", "banner", "contentinfo", "complementary", "search", "dialog", "alertdialog",
     "menu", "menubar", "toolbar", "tablist", "alert"]
)  # fmt: skip
_LEVELS = {f"h{level}": level for level in range(1, 7)}
_PSEUDO_HEADINGS = frozenset(["p", "div", "span", "strong", "b", "summary", "dt", "label"])
_PSEUDO_LEVEL = 7
_LONGEST_HEADING = 80
_MOST = 0.5
_NEARLY_ALL = 0.9
_BOXES = frozenset(
    ["div", "main", "article", "section", "form", "center", "td", "tr", "tbody", "table", "body", "font"]
)
_IN_LINE = ("a", "span", "strong", "em", "b", "i", "font")
_MOST_HEADINGS = 100
"""Each is looked at with all that follows it; a page with more of them is made to waste time."""
_REPEATED = 0.6
_PULLED = 0.7
_STEM = 5
_TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_ONES = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
         "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"]  # fmt: skip
_NUMERAL = re.compile(rf"\b(?:({'|'.join(_TENS)})(?:-({'|'.join(_ONES[:9])}))?|({'|'.join(_ONES[1:])}))\b")
_LONGEST_LINK = 30
_LONGEST_TITLE = 250
_MOST_EMPTY = 1000
_LONGEST_CAPTION = 300
_LONGEST_TEASER = 300
_LONGEST_BOX = 400
_LITTLE = 50
_LEAST_WORDS = 10
_LEAST_OF_TITLE = 4
_SMALL_BOXES = ("div", "section", "td", "blockquote", "li", "form", "fieldset")
_ASKS = "data-asks-for"
_LISTS = ("ul", "ol", "dl")
_APPEALING = ("p", "div", "li", "h2", "h3", "h4", "h5", "h6", "td", "dd")
_SENTENCE_MARKS = (".", "!", "?", "。", "！", "？")
_MOST_LINKS = 100
_NAMED_BY = ("id", "data-testid", "data-component", "data-module")
_LINKED = 0.2
_LONGEST_CALL = 60
_MOST_OF_OFFER = 250
_MOST_POINTS = 10
_MOST_OF_SIGNUP = 150
_LARGE = 1000
_MOST_IN_BOX = 5
_MOST_TOLD = 500
_LONG = 2000
_LONGEST_BYLINE = 150
_BYLINE_PROPERTIES = ("author", "datePublished", "dateModified")
_NAME_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_LABEL = re.compile(
    r"(?:also|must|related|read|see|watch|listen|more|further|recommended|"
    r"lire aussi|lesen sie auch|mehr zum thema|lea también|leia também|相关阅读|延伸阅读|関連記事)"
    r"[^\d.]{0,40}[:：|–—>»-]",
    re.IGNORECASE,
)
_CORRECTION = re.compile(
    r"(?:correction|clarification|update|editor.s note|更正)\b.{0,40}[:：]", re.IGNORECASE
)
_COUNTED = re.compile(r"utm_|sponsor|partner|[?&](?:aff|ref)\w*=", re.IGNORECASE)
_OFFER = re.compile(
    r"(?:book|get|try|learn|see|start|sign|register|discover|download|find|join|claim|shop|visit|request|read)\b",
    re.IGNORECASE,
)
_TICKER = re.compile(r"\([A-Z][\w .]{1,20}: ?[A-Z0-9.]{1,8}\)")
_ANY_LABEL = re.compile(r"[^\d.]{3,40}[:：]")
_TEXT_BAR = re.compile(r"[^\W\d][^|\d]{1,20}(?: ?\| ?[^|\d]{2,20}){2,}")


_HEADING, _SUMMARY = either(LISTS["headings"]), either(LISTS["summaries"])
_CARDS, _SPONSOR, _CALL = either(LISTS["cards"]), either(LISTS["sponsors"]), either(LISTS["calls"])
_NAMES = frozenset(tuple(name.split()) for name in LISTS["names"])
_SUMMARIES = frozenset(tuple(name.split()) for name in LISTS["summary names"])
_CALL_SECTION = either(LISTS["call headings"])
_DIAL_IN = either(LISTS["dial in"])
_STANDFIRSTS = frozenset(tuple(name.split()) for name in LISTS["standfirsts"])
_HEADING_NAMES = frozenset(tuple(name.split()) for name in LISTS["heading names"])
_LONGEST_NAME = max(map(len, _NAMES | _STANDFIRSTS | _SUMMARIES | _HEADING_NAMES))


def mark_requests(tree: HtmlElement) -> None:
    """Mark what asks for an e-mail address or a click, before fields and buttons go with what is hidden."""
    for field in tree.iter("input"):
        box = next(field.iterancestors("form", *_SMALL_BOXES), None)
        asked = f"{field.get('type')} {field.get('name')} {field.get('placeholder')}".lower()
        if box is not None and "mail" in asked:
            box.set(_ASKS, "address")
    for button in tree.iter("button"):
        if _is_call(button):
            button.tag = "a"


def drop_furniture(tree: HtmlElement) -> None:
    """Take out of a page, in place, what is not its article. Hidden elements must be gone already."""
    _open_headers(tree)
    _open_captions(tree)
    prose = _prose_lengths(tree)
    most = _MOST * prose[tree]
    for box in [e for e in tree.iter() if e.get(_ASKS) is not None]:
        if len(_text(box, _LONGEST_BOX + 1)) <= _LONGEST_BOX:
            _drop_box(box, prose, min(_MOST_OF_SIGNUP, most))
    drop(e for e in tree.iter() if _is_furniture(e) and prose[e] <= most)
    drop_footnotes(tree)
    filled = _filled_headings(tree)
    headings = list(tree.iter(*_LEVELS))
    if len(headings) > _MOST_HEADINGS:  # a page that is made to waste time
        drop(heading for heading in headings[1:] if heading not in filled)
    for heading in _headings(tree, _CARDS):
        _drop_cards(heading, prose, most)
    for element in [e for e in tree.iter() if _is_link_bar(e)]:
        _drop_with_heading(element)
    drop(e for e in tree.iter("table") if _is_picture(e) or re.fullmatch(r"[– -]*\d{1,3}[– -]*", _text(e, 9)))
    drop(e for e in tree.iter("p", "div", "li", "blockquote") if _is_label_of_link(e))
    drop(e for e in tree.iter("p", "div") if _is_byline(e) or _is_under_picture(e))
    drop(card for cards in _teasers(tree, prose) for card in cards)
    _drop_pulled_quotes(tree)
    for heading in _headings(tree, _SUMMARY):
        _drop_repetition(tree, _section(heading))
    for box in [e for e in tree.iter("div", "section", "ul") if any(n in _SUMMARIES for n in _names_of(e))]:
        if prose.get(box, 0) <= most and box.getroottree().getroot() is tree:
            _drop_repetition(tree, [box])
    for heading in _headings(tree, _CALL_SECTION):
        _drop_dial_in(heading)
    for heading in _headings(tree, _SPONSOR):
        _drop_sponsor(heading)
    for heading in _headings(tree, _HEADING):
        _drop_section(heading, prose, most)
    for call in [e for e in tree.iter("a") if _is_call(e)]:
        _drop_box(call, prose, min(_MOST_OF_OFFER, most))
    drop(e for e in tree.iter("p") if _is_link_alone(e))
    drop(
        e for e in tree.iter("div", "section", "table") if prose.get(e, 0) <= most / 2 and _is_inset_offer(e)
    )
    for heading in list(tree.iter("h2", "h3", "h4", "h5", "h6"))[:_MOST_HEADINGS]:
        _drop_heading_of_links(tree, heading)
    for element in [e for e in tree.iter(*_APPEALING) if _appeals(e)]:
        _drop_box(element, prose, min(_LITTLE, most))
    drop(filled - _filled_headings(tree))


def _filled_headings(tree: HtmlElement) -> set[HtmlElement]:
    """Headings with words under them before the next that is as high."""
    open_ones: list[HtmlElement] = []
    filled: set[HtmlElement] = set()
    inside: HtmlElement | None = None
    for event, element in etree.iterwalk(tree, events=("start", "end")):
        if element.tag in _LEVELS:
            inside = element if event == "start" else None
            if event == "start":
                open_ones = [other for other in open_ones if _level(other) < _level(element)]
            elif "".join(element.itertext()).strip():
                open_ones.append(element)
        words = element.text if event == "start" else element.tail
        if inside is None and (words or "").strip():
            filled.update(open_ones)
            open_ones.clear()
    return filled


def drop_headline(tree: HtmlElement, title: str) -> None:
    """Empty the title of a page, which is no evidence of its own; its place stays marked."""
    headings = [e for e in tree.iter("h1") if len(_text(e, _LONGEST_TITLE + 1)) <= _LONGEST_TITLE]
    parts = re.split(r" [/|–—-] ", tree.findtext(".//title") or "")  # on pages in two languages, both
    parts = [part.strip() for part in parts if len(part.split()) >= _LEAST_OF_TITLE] if parts[1:] else []
    headings += [e for e in tree.iter("h2", "h3") if _text(e, _LONGEST_TITLE + 1) in parts]
    if not headings and (top := _top_line(tree)) is not None:
        headings.append(top)
    for heading in headings:
        if len(headings) == 1 or heading.tag != "h1" or resembles(_text(heading), title):
            tail = heading.tail
            heading.clear()
            heading.tail = tail


def _top_line(tree: HtmlElement) -> HtmlElement | None:
    """The bold and centred line above all prose of a page without headings, as in filings."""
    for line in tree.iter("p", "div", "td"):
        if next(line.iterdescendants("p", "div", "td"), None) is not None:
            continue
        text = _text(line, _LONGEST_TITLE + 1)
        bold = "".join(_text(e) for e in line.iter("b", "strong"))
        if _is_centred(line) and bold == text and _LONGEST_HEADING / 4 <= len(text) <= _LONGEST_TITLE:
            return line
        if is_prose(text):
            return None
    return None


def main_part(tree: HtmlElement) -> HtmlElement:
    """The smallest element that holds nearly all of the prose of a page."""
    prose = _prose_lengths(tree)
    part = tree.find("body") if tree.find("body") is not None else tree
    least = _NEARLY_ALL * prose[part]
    while (inner := next((e for e in part if prose[e] >= least), None)) is not None:
        if inner.tag not in _BOXES:
            break
        part = inner
    return part


def is_standfirst(element: HtmlElement) -> bool:
    """Whether an element is named as what sums up an article under its title."""
    return element.get("itemprop") == "description" or any(
        name in _STANDFIRSTS for name in _names_of(element)
    )


def is_named_heading(element: HtmlElement) -> bool:
    """Whether a box is named as a heading, or says what boxes of highlights say above them."""
    return any(name in _HEADING_NAMES for name in _names_of(element)) or _says(element, _SUMMARY)


def standfirsts(tree: HtmlElement, part: HtmlElement, description: str) -> list[HtmlElement]:
    """What stands between the title and the main part of a page and sums it up.

    It is named so, says what the page's description says, or is a sentence close under the title. At
    most one: an empty list when there is none, or when it stands in the main part.
    """
    start = " ".join(description.split()).rstrip(" .…")
    inside = set(part.iter())
    near: set[HtmlElement] = set()
    for element in tree.iter("h1", "p", "div", "h2", "h3", "h4", "span"):
        if element in inside:
            break
        if element.tag == "h1":
            near = set(element.getparent().iter())
            if (box := element.getparent().getparent()) is not None:
                near.update(e for child in box for e in (child, *child))
            continue
        text = _text(element, _LONGEST_BOX + 1)
        if not is_prose(text) or len(text) > _LONGEST_BOX or element.find(".//a") is not None:
            continue
        described = len(start) >= _LONGEST_HEADING / 2 and text.startswith(start)
        if is_standfirst(element) or described or (element in near and _sums_up(element, text)):
            return [element]
    return []


def _sums_up(element: HtmlElement, text: str) -> bool:
    """Whether words close under a title are a sentence, or a paragraph of a headline's words."""
    if text.endswith(_SENTENCE_MARKS):
        return True
    plain = element.tag in ("p", "h2") and "|" not in text and not re.search(r"(?:19|20)\d\d|@|©", text)
    return plain and len(WORD.findall(text)) >= _LEAST_WORDS and not is_furniture_line(text)


def corrections(tree: HtmlElement, part: HtmlElement) -> list[HtmlElement]:
    """Paragraphs behind the main part of a page that say what was wrong or is new in the article."""
    inside = set(part.iter())
    after = list(tree.iter("p"))
    last = max((place for place, e in enumerate(after) if e in inside), default=len(after))
    return [e for e in after[last + 1 :] if _CORRECTION.match(_text(e, _LONGEST_BOX))]


# Elements


def _is_furniture(element: HtmlElement) -> bool:
    if element.tag in ("html", "body", "main", "article"):
        return False
    if element.tag == "span" and _TICKER.match(_text(element, _LONGEST_CALL)):
        return False  # the symbol of a company in a sentence
    if element.tag == "footer" and element.getparent().tag in ("blockquote", "figure"):
        return False  # who said it
    return (
        element.tag in _TAGS
        or (element.get("role") or "").lower() in _ROLES
        or any(name in _NAMES for name in _names_of(element))
    )


def _names_of(element: HtmlElement) -> Iterator[tuple[str, ...]]:
    """Every run of words in the classes and the id of an element, and in what tests call it."""
    for token in (*(element.get("class") or "").split(), *(element.get(key) or "" for key in _NAMED_BY)):
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
    text = (text or "").strip()
    return len(text) if is_prose(text) and text.count("|") < 2 and not is_furniture_line(text) else 0


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
    short = element.tag in _LISTS or linked <= _LONGEST_LINK * len(links)
    return short and rest <= linked / 4


def _drop_with_heading(element: HtmlElement) -> None:
    """Drop a list of links with the heading above it, if nothing else stands under that."""
    if element.getparent() is None:
        return
    box = element
    while (
        (parent := box.getparent()) is not None
        and parent.tag in _BOXES
        and _text(parent, 5000) == _text(element, 5000)
    ):
        box = parent
    above, below = box.getprevious(), box.getnext()
    if above is not None and not (above.tail or "").strip():
        heads_it = above.tag in _LEVELS and above.tag != "h1" and not is_prose(_text(above))
        alone = heads_it and (below is None or below.tag in _LEVELS)
        if alone or _says(above, _CARDS) or _says(above, _HEADING):
            drop([above])
    drop([element])


def _is_picture(table: HtmlElement) -> bool:
    """Whether a table holds a picture and the words under it; words beside one may be the article."""
    if table.find(".//img") is None or not 0 < len(_text(table, _LONGEST_CAPTION + 1)) <= _LONGEST_CAPTION:
        return False
    rows = list(table.iter("tr"))
    return all(sum(1 for cell in row.iter("td", "th") if len(cell) or _text(cell)) <= 1 for row in rows)


def _is_label_of_link(element: HtmlElement) -> bool:
    """Whether a paragraph or a small box is a link with a label such as "Also read:" and nothing else."""
    rest = "" if _only_wraps(element) else _text(element, _LONGEST_BOX + 1)
    if len(rest) > _LONGEST_BOX or not (links := list(element.iter("a"))):
        return False
    for link in links:
        rest = rest.replace(_text(link), "", 1)
    label = rest.strip(" .")
    return bool(_LABEL.fullmatch(label)) or (element.tag == "p" and bool(_ANY_LABEL.fullmatch(label)))


def _is_link_alone(paragraph: HtmlElement) -> bool:
    """Whether a paragraph is the headline of another page."""
    text = _text(paragraph, _LONGEST_BOX + 1)
    if not _LONGEST_LINK <= len(text) <= _LONGEST_BOX or text.endswith((".", "。", "”", '"', ":")):
        return False
    links = [link for link in paragraph.iter("a") if _leads_away(link)]
    return len(" ".join(map(_text, links))) == len(text)


def _leads_away(link: HtmlElement) -> bool:
    return not re.match(r"#|mailto:|tel:", link.get("href") or "#")


def _is_inset_offer(box: HtmlElement) -> bool:
    """Whether a small box beside a paragraph has a link of its own and says no figure."""
    beside = (box.getprevious(), box.getnext())
    if not any(e is not None and e.tag == "p" and is_prose(_text(e, _LONG)) for e in beside):
        return False
    text = _text(box, _LONGEST_BOX + 1)
    if not 0 < len(text) <= _LONGEST_BOX or says_figure(text):
        return False
    return any(_leads_away(link) and _stands_alone(link) for link in box.iter("a"))


def _stands_alone(link: HtmlElement) -> bool:
    """Whether a link has its line for itself."""
    line = link
    while line.tag in _IN_LINE and (parent := line.getparent()) is not None:
        above = line.getprevious()
        before = parent.text if above is None else above.tail
        if (
            (before or "").strip()
            or (line.tail or "").strip()
            or (above is not None and above.tag in _IN_LINE)
        ):
            return False
        line = parent
    return bool(_text(link))


def _is_byline(element: HtmlElement) -> bool:
    """Whether a line holds what is marked as the author or the date, no heading and no sentence."""
    if _only_wraps(element) or len(rest := _text(element, _LONGEST_BYLINE + 1)) > _LONGEST_BYLINE:
        return False
    inside = list(element.iter())
    marked = [e for e in inside if e.get("itemprop") in _BYLINE_PROPERTIES or e.get("rel") == "author"]
    for part in marked:
        rest = rest.replace(_text(part), "", 1)
    return bool(marked) and not is_prose(rest) and not any(e.tag in _LEVELS for e in inside)


def _is_under_picture(element: HtmlElement) -> bool:
    """Whether a centred paragraph follows one that holds only a picture. In bold it may be a heading."""
    above = element.getprevious()
    if above is None or above.find(".//img") is None or _text(above) or not _is_centred(element):
        return False
    text = _text(element, _LONGEST_CAPTION + 1)
    bold = "".join(_text(e) for e in element.iter("b", "strong"))
    return 0 < len(text) <= _LONGEST_CAPTION and bold != text and element.find(".//table") is None


def _is_centred(element: HtmlElement) -> bool:
    style = (element.get("style") or "").replace(" ", "").lower()
    return "text-align:center" in style or (element.get("align") or "").lower() == "center"


def _teasers(tree: HtmlElement, prose: dict[HtmlElement, int]) -> Iterator[list[HtmlElement]]:
    """Boxes side by side, each a linked heading and at most a few words: other articles."""
    cards = [e for e in tree.iter("article", "li", "div", "section") if _is_teaser(e)]
    in_parent = Counter(card.getparent() for card in cards)
    for parent, count in in_parent.items():
        own = [card for card in cards if card.getparent() is parent]
        if count > 1 and sum(prose.get(card, 0) for card in own) <= _MOST * prose[tree]:
            yield own


def _is_teaser(element: HtmlElement) -> bool:
    if not 0 < len(text := _text(element, _LONGEST_TEASER + 1)) <= _LONGEST_TEASER:
        return False
    headings = [e for e in element.iter("h2", "h3", "h4", "h5", "h6") if _text(e)]
    if len(headings) != 1:
        return False
    title = _text(headings[0])
    links = [*headings[0].iter("a"), *headings[0].iterancestors("a")]
    elsewhere = [
        link for link in links if not re.match(r"#\w", link.get("href") or "")
    ]  # no anchor of a section
    return title in text[: len(title) + 60] and any(title in _text(link) for link in elsewhere)


def _appeals(element: HtmlElement) -> bool:
    return next(element.iterdescendants(*_APPEALING), None) is None and is_appeal(
        _text(element, _LONGEST_BOX + 1)
    )


def _drop_box(element: HtmlElement, prose: dict[HtmlElement, int], most_others: float) -> None:
    """Drop an appeal with the small box that holds it and little else."""
    box = element
    while (parent := box.getparent()) is not None and parent.tag in _SMALL_BOXES:
        others = prose.get(parent, 0) - prose.get(element, 0)
        if len(_text(parent, _LONGEST_BOX + 1)) > _LONGEST_BOX or others > most_others:
            break
        box = parent
    drop([box])


def _is_call(element: HtmlElement) -> bool:
    """Whether a link or a button alone in its line asks for an entry, an order or money."""
    text = _text(element, _LONGEST_CALL + 1).strip(" .!:>»→›")
    if not 0 < len(text) <= _LONGEST_CALL or not _CALL.fullmatch(text):
        return False
    line = element.getparent()
    alone = line.tag not in ("p", "span", "strong", "em", "b", "i") or _text(line, 200) == _text(element)
    return alone and not (element.tail or "").strip()


def _open_captions(tree: HtmlElement) -> None:
    """Captions of tables become paragraphs above them, since they say what the figures are."""
    for box in tree.iter("p", "div"):
        beside = (box.getprevious(), box.getnext())
        if ("caption",) in _names_of(box) and any(e is not None and e.tag == "table" for e in beside):
            for key in ("class", "id"):
                box.attrib.pop(key, None)
    for caption in [*tree.iter("caption"), *tree.iter("figcaption")]:
        box = next(caption.iterancestors("table" if caption.tag == "caption" else "figure"), None)
        if box is None or (box.tag == "figure" and not _is_figure_of_table(box)):
            continue
        table = box if box.tag == "table" else next(box.iter("table"))
        if text := _text(caption):
            paragraph = html.Element("p")
            paragraph.text = text
            table.addprevious(paragraph)
        drop([caption])


def _is_figure_of_table(figure: HtmlElement) -> bool:
    return figure.find(".//table") is not None and figure.find(".//img") is None


def _open_headers(tree: HtmlElement) -> None:
    """Headers inside an article, or around its title, become boxes with their headings and sentences."""
    menus = _around(e for e in tree.iter() if e.tag in ("nav", "form", "ul") or e.get("role") == "banner")
    titles, headings = _around(tree.iter("h1")), _around(tree.iter(*_LEVELS))
    for header in list(tree.iter("header")):
        inside = next(header.iterancestors("main", "article"), None) is not None
        if header not in menus and (inside or header in titles):
            header.tag = "div"
            _keep_headings(header, headings)


def _around(elements: Iterable[HtmlElement]) -> set[HtmlElement]:
    """Elements with all that they stand in; each is visited once, however deep they are nested."""
    found: set[HtmlElement] = set()
    for element in elements:
        box: HtmlElement | None = element
        while box is not None and box not in found:
            found.add(box)
            box = box.getparent()
    return found


def _keep_headings(element: HtmlElement, headings: set[HtmlElement]) -> None:
    for child in list(element):
        if child.tag in _LEVELS or child.tag == "header":  # another header is opened by itself
            continue
        if child in headings:
            _keep_headings(child, headings)
        elif not is_standfirst(child) and not (
            is_prose(text := _text(child, _LONG)) and text.endswith(_SENTENCE_MARKS)
        ):
            drop([child])


# Headings


def _says(element: HtmlElement, pattern: re.Pattern[str]) -> bool:
    if (element.tag not in _LEVELS and element.tag not in _PSEUDO_HEADINGS) or _only_wraps(element):
        return False
    text = _text(element, _LONGEST_HEADING + 1).strip(" :.…*")
    text = re.sub(r" ?[(（]\d{1,3}(?:,\d{3})*[)）]$", "", text)  # how many there are
    return 0 < len(text) <= _LONGEST_HEADING and bool(pattern.fullmatch(text))


def _only_wraps(element: HtmlElement) -> bool:
    """Whether a box holds another box and nothing else: what is true of one is found with the other."""
    if element.tag != "div" or len(element) != 1 or element[0].tag != "div":
        return False
    return not (element.text or "").strip() and not (element[0].tail or "").strip()


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
        if length > at_most or len(parts) > at_most + _MOST_EMPTY:
            break
    return " ".join(" ".join(parts).split())


def _section(heading: HtmlElement) -> list[HtmlElement]:
    """The heading with what belongs to it: the box that it heads, or what follows up to the next heading."""
    top = heading
    while (parent := top.getparent()) is not None and parent.tag not in ("body", "main", "article", "html"):
        start = _text(top, 200)[:200]
        if not start or not _text(parent, 200).startswith(start):
            break
        if any(e.tag in _LEVELS and e is not heading and _level(e) <= _level(heading) for e in parent.iter()):
            break
        if (
            heading.tag not in _LEVELS
            and (len(_text(parent, _LARGE + 1)) > _LARGE or len(parent) > _MOST_IN_BOX)
            and _holds_more(parent, heading)
        ):
            break  # an article without headings of its own, at the top of which the box stands
        top = parent
    if _holds_more(top, heading) or (heading.tag == "p" and top is not heading and top.tag != "p"):
        return [top]  # in a box of its own, the rest of which may be gone already
    section = [top]
    for sibling in top.itersiblings():
        if any(e.tag in _LEVELS and _level(e) <= _level(heading) for e in sibling.iter()):
            break
        if (
            heading.tag not in _LEVELS
            and sibling.tag == "p"
            and len(_text(sibling, _LONGEST_TEASER + 1)) > _LONGEST_TEASER
        ):
            break
        section.append(sibling)
        if heading.tag not in _LEVELS and sibling.tag in ("ul", "ol", "p", "div"):
            break  # a line that serves as a heading: only what is next belongs to it
    return section


def _holds_more(box: HtmlElement, heading: HtmlElement) -> bool:
    return len(_text(box, 200)) > len(_text(heading, 200))


def _level(element: HtmlElement) -> int:
    return _LEVELS.get(element.tag, _PSEUDO_LEVEL)


def _drop_section(heading: HtmlElement, prose: dict[HtmlElement, int], most: float) -> None:
    section = _section(heading)
    drop(section if sum(prose[element] for element in section) <= most else [heading])


def _drop_cards(heading: HtmlElement, prose: dict[HtmlElement, int], most: float) -> None:
    """Drop links to other articles with the heading above them, as far as they are links."""
    section = _section(heading)
    if len(section) == 1 and section[0] is not heading:
        cards = section if _is_linked(section[0]) else []
    else:
        linked = list(takewhile(_is_linked, section[1:]))
        cards = [section[0], *linked] if linked or len(section) == 1 else []
    if sum(prose[element] for element in cards) <= most:
        drop(cards)


def _is_linked(element: HtmlElement) -> bool:
    """Whether each item of a list holds a link, or an element is links, with no sentence around one."""
    items = [item for item in element.iter("li") if _text(item)]
    if items and not all(item.find(".//a") is not None for item in items):
        return False
    if not items and any(0 < _linked(p) < _MOST * len(_text(p)) for p in element.iter("p")):
        return False
    return 0 < _linked(element) >= _LINKED * len(_text(element, _LONG))


def _linked(element: HtmlElement) -> int:
    return sum(len(_text(link)) for link in list(element.iter("a"))[:_MOST_LINKS])


def _drop_sponsor(heading: HtmlElement) -> None:
    """Drop a small box that somebody paid for and that links to them; never what is in no box."""
    section = _section(heading)
    box = section[0]
    small = len(section) == 1 and 0 < len(_text(box, 2 * _LONGEST_BOX + 1)) <= 2 * _LONGEST_BOX
    if heading.tag not in ("h1", "h2") and box is not heading and small and any(map(_sells, box.iter("a"))):
        drop([box])


def _sells(link: HtmlElement) -> bool:
    """Whether a link is marked as paid or counted, or asks for something."""
    paid = re.search(r"sponsored|nofollow", link.get("rel") or "")
    counted = _COUNTED.search(link.get("href") or "")
    return bool(paid or counted or _OFFER.match(_text(link, _LONGEST_CALL)))


def _drop_heading_of_links(tree: HtmlElement, heading: HtmlElement) -> None:
    """Drop a heading under which nothing stands but links."""
    if heading.getroottree().getroot() is not tree or heading.find(".//a") is not None:
        return
    section = _section(heading)
    linked = sum(map(_linked, section))
    rest = sum(len(_text(element, _LONG)) for element in section) - len(_text(heading)) - linked
    if 0 < linked >= 4 * rest:
        drop(section)


def _drop_repetition(tree: HtmlElement, section: list[HtmlElement]) -> None:
    """Drop a box of highlights when most of what it says stands in the article too."""
    if len(section) > 1 and section[1].tag in ("ul", "ol"):
        del section[2:]  # the article itself may follow without a heading of its own
    said = _runs(" ".join(_text(element) for element in section[1:] or section))
    everything = _runs(_text(tree))
    if said and sum(everything[run] > said[run] for run in said) >= _REPEATED * len(said):
        drop(section)
    else:
        _drop_retold(tree, section)


def _drop_pulled_quotes(tree: HtmlElement) -> None:
    """Drop quotations that repeat a sentence of the article, with the name under them."""
    quotes = [e for e in tree.iter("blockquote") if len(_text(e, _LONGEST_BOX + 1)) <= _LONGEST_BOX]
    everything = _runs(_text(tree)) if quotes else Counter()
    for quote in quotes[:_MOST_HEADINGS]:
        text = whole = _text(quote)
        for said_by in quote.iter("footer", "cite"):
            text = text.replace(_text(said_by), "", 1)
        said = _runs(text)
        least = len(said) if says_figure(text) else _PULLED * len(said)
        if said and sum(everything[run] > said[run] for run in said) >= least:
            everything.subtract(_runs(whole))  # the last of several stays
            drop([quote])


def _drop_retold(tree: HtmlElement, section: list[HtmlElement]) -> None:
    """Drop a list when the article tells every item of it in other words; else all of it stays."""
    items = [item for element in section for item in element.iter("li")]
    if not 1 < len(items) <= _MOST_POINTS:
        return
    inside = {e for element in section for e in element.iter()}
    outside = (e for e in tree.iter("p", "li", "div", "td") if e not in inside and not _holds_blocks(e))
    told = set().union(*(_long_words(_text(e, _LONG)) for e in islice(outside, _MOST_TOLD)))
    repeated = [item for item in items if _retells(_long_words(_text(item)), told)]
    if len(repeated) == len(items):
        drop(section)


def _holds_blocks(element: HtmlElement) -> bool:
    return next(element.iterdescendants("p", "li", "div", "td"), None) is not None


def _retells(item: set[str], told: set[str]) -> bool:
    """Whether an article has every figure of an item, and half of its other words."""
    figures = {word for word in item if word[0].isdigit()}
    return figures <= told and len(item & told) >= _MOST * len(item)


def _long_words(text: str) -> set[str]:
    """Figures, also those in words, and the beginnings of words that are long enough to mean something."""
    words = re.findall(r"\d[\d.,]*\d|\d|[^\W\d_]+", _NUMERAL.sub(_in_digits, text.lower()))
    return {
        word if word[0].isdigit() else word[:_STEM] for word in words if word[0].isdigit() or len(word) > 3
    }


def _in_digits(numeral: re.Match[str]) -> str:
    tens, ones = numeral[1], numeral[2] or numeral[3]
    value = 10 * (_TENS.index(tens) + 2) if tens else 0
    return str(value + _ONES.index(ones) + 1 if ones else value)


def _drop_dial_in(heading: HtmlElement) -> None:
    """Drop a section on a conference call that says how to dial in."""
    section = _section(heading)
    text = " ".join(_text(element, _LONG) for element in section)
    if _DIAL_IN.search(text) and len(text) <= _LONG:
        drop(section)


def _runs(text: str) -> Counter[tuple[str, ...]]:
    words = WORD.findall(text.lower())
    return Counter(tuple(words[place : place + 3]) for place in range(len(words) - 2))
