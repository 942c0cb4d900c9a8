"""The tables of the first version."""

from alembic import op

from ui.state import tables

revision = "0001"
down_revision = None


def upgrade() -> None:
    tables.create_all(op.get_bind())
