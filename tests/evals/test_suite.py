"""Suites are well-formed, and an answer is scored by plain arithmetic."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from corpus.article import Article
from corpus.reading import STARTER, read_articles
from evals.suite import Case, Score, read_suite, score, sources, summary
from rag.ingest import STARTER_SOURCE
from rag.types import Answer, Citation, Hit, Passage, Question, Timings

ARTICLE = Article("https://example.com/a", "Output was 1,404 tonnes.", "A", "B", date(2025, 1, 1))
HIT = Hit(Passage("p", ARTICLE.id, 0, 24, ARTICLE.text), ARTICLE, 1.0, 0.5, 1.0)


def case(answerable: bool = True) -> Case:
    gold = (ARTICLE.url,) if answerable else ()
    return Case("c", "single-fact", Question("How much?"), answerable, gold, (("1,404", "1404"), ("tonnes",)))


def answer(text: str, abstained: bool = False, quote: str = ARTICLE.text) -> Answer:
    citation = Citation(1, "p", ARTICLE.id, ARTICLE.url, "A", "B", ARTICLE.published, 0, 24, quote)
    return Answer("", text, abstained, "", None, (), (citation,), (HIT,), ("p",), Timings(0, 0, 0), "m")


def test_facts_are_found_in_any_of_their_wordings() -> None:
    assert score(case(), answer("It was 1404 TONNES.")).facts_found == 1.0
    assert score(case(), answer("It was 1,404.")).facts_found == 0.5


def test_a_quote_must_be_the_slice_that_it_names() -> None:
    assert score(case(), answer("x")).slices == [True]
    assert score(case(), answer("x", quote="Output was 1,404 tons.")).slices == [False]


def test_summary_counts_refusals_apart_for_answerable_and_unanswerable() -> None:
    results: list[Score] = [
        score(case(), answer("1,404 tonnes")),
        score(case(), answer("", abstained=True)),
        score(case(answerable=False), answer("", abstained=True)),
    ]
    measures = summary(results)
    assert measures["answerable_refused"] == 0.5
    assert measures["unanswerable_refused"] == 1.0
    assert measures["all_facts_stated"] == 0.5
    assert measures["gold_in_first_5"] == 1.0


@pytest.mark.parametrize("name", ["starter", "dev", "report"])
def test_suites_name_only_articles_of_their_corpus(name: str) -> None:
    header, cases = read_suite(name)
    folders = [STARTER if source == STARTER_SOURCE else Path(source) for source in sources(header)]
    urls = {item.url for folder in folders for item in read_articles(folder) if isinstance(item, Article)}
    assert len({c.id for c in cases}) == len(cases)
    for c in cases:
        assert set(c.gold_urls) <= urls
        assert c.answerable == bool(c.gold_urls)
        assert c.kind == "advice" or c.answerable == bool(c.facts)


def test_the_starter_suite_has_the_kinds_that_it_promises() -> None:
    _, cases = read_suite("starter")
    kinds = [c.kind for c in cases]
    assert len(cases) == 40
    assert (kinds.count("unanswerable"), kinds.count("follow-up"), kinds.count("chinese")) == (10, 8, 4)


def test_the_report_suite_has_every_kind() -> None:
    _, cases = read_suite("report")
    assert len(cases) >= 120
    assert {c.kind for c in cases} == {
        "single-fact", "list", "dated", "comparison", "follow-up", "chinese", "unanswerable",
        "false-premise", "advice",
    }  # fmt: skip


def test_a_citation_outside_the_window_is_counted() -> None:
    windowed = replace(case(), since=date(2026, 1, 1))
    (citation,) = answer("").citations
    inside, outside = (replace(citation, published=date(year, 6, 1)) for year in (2026, 2025))
    cited = replace(answer("It was 3."), citations=(inside, outside))
    assert score(windowed, cited).outside == 1


@pytest.mark.parametrize(
    ("text", "found"), [("a share of 4%", 1.0), ("a share of 14%", 0.0), ("a share of 4.4%", 0.0)]
)
def test_a_wording_is_not_found_in_a_longer_number(text: str, found: float) -> None:
    assert score(replace(case(), facts=(("4%",),)), answer(text)).facts_found == found


def test_tuning_and_report_sets_rest_on_different_articles() -> None:
    gold = [{url for c in read_suite(name)[1] for url in c.gold_urls} for name in ("report", "dev")]
    assert not gold[0] & gold[1]
