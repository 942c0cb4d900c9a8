"""WordPress sites, through their REST interface: every post with its authors, categories and tags.

Each run lists the posts first, with nothing but their addresses and times of change, a hundred a request.
That tells what is new, what changed and what is gone. `modified_after` would save that list but not find
what is gone, and it misses posts that were written first and published later by the clock: WordPress
leaves their time of change as it was (its ticket 26980).
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import httpx

from corpus.article import Article
from corpus.errors import FetchError
from corpus.fetch import Fetcher, Page
from corpus.reading import Rejected
from corpus.sources.fragment import article_of, plain
from corpus.sources.pages import remember, rests, same_site, unchanged
from corpus.sources.source import Seen

_LISTED = 100  # the most that WordPress allows
_READ = 50
_MAX_PAGES = 10_000
_FIELDS = "id,link,date,modified,modified_gmt,title,content,_links,_embedded"
_NO_TOPIC = ("", "Uncategorized", "Uncategorised")


@dataclass(frozen=True)
class _Post:
    id: int
    url: str
    changed: str


class WordPress:
    """The posts of a WordPress site, or those of another type.

    Args:
        posts: where they are listed, such as https://example.org/wp-json/wp/v2/posts.
    """

    complete = True

    def __init__(self, posts: str, fetcher: Fetcher) -> None:
        self.name = posts
        self.describes = f"the WordPress posts at {posts}"
        self._fetcher = fetcher

    def has_articles(self) -> bool:
        """Whether there is such an interface, with something in it.

        Raises:
            CorpusError: it cannot be fetched, or is another thing.
        """
        posts, _ = self._get({"per_page": 1, "_fields": "id,link"})
        return bool(_posts(posts))

    def articles(self, state: dict[str, Any]) -> Iterator[Article | Seen | Rejected]:
        """Yield the posts; those whose time of change is the same as on the last run are only `Seen`.

        Raises:
            CorpusError: the posts cannot be listed.
        """
        known: dict[str, Any] = state.setdefault("posts", {})
        listed = self._list()
        publisher = self._site_name()
        for gone in known.keys() - {str(post_id) for post_id in listed}:
            del known[gone]
        changed = []
        for post in listed.values():
            memory = known.get(str(post.id))
            seems_same = memory and (memory["changed"], memory["url"]) == (post.changed, post.url)
            if memory and seems_same and rests(post.url, memory):
                yield from unchanged(memory, post.url)
            else:
                changed.append(post)
        for start in range(0, len(changed), _READ):
            yield from self._read(changed[start : start + _READ], publisher, known)

    def _list(self) -> dict[int, _Post]:
        listed, steady = self._list_once()
        if not steady:
            # A post that was deleted meanwhile moved the later ones over a page's edge, where they
            # would look deleted too.
            listed |= self._list_once()[0]
        return listed

    def _list_once(self) -> tuple[dict[int, _Post], bool]:
        """All posts by id, and whether their number stayed the same and is that of those listed."""
        listed: dict[int, _Post] = {}
        totals: set[int] = set()
        for number in range(1, _MAX_PAGES + 1):
            order = {"orderby": "id", "order": "asc", "_fields": "id,link,modified_gmt"}
            try:
                found, page = self._get({"per_page": _LISTED, "page": number, **order})
            except FetchError as error:
                if number > 1 and error.status == 400:  # past the end, where the headers are missing
                    break
                raise
            posts = {post.id: post for post in _posts(found)}
            more = posts.keys() - listed.keys()
            listed |= posts
            totals.add(_number(page.headers.get("x-wp-total", "")))
            # Without anything new, the site may take no notice of the page's number.
            if not more or number == _number(page.headers.get("x-wp-totalpages", "")):
                break
        return listed, totals in ({len(listed)}, {0})

    def _read(
        self, posts: Sequence[_Post], publisher: str, known: dict[str, Any]
    ) -> Iterator[Article | Rejected]:
        """Read these posts; when that fails, the halves, since one post can make the site fail."""
        try:
            found, _ = self._get(
                {
                    "include": ",".join(str(post.id) for post in posts),
                    "per_page": len(posts),
                    "_embed": "author,wp:term",
                    "_fields": _FIELDS,
                }
            )
        except FetchError as error:
            if len(posts) == 1:
                yield _noted(Rejected(posts[0].url, error.reason), posts[0], known)
                return
            half = len(posts) // 2
            yield from self._read(posts[:half], publisher, known)
            yield from self._read(posts[half:], publisher, known)
            return
        by_id = {fields.get("id"): fields for fields in found if isinstance(fields, dict)}
        for post in posts:
            if post.id in by_id:
                yield _noted(self._article(by_id[post.id], post.url, publisher), post, known)
            # else it was deleted since it was listed

    def _article(self, fields: Mapping[str, Any], url: str, publisher: str) -> Article | Rejected:
        if not same_site(url, self.name):
            return Rejected(url, f"belongs to another site than {self.name}")
        if _inside(fields, "content").get("protected") is True:
            return Rejected(url, "is protected by a password")
        embedded = _inside(fields, "_embedded")
        authors = [_text(author, "name") for author in _list_of(embedded.get("author"))]
        groups = [_list_of(group) for group in _as_list(embedded.get("wp:term"))]
        topics = [_text(term, "name") for group in groups for term in group]
        return article_of(
            str(_inside(fields, "content").get("rendered") or ""),
            url,
            title=_text(_inside(fields, "title"), "rendered"),
            author=", ".join(name for name in authors if name),
            publisher=publisher,
            published=_day(fields.get("date")),
            modified=_day(fields.get("modified")),
            topics=tuple(dict.fromkeys(topic for topic in topics if topic not in _NO_TOPIC)),
        )

    def _site_name(self) -> str:
        start, found, _ = self.name.partition("/wp/v2/")
        if not found:
            return ""
        try:
            page = self._fetcher.get(str(httpx.URL(f"{start}/").copy_merge_params({"_fields": "name"})))
            return _text(_json(page), "name")
        except FetchError:
            return ""

    def _get(self, query: Mapping[str, str | int]) -> tuple[list[Any], Page]:
        page = self._fetcher.get(str(httpx.URL(self.name).copy_merge_params(dict(query))))
        found = _json(page)
        if not isinstance(found, list):
            raise FetchError(self.name, "does not answer with a list of posts", "check the address")
        return found, page


def _noted(found: Article | Rejected, post: _Post, known: dict[str, Any]) -> Article | Rejected:
    memory = remember(found, post.changed, {}, known.get(str(post.id)))
    known[str(post.id)] = {**memory, "url": post.url}
    return found


def _json(page: Page) -> Any:
    try:
        return json.loads(page.body.decode("utf-8-sig", "replace"))
    except (ValueError, RecursionError) as error:
        raise FetchError(page.url, "does not answer with JSON", "check the address") from error


def _posts(found: list[Any]) -> list[_Post]:
    return [
        _Post(fields["id"], str(fields["link"]), str(fields.get("modified_gmt") or ""))
        for fields in _list_of(found)
        if isinstance(fields.get("id"), int) and isinstance(fields.get("link"), str)
    ]


def _inside(fields: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = fields.get(name)
    return value if isinstance(value, dict) else {}


def _as_list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _list_of(value: object) -> list[dict[str, Any]]:
    return [each for each in _as_list(value) if isinstance(each, dict)]


def _text(fields: object, name: str) -> str:
    value = fields.get(name) if isinstance(fields, dict) else None
    return plain(value) if isinstance(value, str) else ""


def _number(value: str) -> int:
    return int(value) if value.isdecimal() and len(value) < 10 else 0


def _day(value: object) -> date | None:
    try:
        return date.fromisoformat(str(value)[:10])
    except ValueError:
        return None
