"""The chat page: lays out and connects; what it shows comes from ``ui.evidence``."""

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from time import monotonic
from typing import Any

import gradio as gr
from gradio.components.navbar import Navbar

from corpus.errors import ReexError, UsageError
from corpus.reading import MAX_FILE_BYTES
from rag.chain import AnswerChain
from rag.settings import Settings
from rag.types import Draft, Question, Retrieved
from ui import evals_page, evidence, library_page, refresh, thumb
from ui.conversation import Exchange, turns_of

_HERE = Path(__file__).parent
_FRAME_S = 0.07  # at most some fourteen updates a second: more would only keep the browser busy

_DELETE_CACHE = (3600, 3600)  # s between looks and of age: Gradio's own copies of uploaded files

_WELCOME = "Ask about companies, policy, prices or technology. Every sentence shows its source."

EXAMPLES = (
    "What did Baogang commit to under the 15th Five-Year Plan?",
    "What price floor did the Pentagon give MP Materials?",
    "How much NdPr did Lynas produce in the December 2025 quarter?",
    "包钢在2025年5月的会议上承诺了什么？",
)


Message = dict[str, str]
Update = tuple[list[Message], list[Exchange], str]
"""What one step of answering changes: the chat, the memory, the panel."""


def respond(
    chain: AnswerChain, text: str, messages: list[Message], memory: list[Exchange]
) -> Iterator[Update]:
    """Answer a message of the chat, in steps."""
    turn = len(memory)
    shown = [*messages, {"role": "user", "content": evidence.question_html(text)}]
    panel = evidence.empty_panel()

    def frame(html: str, exchanges: list[Exchange] = memory) -> Update:
        return [*shown, {"role": "assistant", "content": html}], exchanges, panel

    yield frame(evidence.searching_html())
    last = 0.0
    try:
        for event in chain.stream(Question(text, turns_of(memory))):
            if isinstance(event, Retrieved):
                panel = evidence.found_panel(event.hits)
                yield frame(evidence.reading_html(event))
            elif isinstance(event, Draft):
                if monotonic() - last >= _FRAME_S:
                    last = monotonic()
                    yield frame(evidence.draft_html(event, turn))
            else:
                panel = evidence.cited_panel(event, {}, turn)
                yield frame(evidence.answer_html(event, turn, text), [*memory, Exchange(text, event)])
    except ReexError as error:
        yield frame(evidence.error_html(str(error)), [*memory, Exchange(text, None)])


def show_passage(chain: AnswerChain, memory: list[Exchange], turn: int, n: int) -> str:
    """The panel with one cited passage shown in its article."""
    answer = memory[turn].answer if 0 <= turn < len(memory) else None
    if answer is None:
        return evidence.empty_panel()
    ids = {citation.article_id for citation in answer.citations}
    articles = chain.retriever.index.catalogue.articles(ids)
    return evidence.cited_panel(answer, articles, turn, selected=n)


def build_page(chain: AnswerChain, settings: Settings) -> gr.Blocks:
    """The page, not yet served."""
    span = chain.retriever.index.catalogue.span()
    page: gr.Blocks
    with gr.Blocks(title="REEx Answers", fill_width=True, delete_cache=_DELETE_CACHE) as page:
        memory = gr.State([])
        Navbar(main_page_name="Ask")
        gr.HTML(_masthead(span.articles, span.newest), elem_id="masthead")
        with gr.Row(elem_id="columns", equal_height=False):
            with gr.Column(scale=3, min_width=320):
                chat = gr.Chatbot(
                    elem_id="chat",
                    height="calc(100vh - 350px)",
                    min_height=320,
                    show_label=False,
                    buttons=[],
                    feedback_options=thumb.OPTIONS,
                    placeholder=_WELCOME,
                )
                wrong = thumb.build(chat, memory, settings)
                with gr.Row(elem_id="composer"):
                    box = gr.Textbox(
                        elem_id="question",
                        placeholder="Ask a question…",
                        label="Question",
                        show_label=False,
                        max_lines=6,
                        scale=6,
                        autofocus=True,
                    )
                    send = gr.Button("Ask", elem_id="send", variant="primary", scale=1, min_width=70)
                    stop = gr.Button(
                        "Stop", elem_id="stop", variant="stop", scale=1, min_width=70, visible=False
                    )
                    clear = gr.Button("Clear", elem_id="clear", scale=1, min_width=70)
                with gr.Row(elem_id="examples") as examples:
                    buttons = [gr.Button(text, size="sm") for text in EXAMPLES]
            with gr.Column(scale=2, min_width=320):
                panel = gr.HTML(evidence.empty_panel(), elem_id="evidence")
        picked = gr.HTML(
            "",
            visible="hidden",
            js_on_load="window.reexShow = (turn, n) => trigger('select', {turn: turn, n: n});",
        )

        def answer(text: str, messages: list[Message], exchanges: list[Exchange]) -> Iterator[Any]:
            if not text.strip():
                gr.Info("Type a question first.")
                yield [gr.skip()] * 7
                return
            busy = {
                send: gr.update(visible=False),
                stop: gr.update(visible=True),
                examples: gr.update(visible=False),
            }
            first = True
            for shown, kept, html in respond(chain, text, messages, exchanges):
                update: dict[Any, Any] = {chat: shown, memory: kept, panel: html}
                yield update | ({box: ""} | busy if first else {})
                first = False
            yield {send: gr.update(visible=True), stop: gr.update(visible=False)}

        outputs = [chat, memory, panel, box, send, stop, examples]
        runs: list[Any] = [
            trigger(answer, [box, chat, memory], outputs, show_progress="hidden", concurrency_limit=2)
            for trigger in (box.submit, send.click)
        ]
        for button in buttons:
            runs.append(
                button.click(
                    answer, [button, chat, memory], outputs, show_progress="hidden", concurrency_limit=2
                )
            )

        def ready() -> tuple[Any, Any]:
            return gr.update(visible=True), gr.update(visible=False)

        stop.click(ready, None, [send, stop], cancels=runs, queue=False)

        def forget() -> tuple[Any, ...]:
            hidden = gr.update(visible=False)
            return [], [], evidence.empty_panel(), "", *ready(), gr.update(visible=True), hidden

        clear.click(forget, None, [*outputs, wrong], cancels=runs, queue=False)

        def pick(exchanges: list[Exchange], event: gr.EventData) -> str:
            return show_passage(chain, exchanges, int(event.turn), int(event.n))

        picked.select(pick, memory, panel, show_progress="hidden", queue=False)
    with page.route("Evals", "/evals") as route:
        gr.HTML(
            "<h1>Evals</h1><p>How well questions are answered, measured over suites.</p>", elem_id="masthead"
        )
        evals_page.build(settings, route)
    with page.route("Library", "/library") as route:
        gr.HTML("<h1>Library</h1><p>The articles that answers come from.</p>", elem_id="masthead")
        library_page.build(chain, settings, route)
    return page


def _masthead(articles: int, newest: object) -> str:
    until = f", the newest of {newest}" if newest else ""
    return (
        "<h1>REEx Answers</h1>"
        f"<p>Cited answers from {articles} articles on the rare-earth industry{until}. "
        "Not investment advice.</p>"
    )


def serve(chain: AnswerChain, settings: Settings, announce: Callable[[str], None]) -> None:
    """Serve the page until it is interrupted; warms the language model up and updates the corpus meanwhile.

    Raises:
        UsageError: the address is public, or no port is free.
    """
    if settings.host not in ("127.0.0.1", "localhost", "::1"):
        raise UsageError(
            f"{settings.host} is open to others and the page has no sign-in: listen on 127.0.0.1 and put a "
            "proxy with sign-in in front of it."
        )
    port = free_port(settings.host, settings.port)
    if port != settings.port:
        print(f"Port {settings.port} is taken, so port {port} is used.", flush=True)
    page = build_page(chain, settings)
    page.queue(default_concurrency_limit=8)
    page.launch(
        server_name=settings.host,
        server_port=port,
        prevent_thread_lock=True,
        quiet=True,
        inbrowser=False,
        show_error=True,
        footer_links=[],
        theme=_theme(),
        css_paths=_HERE / "page.css",
        head=f"<script>{(_HERE / 'page.js').read_text(encoding='utf-8')}</script>",
        ssr_mode=False,
        enable_monitoring=False,
        max_file_size=MAX_FILE_BYTES,
    )
    announce(f"http://{settings.host}:{port}")
    threading.Thread(target=_warm_up, args=(chain,), daemon=True).start()
    refresh.start(settings)
    page.block_thread()


def _theme() -> gr.themes.Base:
    sans = ["Inter", "system-ui", "-apple-system", "Segoe UI", "Noto Sans CJK SC", "sans-serif"]
    return gr.themes.Soft(
        primary_hue=gr.themes.colors.teal,
        neutral_hue=gr.themes.colors.slate,
        font=sans,
        font_mono=["ui-monospace", "monospace"],
    )


def _warm_up(chain: AnswerChain) -> None:
    # The first question meets the same error, and shows it.
    with contextlib.suppress(ReexError):
        chain.warm_up()


def free_port(host: str, wanted: int) -> int:
    """The wanted port, or the next free one above it.

    Raises:
        UsageError: a hundred ports in a row are taken.
    """
    for port in range(wanted, min(wanted + 100, 65_536)):
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError:
                continue
            return port
    raise UsageError(f"Ports {wanted} to {wanted + 99} on {host} are all taken: choose another with --port.")
