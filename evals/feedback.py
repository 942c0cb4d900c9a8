"""A bad answer becomes a test: a case with its evidence, in a suite of the reader's own.

The suite ``feedback`` lives in the data directory and is asked over the reader's own index. A case counts
once somebody has reviewed it.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from corpus.errors import UsageError
from evals import jsonl
from rag.settings import Settings

NAME = "feedback"
_HEADER = """name: feedback
measures: "Questions that were answered badly once, over this corpus."
provenance: "added by the people who use it, reviewed one by one"
licence: "yours"
corpus: own
cases: [cases.jsonl]
"""


@dataclass(frozen=True)
class Wanted:
    """What should have been answered.

    Attributes:
        facts: required facts; wordings of one fact are separated by ``|``.
        gold_urls: articles that hold the answer; none when the corpus does not.
        evidence: passages that the answer rested on, kept for the review.
    """

    question: str
    facts: Sequence[str] = ()
    gold_urls: Sequence[str] = ()
    answerable: bool = True
    kind: str = "feedback"
    history: Sequence[dict[str, str]] = ()
    note: str = ""
    evidence: Sequence[dict[str, Any]] = ()


def folder(settings: Settings) -> Path:
    """Where the suite is kept."""
    return settings.data_dir / "evals" / NAME


def add(wanted: Wanted, settings: Settings) -> str:
    """Keep a case, still to be reviewed, and return its id.

    Raises:
        UsageError: it asks nothing, or nothing could be measured by it.
    """
    if not wanted.question.strip():
        raise UsageError("The case asks nothing: give a question.")
    if wanted.answerable and not (wanted.facts or wanted.gold_urls):
        raise UsageError("The case measures nothing: give --fact, --gold or --unanswerable.")
    rows = _rows(settings)
    case = {
        "id": f"{NAME}-{1 + max((int(row['id'].rpartition('-')[2]) for row in rows), default=0):03d}",
        "kind": wanted.kind,
        "question": wanted.question.strip(),
        "history": list(wanted.history),
        "answerable": wanted.answerable,
        "gold_urls": list(dict.fromkeys(wanted.gold_urls)) if wanted.answerable else [],
        "facts": [[w.strip() for w in fact.split("|")] for fact in wanted.facts],
        "note": wanted.note,
        "evidence": list(wanted.evidence),
        "reviewed": False,
    }
    _write(settings, [*rows, case])
    return str(case["id"])


def review(id: str, settings: Settings, *, drop: bool = False) -> dict[str, Any]:
    """Accept a case, or drop it; returns it.

    Raises:
        UsageError: there is no such case.
    """
    rows = _rows(settings)
    found = next((row for row in rows if row["id"] == id), None)
    if found is None:
        raise UsageError(f"There is no case {id}: `reex eval review` names them.")
    found["reviewed"] = True
    _write(settings, [row for row in rows if not (drop and row is found)])
    return found


def waiting(settings: Settings) -> list[dict[str, Any]]:
    """The cases that nobody has reviewed."""
    return [row for row in _rows(settings) if not row["reviewed"]]


def _rows(settings: Settings) -> list[dict[str, Any]]:
    path = folder(settings) / "cases.jsonl"
    if not path.is_file():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


def _write(settings: Settings, rows: Sequence[dict[str, Any]]) -> None:
    place = folder(settings)
    place.mkdir(parents=True, exist_ok=True)
    (place / "suite.yaml").write_text(_HEADER, encoding="utf-8")
    jsonl.write(place / "cases.jsonl", rows)
