"""Other systems over the same corpus, questions, embedding model and language model.

A peer is a class with ``invoke(question) -> Answer``, made from articles, an embedding model and
our language model; it lives in a module of its own, and its packages are in the extra ``peers``.
"""

from collections.abc import Sequence
from importlib import import_module
from typing import Protocol

from corpus.article import Article
from corpus.errors import UsageError
from rag.embed import Vectors
from rag.llm import LLM
from rag.types import Answer, Question

PEERS = {
    "tutorial": ("evals.peers.tutorial", "TutorialChain"),
    "llamaindex": ("evals.peers.llamaindex", "LlamaIndex"),
    "haystack": ("evals.peers.haystack", "Haystack"),
}
"""Module and class of each peer, by name."""


class Peer(Protocol):
    """Anything that answers questions in our form."""

    def invoke(self, question: Question) -> Answer: ...


class Encoder(Protocol):
    """An embedding model, ours or another."""

    def encode(self, texts: Sequence[str]) -> Vectors: ...


def open_peer(name: str, articles: Sequence[Article], embedder: Encoder, llm: LLM) -> Peer:
    """A peer over a corpus.

    Raises:
        UsageError: there is no such peer, or its packages are missing.
    """
    if name not in PEERS:
        raise UsageError(f"There is no system {name}: give reex or one of {', '.join(PEERS)}.")
    module, cls = PEERS[name]
    try:
        peer: Peer = getattr(import_module(module), cls)(articles, embedder, llm)
    except ImportError as error:
        raise UsageError(f"{name} needs the extra peers ({error}): pip install -e '.[peers]'.") from error
    return peer
