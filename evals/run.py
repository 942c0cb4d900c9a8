"""Ask a suite's questions and keep every answer in a folder, so that any figure leads to its cases.

A run is a folder with ``run.json`` (what was asked of what, with which settings, at which commit) and
``cases.jsonl`` (one record a case, in the order of being answered). The questions take the path
of the chat: `rag.chain`. An interrupted run goes on where it stopped.
"""

import hashlib
import json
import subprocess
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from time import perf_counter
from typing import Any

from langchain_core.callbacks import get_usage_metadata_callback
from pydantic import SecretStr

from corpus.article import Article
from corpus.errors import UsageError
from evals import feedback, jsonl
from evals.peers import open_peer
from evals.record import Record, record
from evals.suite import Case, Suite, read_suite
from rag import model_file
from rag.chain import AnswerChain
from rag.embed import Embedder
from rag.index import open_index
from rag.ingest import ingest
from rag.llm import LLM, uses_packaged_model
from rag.llm import Progress as Assembling
from rag.lookup import all_hits, look_up
from rag.settings import Settings
from rag.types import Answer, Hit, Question, Timings
from rag.understand import understand

REEX = "reex"
"""The system under test."""
RETRIEVAL = "retrieval"
"""The same without the language model: seconds instead of minutes, and only retrieval is measured."""

Progress = Callable[[int, int], None]
_PARALLEL_HOSTED = 4


@dataclass(frozen=True)
class Run:
    """A run as it is on disk.

    Attributes:
        config: the content of ``run.json``.
        records: what was answered, by the id of the case.
    """

    folder: Path
    config: dict[str, Any]
    records: dict[str, Record]

    @property
    def name(self) -> str:
        return self.folder.name

    @cached_property
    def suite(self) -> Suite:
        return read_suite(self.config["suite_path"])

    @cached_property
    def cases(self) -> list[Case]:
        """The cases that were answered, in the order of the suite."""
        return [case for case in self.suite.cases if case.id in self.records]


def runs_folder(settings: Settings) -> Path:
    """Where runs are kept."""
    return settings.data_dir / "evals"


def read_run(name: str, settings: Settings) -> Run:
    """A run by its name, the path of its folder, or ``latest``.

    Raises:
        UsageError: there is no such run.
    """
    folder = runs_folder(settings)
    known = list_runs(settings)
    if name == "latest" and known:
        return _read(folder / known[-1])
    for path in (Path(name), folder / name):
        if (path / "run.json").is_file():
            return _read(path)
    raise UsageError(
        f"There is no run {name} in {folder}: `reex eval list` names them, `reex eval run` makes one."
    )


def list_runs(settings: Settings) -> list[str]:
    """The names of all runs, oldest first."""
    found = runs_folder(settings).glob("*/run.json")
    return [path.parent.name for path in sorted(found, key=lambda path: path.parent.name.rsplit("-", 2)[1:])]


def run(
    name: str,
    settings: Settings,
    *,
    system: str = REEX,
    kinds: tuple[str, ...] = (),
    limit: int | None = None,
    resume: bool = False,
    stopped: Callable[[], bool] = lambda: False,
    progress: Progress = lambda done, total: None,
    assembling: Assembling = lambda done, total: None,
) -> Run:
    """Ask a suite's questions of a system.

    Args:
        name: a suite, see `evals.suite.read_suite`.
        system: ``reex``, ``retrieval``, or a peer in `evals.peers`.
        kinds: only cases of these kinds.
        limit: only so many cases, spread evenly over the suite.
        resume: go on with the newest unfinished run of the same suite, settings and commit.
        stopped: asked between cases; once it says so, the run stays unfinished.

    Raises:
        UsageError: there is no such suite or system, no case is left, or nothing to resume.
    """
    if name == feedback.NAME:
        name = str(feedback.folder(settings))
    suite = read_suite(name)
    cases = _chosen(suite, kinds, limit)
    prepared = with_corpus(suite, settings)
    config = _config(name, suite, cases, prepared, system)
    folder = _unfinished(settings, config) if resume else _new_folder(settings, suite.name, config)
    done = _read(folder).records
    jsonl.write(folder / "cases.jsonl", done.values())  # without the line that an interruption cut off
    left = [case for case in cases if case.id not in done]
    asked = _system(system, prepared, assembling)
    with (folder / "cases.jsonl").open("a", encoding="utf-8") as file:
        progress(len(done), len(cases))
        for number, answered in enumerate(_answers(asked, left), len(done) + 1):
            file.write(jsonl.line(answered))
            file.flush()
            progress(number, len(cases))
            if stopped():
                return _read(folder)
    config = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    _write(folder, {**config, "finished": _now()})
    return _read(folder)


def _chosen(suite: Suite, kinds: tuple[str, ...], limit: int | None) -> list[Case]:
    cases = [case for case in suite.cases if not kinds or case.kind in kinds]
    if not cases:
        known = ", ".join(sorted({case.kind for case in suite.cases}))
        raise UsageError(f"{suite.name} has no case of that kind: its kinds are {known}.")
    return spread(cases, limit)


def spread(cases: list[Case], limit: int | None) -> list[Case]:
    """At most so many of the cases, evenly spread over them."""
    if limit is None or limit >= len(cases):
        return cases
    return [cases[i * len(cases) // limit] for i in range(limit)]


def with_corpus(suite: Suite, settings: Settings) -> Settings:
    """Settings whose data directory holds the suite's corpus: the reader's own, or one for this suite."""
    if suite.over_own_corpus:
        return settings
    folder = runs_folder(settings) / "corpora" / suite.name
    folder.mkdir(parents=True, exist_ok=True)
    sources = suite.sources
    if suite.articles:
        brought = folder / "brought.jsonl"
        jsonl.write(brought, suite.articles)
        sources = [*sources, str(brought)]
    ingest(
        folder,
        settings.embedding_model,
        sources,
        only=True,
        rebuild=True,
        load_embedder=lambda: Embedder.of(settings),
    )
    return settings.model_copy(update={"data_dir": folder, "catalogue_url": SecretStr(""), "chroma_url": ""})


Ask = Callable[[Question], Answer]
Alone = Callable[[Question], Sequence[Hit]]


@dataclass(frozen=True)
class _System:
    """What answers a question, with which model, and how many can be asked at a time.

    ``alone`` finds the passages for a question without a conversation.
    """

    ask: Ask
    llm: str = ""
    workers: int = 1
    alone: Alone | None = None


def _system(name: str, settings: Settings, assembling: Assembling) -> _System:
    chain = AnswerChain.open(settings, assembling)
    if name == RETRIEVAL:
        return _System(lambda question: _found(chain, settings, question))
    llm = chain.llm()
    if name != REEX:
        peer = open_peer(name, _articles(settings), chain.retriever.embedder, llm)
        return _System(peer.invoke, llm.name)
    if llm.provider == "local":
        chain.warm_up()
    return _System(
        chain.invoke, llm.name, at_a_time(llm), lambda question: _search(chain, settings, question)
    )


def at_a_time(llm: LLM) -> int:
    """How many questions a model may be asked at a time."""
    return 1 if llm.provider == "local" else _PARALLEL_HOSTED


def _search(chain: AnswerChain, settings: Settings, question: Question) -> Sequence[Hit]:
    return all_hits(look_up(understand(question), chain.retriever, settings))


def _found(chain: AnswerChain, settings: Settings, question: Question) -> Answer:
    """An answer that consists of what was retrieved; no model rewrites the question."""
    started = perf_counter()
    hits = tuple(_search(chain, settings, question))
    spent = perf_counter() - started
    timings = Timings(spent, None, spent)
    return Answer(question.text, "", False, "", None, (), (), hits, (), timings, model="")


def _articles(settings: Settings) -> list[Article]:
    """All that the index holds."""
    index = open_index(settings)
    try:
        catalogue = index.catalogue
        return sorted(catalogue.articles(catalogue.entries()).values(), key=lambda article: article.id)
    finally:
        index.close()


def _answers(system: _System, cases: list[Case]) -> Iterator[Record]:
    def answer(case: Case) -> Record:
        with get_usage_metadata_callback() as usage:
            given = system.ask(case.question)
        spent = usage.usage_metadata.values()
        tokens = {
            "prompt": sum(use["input_tokens"] for use in spent),
            "output": sum(use["output_tokens"] for use in spent),
        }
        kept = record(case, given, tokens, system.llm)
        if case.standalone and system.alone:
            standalone = replace(case.question, text=case.standalone, history=())
            kept["standalone_urls"] = [hit.article.url for hit in system.alone(standalone)]
        return kept

    yield from in_any_order(answer, cases, system.workers)


def in_any_order(work: Callable[[Case], Record], cases: Sequence[Case], workers: int) -> Iterator[Record]:
    """What becomes of each case, as soon as it is there."""
    if workers == 1:
        yield from map(work, cases)
        return
    with ThreadPoolExecutor(workers) as pool:
        for future in as_completed([pool.submit(work, case) for case in cases]):
            yield future.result()


# What a run was


def _config(name: str, suite: Suite, cases: list[Case], settings: Settings, system: str) -> dict[str, Any]:
    corpus = hashlib.sha256()
    for article in _articles(settings):
        corpus.update(article.content_hash.encode())
    asked = hashlib.sha256(repr(cases).encode())
    values = settings.model_dump(mode="json", exclude={"data_dir", "cache_dir", "host", "port"})
    secret = {key for key, value in settings if isinstance(value, SecretStr)}
    return {
        "suite": suite.name,
        "suite_path": str(Path(name).resolve()) if Path(name).exists() else name,
        "system": system,
        "cases": len(cases),
        "cases_sha256": asked.hexdigest(),
        "corpus_sha256": corpus.hexdigest(),
        "settings": {key: value for key, value in values.items() if key not in secret},
        "model_sha256": model_file.SHA256 if uses_packaged_model(settings) else None,
        **commit(),
    }


def commit() -> dict[str, Any]:
    """The commit that runs, and whether files were changed since; empty outside a repository."""

    def git(*words: str) -> str:
        here = Path(__file__).parent
        result = subprocess.run(["git", *words], cwd=here, capture_output=True, text=True, check=False)
        return result.stdout.strip()

    return {"commit": git("rev-parse", "HEAD"), "changed": bool(git("status", "--porcelain"))}


def _new_folder(settings: Settings, suite: str, config: dict[str, Any]) -> Path:
    stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S%f")[:-3]  # to the millisecond: two may start at once
    folder = runs_folder(settings) / f"{suite}-{stamp}"
    folder.mkdir(parents=True)
    _write(folder, {**config, "started": _now(), "finished": None})
    (folder / "cases.jsonl").touch()
    return folder


def _unfinished(settings: Settings, config: dict[str, Any]) -> Path:
    for name in reversed(list_runs(settings)):
        folder = runs_folder(settings) / name
        kept = json.loads((folder / "run.json").read_text(encoding="utf-8"))
        if kept["finished"] is None and all(kept[key] == value for key, value in config.items()):
            return folder
    raise UsageError(
        f"No unfinished run of {config['suite']} has these settings, cases and commit: leave --resume out."
    )


def _read(folder: Path) -> Run:
    config = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    records = {kept["id"]: kept for kept in jsonl.read(folder / "cases.jsonl")}
    return Run(folder, config, records)


def _write(folder: Path, config: dict[str, Any]) -> None:
    text = json.dumps(config, indent=1, ensure_ascii=False)
    (folder / "run.json").write_text(text + "\n", encoding="utf-8")


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
