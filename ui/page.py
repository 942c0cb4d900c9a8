"""The chat page: connects what the browser asks for (``chat.js``) with what answers it.

The page is one `gr.HTML`, so that its looks and its keyboard are its own. Gradio carries an answer as it
grows, as the value of that component; all else is a call of one of its server functions. The server keeps
conversations, the page only the id of the one that it shows, and every call says who makes it: so nothing
is shared between two people, or two windows, that could be mixed up.
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any

import gradio as gr

from corpus.errors import ReexError, UsageError
from rag.about import companies_of, topics_of
from rag.filters import read_filters
from rag.types import Answer, Draft, Question, Retrieved
from ui import background, conversations, copying, evidence, sharing, suggest, thread, thumb
from ui.accounts import User
from ui.asking import Waiting, ask
from ui.conversations import Exchange
from ui.export import conversation_as_html
from ui.frame import masthead, viewer
from ui.service import Service
from ui.texts import Texts, texts_for

_log = logging.getLogger("reex")
_FRAME_S = 0.07  # at most some fourteen updates a second: more would only keep the browser busy
_DELETE_CACHE = (3600, 3600)  # s between looks and of age: Gradio's own copies of files
_SUGGESTED = 3
_STARTERS = 4
_FOR_SCRIPT = ("offline", "searching", "ask_here", "ask_more", "title_of", "remove", "since_day", "until_day")

Data = dict[str, Any]


@dataclass(frozen=True)
class Call:
    """Something that a browser asks for: who it is, in which language, and the details as it sent them."""

    service: Service
    user: User
    say: Texts
    data: Data

    def text(self, name: str) -> str:
        """A detail as text; empty when it is missing."""
        return str(self.data.get(name) or "")

    def number(self, name: str) -> int:
        """A detail as a number; 0 when it is none."""
        found = self.data.get(name)
        return int(found) if isinstance(found, int | float) else 0

    def exchange(self) -> Exchange:
        """The exchange that is meant."""
        return conversations.exchange(self.service.state, self.user.id, self.text("exchange"))


def build(service: Service) -> gr.Blocks:
    """The page, not yet served."""
    page: gr.Blocks
    script = Path(__file__).with_name("chat.js").read_text(encoding="utf-8")

    def respond(event: gr.EventData, request: gr.Request) -> Iterator[Data]:
        call = _call(service, event._data, request)
        try:
            yield from answering(call)
        except ReexError as error:
            yield {"error": str(error), "done": True}
        except Exception:  # noqa: BLE001  # whatever it was, the page must not wait for ever
            _log.exception("an answer failed")
            yield {"error": call.say("failed"), "done": True}

    with gr.Blocks(title="REEx Answers", fill_width=True, delete_cache=_DELETE_CACHE) as page:
        masthead("/", "REEx Answers", "")
        chat = gr.HTML(
            html_template='<div id="chat-root" aria-busy="true"></div>',
            js_on_load=script,
            apply_default_css=False,
            elem_id="chat-page",
            server_functions=[_function(service, name, work) for name, work in CALLS.items()],
        )
        chat.submit(
            respond,
            None,
            chat,
            show_progress="hidden",
            concurrency_limit=None,  # the line before the model is elsewhere: ui.turns
            trigger_mode="multiple",
            api_visibility="private",
        )
    return page


def _function(service: Service, name: str, work: Callable[[Call], Data]) -> Callable[..., Data]:
    """A server function of the page: what it gives, or one sentence on why it gives nothing."""

    def function(data: Any, request: gr.Request) -> Data:
        try:
            return work(_call(service, data, request))
        except ReexError as error:
            return {"error": str(error)}

    function.__name__ = name
    return function


def _call(service: Service, data: Any, request: Any) -> Call:
    # Server functions get FastAPI's own request, events Gradio's.
    request = request if isinstance(request, gr.Request) else gr.Request(request)
    texts = texts_for(request.cookies, request.headers)
    return Call(service, viewer(request), texts, data if isinstance(data, dict) else {})


# An answer


def answering(call: Call) -> Iterator[Data]:
    """Answer a question in steps, each what the page is to show of the exchange.

    The question is kept before its answer begins, and the answer before its last step. Closing the iterator
    ends the work on it.

    Raises:
        UsageError: there is no such conversation or answer, or filters cannot be read.
    """
    exchange = _to_answer(call)
    state, say, user_id = call.service.state, call.say, call.user.id
    turn = exchange.number
    before = conversations.turns(state, user_id, exchange.conversation_id, turn)
    question = Question(exchange.question, before, exchange.filters)
    last, cited, body = 0.0, 0, evidence.searching_html(say)
    with background.stoppable() as (key, halt), ExitStack() as at_last:
        shown: Data = {"conversation": exchange.conversation_id, "exchange": exchange.id, "turn": turn}
        shown |= {"key": key, "panel": "", "after": "", "done": False}
        shown["asked"] = thread.asked_html(exchange.question, exchange.filters, say)
        yield (shown := shown | {"body": body})
        try:
            # Whoever asks for an answer once more wants another one.
            steps = ask(call.service, call.user, question, fresh=bool(call.text("exchange")))
            at_last.callback(steps.close)  # frees the place in line
            for event in steps:
                if halt.is_set():
                    return
                if isinstance(event, Waiting):
                    place = say("waiting", n=event.position, seconds=round(event.seconds))
                    shown = shown | {"body": evidence.status_html(place) if event.position else body}
                elif isinstance(event, Retrieved):
                    body = evidence.reading_html(event, say)
                    shown = shown | {"body": body, "panel": evidence.found_panel(event.hits, say)}
                elif isinstance(event, Draft):
                    if monotonic() - last < _FRAME_S:
                        continue
                    last = monotonic()
                    body = evidence.draft_html(event, turn, say)
                    shown = shown | {"body": body}
                    if len(event.citations) > cited:
                        cited = len(event.citations)
                        shown["panel"] = evidence.draft_panel(event.citations, turn, say)
                else:
                    shown = shown | _answered(call, exchange, event)
                yield shown
        except ReexError as error:
            yield shown | _failed(call, exchange, str(error))


def _to_answer(call: Call) -> Exchange:
    """The exchange that is to be answered: a new one, or one that is answered again."""
    state, user_id = call.service.state, call.user.id
    if call.text("exchange"):
        return call.exchange()
    text = call.text("text").strip()
    if not text:
        raise UsageError("The question is empty: type what you want to know.")
    filters = read_filters(call.data.get("filters"))
    conversation = call.text("conversation") or conversations.start(state, user_id, text).id
    return conversations.append(state, user_id, conversation, text, filters)


def _answered(call: Call, exchange: Exchange, answer: Answer) -> Data:
    conversations.complete(call.service.state, call.user.id, exchange.id, answer)
    told = conversations.exchange(call.service.state, call.user.id, exchange.id)
    return {
        "body": thread.body_html(told, call.say),
        "after": _after(call, told),
        "panel": evidence.cited_panel(answer, {}, exchange.number, say=call.say),
        "done": True,
    }


def _failed(call: Call, exchange: Exchange, why: str) -> Data:
    if exchange.answer is None:
        conversations.complete(call.service.state, call.user.id, exchange.id, None, why)
    now = conversations.exchange(call.service.state, call.user.id, exchange.id)
    return {"body": evidence.error_html(why), "after": _after(call, now), "done": True}


def _after(call: Call, exchange: Exchange) -> str:
    links = sharing.links(call.service.state, call.user.id, exchange.conversation_id)
    return thread.after_html(exchange, call.say, links.get(exchange.id, ""))


# Server functions


def begin(call: Call) -> Data:
    """The page for who has just come, with the conversation that its address names."""
    index = call.service.chain.retriever.index
    lists = (index.catalogue.publishers(), sorted(topics_of(index)), companies_of(index))
    shell: Data = {"shell": thread.shell_html(call.say, *lists), "language": call.say.language}
    shell["texts"] = {name: call.say(name) for name in _FOR_SCRIPT}
    return shell | open_one(call) | rail(call)


def rail(call: Call) -> Data:
    """The list of conversations, or of those in which some words are found."""
    words, west = call.text("words"), call.number("minutes_west")
    found = conversations.listed(call.service.state, call.user.id, words)
    west = max(-900, min(900, west))
    return {"rail": thread.rail_html(found, call.say, call.text("conversation"), words, west)}


def open_one(call: Call) -> Data:
    """A conversation, or, when none is named or it is gone, what stands where nothing was asked yet."""
    state, say = call.service.state, call.say
    span = call.service.chain.retriever.index.catalogue.span()
    nothing: Data = {"conversation": "", "title": "", "thread": thread.welcome_html(say, span)}
    nothing |= {"panel": evidence.empty_panel(say), "turn": -1}
    if not call.text("conversation"):
        return nothing
    try:
        found = conversations.find(state, call.user.id, call.text("conversation"))
        said = conversations.load(state, call.user.id, found.id)
    except UsageError as error:
        return nothing | {"error": str(error)}
    answered = [exchange for exchange in said if exchange.answer]
    shown = (
        _panel(call, answered[-1], len(said))
        if answered
        else {"panel": evidence.empty_panel(say), "turn": -1}
    )
    html = thread.thread_html(said, say, sharing.links(state, call.user.id, found.id))
    return {"conversation": found.id, "title": found.title, "thread": html} | shown


def rename(call: Call) -> Data:
    """Another title for a conversation."""
    conversations.rename(call.service.state, call.user.id, call.text("conversation"), call.text("title"))
    found = conversations.find(call.service.state, call.user.id, call.text("conversation"))
    return {"title": found.title}


def delete(call: Call) -> Data:
    """Away with a conversation."""
    conversations.delete(call.service.state, call.user.id, call.text("conversation"))
    return {}


def passages(call: Call) -> Data:
    """The evidence of an answer, with a passage shown in its article when a number is given."""
    return _panel(call, _at(call), call.number("last"), call.number("n"))


def _panel(call: Call, exchange: Exchange, last: int, n: int = 0) -> Data:
    answer = exchange.answer
    if answer is None:
        return {"panel": evidence.empty_panel(call.say), "turn": exchange.number}
    ids = {citation.article_id for citation in answer.citations if citation.n == n}
    articles = call.service.chain.retriever.index.catalogue.articles(ids)
    asked = exchange.question if exchange.number < last - 1 else ""
    panel = evidence.cited_panel(answer, articles, exchange.number, n, asked, call.say)
    return {"panel": panel, "turn": exchange.number}


def preview(call: Call) -> Data:
    """One passage in short."""
    answer = _at(call).answer
    cited = [c for c in answer.citations if c.n == call.number("n")] if answer else []
    return {"html": evidence.preview_html(cited[0], call.say) if cited else ""}


def _at(call: Call) -> Exchange:
    return conversations.at(call.service.state, call.user.id, call.text("conversation"), call.number("turn"))


def judge(call: Call) -> Data:
    """A thumb, and what is said for it."""
    verdict = max(-1, min(1, call.number("verdict")))
    exchange = thumb.judge(call.service, call.user.id, call.text("exchange"), verdict, call.text("reason"))
    return {"verdict": exchange.verdict, "thanks": call.say("thanks")}


def copy(call: Call) -> Data:
    """An answer as text to take along."""
    exchange = call.exchange()
    if exchange.answer is None:
        return {"text": ""}
    form = call.text("form")
    if form == "references":
        return {"text": copying.as_bibtex(exchange.answer), "said": call.say("copied")}
    made = copying.as_markdown if form == "markdown" else copying.as_plain
    return {"text": made(exchange.question, exchange.answer), "said": call.say("copied")}


def share(call: Call) -> Data:
    """A link to an answer."""
    link = sharing.share(call.service.state, call.user.id, call.text("exchange"))
    return {"link": link, "said": call.say("shared"), "html": thread.shared_html(link, call.say)}


def unshare(call: Call) -> Data:
    """Take back what was shared of an exchange."""
    sharing.unshare(call.service.state, call.user.id, call.text("exchange"))
    return {"said": call.say("unshared")}


def export(call: Call) -> Data:
    """A conversation as one HTML document."""
    found = conversations.find(call.service.state, call.user.id, call.text("conversation"))
    said = conversations.load(call.service.state, call.user.id, found.id)
    html = conversation_as_html(found.title, [exchange for exchange in said if exchange.answer])
    return {"html": html, "name": f"reex-{found.created_at:%Y-%m-%d}.html"}


def starters(call: Call) -> Data:
    """Questions to begin with."""
    found = suggest.starters(call.service.chain, _STARTERS, call.say.language)
    return {"html": thread.suggestions_html(found, call.say("try"))}


def follow_ups(call: Call) -> Data:
    """Questions to go on with after an answer."""
    answer = call.exchange().answer
    found = suggest.follow_ups(call.service.chain, answer, _SUGGESTED) if answer else []
    return {"html": thread.suggestions_html(found, call.say("follow_up"))}


def stop(call: Call) -> Data:
    """End the work on an answer, which only its page has the key of."""
    background.stop(call.text("key"))
    if not (exchange := call.exchange()).answer:
        said = call.say("stopped")
        conversations.complete(call.service.state, call.user.id, exchange.id, None, said)
    now = conversations.exchange(call.service.state, call.user.id, exchange.id)
    return {"after": _after(call, now), "said": call.say("stopped")}


CALLS: dict[str, Callable[[Call], Data]] = {
    work.__name__: work
    for work in (
        begin,
        rail,
        open_one,
        rename,
        delete,
        passages,
        preview,
        judge,
        copy,
        share,
        unshare,
        export,
        starters,
        follow_ups,
        stop,
    )
}
"""What a browser may call, by name."""
