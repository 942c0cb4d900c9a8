"""Keeping the index in step with its sources.

First all sources are read, one article at a time: what is new goes into the catalogue. Then what is not
stored yet is embedded, in batches, out of the catalogue. So texts are never all in memory, and an
interrupted ingest goes on where it stopped.

The order of the writes makes a kill at any moment harmless: passages are stored before the catalogue
names their version, readers see a new state only once it is published, and old passages go last. A mark
on the disk tells the next run that this one did not end, so that it repairs what was left behind.
"""

import json
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import chain, islice
from pathlib import Path
from time import perf_counter
from typing import Any

from chromadb.errors import ChromaError
from filelock import FileLock, Timeout

from corpus.article import Article, article_id
from corpus.catalogue import Entry
from corpus.database import now
from corpus.errors import CorpusError, ReexError, StoppedError, StorageError
from corpus.fetch import Fetcher
from corpus.reading import Rejected
from corpus.sources import Seen, Source, ask_again
from corpus.sources import open_source as open_by_name
from corpus.sources.files import STARTER_SOURCE
from rag.catalogue import one_ingest, open_catalogue
from rag.chroma import ChromaServer
from rag.chunk import chunk, embedded
from rag.embed import Embedder, Vectors
from rag.errors import BusyError
from rag.index import Index
from rag.lexical import LexicalIndex
from rag.settings import Settings
from rag.types import Passage

_BATCH_PASSAGES = 256
_BATCH_ARTICLES = 200  # read and not yet written down
_MAX_PLACE_BYTES = 2500

Progress = Callable[[int, int], None]
"""Called with the number of articles done and to do."""
Reading = Callable[[str, int], None]
"""Called with what is being read, in words, and the number of articles found so far, one by one from 0."""

Item = Article | Seen | Rejected
_Cut = tuple[Entry, Article, list[Passage]]
_Embedded = tuple[Vectors, list[Vectors]]  # of passages, and of the sentences of each


@dataclass
class Report:
    """What an ingest did.

    Attributes:
        added, changed: articles that were stored, new ones and new versions.
        removed: articles that left the index because they left their source.
        unchanged: articles that were offered as they are stored.
        copies: addresses whose text another article has; they are kept beside it.
        missing: articles gone from their source, which stay for a time.
        kept: articles not found in a source that could not be read whole, which stay.
        passages: how many the index holds.
        seconds: how long it took.
        rejected: what could not be taken in, and is news.
        failing: how much in all could not be taken in so far.
        duplicates: second articles with one address, and new addresses with a known text.
        failed: sources that could not be used, and why.
        stopped: whether it was asked to end, and did so before all was done.
        waiting: articles that were read and not stored, since it stopped; the next ingest stores them.
    """

    added: int = 0
    changed: int = 0
    removed: int = 0
    unchanged: int = 0
    copies: int = 0
    missing: int = 0
    kept: int = 0
    passages: int = 0
    seconds: float = 0.0
    rejected: list[Rejected] = field(default_factory=list)
    failing: int = 0
    duplicates: list[Rejected] = field(default_factory=list)
    failed: list[Rejected] = field(default_factory=list)
    stopped: bool = False
    waiting: int = 0

    def as_text(self) -> str:
        """The report in a few lines."""
        done = [
            (self.added, "added"),
            (self.changed, "changed"),
            (self.removed, "removed"),
            (self.unchanged, "unchanged"),
        ]
        text = ", ".join(f"{count} {what}" for count, what in done if count) or "no articles"
        lines = [f"Articles: {text}. The index holds {self.passages} passages ({self.seconds:.1f} s)."]
        if self.stopped:
            waiting = f"; {self.waiting} more were read and wait to be indexed" if self.waiting else ""
            lines.insert(0, f"Stopped before the end{waiting}. The next update goes on from there.")
        if self.copies:
            lines.append(f"Addresses with the text of another article: {self.copies}.")
        if self.missing:
            lines.append(f"Gone from their source, and staying for now: {self.missing}.")
        if self.kept:
            lines.append(
                f"Kept {self.kept} articles that were not found, since some files could not be read."
            )
        if self.failing > len(self.rejected):
            lines.append(f"{self.failing - len(self.rejected)} known failures: reex corpus stats.")
        return "\n".join(lines)

    def as_data(self) -> dict[str, Any]:
        """The object of ``reex ingest --json``; its fields are documented in docs/json.md."""
        return {
            **vars(self),
            "rejected": [vars(item) for item in self.rejected + self.duplicates],
            "duplicates": len(self.duplicates),
            "failed": [vars(item) for item in self.failed],
        }


def source_name(path: str | Path) -> str:
    """How a source is remembered: the address of a site, an absolute path, or `STARTER_SOURCE`."""
    return str(path) if is_remote(str(path)) else str(Path(path).expanduser().resolve())


def is_remote(name: str) -> bool:
    """Whether a source is somewhere on the network, and may be away for a while."""
    return "://" in name


def update(
    settings: Settings, sources: Sequence[str] = (), halt: threading.Event | None = None, **options: Any
) -> Report:
    """`ingest` with what the settings say; ``options`` are passed on to it.

    Once ``halt`` is set, it ends soon, even while a site keeps it waiting.
    """
    halt = halt or threading.Event()
    with Fetcher(
        private_hosts=settings.hosts_allowed,
        contact=settings.contact,
        sleep=halt.wait,
        stopped=halt.is_set,
    ) as fetcher:
        return ingest(
            settings.data_dir,
            settings.embedding_model,
            sources,
            catalogue_url=settings.catalogue_url.get_secret_value(),
            chroma=ChromaServer.of(settings),
            retire_after_days=settings.retire_after_days,
            open_source=lambda name: open_by_name(name, fetcher),
            stopped=halt.is_set,
            **{"load_embedder": lambda: Embedder.of(settings)} | options,
        )


def ingest(
    folder: Path,
    embedding_model: str,
    sources: Sequence[str] = (),
    *,
    catalogue_url: str = "",
    chroma: ChromaServer | None = None,
    only: bool = False,
    rebuild: bool = False,
    retire_after_days: float = 7,
    load_embedder: Callable[[], Embedder] | None = None,
    open_source: Callable[[str], Source] | None = None,
    progress: Progress = lambda done, total: None,
    reading: Reading = lambda describes, articles: None,
    stopped: Callable[[], bool] = lambda: False,
) -> Report:
    """Bring the index in ``folder`` up to date with its sources.

    Args:
        folder: the data directory; made when missing.
        embedding_model: name of the model that embeds passages.
        sources: names of further sources (see `source_name`), remembered from now on. Without
            any, and with no memory of any, the starter corpus is the source.
        catalogue_url: the database of the catalogue; empty for a file in the folder.
        chroma: the server that holds vectors and passages; None for those in the folder.
        only: forget all other sources and their articles.
        rebuild: accept an index that was built in another way, by building it anew.
        retire_after_days: how long an article stays that is gone from a remote source; what is gone from
            a file or folder leaves at once.
        load_embedder: called once, and only when there is something to embed.
        open_source: gives the source of a name; `corpus.sources.open_source` with a client that reaches
            nothing private when left out.
        progress: called as articles are stored.
        reading: called as remote sources are read.
        stopped: asked again and again. Once it says so, reading ends, of what was read and is not stored
            only one batch still is, and the next ingest goes on from there, with the sources given here too.

    Raises:
        StoppedError: it was stopped before anything was changed.
        BusyError: another process is ingesting into this folder.
        CorpusError: a source given here cannot be used, no source can, or none holds an article; nothing
            was changed. A remembered source that fails beside others is in the report.
        StorageError: writing failed, for instance on a full disk; the old index still works.
        IndexUnusableError: the index was built with another embedding model.
        OutdatedError: the catalogue was made by an earlier version.
    """
    started = perf_counter()
    with _storage_errors(folder), locked(folder, catalogue_url):
        index = Index(
            folder,
            embedding_model,
            catalogue_url=catalogue_url,
            chroma=chroma,
            create=True,
            rebuild=rebuild,
        )
        try:
            remembered = index.catalogue.sources() or [STARTER_SOURCE]
            wanted = list(sources) if only and sources else list(dict.fromkeys([*remembered, *sources]))
            opened = _open(wanted, set(sources), index, open_source or _open_publicly, reading, stopped)
            embedder = load_embedder or (lambda: Embedder(embedding_model))
            run = _Run(index, folder, embedder, progress, reading, stopped)
            report = run.bring_up_to_date(opened, timedelta(days=retire_after_days))
            index.catalogue.set_sources([each.name for each in opened])
            report.seconds = perf_counter() - started
            index.catalogue.set_fact("last_run", json.dumps({"at": now().isoformat(), **report.as_data()}))
        finally:
            index.close()
    return report


def forget(
    folder: Path,
    embedding_model: str,
    url: str,
    *,
    catalogue_url: str = "",
    chroma: ChromaServer | None = None,
    load_embedder: Callable[[], Embedder] | None = None,
) -> None:
    """Delete an article, and leave its address out from now on.

    An embedding model is needed only when another address has its text, and takes its place.

    Raises:
        BusyError, StorageError, IndexUnusableError: as `ingest`.
    """
    with _opened(folder, embedding_model, catalogue_url, chroma, load_embedder) as run:
        run.forget(url)


def remember(folder: Path, url: str, *, catalogue_url: str = "", chroma: ChromaServer | None = None) -> bool:
    """Let a forgotten address be taken in again by the next ingest; tells whether it was forgotten."""
    with locked(folder, catalogue_url):
        catalogue = open_catalogue(folder, catalogue_url, on_server=chroma is not None)
        try:
            return catalogue.remember(url)
        finally:
            catalogue.close()


@dataclass(frozen=True)
class Verified:
    """What a check of the index found.

    Attributes:
        articles: how many are stored.
        passages: how many passages they have.
        lost: ids of articles that miss passages in Chroma.
        stale: how many passages in Chroma belong to nothing.
        unsearchable: how many rows BM25 has too many or too few.
    """

    articles: int
    passages: int
    lost: tuple[str, ...]
    stale: int
    unsearchable: int

    def as_text(self) -> str:
        """The finding in one line."""
        wrong = [
            (len(self.lost), "articles miss passages"),
            (self.stale, "passages belong to nothing"),
            (self.unsearchable, "rows of BM25 are wrong"),
        ]
        text = ", ".join(f"{count} {what}" for count, what in wrong if count)
        return f"{self.articles} articles, {self.passages} passages: {text or 'all agree'}."


def verify(
    folder: Path, embedding_model: str, *, catalogue_url: str = "", chroma: ChromaServer | None = None
) -> Verified:
    """Check that catalogue, Chroma and BM25 agree.

    Raises:
        BusyError, StorageError, IndexUnusableError: as `ingest`.
    """
    with _storage_errors(folder), locked(folder, catalogue_url):
        index = Index(folder, embedding_model, catalogue_url=catalogue_url, chroma=chroma)
        try:
            stored = index.catalogue.stored()
            found = (tuple(sorted(index.lost())), len(index.unaccounted()), index.unsearchable())
            return Verified(len(stored), sum(stored.values()), *found)
        finally:
            index.close()


def mend(
    folder: Path,
    embedding_model: str,
    *,
    catalogue_url: str = "",
    chroma: ChromaServer | None = None,
    load_embedder: Callable[[], Embedder] | None = None,
    progress: Progress = lambda done, total: None,
) -> None:
    """Make catalogue, Chroma and BM25 agree, out of the catalogue alone: no source is read.

    Raises:
        BusyError, StorageError, IndexUnusableError: as `ingest`.
    """
    with _opened(folder, embedding_model, catalogue_url, chroma, load_embedder, progress) as run:
        run.mend()


@contextmanager
def _opened(
    folder: Path,
    embedding_model: str,
    catalogue_url: str,
    chroma: ChromaServer | None,
    load_embedder: Callable[[], Embedder] | None = None,
    progress: Progress = lambda done, total: None,
) -> Iterator["_Run"]:
    with _storage_errors(folder), locked(folder, catalogue_url):
        index = Index(folder, embedding_model, catalogue_url=catalogue_url, chroma=chroma)
        try:
            yield _Run(index, folder, load_embedder or (lambda: Embedder(embedding_model)), progress)
        finally:
            index.close()


@contextmanager
def locked(folder: Path, catalogue_url: str = "") -> Iterator[None]:
    """Keep every other process from changing the index in a folder, or of a catalogue in PostgreSQL.

    Raises:
        BusyError: another one is changing it.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / "ingest.lock", timeout=0)
        with lock, one_ingest(catalogue_url):
            yield
    except Timeout as error:
        raise BusyError(
            f"Another ingest is running on {folder}: wait until it ends, or use another --data-dir."
        ) from error


@contextmanager
def _storage_errors(folder: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, ChromaError) as error:
        raise StorageError(
            f"Writing to {folder} failed ({error}); what was there still works: "
            "check free disk space and access rights, then run `reex ingest` again."
        ) from error


@dataclass
class _Opened:
    """A source whose first item was read, which shows whether it can be used at all."""

    source: Source
    notes: dict[str, Any]
    items: Iterator[Item]
    failure: str = ""
    gaps: bool = False  # something in it could not be read: an article that is not found may be that
    stopped: bool = False  # before all of it was read

    @property
    def name(self) -> str:
        return self.source.name


def _open(
    names: Sequence[str],
    given: set[str],
    index: Index,
    open_source: Callable[[str], Source],
    reading: Reading,
    stopped: Callable[[], bool],
) -> list[_Opened]:
    """Open the sources, before anything is changed."""
    notes_of = (lambda _: {}) if index.catalogue.is_outdated else index.catalogue.notes_of
    # A site's bare address may turn out to be a source that is remembered already.
    found: dict[str, Source] = {}
    asked: set[str] = set()
    for name in names:
        source = open_source(name)
        found[source.name] = source
        if name in given:
            asked.add(source.name)
    opened = []
    for source in found.values():
        if stopped():
            raise StoppedError("Stopped.")
        if is_remote(source.name):
            reading(source.describes, 0)
        opened.append(_first_read(source, notes_of(source.name), source.name in asked))
    failed = [each for each in opened if each.failure]
    for each in failed:
        if each.name in asked or len(failed) == len(opened):
            raise CorpusError(each.failure)
    return opened


def _open_publicly(name: str) -> Source:
    return open_by_name(name, Fetcher())


def _first_read(source: Source, notes: dict[str, Any], asked_for: bool) -> _Opened:
    if asked_for:
        ask_again(notes)
    items = source.articles(notes)
    try:
        first = list(islice(items, 1))
    except CorpusError as error:
        return _Opened(source, notes, iter(()), str(error))
    return _Opened(source, notes, chain(first, items))


class _Run:
    """One ingest: reads all sources, stores what is not stored, publishes, and cleans up."""

    def __init__(
        self,
        index: Index,
        folder: Path,
        load_embedder: Callable[[], Embedder],
        progress: Progress,
        reading: Reading = lambda describes, articles: None,
        stopped: Callable[[], bool] = lambda: False,
    ):
        self._index = index
        self._catalogue = index.catalogue
        self._unfinished = folder / "ingest.unfinished"
        self._load_embedder = load_embedder
        self._progress = progress
        self._reading = reading
        self._stopped = stopped
        self._now = now()
        self._offered: dict[str, str] = {}  # article id: content hash
        self._rejected: dict[str, Rejected] = {}
        self._report = Report()

    def bring_up_to_date(self, opened: Sequence[_Opened], grace: timedelta) -> Report:
        if self._catalogue.is_outdated:
            self._start_over()
        self._known = self._catalogue.entries()
        self._forgotten = self._catalogue.forgotten()
        for each in opened:
            self._read(each)
        if self._report.stopped and not self._offered:
            raise StoppedError("Stopped.")
        if not self._offered and not self._forgotten:
            raise CorpusError(self._nothing_read())
        by_name = {each.name: each for each in opened}
        gone = self._gone(by_name, grace)
        self._settle(gone)
        self._clear_failures(by_name)
        for each in opened:
            if not each.failure and not each.stopped:
                self._catalogue.set_notes(each.name, each.notes)
        self._report.failing = len(self._catalogue.failures())
        self._report.passages = len(self._index)
        return self._report

    def forget(self, url: str) -> None:
        self._unfinished.touch()  # a kill from here on is mended by the next ingest
        self._catalogue.forget(url)
        self._settle(set())

    def mend(self) -> None:
        self._unfinished.touch()
        self._index.lexical = LexicalIndex.build([])
        self._settle(set())

    # Reading

    def _read(self, each: _Opened) -> None:
        try:
            if not each.failure and not self._take(each, each.items, trusting=True):
                # It says "unchanged" of something that is not here: its notes are not of this corpus.
                each.notes.clear()
                self._take(each, each.source.articles(each.notes), trusting=False)
        except CorpusError as error:
            each.failure = str(error)
        except StoppedError:
            each.stopped = self._report.stopped = True
        if each.failure:
            self._report.failed.append(Rejected(each.name, each.failure))

    def _take(self, each: _Opened, items: Iterator[Item], *, trusting: bool) -> bool:
        """Take in what a source offers; False when it tells of an unknown article as seen before."""
        fresh: list[Article] = []
        same: list[str] = []
        try:
            for number, item in enumerate(items):
                if self._stopped():
                    raise StoppedError("Stopped.")
                if is_remote(each.name):
                    self._reading(each.source.describes, number + 1)
                if not isinstance(item, Rejected) and _as_stored(item.url) != item.url:
                    item = Rejected(item.url, "has signs in its address that cannot be stored")
                if isinstance(item, Rejected):
                    each.gaps = True
                    self._fail(item, each.name)
                    continue
                id_ = article_id(item.url)
                known = self._known.get(id_)
                if item.url in self._forgotten or self._is_second(item, id_):
                    continue
                if isinstance(item, Article):
                    self._offered[id_] = item.content_hash
                elif known:
                    self._offered[id_] = known.wanted
                elif trusting:
                    return False
                else:
                    continue
                if known and known.wanted == self._offered[id_]:
                    same.append(id_)
                elif isinstance(item, Article):
                    fresh.append(item)
                if len(fresh) + len(same) >= _BATCH_ARTICLES:
                    self._write_down(fresh, same, each.name)
        finally:
            self._write_down(fresh, same, each.name)
        return True

    def _is_second(self, item: Article | Seen, id_: str) -> bool:
        """Whether the address was offered before in this run; the first one counts."""
        if id_ not in self._offered:
            return False
        if isinstance(item, Article) and self._offered[id_] != item.content_hash:
            reason = "is a second article with this address; the first one was kept"
            self._report.duplicates.append(Rejected(item.url, reason))
        return True

    def _write_down(self, fresh: list[Article], same: list[str], source: str) -> None:
        self._catalogue.see(fresh, source, self._now)
        self._catalogue.touch(same, source, self._now)
        fresh.clear()
        same.clear()

    def _fail(self, item: Rejected, source: str, fingerprint: str = "") -> None:
        item = Rejected(_shortened(_as_stored(item.where)), _as_stored(item.reason))
        self._rejected[item.where] = item
        if self._catalogue.fail(item.where, source, item.reason, self._now, fingerprint):
            self._report.rejected.append(item)

    def _nothing_read(self) -> str:
        first = next(iter(self._rejected.values()), None)
        example = f" (the first: {first.where} {first.reason})" if first else ""
        return f"None of the {len(self._rejected)} files or lines is an article{example}."

    # What the index should hold

    def _gone(self, opened: Mapping[str, _Opened], grace: timedelta) -> set[str]:
        """Ids of the articles that leave the corpus; those that only may be gone are noted as missing."""
        gone: set[str] = set()
        missing: list[str] = []
        for entry in self._known.values():
            if entry.state == "retired" or entry.article_id in self._offered:
                continue
            each = opened.get(entry.source)
            if each and (each.stopped or not each.source.complete):
                continue  # a feed holds the latest articles only
            if each and self._may_be_there(entry, each):
                self._report.kept += 1
            elif each and is_remote(each.name) and self._now - (entry.missing_since or self._now) < grace:
                missing.append(entry.article_id)
            else:
                gone.add(entry.article_id)
        self._catalogue.miss(missing, self._now)
        self._report.missing, self._report.removed = len(missing), len(gone)
        return gone

    def _may_be_there(self, entry: Entry, each: _Opened) -> bool:
        """Whether an article that was not found may be what could not be read today."""
        # A file is rejected by its path, and its article may have any address; a page is its address.
        unread = entry.url in self._rejected if is_remote(each.name) else each.gaps
        return bool(each.failure) or unread

    def _settle(self, gone: set[str]) -> None:
        """Make the index hold what the catalogue wants, publish it, and delete what it replaced."""
        interrupted = self._repair()
        entries = [entry for entry in self._catalogue.entries().values() if entry.state == "active"]
        staying = [entry for entry in entries if entry.article_id not in gone]
        resting = self._resting(staying)
        same_as = _same_as(entry for entry in staying if entry.article_id not in resting)
        missing = [
            e for e in staying if e.stored != e.wanted and e.article_id not in same_as.keys() | resting
        ]
        copies = [e for e in staying if e.article_id in same_as]
        self._count(staying, missing, same_as)
        if missing or gone or interrupted or any(copy.stored for copy in copies):
            self._unfinished.touch()
            unstored = self._store(missing)
            same_as = {id_: other for id_, other in same_as.items() if other not in unstored}
            self._catalogue.link(same_as)
            self._catalogue.retire(gone)
            self._catalogue.find_stories()
            self._index.publish()
            if interrupted:
                self._index.sweep()
            else:
                self._index.drop({e.stored for e in entries if e.stored} - self._catalogue.stored().keys())
            self._unfinished.unlink()
        else:
            self._catalogue.link(same_as)

    def _repair(self) -> bool:
        """Make the catalogue admit what the index has lost; tells whether an ingest was interrupted."""
        if self._index.is_foreign():
            self._start_over()
        elif self._unfinished.exists() or not self._index.is_whole():
            self._unfinished.touch()
            self._catalogue.unstore(self._index.lost())
        return self._unfinished.exists()

    def _start_over(self) -> None:
        embedder = self._load_embedder()  # before anything is lost: there may be no such model
        self._load_embedder = lambda: embedder
        self._unfinished.touch()
        self._index.start_over()

    def _resting(self, entries: Iterable[Entry]) -> set[str]:
        """Ids of articles that failed as they are now, and whose time to be tried again has not come."""
        failures = self._catalogue.failures()
        return {
            entry.article_id
            for entry in entries
            if (failure := failures.get(entry.url))
            and failure.fingerprint == entry.wanted != entry.stored
            and self._now < failure.retry_at
        }

    def _count(self, staying: Sequence[Entry], missing: Sequence[Entry], same_as: Mapping[str, str]) -> None:
        report = self._report
        report.added = sum(not entry.stored for entry in missing)
        report.changed = len(missing) - report.added
        report.unchanged = sum(
            entry.article_id in self._offered
            and entry.stored == entry.wanted
            and entry.article_id not in same_as
            for entry in staying
        )
        report.copies = len(same_as)
        urls = {entry.article_id: entry.url for entry in staying}
        for entry in staying:
            other = same_as.get(entry.article_id, "")
            if other and not entry.same_as:
                reason = f"has the same text as {urls[other]}"
                report.duplicates.append(Rejected(entry.url, reason))

    # Storing

    def _store(self, entries: Sequence[Entry]) -> set[str]:
        """Store the passages of articles; gives the ids of those that failed, or wait after a stop."""
        self._progress(0, len(entries))
        if not entries:
            return set()
        embedder = self._load_embedder()
        failed: set[str] = set()
        done = 0
        with closing(_embedded(_batches(self._cut(entries, embedder, failed)), embedder)) as batches:
            for batch, vectors in batches:
                self._store_batch(batch, vectors, embedder, failed)
                self._catalogue.compare_new()
                done += len(batch)
                self._progress(done, len(entries))
                if self._stopped() and done + len(failed) < len(entries):
                    # With the batch, or a stop would bring nothing.
                    return failed | self._leave(entries, failed)
        return failed

    def _leave(self, entries: Sequence[Entry], failed: set[str]) -> set[str]:
        """Let those of the entries wait that are not stored yet; gives their ids."""
        known = self._catalogue.entries()
        left = [e for e in entries if known[e.article_id].stored != e.wanted and e.article_id not in failed]
        self._report.stopped = True
        self._report.waiting = len(left)
        self._report.added -= sum(not entry.stored for entry in left)
        self._report.changed -= sum(bool(entry.stored) for entry in left)
        return {entry.article_id for entry in left}

    def _cut(self, entries: Sequence[Entry], embedder: Embedder, failed: set[str]) -> Iterator[_Cut]:
        for start in range(0, len(entries), _BATCH_ARTICLES):
            some = entries[start : start + _BATCH_ARTICLES]
            found = self._catalogue.at(entry.wanted for entry in some)
            for entry in some:
                article = found[entry.wanted]
                passages: list[Passage] = []
                with self._failing_alone(entry, failed):
                    passages = chunk(article, embedder.fits)
                if passages:
                    yield entry, article, passages

    def _store_batch(
        self, batch: Sequence[_Cut], vectors: Future[_Embedded], embedder: Embedder, failed: set[str]
    ) -> None:
        if len(batch) == 1:
            with self._failing_alone(batch[0][0], failed):
                self._write(batch, *vectors.result())
            return
        try:
            self._write(batch, *vectors.result())
        except (ReexError, OSError, ChromaError):
            raise
        except Exception:  # noqa: BLE001 one of them did it, and shows itself alone
            for each in batch:
                with self._failing_alone(each[0], failed):
                    self._write([each], *_embed([each], embedder))

    @contextmanager
    def _failing_alone(self, entry: Entry, failed: set[str]) -> Iterator[None]:
        """Whatever one article does to the tokenizer or the model, the others go on."""
        try:
            yield
        except (ReexError, OSError, ChromaError):
            raise
        except Exception as error:  # noqa: BLE001
            reason = f"cannot be indexed ({' '.join(str(error).split())[:200]})"
            self._fail(Rejected(entry.url, reason), entry.source, entry.wanted)
            failed.add(entry.article_id)

    def _write(self, batch: Sequence[_Cut], vectors: Vectors, sentences: Sequence[Vectors]) -> None:
        self._index.store([(article, passages) for _, article, passages in batch], vectors)
        stored = [passage for _, _, passages in batch for passage in passages]
        if not self._index.holds(stored):
            raise ValueError("its passages were not stored whole")
        self._index.store_sentences(stored, sentences)
        self._catalogue.put([(e.article_id, e.wanted, len(passages)) for e, _, passages in batch])

    def _clear_failures(self, opened: Mapping[str, _Opened]) -> None:
        """Forget failures of what was read well since, or is not there any more."""
        entries = self._catalogue.entries()
        over: list[str] = []
        for failure in self._catalogue.failures().values():
            each = opened.get(failure.source)
            entry = entries.get(article_id(failure.where))
            if failure.fingerprint:
                mended = not entry or entry.wanted != failure.fingerprint or entry.stored == entry.wanted
            elif failure.where in self._rejected:
                mended = False
            elif each and (each.failure or each.stopped or is_remote(each.name)):
                mended = article_id(failure.where) in self._offered
            else:
                mended = True
            if mended:
                over.append(failure.where)
        self._catalogue.clear_failures(over)


def _as_stored(text: str) -> str:
    """Without what not every database can hold: lone surrogates and NUL."""
    return text.encode("utf-8", "replace").decode("utf-8").replace("\0", "?")


def _shortened(where: str) -> str:
    """No longer than a key of PostgreSQL's may be."""
    return where.encode()[:_MAX_PLACE_BYTES].decode("utf-8", "ignore")


def _same_as(entries: Iterable[Entry]) -> dict[str, str]:
    """Which article stands for which others with its text: the one published first, as the likely origin."""
    by_body: dict[str, list[Entry]] = {}
    for entry in entries:
        by_body.setdefault(entry.body, []).append(entry)
    same: dict[str, str] = {}
    for alike in by_body.values():
        first, *others = sorted(alike, key=lambda entry: (entry.published or date.max, entry.url))
        same |= {entry.article_id: first.article_id for entry in others}
    return same


def _batches(articles: Iterable[_Cut]) -> Iterator[list[_Cut]]:
    """Articles in portions of about as many passages as are embedded at once."""
    batch: list[_Cut] = []
    size = 0
    for each in articles:
        batch.append(each)
        size += len(each[2])
        if size >= _BATCH_PASSAGES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _embedded(
    batches: Iterable[list[_Cut]], embedder: Embedder
) -> Generator[tuple[list[_Cut], Future[_Embedded]], None, None]:
    """Each batch with its vectors; the model is at the next one while a batch is written."""
    with ThreadPoolExecutor(1) as model:
        coming: deque[tuple[list[_Cut], Future[_Embedded]]] = deque()
        for batch in batches:
            coming.append((batch, model.submit(_embed, batch, embedder)))
            if len(coming) > 1:
                yield coming.popleft()
        yield from coming


def _embed(batch: Sequence[_Cut], embedder: Embedder) -> _Embedded:
    cut = [embedded(article, passage) for _, article, passages in batch for passage in passages]
    return embedder.encode_parts([text for text, _ in cut], [sentences for _, sentences in cut])
