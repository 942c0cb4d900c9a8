"""A conversation as a file to keep: one HTML document that needs no server and prints well."""

from collections.abc import Sequence

from corpus.database import now
from ui.document import Asked, document_html


def conversation_as_html(title: str, exchanges: Sequence[Asked]) -> str:
    """All questions of a conversation with their answers and evidence, a page of print or more for each."""
    count = f"{len(exchanges)} question{'' if len(exchanges) == 1 else 's'}"
    return document_html(title or "Conversation", exchanges, line=f"{count}, exported on {now():%Y-%m-%d}.")
