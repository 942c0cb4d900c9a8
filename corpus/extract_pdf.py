"""A PDF becomes an article: its lines in reading order, put together to paragraphs again.

pypdf is slower than the C libraries, but it reads untrusted files without memory that a fault could
corrupt, and it takes limits; on files of LibreOffice, Chromium and ReportLab all three gave the same text.
"""

import io
import logging
import math
import re
import struct
import time
import unicodedata
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from itertools import pairwise
from statistics import median
from typing import Any

import pypdf
from pypdf.errors import DependencyError, LimitReachedError, PyPdfError

from corpus.article import Article
from corpus.clean import clean_line
from corpus.errors import Unreadable
from corpus.extract_text import MAX_ARTICLE_CHARS, from_fields
from corpus.tables import table_lines

MAX_PDF_BYTES = 100 * 2**20
"""Annual reports full of pictures have 5 to 50 MB."""
MAX_PAGES = 2_000
MAX_SECONDS = 60.0
"""An ordinary page takes 0.02 to 0.1 s."""
_LIMITS = pypdf.Configuration(
    zlib_maximum_output_length=50_000_000,
    lzw_maximum_output_length=50_000_000,
    run_length_maximum_output_length=50_000_000,
    array_based_stream_maximum_output_length=50_000_000,
    stream_decoding_work_maximum_length=100_000_000,
    xform_maximum_invocations_per_extraction=1_000,
    page_tree_maximum_entries=10_000,
    page_tree_maximum_page_entries=100_000,
    jbig2dec_binary=None,  # no other program is run on what strangers wrote
)

_SMALLEST_LETTER = 3.0
_EDGE_LINES = 2
_SHARE_OF_PAGES = 1 / 3
_BULLET = re.compile(r"^(?:[•▪◦‣●■\uf0b7\uf0a7\uf02d]|[-–—](?= ))\s*")
_PAGE_NUMBER = re.compile(
    r"[-–—|\s]*(?:page|seite|p\.)?\s*\d{1,4}(?:\s*(?:/|of|von|\|)\s*\d{1,4})?[-–—|\s]*|[ivxl]{1,7}|第?\s*\d+\s*页.{0,10}",
    re.IGNORECASE,
)
_HYPHEN_END = re.compile(r"([^\W\d_]+)[-\u2010\u00ad]$")
_WORD_START = re.compile(r"[^\W\d_]+")
# Shapes of glyphs that some writers (Chromium) name instead of the characters: ligatures, and radicals of
# Chinese characters, of which Unicode's own normalisation knows only a part.
_GLYPHS = {
    code: unicodedata.normalize("NFKC", chr(code))
    for code in (*range(0xFB00, 0xFB07), *range(0x2F00, 0x2FD6))
} | str.maketrans(
    "⻁⻄⻅⻆⻉⻋⻓⻔⻘⻙⻚⻛⻜⻝⻢⻥⻦⻨⻩⻬⻮⻰", "虎西见角贝车长门青韦页风飞食马鱼鸟麦黄齐齿龙"
)
_CJK = re.compile("[\u3000-\u303f\u3400-\u9fff\uff00-\uffef]")
_SENTENCE_ENDS = (".", "!", "?", "。", "！", "？", ":", "：", "”", ".”")
_FILLS = {"g": 1, "rg": 3, "k": 4, "sc": 0, "scn": 0}
_PAINTS = frozenset(["f", "F", "f*", "B", "B*", "b", "b*"])
_SHOWS = frozenset(["Tj", "TJ", "'", '"'])
_UNTITLED = re.compile(
    r"untitled|microsoft word.*|.*\.(?:docx?|indd|pdf|qxd|xlsx?|pptx?|html?)|document\d*|slide \d+",
    re.IGNORECASE,
)
# A page that somebody printed has the day of printing.
_PRINTED = re.compile(r"Skia|Chrome|Mozilla|wkhtmltopdf|Safari")
_BROKEN = (  # whatever pypdf meets in a damaged file
    PyPdfError, DependencyError, ValueError, TypeError, KeyError, AttributeError, IndexError, RecursionError,
    OSError, NotImplementedError, ArithmeticError, AssertionError, struct.error, zlib.error,
)  # fmt: skip

logging.getLogger("pypdf").setLevel(logging.CRITICAL)  # what is wrong with a file is said once, by Unreadable


@dataclass(frozen=True)
class _Line:
    """A line of a page: place of its start in points from the lower left, size of its letters."""

    text: str
    x: float
    y: float
    size: float
    bold: bool
    page: int


def from_pdf(raw: bytes, url: str) -> Article:
    """Read a PDF. The day on which it was made counts as its date of publication.

    Raises:
        Unreadable: it is damaged, locked, without text, or over a limit of size, pages or time.
    """
    if len(raw) > MAX_PDF_BYTES:
        raise Unreadable(f"is larger than {MAX_PDF_BYTES // 2**20} MiB")
    try:
        with pypdf.apply_configuration(_LIMITS):
            reader = pypdf.PdfReader(io.BytesIO(raw))
            if reader.is_encrypted and not reader.decrypt(""):
                raise Unreadable("is locked with a password: save it without one")
            pages = _read_pages(reader)
            fields = _metadata(reader)
    except LimitReachedError as error:
        raise Unreadable("unpacks to far more than a document needs") from error
    except DependencyError as error:
        raise Unreadable("is locked with a password: save it without one") from error
    except _BROKEN as error:
        raise Unreadable("is a damaged PDF file") from error
    if not any(pages):
        raise Unreadable("holds no text, only pictures of it: run text recognition (OCR) over it first")
    blocks = list(_blocks(_without_edges(pages)))
    text = "\n\n".join(
        block for n, block in enumerate(blocks) if n > 2 or clean_line(block) != fields["title"]
    )
    return from_fields({**fields, "text": text}, default_url=url)


# Pages to lines


@dataclass
class _Eye:
    """Follows the drawing of one page, and keeps the pieces of text that a reader sees.

    Invisible text is what the text layer of a scanned page consists of, so it counts where there is no other.
    """

    width: float
    height: float
    deadline: float
    pieces: list[tuple[str, float, float, float, bool]] = field(default_factory=list)
    invisible: list[tuple[str, float, float, float, bool]] = field(default_factory=list)
    _state: tuple[bool, int] = (False, 0)  # whether the fill is white, and the mode of letters
    _stack: list[tuple[bool, int]] = field(default_factory=list)
    _shown: list[tuple[bool, int]] = field(default_factory=list)
    _painted: bool = False

    def operation(self, operator: bytes, operands: list[Any], _cm: Any, _tm: Any) -> None:
        if time.monotonic() > self.deadline:
            raise Unreadable(f"takes longer to read than {MAX_SECONDS:.0f} seconds")
        name = operator.decode("latin-1")
        white, mode = self._state
        if name == "q":
            self._stack.append(self._state)
        elif name == "Q" and self._stack:
            self._state = self._stack.pop()
        elif name in _FILLS:
            self._state = (_is_white(operands), mode)
        elif name == "Tr" and operands:
            self._state = (white, int(operands[0]))
        elif name in _PAINTS:
            self._painted = self._painted or not white
        elif name in _SHOWS:
            self._shown.append(self._state)

    def text(self, text: str, cm: list[float], tm: list[float], font: Any, size: float) -> None:
        shown, self._shown = self._shown, []
        if not text.strip():
            return
        a, b, c, d = (
            tm[0] * cm[0] + tm[1] * cm[2], tm[0] * cm[1] + tm[1] * cm[3],
            tm[2] * cm[0] + tm[3] * cm[2], tm[2] * cm[1] + tm[3] * cm[3],
        )  # fmt: skip
        x = tm[4] * cm[0] + tm[5] * cm[2] + cm[4]
        y = tm[4] * cm[1] + tm[5] * cm[3] + cm[5]
        points = abs(size) * math.sqrt(abs(a * d - b * c))
        upright = abs(b) < abs(a) and abs(c) < abs(d)
        inside = -5 <= x <= self.width + 5 and -5 <= y <= self.height + 5
        if points < _SMALLEST_LETTER or not upright or not inside:
            return
        if any(white for white, _ in shown) and not self._painted:
            return  # white on white
        bold = "bold" in str((font or {}).get("/BaseFont", "")).lower()
        unseen = bool(shown) and all(mode in (3, 7) for _, mode in shown)
        (self.invisible if unseen else self.pieces).append((text, x, y, points, bold))


def _is_white(operands: list[Any]) -> bool:
    values = [float(value) for value in operands if isinstance(value, int | float)]
    if len(values) == 4:
        return all(value <= 0.02 for value in values)
    return bool(values) and all(value >= 0.98 for value in values)


def _read_pages(reader: pypdf.PdfReader) -> list[list[_Line]]:
    count = len(reader.pages)
    if count > MAX_PAGES:
        raise Unreadable(f"has more than {MAX_PAGES:,} pages: cut it into parts")
    deadline = time.monotonic() + MAX_SECONDS
    pages: list[list[_Line]] = []
    length = 0
    for number, page in enumerate(reader.pages):
        box = page.cropbox
        eye = _Eye(float(box.right), float(box.top), deadline)
        page.extract_text(visitor_operand_before=eye.operation, visitor_text=eye.text)
        pages.append(list(_lines(eye.pieces or eye.invisible, number)))
        length += sum(len(line.text) for line in pages[-1])
        if length > MAX_ARTICLE_CHARS:
            raise Unreadable(f"is longer than {MAX_ARTICLE_CHARS:,} characters")
    return pages


def _lines(pieces: list[tuple[str, float, float, float, bool]], page: int) -> Iterator[_Line]:
    """Pieces at one height are a line; a wide gap between two of them parts cells of a table."""
    row: list[tuple[str, float, float, float, bool]] = []
    for piece in pieces:
        if (row and abs(piece[2] - row[-1][2]) > 0.4 * min(piece[3], row[-1][3])) or (
            row and piece[1] < row[-1][1]
        ):
            yield _line(row, page)
            row = []
        row.append(piece)
    if row:
        yield _line(row, page)


def _line(row: list[tuple[str, float, float, float, bool]], page: int) -> _Line:
    text = ""
    end = row[0][1]
    for piece, x, _, size, _ in row:
        piece = piece.translate(_GLYPHS)
        gap = x - end
        if text and gap > 2 * size and not _BULLET.fullmatch(text.strip()):
            text = text.rstrip() + " | "
        elif text and gap > 0.2 * size and not (_CJK.match(text[-1]) or _CJK.match(piece)):
            text += " "
        text += piece.replace("\n", " ")
        # After a change of font pypdf may give a place further back; pieces do not overlap.
        end = max(x, end) + size * sum(1.0 if _CJK.match(c) else 0.5 for c in piece.strip())
    longest = max(row, key=lambda piece: len(piece[0]))
    return _Line(" ".join(text.split()), row[0][1], row[0][2], longest[3], longest[4], page)


def _without_edges(pages: list[list[_Line]]) -> list[list[_Line]]:
    """Drop running headers and footers, which many pages repeat but for the number, and page numbers."""
    edges = [_edge_lines(page) for page in pages]
    seen = Counter(key for edge in edges for key in {_key(line) for line in edge})
    often = max(2, _SHARE_OF_PAGES * len(pages))
    return [
        [
            line
            for line in page
            if line not in edge or not (seen[_key(line)] >= often or _PAGE_NUMBER.fullmatch(line.text))
        ]
        for page, edge in zip(pages, edges, strict=True)
    ]


def _edge_lines(page: list[_Line]) -> list[_Line]:
    by_height = sorted(page, key=lambda line: line.y)
    return by_height[:_EDGE_LINES] + by_height[-_EDGE_LINES:]


def _key(line: _Line) -> tuple[str, int]:
    return re.sub(r"\d+", "#", line.text), round(line.y / 10)


# Lines to paragraphs


def _blocks(pages: list[list[_Line]]) -> Iterator[str]:
    lines = [line for page in pages for line in page]
    if not lines:
        return
    leading = _leading(lines)
    full = median(len(line.text) for line in lines)
    words = Counter(word for line in lines for word in re.findall(r"[^\W\d_]+(?:-[^\W\d_]+)*", line.text))
    block = lines[0].text
    for line, following in pairwise(lines):
        parting = _parting(line, following, leading, full)
        block = block + parting + following.text if parting.strip() or parting == "\n" else block
        if parting == "\n\n":
            yield _listed(block.removesuffix("\n\n" + following.text))
            block = following.text
        elif parting == "":
            block = _joined(block, following.text, words)
    yield _listed(block)


def _leading(lines: list[_Line]) -> float:
    """The usual distance from line to line, as a multiple of the size of the letters."""
    steps = [
        (line.y - following.y) / line.size
        for line, following in pairwise(lines)
        if line.page == following.page
        and line.size == following.size
        and 0 < line.y - following.y < 2.5 * line.size
    ]
    return median(steps) if steps else 1.2


def _parting(line: _Line, following: _Line, leading: float, full: float) -> str:
    """What stands between two lines: nothing, a line break or an empty line."""
    step = (line.y - following.y) / line.size
    cells = " | " in line.text, " | " in following.text
    if all(cells) and 0 < step < 4 * leading:
        return "\n"
    if any(cells):
        return "\n\n"
    if abs(line.size - following.size) > 0.1 * line.size or line.bold != following.bold:
        return "\n\n"
    if _BULLET.match(following.text):
        return "\n" if _BULLET.match(line.text) or 0 < step < 1.4 * leading else "\n\n"
    goes_on = not line.text.endswith(_SENTENCE_ENDS) and not following.text[:1].isupper()
    if step <= 0 or line.page != following.page:  # the next column or page
        return (
            ""
            if goes_on or (len(line.text) > 0.8 * full and not line.text.endswith(_SENTENCE_ENDS))
            else "\n\n"
        )
    if step > 1.3 * leading:
        return "\n\n"
    if len(line.text) < 0.6 * full and following.text[:1].isupper():
        return "\n"
    return ""


def _joined(block: str, text: str, words: Counter[str]) -> str:
    """Two lines as one, with a word that was divided at the end of the first made whole."""
    head, tail = _HYPHEN_END.search(block), _WORD_START.match(text)
    if head and tail and tail.group()[0].islower():
        divided = f"{head[1]}-{tail.group()}"
        return block + text if words[divided] > words[head[1] + tail.group()] else block[:-1] + text
    if block and text and _CJK.match(block[-1]) and _CJK.match(text):
        return block + text
    return f"{block} {text}"


def _listed(block: str) -> str:
    """A block with its bullets as dashes, or its rows as those of a table."""
    lines = block.split("\n")
    if not all(" | " in line for line in lines):
        return "\n".join(_BULLET.sub("- ", line) for line in lines)
    rows = [line.split(" | ") for line in lines]
    figures = [any(character.isdigit() for character in line) for line in lines]
    return "\n".join(table_lines(rows, has_header=not figures[0] and any(figures)))


# What the file says of itself


def _metadata(reader: pypdf.PdfReader) -> dict[str, Any]:
    info = reader.metadata or pypdf.DocumentInformation()
    title = clean_line(str(info.title or ""))
    printed = _PRINTED.search(f"{info.get('/Creator')} {info.get('/Producer')}")
    published, modified = (None, None) if printed else (_day(info, "/CreationDate"), _day(info, "/ModDate"))
    topics = re.split("[,;]", str(info.get("/Keywords") or ""))
    return {
        "title": "" if _UNTITLED.fullmatch(title) else title,
        "author": clean_line(str(info.author or "")),
        "published": published,
        "modified": modified if modified and published and modified > published else None,
        "topics": [topic.strip() for topic in topics if topic.strip()],
        "language": _language(reader),
    }


def _day(info: Any, name: str) -> date | None:
    match = re.match(r"(?:D:)?(\d{4})(\d{2})(\d{2})", str(info.get(name) or ""))
    try:
        found = date(*map(int, match.groups())) if match else None
    except ValueError:
        return None
    return found if found and 1990 <= found.year <= 2100 else None


def _language(reader: pypdf.PdfReader) -> str:
    stated = str(reader.root_object.get("/Lang") or "")
    return stated[:2].lower() if re.match(r"[A-Za-z]{2}(?:-|$)", stated) else ""
