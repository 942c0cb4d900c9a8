"""The packaged embedding model is converted once, and then needs neither PyTorch nor a network."""

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from rag import minilm
from rag.embed import Embedder
from rag.minilm import MiniLM
from rag.settings import default_cache_dir

TEXTS = ["neodymium", "The price of terbium rose in May."]


def kept_in(folder: Path) -> list[Path]:
    return sorted(file for file in folder.glob("all-MiniLM*/*") if file.is_file())


def never(folder: Path, adapter: Path | None) -> None:
    raise AssertionError("it is converted again")


def test_a_kept_model_is_used_without_pytorch_and_reports_to_nobody(embedder: Embedder) -> None:
    embedder.encode(TEXTS), embedder.encode_queries(TEXTS)  # now both are kept
    command = (
        "import sys; from rag.embed import Embedder;"
        "Embedder().encode(['cerium']); Embedder().encode_queries(['cerium']);"
        "print([name for name in ('torch', 'transformers', 'openvino_telemetry') if sys.modules.get(name)])"
    )
    told = subprocess.run([sys.executable, "-c", command], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[]"


@pytest.mark.parametrize("ending", [".xml", ".bin"])
def test_a_damaged_model_is_converted_again(
    tmp_path: Path, embedder: Embedder, monkeypatch: pytest.MonkeyPatch, ending: str
) -> None:
    for file in kept_in(default_cache_dir()):
        (tmp_path / file.parent.name).mkdir(exist_ok=True)
        shutil.copy(file, tmp_path / file.parent.name)
    for damaged in (file for file in kept_in(tmp_path) if file.suffix == ending):
        damaged.write_bytes(damaged.read_bytes()[:1000])
    assert np.allclose(MiniLM(tmp_path).encode_queries(TEXTS), embedder.encode_queries(TEXTS), atol=1e-5)
    assert np.allclose(MiniLM(tmp_path).encode(TEXTS), embedder.encode(TEXTS), atol=1e-5)
    monkeypatch.setattr(minilm, "_convert", never)
    assert np.allclose(MiniLM(tmp_path).encode_queries(TEXTS), embedder.encode_queries(TEXTS), atol=1e-5)
    assert np.allclose(MiniLM(tmp_path).encode(TEXTS), embedder.encode(TEXTS), atol=1e-5)


def test_it_serves_where_nothing_can_be_kept(tmp_path: Path, embedder: Embedder) -> None:
    (tmp_path / "a file").touch()
    model = MiniLM(tmp_path / "a file" / "models")
    assert np.allclose(model.encode(TEXTS), embedder.encode(TEXTS), atol=1e-5)


def test_questions_lie_nearer_to_their_answers_when_they_are_read_as_queries(embedder: Embedder) -> None:
    asked = {
        "Who pays for the cerium plant in Oulu?": (
            "The Finnish fund Tesi covers the whole bill of 40 million euros for the site in Oulu.",
            "The cerium plant in Oulu is to be opened in 2027, as the mayor told the local paper.",
        ),
        "why did Borealis Magnets let 60 people go": (
            "Since orders from car makers fell by half, Borealis Magnets cut 60 jobs in June.",
            "Borealis Magnets employs 240 people, most of whom have been with it for ten years.",
        ),
        "Kvale mine grade TREO?": (
            "The ore at Kvale holds 1.9 per cent of total rare-earth oxides on average.",
            "The Kvale mine lies 40 kilometres from the nearest port and has a road of its own.",
        ),
        "Which buyer has promised to take the terbium from Kvale?": (
            "For ten years all terbium of Kvale goes to Nordan, which signed for it in May.",
            "Terbium from Kvale would fetch far more than the neodymium, which makes up most of the ore.",
        ),
    }
    texts = embedder.encode([text for pair in asked.values() for text in pair])
    apart = texts[::2] - texts[1::2]
    as_texts = (embedder.encode([*asked]) * apart).sum(axis=1)
    as_queries = (embedder.encode_queries([*asked]) * apart).sum(axis=1)
    assert as_queries.mean() > as_texts.mean() + 0.05


def test_a_model_with_a_prompt_for_queries_is_given_it(tmp_path: Path) -> None:
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(minilm.packaged_model()), device="cpu")
    model.prompts["query"] = "A question about cerium: "
    model.save(str(tmp_path / "prompted"))
    own = Embedder(str(tmp_path / "prompted"))
    asked = own.encode_queries(["What does it cost?"])
    assert np.allclose(asked, own.encode(["A question about cerium: What does it cost?"]), atol=0.02)
    assert not np.allclose(asked, own.encode(["What does it cost?"]), atol=0.05)
