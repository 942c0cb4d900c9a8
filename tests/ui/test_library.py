"""The library shows what the catalogue holds, narrowed and in pages, and nothing in it becomes markup."""

from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest

from corpus.article import Article
from corpus.catalogue import Catalogue, Entry, Failure, Record, Version
from corpus.errors import UsageError
from rag.index import Index
from rag.types import Passage
from ui import library, library_page
from ui.library import Wanted

HOSTILE = '<img src=x onerror="alert(1)">'
T0 = datetime(2026, 1, 1, 12)
LAST_RUN = {"at": "2026-01-02T10:00:00", "added": 3, "changed": 0, "removed": 1, "failed": []}
COUNTS = {"articles": 2, "passages": 7, "oldest": "2025-01-01", "newest": "2026-01-01"}


def record(number: int = 1, story: str = "", entry: dict[str, Any] | None = None, **fields: Any) -> Record:
    given = {"title": f"Title {number}", "publisher": "Wire", "published": date(2025, 5, 13), **fields}
    article = Article(given.pop("url", f"https://example.com/{number}"), "", **given)
    known = Entry(article.id, article.url, "one", "active", "v", "b", article.published, "v", 3, "", None)
    return Record(replace(known, **(entry or {})), article, story, T0, T0)


def passage(text: str, start: int, end: int) -> Passage:
    return Passage(f"p{start}", "a", start, end, text[start:end])


def failure(where: str, reason: str = "is empty", tries: int = 1) -> Failure:
    return Failure(where, "one", reason, "", tries, T0, T0, T0)


# Filters and pages


@pytest.mark.parametrize(
    ("wanted", "fits"),
    [
        (Wanted(), True),
        (Wanted(since=date(2025, 5, 13), until=date(2025, 5, 13)), True),
        (Wanted(since=date(2025, 5, 14)), False),
        (Wanted(until=date(2025, 5, 12)), False),
        (Wanted(publisher="WIRE"), True),
        (Wanted(publisher="Wires"), False),
        (Wanted(topic="lynas"), True),
        (Wanted(topic="steel"), False),
        (Wanted(state="active"), True),
        (Wanted(state="retired"), False),
    ],
)
def test_each_filter_lets_through_what_fits_it(wanted: Wanted, fits: bool) -> None:
    assert wanted.fits(record(topics=("Lynas",))) is fits


def test_with_a_bound_of_dates_undated_articles_are_out() -> None:
    undated = record(published=None)
    assert Wanted().fits(undated)
    assert not Wanted(since=date.min).fits(undated)
    assert not Wanted(until=date.max).fits(undated)


def test_pages_hold_every_article_once_and_a_number_beyond_gives_the_last() -> None:
    found = [record(n) for n in range(60)]
    leaves = [library.leaf(found, number, 25) for number in (1, 2, 3)]
    assert [row for leaf in leaves for row in leaf.rows] == found
    assert [len(leaf.rows) for leaf in leaves] == [25, 25, 10]
    assert library.leaf(found, 9, 25) == leaves[2]
    assert library.leaf(found, -1, 25) == leaves[0]
    assert library.leaf(found[:50], 1, 25).pages == 2
    assert library.leaf([], 1) == library.Leaf((), 1, 1, 0)
    assert library.where_html(leaves[2]) == "<p>51 to 60 of 60 articles</p>"
    assert "1 article<" in library.where_html(library.leaf(found[:1], 1))


def test_a_page_of_thousands_holds_only_its_own_rows() -> None:
    html = library.list_html(library.leaf([record(n) for n in range(5_000)], 200), library.stories([]))
    assert html.count('class="open"') == library.PAGE_SIZE
    assert "Title 4999" in html


def test_the_fields_of_the_page_narrow_the_articles_of_the_catalogue(tmp_path: Path) -> None:
    catalogue = Catalogue(tmp_path / "catalogue.sqlite")
    articles = [
        Article("https://a.org/1", "Lynas sold 100% more.", "One", "Wire", date(2025, 1, 1), ("lynas",)),
        Article("https://a.org/2", "Steel is made.", "Lynas", "Post", date(2026, 1, 1)),
    ]
    catalogue.see(articles, "one", T0)

    def found(*fields: str) -> list[str]:
        return [r.article.title for r in library_page.find(catalogue, *fields)[0]]

    assert found("", "", "", "", "", "") == ["Lynas", "One"]
    assert found("lynas", "", "", "", "", "") == ["Lynas", "One"]
    assert found("LYNAS sold", "", "", "", "", "") == found("100%", "", "", "", "", "") == ["One"]
    assert found("%", "", "", "", "", "2025-12-31") == ["One"]
    assert found("", "Post", "", "active", " 2026-01-01 ", "") == ["Lynas"]
    assert found("", "", "lynas", "", "", "") == ["One"]
    assert found("", "", "", "retired", "", "") == []
    with pytest.raises(UsageError, match="no date"):
        found("", "", "", "", "soon", "")
    catalogue.close()


# What is shown


def test_nothing_from_articles_sources_and_failures_becomes_markup() -> None:
    hostile = record(
        title=HOSTILE,
        publisher=HOSTILE,
        author=HOSTILE,
        topics=(HOSTILE,),
        url=f"javascript:{HOSTILE}",
        entry={"source": HOSTILE},
    )
    old, new = (Article("https://a.org", f"{HOSTILE} {word}", HOSTILE) for word in ("one", "two"))
    versions = [Version("u", T0, old), Version("v", T0, new)]
    address = {"url": f"javascript:{HOSTILE}", "same_text": True}
    run = {**LAST_RUN, "failed": [{"where": HOSTILE, "reason": HOSTILE}]}
    shown = [
        library.list_html(library.leaf([hostile], 1), library.stories([hostile])),
        library.article_html(hostile, new.text, [passage(new.text, 0, 9)], [address], versions, 2),
        library.changes_html(old, new),
        library.health_html(COUNTS, run, [failure(HOSTILE, HOSTILE)]),
        library.status_html([HOSTILE], failed=True),
    ]
    for html in shown:
        assert "<img" not in html
        assert "&lt;img" in html
        assert 'href="javascript' not in html


def test_only_web_addresses_become_links() -> None:
    for url, linked in (
        ("https://a.org/x", True),
        ("file:///etc/passwd", False),
        ("data:text/html,x", False),
    ):
        html = library.article_html(record(url=url), "", [], [{"url": url, "same_text": False}], [])
        assert html.count(f'href="{url}"') == (2 if linked else 0)
        assert html.count(f">{url}<") == 2


def test_passages_are_marked_in_alternate_shades_where_they_lie() -> None:
    text = "One & two.\n\nThree. Four."
    html = library.marked_html(text, [passage(text, 12, 18), passage(text, 0, 10)])
    first, second = html.split("\n\n")
    assert first == '<span class="passage odd"><sup title="Passage 1">1</sup>One &amp; two.</span>'
    assert second == '<span class="passage even"><sup title="Passage 2">2</sup>Three.</span> Four.'


def test_passages_of_another_version_are_not_marked() -> None:
    stale = replace(passage("Once.", 0, 5), text="Twice")
    html = library.article_html(record(), "Once.", [stale], [], [])
    assert "older version" in html
    assert "Once.</div>" in html
    assert "3 passages" not in html


def test_an_article_that_tells_a_story_of_several_says_so() -> None:
    told = [record(1, "s"), record(2, "s"), record(3, "s", {"state": "retired"}), record(4)]
    html = library.list_html(library.leaf(told, 1), library.stories(told))
    assert html.count("2 articles, 1 origin") == 3
    assert html.count('class="open"') == 4


@pytest.mark.parametrize(
    ("entry", "state"),
    [
        ({}, "in use"),
        ({"state": "retired", "stored": ""}, "retired"),
        ({"same_as": "other", "stored": ""}, "same text as another"),
        ({"stored": ""}, "not indexed"),
        ({"stored": "u"}, "new version not indexed"),
        ({"missing_since": T0}, "gone from its source"),
    ],
)
def test_the_state_of_an_article_is_told_in_words(entry: dict[str, Any], state: str) -> None:
    assert library.state_of(record(entry=entry)) == state


def test_of_two_versions_the_words_are_shown_that_went_and_came() -> None:
    long = "This stays as it is. " * 40
    old = Article("https://a.org", f"Same.\n\n{long}Output was 1,404 t.", "Old")
    new = Article("https://a.org", f"Same.\n\n{long}Output was 1,500 t.", "New")
    html = library.changes_html(old, new)
    assert "<del>1,404</del><ins>1,500</ins> t." in html
    assert "<del>Old</del><ins>New</ins>" in html
    assert "Same." not in html
    assert len(html) < len(long)
    assert "They are the same." in library.changes_html(old, old)
    many = replace(old, text="word " * 4_000)
    assert "<del>" in library.changes_html(many, replace(many, text="other " * 4_000))


def test_health_is_one_line_with_what_failed_below() -> None:
    run = {**LAST_RUN, "failed": [{"where": "https://site.example/", "reason": "It was away."}]}
    html = library.health_html(COUNTS, run, [failure("a.txt", tries=3)])
    assert (
        "2 articles, 7 passages, published 2025-01-01 to 2026-01-01. "
        "Last update 2026-01-02 10:00 UTC: 3 added, 1 removed; 1 source failed." in html
    )
    assert "2 failures" in html
    assert "<strong>a.txt</strong> is empty (3 times)" in html
    assert "<strong>https://site.example/</strong> failed: It was away." in html


def test_health_without_failures_and_before_the_first_update() -> None:
    empty = {"articles": 0, "passages": 0, "oldest": None, "newest": None}
    html = library.health_html(empty, None, [])
    assert "0 articles, 0 passages. It was never brought up to date." in html
    assert "Nothing fails." in html
    many = library.health_html(COUNTS, LAST_RUN, [failure(f"{n}.txt") for n in range(60)])
    assert "60 failures" in many
    assert "10 more" in many


def test_publishers_and_topics_are_offered_with_their_counts() -> None:
    assert list(library.choices({"Wire": 1_200, "": 3})) == [("Wire (1,200)", "Wire")]


def test_an_article_of_the_index_is_read_with_its_passages(starter_index: Index) -> None:
    first = next(starter_index.catalogue.records())
    html = library_page.read(starter_index, first.entry.article_id)
    assert html.count('class="passage ') == first.entry.passages
    assert f'href="{first.article.url}"' in html
    assert "does not know" in library_page.read(starter_index, "nothing")
