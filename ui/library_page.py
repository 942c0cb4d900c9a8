"""The Library page: how the corpus stands, its articles, one of them whole, and a way to add more."""

import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gradio as gr

from corpus.catalogue import Catalogue, Record
from corpus.errors import ReexError, UsageError
from corpus.reading import SUFFIXES
from rag.chain import AnswerChain
from rag.filters import read_filters
from rag.index import Index
from rag.settings import Settings
from ui import adding, background, library
from ui.frame import masthead
from ui.service import Service

_ANY = ""
_DELETE_CACHE = (3600, 3600)  # s between looks and of age: Gradio's own copies of uploaded files
_STATES = [("All", _ANY), ("In the corpus", "active"), ("Retired", "retired")]


def build(service: Service) -> gr.Blocks:
    """The page, not yet served."""
    page: gr.Blocks
    with gr.Blocks(title="Library · REEx Answers", fill_width=True, delete_cache=_DELETE_CACHE) as page:
        masthead("/library/", "Library", "The articles that answers come from.")
        _build(service.chain, service.settings, page)
    return page


def _build(chain: AnswerChain, settings: Settings, page: gr.Blocks) -> None:
    index = chain.retriever.index
    health = gr.HTML(elem_id="library-health")
    with gr.Accordion("Add articles", open=False, elem_id="library-add"):
        with gr.Row():
            address = gr.Textbox(
                label="Web address of a site, feed or page",
                placeholder="https://",
                max_lines=1,
                scale=4,
                elem_id="library-address",
            )
            add = gr.Button("Add", elem_id="library-add-address", scale=0, min_width=90)
            files = gr.UploadButton(
                "Upload files",
                file_count="multiple",
                file_types=list(SUFFIXES),
                elem_id="library-upload",
                scale=0,
                min_width=140,
            )
        gr.HTML(f"<p>Files: {', '.join(SUFFIXES)}. What is added is read again at every later update.</p>")
    with gr.Row(elem_id="library-adding"):
        status = gr.HTML(elem_id="library-status")
        stop = gr.Button(
            "Stop", elem_id="library-stop", variant="stop", size="sm", scale=0, min_width=100, visible=False
        )
    running = gr.State("")
    with gr.Column(elem_id="library-list") as listing:
        with gr.Row(elem_id="library-filters"):
            words = gr.Textbox(
                label="Search",
                placeholder="Words of title or text",
                max_lines=1,
                elem_id="library-words",
                scale=3,
                min_width=180,
            )
            publisher = gr.Dropdown([("All", _ANY)], value=_ANY, label="Publisher", scale=2, min_width=150)
            topic = gr.Dropdown([("All", _ANY)], value=_ANY, label="Topic", scale=2, min_width=130)
            state = gr.Dropdown(
                _STATES, value=_ANY, label="State", elem_id="library-state", scale=1, min_width=130
            )
            since = _day("From", "library-since")
            until = _day("Until", "library-until")
        table = gr.HTML(elem_id="library-table")
        with gr.Row(elem_id="library-pages"):
            back = gr.Button("Previous", size="sm", min_width=90, scale=0, elem_id="library-previous")
            where = gr.HTML(elem_id="library-where")
            forth = gr.Button("Next", size="sm", min_width=90, scale=0, elem_id="library-next")
    with gr.Column(elem_id="library-article", visible=False) as reader:
        close = gr.Button("Back to the list", size="sm", scale=0, min_width=140, elem_id="library-close")
        article = gr.HTML(elem_id="library-text")
    number = gr.State(1)
    picked = gr.HTML(
        "",
        visible="hidden",
        js_on_load="window.reexOpen = (id) => trigger('select', {id: id});",
    )

    asked = [words, publisher, topic, state, since, until]
    listed = [table, where, back, forth, number]

    def show(page: int, *wanted: str) -> tuple[Any, ...]:
        try:
            found, told = find(index.catalogue, *wanted)
        except ReexError as error:
            off = gr.update(interactive=False)
            return library.status_html([str(error)], failed=True), "", off, off, 1
        leaf = library.leaf(found, page)
        return (
            library.list_html(leaf, told),
            library.where_html(leaf),
            gr.update(interactive=leaf.number > 1),
            gr.update(interactive=leaf.number < leaf.pages),
            leaf.number,
        )

    def overview() -> tuple[Any, ...]:
        counts = index.catalogue.counts()
        run = json.loads(index.catalogue.fact("last_run") or "null")
        html = library.health_html(counts, run, list(index.catalogue.failures().values()))
        all_of = [("All", _ANY)]
        return (
            html,
            gr.update(choices=all_of + list(library.choices(counts["publishers"]))),
            gr.update(choices=all_of + list(library.choices(counts["topics"]))),
        )

    def open_one(event: gr.EventData) -> tuple[Any, ...]:
        return gr.update(visible=False), gr.update(visible=True), read(index, str(event.id))

    def add_address(given: str) -> Iterator[Any]:
        yield from follow(lambda halt: adding.add_address(given, settings, halt))

    def add_files(given: list[str] | None) -> Iterator[Any]:
        paths = [Path(path) for path in given or ()]
        yield from follow(lambda halt: adding.add_files(paths, settings, halt))

    def follow(begin: Callable[[threading.Event], Iterator[adding.Progress]]) -> Iterator[Any]:
        with background.stoppable() as (key, halt):
            yield {running: key, stop: gr.update(value="Stop", interactive=True, visible=True)} | ready(False)
            for word in begin(halt):
                yield {status: library.status_html(word.lines, word.failed)}
        yield {stop: gr.update(visible=False)} | ready(True)

    def ready(yes: bool) -> dict[Any, Any]:
        return {field: gr.update(interactive=yes) for field in (address, add, files)}

    def end(key: str) -> Any:
        background.stop(key)
        return gr.update(value="Stopping …", interactive=False)

    quiet: dict[str, Any] = {"show_progress": "hidden"}
    first = [lambda *wanted: show(1, *wanted), asked, listed]
    gr.on([words.change, since.submit, until.submit], *first, trigger_mode="always_last", **quiet)
    gr.on([c.change for c in (publisher, topic, state)] + [since.blur, until.blur], *first, **quiet)
    back.click(lambda page, *wanted: show(page - 1, *wanted), [number, *asked], listed, **quiet)
    forth.click(lambda page, *wanted: show(page + 1, *wanted), [number, *asked], listed, **quiet)
    picked.select(open_one, None, [listing, reader, article], **quiet)
    close.click(lambda: (gr.update(visible=True), gr.update(visible=False)), None, [listing, reader], **quiet)
    page.load(overview, None, [health, publisher, topic], **quiet)
    page.load(show, [number, *asked], listed, **quiet)
    stop.click(end, running, stop, queue=False, **quiet)
    changed = [status, stop, running, address, add, files]
    for run in (
        gr.on([add.click, address.submit], add_address, address, changed, **quiet),
        files.upload(add_files, files, changed, **quiet),
    ):
        run.then(overview, None, [health, publisher, topic], **quiet).then(
            show, [number, *asked], listed, **quiet
        )


def _day(label: str, elem_id: str) -> gr.Textbox:
    return gr.Textbox(
        label=label, placeholder="YYYY-MM-DD", max_lines=1, scale=1, min_width=120, elem_id=elem_id
    )


def find(
    catalogue: Catalogue, words: str, publisher: str, topic: str, state: str, since: str, until: str
) -> tuple[list[Record], Counter[str]]:
    """The articles that the fields of the page ask for, the newest first, and how many tell each story.

    Empty fields leave nothing out.

    Raises:
        UsageError: a date is none.
    """
    days = read_filters({"since": since.strip() or None, "until": until.strip() or None})
    wanted = library.Wanted(days.since, days.until, publisher or None, topic or None, _state(state))
    records = list(catalogue.records())
    found = [record for record in records if wanted.fits(record)]
    if words.strip():
        ids = catalogue.mentioning(words.split())
        found = [record for record in found if record.entry.article_id in ids]
    return found, library.stories(records)


def _state(name: str) -> Any:
    return name if name in ("active", "retired") else None


def read(index: Index, article_id: str) -> str:
    """One article as HTML, or why it cannot be shown."""
    try:
        index.refresh()
        catalogue = index.catalogue
        records = list(catalogue.records())
        record = next((r for r in records if r.entry.article_id == article_id), None)
        if record is None:
            raise UsageError("The corpus does not know this article any more: reload the page.")
        return library.article_html(
            record,
            catalogue.at([record.entry.wanted])[record.entry.wanted].text,
            index.passages_of(record.speaker),
            catalogue.addresses(article_id),
            catalogue.history(record.article.url),
            library.stories(records)[record.story],
        )
    except ReexError as error:
        return library.status_html([str(error)], failed=True)
