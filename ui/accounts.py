"""Who is asking, and what they may do."""

from dataclasses import dataclass
from typing import Literal, get_args

Role = Literal["reader", "staff", "admin"]
"""Each may do what those before it may: ask and read; run desk, library and evals; manage accounts."""

ROLES: tuple[Role, ...] = get_args(Role)


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
