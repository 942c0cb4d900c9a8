"""Parts that many tests share: the real embedding model, small articles, the starter corpus as an index."""

import os
import tempfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import date
from pathlib import Path

import hypothesis
import pytest
import sqlalchemy as sa

from corpus.article import Article
from rag.chroma import ChromaServer
from rag.embed import PACKAGED, Embedder
from rag.index import Index
from rag.ingest import forget, ingest, mend, remember, verify
from tests import chroma_server

# Tests never touch the catalogue and the passages of whoever runs them.
os.environ["REEX_CATALOGUE_URL"] = os.environ["CHROMA_URL"] = ""

# The machine may be slow or busy; what counts is the result.
hypothesis.settings.register_profile("reex", deadline=None)
hypothesis.settings.load_profile("reex")


# The URL of a PostgreSQL database in which tests may make schemas, for those that also run against a server.
POSTGRES = os.environ.get("REEX_TEST_POSTGRES", "")


# Set to 1, every index that a test makes has its passages on a server of Chroma.
ON_SERVER = bool(os.environ.get("REEX_TEST_CHROMA"))
_until_the_end = ExitStack()


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "embedded: about the files of the embedded Chroma")
    if not ON_SERVER:
        return
    folder = _until_the_end.enter_context(tempfile.TemporaryDirectory())
    url = _until_the_end.enter_context(chroma_server.running(Path(folder) / "chroma")).url
    for function in (Index.__init__, ingest, forget, mend, remember, verify):
        assert function.__kwdefaults__
        function.__kwdefaults__["chroma"] = ChromaServer(url)


def pytest_unconfigure() -> None:
    _until_the_end.close()


def pytest_runtest_setup(item: pytest.Item) -> None:
    if ON_SERVER and item.get_closest_marker("embedded"):
        pytest.skip("the passages are on a server")


@contextmanager
def schema_in_postgresql() -> Iterator[str]:
    """The URL of an empty schema, which is gone afterwards."""
    schema = f"test_{uuid.uuid4().hex}"
    engine = sa.create_engine(POSTGRES)
    with engine.begin() as db:
        db.execute(sa.text(f"create schema {schema}"))
    url = sa.make_url(POSTGRES).update_query_dict({"options": f"-csearch_path={schema}"})
    yield url.render_as_string(hide_password=False)
    with engine.begin() as db:
        db.execute(sa.text(f"drop schema {schema} cascade"))
    engine.dispose()


@pytest.fixture
def server() -> Iterator[str]:
    """The URL of an empty schema in PostgreSQL."""
    if not POSTGRES:
        pytest.skip("REEX_TEST_POSTGRES is not set")
    with schema_in_postgresql() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"] if POSTGRES else ["sqlite"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database, of each kind in turn."""
    if request.param == "postgresql":
        return str(request.getfixturevalue("server"))
    return f"sqlite:///{tmp_path}/elsewhere.sqlite"


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
