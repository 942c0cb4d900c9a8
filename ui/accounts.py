"""Who is asking, and what they may do: accounts with passwords and API keys, in the state database."""

import hashlib
import re
import secrets
import unicodedata
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from threading import BoundedSemaphore
from typing import Any, Literal, get_args

import sqlalchemy as sa
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from corpus.database import Database, now
from corpus.errors import ReexError, UsageError
from ui.state import api_keys, completions, conversations, ended_sessions, exchanges, users

Role = Literal["reader", "staff", "admin"]
"""Each may do what those before it may: ask and read; run desk, library and evals; manage accounts."""

ROLES: tuple[Role, ...] = get_args(Role)

KEY_PREFIX = "reex_"
SESSION = timedelta(days=7)
"""How long a session lasts that nothing ends."""
MIN_PASSWORD = 12
_MAX_PASSWORD = 1024
_NAME = re.compile(r"[\w.@+-]+(?: [\w.@+-]+)*")
_MAX_NAME = 64
_USED_EVERY = timedelta(minutes=1)  # a write for each request of a key would be many

_hasher = PasswordHasher()
_hashing = BoundedSemaphore(2)  # each takes 64 MiB and all cores


@dataclass(frozen=True)
class User:
    """A person, or a program on behalf of one."""

    id: str
    name: str
    role: Role

    def may(self, role: Role) -> bool:
        """Whether a role's work is open to this user."""
        return ROLES.index(self.role) >= ROLES.index(role)


LOCAL = User("local", "local", "admin")
"""Whoever uses a server that only this computer reaches, and that asks nobody to sign in."""


@dataclass(frozen=True)
class Account:
    """A user as the administrator sees one.

    Attributes:
        outside: signs in with an OpenID provider, and has no password here.
        epoch: counts what ended all sessions; a session of an earlier one is over.
    """

    id: str
    name: str
    role: Role
    disabled: bool
    outside: bool
    epoch: int
    created_at: datetime

    @property
    def user(self) -> User:
        return User(self.id, self.name, self.role)


@dataclass(frozen=True)
class Key:
    """An API key, without its secret part; keys begin with ``reex_`` and the id."""

    id: str
    label: str
    created_at: datetime
    last_used_at: datetime | None


class AccountError(ReexError):
    """An account cannot be made or changed as asked."""

    exit_code = 2


class Accounts:
    """The accounts of one state database."""

    def __init__(self, state: Database):
        self._state = state

    def add(self, name: str, role: Role, password: str) -> Account:
        """Make an account.

        Raises:
            AccountError: the name is taken or is none, or the password is too short or too long.
        """
        return self._insert(_good_name(name), role, _hashed(password), None)

    def admit(self, subject: str, name: str, role: Role, decided: bool) -> Account:
        """The account of somebody whom an OpenID provider vouches for, made at the first visit.

        It is never an account that was made here, whatever the name: whoever may choose a name there
        must not become somebody here.

        Args:
            subject: issuer and subject, which never change.
            name: what to call a new account; a number goes behind it when it is taken.
            role: the role of a new account.
            decided: the provider says the role, so that it becomes that of a known account too.

        Raises:
            AccountError: the account is disabled.
        """
        with self._state.reading() as db:
            row = db.execute(sa.select(users).where(users.c.subject == subject)).one_or_none()
        if row is None:
            return self._insert(self._free_name(name), role, "", subject)
        account = _account(row)
        if account.disabled:
            raise AccountError(f"The account {account.name} is disabled: ask an administrator.")
        if decided and account.role != role:
            return self.set_role(account.name, role)
        return account

    def list(self) -> list[Account]:
        """All accounts, by name."""
        with self._state.reading() as db:
            return [_account(row) for row in db.execute(sa.select(users).order_by(users.c.name))]

    def has_admin(self) -> bool:
        """Whether anybody can manage accounts."""
        return any(a.role == "admin" and not a.disabled for a in self.list())

    def find(self, name: str) -> Account:
        """The account of a name.

        Raises:
            AccountError: there is none.
        """
        with self._state.reading() as db:
            row = db.execute(sa.select(users).where(users.c.name == _plain(name))).one_or_none()
        if row is None:
            raise AccountError(f"There is no account {name}: `reex user list` names them.")
        return _account(row)

    def set_role(self, name: str, role: Role) -> Account:
        """Give another role; ends the sessions of that account."""
        return self._change(name, role=role)

    def set_disabled(self, name: str, disabled: bool) -> Account:
        """Shut an account out, or let it in again; ends its sessions, and its keys rest meanwhile."""
        return self._change(name, disabled=disabled)

    def set_password(self, name: str, password: str) -> Account:
        """Give another password; ends the sessions of that account.

        Raises:
            AccountError: the password is too short or too long, or there is no such account.
        """
        return self._change(name, password=_hashed(password))

    def end_sessions(self, name: str) -> None:
        """Sign an account out everywhere."""
        self._change(name)

    def end_session(self, session: str) -> None:
        """End one session, by its own id; those of other devices go on."""
        over = (ended_sessions.c.id == session) | (ended_sessions.c.ended_at < now() - SESSION)
        with self._state.writing() as db:
            db.execute(sa.delete(ended_sessions).where(over))
            db.execute(sa.insert(ended_sessions).values(id=session, ended_at=now()))

    def remove(self, name: str) -> Account:
        """Delete an account with its keys and conversations; links that it shared go on working."""
        account = self.find(name)
        mine = sa.select(conversations.c.id).where(conversations.c.user_id == account.id)
        with self._state.writing() as db:
            db.execute(sa.delete(exchanges).where(exchanges.c.conversation_id.in_(mine)))
            db.execute(sa.delete(conversations).where(conversations.c.user_id == account.id))
            for table in (completions, api_keys):
                db.execute(sa.delete(table).where(table.c.user_id == account.id))
            db.execute(sa.delete(users).where(users.c.id == account.id))
        return account

    def check(self, name: str, password: str) -> Account | None:
        """The account that a name and a password open; None takes as long, whatever is wrong."""
        with self._state.reading() as db:
            row = db.execute(sa.select(users).where(users.c.name == _plain(name))).one_or_none()
        known = row.password if row is not None and row.password else _nobodys()
        right = len(password) <= _MAX_PASSWORD and _verified(known, password)
        if row is None or not row.password or row.disabled or not right:
            return None
        if _hasher.check_needs_rehash(row.password):
            with self._state.writing() as db:
                changed = {"password": _hashed(password, any_length=True)}
                db.execute(sa.update(users).where(users.c.id == row.id).values(changed))
        return _account(row)

    def of_session(self, id: str, epoch: int, session: str) -> User | None:
        """The user of a session, unless something ended it.

        Args:
            id: of the user.
            epoch: of the account when the session began.
            session: its own id.
        """
        ended = sa.exists().where(ended_sessions.c.id == session)
        live = (users.c.id == id) & (users.c.epoch == epoch) & ~users.c.disabled & ~ended
        with self._state.reading() as db:
            row = db.execute(sa.select(users).where(live)).one_or_none()
        return None if row is None else _account(row).user

    def add_key(self, name: str, label: str = "") -> str:
        """Make an API key and return it, for the only time: its digest is all that is kept.

        Raises:
            AccountError: there is no such account.
        """
        account = self.find(name)
        id = secrets.token_hex(4)
        key = f"{KEY_PREFIX}{id}_{secrets.token_urlsafe(32)}"
        row = {"id": id, "user_id": account.id, "label": label.strip()[:100], "digest": _digest(key)}
        with self._state.writing() as db:
            db.execute(sa.insert(api_keys).values(row | {"created_at": now()}))
        return key

    def keys(self, name: str) -> Sequence[Key]:
        """The keys of an account, the oldest first."""
        mine = sa.select(api_keys).where(api_keys.c.user_id == self.find(name).id)
        with self._state.reading() as db:
            rows = db.execute(mine.order_by(api_keys.c.created_at, api_keys.c.id)).all()
        return [Key(row.id, row.label, row.created_at, row.last_used_at) for row in rows]

    def revoke(self, id: str) -> None:
        """Make a key useless, named by its id or by the whole of it.

        Raises:
            AccountError: there is no such key.
        """
        id = id.removeprefix(KEY_PREFIX).split("_")[0]
        with self._state.writing() as db:
            gone = db.execute(sa.delete(api_keys).where(api_keys.c.id == id)).rowcount
        if not gone:
            raise AccountError(f"There is no key {id}: `reex user keys NAME` names them.")

    def of_key(self, key: str) -> User | None:
        """The user whom a key stands for."""
        if not key.startswith(KEY_PREFIX):
            return None
        live = (api_keys.c.digest == _digest(key)) & (users.c.id == api_keys.c.user_id) & ~users.c.disabled
        query = sa.select(users, api_keys.c.id.label("key"), api_keys.c.last_used_at).where(live)
        with self._state.reading() as db:
            row = db.execute(query).one_or_none()
        if row is None:
            return None
        if row.last_used_at is None or now() - row.last_used_at > _USED_EVERY:
            with self._state.writing() as db:
                db.execute(sa.update(api_keys).where(api_keys.c.id == row.key).values(last_used_at=now()))
        return _account(row).user

    def _insert(self, name: str, role: Role, password: str, subject: str | None) -> Account:
        row = {"id": uuid.uuid4().hex, "name": name, "password": password, "subject": subject, "role": role}
        with self._state.writing() as db:
            if db.execute(sa.select(users.c.id).where(users.c.name == name)).first():
                raise AccountError(f"There is an account {name} already: choose another name.")
            db.execute(sa.insert(users).values(row | {"disabled": False, "epoch": 0, "created_at": now()}))
        return self.find(name)

    def _change(self, name: str, **values: Any) -> Account:
        account = self.find(name)
        with self._state.writing() as db:
            changed = values | {"epoch": users.c.epoch + 1}
            db.execute(sa.update(users).where(users.c.id == account.id).values(changed))
        return self.find(name)

    def _free_name(self, wanted: str) -> str:
        plain = " ".join(re.sub(r"[^\w.@+ -]", " ", _plain(wanted)).split())[: _MAX_NAME - 4].strip()
        name = plain or "somebody"
        taken = {account.name for account in self.list()}
        return next(n for n in (name, *(f"{name} {i}" for i in range(2, 10_000))) if n not in taken)


def role_named(name: str) -> Role:
    """A role by its name.

    Raises:
        UsageError: there is no such role.
    """
    for role in ROLES:
        if role == name:
            return role
    raise UsageError(f"There is no role {name}: it is reader, staff or admin.")


def _account(row: Any) -> Account:
    outside = row.subject is not None
    return Account(row.id, row.name, row.role, row.disabled, outside, row.epoch, row.created_at)


def _plain(name: str) -> str:
    """A name as it is kept: whoever writes it with a capital is the same person."""
    text = unicodedata.normalize("NFKC", name).casefold().strip()
    return text.encode("utf-8", "replace").decode("utf-8").replace("\0", "")


def _good_name(name: str) -> str:
    plain = _plain(name)
    if len(plain) > _MAX_NAME or not _NAME.fullmatch(plain):
        raise AccountError(
            f"An account needs a name of at most {_MAX_NAME} letters, digits, single spaces and . @ + - _."
        )
    return plain


def _hashed(password: str, any_length: bool = False) -> str:
    if not any_length and not MIN_PASSWORD <= len(password) <= _MAX_PASSWORD:
        raise AccountError(f"A password needs {MIN_PASSWORD} to {_MAX_PASSWORD} characters: choose another.")
    with _hashing:
        return _hasher.hash(password.encode("utf-8", "surrogatepass"))


def _verified(known: str, password: str) -> bool:
    try:
        with _hashing:
            return _hasher.verify(known, password.encode("utf-8", "surrogatepass"))
    except (VerificationError, InvalidHashError):
        return False


@cache
def _nobodys() -> str:
    """A hash that no password fits, to be checked for names that are not there."""
    return _hashed(secrets.token_urlsafe(32))


def _digest(key: str) -> str:
    # Keys are random and long, so that a fast hash is enough.
    return hashlib.sha256(key.encode("utf-8", "replace")).hexdigest()
