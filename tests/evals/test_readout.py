"""Weights are fitted on what rows hold, and told for suites that they were not fitted on."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evals.readout import Fit, tokens
from rag.readout import Readout, prompts

YES = 9454


def rows(speaks: float) -> list[dict[str, Any]]:
    # Three suites, whose evidence holds the answer to every other question. A hundred tokens show it, by
    # ``speaks`` times as much as they vary anyway, in the reply to the probe for every second question and in
    # the answer for the others; the words "yes" and "no" hardly do.
    random = np.random.default_rng(0)
    made = []
    for number in range(180):
        stated, own = bool(number % 2), number % 3 == 0
        logits = random.normal(size=(2, len(tokens())))
        logits[number // 2 % 2, :100] += 2 * speaks * (stated - 0.5)
        logits[0, tokens().index(YES)] += speaks * stated
        made.append(
            {
                "suite": f"suite-{number % 5 % 3}",
                "evidence": f"e{number}",
                "case": f"c{number}",
                "answerable": stated if own else None,
                "holds": stated,
                "words": 10 + 2 * stated,
                "follow_up": False,
                "logits": logits.tolist(),
            }
        )
    return made


def test_what_the_logits_tell_is_told_for_suites_that_were_left_out(tmp_path: Path) -> None:
    fit = Fit(rows(0.5))
    told = fit.figures()
    assert told["questions"] == {"answerable": 30, "not": 30}
    assert told["other_questions"] == {"answerable": 60, "not": 60}
    assert told["questions_by_word"] == pytest.approx(0.6, abs=0.2)
    assert told["questions_by_fit"] > 0.9
    assert told["other_questions_by_fit"] > 0.9
    fit.write(tmp_path / "readout.json")
    data = json.loads((tmp_path / "readout.json").read_text())
    read = Readout(tuple(data["tokens"]), tuple(data["weights"]), data["bias"])
    assert data["prompts"] == prompts()
    yes, no = (
        [read.probability(row["logits"]) for row in rows(0.5) if row["holds"] is holds]
        for holds in (True, False)
    )
    assert np.mean(yes) > np.mean(no)


def test_where_only_the_length_of_questions_tells_them_apart_the_fit_tells_nothing() -> None:
    told = Fit(rows(0.0)).figures()
    assert told["questions_by_fit"] == pytest.approx(0.5, abs=0.2)
