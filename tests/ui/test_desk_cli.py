"""Drafts in batches and the desk on the command line, as a script runs them."""

import json
from pathlib import Path

import pytest

from rag.settings import Settings
from tests.conftest import POSTGRES
from tests.ui.test_cli import corpus, reex, reex_here
from ui.accounts import LOCAL
from ui.desk.drafting import without_evidence
from ui.desk.queries import Desk, Incoming
from ui.state import open_state

__all__ = ["corpus"]  # a fixture

QUERIES = (
    "id,author,question\n"
    "1,ann,How much NdPr did Lynas produce?\n"
    f"2,bob,{'why ' * 1500}\n"
    "3,cy,Who will win the world cup in curling?\n"
)


def rows(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_a_batch_gives_one_line_for_each_and_is_resumed(corpus: Path, tmp_path: Path) -> None:
    source, out = tmp_path / "queries.csv", tmp_path / "drafts.jsonl"
    source.write_text(QUERIES, encoding="utf-8")
    command = ("draft", str(source), "--out", str(out), "--format", "bbcode", "--llm", "ollama:none")
    done = reex(*command, data_dir=corpus)
    assert done.returncode == 10
    assert "Drafting: 1 of 3" in done.stderr
    assert "1 of 3 rows got no draft" in done.stderr
    found = {row["id"]: row for row in rows(out)}
    assert len(found) == 3
    assert "[quote]Lynas Rare Earths produced 1,404 tonnes of NdPr. [url=" in str(found["1"]["draft"])
    assert found["1"]["unsupported"] == []
    assert "6,000" in str(found["2"]["error"]) or "characters" in str(found["2"]["error"])
    assert found["3"]["abstained"] is True

    text = out.read_text(encoding="utf-8")
    first = text.splitlines()[0]
    out.write_text(f"{first}\n{text.splitlines()[2][:40]}", encoding="utf-8")  # cut off by a kill
    again = reex(*command, data_dir=corpus)
    assert "1 of 3 rows have a draft" in again.stderr
    assert out.read_text(encoding="utf-8").startswith(first)
    assert sorted(str(row["id"]) for row in rows(out)) == ["1", "2", "3"]


def test_drafts_go_to_standard_output_without_a_file(corpus: Path, tmp_path: Path) -> None:
    source = tmp_path / "queries.jsonl"
    source.write_text('{"question": "How much NdPr did Lynas produce?", "id": "a"}', encoding="utf-8")
    done = reex_here("draft", str(source), "--json", "--llm", "ollama:none", data_dir=corpus)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["id"] == "a"
    assert reex_here("draft", str(source), "--format", "word", data_dir=corpus).returncode == 2
    foreign = tmp_path / "mine.txt"
    foreign.write_text("precious", encoding="utf-8")
    refused = reex_here("draft", str(source), "--out", str(foreign), "--llm", "ollama:none", data_dir=corpus)
    assert refused.returncode == 2
    assert foreign.read_text(encoding="utf-8") == "precious"


@pytest.mark.skipif(bool(POSTGRES), reason="is about the file")
def test_the_desk_is_listed_shown_and_exported(corpus: Path) -> None:
    state = open_state(Settings(data_dir=corpus))
    desk = Desk(state)
    query = desk.take_in([Incoming("Who leads?\nTell me.", "ann")], "pasted", LOCAL)[0].query
    desk.save(query.id, "Thank you *all*.", without_evidence(query), LOCAL, None)
    desk.move(query.id, "review", LOCAL)
    desk.approve(query.id, LOCAL, 0)
    state.close()
    assert f"{query.id}  approved" in reex_here("desk", "list", data_dir=corpus).stdout
    assert reex_here("desk", "list", "--state", "new", data_dir=corpus).stdout == "No query fits.\n"
    assert reex_here("desk", "list", "--state", "lost", data_dir=corpus).returncode == 2
    shown = json.loads(reex_here("desk", "show", query.id, "--json", data_dir=corpus).stdout)
    assert (shown["state"], shown["draft"], len(shown["events"])) == ("approved", "Thank you *all*.", 4)
    assert reex_here("desk", "export", query.id, data_dir=corpus).stdout == "Thank you \\*all\\*.\n\n"
    assert reex_here("desk", "show", "nothing", data_dir=corpus).returncode == 2
    assert reex_here("desk", "stale", data_dir=corpus).stdout.startswith("Every answer rests")
    assert json.loads(reex_here("desk", "gaps", "--json", data_dir=corpus).stdout) == []
