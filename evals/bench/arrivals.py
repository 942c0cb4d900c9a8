"""Requests that arrive at a fixed rate, whether or not earlier ones have been answered: a locustfile.

Locust's users wait for their answers, which makes for a closed loop. So there is one user, who starts a
request in a greenlet of its own at each beat. `evals.bench.load` runs this file and reads its statistics,
in which a request goes by what became of it: accepted, refused, failed, or unfinished at the end.
"""

import json
from argparse import ArgumentParser
from itertools import cycle
from pathlib import Path
from time import perf_counter
from typing import Any

import gevent
from gevent.pool import Group
from locust import FastHttpUser, constant_throughput, events, task


@events.init_command_line_parser.add_listener  # type: ignore[untyped-decorator]
def _options(parser: ArgumentParser) -> None:
    parser.add_argument("--rate", type=float, help="requests a second")
    parser.add_argument("--requests", help="a file of JSON: path, bodies, headers")
    parser.add_argument("--drain", type=float, help="seconds that the last ones may take to be answered")


class Arrivals(FastHttpUser):  # type: ignore[misc]
    """All who come."""

    concurrency = 5_000  # connections, which are never what is waited for
    network_timeout = connection_timeout = 3_600.0

    def on_start(self) -> None:
        options = self.environment.parsed_options
        given = json.loads(Path(options.requests).read_text(encoding="utf-8"))
        self._path, self._bodies, self._headers = (
            given["path"],
            cycle(given["bodies"]),
            cycle(given["headers"]),
        )
        self._under_way, self._drain_s = Group(), options.drain
        self._pace = constant_throughput(options.rate)

    def wait_time(self) -> float:
        return float(self._pace(self))

    @task  # type: ignore[untyped-decorator]
    def arrive(self) -> None:
        self._under_way.spawn(self._ask, next(self._bodies), next(self._headers))

    def on_stop(self) -> None:
        self._under_way.join(timeout=self._drain_s)
        self._under_way.kill()

    def _ask(self, body: Any, headers: dict[str, str]) -> None:
        began = perf_counter()
        try:
            with self.client.post(
                self._path, json=body, headers=headers, name="failed", catch_response=True
            ) as reply:
                if reply.status_code == 200:
                    reply.request_meta["name"] = "accepted"
                elif reply.status_code == 429 and int(reply.headers.get("Retry-After", 0)) > 0:
                    reply.request_meta["name"] = "refused"
                    reply.success()
                else:
                    reply.failure(f"{reply.status_code} {str(reply.text)[:200]}")
        except gevent.GreenletExit:
            self._unfinished(1000 * (perf_counter() - began))

    def _unfinished(self, ms: float) -> None:
        told: dict[str, Any] = {"response_length": 0, "exception": None, "context": {}}
        self.environment.events.request.fire(request_type="POST", name="unfinished", response_time=ms, **told)
