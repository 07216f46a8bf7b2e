"""Bring the tracking tables to the revision of this code."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa

from photoqueue.tracking.database import Database, current_revision
from photoqueue.tracking.tables import SCHEMA_REVISION

#: Advisory lock held while migrating, so that two processes do not do it at once.
_MIGRATION_LOCK = 0x7068_6F74_6F71


def migrate(database: Database) -> bool:
    """Apply the migrations that are missing; return whether there were any.

    Raises
    ------
    DatabaseUnavailableError
        The server cannot be reached.
    SchemaMismatchError
        The tables are of a newer version; they are left as they are.
    """
    if database.revision() == SCHEMA_REVISION:
        return False
    # Alembic is imported here: a process that finds its tables in order never needs it.
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    with database.begin() as connection:
        connection.execute(sa.text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATION_LOCK})
        before = current_revision(connection)
        if before == SCHEMA_REVISION:
            return False
        if before is not None and before > SCHEMA_REVISION:
            raise database.newer_schema(before)
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        return True
