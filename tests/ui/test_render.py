"""An answer as data has the documented fields, and as text says all that a reader must know."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime

from corpus.article import Article
from corpus.catalogue import Span
from rag.types import Answer, Citation, Searched, Sentence, Timings
from ui.render import answer_as_data, answer_tail

ARTICLE = Article("https://example.com/a", "Output was 5 t.", "Output", "Test", date(2025, 5, 13))
CITATION = Citation(
    3, "p", ARTICLE.id, ARTICLE.url, "Output", "Test", ARTICLE.published, 0, 15, ARTICLE.text, "said"
)
SAID = Sentence("Output was 5 t.", "supported", (3,), kind="said")
WITHHELD = Sentence("Output was 9 t.", "unsupported", (), "not in the cited passage: 9")
ANSWER = Answer(
    "How much?", "Output was 5 t. [3]", False, "", ARTICLE.published, (SAID, WITHHELD), (CITATION,), (), (),
    Timings(0.1, 0.2, 0.3), "m", notes=("Old.",),
)  # fmt: skip
SPAN = Span(76, date(2023, 3, 9), date(2026, 3, 11), datetime(2026, 11, 24, 9, tzinfo=UTC))


def test_data_has_the_documented_fields() -> None:
    data = json.loads(json.dumps(answer_as_data(ANSWER)))
    assert set(data) == {
        "question", "text", "abstained", "reason", "as_of", "sentences", "citations", "retrieved", "shown",
        "nearest", "notes", "searched", "unknown_markers", "timings", "model",
    }  # fmt: skip
    assert data["sentences"][0]["kind"] == data["citations"][0]["kind"] == "said"
    assert data["notes"] == ["Old."]
    assert data["searched"] is None


def test_a_failure_is_an_error_beside_the_quotations() -> None:
    assert answer_as_data(replace(ANSWER, failure="It is down."))["error"] == "It is down."


def test_a_refusal_tells_what_was_searched() -> None:
    refused = replace(
        ANSWER, abstained=True, citations=(), sentences=(), searched=Searched(("q",), SPAN, ("Zyzzyva",))
    )
    assert answer_as_data(refused)["searched"] == {
        "queries": ["q"],
        "articles": 76,
        "oldest": "2023-03-09",
        "newest": "2026-03-11",
        "updated": "2026-11-24T09:00:00+00:00",
        "missing": ["Zyzzyva"],
    }
    assert "Searched 76 articles published from 2023-03-09 to 2026-03-11" in answer_tail(refused)


def test_text_names_kind_notes_and_what_was_withheld() -> None:
    tail = answer_tail(ANSWER)
    assert "[3] Test, 2025-05-13: Output (said by somebody in it)" in tail
    assert "Old." in tail
    retold = replace(ANSWER, citations=(replace(CITATION, copies=4),))
    assert "(said by somebody in it; 5 articles, 1 origin)" in answer_tail(retold)
    assert answer_as_data(retold)["citations"][0]["copies"] == 4
    assert "Output was 9 t. (not in the cited passage: 9)" in tail
