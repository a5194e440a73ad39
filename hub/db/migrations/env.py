"""Run by Alembic's API at hub start; the connection comes in from hub.db.engine.migrate."""

from __future__ import annotations

from alembic import context

from hub.db.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
    transactional_ddl=False,  # the caller's transaction is the one
)
context.run_migrations()
