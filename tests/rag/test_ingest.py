"""An ingest leaves the index equal to its sources, whatever stops it and whatever was there before."""

import inspect
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from time import sleep
from typing import Any, NamedTuple, NoReturn

import numpy as np
import pytest
import sqlalchemy as sa

from corpus.article import Article
from corpus.catalogue import Catalogue, Entry
from corpus.errors import CorpusError, OutdatedError, StoppedError, StorageError
from corpus.reading import Rejected
from corpus.sources import Seen
from corpus.sources.files import Files
from rag.embed import PACKAGED, Embedder, Spans, Vectors
from rag.errors import BusyError, IndexUnusableError
from rag.index import Index
from rag.ingest import Report, Verified, forget, ingest, mend, verify
from rag.lexical import LexicalIndex
from tests.conftest import ON_SERVER

METALS = ["neodymium", "dysprosium", "terbium", "samarium", "yttrium", "gadolinium", "cerium", "lanthanum"]


def write(source: Path, name: str, text: str, url: str = "") -> Path:
    source.mkdir(exist_ok=True)
    path = source / f"{name}.md"
    path.write_text(f'---\ntitle: "On {name}"\nurl: "{url or f"https://example.org/{name}"}"\n---\n{text}\n')
    return path


@pytest.fixture
def source(tmp_path: Path) -> Path:
    # Three articles: on neodymium, dysprosium and terbium.
    for metal in METALS[:3]:
        write(tmp_path / "source", metal, f"The price of {metal} rose.\n\nNobody knows why {metal} did so.")
    return tmp_path / "source"


@pytest.fixture
def run(tmp_path: Path, embedder: Embedder) -> Callable[..., Report]:
    # Ingest these sources, and no others, into the folder ``data``.
    def run(*sources: Path, **options: object) -> Report:
        given = {"only": bool(sources), "load_embedder": lambda: embedder, **options}
        return ingest(tmp_path / "data", PACKAGED, [str(path) for path in sources], **given)  # type: ignore[arg-type]

    return run


def embed_nothing() -> NoReturn:
    raise AssertionError("there is nothing to embed")


class State(NamedTuple):
    # All that an index stores, from each place where it is stored.
    passages: dict[str, str]
    entries: dict[str, Entry]
    sentences: list[str]
    lexical: list[str]
    stories: dict[str, tuple[str, int]]
    leftovers: list[str]


def state(folder: Path, model: str = PACKAGED) -> State:
    index = Index(folder, model)
    found = index._collection.get(include=["documents"])
    with index.catalogue._reading() as db:
        sentences = db.execute(sa.text("SELECT passage FROM sentences")).scalars().all()
    (bm25,) = (folder / "bm25").iterdir()
    assert bm25.name == index.catalogue.fact("generation")
    result = State(
        dict(zip(found["ids"], found["documents"] or (), strict=True)),
        {id_: entry for id_, entry in index.catalogue.entries().items() if entry.state == "active"},
        sorted(sentences),
        sorted(LexicalIndex.load(bm25).ids),
        index.catalogue.told_by(index.catalogue.stored()),
        sorted(path.name for path in folder.iterdir() if not path.name.startswith("catalogue.sqlite")),
    )
    index.close()
    return result


def built_clean(folder: Path, source: Path, embedder: object) -> State:
    ingest(folder, PACKAGED, [str(source)], only=True, load_embedder=lambda: embedder)  # type: ignore[arg-type, return-value]
    clean = state(folder)
    assert sorted(clean.passages) == clean.lexical == clean.sentences
    assert set(clean.leftovers) == {"bm25", "ingest.lock"} | ({"chroma"} if not ON_SERVER else set())
    assert sum(entry.passages for entry in clean.entries.values()) == len(clean.passages)
    return clean


def titles_found(index: Index, embedder: Embedder, question: str) -> set[str]:
    # Titles of the articles whose passages both searches find and the index stands by.
    dense = [id_ for id_, _ in index.dense(embedder.encode([question]), 10)]
    lexical = [id_ for id_, _ in index.lexical.search(question, 10)]
    passages = index.passages(list(dict.fromkeys(dense + lexical))).values()
    articles = index.catalogue.at({passage.version for passage in passages})
    for passage in passages:
        assert articles[passage.version].text[passage.start : passage.end] == passage.text
    return {article.title for article in articles.values()}


# What changed, and only that


def test_the_first_ingest_stores_every_article_with_passages_that_are_slices_of_it(
    source: Path, tmp_path: Path, run: Callable[..., Report], embedder: Embedder
) -> None:
    report = run(source)
    assert (report.added, report.changed, report.removed, report.unchanged) == (3, 0, 0, 0)
    assert report.passages == 3
    assert report.as_text().startswith("Articles: 3 added. The index holds 3 passages")
    index = Index(tmp_path / "data", PACKAGED)
    assert titles_found(index, embedder, "price") == {"On neodymium", "On dysprosium", "On terbium"}
    ((best, similarity), *_) = index.dense(embedder.encode(["On terbium\nThe price of terbium rose."]), 1)
    assert "terbium" in index.passages([best])[best].text
    assert similarity > 0.8
    index.close()


def test_a_second_ingest_embeds_nothing_and_changes_nothing(
    source: Path, tmp_path: Path, run: Callable[..., Report]
) -> None:
    run(source)
    before = state(tmp_path / "data")
    report = run(source, load_embedder=embed_nothing)
    assert (report.added, report.changed, report.removed, report.unchanged) == (0, 0, 0, 3)
    assert state(tmp_path / "data") == before


def test_added_changed_and_removed_files_leave_the_index_as_if_built_anew(
    source: Path, tmp_path: Path, run: Callable[..., Report], embedder: Embedder
) -> None:
    run(source)
    (source / "neodymium.md").unlink()
    write(source, "dysprosium", "The price of gallium fell.")
    write(source, "samarium", "Samarium stayed.")
    report = run(source)
    assert (report.added, report.changed, report.removed, report.unchanged) == (1, 1, 1, 1)
    assert state(tmp_path / "data") == built_clean(tmp_path / "clean", source, embedder)
    assert not [text for text in state(tmp_path / "data").passages.values() if "neodymium" in text]
    index = Index(tmp_path / "data", PACKAGED)
    assert index.lexical.search("neodymium", 10) == []
    assert [index.passages([id_])[id_].text for id_, _ in index.lexical.search("gallium", 10)] == [
        "The price of gallium fell."
    ]
    index.close()


def test_a_change_of_the_title_alone_is_a_change(source: Path, run: Callable[..., Report]) -> None:
    run(source)
    path = source / "terbium.md"
    path.write_text(path.read_text().replace("On terbium", "About terbium"))
    report = run(source)
    assert (report.changed, report.unchanged) == (1, 2)


def test_large_corpora_are_read_and_written_in_pages(
    source: Path,
    tmp_path: Path,
    run: Callable[..., Report],
    embedder: Embedder,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clean = built_clean(tmp_path / "clean", source, embedder)
    monkeypatch.setattr("rag.index._BATCH", 2)
    monkeypatch.setattr("rag.ingest._BATCH_PASSAGES", 2)
    steps: list[tuple[int, int]] = []
    run(source, progress=lambda done, total: steps.append((done, total)))
    assert steps == [(0, 3), (2, 3), (3, 3)]
    assert state(tmp_path / "data") == clean


# Sources


def test_sources_are_remembered_until_only_is_said(
    source: Path, tmp_path: Path, run: Callable[..., Report], embedder: Embedder
) -> None:
    folder, second = tmp_path / "data", tmp_path / "second"
    write(second, "cerium", "Cerium fell.")
    run(source)
    report = ingest(folder, PACKAGED, [str(second)], load_embedder=lambda: embedder)
    assert (report.added, report.unchanged) == (1, 3)
    report = ingest(folder, PACKAGED, load_embedder=embed_nothing)
    assert (report.unchanged, report.removed) == (4, 0)
    report = ingest(folder, PACKAGED, [str(second)], only=True, load_embedder=embed_nothing)
    assert (report.unchanged, report.removed) == (1, 3)
    report = ingest(folder, PACKAGED, load_embedder=embed_nothing)
    assert (report.unchanged, report.removed) == (1, 0)
    assert state(folder) == built_clean(tmp_path / "clean", second, embedder)
    catalogue = Catalogue(folder / "catalogue.sqlite")
    assert catalogue.sources() == [str(second)]
    catalogue.close()


def test_the_starter_corpus_is_the_first_source_until_only_is_said(
    source: Path, tmp_path: Path, embedder: Embedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("corpus.sources.choose.STARTER", source)
    report = ingest(tmp_path / "data", PACKAGED, load_embedder=lambda: embedder)
    assert report.added == 3
    write(tmp_path / "second", "cerium", "Cerium fell.")
    report = ingest(tmp_path / "data", PACKAGED, [str(tmp_path / "second")], load_embedder=lambda: embedder)
    assert (report.added, report.unchanged) == (1, 3)
    catalogue = Catalogue(tmp_path / "data" / "catalogue.sqlite")
    assert catalogue.sources() == ["starter", str(tmp_path / "second")]
    catalogue.close()


def test_while_a_file_is_broken_earlier_articles_stay_and_the_rest_goes_on(
    source: Path, tmp_path: Path, run: Callable[..., Report]
) -> None:
    run(source)
    whole = (source / "neodymium.md").read_bytes()
    (source / "neodymium.md").write_bytes(b"---\nbroken")
    (source / "dysprosium.md").unlink()
    write(source, "samarium", "Samarium stayed.")
    report = run(source)
    assert (report.added, report.removed, report.unchanged, report.kept) == (1, 0, 1, 2)
    assert [item.where for item in report.rejected] == [str(source / "neodymium.md")]
    assert "Kept 2 articles" in report.as_text()
    assert len(state(tmp_path / "data").entries) == 4

    (source / "neodymium.md").write_bytes(whole)
    report = run(source, load_embedder=embed_nothing)
    assert (report.removed, report.unchanged, report.kept) == (1, 3, 0)


def test_a_broken_file_also_keeps_articles_that_came_from_a_source_forgotten_since(
    source: Path, tmp_path: Path, run: Callable[..., Report]
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(source, copy)
    run(source)
    run(copy)
    (copy / "neodymium.md").write_bytes(b"---\nbroken")
    report = run(copy)
    assert (report.removed, report.kept) == (0, 1)


def test_second_addresses_and_second_texts_are_reported_and_the_first_ones_kept(
    source: Path, tmp_path: Path, run: Callable[..., Report]
) -> None:
    write(source, "x-address", "Another text.", url="https://example.org/terbium")
    write(source, "x-text", "The price of terbium rose.\n\nNobody knows why terbium did so.")
    report = run(source)
    assert report.added == 3
    assert report.duplicates == [
        Rejected(
            "https://example.org/terbium", "is a second article with this address; the first one was kept"
        ),
        Rejected("https://example.org/x-text", "has the same text as https://example.org/terbium"),
    ]
    assert "Another text." not in state(tmp_path / "data").passages.values()


def test_the_same_article_in_two_sources_is_no_duplicate(
    source: Path, tmp_path: Path, run: Callable[..., Report]
) -> None:
    shutil.copytree(source, tmp_path / "copy")
    report = run(source, tmp_path / "copy")
    assert (report.added, report.duplicates) == (3, [])


def test_a_text_at_two_addresses_is_stored_once_and_outlives_either(
    source: Path, tmp_path: Path, run: Callable[..., Report], embedder: Embedder
) -> None:
    folder, terbium = tmp_path / "data", source / "terbium.md"
    text = terbium.read_text().split("---\n")[2]
    copy = write(source, "a-copy", text)
    report = run(source)
    assert (report.added, report.copies, len(report.duplicates)) == (3, 1, 1)
    assert report.duplicates == [
        Rejected("https://example.org/terbium", "has the same text as https://example.org/a-copy")
    ]
    report = run(source, load_embedder=embed_nothing)
    assert (report.unchanged, report.copies, report.duplicates) == (3, 1, [])

    copy.unlink()  # the other address takes over
    report = run(source)
    assert (report.added, report.removed, report.copies) == (1, 1, 0)
    assert state(folder) == built_clean(tmp_path / "clean", source, embedder)

    write(source, "a-copy", text)  # and hands over again
    run(source)
    assert state(folder) == built_clean(tmp_path / "clean-2", source, embedder)

    write(source, "a-copy", "A text of its own.")
    report = run(source)
    assert (report.added, report.changed, report.copies) == (1, 1, 0)
    assert state(folder) == built_clean(tmp_path / "clean-3", source, embedder)


@dataclass
class Site:
    # A source far away: it offers what it is given, and notes how often it was asked.
    items: list[Article | Seen | Rejected | CorpusError]
    name: str = "https://example.org/"
    describes: str = "a site"
    complete: bool = True

    def articles(self, state: dict[str, Any]) -> Iterator[Article | Seen | Rejected]:
        state["runs"] = state.get("runs", 0) + 1
        for item in self.items:
            if isinstance(item, CorpusError):
                raise item
            yield item


@pytest.fixture
def sync(tmp_path: Path, embedder: Embedder, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Report]:
    # Ingest what a site offers, on a day.
    def sync(*items: object, day: int = 0, sources: tuple[str, ...] = (), **options: object) -> Report:
        monkeypatch.setattr("rag.ingest.now", lambda: datetime(2026, 1, 1) + timedelta(days=day))
        site = Site(list(items))  # type: ignore[arg-type]
        return ingest(
            tmp_path / "data",
            PACKAGED,
            [site.name, *sources],
            only=True,
            open_source=lambda name: site if name == site.name else Files(Path(name)),
            load_embedder=lambda: embedder,
            **options,  # type: ignore[arg-type]
        )

    return sync


MakeArticle = Callable[..., Article]


def test_what_is_gone_from_a_site_stays_for_a_time_and_its_versions_for_ever(
    tmp_path: Path, make_article: MakeArticle, sync: Callable[..., Report]
) -> None:
    one, two = make_article("Neodymium rose."), make_article("Terbium fell.", "https://example.org/b")
    sync(one, two)
    for day in (1, 7):
        report = sync(one, day=day)
        assert (report.missing, report.removed, report.unchanged) == (1, 0, 1)
        assert "Gone from their source, and staying for now: 1" in report.as_text()
    assert sync(one, two, day=8).missing == 0  # it was only away
    assert sync(one, day=9).missing == 1
    report = sync(one, day=16)
    assert (report.missing, report.removed) == (0, 1)
    assert list(state(tmp_path / "data").passages.values()) == ["Neodymium rose."]
    report = sync(one, Seen(two.url), day=17)  # back, and it need not be fetched again
    assert (report.added, report.unchanged) == (1, 1)
    assert sorted(state(tmp_path / "data").passages.values()) == ["Neodymium rose.", "Terbium fell."]


def test_what_a_source_calls_seen_is_unchanged_and_what_is_unknown_makes_it_tell_all_again(
    tmp_path: Path, make_article: MakeArticle, sync: Callable[..., Report]
) -> None:
    one = make_article("Neodymium rose.")
    asked: list[dict[str, Any]] = []

    class Forgetful(Site):
        def articles(self, state: dict[str, Any]) -> Iterator[Article | Seen | Rejected]:
            asked.append(dict(state))
            yield Seen(one.url) if state else one
            state["told"] = True

    def run() -> Report:
        return ingest(
            tmp_path / "data", PACKAGED, ["https://f/"], only=True, open_source=lambda _: Forgetful([])
        )

    assert (run().added, run().unchanged) == (1, 1)
    assert asked == [{}, {"told": True}]
    index = Index(tmp_path / "data", PACKAGED)
    index.catalogue.forget(one.url)
    index.close()
    with sqlite3.connect(tmp_path / "data" / "catalogue.sqlite") as db:
        db.execute("delete from forgotten")
    assert run().added == 1
    assert asked[2:] == [{"told": True}, {}]


def test_a_source_that_fails_half_way_keeps_its_articles_and_the_others_go_on(
    source: Path, tmp_path: Path, make_article: MakeArticle, sync: Callable[..., Report]
) -> None:
    one, two = make_article("Neodymium rose."), make_article("Terbium fell.", "https://example.org/b")
    sync(one, two)
    new = make_article("Cerium is new.", "https://example.org/c")
    report = sync(new, CorpusError("The site is down."), day=30, sources=(str(source),))
    assert report.failed == [Rejected("https://example.org/", "The site is down.")]
    assert (report.added, report.kept, report.removed) == (4, 2, 0)
    catalogue = Catalogue(tmp_path / "data" / "catalogue.sqlite")
    assert catalogue.notes_of("https://example.org/") == {"runs": 1}  # those of the good run
    catalogue.close()


def test_a_source_named_by_its_user_is_told_to_try_again_what_failed(
    tmp_path: Path, make_article: MakeArticle, embedder: Embedder
) -> None:
    tries: list[int] = []

    class Listing(Site):
        def articles(self, state: dict[str, Any]) -> Iterator[Article | Seen | Rejected]:
            page = state.setdefault("pages", {}).setdefault("p", {"rejected": "is empty", "tries": 3})
            tries.append(page["tries"])
            yield make_article("Neodymium rose.")

    def run(*names: str) -> None:
        ingest(
            tmp_path / "data",
            PACKAGED,
            names,
            only=True,
            open_source=lambda _: Listing([], "https://example.org/sitemap.xml"),
            load_embedder=lambda: embedder,
        )

    run("https://example.org/")
    run()
    run("https://example.org/")  # whose source has another name
    assert tries == [3, 3, 0]


def test_an_article_that_fails_is_reported_once_and_tried_again_when_it_changes_or_later(
    tmp_path: Path, make_article: MakeArticle, sync: Callable[..., Report], monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[str] = []
    real = Embedder.encode_parts

    def encode_parts(self: Embedder, texts: list[str], parts: list[Spans]) -> tuple[Vectors, list[Vectors]]:
        tried.extend(texts)
        if any("poison" in text for text in texts):
            raise RuntimeError("no such\nthing")
        return real(self, texts, parts)

    monkeypatch.setattr(Embedder, "encode_parts", encode_parts)
    good, bad = make_article("Neodymium rose."), make_article("A poison.", "https://example.org/b")
    report = sync(good, bad)
    assert report.rejected == [Rejected(bad.url, "cannot be indexed (no such thing)")]
    assert list(state(tmp_path / "data").passages.values()) == ["Neodymium rose."]
    tried.clear()
    report = sync(good, bad)
    assert (report.rejected, report.failing, tried) == ([], 1, [])
    assert "1 known failures" in report.as_text()
    sync(good, bad, day=1)
    assert len(tried) == 1
    tried.clear()
    sync(good, bad, day=2)
    assert tried == []
    report = sync(good, make_article("An antidote.", bad.url), day=2)
    assert (report.added, report.failing) == (1, 0)


def test_a_forgotten_address_is_not_taken_in_again(
    tmp_path: Path, make_article: MakeArticle, sync: Callable[..., Report]
) -> None:
    one, two = make_article("Neodymium rose."), make_article("Terbium fell.", "https://example.org/b")
    sync(one, two)
    forget(tmp_path / "data", PACKAGED, two.url, load_embedder=embed_nothing)
    assert list(state(tmp_path / "data").passages.values()) == ["Neodymium rose."]
    assert sync(one, two).added == 0
    assert sync(one, Seen(two.url)).unchanged == 1


def test_another_address_takes_the_place_of_a_forgotten_one(
    tmp_path: Path, make_article: MakeArticle, sync: Callable[..., Report], embedder: Embedder
) -> None:
    one, two = make_article("Neodymium rose."), make_article("Neodymium rose.", "https://example.org/b")
    sync(one, two)
    forget(tmp_path / "data", PACKAGED, one.url, load_embedder=lambda: embedder)
    after = state(tmp_path / "data")
    assert {entry.url for entry in after.entries.values()} == {two.url}
    assert (list(after.passages.values()), len(after.lexical)) == (["Neodymium rose."], 1)


def test_what_does_not_agree_is_found_and_mended_without_the_sources(
    source: Path, tmp_path: Path, run: Callable[..., Report], embedder: Embedder
) -> None:
    folder = tmp_path / "data"
    run(source)
    clean = state(folder)
    shutil.rmtree(source)
    assert verify(folder, PACKAGED) == Verified(3, 3, (), 0, 0)

    index = Index(folder, PACKAGED)
    lost, stale, *_ = found = index._collection.get(include=["embeddings", "documents", "metadatas"])["ids"]
    (vector,) = embedder.encode(["a leftover"])
    row = index._collection.get(ids=[stale])["metadatas"]
    assert row
    index._collection.delete(ids=[lost])
    index._collection.add(
        ids=["x"], embeddings=[vector], metadatas=[{**row[0], "version": "x"}], documents=["x"]
    )
    index.lexical = index.lexical.updated(index.lexical.versions[1:], [])
    index.lexical.save(index._bm25_folder(index.generation))
    index.close()
    assert len(found) == 3

    broken = verify(folder, PACKAGED)
    assert (len(broken.lost), broken.stale, broken.unsearchable) == (1, 1, 1)
    assert "1 articles miss passages, 1 passages belong to nothing, 1 rows of BM25" in broken.as_text()
    mend(folder, PACKAGED, load_embedder=lambda: embedder)
    assert verify(folder, PACKAGED) == Verified(3, 3, (), 0, 0)
    assert state(folder) == clean


def test_an_index_of_the_first_schema_is_refused_and_rebuilt_from_its_sources(
    source: Path, tmp_path: Path, run: Callable[..., Report], embedder: Embedder
) -> None:
    folder = tmp_path / "data"
    run(source)
    with sqlite3.connect(folder / "catalogue.sqlite") as db:
        db.execute("delete from facts where name = 'schema'")
    for refused in (lambda: run(load_embedder=embed_nothing), lambda: Index(folder, PACKAGED)):
        with pytest.raises(OutdatedError, match="--rebuild"):
            refused()
    report = run(rebuild=True)
    assert (report.added, report.passages) == (3, 3)
    assert state(folder) == built_clean(tmp_path / "clean", source, embedder)


@pytest.mark.parametrize("kind", ["empty", "missing", "broken"])
def test_a_source_without_articles_changes_nothing(
    source: Path, tmp_path: Path, run: Callable[..., Report], kind: str
) -> None:
    run(source)
    before = state(tmp_path / "data")
    bad = tmp_path / kind
    if kind != "missing":
        bad.mkdir()
    if kind == "broken":
        (bad / "a.md").write_bytes(b"\xff")
    for also in ((), (source,)):
        if kind == "broken" and also:
            continue  # then there are articles, and one file is reported
        with pytest.raises(CorpusError):
            run(bad, *also, load_embedder=embed_nothing)
    assert state(tmp_path / "data") == before
    report = run(load_embedder=embed_nothing)
    assert (report.unchanged, report.removed) == (3, 0)


def test_a_source_that_vanished_changes_nothing(
    source: Path, tmp_path: Path, run: Callable[..., Report]
) -> None:
    run(source)
    before = state(tmp_path / "data")
    shutil.rmtree(source)
    with pytest.raises(CorpusError, match="There is no file or folder"):
        run(load_embedder=embed_nothing)
    assert state(tmp_path / "data") == before


# Who may use the folder


def test_two_ingests_at_once_are_refused(
    source: Path, run: Callable[..., Report], embedder: Embedder
) -> None:
    def second_ingest_meanwhile() -> Embedder:
        with pytest.raises(BusyError, match="Another ingest is running"):
            run(source, load_embedder=embed_nothing)
        return embedder

    assert run(source, load_embedder=second_ingest_meanwhile).added == 3


def test_an_index_of_another_embedding_model_is_refused_and_can_be_rebuilt(
    source: Path, tmp_path: Path, run: Callable[..., Report], embedder: Embedder
) -> None:
    folder = tmp_path / "data"
    run(source)
    before = state(folder)
    with pytest.raises(IndexUnusableError, match="built with the embedding model 'all-MiniLM-L6-v2'"):
        ingest(folder, "other", load_embedder=embed_nothing)
    with pytest.raises(IndexUnusableError, match="--rebuild"):
        Index(folder, "other")
    assert state(folder) == before

    report = ingest(folder, "other", rebuild=True, load_embedder=lambda: embedder)
    assert (report.added, report.passages) == (3, 3)
    assert state(folder, "other").passages == before.passages
    with pytest.raises(IndexUnusableError, match="built with the embedding model 'other'"):
        Index(folder, PACKAGED)


def test_a_rebuild_without_its_source_changes_nothing(
    source: Path, tmp_path: Path, run: Callable[..., Report]
) -> None:
    run(source)
    before = state(tmp_path / "data")
    shutil.rmtree(source)
    with pytest.raises(CorpusError):
        ingest(tmp_path / "data", "other", rebuild=True, load_embedder=embed_nothing)
    assert state(tmp_path / "data") == before


@pytest.mark.parametrize("version", ["CHUNKING", "_FIELDS"])
def test_an_index_built_in_another_way_is_refused(
    source: Path, run: Callable[..., Report], monkeypatch: pytest.MonkeyPatch, version: str
) -> None:
    run(source)
    monkeypatch.setattr(f"rag.index.{version}", "another-way")
    with pytest.raises(IndexUnusableError, match="another version of REEx"):
        run(source, load_embedder=embed_nothing)
    assert run(source, rebuild=True).added == 3


def test_there_is_no_index_in_a_folder_without_one(tmp_path: Path) -> None:
    with pytest.raises(IndexUnusableError, match="run `reex ingest` first"):
        Index(tmp_path / "nowhere", PACKAGED)
    assert not (tmp_path / "nowhere").exists()


def test_a_data_directory_that_is_a_file_is_a_storage_error(source: Path, tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file")
    with pytest.raises(StorageError):
        ingest(tmp_path / "data", PACKAGED, [str(source)], only=True, load_embedder=embed_nothing)


# Failures


class Changed(NamedTuple):
    # A source that changed since an index was built from it, and what the index should become.
    source: Path
    earlier: Path
    clean: State


@pytest.fixture(scope="module")
def changed(tmp_path_factory: pytest.TempPathFactory, embedder: Embedder) -> Changed:
    folder = tmp_path_factory.mktemp("changed")
    source = folder / "source"
    for metal in METALS[:3]:
        write(source, metal, f"The price of {metal} rose.")
    built_clean(folder / "earlier", source, embedder)
    (source / "neodymium.md").unlink()
    write(source, "terbium", "Terbium is another story.")
    write(source, "samarium", "Samarium stayed.")
    return Changed(source, folder / "earlier", built_clean(folder / "clean", source, embedder))


def test_a_full_disk_is_a_storage_error_and_the_old_index_answers(
    changed: Changed,
    tmp_path: Path,
    run: Callable[..., Report],
    embedder: Embedder,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def full(*_: object) -> NoReturn:
        raise OSError(28, "No space left on device")

    shutil.copytree(changed.earlier, tmp_path / "data")
    with monkeypatch.context() as disk:
        disk.setattr(Index, "store", full)
        with pytest.raises(StorageError, match=r"No space left on device.*reex ingest"):
            run(changed.source)
    index = Index(tmp_path / "data", PACKAGED)
    assert titles_found(index, embedder, "price") == {"On neodymium", "On dysprosium", "On terbium"}
    index.close()
    run(changed.source)
    assert state(tmp_path / "data") == changed.clean


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize(
    ("owner", "step"),
    [
        (Index, "store"),
        (Index, "store_sentences"),
        (Catalogue, "put"),
        (Catalogue, "see"),
        (Catalogue, "touch"),
        (Catalogue, "retire"),
        (LexicalIndex, "save"),
        (Catalogue, "set_fact"),
        (Catalogue, "drop_sentences"),
        (Index, "drop"),
    ],
)
def test_an_ingest_interrupted_at_any_step_is_made_whole_by_the_next(
    changed: Changed,
    tmp_path: Path,
    run: Callable[..., Report],
    embedder: Embedder,
    monkeypatch: pytest.MonkeyPatch,
    owner: type,
    step: str,
    when: str,
) -> None:
    real = getattr(owner, step)

    def interrupted(*args: object, **options: object) -> NoReturn:
        if when == "after":
            real(*args, **options)
        raise KeyboardInterrupt

    shutil.copytree(changed.earlier, tmp_path / "data")
    with monkeypatch.context() as patched:
        patched.setattr(owner, step, interrupted)
        with pytest.raises(KeyboardInterrupt):
            run(changed.source)
    index = Index(tmp_path / "data", PACKAGED)
    assert "On dysprosium" in titles_found(index, embedder, "price")
    index.close()
    run(changed.source)
    assert state(tmp_path / "data") == changed.clean


def after(calls: int) -> Callable[[], bool]:
    # Says "stop" from so many questions on.
    asked = iter(range(calls))
    return lambda: next(asked, None) is None


def test_an_ingest_stopped_anywhere_keeps_what_it_did_and_is_made_whole_by_the_next(
    changed: Changed, tmp_path: Path, run: Callable[..., Report]
) -> None:
    ends = []
    for calls in range(12):
        folder = tmp_path / "data"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(changed.earlier, folder)
        try:
            ends.append(run(changed.source, stopped=after(calls)).stopped)
        except StoppedError:
            ends.append(None)
            assert state(folder) == state(changed.earlier)
        run(changed.source)
        assert state(folder) == changed.clean
    assert {None, True, False} == set(ends)


def test_what_a_stopped_site_did_not_come_to_stays(
    tmp_path: Path, make_article: MakeArticle, sync: Callable[..., Report]
) -> None:
    articles = [make_article(f"{metal} rose.", f"https://example.org/{metal}") for metal in METALS[:4]]
    sync(*articles[:3])
    report = sync(
        *articles[::-1], day=30, stopped=after(3)
    )  # before the site is opened, and for two articles
    assert (report.stopped, report.added, report.removed, report.kept) == (True, 1, 0, 0)
    assert "Stopped before the end" in report.as_text()
    assert sync(*articles, day=60).unchanged == 4


def test_what_was_read_and_not_stored_when_it_was_stopped_waits(
    make_article: MakeArticle, sync: Callable[..., Report], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rag.ingest._BATCH_PASSAGES", 1)
    articles = [make_article(f"{metal} rose.", f"https://example.org/{metal}") for metal in METALS[:4]]
    report = sync(*articles, stopped=after(6))  # opening, four articles, one batch
    assert (report.stopped, report.added, report.waiting) == (True, 2, 2)
    assert "2 more were read and wait" in report.as_text()
    assert sync(*articles).added == 2


@pytest.mark.embedded
def test_lost_vectors_are_made_again(
    source: Path, tmp_path: Path, run: Callable[..., Report], embedder: Embedder
) -> None:
    clean = built_clean(tmp_path / "clean", source, embedder)
    shutil.copytree(tmp_path / "clean", tmp_path / "data", ignore=shutil.ignore_patterns("chroma"))
    assert run().added == 3
    assert state(tmp_path / "data") == clean


def test_a_damaged_bm25_index_is_built_anew_by_the_reader(
    source: Path, tmp_path: Path, run: Callable[..., Report], embedder: Embedder
) -> None:
    run(source)
    for file in (tmp_path / "data" / "bm25").rglob("*.*"):
        file.write_bytes(b"")
    index = Index(tmp_path / "data", PACKAGED)
    assert titles_found(index, embedder, "price") == {"On neodymium", "On dysprosium", "On terbium"}
    assert len(index) == 3
    index.close()


@pytest.mark.embedded
def test_a_damaged_vector_store_is_a_storage_error(
    source: Path, tmp_path: Path, run: Callable[..., Report]
) -> None:
    run(source)
    shutil.copytree(tmp_path / "data", tmp_path / "copy")
    (tmp_path / "copy" / "chroma" / "chroma.sqlite3").write_bytes(b"no database" * 1000)
    with pytest.raises(StorageError, match="cannot be opened"):
        Index(tmp_path / "copy", PACKAGED)


# Other processes


class Hashing:
    # Stands for an embedding model where only storage is at stake: a unit vector from a text's hash.
    def fits(self, text: str) -> bool:
        return len(text) < 400

    def encode(self, texts: list[str]) -> Vectors:
        rows = np.stack([np.random.default_rng(list(text.encode())).normal(size=384) for text in texts])
        return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)

    def encode_parts(
        self, texts: list[str], parts: list[list[tuple[int, int]]]
    ) -> tuple[Vectors, list[Vectors]]:
        return self.encode(texts), [
            self.encode([text[a:b] for a, b in spans]) for text, spans in zip(texts, parts, strict=True)
        ]


INGEST = f"""
import sys
from pathlib import Path
import numpy as np
import rag.ingest
from rag.chroma import ChromaServer
from rag.embed import Vectors

{inspect.getsource(Hashing)}

rag.ingest._BATCH_PASSAGES = 8
rag.ingest._BATCH_ARTICLES = 10
print(-1, flush=True)
rag.ingest.ingest(
    Path(sys.argv[1]),
    {PACKAGED!r},
    [sys.argv[2]],
    only=True,
    load_embedder=Hashing,
    chroma=ChromaServer(sys.argv[3]) if sys.argv[3:] else None,
    progress=lambda done, total: print(done / (total or 1), flush=True),
)
"""


def ingest_elsewhere(folder: Path, source: Path) -> subprocess.Popen[str]:
    # Start an ingest in a process of its own, which prints how far it is.
    server = ingest.__kwdefaults__["chroma"]  # the suite runs against one: see tests/conftest.py
    command = [sys.executable, "-c", INGEST, str(folder), str(source), *([server.url] if server else [])]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def write_thirty(source: Path, *, later: bool = False) -> None:
    # Thirty articles; later some are changed, some gone and some new.
    for number in range(10, 40) if later else range(30):
        version = "second" if later and number % 2 else "first"
        write(source, f"a{number}", "\n\n".join(f"Part {i}, {version}. {'word ' * 70}" for i in range(3)))
    for number in range(10) if later else ():
        (source / f"a{number}.md").unlink()


def test_an_open_reader_sees_what_another_process_ingested_once_it_refreshes(tmp_path: Path) -> None:
    source, folder = tmp_path / "source", tmp_path / "data"
    write_thirty(source)
    built_clean(folder, source, Hashing())
    reader = Index(folder, PACKAGED)
    vector = Hashing().encode(["On terbium\nTerbium is new."])
    before = reader.dense(vector, 5)

    write_thirty(source, later=True)
    write(source, "terbium", "Terbium is new.")
    assert ingest_elsewhere(folder, source).wait() == 0

    assert reader.lexical.search("terbium", 5) == []
    reader.refresh()
    ((id_, _),) = reader.lexical.search("terbium", 5)
    assert reader.passages([id_])[id_].text == "Terbium is new."
    found = reader.dense(vector, 5)
    assert found != before
    assert found[0] == (id_, pytest.approx(1, abs=0.001))
    assert sorted(reader.lexical.ids) == sorted(state(folder).passages)

    # What this process writes now must not lose what the other one wrote before.
    write(source, "cerium", "Cerium is new.")
    ingest(folder, PACKAGED, [str(source)], only=True, load_embedder=Hashing)  # type: ignore[arg-type]
    reader.refresh()
    nearest = [
        reader.dense(Hashing().encode([f"On {name}\n{name.title()} is new."]), 1)[0]
        for name in ("terbium", "cerium")
    ]
    assert nearest == [(id_, pytest.approx(1, abs=0.001)) for id_, _ in nearest]
    reader.close()


def edit(source: Path, chance: random.Random, round_: int) -> None:
    # Some articles new, some changed, some gone, some with the text of another one.
    source.mkdir(exist_ok=True)
    files = sorted(source.iterdir())
    for file in chance.sample(files, len(files) // 5):
        file.unlink()
    names = chance.sample(range(40), 15)
    for name in names:
        write(source, f"a{name}", story(chance.randrange(10_000)))
    if round_ % 2:
        one, other = chance.sample(sorted(source.iterdir()), 2)
        write(source, other.stem, one.read_text().split("---\n")[2])


def story(seed: int) -> str:
    # Long enough for several passages and for near-duplicates, of which there are some.
    chance = random.Random(seed // 2)
    parts = [" ".join(f"word{chance.randrange(300)}" for _ in range(70)) + "." for _ in range(3)]
    return "\n\n".join([f"Version {seed % 2}.", *parts])


def test_twenty_kills_at_any_moment_lose_and_leave_nothing(tmp_path: Path) -> None:
    # The source changes before each; some kills hit an ingest that mends what the one before left.
    source, folder = tmp_path / "source", tmp_path / "data"
    chance = random.Random(5)
    killed = 0
    for round_ in range(20):
        edit(source, chance, round_)
        process = ingest_elsewhere(folder, source)
        assert process.stdout
        reached = chance.choice([-1, -1, 0, 0.3, 0.6, 0.9, 1])
        next((line for line in process.stdout if float(line) >= reached), None)
        sleep(chance.uniform(0, 0.4 if reached == -1 else 0.1))
        process.kill()
        process.stdout.close()
        killed += process.wait() == -signal.SIGKILL

        if (folder / "catalogue.sqlite").exists() and (folder / "bm25").exists():
            reader = Index(folder, PACKAGED)
            ids = reader.lexical.ids
            assert len(reader.passages(ids)) == len(ids)  # what was published is there, whole
            reader.close()
        if round_ % 3 == 2 or round_ == 19:
            ingest(folder, PACKAGED, [str(source)], only=True, load_embedder=Hashing)  # type: ignore[arg-type]
            clean = built_clean(tmp_path / f"clean-{round_}", source, Hashing())
            assert state(folder) == clean
            assert verify(folder, PACKAGED).as_text().endswith("all agree.")
    assert killed >= 15  # the others ended by themselves
