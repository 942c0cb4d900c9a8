"""Every kind of source, against a real site: what is there, what changed, what is gone, what fails."""

import gzip
import json
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from corpus.article import Article
from corpus.errors import CorpusError
from corpus.fetch import Fetcher
from corpus.reading import Rejected
from corpus.sources import Seen, Source, ask_again, open_source
from corpus.sources.pages import Link, read_pages
from tests.corpus.site import Answer, Site

Found = list[Article | Seen | Rejected]


def run(source: Source, state: dict[str, Any]) -> Found:
    """One run; the state goes through JSON, as it does between runs."""
    found = list(source.articles(state))
    kept = json.loads(json.dumps(state))
    state.clear()
    state.update(kept)
    return found


def articles(found: Found) -> dict[str, Article]:
    return {each.url: each for each in found if isinstance(each, Article)}


def seen(found: Found) -> set[str]:
    return {each.url for each in found if isinstance(each, Seen)}


def rejected(found: Found) -> dict[str, str]:
    return {each.where: each.reason for each in found if isinstance(each, Rejected)}


def wordpress(site: Site, fetcher: Fetcher) -> Source:
    return open_source(f"{site.url}/wp-json/wp/v2/posts", fetcher)


def sitemap(site: Site, fetcher: Fetcher) -> Source:
    return open_source(f"{site.url}/sitemap.xml", fetcher)


def feed(site: Site, fetcher: Fetcher) -> Source:
    return open_source(f"{site.url}/feed/", fetcher)


# What all that list a whole site have in common


@pytest.mark.parametrize("kind", [wordpress, sitemap])
def test_a_whole_site_comes_once_and_then_only_what_changed(
    kind: Callable[[Site, Fetcher], Source], fetcher: Fetcher
) -> None:
    with Site(310) as site:
        state: dict[str, Any] = {}
        posts, about = {site.link(number) for number in site.posts}, {f"{site.url}/about/"}
        first = run(kind(site, fetcher), state)
        assert set(articles(first)) - about == posts
        assert rejected(first) == {}
        for number in site.posts:
            assert f"Post {number} reports that" in articles(first)[site.link(number)].text

        site.forget_requests()
        second = run(kind(site, fetcher), state)
        assert set(articles(second)) <= about  # which has neither a date of change nor an ETag
        assert seen(second) >= posts
        assert len(site.requests) < 10

        site.edit(7, "The figure for post 7 was corrected.")
        gone = site.link(9)
        site.delete(9)
        third = run(kind(site, fetcher), state)
        assert set(articles(third)) - about == {site.link(7)}
        assert "was corrected" in articles(third)[site.link(7)].text
        assert seen(third) >= posts - {site.link(7), gone}
        assert gone not in seen(third)


@pytest.mark.parametrize("kind", [wordpress, sitemap, feed])
def test_a_lost_state_costs_time_and_nothing_else(
    kind: Callable[[Site, Fetcher], Source], site: Site, fetcher: Fetcher
) -> None:
    state: dict[str, Any] = {}
    first = run(kind(site, fetcher), state)
    assert articles(run(kind(site, fetcher), {})) == articles(first)


@pytest.mark.parametrize("kind", [wordpress, sitemap, feed])
def test_one_that_cannot_be_reached_is_an_error_of_one_sentence(
    kind: Callable[[Site, Fetcher], Source], site: Site, fetcher: Fetcher
) -> None:
    source = kind(site, fetcher)
    site.always[source.name.removeprefix(site.url)] = Answer(status=503)
    with pytest.raises(
        CorpusError, match=r"^http\S+ answers 503 \(Service Unavailable\): try again later\.$"
    ):
        run(source, {})


@pytest.mark.parametrize("kind", [wordpress, sitemap, feed])
@pytest.mark.parametrize(
    "body", [b"", b"<html><body>Welcome</body></html>", b"{}", b"\xff\xfe\x00", b"[" * 99_999]
)
def test_one_that_is_another_thing_is_an_error(
    kind: Callable[[Site, Fetcher], Source], site: Site, fetcher: Fetcher, body: bytes
) -> None:
    source = kind(site, fetcher)
    site.always[source.name.removeprefix(site.url)] = Answer(body)
    with pytest.raises(CorpusError, match=r"^http.*: check the address\.$"):
        run(source, {})


def test_what_was_long_not_read_is_read_though_nothing_seems_changed(site: Site, fetcher: Fetcher) -> None:
    for kind, part in ((wordpress, "posts"), (sitemap, "pages")):
        state: dict[str, Any] = {}
        run(kind(site, fetcher), state)
        for memory in state[part].values():
            memory["read"] = (date.today() - timedelta(days=60)).isoformat()
        assert len(articles(run(kind(site, fetcher), state))) >= len(site.posts)


# What fails is not retried for ever


def a_day_later(state: dict[str, Any]) -> None:
    for memory in state.get("pages", state.get("posts")).values():
        memory["read"] = (date.fromisoformat(memory["read"]) - timedelta(days=1)).isoformat()


def posts_read(found: Found) -> set[str]:
    return {url for url in articles(found) if "/post-" in url}  # another page has no date of change


def break_page(site: Site, number: int, answer: Answer) -> str:
    site.always[f"/post-{number}/"] = answer
    return f"/post-{number}/"


def failing_post(site: Site) -> str:
    site.fails_with_post = 3
    return "include=3&"


def without_text(site: Site) -> str:
    return break_page(site, 3, Answer(b"<html><body><nav>Home</nav></body></html>"))


def without_page(site: Site) -> str:
    return break_page(site, 3, Answer(status=404))


def too_large(site: Site) -> str:
    return break_page(site, 3, Answer(b"x" * (2**20 + 1)))


@pytest.mark.parametrize(
    ("kind", "break_it"),
    [(wordpress, failing_post), (sitemap, without_text), (sitemap, without_page), (sitemap, too_large)],
)
def test_what_fails_is_told_every_time_and_tried_after_one_day_then_two_then_four_and_so_on(
    site: Site, fetcher: Fetcher, kind: Callable[..., Source], break_it: Callable[[Site], str]
) -> None:
    request = break_it(site)
    state: dict[str, Any] = {}
    tried = []
    for day in range(100):
        site.forget_requests()
        assert set(rejected(run(kind(site, fetcher), state))) == {site.link(3)}
        if site.asked(request):
            tried.append(day)
        a_day_later(state)
    assert tried == [0, 1, 3, 7, 15, 31, 61, 91]


def test_what_fails_is_tried_at_once_when_it_changes_or_somebody_asks(site: Site, fetcher: Fetcher) -> None:
    state: dict[str, Any] = {}
    for number in (3, 4):
        break_page(site, number, Answer(status=403))
    run(sitemap(site, fetcher), state)
    site.always.clear()
    assert set(rejected(run(sitemap(site, fetcher), state))) == {site.link(3), site.link(4)}
    site.edit(3, "New words.")
    assert posts_read(run(sitemap(site, fetcher), state)) == {site.link(3)}
    ask_again(state)
    found = run(sitemap(site, fetcher), state)
    assert (posts_read(found), rejected(found)) == ({site.link(4)}, {})
    assert len(seen(run(sitemap(site, fetcher), state))) == 20


def test_an_article_whose_page_fails_for_a_time_is_named_by_its_own_address(
    site: Site, fetcher: Fetcher
) -> None:
    state: dict[str, Any] = {}
    run(sitemap(site, fetcher), state)
    state["pages"][site.link(3)]["article"] = f"{site.url}/canonical/"
    site.edit(3, "New words.")
    break_page(site, 3, Answer(status=500))
    for _ in range(2):
        found = run(sitemap(site, fetcher), state)
        assert set(rejected(found)) == {f"{site.url}/canonical/"}
        assert len(seen(found)) == 19


def test_a_page_that_is_gone_and_still_listed_stays_gone_until_it_is_back(
    site: Site, fetcher: Fetcher
) -> None:
    state: dict[str, Any] = {}
    run(sitemap(site, fetcher), state)
    site.edit(3, "Changed.")
    break_page(site, 3, Answer(status=404))
    for _ in range(3):
        found = run(sitemap(site, fetcher), state)
        assert (rejected(found), len(seen(found))) == ({}, 19)
        a_day_later(state)
    site.always.clear()
    for _ in range(2):
        a_day_later(state)
    assert posts_read(run(sitemap(site, fetcher), state)) == {site.link(3)}


def test_a_page_that_has_left_a_feed_is_tried_again_too(site: Site, fetcher: Fetcher) -> None:
    site.feed_has_full_text = False
    state: dict[str, Any] = {}
    break_page(site, 11, Answer(status=403))
    run(feed(site, fetcher), state)
    site.always.clear()
    site.feed_length = 3
    assert set(rejected(run(feed(site, fetcher), state))) == {site.link(11)}
    a_day_later(state)
    assert set(articles(run(feed(site, fetcher), state))) == {site.link(11)}


def test_while_robots_txt_fails_no_page_counts_as_tried(
    site: Site, open_fetcher: Callable[..., Fetcher]
) -> None:
    state: dict[str, Any] = {}
    urls = [site.link(number) for number in site.posts]
    list(read_pages(map(Link, urls), open_fetcher(), state))
    before = json.loads(json.dumps(state))
    site.always["/robots.txt"] = Answer(status=503)
    assert len(rejected(list(read_pages(map(Link, urls), open_fetcher(), state)))) == 20
    assert state == before


# WordPress


def test_a_post_has_what_the_site_says_of_it(site: Site, fetcher: Fetcher) -> None:
    article = articles(run(wordpress(site, fetcher), {}))[site.link(4)]
    post = site.posts[4]
    assert (article.title, article.author, article.topics) == (
        post.title,
        "Ada Ore",
        ("Mines & Metals", "oxide"),
    )
    assert article.publisher == "Rare Earth & Magnet News"
    assert (article.published, article.modified) == (post.published.date(), post.modified.date())


def test_posts_are_read_in_batches(fetcher: Fetcher) -> None:
    with Site(310) as site:
        run(wordpress(site, fetcher), {})
        assert len(site.asked("_embed")) == 7
        assert len(site.asked("page=")) == 4 + 7  # per_page is in all of them


def test_one_post_that_makes_the_site_fail_is_reported_alone(site: Site, fetcher: Fetcher) -> None:
    site.fails_with_post = 13
    found = run(wordpress(site, fetcher), {})
    assert rejected(found) == {site.link(13): "answers 500 (Internal Server Error)"}
    assert len(articles(found)) == 19


def test_a_protected_post_is_reported_and_not_read_again(site: Site, fetcher: Fetcher) -> None:
    site.posts[5] = replace(site.posts[5], protected=True)
    state: dict[str, Any] = {}
    for _ in range(2):
        site.forget_requests()
        assert rejected(run(wordpress(site, fetcher), state)) == {site.link(5): "is protected by a password"}
    assert site.asked("include") == []


def test_posts_that_moved_over_a_page_edge_while_they_were_listed_are_not_lost(fetcher: Fetcher) -> None:
    with Site(150) as site:
        state: dict[str, Any] = {}
        run(wordpress(site, fetcher), state)
        (first_page,) = site.asked("&page=1&")
        before = site.answer(first_page, {})
        moved = site.link(101)
        site.delete(3)  # between the first page and the second: post 101 goes to the first page
        site.answers[first_page] = [before]
        assert moved in seen(run(wordpress(site, fetcher), state))


def test_a_post_of_another_site_is_refused(site: Site, fetcher: Fetcher) -> None:
    link = "https://other.example/a/"
    post = {
        "id": 1,
        "link": link,
        "modified_gmt": "x",
        "title": {"rendered": "T"},
        "content": {"rendered": "<p>x</p>"},
    }
    site.always["/wp-json/wp/v2/posts"] = Answer(json.dumps([post]).encode(), "application/json")
    found = run(wordpress(site, fetcher), {})
    assert list(rejected(found)) == [link]
    assert "another site" in rejected(found)[link]


@pytest.mark.parametrize(
    "post",
    [
        {},
        {"id": 1},
        {"id": "x", "link": "y"},
        "text",
        None,
        {"id": 1, "link": "{link}", "content": [], "title": 3},
    ],
)
def test_a_post_without_its_parts_stops_nothing(site: Site, fetcher: Fetcher, post: object) -> None:
    body = json.dumps([post]).replace("{link}", f"{site.url}/odd/").encode()
    site.always["/wp-json/wp/v2/posts"] = Answer(body, "application/json")
    assert articles(run(wordpress(site, fetcher), {})) == {}


def test_a_site_that_takes_no_notice_of_page_numbers_ends(site: Site, fetcher: Fetcher) -> None:
    post = {"id": 1, "link": site.link(1), "modified_gmt": "x"}
    site.always["/wp-json/wp/v2/posts"] = Answer(json.dumps([post]).encode(), "application/json")
    run(wordpress(site, fetcher), {})
    assert len(site.asked("page=")) < 5


# Sitemaps


def test_lists_of_articles_and_the_front_page_are_left_out(site: Site, fetcher: Fetcher) -> None:
    found = run(sitemap(site, fetcher), {})
    assert f"{site.url}/" not in articles(found)
    assert site.asked("category") == []


def test_without_dates_of_change_pages_are_asked_whether_they_changed(site: Site, fetcher: Fetcher) -> None:
    urls = "".join(f"<url><loc>{site.link(number)}</loc></url>" for number in site.posts)
    site.always["/sitemap.xml"] = Answer(f"<urlset>{urls}</urlset>".encode(), "text/xml")
    state: dict[str, Any] = {}
    run(sitemap(site, fetcher), state)
    site.edit(2, "New words.")
    again = run(sitemap(site, fetcher), state)
    assert set(articles(again)) == {site.link(2)}
    assert len(seen(again)) == 19


def test_while_a_part_of_the_list_fails_nothing_of_it_counts_as_gone(site: Site, fetcher: Fetcher) -> None:
    state: dict[str, Any] = {}
    run(sitemap(site, fetcher), state)
    site.always["/sitemap-posts.xml.gz"] = Answer(b"\x1f\x8bbroken")
    found = run(sitemap(site, fetcher), state)
    assert "is not a whole gzip file" in rejected(found)[f"{site.url}/sitemap-posts.xml.gz"]
    assert seen(found) >= {site.link(number) for number in site.posts}


def test_a_page_that_fails_is_reported_and_one_that_is_gone_is_not_there(
    site: Site, fetcher: Fetcher
) -> None:
    state: dict[str, Any] = {}
    run(sitemap(site, fetcher), state)
    for number, status in ((4, 500), (6, 410)):
        site.edit(number, "Changed.")
        site.always[f"/post-{number}/"] = Answer(status=status)
    found = run(sitemap(site, fetcher), state)
    assert rejected(found) == {site.link(4): "answers 500 (Internal Server Error)"}
    assert site.link(6) not in seen(found) | set(articles(found))
    assert len(seen(found)) == 18


def test_addresses_of_other_sites_are_left_out_and_counted(site: Site, fetcher: Fetcher) -> None:
    state: dict[str, Any] = {}
    run(sitemap(site, fetcher), state)
    urls = f"<url><loc>https://other.example/a</loc></url><url><loc>{site.link(1)}</loc></url>"
    site.always["/sitemap.xml"] = Answer(f"<urlset>{urls}</urlset>".encode())
    found = run(sitemap(site, fetcher), state)
    assert seen(found) == {site.link(1)}  # the others of the first run are gone
    assert articles(found) == {}
    assert rejected(found) == {
        f"{site.url}/sitemap.xml": "lists 1 addresses of other sites, which are left out"
    }


def test_an_index_that_lists_itself_ends(site: Site, fetcher: Fetcher) -> None:
    loop = f"<sitemapindex><sitemap><loc>{site.url}/sitemap.xml</loc></sitemap></sitemapindex>"
    site.always["/sitemap.xml"] = Answer(loop.encode())
    assert run(sitemap(site, fetcher), {}) == []


def entities() -> bytes:
    names = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 10))
    return f'<!DOCTYPE u [<!ENTITY e0 "ha">{names}]><urlset><url><loc>&e9;</loc></url></urlset>'.encode()


HOSTILE_XML = {
    "entities in entities": entities(),
    "an outer entity": b'<!DOCTYPE u [<!ENTITY x SYSTEM "file:///etc/passwd">]><urlset><url><loc>&x;</loc></url></urlset>',
    "nesting": b"<urlset>" + b"<url>" * 20_000 + b"</url>" * 20_000 + b"</urlset>",
    "an unknown encoding": b'<?xml version="1.0" encoding="x-none"?><urlset/>',
    "cut short": b"<urlset><url><loc>http",
    "a gzip bomb": gzip.compress(b"<urlset>" + b" " * 9_000_000),
    "too many addresses": gzip.compress(b"<urlset>" + b"<url><loc>a</loc></url>" * 40_000),
}


@pytest.mark.parametrize("case", HOSTILE_XML)
def test_a_hostile_sitemap_is_refused(
    site: Site, fetcher: Fetcher, case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("corpus.sources.sitemap._MAX_BYTES", 2**20)
    monkeypatch.setattr("corpus.sources.sitemap._MAX_ENTRIES", 1000)
    site.always["/sitemap.xml"] = Answer(HOSTILE_XML[case], "application/xml")
    with pytest.raises(CorpusError, match=r"^http.*/sitemap\.xml .*\.$"):
        run(sitemap(site, fetcher), {})


# Feeds


def test_a_feed_gives_its_articles_in_whole(site: Site, fetcher: Fetcher) -> None:
    found = run(feed(site, fetcher), {})
    assert set(articles(found)) == {site.link(number) for number in range(11, 21)}
    article, post = articles(found)[site.link(20)], site.posts[20]
    assert (article.title, article.author, article.topics) == (post.title, "Ada Ore", ("oxide",))
    assert (article.publisher, article.published) == ("Rare Earth News", post.published.date())
    assert post.paragraphs[-1] in article.text
    assert site.asked("/post-") == []


def test_what_a_feed_gives_in_part_is_read_from_its_page(site: Site, fetcher: Fetcher) -> None:
    site.feed_has_full_text = False
    state: dict[str, Any] = {}
    found = run(feed(site, fetcher), state)
    assert site.posts[20].paragraphs[-1] in articles(found)[site.link(20)].text
    assert len(site.asked("/post-")) == 10
    assert len(seen(run(feed(site, fetcher), state))) == 10
    assert len(site.asked("/post-")) == 10


@pytest.mark.parametrize(
    "given", ["A short teaser.", "word " * 300 + "[…]", "word " * 300 + "Continue reading →"]
)
def test_a_teaser_is_not_taken_for_the_article(site: Site, fetcher: Fetcher, given: str) -> None:
    item = f"<item><title>T</title><link>{site.link(1)}</link><description>{given}</description></item>"
    rss = f'<rss version="2.0"><channel><title>N</title>{item}</channel></rss>'
    site.always["/feed/"] = Answer(rss.encode(), "application/rss+xml")
    assert "Post 1 reports" in articles(run(feed(site, fetcher), {}))[site.link(1)].text


def test_what_has_left_a_feed_is_not_gone(site: Site, fetcher: Fetcher) -> None:
    state: dict[str, Any] = {}
    source = feed(site, fetcher)
    run(source, state)
    site.feed_length = 3
    assert len(seen(run(source, state))) == 7
    assert not source.complete


def test_atom_in_a_broken_encoding_and_with_entities_is_read_and_not_expanded(
    site: Site, fetcher: Fetcher
) -> None:
    body = "Terbium prices rose again in Baotou, the exchange said on Monday. " * 20
    atom = (
        '<?xml version="1.0" encoding="utf-8"?><!DOCTYPE f [<!ENTITY x SYSTEM "file:///etc/hostname">]>'
        f'<feed xmlns="http://www.w3.org/2005/Atom"><title>N</title><entry><title>Caf\xe9 &x;</title>'
        f'<link href="{site.url}/atom-1/"/><updated>2025-05-13T01:02:03Z</updated>'
        f'<content type="html">{body}</content></entry></feed>'
    )
    site.always["/feed/"] = Answer(atom.encode("latin-1"), "application/atom+xml")
    (article,) = articles(run(feed(site, fetcher), {})).values()
    assert article.url == f"{site.url}/atom-1/"
    assert "Terbium prices" in article.text
    assert article.modified == date(2025, 5, 13)
    assert Path("/etc/hostname").read_text().strip() not in article.title


# Pages and lists of them


def test_an_address_is_one_page(site: Site, fetcher: Fetcher) -> None:
    (article,) = run(open_source(site.link(3), fetcher), {})
    assert isinstance(article, Article)
    assert (article.url, article.title) == (site.link(3), site.posts[3].title)


def test_a_text_file_of_addresses_is_a_list_and_any_other_is_an_article(
    site: Site, fetcher: Fetcher, tmp_path: Path
) -> None:
    listing = tmp_path / "list.txt"
    listing.write_text(f"# our own\n{site.link(1)}\n\n{site.link(2)}\n{site.url}/nothing/\n{site.link(1)}\n")
    found = run(open_source(str(listing), fetcher), {})
    assert set(articles(found)) == {site.link(1), site.link(2)}
    assert rejected(found) == {f"{site.url}/nothing/": "answers 404 (Not Found)"}
    listing.write_text(f"See {site.link(1)}\n")
    (article,) = run(open_source(str(listing), fetcher), {})
    assert isinstance(article, Article)
    assert article.text.startswith("See http")


def test_a_page_that_fails_alone_is_an_error(site: Site, fetcher: Fetcher) -> None:
    with pytest.raises(CorpusError, match=r"^\S+ answers 404 \(Not Found\): check the address\.$"):
        run(open_source(f"{site.url}/nothing/", fetcher), {})


def test_the_charset_that_the_site_names_counts(site: Site, fetcher: Fetcher) -> None:
    article = "<article><p>Néodyme à 60 € le kilo, dit l’usine.</p></article>"
    page = f"<html><title>T</title><body>{article}</body></html>"
    site.always["/fr/"] = Answer(page.encode("cp1252"), "text/html; charset=windows-1252")
    (article,) = articles(run(open_source(f"{site.url}/fr/", fetcher), {})).values()
    assert "Néodyme à 60 € le kilo" in article.text


def test_a_page_cannot_pass_itself_off_as_one_of_another_site(site: Site, fetcher: Fetcher) -> None:
    page = '<html><head><title>T</title><link rel="canonical" href="https://other.example/a"></head>'
    body = "<body><article><p>A claim about another site's article.</p></article></body></html>"
    site.always["/sly/"] = Answer((page + body).encode())
    assert list(articles(run(open_source(f"{site.url}/sly/", fetcher), {}))) == [f"{site.url}/sly/"]


def test_two_addresses_of_one_page_give_its_canonical_address(site: Site, fetcher: Fetcher) -> None:
    (article,) = run(open_source(f"{site.link(3)}?utm_source=x", fetcher), {})
    assert isinstance(article, Article)
    assert article.url == site.link(3)


# Files


def test_a_folder_holds_text_and_what_is_extracted_from_other_kinds(tmp_path: Path, fetcher: Fetcher) -> None:
    (tmp_path / "a.md").write_text("---\ntitle: A\n---\nNeodymium.")
    (tmp_path / "b.html").write_text(
        "<html><title>B</title><body><article><p>Dysprosium.</p></article></body></html>"
    )
    (tmp_path / "c.zip").write_bytes(b"PK")
    state: dict[str, Any] = {}
    source = open_source(str(tmp_path), fetcher)
    assert sorted(article.title for article in articles(run(source, state)).values()) == ["A", "B"]
    second = run(source, state)
    assert [article.title for article in articles(second).values()] == ["A"]  # comparing it costs nothing
    assert seen(second) == {(tmp_path / "b.html").as_uri()}
    (tmp_path / "b.html").unlink()
    assert seen(run(source, state)) == set()


def test_a_missing_path_and_an_unknown_scheme_are_errors(fetcher: Fetcher, tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="There is no file or folder"):
        run(open_source(str(tmp_path / "none"), fetcher), {})
    with pytest.raises(CorpusError, match="neither a path nor a web address"):
        open_source("ftp://example.org/", fetcher)


# The best source of a site


def test_a_bare_address_finds_the_best_source_and_says_which(site: Site, fetcher: Fetcher) -> None:
    names = []
    site.always["/robots.txt"] = Answer(f"Sitemap: {site.url}/sitemap.xml\n".encode(), "text/plain")
    names.append(open_source(f"{site.url}/", fetcher).describes)
    site.wordpress = False
    names.append(open_source(site.url, fetcher).describes)
    site.always["/sitemap.xml"] = Answer(status=404)
    names.append(open_source(f"{site.url}/", fetcher).describes)
    site.always["/feed/"] = Answer(b"<html>", status=200)
    names.append(open_source(f"{site.url}/", fetcher).describes)
    assert [name.replace(site.url, "") for name in names] == [
        "the WordPress posts at /wp-json/wp/v2/posts",
        "the sitemap /sitemap.xml",
        "the feed /feed/",
        "the page /",
    ]


def test_what_was_found_is_opened_again_by_its_name(site: Site, fetcher: Fetcher) -> None:
    found = open_source(f"{site.url}/", fetcher)
    site.forget_requests()
    again = open_source(found.name, fetcher)
    assert (type(again), again.name) == (type(found), found.name)
    assert site.requests == []


def test_a_site_that_cannot_be_reached_is_an_error(fetcher: Fetcher) -> None:
    with Site(1) as gone:
        pass
    with pytest.raises(CorpusError, match="cannot be reached"):
        open_source(gone.url, fetcher)


def test_a_closed_interface_is_passed_over(site: Site, fetcher: Fetcher) -> None:
    site.always["/robots.txt"] = Answer(b"User-agent: *\nDisallow: /wp-json/\n", "text/plain")
    assert open_source(f"{site.url}/", fetcher).name == f"{site.url}/sitemap.xml"


# The documentation


def test_the_example_in_the_documentation_is_a_source(site: Site, fetcher: Fetcher) -> None:
    text = (Path(__file__).parents[2] / "docs" / "sources.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert len(example.splitlines()) <= 40
    names: dict[str, Any] = {}
    exec(compile(example, "docs/sources.md", "exec"), names)
    documents = [
        {
            "title": "Rare earth <i>magnets</i>",
            "html_url": f"{site.url}/documents/1",
            "body_html_url": site.link(1),
            "publication_date": "2025-05-13",
            "agencies": [{"name": "Commerce Department"}],
        },
        {"title": "Gone", "html_url": f"{site.url}/documents/2", "body_html_url": f"{site.url}/none"},
    ]
    site.always["/api"] = Answer(json.dumps({"results": documents}).encode(), "application/json")
    source = names["FederalRegister"]("rare earth", fetcher)
    source.name = f"{site.url}/api"
    state: dict[str, Any] = {}
    found = run(source, state)
    article = articles(found)[f"{site.url}/documents/1"]
    assert (article.title, article.published) == ("Rare earth magnets", date(2025, 5, 13))
    assert "Post 1 reports" in article.text
    assert list(rejected(found)) == [f"{site.url}/documents/2"]
    assert seen(run(source, state)) == {article.url}
