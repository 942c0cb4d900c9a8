"""A run keeps what was answered, goes on where it stopped, and can be compared and gated."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from langchain_core.language_models import FakeListChatModel
from typer.testing import CliRunner

from corpus.errors import UsageError
from evals import run as running
from evals.compare import compare, flips, gate
from evals.report import as_html, as_markdown
from evals.run import RETRIEVAL, Run, list_runs, read_run, run
from evals.text import case_as_text, comparison_as_text, run_as_text
from rag.llm import LLM
from rag.settings import Settings, load_settings
from rag.types import Filters, Question
from ui.cli import app


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return load_settings(data_dir=tmp_path_factory.mktemp("evals"))


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Five questions over the starter corpus, and one that it cannot find."""
    folder = tmp_path_factory.mktemp("suite")
    asked = {
        "Who leads Niron?": "https://rawmaterials.net/niron-launches-worlds-first-rare-earth-free-permanent-magnet-factory/",
        "How big does Adamas think the market will be by 2040?": "https://www.greencarcongress.com/2024/09/20240902-adamas.html",
        "What did Baogang commit to under the 15th Five-Year Plan?": "https://rareearthexchanges.com/?p=5652",
        "What does JL MAG build in Baotou?": "https://rareearthexchanges.com/news/jl-mag-expands-as-chinas-magnet-giant-adds-20000-tpa-in-baotou-phase-iii-project",
        "Which index of rare earth prices is there for January 2026?": "https://nowhere.example/",
    }  # fmt: skip
    rows = [
        {"id": str(i), "question": q, "gold_urls": [url], "facts": []}
        for i, (q, url) in enumerate(asked.items())
    ]
    header = "name: five\nmeasures: nothing\ncases: [cases.jsonl]\nthresholds: {success@5: 0.9}\n"
    (folder / "suite.yaml").write_text(header)
    (folder / "cases.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(folder)


def write_suite(folder: Path, *rows: dict[str, object]) -> None:
    """A suite over the same corpus, which need not be embedded again."""
    (folder / "suite.yaml").write_text("name: five\nmeasures: nothing\ncases: [cases.jsonl]\n")
    (folder / "cases.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


@pytest.fixture(scope="module")
def made(settings: Settings, suite: str) -> Run:
    return run(suite, settings, system=RETRIEVAL)


def test_a_run_is_a_folder_that_tells_what_was_run(made: Run, settings: Settings) -> None:
    config = json.loads((made.folder / "run.json").read_text())
    assert config["finished"]
    assert len(config["corpus_sha256"]) == len(config["cases_sha256"]) == 64
    assert config["settings"]["top_k"] == 10
    assert "openai_api_key" not in config["settings"]
    assert len(made.records) == config["cases"] == 5
    hit = made.records["2"]["retrieved"][0]
    assert hit["text"]
    assert hit["end"] - hit["start"] == len(hit["text"])
    assert read_run("latest", settings).name == made.name


def test_the_filters_of_a_case_narrow_what_is_retrieved(settings: Settings, tmp_path: Path) -> None:
    filters = {"publishers": ["electrive"]}
    write_suite(tmp_path, {"id": "0", "question": "Who leads Niron?", "gold_urls": [], "filters": filters})
    kept = run(str(tmp_path), settings, system=RETRIEVAL).records["0"]
    assert {urlsplit(hit["url"]).netloc for hit in kept["retrieved"]} == {"www.electrive.com"}


def test_the_stand_alone_wording_of_a_follow_up_is_searched_with_its_filters(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    filters = {"publishers": ["electrive"]}
    follow_up = {"id": "0", "question": "And?", "history": [{"role": "user", "content": "Who?"}]}
    write_suite(tmp_path, {**follow_up, "standalone": "Who leads Niron?", "filters": filters})
    asked: list[Question] = []
    real = running._system

    def system(*args: Any) -> Any:
        return replace(real(*args), alone=lambda question: asked.append(question) or [])

    monkeypatch.setattr(running, "_system", system)
    run(str(tmp_path), settings, system=RETRIEVAL)
    assert asked == [Question("Who leads Niron?", filters=Filters(publishers=("electrive",)))]


def test_an_interrupted_run_goes_on_without_repeating_a_case(
    settings: Settings, suite: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(done: int, total: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(suite, settings, system=RETRIEVAL, progress=stop)
    half = read_run(list_runs(settings)[-1], settings)
    assert (len(half.records), half.config["finished"]) == (2, None)
    with (half.folder / "cases.jsonl").open("a") as file:
        file.write('{"id": "2", "text": "cut o')  # the machine went down while it wrote

    asked = []
    real = running.record
    monkeypatch.setattr(running, "record", lambda case, *rest: asked.append(case.id) or real(case, *rest))
    whole = run(suite, settings, system=RETRIEVAL, resume=True)
    assert whole.folder == half.folder
    assert sorted(asked) == ["2", "3", "4"]
    assert sorted(whole.records) == ["0", "1", "2", "3", "4"]
    with pytest.raises(UsageError, match="No unfinished run"):
        run(suite, settings, system=RETRIEVAL, resume=True)


def test_a_record_names_the_model_even_when_it_was_not_asked(
    settings: Settings, suite: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusing = LLM("openai:gpt-4o-mini", FakeListChatModel(responses=["The corpus does not say."]), "openai")
    monkeypatch.setattr("rag.chain.open_llm", lambda *_: refusing)
    asked = run(suite, settings, limit=1)
    assert [kept["llm"] for kept in asked.records.values()] == ["openai:gpt-4o-mini"]


def test_the_same_twice_is_no_difference(made: Run, settings: Settings, suite: str) -> None:
    again = run(suite, settings, system=RETRIEVAL)
    assert {d.verdict for d in compare(made, again)} == {"no evidence"}
    assert not flips(made, again)


def test_a_planted_fault_is_worse(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    before = run("former-report-2", settings, system=RETRIEVAL)
    monkeypatch.setattr("rag.retrieve.spread", lambda candidates: candidates[::-1])
    blind = run("former-report-2", settings, system=RETRIEVAL)
    worse = {d.metric.name for d in compare(before, blind) if d.verdict == "worse"}
    assert {"recall@5", "recall@10"} <= worse
    assert all(not flip.better for flip in flips(before, blind))
    assert any("success@5" in reason for reason in gate(blind))
    assert any(reason.startswith("recall@10 went from") for reason in gate(blind, before))
    assert len(gate(before, before)) == len(gate(before))
    assert "worse" in comparison_as_text(before, blind, compare(before, blind), flips(before, blind))


def test_a_gate_names_what_is_missed(made: Run) -> None:
    assert gate(made) == ["success@5 is 0.800, below 0.9"]


def test_a_run_can_be_read(made: Run) -> None:
    text = run_as_text(made)
    assert "success@5" in text
    assert "4 (question)" in text
    assert "rank" not in case_as_text(made, "4")
    assert "gold: https://nowhere.example/" in case_as_text(made, "4")


def test_reports_hold_every_case_and_fetch_nothing(made: Run) -> None:
    page = as_html(made, made, [made, made])
    assert page.count('class="case"') == 5
    assert "<svg" in page
    assert "src=" not in page
    assert "<link" not in page
    markdown = as_markdown(made, made)
    assert "| success@5 | 0.800 |" in markdown
    assert "no evidence of a difference" in markdown


def test_a_report_escapes_what_articles_say(made: Run) -> None:
    hostile: dict[str, Any] = {**made.records["0"], "text": "<script>alert(1)</script>"}
    page = as_html(Run(made.folder, made.config, {**made.records, "0": hostile}))
    assert "<script>alert" not in page


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["run", "nosuch"], 2, "There is no suite nosuch"),
        (["run", "--set", "nothing=1"], 2, "names no setting"),
        (["run", "starter", "--kind", "riddle", "--system", "retrieval"], 2, "its kinds are"),
        (["run", "starter", "--system", "oracle"], 2, "There is no system oracle"),
        (["show", "nosuch"], 2, "There is no run nosuch"),
        (["gate"], 9, "success@5 is 0.800, below 0.9"),
    ],
)
def test_commands_fail_in_one_sentence(
    made: Run, settings: Settings, arguments: list[str], code: int, words: str
) -> None:
    run_name = [made.name] if arguments == ["gate"] else []
    result = CliRunner().invoke(app, ["eval", *arguments, *run_name, "--data-dir", str(settings.data_dir)])
    assert isinstance(result.exception, Exception)
    assert getattr(result.exception, "exit_code", None) == code
    assert words in str(result.exception)
