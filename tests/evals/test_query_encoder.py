"""What is learned brings questions to their sentences, and the product reads queries with it."""

from pathlib import Path

import numpy as np
import pytest
import torch

from evals.query_encoder import Asked, Pool, QueryEncoder, gather
from rag import minilm
from rag.embed import Embedder
from rag.minilm import MiniLM
from rag.settings import Settings

ASKED = ("Who pays?", "What does it cost?", "Where is it?", "When is it opened?")


def test_what_was_learned_is_what_queries_are_read_with(
    tmp_path: Path, embedder: Embedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    vectors = torch.tensor(embedder.encode(["It is in Oulu.", "The state does.", "In May.", "A million."]))
    pool = Pool("made", vectors, tuple(Asked(q, (row,)) for q, row in zip(ASKED, (1, 3, 0, 2), strict=True)))
    encoder = QueryEncoder()
    before = near(encoder, pool)
    encoder.learn([pool] * 20)
    assert near(encoder, pool) > before + 0.1
    encoder.write(tmp_path / "learned.safetensors")
    monkeypatch.setattr(minilm, "QUERIES", tmp_path / "learned.safetensors")
    product = MiniLM(tmp_path / "models")
    with torch.inference_mode():
        learned = encoder(ASKED).numpy()
    cosines = (product.encode_queries(ASKED) * learned).sum(axis=1)
    assert cosines.min() > 0.995  # its weights are kept in bfloat16
    assert np.allclose(product.encode(ASKED), embedder.encode(ASKED), atol=0.02)  # as published


def near(encoder: QueryEncoder, pool: Pool) -> float:
    """How much nearer questions come to the right sentences than to all."""
    with torch.inference_mode():
        cosines = encoder([one.query for one in pool.asked]) @ pool.vectors.T
    right = torch.stack([cosines[row, one.right[0]] for row, one in enumerate(pool.asked)])
    return float(right.mean() - cosines.mean())


def test_questions_are_gathered_with_the_sentences_that_answer_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("evals.query_encoder.SUITES", ("former-report-2",))
    (pool,) = gather(Settings(data_dir=tmp_path))
    assert len(pool.asked) > 300
    assert all(one.right and max(one.right) < len(pool.vectors) for one in pool.asked)
