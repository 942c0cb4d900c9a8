"""What the page shows is escaped, and says where each sentence comes from."""

from dataclasses import replace
from datetime import UTC, date, datetime

from corpus.article import Article
from corpus.catalogue import Span
from rag.types import Answer, Citation, Draft, Hit, Near, Passage, Searched, Sentence, Timings
from ui import evidence

HOSTILE = '<img src=x onerror="alert(1)">'


def article(text: str = HOSTILE, url: str = "https://example.com/a") -> Article:
    return Article(url, text, HOSTILE, HOSTILE, date(2025, 5, 13))


def answer(source: Article, sentences: tuple[Sentence, ...], abstained: bool = False) -> Answer:
    passage = Passage("p1", source.id, 0, len(source.text), source.text)
    citation = Citation(
        1,
        "p1",
        source.id,
        source.url,
        source.title,
        source.publisher,
        source.published,
        0,
        len(source.text),
        source.text,
    )
    return Answer(
        question=HOSTILE,
        text=HOSTILE,
        abstained=abstained,
        reason=HOSTILE,
        as_of=source.published,
        sentences=sentences,
        citations=(citation,),
        retrieved=(Hit(passage, source, 1.0, 0.5, 1.0),),
        shown=("p1",),
        timings=Timings(0.1, 0.2, 0.3),
        model="test",
        nearest=(Near(source, 0, len(source.text)),),
    )


def test_nothing_that_was_not_written_here_becomes_markup() -> None:
    source = article()
    full = answer(
        source, (Sentence(HOSTILE, "supported", (1,)), Sentence(HOSTILE, "unsupported", doubt=HOSTILE))
    )
    pages = [
        evidence.answer_html(full, 0),
        evidence.answer_html(answer(source, (), abstained=True), 0),
        evidence.draft_html(Draft(full.sentences, full.citations, HOSTILE), 0),
        evidence.cited_panel(full, {source.id: source}, 0, selected=1),
        evidence.found_panel(full.retrieved),
        evidence.error_html(HOSTILE),
    ]
    assert not any("<img" in page for page in pages)


def test_copies_of_a_story_count_as_one_origin() -> None:
    full = answer(article(), (Sentence("A.", "supported", (1,)),))
    copied = replace(full, citations=(replace(full.citations[0], copies=4),))
    assert "5 articles, 1 origin" in evidence.cited_panel(copied, {}, 0)
    assert "1 origin" not in evidence.cited_panel(full, {}, 0)


def test_only_web_addresses_become_links() -> None:
    source = article(url="javascript:alert(1)")
    panel = evidence.cited_panel(answer(source, (Sentence("A.", "supported", (1,)),)), {}, 0)
    assert 'href="javascript' not in panel


def test_a_marker_names_its_answer_and_its_passage() -> None:
    html = evidence.answer_html(answer(article(), (Sentence("A.", "supported", (1,)),)), 3)
    assert 'href="#cite-3-1"' in html


def test_weak_sentences_are_told_apart_and_unsupported_ones_struck() -> None:
    sentences = (
        Sentence("One.", "weak", (1,)),
        Sentence("Two.", "unsupported", doubt="not in the cited passage: 2"),
    )
    html = evidence.answer_html(answer(article(), sentences), 0)
    assert 'class="weak"' in html
    assert "<s>Two.</s>" in html
    assert "not in the cited passage: 2" in html


def test_the_selected_passage_is_marked_in_its_article() -> None:
    source = article("Before. The passage. After.")
    full = answer(source, (Sentence("A.", "supported", (1,)),))
    citation = full.citations[0]
    cut = Citation(**{**vars(citation), "start": 8, "end": 20, "quote": "The passage."})
    panel = evidence.cited_panel(
        Answer(**{**vars(full), "citations": (cut,)}), {source.id: source}, 0, selected=1
    )
    assert "Before. <mark>The passage.</mark> After." in panel


def test_an_article_that_changed_since_is_said_to_have_changed() -> None:
    source = article("Before. The passage. After.")
    full = answer(source, (Sentence("A.", "supported", (1,)),))
    panel = evidence.cited_panel(full, {source.id: article("Quite another text.")}, 0, selected=1)
    assert "has changed" in panel


def test_notes_the_understood_question_and_the_kind_are_shown_and_escaped() -> None:
    source = article("REEx reads it as a signal.")
    full = replace(
        answer(source, (Sentence("It is a signal.", "supported", (1,), kind="inferred"),)), notes=(HOSTILE,)
    )
    html = evidence.answer_html(full, 0, asked="and that?")
    assert "How the question was understood" in html
    assert "(the author&#x27;s reading)" in html
    assert '<p class="note">' in html
    assert "<img" not in html
    assert "How the question" not in evidence.answer_html(full, 0, asked=full.question)
    inferred = replace(full.citations[0], kind="inferred")
    panel = evidence.cited_panel(replace(full, citations=(inferred,)), {}, 0)
    assert "the author's reading" in panel


def test_what_must_be_known_first_stands_first() -> None:
    full = answer(article("Shares rose."), (Sentence("Shares rose.", "supported", (1,)),))
    full = replace(full, text=f"This is no advice.\n{full.text}", notes=("This is no advice.", "It is old."))
    html = evidence.answer_html(full, 0)
    assert html.index("no advice") < html.index("Shares rose") < html.index("It is old.")


def test_a_refusal_says_what_was_searched() -> None:
    span = Span(76, date(2023, 3, 9), date(2026, 3, 11), datetime(2026, 11, 24, tzinfo=UTC))
    refused = replace(
        answer(article(), (), abstained=True), searched=Searched((HOSTILE,), span, ("Zyzzyva",))
    )
    html = evidence.answer_html(refused, 0)
    assert "Searched 76 articles published from 2023-03-09 to 2026-03-11" in html
    assert "last updated on 2026-11-24" in html
    assert "<img" not in html
