"""One document of any kind becomes an article: HTML, PDF, DOCX, Markdown, plain text."""

from collections.abc import Callable
from urllib.parse import urlsplit

from corpus.article import Article
from corpus.errors import Unreadable
from corpus.extract_docx import from_docx
from corpus.extract_html import from_html
from corpus.extract_pdf import from_pdf
from corpus.extract_text import from_markdown, from_plain_text

_BY_SUFFIX: dict[str, Callable[[bytes, str], Article]] = {
    ".md": from_markdown,
    ".markdown": from_markdown,
    ".txt": from_plain_text,
    ".html": from_html,
    ".htm": from_html,
    ".pdf": from_pdf,
    ".docx": from_docx,
}
SUFFIXES = tuple(_BY_SUFFIX)
"""The kinds of files that can be read."""

_SUFFIX_OF_MEDIA_TYPE = {
    "text/html": ".html",
    "application/xhtml+xml": ".html",
    "application/pdf": ".pdf",
    "application/x-pdf": ".pdf",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": ".docx",
    "text/markdown": ".md",
    "text/x-markdown": ".md",
    "text/plain": ".txt",
}
# What servers say when they do not know.
_SAYS_NOTHING = ("", "application/octet-stream", "binary/octet-stream", "application/download")
# PDF allows bytes before its mark, up to the first 1024.
_PDF_MARK, _PDF_MARK_WITHIN = b"%PDF-", 1024
_ZIP_MARK = b"PK\x03\x04"
_HTML_MARKS = (b"<!doctype html", b"<html", b"<head", b"<body", b"<title")


def extract(raw: bytes, url: str, kind: str = "") -> Article:
    """Make an article of one document.

    Args:
        raw: the document as it was read or downloaded.
        url: where it came from; a page may name a better address, if that is on the same site.
        kind: a media type ("text/html; charset=gbk") or a suffix (".pdf"). Without one, the
            document's first bytes tell, and after them the end of the address.

    Raises:
        Unreadable: it is of no known kind, not of the kind that it is said to be, damaged, locked,
            over a limit, or holds no text.
    """
    media_type, _, parameters = kind.lower().partition(";")
    media_type = media_type.strip()
    found = _marked_kind(raw)
    if media_type in _SAYS_NOTHING:
        suffix = found or _suffix_of(url) or ".txt"
    else:
        suffix = _SUFFIX_OF_MEDIA_TYPE.get(media_type, media_type)
    if suffix not in _BY_SUFFIX:
        raise Unreadable(f"is of a kind that cannot be read ({media_type})")
    _check_mark(suffix, found)
    if suffix in (".html", ".htm"):
        return from_html(raw, url, _charset(parameters))
    return _BY_SUFFIX[suffix](raw, url)


def _marked_kind(raw: bytes) -> str:
    if _PDF_MARK in raw[:_PDF_MARK_WITHIN]:
        return ".pdf"
    if raw.startswith(_ZIP_MARK):
        return ".docx"
    start = raw[:1024].removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    return ".html" if start.startswith(_HTML_MARKS) else ""


def _check_mark(suffix: str, found: str) -> None:
    binary = {".pdf": "a PDF file", ".docx": "a Word document (.docx)"}
    if suffix in binary and found != suffix:
        raise Unreadable(f"is not {binary[suffix]}, whatever it is called")
    if suffix in (".html", ".htm") and found in binary:
        raise Unreadable(f"is not an HTML page but {'a PDF' if found == '.pdf' else 'a ZIP'} file")


def _suffix_of(url: str) -> str:
    path = urlsplit(url).path.lower()
    return next((suffix for suffix in SUFFIXES if path.endswith(suffix)), "")


def _charset(parameters: str) -> str:
    for parameter in parameters.split(";"):
        name, _, value = parameter.partition("=")
        if name.strip() == "charset":
            return value.strip().strip("'\"")
    return ""
