"""The command line, as a person or a script runs it: output, messages and exit codes."""

import io
import json
import os
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest

from ui.cli import main

CLEARED = dict.fromkeys(("REEX_LLM", "OPENAI_BASE_URL", "OPENAI_API_BASE", "OPENAI_API_KEY"), "")


def reex(
    *arguments: str, data_dir: Path, stdin: str = "", **environment: str
) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own, as people start it: imports and models take their time."""
    return subprocess.run(
        [sys.executable, "-m", "ui.cli", *arguments],
        input=stdin,
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, **CLEARED, "REEX_DATA_DIR": str(data_dir), **environment},
        check=False,
    )


def reex_here(
    *arguments: str, data_dir: Path, stdin: str = "", **environment: str
) -> subprocess.CompletedProcess[str]:
    """The same in this process, for the many ways in which a command is given."""
    with pytest.MonkeyPatch.context() as patched:
        for name, value in {**CLEARED, "REEX_DATA_DIR": str(data_dir), **environment}.items():
            patched.setenv(name, value)
        ending = pytest.raises(SystemExit)
        patched.setattr(sys, "argv", ["reex", *arguments])
        patched.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin.encode())))
        with redirect_stdout(io.StringIO()) as out, redirect_stderr(io.StringIO()) as err, ending as ended:
            main()
    code = ended.value.code or 0
    assert isinstance(code, int)
    return subprocess.CompletedProcess(arguments, code, out.getvalue(), err.getvalue())


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory with two articles of our own, and without the starter corpus."""
    folder = tmp_path_factory.mktemp("cli")
    rows = [
        {
            "url": "https://example.com/lynas",
            "title": "Lynas quarterly output",
            "published": "2026-01-20",
            "publisher": "Example News",
            "text": "Lynas Rare Earths produced 1,404 tonnes of NdPr. Revenue was A$201.9 million.",
        },
        {"url": "https://example.com/steel", "text": "Baogang makes steel and rare earths in Baotou."},
    ]
    source = folder / "articles.jsonl"
    source.write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    done = reex("ingest", "--only", str(source), data_dir=folder / "data")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Articles: 2 added.")
    return folder / "data"


def test_search_finds_passages_as_data(corpus: Path) -> None:
    done = reex("search", "How much NdPr did Lynas make?", "-k", "1", "--json", data_dir=corpus)
    data = json.loads(done.stdout)
    assert done.returncode == 0
    assert [hit["url"] for hit in data["retrieved"]] == ["https://example.com/lynas"]
    assert set(data["retrieved"][0]) >= {
        "passage_id",
        "url",
        "score",
        "title",
        "publisher",
        "published",
        "text",
    }


def test_search_in_batch_answers_in_order_and_survives_bad_lines(corpus: Path) -> None:
    lines = [
        '{"id": "a", "question": "Lynas NdPr"}',
        "not json",
        '{"id": "c", "question": ""}',
        '{"id": 4, "question": "Baogang"}',
    ]
    done = reex("search", "--json", "--batch", "-", data_dir=corpus, stdin="\n".join(lines))
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 0
    assert [row["id"] for row in rows] == ["a", None, "c", 4]
    assert "not valid JSON" in rows[1]["error"]
    assert "empty" in rows[2]["error"]
    assert rows[3]["retrieved"][0]["url"] == "https://example.com/steel"


def test_search_is_narrowed_by_dates_and_publishers(corpus: Path) -> None:
    def found(*arguments: str, stdin: str = "") -> list[list[str]]:
        done = reex_here("search", "--json", *arguments, data_dir=corpus, stdin=stdin)
        assert done.returncode == 0, done.stderr
        return [[hit["url"] for hit in json.loads(line)["retrieved"]] for line in done.stdout.splitlines()]

    lynas, steel = "https://example.com/lynas", "https://example.com/steel"
    assert set(found("rare earths")[0]) == {lynas, steel}
    assert found("rare earths", "--publisher", "EXAMPLE NEWS") == [[lynas]]
    assert found("rare earths", "--since", "2026-01-20", "--until", "2026-01-20") == [[lynas]]
    assert found("rare earths", "--since", "2026-01-21") == [[]]
    rows = [
        {"question": "rare earths"},
        {"question": "rare earths", "filters": {"publishers": ["Example News"], "until": "2026-02-01"}},
    ]
    stdin = "\n".join(json.dumps(row) for row in rows)
    assert found("--batch", "-", "--until", "2026-01-19", stdin=stdin) == [[], [lynas]]


def test_filters_narrow_a_batch_of_questions_and_bad_ones_fail_alone(corpus: Path) -> None:
    rows = [
        {"id": 1, "question": "Lynas NdPr", "filters": {"until": "2025-01-01"}},
        {"id": 2, "question": "Lynas NdPr", "filters": {"publishers": ["Nobody"]}},
        {"id": 3, "question": "Lynas NdPr", "filters": {"since": "soon"}},
    ]
    done = reex_here("ask", "--batch", "-", data_dir=corpus, stdin="\n".join(map(json.dumps, rows)))
    refused, unknown, bad = [json.loads(line) for line in done.stdout.splitlines()]
    assert (refused["abstained"], refused["retrieved"]) == (True, [])
    assert "until 1 January 2025" in refused["notes"][0]
    assert "some by Example News" in unknown["error"]
    assert "soon is no date" in bad["error"]


def test_a_second_ingest_of_the_same_does_nothing(corpus: Path) -> None:
    assert reex("ingest", data_dir=corpus).stdout.startswith("Articles: 2 unchanged.")


def test_data_dir_may_stand_before_or_behind_the_command(corpus: Path, tmp_path: Path) -> None:
    for arguments in (
        ["--data-dir", str(corpus), "search", "Lynas"],
        ["search", "Lynas", "--data-dir", str(corpus)],
    ):
        assert "https://example.com/lynas" in reex_here(*arguments, data_dir=tmp_path).stdout


def test_config_hides_secrets(tmp_path: Path) -> None:
    done = reex_here("config", data_dir=tmp_path, OPENAI_API_KEY="sk-very-secret")
    assert "sk-very-secret" not in done.stdout + done.stderr
    assert "(set, hidden)" in done.stdout


def test_doctor_says_what_is_missing_and_how_to_mend_it(tmp_path: Path) -> None:
    done = reex_here("doctor", data_dir=tmp_path / "none", REEX_CACHE_DIR=str(tmp_path))
    assert done.returncode == 1
    assert "run `reex ingest` first" in done.stdout
    assert "ok       chromadb" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "environment", "code", "message"),
    [
        (["ask", " "], {}, 2, "empty"),
        (["ask"], {}, 2, "Nothing was asked"),
        (["ask", "x", "--since", "2026-02-30"], {}, 2, "2026-02-30 is no date of publication"),
        (["search", "x", "--since", "2026-02-01", "--until", "2026-01-01"], {}, 2, "swap the dates"),
        (["ask", "x", "--publisher", "Nobody"], {}, 2, "“Nobody”; it has some by Example News"),
        (["search", "x", "--publisher", "Nobody"], {}, 2, "“Nobody”; it has some by Example News"),
        (["ask", "x" * 100_000], {}, 2, "100,000 characters"),
        (["ingest", "--only"], {}, 2, "needs at least one path"),
        (["search", "x"], {"RAG_TOP_K": "many"}, 2, "RAG_TOP_K"),
        (["ask", "Lynas NdPr output in the quarter"], {"REEX_LLM": "openai:gpt-x"}, 3, "OPENAI_API_KEY"),
        (["ask", "Lynas NdPr output in the quarter"], {"REEX_LLM": "gpt-x"}, 3, "names no provider"),
        (["ask", "Lynas NdPr output"], {"OPENAI_BASE_URL": "http://127.0.0.1:9/v1"}, 3, "cannot be reached"),
        (["ask", "Lynas NdPr output"], {"REEX_LLM": "/no/such.gguf"}, 3, "no model file"),
        (["search", "x"], {"REEX_EMBEDDING_MODEL": "another"}, 4, "was built with the embedding model"),
        (["ingest", "/no/such/folder"], {}, 5, "no file or folder"),
    ],
)
def test_failures_are_one_sentence_and_a_distinct_code(
    corpus: Path, arguments: list[str], environment: dict[str, str], code: int, message: str
) -> None:
    done = reex_here(*arguments, data_dir=corpus, **environment)
    assert (done.returncode, "Traceback" in done.stderr) == (code, False), done.stderr
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("reex: ")
    assert message in last


def test_no_index_is_said_with_the_remedy(tmp_path: Path) -> None:
    done = reex_here("ask", "Who leads Baogang?", data_dir=tmp_path / "none")
    assert (done.returncode, done.stdout) == (4, "")
    assert "run `reex ingest` first" in done.stderr


def test_output_to_a_pipe_has_no_escape_sequences(corpus: Path) -> None:
    done = reex("search", "Lynas", data_dir=corpus)
    assert "\x1b" not in done.stdout + done.stderr
