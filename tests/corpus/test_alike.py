"""Rewrites of one story are told from articles that only look alike, whatever the order they come in."""

from collections.abc import Callable, Iterator
from datetime import datetime
from itertools import permutations

import pytest

from corpus.alike import groups, same_story, sketch
from corpus.article import Article
from corpus.catalogue import Catalogue

MakeArticle = Callable[..., Article]

STORY = """Lynas Rare Earths reported gross sales revenue of A$201.9 million for the December 2025 quarter,
43% more than a year earlier. Production of neodymium-praseodymium fell by 30% to 1,404 tonnes, because
of power failures in Kalgoorlie and maintenance at the processing facility in Kuantan. The hybrid power
station at Mt Weld supplied 92% renewable electricity in December, against a target of 70%."""

REWRITE = """Power failures in Kalgoorlie and maintenance in Kuantan cut the neodymium-praseodymium output of
Lynas Rare Earths by 30% to 1,404 tonnes. The processing company's revenue for the December 2025 quarter still
rose 43% on a year earlier, to A$201.9 million, it reported. Renewable electricity from the hybrid station at
Mt Weld reached 92% in December; the target was 70%."""

NEXT_QUARTER = (
    STORY.replace("201.9", "188.4")
    .replace("43%", "12%")
    .replace("1,404", "1,731")
    .replace("30%", "23%")
    .replace("92%", "88%")
    .replace("December", "March")
)


@pytest.mark.parametrize(
    ("other", "same"),
    [
        (STORY, True),
        (REWRITE, True),
        (f"Subscribe to our newsletter. {STORY} All rights are reserved by the publisher.", True),
        (STORY.partition("The hybrid")[0], True),
        (NEXT_QUARTER, False),
        ("Baogang makes steel and rare earths in Baotou.", False),
        ("", False),
    ],
)
def test_a_rewrite_is_the_same_story_and_next_quarter_is_not(
    make_article: MakeArticle, other: str, same: bool
) -> None:
    one, two = sketch(make_article(STORY)), sketch(make_article(other, "https://example.org/b"))
    assert same_story(one, two) == same_story(two, one) == same


def test_groups_are_what_pairs_connect() -> None:
    pairs = [("d", "c"), ("x", "y"), ("b", "c"), ("a", "d")]
    wanted = {**dict.fromkeys("abcd", "a"), "x": "x", "y": "x"}
    assert all(groups(order) == wanted for order in permutations(pairs))


@pytest.fixture
def catalogue(database: str) -> Iterator[Catalogue]:
    opened = Catalogue(database)
    yield opened
    opened.close()


def store(catalogue: Catalogue, *articles: Article) -> None:
    catalogue.see(articles, "one", datetime(2026, 1, 1))
    catalogue.put([(article.id, article.content_hash, 1) for article in articles])
    catalogue.find_stories()


def test_the_catalogue_knows_which_articles_tell_one_story_as_they_come_change_and_go(
    catalogue: Catalogue, make_article: MakeArticle
) -> None:
    first, rewrite, other = (
        make_article(text, f"https://example.org/{n}")
        for n, text in enumerate((STORY, REWRITE, NEXT_QUARTER))
    )
    copy = make_article(STORY, "https://example.org/copy")
    versions = [article.content_hash for article in (first, rewrite, other, copy)]
    for article in (first, other, rewrite):
        store(catalogue, article)
    story = min(first.id, rewrite.id)
    assert catalogue.told_by(versions) == {
        first.content_hash: (story, 2),
        rewrite.content_hash: (story, 2),
    }

    catalogue.see([copy], "one", datetime(2026, 1, 1))
    catalogue.link({copy.id: first.id})
    catalogue.find_stories()
    assert {tellers for _, tellers in catalogue.told_by(versions).values()} == {3}
    assert catalogue.told_by([other.content_hash]) == {}

    store(catalogue, make_article("Something else altogether.", rewrite.url))
    # Of an older version too, whose passages answer until the newer one is published.
    assert set(catalogue.told_by(versions)) == {first.content_hash, copy.content_hash}
    catalogue.retire([copy.id])
    catalogue.find_stories()
    assert catalogue.told_by(versions) == {}
