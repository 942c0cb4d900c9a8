"""Haystack: splitter, embedding retrieval and a prompt that asks for numbered references.

Needs the extra ``peers``.
"""

from collections.abc import Sequence
from time import perf_counter

from haystack import Document
from haystack.components.builders import PromptBuilder
from haystack.components.preprocessors import DocumentSplitter
from haystack.components.retrievers.in_memory import InMemoryEmbeddingRetriever
from haystack.document_stores.in_memory import InMemoryDocumentStore
from langchain_core.messages import HumanMessage

from corpus.article import Article
from evals.peers import Encoder
from evals.peers.answer import Source, answer
from rag.llm import LLM
from rag.types import Answer, Question, Timings

_ANSWER_TOKENS = 220
_TOP_K = 4
_PROMPT = """Answer the question from the documents. Cite the documents that you use with their numbers in \
brackets, such as [2]. If the documents do not hold the answer, say that you don't know.

{% for document in documents %}
[{{ loop.index }}] {{ document.content }}
{% endfor %}

Question: {{ question }}
Answer:"""


class Haystack:
    """Split by 200 words, embed, keep in memory; then retrieve four, prompt and generate."""

    def __init__(self, articles: Sequence[Article], embedder: Encoder, llm: LLM):
        self._articles = {article.url: article for article in articles}
        self._embedder = embedder
        self._llm = llm
        whole = [Document(content=article.text, meta={"url": article.url}) for article in articles]
        parts = DocumentSplitter(split_by="word", split_length=200).run(documents=whole)["documents"]
        vectors = embedder.encode([part.content or "" for part in parts])
        for part, vector in zip(parts, vectors, strict=True):
            part.embedding = vector.tolist()
        store = InMemoryDocumentStore(embedding_similarity_function="cosine")
        store.write_documents(parts)
        self._retriever = InMemoryEmbeddingRetriever(store, top_k=_TOP_K)
        self._prompt = PromptBuilder(_PROMPT, required_variables="*")

    def invoke(self, question: Question) -> Answer:
        """The answer in our form; the pipeline has no memory."""
        started = perf_counter()
        vector = self._embedder.encode([question.text])[0].tolist()
        found = self._retriever.run(query_embedding=vector)["documents"]
        retrieved_s = perf_counter() - started
        prompt = self._prompt.run(documents=found, question=question.text)["prompt"]
        text, first = "", None
        for piece in self._llm.stream([HumanMessage(prompt)], _ANSWER_TOKENS):
            first = first or perf_counter() - started
            text += piece
        sources = [Source(self._articles[part.meta["url"]], part.content or "") for part in found]
        return answer(
            question, text, sources, Timings(retrieved_s, first, perf_counter() - started), self._llm.name
        )
