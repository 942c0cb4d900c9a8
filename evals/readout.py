"""Fits the weights of `rag.readout`: ``python -m evals.readout ROWS``.

The packaged model is asked about the evidence of questions of the suites for tuning: whether it holds the
answer to the question that it was chosen for, and to others that are like that one; and for the answers. What
the others ask for is known too, so these tell a passage that states the fact from one that is about the same
subject, and they cost little, as the server has read the evidence. The logits where replies would begin go to
the file ROWS, a row a line, and a run that was interrupted goes on there. Then a logistic regression is
fitted, and each suite is told by a fit on the others; with ``--write`` the weights of a fit on all go to
``rag/readout.json``.

How long a question is, and whether it follows up on another, is part of the fit and left out of the weights:
what the suites cannot answer is asked in fewer words, which is theirs and not the world's.
"""

import argparse
import json
import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, zip_longest
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LogisticRegression

from evals import jsonl
from evals.run import with_corpus
from evals.suite import Case, holds, read_suite
from rag import readout
from rag.abstain import MIN_CONFIDENCE, too_weak
from rag.embed import Embedder
from rag.generate import build_prompt
from rag.index import open_index
from rag.llm import open_llm
from rag.lookup import look_up
from rag.retrieve import Retriever
from rag.select import Evidence
from rag.sentences import has_cjk
from rag.settings import Settings, load_settings
from rag.understand import understand

SUITES = (
    "dev",
    "former-report",
    "former-report-2",
    "former-report-3",
    "former-report-4",
    "former-report-5",
    "former-report-6",
    "former-report-7",
)
_YES, _NO = 9454, 2753  # tokens of Qwen2.5
_VOCABULARY = 151_643  # of it, without what marks turns
_TOKENS = 500
_LIKE = 0.35  # cosine of two questions
_VERY_LIKE = 0.5
_OTHERS = 1  # question that an evidence answers, and one that it does not
_SAME_LENGTH = 2  # words more or less
_STRENGTH = 0.003  # inverse of the regularisation; 0.001 to 0.01 make no difference

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class _Asked:
    """A question of a suite, and what the model would see for it."""

    suite: str
    case: Case
    question: str
    vector: npt.NDArray[np.float32]
    evidence: Evidence

    def holds(self, case: Case) -> bool | None:
        """Whether the evidence states all facts that a case requires; None when only some."""
        shown = " ".join(chain.from_iterable(excerpt.sentences for excerpt in self.evidence.excerpts))
        stated = [any(holds(shown, wording) for wording in fact) for fact in case.facts]
        if not case.answerable or not any(stated):
            return False
        return True if all(stated) else None


def main() -> None:
    """Ask what has not been asked, and print how well the fit tells what can be answered."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rows", type=Path, help="where the logits are kept, as JSON lines")
    parser.add_argument("--evidence", type=int, default=200, help="for how many questions evidence is read")
    parser.add_argument("--write", action="store_true", help="write the weights to rag/readout.json")
    options = parser.parse_args()
    known = jsonl.read(options.rows)
    if len({(row["suite"], row["evidence"]) for row in known}) < options.evidence:
        _ask(load_settings(), options.rows, known, options.evidence)
        known = jsonl.read(options.rows)
    fit = Fit(known)
    print(json.dumps(fit.figures(), indent=1))
    if options.write:
        fit.write(Path(readout.__file__).with_name("readout.json"))


def tokens() -> list[int]:
    """Those whose logits are asked for: any, and the two words themselves."""
    anyones = np.random.default_rng(0).choice(_VOCABULARY, 4_000, replace=False)[:_TOKENS]
    return sorted({_YES, _NO, *anyones.tolist()})


def _ask(settings: Settings, file: Path, known: Sequence[dict[str, Any]], wanted: int) -> None:
    llm, embedder = open_llm(settings), Embedder.of(settings)
    asked = [_all_of(suite, settings, embedder) for suite in SUITES]
    order = _in_turns([one for suite in asked for one in suite])
    seen = {(row["suite"], row["evidence"]) for row in known}
    told = tokens()
    with file.open("a", encoding="utf-8") as rows:
        for number, one in enumerate(order[:wanted], 1):
            if (one.suite, one.case.id) in seen:
                continue
            others = next(suite for suite in asked if suite[0].suite == one.suite)
            for other, stated in [(one, one.holds(one.case)), *_like(one, others)]:
                prompt = build_prompt(other.question, one.evidence.excerpts)
                replies = llm.openings(prompt.probe, prompt.answer, told)
                row = {
                    "suite": one.suite,
                    "evidence": one.case.id,
                    "case": other.case.id,
                    "answerable": one.case.answerable if other is one else None,
                    "holds": stated,
                    "words": len(other.question.split()),
                    "follow_up": bool(other.case.question.history),
                    "logits": [[round(logit, 3) for logit in reply] for reply in replies],
                }
                rows.write(jsonl.line(row))
            rows.flush()
            print(f"{number} of {wanted}", flush=True)


def _all_of(suite: str, settings: Settings, embedder: Embedder) -> list[_Asked]:
    found = read_suite(suite)
    settings = with_corpus(found, settings)
    retriever = Retriever(open_index(settings), embedder)
    asked = []
    for case in found.cases:
        understood = understand(case.question)
        if has_cjk(understood.question) or understood.wants_advice:
            continue
        readings = look_up(understood, retriever, settings)
        if len(readings) > 1 or too_weak(readings[0].evidence):
            continue
        vector = embedder.encode([understood.question])[0]
        asked.append(_Asked(suite, case, understood.question, vector, readings[0].evidence))
    return asked


def _in_turns(asked: list[_Asked]) -> list[_Asked]:
    """One that can be answered after one that cannot, each in any order."""
    random.Random(5).shuffle(asked)
    can = [one for one in asked if one.case.answerable]
    cannot = [one for one in asked if not one.case.answerable]
    return [one for pair in zip_longest(cannot, can) for one in pair if one]


def _like(one: _Asked, others: Sequence[_Asked]) -> Iterator[tuple[_Asked, bool]]:
    """The questions that are most like one, with whether its evidence holds their answers."""
    cosines = np.array([other.vector for other in others]) @ one.vector
    left = {True: _OTHERS, False: _OTHERS}
    for place in np.argsort(-cosines):
        other, stated = others[place], one.holds(others[place].case)
        least = _VERY_LIKE if stated else _LIKE
        same = other is one or other.question == one.question
        if not same and stated is not None and left[stated] and cosines[place] >= least:
            left[stated] -= 1
            yield other, stated


class Fit:
    """A logistic regression on rows, and what it says of each suite when fitted on the others."""

    def __init__(self, rows: Sequence[dict[str, Any]]):
        """``rows`` are as this module writes them."""
        logits = np.array([row["logits"] for row in rows])  # rows, replies to probe and question, tokens
        self._x: Floats = (logits - logits.mean(axis=2, keepdims=True)).reshape(len(rows), -1)
        place = {token: n for n, token in enumerate(tokens())}
        self._yes: Floats = logits[:, 0, place[_YES]] - logits[:, 0, place[_NO]]
        self._shape: Floats = np.array([[row["words"], row["follow_up"]] for row in rows], float)
        self._beside = (self._shape - self._shape.mean(axis=0)) / (self._shape.std(axis=0) + 1e-9)
        self._own = np.array([row["answerable"] is not None for row in rows])
        self._holds = np.array([-1 if row["holds"] is None else int(row["holds"]) for row in rows])
        # Among its own questions, what can be answered counts, wherever the evidence falls short of it.
        self._can = np.where(self._own, [bool(row["answerable"]) for row in rows], self._holds == 1)
        self._suites = np.array([row["suite"] for row in rows])
        self._told = self._tell_each_by_the_others()
        # An answer is given from so many times more likely than not on, whoever tells it.
        word, told = self._odds(self._yes), self._odds(self._told)
        self._scale, self._shift = told[0] / word[0], (told[1] - word[1]) / word[0]

    def figures(self) -> dict[str, Any]:
        """How well the model's own word, and the fit, tell what can be answered, as areas under the curve."""
        others = ~self._own & (self._holds >= 0)
        return {
            "questions": self._counts(self._own),
            "other_questions": self._counts(others),
            "questions_by_word": self._area(self._yes, self._own),
            "questions_by_fit": self._area(self._told, self._own),
            "same_length_by_word": self._area(self._yes, self._own, alike=True),
            "same_length_by_fit": self._area(self._told, self._own, alike=True),
            "other_questions_by_word": self._area(self._yes, others),
            "other_questions_by_fit": self._area(self._told, others),
            "refused_by_word": self._refused(self._yes),
            "refused_by_fit": self._refused(self._scale * self._told + self._shift),
        }

    def write(self, file: Path) -> None:
        """Fit on all rows, and write the weights that give a probability on the scale of the model's word."""
        weights, bias = self._fit(np.ones(len(self._own), bool))
        data = {
            "prompts": readout.prompts(),
            "tokens": tokens(),
            "weights": [[round(float(w), 6) for w in reply] for reply in self._scale * weights],
            "bias": round(float(self._scale * bias + self._shift), 6),
        }
        file.write_text(json.dumps(data) + "\n", encoding="utf-8")

    def _counts(self, rows: npt.NDArray[np.bool_]) -> dict[str, int]:
        return {"answerable": int((rows & self._can).sum()), "not": int((rows & ~self._can).sum())}

    def _refused(self, log_odds: Floats) -> dict[str, float]:
        """Shares of questions below the probability from which the model is asked for an answer."""
        below = log_odds < math.log(MIN_CONFIDENCE / (1 - MIN_CONFIDENCE))
        shares = {"answerable": below[self._own & self._can], "not": below[self._own & ~self._can]}
        return {name: round(float(share.mean()), 3) for name, share in shares.items()}

    def _fit(self, chosen: npt.NDArray[np.bool_]) -> tuple[Floats, float]:
        used = chosen & (self._holds >= 0)
        mean, spread = self._x[used].mean(axis=0), self._x[used].std(axis=0)
        given = np.hstack([(self._x[used] - mean) / spread, self._beside[used]])
        model = LogisticRegression(C=_STRENGTH, class_weight="balanced", max_iter=2_000)
        model.fit(given, self._can[used])
        weights = model.coef_[0][: self._x.shape[1]] / spread
        bias = float(model.intercept_[0] - mean @ weights)
        # A reply's logits are known but for a constant, so its weights sum to nothing.
        weights = weights.reshape(-1, len(tokens()))
        return weights - weights.mean(axis=1, keepdims=True), bias

    def _tell_each_by_the_others(self) -> Floats:
        told = np.empty(len(self._own))
        for suite in np.unique(self._suites):
            weights, bias = self._fit(self._suites != suite)
            told[self._suites == suite] = self._x[self._suites == suite] @ weights.ravel() + bias
        return told

    def _odds(self, score: Floats) -> tuple[float, float]:
        """Slope and intercept of the log odds that a question can be answered."""
        model = LogisticRegression(C=1e6, class_weight="balanced")
        model.fit(score[self._own, None], self._can[self._own])
        return float(model.coef_[0][0]), float(model.intercept_[0])

    def _area(self, score: Floats, rows: npt.NDArray[np.bool_], alike: bool = False) -> float:
        """Area under the curve; with ``alike``, over pairs of questions of the same kind and length only."""
        yes, no = np.flatnonzero(rows & self._can), np.flatnonzero(rows & ~self._can)
        over = (score[yes, None] > score[no]) + 0.5 * (score[yes, None] == score[no])
        if not alike:
            return round(float(over.mean()), 3)
        near = np.abs(self._shape[yes, None] - self._shape[no]) <= [_SAME_LENGTH, 0]
        return round(float(over[near.all(axis=2)].mean()), 3)


if __name__ == "__main__":
    main()
