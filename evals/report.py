"""A run as one self-contained page, or as Markdown for a pull request.

Nothing is fetched, and the file can be mailed.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jinja2

from evals.compare import Difference, compare, failed, flips, is_right, summary
from evals.plot import BAD, GOOD, INK, axes_of, svg
from evals.run import Run
from evals.text import listing, metrics_as_data, number

_TEMPLATE = Path(__file__).with_name("report.html.jinja")
_OVER_TIME = ("correct", "abstention_recall", "citation_recall", "success@5")


def as_html(run: Run, before: Run | None = None, past: Sequence[Run] = ()) -> str:
    """The page: metrics with intervals, plots, and every case with its evidence, filterable.

    Args:
        before: an older run to compare with.
        past: earlier runs, oldest first, for the plot over time: those of this suite and system count.
    """
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    template = environment.from_string(_TEMPLATE.read_text(encoding="utf-8"))
    return template.render(
        title=run.name,
        listing=listing(run),
        measures=run.suite.header.get("measures", ""),
        provenance=run.suite.header.get("provenance", ""),
        config=run.config,
        lines=summary(run),
        differences=compare(before, run) if before else [],
        flips=flips(before, run) if before else [],
        before=before,
        plots=[plot for plot in (_kinds(run), _latency(run), _over_time(run, past)) if plot],
        cases=[_case(run, case) for case in _worst_first(run)],
        kinds=sorted({case.kind for case in run.cases}),
        number=number,
    )


def as_markdown(run: Run, before: Run | None = None) -> str:
    """The metrics as a table, and what went wrong, for a comment."""
    rows = [
        f"### {listing(run)}",
        "",
        "| metric | value | 95 % interval | cases |",
        "| --- | --- | --- | --- |",
    ]
    for line in summary(run):
        e, unit = line.estimate, line.metric.unit
        interval = f"{number(e.low, unit)} to {number(e.high, unit)}"
        rows.append(f"| {line.metric.name} | {number(e.value, unit)} | {interval} | {e.cases} |")
    if before:
        rows += ["", f"Against {before.name}:", ""]
        rows += [_sentence(d) for d in compare(before, run) if d.verdict != "no evidence"] or [
            "- no evidence of a difference in any metric"
        ]
    wrong = [(case, failed(case, run.records[case.id])) for case in run.cases]
    rows += ["", f"<details><summary>{sum(bool(w) for _, w in wrong)} cases went wrong</summary>", ""]
    rows += [f"- `{case.id}` {case.question.text} – {'; '.join(why)}" for case, why in wrong if why]
    return "\n".join([*rows, "", "</details>", ""])


def _sentence(d: Difference) -> str:
    values = (number(value, d.metric.unit) for value in (d.before, d.after))
    return f"- **{d.verdict}** in {d.metric.name}: {' → '.join(values)} (p {d.p:.3f})"


def _worst_first(run: Run) -> list[Any]:
    """Wrong answers first, then refusals of answerable questions, then the rest in the suite's order."""

    def badness(case: Any) -> int:
        record = run.records[case.id]
        if is_right(case, record):
            return 2
        return 1 if record["abstained"] else 0

    return sorted(run.cases, key=badness)


def _case(run: Run, case: Any) -> dict[str, Any]:
    record = run.records[case.id]
    reasons = failed(case, record)
    return {
        "case": case,
        "record": record,
        "reasons": reasons,
        "state": "right" if not reasons else "refused" if record["abstained"] else "wrong",
    }


# Plots


def _kinds(run: Run) -> str:
    """What share of each kind of question was dealt with rightly."""
    kinds: dict[str, list[bool]] = {}
    for case in run.cases:
        kinds.setdefault(case.kind, []).append(is_right(case, run.records[case.id]))
    names = sorted(kinds, key=lambda kind: sum(kinds[kind]) / len(kinds[kind]))
    values = [100 * sum(kinds[name]) / len(kinds[name]) for name in names]
    figure, axes = axes_of("Right answers and refusals by kind, %")
    axes.barh([f"{name} ({len(kinds[name])})" for name in names], values, color=GOOD)
    axes.set_xlim(0, 100)
    return svg(figure)


def _latency(run: Run) -> str:
    """Quality against waiting: each answer's time, split by whether it was right."""
    times: dict[bool, list[float]] = {True: [], False: []}
    for case in run.cases:
        record = run.records[case.id]
        times[is_right(case, record)].append(record["timings"]["total_s"])
    figure, axes = axes_of("Seconds to the whole answer")
    both = [times[True], times[False]]
    axes.hist(both, bins=20, stacked=True, color=[GOOD, BAD], label=["right", "wrong"])
    axes.legend(frameon=False, labelcolor=INK)
    return svg(figure)


def _over_time(run: Run, past: Sequence[Run]) -> str:
    """The main metrics over the runs of this suite by this system."""
    same = [other for other in past if all(other.config[k] == run.config[k] for k in ("suite", "system"))]
    finished = [other for other in same if other.config["finished"]]
    if len(finished) < 2:
        return ""
    tables = [metrics_as_data(run) for run in finished]
    figure, axes = axes_of("Over the runs of this suite")
    for name in _OVER_TIME:
        points = [(i, table[name]["value"]) for i, table in enumerate(tables) if name in table]
        if points:
            axes.plot(*zip(*points, strict=True), marker="o", label=name)
    axes.set_ylim(0, 1.02)
    axes.set_xticks(range(len(finished)), [run.config["commit"][:7] for run in finished], rotation=45)
    axes.legend(frameon=False, labelcolor=INK)
    return svg(figure)
