"""Who asks the language model next: a line in which nobody is kept waiting by one person's many questions.

A model on this computer answers one question at a time; asked by twenty people at once it would answer all of
them twenty times slower. So they line up: one question of each person in turn, each person's in their order.
Who would wait too long is told so at once, so that whoever is in the line gets an answer in reasonable time.
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
_PLACES_EACH = 20  # for each question answered at a time: twenty people who ask at once, and hardly more


class LineFullError(ReexError):
    """No more questions are taken for now; ``retry_after_s`` is when to try again, in whole seconds."""

    exit_code = 6

    def __init__(self, message: str, retry_after_s: float):
        super().__init__(message)
        self.retry_after_s = max(1, math.ceil(retry_after_s))


@dataclass(eq=False)
class Place:
    """A place in line, of which only `Turns` reads more than that it is one."""

    user: str
    granted: bool = False
    left: bool = False


def _tell_nobody(position: int) -> None:
    pass


class Turns:
    """The line before one language model; may be used from any number of threads."""

    def __init__(
        self, at_once: int = 1, per_user: int = 5, in_all: int = 0, longest_wait_s: float = math.inf
    ):
        """Open an empty line.

        Args:
            at_once: how many questions the model answers at a time.
            per_user: how many questions of one user may wait.
            in_all: how many may wait together; 0 for 20 for each that is answered at a time.
            longest_wait_s: a question that would probably wait longer is not taken.
        """
        self._at_once, self._per_user = at_once, per_user
        self._in_all = in_all or _PLACES_EACH * at_once
        self._longest_wait_s = longest_wait_s
        self._changed = threading.Condition()
        self._line: dict[str, deque[Place]] = {}  # the first user is next; one with more goes to the end
        self._busy = 0
        self._pace_s = _FIRST_GUESS_S

    @classmethod
    def of(cls, settings: Settings) -> "Turns":
        """The line that the settings describe."""
        at_once = settings.parallel_answers or (1 if runs_here(settings) else _HOSTED_AT_ONCE)
        return cls(at_once, settings.line_per_user, settings.line_in_all, settings.line_wait_s)

    def line_up(self, user_id: str) -> Place:
        """Give a user the next place, which is to be left in any case: by its `turn`, or by `leave`.

        Raises:
            LineFullError: too many wait, or the wait would be too long.
        """
        place = Place(user_id)
        with self._changed:
            self._see_that_user_may(user_id)
            self._line.setdefault(user_id, deque()).append(place)
            self._grant()
            ahead = self._position(place)
            if self._waiting() > self._in_all or self.wait_s(ahead) > self._longest_wait_s:
                self._remove(place)
                raise self._full(ahead)
        return place

    @contextmanager
    def turn(self, place: Place, told: Told = _tell_nobody, gone: Gone = never) -> Iterator[None]:
        """Wait until it is this place's turn, have it for the length of the block, and leave.

        Args:
            place: what `line_up` gave.
            told: hears the place in line, first and at every change; nothing when there is no wait.
            gone: whether who asks has gone away; asked several times a second.

        Raises:
            StoppedError: ``gone`` said so.
        """
        began: float | None = None
        try:
            self._wait(place, told, gone)
            began = monotonic()
            yield
        finally:
            self.leave(place, None if began is None else monotonic() - began)

    def leave(self, place: Place, took_s: float | None = None) -> None:
        """Give a place up; nothing happens when that was done before.

        Args:
            place: what `line_up` gave.
            took_s: how long the model was needed, if it was.
        """
        with self._changed:
            if place.left:
                return
            place.left = True
            if place.granted:
                self._busy -= 1
            else:
                self._remove(place)
            if took_s is not None:
                self._pace_s += _WEIGHT * (took_s - self._pace_s)
            self._grant()

    def wait_s(self, position: int) -> float:
        """About how many seconds a place in line means, by how long answers have lately taken."""
        return self._pace_s * math.ceil(position / self._at_once)

    def waiting(self) -> int:
        """How many are in line."""
        with self._changed:
            return self._waiting()

    def busy(self) -> int:
        """How many have a turn."""
        with self._changed:
            return self._busy

    def _waiting(self) -> int:
        return sum(map(len, self._line.values()))

    def _see_that_user_may(self, user_id: str) -> None:
        if len(self._line.get(user_id, ())) >= self._per_user:
            raise LineFullError(
                f"{self._per_user} of your questions wait for an answer already: wait for one, or stop one.",
                self.wait_s(len(self._line)),
            )

    def _full(self, position: int) -> LineFullError:
        """The refusal of somebody who would have had this place."""
        wait_s = self.wait_s(position)
        free_s = max(self._pace_s / self._at_once, wait_s - self._longest_wait_s)
        return LineFullError(
            f"Too many questions wait for an answer already: yours would wait about {_minutes(wait_s)}. "
            f"Try again in {_minutes(free_s)}.",
            free_s,
        )

    def _wait(self, place: Place, told: Told, gone: Gone) -> None:
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

    def _position(self, place: Place) -> int:
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

    def _remove(self, place: Place) -> None:
        self._line[place.user].remove(place)
        if not self._line[place.user]:
            del self._line[place.user]

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
