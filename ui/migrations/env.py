"""Run by Alembic: the connection comes from `ui.state.open_state`."""

from alembic import context

from ui.state import tables

context.configure(
    connection=context.config.attributes["connection"], target_metadata=tables, render_as_batch=True
)
with context.begin_transaction():
    context.run_migrations()
