"""An index whose catalogue is in a database elsewhere is kept as one whose catalogue is a file."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from corpus.article import Article
from corpus.reading import Rejected
from corpus.sources import Seen
from corpus.sources.files import Files
from rag.embed import PACKAGED, Embedder
from rag.errors import IndexUnusableError
from rag.index import Index, open_index
from rag.ingest import Report, forget, ingest, mend, remember, verify
from rag.settings import Settings

Run = Callable[..., Report]


def write(source: Path, name: str, text: str) -> None:
    source.mkdir(exist_ok=True)
    (source / f"{name}.md").write_text(
        f'---\ntitle: "{name}"\nurl: "https://example.org/{name}"\n---\n{text}\n'
    )


@pytest.fixture
def source(tmp_path: Path) -> Path:
    write(tmp_path / "source", "one", "The price of neodymium rose.")
    write(tmp_path / "source", "two", "Nobody knows why dysprosium fell.")
    write(tmp_path / "source", "three", "包头 announced quotas for 2026.")
    return tmp_path / "source"


@pytest.fixture
def run(tmp_path: Path, source: Path, database: str, embedder: Embedder) -> Run:
    def run(folder: str = "data", **options: Any) -> Report:
        given = {"only": True, "catalogue_url": database, "load_embedder": lambda: embedder, **options}
        return ingest(tmp_path / folder, PACKAGED, [str(source)], **given)

    return run


@pytest.fixture
def index(tmp_path: Path, database: str, run: Run) -> Iterator[Index]:
    # A reader that was there before whatever the test does.
    run()
    opened = Index(tmp_path / "data", PACKAGED, catalogue_url=database)
    yield opened
    opened.close()


def texts(folder: Path, url: str) -> list[str]:
    # Of all passages, as readers find them, where all parts of the index agree.
    found = verify(folder, PACKAGED, catalogue_url=url)
    assert (found.lost, found.stale, found.unsearchable) == ((), 0, 0)
    index = Index(folder, PACKAGED, catalogue_url=url)
    passages = index.passages(index.lexical.ids)
    index.close()
    return sorted(passage.text for passage in passages.values())


def test_what_is_new_changed_and_gone_leaves_the_same_as_with_a_file(
    source: Path, tmp_path: Path, database: str, run: Run, index: Index
) -> None:
    assert (run().added, run().unchanged) == (0, 3)
    (source / "one.md").unlink()
    write(source, "two", "Nobody knows why dysprosium rose.")
    write(source, "four", "The price of neodymium rose.")
    report = run()
    assert (report.added, report.changed, report.removed, report.unchanged) == (1, 1, 1, 1)
    run("clean", catalogue_url="")
    assert texts(tmp_path / "data", database) == texts(tmp_path / "clean", "")
    assert not (tmp_path / "data" / "catalogue.sqlite").exists()
    index.refresh()
    assert len(index.lexical.search("dysprosium rose", 10)) == 2
    assert [version.article.text for version in index.catalogue.history("https://example.org/two")] == [
        "Nobody knows why dysprosium fell.",
        "Nobody knows why dysprosium rose.",
    ]


def test_an_article_is_forgotten_and_taken_in_again(
    tmp_path: Path, database: str, run: Run, embedder: Embedder
) -> None:
    run()
    folder, url = tmp_path / "data", "https://example.org/one"
    forget(folder, PACKAGED, url, catalogue_url=database, load_embedder=lambda: embedder)
    assert len(texts(folder, database)) == 2
    assert (run().added, remember(folder, url, catalogue_url=database), run().added) == (0, True, 1)


def test_lost_passages_are_stored_again_out_of_the_catalogue(
    tmp_path: Path, database: str, embedder: Embedder, index: Index
) -> None:
    index.drop([next(iter(index.catalogue.stored()))])
    assert len(verify(tmp_path / "data", PACKAGED, catalogue_url=database).lost) == 1
    mend(tmp_path / "data", PACKAGED, catalogue_url=database, load_embedder=lambda: embedder)
    assert len(texts(tmp_path / "data", database)) == 3


@pytest.mark.embedded
def test_a_second_data_directory_is_refused_until_it_takes_the_catalogue_over(
    tmp_path: Path, database: str, run: Run
) -> None:
    run()
    with pytest.raises(IndexUnusableError, match=r"belongs to another data directory than .*data-2: set"):
        run("data-2")
    with pytest.raises(IndexUnusableError, match="belongs to another data directory"):
        remember(tmp_path / "data-2", "https://example.org/one", catalogue_url=database)
    assert len(texts(tmp_path / "data", database)) == 3
    run("data-2", rebuild=True)
    assert len(texts(tmp_path / "data-2", database)) == 3
    with pytest.raises(IndexUnusableError, match="belongs to another data directory"):
        run()


def test_a_rebuild_with_another_model_stays_in_its_data_directory(
    tmp_path: Path, database: str, run: Run, index: Index
) -> None:
    index.catalogue.set_fact("schema", "0")  # as an earlier version has it
    assert run(rebuild=True).added == 3
    assert run().unchanged == 3


def test_an_empty_database_holds_no_index(tmp_path: Path, database: str) -> None:
    settings = Settings(data_dir=tmp_path, catalogue_url=SecretStr(database))
    with pytest.raises(IndexUnusableError, match="There is no index in"):
        open_index(settings)


def test_what_no_database_can_hold_is_reported_once_and_stops_nothing(
    tmp_path: Path, source: Path, database: str, embedder: Embedder
) -> None:
    long = "https://example.org/" + "".join(f"{number}é" for number in range(2000))

    class Site(Files):
        def articles(self, state: dict[str, Any]) -> Iterator[Article | Seen | Rejected]:
            yield Article("https://example.org/\0", "NUL.")
            yield Article("https://example.org/\ud800", "Half a letter.")
            yield Article(long, "Long.")
            yield Rejected(f"{long}/failing", "answers 404 (Not\0Found)")
            yield from super().articles(state)

    def run() -> Report:
        return ingest(
            tmp_path / "data",
            PACKAGED,
            ["site"],
            only=True,
            catalogue_url=database,
            load_embedder=lambda: embedder,
            open_source=lambda _: Site(source),
        )

    first = run()
    assert [(item.where[:21], item.reason) for item in first.rejected] == [
        ("https://example.org/?", "has signs in its address that cannot be stored"),
        ("https://example.org/0", "answers 404 (Not?Found)"),
    ]
    again = run()
    assert (first.added, again.unchanged, again.rejected, again.failing) == (4, 4, [], 2)
    assert "Long." in texts(tmp_path / "data", database)
