"""While the Chroma server is away, all are told so in a sentence, and it works again afterwards."""

from pathlib import Path

import httpx

from evals import jsonl
from rag.chroma import ChromaServer
from rag.embed import PACKAGED, Embedder
from rag.index import Index
from rag.ingest import ingest
from tests import chroma_server
from tests.ui.conftest import QUESTION, Make
from tests.ui.test_kill import ARTICLE


def test_health_search_and_answers_say_that_the_server_is_away(
    tmp_path: Path, embedder: Embedder, make_product: Make
) -> None:
    source = tmp_path / "articles.jsonl"
    jsonl.write(source, [ARTICLE])
    with chroma_server.running(tmp_path / "chroma") as server:
        chroma = ChromaServer(server.url)
        folder = tmp_path / "data"
        ingest(folder, PACKAGED, [str(source)], only=True, chroma=chroma, load_embedder=lambda: embedder)
        index = Index(folder, PACKAGED, chroma=chroma)
        product = make_product(folder, ("reader",), pages={}, index=index, chroma_url=server.url)
        client, key = product.client(), product.key("reader")

        def tried() -> list[httpx.Response]:
            asked = {"model": "reex", "messages": [{"role": "user", "content": QUESTION}]}
            return [
                client.get("/health"),
                client.post("/v1/search", json={"query": QUESTION}, headers=key),
                client.post("/v1/chat/completions", json=asked, headers=key),
            ]

        assert [response.status_code for response in tried()] == [200, 200, 200]
        server.kill()
        for response in tried():
            assert response.status_code == 503
            message = response.json()["error"]["message"]
            assert message.startswith(f"The Chroma server at {server.url} cannot be reached (")
        server.start()
        assert [response.status_code for response in tried()] == [200, 200, 200]
        index.close()
