"""The chat page: lays out and connects; what it shows comes from ``ui.evidence``."""

from collections.abc import Iterator
from time import monotonic
from typing import Any

import gradio as gr

from corpus.errors import ReexError
from rag.chain import AnswerChain
from rag.types import Draft, Question, Retrieved
from ui import evidence, thumb
from ui.conversation import Exchange, turns_of
from ui.frame import masthead
from ui.service import Service

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


def build(service: Service) -> gr.Blocks:
    """The page, not yet served."""
    chain, settings = service.chain, service.settings
    span = chain.retriever.index.catalogue.span()
    page: gr.Blocks
    with gr.Blocks(title="REEx Answers", fill_width=True, delete_cache=_DELETE_CACHE) as page:
        memory = gr.State([])
        until = f", the newest of {span.newest}" if span.newest else ""
        line = f"Cited answers from {span.articles} articles on the rare-earth industry{until}."
        masthead("/", "REEx Answers", f"{line} Not investment advice.")
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
    return page
