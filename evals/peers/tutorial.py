"""The retrieval chain of LangChain's own tutorial, as it stands there.

RecursiveCharacterTextSplitter 1000/200, Chroma, the four nearest chunks, all of them stuffed into
the tutorial's prompt. Needs the extra ``peers``.
"""

import tempfile
from collections.abc import Iterator, Sequence
from time import perf_counter

from langchain_chroma import Chroma
from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings
from langchain_core.messages import HumanMessage
from langchain_text_splitters import RecursiveCharacterTextSplitter

from corpus.article import Article
from evals.peers import Encoder
from evals.peers.answer import Source, answer
from rag.llm import LLM
from rag.types import Answer, Question, Timings

_PROMPT = """You are an assistant for question-answering tasks. Use the following pieces of retrieved \
context to answer the question. If you don't know the answer, just say that you don't know. Use three \
sentences maximum and keep the answer concise.
Question: {question}
Context: {context}
Answer:"""


class _SameModel(Embeddings):
    """An embedding model in LangChain's interface, so that both systems use one model."""

    def __init__(self, embedder: Encoder):
        self._embedder = embedder

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return self._embedder.encode(texts).tolist()  # type: ignore[no-any-return]

    def embed_query(self, text: str) -> list[float]:
        return self.embed_documents([text])[0]


class TutorialChain:
    """Load, split, store; then retrieve and generate."""

    def __init__(self, articles: Sequence[Article], embedder: Encoder, llm: LLM):
        splitter = RecursiveCharacterTextSplitter(chunk_size=1000, chunk_overlap=200, add_start_index=True)
        documents = [Document(article.text, metadata={"url": article.url}) for article in articles]
        self._store = Chroma(
            "tutorial", _SameModel(embedder), persist_directory=tempfile.mkdtemp(prefix="tutorial-")
        )
        self._store.add_documents(splitter.split_documents(documents))
        self._llm = llm
        self._articles = {article.url: article for article in articles}

    def retrieve(self, question: str) -> list[str]:
        """The addresses of the articles of the four nearest chunks."""
        return [document.metadata["url"] for document in self._store.similarity_search(question, k=4)]

    def invoke(self, question: Question) -> Answer:
        """The answer in our form, so that one scorer serves both. The tutorial has no memory."""
        started = perf_counter()
        found = self._store.similarity_search(question.text, k=4)
        retrieved_s = perf_counter() - started
        first: float | None = None
        text = ""
        for piece in self._reply(question.text, found):
            first = first or perf_counter() - started
            text += piece
        timings = Timings(retrieved_s, first, perf_counter() - started)
        sources = [
            Source(self._articles[document.metadata["url"]], document.page_content) for document in found
        ]
        return answer(question, text, sources, timings, self._llm.name)

    def stream(self, question: str, max_tokens: int = 220) -> Iterator[str]:
        """The answer, piece by piece."""
        yield from self._reply(question, self._store.similarity_search(question, k=4), max_tokens)

    def _reply(self, question: str, found: Sequence[Document], max_tokens: int = 220) -> Iterator[str]:
        context = "\n\n".join(document.page_content for document in found)
        yield from self._llm.stream(
            [HumanMessage(_PROMPT.format(question=question, context=context))], max_tokens
        )
