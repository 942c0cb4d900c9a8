"""Judges stay beside the metrics: their opinions are kept, shown apart, and read by nothing else."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from langchain_core.language_models import FakeListChatModel
from typer.testing import CliRunner

from corpus.errors import UsageError
from evals import jsonl, judges
from evals.judges import SCORES, Judge, judge, open_judge, opinions
from evals.metrics import METRICS
from evals.run import Run
from evals.text import metrics_as_data, run_as_data, run_as_text
from rag.errors import LLMError
from rag.llm import LLM
from rag.settings import load_settings
from ui.cli import app


def hit(n: int) -> dict[str, Any]:
    return {
        "passage_id": f"p{n}", "url": "g", "title": f"Title {n}", "published": "2025-05-13",
        "text": f"Text {n}.",
    }  # fmt: skip


def record(id: str, **fields: Any) -> dict[str, Any]:
    said = {"text": "Lynas made 5 t.", "support": "supported", "quoted": False, "citations": [1], "doubt": ""}
    cited = {
        "n": 1, "passage_id": "p3", "url": "g", "title": "", "publisher": "", "published": None,
        "quote": "Text.",
    }  # fmt: skip
    given: dict[str, Any] = {
        "id": id, "question": "And how much?", "understood": "How much did Lynas make?",
        "text": "It made 5 t. [1]", "abstained": False, "reason": "", "notes": [],
        "retrieved": [hit(1), hit(2), hit(3)], "shown": ["p1"], "citations": [cited],
        "sentences": [said, {**said, "text": "It made 9 t.", "support": "unsupported"}],
        "unknown_markers": 0, "exact": [], "model": "m", "timings": {"total_s": 1.0}, "tokens": {},
    }  # fmt: skip
    return {**given, **fields}


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Three answers, of which two can be judged: the last is a refusal."""
    suite = tmp_path / "suite.yaml"
    suite.write_text("name: three\ncases: [cases.jsonl]\n")
    (tmp_path / "cases.jsonl").write_text("".join(f'{{"id": "{i}", "question": "?"}}\n' for i in "abc"))
    folder = tmp_path / "data" / "evals" / "three-20260101-000000000"
    folder.mkdir(parents=True)
    config = {
        "suite": "three", "settings": {}, "suite_path": str(suite), "system": "reex", "cases": 3,
        "commit": "", "changed": False, "finished": "now",
    }  # fmt: skip
    records = {"a": record("a"), "b": record("b"), "c": record("c", abstained=True)}
    (folder / "run.json").write_text(json.dumps(config))
    (folder / "cases.jsonl").write_text("".join(json.dumps(kept) + "\n" for kept in records.values()))
    return Run(folder, config, records)


class Asked:
    """A judge that notes what it is asked, and is of the opinions given."""

    def __init__(self, *scores: tuple[float | None, float | None]):
        self.scores = iter(scores)
        self.asked: list[tuple[str, str, list[str]]] = []

    def named(self, name: str) -> Judge:
        return Judge(name, "by hand", self.score)

    def score(self, *asked: Any) -> dict[str, float | None]:
        self.asked.append(asked)
        try:
            return dict(zip(SCORES, next(self.scores), strict=True))
        except StopIteration:
            raise LLMError("The model is gone.") from None


def test_a_judge_is_given_what_was_asked_what_was_shown_and_what_it_rests_on(run: Run) -> None:
    asked = Asked((1.0, 0.5), (0.0, 0.5))
    judge(run, asked.named("j"))
    contexts = ["Title 1 (2025-05-13): Text 1.", "Title 3 (2025-05-13): Text 3."]
    assert asked.asked == [("How much did Lynas make?", "Lynas made 5 t.", contexts)] * 2
    (opinion,) = opinions(run)
    assert (opinion.judge, opinion.judged, opinion.wrote_them) == ("j", 2, False)
    assert opinion.scores["faithfulness"].value == 0.5
    assert (opinion.scores["faithfulness"].low, opinion.scores["faithfulness"].high) == (0.0, 1.0)


def test_a_reply_that_cannot_be_read_is_no_score(run: Run) -> None:
    judge(run, Asked((None, 0.5), (1.0, 0.7)).named("j"))
    (opinion,) = opinions(run)
    assert {name: (e.value, e.cases) for name, e in opinion.scores.items()} == {
        "faithfulness": (1.0, 1),
        "answer_relevancy": (pytest.approx(0.6), 2),
    }


def test_what_a_judge_has_judged_is_kept_and_not_judged_again(run: Run) -> None:
    with pytest.raises(LLMError):
        judge(run, Asked((1.0, 1.0)).named("j"))
    with (run.folder / "judged.jsonl").open("a") as file:
        file.write('{"id": "b", "judge": "j", "fai')  # the machine went down while it wrote
    again, other = Asked((0.0, 0.0)), Asked((0.2, 0.2), (0.2, 0.2))
    judge(run, again.named("j"))
    judge(run, other.named("m"))
    assert (len(again.asked), len(other.asked)) == (1, 2)
    assert [(o.judge, o.judged, o.wrote_them) for o in opinions(run)] == [("j", 2, False), ("m", 2, True)]


def test_a_line_break_of_unicode_ends_no_record(tmp_path: Path) -> None:
    kept = {"id": "a", "text": "one\u2028two\x85three"}
    jsonl.write(tmp_path / "rows.jsonl", [kept, kept])
    assert jsonl.read(tmp_path / "rows.jsonl") == [kept, kept]


def test_a_limit_bounds_all_that_is_judged(run: Run) -> None:
    for _ in range(2):
        judge(run, Asked((1.0, 1.0)).named("j"), limit=1)
    assert opinions(run)[0].judged == 1


def test_opinions_are_shown_apart_and_are_no_metrics(run: Run) -> None:
    before, text = metrics_as_data(run), run_as_text(run)
    assert "judged" not in run_as_data(run)
    judge(run, Asked((0.25, 0.5), (0.25, 0.5)).named("m"))
    assert not set(SCORES) & set(METRICS)
    assert metrics_as_data(run) == before
    shown = run_as_text(run).removeprefix(text)
    assert "A language model judged 2 answers: m, which wrote the answers itself (by hand)" in shown
    assert "0.250" in shown
    assert run_as_data(run)["judged"][0]["scores"]["faithfulness"]["value"] == 0.25


def test_a_run_without_answers_cannot_be_judged(run: Run) -> None:
    silent = Run(run.folder, run.config, {"c": run.records["c"]})
    with pytest.raises(UsageError, match="holds no answer to judge"):
        judge(silent, Asked().named("j"))


def test_the_command_judges_and_show_tells(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = Asked((0.25, 0.5), (0.25, 0.5)).named("openai:judge")
    monkeypatch.setattr(judges, "open_judge", lambda settings, assembling: asked)
    where = ["--data-dir", str(run.folder.parent.parent)]
    for command in (["judge", run.name], ["show", run.name]):
        result = CliRunner().invoke(app, ["eval", *command, *where], catch_exceptions=False)
        assert "A language model judged 2 answers: openai:judge (by hand)" in result.output
        assert "answer_relevancy" in result.output


# RAGAS itself, where the extra is installed.

STATEMENTS = '{"statements": ["Lynas made 5 t.", "Lynas is Australian."]}'
VERDICTS = """```json
{"statements": [{"statement": "Lynas made 5 t.", "reason": "it says so", "verdict": 1},
                {"statement": "Lynas is Australian.", "reason": "it does not", "verdict": 0}]}
```"""
ASKED_BACK = '{"question": "How much did Lynas make?", "noncommittal": 0}'


def opened(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, *replies: str, provider: str = "local") -> Judge:
    pytest.importorskip("ragas", reason="the extra judges is not installed")
    chat = FakeListChatModel(responses=list(replies))
    monkeypatch.setattr(judges, "open_llm", lambda *_: LLM("fake:m", chat, provider))
    return open_judge(load_settings(data_dir=tmp_path))


def test_ragas_scores_with_the_model_that_it_is_given(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked = opened(monkeypatch, tmp_path, STATEMENTS, VERDICTS, ASKED_BACK)
    scores = asked.score("How much did Lynas make?", "Lynas made 5 t.", ["Lynas made 5 t."])
    assert scores == {"faithfulness": 0.5, "answer_relevancy": pytest.approx(1.0, abs=0.01)}
    assert (asked.name, asked.at_a_time) == ("fake:m", 1)
    assert asked.method.startswith("RAGAS ")


def test_ragas_asks_a_model_with_a_temperature_three_times(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    others = [ASKED_BACK.replace("Lynas", "Iluka"), ASKED_BACK.replace(": 0", ": 1")]
    asked = opened(monkeypatch, tmp_path, STATEMENTS, VERDICTS, ASKED_BACK, *others, provider="openai")
    assert asked.score("How much did Lynas make?", "5 t.", ["x"])["answer_relevancy"] == 0.0
    assert asked.at_a_time > 1


def test_prose_instead_of_json_is_no_score(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked = opened(monkeypatch, tmp_path, "I would say that it is quite faithful.")
    assert asked.score("How much?", "5 t.", ["5 t."]) == dict.fromkeys(SCORES)


def test_without_ragas_the_extra_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "ragas", None)
    with pytest.raises(UsageError, match=r"\[judges\]"):
        open_judge(load_settings(data_dir=tmp_path))
