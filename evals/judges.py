"""What a language model thinks of the answers of a run: an opinion beside the metrics, never one of them.

Faithfulness and answer relevancy are those of RAGAS (Es et al., EACL 2024), and RAGAS asks for them; it
needs the extra ``judges``. Its two scores stand in ``judged.jsonl`` beside a run's cases, one line a case
and judge. No comparison and no gate reads that file.
"""

import asyncio
import math
import os
from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from langchain_core.exceptions import OutputParserException
from langchain_core.messages import HumanMessage
from langchain_core.outputs import Generation, LLMResult
from langchain_core.prompt_values import PromptValue

from corpus.errors import UsageError
from evals import jsonl
from evals.record import Record
from evals.run import Progress, Run, at_a_time, in_any_order, spread
from evals.stats import Estimate, estimate
from evals.suite import Case
from rag.embed import Embedder
from rag.llm import LLM, open_llm
from rag.llm import Progress as Assembling
from rag.settings import Settings

SCORES = ("faithfulness", "answer_relevancy")
_FILE = "judged.jsonl"
_REPLY_TOKENS = 1200
_NO_TEMPERATURE = ("local", "ollama")  # rag.llm sets it to 0 for them

Scores = dict[str, float | None]
"""By the names in `SCORES`; None where the judge's reply could not be read."""


@dataclass(frozen=True)
class Judge:
    """A model that scores an answer.

    Attributes:
        name: the model.
        method: whose questions it is asked, with their version.
        score: question, answer and the texts behind it to scores.
        at_a_time: how many answers it may be given at a time.
    """

    name: str
    method: str
    score: Callable[[str, str, list[str]], Scores]
    at_a_time: int = 1


@dataclass(frozen=True)
class Opinion:
    """What one judge makes of a run: each score over its cases, of how many that were judged."""

    judge: str
    method: str
    judged: int
    wrote_them: bool
    scores: dict[str, Estimate]


def judge(
    run: Run, judge: Judge, limit: int | None = None, progress: Progress = lambda done, total: None
) -> None:
    """Have the answers of a run scored, but for those that this judge has scored before.

    Args:
        limit: only so many answers, spread evenly over the run.

    Raises:
        UsageError: the run holds no answer.
        LLMError: the judge cannot be reached or refuses; what it scored until then is kept.
    """
    answered = [case for case in run.cases if _answer(run.records[case.id])]
    if not answered:
        raise UsageError(f"{run.name} holds no answer to judge: run a suite with a language model.")
    path = run.folder / _FILE
    known = jsonl.read(path)
    done = {kept["id"] for kept in known if kept["judge"] == judge.name}
    chosen = spread(answered, limit)
    left = [case for case in chosen if case.id not in done]

    def opinion(case: Case) -> Record:
        kept = run.records[case.id]
        question = case.standalone or kept["understood"] or kept["question"]
        scores = judge.score(question, _answer(kept), _contexts(kept))
        return {"id": case.id, "judge": judge.name, "method": judge.method, **scores}

    jsonl.write(path, known)  # without the line that an interruption cut off
    with path.open("a", encoding="utf-8") as file:
        progress(len(chosen) - len(left), len(chosen))
        judged = in_any_order(opinion, left, judge.at_a_time)
        for number, row in enumerate(judged, len(chosen) - len(left) + 1):
            file.write(jsonl.line(row))
            file.flush()
            progress(number, len(chosen))


def opinions(run: Run) -> list[Opinion]:
    """What each judge makes of a run, in the order of the first to judge; empty when none did."""
    by_judge: dict[tuple[str, str], list[Record]] = {}
    for kept in jsonl.read(run.folder / _FILE):
        if kept["id"] in run.records:
            by_judge.setdefault((kept["judge"], kept["method"]), []).append(kept)
    return [
        Opinion(name, method, len(rows), _wrote(run, name), {score: _over(rows, score) for score in SCORES})
        for (name, method), rows in by_judge.items()
    ]


def _over(rows: list[Record], score: str) -> Estimate:
    return estimate([None if row[score] is None else (row[score], 1.0) for row in rows])


def _wrote(run: Run, name: str) -> bool:
    return any(kept["model"] == name for kept in run.records.values())


def _answer(kept: Record) -> str:
    """What a reader is shown of an answer, without markers; empty for a refusal."""
    if kept["abstained"]:
        return ""
    return " ".join(s["text"] for s in kept["sentences"] if s["support"] != "unsupported")


def _contexts(kept: Record) -> list[str]:
    """The passages that were shown to the model or are cited, each with its title and date."""
    used = {*kept["shown"], *(citation["passage_id"] for citation in kept["citations"])}
    return [
        f"{hit['title']} ({hit['published'] or 'undated'}): {hit['text']}"
        for hit in kept["retrieved"]
        if hit["passage_id"] in used
    ]


# RAGAS


def open_judge(settings: Settings, assembling: Assembling = lambda done, total: None) -> Judge:
    """The language model of the settings, asked by RAGAS.

    Raises:
        UsageError: RAGAS is not installed.
        LLMError, ModelFileError, StorageError: the model cannot be opened, see `rag.llm.open_llm`.
    """
    os.environ["RAGAS_DO_NOT_TRACK"] = "true"  # else it reports each score to its makers
    try:
        import ragas
        from ragas.exceptions import RagasException
        from ragas.metrics import Faithfulness, ResponseRelevancy
    except ImportError as error:
        raise UsageError(
            f"Judges need the extra judges ({error}): pip install -c constraints.txt -e '.[judges]'."
        ) from error
    llm = open_llm(settings, assembling)
    embedder = Embedder.of(settings)
    model = _OurModel(llm)
    embeddings = SimpleNamespace(
        embed_query=lambda text: embedder.encode([text]), embed_documents=embedder.encode
    )
    # Without a temperature, the three questions that RAGAS wants for an answer are three times the same.
    questions = 1 if llm.provider in _NO_TEMPERATURE else 3
    metrics = (
        Faithfulness(llm=model),
        ResponseRelevancy(llm=model, embeddings=embeddings, strictness=questions),
    )

    def one(metric: Any, sample: Any) -> float | None:
        try:
            score = float(asyncio.run(metric.single_turn_ascore(sample)))
        except (RagasException, OutputParserException):
            return None
        return None if math.isnan(score) else score

    def score(question: str, answer: str, contexts: list[str]) -> Scores:
        sample = ragas.SingleTurnSample(user_input=question, response=answer, retrieved_contexts=contexts)
        return {name: one(metric, sample) for name, metric in zip(SCORES, metrics, strict=True)}

    return Judge(llm.name, f"RAGAS {ragas.__version__}", score, at_a_time(llm))


class _OurModel:
    """Our language model as RAGAS calls one: errors stay in our words, and a reply has an end."""

    def __init__(self, llm: LLM):
        self._llm = llm

    async def generate(self, prompt: PromptValue, **_: Any) -> LLMResult:
        text = self._llm.complete([HumanMessage(prompt.to_string())], _REPLY_TOKENS)
        return LLMResult(generations=[[Generation(text=text)]])
