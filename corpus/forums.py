"""Threads of forums: the first post is the article, and replies, rules and profiles are not."""

import re

from lxml.html import HtmlElement

from corpus.boilerplate import is_prose

_FORUM = re.compile(
    r"phpbb|discourse|xenforo|vbulletin|mybb|simple machines|\bsmf\b|nodebb|flarum"
    r"|\bxf\b|discussionforumposting",
    re.IGNORECASE,
)
# How forum software marks the words of a post, apart from its author, attachments and signature.
_WORDS_OF_A_POST = (
    "//*[contains(@class, 'postbody')]//*[@class='content']",
    "//*[@itemprop='text' or @itemprop='articleBody']",
    "//*[contains(@class, 'cooked')]",
    "//*[contains(@class, 'bbWrapper')]",
    "//*[starts-with(@id, 'post_message_')]",
    "//*[contains(@class, 'postcontent')]",
    "//*[contains(@class, 'post_body') or contains(@class, 'Post-body')]",
    "//*[starts-with(@id, 'msg_')]",
)


def keep_first_post(tree: HtmlElement) -> None:
    """Leave of a thread, in place, nothing but its first post; other pages stay as they are."""
    body = tree.find("body")
    if body is None or not _is_forum(tree, body):
        return
    posts = next((found for path in _WORDS_OF_A_POST if (found := tree.xpath(path))), None)
    if posts is None or not is_prose("".join((first := posts[0]).itertext())):
        return
    first.tail = None
    first.tag = "article"
    for child in list(body):
        body.remove(child)
    body.text = None
    body.append(first)


def _is_forum(tree: HtmlElement, body: HtmlElement) -> bool:
    """Whether a page says that it was made by the software of a forum."""
    marks = [e.get("content") or "" for e in tree.xpath("//meta[@name='generator']")]
    marks += [element.get(key) or "" for element in (tree, body) for key in ("id", "class", "data-app")]
    marks += tree.xpath("//@itemtype")[:20]
    return any(map(_FORUM.search, marks))
