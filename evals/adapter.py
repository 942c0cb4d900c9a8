"""Trains the adapters of `rag.local_llm`: ``python -m evals.adapter probe FOLDER``, and ``answer``.

With the one the packaged model tells evidence that settles a question from evidence that only speaks of the
matter; with the other it writes answers. Both work from a place behind the question on, so what stands
before is read once, without them, and kept in FOLDER: 28 KiB a token and some 20 GB in all. A run that
was interrupted goes on there.

With ``--hold-out SUITE`` (repeatable) suites are left out of the training, and it is told how the adapter
does on their own questions.
"""

import argparse
import hashlib
import json
import random
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from evals.qwen2 import Adapter, Cache, Qwen2
from evals.training_set import SUITES, Example, Shown, gather
from rag import model_file
from rag.generate import build_prompt
from rag.sentences import has_cjk
from rag.settings import Settings, load_settings

_RANK = 8
_FIRST_LAYER = 8
_BATCH = 16
_ALIKE = 8 * _BATCH  # examples of which those of like length are trained on together
_TURN = "<|im_end|>\n<|im_start|>assistant\n"
_END = "<|im_end|>"
_REFUSALS = 0.25  # for each answer that is learned


def main() -> None:
    """Train, tell how it does on what was held out, and write the adapter."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("lesson", choices=LESSONS, help="what is learned")
    parser.add_argument("folder", type=Path, help="where what was read is kept")
    parser.add_argument(
        "--hold-out", action="append", default=[], choices=SUITES, help="a suite to report on"
    )
    parser.add_argument("--out", type=Path, help="default: LESSON.gguf in the folder")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    settings = load_settings()
    trainer = LESSONS[options.lesson](settings, list(gather(settings)), options.folder)
    held, asked = set(options.hold_out), trainer.asked()
    adapter = trainer.train([one for one in asked if one.suite not in held])
    out = options.out or options.folder / f"{options.lesson}.gguf"
    adapter.write(out, trainer.invocation)
    print(f"written: {out}", flush=True)
    if held:
        told = trainer.figures([one for one in asked if one.suite in held], adapter)
        print(json.dumps(told, indent=1))


@dataclass(frozen=True)
class _Asked:
    """A question about an evidence, in tokens: those without the adapter, and those with it."""

    suite: str
    shown: int
    plain: list[int]
    adapted: list[int]
    example: Example


class Trainer(ABC):
    """The model, what it read, and how an adapter is trained on it."""

    rate: float
    """Of learning, at its highest."""

    def __init__(self, settings: Settings, shown: Sequence[Shown], folder: Path):
        """Read all evidence that the folder does not hold."""
        from transformers import AutoTokenizer

        file = model_file.assemble(settings.cache_dir)
        self.model = Qwen2(file)
        self._tokens = AutoTokenizer.from_pretrained(file.parent, gguf_file=file.name)
        self._shown, self._folder = shown, folder
        self._head = self.encode(f"<|im_start|>system\n{shown[0].system}<|im_end|>\n<|im_start|>user\n")
        with torch.no_grad():
            self._before = self._read_head()
            self._read_all()

    @property
    @abstractmethod
    def invocation(self) -> list[int]:
        """The tokens that bring the adapter in."""

    @abstractmethod
    def text(self, example: Example) -> str:
        """What stands behind the passages, to its end."""

    @abstractmethod
    def learned(self, examples: Sequence[_Asked]) -> list[_Asked]:
        """The examples that are learned from."""

    @abstractmethod
    def loss(self, states: Tensor, batch: Sequence[_Asked]) -> Tensor:
        """How far it is from right, by the states of the tokens with the adapter."""

    @abstractmethod
    def figures(self, asked: Sequence[_Asked], adapter: Adapter) -> dict[str, Any]:
        """How it does on examples."""

    def encode(self, text: str) -> list[int]:
        """Its tokens."""
        return list(self._tokens(text, add_special_tokens=False)["input_ids"])

    def asked(self) -> list[_Asked]:
        """All examples."""
        found = []
        invocation = self.invocation
        for number, shown in enumerate(self._shown):
            for example in shown.examples:
                tokens = self.encode(self.text(example))
                # llama.cpp's server works with an adapter from one token before its invocation on.
                start = _last_place(tokens, invocation) - 1
                found.append(_Asked(shown.suite, number, tokens[:start], tokens[start:], example))
        return found

    def train(self, asked: Sequence[_Asked]) -> Adapter:
        """An adapter that learned from each example once."""
        torch.manual_seed(0)
        chance = random.Random(0)
        adapter = self.model.adapter(_RANK, _FIRST_LAYER)
        optimizer = torch.optim.AdamW(adapter.parameters(), lr=self.rate, betas=(0.9, 0.98))
        batches = self._batches(self.learned(asked), chance)
        steps, began = len(batches), perf_counter()
        for step, batch in enumerate(batches):
            for group in optimizer.param_groups:
                group["lr"] = self.rate * min(1, (step + 1) / 20) * (1 - 0.95 * step / steps)
            loss = self.loss(self.states(batch, adapter), batch)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(adapter.parameters(), 1.0)
            optimizer.step()
            seconds = perf_counter() - began
            print(f"{step + 1} of {steps}, loss {loss.item():.2f}, {seconds:.0f} s", flush=True)
        return adapter

    def _batches(self, asked: Sequence[_Asked], chance: random.Random) -> list[list[_Asked]]:
        """All examples in an order of chance, but those of a batch alike in length, for little padding."""
        order = list(asked)
        chance.shuffle(order)
        batches = []
        for start in range(0, len(order), _ALIKE):
            alike = sorted(order[start : start + _ALIKE], key=lambda one: (len(one.adapted), len(one.plain)))
            some = _in_batches(alike)
            chance.shuffle(some)
            batches += some
        return batches

    def _read_head(self) -> Cache:
        count = len(self._head)
        places = torch.arange(count)[None]
        return self.model.read(torch.tensor([self._head]), places, _causal(count)[None, None], [])[1]

    def _read_all(self) -> None:
        start = len(self._head)
        for number, shown in enumerate(self._shown):
            if number % 50 == 49:
                print(f"{number + 1} of {len(self._shown)} read", flush=True)
            file = self._file(shown)
            if file.exists():
                continue
            # A question begins behind the passages with a token of its own.
            tokens = self.encode(f"{shown.passages}Question:")[:-2]
            places = torch.arange(start, start + len(tokens))[None]
            seen = torch.ones(len(tokens), start + len(tokens), dtype=torch.bool).tril(start)[None, None]
            _, cache = self.model.read(torch.tensor([tokens]), places, seen, self._before)
            # layers, keys and values, tokens, heads, size
            kept = torch.stack([torch.cat(pair) for pair in cache])
            unfinished = file.with_suffix(".part.npy")
            np.save(unfinished, kept.view(torch.int16).numpy())
            unfinished.replace(file)

    def _file(self, shown: Shown) -> Path:
        read = hashlib.sha256(f"{shown.system}\n{shown.passages}".encode()).hexdigest()
        return self._folder / f"{read[:32]}.npy"

    def states(self, batch: Sequence[_Asked], adapter: Adapter) -> Tensor:
        """Those of the tokens with the adapter after the last layer, (rows, the most of them, size)."""
        before, read, begin = self._before_questions(batch)
        tokens, plain = _padded([one.plain for one in batch])
        with torch.no_grad():
            places = begin + torch.arange(tokens.shape[1])
            _, cache = self.model.read(tokens, places, _behind(read, plain), before)
        before = [
            (torch.cat([k, x], 1), torch.cat([v, y], 1)) for (k, v), (x, y) in zip(before, cache, strict=True)
        ]
        tokens, adapted = _padded([one.adapted for one in batch])
        places = begin + plain.sum(1, keepdim=True) + torch.arange(tokens.shape[1])
        seen = _behind(torch.cat([read, plain], 1), adapted)
        return self.model.read(tokens, places, seen, before, adapter)[0]

    def _before_questions(self, batch: Sequence[_Asked]) -> tuple[Cache, Tensor, Tensor]:
        """The cache of what stands before each question, which of it is no padding, and where it ends."""
        kept = [np.load(self._file(self._shown[one.shown])) for one in batch]
        head = len(self._head)
        whole = torch.zeros(
            *(self.model.layers, 2, len(batch)),
            *(head + max(one.shape[2] for one in kept), self.model.kv_heads, self.model.head),
            dtype=torch.bfloat16,
        )
        for layer, pair in enumerate(self._before):
            whole[layer, :, :, :head] = torch.cat(pair)[:, None]
        for row, one in enumerate(kept):
            whole[:, :, row, head : head + one.shape[2]] = torch.from_numpy(one).view(torch.bfloat16)
        ends = torch.tensor([[head + one.shape[2]] for one in kept])
        return [(keys, values) for keys, values in whole], torch.arange(whole.shape[3]) < ends, ends


class Probe(Trainer):
    """Whether an evidence settles a question."""

    rate = 4e-4

    @property
    def invocation(self) -> list[int]:
        """The words of the probe, to the question mark."""
        words = str(build_prompt("", ()).probe[1].content).rpartition("\n\n")[2]
        return self.encode(words.partition("?")[0] + "?")

    def text(self, example: Example) -> str:
        """The question and the probe."""
        return f"{str(build_prompt(example.question, ()).probe[1].content).strip()}{_TURN}"

    def learned(self, examples: Sequence[_Asked]) -> list[_Asked]:
        """All of them."""
        return list(examples)

    def loss(self, states: Tensor, batch: Sequence[_Asked]) -> Tensor:
        """Binary cross entropy."""
        return functional.binary_cross_entropy_with_logits(
            self._odds(states), torch.tensor([float(one.example.stated) for one in batch])
        )

    def _odds(self, states: Tensor) -> Tensor:
        """The log odds of "yes" against "no"."""
        answers = [self.encode(word)[0] for word in ("Yes", "No")]
        logits = self.model.logits(states[:, -1], answers)
        return logits[:, 0] - logits[:, 1]

    def figures(self, asked: Sequence[_Asked], adapter: Adapter) -> dict[str, Any]:
        """Area under the curve, and what is refused by kind when a share of what is stated is."""
        own = [one for one in asked if one.example.kind]
        with torch.no_grad():
            odds = [
                one for batch in _in_batches(own) for one in self._odds(self.states(batch, adapter)).tolist()
            ]
        told, stated = np.array(odds), np.array([one.example.stated for one in own])
        kinds = np.array([one.example.kind for one in own])
        yes, no = np.sort(told[stated]), told[~stated]
        found: dict[str, Any] = {"stated": len(yes), "not": len(no)}
        found["area"] = round(float((yes[:, None] > no).mean()), 3)
        for share in (0.03, 0.05, 0.08, 0.12):
            limit = yes[int(share * len(yes))]
            found[f"refused at {share}"] = {
                "below": round(float(limit), 2),
                **{
                    str(kind): round(float((told[kinds == kind] < limit).mean()), 3)
                    for kind in np.unique(kinds)
                },
            }
        return found


class Answers(Trainer):
    """What is answered to a question; where the evidence does not settle it, that it does not."""

    rate = 3e-4

    @property
    def invocation(self) -> list[int]:
        """The beginning of the model's turn."""
        return self.encode(_TURN.partition("\n")[2])

    def text(self, example: Example) -> str:
        """The question and the model answer."""
        asked = build_prompt(example.question, (), in_chinese=has_cjk(example.question)).answer[1]
        return f"{asked.content}{_TURN}{example.answer}{_END}"

    def learned(self, examples: Sequence[_Asked]) -> list[_Asked]:
        """All with an answer, and some that have none."""
        told = [one for one in examples if one.example.stated and one.example.answer]
        untold = [one for one in examples if not one.example.stated]
        return told + random.Random(1).sample(untold, int(_REFUSALS * len(told)))

    def loss(self, states: Tensor, batch: Sequence[_Asked]) -> Tensor:
        """Cross entropy of the answer's tokens."""
        begin = len(self.invocation)  # the last token before the answer tells its first
        wanted, real = _padded([one.adapted[begin + 1 :] for one in batch])
        states = states[:, begin : begin + wanted.shape[1]]
        logits = self.model.logits(states[real])
        return functional.cross_entropy(logits, wanted[real])

    def figures(self, asked: Sequence[_Asked], adapter: Adapter) -> dict[str, Any]:
        """The loss on all examples with an answer of somebody."""
        told = [one for one in asked if one.example.stated and one.example.answer]
        if not told:
            return {"answers": 0}
        with torch.no_grad():
            losses = [float(self.loss(self.states(batch, adapter), batch)) for batch in _in_batches(told)]
        return {"answers": len(told), "loss": round(float(np.mean(losses)), 3)}


LESSONS: dict[str, type[Trainer]] = {"probe": Probe, "answer": Answers}


def _in_batches(asked: Sequence[_Asked]) -> list[list[_Asked]]:
    return [list(asked[start : start + _BATCH]) for start in range(0, len(asked), _BATCH)]


def _last_place(tokens: Sequence[int], wanted: Sequence[int]) -> int:
    return max(
        place
        for place in range(len(tokens) - len(wanted) + 1)
        if list(tokens[place : place + len(wanted)]) == list(wanted)
    )


def _padded(rows: Sequence[Sequence[int]]) -> tuple[Tensor, Tensor]:
    """Tokens of rows of unlike length, and which of them are no padding."""
    longest = max(map(len, rows))
    tokens = torch.zeros(len(rows), longest, dtype=torch.long)
    for row, one in enumerate(rows):
        tokens[row, : len(one)] = torch.tensor(one)
    return tokens, torch.arange(longest) < torch.tensor([[len(one)] for one in rows])


def _causal(count: int) -> Tensor:
    return torch.ones(count, count, dtype=torch.bool).tril()


def _behind(read: Tensor, own: Tensor) -> Tensor:
    """What each token sees that follows what was read: (rows, 1, tokens, what was read and these)."""
    count = own.shape[1]
    # The padding sees itself, since a softmax over nothing is none.
    seen = own[:, None] & _causal(count) | torch.eye(count, dtype=torch.bool)
    return torch.cat([read[:, None].expand(-1, count, -1), seen], -1)[:, None]


if __name__ == "__main__":
    main()
