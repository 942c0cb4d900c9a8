"""Sessions that end before their week is over, one by one."""

import sqlalchemy as sa
from alembic import op

from corpus.database import STRING

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "ended_sessions",
        sa.Column("id", STRING, nullable=False),
        sa.Column("ended_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
