"""A suite is a YAML header with JSONL files of cases; a case is a question with its gold answer."""

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import yaml

from rag.ingest import STARTER_SOURCE
from rag.types import Answer, Hit, Question, Turn
from rag.window import DateWindow

SUITES = Path(__file__).parent / "suites"


@dataclass(frozen=True)
class Case:
    """One question.

    Attributes:
        facts: required facts, each a list of wordings of which one must be in the answer.
        gold_urls: articles that hold the answer; empty when the corpus does not hold it.
        since, until: cited articles must have been published between these days, if given.
        standalone: a follow-up in words that need no conversation, written by hand; else empty.
    """

    id: str
    kind: str
    question: Question
    answerable: bool
    gold_urls: tuple[str, ...]
    facts: tuple[tuple[str, ...], ...]
    since: date | None = None
    until: date | None = None
    standalone: str = ""


def read_suite(name: str) -> tuple[dict[str, Any], list[Case]]:
    """The header and the cases of a suite in `SUITES`."""
    header, rows = read_rows(name)
    return header, [_case(row) for row in rows]


def read_rows(name: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The header of a suite in `SUITES` and its cases as they are written."""
    header = yaml.safe_load((SUITES / f"{name}.yaml").read_text(encoding="utf-8"))
    lines = [
        line for name in header["cases"] for line in (SUITES / name).read_text(encoding="utf-8").splitlines()
    ]
    return header, [json.loads(line) for line in lines if line.strip()]


def sources(header: dict[str, Any]) -> list[str]:
    """What a suite is asked over: the starter corpus, and the folder of articles of its own if it has one."""
    own = [str(SUITES / header["articles"])] if "articles" in header else []
    return [STARTER_SOURCE, *own]


def _case(row: dict[str, Any]) -> Case:
    history = tuple(Turn(turn["role"], turn["content"]) for turn in row["history"])
    return Case(
        row["id"],
        row["kind"],
        Question(row["question"], history),
        row["answerable"],
        tuple(row["gold_urls"]),
        tuple(tuple(fact) for fact in row["facts"]),
        _day(row.get("since")),
        _day(row.get("until")),
        row.get("standalone", ""),
    )


def _day(value: str | None) -> date | None:
    return date.fromisoformat(value) if value else None


@dataclass
class Score:
    """What one answer is worth. ``None`` where a measure does not apply to the case.

    ``outside`` counts citations of articles published outside the case's window.
    """

    case: Case
    answer: Answer
    gold_in_first_5: bool | None
    facts_found: float | None
    slices: list[bool] = field(default_factory=list)
    outside: int = 0


def score(case: Case, answer: Answer) -> Score:
    """Score an answer against its case, without any model."""
    applies = case.answerable
    return Score(
        case,
        answer,
        gold_in_first(case, answer.retrieved) if applies else None,
        _facts_found(case, answer.text) if applies and case.facts else None,
        _slices(answer),
        sum(not _inside(case, citation.published) for citation in answer.citations),
    )


def _inside(case: Case, day: date | None) -> bool:
    return day is None or DateWindow(case.since, case.until).holds(day)


def gold_in_first(case: Case, hits: Sequence[Hit], k: int = 5) -> bool:
    """Whether one of the first ``k`` retrieved passages comes from a gold article."""
    return any(hit.article.url in case.gold_urls for hit in hits[:k])


def _facts_found(case: Case, text: str) -> float:
    """The share of the required facts that the answer states, in any of their wordings."""
    return sum(any(holds(text, w) for w in fact) for fact in case.facts) / len(case.facts)


def holds(text: str, wording: str) -> bool:
    """Whether a wording stands in a text, and not as a part of a longer number."""
    text, wording = _fold(text), _fold(wording)
    before = r"(?<![\d.])" if wording[0].isdigit() else ""
    after = r"(?![\d])" if wording[-1].isdigit() else ""
    return bool(re.search(before + re.escape(wording) + after, text))


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
    facts = [s.facts_found for s in yes if s.facts_found is not None]
    slices = [ok for s in scores for ok in s.slices]
    return {
        "gold_in_first_5": _share(s.gold_in_first_5 for s in yes),
        "all_facts_stated": _share(found == 1 for found in facts),
        "facts_stated": sum(facts) / max(1, len(facts)),
        "exact_slices": _share(slices),
        "unanswerable_refused": _share(s.answer.abstained for s in no),
        "answerable_refused": _share(s.answer.abstained for s in yes),
        "cited_outside_window": sum(s.outside for s in scores),
    }


def _share(flags: Iterable[bool | None]) -> float:
    values = [bool(flag) for flag in flags]
    return sum(values) / len(values) if values else 1.0
