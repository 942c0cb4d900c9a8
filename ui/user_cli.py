"""``reex user``: who may sign in, in which role, and with which API keys."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from corpus.errors import UsageError
from rag.settings import load_settings
from ui.accounts import Account, Accounts, Key, role_named
from ui.options import AsJson, DataDir, print_json
from ui.state import open_state

app = typer.Typer(help="Manage who may sign in, and API keys.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="The name of the account.")]
RoleName = Annotated[str, typer.Option("--role", help="reader, staff or admin.")]
FromStdin = Annotated[
    bool, typer.Option("--password-stdin", help="Read the password from standard input, to its end of line.")
]


@app.command()
def add(
    name: Name,
    role: RoleName = "reader",
    password_stdin: FromStdin = False,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Make an account; its password is asked for."""
    wanted = role_named(role)
    with _accounts(data_dir) as accounts:
        account = accounts.add(name, wanted, _password(password_stdin))
    _tell(account, f"{account.name} may sign in as {account.role}.", as_json)


@app.command("list")
def list_all(as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """Name the accounts."""
    with _accounts(data_dir) as accounts:
        found = accounts.list()
    if as_json:
        print_json([_as_data(account) for account in found])
        return
    width = max((len(account.name) for account in found), default=0)
    for account in found:
        print(f"{account.name:{width}}  {account.role:6}  {_state(account)}")
    if not found:
        print("There is no account yet: reex user add NAME --role admin")


@app.command()
def role(
    name: Name,
    role: Annotated[str, typer.Argument(help="reader, staff or admin.")],
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Give an account another role; it has to sign in again."""
    wanted = role_named(role)
    with _accounts(data_dir) as accounts:
        account = accounts.set_role(name, wanted)
    _tell(account, f"{account.name} is {account.role} now.", as_json)


@app.command()
def disable(name: Name, as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """Shut an account out at once; its sessions end, and its keys rest."""
    with _accounts(data_dir) as accounts:
        account = accounts.set_disabled(name, True)
    _tell(
        account, f"{account.name} is shut out. To let it in again: reex user enable {account.name}", as_json
    )


@app.command()
def enable(name: Name, as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """Let an account in again."""
    with _accounts(data_dir) as accounts:
        account = accounts.set_disabled(name, False)
    _tell(account, f"{account.name} may sign in again.", as_json)


@app.command()
def password(
    name: Name, password_stdin: FromStdin = False, as_json: AsJson = False, data_dir: DataDir = None
) -> None:
    """Give an account another password; it has to sign in again."""
    with _accounts(data_dir) as accounts:
        accounts.find(name)
        account = accounts.set_password(name, _password(password_stdin))
    _tell(account, f"{account.name} has another password.", as_json)


@app.command()
def remove(name: Name, as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """Delete an account with its keys and conversations."""
    with _accounts(data_dir) as accounts:
        account = accounts.remove(name)
    _tell(account, f"{account.name} is deleted, with its keys and conversations.", as_json)


@app.command()
def key(
    name: Name,
    label: Annotated[str, typer.Option("--label", help="What it is for.")] = "",
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Make an API key; it is shown this once."""
    with _accounts(data_dir) as accounts:
        made = accounts.add_key(name, label)
    if as_json:
        print_json({"name": name, "label": label, "key": made})
    else:
        print(made)
        print("It is not shown again, and nobody can read it from the database.", file=sys.stderr)


@app.command()
def keys(name: Name, as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """Name the API keys of an account."""
    with _accounts(data_dir) as accounts:
        found = accounts.keys(name)
    if as_json:
        print_json([_key_as_data(key) for key in found])
        return
    for one in found:
        used = f"last used {_moment(one.last_used_at)}" if one.last_used_at else "never used"
        print(f"{one.id}  made {_moment(one.created_at)}, {used}  {one.label}".rstrip())
    if not found:
        print(f"It has none: reex user key {name}")


@app.command()
def revoke(
    id: Annotated[str, typer.Argument(help="The key, or its id: see keys.")],
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Make an API key useless."""
    with _accounts(data_dir) as accounts:
        accounts.revoke(id)
    if as_json:
        print_json({"id": id, "revoked": True})
    else:
        print("The key opens nothing any more.")


@contextmanager
def _accounts(data_dir: Path | None) -> Iterator[Accounts]:
    state = open_state(load_settings(data_dir=data_dir))
    try:
        yield Accounts(state)
    finally:
        state.close()


def _password(from_stdin: bool) -> str:
    """A password that stands in no list of processes and no history of a shell."""
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    if not sys.stdin.isatty():
        raise UsageError("There is no terminal to ask for the password: give it with --password-stdin.")
    given: str = typer.prompt("Password", hide_input=True, confirmation_prompt="The same again", err=True)
    return given


def _tell(account: Account, line: str, as_json: bool) -> None:
    if as_json:
        print_json(_as_data(account))
    else:
        print(line)


def _state(account: Account) -> str:
    how = "signs in elsewhere" if account.outside else "has a password"
    return f"since {_moment(account.created_at)}, {'disabled' if account.disabled else how}"


def _as_data(account: Account) -> dict[str, Any]:
    return {
        "id": account.id,
        "name": account.name,
        "role": account.role,
        "disabled": account.disabled,
        "outside": account.outside,
        "created_at": _moment(account.created_at),
    }


def _key_as_data(key: Key) -> dict[str, Any]:
    return {
        "id": key.id,
        "label": key.label,
        "created_at": _moment(key.created_at),
        "last_used_at": _moment(key.last_used_at) if key.last_used_at else None,
    }


def _moment(when: datetime) -> str:
    return when.isoformat(timespec="seconds")
