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


def never(folder: Path) -> None:
    raise AssertionError("it is converted again")


def test_a_kept_model_is_used_without_pytorch_and_reports_to_nobody(embedder: Embedder) -> None:
    embedder.encode(TEXTS)  # now it is kept
    command = (
        "import sys; from rag.embed import Embedder; Embedder().encode(['neodymium']);"
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
    damaged = next(file for file in kept_in(tmp_path) if file.suffix == ending)
    damaged.write_bytes(damaged.read_bytes()[:1000])
    assert np.allclose(MiniLM(tmp_path).encode(TEXTS), embedder.encode(TEXTS), atol=1e-5)
    monkeypatch.setattr(minilm, "_convert", never)
    assert np.allclose(MiniLM(tmp_path).encode(TEXTS), embedder.encode(TEXTS), atol=1e-5)


def test_it_serves_where_nothing_can_be_kept(tmp_path: Path, embedder: Embedder) -> None:
    (tmp_path / "a file").touch()
    model = MiniLM(tmp_path / "a file" / "models")
    assert np.allclose(model.encode(TEXTS), embedder.encode(TEXTS), atol=1e-5)
