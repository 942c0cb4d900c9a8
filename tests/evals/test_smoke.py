"""The smoke suite passes its own gate, with the real model."""

from pathlib import Path

import pytest

from evals.compare import gate
from evals.run import run
from rag.settings import load_settings


@pytest.mark.model
def test_the_smoke_suite_meets_its_thresholds(tmp_path: Path) -> None:
    made = run("smoke", load_settings(data_dir=tmp_path))
    assert gate(made) == []
    assert all(record["tokens"]["prompt"] > 100 for record in made.records.values() if record["model"])
