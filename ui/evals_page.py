"""The Evals page: start a run, watch and stop it, read a run, set it beside an older one."""

import html
import threading
from collections.abc import Callable, Iterator
from typing import Any

import gradio as gr

from corpus.errors import ReexError
from evals import feedback
from evals.report import as_html
from evals.run import REEX, RETRIEVAL, Run, list_runs, read_run, run
from evals.suite import suite_names
from evals.text import listing
from rag.settings import Settings
from ui.background import stop as ask_to_end
from ui.background import stoppable, told_by
from ui.frame import masthead
from ui.service import Service

_NONE = "nothing"


def build(service: Service) -> gr.Blocks:
    """The page, not yet served."""
    page: gr.Blocks
    with gr.Blocks(title="Evals · REEx Answers", fill_width=True) as page:
        masthead("/evals/", "Evals", "How well questions are answered, measured over suites.")
        _build(service.settings, page)
    return page


def _build(settings: Settings, blocks: gr.Blocks) -> None:
    with gr.Row(elem_id="evals-start"):
        suite = gr.Dropdown(suite_names(), value="smoke", label="Suite", min_width=170)
        system = gr.Dropdown(
            [("answers", REEX), ("retrieval only", RETRIEVAL)],
            value=RETRIEVAL,
            label="What to measure",
            min_width=170,
        )
        limit = gr.Number(0, label="At most so many cases, 0 for all", precision=0, minimum=0, min_width=170)
        start = gr.Button("Run", elem_id="evals-run", variant="primary", min_width=90, scale=0)
        stop = gr.Button("Stop", elem_id="evals-stop", variant="stop", min_width=90, scale=0, visible=False)
    status = gr.Markdown(elem_id="evals-status")
    reported = gr.Markdown(elem_id="evals-reported")
    with gr.Row(equal_height=True):
        shown = gr.Dropdown([], label="Show", elem_id="evals-shown", min_width=260, scale=3)
        before = gr.Dropdown([_NONE], value=_NONE, label="Beside", min_width=260, scale=3)
    page = gr.HTML(elem_id="evals-report")
    running = gr.State("")

    def names(chosen: str | None = None) -> tuple[Any, Any]:
        known = list_runs(settings)[::-1]
        return (
            gr.update(choices=known, value=chosen or (known[0] if known else None)),
            gr.update(choices=[_NONE, *known]),
        )

    def execute(name: str, asked: str, most: float | None) -> Iterator[Any]:
        done = ""
        with stoppable() as (key, halt):
            yield {
                start: gr.update(visible=False),
                stop: gr.update(visible=True, interactive=True),
                status: "Reading the articles.",
                running: key,
            }
            for word in watch(name, settings, asked, int(most) if most else None, halt):
                if isinstance(word, Run):
                    done = word.name
                    yield {status: f"{'Finished' if word.config['finished'] else 'Stopped'}: {listing(word)}"}
                else:
                    yield {status: word}
        choices, others = names(done or None)
        yield {
            start: gr.update(visible=True),
            stop: gr.update(visible=False),
            shown: choices,
            before: others,
        }

    def end(key: str) -> Any:
        ask_to_end(key)
        return gr.update(interactive=False)

    changed = [start, stop, status, running, shown, before]
    start.click(execute, [suite, system, limit], changed, show_progress="hidden")
    stop.click(end, running, stop, show_progress="hidden", queue=False)
    gr.on(
        [shown.change, before.change],
        lambda one, other: frame(one, other, settings),
        [shown, before],
        page,
        show_progress="hidden",
    )
    blocks.load(names, None, [shown, before])
    blocks.load(lambda: _waiting(settings), None, reported)


def _waiting(settings: Settings) -> str:
    count = len(feedback.waiting(settings))
    if not count:
        return ""
    answers = "One answer that a reader disliked waits" if count == 1 else f"{count} disliked answers wait"
    return f"{answers} for review: `reex eval review` shows them and takes them into the suite feedback."


def watch(
    name: str, settings: Settings, system: str, limit: int | None, halt: threading.Event
) -> Iterator[str | Run]:
    """Run a suite in a thread: words about how far it is, and at last the run, or what went wrong.

    Once ``halt`` is set, the run ends after the case that is being asked, and can be resumed.
    """

    def work(tell: Callable[[str | Run], None]) -> None:
        try:
            made = run(
                name,
                settings,
                system=system,
                limit=limit,
                stopped=halt.is_set,
                progress=lambda done, total: tell(f"{name}: {done} of {total} cases."),
            )
        except ReexError as error:
            tell(f"The run failed: {error}")
        else:
            tell(made)

    return told_by(work)


def frame(name: str | None, before: str | None, settings: Settings) -> str:
    """The report of a run, walled off from the page: its styles and scripts stay its own."""
    if not name:
        return "<p>There is no run yet: choose a suite and run it.</p>"
    try:
        found = read_run(name, settings)
        older = read_run(before, settings) if before and before not in (_NONE, name) else None
        past = [read_run(known, settings) for known in list_runs(settings)]
        text = as_html(found, older, past)
    except ReexError as error:
        return f"<p>{html.escape(str(error))}</p>"
    return (
        f'<iframe title="Report of {html.escape(name)}" sandbox="allow-scripts" '
        f'style="width:100%;height:75vh;border:1px solid var(--reex-line);border-radius:10px" '
        f'srcdoc="{html.escape(text)}"></iframe>'
    )
