"""How fast a search is, and what it costs, as the corpus grows: ``python -m evals.bench.retrieval``.

For each size, an index of generated passages is built in the folder, unless it is there (an interrupted
build goes on), and a fresh process opens it and searches. The vectors are those of `evals.generated`, so
that building measures Chroma, the catalogue and BM25, and not the embedding model; queries are really
embedded. The comparison of articles for like stories is left out: it is no part of a search.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import date
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from corpus.database import now
from evals import generated
from rag.embed import PACKAGED, Embedder, Vectors
from rag.index import Index
from rag.names import spelled_out
from rag.retrieve import Retriever
from rag.types import UNFILTERED, Filters

_K = 10
_CANDIDATES = 40  # of the dense search, as `Retriever` asks for
_VECTORS, _IDS = "vectors.f32", "ids.txt"  # beside the index, for the exact search
_BUILT = "built.json"
_FILTERS = {
    "one year": Filters(since=date(2021, 1, 1), until=date(2021, 12, 31)),
    "one month": Filters(since=date(2021, 3, 1), until=date(2021, 3, 31)),
    "one publisher": Filters(publishers=("Publisher 1",)),
    "a rare publisher, one year": Filters(date(2021, 1, 1), date(2021, 12, 31), ("Publisher 11",)),
}


def build(folder: Path, passages: int, known: generated.Seeds) -> None:
    """Make the index, or go on where that stopped; the last article in a hundred is published by itself."""
    folder.mkdir(parents=True, exist_ok=True)
    index = Index(folder, PACKAGED, create=True)
    articles = passages // generated.PER_ARTICLE
    most = articles - max(articles // 100, 1)
    took: dict[str, float] = json.loads(_read(folder / _BUILT) or "{}")
    for until, name in ((most, "publish all"), (articles, "publish 1 %")):
        if name not in took:
            took["store"] = took.get("store", 0) + _seconds(lambda n=until: _store(index, folder, n, known))  # type: ignore[misc]
            took[name] = _seconds(index.publish)
            (folder / _BUILT).write_text(json.dumps(took))
    index.close()


def _store(index: Index, folder: Path, until: int, known: generated.Seeds) -> None:
    """Store the articles up to a number, and keep their vectors for the exact search."""
    done = len(index.catalogue.stored())
    done -= done % generated.PORTION  # what was stored of a portion is stored again
    _cut_off(folder, done * generated.PER_ARTICLE, known.vectors.shape[1])
    with (folder / _VECTORS).open("ab") as vectors_file, (folder / _IDS).open("a") as ids_file:
        for portion, vectors in generated.generated(until, known, done):
            index.catalogue.see([article for article, _ in portion], "generated", now())
            index.store(portion, vectors)
            vectors.tofile(vectors_file)
            ids_file.writelines(f"{passage.id}\n" for _, passages in portion for passage in passages)
            vectors_file.flush()
            ids_file.flush()
            index.catalogue.put([(a.id, a.content_hash, len(passages)) for a, passages in portion])
            done += len(portion)
            print(f"\r{done:,} of {until:,} articles", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)


def _cut_off(folder: Path, passages: int, dimensions: int) -> None:
    """Shorten the files of vectors and ids to so many."""
    for name, size in ((_VECTORS, dimensions * 4), (_IDS, 21)):
        (folder / name).touch()
        os.truncate(folder / name, passages * size)


def measure(folder: Path) -> dict[str, Any]:
    """Open the index and search, in this process; times in milliseconds, sizes in GB."""
    embedder = Embedder()
    embedder.encode_queries(["the first one is slow"])
    before = _resident()
    started = perf_counter()
    retriever = Retriever(Index(folder, PACKAGED), embedder)
    opened = perf_counter() - started
    queries = generated.queries()
    first = _seconds(lambda: retriever.search(["rare earth prices"], _K))
    for query in queries[:20]:
        retriever.search([query], _K)
    times = _search_each(retriever, queries[20:])
    found = {
        "passages": len(retriever.index),
        "opening, s": round(opened, 2),
        "first search, s": round(first, 2),
        "search": times,
        "filtered": {
            name: _search_each(retriever, queries[20:70], f)["whole"] for name, f in _FILTERS.items()
        },
        "resident, GB": _resident(),
        "resident before opening, GB": before,
        "peak, GB": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6, 2),
        "load": os.getloadavg()[0],
    }
    retriever.index.close()
    return found


def _search_each(
    retriever: Retriever, queries: Iterable[str], filters: Filters = UNFILTERED
) -> dict[str, dict[str, float]]:
    """Percentiles of the whole search and of each part of it, from searches for each query by itself."""
    index, spent = retriever.index, defaultdict[str, list[float]](list)
    parts = {
        "embedding": (retriever.embedder, "encode"),
        "dense": (index, "dense"),
        "lexical": (index.lexical, "search"),
        "passages": (index, "passages"),
        "articles": (index.catalogue, "at"),
        "stories": (index.catalogue, "told_by"),
    }
    for name, (thing, method) in parts.items():
        setattr(thing, method, _timed(getattr(thing, method), spent[name]))
    retriever.embedder._known.clear()
    for query in queries:
        spent["whole"].append(_seconds(lambda q=query: retriever.search([q], _K, filters)))  # type: ignore[misc]
    for thing, method in parts.values():
        delattr(thing, method)
    return {name: _percentiles(times) for name, times in spent.items()}


def _timed(call: Callable[..., Any], into: list[float]) -> Callable[..., Any]:
    def timed(*given: Any) -> Any:
        started = perf_counter()
        try:
            return call(*given)
        finally:
            into.append(perf_counter() - started)

    return timed


def _percentiles(times: list[float]) -> dict[str, float]:
    p50, p95, p99 = (1000 * np.percentile(times, [50, 95, 99])).round(1).tolist()
    return {"p50": p50, "p95": p95, "p99": p99}


def recall(folder: Path) -> dict[str, float]:
    """Share of the ten nearest passages, by exact search, that the dense search has among its first ten."""
    queries = Embedder().encode_queries([spelled_out(query) for query in generated.queries()])
    ids = (folder / _IDS).read_text().split()
    exact = _exact(queries, np.memmap(folder / _VECTORS, np.float32).reshape(len(ids), -1))
    index = Index(folder, PACKAGED)
    shares = []
    for query, rows in zip(queries, exact, strict=True):
        found = {id_ for id_, _ in index.dense(query[None], _CANDIDATES)[:_K]}
        shares.append(len(found & {ids[row] for row in rows}) / _K)
    index.close()
    return {"recall@10": round(float(np.mean(shares)), 4), "lowest": min(shares)}


def _exact(queries: Vectors, vectors: Vectors) -> Any:
    """Rows of the ten nearest vectors of each query."""
    best = np.zeros((len(queries), 0), np.float32)
    rows = np.zeros((len(queries), 0), int)
    for start in range(0, len(vectors), 100_000):
        cosines = queries @ vectors[start : start + 100_000].T
        best = np.hstack([best, cosines])
        rows = np.hstack([rows, np.tile(np.arange(start, start + cosines.shape[1]), (len(queries), 1))])
        nearest = np.argpartition(-best, _K - 1)[:, :_K]
        best, rows = np.take_along_axis(best, nearest, 1), np.take_along_axis(rows, nearest, 1)
    return rows


def _resident() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return round(pages * resource.getpagesize() / 1e9, 2)


def _disk(folder: Path) -> dict[str, float]:
    sizes = defaultdict[str, int](int)
    for path in folder.rglob("*"):
        if path.is_file() and path.name not in (_VECTORS, _IDS):
            sizes[path.relative_to(folder).parts[0].split(".")[0]] += path.stat().st_size
    return {name: round(size / 1e9, 3) for name, size in sorted(sizes.items())}


def _seconds(work: Callable[[], object]) -> float:
    started = perf_counter()
    work()
    return perf_counter() - started


def _read(path: Path) -> str:
    return path.read_text() if path.exists() else ""


def _elsewhere(what: str, folder: Path) -> Any:
    """The figures of a fresh process."""
    command = [sys.executable, "-m", "evals.bench.retrieval", what, str(folder)]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)


def main() -> None:
    """Build what is missing, measure each size, and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--passages", type=int, nargs="+", default=[1_000, 100_000, 1_000_000])
    parser.add_argument("--folder", type=Path, default=Path("bench-retrieval"), help="keeps what is built")
    parser.add_argument("--json", type=Path, help="where to write the figures too")
    parser.add_argument("--build-only", action="store_true")
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--recall", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.measure or given.recall:
        print(json.dumps(measure(given.measure) if given.measure else recall(given.recall)))
        return
    given.folder.mkdir(parents=True, exist_ok=True)
    known = generated.seeds(given.folder, Embedder)
    figures = []
    for passages in given.passages:
        folder = given.folder / str(passages)
        build(folder, passages, known)
        if not given.build_only:
            built = {
                f"{name}, s": round(took, 1) for name, took in json.loads(_read(folder / _BUILT)).items()
            }
            figures.append(_elsewhere("--measure", folder) | _elsewhere("--recall", folder) | built)
            figures[-1]["disk, GB"] = _disk(folder)
    text = json.dumps(figures, indent=1)
    print(text)
    if given.json:
        given.json.write_text(text + "\n")


if __name__ == "__main__":
    main()
