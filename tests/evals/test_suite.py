"""Suites are well-formed; what is not is refused in a sentence."""

import json
from datetime import date
from pathlib import Path

import pytest

from corpus.article import Article
from corpus.errors import UsageError
from corpus.reading import STARTER, read_articles
from corpus.sources.files import STARTER_SOURCE
from evals.suite import Suite, holds, read_suite, suite_names
from rag.types import Filters, Question


def texts(suite: Suite) -> dict[str, str]:
    """The articles of a suite's corpus by address."""
    folders = [STARTER if source == STARTER_SOURCE else Path(source) for source in suite.sources]
    items = [item for folder in folders for item in read_articles(folder)]
    read = {item.url: item.text for item in items if isinstance(item, Article)}
    return read | {article["url"]: article["text"] for article in suite.articles}


@pytest.mark.parametrize("name", suite_names())
def test_suites_name_only_articles_of_their_corpus(name: str) -> None:
    suite = read_suite(name)
    known = texts(suite)
    assert suite.header["measures"]
    assert suite.header["provenance"]
    assert suite.header["licence"]
    for case in suite.cases:
        assert set(case.gold_urls) <= known.keys()
        assert case.answerable == bool(case.gold_urls)
        assert case.kind == "advice" or case.answerable == bool(case.facts)
        assert all(any(gold in known[url] for url in case.gold_urls) for gold in case.gold_passages)


def test_the_starter_suite_has_the_kinds_that_it_promises() -> None:
    kinds = [case.kind for case in read_suite("starter").cases]
    assert len(kinds) == 40
    assert (kinds.count("unanswerable"), kinds.count("follow-up"), kinds.count("chinese")) == (10, 8, 4)


def test_the_report_suite_has_every_kind() -> None:
    cases = read_suite("report").cases
    assert len(cases) >= 120
    assert {case.kind for case in cases} == {
        "single-fact", "list", "dated", "comparison", "follow-up", "chinese", "unanswerable",
        "false-premise", "advice",
    }  # fmt: skip


def test_tuning_and_report_sets_rest_on_different_articles() -> None:
    gold = [{url for case in read_suite(name).cases for url in case.gold_urls} for name in ("report", "dev")]
    assert not gold[0] & gold[1]


def write(folder: Path, header: str, *rows: dict[str, object]) -> Path:
    (folder / "suite.yaml").write_text(header, encoding="utf-8")
    (folder / "cases.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return folder


def test_a_suite_of_ones_own_is_a_folder(tmp_path: Path) -> None:
    folder = write(tmp_path, "cases: [cases.jsonl]", {"id": "1", "question": "Who?", "facts": ["Litinsky"]})
    for path in (folder, folder / "suite.yaml"):
        suite = read_suite(str(path))
        assert (suite.name, suite.cases[0].facts) == (tmp_path.name, (("Litinsky",),))


def test_the_filters_of_a_case_go_with_its_question(tmp_path: Path) -> None:
    filters = {"since": "2026-01-01", "publishers": ["Fastmarkets"]}
    folder = write(tmp_path, "cases: [cases.jsonl]", {"id": "1", "question": "Who?", "filters": filters})
    (case,) = read_suite(str(folder)).cases
    assert case.question == Question("Who?", filters=Filters(date(2026, 1, 1), None, ("Fastmarkets",)))
    assert case.since is None


@pytest.mark.parametrize(
    ("header", "rows", "words"),
    [
        ("just words", [], "is no suite"),
        ("cases: [missing.jsonl]", [], "cannot be read"),
        ("cases: [cases.jsonl]", [{"id": "1"}], "line 1 is no case"),
        (
            "cases: [cases.jsonl]",
            [{"id": "1", "question": "a", "filters": {"since": "May"}}],
            "line 1: May is",
        ),
        ("cases: [cases.jsonl]", [{"id": "1", "question": "a"}, {"id": "1", "question": "b"}], "two cases"),
    ],
)
def test_a_broken_suite_is_refused(
    tmp_path: Path, header: str, rows: list[dict[str, object]], words: str
) -> None:
    with pytest.raises(UsageError, match=words):
        read_suite(str(write(tmp_path, header, *rows)))


def test_an_unknown_suite_names_the_known_ones() -> None:
    with pytest.raises(UsageError, match="starter"):
        read_suite("nosuch")


@pytest.mark.parametrize(
    ("text", "found"), [("a share of 4%", True), ("a share of 14%", False), ("a share of 4.4%", False)]
)
def test_a_wording_is_not_found_in_a_longer_number(text: str, found: bool) -> None:
    assert holds(text, "4%") is found
