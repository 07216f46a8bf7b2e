"""``photoqueue migrate`` and ``down``: the tables and the servers of an installation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from photoqueue.faces.cli import words
from photoqueue.faces.cli.output import show, warn

if TYPE_CHECKING:
    from photoqueue.settings import Settings


def migrate() -> None:
    """Bring the tracking tables to the newest schema."""
    from photoqueue import services
    from photoqueue.installation import Installation
    from photoqueue.queue.database import migrate as apply
    from photoqueue.queue.tables import SCHEMA_REVISION
    from photoqueue.settings import load_settings

    settings = load_settings()
    # Not Installation.open(): it refuses the very tables that are to be mended.
    database = Installation(settings, services.ensure(settings)).database
    try:
        before = database.revision()
        where = words.line(database.address)
        if apply(database):
            show(f"{where}: from revision {before or 'none'} to {SCHEMA_REVISION}.")
        else:
            show(f"{where}: at revision {SCHEMA_REVISION} already; there was nothing to do.")
    finally:
        database.close()


def down() -> None:
    """Stop the embedded servers of PHOTOQUEUE_HOME; they start again on first use."""
    from photoqueue import services
    from photoqueue.settings import load_settings

    settings = load_settings()
    workers = _live_workers(settings)
    if workers:
        warn(
            f"{words.counted(workers, 'live worker')} used these servers. Running jobs are "
            "recovered when the servers and a worker run again."
        )
    stopped = services.down(settings)
    home = words.line(settings.home)
    if stopped:
        show(f"Stopped {' and '.join(stopped)} of {home}.")
    else:
        show(f"No embedded server runs in {home}; nothing was stopped.")
    configured = [
        name
        for name, url in (
            ("DATABASE_URL", settings.database_url),
            ("REDIS_URL", settings.redis_url),
        )
        if url is not None
    ]
    if configured:
        show(f"The servers of {' and '.join(configured)} are not photoqueue's to stop.")


def _live_workers(settings: Settings) -> int:
    """Count the workers of the embedded PostgreSQL; 0 where that cannot be told."""
    from photoqueue import services
    from photoqueue.client.system import Survey
    from photoqueue.errors import PhotoqueueError

    embedded = settings.model_copy(update={"database_url": None, "redis_url": None})
    try:
        postgres, _ = services.status(embedded)
        if not postgres.running:
            return 0
        with Survey(embedded) as survey:
            return max(queue.workers for queue in survey.queues().values())
    except PhotoqueueError:
        return 0
