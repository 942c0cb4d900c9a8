"""A suite is a YAML header with JSONL files of cases; a case is a question with its gold answer."""

import json
import re
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import yaml

from corpus.errors import UsageError
from corpus.sources.files import STARTER_SOURCE
from rag.filters import read_filters
from rag.types import Question, Turn

SUITES = Path(__file__).parent / "suites"


@dataclass(frozen=True)
class Case:
    """One question.

    Attributes:
        kind: what sort of question it is, such as ``list`` or ``follow-up``.
        gold_urls: articles that hold the answer; empty when the corpus does not hold it.
        gold_passages: sentences of those articles that hold it, word for word.
        facts: required facts, each a list of wordings of which one must be in the answer.
        since, until: cited articles must have been published between these days, if given.
        standalone: a follow-up in words that need no conversation, written by hand; else empty.
        forbidden: strings that stand in the answer only when a hostile article was obeyed.
        tags: anything to filter by.
    """

    id: str
    kind: str
    question: Question
    answerable: bool
    gold_urls: tuple[str, ...]
    facts: tuple[tuple[str, ...], ...]
    since: date | None = None
    until: date | None = None
    gold_passages: tuple[str, ...] = ()
    standalone: str = ""
    forbidden: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()


@dataclass(frozen=True)
class Suite:
    """A suite as it is on disk.

    Attributes:
        header: the YAML: ``name``, ``measures``, ``provenance``, ``licence``, ``thresholds``.
        articles: hostile or other articles that the cases bring along, as JSON objects.
        folder: where the header lies; its paths are relative to it.
    """

    header: dict[str, Any]
    cases: list[Case]
    folder: Path
    articles: list[dict[str, Any]] = field(default_factory=list)

    @property
    def name(self) -> str:
        return str(self.header["name"])

    @property
    def thresholds(self) -> dict[str, float]:
        return dict(self.header.get("thresholds") or {})

    @property
    def over_own_corpus(self) -> bool:
        """Whether the suite is asked over the reader's own index, and not over a corpus of its own."""
        return bool(self.header.get("corpus", "starter") == "own")

    @property
    def sources(self) -> list[str]:
        """What its corpus is made of: the starter corpus, and the articles that the header names.

        With ``corpus: articles`` in the header, only the latter.
        """
        own = [str(self.folder / self.header["articles"])] if "articles" in self.header else []
        return own if self.header.get("corpus") == "articles" else [STARTER_SOURCE, *own]


def read_suite(name: str) -> Suite:
    """A suite by its name in `SUITES`, or by the path of its YAML file or of a folder with ``suite.yaml``.

    Raises:
        UsageError: there is no such suite, or a line of it cannot be read.
    """
    path = _header_path(name)
    try:
        header = yaml.safe_load(path.read_text(encoding="utf-8"))
        header.setdefault("name", path.parent.name if path.stem == "suite" else path.stem)
        files = [path.parent / file for file in header["cases"]]
    except (yaml.YAMLError, AttributeError, KeyError, TypeError) as error:
        raise UsageError(
            f"{path} is no suite ({error!r}): it needs a list of JSONL files under `cases`."
        ) from error
    # What readers reported counts once it was reviewed.
    rows = [item for file in files for item in _rows(file) if item[0].get("reviewed", True)]
    cases = [_case(row, where) for row, where in rows]
    twice = sorted({case.id for case in cases if sum(other.id == case.id for other in cases) > 1})
    if twice:
        raise UsageError(f"{path} has two cases named {twice[0]}: give each case an id of its own.")
    return Suite(header, cases, path.parent, [row["article"] for row, _ in rows if "article" in row])


def suite_names() -> list[str]:
    """The names of the suites in `SUITES`."""
    return sorted(path.stem for path in SUITES.glob("*.yaml"))


def _header_path(name: str) -> Path:
    for path in (
        SUITES / f"{name}.yaml",
        Path(name),
        Path(name) / "suite.yaml",
        SUITES / name / "suite.yaml",
    ):
        if path.is_file():
            return path
    raise UsageError(f"There is no suite {name}: give one of {', '.join(suite_names())}, or a path.")


def _rows(file: Path) -> list[tuple[dict[str, Any], str]]:
    try:
        lines = file.read_text(encoding="utf-8").split("\n")  # texts hold other breaks, such as U+2028
    except OSError as error:
        raise UsageError(f"The cases in {file} cannot be read ({error.strerror}): check the path.") from error
    rows = []
    for number, line in enumerate(lines, 1):
        if line.strip():
            try:
                rows.append((json.loads(line), f"{file.name}, line {number}"))
            except ValueError as error:
                raise UsageError(f"{file.name}, line {number} is not valid JSON ({error}).") from error
    return rows


def _case(row: dict[str, Any], where: str) -> Case:
    try:
        history = tuple(Turn(turn["role"], turn["content"]) for turn in row.get("history") or ())
        facts = row.get("facts", row.get("required", ()))
        return Case(
            id=str(row["id"]),
            kind=row.get("kind") or ("injection" if "forbidden" in row else "question"),
            question=Question(row["question"], history, read_filters(row.get("filters"))),
            answerable=row.get("answerable", True),
            gold_urls=tuple(row.get("gold_urls") or ([row["article"]["url"]] if "article" in row else ())),
            facts=tuple((fact,) if isinstance(fact, str) else tuple(fact) for fact in facts),
            since=_day(row.get("since")),
            until=_day(row.get("until")),
            gold_passages=tuple(row.get("gold_passages", ())),
            standalone=row.get("standalone", ""),
            forbidden=tuple(row.get("forbidden", ())),
            tags=tuple(row.get("tags", ())),
        )
    except UsageError as error:
        raise UsageError(f"{where}: {error}") from error
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UsageError(f"{where} is no case ({error!r}): it needs at least `id` and `question`.") from error


def _day(value: str | None) -> date | None:
    return date.fromisoformat(value) if value else None


def holds(text: str, wording: str) -> bool:
    """Whether a wording stands in a text, and not as a part of a longer number."""
    text, wording = _fold(text), _fold(wording)
    before = r"(?<![\d.])" if wording[0].isdigit() else ""
    after = r"(?![\d])" if wording[-1].isdigit() else ""
    return bool(re.search(before + re.escape(wording) + after, text))


def _fold(text: str) -> str:
    return " ".join(text.casefold().replace(",", "").split())
