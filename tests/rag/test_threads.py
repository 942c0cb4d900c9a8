"""Twenty threads at once search, and get what one alone would get, also while the corpus changes."""

import random
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sentence_transformers import SentenceTransformer

from rag.embed import PACKAGED, Embedder, Vectors
from rag.index import Index
from rag.ingest import ingest
from rag.minilm import packaged_model
from rag.retrieve import Retriever

QUESTIONS = [
    f"{asked} {name}{ending}"
    for asked in ("What did they say of", "How much is made by", "Who leads", "When was the deal with")
    for name in ("Lynas", "Baogang", "MP Materials", "Iluka", "Energy Fuels", "包钢", "the Pentagon")
    for ending in ("?", " in 2025, and what does it mean for the supply of magnets in Europe?")
]


def at_once(work: Callable[[int], Any], threads: int = 20) -> list[Any]:
    # The results of the work in each thread; all begin at the same moment.
    barrier = threading.Barrier(threads)

    def begin(number: int) -> Any:
        barrier.wait(20)
        return work(number)

    with ThreadPoolExecutor(threads) as pool:
        return [future.result(120) for future in [pool.submit(begin, n) for n in range(threads)]]


def cosine(one: Vectors, other: Vectors) -> float:
    return float(one @ other / np.linalg.norm(one) / np.linalg.norm(other))


def test_texts_that_twenty_threads_embed_at_once_become_the_vectors_of_those_texts() -> None:
    embedder = Embedder()  # that remembers nothing yet
    long = [f"{question} {'and so on ' * 12}" for question in QUESTIONS[:9]]
    alone = dict(zip(QUESTIONS + long, Embedder().encode(QUESTIONS + long), strict=True))

    def embed(number: int) -> None:
        dice = random.Random(number)
        for _ in range(6):
            texts = dice.sample(QUESTIONS + long, dice.choice([1, 1, 1, 2, 3, 9]))
            vectors = dice.choice([embedder.encode, embedder.encode_again])(texts)
            assert vectors.shape == (len(texts), 384)
            for text, vector in zip(texts, vectors, strict=True):
                assert cosine(vector, alone[text]) > 0.999

    at_once(embed)


def test_no_texts_have_no_vectors(embedder: Embedder) -> None:
    assert len(embedder.encode([])) == 0
    assert len(embedder.encode_again([])) == 0


def test_texts_that_come_again_are_not_embedded_again(monkeypatch: pytest.MonkeyPatch) -> None:
    embedder = Embedder()
    monkeypatch.setattr("rag.embed._REMEMBERED", 30)
    passed: list[str] = []
    embed = embedder._model.encode
    monkeypatch.setattr(embedder._model, "encode", lambda texts: passed.extend(texts) or embed(texts))
    first, second = QUESTIONS[:20], QUESTIONS[10:40]
    vectors = embedder.encode_again(first + first[:3])
    assert sorted(passed) == sorted(first)  # each once
    assert np.array_equal(vectors[:2], embedder.encode(first[:2]))
    embedder.encode_again(second)
    assert sorted(passed[20:]) == sorted(second[10:])
    embedder.encode(second[:2])
    embedder.encode(first[:2])  # which had to make room
    assert passed[40:] == first[:2]


TEXTS = ["neodymium", *QUESTIONS[:5], f"{'and so on ' * 300}"]


def test_vectors_are_those_of_sentence_transformers() -> None:
    model = SentenceTransformer(str(packaged_model()), device="cpu")
    for texts in (TEXTS, TEXTS[:1], TEXTS[1:3]):
        wanted = model.encode(texts, normalize_embeddings=True)
        # Where it is computed in bfloat16, the cosine is 0.9999 and not 1.
        assert min(np.sum(Embedder().encode(texts) * wanted, axis=1)) > 0.999


def test_a_model_of_ones_own_is_used_as_it_is_configured(tmp_path: Path) -> None:
    folder = str(tmp_path / "model")
    SentenceTransformer(
        str(packaged_model()), device="cpu", prompts={"ask": "query: "}, default_prompt_name="ask",
        truncate_dim=100,
    ).save(folder)  # fmt: skip
    model = SentenceTransformer(folder, device="cpu")
    vectors = Embedder(folder).encode(TEXTS)
    wanted = model.encode(TEXTS, normalize_embeddings=True)
    assert vectors.shape == wanted.shape
    assert min(np.sum(vectors * wanted, axis=1)) > 0.999
    assert cosine(vectors[0], model.encode(TEXTS[0], prompt="")[: len(vectors[0])]) < 0.99


def test_what_twenty_threads_find_at_once_is_what_one_finds(starter_index: Index, embedder: Embedder) -> None:
    retriever = Retriever(starter_index, embedder)
    alone = {q: [hit.passage.id for hit in retriever.search([q], 10)] for q in QUESTIONS[::2]}
    fresh = Retriever(starter_index, Embedder())

    def search(number: int) -> None:
        for question in random.Random(number).sample(sorted(alone), 5):
            found = [hit.passage.id for hit in fresh.search([question], 10)]
            # Vectors of a batch differ in the last digits from those of a text alone, and so may near ties.
            assert len(set(found) & set(alone[question])) >= 9
            assert set(found[:1]) & set(alone[question][:2])

    at_once(search)


def test_searches_go_on_while_the_corpus_changes(tmp_path: Path, embedder: Embedder) -> None:
    source, folder = tmp_path / "source", tmp_path / "data"
    source.mkdir()

    def write(version: int) -> None:
        for name in ("neodymium", "terbium", "cerium"):
            head = f"---\ntitle: On {name}\nurl: https://example.com/{name}\n---\n"
            (source / f"{name}.md").write_text(
                f"{head}The price of {name} rose {version} times.", encoding="utf-8"
            )
        ingest(folder, PACKAGED, [str(source)], only=True, load_embedder=lambda: embedder)

    write(0)
    index = Index(folder, PACKAGED)
    retriever = Retriever(index, embedder)
    done = threading.Event()
    searches = 0

    def search(number: int) -> None:
        nonlocal searches
        if number == 0:
            for version in range(1, 4):
                write(version)
            done.set()
            return
        while not done.is_set():
            hits = retriever.search(
                [f"What happened to the price of {'neodymium' if number % 2 else 'terbium'}?"], 3
            )
            searches += 1
            for hit in hits:
                assert hit.article.text[hit.passage.start : hit.passage.end] == hit.passage.text

    at_once(search)
    assert searches > 20
    assert "3 times" in retriever.search(["price of terbium"], 1)[0].passage.text
    index.close()
