"""Queries come in once, move only as they may, and nothing that was written is lost."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from threading import Barrier, Thread

import pytest

from corpus.database import Database
from rag.settings import Settings
from rag.types import Answer, Citation, Timings
from ui.accounts import LOCAL, User
from ui.desk.queries import MOVES, STATES, Desk, DeskError, Incoming, MeanwhileError, Revision
from ui.state import open_state

ANN, BOB = User("1", "ann", "staff"), User("2", "bob", "staff")
CITATION = Citation(1, "p", "a", "https://example.org/a", "Output", "News", None, 0, 15, "Output was 5 t.")
ANSWER = Answer(
    "q", "Output was 5 t. [1]", False, "", None, (), (CITATION,), (), (), Timings(0.1, None, 0.1), "m"
)


@pytest.fixture
def state(tmp_path: Path, database: str) -> Iterator[Database]:
    opened = open_state(Settings(data_dir=tmp_path, state_url=database))
    yield opened
    opened.close()


@pytest.fixture
def desk(state: Database) -> Desk:
    return Desk(state)


def take(desk: Desk, text: str = "How much?", **fields: str) -> str:
    return desk.take_in([Incoming(text, **fields)], "pasted", ANN)[0].query.id


def trail(desk: Desk, id_: str) -> list[tuple[str, str]]:
    return [(event.who, event.what) for event in desk.events(id_)]


def brought_to(desk: Desk, state: str) -> str:
    id_ = take(desk)
    if state != "new":
        desk.save(id_, "Output was 5 t. [1]", ANSWER, ANN, None)
    for name, before in (("review", "drafted"), ("approve", "in review"), ("post", "approved")):
        if STATES.index(state) > STATES.index(before):  # type: ignore[arg-type]
            desk.move(id_, name, BOB)
    return id_


def test_a_query_comes_in_once_by_its_reference_and_without_one_by_its_words(desk: Desk) -> None:
    items = [
        Incoming("A", reference="7"),
        Incoming("B", reference="7"),
        Incoming(" A  b", "ann"),
        Incoming("a B", "Ann"),
    ]
    first = desk.take_in(items, "forum", ANN)
    assert [item.is_new for item in first] == [True, False, True, False]
    assert first[1].query.text == "A"
    assert [item.is_new for item in desk.take_in(items, "forum", BOB)] == [False] * 4
    assert desk.take_in([Incoming("A", reference="7")], "elsewhere", ANN)[0].is_new
    assert trail(desk, first[0].query.id) == [("ann", "came in")]


@pytest.mark.parametrize("text", ["", " \n", "x" * 10_001])
def test_an_empty_or_endless_query_is_refused_and_so_are_those_beside_it(desk: Desk, text: str) -> None:
    with pytest.raises(DeskError):
        desk.take_in([Incoming("good"), Incoming(text)], "pasted", ANN)
    assert desk.queries() == []


def test_the_way_of_a_query_is_written_down_with_who_and_when(desk: Desk) -> None:
    id_ = take(desk)
    desk.save(id_, "Output was 5 t. [1]", ANSWER, ANN, None, "drafted")
    desk.move(id_, "review", ANN)
    desk.move(id_, "back", BOB, "too short")
    desk.move(id_, "review", ANN)
    desk.approve(id_, BOB, 0)
    desk.move(id_, "post", ANN, "https://forum.example/1")
    desk.move(id_, "reopen", BOB)
    assert desk.query(id_).state == "drafted"
    assert trail(desk, id_) == [
        ("ann", "came in"), ("ann", "drafted"), ("ann", "sent to review"), ("bob", "sent back"),
        ("ann", "sent to review"), ("bob", "approved"), ("ann", "posted"), ("bob", "reopened"),
    ]  # fmt: skip
    details = [event.detail for event in desk.events(id_)]
    assert details[3] == "revision 1: too short"
    assert details[6] == "revision 1: https://forum.example/1"


@pytest.mark.parametrize("name", MOVES)
@pytest.mark.parametrize("at", STATES)
def test_only_legal_moves_are_made(desk: Desk, at: str, name: str) -> None:
    id_ = brought_to(desk, at)
    lines = len(desk.events(id_))
    if at in MOVES[name].before:
        assert desk.move(id_, name, BOB).state == MOVES[name].after
        assert len(desk.events(id_)) == lines + 1
    else:
        with pytest.raises(DeskError, match=f"is {at}"):
            desk.move(id_, name, BOB)
        assert desk.query(id_).state == at
        assert len(desk.events(id_)) == lines


@pytest.mark.parametrize("at", ["approved", "posted"])
def test_an_approved_answer_cannot_be_changed_before_it_is_reopened(desk: Desk, at: str) -> None:
    id_ = brought_to(desk, at)
    with pytest.raises(DeskError, match="reopen"):
        desk.save(id_, "Other", ANSWER, ANN, 0)
    assert [revision.body for revision in desk.revisions(id_)] == ["Output was 5 t. [1]"]


def test_the_later_of_two_who_edit_at_once_is_told_and_both_texts_stay(desk: Desk) -> None:
    id_ = take(desk)
    desk.save(id_, "First", ANSWER, ANN, None)
    desk.save(id_, "Ann's", ANSWER, ANN, 0)
    with pytest.raises(MeanwhileError) as caught:
        desk.save(id_, "Bob's", ANSWER, BOB, 0)
    assert (caught.value.theirs.author, caught.value.theirs.body) == ("ann", "Ann's")
    desk.save(id_, "Bob's on top", ANSWER, BOB, caught.value.theirs.number)
    assert [revision.body for revision in desk.revisions(id_)] == ["First", "Ann's", "Bob's on top"]
    assert desk.revisions(id_)[0].answer == ANSWER


def test_of_many_saves_at_one_moment_exactly_one_wins(desk: Desk) -> None:
    id_ = take(desk)
    barrier, lost = Barrier(8), []

    def save(n: int) -> None:
        barrier.wait()
        try:
            desk.save(id_, f"Text {n}", ANSWER, ANN, None)
        except MeanwhileError as error:
            lost.append(error.theirs.body)

    threads = [Thread(target=save, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (kept,) = desk.revisions(id_)
    assert lost == [kept.body] * 7
    assert trail(desk, id_)[1:] == [("ann", "edited")]


def test_a_text_that_nobody_has_read_is_not_approved(desk: Desk) -> None:
    id_ = brought_to(desk, "in review")
    desk.save(id_, "Output was 5 t. [1]", ANSWER, BOB, 0)
    with pytest.raises(MeanwhileError):
        desk.approve(id_, ANN, 0)
    assert desk.query(id_).state == "in review"


def test_a_revision_that_comes_in_at_the_moment_of_approval_stops_it(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    id_ = brought_to(desk, "in review")
    look = desk.newest

    def slow_look(ids: Iterable[str]) -> dict[str, Revision]:
        found = look(ids)
        monkeypatch.setattr(desk, "newest", look)
        desk.save(id_, "Slipped in", ANSWER, ANN, 0)
        return found

    monkeypatch.setattr(desk, "newest", slow_look)
    with pytest.raises(MeanwhileError) as caught:
        desk.approve(id_, BOB, 0)
    assert caught.value.theirs.body == "Slipped in"
    assert desk.query(id_).state == "in review"


def test_who_wrote_the_newest_revision_approves_it_only_where_that_is_allowed(state: Database) -> None:
    def approved_by(desk: Desk, who: User) -> str:
        id_ = take(desk, f"{who.name} {desk.may_approve_own(who)}")
        desk.save(id_, "Text", ANSWER, who, None)
        desk.move(id_, "review", who)
        return desk.approve(id_, who, 0).state

    with pytest.raises(DeskError, match="REEX_DESK_SELF_APPROVE"):
        approved_by(Desk(state), ANN)
    assert approved_by(Desk(state), LOCAL) == "approved"
    assert approved_by(Desk(state, True), ANN) == "approved"
    with pytest.raises(DeskError):
        approved_by(Desk(state, False), LOCAL)


def test_unsupported_sentences_are_approved_with_a_reason_only(desk: Desk) -> None:
    id_ = brought_to(desk, "in review")
    with pytest.raises(DeskError, match="2 of its sentences"):
        desk.approve(id_, BOB, 0, ["a", "b"], "  ")
    desk.approve(id_, BOB, 0, ["a", "b"], "known to us")
    assert desk.events(id_)[-1].detail == "revision 1: anyway, with 2 unsupported: known to us"


def test_readers_may_do_nothing(desk: Desk) -> None:
    reader = User("3", "cy", "reader")
    id_ = brought_to(desk, "drafted")
    for forbidden in (
        lambda: desk.take_in([Incoming("x")], "pasted", reader),
        lambda: desk.save(id_, "x", ANSWER, reader, 0),
        lambda: desk.move(id_, "review", reader),
        lambda: desk.note(id_, reader, "x"),
    ):
        with pytest.raises(DeskError, match="for staff"):
            forbidden()
    assert len(desk.events(id_)) == 2


def test_queries_are_found_by_state_and_by_words_of_query_or_draft(desk: Desk) -> None:
    plain, answered = take(desk, "Who leads Lynas?", member="Zoë"), brought_to(desk, "approved")
    assert [query.id for query in desk.queries(["approved"])] == [answered]
    assert [query.id for query in desk.queries(words="lynas zoë")] == [plain]
    assert [query.id for query in desk.queries(words="output 5")] == [answered]
    assert desk.queries(words="100%") == []
    assert desk.counts() == {"new": 1, "drafted": 0, "in review": 0, "approved": 1, "posted": 0}
