"""Whether the harness notices: five faults are planted one by one, and each must be called worse.

Then nothing is changed twenty times, and nothing may be called better or worse.

    python -m evals.plants

Three need retrieval only, over the suites former-report-2 and dev. Two ask the model 169 questions of dev,
fifty minutes together; what it replied before is not asked again, so that a fault behind the
model costs nothing.
"""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import patch

from langchain_core.messages import BaseMessage

from evals.compare import compare, gate
from evals.run import REEX, RETRIEVAL, Run, run
from rag import chain, generate, ground, understand
from rag.lexical import LexicalIndex
from rag.llm import LLM, open_llm
from rag.prompts import prompt
from rag.settings import Settings, load_settings
from rag.stopping import Gone, never
from rag.support import Check, Rarity
from rag.types import Hit
from rag.window import ALWAYS

_REPETITIONS = 20
_ASKED: dict[str, Any] = {"kinds": ("unanswerable", "list")}


@dataclass(frozen=True)
class Plant:
    """A fault.

    Attributes:
        suite: where it shows.
        metric: the one that must be called worse.
        fault: makes the fault as long as it is entered.
        settings: what it changes in the settings.
    """

    name: str
    suite: str
    metric: str
    system: str = RETRIEVAL
    fault: Callable[[], AbstractContextManager[object]] = lambda: patch.dict({})
    settings: dict[str, Any] = field(default_factory=dict)


def _nothing_is_wrong(sentence: str, cited: Sequence[Hit], shown: Sequence[Hit], rarity: Rarity) -> Check:
    return Check(tuple(cited or shown[:1]), "supported", "", 1.0)


def _without_refusal_rule(name: str, **values: str) -> str:
    lines = prompt(name, **values).splitlines()
    return "\n".join(line for line in lines if generate.NOT_FOUND not in line)


PLANTS = (
    Plant("top_k from 10 to 1", "former-report-2", "recall@5", settings={"top_k": 1}),
    Plant("no BM25", "dev", "ndcg@10", fault=lambda: patch.object(LexicalIndex, "search", lambda *a: [])),
    Plant(
        "no date window",
        "dev",
        "found_outside_window",
        fault=lambda: patch.object(understand, "read_window", lambda *a: ALWAYS),
    ),
    Plant(
        "no support check",
        "dev",
        "figure_errors",
        REEX,
        fault=lambda: patch.object(ground, "attribute", _nothing_is_wrong),
    ),
    Plant(
        "prompt without the refusal rule",
        "dev",
        "abstention_recall",
        REEX,
        fault=lambda: patch.object(generate, "prompt", _without_refusal_rule),
    ),
)


class _Remembering(LLM):
    """A model that is asked everything once."""

    replies: dict[tuple[str, ...], Any] = {}  # noqa: RUF012  # shared on purpose: one memory for all runs

    def stream(
        self, messages: list[BaseMessage], max_tokens: int, gone: Gone = never, *, as_taught: bool = False
    ) -> Iterator[str]:
        key = ("stream", str(max_tokens), str(as_taught), *(str(message.content) for message in messages))
        if key not in self.replies:
            self.replies[key] = list(super().stream(messages, max_tokens, gone, as_taught=as_taught))
        yield from self.replies[key]

    def says_yes(self, probe: list[BaseMessage], gone: Gone = never) -> float | None:
        key = ("yes", *(str(message.content) for message in probe))
        if key not in self.replies:
            self.replies[key] = super().says_yes(probe, gone)
        return self.replies[key]  # type: ignore[no-any-return]


def main() -> None:
    """Print what was noticed; exit code 1 when a plant was missed or a verdict is false."""
    settings = load_settings()

    def remembering(*arguments: Any) -> LLM:
        llm = open_llm(*arguments)
        return _Remembering(**vars(llm))

    caught = 0
    befores: dict[tuple[str, str], Run] = {}
    print("| plant | metric | before | after | p | verdict | gate |\n|" + " --- |" * 7)
    with patch.object(chain, "open_llm", remembering):
        for plant in PLANTS:
            key = plant.suite, plant.system
            if key not in befores:
                befores[key] = _run(plant, settings)
            with plant.fault():
                after = _run(plant, settings.model_copy(update=plant.settings))
            caught += _noticed(plant, befores[key], after)
    print(f"\n{caught} of {len(PLANTS)} caught.", flush=True)
    false = _false_verdicts(settings)
    print(f"{false} false verdicts in {_REPETITIONS} repetitions of the suite starter.")
    sys.exit(caught < len(PLANTS) or false > 0)


def _false_verdicts(settings: Settings) -> int:
    first = run("starter", settings, system=RETRIEVAL)
    again = (run("starter", settings, system=RETRIEVAL) for _ in range(_REPETITIONS))
    return sum(d.verdict != "no evidence" for other in again for d in compare(first, other))


def _run(plant: Plant, settings: Settings) -> Run:
    chosen = _ASKED if plant.system == REEX else {}
    return run(plant.suite, settings, system=plant.system, **chosen)


def _noticed(plant: Plant, before: Run, after: Run) -> bool:
    found = next(d for d in compare(before, after) if d.metric.name == plant.metric)
    reasons = [reason for reason in gate(after, before) if reason.startswith(plant.metric)]
    print(
        f"| {plant.name} | {plant.metric} | {found.before:.3f} | {found.after:.3f} | {found.p:.4f} "
        f"| {found.verdict} | {'; '.join(reasons) or 'passes'} |",
        flush=True,
    )
    return found.verdict == "worse" and bool(reasons)


if __name__ == "__main__":
    main()
