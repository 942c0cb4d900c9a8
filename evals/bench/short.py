"""The product's speed in ratios, each to something that was measured in the same run: ``reex bench``.

The index against the bare embedding model on the same passages and against those of the tutorial chain and of
LlamaIndex, a search by itself, answers as in `evals.bench.answers`. The machine's speed falls on both
sides of a ratio.
"""

import os
import platform
import statistics
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter
from typing import Any

from pydantic import SecretStr

from corpus.article import Article
from evals.bench import answers
from evals.peers import Peer, open_peer
from evals.run import commit, spread
from evals.suite import Suite, read_suite
from rag.chain import AnswerChain
from rag.chunk import chunk, embedded
from rag.embed import Embedder, Vectors
from rag.ingest import ingest
from rag.llm import LLM
from rag.minilm import computes_bfloat16, packaged_model
from rag.settings import Settings
from rag.understand import understand

Advance = Callable[[int, int], None]
"""Called with how much is done, and of how much."""
Result = dict[str, Any]

_K = 10
# Whose index ours is measured against, and the least that is good.
_PEERS = {"tutorial": ("the tutorial chain's", 1.8), "llamaindex": ("LlamaIndex's", 1.0)}


@dataclass(frozen=True)
class Measure:
    """A figure and the bar that it has to reach.

    Attributes:
        what: what was measured, such as "first token".
        against: what it is a multiple of; empty for a figure in milliseconds.
        value: the figure.
        bar: the most that is good, or for ``at_least`` the least.
    """

    what: str
    against: str
    value: float
    bar: float
    at_least: bool = False

    @property
    def is_met(self) -> bool:
        """Whether it reaches its bar."""
        return self.value >= self.bar if self.at_least else self.value <= self.bar


class _PlainModel:
    """The embedding model as sentence-transformers runs it, which is how the peers have it."""

    def __init__(self) -> None:
        from sentence_transformers import SentenceTransformer

        self._model = SentenceTransformer(str(packaged_model()), device="cpu")

    def encode(self, texts: Sequence[str]) -> Vectors:
        vectors: Vectors = self._model.encode(list(texts), normalize_embeddings=True)
        return vectors


def measure(settings: Settings, suite_name: str, questions: int, advance: Advance) -> Result:
    """Measure everything over the articles of a suite, in a folder that is gone afterwards.

    Args:
        settings: the models to use.
        suite_name: the suite whose articles are indexed and whose questions are asked.
        questions: how many questions are asked of each system; half as many follow-ups.
        advance: is told how many of the questions have been asked.

    Raises:
        ReexError: a model or the suite cannot be used, or a peer's packages are missing.
    """
    suite = read_suite(suite_name)
    plain = [case for case in suite.cases if not case.question.history and case.answerable]
    talks = [case for case in suite.cases if case.question.history]
    plain, talks = spread(plain, questions), spread(talks, questions // 2)
    started = datetime.now(UTC).isoformat(timespec="seconds")
    with tempfile.TemporaryDirectory() as folder:
        away = {"data_dir": Path(folder), "catalogue_url": SecretStr(""), "chroma_url": ""}
        here = settings.model_copy(update=away)
        embedder = Embedder.of(here)
        _build(here, suite, embedder)  # not measured: it also loads what the others find loaded
        chain = AnswerChain.open(here)
        peers, figures, measures = _index(here, suite, chain, embedder)
        figures |= _search(chain, [case.question for case in suite.cases])
        asked = answers.measure(chain, here, peers, plain, talks, advance)
    measures += [
        Measure("search without a model, median, ms", "", figures["search_ms"], 60),
        *(Measure(*given) for given in answers.bars(asked.figures)),
    ]
    return {
        "started": started,
        "suite": suite.name,
        "machine": _machine(),
        **commit(),
        "measures": [asdict(one) | {"is_met": one.is_met} for one in measures],
        "figures": figures | asked.figures,
        "questions": asked.rows,
    }


def _build(settings: Settings, suite: Suite, embedder: Embedder) -> float:
    """The seconds that it takes to index a suite's articles, with the model in memory."""
    return _seconds(
        lambda: ingest(
            settings.data_dir,
            settings.embedding_model,
            suite.sources,
            only=True,
            load_embedder=lambda: embedder,
        )
    )


def _build_elsewhere(settings: Settings, suite: Suite, embedder: Embedder) -> float:
    with tempfile.TemporaryDirectory() as folder:
        return _build(settings.model_copy(update={"data_dir": Path(folder)}), suite, embedder)


def _index(
    settings: Settings, suite: Suite, chain: AnswerChain, embedder: Embedder
) -> tuple[dict[str, Peer], dict[str, float], list[Measure]]:
    articles = list(chain.retriever.index.catalogue.all_articles())
    texts = [embedded(article, p)[0] for article in articles for p in chunk(article, embedder.fits)]
    # Ours and bare before and after the peers': what else the machine does falls on all.
    built = [_build_elsewhere(settings, suite, embedder)]
    bare = [_seconds(lambda: embedder.encode(texts))]
    peers, theirs = _peers(articles, chain.llm())
    bare.append(_seconds(lambda: embedder.encode(texts)))
    built.append(_build_elsewhere(settings, suite, embedder))
    index_s, bare_s = statistics.mean(built), statistics.mean(bare)
    figures = {
        "articles": len(articles),
        "passages": len(texts),
        "index_s": round(index_s, 2),
        "bare_model_s": round(bare_s, 2),
        **{f"{name}_index_s": round(seconds, 2) for name, seconds in theirs.items()},
    }
    return (
        peers,
        figures,
        [
            Measure(
                "passages indexed a second",
                "the bare embedding model's",
                round(bare_s / index_s, 3),
                0.9,
                True,
            ),
            *(
                Measure("articles indexed a second", whose, round(theirs[name] / index_s, 3), bar, True)
                for name, (whose, bar) in _PEERS.items()
            ),
        ],
    )


def _peers(articles: Sequence[Article], llm: LLM) -> tuple[dict[str, Peer], dict[str, float]]:
    """The peers over some articles, and the seconds that each took to index them."""
    plain = _PlainModel()
    peers: dict[str, Peer] = {}
    seconds: dict[str, float] = {}
    for name in _PEERS:
        open_peer(name, articles[:1], plain, llm)  # loads what it needs
        began = perf_counter()
        peers[name] = open_peer(name, articles, plain, llm)
        seconds[name] = perf_counter() - began
    return peers, seconds


def _search(chain: AnswerChain, questions: Sequence[Any]) -> dict[str, float]:
    queries = [understand(question).queries for question in questions]
    for query in queries[:5]:
        chain.retriever.search(query, _K)
    # Numbered, so that none has been embedded before.
    queries = [tuple(f"{n} {text}" for text in query) for n, query in enumerate(queries)]
    times = sorted(1000 * _seconds(lambda q=query: chain.retriever.search(q, _K)) for query in queries)  # type: ignore[misc]
    return {
        "search_ms": round(statistics.median(times), 1),
        "search_p95_ms": round(times[int(0.95 * len(times))], 1),
    }


def _machine() -> dict[str, Any]:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        model = next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        model = platform.processor()
    return {
        "processor": model,
        "cores": os.cpu_count(),
        "bfloat16": computes_bfloat16(),
        "load": round(os.getloadavg()[0], 1),
    }


def _seconds(work: Callable[[], object]) -> float:
    started = perf_counter()
    work()
    return perf_counter() - started
