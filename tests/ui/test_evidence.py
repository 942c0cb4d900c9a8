"""What the page shows is escaped, and says where each sentence comes from."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from corpus.article import Article
from corpus.catalogue import Span
from corpus.database import now
from rag.types import (
    UNFILTERED,
    Answer,
    Citation,
    Draft,
    Filters,
    Hit,
    Near,
    Passage,
    Searched,
    Sentence,
    Timings,
)
from ui import evidence, thread
from ui.conversations import Conversation, Exchange
from ui.texts import CHINESE, ENGLISH, texts_for

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


def exchange(told: Answer | None, question: str, filters: Filters = UNFILTERED, verdict: int = 0) -> Exchange:
    return Exchange("x1", "c1", 3, question, filters, told, "", verdict, HOSTILE, "", now())


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
        evidence.cited_panel(full, {}, 0, asked=HOSTILE),
        evidence.draft_panel(full.citations, 0),
        evidence.preview_html(full.citations[0]),
        evidence.error_html(HOSTILE),
        thread.exchange_html(exchange(full, HOSTILE, Filters(publishers=(HOSTILE,))), ENGLISH),
        thread.exchange_html(replace(exchange(None, HOSTILE), failure=HOSTILE), ENGLISH),
        thread.rail_html([Conversation("1", HOSTILE, now(), now())], ENGLISH),
        thread.suggestions_html([HOSTILE], "Try"),
        thread.shell_html(ENGLISH, [HOSTILE], [HOSTILE], [HOSTILE]),
    ]
    assert not any("<img" in page for page in pages)


def test_copies_of_a_story_count_as_one_origin() -> None:
    full = answer(article(), (Sentence("A.", "supported", (1,)),))
    one = full.citations[0]
    copied, again = replace(one, copies=4), replace(one, n=2, copies=4)
    other = replace(one, n=3, article_id="another")
    panel = evidence.cited_panel(replace(full, citations=(copied, again, other)), {}, 0)
    assert "6 articles, 2 origins" in panel  # two passages of one article are one source
    assert panel.count("5 articles, 1 origin") == 2
    assert "1 article, 1 origin" in evidence.cited_panel(full, {}, 0)


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


def test_how_far_an_answer_is_supported_is_counted() -> None:
    sentences = (
        Sentence("One.", "supported", (1,)),
        Sentence("Two.", "weak", (1,)),
        Sentence("Three.", "supported", (1,), quoted=True),
        Sentence("Four.", "unsupported", doubt="nowhere"),
    )
    html = evidence.answer_html(answer(article(), sentences), 0)
    for told in ("1 supported", "1 weak", "1 quoted", "1 withheld: no passage supports it"):
        assert told in html
    assert "As of <time" in html
    whole = evidence.answer_html(answer(article(), sentences[:1]), 0)
    assert "Every sentence is supported by its passage" in whole


def test_one_may_ask_again_where_an_answer_is_missing_and_see_what_was_judged() -> None:
    told = answer(article(), (Sentence("One.", "supported", (1,)),))
    unfinished = thread.exchange_html(exchange(None, "How much?"), ENGLISH)
    assert "This answer was not finished." in unfinished
    assert "Ask again" in unfinished
    judged = thread.exchange_html(exchange(told, "How much?", verdict=-1), ENGLISH)
    assert judged.count('aria-pressed="true"') == 1
    assert 'data-verdict="-1" aria-pressed="true"' in judged
    assert 'href="#cite-3-1"' in judged


def test_filters_are_named_with_their_question() -> None:
    filters = Filters(date(2026, 1, 1), date(2026, 5, 31), ("Fastmarkets",), ("prices",), ("Lynas",))
    labels = ["From 2026-01-01", "To 2026-05-31", "Fastmarkets", "prices", "Lynas"]
    assert list(thread.filter_labels(filters, ENGLISH)) == labels
    assert next(thread.filter_labels(filters, CHINESE)) == "自 2026-01-01"


def test_conversations_are_grouped_by_the_days_of_who_reads_them() -> None:
    midnight = now().replace(hour=0, minute=0)
    early, late = midnight + timedelta(minutes=10), midnight - timedelta(minutes=10)
    found = [Conversation("a", "A", early, early), Conversation("b", "B", late, late)]
    here = thread.rail_html(found, ENGLISH, current="b")
    assert here.index("Today") < here.index(">A<") < here.index("Yesterday") < here.index(">B<")
    assert here.count("aria-current") == 1
    east = thread.rail_html(found, ENGLISH, minutes_west=-30)  # there both are of one day
    assert east.count("<h3>") == 1


def test_the_language_is_the_one_chosen_or_the_browsers() -> None:
    chinese = {"accept-language": "de-DE,zh-CN;q=0.9,en;q=0.8"}
    assert texts_for({}, chinese) == CHINESE
    assert texts_for({"reex-language": "en"}, chinese) == ENGLISH
    assert texts_for({"reex-language": "<b>"}, {}) == texts_for({}, {"accept-language": "de"}) == ENGLISH
    assert "作者解读" in evidence.preview_html(
        replace(answer(article(), ()).citations[0], kind="inferred"), CHINESE
    )
