"""A Word document becomes an article: headings, paragraphs, lists and tables in their order.

Headers, footers, comments, footnotes and text boxes stay out, and so does what Word does not print:
hidden text and deletions that wait to be accepted.
"""

import io
import re
import zipfile
from collections.abc import Iterator
from datetime import UTC, date, datetime
from itertools import groupby

import docx
from docx.document import Document
from docx.opc.exceptions import OpcError
from docx.oxml.xmlchemy import BaseOxmlElement
from docx.table import Table
from docx.text.paragraph import Paragraph
from lxml import etree

from corpus.article import Article
from corpus.errors import Unreadable
from corpus.extract_text import from_fields
from corpus.tables import table_lines

MAX_DOCX_BYTES = 50 * 2**20
"""Pictures make documents large; text alone never comes near it."""
MAX_UNPACKED_BYTES = 200 * 2**20
MAX_PART_BYTES = 30 * 2**20
"""One part holds all the text. 30 MB of its XML are 3 million characters, more than an article may have."""
MAX_PARTS = 2_000
MAX_RATIO = 200
"""XML of Word packs to a tenth or a twentieth; a bomb, to a thousandth."""
_SMALL = 2**20
MAX_ELEMENTS = 1_000_000
"""In one part. A book of 300 pages has some 100,000."""
MAX_DEPTH = 200
"""Elements inside each other. Tables in tables in tables need some forty."""

_BODY = "word/document.xml"
_IS_UNSAFE = re.compile(r"^[/\\]|^[A-Za-z]:|(?:^|[/\\])\.\.(?:[/\\]|$)|\x00")
_DAMAGED = "is a damaged Word document, or none at all"
_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_SKIPPED = {f"{_W}{name}" for name in ("del", "moveFrom", "txbxContent", "instrText", "rPr", "pPr")}
_ALTERNATIVE = "{http://schemas.openxmlformats.org/markup-compatibility/2006}AlternateContent"
_TEMPLATE_MADE = datetime(2013, 12, 23, 23, 15, tzinfo=UTC)  # in every file that python-docx makes
_SMALLEST_LETTER = 3  # points
_EMPTY_AUTHORS = ("python-docx", "unknown", "user", "admin", "administrator")


def from_docx(raw: bytes, url: str) -> Article:
    """Read a .docx file.

    Raises:
        Unreadable: it is damaged, locked, holds no text, or is built to exhaust or to escape its reader.
    """
    if len(raw) > MAX_DOCX_BYTES:
        raise Unreadable(f"is larger than {MAX_DOCX_BYTES // 2**20} MiB")
    _check_archive(raw)
    try:
        document = docx.Document(io.BytesIO(raw))
        blocks = list(_blocks(document))
        core = document.core_properties
        fields = {
            "title": core.title or _first_title(document),
            "author": "" if core.author.lower() in _EMPTY_AUTHORS else core.author,
            "language": core.language[:2].lower() if re.match(r"[A-Za-z]{2}(-|$)", core.language) else "",
            "modified": _day(core.modified) if core.modified != _TEMPLATE_MADE else None,
            "topics": [topic.strip() for topic in re.split("[,;]", core.keywords) if topic.strip()],
        }
    except (KeyError, ValueError, AttributeError, TypeError, IndexError, OpcError,
            etree.XMLSyntaxError, zipfile.BadZipFile, RecursionError, OSError) as error:  # fmt: skip
        raise Unreadable(_DAMAGED) from error
    text = "\n\n".join(block for block in blocks if block and block != fields["title"])
    return from_fields({**fields, "text": text}, default_url=url)


# The archive, before anything is unpacked


def _check_archive(raw: bytes) -> None:
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            parts = archive.infolist()
            _check_parts(parts)
            for part in parts:
                if part.filename.endswith((".xml", ".rels")):
                    _check_xml(archive, part)
    except (zipfile.BadZipFile, OSError, EOFError, RuntimeError, NotImplementedError, ValueError) as error:
        raise Unreadable(_DAMAGED) from error
    except zipfile.zlib.error as error:  # type: ignore[attr-defined]
        raise Unreadable(_DAMAGED) from error


def _check_parts(parts: list[zipfile.ZipInfo]) -> None:
    names = [part.filename for part in parts]
    if "EncryptedPackage" in names or any(part.flag_bits & 1 for part in parts):
        raise Unreadable("is locked with a password: save it without one")
    if len(parts) > MAX_PARTS:
        raise Unreadable(f"holds more than {MAX_PARTS:,} parts")
    if any(_IS_UNSAFE.search(name) for name in names):
        raise Unreadable("holds a part whose name leads out of it")
    if len(set(names)) < len(names):
        raise Unreadable("holds two parts of the same name")  # which one is shown is anyone's guess
    if _BODY not in names:
        raise Unreadable("is a ZIP file but no Word document")
    for part in parts:
        packed_well = part.file_size > _SMALL and part.file_size > MAX_RATIO * max(part.compress_size, 1)
        if part.file_size > MAX_PART_BYTES or packed_well:
            raise Unreadable(
                f"unpacks to far more than a document needs ({part.file_size:,} bytes in one part)"
            )
    if sum(part.file_size for part in parts) > MAX_UNPACKED_BYTES:
        raise Unreadable(f"unpacks to more than {MAX_UNPACKED_BYTES // 2**20} MiB")


def _check_xml(archive: zipfile.ZipFile, part: zipfile.ZipInfo) -> None:
    # zipfile reads no more than the size that the archive states and was checked above.
    content = archive.read(part)
    if b"<!DOCTYPE" in content or b"<!ENTITY" in content or content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise Unreadable("declares XML entities, which no Word document does")
    depth = count = 0
    try:
        for event, element in etree.iterparse(
            io.BytesIO(content),
            events=("start", "end"),
            resolve_entities=False,
            no_network=True,
            load_dtd=False,
        ):
            depth += 1 if event == "start" else -1
            if depth > MAX_DEPTH:
                raise Unreadable(f"is nested too deeply (more than {MAX_DEPTH} elements inside each other)")
            count += 1
            if count > 2 * MAX_ELEMENTS:  # each starts and ends
                raise Unreadable(f"has more than {MAX_ELEMENTS:,} elements")
            if event == "end":
                element.clear()
    except etree.XMLSyntaxError as error:
        raise Unreadable(_DAMAGED) from error


# The document


def _blocks(document: Document) -> Iterator[str]:
    # Asked one by one, python-docx searches all styles for each paragraph: 3 ms.
    styles = {style.style_id: (style.name or "").lower() for style in document.styles}
    for is_list, group in groupby(document.iter_inner_content(), key=lambda item: _is_item(item, styles)):
        if is_list:
            texts = [_line(item._p) for item in group if isinstance(item, Paragraph)]
            yield "\n".join(f"- {text}" for text in texts if text)
            continue
        for item in group:
            yield "\n".join(_rows(item)) if isinstance(item, Table) else _text(item._p).strip()


def _is_item(item: Paragraph | Table, styles: dict[str, str]) -> bool:
    if isinstance(item, Table):
        return False
    name = styles.get(item._p.style or "", "")
    numbered = item._p.pPr is not None and item._p.pPr.numPr is not None
    return (numbered or name.startswith("list")) and not name.startswith(("heading", "title", "subtitle"))


def _text(element: BaseOxmlElement) -> str:
    """The printed text below an element; python-docx itself drops insertions that wait to be accepted."""
    if element.tag in _SKIPPED or (element.tag == f"{_W}r" and _is_hidden(element)):
        return ""
    if element.tag == f"{_W}t":
        return element.text or ""
    if element.tag in (f"{_W}br", f"{_W}cr"):
        return "\n"
    if element.tag == f"{_W}tab":
        return " "
    if element.tag == f"{_W}noBreakHyphen":
        return "-"
    children = list(element)[:1] if element.tag == _ALTERNATIVE else element  # the same twice
    return "".join(_text(child) for child in children if isinstance(child.tag, str))


def _is_hidden(run: BaseOxmlElement) -> bool:
    properties = run.find(f"{_W}rPr")
    if properties is None:
        return False
    said = {child.tag.removeprefix(_W): child.get(f"{_W}val") or "1" for child in properties}
    vanishes = said.get("vanish", "0") not in ("0", "false", "off")
    on_white = "shd" not in said and "highlight" not in said
    half_points = said.get("sz", "")
    tiny = half_points.isdigit() and int(half_points) < 2 * _SMALLEST_LETTER
    return vanishes or tiny or (said.get("color", "").upper() == "FFFFFF" and on_white)


def _line(element: BaseOxmlElement) -> str:
    return " ".join(_text(element).split())


def _rows(table: Table) -> Iterator[str]:
    rows = [cells for row in table._tbl.tr_lst if any(cells := _cells(row))]
    first = rows[0] if rows else []
    has_header = all(first) and not any(character.isdigit() for character in "".join(first[:2]))
    return table_lines(rows, has_header)


def _cells(row: BaseOxmlElement) -> list[str]:
    return [" ".join(_line(p) for p in cell.iter(f"{_W}p")).strip() for cell in row.tc_lst]


def _first_title(document: Document) -> str:
    for paragraph in document.paragraphs[:20]:
        name = (paragraph.style.name or "").lower() if paragraph.style else ""
        if name in ("title", "heading 1") and (text := _line(paragraph._p)):
            return text
    return ""


def _day(moment: datetime | None) -> date | None:
    return moment.date() if moment and 1990 <= moment.year <= 2100 else None
