"""The client is polite to sites and says what went wrong; test_fetch_safety.py has the hostile ones."""

import gzip
import socket
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from corpus.errors import CorpusError, FetchError
from corpus.fetch import Fetcher, Limits
from tests.corpus.conftest import QUICK, Clock
from tests.corpus.site import Answer, Site

OpenFetcher = Callable[..., Fetcher]


def test_a_page_comes_with_its_address_after_redirects_and_its_kind(site: Site, fetcher: Fetcher) -> None:
    site.always["/old"] = Answer(status=301, headers={"Location": "/post-1/"})
    page = fetcher.get(f"{site.url}/old")
    assert (page.url, page.kind) == (site.link(1), "text/html; charset=utf-8")
    assert b"Post 1 reports" in page.body


def test_it_names_itself_and_whom_to_write_to(site: Site, open_fetcher: OpenFetcher) -> None:
    open_fetcher(contact="news@example.org").get(f"{site.url}/")
    agents = {headers["user-agent"] for headers in site.headers}
    assert len(agents) == 1
    assert agents.pop().startswith("REEx-Answers/")
    assert site.headers[0]["user-agent"].endswith(" (+news@example.org)")


def test_a_gzipped_page_is_unpacked(site: Site, fetcher: Fetcher) -> None:
    site.always["/packed"] = Answer(gzip.compress(b"text " * 99), headers={"Content-Encoding": "gzip"})
    assert fetcher.get(f"{site.url}/packed").body == b"text " * 99


# robots.txt


def robots(text: str) -> Answer:
    return Answer(text.encode(), "text/plain")


def test_what_robots_txt_closes_is_not_asked_for(site: Site, fetcher: Fetcher) -> None:
    site.always["/robots.txt"] = robots("User-agent: *\nDisallow: /private/\n")
    site.always["/way-in"] = Answer(status=302, headers={"Location": "/private/a"})
    assert fetcher.get(site.link(1)).status == 200
    for path in ("/private/a", "/way-in"):
        with pytest.raises(FetchError, match=r"is closed to programs by robots\.txt: "):
            fetcher.get(site.url + path)
    assert site.asked("/private/") == []
    assert len(site.asked("/robots.txt")) == 1


def test_rules_for_this_product_come_before_those_for_all(site: Site, fetcher: Fetcher) -> None:
    site.always["/robots.txt"] = robots(
        "User-agent: reex-answers\nDisallow: /no/\n\nUser-agent: *\nDisallow: /\n"
    )
    assert fetcher.get(site.link(1)).status == 200


@pytest.mark.parametrize("status", [404, 403, 410])
def test_a_site_without_robots_txt_is_open(site: Site, fetcher: Fetcher, status: int) -> None:
    site.always["/robots.txt"] = Answer(status=status)
    assert fetcher.get(site.link(1)).status == 200


def test_a_site_that_is_not_there_is_named_and_not_its_robots_txt(fetcher: Fetcher) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # and does not listen
        address = f"http://127.0.0.1:{closed.getsockname()[1]}"
        with pytest.raises(FetchError, match=rf"^{address} cannot be reached "):
            fetcher.get(f"{address}/post")


def test_a_site_whose_robots_txt_fails_is_closed(site: Site, fetcher: Fetcher) -> None:
    site.always["/robots.txt"] = Answer(status=500)
    for number in (1, 2):
        with pytest.raises(FetchError, match=r"/robots\.txt answers 500"):
            fetcher.get(site.link(number))
    assert len(site.asked("/robots.txt")) == QUICK.tries
    assert site.asked("/post-") == []


def test_a_crawl_delay_lengthens_the_pause(site: Site, fetcher: Fetcher, clock: Clock) -> None:
    site.always["/robots.txt"] = robots("User-agent: *\nCrawl-delay: 7\n")
    fetcher.get(site.link(1))
    fetcher.get(site.link(2))
    assert clock.slept == [pytest.approx(7)]


# Pauses and retries


def test_requests_to_a_host_are_apart_and_those_to_another_are_not_held_up(
    site: Site, open_fetcher: OpenFetcher, clock: Clock
) -> None:
    limits = Limits(pause_s=2)
    names = {"one.example": ["127.0.0.1"], "two.example": ["127.0.0.1"]}
    port = site.url.rpartition(":")[2]
    fetcher = open_fetcher(
        limits=limits, private_hosts=list(names), robots=False, resolve=lambda host, port: names[host]
    )
    for _ in range(3):
        fetcher.get(f"http://one.example:{port}/post-1/")
        fetcher.get(f"http://two.example:{port}/post-1/")
    assert clock.slept == [pytest.approx(2), pytest.approx(2)]


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_what_looks_temporary_is_tried_again_after_growing_waits(
    site: Site, fetcher: Fetcher, clock: Clock, status: int
) -> None:
    site.answers["/post-1/"] = [Answer(status=status), Answer(status=status)]
    assert b"Post 1 reports" in fetcher.get(site.link(1)).body
    first, second = clock.slept
    assert 1 <= first <= 1.25
    assert 2 <= second <= 2.5


def in_twenty_seconds() -> str:
    return format_datetime(datetime.now(UTC) + timedelta(seconds=20.9), usegmt=True)


@pytest.mark.parametrize(("asked", "least"), [("17", 17), (in_twenty_seconds, 17), ("soon", 1), ("-5", 1)])
def test_it_waits_as_long_as_it_is_told(
    site: Site, fetcher: Fetcher, clock: Clock, asked: str | Callable[[], str], least: float
) -> None:
    value = asked if isinstance(asked, str) else asked()
    site.answers["/post-1/"] = [Answer(status=429, headers={"Retry-After": value})]
    fetcher.get(site.link(1))
    assert len(clock.slept) == 1
    assert least <= clock.slept[0] <= least + 4


def test_a_site_that_asks_for_a_long_wait_is_left_alone(site: Site, fetcher: Fetcher, clock: Clock) -> None:
    site.always["/post-1/"] = Answer(status=503, headers={"Retry-After": "3600"})
    with pytest.raises(CorpusError, match=r"^127\.0\.0\.1 asks to be left alone for 3600 s: ") as caught:
        fetcher.get(site.link(1))
    assert not isinstance(caught.value, FetchError)
    assert clock.slept == []


def test_tries_are_bounded(site: Site, fetcher: Fetcher) -> None:
    site.always["/post-1/"] = Answer(status=500)
    with pytest.raises(
        FetchError, match=r"/post-1/ answers 500 \(Internal Server Error\): try again later\.$"
    ):
        fetcher.get(site.link(1))
    assert len(site.asked("/post-1/")) == QUICK.tries


def test_a_host_that_fails_again_and_again_is_given_up(site: Site, fetcher: Fetcher) -> None:
    for number in range(1, 9):
        site.always[f"/post-{number}/"] = Answer(status=503)
    for number in (1, 2, 3):
        with pytest.raises(FetchError):
            fetcher.get(site.link(number))
    with pytest.raises(CorpusError, match=r"failed 4 times in a row.*answers 503") as caught:
        fetcher.get(site.link(4))
    assert not isinstance(caught.value, FetchError)


def test_pages_that_fail_for_themselves_do_not_make_the_host_given_up(site: Site, fetcher: Fetcher) -> None:
    for number in range(1, 9):
        site.always[f"/post-{number}/"] = Answer(status=500)
        with pytest.raises(FetchError):
            fetcher.get(site.link(number))


def test_what_is_not_there_is_asked_for_once(site: Site, fetcher: Fetcher) -> None:
    with pytest.raises(
        FetchError, match=r"/nothing/ answers 404 \(Not Found\): check the address\.$"
    ) as caught:
        fetcher.get(f"{site.url}/nothing/")
    assert caught.value.status == 404
    assert len(site.asked("/nothing/")) == 1


def test_a_host_that_nobody_knows_is_a_wrong_address(open_fetcher: OpenFetcher) -> None:
    with pytest.raises(FetchError, match=r"^nobody\.invalid is not the name of a host: check the address\.$"):
        Fetcher().get("https://nobody.invalid/")


def test_a_closed_port_cannot_be_reached(fetcher: Fetcher) -> None:
    with Site(1) as gone:
        pass
    with pytest.raises(FetchError, match="cannot be reached"):
        fetcher.get(gone.url)


# Conditional requests


def test_an_unchanged_page_is_not_sent_again(site: Site, fetcher: Fetcher) -> None:
    first = fetcher.get(site.link(1))
    again = fetcher.get(site.link(1), first.validators)
    assert (again.unchanged, again.body) == (True, b"")
    site.edit(1, "Everything changed.")
    changed = fetcher.get(site.link(1), first.validators)
    assert not changed.unchanged
    assert b"Everything changed." in changed.body


def test_dates_of_change_are_sent_back_as_they_came(site: Site, fetcher: Fetcher) -> None:
    when = "Mon, 06 Jan 2025 09:00:00 GMT"
    site.always["/a"] = Answer(b"x", headers={"Last-Modified": when})
    fetcher.get(f"{site.url}/a", fetcher.get(f"{site.url}/a").validators)
    assert site.headers[-1]["if-modified-since"] == when
