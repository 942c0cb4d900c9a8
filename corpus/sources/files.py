"""Files and folders on this machine, of every kind that `corpus.reading` knows."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from corpus.article import Article
from corpus.reading import MAX_FILE_BYTES, Rejected, files_in, read_articles
from corpus.sources.source import Seen

STARTER_SOURCE = "starter"
"""Names the starter corpus among the sources, wherever the package is installed."""
_QUICKLY_READ = (".jsonl", ".md", ".markdown", ".txt")


class Files:
    """One file, or those of a folder and the folders below it.

    Files that have to be extracted, such as PDF, are only `Seen` while their bytes stay the same.
    """

    complete = True

    def __init__(self, path: Path, name: str = "") -> None:
        self.name = name or str(path)
        self.describes = f"the file {path}" if path.is_file() else f"the folder {path}"
        self._path = path

    def articles(self, state: dict[str, Any]) -> Iterator[Article | Seen | Rejected]:
        """Yield the articles of all files.

        Raises:
            CorpusError: the file or folder is missing, unreadable or holds nothing that can be read.
        """
        known: dict[str, Any] = state.setdefault("files", {})
        paths = files_in(self._path)
        for path in paths:
            if path.suffix.lower() in _QUICKLY_READ:
                yield from read_articles(path)
            else:
                yield _extracted(path, known)
        for gone in known.keys() - {str(path) for path in paths}:
            del known[gone]


def _extracted(path: Path, known: dict[str, Any]) -> Article | Seen | Rejected:
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            return Rejected(str(path), f"is larger than {MAX_FILE_BYTES // 2**20} MiB")
        raw = path.read_bytes()
    except OSError as error:
        return Rejected(str(path), f"cannot be read ({error.strerror})")
    digest = hashlib.sha256(raw).hexdigest()
    memory = known.get(str(path))
    if memory and memory["sha256"] == digest:
        return Rejected(str(path), memory["rejected"]) if memory["rejected"] else Seen(memory["article"])
    found = next(read_articles(path))
    known[str(path)] = {
        "sha256": digest,
        "article": found.url if isinstance(found, Article) else "",
        "rejected": found.reason if isinstance(found, Rejected) else "",
    }
    return found
