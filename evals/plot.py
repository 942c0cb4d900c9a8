"""Plots for pages that stand by themselves: SVG drawn by matplotlib, nothing is fetched."""

import io
from typing import Any

from matplotlib.figure import Figure

INK, GOOD, BAD, RULE = "#1f2933", "#0f766e", "#b42318", "#cbd2d9"


def axes_of(title: str) -> tuple[Figure, Any]:
    """An empty plot and its axes."""
    figure = Figure(figsize=(5.6, 3.4), layout="constrained")
    axes = figure.subplots()
    axes.set_title(title, loc="left", fontsize=11, color=INK)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(RULE)
    axes.tick_params(colors=INK, labelsize=9)
    return figure, axes


def svg(figure: Figure) -> str:
    """A plot as an element of a page."""
    out = io.StringIO()
    figure.savefig(out, format="svg", metadata={"Date": None})
    return out.getvalue()[out.getvalue().index("<svg") :]
