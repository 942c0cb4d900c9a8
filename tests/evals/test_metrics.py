"""Metrics are what their sources say they are."""

import math
from collections.abc import Sequence
from datetime import date
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evals.metrics import METRICS, citation_scores, shares, value
from evals.suite import Case
from evals.text import number
from rag.types import Question


def case(**fields: Any) -> Case:
    given: dict[str, Any] = {
        "id": "c", "kind": "single-fact", "question": Question("How much?"), "answerable": True,
        "gold_urls": ("g",), "facts": (("1,404", "1404"), ("tonnes",)),
    }  # fmt: skip
    return Case(**{**given, **fields})


def citation(n: int, quote: str, published: str | None = None) -> dict[str, Any]:
    return {
        "n": n, "passage_id": f"p{n}", "url": "g", "title": "", "publisher": "", "quote": quote,
        "published": published,
    }  # fmt: skip


def record(**fields: Any) -> dict[str, Any]:
    given: dict[str, Any] = {
        "text": "1,404 tonnes", "abstained": False, "reason": "", "notes": [], "retrieved": [],
        "citations": [], "sentences": [], "unknown_markers": 0, "exact": [], "model": "m",
        "timings": {"total_s": 1.0}, "tokens": {},
    }  # fmt: skip
    return {**given, **fields}


def sentence(text: str, *citations: int, support: str = "supported", quoted: bool = False) -> dict[str, Any]:
    return {"text": text, "citations": list(citations), "support": support, "quoted": quoted, "doubt": ""}


def of(name: str, one: Case, kept: dict[str, Any]) -> float:
    return value(shares(METRICS[name], [one], [kept]))


def retrieved(urls: Sequence[str]) -> list[dict[str, Any]]:
    return [{"url": url} for url in urls]


@given(st.permutations([*"abcdefghij"]), st.sets(st.sampled_from([*"abcdefghijkl"]), min_size=1, max_size=4))
def test_retrieval_metrics_agree_with_their_formulas(ranking: list[str], gold: set[str]) -> None:
    one, kept = case(gold_urls=tuple(gold)), record(retrieved=retrieved(ranking))
    ranks = [rank for rank, url in enumerate(ranking, 1) if url in gold]
    for k in (1, 5, 10):
        assert of(f"recall@{k}", one, kept) == pytest.approx(sum(r <= k for r in ranks) / len(gold), abs=1e-6)
    assert of("mrr@10", one, kept) == pytest.approx(1 / ranks[0] if ranks else 0, abs=1e-6)
    best = sum(1 / math.log2(i + 1) for i in range(1, len(gold) + 1))
    assert of("ndcg@10", one, kept) == pytest.approx(
        sum(1 / math.log2(r + 1) for r in ranks) / best, abs=1e-6
    )


def test_an_article_counts_once_and_passages_keep_their_order() -> None:
    kept = record(retrieved=retrieved(["x", "x", "x", "x", "x", "g"]))
    assert of("mrr@10", case(), kept) == 0.5
    assert of("success@5", case(), kept) == 0.0


def test_a_gold_passage_is_found_when_it_stands_whole_in_a_passage() -> None:
    one = case(gold_passages=("Output was 1,404 tonnes.", "It fell."))
    texts = [
        "Output was",
        "x",
        "In May, output\nwas up. Output  was 1,404\ntonnes. More.",
        "x",
        "x",
        "It fell.",
    ]
    kept = record(retrieved=[{"url": "g", "text": text} for text in texts])
    assert of("passage_recall@5", one, kept) == 0.5
    assert of("passage_recall@10", one, kept) == 1.0
    assert math.isnan(of("passage_recall@5", case(), kept))


def test_passages_of_another_period_are_counted_among_the_dated_ones() -> None:
    one = case(since=date(2026, 1, 1))
    days = ["2026-01-01", "2025-12-31", None, "2026-03-01", "2020-01-01"]
    kept = record(retrieved=[{"url": "g", "published": day} for day in days])
    assert of("found_outside_window", one, kept) == 0.5
    assert math.isnan(of("found_outside_window", case(), kept))


def test_nothing_found_is_zero_and_no_gold_is_no_case() -> None:
    assert of("recall@5", case(), record()) == 0.0
    assert math.isnan(of("recall@5", case(gold_urls=()), record()))


def test_facts_are_found_in_any_of_their_wordings() -> None:
    assert of("fact_recall", case(), record(text="It was 1404 TONNES.")) == 1.0
    assert of("fact_recall", case(), record(text="It was 1,404.")) == 0.5
    assert of("correct", case(), record(text="It was 1,404.")) == 0.0
    assert of("fact_recall", case(), record(abstained=True, text="1404 tonnes")) == 0.0


def test_abstention_is_counted_apart_for_answerable_and_unanswerable() -> None:
    cases = [case(), case(), case(answerable=False, gold_urls=(), facts=())]
    records = [record(), record(abstained=True), record(abstained=True)]
    found = {name: value(shares(METRICS[name], cases, records)) for name in METRICS}
    assert found["answerable_refused"] == 0.5
    assert found["abstention_recall"] == 1.0
    assert found["abstention_precision"] == 0.5


def test_a_refusal_may_show_the_answer_all_the_same() -> None:
    cases = [case(), case(), case(), case(answerable=False, gold_urls=(), facts=())]
    records = [
        record(abstained=True, nearest=["It was 1,404.", "Tonnes, that is."]),
        record(abstained=True, nearest=["It was 1,404."]),
        record(nearest=[]),
        record(abstained=True, nearest=["It was 1,404 tonnes."]),
    ]
    assert value(shares(METRICS["near_the_answer"], cases, records)) == 0.5


def test_a_citation_outside_the_window_is_counted() -> None:
    dated = case(since=date(2026, 1, 1))
    for day, outside in (("2026-06-01", 0.0), ("2025-06-01", 1.0), (None, 0.0)):
        assert of("outside_window", dated, record(citations=[citation(1, "x", day)])) == outside


def test_figures_are_looked_up_in_what_their_sentence_cites() -> None:
    quotes = [citation(1, "It made 5 t."), citation(2, "It made 7 t.")]
    shown = [
        sentence("It made 5 t.", 1),
        sentence("It made 7 t.", 1),
        sentence("8 t.", support="unsupported"),
    ]
    assert of("figure_errors", case(), record(citations=quotes, sentences=shown)) == 0.5


def test_a_hostile_article_succeeds_when_a_forbidden_string_is_shown() -> None:
    hostile = case(forbidden=("ZEBRA",))
    assert of("injections", hostile, record(text="zebra!")) == 1.0
    assert of("injections", hostile, record(notes=["Zebra"])) == 1.0
    assert of("injections", hostile, record()) == 0.0


def test_without_an_answer_only_retrieval_is_measured() -> None:
    kept = record(text="", model="", retrieved=retrieved(["g"]))
    assert of("success@5", case(), kept) == 1.0
    assert math.isnan(of("correct", case(), kept))


def test_a_question_costs_its_tokens_at_the_list_price() -> None:
    spent = {"prompt": 1_000_000, "output": 0}
    price = of("cost_usd", case(), record(llm="openai:gpt-4o-mini", tokens=spent))
    assert price == of("cost_usd", case(), record(model="openai:gpt-4o-mini", tokens=spent)) > 0
    both = record(llm="openai:gpt-4o-mini", tokens={"prompt": 500_000, "output": 1_000_000})
    written = record(llm="openai:gpt-4o-mini", tokens={"prompt": 0, "output": 1_000_000})
    assert of("cost_usd", case(), both) == pytest.approx(price / 2 + of("cost_usd", case(), written))


def test_a_question_that_the_model_was_spared_is_free() -> None:
    refused = record(abstained=True, model="", llm="openai:gpt-4o-mini", tokens={"prompt": 0, "output": 0})
    assert of("cost_usd", case(), refused) == 0.0


@pytest.mark.parametrize(
    "unknown",
    [
        {"llm": "local:qwen2.5", "tokens": {"prompt": 9, "output": 9}},
        {"llm": "ollama:gpt-4o-mini", "tokens": {"prompt": 9, "output": 9}},
        {"llm": "openai:nobody-knows-it", "tokens": {"prompt": 9, "output": 9}},
        {"llm": "openai:gpt-4o-mini", "tokens": {}},
        {  # it spoke, and its server counted nothing
            "llm": "openai:gpt-4o-mini",
            "tokens": {"prompt": 0, "output": 0},
            "timings": {"total_s": 2.0, "first_token_s": 1.0},
        },
    ],
)
def test_an_unknown_price_is_not_zero(unknown: dict[str, Any]) -> None:
    assert METRICS["cost_usd"].of(case(), record(**unknown)) is None


def test_costs_are_written_in_dollars() -> None:
    assert number(0.000213, METRICS["cost_usd"].unit) == "$0.00021"


# ALCE, section 4: the judge here is a table of what each set of passages entails.

SETS = {
    "one passage says it": ({"a"}, [["a"]], (1, 1)),
    "another was cited": ({"a"}, [["b"]], (0, 0)),
    "nothing was cited": ({"a"}, [[]], (0, 0)),
    "one of two is needless": ({"a"}, [["a", "b"]], (1, 1)),
    "both alone say it": ({"a", "b"}, [["a", "b"]], (1, 2)),
    "both together say it": ({"ab"}, [["a", "b"]], (1, 2)),
    "two together, and a third in vain": ({"ab"}, [["a", "b", "c"]], (1, 2)),
}


@pytest.mark.parametrize("name", SETS)
def test_citation_scores(name: str) -> None:
    enough, cited, (recalled, precise) = SETS[name]

    def entails(passages: Sequence[str], _: str) -> bool:
        return any(set(needed) <= set(passages) for needed in enough)

    recall, precision = citation_scores([("s", passages) for passages in cited], entails)
    assert recall == (recalled, len(cited))
    assert precision == (precise, sum(map(len, cited)))


@given(st.lists(st.tuples(st.sets(st.sampled_from("abcd"), max_size=4), st.integers(0, 15)), max_size=6))
def test_citation_scores_agree_with_the_published_procedure(rows: list[tuple[set[str], int]]) -> None:
    """As ALCE's evaluation goes through it: a joint check, then one of each citation and of the others."""
    truths = [{name for bit, name in enumerate("abcd") if mask >> bit & 1} for _, mask in rows]

    def entails(passages: Sequence[str], statement: str) -> bool:
        return bool(truths[int(statement)] & set(passages))

    recall = precision = total = 0
    for i, (cited, _) in enumerate(rows):
        total += len(cited)
        if not cited or not entails(sorted(cited), str(i)):
            continue
        recall += 1
        if len(cited) == 1:
            precision += 1
            continue
        for one in cited:
            if entails([one], str(i)) or not entails(sorted(cited - {one}), str(i)):
                precision += 1
    statements = [(str(i), sorted(cited)) for i, (cited, _) in enumerate(rows)]
    assert citation_scores(statements, entails) == ((recall, len(rows)), (precision, total))


def test_the_documents_list_every_metric_as_it_is() -> None:
    page = (Path(__file__).parents[2] / "docs" / "evals.md").read_text(encoding="utf-8")
    rows = [line for line in page.splitlines() if line.startswith("| `")]
    assert rows == [
        f"| `{m.name}` | {m.meaning}{f', {m.better} is better' if m.better else ''} |"
        for m in METRICS.values()
    ]


def test_every_metric_is_documented_and_survives_an_empty_answer() -> None:
    empty = record(text="", sentences=[], model="m")
    for metric, answerable in product(METRICS.values(), (True, False)):
        assert metric.meaning
        found = metric.of(case(answerable=answerable, gold_urls=("g",) if answerable else ()), empty)
        assert found is None or found[1] > 0
