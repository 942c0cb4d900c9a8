"""A bad answer becomes a test: a case with its evidence, in a suite of the reader's own.

The suite ``feedback`` lives in the data directory and is asked over the reader's own index. Whoever
reports an answer need not know the right one: a case counts once a reviewer has said what it wants.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock

from corpus.errors import UsageError
from evals import jsonl
from rag.settings import Settings

NAME = "feedback"
Row = dict[str, Any]
_HEADER = """name: feedback
measures: "Questions that were answered badly once, over this corpus."
provenance: "added by the people who use it, reviewed one by one"
licence: "yours"
corpus: own
cases: [cases.jsonl]
"""


@dataclass(frozen=True)
class Wanted:
    """What should have been answered, as far as it is known.

    Attributes:
        facts: required facts; wordings of one fact are separated by ``|``.
        gold_urls: articles that hold the answer.
        unanswerable: the corpus does not hold it, and a refusal is wanted.
    """

    facts: Sequence[str] = ()
    gold_urls: Sequence[str] = ()
    unanswerable: bool = False

    def __bool__(self) -> bool:
        return bool(self.facts or self.gold_urls or self.unanswerable)


@dataclass(frozen=True)
class Reported:
    """What was asked and answered.

    Attributes:
        text: the answer.
        evidence: the passages that it cited.
        note: what was wrong with it.
    """

    question: str
    history: Sequence[dict[str, str]] = ()
    text: str = ""
    evidence: Sequence[Row] = ()
    note: str = ""


_NOTHING_YET = Wanted()


def folder(settings: Settings) -> Path:
    """Where the suite is kept."""
    return settings.data_dir / "evals" / NAME


def add(reported: Reported, settings: Settings, wanted: Wanted = _NOTHING_YET) -> str:
    """Keep a case, still to be reviewed, and return its id.

    Raises:
        UsageError: it asks nothing.
    """
    if not reported.question.strip():
        raise UsageError("The case asks nothing: give a question.")
    with _alone(settings):
        rows = _rows(settings)
        case = {
            "id": f"{NAME}-{1 + max((int(row['id'].rpartition('-')[2]) for row in rows), default=0):03d}",
            "kind": NAME,
            "question": reported.question.strip(),
            "history": list(reported.history),
            **_as_wanted(wanted),
            "note": reported.note,
            "answered": reported.text,
            "evidence": list(reported.evidence),
            "reviewed": False,
        }
        _write(settings, [*rows, case])
    return str(case["id"])


def note(id: str, text: str, settings: Settings) -> None:
    """Say what was wrong with the answer of a case.

    Raises:
        UsageError: there is no such case.
    """
    with _alone(settings):
        rows = _rows(settings)
        _named(id, rows)["note"] = text.strip()
        _write(settings, rows)


def drop(id: str, settings: Settings) -> Row:
    """Take a case out for good; returns it.

    Raises:
        UsageError: there is no such case.
    """
    with _alone(settings):
        rows = _rows(settings)
        found = _named(id, rows)
        _write(settings, [row for row in rows if row is not found])
    return found


def review(id: str, settings: Settings, wanted: Wanted = _NOTHING_YET) -> Row:
    """Accept a case, with what is wanted where that was not said yet; returns it.

    Raises:
        UsageError: there is no such case, or nobody said what is wanted.
    """
    with _alone(settings):
        rows = _rows(settings)
        found = _named(id, rows)
        if wanted:
            found |= _as_wanted(wanted)
        if not is_complete(found):
            raise UsageError(f"{id} measures nothing yet: give --fact, --gold or --unanswerable.")
        found["reviewed"] = True
        _write(settings, rows)
    return found


def is_complete(row: Row) -> bool:
    """Whether it is said what a case wants."""
    return bool(row["facts"] or row["gold_urls"] or not row["answerable"])


def waiting(settings: Settings) -> list[Row]:
    """The cases that nobody has reviewed."""
    return [row for row in _rows(settings) if not row["reviewed"]]


def _as_wanted(wanted: Wanted) -> Row:
    return {
        "answerable": not wanted.unanswerable,
        "gold_urls": [] if wanted.unanswerable else list(dict.fromkeys(wanted.gold_urls)),
        "facts": [] if wanted.unanswerable else [[w.strip() for w in f.split("|")] for f in wanted.facts],
    }


def _named(id: str, rows: Sequence[Row]) -> Row:
    found = next((row for row in rows if row["id"] == id), None)
    if found is None:
        raise UsageError(f"There is no case {id}: `reex eval review` names them.")
    return found


def _alone(settings: Settings) -> FileLock:
    """Several people may report at once, while somebody reviews in a terminal."""
    folder(settings).mkdir(parents=True, exist_ok=True)
    return FileLock(folder(settings) / "cases.lock")


def _rows(settings: Settings) -> list[Row]:
    return jsonl.read(folder(settings) / "cases.jsonl")


def _write(settings: Settings, rows: Sequence[Row]) -> None:
    place = folder(settings)
    (place / "suite.yaml").write_text(_HEADER, encoding="utf-8")
    jsonl.write(place / "cases.jsonl", rows)
