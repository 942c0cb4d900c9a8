"""What every source of articles is: a name, and its articles when asked for them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from corpus.article import Article
from corpus.reading import Rejected


@dataclass(frozen=True)
class Seen:
    """An article is still there and, as far as the source tells without being read, unchanged.

    ``url`` is the one under which the article itself came out earlier.
    """

    url: str


class Source(Protocol):
    """Somewhere that articles come from.

    Attributes:
        name: how it is remembered and given on the command line, such as "https://example.org/feed/".
        describes: what it is, in words that follow "Reading".
        complete: whether an article that it does not yield is no longer there. A feed is not complete:
            it holds only the latest articles.
    """

    name: str
    describes: str
    complete: bool

    def articles(self, state: dict[str, Any]) -> Iterator[Article | Seen | Rejected]:
        """Yield every article that is there now; one that fails comes out as a `Rejected`.

        Args:
            state: what this source noted on earlier runs, to be changed in place. It can be written as
                JSON, is kept only after a run that went well, and may be lost without harm.

        Raises:
            CorpusError: the source as a whole cannot be read, so nothing is known of what is there.
        """
        ...
