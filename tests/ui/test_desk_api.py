"""A forum hands its members' queries to the desk over HTTP, and gets the approved answers back."""

from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest
from fastapi import FastAPI, HTTPException
from fastapi.testclient import TestClient

from rag.chain import AnswerChain
from rag.settings import Settings
from tests.ui.test_desk import ANN, ANSWER, BOB
from ui.accounts import User
from ui.desk import api as desk_api
from ui.desk.queries import Desk
from ui.service import Service
from ui.state import open_state


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    settings = Settings(data_dir=tmp_path)
    state = open_state(settings)
    yield Service(cast(AnswerChain, None), state, settings)
    state.close()


def client(service: Service, who: User = ANN) -> TestClient:
    def staff() -> User:
        if not who.may("staff"):
            raise HTTPException(403, "no staff")
        return who

    app = FastAPI()
    app.include_router(desk_api.router(service, staff))
    return TestClient(app)


def test_queries_come_in_once_and_are_listed(service: Service) -> None:
    api = client(service)
    given = {
        "queries": [
            {"text": "Who leads Lynas?", "member": "zoë", "reference": "7", "link": "https://f.example/7"}
        ]
    }
    first = api.post("/v1/desk/queries", json=given)
    assert first.status_code == 201
    (taken,) = first.json()
    assert taken["is_new"]
    assert (taken["state"], taken["member"], taken["source"]) == ("new", "zoë", "API")
    (again,) = api.post("/v1/desk/queries", json=given).json()
    assert (again["id"], again["is_new"]) == (taken["id"], False)
    assert [query["id"] for query in api.get("/v1/desk/queries", params={"words": "lynas"}).json()] == [
        taken["id"]
    ]
    assert api.get("/v1/desk/queries", params={"state": "approved"}).json() == []


def test_an_answer_is_given_once_it_is_approved(service: Service) -> None:
    api, desk = client(service), Desk(service.state)
    (taken,) = api.post("/v1/desk/queries", json={"queries": [{"text": "How much?"}]}).json()
    where = f"/v1/desk/queries/{taken['id']}"
    desk.save(taken["id"], "Output was 5 t. [1]", ANSWER, ANN, None)
    assert api.get(where).json()["answer"] is None
    desk.move(taken["id"], "review", ANN)
    desk.approve(taken["id"], BOB, 0)
    kept = api.get(where, params={"format": "bbcode"}).json()
    assert "[url=https://example.org/a][1][/url]" in kept["answer"]
    assert [event["what"] for event in kept["events"]] == ["came in", "edited", "sent to review", "approved"]


@pytest.mark.parametrize(
    "given",
    [{}, {"queries": []}, {"queries": [{"text": ""}]}, {"queries": [{"text": " "}]},
     {"queries": [{"text": "x" * 10_001}]},
     {"queries": [{"text": "x", "state": "posted"}]}, [], None],
)  # fmt: skip
def test_what_is_no_query_is_refused(service: Service, given: object) -> None:
    answer = client(service).post("/v1/desk/queries", json=given)
    assert answer.status_code == 422
    assert Desk(service.state).queries() == []


def test_unknown_queries_and_people_who_are_no_staff_are_turned_away(service: Service) -> None:
    assert client(service).get("/v1/desk/queries/nothing").status_code == 404
    reader = client(service, User("3", "cy", "reader"))
    for answer in (
        reader.get("/v1/desk/queries"),
        reader.get("/v1/desk/queries/x"),
        reader.post("/v1/desk/queries", json={"queries": [{"text": "x"}]}),
    ):
        assert answer.status_code == 403
