"""Keeping the index in step with its sources.

Only what changed is embedded; what left its source leaves the index. The order of the writes
makes a kill at any moment harmless: passages are stored before the catalogue names their
article, readers see a new state only once it is published, and old passages go last. A mark on
the disk tells the next run that this one did not end, so that it repairs what was left behind.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter

from chromadb.errors import ChromaError
from filelock import FileLock, Timeout

from corpus.article import Article
from corpus.errors import CorpusError, StorageError
from corpus.reading import STARTER, Rejected, read_articles
from rag.chunk import chunk, context_of
from rag.embed import Embedder
from rag.errors import BusyError
from rag.index import Index
from rag.types import Passage

STARTER_SOURCE = "starter"
"""Names the starter corpus among the sources, wherever the package is installed."""

_BATCH_PASSAGES = 256

Progress = Callable[[int, int], None]
"""Called with the number of articles done and to do."""


@dataclass
class Report:
    """What an ingest did."""

    added: int = 0
    changed: int = 0
    removed: int = 0
    unchanged: int = 0
    kept: int = 0
    passages: int = 0
    seconds: float = 0.0
    rejected: list[Rejected] = field(default_factory=list)
    duplicates: list[Rejected] = field(default_factory=list)

    def as_text(self) -> str:
        """The report in one or two lines."""
        done = [
            (self.added, "added"),
            (self.changed, "changed"),
            (self.removed, "removed"),
            (self.unchanged, "unchanged"),
        ]
        text = ", ".join(f"{count} {what}" for count, what in done if count) or "no articles"
        text = f"Articles: {text}. The index holds {self.passages} passages ({self.seconds:.1f} s)."
        if self.kept:
            text += f"\nKept {self.kept} articles that were not found, since some files could not be read."
        return text


@dataclass(frozen=True)
class _Plan:
    """What is to be done.

    Attributes:
        store: articles to store, each with its source.
        replace: those of them that have an earlier version, by id, with their new version.
        move: unchanged articles that another source offers now, with their number of passages.
        remove: ids of articles to remove.
    """

    store: list[tuple[Article, str]]
    replace: dict[str, str]
    move: list[tuple[Article, str, int]]
    remove: list[str]


def source_name(path: str | Path) -> str:
    """How a source is remembered: an absolute path, or `STARTER_SOURCE`."""
    return str(Path(path).expanduser().resolve())


def ingest(
    folder: Path,
    embedding_model: str,
    sources: Sequence[str] = (),
    *,
    only: bool = False,
    rebuild: bool = False,
    load_embedder: Callable[[], Embedder] | None = None,
    progress: Progress = lambda done, total: None,
) -> Report:
    """Bring the index in ``folder`` up to date with its sources.

    Args:
        folder: the data directory; made when missing.
        embedding_model: name of the model that embeds passages.
        sources: names of further sources (see `source_name`), remembered from now on. Without
            any, and with no memory of any, the starter corpus is the source.
        only: forget all other sources and their articles.
        rebuild: accept an index that was built in another way, by building it anew.
        load_embedder: called once, and only when there is something to embed.
        progress: called as articles are stored.

    Raises:
        BusyError: another process is ingesting into this folder.
        CorpusError: a source is missing or holds no article at all; nothing was changed.
        StorageError: writing failed, for instance on a full disk; the old index still works.
        IndexUnusableError: the index was built with another embedding model.
    """
    started = perf_counter()
    with _storage_errors(folder), _locked(folder):
        index = Index(folder, embedding_model, create=True, rebuild=rebuild)
        try:
            report = _bring_up_to_date(
                index,
                folder,
                list(sources),
                only,
                load_embedder or (lambda: Embedder(embedding_model)),
                progress,
            )
        finally:
            index.close()
    report.seconds = perf_counter() - started
    return report


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / "ingest.lock", timeout=0)
        with lock:
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


def _bring_up_to_date(
    index: Index,
    folder: Path,
    sources: list[str],
    only: bool,
    load_embedder: Callable[[], Embedder],
    progress: Progress,
) -> Report:
    remembered = index.catalogue.sources() or [STARTER_SOURCE]
    wanted = sources if only and sources else list(dict.fromkeys(remembered + sources))
    report = Report()
    offered = _read(wanted, report)

    unfinished = folder / "ingest.unfinished"
    if index.is_foreign():
        embedder = load_embedder()  # before anything is lost: there may be no such model
        load_embedder = lambda: embedder  # noqa: E731
        unfinished.touch()
        index.start_over()
    if unfinished.exists() or not index.is_whole():
        unfinished.touch()
        index.repair()
    plan = _plan(index, offered, wanted, report)
    if plan.store or plan.remove or unfinished.exists():
        unfinished.touch()
        _carry_out(index, plan, load_embedder, progress, report)
        unfinished.unlink()
    index.catalogue.put(plan.move)
    index.catalogue.set_sources(wanted)
    report.passages = len(index)
    return report


def _read(sources: Sequence[str], report: Report) -> dict[str, tuple[Article, str]]:
    """All articles of all sources by id, each with its source; the first of equals wins."""
    offered: dict[str, tuple[Article, str]] = {}
    bodies: dict[str, str] = {}
    for source in sources:
        for item in read_articles(STARTER if source == STARTER_SOURCE else Path(source)):
            if isinstance(item, Rejected):
                report.rejected.append(item)
            elif item.id in offered:
                if offered[item.id][0] != item:
                    reason = "is a second article with this address; the first one was kept"
                    report.duplicates.append(Rejected(item.url, reason))
            elif item.text in bodies:
                report.duplicates.append(Rejected(item.url, f"has the same text as {bodies[item.text]}"))
            else:
                offered[item.id] = (item, source)
                bodies[item.text] = item.url
    if not offered:
        first = (
            f" (the first: {report.rejected[0].where} {report.rejected[0].reason})" if report.rejected else ""
        )
        raise CorpusError(f"None of the {len(report.rejected)} files or lines is an article{first}.")
    return offered


def _plan(
    index: Index, offered: dict[str, tuple[Article, str]], sources: Sequence[str], report: Report
) -> _Plan:
    known = index.catalogue.entries()
    store, move = [], []
    for article_id, (article, source) in offered.items():
        entry = known.get(article_id)
        if entry and entry.content_hash == article.content_hash:
            report.unchanged += 1
            if entry.source != source:
                move.append((article, source, entry.passages))
            continue
        report.added += entry is None
        report.changed += entry is not None
        store.append((article, source))
    gone = [entry for entry in known.values() if entry.article_id not in offered]
    # A file that cannot be read today may be an article that was fine yesterday.
    kept = [entry for entry in gone if report.rejected and entry.source in sources]
    report.kept = len(kept)
    remove = [entry.article_id for entry in gone if entry not in kept]
    report.removed = len(remove)
    replace = {a.id: a.content_hash for a, _ in store if a.id in known}
    return _Plan(store, replace, move, remove)


def _carry_out(
    index: Index, plan: _Plan, load_embedder: Callable[[], Embedder], progress: Progress, report: Report
) -> None:
    total = len(plan.store)
    progress(0, total)
    if plan.store:
        embedder = load_embedder()
        done = 0
        for batch in _batches(plan.store, embedder):
            _store(index, batch, embedder)
            done += len(batch)
            progress(done, total)
    index.catalogue.remove(plan.remove)
    index.publish()
    index.drop(plan.remove)
    index.drop(plan.replace, keep=plan.replace)


_Chunked = tuple[Article, str, list[Passage]]


def _batches(articles: Sequence[tuple[Article, str]], embedder: Embedder) -> Iterator[list[_Chunked]]:
    batch: list[_Chunked] = []
    size = 0
    for article, source in articles:
        passages = chunk(article, embedder.fits)
        batch.append((article, source, passages))
        size += len(passages)
        if size >= _BATCH_PASSAGES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _store(index: Index, batch: Sequence[_Chunked], embedder: Embedder) -> None:
    texts = [context_of(article) + p.text for article, _, passages in batch for p in passages]
    vectors = embedder.encode(texts)
    index.store([(article, passages) for article, _, passages in batch], vectors)
    index.catalogue.put([(article, source, len(passages)) for article, source, passages in batch])
