"""What other programs' language models may call, over MCP: Gradio makes tools of two plain functions."""

from collections.abc import Iterator
from contextlib import contextmanager

import gradio as gr

from corpus.errors import ReexError
from rag.filters import read_filters
from rag.types import Answer, Question
from ui.api import Allowances, found, spend
from ui.asking import answer_to
from ui.frame import masthead, viewer
from ui.render import answer_tail, sentence_as_text
from ui.service import Service

_HOW = """
Add a remote server to a program that speaks MCP: this site's address with `/mcp` behind it, and an API key as
`Authorization: Bearer reex_…` where people must sign in. An administrator makes keys with `reex user key`.

| tool | gives |
| --- | --- |
| `ask` | an answer whose sentences are checked, with the passages that it cites |
| `search` | passages with their sources, best first; no language model is asked |

Both take `since`, `until` and `publishers` to narrow the articles.
"""


def build(service: Service, allowances: Allowances) -> gr.Blocks:
    """The tools, not yet served, below a page that says what they are."""

    def ask(
        question: str,
        request: gr.Request,
        since: str = "",
        until: str = "",
        publishers: str = "",
    ) -> str:
        """Answer a question from a corpus of articles on the rare-earth industry, with citations.

        Every sentence is checked against the passages that it cites; when the articles do not hold the
        answer, that is said. Ask one thing, in a whole sentence.

        Args:
            question: What to answer, in English or Chinese.
            since: Only articles published on or after this day, as YYYY-MM-DD.
            until: Only articles published on or before this day, as YYYY-MM-DD.
            publishers: Only articles of these publishers, separated by semicolons.
        """
        user = viewer(request)
        with _told():
            spend(allowances.questions, user)
            asked = Question(question, filters=read_filters(_filters(since, until, publishers)))
            return as_text(answer_to(service, user, asked))

    def search(
        query: str,
        request: gr.Request,
        k: int = 10,
        since: str = "",
        until: str = "",
        publishers: str = "",
    ) -> list[dict]:  # type: ignore[type-arg]  # as Gradio reads it
        """Find passages in a corpus of articles on the rare-earth industry, best first, each with its source.

        Args:
            query: What to look for, in English or Chinese.
            k: How many passages, 1 to 100.
            since: Only articles published on or after this day, as YYYY-MM-DD.
            until: Only articles published on or before this day, as YYYY-MM-DD.
            publishers: Only articles of these publishers, separated by semicolons.
        """
        with _told():
            spend(allowances.searches, viewer(request))
            with allowances.searching.one():
                return found(service, query, max(1, min(int(k), 100)), _filters(since, until, publishers))

    page: gr.Blocks
    with gr.Blocks(title="REEx Answers: tools") as page:
        masthead("/mcp/", "Tools for other programs", "Ask and search over the Model Context Protocol.")
        gr.Markdown(_HOW)
        for tool in (ask, search):
            gr.events.api(tool, api_name=tool.__name__, queue=False)
    return page


@contextmanager
def _told() -> Iterator[None]:
    """What fails as it may reaches the program as one sentence."""
    try:
        yield
    except ReexError as error:
        raise gr.Error(str(error), print_exception=False) from error


def as_text(answer: Answer) -> str:
    """An answer as a language model reads it best: marked sentences, then the passages."""
    shown = (sentence_as_text(s) for s in answer.sentences if s.support != "unsupported")
    return (" ".join(shown) + "\n" + answer_tail(answer)).strip()


def _filters(since: str, until: str, publishers: str) -> dict[str, object]:
    names = [name.strip() for name in publishers.split(";") if name.strip()]
    return {"since": since or None, "until": until or None, "publishers": names}
