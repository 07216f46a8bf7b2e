"""Alembic's entry point; the connection comes from :func:`photoqueue.queue.database.migrate`."""

from __future__ import annotations

from alembic import context

from photoqueue.queue.database import VERSION_TABLE
from photoqueue.queue.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table=VERSION_TABLE,
    compare_type=True,
    compare_server_default=True,
)
with context.begin_transaction():
    context.run_migrations()
