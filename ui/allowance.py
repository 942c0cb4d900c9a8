"""How often somebody may do something, counted in moving windows by ``limits``, and how many at a time."""

import math
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from limits import RateLimitItem, parse_many
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from corpus.errors import ReexError, UsageError


class TooOftenError(ReexError):
    """Somebody did something too often; ``after_s`` is in how many seconds it is open again."""

    def __init__(self, message: str, left: "Left"):
        self.left = left
        super().__init__(message)


class BusyError(ReexError):
    """So much is under way already that one more would only wait; it is worth trying again in a second."""

    retry_after_s = 1


@dataclass(frozen=True)
class Left:
    """What is left of the tightest window: of how many, how many, and in how many seconds one more."""

    limit: int
    remaining: int
    after_s: int


class Allowance:
    """So many of something for each of many, such as questions for each user.

    >>> questions = Allowance("30/minute; 1000/day")
    >>> questions.spend("anna").remaining
    29
    """

    def __init__(self, rule: str, variable: str = "the rule"):
        """``rule`` is in the notation of ``limits``; ``variable`` is the setting that it comes from.

        Raises:
            UsageError: it is not.
        """
        try:
            self._items = parse_many(rule)
        except ValueError as error:
            raise UsageError(
                f"{variable} cannot be read: write it as 30/minute, or as 30/minute; 1000/day."
            ) from error
        self._windows = MovingWindowRateLimiter(MemoryStorage())

    def spend(self, who: str) -> Left:
        """Take one, and tell what is left.

        Raises:
            TooOftenError: none is left.
        """
        for item in self._items:
            if not self._windows.hit(item, who):
                left = self._left(item, who)
                raise TooOftenError(f"That was too often: try again in {in_words(left.after_s)}.", left)
        return min((self._left(item, who) for item in self._items), key=lambda left: left.remaining)

    def forgive(self, who: str) -> None:
        """Begin to count anew for one."""
        for item in self._items:
            self._windows.clear(item, who)

    def _left(self, item: RateLimitItem, who: str) -> Left:
        window = self._windows.get_window_stats(item, who)
        return Left(item.amount, max(0, window.remaining), max(1, math.ceil(window.reset_time - time.time())))


class AtOnce:
    """So many of something at a time, whoever does it; one more is refused, where it would only pile up."""

    def __init__(self, most: int, refusal: str):
        """``most`` is how many, ``refusal`` what is told to whoever comes when there are."""
        self._free, self._refusal = most, refusal
        self._counting = threading.Lock()

    def check(self) -> None:
        """See whether one more could begin, without keeping a place for it.

        Raises:
            BusyError: too many are under way.
        """
        if not self._free:
            raise BusyError(self._refusal)

    @contextmanager
    def one(self) -> Iterator[None]:
        """Do one of them in the block.

        Raises:
            BusyError: too many are under way.
        """
        with self._counting:
            self.check()
            self._free -= 1
        try:
            yield
        finally:
            with self._counting:
                self._free += 1


def in_words(seconds: int) -> str:
    """A time to wait, as people say it."""
    if seconds < 90:
        return f"{seconds} second{'' if seconds == 1 else 's'}"
    return f"{math.ceil(seconds / 60)} minutes"
