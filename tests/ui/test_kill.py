"""The server dies at any moment, as kill -9 does it, and what people were told is kept is there afterwards.

Three kills in the usual run; REEX_TEST_KILLS sets how many.
"""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from corpus.database import Database
from evals import feedback, jsonl
from rag.settings import Settings
from ui import conversations
from ui.desk import Desk
from ui.state import exchanges, open_state

KILLS = int(os.environ.get("REEX_TEST_KILLS", "3"))
ROOT = Path(__file__).parents[2]
LONGEST_S = 1.5

Told = dict[str, Any]


def killed(folder: Path, after_s: float) -> list[Told]:
    """What a mixed load had acknowledged when it was killed, so long after the first thing."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.ui.mixed_load", str(folder)],
        stdout=subprocess.PIPE,
        cwd=ROOT,
        env={**os.environ, "REEX_STATE_URL": ""},
    )
    assert process.stdout
    first = process.stdout.readline()
    reading: list[bytes] = []

    end = time.monotonic() + after_s
    os.set_blocking(process.stdout.fileno(), False)
    while time.monotonic() < end:
        reading.append(process.stdout.read() or b"")
        time.sleep(0.001)
    process.kill()
    assert process.wait() == -signal.SIGKILL
    reading.append(process.stdout.read() or b"")
    process.stdout.close()
    lines = (first + b"".join(reading)).split(b"\n")[:-1]  # the last one may be cut off
    return [json.loads(line) for line in lines]


def check(state: Database, settings: Settings, told: list[Told]) -> None:
    desk = Desk(state)
    cases = {row["id"]: row["question"] for row in jsonl.read(feedback.folder(settings) / "cases.jsonl")}
    for said in told:
        match said:
            case {"what": "begun", "user": user, "conversation": id_}:
                assert conversations.find(state, user, id_)
            case {"what": "asked", "user": user, "exchange": id_, "question": question}:
                assert conversations.exchange(state, user, id_).question == question
            case {"what": "answered", "user": user, "exchange": id_, "text": text}:
                answer = conversations.exchange(state, user, id_).answer
                assert answer
                assert answer.text == text
            case {"what": "judged", "user": user, "exchange": id_, "reason": reason}:
                found = conversations.exchange(state, user, id_)
                assert (found.verdict, found.reason) == (-1, reason)
            case {"what": "taken", "query": id_}:
                assert desk.query(id_)
            case {"what": "saved", "query": id_, "number": number, "body": body}:
                assert desk.revisions(id_)[number].body == body
            case {"what": "approved", "query": id_, "body": body}:
                assert desk.query(id_).state == "approved"
                assert desk.newest([id_])[id_].body == body
                assert [event.what for event in desk.events(id_)][-1] == "approved"
            case {"what": "reported", "case": id_, "question": question}:
                assert cases[id_] == question
            case _:
                raise AssertionError(said)


def is_sound(state: Database) -> None:
    """Nothing is damaged, and no conversation has a gap."""
    numbers: dict[str, list[int]] = defaultdict(list)
    with state.reading() as db:
        assert db.execute(sa.text("pragma integrity_check")).scalar_one() == "ok"
        for row in db.execute(sa.select(exchanges.c.conversation_id, exchanges.c.number)):
            numbers[row.conversation_id].append(row.number)
    for found in numbers.values():
        assert sorted(found) == list(range(len(found)))


def test_what_was_acknowledged_outlives_a_kill_at_any_moment(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    chance = random.Random(6)
    told: list[Told] = []
    for _ in range(KILLS):
        told += killed(tmp_path, chance.uniform(0, LONGEST_S))
        state = open_state(settings)
        check(state, settings, told)
        is_sound(state)
        state.close()
    kinds = {said["what"] for said in told}
    assert kinds == {"begun", "asked", "answered", "judged", "taken", "saved", "approved", "reported"}
    print(f"{KILLS} kills, {len(told)} things acknowledged, none lost")
