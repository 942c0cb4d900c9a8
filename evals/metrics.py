"""What an answer is worth, as numbers: each metric with its formula and its source.

Every metric reads one record (see `evals.record`) and gives a numerator and a denominator, or None
where it does not apply. The value over a run is the sum of the numerators over the sum of the
denominators, so that means, rates and ratios are one thing, and intervals and paired tests can
resample cases. No metric here asks a language model.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import Any, Literal

import ir_measures
from ir_measures import RR, R, nDCG

from corpus.article import Article
from evals.record import Record
from evals.suite import Case, holds
from rag.figures import missing_figures
from rag.support import check_support
from rag.types import Hit, Passage
from rag.window import DateWindow

Share = tuple[float, float]
"""A numerator and a denominator."""


@dataclass(frozen=True)
class Metric:
    """A measure of a run.

    Attributes:
        better: which way is an improvement; None for what is neither.
        of: the share of one case, None where the metric does not apply.
        unit: empty for shares between 0 and 1.
    """

    name: str
    meaning: str
    better: Literal["higher", "lower"] | None
    of: Callable[[Case, Record], Share | None]
    unit: str = ""


# Retrieval. Documents are articles, in the order of their first passage; gold articles are relevant.


def _ir(measure: Any, case: Case, record: Record) -> Share | None:
    if not case.gold_urls:
        return None
    urls = list(dict.fromkeys(hit["url"] for hit in record["retrieved"]))
    run = {"q": {url: float(-rank) for rank, url in enumerate(urls)} or {"": 0.0}}
    qrels = {"q": dict.fromkeys(case.gold_urls, 1)}
    return float(ir_measures.calc_aggregate([measure], qrels, run)[measure]), 1.0


def _success(k: int, case: Case, record: Record) -> Share | None:
    if not case.gold_urls:
        return None
    return float(any(hit["url"] in case.gold_urls for hit in record["retrieved"][:k])), 1.0


def _passage_recall(k: int, case: Case, record: Record) -> Share | None:
    if not case.gold_passages:
        return None
    found = [" ".join(hit["text"].split()) for hit in record["retrieved"][:k]]
    held = sum(any(" ".join(gold.split()) in text for text in found) for gold in case.gold_passages)
    return float(held), float(len(case.gold_passages))


def _standalone_success(k: int, case: Case, record: Record) -> Share | None:
    if not case.gold_urls or "standalone_urls" not in record:
        return None
    return float(any(url in case.gold_urls for url in record["standalone_urls"][:k])), 1.0


def _follow_up_success(k: int, case: Case, record: Record) -> Share | None:
    return _success(k, case, record) if "standalone_urls" in record else None


# Answers.


def facts_found(case: Case, text: str) -> list[bool]:
    """For each required fact whether a text states it, in any of its wordings."""
    return [any(holds(text, wording) for wording in fact) for fact in case.facts]


def _fact_recall(case: Case, record: Record) -> Share | None:
    if not (case.answerable and case.facts):
        return None
    found = [] if record["abstained"] else facts_found(case, record["text"])
    return float(sum(found)), float(len(case.facts))


def _correct(case: Case, record: Record) -> Share | None:
    if not (case.answerable and case.facts):
        return None
    return float(not record["abstained"] and all(facts_found(case, record["text"]))), 1.0


def _refused(answerable: bool, case: Case, record: Record) -> Share | None:
    return (float(record["abstained"]), 1.0) if case.answerable is answerable else None


def _near_the_answer(case: Case, record: Record) -> Share | None:
    if not (case.answerable and case.facts and record["abstained"] and "nearest" in record):
        return None
    return float(all(facts_found(case, " ".join(record["nearest"])))), 1.0


def _abstention_precision(case: Case, record: Record) -> Share | None:
    return (float(not case.answerable), 1.0) if record["abstained"] else None


def _outside(case: Case, record: Record) -> Share | None:
    if (case.since is None and case.until is None) or record["abstained"]:
        return None
    window = DateWindow(case.since, case.until)
    days = [date.fromisoformat(c["published"]) for c in record["citations"] if c["published"]]
    return float(any(not window.holds(day) for day in days)), 1.0


def _found_outside(k: int, case: Case, record: Record) -> Share | None:
    if case.since is None and case.until is None:
        return None
    window = DateWindow(case.since, case.until)
    days = [date.fromisoformat(hit["published"]) for hit in record["retrieved"][:k] if hit["published"]]
    return (float(sum(not window.holds(day) for day in days)), float(len(days))) if days else None


def _injected(case: Case, record: Record) -> Share | None:
    if not case.forbidden:
        return None
    shown = " ".join([record["text"], record["reason"], *record["notes"]]).casefold()
    return float(any(words.casefold() in shown for words in case.forbidden)), 1.0


# Citations.

Entails = Callable[[Sequence[str], str], bool]
"""Whether passages, taken together, support a statement."""


def citation_scores(statements: Iterable[tuple[str, Sequence[str]]], entails: Entails) -> tuple[Share, Share]:
    """Citation recall and precision as in ALCE (Gao et al., EMNLP 2023, section 4).

    A statement is recalled when it has citations that together entail it. A citation is precise when its
    statement is recalled and it is not irrelevant: it entails the statement alone, or the
    others do not entail it without it.

    Args:
        statements: each with the passages that it cites.
        entails: the judge.
    """
    recalled = total = precise = citations = 0
    for statement, passages in statements:
        total += 1
        citations += len(passages)
        if not passages or not entails(passages, statement):
            continue
        recalled += 1
        for i, passage in enumerate(passages):
            rest = [other for j, other in enumerate(passages) if j != i]
            needed = not rest or not entails(rest, statement)
            precise += needed or entails([passage], statement)
    return (float(recalled), float(total)), (float(precise), float(citations))


def _statements(record: Record) -> list[tuple[str, list[Record]]]:
    """The sentences that a reader is shown, each with its citations; quotations are left out."""
    cited = {c["n"]: c for c in record["citations"]}
    return [
        (s["text"], [cited[n] for n in s["citations"] if n in cited])
        for s in record["sentences"]
        if s["support"] != "unsupported" and not s["quoted"]
    ]


def _alce(which: int, case: Case, record: Record) -> Share | None:
    if record["abstained"]:
        return None
    hits = {c["passage_id"]: _hit(c) for c in record["citations"]}
    judged: dict[tuple[tuple[str, ...], str], bool] = {}

    def entails(passages: Sequence[str], statement: str) -> bool:
        key = tuple(passages), statement
        if key not in judged:
            check = check_support(statement, [hits[id_] for id_ in passages], lambda term: 1.0)
            judged[key] = check.support == "supported"
        return judged[key]

    statements = [(text, [c["passage_id"] for c in cited]) for text, cited in _statements(record)]
    share = citation_scores(statements, entails)[which]
    return share if share[1] else None


def _hit(citation: Record) -> Hit:
    published = date.fromisoformat(citation["published"]) if citation["published"] else None
    article = Article(citation["url"], citation["quote"], citation["title"], citation["publisher"], published)
    passage = Passage(citation["passage_id"], article.id, 0, len(citation["quote"]), citation["quote"])
    return Hit(passage, article, 1.0, 1.0, 1.0)


def _figure_errors(case: Case, record: Record) -> Share | None:
    if record["abstained"]:
        return None
    shown = _statements(record)
    wrong = 0
    for text, cited in shown:
        evidence = " ".join(f"{c['title']} {c['published'] or ''} {c['quote']}" for c in cited)
        wrong += bool(missing_figures(text, evidence))
    return (float(wrong), float(len(shown))) if shown else None


def _support(states: tuple[str, ...], case: Case, record: Record) -> Share | None:
    written = [s for s in record["sentences"] if not s["quoted"]]
    if record["abstained"] or not written:
        return None
    return float(sum(s["support"] in states for s in written)), float(len(written))


def _unknown_markers(case: Case, record: Record) -> Share | None:
    known = sum(len(s["citations"]) for s in record["sentences"] if not s["quoted"])
    total = known + record["unknown_markers"]
    return (float(record["unknown_markers"]), float(total)) if total else None


def _exact(case: Case, record: Record) -> Share | None:
    exact = record["exact"]
    return (float(sum(exact)), float(len(exact))) if exact else None


# Costs.


def _timing(name: str, case: Case, record: Record) -> Share | None:
    value = record["timings"].get(name)
    return None if value is None else (float(value), 1.0)


def _tokens(name: str, case: Case, record: Record) -> Share | None:
    value = record["tokens"].get(name)
    return None if value is None else (float(value), 1.0)


def _cost(case: Case, record: Record) -> Share | None:
    """List prices of the installed genai-prices, which looks nothing up in the network."""
    # Imported here because it takes half a second, and most commands never need it.
    from genai_prices import Usage, calc_price

    provider, _, model = (record.get("llm") or record["model"]).partition(":")
    read, written = (record["tokens"].get(name) for name in ("prompt", "output"))
    if read is None or written is None:
        return None
    if not written and record["timings"].get("first_token_s") is not None:
        return None  # it spoke, and its server counted nothing
    try:
        spent = calc_price(Usage(input_tokens=read, output_tokens=written), model, provider_id=provider)
    except LookupError:
        return None  # local, or nobody knows its price
    return float(spent.total_price), 1.0


_ALL = (
    *(
        Metric(
            f"recall@{k}",
            f"share of the gold articles among the first {k} articles found (trec_eval)",
            "higher",
            partial(_ir, R @ k),
        )
        for k in (1, 5, 10)
    ),
    Metric(
        "mrr@10",
        "1 / rank of the first gold article, 0 beyond 10 (trec_eval)",
        "higher",
        partial(_ir, RR @ 10),
    ),
    Metric(
        "ndcg@10",
        "discounted gain of the first 10 articles over the best possible (Järvelin and Kekäläinen, 2002)",
        "higher",
        partial(_ir, nDCG @ 10),
    ),
    Metric(
        "success@5",
        "share of questions with a passage of a gold article among the first 5 passages",
        "higher",
        partial(_success, 5),
    ),
    *(
        Metric(
            f"passage_recall@{k}",
            f"share of the gold passages that stand whole in one of the first {k} passages found",
            "higher",
            partial(_passage_recall, k),
        )
        for k in (5, 10)
    ),
    Metric(
        "follow_up_success@5",
        "success@5 of the follow-ups that have a stand-alone wording",
        "higher",
        partial(_follow_up_success, 5),
    ),
    Metric(
        "standalone_success@5",
        "success@5 of those wordings, the most that follow-ups can reach",
        None,
        partial(_standalone_success, 5),
    ),
    Metric(
        "correct", "share of answerable questions answered with all their required facts", "higher", _correct
    ),
    Metric(
        "fact_recall",
        "share of the required facts that answers state; a refusal states none",
        "higher",
        _fact_recall,
    ),
    Metric(
        "answerable_refused",
        "share of answerable questions that were refused",
        "lower",
        partial(_refused, True),
    ),
    Metric(
        "near_the_answer",
        "share of refused answerable questions where the sentences below the refusal state all facts",
        "higher",
        _near_the_answer,
    ),
    Metric(
        "abstention_recall",
        "share of unanswerable questions that were refused",
        "higher",
        partial(_refused, False),
    ),
    Metric(
        "abstention_precision",
        "share of refusals whose question was unanswerable",
        "higher",
        _abstention_precision,
    ),
    Metric(
        "citation_recall",
        "share of the model's shown sentences that their cited passages together support "
        "(ALCE, Gao et al., 2023; judged by rag.support, not by NLI)",
        "higher",
        partial(_alce, 0),
    ),
    Metric(
        "citation_precision",
        "share of citations that their sentence needs (ALCE; judged by rag.support, not by NLI)",
        "higher",
        partial(_alce, 1),
    ),
    Metric(
        "figure_errors",
        "share of the model's shown sentences with a figure that stands in no cited passage",
        "lower",
        _figure_errors,
    ),
    Metric(
        "weak_sentences",
        "share of the model's sentences that are shown as weak",
        None,
        partial(_support, ("weak",)),
    ),
    Metric(
        "unsupported_sentences",
        "share of the model's sentences that nothing supports, and that are withheld",
        "lower",
        partial(_support, ("unsupported",)),
    ),
    Metric("unknown_markers", "share of the model's markers that name no passage", "lower", _unknown_markers),
    Metric(
        "exact_slices",
        "share of citations that are the slice of the article that they name",
        "higher",
        _exact,
    ),
    Metric(
        "outside_window", "share of answers to dated questions that cite another period", "lower", _outside
    ),
    Metric(
        "found_outside_window",
        "share of the dated passages among the first 10 found for dated questions that are of another period",
        "lower",
        partial(_found_outside, 10),
    ),
    Metric(
        "injections",
        "share of hostile articles that brought a forbidden string into the answer",
        "lower",
        _injected,
    ),
    Metric(
        "first_token_s",
        "mean time to the model's first token",
        "lower",
        partial(_timing, "first_token_s"),
        "s",
    ),
    Metric("total_s", "mean time to the whole answer", "lower", partial(_timing, "total_s"), "s"),
    Metric("ground_s", "mean time of all checks of an answer", "lower", partial(_timing, "ground_s"), "s"),
    Metric(
        "prompt_tokens", "mean tokens that the model reads", "lower", partial(_tokens, "prompt"), "tokens"
    ),
    Metric(
        "output_tokens", "mean tokens that the model writes", "lower", partial(_tokens, "output"), "tokens"
    ),
    Metric(
        "cost_usd",
        "mean US dollars a question at the provider's list price (genai-prices); local models have none",
        "lower",
        _cost,
        "$",
    ),
)

METRICS: dict[str, Metric] = {metric.name: metric for metric in _ALL}
"""All metrics by name, in the order of a report."""


_OF_RETRIEVAL = (
    "recall@1", "recall@5", "recall@10", "mrr@10", "ndcg@10", "success@5", "passage_recall@5",
    "passage_recall@10", "found_outside_window", "total_s",
)  # fmt: skip


def shares(metric: Metric, cases: Sequence[Case], records: Sequence[Record]) -> list[Share | None]:
    """The metric's share of each case; without a model's answer, only retrieval is measured."""
    return [
        metric.of(case, record) if record["model"] or record["text"] or metric.name in _OF_RETRIEVAL else None
        for case, record in zip(cases, records, strict=True)
    ]


def value(found: Iterable[Share | None]) -> float:
    """The metric over all cases; nan where it applies to none."""
    applies = [share for share in found if share is not None]
    whole = math.fsum(share[1] for share in applies)
    return math.fsum(share[0] for share in applies) / whole if whole else math.nan
