"""The stored index: Chroma for vectors and passages, BM25 beside it.

Chroma holds every passage with all that is needed to check it: article, version, offsets and how
many passages that version has. What belongs to the corpus is decided by the catalogue. Readers see a
published state of it: the passages that are rows of the BM25 index. Others are of an ingest that goes on
or was interrupted, and never answers.
"""

import gc
import shutil
import uuid
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import date
from itertools import islice
from pathlib import Path
from threading import Lock
from typing import Any

import chromadb
import numpy as np
from chromadb.api import ClientAPI
from chromadb.api.client import Client
from chromadb.api.types import Metadata
from chromadb.config import Settings as ChromaSettings
from chromadb.errors import ChromaError, NotFoundError
from filelock import FileLock

from corpus.article import Article
from corpus.errors import ReexError, StorageError
from rag.catalogue import open_catalogue, server_collection
from rag.chroma import ChromaServer, check
from rag.chunk import CHUNKING
from rag.dates import day_number
from rag.embed import Vectors, unit
from rag.errors import IndexUnusableError
from rag.lexical import LexicalIndex, Row
from rag.settings import Settings
from rag.types import UNFILTERED, Filters, Passage
from rag.window import known_date

_COLLECTION = "passages"
_FIELDS = "with-publisher"  # names what `_to_metadata` keeps; part of the fingerprint of an index
_BATCH = 1000  # passages at once
_VERSIONS = 100  # versions of articles at once
_REMEMBERED = 5_000  # passages, some 5 MB
_EXACT = 12  # see `Index.dense`
_opening = Lock()


class Index:
    """Passages in Chroma and BM25, kept in step with a catalogue."""

    def __init__(
        self,
        folder: Path,
        embedding_model: str,
        *,
        catalogue_url: str = "",
        chroma: ChromaServer | None = None,
        create: bool = False,
        rebuild: bool = False,
    ):
        """Open the index in ``folder``.

        Args:
            folder: the data directory.
            embedding_model: must be the model that built the index.
            catalogue_url: the database of the catalogue; empty for a file in the folder.
            chroma: the server that holds vectors and passages; None for those in the folder.
            create: make an empty index when there is none.
            rebuild: also open an index that was built in another way, for `start_over`.

        Raises:
            IndexUnusableError: there is no index, or it was built in another way.
            OutdatedError: its catalogue was made by an earlier version.
            StorageError: the folder or the database cannot be used.
            UsageError: ``catalogue_url`` is no URL of a database.
        """
        self._folder = folder
        self._following = Lock()
        # Passages that came up lately: Chroma takes as long to read six as to find them. An id stands for the
        # same slice of the same version for ever.
        self._read: dict[str, Passage] = {}
        self._fingerprint = {"embedding_model": embedding_model, "chunking": CHUNKING, "fields": _FIELDS}
        if create:
            try:
                folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise StorageError(
                    f"The data directory {folder} cannot be made ({error.strerror})."
                ) from error
        self._server = chroma
        self.catalogue = open_catalogue(
            folder, catalogue_url, on_server=chroma is not None, create=create, rebuild=rebuild
        )
        self._name = server_collection(self.catalogue) if chroma else _COLLECTION
        try:
            self._collection = self._open_collection(create, rebuild)
        except ReexError:
            self.catalogue.close()
            raise
        self.lexical = LexicalIndex.build([])
        self._load(self.catalogue.fact("generation") or "")

    def _open_collection(self, create: bool = False, rebuild: bool = False) -> chromadb.Collection:
        try:
            client = self._new_client()
            try:
                collection = client.get_collection(self._name, embedding_function=None)
            except NotFoundError:
                if not create:
                    raise IndexUnusableError(
                        f"There is no index in {self._place()}: run `reex ingest` first."
                    ) from None
                return self._new_collection(client)
            found = self._fingerprint_of(collection)
            if found != self._fingerprint and not rebuild:
                raise IndexUnusableError(_mismatch(found, self._fingerprint))
            hnsw = collection.configuration["hnsw"] or {}
            # As the catalogue counts them: Chroma takes seconds to count a million.
            wanted = ef_search(sum(self.catalogue.stored().values()))
            if hnsw.get("ef_search") != wanted:  # made by an earlier version, or has grown
                collection.modify(configuration={"hnsw": {"ef_search": wanted}})
            return collection
        except (ChromaError, OSError, ValueError) as error:
            if self._server:
                raise StorageError(
                    f"The Chroma server at {self._server.url} cannot be used ({error}): look into its log."
                ) from error
            raise StorageError(
                f"The index in {self._folder} cannot be opened ({error}): check free disk space and "
                "access rights, or remove the folder and run `reex ingest`."
            ) from error

    def _new_client(self) -> ClientAPI:
        if self._server:
            return self._server.connect()
        # All Chroma clients of a process share one copy of the vectors, which never sees what other
        # processes wrote later; each opening takes a fresh copy. Users of an old one may finish.
        with _opening:
            Client.clear_system_cache()
            return chromadb.PersistentClient(
                str(self._folder / "chroma"), ChromaSettings(anonymized_telemetry=False)
            )

    def _place(self) -> str:
        return self._server.url if self._server else str(self._folder)

    def check(self) -> None:
        """See that a Chroma server answers, where there is one.

        Raises:
            StorageError: it does not.
        """
        if self._server:
            check(self._server)

    def _fingerprint_of(self, collection: chromadb.Collection) -> dict[str, Any]:
        return {name: (collection.metadata or {}).get(name) for name in self._fingerprint}

    def _new_collection(self, client: ClientAPI) -> chromadb.Collection:
        return client.create_collection(
            self._name,
            configuration={"hnsw": {"space": "cosine", "ef_search": ef_search(0)}},
            metadata=dict(self._fingerprint),
            embedding_function=None,
        )

    # Reading

    def refresh(self) -> None:
        """Follow what another process has ingested since the last look.

        Raises:
            IndexUnusableError: it rebuilt the index in another way.
        """
        generation = self.catalogue.fact("generation") or ""
        if generation == self.generation or not self._following.acquire(blocking=False):
            return  # while one thread follows, the others go on with what they have
        try:
            if generation != self.generation:
                self._collection = self._open_collection()
                self._load(generation)
                gc.collect()  # the former client is cyclic, and holds files and threads until collected
        finally:
            self._following.release()

    def _load(self, generation: str) -> None:
        try:
            lexical = LexicalIndex.load(self._bm25_folder(generation))
        except (OSError, ValueError):
            lexical = LexicalIndex.build([]) if self.is_foreign() else self._built_here(generation)
        self.lexical = lexical
        self.generation = generation

    def _built_here(self, generation: str) -> LexicalIndex:
        """BM25 out of Chroma, where the folder has none of a generation: another machine published it.

        Of those that share the folder one builds, and the others wait for what it saves.
        """
        if not generation:  # nothing is published yet
            return self._brought_up_to_date(self.lexical)
        folder = self._bm25_folder(generation)
        try:
            folder.parent.mkdir(exist_ok=True)
            with FileLock(self._folder / "bm25.lock"):
                with suppress(OSError, ValueError):
                    return LexicalIndex.load(folder)
                lexical = self._brought_up_to_date(self.lexical)
                if self.catalogue.fact("generation") == generation:
                    with suppress(OSError):  # it serves unsaved too, until the next start
                        lexical.save(folder)
                        self._delete_bm25_but(generation)
                return lexical
        except OSError:  # a folder that nobody may write to
            return self._brought_up_to_date(self.lexical)

    def is_foreign(self) -> bool:
        """Whether the index was built in another way than this object would."""
        return self.catalogue.is_outdated or self._fingerprint_of(self._collection) != self._fingerprint

    def __len__(self) -> int:
        """How many passages the corpus has."""
        return len(self.lexical)

    def dense(self, vector: Vectors, k: int, filters: Filters = UNFILTERED) -> list[tuple[str, float]]:
        """The ``k`` passages nearest to a unit vector of shape (1, dimensions), with cosines.

        ``filters`` name publishers exactly as the articles do, and versions for topics and companies.
        """
        lexical = self.lexical  # `refresh` in another thread may replace it
        passing = lexical.passing(filters)
        if passing is None:
            return self._nearest(vector, k)
        # Chroma's own conditions cost it a second for every million passages, so the rows of BM25 tell who
        # passes. A vector that is read costs as much as six results that are asked for and may not pass.
        count = int(passing.sum())
        if count**2 <= _EXACT * len(lexical):
            return self._nearest_of(vector, k, lexical.ids_of(passing))
        k = min(k, count)
        wanted = 2 * k * len(lexical) // count
        while True:
            near = dict(self._nearest(vector, min(wanted, len(lexical))))
            found = [(id_, near[id_]) for id_ in lexical.known(list(near), passing)][:k]
            if len(found) == k or wanted >= len(lexical):
                return found
            wanted *= 4

    def _nearest(self, vector: Vectors, k: int) -> list[tuple[str, float]]:
        found = self._collection.query(query_embeddings=vector, n_results=k, include=["distances"])
        distances = found["distances"] or [[]]
        return [(id_, 1.0 - distance) for id_, distance in zip(found["ids"][0], distances[0], strict=True)]

    def _nearest_of(self, vector: Vectors, k: int, ids: list[str]) -> list[tuple[str, float]]:
        """The nearest of a few passages, whose vectors are read and compared."""
        if not ids:  # Chroma takes no empty list
            return []
        found = self._collection.get(ids=ids, include=["embeddings"])
        cosines = np.asarray(found["embeddings"]) @ vector[0]
        return [(found["ids"][n], float(cosines[n])) for n in np.argsort(-cosines, kind="stable")[:k]]

    def passages(self, ids: Sequence[str]) -> dict[str, Passage]:
        """The passages with these ids that belong to the published state of the corpus."""
        known = self.lexical.known(ids)
        passages = {id_: passage for id_ in known if (passage := self._read.get(id_))}
        fresh = [id_ for id_ in known if id_ not in passages]
        if fresh:  # Chroma takes no empty list
            found = self._collection.get(ids=fresh, include=["documents", "metadatas"])
            rows = zip(found["ids"], found["documents"] or (), found["metadatas"] or (), strict=True)
            passages |= {id_: _to_passage(id_, text, meta) for id_, text, meta in rows}
            if len(self._read) > _REMEMBERED:
                self._read.clear()
            self._read |= {id_: passages[id_] for id_ in fresh if id_ in passages}
        return passages

    def passages_of(self, article_id: str) -> list[Passage]:
        """The passages of an article, in the order of its text."""
        found = self._collection.get(where={"article_id": article_id}, include=[])
        return sorted(self.passages(found["ids"]).values(), key=lambda passage: passage.start)

    def sentences(self, counts: Mapping[str, int], dimensions: int) -> dict[str, Vectors]:
        """The vectors of the sentences of passages, by their ids.

        Args:
            counts: how many sentences each passage has; those of which none or another number is kept are
                absent, as after an ingest by an earlier version.
            dimensions: of a vector.
        """
        kept = self.catalogue.sentences(counts)
        return {
            id_: unit(np.frombuffer(packed, np.int8).astype(np.float32).reshape(-1, dimensions))
            for id_, packed in kept.items()
            if len(packed) == counts[id_] * dimensions > 0
        }

    # Writing: only `ingest` calls these, and it holds the lock

    def start_over(self) -> None:
        """Throw away all that is stored."""
        client = self._new_client()
        client.delete_collection(self._name)
        self._collection = self._new_collection(client)
        self.catalogue.start_over()
        self.lexical = LexicalIndex.build([])

    def store(self, articles: Sequence[tuple[Article, Sequence[Passage]]], vectors: Vectors) -> None:
        """Write passages with their vectors, in the order of the rows of ``vectors``."""
        ids: list[str] = []
        documents: list[str] = []
        metadatas: list[Metadata] = []
        today = date.today()
        for article, passages in articles:
            day = day_number(known_date(article, today))
            for passage in passages:
                ids.append(passage.id)
                documents.append(passage.text)
                metadatas.append(_to_metadata(article, passage, len(passages), day))
        for i in range(0, len(ids), _BATCH):
            j = i + _BATCH
            self._collection.upsert(
                ids=ids[i:j], embeddings=vectors[i:j], documents=documents[i:j], metadatas=metadatas[i:j]
            )

    def store_sentences(self, passages: Sequence[Passage], vectors: Sequence[Vectors]) -> None:
        """Keep, for each passage, the vectors of its sentences that count."""
        self.catalogue.put_sentences(
            (passage.id, passage.version, _packed(rows))
            for passage, rows in zip(passages, vectors, strict=True)
        )

    def holds(self, passages: Sequence[Passage]) -> bool:
        """Whether every one of these passages is stored."""
        found = self._collection.get(ids=[passage.id for passage in passages], include=[])
        return len(found["ids"]) == len(passages)

    def drop(self, versions: Iterable[str]) -> None:
        """Delete the passages of these versions of articles."""
        for some in _portions(versions, _VERSIONS):
            self.catalogue.drop_sentences(some)
            self._collection.delete(where=_of_versions(some))

    def unaccounted(self) -> list[str]:
        """Ids of stored passages that are of no version that belongs to the corpus."""
        return list(self._unaccounted())

    def _unaccounted(self) -> dict[str, str]:
        current = self.catalogue.stored()
        found = {id_: str(meta["version"]) for id_, meta in self._all()}
        return {id_: version for id_, version in found.items() if version not in current}

    def lost(self) -> list[str]:
        """Ids of articles that do not have as many passages stored as the catalogue says."""
        counts = Counter(str(meta["version"]) for _, meta in self._all())
        return [
            entry.article_id
            for entry in self.catalogue.entries().values()
            if entry.stored and counts[entry.stored] != entry.passages
        ]

    def _all(self) -> Iterator[tuple[str, Metadata]]:
        for offset in range(0, self._collection.count(), _BATCH):
            page = self._collection.get(limit=_BATCH, offset=offset, include=["metadatas"])
            yield from zip(page["ids"], page["metadatas"] or (), strict=True)

    def unsearchable(self) -> int:
        """How many rows BM25 has too many or too few, by the catalogue."""
        wanted, rows = self.catalogue.stored(), self.lexical.counts()
        return sum(
            abs(wanted.get(version, 0) - rows.get(version, 0)) for version in wanted.keys() | rows.keys()
        )

    def sweep(self) -> int:
        """Delete the passages that nothing accounts for; gives their number."""
        stale = self._unaccounted()
        self.catalogue.drop_sentences(set(stale.values()))
        for some in _portions(stale, _BATCH):
            self._collection.delete(ids=some)
        return len(stale)

    def is_whole(self) -> bool:
        """Whether Chroma holds as many passages as the catalogue accounts for."""
        return self._collection.count() == sum(self.catalogue.stored().values())

    def publish(self) -> None:
        """Make what was stored visible to every reader, with a BM25 index over all of it."""
        generation = uuid.uuid4().hex
        self.lexical = self._brought_up_to_date(self.lexical)
        self.lexical.save(self._bm25_folder(generation))
        self.catalogue.set_fact("generation", generation)
        self.generation = generation
        self._delete_bm25_but(generation)

    def _delete_bm25_but(self, generation: str) -> None:
        for old in (self._folder / "bm25").iterdir():
            if old.name != generation:
                shutil.rmtree(old, ignore_errors=True)

    def _bm25_folder(self, generation: str) -> Path:
        return self._folder / "bm25" / (generation or "none")

    def _brought_up_to_date(self, lexical: LexicalIndex) -> LexicalIndex:
        """The BM25 index of what the catalogue names now; rows that it has already are not made again."""
        current = self.catalogue.stored()
        fresh = current.keys() - lexical.counts().keys()
        return lexical.updated(current.keys(), self._rows(sorted(fresh)))

    def _rows(self, versions: Sequence[str]) -> Iterator[Row]:
        for some in _portions(versions, _VERSIONS):
            found = self._collection.get(where=_of_versions(some), include=["documents", "metadatas"])
            rows = zip(found["ids"], found["documents"] or (), found["metadatas"] or (), strict=True)
            for id_, text, meta in rows:
                yield Row(
                    id_,
                    str(meta["version"]),
                    int(str(meta["day"])),
                    str(meta["publisher"]),
                    f"{meta['title']}\n{text}",
                )

    def close(self) -> None:
        """Release the catalogue."""
        self.catalogue.close()


def open_index(settings: Settings) -> Index:
    """The index that the settings name.

    Raises:
        IndexUnusableError, OutdatedError, StorageError, UsageError: as `Index`.
    """
    url = settings.catalogue_url.get_secret_value()
    chroma = ChromaServer.of(settings)
    return Index(settings.data_dir, settings.embedding_model, catalogue_url=url, chroma=chroma)


def _packed(vectors: Vectors) -> bytes:
    """Unit vectors in a quarter of the room: the cosine to what `sentences` makes of them is above 0.999."""
    largest = np.abs(vectors).max(axis=1, keepdims=True)
    return bytes(np.round(vectors / largest * 127).astype(np.int8).tobytes())


def _portions(items: Iterable[str], size: int) -> Iterator[list[str]]:
    rest = iter(items)
    while some := list(islice(rest, size)):
        yield some


def ef_search(passages: int) -> int:
    """How many candidates HNSW keeps while it looks for the nearest of so many passages.

    The more, the fewer of the nearest are missed, and the longer it looks. Of the ten nearest were found:
    among 100,000 passages 95 % with 100 and 99 % with 500; among a million 96 % with 500, 98 % with 1,200,
    which costs 2.4 ms more (``python -m evals.bench.retrieval``).
    """
    return 500 if passages < 300_000 else 1_200


def _mismatch(found: dict[str, Any], wanted: dict[str, str]) -> str:
    if found["embedding_model"] != wanted["embedding_model"]:
        return (
            f"This index was built with the embedding model {found['embedding_model']!r}, the settings say "
            f"{wanted['embedding_model']!r}: set REEX_EMBEDDING_MODEL back, use another --data-dir, "
            "or run `reex ingest --rebuild`."
        )
    return "This index was built by another version of REEx Answers: run `reex ingest --rebuild`."


def _to_metadata(article: Article, passage: Passage, count: int, day: int) -> Metadata:
    return {
        "article_id": passage.article_id,
        "version": article.content_hash,
        "title": article.title,
        "publisher": article.publisher,
        "start": passage.start,
        "end": passage.end,
        "section": passage.section,
        "passages": count,
        "day": day,
    }


def _of_versions(versions: list[str]) -> Any:
    return {"version": {"$in": versions}}


def _to_passage(id_: str, text: str, meta: Any) -> Passage:
    return Passage(
        id_,
        str(meta["article_id"]),
        int(meta["start"]),
        int(meta["end"]),
        text,
        str(meta["section"]),
        str(meta["version"]),
    )
