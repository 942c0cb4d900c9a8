"""A corpus of any size to measure with, generated: words and vectors are like those of the starter corpus.

It grows out of a thousand *seeds*, passages that are made of the starter corpus's sentences, with words and
figures exchanged, and that the embedding model has really read. A generated passage has two seeds for
parents, the second most often one that resembles the first. Its text is made of their sentences, with words
and figures exchanged again and an invented name, so that the vocabulary grows with the corpus. Its vector is
the mean of theirs in the same proportion, plus noise with the covariance of the seeds' vectors. So what says
similar things lies close together, in the text as in the vectors. A smaller corpus is the beginning of a
larger one.
"""

import hashlib
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from random import Random

import numpy as np
import numpy.typing as npt

from corpus.article import Article
from corpus.reading import STARTER, read_articles
from rag.embed import Embedder, Vectors
from rag.sentences import split_sentences
from rag.types import Passage

SEEDS = 1200
QUERIES = 400
PER_ARTICLE = 10
PORTION = 100  # articles that are made at once

_SEED = 7
_WORDS = 100  # of a passage, on average
_PUBLISHERS = 30
_FIRST_DAY, _DAYS = date(2015, 1, 1), 4000
_EXCHANGED = 0.12  # of all words
_RESEMBLING = 40  # seeds from which the second parent is chosen
_FAR = 0.3  # of all second parents are any seed
_NAMES = 400_000  # invented names, as frequent as Zipf says
NOISE = 0.45
"""Length of the noise in a vector, before its length is made 1.

So the nearest others are as near as those of generated passages that the model really read: the cosine to the
10th nearest seed is 0.72, and of those 0.71; to the 100th it is 0.63 of both.
"""

_SYLLABLES = [a + b for a in (*"bdfgklmnprstvz", "ch", "sh") for b in "aeiou"]
_FIGURE = re.compile(r"\d+(?:[.,]\d+)*")


@dataclass(frozen=True)
class Seeds:
    """Passages that the embedding model has read, as lists of sentences, and their unit vectors."""

    passages: Sequence[Sequence[str]]
    vectors: Vectors
    words: Sequence[str]


def seeds(folder: Path, load_embedder: Callable[[], Embedder]) -> Seeds:
    """The seeds, read from a folder, or made and kept there: to embed them takes minutes."""
    texts, words = _seed_passages(SEEDS, _SEED)
    kept = folder / "seeds.npy"
    if not kept.exists():
        titled = [f"{_title(text)} ({_FIRST_DAY})\n{' '.join(text)}" for text in texts]
        np.save(kept, load_embedder().encode(titled))
    return Seeds(texts, np.load(kept), words)


def queries() -> list[str]:
    """Sentences of passages that are no seeds, one of each."""
    texts, _ = _seed_passages(QUERIES, _SEED + 1)
    return list(dict.fromkeys(max(text[:3], key=len) for text in texts))


def _seed_passages(count: int, seed: int) -> tuple[list[list[str]], list[str]]:
    random = Random(seed)
    articles = [item for item in read_articles(STARTER) if isinstance(item, Article)]
    of_articles = [split_sentences(a.text) for a in articles]
    words = [word for article in articles for word in article.text.split()]
    everywhere = [sentence for some in of_articles for sentence in some]
    passages = []
    for _ in range(count):
        own = random.choice(of_articles)
        pool = [*own, *random.choices(everywhere, k=len(own) // 2)]
        passages.append([_varied(s, words, random) for s in _chosen(pool, random)])
    return passages, words


def _chosen(pool: Sequence[str], random: Random) -> Iterator[str]:
    """Different sentences until there are enough words."""
    wanted = min(max(random.gauss(_WORDS, 25), 40), 160)
    for sentence in random.sample(pool, len(pool)):
        if wanted <= 0:
            return
        yield sentence
        wanted -= sentence.count(" ") + 1


def _varied(sentence: str, words: Sequence[str], random: Random) -> str:
    """A sentence with some of its words, and all its figures, exchanged for others."""
    parts = sentence.split()
    for _ in range(round(_EXCHANGED * len(parts))):
        parts[int(random.random() * len(parts))] = words[int(random.random() * len(words))]
    return _FIGURE.sub(lambda found: _other_figure(found.group(), random), " ".join(parts))


def _other_figure(figure: str, random: Random) -> str:
    if len(figure) == 4 and figure.startswith("20"):  # a year
        return str(2010 + int(random.random() * 17))
    return "".join(c if c in ".," else "123456789"[int(random.random() * 9)] for c in figure)


def _name(random: Random) -> str:
    """An invented name; the n-th is n times rarer than the first."""
    rank = int(_NAMES ** random.random())
    digits = []
    rank += len(_SYLLABLES) ** 2
    while rank:
        rank, digit = divmod(rank, len(_SYLLABLES))
        digits.append(_SYLLABLES[digit])
    return "".join(digits).capitalize()


def _title(passage: Sequence[str]) -> str:
    return " ".join(passage[0].split()[:9]).rstrip(".,;:")


def generated(
    articles: int, known: Seeds, first: int = 0
) -> Iterator[tuple[list[tuple[Article, list[Passage]]], Vectors]]:
    """Articles with their passages, and the vectors of these, in portions of `PORTION` articles.

    Args:
        articles: how many there are in all.
        known: what they are made of.
        first: the number of the first one to give, a multiple of `PORTION`.
    """
    resembling = _resembling(known.vectors)
    spread = _spread(known.vectors)
    for start in range(first, articles, PORTION):
        numbers = range(start, min(start + PORTION, articles))
        random = Random(f"{_SEED} {start}")
        made = [_generated_article(number, known, resembling, random) for number in numbers]
        parents = [pair for _, _, pairs in made for pair in pairs]
        one, other, share = (np.array(column) for column in zip(*parents, strict=True))
        noise = np.random.default_rng((_SEED, start)).standard_normal((len(one), len(spread))) @ spread.T
        mixed = share[:, None] * known.vectors[one] + (1 - share[:, None]) * known.vectors[other]
        vectors = mixed + NOISE * noise
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        yield [(article, own) for article, own, _ in made], vectors.astype(np.float32)


def _resembling(vectors: Vectors) -> list[list[int]]:
    """The nearest seeds of each seed."""
    nearest: list[list[int]] = np.argpartition(-(vectors @ vectors.T), _RESEMBLING)[:, :_RESEMBLING].tolist()
    return nearest


def _spread(vectors: Vectors) -> npt.NDArray[np.float64]:
    """What makes noise with the covariance of the vectors, of length 1 on average, from white noise."""
    root = np.linalg.cholesky(np.cov(vectors.T) + 1e-9 * np.eye(vectors.shape[1]))
    scaled: npt.NDArray[np.float64] = root / np.linalg.norm(root)
    return scaled


_Parents = tuple[int, int, float]
"""Two seeds, and the share of the first one."""


def _generated_article(
    number: int, known: Seeds, resembling: list[list[int]], random: Random
) -> tuple[Article, list[Passage], list[_Parents]]:
    """An article about what one seed is about, its passages, and their parents."""
    theme = resembling[random.randrange(len(known.passages))]
    parents, texts = [], []
    for _ in range(PER_ARTICLE):
        one = random.choice(theme)
        far = random.random() < _FAR
        other = random.randrange(len(known.passages)) if far else random.choice(resembling[one])
        share = random.uniform(0.5, 0.95)
        parents.append((one, other, share))
        kept = [s for s in known.passages[one] if random.random() < share] or known.passages[one][:1]
        taken = [s for s in known.passages[other] if random.random() > share]
        text = " ".join(_varied(sentence, known.words, random) for sentence in (*kept, *taken))
        texts.append(f"{text} So says {_name(random)}.")
    article = Article(
        f"https://example.org/{number}",
        "\n\n".join(texts),
        f"{_name(random)}: {_title(texts[:1])}",
        f"Publisher {int(_PUBLISHERS ** random.random())}",
        _FIRST_DAY + timedelta(days=random.randrange(_DAYS)),
    )
    return article, _cut(article, texts), parents


def _cut(article: Article, texts: Sequence[str]) -> list[Passage]:
    version = article.content_hash
    passages, start = [], 0
    for text in texts:
        end = start + len(text)
        id_ = hashlib.sha256(f"{version}:{start}:{end}".encode()).hexdigest()[:20]
        passages.append(Passage(id_, article.id, start, end, text, "", version))
        start = end + 2
    return passages
