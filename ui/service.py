"""What the pages and the API share while the product is served."""

from dataclasses import dataclass

from corpus.database import Database
from rag.chain import AnswerChain
from rag.settings import Settings


@dataclass(frozen=True)
class Service:
    """The chain that answers, the database of what people leave behind, and the settings of both."""

    chain: AnswerChain
    state: Database
    settings: Settings
