"""What alembic runs for every migration: on the connection that it was handed, inside its transaction."""

from __future__ import annotations

from alembic import context

context.configure(
    connection=context.config.attributes["connection"],
    version_table=context.config.attributes["version_table"],
    transactional_ddl=True,
    # SQLite cannot alter most of a table: alembic then makes a new one and copies.
    render_as_batch=True,
)
context.run_migrations()
