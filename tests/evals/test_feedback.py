"""A bad answer becomes a reviewed case of a suite that runs like any other."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from corpus.errors import UsageError
from corpus.sources.files import STARTER_SOURCE
from evals import feedback
from evals.feedback import Reported, Wanted
from evals.run import RETRIEVAL, run
from evals.suite import read_suite
from rag.ingest import ingest
from rag.settings import Settings, load_settings
from ui.cli import app

URL = "https://rareearthexchanges.com/?p=5652"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings(data_dir=tmp_path)


def test_a_case_counts_once_it_is_reviewed(settings: Settings) -> None:
    wanted = Wanted(["Meng Fanying | 孟繁英"], [URL])
    first = feedback.add(Reported("Who leads Baogang?"), settings, wanted)
    second = feedback.add(Reported("What is lithium?"), settings, Wanted(unanswerable=True))
    assert [row["id"] for row in feedback.waiting(settings)] == [first, second]
    assert read_suite(str(feedback.folder(settings))).cases == []
    feedback.review(first, settings)
    feedback.drop(second, settings)
    (case,) = read_suite(str(feedback.folder(settings))).cases
    assert (case.id, case.facts, case.gold_urls) == (first, (("Meng Fanying", "孟繁英"),), (URL,))
    assert feedback.waiting(settings) == []


def test_a_report_needs_no_answer_but_its_review_does(settings: Settings) -> None:
    id_ = feedback.add(Reported("Who leads Baogang?", text="Li Xiao.", evidence=[{"url": URL}]), settings)
    feedback.note(id_, " named the general manager ", settings)
    with pytest.raises(UsageError, match="measures nothing yet"):
        feedback.review(id_, settings)
    (row,) = feedback.waiting(settings)
    assert (row["note"], row["answered"], row["evidence"]) == (
        "named the general manager", "Li Xiao.", [{"url": URL}],
    )  # fmt: skip
    feedback.review(id_, settings, Wanted(unanswerable=True))
    (case,) = read_suite(str(feedback.folder(settings))).cases
    assert not case.answerable


def test_a_case_that_asks_nothing_or_is_not_there_is_refused(settings: Settings) -> None:
    with pytest.raises(UsageError, match="asks nothing"):
        feedback.add(Reported(" "), settings)
    with pytest.raises(UsageError, match="There is no case feedback-007"):
        feedback.note("feedback-007", "x", settings)


def test_an_answer_becomes_a_case_that_runs_over_ones_own_index(settings: Settings, tmp_path: Path) -> None:
    ingest(settings.data_dir, settings.embedding_model, [STARTER_SOURCE], only=True)
    citation = {"n": 1, "title": "Baogang", "url": URL, "quote": "…"}
    answer = {"question": "What did Baogang commit to?", "text": "Nothing [1].", "citations": [citation]}
    file = tmp_path / "answer.json"
    file.write_text(json.dumps(answer))

    def reex(*words: str) -> str:
        result = CliRunner().invoke(app, ["eval", *words, "--data-dir", str(settings.data_dir)])
        assert result.exit_code == 0, result.exception
        return result.output

    assert "feedback-001 waits for review" in reex("add", "--answer", str(file), "--note", "too short")
    shown = reex("review")
    assert all(
        words in shown for words in ("too short", "not said yet", "| Nothing [1].", f"[1] Baogang {URL}")
    )
    assert "is in" in reex("review", "feedback-001", "--gold", URL)
    assert "No case waits" in reex("review")
    assert list(run("feedback", settings, system=RETRIEVAL).records) == ["feedback-001"]
