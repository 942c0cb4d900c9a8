"""Queries are read from whatever people have: pasted text, spreadsheets, JSON, a forum's feed."""

from collections.abc import Iterator

import pytest

from corpus.errors import CorpusError, UsageError
from corpus.fetch import Fetcher
from tests.corpus.site import Answer, Site
from ui.desk.intake import from_feed, numbered_by_file, parsed, pasted
from ui.desk.queries import Incoming


def test_blank_lines_part_pasted_queries() -> None:
    text = "What is NdPr?\nI read of it.\n\n \t\nWho leads Lynas?\r\n\r\n\r\n"
    assert pasted(text) == [Incoming("What is NdPr?\nI read of it."), Incoming("Who leads Lynas?")]
    assert pasted(" \n\n") == []


ROW = Incoming("Who, exactly, leads Lynas?", "Zoë", "7", "https://forum.example/7")


@pytest.mark.parametrize(
    "raw",
    [
        'id,author,question,url\n7,Zoë,"Who, exactly, leads Lynas?",https://forum.example/7\n'.encode(),
        'Link;Query;Member;ID\nhttps://forum.example/7;"Who, exactly, leads Lynas?";Zoë;7'.encode("latin-1"),
        "ID\tText\tUser\tPermalink\r\n7\tWho, exactly, leads Lynas?\tZoë\thttps://forum.example/7\r\n".encode("utf-16"),
        '\ufeffsep=;\nPost ID;Question_Text;Asked by;URL\n7;"Who, exactly, leads Lynas?";Zoë;https://forum.example/7'.encode(),
    ],
)  # fmt: skip
def test_a_table_is_understood_by_its_head(raw: bytes) -> None:
    assert parsed(raw, "queries.csv") == [ROW]


def test_a_table_without_a_head_is_a_list_of_queries() -> None:
    assert parsed(b"Who leads Lynas?\nWhat is NdPr?\n", "q.txt") == [
        Incoming("Who leads Lynas?"),
        Incoming("What is NdPr?"),
    ]
    multi = parsed(b'question\n"Two\nlines"\n\nOne\n', "q.csv")
    assert [item.text for item in multi] == ["Two\nlines", "One"]


@pytest.mark.parametrize(
    "raw",
    [
        '{"question": "Who, exactly, leads Lynas?", "author": "Zoë", "id": 7, "url": "https://forum.example/7"}\n\n',
        '[{"Text": "Who, exactly, leads Lynas?", "member": "Zoë", "ID": "7", "Link": "https://forum.example/7"}]',
    ],
)
def test_json_is_understood_by_the_names_of_its_fields(raw: str) -> None:
    assert parsed(raw.encode(), "queries.jsonl") == [ROW]


@pytest.mark.parametrize(
    ("name", "raw", "message"),
    [
        ("q.csv", b"", "holds no query"),
        ("q.csv", b"name,date\nx,y\n", "no column of queries among name, date"),
        ("q.jsonl", b'{"question": "a"}\n{"question": ', "Line 2 of q.jsonl is not valid JSON"),
        ("q.jsonl", b'{"asked": "a"}', "Line 1 of q.jsonl has no text"),
        ("q.json", b'["a"]', "no JSON object"),
    ],
)
def test_what_cannot_be_read_is_said_with_its_place(name: str, raw: bytes, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        parsed(raw, name)


def test_two_files_that_both_count_from_one_do_not_hide_each_other() -> None:
    one, other = numbered_by_file([Incoming("a", reference="1"), Incoming("b", reference="1")])
    assert one.reference != other.reference


FEED = """<?xml version="1.0"?><rss version="2.0" xmlns:dc="http://purl.org/dc/elements/1.1/"><channel>
<title>Forum</title>
<item><title>NdPr &amp; price</title><link>/t/1</link><guid>topic-1</guid><dc:creator>ann</dc:creator>
<description>&lt;p&gt;What is the &lt;b&gt;floor&lt;/b&gt;?&lt;/p&gt;
&lt;p&gt;Thanks&lt;script&gt;x&lt;/script&gt;&lt;/p&gt;</description></item>
<item><title>Just a title</title><link>javascript:alert(1)</link></item>
</channel></rss>"""


@pytest.fixture
def forum() -> Iterator[Site]:
    with Site() as site:
        site.always["/latest.rss"] = Answer(FEED.encode(), "application/rss+xml")
        yield site


def test_posts_are_read_from_a_forums_feed(forum: Site) -> None:
    with Fetcher(private_hosts=["127.0.0.1"]) as fetcher:
        first, second = from_feed(f"{forum.url}/latest.rss", fetcher)
    assert first.text.startswith("NdPr & price\n\nWhat is the floor?\nThanks")
    assert (first.member, first.link) == ("ann", f"{forum.url}/t/1")
    assert first.reference.endswith("topic-1")
    assert "<" not in first.text
    assert (second.text, second.link) == ("Just a title", "")


@pytest.mark.parametrize("url", ["file:///etc/passwd", "/etc/passwd", "", "ftp://x/y"])
def test_only_the_web_has_feeds(url: str) -> None:
    with Fetcher() as fetcher, pytest.raises(UsageError, match="web address"):
        from_feed(url, fetcher)


def test_a_private_address_is_refused_unless_it_is_allowed(forum: Site) -> None:
    with Fetcher() as fetcher, pytest.raises(CorpusError, match="REEX_PRIVATE_HOSTS"):
        from_feed(f"{forum.url}/latest.rss", fetcher)
