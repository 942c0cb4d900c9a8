"""LlamaIndex: its default splitter and vector index under its citation query engine.

Needs the extra ``peers``.
"""

from collections.abc import Sequence
from time import perf_counter
from typing import Any

from langchain_core.messages import HumanMessage
from llama_index.core import Document, Settings, VectorStoreIndex
from llama_index.core.base.embeddings.base import BaseEmbedding
from llama_index.core.llms import CompletionResponse, CustomLLM, LLMMetadata
from llama_index.core.query_engine import CitationQueryEngine
from pydantic import PrivateAttr

from corpus.article import Article
from evals.peers import Encoder
from evals.peers.answer import Source, answer
from rag.llm import LLM
from rag.tokens import count_tokens
from rag.types import Answer, Question, Timings

_ANSWER_TOKENS = 220


class _SameModel(BaseEmbedding):
    """An embedding model in LlamaIndex's interface."""

    _embedder: Encoder = PrivateAttr()

    def __init__(self, embedder: Encoder):
        super().__init__(model_name="same")
        self._embedder = embedder

    def _get_text_embedding(self, text: str) -> list[float]:
        return self._embedder.encode([text])[0].tolist()  # type: ignore[no-any-return]

    def _get_query_embedding(self, query: str) -> list[float]:
        return self._get_text_embedding(query)

    async def _aget_query_embedding(self, query: str) -> list[float]:
        return self._get_text_embedding(query)


class _SameLLM(CustomLLM):
    """Our language model in LlamaIndex's interface; notes when its first token came."""

    _llm: LLM = PrivateAttr()
    first_token_at: float | None = None

    def __init__(self, llm: LLM):
        super().__init__()
        self._llm = llm

    @property
    def metadata(self) -> LLMMetadata:
        return LLMMetadata(context_window=8192, num_output=_ANSWER_TOKENS)

    def complete(self, prompt: str, formatted: bool = False, **_: Any) -> CompletionResponse:
        text = ""
        for piece in self._llm.stream([HumanMessage(prompt)], _ANSWER_TOKENS):
            self.first_token_at = self.first_token_at or perf_counter()
            text += piece
        return CompletionResponse(text=text)

    def stream_complete(self, prompt: str, formatted: bool = False, **_: Any) -> Any:
        raise NotImplementedError


class LlamaIndex:
    """`CitationQueryEngine` with its defaults: the two nearest nodes, cut to 512 tokens."""

    def __init__(self, articles: Sequence[Article], embedder: Encoder, llm: LLM):
        Settings.tokenizer = lambda text: [""] * count_tokens(text)  # its own is downloaded
        self._articles = {article.url: article for article in articles}
        self._llm = _SameLLM(llm)
        self._name = llm.name
        documents = [Document(text=a.text, metadata={"url": a.url, "title": a.title}) for a in articles]
        index = VectorStoreIndex.from_documents(documents, embed_model=_SameModel(embedder))
        self._engine = CitationQueryEngine.from_args(index, llm=self._llm)

    def invoke(self, question: Question) -> Answer:
        """The answer in our form; the engine has no memory."""
        started = perf_counter()
        self._llm.first_token_at = None
        reply = self._engine.query(question.text)
        total_s = perf_counter() - started
        first = self._llm.first_token_at
        sources = [
            Source(self._articles[found.metadata["url"]], found.get_content().partition("\n")[2])
            for found in reply.source_nodes
        ]
        timings = Timings(0.0, first - started if first else None, total_s)
        return answer(question, str(reply), sources, timings, self._name)
