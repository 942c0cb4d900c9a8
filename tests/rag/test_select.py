"""A comparison gets evidence on both of its sides."""

from corpus.article import Article
from rag.select import Candidate, in_turns
from rag.types import Hit, Passage


def candidate(text: str, title: str, score: float) -> Candidate:
    article = Article(f"https://example.com/{text}", text, title)
    passage = Passage(article.id, article.id, 0, len(text), text)
    return Candidate(Hit(passage, article, 1.0, 0.5, 1.0), 0, len(text), 0.5, score, 10)


WANTED = {"narva": 3.0, "sumter": 3.0, "cost": 1.0}


def test_the_other_side_has_its_turn_before_the_third_sentence_on_one() -> None:
    narva = [candidate(f"The plant in Narva cost {n} million.", "Narva", 3 - n / 10) for n in range(3)]
    sumter = candidate("The building came to 110 million.", "Sumter", 2.4)
    beside = candidate("Prices rose.", "Prices", 2.5)
    assert in_turns([*narva, beside, sumter], WANTED)[:3] == [*narva[:2], sumter]


def test_nothing_is_lost_and_the_best_stays_first() -> None:
    many = [candidate(f"Sentence {n}.", "T", 100 - n) for n in range(100)]
    turned = in_turns(many, WANTED)
    assert turned == many
    assert in_turns([], WANTED) == []
