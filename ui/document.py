"""Questions, answers and their evidence as one HTML document, which needs nothing but itself to be read.

It has no scripts; what people, articles and models wrote is escaped by the template.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Protocol

import jinja2
from markupsafe import Markup

from rag.ground import caveat
from rag.sentences import has_cjk
from rag.types import Answer, Sentence
from ui.copying import any_weak, blocks, day_of, is_web, notes_around, publisher_of
from ui.figure_table import figure_table_html, timeline_html
from ui.render import KINDS, NEAREST, near_articles, one_origin, searched_as_text
from ui.standing import Standing

_TEMPLATE = "answer.html.jinja"


class Asked(Protocol):
    """A question with its answer, which is None where it failed."""

    @property
    def question(self) -> str: ...
    @property
    def answer(self) -> Answer | None: ...


def document_html(
    title: str,
    exchanges: Sequence[Asked],
    *,
    line: str = "",
    standings: Mapping[int, Standing] | None = None,
    home: str = "",
) -> str:
    """A document of its own, to be read on a screen or printed.

    Args:
        title: what stands at its head; empty where the question is title enough.
        exchanges: what was asked and answered, in this order.
        line: a sentence about it, such as when it was made.
        standings: what has become of the citations of the only exchange, by number.
        home: where to ask further questions; empty for a document that lies elsewhere.
    """
    first = exchanges[0].question if exchanges else ""
    return _template().render(
        title=title,
        tab=title or first or "REEx Answers",
        exchanges=exchanges,
        line=line,
        standings=standings or {},
        home=home,
    )


@cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals |= {
        "any_weak": any_weak,
        "blocks": blocks,
        "day_of": day_of,
        "figure_table": lambda answer, turn: Markup(figure_table_html(answer, turn)),
        "is_web": is_web,
        "kinds": KINDS,
        "language": lambda text: "zh" if has_cjk(text) else "en",
        "markup": Markup,
        "near_articles": near_articles,
        "nearest": NEAREST,
        "notes_around": notes_around,
        "one_origin": one_origin,
        "publisher_of": publisher_of,
        "searched": searched_as_text,
        "timeline": lambda answer, turn: Markup(timeline_html(answer, turn)),
        "words_of": _words_of,
    }
    return environment.get_template(_TEMPLATE)


def _words_of(sentence: Sentence) -> str:
    return sentence.text.removeprefix("- ") + caveat(sentence)
