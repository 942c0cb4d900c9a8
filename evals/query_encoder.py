"""Teaches the packaged embedding model to read queries: ``python -m evals.query_encoder OUT.safetensors``.

What is learned are low-rank changes to its weights (LoRA, Hu et al., 2021, arXiv:2106.09685) for queries
alone: the vectors of sentences stay as they are, and those of questions move towards what answers them, as
when only a retriever's encoder of queries is tuned (Lewis et al., 2020, arXiv:2005.11401). The questions are
those of the suites for tuning and of `evals.training_set`, with the sentences that state the answer, and
searches that were written for this with their sentences (``training/searches.jsonl``).

With ``--hold-out SUITE`` (repeatable) suites are left out of the training, and it is told how near questions
of theirs come to their sentences, among all those of the suite, with and without what was learned.
"""

import argparse
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from sentence_transformers import SentenceTransformer
from torch import Tensor, nn
from torch.nn import functional

import corpus
from corpus.extract_text import from_markdown
from evals import jsonl
from evals.run import with_corpus
from evals.suite import Case, Suite, holds, read_suite
from evals.training_set import NEAR_MISSES, PREMISES, SUITES
from rag.chunk import embedded
from rag.embed import Embedder
from rag.index import Index, open_index
from rag.minilm import packaged_model
from rag.sentences import has_cjk
from rag.settings import Settings, load_settings
from rag.understand import understand

SEARCHES = NEAR_MISSES.with_name("searches.jsonl")

_RANK = 16
_RATE = 1e-3
_EPOCHS = 4
_BATCH = 32
_WARM_UP = 30  # steps
_SCALE = 20.0  # of cosines, before the softmax
_MANY = 3  # sentences that hold a fact; where more do, it tells nothing


@dataclass(frozen=True)
class Asked:
    """A question of a suite, and the rows of the sentences that answer it."""

    query: str
    right: tuple[int, ...]


@dataclass(frozen=True)
class Pool:
    """What can be found in the corpus of a suite, and what is asked of it.

    ``vectors`` has a row for each sentence.
    """

    suite: str
    vectors: Tensor
    asked: tuple[Asked, ...]


def main() -> None:
    """Train, tell how it does on what was held out, and write what was learned."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("out", type=Path, help="the file to write")
    parser.add_argument(
        "--hold-out", action="append", default=[], choices=SUITES, help="a suite to report on"
    )
    options = parser.parse_args()
    pools = list(gather(load_settings()))
    held = [pool for pool in pools if pool.suite in options.hold_out]
    encoder = QueryEncoder()
    if held:
        print("before:", figures(encoder, held), flush=True)
    encoder.learn([pool for pool in pools if pool.suite not in options.hold_out])
    encoder.write(options.out)
    print(f"written: {options.out}")
    if held:
        print("after:", figures(encoder, held))


def gather(settings: Settings) -> Iterator[Pool]:
    """The suites for tuning, with all that was asked of their articles and is answered by a sentence."""
    embedder = Embedder.of(settings)
    for name in SUITES:
        suite = read_suite(name)
        index = open_index(with_corpus(suite, settings))
        urls, texts, vectors = _sentences(index, embedder)
        rows: dict[str, list[int]] = {}
        for row, url in enumerate(urls):
            rows.setdefault(url, []).append(row)
        asked = [*_of_cases(suite.cases, rows, texts), *_of_articles(suite, rows, texts)]
        yield Pool(name, vectors, tuple(one for one in asked if one.right))


def _sentences(index: Index, embedder: Embedder) -> tuple[list[str], list[str], Tensor]:
    """The addresses, the texts and the vectors of all sentences of a corpus, each once."""
    ids, versions = index.lexical.ids, index.lexical.versions
    passages, articles = index.passages(ids), index.catalogue.at(set(versions))
    of = [(articles[version], passages[id_]) for id_, version in zip(ids, versions, strict=True)]
    cut = [embedded(article, passage) for article, passage in of]
    _, found = embedder.encode_parts([text for text, _ in cut], [spans for _, spans in cut])
    sentences: dict[tuple[str, str], np.ndarray] = {}
    for (article, _), (text, spans), rows in zip(of, cut, found, strict=True):
        for (start, end), vector in zip(spans, rows, strict=True):
            sentences.setdefault((article.url, text[start:end]), vector)
    vectors = torch.tensor(np.stack([*sentences.values()]))
    return [url for url, _ in sentences], [text for _, text in sentences], vectors


def _of_cases(cases: Sequence[Case], rows: dict[str, list[int]], texts: Sequence[str]) -> Iterator[Asked]:
    for case in cases:
        query = understand(case.question).queries[0]
        if case.answerable and case.kind != "advice" and not has_cjk(query):
            about = [row for url in case.gold_urls for row in rows.get(url, ())]
            yield Asked(query, tuple(row for row in about if _is_among(texts[row], case.gold_passages)))


def _is_among(sentence: str, passages: Sequence[str]) -> bool:
    return any(sentence in passage or passage in sentence for passage in passages)


def _of_articles(suite: Suite, rows: dict[str, list[int]], texts: Sequence[str]) -> Iterator[Asked]:
    urls = _urls(suite)
    for one in (*jsonl.read(NEAR_MISSES), *jsonl.read(PREMISES)):
        if one["suite"] == suite.name and one["answerable"]:
            about = rows[urls[one["article"]]]
            right: set[int] = set()
            for fact in one["facts"]:
                telling = [row for row in about if any(holds(texts[row], wording) for wording in fact)]
                right.update(telling if len(telling) <= _MANY else ())
            yield Asked(one["question"], tuple(sorted(right)))
    for one in jsonl.read(SEARCHES):
        if one["suite"] == suite.name:
            told = [row for row in rows[one["url"]] if texts[row] in one["sentences"]]
            yield Asked(one["question"], tuple(told))


def _urls(suite: Suite) -> dict[str, str]:
    """The addresses of the articles of a suite by the names of their files."""
    folders = [Path(corpus.__file__).parent / "articles"]
    if "articles" in suite.header:
        folders.append(suite.folder / suite.header["articles"])
    files = (file for folder in folders for file in folder.glob("*.md"))
    return {file.name: from_markdown(file.read_bytes(), "").url for file in files}


class QueryEncoder:
    """The packaged model, and what it learns."""

    def __init__(self) -> None:
        torch.manual_seed(0)
        self._model = SentenceTransformer(
            str(packaged_model()), device="cpu", model_kwargs={"dtype": torch.float32}
        )
        self._model.requires_grad_(False)
        self._changed = {
            f"{name}.{part}.weight": _Changed(layer)
            for name, module in self._model.named_modules()
            for part, layer in module.named_children()
            if isinstance(layer, nn.Linear) and ".layer." in f"{name}."
        }
        for name, changed in self._changed.items():
            path, _, part = name.removesuffix(".weight").rpartition(".")
            setattr(self._model.get_submodule(path), part, changed)

    def __call__(self, queries: Sequence[str]) -> Tensor:
        """A unit vector for each query."""
        features = self._model.preprocess(list(queries))
        found = self._model({n: value for n, value in features.items() if isinstance(value, Tensor)})
        return functional.normalize(found["sentence_embedding"], dim=1)

    def learn(self, pools: Sequence[Pool]) -> None:
        """Bring questions near what answers them, and away from the other sentences of their corpus."""
        chance = random.Random(0)
        optimiser = torch.optim.AdamW([p for one in self._changed.values() for p in (one.a, one.b)])
        batches: list[tuple[Pool, list[Asked]]] = []
        for _ in range(_EPOCHS):
            every = list(_batches(pools, chance))
            batches += chance.sample(every, len(every))
        for step, (pool, some) in enumerate(batches):
            for group in optimiser.param_groups:
                group["lr"] = _RATE * min(1, (step + 1) / _WARM_UP) * (1 - step / len(batches))
            loss = self._loss(pool, some)
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            if step % 50 == 0:
                print(f"step {step} of {len(batches)}: loss {loss.item():.3f}", flush=True)

    def _loss(self, pool: Pool, asked: Sequence[Asked]) -> Tensor:
        scores = _SCALE * self([one.query for one in asked]) @ pool.vectors.T
        wrong = torch.ones_like(scores, dtype=torch.bool)
        for row, one in enumerate(asked):
            wrong[row, list(one.right)] = False
        right = scores.masked_fill(wrong, -torch.inf)
        return (scores.logsumexp(dim=1) - right.logsumexp(dim=1)).mean()

    def write(self, out: Path) -> None:
        """Keep what was learned, as `rag.minilm` reads it."""
        parts = {f"{name}.{part}": getattr(one, part) for name, one in self._changed.items() for part in "ab"}
        save_file({name: value.detach().bfloat16().contiguous() for name, value in parts.items()}, out)


class _Changed(nn.Module):
    """A layer with changes of low rank, none at first."""

    def __init__(self, layer: nn.Linear):
        super().__init__()
        self.layer = layer
        self.a = nn.Parameter(torch.randn(_RANK, layer.in_features) / layer.in_features**0.5)
        self.b = nn.Parameter(torch.zeros(layer.out_features, _RANK))

    def forward(self, states: Tensor) -> Tensor:
        found: Tensor = self.layer(states) + states @ self.a.T @ self.b.T
        return found


def _batches(pools: Sequence[Pool], chance: random.Random) -> Iterator[tuple[Pool, list[Asked]]]:
    for pool in pools:
        asked = chance.sample(pool.asked, len(pool.asked))
        for start in range(0, len(asked), _BATCH):
            yield pool, asked[start : start + _BATCH]


def figures(encoder: QueryEncoder, pools: Sequence[Pool]) -> str:
    """How near questions come to their sentences."""
    first, recall, ranks = [], [], []
    for pool in pools:
        for start in range(0, len(pool.asked), _BATCH):
            asked = pool.asked[start : start + _BATCH]
            with torch.inference_mode():
                cosines = encoder([one.query for one in asked]) @ pool.vectors.T
                order = cosines.argsort(dim=1, descending=True)
            for one, row in zip(asked, order.tolist(), strict=True):
                places = sorted(row.index(right) for right in one.right)
                first.append(places[0] == 0)
                recall.append(sum(place < 5 for place in places) / len(places))
                ranks.append(1 / (1 + places[0]))
    means = (float(np.mean(some)) for some in (first, recall, ranks))
    told = "right sentence first {:.3f}, recall@5 {:.3f}, MRR {:.3f}".format(*means)
    return f"{len(first)} questions, {told}"


if __name__ == "__main__":
    main()
