"""Parts that many tests share: the real embedding model, small articles, the starter corpus as an index."""

from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import hypothesis
import pytest

from corpus.article import Article
from rag.embed import PACKAGED, Embedder
from rag.index import Index
from rag.ingest import ingest

# The machine may be slow or busy; what counts is the result.
hypothesis.settings.register_profile("reex", deadline=None)
hypothesis.settings.load_profile("reex")


@pytest.fixture(scope="session")
def embedder() -> Embedder:
    return Embedder()


@pytest.fixture(scope="session")
def make_article() -> Callable[..., Article]:
    def make(text: str, url: str = "https://example.org/a", **fields: object) -> Article:
        given = {"title": "A title", "publisher": "A publisher", "published": date(2025, 5, 13)}
        return Article(url=url, text=text, **{**given, **fields})  # type: ignore[arg-type]

    return make


@pytest.fixture(scope="session")
def starter_folder(tmp_path_factory: pytest.TempPathFactory, embedder: Embedder) -> Path:
    # A data directory that holds the starter corpus. Open it, and do not write to it.
    folder = tmp_path_factory.mktemp("starter")
    ingest(folder, PACKAGED, load_embedder=lambda: embedder)
    return folder


@pytest.fixture(scope="session")
def starter_index(starter_folder: Path) -> Iterator[Index]:
    index = Index(starter_folder, PACKAGED)
    yield index
    index.close()
