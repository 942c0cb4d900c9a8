"""An index whose passages are on a Chroma server is the same index, and says what is wrong with the server.

The suites of ingest and retrieval run against a server with REEX_TEST_CHROMA=1; here is what only a server
can do.
"""

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from corpus.errors import ReexError, StorageError, UsageError
from rag.chroma import ChromaServer, check
from rag.embed import PACKAGED, Embedder
from rag.errors import BusyError, IndexUnusableError
from rag.index import Index, open_index
from rag.ingest import ingest, locked, verify
from rag.lexical import LexicalIndex
from rag.retrieve import Retriever
from rag.settings import load_settings
from tests import chroma_server

SAYS = {"neodymium": "The price of neodymium rose.", "dysprosium": "Nobody knows why dysprosium fell."}


def write(source: Path, articles: dict[str, str]) -> str:
    rows = [
        {"url": f"https://example.org/{name}", "title": name, "text": articles[name]} for name in articles
    ]
    source.write_text("\n".join(map(json.dumps, rows)))
    return str(source)


@pytest.fixture(scope="module")
def chroma_run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[chroma_server.Server]:
    with chroma_server.running(tmp_path_factory.mktemp("server") / "chroma") as running:
        yield running


def found(index: Index, embedder: Embedder, query: str) -> list[tuple[str, float]]:
    hits = Retriever(index, embedder).search([query], 5)
    return [(hit.passage.text, round(hit.similarity, 4)) for hit in hits]


def test_data_directories_share_what_one_of_them_ingested(
    chroma_run: chroma_server.Server, tmp_path: Path, embedder: Embedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    chroma, catalogue = ChromaServer(chroma_run.url), f"sqlite:///{tmp_path}/catalogue.sqlite"
    source = tmp_path / "articles.jsonl"

    def run(folder: str, **articles: str) -> None:
        ingest(
            tmp_path / folder,
            PACKAGED,
            [write(source, articles)],
            only=True,
            catalogue_url=catalogue,
            chroma=chroma,
            load_embedder=lambda: embedder,
        )

    run("one", **SAYS)
    reader = Index(tmp_path / "two", PACKAGED, catalogue_url=catalogue, chroma=chroma)
    clean = tmp_path / "embedded"
    ingest(clean, PACKAGED, [str(source)], only=True, chroma=None, load_embedder=lambda: embedder)
    embedded = Index(clean, PACKAGED, chroma=None)
    for query in ("why did dysprosium fall", "the price of neodymium"):
        assert found(reader, embedder, query) == found(embedded, embedder, query) != []
    embedded.close()

    run("one", neodymium=SAYS["neodymium"], terbium="Terbium is new.")
    assert "Terbium is new." in [text for text, _ in found(reader, embedder, "terbium")]
    assert reader.lexical.search("dysprosium", 5) == []
    run("two", neodymium=SAYS["neodymium"])  # whoever ingests next goes on from there
    for folder in ("one", "two"):
        whole = verify(tmp_path / folder, PACKAGED, catalogue_url=catalogue, chroma=chroma)
        assert whole.as_text() == "1 articles, 1 passages: all agree."
    # What was built out of Chroma is kept for the next start.
    (kept,) = (tmp_path / "one" / "bm25").iterdir()
    assert kept.name == reader.catalogue.fact("generation")
    reader.close()
    monkeypatch.setattr(Index, "_rows", lambda *_: pytest.fail("read again"))
    assert LexicalIndex.load(kept).search("neodymium", 1)
    Index(tmp_path / "one", PACKAGED, catalogue_url=catalogue, chroma=chroma).close()


def test_corpora_on_one_server_are_kept_apart_and_a_file_cannot_be_taken_for_a_server(
    chroma_run: chroma_server.Server, tmp_path: Path, embedder: Embedder
) -> None:
    chroma = ChromaServer(chroma_run.url)

    def run(name: str, chroma: ChromaServer | None, **options: bool) -> int:
        source = write(tmp_path / f"{name}.jsonl", {name: f"Everything on {name}."})
        folder = tmp_path / name
        given = {"only": True, "chroma": chroma, "load_embedder": lambda: embedder, **options}
        return ingest(folder, PACKAGED, [source], **given).added  # type: ignore[arg-type]

    assert run("yttrium", chroma) == run("cerium", chroma) == 1
    assert run("yttrium", chroma) == 0
    assert verify(tmp_path / "cerium", PACKAGED, chroma=chroma).as_text().endswith("all agree.")
    with pytest.raises(IndexUnusableError, match="are on a Chroma server: set CHROMA_URL"):
        run("yttrium", None)
    assert run("yttrium", None, rebuild=True) == 1
    assert run("yttrium", chroma) == 1  # what is in a folder moves to the server by an ingest
    assert verify(tmp_path / "yttrium", PACKAGED, chroma=chroma).as_text().endswith("all agree.")


def test_a_server_that_dies_is_told_and_one_that_is_back_is_used(
    chroma_run: chroma_server.Server, tmp_path: Path, embedder: Embedder
) -> None:
    chroma = ChromaServer(chroma_run.url)
    source = write(tmp_path / "articles.jsonl", SAYS)
    run: Callable[[], object] = lambda: ingest(  # noqa: E731
        tmp_path / "data", PACKAGED, [source], only=True, chroma=chroma, load_embedder=lambda: embedder
    )
    run()
    index = Index(tmp_path / "data", PACKAGED, chroma=chroma)
    before = found(index, embedder, "neodymium")
    chroma_run.kill()
    told = rf"The Chroma server at {chroma_run.url} cannot be reached \(.*\): check that it runs"
    uses: list[Callable[[], object]] = [
        lambda: found(index, embedder, "neodymium"),
        index.check,
        run,
        lambda: Index(tmp_path / "data", PACKAGED, chroma=chroma),
    ]
    for use in uses:
        with pytest.raises(StorageError, match=told):
            use()
    chroma_run.start()
    index.check()
    assert found(index, embedder, "neodymium") == before  # over a connection that broke meanwhile
    index.close()


@pytest.mark.parametrize(
    "url",
    ["chroma:8000", "ftp://chroma", "http://", "http://me:secret@chroma", "http://chroma:x", "http://c?a=b"],
)
def test_what_is_no_address_of_a_server_is_refused(url: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"CHROMA_URL is not .*: write it as http://host:8000") as refused:
        open_index(load_settings(chroma_url=url, data_dir=tmp_path))
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    ("status", "body", "token", "complaint"),
    [
        (200, '"0.6.3"', "right", r"no Chroma server that we can use \(its version is 0.6.3\)"),
        (200, "<html>", "right", r"no Chroma server that we can use \(it answers 200\)"),
        (404, "", "right", r"no Chroma server that we can use \(it answers 404\)"),
        (200, '"1.0.0"', "wrong", r"does not let us in \(401\): set CHROMA_TOKEN right"),
        (503, "", "right", r"cannot be reached \(503 from a proxy\): check that it runs"),
        (500, "disk\nfull", "right", r"failed \(disk full\): look into its log"),
        (200, '"1.0.0"', "right", ""),
    ],
)
def test_what_is_wrong_with_a_server_is_told_in_a_sentence(
    status: int, body: str, token: str, complaint: str
) -> None:
    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None: ...

        def do_GET(self) -> None:
            assert self.path == "/chroma/api/v2/version"
            let_in = (
                self.headers["Authorization"] == "Bearer right" == f"Bearer {self.headers['X-Chroma-Token']}"
            )
            self.send_response(status if let_in else 401)
            self.end_headers()
            self.wfile.write(body.encode())

    stub = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=stub.serve_forever, daemon=True).start()
    settings = load_settings(
        chroma_url=f"http://127.0.0.1:{stub.server_address[1]}/chroma/", chroma_token=token
    )
    server = ChromaServer.of(settings)
    assert server
    try:
        if not complaint:
            check(server)
            return
        with pytest.raises(StorageError, match=complaint) as failed:
            check(server)
        assert token not in str(failed.value).replace("set CHROMA_TOKEN right", "").replace(
            "CHROMA_URL right", ""
        )
    finally:
        stub.shutdown()
        stub.server_close()


def test_one_ingest_at_a_time_in_postgresql_whatever_the_folder(
    server: str, tmp_path: Path, embedder: Embedder
) -> None:
    url = server
    source = write(tmp_path / "articles.jsonl", SAYS)

    def run(folder: str) -> int:
        found = ingest(
            tmp_path / folder,
            PACKAGED,
            [source],
            only=True,
            catalogue_url=url,
            load_embedder=lambda: embedder,
        )
        return found.added

    with locked(tmp_path / "other", url), pytest.raises(BusyError, match="running on this catalogue: wait"):
        run("data")
    assert run("data") == 2
    with pytest.raises(ReexError, match="belongs to another"), locked(tmp_path / "other", url):
        Index(tmp_path / "other", PACKAGED, catalogue_url=url, create=True)
    assert run("data") == 0
