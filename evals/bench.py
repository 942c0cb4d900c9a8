"""Timings as ratios, measured side by side in one run: ``python -m evals.bench``.

Indexing against the embedding model's own raw throughput on the same chunks, retrieval without
the language model, and the first token against the plain tutorial chain with the same models.
"""

import argparse
import json
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from time import perf_counter

from corpus.article import Article
from corpus.reading import STARTER, read_articles
from corpus.sources.files import STARTER_SOURCE
from evals.peers.tutorial import TutorialChain
from evals.suite import Case, read_suite
from rag.chain import AnswerChain
from rag.chunk import chunk, context_of
from rag.embed import Embedder
from rag.ingest import ingest
from rag.settings import load_settings
from rag.understand import understand


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--questions", type=int, default=12, help="how many questions for the first token")
    options = parser.parse_args()
    cases = read_suite("starter").cases
    plain = [case for case in cases if not case.question.history and case.kind != "chinese"]
    articles = [item for item in read_articles(STARTER) if isinstance(item, Article)]
    with tempfile.TemporaryDirectory() as folder:
        settings = load_settings(data_dir=Path(folder), catalogue_url="", chroma_url="")
        embedder = Embedder(settings.embedding_model)
        result = _indexing(articles, embedder, settings.data_dir, settings.embedding_model)
        chain = AnswerChain.open(settings)
        result |= _retrieval(chain, cases)
        result |= _first_token(
            chain, TutorialChain(articles, embedder, chain.llm()), plain[: options.questions]
        )
    print(json.dumps(result, indent=1))
    return 0


def _indexing(articles: list[Article], embedder: Embedder, folder: Path, model: str) -> dict[str, float]:
    texts = [context_of(a) + p.text for a in articles for p in chunk(a, embedder.fits)]
    embedder.encode(texts[:64])
    # Raw, build, raw again: what else the machine does falls on both sides.
    raw = [_seconds(lambda: embedder.encode(texts))]
    built = _seconds(
        lambda: ingest(folder, model, [STARTER_SOURCE], only=True, load_embedder=lambda: embedder)
    )
    raw.append(_seconds(lambda: embedder.encode(texts)))
    return {
        "passages": len(texts),
        "raw_passages_per_s": round(len(texts) / statistics.mean(raw), 1),
        "index_passages_per_s": round(len(texts) / built, 1),
        "index_ratio": round(statistics.mean(raw) / built, 3),
    }


def _retrieval(chain: AnswerChain, cases: Iterable[Case]) -> dict[str, float]:
    queries = [understand(case.question).queries for case in cases]
    for query in queries[:5]:
        chain.retriever.search(query, 10)
    times = sorted(1000 * _seconds(lambda q=q: chain.retriever.search(q, 10)) for q in queries)  # type: ignore[misc]
    return {
        "retrieval_ms_median": round(statistics.median(times), 1),
        "retrieval_ms_p95": round(times[int(0.95 * len(times))], 1),
    }


def _first_token(chain: AnswerChain, tutorial: TutorialChain, cases: list[Case]) -> dict[str, float]:
    chain.warm_up()
    _until_first(tutorial.stream(cases[0].question.text))
    ours, theirs = [], []
    for number, case in enumerate(cases, 1):
        # Neither may find its own question's prefix cached: each question is asked once of each.
        theirs.append(_until_first(tutorial.stream(case.question.text)))
        answer = chain.invoke(case.question)
        if answer.timings.first_token_s is not None:
            ours.append(answer.timings.first_token_s)
        print(f"\r{number}/{len(cases)}", end="", file=sys.stderr)
    print(file=sys.stderr)
    return {
        "first_token_s_median": round(statistics.median(ours), 2),
        "tutorial_first_token_s_median": round(statistics.median(theirs), 2),
        "first_token_ratio": round(statistics.median(ours) / statistics.median(theirs), 3),
        "questions": len(cases),
    }


def _until_first(pieces: Iterable[str]) -> float:
    started = perf_counter()
    iterator = iter(pieces)
    next(iterator, None)
    elapsed = perf_counter() - started
    close: Callable[[], None] = getattr(iterator, "close", lambda: None)
    close()
    return elapsed


def _seconds(work: Callable[[], object]) -> float:
    started = perf_counter()
    work()
    return perf_counter() - started


if __name__ == "__main__":
    sys.exit(main())
