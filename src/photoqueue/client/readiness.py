"""Whether this installation can do its work: servers, tables, workers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from photoqueue.client.recent import queues_without_worker
from photoqueue.errors import (
    BrokerUnavailableError,
    DatabaseUnavailableError,
    PhotoqueueError,
    SchemaMismatchError,
)
from photoqueue.installation import current
from photoqueue.tracking.worker_list import WorkerRow, live_worker_list

__all__ = ["Check", "WorkerRow", "live_workers", "readiness"]


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that must be right; ``problem`` says what is not, and what to do."""

    name: str
    problem: str | None = None


def live_workers() -> list[WorkerRow]:
    """Return the workers that show that they are alive, oldest first."""
    installation = current()
    return live_worker_list(installation.database, installation.settings.lease_seconds)


def readiness() -> list[Check]:
    """Check the servers, the tables and, where jobs wait, the workers. Raises nothing."""
    try:
        database = current().database
    except PhotoqueueError as exc:
        return [Check(_name_of(exc), str(exc))]
    return [
        _checked("schema", database.check_schema),
        _checked("broker", lambda: current().broker.ping()),
        _checked("workers", _require_workers),
    ]


def _checked(name: str, check: Callable[[], object]) -> Check:
    try:
        check()
    except PhotoqueueError as exc:
        away = isinstance(exc, DatabaseUnavailableError)
        return Check("database" if away else name, str(exc))
    return Check(name)


def _require_workers() -> None:
    problems = list(_unserved())
    if problems:
        raise PhotoqueueError(" ".join(problems))


def _unserved() -> Iterator[str]:
    for queue in queues_without_worker():
        yield (
            f"Jobs wait in {queue}, and no worker for it is running. Start one with "
            f"`photoqueue worker --queue {queue}`."
        )


def _name_of(exc: PhotoqueueError) -> str:
    if isinstance(exc, DatabaseUnavailableError):
        return "database"
    if isinstance(exc, BrokerUnavailableError):
        return "broker"
    return "schema" if isinstance(exc, SchemaMismatchError) else "installation"
