"""Trains the adapter of `rag.local_llm`: ``python -m evals.adapter FOLDER``.

The packaged model learns to tell evidence that states the answer to a question from evidence that only
speaks of the matter. Its examples are cases of the suites for tuning with the evidence that is chosen for
them, and ``evals/training/near-misses.jsonl``: three questions that an article answers and four that it
nearly does, on each of 436 articles. An evidence serves several questions, as it is known what they ask
for.

What comes before the probe is read once and kept in FOLDER, 28 KiB a token and some 13 GB in all; a run
that was interrupted goes on there. With ``--hold-out SUITE`` (repeatable) suites are left out of the
training, and it is told how well their own questions are told apart; without it the adapter is for
shipping.
"""

import argparse
import json
import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from evals import jsonl
from evals.qwen2 import Adapter, Cache, Qwen2
from evals.run import with_corpus
from evals.suite import Case, holds, read_suite
from rag import model_file
from rag.abstain import too_weak
from rag.embed import Embedder
from rag.generate import build_prompt
from rag.index import open_index
from rag.lookup import look_up
from rag.retrieve import Retriever
from rag.select import Evidence
from rag.sentences import has_cjk
from rag.settings import Settings, load_settings
from rag.types import Question
from rag.understand import understand

SUITES = ("dev", "former-report", *(f"former-report-{n}" for n in range(2, 11)))
NEAR_MISSES = Path(__file__).parent / "training" / "near-misses.jsonl"

_LIKE = 0.35  # cosine of two questions
_VERY_LIKE = 0.5
_OTHERS = 2  # questions of the same suite that an evidence answers, and that it does not
_LEAST = 45  # answerable cases of a suite, and no fewer than unanswerable ones
_RANK = 8
_FIRST_LAYER = 8
_RATE = 4e-4
_BATCH = 16
_EPOCHS = 0.85
_YES, _NO = "Yes", "No"


@dataclass(frozen=True)
class Example:
    """A question, and whether an evidence states its answer; it was chosen for one that is ``own``."""

    question: str
    stated: bool
    own: bool = False


@dataclass(frozen=True)
class Shown:
    """An evidence as the model reads it, with questions about it."""

    suite: str
    system: str
    passages: str
    examples: tuple[Example, ...]


def main() -> None:
    """Train, tell how it does on what was held out, and write the adapter."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="where what was read is kept")
    parser.add_argument(
        "--hold-out", action="append", default=[], choices=SUITES, help="a suite to report on"
    )
    parser.add_argument("--out", type=Path, help="default: adapter.gguf in the folder")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    settings = load_settings()
    shown = list(gather(settings))
    trainer = Trainer(settings, shown, options.folder)
    held = set(options.hold_out)
    asked = trainer.asked()
    adapter = trainer.train([one for one in asked if one.suite not in held])
    out = options.out or options.folder / "adapter.gguf"
    adapter.write(out, trainer.invocation)
    print(f"written: {out}", flush=True)
    if held:
        told = [one for one in asked if one.suite in held and one.example.own]
        print(json.dumps(figures(told, trainer.tell(told, adapter)), indent=1))


def gather(settings: Settings) -> Iterator[Shown]:
    """The evidence of the suites for tuning and of the near misses, with the questions that each serves."""
    embedder = Embedder.of(settings)
    near_misses: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in jsonl.read(NEAR_MISSES):
        near_misses[row["suite"]].append(row)
    for name in SUITES:
        suite = read_suite(name)
        retriever = Retriever(open_index(with_corpus(suite, settings)), embedder)
        yield from _of_cases(name, suite.cases, retriever, settings)
        yield from _of_near_misses(name, near_misses[name], retriever, settings)


def _of_cases(suite: str, cases: Sequence[Case], retriever: Retriever, settings: Settings) -> Iterator[Shown]:
    found = [(case, *_evidence(case.question, retriever, settings)) for case in cases]
    asked = [(case, question, evidence) for case, question, evidence in found if evidence]
    vectors = retriever.embedder.encode([question for _, question, _ in asked])
    cannot = [n for n, (case, _, _) in enumerate(asked) if not case.answerable]
    can = [n for n, (case, _, _) in enumerate(asked) if case.answerable]
    random.Random(3).shuffle(can)
    for n in cannot + can[: max(len(cannot), _LEAST)]:
        case, question, evidence = asked[n]
        examples = []
        stated = _stated(evidence, case.facts) if case.answerable else False
        if stated is not None:
            examples.append(Example(question, stated, own=True))
        left = {True: _OTHERS, False: _OTHERS}
        cosines = vectors @ vectors[n]
        for other in np.argsort(-cosines):
            other_case, other_question, _ = asked[other]
            stated = _stated(evidence, other_case.facts) if other_case.answerable else False
            if other_question == question or stated is None or not left[stated]:
                continue
            if cosines[other] >= (_VERY_LIKE if stated else _LIKE):
                left[stated] -= 1
                examples.append(Example(other_question, stated))
        yield _shown(suite, evidence, examples)


def _of_near_misses(
    suite: str, rows: Sequence[dict[str, Any]], retriever: Retriever, settings: Settings
) -> Iterator[Shown]:
    by_article: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        by_article[row["article"]].append(row)
    for number, about in enumerate(by_article.values()):
        # One evidence for an article, chosen for a question that it answers or for one that it does not.
        chosen = random.Random(number).choice([row for row in about if row["answerable"] == bool(number % 2)])
        _, evidence = _evidence(Question(chosen["question"]), retriever, settings)
        if not evidence:
            continue
        told = [(row, _stated(evidence, row["facts"]) if row["answerable"] else False) for row in about]
        yield _shown(
            suite, evidence, [Example(row["question"], stated) for row, stated in told if stated is not None]
        )


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


def _shown(suite: str, evidence: Evidence, examples: Sequence[Example]) -> Shown:
    system, user = (str(message.content) for message in build_prompt("", evidence.excerpts).probe)
    return Shown(suite, system, user.rpartition("Question:")[0], tuple(examples))


@dataclass(frozen=True)
class _Asked:
    """A question about an evidence, in tokens: the question itself, and the probe behind it."""

    suite: str
    shown: int
    question: list[int]
    probe: list[int]
    example: Example


class Trainer:
    """The model, what it read, and how an adapter is trained on it."""

    def __init__(self, settings: Settings, shown: Sequence[Shown], folder: Path):
        """Read all evidence that the folder does not hold."""
        from transformers import AutoTokenizer

        file = model_file.assemble(settings.cache_dir)
        self._model = Qwen2(file)
        self._tokens = AutoTokenizer.from_pretrained(file.parent, gguf_file=file.name)
        self._shown, self._folder = shown, folder
        probe = str(build_prompt("", ()).probe[1].content).rpartition("\n\n")[2]
        self.invocation = self._encode(probe.partition("?")[0] + "?")
        self._head = self._encode(f"<|im_start|>system\n{shown[0].system}<|im_end|>\n<|im_start|>user\n")
        self._tail = self._encode(f"{probe}<|im_end|>\n<|im_start|>assistant\n")
        self._answers = [self._encode(word)[0] for word in (_YES, _NO)]
        self._probe = probe
        with torch.no_grad():
            self._before = self._read_head()
            self._read_all()

    def asked(self) -> list[_Asked]:
        """All examples."""
        found = []
        # llama.cpp's server works with an adapter from one token before its invocation on.
        count = len(self._tail) + 1
        for number, shown in enumerate(self._shown):
            for example in shown.examples:
                text = f"Question: {example.question}\n\n{self._probe}<|im_end|>\n<|im_start|>assistant\n"
                tokens = self._encode(text)
                found.append(_Asked(shown.suite, number, tokens[:-count], tokens[-count:], example))
        return found

    def train(self, asked: Sequence[_Asked]) -> Adapter:
        """An adapter that tells the examples."""
        torch.manual_seed(0)
        chance = random.Random(0)
        adapter = self._model.adapter(_RANK, _FIRST_LAYER)
        optimizer = torch.optim.AdamW(adapter.parameters(), lr=_RATE, betas=(0.9, 0.98))
        stated = sum(one.example.stated for one in asked)
        weight = torch.tensor((len(asked) - stated) / stated)
        order = list(asked)
        chance.shuffle(order)
        order = order[: int(len(order) * _EPOCHS)]
        steps, began = -(-len(order) // _BATCH), perf_counter()
        for step in range(steps):
            batch = order[step * _BATCH : (step + 1) * _BATCH]
            for group in optimizer.param_groups:
                group["lr"] = _RATE * min(1, (step + 1) / 20) * (1 - 0.95 * step / steps)
            truth = torch.tensor([float(one.example.stated) for one in batch])
            odds = self._odds(batch, adapter)
            loss = functional.binary_cross_entropy_with_logits(odds, truth, pos_weight=weight)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(adapter.parameters(), 1.0)
            optimizer.step()
            print(
                f"{step + 1} of {steps}, loss {loss.item():.2f}, {perf_counter() - began:.0f} s", flush=True
            )
        return adapter

    def tell(self, asked: Sequence[_Asked], adapter: Adapter) -> list[float]:
        """The log odds of "yes" for each."""
        with torch.no_grad():
            batches = [asked[start : start + _BATCH] for start in range(0, len(asked), _BATCH)]
            return [odds for batch in batches for odds in self._odds(batch, adapter).tolist()]

    def _encode(self, text: str) -> list[int]:
        return list(self._tokens(text, add_special_tokens=False)["input_ids"])

    def _read_head(self) -> Cache:
        count = len(self._head)
        seen = torch.ones(1, 1, count, count, dtype=torch.bool).tril()
        places = torch.arange(count)[None]
        return self._model.read(torch.tensor([self._head]), places, seen, [])[1]

    def _read_all(self) -> None:
        start = len(self._head)
        for number, shown in enumerate(self._shown):
            file = self._file(number)
            if file.exists():
                continue
            # A question begins behind the passages with a token of its own.
            tokens = self._encode(f"{shown.passages}Question:")[:-2]
            places = torch.arange(start, start + len(tokens))[None]
            mask = torch.ones(len(tokens), start + len(tokens), dtype=torch.bool).tril(start)[None, None]
            _, cache = self._model.read(torch.tensor([tokens]), places, mask, self._before)
            kept = torch.stack(
                [torch.cat(pair) for pair in cache]
            )  # layers, keys and values, tokens, heads, size
            np.save(file, kept.view(torch.int16).numpy())
            if number % 50 == 49:
                print(f"{number + 1} of {len(self._shown)} read", flush=True)

    def _file(self, number: int) -> Path:
        return self._folder / f"{number:05}.npy"

    def _odds(self, batch: Sequence[_Asked], adapter: Adapter) -> Tensor:
        kept = [torch.from_numpy(np.load(self._file(one.shown))).view(torch.bfloat16) for one in batch]
        rows, head = len(batch), len(self._head)
        evidence = max(one.shape[2] for one in kept)
        longest = max(len(one.question) for one in batch)
        whole = torch.zeros(
            self._model.layers, 2, rows, head + evidence, *kept[0].shape[3:], dtype=torch.bfloat16
        )
        for layer, pair in enumerate(self._before):
            whole[layer, :, :, :head] = torch.cat(pair)[:, None]
        read = torch.zeros(rows, head + evidence + longest, dtype=torch.bool)
        read[:, :head] = True
        question = torch.zeros(rows, longest, dtype=torch.long)
        ends = []
        for row, (one, passages) in enumerate(zip(batch, kept, strict=True)):
            count = passages.shape[2]
            whole[:, :, row, head : head + count] = passages
            read[row, head : head + count] = True
            read[row, head + evidence : head + evidence + len(one.question)] = True
            question[row, : len(one.question)] = torch.tensor(one.question)
            ends.append(head + count)
        begin = torch.tensor(ends)[:, None]
        before = [(keys, values) for keys, values in whole]
        with torch.no_grad():
            seen = read[:, None, None].repeat(1, 1, longest, 1)
            seen[..., -longest:] &= torch.ones(longest, longest, dtype=torch.bool).tril()
            seen[..., -longest:] |= torch.eye(longest, dtype=torch.bool)  # padding sees itself
            _, cache = self._model.read(question, begin + torch.arange(longest), seen, before)
        before = [
            (torch.cat([k, x], 1), torch.cat([v, y], 1)) for (k, v), (x, y) in zip(before, cache, strict=True)
        ]
        probe = torch.tensor([one.probe for one in batch])
        count = probe.shape[1]
        own = torch.ones(count, count, dtype=torch.bool).tril().expand(rows, 1, -1, -1)
        seen = torch.cat([read[:, None, None].expand(-1, 1, count, -1), own], -1)
        lengths = torch.tensor([[len(one.question)] for one in batch])
        state, _ = self._model.read(probe, begin + lengths + torch.arange(count), seen, before, adapter)
        logits = self._model.logits(state[:, -1], self._answers)
        return logits[:, 0] - logits[:, 1]


def figures(asked: Sequence[_Asked], odds: Sequence[float]) -> dict[str, float]:
    """Area under the curve, and the share of what is not stated that is refused at shares of what is."""
    told = np.array(odds)
    stated = np.array([one.example.stated for one in asked])
    yes, no = np.sort(told[stated]), told[~stated]
    found = {"stated": len(yes), "not": len(no), "area": round(float((yes[:, None] > no).mean()), 3)}
    for share in (0.04, 0.06, 0.08):
        found[f"refused_at_{share}"] = round(float((no < yes[int(share * len(yes))]).mean()), 3)
    return found


if __name__ == "__main__":
    main()
