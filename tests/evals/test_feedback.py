"""A bad answer becomes a reviewed case of a suite that runs like any other."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from corpus.errors import UsageError
from evals import feedback
from evals.feedback import Wanted
from evals.run import RETRIEVAL, run
from evals.suite import read_suite
from rag.ingest import STARTER_SOURCE, ingest
from rag.settings import Settings, load_settings
from ui.cli import app

URL = "https://rareearthexchanges.com/?p=5652"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings(data_dir=tmp_path)


def test_a_case_counts_once_it_is_reviewed(settings: Settings) -> None:
    first = feedback.add(Wanted("Who leads Baogang?", ["Meng Fanying | 孟繁英"], [URL]), settings)
    second = feedback.add(Wanted("What is lithium?", answerable=False), settings)
    assert [row["id"] for row in feedback.waiting(settings)] == [first, second]
    assert read_suite(str(feedback.folder(settings))).cases == []
    feedback.review(first, settings)
    feedback.review(second, settings, drop=True)
    (case,) = read_suite(str(feedback.folder(settings))).cases
    assert (case.id, case.facts, case.gold_urls) == (first, (("Meng Fanying", "孟繁英"),), (URL,))
    assert feedback.waiting(settings) == []


@pytest.mark.parametrize("wanted", [Wanted(" ", ["x"]), Wanted("Who?")])
def test_a_case_that_measures_nothing_is_refused(settings: Settings, wanted: Wanted) -> None:
    with pytest.raises(UsageError):
        feedback.add(wanted, settings)


def test_an_answer_becomes_a_case_that_runs_over_ones_own_index(settings: Settings, tmp_path: Path) -> None:
    ingest(settings.data_dir, settings.embedding_model, [STARTER_SOURCE], only=True)
    answer = {"question": "What did Baogang commit to?", "citations": [{"url": URL, "quote": "…"}]}
    file = tmp_path / "answer.json"
    file.write_text(json.dumps(answer))
    place = ["--data-dir", str(settings.data_dir)]
    added = CliRunner().invoke(app, ["eval", "add", "--answer", str(file), "--note", "too short", *place])
    assert "feedback-001 waits for review" in added.output
    shown = CliRunner().invoke(app, ["eval", "review", *place])
    assert "too short" in shown.output
    assert CliRunner().invoke(app, ["eval", "review", "feedback-001", *place]).exit_code == 0
    made = run("feedback", settings, system=RETRIEVAL)
    assert list(made.records) == ["feedback-001"]
