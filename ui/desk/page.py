"""The staff desk's page: lays out and connects; what it shows comes from ``html``."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gradio as gr

from corpus.errors import ReexError
from corpus.fetch import Fetcher
from ui import background
from ui.desk import html, intake, posting
from ui.desk.queries import MOVES, Incoming, MeanwhileError
from ui.desk.workbench import View, Workbench
from ui.frame import masthead, viewer
from ui.service import Service

_DELETE_CACHE = (3600, 3600)  # s between looks and of age: Gradio's own copies of uploaded files
_LISTED = 200
_REFRESH_S = 20
_QUIET: dict[str, Any] = {"show_progress": "hidden"}
_SHOW, _HIDE = gr.update(visible=True), gr.update(visible=False)

Update = dict[Any, Any]


def build(service: Service) -> gr.Blocks:
    """The page, not yet served."""
    page: gr.Blocks
    with gr.Blocks(title="Desk · REEx Answers", fill_width=True, delete_cache=_DELETE_CACHE) as page:
        masthead("/desk/", "Desk", "Members’ queries, from the inbox to the forum.")
        _DeskPage(Workbench(service), service).connect(page)
    return page


class _DeskPage:
    """The widgets, and what happens when somebody uses them."""

    def __init__(self, bench: Workbench, service: Service):
        self._bench = bench
        self._service = service
        self.selected = gr.State("")
        self.number: gr.State = gr.State(None)  # the revision in the editor
        self.batch = gr.State("")
        self.status = gr.HTML(elem_id="desk-status", padding=False)
        with gr.Tabs(elem_id="desk-tabs"):
            with gr.Tab("Inbox", id="inbox"), gr.Row(elem_id="desk-columns", equal_height=False):
                with gr.Column(scale=2, min_width=300, elem_id="desk-left"):
                    self._lay_out_inbox()
                with gr.Column(scale=5, min_width=320, elem_id="desk-right"):
                    self._lay_out_query()
            with gr.Tab("Stale", id="stale") as self.stale_tab:
                gr.HTML(
                    "<p>Approved and posted answers whose evidence is not what it was.</p>", padding=False
                )
                self.stale = gr.HTML(elem_id="desk-stale", padding=False)
            with gr.Tab("Gaps", id="gaps") as self.gaps_tab:
                gr.HTML(
                    "<p>What was asked, at the desk and in the chat, and the corpus could not answer.</p>"
                )
                self.gaps = gr.HTML(elem_id="desk-gaps", padding=False)
        self.picked = gr.HTML(
            "",
            visible="hidden",
            js_on_load="window.reexDesk = (what, id) => trigger('select', {what: what, id: id});",
        )

    def _lay_out_inbox(self) -> None:
        counts = self._bench.desk.counts()
        self.state = gr.Radio(
            html.choices(counts), value="", label="State", show_label=False, elem_id="desk-state"
        )
        self.words = gr.Textbox(
            label="Search", placeholder="Search queries and answers", max_lines=1, elem_id="desk-words"
        )
        with gr.Row():
            self.all = gr.Button("Draft all new", elem_id="desk-draft-all", size="sm", min_width=110)
            self.halt = gr.Button(
                "Stop", elem_id="desk-stop", size="sm", variant="stop", min_width=80, visible=False
            )
        self.inbox = gr.HTML(elem_id="desk-inbox", padding=False)
        with gr.Accordion("Add queries", open=False, elem_id="desk-add"):
            self.paste = gr.Textbox(
                label="Paste one, or several with blank lines between them", lines=4, max_lines=12,
                elem_id="desk-paste",
            )  # fmt: skip
            self.take = gr.Button("Add to the inbox", elem_id="desk-take", size="sm")
            self.file = gr.UploadButton(
                "Upload CSV or JSONL",
                file_types=[".csv", ".tsv", ".txt", ".jsonl", ".json"],
                elem_id="desk-file",
                size="sm",
            )
            self.feed = gr.Dropdown(
                self._bench.desk.sources("http"),
                value="",
                label="Address of a forum’s RSS or Atom feed",
                allow_custom_value=True,
                elem_id="desk-feed",
            )
            self.read = gr.Button("Read the feed", elem_id="desk-read", size="sm")

    def _lay_out_query(self) -> None:
        with gr.Row(elem_id="desk-back-row"):
            self.back = gr.Button("Back to the inbox", size="sm", elem_id="desk-back", min_width=120)
        self.query = gr.HTML(elem_id="desk-query", padding=False)
        with gr.Column(visible=False, elem_id="desk-work") as self.work:
            self.alike = gr.HTML(elem_id="desk-alike", padding=False)
            with gr.Row(elem_id="desk-draft-row"):
                self.draft = gr.Button(
                    "Draft", elem_id="desk-draft", variant="primary", size="sm", min_width=90
                )
                self.remarks = gr.HTML(elem_id="desk-remarks", padding=False)
            self.conflict = gr.HTML(elem_id="desk-conflict", padding=False)
            with gr.Row(elem_id="desk-edit", equal_height=False):
                self.body = gr.Textbox(
                    label="Draft, in Markdown with [n] for sources",
                    lines=12,
                    max_lines=22,
                    elem_id="desk-body",
                    scale=1,
                    min_width=300,
                )
                with gr.Column(scale=1, min_width=300):
                    self.checks = gr.HTML(elem_id="desk-checks", padding=False)
            self.anyway = gr.Checkbox(
                False, label="Approve anyway", elem_id="desk-anyway", visible=False, container=False
            )
            self.reason = gr.Textbox(
                label="Reason, or the link of the post", max_lines=2, elem_id="desk-reason", visible=False
            )
            with gr.Row(elem_id="desk-moves"):
                self.save = _button("Save", "desk-save")
                self.moves = {
                    "review": _button("Send to review", "desk-review", "primary"),
                    "approve": _button("Approve", "desk-approve", "primary"),
                    "back": _button("Send back", "desk-send-back"),
                    "post": _button("Mark as posted", "desk-post", "primary"),
                    "reopen": _button("Reopen", "desk-reopen"),
                }
            self.evidence = gr.HTML(elem_id="desk-evidence", padding=False)
            with gr.Accordion("Post", open=False, elem_id="desk-export"):
                self.format = gr.Radio(
                    [(name, format) for format, name in posting.NAMES.items()],
                    value="markdown",
                    label="Format",
                    elem_id="desk-format",
                )
                self.post = gr.HTML(elem_id="desk-post-text", padding=False)
            with gr.Accordion("Earlier answers", open=False, elem_id="desk-earlier"):
                self.earlier_words = gr.Textbox(
                    label="Search approved answers", max_lines=1, elem_id="desk-earlier-words"
                )
                self.earlier = gr.HTML(elem_id="desk-earlier-list", padding=False)
            with gr.Accordion("History", open=False, elem_id="desk-history"):
                self.history = gr.HTML(padding=False)

    def connect(self, page: gr.Blocks) -> None:
        """Say what happens when."""
        listed = [self.state, self.inbox]
        asked = [self.state, self.words, self.selected]
        self._shown = [
            self.selected, self.number, self.status, self.query, self.work, self.alike, self.draft,
            self.remarks, self.conflict, self.body, self.checks, self.anyway, self.reason, self.save,
            *self.moves.values(), self.evidence, self.post, self.earlier, self.history, *listed,
        ]  # fmt: skip
        here = [self.selected, self.number, self.body]
        narrowed = [self.state, self.words, self.format]
        gr.on(
            [self.state.input, self.words.change],
            self._list,
            asked,
            listed,
            trigger_mode="always_last",
            **_QUIET,
        )
        self.picked.select(self._picked, narrowed, [*self._shown, self.stale_tab, self.stale], **_QUIET)
        # `change` and not `input`, which Gradio does not tell of a text that is pasted.
        self.body.change(
            self._check, here, [self.checks, self.evidence], trigger_mode="always_last", **_QUIET
        )
        self.format.input(self._post, [self.selected, self.format], self.post, **_QUIET)
        self.earlier_words.change(
            self._earlier,
            [self.selected, self.earlier_words],
            self.earlier,
            trigger_mode="always_last",
            **_QUIET,
        )
        self.draft.click(self._draft, [*here, *narrowed], self._shown, concurrency_limit=2, **_QUIET)
        self.save.click(self._save, [*here, *narrowed], self._shown, **_QUIET)
        for name, button in self.moves.items():
            button.click(
                self._mover(name), [*here, self.reason, self.anyway, *narrowed], self._shown, **_QUIET
            )
        added = [self.status, self.paste, self.feed, *listed]
        self.take.click(self._paste, [self.paste, *asked], added, **_QUIET)
        self.file.upload(self._file, [self.file, *asked], added, **_QUIET)
        self.read.click(self._feed, [self.feed, *asked], added, **_QUIET)
        running = [self.status, self.batch, self.all, self.halt, *listed]
        self.all.click(self._draft_all, asked, running, **_QUIET).then(self._list, asked, listed, **_QUIET)
        self.halt.click(background.stop, self.batch, None, queue=False, **_QUIET)
        self.stale_tab.select(self._alarms, None, [self.stale_tab, self.stale], **_QUIET)
        self.gaps_tab.select(self._gaps, None, self.gaps, **_QUIET)
        self.back.click(None, None, None, js="() => window.reexDeskBack()")
        page.load(self._load, narrowed, self._shown, **_QUIET)
        page.load(self._alarms, None, [self.stale_tab, self.stale], **_QUIET)
        gr.Timer(_REFRESH_S).tick(self._list, asked, listed, **_QUIET)

    # Showing

    def _list(self, state: str, words: str, selected: str) -> Update:
        desk = self._bench.desk
        found = desk.queries([state] if state else [], words, _LISTED + 1)
        return {
            self.state: gr.update(choices=html.choices(desk.counts())),
            self.inbox: html.inbox_html(found, selected, _LISTED),
        }

    def _load(self, state: str, words: str, format: posting.Format, request: gr.Request) -> Iterator[Update]:
        wanted = dict(request.query_params).get("query", "")
        try:
            yield self._open(wanted, state, words, format) if wanted else self._nothing(state, words)
            if wanted:
                yield self._alike(wanted)
        except ReexError as error:
            yield self._nothing(state, words) | self._said(str(error), failed=True)

    def _alike(self, id_: str) -> Update:
        query = self._bench.desk.query(id_)
        return {self.alike: html.alike_html(query, self._bench.alike(query))}

    def _nothing(self, state: str, words: str) -> Update:
        new = self._bench.desk.counts()["new"]
        return {
            self.selected: "",
            self.number: None,
            self.query: html.empty_html(new),
            self.work: _HIDE,
        } | self._list(state, words, "")

    def _open(self, id_: str, state: str, words: str, format: posting.Format, said: str = "") -> Update:
        """Everything about one query but what is like it; the editor gets its newest revision."""
        view = self._bench.view(id_)
        newest = view.newest
        cited = view.review.cited if view.review else ()
        body = newest.body if newest else ""
        number = newest.number if newest else None
        return {
            self.selected: id_,
            self.number: number,
            self.query: html.query_html(view.query),
            self.work: _SHOW,
            self.remarks: html.remarks_html(newest),
            self.conflict: "",
            self.body: gr.update(value=body, interactive=view.query.state not in ("approved", "posted")),
            self.checks: html.checks_html(view.review, number, saved=True),
            self.evidence: html.evidence_html(newest, view.hits, cited),
            self.post: html.post_html(view.query, newest, format),
            self.earlier: "",
            self.history: html.history_html(view.events, view.revisions),
        } | self._controls(view) | self._list(state, words, id_) | self._said(said)  # fmt: skip

    def _controls(self, view: View) -> Update:
        """The buttons that a query's state allows."""
        state = view.query.state
        is_open = state not in ("approved", "posted")
        wrong = bool(view.review and view.review.unsupported)
        label = {
            "in review": "Reason, where you send it back or approve it anyway",
            "approved": "Link of the post in the forum",
        }
        return {
            self.draft: gr.update(value="Draft again" if view.newest else "Draft", visible=is_open),
            self.save: gr.update(visible=is_open),
            self.anyway: gr.update(value=False, visible=state == "in review" and wrong),
            self.reason: gr.update(value="", label=label.get(state, ""), visible=state in label),
        } | {button: gr.update(visible=state in MOVES[name].before) for name, button in self.moves.items()}

    def _said(self, line: str, failed: bool = False) -> Update:
        return {self.status: html.status_html(line, failed)}

    def _check(self, id_: str, number: int | None, body: str) -> tuple[Any, Any]:
        """The text in the editor, checked while it is written."""
        if not id_:
            return gr.skip(), gr.skip()
        newest = self._bench.desk.newest([id_]).get(id_)
        hits = self._bench.hits(newest.answer) if newest else {}
        if newest is None and not body.strip():
            return html.checks_html(None, None, saved=True), ""
        review = self._bench.review(body, hits, self._bench.desk.query(id_))
        saved = newest is not None and newest.number == number and newest.body == body
        checks = html.checks_html(review, number, saved)
        return checks, html.evidence_html(newest, hits, review.cited)

    def _post(self, id_: str, format: posting.Format) -> str:
        if not id_:
            return ""
        desk = self._bench.desk
        return html.post_html(desk.query(id_), desk.newest([id_]).get(id_), format)

    def _earlier(self, id_: str, words: str) -> str:
        if not id_ or not words.strip():
            return ""
        return html.answers_html(self._bench.answers_with(words), self._bench.desk.query(id_))

    def _alarms(self) -> Update:
        found = self._bench.stale()
        label = f"Stale ({len(found)})" if found else "Stale"
        return {self.stale_tab: gr.update(label=label), self.stale: html.stale_html(found)}

    def _gaps(self) -> Iterator[str]:
        yield html.busy_html("Grouping what was asked …")
        yield html.gaps_html(self._bench.gaps())

    # Doing

    def _picked(
        self, state: str, words: str, format: posting.Format, event: gr.EventData, request: gr.Request
    ) -> Iterator[Update]:
        """A click on a query, or on a button in one of the lists."""
        what, id_, other = str(event.what), str(event.id), ""
        if what == "reuse":
            id_, _, other = id_.partition(" ")
        who = viewer(request)
        works: dict[str, Callable[[], object]] = {
            "reuse": lambda: self._bench.reuse(id_, other, who),
            "renew": lambda: self._bench.renew(id_, who),
            "keep": lambda: self._bench.keep(id_, who),
            "open": lambda: None,
        }
        said = {
            "reuse": "Reused, and checked against today’s corpus.",
            "renew": "Reopened with today’s evidence.",
            "keep": "Noted: it is still right.",
        }
        try:
            works.get(what, lambda: None)()
            yield self._open(id_, state, words, format, said.get(what, "")) | {self.alike: ""}
            yield self._alike(id_)
        except ReexError as error:
            yield self._said(str(error), failed=True)
        if what in ("renew", "keep"):
            yield self._alarms()

    def _draft(
        self, id_: str, number: int | None, body: str, state: str, words: str, format: posting.Format,
        request: gr.Request,
    ) -> Iterator[Update]:  # fmt: skip
        who = viewer(request)

        def work() -> None:
            newest = self._bench.desk.newest([id_]).get(id_)
            if body.strip() and (newest is None or newest.body != body):
                self._bench.save(id_, body, who, number)  # what was written by hand is not lost
            self._bench.draft(id_, who)

        yield self._said("Asking the corpus …") | {self.draft: gr.update(interactive=False)}
        yield self._doing(work, id_, body, state, words, format, "")
        yield {self.draft: gr.update(interactive=True)}

    def _save(
        self, id_: str, number: int | None, body: str, state: str, words: str, format: posting.Format,
        request: gr.Request,
    ) -> Update:  # fmt: skip
        work = lambda: self._bench.save(id_, body, viewer(request), number)  # noqa: E731
        return self._doing(work, id_, body, state, words, format, "Saved.")

    def _mover(self, name: str) -> Callable[..., Update]:
        def move(
            id_: str, number: int | None, body: str, reason: str, anyway: bool, state: str, words: str,
            format: posting.Format, request: gr.Request,
        ) -> Update:  # fmt: skip
            who = viewer(request)

            def work() -> object:
                seen = self._saved(id_, number, body, name, request)
                if name == "approve":
                    return self._bench.approve(id_, who, seen, reason if anyway else "")
                return self._bench.desk.move(id_, name, who, reason.strip(), seen=seen)

            said = f"{MOVES[name].what.capitalize()}."
            return self._doing(work, id_, body, state, words, format, said)

        return move

    def _saved(self, id_: str, number: int | None, body: str, name: str, request: gr.Request) -> int:
        """The number of the revision that holds the text in the editor; before a review it is saved."""
        newest = self._bench.desk.newest([id_]).get(id_)
        if newest and newest.number == number and newest.body == body:
            return newest.number
        if newest and newest.number != number and number is not None:
            raise MeanwhileError(newest)
        if name == "review":
            return self._bench.save(id_, body, viewer(request), number).number
        raise ReexError("The text has changes that are not saved: save them first.")

    def _doing(
        self, work: Callable[[], object], id_: str, body: str, state: str, words: str, format: posting.Format,
        said: str,
    ) -> Update:  # fmt: skip
        try:
            work()
        except MeanwhileError as error:
            # The text in the editor stays, and counts as an edit of theirs from now on.
            return self._said(str(error), failed=True) | {
                self.conflict: html.conflict_html(error.theirs, body),
                self.number: error.theirs.number,
            }
        except ReexError as error:
            return self._said(str(error), failed=True)
        return self._open(id_, state, words, format, said) | self._alike(id_)

    # Taking in

    def _paste(self, text: str, state: str, words: str, selected: str, request: gr.Request) -> Update:
        return self._take(lambda: intake.pasted(text), "pasted", (state, words, selected), request) | {
            self.paste: ""
        }

    def _file(self, path: str, state: str, words: str, selected: str, request: gr.Request) -> Update:
        name = Path(path).name
        read = lambda: intake.numbered_by_file(intake.read_file(Path(path)))  # noqa: E731
        return self._take(read, f"file {name}", (state, words, selected), request)

    def _feed(self, url: str, state: str, words: str, selected: str, request: gr.Request) -> Update:
        settings = self._service.settings

        def read() -> list[Incoming]:
            with Fetcher(private_hosts=settings.hosts_allowed, contact=settings.contact) as fetcher:
                return intake.from_feed(url.strip(), fetcher)

        return self._take(read, url.strip(), (state, words, selected), request) | {
            self.feed: gr.update(choices=self._bench.desk.sources("http"))
        }

    def _take(
        self, read: Callable[[], list[Incoming]], source: str, asked: tuple[str, ...], request: gr.Request
    ) -> Update:
        try:
            taken = self._bench.desk.take_in(read(), source, viewer(request))
        except ReexError as error:
            return self._said(str(error), failed=True)
        fresh = sum(item.is_new for item in taken)
        known = f", {len(taken) - fresh} known already" if fresh < len(taken) else ""
        return self._said(f"{_queries(fresh)} added{known}.") | self._list(*asked)

    def _draft_all(self, state: str, words: str, selected: str, request: gr.Request) -> Iterator[Update]:
        with background.stoppable() as (key, halt):
            yield {self.batch: key, self.all: gr.update(interactive=False), self.halt: _SHOW}
            for told in self._bench.draft_all(viewer(request), halt):
                yield {self.status: html.told_html(told)} | self._list(state, words, selected)
        yield {self.all: gr.update(interactive=True), self.halt: _HIDE}


def _queries(number: int) -> str:
    return f"{number} {'query' if number == 1 else 'queries'}"


def _button(text: str, elem_id: str, variant: Any = "secondary") -> gr.Button:
    return gr.Button(text, elem_id=elem_id, variant=variant, size="sm", min_width=110, visible=False)
