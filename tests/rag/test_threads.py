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

    def with_parts(texts: list[str]) -> Vectors:
        return embedder.encode_parts(texts, [[] for _ in texts])[0]

    def embed(number: int) -> None:
        dice = random.Random(number)
        for _ in range(6):
            texts = dice.sample(QUESTIONS + long, dice.choice([1, 1, 1, 2, 3, 9]))
            vectors = dice.choice([embedder.encode, with_parts])(texts)
            assert vectors.shape == (len(texts), 384)
            for text, vector in zip(texts, vectors, strict=True):
                assert cosine(vector, alone[text]) > 0.999

    at_once(embed)


def test_no_texts_have_no_vectors(embedder: Embedder) -> None:
    assert len(embedder.encode([])) == 0
    assert embedder.encode_parts([], [])[1] == []


def test_questions_that_come_again_are_not_embedded_again(monkeypatch: pytest.MonkeyPatch) -> None:
    embedder = Embedder()
    monkeypatch.setattr("rag.embed._REMEMBERED", 8)
    passed: list[str] = []
    embed = embedder._model.encode_queries
    monkeypatch.setattr(embedder._model, "encode_queries", lambda texts: passed.extend(texts) or embed(texts))
    vectors = embedder.encode_queries(QUESTIONS[:5] + QUESTIONS[:3])
    assert passed == QUESTIONS[:5]  # each once
    assert np.array_equal(vectors[:2], embedder.encode_queries(QUESTIONS[:2]))
    embedder.encode_queries(QUESTIONS[3:10])
    assert passed[5:] == QUESTIONS[5:10]
    embedder.encode_queries(QUESTIONS[3:4])
    embedder.encode_queries(QUESTIONS[:1])  # which had to make room
    assert passed[10:] == QUESTIONS[:1]


TEXTS = ["neodymium", *QUESTIONS[:5], f"{'and so on ' * 300}"]


def test_vectors_are_those_of_sentence_transformers() -> None:
    model = SentenceTransformer(str(packaged_model()), device="cpu")
    for texts in (TEXTS, TEXTS[:1], TEXTS[1:3]):
        wanted = model.encode(texts, normalize_embeddings=True)
        # Where it is computed in bfloat16, the cosine is 0.9999 and not 1.
        assert min(np.sum(Embedder().encode(texts) * wanted, axis=1)) > 0.999


PASSAGE = "Lynas in Malaysia (2025-05-16)\nThe plant opened in May. It makes dysprosium. Solvay is in France."
PARTS = [(31, 55), (56, 76), (77, 97)]


def test_a_sentence_in_its_passage_is_near_to_what_the_passage_is_about(embedder: Embedder) -> None:
    whole, (parts,) = embedder.encode_parts([PASSAGE], [PARTS])
    assert cosine(whole[0], embedder.encode([PASSAGE])[0]) > 0.999
    assert np.allclose(np.linalg.norm(parts, axis=1), 1, atol=1e-5)
    (question,) = embedder.encode(["What does Lynas make?"])
    assert np.argmax(parts @ question) == 1
    (alone,) = embedder.encode(["It makes dysprosium."])
    assert parts[1] @ question > alone @ question + 0.1


def test_parts_of_many_texts_come_in_their_order(embedder: Embedder) -> None:
    texts = [
        f"{'and so on ' * (n % 7)}The price of {name} rose." for n, name in enumerate("abcdefghijklm" * 2)
    ]
    parts = [[(0, len(text)), (len(text) - 5, len(text))][: n % 3] for n, text in enumerate(texts)]
    whole, found = embedder.encode_parts(texts, parts)
    assert [len(rows) for rows in found] == [n % 3 for n in range(len(texts))]
    for n in range(0, len(texts), 5):
        (alone,), (rows,) = embedder.encode_parts(texts[n : n + 1], parts[n : n + 1])
        assert cosine(whole[n], alone) > 0.999
        assert all(cosine(one, other) > 0.999 for one, other in zip(found[n], rows, strict=True))


def test_a_part_beyond_what_the_model_reads_has_the_vector_of_the_whole(embedder: Embedder) -> None:
    text = f"{'and so on ' * 300}Lynas."
    whole, (parts,) = embedder.encode_parts([text], [[(len(text) - 6, len(text))]])
    assert cosine(whole[0], parts[0]) > 0.999


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
    whole, (parts, none) = Embedder(folder).encode_parts([PASSAGE, TEXTS[1]], [PARTS, []])
    assert [parts.shape, none.shape] == [(3, 100), (0, 100)]
    assert cosine(whole[0], model.encode(PASSAGE)) > 0.999
    (question,) = model.encode(["What does Lynas make?"])
    assert np.argmax(parts @ question) == 1


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
