"""``reex corpus`` and ``reex sync``, over a corpus of its own with two versions, a copy and a failure."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from corpus.errors import ReexError
from ui.cli import app

LYNAS, STEEL, COPY = (f"https://example.com/{name}" for name in ("lynas", "steel", "copy"))


def rows(output: str) -> list[dict[str, Any]]:
    return [
        {
            "url": LYNAS,
            "title": "Lynas output",
            "published": "2026-01-20",
            "publisher": "Example News",
            "topics": ["lynas"],
            "text": f"Lynas made {output} tonnes of NdPr.",
        },
        {"url": STEEL, "published": "2026-02-01", "text": "Baogang makes steel."},
        {"url": COPY, "published": "2026-02-02", "text": "Baogang makes steel."},
    ]


class Reex:
    def __init__(self, folder: Path):
        self.folder = folder
        self.source = folder / "articles.jsonl"

    def write(self, articles: list[dict[str, Any]], *more: str) -> None:
        self.source.write_text("\n".join([*map(json.dumps, articles), *more]), encoding="utf-8")

    def __call__(self, *arguments: str) -> str:
        done = CliRunner().invoke(app, [*arguments, "--data-dir", str(self.folder / "data")])
        if done.exception and not isinstance(done.exception, SystemExit):
            raise done.exception
        return done.stdout

    def data(self, *arguments: str) -> Any:
        return json.loads(self(*arguments, "--json"))


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Reex:
    reex = Reex(tmp_path_factory.mktemp("corpus"))
    reex.write(rows("1,404"), "no json")
    reex("ingest", "--only", str(reex.source))
    reex.write(rows("1,500"), "no json")
    report = reex.data("sync")
    assert (report["changed"], report["unchanged"], report["copies"], report["failing"]) == (1, 1, 1, 1)
    assert report["rejected"] == []  # it was told the first time
    return reex


def test_list_is_narrowed_by_filters(corpus: Reex) -> None:
    def listed(*arguments: str) -> list[str]:
        return [row["url"] for row in corpus.data("corpus", "list", *arguments)]

    assert listed() == [COPY, STEEL, LYNAS]
    assert listed("--publisher", "example news") == listed("--topic", "LYNAS") == [LYNAS]
    assert listed("--since", "2026-02-01", "--until", "2026-02-01") == [STEEL]
    assert listed("--state", "retired") == []
    assert corpus("corpus", "list", "--state", "retired") == "No article fits.\n"
    assert "Lynas output (Example News, 2026-01-20)" in corpus("corpus", "list")
    with pytest.raises(ReexError, match="active or retired"):
        corpus("corpus", "list", "--state", "lost")


def test_show_names_addresses_and_passages(corpus: Reex) -> None:
    shown = corpus.data("corpus", "show", STEEL)
    assert [(a["url"], a["same_text"]) for a in shown["addresses"]] == [(COPY, True)]
    assert [(p["start"], p["end"]) for p in shown["passages"]] == [(0, 20)]
    copy = corpus.data("corpus", "show", COPY)
    assert (copy["same_as"], copy["passages"]) == (shown["id"], shown["passages"])
    assert "    | Baogang makes steel." in corpus("corpus", "show", shown["id"])
    with pytest.raises(ReexError, match="knows no article"):
        corpus("corpus", "show", "https://example.com/none")


def test_versions_are_listed_and_compared(corpus: Reex) -> None:
    history = corpus.data("corpus", "history", LYNAS)
    assert [(row["version"], row["current"]) for row in history] == [(1, False), (2, True)]
    assert corpus("corpus", "history", LYNAS).count("Lynas output") == 2
    lines = corpus("corpus", "diff", LYNAS).splitlines()
    assert {"-Lynas made 1,404 tonnes of NdPr.", "+Lynas made 1,500 tonnes of NdPr."} < set(lines)
    assert corpus("corpus", "diff", LYNAS, "2", "2") == "They are the same.\n"
    for unknown in ([STEEL], [LYNAS, "1", "3"]):
        with pytest.raises(ReexError, match="see reex corpus history"):
            corpus("corpus", "diff", *unknown)


def test_stats_count_articles_passages_tokens_and_failures(corpus: Reex) -> None:
    counted = corpus.data("corpus", "stats")
    assert (counted["articles"], counted["addresses"], counted["passages"]) == (2, 3, 2)
    assert counted["months"] == {"2026-01": 1, "2026-02": 1}
    assert (counted["oldest"], counted["newest"]) == ("2026-01-20", "2026-02-01")
    assert counted["publishers"] == {"Example News": 1, "": 1}
    assert counted["topics"] == {"lynas": 1}
    assert counted["tokens"] > 10
    (failure,) = counted["failures"]
    assert (failure["where"], failure["tries"]) == (f"{corpus.source}:4", 2)
    text = corpus("corpus", "stats")
    assert "2 articles at 3 addresses, 2 passages" in text
    assert "articles.jsonl:4 is not valid JSON" in text


def test_what_is_exported_can_be_ingested_again(corpus: Reex, tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    assert corpus("corpus", "export", "--out", str(out)) == f"2 articles in {out}.\n"
    assert corpus("corpus", "export") == out.read_text(encoding="utf-8")
    other = Reex(tmp_path)
    other("ingest", "--only", str(out))
    assert other("corpus", "export") == out.read_text(encoding="utf-8")
    assert other("corpus", "verify") == "2 articles, 2 passages: all agree.\n"


def test_a_forgotten_article_comes_back_only_when_told(tmp_path: Path) -> None:
    reex = Reex(tmp_path)
    reex.write(rows("1,404"))
    reex("ingest", "--only", str(reex.source))
    assert "is forgotten" in reex("corpus", "forget", LYNAS)
    assert reex.data("sync")["added"] == 0
    assert [row["url"] for row in reex.data("corpus", "list")] == [COPY, STEEL]
    reex("corpus", "forget", "--undo", LYNAS)
    with pytest.raises(ReexError, match="was not forgotten"):
        reex("corpus", "forget", "--undo", LYNAS)
    assert reex.data("sync")["added"] == 1


def test_a_sync_of_which_a_source_failed_has_a_code_of_its_own(tmp_path: Path) -> None:
    reex = Reex(tmp_path)
    reex.write(rows("1,404"))
    second = tmp_path / "second.txt"
    second.write_text("Cerium fell.", encoding="utf-8")
    reex("ingest", "--only", str(reex.source), str(second))
    second.unlink()
    with pytest.raises(ReexError, match=r"second\.txt could not be read whole") as caught:
        reex("sync")
    assert caught.value.exit_code == 10
    assert len(reex.data("corpus", "list")) == 4  # what was there before stays
    reex.source.unlink()
    with pytest.raises(ReexError, match="There is no file or folder") as caught:
        reex("sync")
    assert caught.value.exit_code == 5


def test_every_command_uses_the_catalogue_that_the_settings_name(
    tmp_path: Path, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    reex = Reex(tmp_path)
    reex.write(rows("1,404"))
    with monkeypatch.context() as patched:
        patched.setenv("REEX_CATALOGUE_URL", database)
        reex("ingest", "--only", str(reex.source))
        assert len(reex.data("corpus", "list")) == 3
        assert len(reex.data("corpus", "show", LYNAS)["passages"]) == 1
        assert reex.data("corpus", "forget", LYNAS) == {"url": LYNAS, "forgotten": True}
        assert reex.data("corpus", "forget", "--undo", LYNAS) == {"url": LYNAS, "forgotten": False}
        assert reex.data("sync")["added"] == 1
        assert reex.data("corpus", "verify", "--repair")["articles"] == 2
        assert len(reex.data("search", "Lynas tonnes")["retrieved"]) > 0
        patched.setenv("REEX_CATALOGUE_URL", "postgresql://reex:s@cret@127.0.0.1/reex")
        with pytest.raises(ReexError, match="REEX_CATALOGUE_URL is not the URL of a database"):
            reex("corpus", "list")
        assert "cret" not in reex("config", "--json")
    with pytest.raises(ReexError, match="There is no index"):
        reex("corpus", "list")
