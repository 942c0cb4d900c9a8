"""What it costs to take in a large corpus and to keep it up to date, beside the bare embedding model.

``python -m evals.bench.ingest`` generates 5,000 articles of about 800 words each (``--articles`` for
fewer), embeds their passages with the bare model, ingests them, syncs with nothing changed and with one
article in a hundred changed, and prints the times, their shares and the peak memory of an ingest.
"""

import argparse
import json
import random
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

from corpus.article import Article
from corpus.reading import STARTER, read_articles
from rag.chunk import chunk, embedded
from rag.embed import PACKAGED, Embedder
from rag.ingest import ingest

_SENTENCES = 45  # of about 18 words
_PORTION = 256  # passages embedded at once, as an ingest does
_ONE_IN = 4


def rows(count: int, changed: frozenset[int] = frozenset()) -> Iterator[dict[str, str]]:
    """Generated articles: sentences of the starter corpus, with names and figures of their own.

    Args:
        count: how many.
        changed: numbers of those whose last paragraph is another one.
    """
    sentences = [
        sentence
        for article in read_articles(STARTER)
        if isinstance(article, Article)
        for sentence in article.text.replace("\n", " ").split(". ")
        if 8 <= len(sentence.split()) <= 40
    ]
    for number in range(count):
        chance = random.Random(number)
        length = chance.randint(_SENTENCES // 2, _SENTENCES * 3 // 2)
        parts = [f"{_refigured(s, chance)}." for s in chance.choices(sentences, k=length)]
        if number in changed:
            parts[-1] = "This article was changed since."
        yield {
            "url": f"https://example.org/{number}",
            "title": f"Report {number}: {chance.choice(sentences)[:60]}",
            "publisher": f"Publisher {number % 40}",
            "published": f"{2016 + number % 11}-{chance.randint(1, 12):02}-{chance.randint(1, 28):02}",
            "text": "\n\n".join(" ".join(parts[i : i + 5]) for i in range(0, length, 5)),
        }


def _refigured(sentence: str, chance: random.Random) -> str:
    return "".join(
        str(chance.randint(0, 9)) if c.isdigit() and chance.random() < 0.5 else c for c in sentence
    )


def _write(path: Path, count: int, changed: frozenset[int] = frozenset()) -> None:
    with path.open("w", encoding="utf-8") as file:
        for row in rows(count, changed):
            file.write(json.dumps(row) + "\n")


class Raw:
    """The bare embedding model on the passages of all articles, cut before."""

    def __init__(self, path: Path):
        """Cut the articles of a file, and warm the model up."""
        self._embedder = Embedder()
        texts = [
            embedded(article, passage)[0]
            for article in read_articles(path)
            if isinstance(article, Article)
            for passage in chunk(article, self._embedder.fits)
        ]
        self.passages = len(texts)
        self._portions = [texts[i : i + _PORTION] for i in range(0, len(texts), _PORTION)]
        self._embedder.encode(self._portions[0])

    def seconds(self, first: int) -> float:
        """What half of the passages would take, as told by one portion in four, from the given one on."""
        some = self._portions[first::_ONE_IN]
        started = perf_counter()
        for portion in some:
            self._embedder.encode(portion)
        took = perf_counter() - started
        return took * self.passages / sum(map(len, some)) / 2


def _timed_ingest(folder: Path, source: Path) -> dict[str, float]:
    """Ingest in a process of its own, from its start to its end; seconds and peak memory in GB."""
    started = perf_counter()
    command = [sys.executable, "-m", "evals.bench.ingest", "--ingest", str(folder), str(source)]
    printed = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    return {"seconds": perf_counter() - started, **json.loads(printed)}


def _ingest_here(folder: Path, source: Path) -> None:
    report = ingest(folder, PACKAGED, [str(source)], only=True)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(json.dumps({"peak_gb": peak, "added": report.added, "changed": report.changed}))


def measure(count: int) -> dict[str, float]:
    """All figures, in seconds, shares and GB."""
    with TemporaryDirectory() as place:
        source, folder = Path(place) / "articles.jsonl", Path(place) / "data"
        _write(source, count)
        words = sum(len(row["text"].split()) for row in rows(count))
        model = Raw(source)
        # Some before and some after: the speed of a shared machine drifts within the hour.
        raw = model.seconds(0)
        full = _timed_ingest(folder, source)
        raw += model.seconds(_ONE_IN // 2)
        same = _timed_ingest(folder, source)
        _write(source, count, frozenset(range(0, count, 100)))
        little = _timed_ingest(folder, source)
    assert (full["added"], same["added"] + same["changed"]) == (count, 0)
    return {
        "articles": count,
        "words": words,
        "passages": model.passages,
        "raw embedding, s": raw,
        "full ingest, s": full["seconds"],
        "share of raw throughput": raw / full["seconds"],
        "nothing changed, s": same["seconds"],
        "nothing changed, share": same["seconds"] / full["seconds"],
        "1 % changed, s": little["seconds"],
        "1 % changed, share": little["seconds"] / full["seconds"],
        "peak memory, GB": max(full["peak_gb"], same["peak_gb"], little["peak_gb"]),
    }


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--articles", type=int, default=5_000)
    parser.add_argument("--ingest", nargs=2, type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.ingest:
        _ingest_here(*given.ingest)
        return
    for name, value in measure(given.articles).items():
        print(f"{name:26} {value:,.3f}" if isinstance(value, float) else f"{name:26} {value:,}")


if __name__ == "__main__":
    main()
