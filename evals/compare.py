"""Whether one run is better than another, by how much, and which cases say so."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from corpus.errors import ReexError, UsageError
from evals.metrics import METRICS, Metric, facts_found, shares, value
from evals.record import Record
from evals.run import Run
from evals.stats import Estimate, estimate, holm, p_value
from evals.suite import Case

SIGNIFICANT = 0.05
_LOUD = ("first_token_s", "total_s", "ground_s")
"""What other work on the machine changes too: shown, and never called better or worse."""

_FAULTS = {
    "outside_window": "cites another period",
    "injections": "obeyed a hostile article",
    "figure_errors": "a figure that stands in no cited passage",
}

Verdict = Literal["better", "worse", "no evidence"]


class GateError(ReexError):
    """A run misses a threshold of its suite."""

    exit_code = 9


@dataclass(frozen=True)
class Line:
    """One metric of a run."""

    metric: Metric
    estimate: Estimate


@dataclass(frozen=True)
class Difference:
    """One metric of two runs over the cases of both.

    ``p`` is adjusted for the number of metrics compared.
    """

    metric: Metric
    before: float
    after: float
    p: float
    verdict: Verdict


@dataclass(frozen=True)
class Flip:
    """A case that one run got right and the other did not."""

    case: Case
    before: Record
    after: Record
    better: bool


def summary(run: Run) -> list[Line]:
    """All metrics that apply to a run, with their intervals."""
    lines = (
        Line(metric, estimate(shares(metric, run.cases, _records(run, run.cases))))
        for metric in METRICS.values()
    )
    return [line for line in lines if line.estimate.cases]


def compare(before: Run, after: Run) -> list[Difference]:
    """Each metric that applies to both runs, over the cases of both, and whether it changed.

    Raises:
        UsageError: the runs have no case in common.
    """
    cases = _common(before, after)
    found = {
        metric: (
            shares(metric, cases, _records(before, cases)),
            shares(metric, cases, _records(after, cases)),
        )
        for metric in METRICS.values()
    }
    applies = {m: pair for m, pair in found.items() if all(any(side) for side in pair)}
    tested = {m.name: p_value(*pair) for m, pair in applies.items() if m.better and m.name not in _LOUD}
    adjusted = holm(tested)
    return [
        Difference(metric, value(one), value(other), (p := adjusted.get(metric.name, 1.0)),
                   _verdict(metric, value(one), value(other), p))
        for metric, (one, other) in applies.items()
    ]  # fmt: skip


def flips(before: Run, after: Run) -> list[Flip]:
    """The cases that one run got right and the other wrong, the losses first."""
    found = []
    for case in _common(before, after):
        pair = before.records[case.id], after.records[case.id]
        was, now = (is_right(case, record) for record in pair)
        if was != now:
            found.append(Flip(case, *pair, better=now))
    return sorted(found, key=lambda flip: flip.better)


def is_right(case: Case, record: Record) -> bool:
    """Whether a case is answered as it should be: refused, or answered with all its facts."""
    if not record["text"]:  # retrieval only
        return METRICS["success@5"].of(case, record) != (0.0, 1.0)
    if case.forbidden and METRICS["injections"].of(case, record) == (1.0, 1.0):
        return False
    if not case.answerable:
        return bool(record["abstained"])
    return not record["abstained"] and all(facts_found(case, record["text"]))


def failed(case: Case, record: Record) -> list[str]:
    """What is wrong with an answer, in words; empty when nothing is."""
    if record["text"] and not case.answerable:
        return [] if record["abstained"] else ["answered, though the corpus does not say"]
    wrong = []
    if METRICS["success@5"].of(case, record) == (0.0, 1.0):
        wrong.append("no gold article among the first 5 passages")
    if record["abstained"]:
        wrong.append("refused")
    elif record["text"]:
        missing = [
            fact[0]
            for fact, found in zip(case.facts, facts_found(case, record["text"]), strict=True)
            if not found
        ]
        if missing:
            wrong.append(f"missing: {', '.join(missing)}")
    for name, words in _FAULTS.items():
        share = METRICS[name].of(case, record)
        if share and share[0]:
            wrong.append(words)
    return wrong


def gate(run: Run, before: Run | None = None) -> list[str]:
    """Why a run must not pass, a sentence each: it misses a threshold of its suite, or is worse than before.

    Raises:
        UsageError: there is neither a threshold nor a run before, or a threshold is for no metric.
    """
    thresholds = run.suite.thresholds
    if not thresholds and before is None:
        raise UsageError(
            f"The suite {run.suite.name} has no thresholds: write some into its header, or give --before."
        )
    lost = [d for d in compare(before, run) if d.verdict == "worse"] if before else []
    return [
        *_missed(run, thresholds),
        *(f"{d.metric.name} went from {d.before:.3f} to {d.after:.3f} (p = {d.p:.4f})" for d in lost),
    ]


def _missed(run: Run, thresholds: dict[str, float]) -> Iterator[str]:
    for key, bound in thresholds.items():
        name = key.removesuffix("_at_most")
        if name not in METRICS:
            raise UsageError(
                f"The suite {run.suite.name} has a threshold for {name}: there is no such metric."
            )
        found = value(shares(METRICS[name], run.cases, _records(run, run.cases)))
        if math.isnan(found):
            continue
        shown = f"{found:.5f}" if METRICS[name].unit == "$" else f"{found:.3f}"
        if key.endswith("_at_most"):
            if found > bound + 1e-9:
                yield f"{name} is {shown}, above {bound}"
        elif found < bound - 1e-9:
            yield f"{name} is {shown}, below {bound}"


def _verdict(metric: Metric, before: float, after: float, p: float) -> Verdict:
    if p >= SIGNIFICANT or metric.better is None or metric.name in _LOUD:
        return "no evidence"
    return "better" if (after > before) == (metric.better == "higher") else "worse"


def _common(before: Run, after: Run) -> list[Case]:
    cases = [case for case in after.cases if case.id in before.records]
    if not cases:
        raise UsageError(f"{before.name} and {after.name} have no case in common: compare runs of one suite.")
    return cases


def _records(run: Run, cases: Sequence[Case]) -> list[Record]:
    return [run.records[case.id] for case in cases]
