"""People at work on one state at once, until somebody kills them: ``python -m tests.ui.mixed_load FOLDER``.

Each thing is told in a line of JSON on standard output once the product has said that it is kept.
"""

import json
import sys
import threading
from collections.abc import Callable
from itertools import count
from pathlib import Path
from random import Random
from typing import Any

from evals import feedback
from rag.settings import Settings
from rag.types import Answer, Timings
from ui import conversations
from ui.accounts import User
from ui.desk import Desk, Incoming
from ui.state import open_state

SETTINGS = Settings(data_dir=Path(sys.argv[-1]))
STATE = open_state(SETTINGS)
_telling = threading.Lock()


def tell(what: str, **details: Any) -> None:
    with _telling:
        print(json.dumps({"what": what, **details}), flush=True)


def answer(text: str) -> Answer:
    return Answer("", text, False, "", None, (), (), (), (), Timings(0.1, 0.2, 0.3), "m")


def converse(user: str) -> None:
    for talk in count():
        begun = conversations.start(STATE, user, f"{user} {talk}")
        tell("begun", user=user, conversation=begun.id)
        asking = [threading.Thread(target=exchange, args=(user, begun.id, i)) for i in range(3)]
        for thread in asking:  # three windows on one conversation
            thread.start()
        for thread in asking:
            thread.join()


def exchange(user: str, conversation: str, window: int) -> None:
    for number in range(4):
        question = f"{user} in {conversation} asks {window}.{number}"
        asked = conversations.append(STATE, user, conversation, question)
        tell("asked", user=user, exchange=asked.id, question=question)
        conversations.complete(STATE, user, asked.id, answer(f"Answer to {question}"))
        tell("answered", user=user, exchange=asked.id, text=f"Answer to {question}")
        conversations.judge(STATE, user, asked.id, -1, f"It is wrong, says {user}.")
        tell("judged", user=user, exchange=asked.id, reason=f"It is wrong, says {user}.")


def work_at_the_desk(name: str) -> None:
    desk = Desk(STATE, self_approve=True)
    who = User(name, name, "staff")
    for number in count():
        (taken,) = desk.take_in(
            [Incoming(f"{name} brings query {number}", reference=f"{name}-{number}")], "a test", who
        )
        query = taken.query.id
        tell("taken", query=query)
        for edit in range(3):
            body = f"Draft {edit} of {name} for {query}"
            desk.save(query, body, answer(body), who, edit - 1 if edit else None)
            tell("saved", query=query, number=edit, body=body)
        desk.move(query, "review", who)
        desk.approve(query, who, 2)
        tell("approved", query=query, body=body)


def complain(name: str) -> None:
    for number in count():
        said = f"{name} asked {number}"
        tell("reported", case=feedback.add(feedback.Reported(said), SETTINGS), question=said)


def main() -> None:
    work: list[tuple[Callable[[str], None], str]] = [
        *((converse, user) for user in ("ann", "ben", "cai")),
        *((work_at_the_desk, name) for name in ("dora", "emil")),
        (complain, "fay"),
    ]
    run = str(Random().random())  # who comes back after a kill does not bring the same queries again
    for job, name in work:
        threading.Thread(target=job, args=(f"{name}-{run}",)).start()


if __name__ == "__main__":
    main()
