"""Files and folders as a source."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from corpus.article import Article
from corpus.reading import STARTER, Rejected, read_articles

STARTER_SOURCE = "starter"
"""Names the starter corpus among the sources, wherever the package is installed."""


@dataclass
class FileSource:
    """A file, or a folder with the folders below it; ``name`` is its path, or `STARTER_SOURCE`.

    Files are read whole on every run: that is cheap beside what is done with a changed one.
    """

    name: str

    def articles(self, state: dict[str, Any]) -> Iterator[Article | Rejected]:
        """See `corpus.sources.Source`."""
        return read_articles(STARTER if self.name == STARTER_SOURCE else Path(self.name))
