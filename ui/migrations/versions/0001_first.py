"""The tables of the first version."""

import sqlalchemy as sa
from alembic import op

from corpus.database import STRING

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "api_keys",
        sa.Column("id", STRING, nullable=False),
        sa.Column("user_id", STRING, nullable=False),
        sa.Column("label", STRING, nullable=False),
        sa.Column("digest", STRING, nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("last_used_at", sa.DateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("digest"),
    )
    op.create_index("ix_api_keys_user_id", "api_keys", ["user_id"], unique=False)
    op.create_table(
        "completions",
        sa.Column("id", STRING, nullable=False),
        sa.Column("user_id", STRING, nullable=False),
        sa.Column("question", STRING, nullable=False),
        sa.Column("answer", sa.JSON(), nullable=False),
        sa.Column("verdict", sa.Integer(), nullable=False),
        sa.Column("reason", STRING, nullable=False),
        sa.Column("case_id", STRING, nullable=False),
        sa.Column("asked_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_completions_user_id", "completions", ["user_id"], unique=False)
    op.create_table(
        "conversations",
        sa.Column("id", STRING, nullable=False),
        sa.Column("user_id", STRING, nullable=False),
        sa.Column("title", STRING, nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("updated_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_conversations_user_id", "conversations", ["user_id"], unique=False)
    op.create_table(
        "drafts",
        sa.Column("id", STRING, nullable=False),
        sa.Column("query_id", STRING, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("body", STRING, nullable=False),
        sa.Column("answer", sa.JSON(), nullable=False),
        sa.Column("author", STRING, nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("query_id", "number"),
    )
    op.create_index("ix_drafts_query_id", "drafts", ["query_id"], unique=False)
    op.create_table(
        "events",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("query_id", STRING, nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("who", STRING, nullable=False),
        sa.Column("what", STRING, nullable=False),
        sa.Column("detail", STRING, nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_events_query_id", "events", ["query_id"], unique=False)
    op.create_table(
        "exchanges",
        sa.Column("id", STRING, nullable=False),
        sa.Column("conversation_id", STRING, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("question", STRING, nullable=False),
        sa.Column("filters", sa.JSON(), nullable=False),
        sa.Column("answer", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("answer_text", STRING, nullable=False),
        sa.Column("failure", STRING, nullable=False),
        sa.Column("verdict", sa.Integer(), nullable=False),
        sa.Column("reason", STRING, nullable=False),
        sa.Column("case_id", STRING, nullable=False),
        sa.Column("asked_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("conversation_id", "number"),
    )
    op.create_index("ix_exchanges_conversation_id", "exchanges", ["conversation_id"], unique=False)
    op.create_table(
        "queries",
        sa.Column("id", STRING, nullable=False),
        sa.Column("text", STRING, nullable=False),
        sa.Column("member", STRING, nullable=False),
        sa.Column("source", STRING, nullable=False),
        sa.Column("reference", STRING, nullable=True),
        sa.Column("link", STRING, nullable=False),
        sa.Column("state", STRING, nullable=False),
        sa.Column("received_at", sa.DateTime(), nullable=False),
        sa.Column("changed_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("reference"),
    )
    op.create_table(
        "shares",
        sa.Column("id", STRING, nullable=False),
        sa.Column("user_id", STRING, nullable=False),
        sa.Column("exchange_id", STRING, nullable=False),
        sa.Column("question", STRING, nullable=False),
        sa.Column("answer", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_shares_exchange_id", "shares", ["exchange_id"], unique=False)
    op.create_index("ix_shares_user_id", "shares", ["user_id"], unique=False)
    op.create_table(
        "users",
        sa.Column("id", STRING, nullable=False),
        sa.Column("name", STRING, nullable=False),
        sa.Column("password", STRING, nullable=False),
        sa.Column("subject", STRING, nullable=True),
        sa.Column("role", STRING, nullable=False),
        sa.Column("disabled", sa.Boolean(), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("name"),
        sa.UniqueConstraint("subject"),
    )
