"""Runs and comparisons as text for a terminal, and as data for scripts."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from evals.compare import Difference, Flip, Line, failed, is_right, summary
from evals.judges import Opinion, opinions
from evals.record import Record
from evals.run import Run
from evals.stats import Estimate
from rag.settings import Settings

_WIDTH = 22
_INTERVAL = 20


def run_as_text(run: Run) -> str:
    """The metrics of a run with their intervals, the cases that went wrong, and what judges think of it."""
    lines = [listing(run), "", _head("metric")]
    lines += [_line(line.metric.name, line.estimate, line.metric.unit) for line in summary(run)]
    wrong = [(case, failed(case, run.records[case.id])) for case in run.cases]
    wrong = [(case, reasons) for case, reasons in wrong if reasons]
    if wrong:
        lines += ["", f"{len(wrong)} cases went wrong (reex eval show {run.name} --case ID):"]
        lines += [f"  {c.id} ({c.kind}) {'; '.join(reasons)} | {c.question.text}" for c, reasons in wrong]
    if judged := opinions(run):
        lines += ["", opinions_as_text(judged)]
    return "\n".join(lines)


def _head(of: str) -> str:
    return f"{of:{_WIDTH}}  {'value':>8}  {'95 % interval':>{_INTERVAL}}  cases"


def _line(name: str, e: Estimate, unit: str = "") -> str:
    interval = f"{number(e.low, unit)} to {number(e.high, unit)}"
    return f"{name:{_WIDTH}}  {number(e.value, unit):>8}  {interval:>{_INTERVAL}}  {e.cases:>5}"


def opinions_as_text(judged: Sequence[Opinion]) -> str:
    """The scores of each judge, under a heading that names it."""
    return "\n\n".join("\n".join(_opinion(opinion)) for opinion in judged)


def _opinion(opinion: Opinion) -> list[str]:
    own = ", which wrote the answers itself" if opinion.wrote_them else ""
    return [
        f"A language model judged {opinion.judged} answers: {opinion.judge}{own} ({opinion.method})",
        _head("score"),
        *(_line(name, e) for name, e in opinion.scores.items()),
    ]


def opinions_as_data(judged: Sequence[Opinion]) -> list[dict[str, Any]]:
    """The same as data."""
    return [asdict(opinion) for opinion in judged]


def number(value: float, unit: str) -> str:
    """A metric's value in the digits that its unit deserves."""
    if unit == "tokens":
        return f"{value:.0f}"
    if unit == "$":
        return f"${value:.5f}"
    return f"{value:.2f}" if unit else f"{value:.3f}"


def listing(run: Run) -> str:
    """One line on what a run is."""
    config = run.config
    state = "" if config["finished"] else ", unfinished"
    changed = " with changes" if config["changed"] else ""
    answered = f"{len(run.records)} of {config['cases']} cases{state}"
    own = "".join(f", {name}={value}" for name, value in _set(config["settings"]).items())
    return (
        f"{run.name}  {config['suite']}, {config['system']}, {answered}, "
        f"commit {config['commit'][:9] or 'unknown'}{changed}{own}"
    )


def _set(settings: dict[str, Any]) -> dict[str, Any]:
    """The settings that are not at their default."""
    fields = Settings.model_fields
    return {n: value for n, value in settings.items() if n not in fields or value != fields[n].default}


def run_as_data(run: Run) -> dict[str, Any]:
    """The run's configuration and metrics, and apart from them what judges think of it."""
    data = {"run": run.name, "folder": str(run.folder), **run.config, "metrics": metrics_as_data(run)}
    judged = opinions(run)
    return {**data, "judged": opinions_as_data(judged)} if judged else data


def metrics_as_data(run: Run) -> dict[str, dict[str, float]]:
    """Value, interval and number of cases of each metric."""
    return {line.metric.name: vars(line.estimate) for line in summary(run)}


def case_as_text(run: Run, id: str) -> str:
    """One case: the question, the answer, what is wrong, and the passages behind it."""
    case = next(case for case in run.suite.cases if case.id == id)
    record = run.records[id]
    gold = ", ".join(case.gold_urls) or "none"
    required = "; ".join(" or ".join(fact) for fact in case.facts) if case.answerable else "a refusal"
    lines = [
        f"{case.id} ({case.kind}): {case.question.text}",
        *(f"  {turn.role}: {turn.content}" for turn in case.question.history),
        f"required: {required or 'nothing in particular'}",
        f"gold: {gold}",
        *(f"    | {passage}" for passage in case.gold_passages),
        f"outcome: {'; '.join(failed(case, record)) or 'right'}",
        "",
        record["text"],
        *(_doubted(s) for s in record["sentences"] if s["support"] != "supported"),
        "",
        *(_citation(citation) for citation in record["citations"]),
        "",
        "retrieved:",
        *(_retrieved(rank, hit, case.gold_urls) for rank, hit in enumerate(record["retrieved"], 1)),
    ]  # fmt: skip
    return "\n".join(lines)


def _doubted(sentence: Record) -> str:
    state = "withheld" if sentence["support"] == "unsupported" else "weak"
    return f"{state}: {sentence['text']} ({sentence['doubt']})"


def _citation(c: Record) -> str:
    return f"[{c['n']}] {c['publisher']}, {c['published'] or 'undated'}: {c['title']}\n    {c['quote']}"


def _retrieved(rank: int, hit: Record, gold: Sequence[str]) -> str:
    return f"{rank:>3} {'*' if hit['url'] in gold else ' '} {hit['title']} ({hit['url']})"


def comparison_as_text(
    before: Run, after: Run, differences: Sequence[Difference], flips: Sequence[Flip]
) -> str:
    """Each metric of two runs with a verdict, and the cases that flipped, answers side by side."""
    lines = [f"before  {listing(before)}", f"after   {listing(after)}", ""]
    lines += [f"{'metric':{_WIDTH}}  {'before':>8}  {'after':>8}  {'p':>6}  verdict"]
    for d in differences:
        unit = d.metric.unit
        p = f"{d.p:.3f}" if d.p < 1 else ""
        values = f"{number(d.before, unit):>8}  {number(d.after, unit):>8}"
        lines.append(f"{d.metric.name:{_WIDTH}}  {values}  {p:>6}  {d.verdict}")
    for better, title in ((False, "right before, wrong after"), (True, "wrong before, right after")):
        these = [flip for flip in flips if flip.better is better]
        lines += ["", f"{len(these)} cases {title}"]
        for flip in these:
            lines += [
                f"  {flip.case.id} ({flip.case.kind}): {flip.case.question.text}",
                f"    before: {_short(flip.before)}",
                f"    after:  {_short(flip.after)}",
            ]
    return "\n".join(lines)


def _short(record: Record) -> str:
    text = " ".join(record["text"].split())
    return text if len(text) <= 300 else text[:299] + "…"


def comparison_as_data(
    before: Run, after: Run, differences: Sequence[Difference], flips: Sequence[Flip]
) -> dict[str, Any]:
    """The same as data."""
    return {
        "before": before.name,
        "after": after.name,
        "metrics": {
            d.metric.name: {"before": d.before, "after": d.after, "p": d.p, "verdict": d.verdict}
            for d in differences
        },
        "flips": [
            {
                "id": flip.case.id,
                "better": flip.better,
                "before": flip.before["text"],
                "after": flip.after["text"],
            }
            for flip in flips
        ],
    }


_SIDE_BY_SIDE = (
    "correct", "fact_recall", "answerable_refused", "abstention_recall", "success@5", "citation_recall",
    "citation_precision", "figure_errors", "unknown_markers", "outside_window", "first_token_s", "total_s",
    "prompt_tokens", "cost_usd",
)  # fmt: skip


def side_by_side(runs: Sequence[Run]) -> str:
    """A Markdown table of systems over one suite: a row a metric, a column a system."""
    tables = [{line.metric.name: line for line in summary(run)} for run in runs]
    head = [f"{run.config['suite']}, {len(run.records)} cases" for run in runs[:1]]
    rows = [
        f"| {head[0]} | " + " | ".join(run.config["system"] for run in runs) + " |",
        "| --- |" + " --- |" * len(runs),
    ]
    for name in _SIDE_BY_SIDE:
        if any(name in table for table in tables):
            rows.append(f"| {name} | " + " | ".join(_cell(table.get(name)) for table in tables) + " |")
    rows.append("| right | " + " | ".join(f"{_right(run)} of {len(run.cases)}" for run in runs) + " |")
    return "\n".join(rows)


def _cell(line: Line | None) -> str:
    if line is None:
        return "–"
    e, unit = line.estimate, line.metric.unit
    return f"{number(e.value, unit)} ({number(e.low, unit)}–{number(e.high, unit)})"


def _right(run: Run) -> int:
    return sum(is_right(case, run.records[case.id]) for case in run.cases)
