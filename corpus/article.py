"""The article: a body of text and where it came from."""

import hashlib
import json
from dataclasses import asdict, dataclass
from datetime import date


def article_id(url: str) -> str:
    """The id of the article at an address."""
    return hashlib.sha256(url.encode()).hexdigest()[:12]


@dataclass(frozen=True)
class Article:
    """One published article.

    ``text`` is final: every offset in the product is a character index into it.
    ``published`` is the date of publication as its source states it, or None; the dates of
    the events that the text tells of are a different thing; ``modified`` is when the source says that it
    last changed the text. ``language`` is an ISO 639-1 code, empty when it is not known.
    """

    url: str
    text: str
    title: str = ""
    publisher: str = ""
    published: date | None = None
    topics: tuple[str, ...] = ()
    author: str = ""
    modified: date | None = None
    language: str = ""

    @property
    def id(self) -> str:
        """The same for every version of the article: the address identifies it."""
        return article_id(self.url)

    @property
    def content_hash(self) -> str:
        """SHA-256 over all fields: equal exactly when nothing about the article changed."""
        fields = json.dumps(asdict(self), sort_keys=True, default=str, ensure_ascii=False)
        return hashlib.sha256(fields.encode()).hexdigest()

    @property
    def text_hash(self) -> str:
        """SHA-256 of the text alone: equal when two addresses carry the same body."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    @property
    def label(self) -> str:
        """Publisher and date, as shown beside every quotation."""
        when = self.published.isoformat() if self.published else "undated"
        return f"{self.publisher or 'unknown publisher'}, {when}"
