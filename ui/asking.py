"""What pages and API call to have a question answered: in turn with others."""

from collections.abc import Iterator
from dataclasses import dataclass

from rag.types import Event, Question
from ui.accounts import User
from ui.service import Service


@dataclass(frozen=True)
class Waiting:
    """Event: others have the model.

    ``position`` is the place in line, 1 for who is next, 0 once it is one's turn; ``seconds`` is about how
    long the wait will be.
    """

    position: int = 0
    seconds: float = 0.0


def ask(service: Service, user: User, question: Question) -> Iterator[Waiting | Event]:
    """What `AnswerChain.stream` yields, with a `Waiting` for each place in line."""
    return service.chain.stream(question)
