"""A streamed reply becomes sentences with citations, the same however it is cut into pieces."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corpus.article import Article
from rag.ground import Grounder, shown_text
from rag.types import Draft, Hit, Passage

TEXTS = {
    "a7": "Lynas produced 1,404 tonnes of NdPr in the December 2025 quarter.",
    "k3": "MP Materials sold 500 tonnes of oxide to General Motors in 2024.",
}


def hits() -> dict[str, Hit]:
    found = {}
    for marker, text in TEXTS.items():
        article = Article(f"https://example.com/{marker}", text, "", "Test")
        found[marker] = Hit(Passage(marker, article.id, 0, len(text), text), article, 1.0, 0.5, 1.0)
    return found


def ground(pieces: list[str]) -> Draft:
    grounder = Grounder(hits(), lambda term: 1.0)
    for piece in pieces:
        grounder.feed(piece)
    return grounder.finish()


REPLY = "Lynas produced 1,404 tonnes of NdPr [a7]. MP Materials sold 500 tonnes of oxide. [k3]"


def test_markers_become_numbers_in_order_of_first_use() -> None:
    draft = ground(
        ["MP Materials sold 500 tonnes of oxide [k3]. Lynas produced 1,404 tonnes [a7]. So did MP [k3]."]
    )
    assert [s.citations for s in draft.sentences] == [(1,), (2,), (1,)]
    assert [(c.n, c.passage_id) for c in draft.citations] == [(1, "k3"), (2, "a7")]


def test_which_of_two_it_is_is_never_shown_as_supported() -> None:
    asked = "Which company produced more NdPr, Lynas or MP Materials?"
    said = "MP Materials [k3]. Lynas produced 1,404 tonnes of NdPr [a7]."
    for question, supports in ((asked, ["weak", "supported"]), ("", ["supported", "supported"])):
        grounder = Grounder(hits(), lambda term: 1.0, question=question)
        grounder.feed(said)
        assert [s.support for s in grounder.finish().sentences] == supports


@pytest.mark.parametrize(
    ("question", "said", "support"),
    [
        (
            "Why did Lynas buy General Motors' oxide?",
            "MP Materials, and not Lynas, sold 500 tonnes of oxide [k3].",
            "supported",
        ),
        (
            "Why was the oxide sold to Ford?",
            "The oxide was not sold to Ford but to General Motors [k3].",
            "supported",
        ),
        # Nobody asked about Ford, and no passage denies it.
        (
            "Who bought the oxide?",
            "The oxide was not sold to Ford but to General Motors [k3].",
            "unsupported",
        ),
        ("Why was the oxide sold to Ford?", "The oxide was not sold to General Motors [k3].", "unsupported"),
    ],
)
def test_a_false_premise_may_be_denied_beside_what_is_true(question: str, said: str, support: str) -> None:
    grounder = Grounder(hits(), lambda term: 1.0, question=question)
    grounder.feed(said)
    assert [s.support for s in grounder.finish().sentences] == [support]


def test_every_quote_is_the_slice_it_names() -> None:
    for citation in ground([REPLY]).citations:
        assert citation.quote == TEXTS[citation.passage_id][citation.start : citation.end]


@given(st.lists(st.integers(min_value=1, max_value=12), max_size=40))
def test_the_cut_of_the_stream_changes_nothing(sizes: list[int]) -> None:
    pieces, rest = [], REPLY
    for size in sizes:
        pieces.append(rest[:size])
        rest = rest[size:]
    assert ground([*pieces, rest]) == ground([REPLY])


@given(st.integers(min_value=1, max_value=7))
def test_no_draft_ever_shows_a_bracket(size: int) -> None:
    grounder = Grounder(hits(), lambda term: 1.0)
    for i in range(0, len(REPLY), size):
        draft = grounder.feed(REPLY[i : i + size])
        shown = draft.pending + " ".join(s.text for s in draft.sentences)
        assert "[" not in shown
        assert "a7" not in shown


def test_a_second_reply_is_never_part_of_the_last_sentence_of_the_first() -> None:
    grounder = Grounder(hits(), lambda term: 1.0)
    grounder.feed("Lynas produced 1,404 tonnes of NdPr [a7]")
    assert len(grounder.finish().sentences) == 1
    grounder.feed("MP Materials sold ")
    grounder.feed("500 tonnes of oxide [k3].")
    assert [s.citations for s in grounder.finish().sentences] == [(1,), (2,)]


def test_a_marker_behind_the_full_stop_belongs_to_the_sentence_before() -> None:
    draft = ground([REPLY])
    assert [(s.text, s.citations) for s in draft.sentences] == [
        ("Lynas produced 1,404 tonnes of NdPr.", (1,)),
        ("MP Materials sold 500 tonnes of oxide.", (2,)),
    ]


def test_lists_in_lines_become_items() -> None:
    draft = ground(
        ["The sales were:\n- Lynas: 1,404 tonnes of NdPr [a7]\n- MP Materials: 500 tonnes of oxide [k3]\n"]
    )
    assert [s.text for s in draft.sentences if s.text.startswith("- ")] == [
        "- Lynas: 1,404 tonnes of NdPr",
        "- MP Materials: 500 tonnes of oxide",
    ]


def test_unsupported_sentences_are_kept_but_not_shown() -> None:
    draft = ground(["Lynas produced 1,404 tonnes of NdPr [a7]. It earned 99 billion dollars [a7]."])
    assert [s.support for s in draft.sentences] == ["supported", "unsupported"]
    assert shown_text(draft.sentences) == "Lynas produced 1,404 tonnes of NdPr. [1]"


def test_a_quotation_is_shown_in_quotation_marks_with_its_number() -> None:
    grounder = Grounder(hits(), lambda term: 1.0)
    grounder.quote(hits()["k3"], TEXTS["k3"])
    assert shown_text(grounder.finish().sentences) == f"“{TEXTS['k3']}” [1]"


@pytest.mark.parametrize("reply", ["", "[a7]", "[a7][k3].", "   \n\n", "[", "**", "- \n- \n"])
def test_replies_without_words_give_no_sentence(reply: str) -> None:
    assert ground([reply]).sentences == ()


@given(st.text(alphabet="aA7 [].,\n-*“”。中12%", max_size=120))
def test_any_reply_is_grounded_without_an_error(text: str) -> None:
    draft = ground([text[:50], text[50:]])
    assert all(0 < n <= len(draft.citations) for s in draft.sentences for n in s.citations)


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        ("Lynas produced 1,404 tonnes [a7]. MP Materials sold 500", ["Lynas produced 1,404 tonnes."]),
        ("Lynas produced 1,404 tonnes [a7].", ["Lynas produced 1,404 tonnes."]),
        ("Lynas produced 1,4", []),
    ],
)
def test_a_reply_that_was_broken_off_ends_with_its_last_whole_sentence(reply: str, said: list[str]) -> None:
    grounder = Grounder(hits(), lambda term: 1.0)
    grounder.feed(reply)
    grounder.cut_short()
    assert [s.text for s in grounder.finish().sentences] == said


def test_a_passage_keeps_its_number_through_a_conversation() -> None:
    grounder = Grounder(hits(), lambda term: 1.0, {"k3": 4, "gone": 5})
    grounder.feed(REPLY)
    draft = grounder.finish()
    assert [(c.n, c.passage_id) for c in draft.citations] == [(4, "k3"), (6, "a7")]
    assert [s.citations for s in draft.sentences] == [(6,), (4,)]


@pytest.mark.parametrize(
    "text",
    ["See https://evil.example/x for Lynas", "Lynas <b>produced</b> it", "[Lynas](javascript:x) produced"],
)
def test_a_sentence_with_a_link_or_markup_is_withheld(text: str) -> None:
    (sentence,) = ground([f"{text} 1,404 tonnes of NdPr in the December 2025 quarter [a7]."]).sentences
    assert (sentence.support, sentence.doubt) == ("unsupported", "it holds a link or markup")


def test_a_citation_carries_the_kind_of_what_it_rests_on() -> None:
    text = "REEx reads the deal as a signal of strength. The chairman said that the deal took a year."
    article = Article("https://example.com/x", text, "", "Test")
    passage = Passage("x", article.id, 0, len(text), text)
    grounder = Grounder({"x2": Hit(passage, article, 1.0, 0.5, 1.0)}, lambda term: 1.0)
    grounder.feed("The deal is a signal of strength [x2]. The deal took a year [x2].")
    draft = grounder.finish()
    assert [s.kind for s in draft.sentences] == ["inferred", "said"]
    assert draft.citations[0].kind == "inferred"
    assert "(the author's reading)" in shown_text(draft.sentences)
