"""Files become articles: one document a file (`corpus.extract`), or JSONL with one article a line."""

import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from corpus import extract
from corpus.article import Article
from corpus.clean import clean_line
from corpus.errors import CorpusError, Unreadable
from corpus.extract_text import from_fields

STARTER = Path(__file__).parent / "articles"
SUFFIXES = (".jsonl", *extract.SUFFIXES)

MAX_FILE_BYTES = 512 * 1024 * 1024
_TITLE_CHARS = 100
_HASH = re.compile(r"[0-9a-f]{32}")


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
    for path in files_in(source):
        if path.suffix.lower() == ".jsonl":
            yield from _read_jsonl(path)
        else:
            yield _read_document(path)


def files_in(source: Path) -> list[Path]:
    """The source itself if it is a file, else the files in it and the folders below it that can be read.

    Raises:
        CorpusError: it is missing, unreadable or holds no such file.
    """
    try:
        if source.is_file():
            return [source]
        if not source.is_dir():
            raise CorpusError(f"There is no file or folder {source}: check the path.")
        files = sorted(_walk(source))
    except PermissionError as error:
        raise CorpusError(f"{source} may not be read: give this user read access to it.") from error
    if not files:
        kinds = ", ".join(SUFFIXES)
        raise CorpusError(f"{source} holds no articles: put files of these kinds there: {kinds}.")
    return files


def _walk(folder: Path) -> Iterator[Path]:
    def refuse(error: OSError) -> None:
        # Passed over in silence, a folder that may not be listed would look emptied.
        raise error

    for parent, _, names in os.walk(folder, onerror=refuse):
        paths = (Path(parent) / name for name in names)
        yield from (path for path in paths if path.suffix.lower() in SUFFIXES and path.is_file())


def _read_document(path: Path) -> Article | Rejected:
    try:
        article = extract.extract(_bytes_of(path), path.resolve().as_uri(), path.suffix)
    except Unreadable as error:
        return Rejected(str(path), str(error))
    return article if article.title else replace(article, title=_title_of(path, article.text))


def _title_of(path: Path, text: str) -> str:
    """The name of the file, or the start of its text when that name is a hash, as uploads have it."""
    return clean_line(text.split("\n", 1)[0])[:_TITLE_CHARS] if _HASH.fullmatch(path.stem) else path.stem


def _bytes_of(path: Path) -> bytes:
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise Unreadable(f"is larger than {MAX_FILE_BYTES // 2**20} MiB")
        return path.read_bytes()
    except OSError as error:
        raise Unreadable(f"cannot be read ({error.strerror})") from error


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
        article = from_fields(fields)
        if not article.url:
            raise Unreadable("has no url")
        return article
    except UnicodeDecodeError:
        return Rejected(where, "is not UTF-8 text")
    except (ValueError, RecursionError) as error:  # ValueError alone: a number of 5000 digits
        return Rejected(where, f"is not valid JSON ({error})")
    except Unreadable as error:
        return Rejected(where, str(error))
