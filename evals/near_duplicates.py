"""How well articles that tell one story are told from those that only look alike.

``python -m evals.near_duplicates`` prints precision and recall on the reporting half of the pairs; with
``--tune`` on the other half, for a grid of thresholds. The pairs are made from the articles of the starter
corpus and of the suites by edits that syndication makes (the same story) and by those that templates make
(another story); each half has articles and edits of its own.
"""

import argparse
import random
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import combinations, product
from pathlib import Path
from unittest.mock import patch

from corpus import alike
from corpus.article import Article
from corpus.reading import STARTER, read_articles

_SUITES = Path(__file__).parent / "suites"
_SENTENCE = re.compile(r"(?<=[.!?”\"])\s+(?=[A-Z“\"])")
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_YEAR = re.compile(r"(?:19|20)\d\d")

# Left: what is replaced; right: by what. Plain wordings, so that the result reads like a rewrite.
_SYNONYMS = {
    "according to": "as reported by",
    "achieve": "reach",
    "agreement": "deal",
    "already": "by now",
    "also": "in addition",
    "announced": "made public",
    "annual": "yearly",
    "approval": "clearance",
    "article": "report",
    "because of": "owing to",
    "begin": "start",
    "build": "construct",
    "called": "termed",
    "company": "group",
    "compared with": "against",
    "completed": "finished",
    "customers": "buyers",
    "decision": "ruling",
    "demand": "appetite",
    "described": "portrayed",
    "domestic": "home-grown",
    "earlier": "before",
    "equipment": "machinery",
    "expected": "forecast",
    "expects": "foresees",
    "facility": "site",
    "fell": "dropped",
    "financing": "funding",
    "first": "initial",
    "government": "state",
    "growth": "expansion",
    "highest": "top",
    "however": "yet",
    "increase": "gain",
    "is to": "is due to",
    "later": "afterwards",
    "made": "produced",
    "market": "marketplace",
    "material": "feedstock",
    "million": "mn",
    "more than": "over",
    "new": "additional",
    "output": "production volume",
    "per cent": "percent",
    "plans to": "intends to",
    "plant": "factory",
    "price": "quotation",
    "prices": "quotations",
    "processing": "treatment",
    "production": "manufacture",
    "project": "scheme",
    "published": "released",
    "purchase": "acquisition",
    "reached": "hit",
    "reported": "disclosed",
    "rose": "climbed",
    "said": "stated",
    "says": "states",
    "shares": "stock",
    "signed": "inked",
    "since": "ever since",
    "supply": "provision",
    "support": "backing",
    "the text": "the piece",
    "tonnes": "metric tons",
    "under": "as part of",
    "United States": "US",
    "value": "worth",
    "would": "is set to",
    "year": "twelve months",
}
_BOILERPLATE = (
    "Sign up for our daily newsletter and never miss the news that moves the critical minerals market.",
    "This story first appeared on a partner site and is carried here with its permission.",
    "Our journalists work under an editorial code, and corrections are listed at the foot of the page.",
    "Shares of companies named in this story may be held by members of our staff; nothing here is advice.",
    "About us: we have covered mining, refining and magnets for investors and engineers since 1998.",
    "Forward-looking statements involve risks, and actual results may differ from those expressed.",
    "For further information please contact the media relations team by telephone or electronic mail.",
    "Subscribers can read the data behind this story and download the tables in spreadsheet form.",
)
_TEMPLATES = (
    "{c} today announced its results for the {q}. Revenue was ${a} million, compared with ${b} million "
    "in the same quarter of the year before. Production of NdPr oxide came to {d} tonnes, while sales "
    "volumes reached {e} tonnes at an average realised price of ${f} per kilogram. The company ended "
    "the quarter with ${g} million of cash. Chief executive {p} said that the team had delivered "
    "another quarter of safe and steady operations and thanked employees and customers for their "
    "support. A conference call for investors will be held tomorrow, and a replay will be available on "
    "the company's website.",
    "{c} has signed a binding offtake agreement with {o} for the supply of {d} tonnes a year of mixed "
    "rare earth carbonate over {h} years. The price is linked to published indices, with a floor of "
    "${f} per kilogram. The agreement is subject to final approval by both boards and to financing of "
    "the ${a} million processing plant, on which work is to start within {i} months. {p}, managing "
    "director of {c}, called the agreement an important step towards a diversified supply chain and an "
    "endorsement of the quality of the resource.",
    "{c} reports an updated mineral resource estimate for its flagship deposit. The estimate now stands "
    "at {a} million tonnes at an average grade of {f} percent total rare earth oxides, of which {b} "
    "million tonnes are in the indicated category. Magnet rare earths make up {h} percent of the "
    "basket. Drilling of {d} metres in {e} holes was completed on schedule, and assays of {g} holes are "
    "outstanding. {p}, who leads exploration, said that the deposit stays open in all directions and "
    "that a scoping study will follow.",
    "The price index for rare earths stood at {a} points today, {i} points above the previous day. "
    "Praseodymium-neodymium oxide was quoted at {d} yuan a kilogram, dysprosium oxide at {e} yuan and "
    "terbium oxide at {b} yuan. Traders described the market as quiet, with buyers covering immediate "
    "needs only. The association publishes the index on every working day on the basis of quotations "
    "from its members.",
)
_COMPANIES = (
    "Northgate Minerals",
    "Harrow Rare Earths",
    "Lindqvist Metals",
    "Orion Magnetics",
    "Saltbush Resources",
)
_PEOPLE = ("Anna Keller", "Tom Okafor", "Mei Lin", "Paul Hart", "Sara Duarte")


@dataclass(frozen=True)
class Pair:
    """Two articles, whether they tell one story, and by what edit the second was made."""

    one: Article
    other: Article
    same: bool
    kind: str


def _sentences(text: str) -> list[str]:
    return [s for paragraph in text.split("\n\n") for s in _SENTENCE.split(paragraph) if s.strip()]


def _retold(text: str, chance: random.Random, share: float) -> str:
    for word, other in _SYNONYMS.items():
        if chance.random() < share:
            text = re.sub(rf"\b{word}\b", other, text)
    return text


def light_rewrite(article: Article, chance: random.Random) -> Article:
    """Half of the synonyms, and one sentence less."""
    sentences = _sentences(_retold(article.text, chance, 0.5))
    del sentences[chance.randrange(1, len(sentences))]
    return replace(article, text=" ".join(sentences))


def boilerplate(article: Article, chance: random.Random) -> Article:
    """A site's own words before and behind the story."""
    lines = chance.sample(_BOILERPLATE, 5)
    return replace(article, text="\n\n".join([*lines[:2], article.text, *lines[2:]]))


def excerpt(article: Article, chance: random.Random) -> Article:
    """The first part of the story."""
    sentences = _sentences(article.text)
    kept = max(3, round(len(sentences) * chance.uniform(0.4, 0.7)))
    return replace(article, text=" ".join([*sentences[:kept], "Read the full story on our site."]))


def paraphrase(article: Article, chance: random.Random) -> Article:
    """All synonyms, another order, a title of its own, a fifth of the sentences left out."""
    sentences = _sentences(_retold(article.text, chance, 1.0))
    kept = chance.sample(sentences, max(3, round(len(sentences) * 0.8)))
    moved = [_turned(sentence) for sentence in kept]
    return replace(article, title=_retold(article.title, chance, 1.0) + ", sources say", text=" ".join(moved))


def _turned(sentence: str) -> str:
    """The first clause behind the second, where a comma parts two long ones."""
    head, comma, tail = sentence.rstrip(".").partition(", ")
    if not comma or min(len(head), len(tail)) < 25:
        return sentence
    return f"{tail[0].upper()}{tail[1:]}, {head[0].lower()}{head[1:]}."


def updated(article: Article, chance: random.Random) -> Article:
    """A correction: one figure in eight is another, at least one."""
    found = [match for match in _NUMBER.finditer(article.text) if not _YEAR.fullmatch(match.group())]
    chosen = chance.sample(found, max(1, len(found) // 8)) if found else []
    text = article.text
    for match in sorted(chosen, key=lambda match: -match.start()):
        text = text[: match.start()] + _other_number(match.group(), chance) + text[match.end() :]
    return replace(article, text="This story has been updated. " + text)


def next_quarter(article: Article, chance: random.Random) -> Article:
    """The same words with all figures changed but a fifth, which compare with the quarter before."""

    def other(match: re.Match[str]) -> str:
        stays = chance.random() < 0.2 or _YEAR.fullmatch(match.group())
        return match.group() if stays else _other_number(match.group(), chance)

    text = _NUMBER.sub(other, article.text)
    published = article.published + timedelta(days=91) if article.published else None
    return replace(article, text=text, published=published)


def _other_number(number: str, chance: random.Random) -> str:
    digits = list(number)
    places = [i for i, character in enumerate(digits) if character.isdigit()]
    for place in places:
        digits[place] = str(chance.randint(1, 9))
    if "".join(digits) == number:
        digits[places[0]] = str(int(digits[places[0]]) % 9 + 1)
    return "".join(digits)


_SAME: tuple[Callable[[Article, random.Random], Article], ...] = (
    light_rewrite,
    boilerplate,
    excerpt,
    paraphrase,
    updated,
)


def _releases(chance: random.Random, count: int) -> Iterator[Pair]:
    """Pairs of press releases by one template: other figures, and in half of them another company."""
    for number in range(count):
        template = _TEMPLATES[number % len(_TEMPLATES)]
        company, person = chance.choice(_COMPANIES), chance.choice(_PEOPLE)
        one = _release(template, company, person, chance)
        if number // len(_TEMPLATES) % 2:
            company, person = chance.choice(_COMPANIES), chance.choice(_PEOPLE)
        yield Pair(one, _release(template, company, person, chance), False, "template")


def _release(template: str, company: str, person: str, chance: random.Random) -> Article:
    quarter = f"{chance.choice(['March', 'June', 'September', 'December'])} quarter"
    figures = {name: f"{chance.uniform(12, 900):.1f}" for name in "abf"} | {
        name: f"{chance.randint(100, 9_999):,}" for name in "deg"
    }
    partner = chance.choice([name for name in _COMPANIES if name != company])
    small = {"h": chance.randint(3, 40), "i": chance.randint(2, 30)}
    text = template.format(c=company, o=partner, p=person, q=quarter, **figures, **small)
    return Article("https://example.org/release", text, f"{company} news")


def pairs(half: int) -> list[Pair]:
    """The labelled pairs of one half: 0 for choosing thresholds, 1 for reporting."""
    folders = [STARTER, *sorted(_SUITES.glob("*-articles"))]
    articles = [a for folder in folders for a in read_articles(folder) if isinstance(a, Article)]
    mine = sorted(articles, key=lambda article: article.id)[half::2]
    chance = random.Random(half)
    made = [
        Pair(article, edit(article, chance), True, edit.__name__)
        for number, article in enumerate(mine)
        for edit in (_SAME[number % len(_SAME)], _SAME[(number + 2) % len(_SAME)])
    ]
    numbered = [a for a in mine if len(alike.sketch(a).figures) >= 5]
    made += [Pair(a, next_quarter(a, chance), False, "next_quarter") for a in numbered]
    made += list(_releases(chance, 32))
    company = [
        Pair(a, b, False, "same_company")
        for a, b in combinations(mine, 2)
        if a.topics and b.topics and a.topics[0] == b.topics[0]
    ]
    return made + chance.sample(company, min(40, len(company)))


def predicted(pair: Pair) -> bool:
    """Whether the pair counts as one story, found as candidates and compared as the catalogue does."""
    one, other = alike.sketch(pair.one), alike.sketch(pair.other)
    return len(set(one.bands) & set(other.bands)) >= alike.MIN_BANDS and alike.same_story(one, other)


def measure(half: int) -> tuple[float, float, Counter[str]]:
    """Precision, recall, and the wrong ones by kind."""
    found = [(pair, predicted(pair)) for pair in pairs(half)]
    right = sum(pair.same and said for pair, said in found)
    wrong = Counter(pair.kind for pair, said in found if pair.same != said)
    said_same = sum(said for _, said in found)
    return right / max(1, said_same), right / sum(pair.same for pair, _ in found), wrong


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tune", action="store_true", help="a grid of thresholds on the tuning half")
    if parser.parse_args().tune:
        for words, figures in product((0.3, 0.4, 0.5, 0.6), (0.5, 0.6, 0.65, 0.7)):
            with patch.multiple(alike, MIN_WORDS=words, MIN_FIGURES=figures):
                precision, recall, wrong = measure(0)
            wrong_ones = dict(wrong) or "none"
            print(f"{words} {figures}: precision {precision:.3f}, recall {recall:.3f}; wrong: {wrong_ones}")
        return
    kinds = Counter(pair.kind for pair in pairs(1))
    precision, recall, wrong = measure(1)
    print(f"{sum(kinds.values())} pairs: {dict(kinds)}")
    print(f"precision {precision:.3f}, recall {recall:.3f}; wrong: {dict(wrong) or 'none'}")


if __name__ == "__main__":
    main()
