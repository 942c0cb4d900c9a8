"""What the adapters of the packaged model learn from: evidence, questions about it, and what is right.

The questions are cases of the suites for tuning, with the evidence that is chosen for them, and questions on
the 436 articles of these suites in ``evals/training``: ``near-misses.jsonl``, three that an article answers
and four that it nearly does, and ``premises.jsonl``, six that take something for granted, which the article
contradicts, confirms or leaves open, or that name a period. The questions on an article are asked of one
evidence of it. ``answers.jsonl`` holds model answers to what the evidence settles, and ``chinese.jsonl`` two
questions in Chinese on each evidence, one that it settles and one that it does not, with what is right.
"""

import random
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from evals import jsonl
from evals.run import with_corpus
from evals.suite import Case, holds, read_suite
from rag.abstain import too_weak
from rag.embed import Embedder
from rag.generate import NOT_FOUND, build_prompt
from rag.index import open_index
from rag.lookup import look_up
from rag.markers import read_markers
from rag.retrieve import Retriever
from rag.select import Evidence
from rag.sentences import has_cjk
from rag.settings import Settings
from rag.types import Question
from rag.understand import understand

SUITES = ("dev", "former-report", *(f"former-report-{n}" for n in range(2, 11)))
NEAR_MISSES = Path(__file__).parent / "training" / "near-misses.jsonl"
PREMISES = NEAR_MISSES.with_name("premises.jsonl")
ANSWERS = NEAR_MISSES.with_name("answers.jsonl")
CHINESE = NEAR_MISSES.with_name("chinese.jsonl")

_ByArticle = Mapping[str, Mapping[str, list[dict[str, Any]]]]


@dataclass(frozen=True)
class Example:
    """A question about an evidence.

    Attributes:
        question: what is asked, with what it leans on.
        stated: whether the evidence settles it.
        answer: a model answer, with the ids of the evidence's passages; empty where nobody wrote one.
        kind: that of the case for which the evidence was chosen; empty for training questions.
    """

    question: str
    stated: bool
    answer: str = ""
    kind: str = ""


@dataclass(frozen=True)
class Shown:
    """An evidence as the model reads it, with questions about it."""

    suite: str
    system: str
    passages: str
    examples: tuple[Example, ...]


def gather(settings: Settings) -> Iterator[Shown]:
    """The evidence of the suites for tuning and of their articles, with the questions that each serves."""
    embedder = Embedder.of(settings)
    near_misses, premises, chinese = map(_by_article, (NEAR_MISSES, PREMISES, CHINESE))
    answers = {(row["suite"], row["question"]): row["answer"] for row in jsonl.read(ANSWERS)}
    for name in SUITES:
        suite = read_suite(name)
        retriever = Retriever(open_index(with_corpus(suite, settings)), embedder)
        of_cases = _of_cases(suite.cases, retriever, settings)
        of_articles = _of_articles(near_misses[name], premises[name], chinese[name], retriever, settings)
        for evidence, examples in chain(of_cases, of_articles):
            yield _shown(name, evidence, examples, answers)


def _by_article(file: Path) -> _ByArticle:
    """The questions of a file, by suite and article."""
    found: dict[str, dict[str, list[dict[str, Any]]]] = defaultdict(lambda: defaultdict(list))
    for row in jsonl.read(file):
        found[row["suite"]][row["article"]].append(row)
    return found


def _of_cases(
    cases: Sequence[Case], retriever: Retriever, settings: Settings
) -> Iterator[tuple[Evidence, list[Example]]]:
    for case in cases:
        question, evidence = _evidence(case.question, retriever, settings)
        stated = _stated(evidence, case.facts) if evidence and case.answerable else False
        if evidence and stated is not None:
            yield evidence, [Example(question, stated, kind=case.kind)]


def _of_articles(
    near_misses: Mapping[str, list[dict[str, Any]]],
    premises: Mapping[str, list[dict[str, Any]]],
    chinese: Mapping[str, list[dict[str, Any]]],
    retriever: Retriever,
    settings: Settings,
) -> Iterator[tuple[Evidence, list[Example]]]:
    for number, (article, about) in enumerate(near_misses.items()):
        # It is chosen for a question that the article answers, or for one that it does not.
        fitting = [row for row in about if row["answerable"] == bool(number % 2)]
        chosen = Question(random.Random(number).choice(fitting)["question"])
        _, evidence = _evidence(chosen, retriever, settings)
        if evidence:
            examples = _examples(evidence, [*about, *premises[article]])
            yield evidence, [*examples, *(_in_chinese(row) for row in chinese[article])]


def _examples(evidence: Evidence, rows: Iterable[dict[str, Any]]) -> Iterator[Example]:
    for row in rows:
        stated = _stated(evidence, row["facts"]) if row["answerable"] else False
        # What contradicts a premise may stand there in other words than in those of its facts.
        if stated or (stated is False and row.get("kind") != "false-premise"):
            yield Example(row["question"], stated)


def _in_chinese(row: dict[str, Any]) -> Example:
    return Example(row["question"], row["answer"] != NOT_FOUND, row["answer"])


def _evidence(question: Question, retriever: Retriever, settings: Settings) -> tuple[str, Evidence | None]:
    """What is asked, and what the model would see for it; None when the probe is another one, or none."""
    understood = understand(question)
    if has_cjk(understood.question) or understood.wants_advice:
        return understood.question, None
    readings = look_up(understood, retriever, settings)
    if len(readings) > 1 or too_weak(readings[0].evidence):
        return understood.question, None
    return understood.question, readings[0].evidence


def _stated(evidence: Evidence, facts: Sequence[Sequence[str]]) -> bool | None:
    """Whether it states all of the facts; None when only some."""
    text = " ".join(chain.from_iterable(excerpt.sentences for excerpt in evidence.excerpts))
    stated = [any(holds(text, wording) for wording in fact) for fact in facts]
    return all(stated) if all(stated) or not any(stated) else None


def _shown(
    suite: str, evidence: Evidence, examples: Iterable[Example], answers: Mapping[tuple[str, str], str]
) -> Shown:
    prompt = build_prompt("", evidence.excerpts)
    system, user = (str(message.content) for message in prompt.probe)
    told = []
    for one in examples:
        answer = one.answer or (answers.get((suite, one.question), "") if one.stated else NOT_FOUND)
        if one.stated and answer == NOT_FOUND:
            continue  # who was to answer it found that the passages do not
        if read_markers(answer, prompt.markers).unknown:  # written from other passages
            if one.answer:
                continue
            answer = ""
        told.append(Example(one.question, one.stated, answer, one.kind))
    return Shown(suite, system, user.rpartition("Question:")[0], tuple(told))
