"""What a served product does at its limit, and beyond: ``python -m evals.bench.load URL``.

Requests arrive at a fixed rate, whether or not earlier ones have been answered, sent by Locust (the extra
``load``). First at rates that double until some are refused or late, which gives the curve of saturation and
the capacity; then what is normal: the capacity itself, or, for the one model that chats line up for, twenty
people who ask at the same moment; then five times the capacity, while the memory of the server is watched. At
last, with all that gone, it is measured when a request is first answered as before.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep
from typing import Any, Literal

import httpx

from evals.suite import read_suite

Kind = Literal["search", "chat", "page"]
Row = dict[str, Any]

_MOST_STEPS = 12
_SEARCHES = 20_000
_PEOPLE = 20
_LOCUSTFILE = Path(__file__).with_name("arrivals.py")
_HEADER = " offered/s accepted/s refused failed   p50 s   p95 s refusal p95"


def main() -> int:
    """Print the results as text, and as JSON to the file that is named; exit code 1 when a bar was missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url", help="where the product is served, such as http://127.0.0.1:7860")
    parser.add_argument("--kind", choices=("search", "chat", "page"), default="search")
    parser.add_argument("--from", dest="first", type=float, help="the first rate; 10 a second, for chat 0.03")
    parser.add_argument("--seconds", type=float, default=30.0, help="how long each rate of the curve is kept")
    parser.add_argument("--overload", type=float, default=300.0, help="seconds of the overload")
    parser.add_argument("--times", type=float, default=5.0, help="the overload, in capacities")
    parser.add_argument("--pid", type=int, help="the server's process, whose memory is watched")
    parser.add_argument("--keys", type=Path, help="a file of API keys, one a line")
    parser.add_argument("--json", type=Path, help="where the results go as JSON")
    options = parser.parse_args()
    keys = options.keys.read_text(encoding="utf-8").split() if options.keys else [""]
    with tempfile.TemporaryDirectory() as folder:
        load = Load(options.url, Path(folder), options.kind, keys)
        result = measure(load, options.first or (0.03 if options.kind == "chat" else 10.0), options)
    if options.json:
        options.json.write_text(json.dumps(result, indent=1), encoding="utf-8")
    print(json.dumps({name: value for name, value in result.items() if name != "curve"}, indent=1))
    return int(not all(result["bars"].values()))


class Load:
    """Requests of one kind for one server."""

    def __init__(self, url: str, folder: Path, kind: Kind, keys: Sequence[str]):
        """``folder`` is for files of the run, ``keys`` are those of the API, or an empty one."""
        self._url = url
        headers = [{"Authorization": f"Bearer {key}"} if key else {} for key in keys]
        # No answer may come from the cache: what is measured is the work.
        self._headers = [{"Cache-Control": "no-cache", **header} for header in headers]
        self._path, self._bodies = _requests(url, kind)
        self._file = folder / "requests.json"
        given = {"path": self._path, "bodies": self._bodies, "headers": self._headers}
        self._file.write_text(json.dumps(given), encoding="utf-8")

    def at(self, rate: float, seconds: float, drain_s: float = 3_600.0) -> Row:
        """Let requests arrive at a rate, and tell what became of them.

        Args:
            rate: a second.
            seconds: for how long.
            drain_s: how long the last of them may take; then they go away.
        """
        command = [sys.executable, "-m", "locust", "-f", str(_LOCUSTFILE), "--headless", "--json"]
        command += ["--users", "1", "--host", self._url, "--run-time", f"{max(1, round(seconds))}s"]
        command += ["--stop-timeout", "4000", "--rate", str(rate), "--drain", str(drain_s)]
        command += ["--requests", str(self._file), "--loglevel", "ERROR", "--exit-code-on-error", "0"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if not done.stdout.strip().startswith("["):
            raise SystemExit(f"Locust did not run: pip install '.[load]'. It said: {done.stderr[-500:]}")
        return _row(rate, seconds, json.loads(done.stdout))

    def once(self) -> float | None:
        """How many seconds one request takes; None when it is refused or fails."""
        began = monotonic()
        sent: Row = {"json": self._bodies[0], "headers": self._headers[0]}
        try:
            reply = httpx.post(self._url + self._path, **sent, timeout=600, trust_env=False)
        except httpx.HTTPError:
            return None
        return monotonic() - began if reply.status_code == 200 else None


def _requests(url: str, kind: Kind) -> tuple[str, list[Row]]:
    """The path of a kind of request, and what is sent there in turn."""
    if kind == "page":
        parts = httpx.get(f"{url}/config", trust_env=False).json()["components"]
        chat = next(part["id"] for part in parts if part["props"].get("elem_id") == "chat-page")
        body = {"session_hash": "load", "component_id": chat, "fn_name": "begin", "data": {}}
        return "/gradio_api/component_server", [body]
    questions = [case.question.text for name in ("dev", "former-report-2") for case in read_suite(name).cases]
    if kind == "search":
        # Each with a number of its own, so that none was embedded before.
        numbers = range(_SEARCHES)
        return "/v1/search", [{"query": f"{questions[n % len(questions)]} {n}"} for n in numbers]
    asked = [{"model": "reex", "messages": [{"role": "user", "content": text}]} for text in questions]
    return "/v1/chat/completions", asked


def _row(rate: float, seconds: float, stats: Sequence[Row]) -> Row:
    entries = {entry["name"]: entry for entry in stats}
    nothing: Row = {"num_requests": 0, "response_times": {}}
    kinds = ("accepted", "refused", "failed", "unfinished")
    accepted, refused, failed, unfinished = (entries.get(kind, nothing) for kind in kinds)
    began = min(entry["start_time"] for entry in stats)
    took = max(seconds, *(entry["last_request_timestamp"] - began for entry in stats))
    return {
        "offered_per_s": rate,
        "accepted_per_s": round(accepted["num_requests"] / took, 3),
        "accepted": accepted["num_requests"],
        "refused": refused["num_requests"],
        "failed": failed["num_requests"],
        "unfinished": unfinished["num_requests"],
        "p50_s": _percentile(accepted, 0.5),
        "p95_s": _percentile(accepted, 0.95),
        "refusal_p95_s": _percentile(refused, 0.95),
        "oldest_unfinished_s": _percentile(unfinished, 1.0),
    }


def _percentile(entry: Row, share: float) -> float | None:
    """A percentile of Locust's histogram, which is of milliseconds, rounded to two digits."""
    times = sorted((float(ms), count) for ms, count in entry["response_times"].items())
    left = share * sum(count for _, count in times)
    for ms, count in times:
        left -= count
        if left <= 0:
            return ms / 1000
    return None


def measure(load: Load, first: float, options: argparse.Namespace) -> Row:
    """The curve, what is normal, what an overload does, and how soon it is over."""
    print(_HEADER, flush=True)
    curve = list(_curve(load, first, options.seconds))
    capacity = max(row["accepted_per_s"] for row in curve)
    alone = min(row["p50_s"] for row in curve if row["p50_s"] is not None)
    normal = _told(load.at(*((_PEOPLE, 1) if options.kind == "chat" else (capacity, 2 * options.seconds))))
    with _memory(options.pid) as sizes:
        over = _told(load.at(options.times * capacity, options.overload, drain_s=0))
        recovered = _recovery_s(load, max(2 * alone, normal["p95_s"] or 0))
    late = max(over["p95_s"] or 0, over["oldest_unfinished_s"] or 0)
    half = len(sizes) // 2
    memory = (
        {"at_first_mb": sizes[0], "in_the_middle_mb": sizes[half], "at_last_mb": sizes[-1]} if sizes else {}
    )
    bars = {
        "accepted_within_twice_the_normal_p95": late <= 2 * (normal["p95_s"] or 0),
        "nothing_failed": over["failed"] == 0,
        "some_refused": over["refused"] > 0,
        "recovered_in_10_s": recovered is not None and recovered <= 10,
        "memory_flat": not sizes or max(sizes[half:]) <= 1.05 * max(sizes[: half + 1]),
    }
    return {
        "capacity_per_s": capacity,
        "curve": curve,
        "normal": normal,
        "overload": over,
        "recovered_after_s": recovered,
        "memory": memory,
        "bars": bars,
    }


def _curve(load: Load, first: float, seconds: float) -> Iterator[Row]:
    """Rates that double until not all of what is offered is answered in time."""
    rate = first
    for _ in range(_MOST_STEPS):
        yield (row := _told(load.at(rate, seconds)))
        if row["accepted_per_s"] < 0.6 * rate:
            return
        rate *= 2


def _told(row: Row) -> Row:
    cells = [row[name] if row[name] is not None else "-" for name in ("p50_s", "p95_s", "refusal_p95_s")]
    print(
        f"{row['offered_per_s']:10.2f}{row['accepted_per_s']:11.2f}{row['refused']:8}{row['failed']:7}"
        f"{cells[0]:>8}{cells[1]:>8}{cells[2]:>12}",
        flush=True,
    )
    return row


def _recovery_s(load: Load, usual_s: float) -> float | None:
    """After how many seconds a request is first answered in the usual time; None when not within a minute."""
    began = monotonic()
    while monotonic() - began < 60:
        asked = monotonic()
        took = load.once()
        if took is not None and took <= usual_s:
            return round(asked - began, 1)
        sleep(0.5)
    return None


@contextmanager
def _memory(pid: int | None) -> Iterator[list[float]]:
    """The resident memory of a process in MB, each second of the block."""
    sizes: list[float] = []
    over = threading.Event()

    def watch() -> None:
        import psutil

        process = psutil.Process(pid)
        while not over.wait(1):
            sizes.append(round(process.memory_info().rss / 1e6, 1))

    if pid:
        threading.Thread(target=watch, daemon=True).start()
    try:
        yield sizes
    finally:
        over.set()


if __name__ == "__main__":
    sys.exit(main())
