"""What the pages and the API share while the product is served."""

from dataclasses import dataclass, field

from corpus.database import Database
from rag.answer_cache import AnswerCache
from rag.chain import AnswerChain
from rag.settings import Settings
from ui.turns import Turns


@dataclass(frozen=True)
class Service:
    """The chain that answers, the database of what people leave behind, the settings of both, the line before
    the language model, and the answers that need not be made again."""

    chain: AnswerChain
    state: Database
    settings: Settings
    turns: Turns = field(default_factory=Turns)
    answers: AnswerCache = field(default_factory=lambda: AnswerCache(0))
