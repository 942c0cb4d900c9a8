"""A running local site, and a client that may reach it and waits for nothing."""

from collections.abc import Callable, Iterator

import pytest

from corpus.fetch import Fetcher, Limits
from tests.corpus.site import Site

# Real sockets need real time, but little of it; every other wait goes to a clock that tests move.
QUICK = Limits(
    max_bytes=2**20,
    request_s=2,
    silence_s=1,
    redirects=3,
    tries=3,
    pause_s=0,
    backoff_s=1,
    longest_wait_s=60,
    failures_in_a_row=4,
)


class Clock:
    """Time that passes only when somebody sleeps; `slept` is how long each sleep was."""

    def __init__(self) -> None:
        self.now = 100.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture
def site() -> Iterator[Site]:
    with Site() as running:
        yield running


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def open_fetcher(clock: Clock) -> Iterator[Callable[..., Fetcher]]:
    opened: list[Fetcher] = []

    def make(**given: object) -> Fetcher:
        usual = {"private_hosts": ["127.0.0.1"], "limits": QUICK, "clock": clock, "sleep": clock.sleep}
        opened.append(Fetcher(**{**usual, **given}))  # type: ignore[arg-type]
        return opened[-1]

    yield make
    for fetcher in opened:
        fetcher.close()


@pytest.fixture
def fetcher(open_fetcher: Callable[..., Fetcher]) -> Fetcher:
    return open_fetcher()
