"""A comparison of two known names is asked one side at a time, with the evidence on that side."""

import pytest

from corpus.article import Article
from rag.select import Excerpt
from rag.sides import side_question, sides
from rag.types import Hit, Passage

QUESTION = "How big were the raisings of ARU and Lynas, which one was bigger?"


def excerpt(text: str, title: str = "") -> Excerpt:
    article = Article(f"https://example.com/{text}", text, title)
    passage = Passage(article.id, article.id, 0, len(text), text)
    return Excerpt(Hit(passage, article, 1.0, 0.5, 1.0), (text,))


ARAFURA = excerpt("Arafura raises A$475 million.")
LYNAS = excerpt("The shares cost A$13.25 each.", "Lynas asks for A$750 million")
BOTH = excerpt("Arafura and Lynas are listed in Sydney.")
OTHER = excerpt("Prices rose.")


def test_each_side_has_the_excerpts_that_name_it_in_text_or_title() -> None:
    found = sides(QUESTION, [ARAFURA, LYNAS, BOTH, OTHER])
    assert found == {"ARU": (ARAFURA, BOTH), "Lynas": (LYNAS, BOTH)}


@pytest.mark.parametrize(
    ("question", "excerpts"),
    [
        ("How much did ARU raise for Lynas?", [ARAFURA, LYNAS]),  # compares nothing
        ("How big was the raising of ARU, and was it bigger than others?", [ARAFURA, LYNAS]),
        ("Which was bigger, ARU, Lynas or Iluka?", [ARAFURA, LYNAS]),
        (QUESTION, [ARAFURA, BOTH]),
        (QUESTION, [BOTH]),
        (QUESTION, []),
    ],
)
def test_anything_else_is_asked_in_one(question: str, excerpts: list[Excerpt]) -> None:
    assert sides(question, excerpts) == {}


def test_the_question_on_one_side_names_it() -> None:
    assert side_question(QUESTION, "ARU").startswith(QUESTION)
    assert "ARU only" in side_question(QUESTION, "ARU")
