"""A peer's reply comes out in our form: markers resolved, refusals recognised."""

import pytest

from corpus.article import Article
from corpus.errors import UsageError
from evals.peers import PEERS, open_peer
from evals.peers.answer import Source, answer
from rag.types import Question, Timings

ARTICLE = Article("https://example.com/a", "Output was 5 t. Sales were 4 t.", "A", "B")
SOURCES = [Source(ARTICLE, "Output was 5 t."), Source(ARTICLE, "Sales were 4 t.")]


def said(text: str):  # type: ignore[no-untyped-def]
    return answer(Question("How much?"), text, SOURCES, Timings(0, 0, 0), "m")


@pytest.mark.parametrize(
    "text", ["Output was 5 t [1]. Sales were 4 t [2].", "Output was 5 t. [1] Sales were 4 t. [2]"]
)
def test_a_marker_belongs_to_its_sentence(text: str) -> None:
    given = said(text)
    assert [(s.text, s.citations) for s in given.sentences] == [
        ("Output was 5 t.", (1,)),
        ("Sales were 4 t.", (2,)),
    ]
    for citation in given.citations:
        assert ARTICLE.text[citation.start : citation.end] == citation.quote


def test_a_marker_of_no_source_is_counted() -> None:
    given = said("Output was 5 t [7].")
    assert (given.unknown_markers, given.citations) == (1, ())


@pytest.mark.parametrize(
    ("text", "refused"),
    [
        ("I don't know.", True),
        ("The documents do not mention it.", True),
        ("None of the provided sources are helpful.", True),
        ("", True),
        ("Output was 5 t [1].", False),
    ],
)
def test_a_refusal_in_words_is_a_refusal(text: str, refused: bool) -> None:
    assert said(text).abstained is refused


def test_an_unknown_peer_names_the_known_ones() -> None:
    with pytest.raises(UsageError, match=", ".join(PEERS)):
        open_peer("oracle", [ARTICLE], None, None)  # type: ignore[arg-type]
