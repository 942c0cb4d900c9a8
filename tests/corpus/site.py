"""A real site over loopback, in the shape of WordPress: REST, RSS, sitemaps, pages, robots.txt.

It behaves until a test tells it otherwise: `answers` says what a path answers next, `always` what it
answers from now on; posts can be edited, deleted and published; `requests` is what it was asked.
"""

import gzip
import html
import json
import random
import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

WORDS = [
    "neodymium",
    "praseodymium",
    "dysprosium",
    "terbium",
    "magnet",
    "refinery",
    "separation",
    "plant",
    "quota",
    "licence",
    "export",
    "price",
    "oxide",
    "tonne",
    "ministry",
    "company",
    "investor",
    "mine",
    "concentrate",
    "offtake",
    "agreement",
    "permit",
    "forecast",
    "quarter",
    "supply",
]
START = datetime(2025, 1, 6, 9, 0, tzinfo=UTC)


@dataclass(frozen=True)
class Answer:
    """What a path answers; the chunks of ``body`` are sent with ``pause`` seconds between them."""

    body: bytes | Iterable[bytes] = b""
    kind: str = "text/html; charset=utf-8"
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    pause: float = 0.0


@dataclass(frozen=True)
class Post:
    id: int
    slug: str
    title: str
    paragraphs: tuple[str, ...]
    published: datetime
    modified: datetime
    protected: bool = False

    @property
    def content(self) -> str:
        return "\n".join(f"<p>{html.escape(paragraph)}</p>" for paragraph in self.paragraphs)


def make_post(number: int) -> Post:
    """Always the same for the same number: about 250 words, one sentence of which only this post has."""
    rng = random.Random(number)
    sentences = [" ".join(rng.choices(WORDS, k=14)).capitalize() + "." for _ in range(18)]
    own = f"Post {number} reports that {number * 7 + 100} tonnes of oxide left the plant."
    when = START + timedelta(hours=7 * number)
    paragraphs = (own, *(" ".join(sentences[i : i + 6]) for i in (0, 6, 12)))
    title = f"Post {number}: {WORDS[number % len(WORDS)]} & {WORDS[(number * 5 + 1) % len(WORDS)]}"
    return Post(number, f"post-{number}", title, paragraphs, when, when)


class Site:
    """Serve ``count`` posts; `with Site(20) as site:` gives one that is running, at `site.url`."""

    def __init__(self, count: int = 20) -> None:
        self.posts = {number: make_post(number) for number in range(1, count + 1)}
        self.answers: dict[str, list[Answer]] = {}
        self.always: dict[str, Answer] = {}
        self.requests: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.etags = True
        self.wordpress = True
        self.feed_has_full_text = True
        self.feed_length = 10
        self.fails_with_post: int | None = None
        self._server = _Server(("127.0.0.1", 0), _handler(self))
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> "Site":
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def link(self, number: int) -> str:
        return f"{self.url}/{self.posts[number].slug}/"

    def edit(self, number: int, text: str) -> None:
        post = self.posts[number]
        self.posts[number] = replace(
            post, paragraphs=(text, *post.paragraphs[1:]), modified=post.modified + timedelta(days=90)
        )

    def delete(self, number: int) -> None:
        del self.posts[number]

    def asked(self, part: str) -> list[str]:
        """The requests so far in which this part occurs."""
        return [path for path in self.requests if part in path]

    def forget_requests(self) -> None:
        self.requests.clear()
        self.headers.clear()

    def answer(self, target: str, headers: dict[str, str]) -> Answer:
        self.requests.append(target)
        self.headers.append(headers)
        parts = urlsplit(target)
        for key in (target, parts.path):
            if self.answers.get(key):
                return self.answers[key].pop(0)
            if key in self.always:
                return self.always[key]
        query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        return self._route(parts.path, query, headers)

    def _route(self, path: str, query: dict[str, str], headers: dict[str, str]) -> Answer:
        if path.startswith("/wp-json/") and self.wordpress:
            return self._rest(path, query)
        routes = {
            "/": self._front,
            "/feed/": self._feed,
            "/sitemap.xml": self._sitemap_index,
            "/sitemap-pages.xml": lambda: _xml(_urlset([(f"{self.url}/about/", "")])),
            "/sitemap-category.xml": lambda: _xml(_urlset([(f"{self.url}/category/mines/", "")])),
            "/sitemap-posts.xml.gz": self._sitemap_posts,
            "/about/": lambda: _page(
                "What rare earths are",
                f"{self.url}/about/",
                "<p>Seventeen metals are called rare earths.</p>",
            ),
        }
        if path in routes:
            return routes[path]()
        for post in self.posts.values():
            if path == f"/{post.slug}/":
                return self._post_page(post, headers)
        return Answer(b"<p>Not here.</p>", status=404)

    # WordPress REST

    def _rest(self, path: str, query: dict[str, str]) -> Answer:
        if path == "/wp-json/":
            return _json({"name": "Rare Earth &amp; Magnet News"})
        if path != "/wp-json/wp/v2/posts":
            return _json({"code": "rest_no_route"}, status=404)
        posts = sorted(self.posts.values(), key=lambda post: post.id)
        if "include" in query:
            wanted = {int(number) for number in query["include"].split(",")}
            posts = [post for post in posts if post.id in wanted]
            if self.fails_with_post in wanted:
                return Answer(b"<b>Fatal error</b>", status=500)
        size, number = int(query.get("per_page", 10)), int(query.get("page", 1))
        pages = -(-len(posts) // size)
        if number > max(pages, 1):
            return _json({"code": "rest_post_invalid_page_number"}, status=400)
        shown = posts[(number - 1) * size : number * size]
        fields = query["_fields"].split(",") if "_fields" in query else None
        found = [self._rest_post(post, "_embed" in query, fields) for post in shown]
        return _json(found, headers={"X-WP-Total": str(len(posts)), "X-WP-TotalPages": str(pages)})

    def _rest_post(self, post: Post, embed: bool, fields: list[str] | None) -> dict[str, object]:
        whole: dict[str, object] = {
            "id": post.id,
            "link": f"{self.url}/{post.slug}/",
            "date": post.published.strftime("%Y-%m-%dT%H:%M:%S"),
            "modified": post.modified.strftime("%Y-%m-%dT%H:%M:%S"),
            "modified_gmt": post.modified.strftime("%Y-%m-%dT%H:%M:%S"),
            "title": {"rendered": html.escape(post.title)},
            "content": {"rendered": "" if post.protected else post.content, "protected": post.protected},
        }
        if embed:
            whole["_embedded"] = {
                "author": [{"id": 3, "name": "Ada Ore"}],
                "wp:term": [
                    [{"name": "Mines &amp; Metals", "taxonomy": "category"}],
                    [{"name": "oxide", "taxonomy": "post_tag"}],
                ],
            }
        return {name: value for name, value in whole.items() if fields is None or name in fields}

    # Feed, sitemaps, pages

    def _front(self) -> Answer:
        links = f'<link rel="alternate" type="application/rss+xml" href="{self.url}/feed/">'
        if self.wordpress:
            links += f'<link rel="https://api.w.org/" href="{self.url}/wp-json/">'
        return Answer(f"<html><head><title>News</title>{links}</head><body>Latest</body></html>".encode())

    def _feed(self) -> Answer:
        latest = sorted(self.posts.values(), key=lambda post: post.published, reverse=True)
        items = "".join(self._feed_item(post) for post in latest[: self.feed_length])
        return _xml(
            '<rss version="2.0" xmlns:content="http://purl.org/rss/1.0/modules/content/" '
            'xmlns:dc="http://purl.org/dc/elements/1.1/"><channel><title>Rare Earth News</title>'
            f"<link>{self.url}/</link>{items}</channel></rss>"
        )

    def _feed_item(self, post: Post) -> str:
        body = (
            f"<content:encoded><![CDATA[{post.content}]]></content:encoded>"
            if self.feed_has_full_text
            else ""
        )
        return (
            f"<item><title>{html.escape(post.title)}</title><link>{self.url}/{post.slug}/</link>"
            f"<pubDate>{format_datetime(post.published)}</pubDate><dc:creator>Ada Ore</dc:creator>"
            f"<category>oxide</category><description>{post.paragraphs[0]} […]</description>{body}</item>"
        )

    def _sitemap_index(self) -> Answer:
        names = ("sitemap-posts.xml.gz", "sitemap-pages.xml", "sitemap-category.xml")
        entries = "".join(f"<sitemap><loc>{self.url}/{name}</loc></sitemap>" for name in names)
        return _xml(
            f'<sitemapindex xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{entries}</sitemapindex>'
        )

    def _sitemap_posts(self) -> Answer:
        entries = [
            (self.url + "/", ""),
            *((self.link(n), p.modified.isoformat()) for n, p in self.posts.items()),
        ]
        return Answer(gzip.compress(_urlset(entries).encode()), "application/gzip")

    def _post_page(self, post: Post, headers: dict[str, str]) -> Answer:
        tag = f'"{post.id}-{int(post.modified.timestamp())}"'
        if self.etags and headers.get("if-none-match") == tag:
            return Answer(status=304, headers={"ETag": tag})
        answer = _page(post.title, f"{self.url}/{post.slug}/", post.content)
        return replace(answer, headers={"ETag": tag} if self.etags else {})


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        pass  # a client that had enough and hung up


def _page(title: str, url: str, content: str) -> Answer:
    return Answer(
        f'<!doctype html><html lang="en"><head><title>{html.escape(title)}</title>'
        f'<link rel="canonical" href="{url}"></head><body><nav>Home News</nav>'
        f"<article><h1>{html.escape(title)}</h1>{content}</article></body></html>".encode()
    )


def _urlset(entries: list[tuple[str, str]]) -> str:
    rows = "".join(
        f"<url><loc>{url}</loc>{f'<lastmod>{when}</lastmod>' if when else ''}</url>" for url, when in entries
    )
    return f'<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{rows}</urlset>'


def _xml(text: str) -> Answer:
    return Answer(b'<?xml version="1.0" encoding="UTF-8"?>' + text.encode(), "application/xml")


def _json(value: object, status: int = 200, headers: dict[str, str] | None = None) -> Answer:
    return Answer(json.dumps(value).encode(), "application/json", status, headers or {})


def _handler(site: Site) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # or each answer takes 40 ms

        def do_GET(self) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            try:
                self._send(site.answer(self.path, headers))
            except OSError:
                self.close_connection = True  # the client had enough

        def _send(self, answer: Answer) -> None:
            self.send_response(answer.status)
            self.send_header("Content-Type", answer.kind)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            if isinstance(answer.body, bytes):
                if answer.status != 304 and "Content-Length" not in answer.headers:
                    self.send_header("Content-Length", str(len(answer.body)))
                self.end_headers()
                time.sleep(answer.pause)
                self.wfile.write(answer.body)
                return
            self.send_header("Connection", "close")
            self.end_headers()
            self._trickle(iter(answer.body), answer.pause)
            self.close_connection = True

        def _trickle(self, chunks: Iterator[bytes], pause: float) -> None:
            for chunk in chunks:
                self.wfile.write(chunk)
                self.wfile.flush()
                time.sleep(pause)

        def log_message(self, *_: object) -> None:
            pass

    return Handler
