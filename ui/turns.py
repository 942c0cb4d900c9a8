"""Who asks the language model next: a line in which nobody is kept waiting by one person's many questions.

A model on this computer answers one question at a time; asked by twenty people at once it would answer all of
them twenty times slower. So they line up: one question of each person in turn, each person's in their order.
"""

import math
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from time import monotonic

from corpus.errors import ReexError, StoppedError
from rag.llm import runs_here
from rag.settings import Settings
from rag.stopping import Gone, never

Told = Callable[[int], None]
"""Takes a place in line, 1 for who is next."""

_HOSTED_AT_ONCE = 8
_LOOK_S = 0.2
_FIRST_GUESS_S = 20.0
_WEIGHT = 0.2  # of the latest turn in the moving average


class LineFullError(ReexError):
    """No more questions are taken for now; ``retry_after_s`` is when to try again, in whole seconds."""

    exit_code = 6

    def __init__(self, message: str, retry_after_s: float):
        super().__init__(message)
        self.retry_after_s = max(1, math.ceil(retry_after_s))


@dataclass(eq=False)
class _Place:
    user: str
    granted: bool = False


def _tell_nobody(position: int) -> None:
    pass


class Turns:
    """The line before one language model; may be used from any number of threads."""

    def __init__(self, at_once: int = 1, per_user: int = 5, in_all: int = 100):
        """Open an empty line.

        Args:
            at_once: how many questions the model answers at a time.
            per_user: how many questions of one user may wait.
            in_all: how many may wait together.
        """
        self._at_once, self._per_user, self._in_all = at_once, per_user, in_all
        self._changed = threading.Condition()
        self._line: dict[str, deque[_Place]] = {}  # the first user is next; one with more goes to the end
        self._busy = 0
        self._pace_s = _FIRST_GUESS_S

    @classmethod
    def of(cls, settings: Settings) -> "Turns":
        """The line that the settings describe."""
        at_once = settings.parallel_answers or (1 if runs_here(settings) else _HOSTED_AT_ONCE)
        return cls(at_once, settings.line_per_user, settings.line_in_all)

    @contextmanager
    def turn(self, user_id: str, told: Told = _tell_nobody, gone: Gone = never) -> Iterator[None]:
        """Wait until it is this user's turn, and have it for the length of the block.

        Args:
            user_id: who asks.
            told: hears the place in line, first and at every change; nothing when there is no wait.
            gone: whether who asks has gone away; asked several times a second.

        Raises:
            LineFullError: too many wait.
            StoppedError: ``gone`` said so.
        """
        place = self._line_up(user_id)
        began: float | None = None
        try:
            self._wait(place, told, gone)
            began = monotonic()
            yield
        finally:
            self._leave(place, None if began is None else monotonic() - began)

    def check(self, user_id: str) -> None:
        """See that one more question of a user would be taken.

        Raises:
            LineFullError: too many wait.
        """
        with self._changed:
            self._check(user_id)

    def wait_s(self, position: int) -> float:
        """About how many seconds a place in line means, by how long answers have lately taken."""
        return self._pace_s * math.ceil(position / self._at_once)

    def waiting(self) -> int:
        """How many are in line."""
        with self._changed:
            return sum(map(len, self._line.values()))

    def busy(self) -> int:
        """How many have a turn."""
        with self._changed:
            return self._busy

    def _check(self, user_id: str) -> None:
        if len(self._line.get(user_id, ())) >= self._per_user:
            raise LineFullError(
                f"{self._per_user} of your questions wait for an answer already: wait for one, or stop one.",
                self.wait_s(len(self._line)),
            )
        waiting = sum(map(len, self._line.values()))
        if waiting >= self._in_all:
            wait_s = self.wait_s(waiting)
            raise LineFullError(
                f"{waiting} questions wait for an answer already: try again in {_minutes(wait_s)}.", wait_s
            )

    def _line_up(self, user_id: str) -> _Place:
        place = _Place(user_id)
        with self._changed:
            self._check(user_id)
            self._line.setdefault(user_id, deque()).append(place)
            self._grant()
        return place

    def _wait(self, place: _Place, told: Told, gone: Gone) -> None:
        said = 0
        while not place.granted:
            with self._changed:
                if self._position(place) == said:
                    self._changed.wait(_LOOK_S)
                position = self._position(place)
            if gone():
                raise StoppedError("The question was taken out of the line, since nobody waits for it.")
            if position not in (0, said):
                told(position)  # without the lock, for it may take its time
                said = position

    def _position(self, place: _Place) -> int:
        """The place in line, 0 for who has a turn."""
        if place.granted:
            return 0
        round_ = self._line[place.user].index(place)
        ahead, before = round_, 1
        for user, places in self._line.items():
            if user == place.user:
                before = 0  # those behind come one round later
            else:
                ahead += min(len(places), round_ + before)
        return ahead + 1

    def _leave(self, place: _Place, took_s: float | None) -> None:
        with self._changed:
            if place.granted:
                self._busy -= 1
            else:
                self._line[place.user].remove(place)
                if not self._line[place.user]:
                    del self._line[place.user]
            if took_s is not None:
                self._pace_s += _WEIGHT * (took_s - self._pace_s)
            self._grant()

    def _grant(self) -> None:
        while self._busy < self._at_once and self._line:
            user = next(iter(self._line))
            places = self._line.pop(user)
            places.popleft().granted = True
            if places:
                self._line[user] = places
            self._busy += 1
        self._changed.notify_all()


def _minutes(seconds: float) -> str:
    minutes = math.ceil(seconds / 60)
    return "a minute" if minutes <= 1 else f"{minutes} minutes"
