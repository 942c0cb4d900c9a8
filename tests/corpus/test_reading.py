"""Files become articles, and whatever is no article comes out with the reason and stops nothing else."""

import json
import os
import re
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corpus.article import Article
from corpus.errors import CorpusError
from corpus.reading import STARTER, Rejected, read_articles

URL = "https://example.org/quota"
FRONT = f"""---
title: "Quotas: the 2025 rules"
url: {URL}
publisher: Rare Earth Exchanges
published: 2025-05-13
topics: [china, quotas]
---
"""


def read_one(path: Path, content: str | bytes) -> Article | Rejected:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    (only,) = read_articles(path)
    return only


def reason(found: Article | Rejected) -> str:
    assert isinstance(found, Rejected), found
    return found.reason


# Markdown


def test_front_matter_becomes_the_fields_and_is_not_in_the_text(tmp_path: Path) -> None:
    body = "# A *heading*\n\nChina `issued` [quotas](https://example.org/x) in **2025**.\nAnd more.\n"
    assert read_one(tmp_path / "a.md", FRONT + body) == Article(
        url=URL,
        text="A heading\n\nChina issued quotas in 2025.\nAnd more.",
        title="Quotas: the 2025 rules",
        publisher="Rare Earth Exchanges",
        published=date(2025, 5, 13),
        topics=("china", "quotas"),
    )


@pytest.mark.parametrize(
    "before_and_line_end", [("", "\n"), ("", "\r\n"), ("\ufeff", "\n"), ("\n\n", "\n"), (" ", "\n")]
)
def test_front_matter_is_found_with_any_line_ends_and_after_empty_lines(
    tmp_path: Path, before_and_line_end: tuple[str, str]
) -> None:
    before, line_end = before_and_line_end
    raw = before + (FRONT + "The body.\n").replace("\n", line_end)
    found = read_one(tmp_path / "a.md", raw.encode())
    assert isinstance(found, Article)
    assert (found.text, found.url, found.published) == ("The body.", URL, date(2025, 5, 13))


_WORD = st.text("abcdefghij稀土0123456789", min_size=1, max_size=12)


@given(title=_WORD, publisher=_WORD, body=_WORD)
def test_front_matter_never_leaks_into_the_text(
    tmp_path_factory: pytest.TempPathFactory, title: str, publisher: str, body: str
) -> None:
    raw = f'---\ntitle: "{title}"\nurl: "{URL}"\npublisher: "{publisher}"\n---\n{body}\n'
    found = read_one(tmp_path_factory.mktemp("leak") / "a.md", raw)
    assert found == Article(url=URL, text=body, title=title, publisher=publisher)


def test_without_front_matter_the_file_gives_address_and_title(tmp_path: Path) -> None:
    path = tmp_path / "lynas output.md"
    assert read_one(path, "Lynas produced oxide.\n") == Article(
        url=path.as_uri(), text="Lynas produced oxide.", title="lynas output"
    )
    assert path.as_uri().startswith("file:///")
    assert path.as_uri().endswith("lynas%20output.md")


def test_a_file_named_by_a_hash_is_called_by_its_first_line(tmp_path: Path) -> None:
    name = "0123456789abcdef" * 2
    found = read_one(tmp_path / f"{name}.txt", f"On terbium{' and more' * 30}\n\nIt rose.")
    assert isinstance(found, Article)
    assert found.title == f"On terbium{' and more' * 30}"[:100]


def test_code_and_quotes_and_lists_and_raw_html_keep_their_words(tmp_path: Path) -> None:
    raw = "> A quote.\n\n- one\n- two\n\n```\nfenced\n```\n\n    indented\n\n<b>bold</b> & co\n"
    found = read_one(tmp_path / "a.markdown", raw)
    assert isinstance(found, Article)
    assert found.text == "A quote.\n\none\n\ntwo\n\nfenced\n\nindented\n\n<b>bold</b> & co"


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        ('---\ntitle: "open\nurl: x\n---\nText.\n', "broken front matter"),
        ("---\ntitle: a: b: c\n---\nText.\n", "broken front matter"),
        ("---\n- a\n- b\n---\nText.\n", "not a list of `name: value` lines"),
        ("---\njust words\n---\nText.\n", "not a list of `name: value` lines"),
        ("---\n---\nText.\n", "not a list of `name: value` lines"),
        (
            "---\ntitle: a\nurl: https://example.org/a\n\nText without end of front matter.\n",
            "no closing ---",
        ),
        ("---\ntitle: [a, b]\n---\nText.\n", "a title that is not text"),
        ("---\nurl: 12\n---\nText.\n", "a url that is not text"),
        ("---\ntopics: china\n---\nText.\n", "topics that are not a list"),
        ("---\npublished: soon\n---\nText.\n", "not like 2025-05-13: 'soon'"),
        ("---\npublished: 2025-13-45\n---\nText.\n", "broken front matter"),
        ("---\npublished: [2025]\n---\nText.\n", "not like 2025-05-13"),
        (f"{FRONT}\n\n  \n", "has no text"),
        ("", "has no text"),
        (" \n\u200b\n", "has no text"),
    ],
)
def test_broken_markdown_is_rejected_with_the_reason(tmp_path: Path, raw: str, said: str) -> None:
    path = tmp_path / "a.md"
    found = read_one(path, raw)
    assert said in reason(found)
    assert found == Rejected(str(path), reason(found))


@pytest.mark.parametrize("published", ["2025-05-13", '"2025-05-13"', "2025-05-13T08:30:00Z", "20250513"])
def test_dates_may_be_written_in_several_ways(tmp_path: Path, published: str) -> None:
    found = read_one(tmp_path / "a.md", f"---\npublished: {published}\n---\nText.\n")
    assert isinstance(found, Article)
    assert found.published == date(2025, 5, 13)


# Files of any kind


@pytest.mark.parametrize("name", ["a.md", "a.txt", "a.jsonl"])
def test_text_that_is_not_utf8_is_rejected(tmp_path: Path, name: str) -> None:
    assert reason(read_one(tmp_path / name, "Néodyme".encode("latin-1"))) == "is not UTF-8 text"


@pytest.mark.parametrize("name", ["a.md", "a.txt"])
def test_binary_files_are_rejected(tmp_path: Path, name: str) -> None:
    assert reason(read_one(tmp_path / name, b"%PDF-1.7\x00\x01\x02")) == "is not a text file"


def test_plain_text_is_taken_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "note.txt"
    assert read_one(path, "---\ntitle: *no*\n---\n# no\n") == Article(
        url=path.as_uri(), text="---\ntitle: *no*\n---\n# no", title="note"
    )


def test_an_article_that_is_too_long_is_rejected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("corpus.extract_text.MAX_ARTICLE_CHARS", 10)
    assert reason(read_one(tmp_path / "a.txt", "12345678901")) == "is longer than 10 characters"
    assert isinstance(read_one(tmp_path / "a.txt", "1234567890"), Article)


def test_a_file_that_is_too_large_is_rejected_unread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("corpus.reading.MAX_FILE_BYTES", 2**20)
    assert reason(read_one(tmp_path / "a.txt", b"a" * (2**20 + 1))) == "is larger than 1 MiB"


@given(raw=st.binary(max_size=200) | st.text("-\n:a[]{}'\"&*!|> #`").map(str.encode))
def test_any_bytes_give_an_article_or_a_reason(tmp_path_factory: pytest.TempPathFactory, raw: bytes) -> None:
    folder = tmp_path_factory.mktemp("bytes")
    for name in ("a.md", "b.txt", "c.jsonl"):
        (folder / name).write_bytes(raw)
    for found in read_articles(folder):
        assert found.text if isinstance(found, Article) else found.reason


# JSONL


def test_json_lines_need_only_url_and_text(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    full = {
        "url": URL,
        "text": "包钢 said\u200b so.",
        "title": "T",
        "publisher": "P",
        "published": "2025-05-13",
        "topics": ["x"],
        "anything": 1,
    }
    least = {"url": "https://example.org/least", "text": "Text."}
    path.write_text(json.dumps(full) + "\r\n\n  \n" + json.dumps(least), encoding="utf-8")
    assert list(read_articles(path)) == [
        Article(URL, "包钢 said so.", "T", "P", date(2025, 5, 13), ("x",)),
        Article("https://example.org/least", "Text."),
    ]


def test_bad_json_lines_come_out_with_their_number_and_stop_nothing(tmp_path: Path) -> None:
    bad: dict[str | bytes, str] = {
        '{"url": "https://example.org/1", "text": "cut': "is not valid JSON",
        "[1, 2]": "is not a JSON object",
        '"words"': "is not a JSON object",
        '{"text": "no address"}': "has no url",
        '{"url": "", "text": "x"}': "has no url",
        '{"url": " \\u200b ", "text": "x"}': "has no url",
        '{"url": "https://example.org/1"}': "has no text",
        '{"url": "https://example.org/1", "text": 7}': "has a text that is not text",
        '{"url": 7, "text": "x"}': "has a url that is not text",
        '{"url": "https://example.org/1", "text": "x", "published": "May"}': "not like 2025-05-13: 'May'",
        b'{"url": "https://example.org/1", "text": "\xff"}': "is not UTF-8 text",
        "[" * 100_000: "is not valid JSON",
        '{"url": "https://example.org/1", "text": "x", "n": ' + "9" * 5000 + "}": "is not valid JSON",
    }
    good = [Article(f"https://example.org/good{i}", f"Text {i}.") for i in range(len(bad) + 1)]
    lines = [json.dumps({"url": good[0].url, "text": good[0].text}).encode()]
    for line, article in zip(bad, good[1:], strict=True):
        lines.append(line.encode() if isinstance(line, str) else line)
        lines.append(json.dumps({"url": article.url, "text": article.text}).encode())
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"\n".join(lines))

    found = list(read_articles(path))

    assert [article for article in found if isinstance(article, Article)] == good
    rejected = [item for item in found if isinstance(item, Rejected)]
    assert [item.where for item in rejected] == [f"{path}:{2 * i + 2}" for i in range(len(bad))]
    for item, said in zip(rejected, bad.values(), strict=True):
        assert said in item.reason


# Folders


def test_a_folder_is_read_with_all_folders_below_and_only_files_of_known_kinds(tmp_path: Path) -> None:
    (tmp_path / "sub" / "deep").mkdir(parents=True)
    for name in ("b.md", "a.txt", "sub/c.MD", "sub/deep/d.markdown", "picture.png", "notes.rst", "e"):
        (tmp_path / name).write_text(f"Text of {name}.")
    (tmp_path / "folder.md").mkdir()
    found = [item.text for item in read_articles(tmp_path) if isinstance(item, Article)]
    assert sorted(found) == [f"Text of {n}." for n in ("a.txt", "b.md", "sub/c.MD", "sub/deep/d.markdown")]


def test_one_bad_file_does_not_stop_the_rest(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("First.")
    (tmp_path / "b.md").write_bytes(b"\xff\xfe")
    (tmp_path / "c.md").write_text("Last.")
    first, bad, last = read_articles(tmp_path)
    assert isinstance(first, Article)
    assert isinstance(last, Article)
    assert (first.text, bad, last.text) == (
        "First.",
        Rejected(str(tmp_path / "b.md"), "is not UTF-8 text"),
        "Last.",
    )


def test_a_missing_source_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"There is no file or folder .*nowhere"):
        list(read_articles(tmp_path / "nowhere"))


def test_an_empty_folder_is_an_error_that_names_the_kinds_of_files(tmp_path: Path) -> None:
    (tmp_path / "picture.png").write_bytes(b"png")
    with pytest.raises(CorpusError, match=r"holds no articles: .*\.jsonl, \.md, .*\.html, .*\.docx"):
        list(read_articles(tmp_path))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_folder_that_may_not_be_read_is_an_error(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir()
    (closed / "a.md").write_text("Text.")
    closed.chmod(0)
    try:
        with pytest.raises(CorpusError, match="may not be read"):
            list(read_articles(closed))
    finally:
        closed.chmod(0o700)


# The starter corpus


def test_every_starter_digest_is_a_complete_article() -> None:
    # Some digests have no date, since the pages that they are made from state none.
    incomplete = {}
    for path in sorted(STARTER.iterdir()):
        (found,) = read_articles(path)
        assert isinstance(found, Article), found
        words = len(re.findall(r"[\u3400-\u9fff]|[^\W\u3400-\u9fff]+", found.text))
        complete = (
            150 <= words <= 450
            and found.title
            and found.title != path.stem
            and found.url.startswith(("http://", "https://"))
            and found.publisher
            and ("\npublished: " in path.read_text(encoding="utf-8")) == bool(found.published)
            and date(2023, 1, 1) <= (found.published or date(2025, 1, 1)) <= date(2026, 12, 31)
        )
        if not complete:
            incomplete[path.name] = (words, found.title, found.url, found.publisher, found.published)
    assert incomplete == {}


def test_the_starter_corpus_is_large_varied_and_partly_chinese() -> None:
    found = [item for item in read_articles(STARTER) if isinstance(item, Article)]
    assert len(found) >= 60
    assert len({article.url for article in found}) == len(found)
    assert len({article.text for article in found}) == len(found)
    assert sum(bool(re.search("[\u4e00-\u9fff]", article.text)) for article in found) >= 5
