"""Accounts and API keys, through the commands that manage them and the checks that let people in."""

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from pydantic import SecretStr
from typer.testing import CliRunner, Result

from corpus.database import Database
from corpus.errors import ReexError
from rag.settings import Settings
from tests.conftest import POSTGRES
from ui.accounts import KEY_PREFIX, AccountError, Accounts
from ui.cli import app
from ui.state import open_state, users

GOOD = "correct horse battery"


@pytest.fixture
def state(database: str) -> Iterator[Database]:
    opened = open_state(Settings(state_url=SecretStr(database)))
    yield opened
    opened.close()


@pytest.fixture
def accounts(state: Database) -> Accounts:
    return Accounts(state)


def reex(*arguments: str, data: Path, stdin: str = "") -> Result:
    return CliRunner().invoke(app, ["--data-dir", str(data), "user", *arguments], input=stdin)


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("REEX_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("REEX_STATE_URL", "")
    return tmp_path


def test_a_password_opens_only_its_own_account(accounts: Accounts) -> None:
    anna = accounts.add("Anna", "staff", GOOD)
    accounts.add("bert", "reader", GOOD + "!")
    assert accounts.check("ANNA ", GOOD) == anna
    assert accounts.check("anna", GOOD + "!") is None
    assert accounts.check("nobody", GOOD) is None
    assert anna.user.may("reader")
    assert not anna.user.may("admin")


@pytest.mark.parametrize("change", ["role", "password", "disabled", "signed out"])
def test_what_changes_an_account_ends_its_sessions(accounts: Accounts, change: str) -> None:
    anna = accounts.add("anna", "staff", GOOD)
    assert accounts.of_session(anna.id, anna.epoch, "s") == anna.user
    match change:
        case "role":
            accounts.set_role("anna", "reader")
        case "password":
            accounts.set_password("anna", GOOD + "!")
        case "disabled":
            accounts.set_disabled("anna", True)
        case _:
            accounts.end_sessions("anna")
    assert accounts.of_session(anna.id, anna.epoch, "s") is None
    if change == "disabled":
        assert accounts.of_session(anna.id, accounts.find("anna").epoch, "s") is None
        assert accounts.check("anna", GOOD) is None


def test_an_unknown_name_takes_as_long_as_a_wrong_password(accounts: Accounts) -> None:
    accounts.add("anna", "reader", GOOD)
    accounts.admit("issuer|1", "outside", "reader", decided=False)

    def seconds(name: str) -> float:
        best = []
        for _ in range(3):
            began = time.perf_counter()
            assert accounts.check(name, "wrong password") is None
            best.append(time.perf_counter() - began)
        return min(best)

    accounts.check("nobody", "")  # makes the hash that stands in for a missing one
    known = seconds("anna")
    assert seconds("nobody") > known / 3
    assert seconds("outside") > known / 3


def test_a_hash_of_weaker_parameters_is_renewed(accounts: Accounts, state: Database) -> None:
    anna = accounts.add("anna", "reader", GOOD)
    weak = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(GOOD)
    with state.writing() as db:
        db.execute(users.update().values(password=weak))
    assert accounts.check("anna", GOOD) is not None
    with state.reading() as db:
        kept = db.execute(users.select()).one()
    assert kept.password.startswith("$argon2id$")
    assert kept.password != weak
    assert accounts.of_session(anna.id, anna.epoch, "s")  # nothing that a person did


@pytest.mark.parametrize("name", ["", " ", "a" * 65, "<b>", "a\nb", "a  b", "../x", "a\x00b'"])
def test_a_name_that_could_be_mistaken_is_refused(accounts: Accounts, name: str) -> None:
    with pytest.raises(AccountError, match="needs a name"):
        accounts.add(name, "reader", GOOD)


def test_names_are_unique_and_passwords_long(accounts: Accounts) -> None:
    accounts.add("anna", "reader", GOOD)
    with pytest.raises(AccountError, match="already"):
        accounts.add("ANNA", "admin", GOOD)
    with pytest.raises(AccountError, match="12 to"):
        accounts.add("bert", "reader", "short")


def test_who_comes_from_a_provider_never_takes_an_account_over(accounts: Accounts) -> None:
    accounts.add("anna", "admin", GOOD)
    stranger = accounts.admit("issuer|1", "Anna", "reader", decided=False)
    assert (stranger.name, stranger.role) == ("anna 2", "reader")
    assert accounts.admit("issuer|1", "other", "staff", decided=False) == stranger
    assert accounts.admit("issuer|1", "other", "staff", decided=True).role == "staff"
    assert accounts.admit("issuer|2", "<script>", "reader", decided=False).name == "script"
    accounts.set_disabled("anna 2", True)
    with pytest.raises(AccountError, match="disabled"):
        accounts.admit("issuer|1", "Anna", "reader", decided=False)


def test_a_key_stands_for_its_user_until_it_is_revoked(accounts: Accounts, state: Database) -> None:
    anna = accounts.add("anna", "staff", GOOD)
    key = accounts.add_key("anna", "nightly")
    assert key.startswith(KEY_PREFIX)
    assert accounts.keys("anna")[0].last_used_at is None
    assert accounts.of_key(key) == anna.user
    kept = accounts.keys("anna")[0]
    assert (kept.label, kept.id) == ("nightly", key.split("_")[1])
    assert kept.last_used_at is not None
    accounts.set_disabled("anna", True)
    assert accounts.of_key(key) is None
    accounts.set_disabled("anna", False)
    assert accounts.of_key(key[:-1]) is None
    accounts.revoke(kept.id)
    assert accounts.of_key(key) is None
    with pytest.raises(AccountError):
        accounts.revoke(kept.id)


@pytest.mark.skipif(bool(POSTGRES), reason="is about the file")
def test_nothing_that_opens_an_account_is_kept_as_it_is(data: Path) -> None:
    reex("add", "anna", "--password-stdin", data=data, stdin=f"{GOOD}\n")
    key = json.loads(reex("key", "anna", "--json", data=data).output)["key"]
    kept = b"".join(path.read_bytes() for path in data.glob("state.sqlite*"))
    assert b"anna" in kept
    assert GOOD.encode() not in kept
    assert key.encode() not in kept


def test_the_commands_manage_an_account(data: Path) -> None:
    done = reex(
        "add", "Anna", "--role", "admin", "--password-stdin", "--json", data=data, stdin=f"{GOOD}\r\n"
    )
    assert json.loads(done.output) | {"id": "", "created_at": ""} == {
        "id": "",
        "name": "anna",
        "role": "admin",
        "disabled": False,
        "outside": False,
        "created_at": "",
    }
    assert json.loads(reex("role", "anna", "staff", "--json", data=data).output)["role"] == "staff"
    assert "shut out" in reex("disable", "anna", data=data).output
    assert "disabled" in reex("list", data=data).output
    assert reex("enable", "anna", data=data).exit_code == 0
    assert reex("password", "anna", "--password-stdin", data=data, stdin=f"{GOOD}!").exit_code == 0
    state = open_state(Settings(data_dir=data))
    try:
        assert Accounts(state).check("anna", f"{GOOD}!")
    finally:
        state.close()
    key = reex("key", "anna", "--label", "nightly", "--json", data=data)
    id = json.loads(key.output)["key"].split("_")[1]
    assert [row["id"] for row in json.loads(reex("keys", "anna", "--json", data=data).output)] == [id]
    assert reex("revoke", id, data=data).exit_code == 0
    assert json.loads(reex("keys", "anna", "--json", data=data).output) == []
    assert "deleted" in reex("remove", "anna", data=data).output
    assert json.loads(reex("list", "--json", data=data).output) == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("add", "anna"), "--password-stdin"),
        (("add", "anna", "--role", "king", "--password-stdin"), "no role king"),
        (("add", "anna", "--password-stdin"), "12 to"),
        (("role", "nobody", "staff"), "no account nobody"),
        (("revoke", "12"), "no key 12"),
    ],
)
def test_what_cannot_be_done_is_said(data: Path, arguments: tuple[str, ...], said: str) -> None:
    done = reex(*arguments, data=data, stdin="short\n")
    assert isinstance(done.exception, ReexError)
    assert said in str(done.exception)
