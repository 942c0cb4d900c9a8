"""The thumb under an answer: one click keeps it as a case to be reviewed, and a line says what was wrong."""

from dataclasses import replace
from typing import Any

import gradio as gr

from corpus.errors import ReexError
from evals import feedback
from rag.settings import Settings
from ui.conversation import Exchange, turns_of
from ui.render import citation_as_data

OPTIONS = ["Dislike"]
_ASKS = "What was wrong, or what should it say?"


def build(chat: gr.Chatbot, memory: gr.State, settings: Settings) -> gr.Row:
    """Lay the line out, hidden, and listen to the thumb; returns the line's row."""
    current = gr.State("")
    form: gr.Row
    with gr.Row(elem_id="wrong", visible=False) as form:
        line = gr.Textbox(label=_ASKS, placeholder=_ASKS, show_label=False, max_lines=4, scale=6)
        send = gr.Button("Send", elem_id="wrong-send", scale=1, min_width=70)

    def click(exchanges: list[Exchange], data: gr.LikeData) -> dict[Any, Any]:
        turn = int(data.index) // 2  # type: ignore[arg-type]  # a message each for question and answer
        if turn >= len(exchanges) or exchanges[turn].answer is None:
            return {form: gr.update(visible=False)}  # there is no answer to review
        exchange = exchanges[turn]
        if data.liked is not False:
            return {memory: _with_case(exchanges, turn, _take_back(exchange)), form: gr.update(visible=False)}
        id_ = exchange.case or feedback.add(_reported(exchanges, turn), settings)
        gr.Info("Kept for review.")
        return {
            memory: _with_case(exchanges, turn, id_),
            current: id_,
            form: gr.update(visible=True),
            line: "",
        }

    def _take_back(exchange: Exchange) -> str:
        if exchange.case:
            feedback.drop(exchange.case, settings)
        return ""

    def say(id_: str, text: str) -> dict[Any, Any]:
        try:
            if text.strip():
                feedback.note(id_, text, settings)
                gr.Info("Thank you: it is kept with the answer.")
        except ReexError as error:
            gr.Warning(str(error))
        return {form: gr.update(visible=False)}

    chat.like(click, memory, [memory, current, form, line], show_progress="hidden")
    gr.on([send.click, line.submit], say, [current, line], form, show_progress="hidden")
    return form


def _with_case(exchanges: list[Exchange], turn: int, id_: str) -> list[Exchange]:
    return [replace(e, case=id_) if i == turn else e for i, e in enumerate(exchanges)]


def _reported(exchanges: list[Exchange], turn: int) -> feedback.Reported:
    answer = exchanges[turn].answer
    assert answer
    return feedback.Reported(
        question=exchanges[turn].question,
        history=[{"role": said.role, "content": said.content} for said in turns_of(exchanges[:turn])],
        text=answer.text,
        evidence=[citation_as_data(citation) for citation in answer.citations],
    )
