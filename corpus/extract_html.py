"""A web page becomes an article: its body by trafilatura, once hidden text and furniture are gone.

Trafilatura alone would keep share buttons, boxes of highlights and hidden text of some themes, and it
guesses dates; here it only finds the body, and `corpus.page_metadata` reads what the page says of itself.
"""

import copy
import re
from collections import Counter
from collections.abc import Iterator
from itertools import islice

import trafilatura
from charset_normalizer import from_bytes
from lxml import etree, html
from trafilatura.settings import DEFAULT_CONFIG

from corpus.article import Article
from corpus.boilerplate import is_prose, strip_lines
from corpus.clean import clean_line
from corpus.errors import Unreadable
from corpus.extract_text import from_fields
from corpus.forums import keep_first_post
from corpus.furniture import (
    corrections,
    drop_furniture,
    drop_headline,
    is_named_heading,
    is_standfirst,
    main_part,
    mark_requests,
    standfirsts,
)
from corpus.hidden import drop_hidden
from corpus.notes import drop_end_notes, drop_note_marks
from corpus.page_metadata import read_description, read_metadata
from corpus.tables import is_header, table_lines

MAX_HTML_BYTES = 20 * 2**20
"""Far above any article; parsing takes several times as much memory."""
MAX_ELEMENTS = 100_000
"""Hostile pages at this limit took up to a minute on a busy machine; each article so far had far fewer."""

# What browsers read these labels as (WHATWG Encoding Standard).
_LABELS = {
    "gb2312": "gb18030", "gbk": "gb18030", "x-gbk": "gb18030", "iso-8859-1": "cp1252", "latin1": "cp1252",
    "latin-1": "cp1252", "ascii": "cp1252", "us-ascii": "cp1252", "shift_jis": "cp932", "big5": "big5hkscs",
    "ks_c_5601-1987": "cp949", "euc-kr": "cp949", "iso-8859-9": "cp1254", "windows-1252": "cp1252",
}  # fmt: skip
_MARKS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))
_META_CHARSET = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([\w.:-]+)", re.IGNORECASE)
_INLINE = frozenset(
    [
        "a",
        "abbr",
        "b",
        "br",
        "cite",
        "code",
        "em",
        "font",
        "i",
        "mark",
        "q",
        "s",
        "small",
        "span",
        "strong",
        "sub",
        "sup",
        "time",
        "u",
        "wbr",
    ]
)
_KEPT_EMPTY = frozenset(["body", "article", "br", "img", "td", "th"])
"""What parts other things, or keeps the place of a cell."""
_BLOCKS = ("h1", "h2", "h3", "p[2]", "ul", "ol", "table", "article", "form")
_HEADINGS = ("h2", "h3", "h4", "h5", "h6")
_IN_LISTS = ("ul", "ol", "li", "dl", "dt", "dd")
_SENTENCE_MARKS = (".", "!", "?", "。", "！", "？", "”", '"', "’", ")", "」")
_SUPERSCRIPT = str.maketrans("0123456789+-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻")
_SENTENCE_END = re.compile(r"(?<=[.!?。！？])[”\"’]?\s*(?=\S)")
_LONG = 120
_SHORTEST_REPEAT, _LONGEST_REPEAT = 40, 400
# Below a length trafilatura gives up structure for a run of all words. A short article is one, too; its
# rescue by other extractors ("fast" is without) drops headings.
_TRAFILATURA = copy.deepcopy(DEFAULT_CONFIG)
_TRAFILATURA.set("DEFAULT", "MIN_EXTRACTED_SIZE", "1")


def from_html(raw: bytes, url: str, charset: str = "") -> Article:
    """Read a page.

    Args:
        raw: the page as it was received.
        url: its address. A canonical address in the page replaces it when it is of the same site.
        charset: what the server said of its encoding; bytes that say otherwise win.

    Raises:
        Unreadable: it is too large or too deep, is no HTML, or holds no article.
    """
    if len(raw) > MAX_HTML_BYTES:
        raise Unreadable(f"is larger than {MAX_HTML_BYTES // 2**20} MiB, which no web page needs")
    tree = _parse(_decode(raw, charset))
    metadata = read_metadata(tree, url)
    description = read_description(tree)
    mark_requests(tree)
    drop_hidden(tree)
    keep_first_post(tree)
    _unwrap_layout(tree)
    drop_note_marks(tree)
    drop_furniture(tree)
    drop_headline(tree, title := clean_line(metadata["title"]))
    _mark_headings(tree)
    _mark_paragraphs(tree)
    _mark_stray_words(tree)
    _mark_headers(tree)
    _mark_small_print(tree)
    part = main_part(tree)
    drop_end_notes(part)
    above = [_line(e) for e in standfirsts(tree, part, description)]
    below = [_line(e) for e in corrections(tree, part)]
    blocks = strip_lines([*above, *_body(part), *below], title)
    text = "\n\n".join(_without_repeats(blocks, title))
    if not text:
        raise Unreadable("holds no article that could be told from the rest of the page")
    return from_fields({**metadata, "text": text})


def _decode(raw: bytes, charset: str) -> str:
    for mark, encoding in _MARKS:
        if raw.startswith(mark):
            return raw.decode(encoding, "replace")
    if b"\x00" in raw:
        raise Unreadable("is not an HTML page but binary data")
    try:
        return raw.decode("utf-8")  # bytes of another encoding hardly ever happen to be valid UTF-8
    except UnicodeDecodeError:
        pass
    in_page = _META_CHARSET.search(raw[:4096])
    for label in (charset, in_page[1].decode("ascii") if in_page else ""):
        encoding = _LABELS.get(label.lower(), label.lower())
        try:
            if encoding and encoding not in ("utf-8", "utf8"):  # it is not
                return raw.decode(encoding)
        except (LookupError, UnicodeDecodeError):
            continue
    found = from_bytes(_words_of(raw)).best()
    encoding = _LABELS.get(found.encoding, found.encoding) if found else "cp1252"
    return raw.decode(encoding, "replace")


def _words_of(raw: bytes) -> bytes:
    """The page without its markup, which is ASCII in every encoding and drowns what tells them apart."""
    return re.sub(rb"<[^<>]*>", b" ", raw[:200_000])


def _parse(page: str) -> html.HtmlElement:
    # Encoded anew, so that no declaration inside the page can mislead the parser.
    source = re.sub(r"[\x00-\x08\x0b\x0e-\x1f]", "", page).encode("utf-8", "replace")
    parser = html.HTMLParser(
        remove_comments=True, remove_pis=True, no_network=True, huge_tree=False, encoding="utf-8"
    )
    try:
        tree = html.document_fromstring(source, parser=parser)
    except (etree.ParserError, etree.XMLSyntaxError) as error:
        raise Unreadable("is empty, or no HTML page") from error
    if any("xcessive depth" in entry.message for entry in parser.error_log):
        raise Unreadable("is nested too deeply (more than 255 elements inside each other)")
    if sum(1 for _ in tree.iter()) > MAX_ELEMENTS:
        raise Unreadable(f"has more than {MAX_ELEMENTS:,} elements")
    return tree


def _unwrap_layout(tree: html.HtmlElement) -> None:
    """Tables that only place things on the page, as pages of the nineties do, become plain boxes."""
    for table in tree.iter("table"):
        cells = [cell for cell in table.iter("td", "th") if next(cell.iterancestors("table")) is table]
        if any(cell.find(".//" + tag) is not None for cell in cells for tag in _BLOCKS):
            for part in (table, *(e for e in table.iter("tbody", "thead", "tr", "td", "th"))):
                if part is table or next(part.iterancestors("table"), table) is table:
                    part.tag = "div"


def _mark_paragraphs(tree: html.HtmlElement) -> None:
    """Boxes of words side by side are the paragraphs of editors that know no others."""
    boxes = [
        box
        for box in tree.iter("div", "section")
        if is_prose(box.text) and all(child.tag in _INLINE for child in box)
    ]
    in_parent = Counter(box.getparent() for box in boxes)
    named = {box.get("class") for box in boxes if in_parent[box.getparent()] > 1} - {None}
    for parent, count in in_parent.items():
        for box in parent.iterchildren("div", "section"):
            if all(child.tag in _INLINE for child in box) and (count > 1 or is_standfirst(box)):
                box.tag = "p"
    for said_by in tree.iter("footer", "cite"):
        if said_by.getparent().tag in ("blockquote", "figure"):
            said_by.tag = "p"
    for box in list(tree.iter("div")):  # trafilatura loses one alone among paragraphs, or named as they are
        if all(e.tag in _INLINE for e in box.iterdescendants()):
            text = "".join(islice(box.itertext(), _LONG)).strip()
            like_others = box.get("class") in named or _is_among_paragraphs(box)
            if is_prose(text) and text.endswith(_SENTENCE_MARKS) and like_others:
                box.tag = "p"


def _mark_headings(tree: html.HtmlElement) -> None:
    """Boxes that page builders name as headings, or that head a box of highlights, become headings."""
    for box in tree.iter("div"):
        if all(e.tag in _INLINE for e in box.iterdescendants()):
            text = "".join(islice(box.itertext(), _LONG)).strip()
            if 0 < len(text) < _LONG and not text.endswith((".", "。")) and is_named_heading(box):
                box.tag = "h3"


def _is_among_paragraphs(box: html.HtmlElement) -> bool:
    above, below = box.getprevious(), box.getnext()
    if above is not None and above.tag in ("h1", *_HEADINGS):
        return True
    return any(e is not None and e.tag == "p" and is_prose("".join(e.itertext())) for e in (above, below))


def _mark_headers(tree: html.HtmlElement) -> None:
    """Cells of a first row that is set apart, as a head or in bold, become cells of a header."""
    for table in tree.iter("table"):
        rows = [[cell for cell in row if cell.tag in ("td", "th")] for row in table.iter("tr")]
        rows = [row for row in rows if row]
        caption = "".join(rows[0][0].itertext()).strip() if len(rows) > 2 else ""
        if caption and len(rows[0]) == 1 < len(rows[1]):  # in a row across all columns
            table.addprevious(_paragraph(caption))
            rows.pop(0)[0].getparent().drop_tree()
        if len(rows) < 2:
            continue
        in_head = rows[0][0].getparent().getparent().tag == "thead"
        if in_head or (all(map(_is_bold, rows[0])) and not all(map(_is_bold, rows[1]))):
            for cell in rows[0]:
                cell.tag = "th"


def _is_bold(cell: html.HtmlElement) -> bool:
    bold = (text for e in cell.iter("b", "strong", "th") for text in e.itertext())
    return "".join("".join(bold).split()) == "".join("".join(cell.itertext()).split()) != ""


def _mark_stray_words(tree: html.HtmlElement) -> None:
    """Words in a box beside other boxes become paragraphs: trafilatura loses them there."""
    for box in list(tree.iter("div", "article", "section", "main", "center", "body")):
        if all(child.tag in _INLINE - {"br"} for child in box):
            continue
        if box.text and box.text.strip():
            box.insert(0, _paragraph(box.text))
            box.text = None
            _take_in_line(box[0])
        for child in list(box):
            if child.tag not in _INLINE and child.tail and child.tail.strip():
                child.addnext(_paragraph(child.tail))
                child.tail = None
                _take_in_line(child.getnext())


def _paragraph(text: str) -> html.HtmlElement:
    paragraph = html.Element("p")
    paragraph.text = text
    return paragraph


def _take_in_line(paragraph: html.HtmlElement) -> None:
    """Take what follows in the same line into a paragraph."""
    while (following := paragraph.getnext()) is not None and following.tag in _INLINE - {"br"}:
        paragraph.append(following)


def _mark_small_print(tree: html.HtmlElement) -> None:
    """Numbers of footnotes go; a power stays one, for "10" with a small "6" is no 106."""
    for element in list(tree.iter("sup")):
        text = "".join(element.itertext()).strip()
        if element.find(".//a") is not None or element.getparent().tag == "a":
            element.drop_tree()
        elif re.fullmatch(r"[\d+-]{1,3}", text):
            element.text = text.translate(_SUPERSCRIPT)
    for link in list(tree.iter("a")):
        if not re.search(r"\w", "".join(link.itertext())):  # the arrow back from a footnote
            link.drop_tree()
    for rule in tree.iter("hr"):  # parts what stands above and below, as two line breaks do
        rule.tag = "br"
        rule.addnext(html.Element("br"))


def _drop_empty(tree: html.HtmlElement) -> None:
    """Drop what holds nothing, which trafilatura would weigh again and again."""
    for element in reversed(list(tree.iter())):
        parent = element.getparent()
        empty = not len(element) and not (element.text or "").strip() and not (element.tail or "").strip()
        if empty and parent is not None and element.tag not in _KEPT_EMPTY:
            parent.remove(element)


def _body(part: html.HtmlElement) -> list[str]:
    page = html.document_fromstring("<html><body><article></article></body></html>")
    page[0][0].append(part)
    _drop_empty(page)
    _unwrap_links(page)
    for element in page.iter():  # to trafilatura "bar" and "widget" name furniture, whatever they hold
        if _holds_article(element):
            for name in ("class", "id"):
                element.attrib.pop(name, None)
    document = trafilatura.bare_extraction(
        page, fast=True, include_comments=False, include_tables=True, config=_TRAFILATURA
    )
    body = getattr(document, "body", None)
    return [block for block in _blocks(body) if block.strip()] if body is not None else []


def _unwrap_links(page: html.HtmlElement) -> None:
    """Links that are the smaller part of their line become words: trafilatura drops short lists of links."""
    for link in list(page.iter("a")):
        line = link.getparent()
        while line.tag in _INLINE:
            line = line.getparent()
        if len("".join(islice(link.itertext(), _LONG))) * 2 < len("".join(islice(line.itertext(), _LONG))):
            link.drop_tag()


def _holds_article(element: html.HtmlElement) -> bool:
    """Whether an element holds many words, a heading, or words of a list, or sums the article up."""
    if len("".join(islice(element.itertext(), _LONG))) >= _LONG or is_standfirst(element):
        return True
    if element.tag in _IN_LISTS or next(element.iter(*_HEADINGS), None) is not None:
        return True
    parent = element.getparent()
    return element.tag == "span" and parent is not None and parent.tag == "li"


def _blocks(parent: etree._Element) -> Iterator[str]:
    """Paragraphs, headings, whole lists and whole tables, in order."""
    yield from _paragraphs(parent.text)
    for child in parent:
        if child.tag == "list":
            yield "\n".join(_items(child))
        elif child.tag == "table":
            yield "\n".join(_rows(child))
        elif child.tag in ("quote", "div", "body", "section") and len(child):
            yield from _blocks(child)
        else:
            yield from _paragraphs(_inline(child))
        yield from _paragraphs(child.tail)


def _paragraphs(text: str | None) -> list[str]:
    return [part for part in re.split(r"\n\s*\n", text or "") if part.strip()]


def _inline(element: etree._Element) -> str:
    if element.tag == "lb":
        return "\n"
    parts = [re.sub(r"\s+", " ", element.text or "")]
    for child in element:
        parts.append(_inline(child))
        parts.append(re.sub(r"\s+", " ", child.tail or ""))
    return "".join(parts)


def _line(element: etree._Element) -> str:
    return " ".join(_inline(element).split())


def _items(element: etree._Element) -> Iterator[str]:
    for item in element.iter("item"):
        inner = [nested for nested in item.iter("list") if nested is not item]
        for nested in inner:
            nested.getparent().remove(nested)
        if line := _line(item):
            yield f"- {line}"
        for nested in inner:
            yield from _items(nested)


def _rows(table: etree._Element) -> Iterator[str]:
    rows = [list(row.iter("cell")) for row in table.iter("row")]
    rows = [row for row in rows if any(_line(cell) for cell in row)]
    if not rows:
        return iter(())
    texts = [[_line(cell) for cell in row] for row in rows]
    marked = all(cell.get("role") == "head" for cell in rows[0])
    return table_lines(texts, marked or is_header(texts[0], texts[1:]))


def _without_repeats(blocks: list[str], title: str) -> Iterator[str]:
    """Leave out the title at the top, and quotations pulled from the text: all they say stands elsewhere."""
    blocks = [block for place, block in enumerate(blocks) if place > 2 or clean_line(block) != title]
    sentences = [_SENTENCE_END.split(clean_line(block)) for block in blocks]
    left = Counter(sentence for block in sentences for sentence in block)
    for block, own in zip(blocks, map(Counter, sentences), strict=True):
        short = _SHORTEST_REPEAT <= len(block) <= _LONGEST_REPEAT
        if short and all(left[sentence] > own[sentence] for sentence in own):
            left.subtract(own)
        else:
            yield block
