"""The line before the language model, under threads: nobody waits too long, too early or in vain."""

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from corpus.errors import StoppedError
from rag.settings import Settings
from ui import turns as module
from ui.turns import LineFullError, Turns


@pytest.fixture(autouse=True)
def _nobody_looks_on_his_own(monkeypatch: pytest.MonkeyPatch) -> None:
    # Who is not woken up sleeps on, so that a test hangs where a wake-up is lost.
    monkeypatch.setattr(module, "_LOOK_S", 60.0)


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.001)


@contextmanager
def line_of(turns: Turns, users: str) -> Iterator[tuple[list[str], dict[int, list[int]]]]:
    """Questions of these users (a letter each) that line up in this order behind one that is being answered.

    Gives who had a turn, which fills when the block has ended, and what each was told.
    """
    served: list[str] = []
    told: dict[int, list[int]] = {number: [] for number in range(len(users))}
    done = threading.Event()

    def first() -> None:
        with turns.turn(turns.line_up("first")):
            done.wait(20)

    def ask(number: int) -> None:
        with turns.turn(turns.line_up(users[number]), told[number].append):
            served.append(users[number])

    with ThreadPoolExecutor(len(users) + 1) as pool:
        started = [pool.submit(first)]
        until(lambda: turns.busy() == 1)
        for number in range(len(users)):
            started.append(pool.submit(ask, number))
            until(lambda n=number: bool(told[n]))  # type: ignore[misc]
        everybody = list(range(1, len(users) + 1))
        until(lambda: sorted(said[-1] for said in told.values()) == everybody)
        yield served, told
        done.set()
        for future in started:
            future.result(20)


def test_one_user_with_many_questions_does_not_block_the_others() -> None:
    with line_of(Turns(), "aaabbc") as (served, told):
        assert [said[-1] for said in told.values()] == [1, 4, 6, 2, 5, 3]
    assert "".join(served) == "abcaba"
    assert [said[0] for said in told.values()] == [1, 2, 3, 2, 4, 3]  # as it stood when each came


@settings(max_examples=25)
@given(st.text("abcd", min_size=1, max_size=9))
def test_the_place_that_is_told_is_the_one_that_one_gets(users: str) -> None:
    with line_of(Turns(per_user=9), users) as (served, told):
        promised = {said[-1]: users[number] for number, said in told.items()}
    assert [promised[place] for place in sorted(promised)] == served


@pytest.mark.parametrize("at_once", [1, 3])
def test_twenty_users_at_once_never_more_than_the_model_takes(at_once: int) -> None:
    turns = Turns(at_once)
    inside, most = 0, 0
    counting = threading.Lock()
    had: Counter[str] = Counter()

    def live(user: str) -> None:
        nonlocal inside, most
        dice = random.Random(user)
        for _ in range(30):
            gives_up = dice.random() < 0.2
            try:
                with turns.turn(turns.line_up(user), gone=lambda gives_up=gives_up: gives_up):  # type: ignore[misc]
                    with counting:
                        inside += 1
                        most = max(most, inside)
                    time.sleep(dice.random() / 2000)
                    with counting:
                        inside -= 1
                    had[user] += 1
                    if dice.random() < 0.1:
                        raise KeyError
            except (StoppedError, KeyError):
                pass

    with ThreadPoolExecutor(20) as pool:
        for future in [pool.submit(live, str(number)) for number in range(20)]:
            future.result(60)
    assert most == at_once
    assert (turns.waiting(), turns.busy()) == (0, 0)
    assert min(had.values()) > 15


def test_turns_go_round_while_everybody_asks_again_at_once() -> None:
    turns = Turns(in_all=50)
    served: list[str] = []
    done = threading.Event()

    def live(user: str) -> None:
        while not done.is_set():
            with turns.turn(turns.line_up(user)):
                served.append(user)
                time.sleep(0.0005)

    with ThreadPoolExecutor(24) as pool:
        for user in ["greedy"] * 5 + [str(number) for number in range(19)]:
            pool.submit(live, user)
        until(lambda: len(served) > 1_000)
        done.set()
    counts = Counter(served[100:1_000])
    assert len(counts) == 20
    assert max(counts.values()) <= 1.2 * min(counts.values())  # the greedy one included


def test_who_goes_away_leaves_the_line_and_those_behind_move_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_LOOK_S", 0.01)
    turns = Turns()
    gone = threading.Event()
    with ThreadPoolExecutor(2) as pool, line_of(turns, "a") as (served, _):

        def leave() -> None:
            with turns.turn(turns.line_up("b"), gone=gone.is_set):
                served.append("b")

        leaving = pool.submit(leave)
        until(lambda: turns.waiting() == 2)
        heard: list[int] = []

        def stay() -> None:
            with turns.turn(turns.line_up("c"), heard.append):
                served.append("c")

        staying = pool.submit(stay)
        until(lambda: heard == [3])
        gone.set()
        with pytest.raises(StoppedError):
            leaving.result(5)
        until(lambda: heard == [3, 2])
    staying.result(5)
    assert served == ["a", "c"]


def test_a_full_line_says_how_long_the_wait_would_be_and_when_to_come_back() -> None:
    turns = Turns(per_user=2, in_all=3)
    with line_of(turns, "aab"):
        with pytest.raises(LineFullError, match="2 of your questions wait for an answer already: wait for"):
            turns.line_up("a")
        with pytest.raises(
            LineFullError, match=r"would wait about a minute\. Try again in a minute\."
        ) as caught:
            turns.line_up("c")
        assert caught.value.retry_after_s == 20  # when the answer that is being written makes room
        assert turns.waiting() == 3
    turns.leave(turns.line_up("a"))
    assert (turns.waiting(), turns.busy()) == (0, 0)


def test_who_would_wait_too_long_is_refused_at_once() -> None:
    turns = Turns(longest_wait_s=60)
    with line_of(turns, "abc"):
        with pytest.raises(LineFullError, match="would wait about 2 minutes") as caught:
            turns.line_up("d")
        assert caught.value.retry_after_s == 20
        with pytest.raises(LineFullError):  # behind everybody's first question
            turns.line_up("a")
    for _ in range(9):  # of which each takes no time, and so the next ones need not wait for long
        with turns.turn(turns.line_up("a")):
            pass
    with line_of(turns, "abcdefgh"):
        turns.leave(turns.line_up("z"))


@pytest.mark.parametrize("at_once", [1, 8])
def test_twenty_people_at_once_are_taken_with_answers_of_twenty_seconds(at_once: int) -> None:
    turns = Turns.of(Settings(parallel_answers=at_once))
    places = [turns.line_up(str(number)) for number in range(20)]
    assert turns.busy() == at_once
    assert turns.waiting() == 20 - at_once
    for place in places:
        turns.leave(place)
    assert (turns.waiting(), turns.busy()) == (0, 0)


def test_a_place_that_is_left_twice_or_unused_counts_for_nothing() -> None:
    turns = Turns()
    first, second = turns.line_up("a"), turns.line_up("b")
    turns.leave(first)
    turns.leave(first)
    assert (turns.waiting(), turns.busy()) == (0, 1)
    turns.leave(second)
    assert (turns.busy(), turns.wait_s(1)) == (0, 20.0)


def test_the_estimate_follows_how_long_answers_take() -> None:
    turns = Turns(at_once=2)
    assert turns.wait_s(3) == 40.0
    for _ in range(40):
        with turns.turn(turns.line_up("a")):
            pass
    assert turns.wait_s(3) < 0.1
