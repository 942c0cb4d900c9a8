"""Many people at once on a served product, over HTTP: ``python -m evals.bench.chat URL``.

Twenty people chat for ten minutes through the API, each in a conversation of his own about a word that nobody
else knows: somebody else's word in an answer is a mix-up. Or, with ``--search``, fifty searches a second.
Where people sign in, ``--keys`` names a file with an API key for each, one a line.
"""

import argparse
import json
import random
import statistics
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic, perf_counter, sleep
from typing import Any

import httpx

from evals.suite import read_suite

_ABOUT = ("Lynas", "MP Materials", "Baogang", "Iluka", "Energy Fuels", "Shenghe", "Arafura", "Neo")
_FOLLOW_UPS = ("And when did they announce it?", "What does it mean for them?", "Who pays for it?")
_ASKED_AGAIN = 3  # follow-ups in one conversation, before the next one begins
_TIMEOUT = httpx.Timeout(30.0, read=1_800.0)  # a place at the end of the line may take its time

Row = dict[str, Any]


@dataclass
class Person:
    """Somebody who chats.

    Attributes:
        number: from 0.
        key: of the API; empty where nobody signs in.
        first_s: for each answer, seconds until its first words.
        whole_s: seconds until its end.
        errors: what went wrong.
        mixed_up: how many answers held a word of somebody else.
        forgotten: how many answers to follow-ups did not know what they follow.
    """

    number: int
    key: str = ""
    first_s: list[float] = field(default_factory=list)
    whole_s: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    mixed_up: int = 0
    forgotten: int = 0

    def word(self, conversation: int) -> str:
        """What this person alone speaks of in a conversation."""
        letters = random.Random(f"{self.number} {conversation}").choices("bdfgklmnprstvz", k=4)
        return f"Q{'a'.join(letters)}ax{self.number:02d}"


def main() -> int:
    """Print the results as text, and as JSON to the file that is named; exit code 1 when anything failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url", help="where the product is served, such as http://127.0.0.1:7860")
    parser.add_argument("--people", type=int, default=20)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--keys", type=Path, help="a file of API keys, one a line")
    parser.add_argument("--search", action="store_true", help="search instead of chatting")
    parser.add_argument("--rate", type=float, default=50.0, help="searches a second")
    parser.add_argument("--json", type=Path, help="where the results go as JSON")
    options = parser.parse_args()
    keys = options.keys.read_text(encoding="utf-8").split() if options.keys else [""]
    if options.search:
        result = search(options.url, keys[0], options.minutes * 60, options.rate)
    else:
        people = [Person(number, keys[number % len(keys)]) for number in range(options.people)]
        result = chat(options.url, people, options.minutes * 60)
    for name, value in result.items():
        print(f"{name:24} {value}")
    if options.json:
        options.json.write_text(json.dumps(result, indent=1, ensure_ascii=False), encoding="utf-8")
    return int(bool(result["errors"] or result.get("mixed_up")))


def chat(url: str, people: Sequence[Person], seconds: float) -> Row:
    """Let people chat side by side, and tell how they fared."""
    end = monotonic() + seconds
    with ThreadPoolExecutor(len(people)) as pool, _progress(lambda: sum(len(p.whole_s) for p in people)):
        for done in [pool.submit(_converse, url, person, people, end) for person in people]:
            done.result()
    return _of_chat(people)


def _converse(url: str, person: Person, people: Sequence[Person], end: float) -> None:
    conversation = 0
    with httpx.Client(base_url=url, timeout=_TIMEOUT, headers=_headers(person.key), trust_env=False) as http:
        while monotonic() < end:
            word = person.word(conversation)
            about = _ABOUT[(person.number + conversation) % len(_ABOUT)]
            said: list[Row] = []
            for text in (f"What did {about} say about its {word} project?", *_FOLLOW_UPS[:_ASKED_AGAIN]):
                if monotonic() >= end:
                    return
                said.append({"role": "user", "content": text})
                answer = _ask(http, person, said)
                if answer is None:
                    sleep(1)
                    break
                content, raw = answer
                _look_for_mix_ups(person, people, conversation, raw, is_follow_up=len(said) > 1)
                said.append({"role": "assistant", "content": content})
            conversation += 1


def _ask(http: httpx.Client, person: Person, said: Sequence[Row]) -> tuple[str, str] | None:
    """The answer and all that came with it; None when it failed."""
    began, first_s = perf_counter(), 0.0
    content, raw, is_whole = "", "", False
    try:
        with http.stream(
            "POST", "/v1/chat/completions", json={"model": "reex", "stream": True, "messages": list(said)}
        ) as reply:
            if reply.status_code != 200:
                person.errors.append(f"{reply.status_code} {reply.read()[:200].decode(errors='replace')}")
                return None
            for line in reply.iter_lines():
                raw += f"{line}\n"
                if line == "data: [DONE]":
                    is_whole = True
                elif line.startswith("data: "):
                    piece = _text_in(json.loads(line[6:]))
                    if piece and not content:
                        first_s = perf_counter() - began
                    content += piece
    except (httpx.HTTPError, ValueError) as error:
        person.errors.append(f"{type(error).__name__} {error}"[:200])
        return None
    if not is_whole or not content:
        person.errors.append(f"the answer broke off: {raw[-200:]}")
        return None
    person.first_s.append(first_s)
    person.whole_s.append(perf_counter() - began)
    return content, raw


def _text_in(chunk: Row) -> str:
    if "error" in chunk:
        raise ValueError(str(chunk["error"]))
    return "".join(choice["delta"].get("content") or "" for choice in chunk.get("choices", ()))


def _look_for_mix_ups(
    person: Person, people: Sequence[Person], conversation: int, raw: str, is_follow_up: bool
) -> None:
    """Every word ends in the number of its owner, and who speaks of it now may not hear another one."""
    mine = person.word(conversation)
    others = (p.word(n) for p in people for n in range(conversation + 3) if (p, n) != (person, conversation))
    person.mixed_up += any(word in raw for word in others)
    person.forgotten += is_follow_up and mine not in raw


def _of_chat(people: Sequence[Person]) -> Row:
    waits = [statistics.median(person.whole_s) for person in people if person.whole_s]
    whole = sorted(second for person in people for second in person.whole_s)
    first = sorted(second for person in people for second in person.first_s)
    errors = Counter(error for person in people for error in person.errors)
    median = statistics.median(waits) if waits else 0.0
    return {
        "people": len(people),
        "answers": len(whole),
        "errors": sum(errors.values()),
        "which_errors": dict(errors.most_common(5)),
        "mixed_up": sum(person.mixed_up for person in people),
        "forgotten": sum(person.forgotten for person in people),
        "first_words_s": _spread(first),
        "answer_s": _spread(whole),
        "median_s_of_each": [round(wait, 1) for wait in waits],
        "slowest_to_median": round(max(waits) / median, 2) if median else None,
        "answers_of_each": [len(person.whole_s) for person in people],
    }


def search(url: str, key: str, seconds: float, rate: float) -> Row:
    """Search at a fixed rate, whether or not earlier searches have come back, and tell how long they took."""
    questions = [case.question.text for name in ("dev", "former-report-2") for case in read_suite(name).cases]
    total = int(seconds * rate)
    times: list[float] = []
    errors: Counter[str] = Counter()
    http = httpx.Client(
        base_url=url, timeout=30, headers=_headers(key), trust_env=False,
        limits=httpx.Limits(max_connections=200, max_keepalive_connections=200),
    )  # fmt: skip
    began = monotonic()

    def one(number: int) -> None:
        # Each with a number of its own, so that none was asked before.
        due = began + number / rate
        try:
            reply = http.post("/v1/search", json={"query": f"{questions[number % len(questions)]} {number}"})
            if reply.status_code != 200 or not reply.json()["results"]:
                errors[f"{reply.status_code} {reply.text[:100]}"] += 1
            times.append(monotonic() - due)
        except (httpx.HTTPError, ValueError, KeyError) as error:
            errors[f"{type(error).__name__} {error}"[:100]] += 1

    with http, ThreadPoolExecutor(100) as pool, _progress(lambda: len(times)):
        for number in range(total):
            sleep(max(0.0, began + number / rate - monotonic()))
            pool.submit(one, number)
    took = monotonic() - began
    return {
        "searches": total,
        "errors": sum(errors.values()),
        "which_errors": dict(errors.most_common(5)),
        "per_second": round(len(times) / took, 1),
        "wanted_per_second": rate,
        "ms": {name: round(1000 * value) for name, value in _spread(sorted(times), 4).items()},
    }


def _headers(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"} if key else {}


def _spread(values: Sequence[float], digits: int = 1) -> dict[str, float]:
    """Median, 95th percentile and largest of sorted values."""
    if not values:
        return {}
    at = {"median": 0.5, "p95": 0.95, "max": 1.0}
    return {name: round(values[min(len(values) - 1, int(p * len(values)))], digits) for name, p in at.items()}


@contextmanager
def _progress(done: Callable[[], int]) -> Iterator[None]:
    """Say every ten seconds how far things are."""
    over = threading.Event()

    def say() -> None:
        while not over.wait(10):
            print(f"{done()} done", file=sys.stderr, flush=True)

    threading.Thread(target=say, daemon=True).start()
    try:
        yield
    finally:
        over.set()


if __name__ == "__main__":
    sys.exit(main())
