"""How sure a figure is, and whether two runs differ.

Cases are the unit: both resample whole cases, because the sentences of one answer are not
independent of each other.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats

from evals.metrics import Share, value

RESAMPLES = 4000
CONFIDENCE = 0.95
SEED = 20_250_513


@dataclass(frozen=True)
class Estimate:
    """A metric over a run: its value, the bounds of its interval, and how many cases it rests on."""

    value: float
    low: float
    high: float
    cases: int


def estimate(found: Sequence[Share | None]) -> Estimate:
    """The value and its 95 % bootstrap percentile interval (Efron, 1979; scipy.stats.bootstrap)."""
    numerators, denominators = _arrays(found)
    whole = value(found)
    if len(numerators) < 2 or len(np.unique(numerators / denominators)) == 1:
        return Estimate(whole, whole, whole, len(numerators))
    interval = stats.bootstrap(
        (numerators, denominators),
        lambda n, d, axis=-1: n.sum(axis=axis) / d.sum(axis=axis),
        paired=True,
        vectorized=True,
        n_resamples=RESAMPLES,
        confidence_level=CONFIDENCE,
        method="percentile",
        rng=np.random.default_rng(SEED),
    ).confidence_interval
    return Estimate(whole, float(interval.low), float(interval.high), len(numerators))


def p_value(before: Sequence[Share | None], after: Sequence[Share | None]) -> float:
    """How often runs that do not differ would differ as much: a paired permutation test, two-sided.

    Each case may be swapped between the runs (Fisher, 1935; scipy.stats.permutation_test). Cases
    to which the metric applies in one run only are compared as well: refusals differ. 1 when nothing differs.
    """
    pairs = [(a or (0.0, 0.0), b or (0.0, 0.0)) for a, b in zip(before, after, strict=True) if a or b]
    if not pairs or all(a == b for a, b in pairs):
        return 1.0
    shares = np.array([pair[0] for pair in pairs] + [pair[1] for pair in pairs])

    def difference(one: Any, other: Any, axis: int = -1) -> Any:
        return _rate(shares, one, axis) - _rate(shares, other, axis)

    half = len(pairs)
    result = stats.permutation_test(
        (np.arange(half), np.arange(half, 2 * half)),
        difference,
        permutation_type="samples",
        vectorized=True,
        n_resamples=RESAMPLES,
        rng=np.random.default_rng(SEED),
    )
    return float(result.pvalue)


def _rate(shares: Any, cases: Any, axis: int) -> Any:
    picked = shares[cases.astype(int)]
    whole = np.maximum(picked[..., 1].sum(axis=axis), 1e-12)
    return picked[..., 0].sum(axis=axis) / whole


def holm(p_values: dict[str, float]) -> dict[str, float]:
    """Adjusted for looking at several metrics at once (Holm, 1979), by name."""
    adjusted: dict[str, float] = {}
    worst = 0.0
    for rank, (name, p) in enumerate(sorted(p_values.items(), key=lambda item: item[1])):
        worst = max(worst, min(1.0, p * (len(p_values) - rank)))
        adjusted[name] = worst
    return adjusted


def _arrays(found: Sequence[Share | None]) -> tuple[Any, Any]:
    applies = [share for share in found if share is not None and not math.isclose(share[1], 0.0)]
    return np.array([n for n, _ in applies]), np.array([d for _, d in applies])
