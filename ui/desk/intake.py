"""Members' queries from where they are: pasted, a file, a forum's feed."""

import csv
import hashlib
import io
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from charset_normalizer import from_bytes

from corpus.errors import UsageError
from corpus.fetch import Fetcher
from corpus.sources.feed import entries
from ui.desk.queries import MAX_CHARS, Incoming

MAX_FILE_BYTES = 20 * 2**20
MAX_ROWS = 10_000

# Heads of columns and names of fields, compared without case, blanks and signs.
_FIELDS: Mapping[str, tuple[str, ...]] = {
    "text": (
        "question", "query", "text", "body", "message", "post", "content", "questiontext", "querytext",
        "问题", "提问", "内容",
    ),
    "member": (
        "member", "author", "user", "username", "name", "from", "asker", "askedby", "会员", "用户", "作者",
    ),
    "link": ("link", "url", "permalink", "address", "threadurl", "链接"),
    "reference": ("id", "reference", "ref", "queryid", "questionid", "postid", "threadid", "guid", "编号"),
}  # fmt: skip


def pasted(text: str) -> list[Incoming]:
    """The queries of a pasted text: one for each paragraph, as blank lines part them."""
    return [Incoming(part.strip()) for part in re.split(r"\n[ \t]*\n", _lines(text)) if part.strip()]


def read_file(path: Path) -> list[Incoming]:
    """The queries of a file: JSONL or JSON by its suffix, else CSV.

    Raises:
        UsageError: it cannot be read, is too large, or holds no queries; says what and where.
    """
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise UsageError(f"{path.name} is larger than {MAX_FILE_BYTES // 2**20} MiB: split it.")
        raw = path.read_bytes()
    except OSError as error:
        raise UsageError(
            f"The queries in {path} cannot be read ({error.strerror}): check the path."
        ) from error
    return parsed(raw, path.name)


def parsed(raw: bytes, name: str) -> list[Incoming]:
    """The queries of a file's content; its name tells the kind.

    Raises:
        UsageError: as `read_file`.
    """
    text = _decoded(raw, name)
    if name.lower().endswith((".jsonl", ".ndjson", ".json")):
        found = list(_from_json(text, name))
    else:
        found = list(_from_csv(text, name))
    if not found:
        raise UsageError(f"{name} holds no query: give rows with a text.")
    if len(found) > MAX_ROWS:
        raise UsageError(f"{name} holds more than {MAX_ROWS:,} queries: split it.")
    return found


def numbered_by_file(items: list[Incoming]) -> list[Incoming]:
    """Queries of a file with references that hold their words too: another file may count from 1 as well."""
    return [
        replace(item, reference=f"{item.reference} {hashlib.sha256(item.text.encode()).hexdigest()[:12]}")
        if item.reference
        else item
        for item in items
    ]


def _decoded(raw: bytes, name: str) -> str:
    """Text in UTF-8, UTF-16 with its mark, or whatever the letters look like."""
    for mark, encoding in ((b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"), (b"", "utf-8-sig")):
        if raw.startswith(mark):
            try:
                return _lines(raw.decode(encoding))
            except UnicodeDecodeError:
                break
    best = from_bytes(raw).best()
    if best is None:
        raise UsageError(f"{name} is no text in any known encoding: save it as UTF-8.")
    return _lines(str(best))


def _lines(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\x00", "")


def _from_csv(text: str, name: str) -> Iterator[Incoming]:
    text = re.sub(r"\Asep=.\n", "", text, flags=re.IGNORECASE)  # a hint to Excel
    reader = csv.reader(io.StringIO(text), delimiter=_delimiter(text), strict=False)
    try:
        rows = [row for row in reader if any(cell.strip() for cell in row)]
    except csv.Error as error:
        raise UsageError(f"{name} is no CSV file, line {reader.line_num} ({error}): save it anew.") from error
    if not rows:
        return
    columns = _columns(rows[0])
    if "text" in columns:
        rows = rows[1:]
    elif len(rows[0]) == 1 or not columns:
        columns = {"text": _longest_column(rows)}  # a list of queries without a head
    else:
        raise UsageError(
            f"{name} has no column of queries among {', '.join(rows[0])[:200]}: "
            "call it question, query or text."
        )
    for row in rows:
        cells = {field: row[place] for field, place in columns.items() if place < len(row)}
        if cells.get("text", "").strip():
            yield Incoming(**cells)


def _delimiter(text: str) -> str:
    """The sign that parts the first line into the most cells, outside quotation marks."""
    first = re.sub(r'"[^"]*"', "", text.lstrip("\n").split("\n", 1)[0])
    return max(",;\t|", key=first.count) if any(sign in first for sign in ";\t|") else ","


def _columns(head: list[str]) -> dict[str, int]:
    """Which field stands in which column, by the names of the columns."""
    names = [re.sub(r"[\W_]", "", cell.casefold()) for cell in head]
    return {
        field: names.index(known[0])
        for field, spellings in _FIELDS.items()
        if (known := [spelling for spelling in spellings if spelling in names])
    }


def _longest_column(rows: list[list[str]]) -> int:
    width = max(map(len, rows))
    return max(range(width), key=lambda place: sum(len(row[place]) for row in rows if place < len(row)))


def _from_json(text: str, name: str) -> Iterator[Incoming]:
    for where, row in _objects(text, name):
        fields = {re.sub(r"[\W_]", "", str(key).casefold()): value for key, value in row.items()}
        found = {
            field: next((fields[spelling] for spelling in spellings if fields.get(spelling)), "")
            for field, spellings in _FIELDS.items()
        }
        if not isinstance(found["text"], str) or not found["text"].strip():
            raise UsageError(f'{where} has no text of a query: give it under "question".')
        yield Incoming(**{field: str(value) for field, value in found.items()})


def _objects(text: str, name: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """The objects of JSONL, or of one JSON list, each with where it stands."""
    if text.lstrip().startswith("["):
        pieces = [(name, text)]
    else:
        lines = enumerate(text.split("\n"), 1)
        pieces = [(f"Line {number} of {name}", line) for number, line in lines if line.strip()]
    for where, piece in pieces:
        try:
            value = json.loads(piece)
        except (ValueError, RecursionError) as error:
            raise UsageError(f"{where} is not valid JSON ({error}): mend it.") from error
        many = value if isinstance(value, list) else [value]
        for number, row in enumerate(many, 1):
            place = f"{where}, entry {number}," if len(many) > 1 else where
            if not isinstance(row, dict):
                raise UsageError(f'{place} is no JSON object: write {{"question": "…"}}.')
            yield place, row


def from_feed(url: str, fetcher: Fetcher) -> list[Incoming]:
    """The posts of a forum's RSS or Atom feed; those that came in before are known by their ids.

    Raises:
        UsageError: this is no address of the web.
        CorpusError: the feed cannot be fetched, is private and not allowed, or is none.
    """
    if urlsplit(url).scheme.lower() not in ("http", "https"):
        raise UsageError("Give the web address of the forum's feed: one that starts with https://.")
    found = []
    for entry in entries(url, fetcher):
        title, body = entry.title, entry.text
        text = body if body.casefold().startswith(title.casefold()) else f"{title}\n\n{body}".strip()
        if text:
            found.append(Incoming(text[:MAX_CHARS], entry.author, entry.id, entry.link))
    return found
