"""A draft becomes a post in four kinds of markup, and nothing in it can break out of its place."""

import re
from datetime import date
from html.parser import HTMLParser

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from rag.types import Citation
from ui.desk.posting import FORMATS, Format, rendered, web_address


def citation(
    n: int, title: str = "Output rose", url: str = "", publisher: str = "News", article: str = ""
) -> Citation:
    url = url or f"https://example.org/{n}"
    return Citation(n, f"p{n}", article or f"a{n}", url, title, publisher, date(2026, 1, n), 0, 1, "x")


BODY = """Lynas made **1,404 tonnes** [3]. Revenue rose [1][3].

- One [1]
- Two

> Demand was strong. [3]

Thank you."""
CITATIONS = [citation(1), citation(2), citation(3, "Lynas [update]", publisher="A & B")]

EXPECTED: dict[Format, str] = {
    "markdown": r"""Lynas made **1,404 tonnes** [\[1\]](https://example.org/3). Revenue rose [\[2\]](https://example.org/1)[\[1\]](https://example.org/3).

- One [\[2\]](https://example.org/1)
- Two

> Demand was strong. [\[1\]](https://example.org/3)

Thank you.

**Sources**

1. [Lynas \[update\]](https://example.org/3), A &amp; B, 2026-01-03
2. [Output rose](https://example.org/1), News, 2026-01-01

As of 2026-01-03.
""",
    "discourse": r"""Lynas made **1,404 tonnes** [\[1\]](https://example.org/3). Revenue rose [\[2\]](https://example.org/1)[\[1\]](https://example.org/3).

- One [\[2\]](https://example.org/1)
- Two

[quote]
Demand was strong. [\[1\]](https://example.org/3)
[/quote]

Thank you.

**Sources**

1. [Lynas &#91;update&#93;](https://example.org/3), A &amp; B, 2026-01-03
2. [Output rose](https://example.org/1), News, 2026-01-01

As of 2026-01-03.
""",
    "bbcode": """Lynas made [b]1,404 tonnes[/b] [url=https://example.org/3][1][/url]. Revenue rose [url=https://example.org/1][2][/url][url=https://example.org/3][1][/url].

[list]
[*]One [url=https://example.org/1][2][/url]
[*]Two
[/list]

[quote]Demand was strong. [url=https://example.org/3][1][/url][/quote]

Thank you.

[b]Sources[/b]
[list=1]
[*][url=https://example.org/3]Lynas [\u200bupdate][/url], A & B, 2026-01-03
[*][url=https://example.org/1]Output rose[/url], News, 2026-01-01
[/list]

As of 2026-01-03.
""",
    "html": """<p>Lynas made <strong>1,404 tonnes</strong> <a href="https://example.org/3" rel="nofollow noopener">[1]</a>. Revenue rose <a href="https://example.org/1" rel="nofollow noopener">[2]</a><a href="https://example.org/3" rel="nofollow noopener">[1]</a>.</p>
<ul>
<li>One <a href="https://example.org/1" rel="nofollow noopener">[2]</a></li>
<li>Two</li>
</ul>
<blockquote>Demand was strong. <a href="https://example.org/3" rel="nofollow noopener">[1]</a></blockquote>
<p>Thank you.</p>
<p><strong>Sources</strong></p>
<ol>
<li><a href="https://example.org/3" rel="nofollow noopener">Lynas [update]</a>, A &amp; B, 2026-01-03</li>
<li><a href="https://example.org/1" rel="nofollow noopener">Output rose</a>, News, 2026-01-01</li>
</ol>
<p>As of 2026-01-03.</p>
""",
}  # fmt: skip


@pytest.mark.parametrize("format", FORMATS)
def test_a_draft_is_written_in_each_kind(format: Format) -> None:
    assert rendered(BODY, CITATIONS, format) == EXPECTED[format]


def test_passages_of_one_article_are_one_source() -> None:
    text = rendered("A [1]. B [2].", [citation(1, article="a"), citation(2, article="a")], "markdown")
    assert text.count("\n1. ") == 1
    assert "\n2. " not in text


def test_a_post_in_chinese_has_chinese_words_around_it() -> None:
    text = rendered("产量上升。[1]", [citation(1)], "html")
    assert "来源" in text
    assert "截至 2026-01-01。" in text


@pytest.mark.parametrize(
    "url",
    ["javascript:alert(1)", "file:///etc/passwd", "data:text/html,x", "//x", "", "http://[", "https:///x"],
)
def test_only_addresses_of_the_web_become_links(url: str) -> None:
    assert web_address(url) == ""
    assert "href" not in rendered("A [1].", [Citation(1, "p", "a", url, "T", "P", None, 0, 1, "x")], "html")


HOSTILE = st.one_of(
    st.text(max_size=60),
    st.lists(
        st.sampled_from(
            ["[/url]", "[url=http://evil.example]", "[/quote]", "[quote]", "[img]", "](http://evil.example)", "[x]",
             "<script>", "</a>", "<b>", "](", "[", "]", "(", ")", "*", "**", "_", "`", "```", "\\", "\n", "\n\n", "> ",
             "# ", "- ", "1. ", "&lt;", "&#60;", "![x](http://evil.example)", "http://evil.example", "<http://evil.example>",
             "www.evil.example", "@all", '"', "'", "~~", "|", "$", " ", "a", "[1]", "[2]", "[b]", "[*]", "\u2028", "\x00"]
        ),
        max_size=8,
    ).map("".join),
)  # fmt: skip
ADDRESSES = st.one_of(HOSTILE.map(lambda text: f"https://example.org/{text}"), HOSTILE)


class Tags(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: set[str] = set()
        self.links: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)
        if tag == "br":
            return
        self.open.append(tag)
        given = dict(attrs)
        if tag == "a":
            self.links.append(given.get("href") or "")
        assert set(given) <= ({"href", "rel"} if tag == "a" else set())

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@given(HOSTILE, HOSTILE, HOSTILE, ADDRESSES)
def test_nothing_breaks_out_of_html(body: str, title: str, publisher: str, url: str) -> None:
    cited = citation(1, title, url, publisher)
    tags = Tags(rendered(f"{body} [1]", [cited], "html"))
    assert tags.open == []
    assert tags.seen <= {"p", "a", "strong", "ul", "ol", "li", "blockquote", "br"}
    assert set(tags.links) <= {web_address(cited.url), *links_of(body)}


@given(HOSTILE, HOSTILE, HOSTILE, ADDRESSES)
def test_nothing_breaks_out_of_bbcode(body: str, title: str, publisher: str, url: str) -> None:
    text = rendered(f"{body} [1]", [citation(1, title, url, publisher)], "bbcode")
    opened = []
    for tag in re.findall(r"\[(/?[a-z*]+(?:=[^\]\n]*)?)\]", text):
        name = tag.lstrip("/").split("=")[0]
        assert name in ("b", "url", "quote", "list", "*")
        if tag == "*":
            continue
        if tag.startswith("/"):
            assert opened.pop() == name
        else:
            opened.append(name)
    assert opened == []
    allowed = {web_address(citation(1, url=url).url), *links_of(body)}
    assert set(re.findall(r"\[url=([^\]]*)\]", text)) <= allowed


@pytest.mark.parametrize("format", ["markdown", "discourse"])
@example(body="", title="# ", publisher="", url="0")
@given(body=HOSTILE, title=HOSTILE, publisher=HOSTILE, url=ADDRESSES)
def test_nothing_breaks_out_of_markdown(
    format: Format, body: str, title: str, publisher: str, url: str
) -> None:
    text = rendered(f"{body} [1]", [citation(1, title, url, publisher)], format)
    if format == "discourse":
        tags = [line for line in text.split("\n") if re.search(r"\[/?[a-z]", line)]
        assert all(line in ("[quote]", "[/quote]") or "](" in line for line in tags)
    tokens = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).parse(text)
    inline = [token for block in tokens for token in (block.children or [])]
    kinds = {token.type for token in tokens} | {token.type for token in inline}
    assert not kinds & {
        "html_block",
        "html_inline",
        "image",
        "fence",
        "code_block",
        "code_inline",
        "heading_open",
        "s_open",
        "em_open",
        "table_open",
        "hr",
    }
    found = {str(token.attrs["href"]) for token in inline if token.type == "link_open"}
    assert found <= {web_address(citation(1, url=url).url), *links_of(body)}


def links_of(body: str) -> set[str]:
    return {web_address(url) for url in re.findall(r"\]\((https?://[^\s()<>]+)\)", body)}
