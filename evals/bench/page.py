"""What ``reex bench`` measured, as a table for a terminal and as a page with plots."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jinja2

from evals.bench.short import Result
from evals.plot import BAD, GOOD, INK, axes_of, svg

_TEMPLATE = Path(__file__).with_name("page.html.jinja")


def as_html(result: Result) -> str:
    """The page: each figure beside its bar, and how long each question took."""
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    template = environment.from_string(_TEMPLATE.read_text(encoding="utf-8"))
    rows = result["questions"]
    plots = [
        _per_question(rows, "Seconds to the first token", "first"),
        _per_question(rows, "Seconds to the whole answer", "whole"),
    ]
    return template.render(result=result, plots=plots if rows else [], number=_number)


def as_text(result: Result) -> str:
    """Each figure beside its bar, one a line."""
    lines = []
    for one in result["measures"]:
        what = f"{one['what']} against {one['against']}" if one["against"] else one["what"]
        sign = "≥" if one["at_least"] else "≤"
        value, bar = (_number(one[name], one["against"]) for name in ("value", "bar"))
        lines.append(f"{what:62} {value:>8}   {sign} {bar:<6} {'met' if one['is_met'] else 'missed'}")
    return "\n".join(lines)


def _number(value: float, against: str) -> str:
    return f"{value:.2f} ×" if against else f"{value:.0f}"


def _per_question(rows: Sequence[dict[str, Any]], title: str, what: str) -> str:
    """Ours between its floor and the tutorial's, the quickest question first."""
    rows = sorted(rows, key=lambda row: float(row[what]))
    figure, axes = axes_of(title)
    for name, label, colour in (
        (f"tutorial_{what}", "tutorial chain", BAD),
        (what, "REEx Answers", GOOD),
        (f"floor_{what}", "floor", INK),
    ):
        axes.plot([row[name] for row in rows], marker="o", markersize=3, color=colour, label=label)
    axes.set_xlabel("questions", color=INK, fontsize=9)
    axes.set_xticks([])
    axes.set_ylim(bottom=0)
    axes.legend(frameon=False, labelcolor=INK)
    return svg(figure)
