"""Files become articles: Markdown with front matter, plain text, and JSONL (one article a line)."""

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import yaml
from markdown_it import MarkdownIt
from markdown_it.token import Token
from mdit_py_plugins.front_matter import front_matter_plugin

from corpus.article import Article
from corpus.clean import clean_line, clean_text
from corpus.errors import CorpusError, Unreadable

STARTER = Path(__file__).parent / "articles"
SUFFIXES = (".md", ".markdown", ".txt", ".jsonl")
# Inline HTML is left as text: it is shown escaped, and never interpreted anywhere.
_MARKDOWN = MarkdownIt("commonmark", {"html": False}).use(front_matter_plugin)

MAX_FILE_BYTES = 512 * 1024 * 1024
MAX_ARTICLE_CHARS = 2_000_000


@dataclass(frozen=True)
class Rejected:
    """Something that was offered as an article and is not one."""

    where: str
    reason: str


def read_articles(source: Path) -> Iterator[Article | Rejected]:
    """Read every article in a file, or in a folder and the folders below it.

    One bad file or line never stops the rest: it comes out as a `Rejected`.

    Raises:
        CorpusError: the source itself is missing, unreadable or holds no file to read.
    """
    for path in files_in(source, SUFFIXES):
        if path.suffix.lower() == ".jsonl":
            yield from _read_jsonl(path)
        else:
            yield _read_document(path)


def files_in(source: Path, suffixes: tuple[str, ...]) -> list[Path]:
    """The source itself if it is a file, else the files of these kinds in it and the folders below it.

    Raises:
        CorpusError: it is missing, unreadable or holds no such file.
    """
    try:
        if source.is_file():
            return [source]
        if not source.is_dir():
            raise CorpusError(f"There is no file or folder {source}: check the path.")
        files = sorted(_walk(source, suffixes))
    except PermissionError as error:
        raise CorpusError(f"{source} may not be read: give this user read access to it.") from error
    if not files:
        kinds = ", ".join(suffixes)
        raise CorpusError(f"{source} holds no articles: put files of these kinds there: {kinds}.")
    return files


def _walk(folder: Path, suffixes: tuple[str, ...]) -> Iterator[Path]:
    def refuse(error: OSError) -> None:
        # Passed over in silence, a folder that may not be listed would look emptied.
        raise error

    for parent, _, names in os.walk(folder, onerror=refuse):
        paths = (Path(parent) / name for name in names)
        yield from (path for path in paths if path.suffix.lower() in suffixes and path.is_file())


def _read_document(path: Path) -> Article | Rejected:
    try:
        raw = _text_of(path)
        if path.suffix.lower() == ".txt":
            fields: Mapping[str, Any] = {"text": raw}
        else:
            fields = _parse_markdown(raw)
        return _article(fields, default_url=path.resolve().as_uri(), default_title=path.stem)
    except Unreadable as error:
        return Rejected(str(path), str(error))


def _read_jsonl(path: Path) -> Iterator[Article | Rejected]:
    try:
        with path.open("rb") as lines:
            for number, line in enumerate(lines, 1):
                if line.strip():
                    yield _read_json_line(line, f"{path}:{number}")
    except OSError as error:
        yield Rejected(str(path), f"cannot be read ({error.strerror})")


def _read_json_line(line: bytes, where: str) -> Article | Rejected:
    try:
        fields = json.loads(line.decode("utf-8-sig"))
        if not isinstance(fields, dict):
            raise Unreadable("is not a JSON object")
        if not clean_line(_string(fields, "url")):
            raise Unreadable("has no url")
        return _article(fields)
    except UnicodeDecodeError:
        return Rejected(where, "is not UTF-8 text")
    except (ValueError, RecursionError) as error:  # ValueError alone: a number of 5000 digits
        return Rejected(where, f"is not valid JSON ({error})")
    except Unreadable as error:
        return Rejected(where, str(error))


def _text_of(path: Path) -> str:
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise Unreadable(f"is larger than {MAX_FILE_BYTES // 2**20} MiB")
        raw = path.read_bytes()
    except OSError as error:
        raise Unreadable(f"cannot be read ({error.strerror})") from error
    if b"\x00" in raw:
        raise Unreadable("is not a text file")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Unreadable("is not UTF-8 text") from error


def _article(fields: Mapping[str, Any], default_url: str = "", default_title: str = "") -> Article:
    text = clean_text(_string(fields, "text"))
    if not text:
        raise Unreadable("has no text")
    if len(text) > MAX_ARTICLE_CHARS:
        raise Unreadable(f"is longer than {MAX_ARTICLE_CHARS:,} characters")
    return Article(
        url=clean_line(_string(fields, "url")) or default_url,
        text=text,
        title=clean_line(_string(fields, "title")) or default_title,
        publisher=clean_line(_string(fields, "publisher")),
        published=_date(fields.get("published")),
        topics=_topics(fields.get("topics")),
        author=clean_line(_string(fields, "author")),
        modified=_date(fields.get("modified")),
        language=clean_line(_string(fields, "language")),
    )


def _string(fields: Mapping[str, Any], name: str) -> str:
    value = fields.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise Unreadable(f"has a {name} that is not text")
    return value


def _date(value: object) -> date | None:
    if value is None or value == "":
        return None
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    try:
        return datetime.fromisoformat(str(value).strip()).date()
    except ValueError:
        raise Unreadable(f"has a date that is not like 2025-05-13: {value!r}") from None


def _topics(value: object) -> tuple[str, ...]:
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(topic, str) for topic in value):
        raise Unreadable("has topics that are not a list of words")
    return tuple(clean_line(topic) for topic in value)


def _parse_markdown(raw: str) -> dict[str, Any]:
    """Front matter and the body as plain text: what a reader sees, without the markup."""
    raw = raw.lstrip("\ufeff \t\r\n")  # front matter counts only on the first line
    tokens = _MARKDOWN.parse(raw)
    fields: dict[str, Any] = {}
    blocks: list[str] = []
    for token in tokens:
        if token.type == "front_matter":
            fields = _front_matter(token.content)
        elif token.type == "inline":
            blocks.append(_plain(token.children or ()))
        elif token.type in ("fence", "code_block"):
            blocks.append(token.content)
    if raw.startswith("---") and not fields:
        raise Unreadable("has broken front matter (no closing --- line, or nothing in it)")
    return {**fields, "text": "\n\n".join(blocks)}


def _front_matter(content: str) -> dict[str, Any]:
    try:
        fields = yaml.load(content, Loader=yaml.CSafeLoader)  # ten times as fast as safe_load
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise Unreadable(f"has broken front matter ({' '.join(str(error).split())})") from error
    if not isinstance(fields, dict):
        raise Unreadable("has front matter that is not a list of `name: value` lines")
    return fields


def _plain(children: Iterable[Token]) -> str:
    parts: list[str] = []
    for token in children:
        if token.type in ("text", "code_inline"):
            parts.append(token.content)
        elif token.type in ("softbreak", "hardbreak"):
            parts.append("\n")
    return "".join(parts)
