"""What people add comes in once, under names of our own, and what cannot be added is told in words."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from corpus.catalogue import Catalogue
from corpus.errors import StorageError
from rag.embed import PACKAGED, Embedder
from rag.ingest import ingest, locked
from rag.settings import Settings
from ui import adding
from ui.adding import Progress


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path / "data")


def write(path: Path, content: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, encoding="utf-8")
    return path


def last(words: Iterator[Progress]) -> Progress:
    *_, end = words
    return end


def titles(settings: Settings) -> list[str]:
    catalogue = Catalogue(settings.data_dir / "catalogue.sqlite")
    found = sorted(record.article.title for record in catalogue.records() if record.entry.stored)
    catalogue.close()
    return found


def uploads(settings: Settings) -> list[str]:
    folder = settings.data_dir / "uploads"
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def test_files_become_articles_of_a_remembered_source(
    settings: Settings, tmp_path: Path, embedder: Embedder
) -> None:
    first = write(tmp_path / "first.md", "Baogang makes steel.")
    ingest(settings.data_dir, PACKAGED, [str(first)], only=True, load_embedder=lambda: embedder)
    given = [write(tmp_path / "in" / name, "On dysprosium\n\nIt was scarce.") for name in ("a.TXT", "b.txt")]
    bad = write(tmp_path / "in" / "virus.exe", "MZ")
    words = list(adding.add_files([*given, bad], settings))
    assert any("Indexing: 1 of 1" in line for word in words for line in word.lines)
    assert [word.over for word in words] == [False] * (len(words) - 1) + [True]
    assert "virus.exe is of no kind that can be read" in words[-1].lines[0]
    assert "1 added" in " ".join(words[-1].lines)
    assert titles(settings) == ["On dysprosium", "first"]
    (name,) = uploads(settings)
    assert Path(name).suffix == ".txt"
    assert int(Path(name).stem, 16) >= 0  # nothing of the names as given
    catalogue = Catalogue(settings.data_dir / "catalogue.sqlite")
    assert str(settings.data_dir / "uploads") in catalogue.sources()
    catalogue.close()


def test_what_holds_no_article_is_not_kept(settings: Settings, tmp_path: Path) -> None:
    for name, content, said in (
        ("a.pdf", "no pdf", "is not a PDF"),
        ("b.jsonl", "no json", "is not valid JSON"),
        ("c.txt", " ", "no text"),
    ):
        end = last(adding.add_files([write(tmp_path / "in" / name, content)], settings))
        assert end.failed
        assert f"{name} " in end.lines[0]
        assert said in end.lines[0]
    assert uploads(settings) == []
    assert "No file" in last(adding.add_files([], settings)).lines[0]


def test_while_another_ingest_runs_nothing_is_copied_and_it_is_said(
    settings: Settings, tmp_path: Path
) -> None:
    file = write(tmp_path / "in" / "a.txt", "On terbium")
    with locked(settings.data_dir):
        for words in (adding.add_files([file], settings), adding.add_address("https://a.org/x", settings)):
            end = last(words)
            assert end.failed
            assert "Another ingest is running" in end.lines[0]
    assert uploads(settings) == []


def test_files_of_an_ingest_that_fails_do_not_stay(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise StorageError("The disk is full: make room.")

    monkeypatch.setattr(adding, "update", fail)
    end = last(adding.add_files([write(tmp_path / "in" / "a.txt", "On terbium")], settings))
    assert (end.failed, end.lines) == (True, ("The disk is full: make room.",))
    assert uploads(settings) == []


def test_an_error_that_nobody_foresaw_ends_the_waiting(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adding, "update", lambda *_, **__: 1 / 0)
    assert last(adding.add_address("https://a.org/x", settings)).failed


@pytest.mark.parametrize(
    "address",
    ["/etc/passwd", "starter", "file:///etc/passwd", "ftp://a.org/", "https://", "", "http://[", "a.org"],
)
def test_only_web_addresses_can_be_added(settings: Settings, address: str) -> None:
    end = last(adding.add_address(address, settings))
    assert end.failed
    assert "Only web addresses" in end.lines[0]


def test_private_addresses_are_refused(settings: Settings) -> None:
    end = last(adding.add_address(" http://127.0.0.1:8080/page ", settings))
    assert end.failed
    assert end.lines == (
        "http://127.0.0.1:8080/page is not on the public internet (127.0.0.1) and not named in "
        "REEX_PRIVATE_HOSTS: check the address.",
    )


def test_what_is_stopped_before_it_began_leaves_nothing(settings: Settings, tmp_path: Path) -> None:
    halt = threading.Event()
    halt.set()
    file = write(tmp_path / "in" / "a.txt", "On terbium")
    for words in (
        adding.add_files([file], settings, halt),
        adding.add_address("https://example.org/x", settings, halt),
    ):
        assert last(words) == Progress(("Stopped: nothing was added.",), over=True)
    assert uploads(settings) == []


def test_a_file_whose_adding_is_stopped_while_it_is_looked_at_is_not_kept(
    settings: Settings, tmp_path: Path
) -> None:
    halt = threading.Event()
    files = [write(tmp_path / "in" / f"{name}.txt", f"On {name}") for name in ("terbium", "holmium")]
    told = []
    for word in adding.add_files(files, settings, halt):
        told.append(word.lines)
        halt.set()
    assert told[-1] == ("Stopped: nothing was added.",)
    assert uploads(settings) == []
