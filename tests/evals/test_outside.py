"""Published formats become suites that can be read, with what each task expects."""

import json
from pathlib import Path
from typing import Any

import pytest

from corpus.article import Article
from corpus.errors import UsageError
from corpus.reading import read_articles
from evals.outside import convert
from evals.suite import Suite, read_suite

RGB = {
    "id": 0, "query": "Where?", "answer": ["Tampa", ["Feb 7", "7 February"]], "fakeanswer": "Glendale",
    "positive": ["It was in Tampa on Feb 7.", "Tampa it was.", "In Tampa."],
    "positive_wrong": ["It was in Glendale."],
    "negative": [f"Tickets are sold in shop {i}." for i in range(7)],
}  # fmt: skip


def made(tmp_path: Path, name: str, rows: Any, *, lines: bool = True, **options: Any) -> Suite:
    file = tmp_path / f"{name}.json"
    file.write_text("\n".join(map(json.dumps, rows)) if lines else json.dumps(rows))
    convert(name, file, tmp_path / "suite", **options)
    return read_suite(str(tmp_path / "suite"))


def texts(suite: Suite) -> dict[str, str]:
    (source,) = suite.sources
    return {item.url: item.text for item in read_articles(Path(source)) if isinstance(item, Article)}


def test_rgb_noise_mixes_negatives_in(tmp_path: Path) -> None:
    suite = made(tmp_path, "rgb", [RGB], task="noise", noise=0.4)
    (case,) = suite.cases
    assert case.facts == (("Tampa",), ("Feb 7", "7 February"))
    assert len(texts(suite)) == 5
    assert len(case.gold_urls) == 3
    assert all("Tampa" in texts(suite)[url] for url in case.gold_urls)


def test_rgb_rejection_gives_negatives_only(tmp_path: Path) -> None:
    suite = made(tmp_path, "rgb", [RGB], task="rejection")
    (case,) = suite.cases
    assert (case.answerable, case.facts, case.gold_urls) == (False, (), ())
    assert all("Tickets" in text for text in texts(suite).values())


def test_rgb_counterfactual_expects_what_the_documents_say(tmp_path: Path) -> None:
    (case,) = made(tmp_path, "rgb", [RGB], task="counterfactual").cases
    assert case.facts == (("Glendale",),)


def test_financebench_is_asked_over_its_evidence_pages(tmp_path: Path) -> None:
    def row(number: int, answer: str) -> dict[str, Any]:
        evidence = {
            "doc_name": "3M_2018_10K",
            "evidence_page_num": 59,
            "evidence_text_full_page": "Capex 1,577",
        }
        return {
            "financebench_id": f"f{number}",
            "company": "3M",
            "doc_name": "3M_2018_10K",
            "answer": answer,
            "question_type": "metrics-generated",
            "question": "Capex?",
            "evidence": [evidence],
        }

    suite = made(
        tmp_path, "financebench", [row(1, "$1577.00"), row(2, "Yes, because of capex."), row(3, "12.50%")]
    )
    assert [case.facts for case in suite.cases] == [(("1577",),), (), (("12.5",),)]
    assert list(texts(suite).values()) == ["Capex 1,577"]


def test_multihop_rag_has_null_queries(tmp_path: Path) -> None:
    corpus = [
        {"title": "T", "body": "B", "url": "u", "source": "S", "published_at": "2023-10-01T10:00:00+00:00"}
    ]
    (tmp_path / "corpus.json").write_text(json.dumps(corpus))
    rows = [
        {"query": "Q", "answer": "A", "question_type": "inference_query", "evidence_list": [{"url": "u"}]},
        {
            "query": "N",
            "answer": "Insufficient information.",
            "question_type": "null_query",
            "evidence_list": [],
        },
    ]
    found, null = made(tmp_path, "multihop-rag", rows, lines=False).cases
    assert (found.gold_urls, found.facts) == (("u",), (("A",),))
    assert (null.answerable, null.gold_urls) == (False, ())


def test_alce_keeps_short_answers_as_wordings(tmp_path: Path) -> None:
    row = {"question": "Q", "sample_id": "s", "docs": [{"id": "1", "title": "T", "text": "X"}],
           "qa_pairs": [{"short_answers": ["a", "b"]}, {"short_answers": ["c"]}]}  # fmt: skip
    (case,) = made(tmp_path, "alce", [row], lines=False).cases
    assert case.facts == (("a", "b"), ("c",))


@pytest.mark.parametrize(
    ("name", "words"), [("rgb", "not in the format of rgb"), ("squad", "There is no format")]
)
def test_another_format_is_refused(tmp_path: Path, name: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        made(tmp_path, name, [{"id": 1}])
