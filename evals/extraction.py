"""How well the body of a page is told from what surrounds it: `python -m evals.extraction`.

Made-up pages and their bodies lie in ``tests/corpus/pages``: ``tuning`` and ``outside`` may be looked at
while the extraction is changed, ``report`` may not. The two authors of ``outside`` never saw the rules: their
first score is in ``docs/articles.md``, with those of three authors before them whose pages are in ``tuning``.
Since that score these pages are tuning material too, and no folder is unseen any more.

F1 is that of the article extraction benchmark of Zyte (formerly Scrapinghub,
github.com/scrapinghub/article-extraction-benchmark): the bags of all runs of four tokens in the
extracted text and in the truth are compared, so order counts as well as words. A Chinese character is
a token.

A sentence that was extracted counts as navigation when less than half of its runs stand in the truth.
"""

import argparse
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from statistics import mean

from corpus.errors import Unreadable
from corpus.extract import extract
from rag.sentences import split_sentences

PAGES = Path(__file__).parent.parent / "tests" / "corpus" / "pages"
_RUN = 4
_TOKEN = re.compile(r"[\u3400-\u9fff]|[^\W\u3400-\u9fff]+")


@dataclass(frozen=True)
class Score:
    """One page: F1 of its body (0 to 1), and the sentences that are none of its body."""

    page: str
    f1: float
    navigation: tuple[str, ...]


def score_page(path: Path) -> Score:
    """Extract a page and compare it with the ``.txt`` file beside it."""
    truth = path.with_suffix(".txt").read_text(encoding="utf-8")
    try:
        text = extract(path.read_bytes(), f"https://example.org/{path.stem}", ".html").text
    except Unreadable:
        text = ""
    return Score(path.stem, f1(text, truth), navigation_in(text, truth))


def score_folder(folder: Path) -> list[Score]:
    """Every page of a folder, by name."""
    return [score_page(path) for path in sorted(folder.glob("*.html"))]


def f1(text: str, truth: str) -> float:
    """Harmonic mean of precision and recall over the bags of runs of four tokens."""
    found, wanted = _runs(text), _runs(truth)
    shared = (found & wanted).total()
    return 2 * shared / (found.total() + wanted.total()) if shared else 0.0


def navigation_in(text: str, truth: str) -> tuple[str, ...]:
    """The sentences of a text that do not stand in the truth."""
    wanted = _runs(truth)
    words = set(_TOKEN.findall(truth))
    return tuple(
        s for line in text.split("\n") for s in split_sentences(line) if _is_foreign(s, wanted, words)
    )


def _is_foreign(sentence: str, wanted: Counter[tuple[str, ...]], words: set[str]) -> bool:
    tokens = _TOKEN.findall(sentence)
    if len(tokens) < _RUN:  # too short for a run of its own
        return any(token not in words for token in tokens)
    runs = _runs(sentence)
    return (runs & wanted).total() < runs.total() / 2


def _runs(text: str) -> Counter[tuple[str, ...]]:
    tokens = _TOKEN.findall(text)
    width = min(_RUN, len(tokens))
    return (
        Counter(tuple(tokens[i : i + width]) for i in range(len(tokens) - width + 1)) if tokens else Counter()
    )


def main() -> None:
    """Print the figures of each folder."""
    parser = argparse.ArgumentParser(description="Score the extraction of saved pages.")
    parser.add_argument("folders", nargs="*", default=["tuning", "report", "outside"], metavar="FOLDER")
    parser.add_argument("--pages", action="store_true", help="list every page and what is wrong with it")
    args = parser.parse_args()
    for name in args.folders:
        scores = score_folder(PAGES / name)
        if not scores:
            print(f"{name}: no pages")
            continue
        worst = min(scores, key=lambda score: score.f1)
        sentences = sum(len(score.navigation) for score in scores)
        print(
            f"{name}: {len(scores)} pages, mean F1 {mean(score.f1 for score in scores):.3f}, "
            f"lowest {worst.f1:.3f} ({worst.page}), {sentences} navigation sentences"
        )
        if args.pages:
            for score in scores:
                print(f"  {score.f1:.3f} {score.page}", *score.navigation, sep="\n        ")


if __name__ == "__main__":
    main()
