"""A suite is a YAML header with a JSONL file of cases; a case is a question with its gold answer."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from rag.types import Answer, Hit, Question, Turn

SUITES = Path(__file__).parent / "suites"


@dataclass(frozen=True)
class Case:
    """One question.

    Attributes:
        facts: required facts, each a list of wordings of which one must be in the answer.
        gold_urls: articles that hold the answer; empty when the corpus does not hold it.
    """

    id: str
    kind: str
    question: Question
    answerable: bool
    gold_urls: tuple[str, ...]
    facts: tuple[tuple[str, ...], ...]


def read_suite(name: str) -> tuple[dict[str, Any], list[Case]]:
    """The header and the cases of a suite in `SUITES`."""
    header = yaml.safe_load((SUITES / f"{name}.yaml").read_text(encoding="utf-8"))
    lines = (SUITES / header["cases"]).read_text(encoding="utf-8").splitlines()
    return header, [_case(json.loads(line)) for line in lines if line.strip()]


def _case(row: dict[str, Any]) -> Case:
    history = tuple(Turn(turn["role"], turn["content"]) for turn in row["history"])
    return Case(
        row["id"],
        row["kind"],
        Question(row["question"], history),
        row["answerable"],
        tuple(row["gold_urls"]),
        tuple(tuple(fact) for fact in row["facts"]),
    )


@dataclass
class Score:
    """What one answer is worth. ``None`` where a measure does not apply to the case."""

    case: Case
    answer: Answer
    gold_in_first_5: bool | None
    facts_found: float | None
    slices: list[bool] = field(default_factory=list)


def score(case: Case, answer: Answer) -> Score:
    """Score an answer against its case, without any model."""
    applies = case.answerable
    return Score(
        case,
        answer,
        gold_in_first(case, answer.retrieved) if applies else None,
        _facts_found(case, answer.text) if applies else None,
        _slices(answer),
    )


def gold_in_first(case: Case, hits: Sequence[Hit], k: int = 5) -> bool:
    """Whether one of the first ``k`` retrieved passages comes from a gold article."""
    return any(hit.article.url in case.gold_urls for hit in hits[:k])


def _facts_found(case: Case, text: str) -> float:
    """The share of the required facts that the answer states, in any of their wordings."""
    said = _fold(text)
    return sum(any(_fold(w) in said for w in fact) for fact in case.facts) / max(1, len(case.facts))


def _fold(text: str) -> str:
    return " ".join(text.casefold().replace(",", "").split())


def _slices(answer: Answer) -> list[bool]:
    texts = {hit.article.id: hit.article.text for hit in answer.retrieved}
    return [texts[c.article_id][c.start : c.end] == c.quote for c in answer.citations]


def summary(scores: Iterable[Score]) -> dict[str, float]:
    """The suite's measures, each a share between 0 and 1."""
    scores = list(scores)
    yes = [s for s in scores if s.case.answerable]
    no = [s for s in scores if not s.case.answerable]
    slices = [ok for s in scores for ok in s.slices]
    return {
        "gold_in_first_5": _share(s.gold_in_first_5 for s in yes),
        "all_facts_stated": _share(s.facts_found == 1 for s in yes),
        "facts_stated": sum(s.facts_found or 0 for s in yes) / max(1, len(yes)),
        "exact_slices": _share(slices),
        "unanswerable_refused": _share(s.answer.abstained for s in no),
        "answerable_refused": _share(s.answer.abstained for s in yes),
    }


def _share(flags: Iterable[bool | None]) -> float:
    values = [bool(flag) for flag in flags]
    return sum(values) / len(values) if values else 1.0
