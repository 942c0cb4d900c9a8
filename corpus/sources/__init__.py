"""Where articles come from: a folder, a file or a site, each behind one small interface."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from corpus.article import Article
from corpus.reading import Rejected


@dataclass(frozen=True)
class Seen:
    """An article that is still there and, as far as its source tells without being read, unchanged."""

    url: str


class Source(Protocol):
    """A place that offers articles.

    Attributes:
        name: how it is remembered and given on the command line, such as ``https://site/``.
    """

    name: str

    def articles(self, state: dict[str, Any]) -> Iterator[Article | Seen | Rejected]:
        """Everything that the source offers now, one at a time.

        Args:
            state: what the source noted in earlier runs, as JSON has it, to be changed in place. It is kept
                only after a run that went well, and may be thrown away at any time without harm.

        Raises:
            CorpusError: the source itself cannot be used.
        """
        ...
