"""The register of workers: who lives, who is lost, which queues are paused."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal
from uuid import UUID

from photoqueue.models import JobType
from photoqueue.tracking.ledger import Ledger
from photoqueue.tracking.sql import load_statements

_WORKERS: Final = load_statements("workers.sql")


@dataclass(frozen=True, slots=True)
class Host:
    """Where a process runs, precisely enough to ask whether it still does.

    Attributes
    ----------
    name : str
        Host name, for people.
    key : str
        Machine, boot and process namespace: process ids compare only where it is equal.
    pid : int
        The process.
    started : float
        When the process started, on a clock of its host; tells a reused pid apart.
    """

    name: str
    key: str
    pid: int
    started: float


@dataclass(frozen=True, slots=True)
class Held:
    """An attempt that a process of a worker holds."""

    slot: int
    job_id: UUID
    attempt: int


@dataclass(frozen=True, slots=True)
class Renewal:
    """What a worker learns when it renews its lease."""

    registered: bool
    held: tuple[Held, ...]
    paused: frozenset[str]


class Register:
    """The rows of ``workers``, over the connection of a ledger."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def add(
        self,
        worker_id: UUID,
        host: Host,
        *,
        queues: Sequence[JobType],
        concurrency: int,
        engine: str,
    ) -> None:
        """Enter a worker; its lease begins."""
        self._ledger.run(
            _WORKERS["register"],
            {
                "worker_id": worker_id,
                "host": host.name,
                "host_key": host.key,
                "pid": host.pid,
                "process_started": host.started,
                "queues": [str(queue) for queue in queues],
                "concurrency": concurrency,
                "engine": engine,
            },
        )

    def renew(
        self, worker_id: UUID, *, state: Literal["starting", "running", "draining"]
    ) -> Renewal:
        """Renew the lease of a worker."""
        row = self._ledger.run(
            _WORKERS["renew"],
            {"worker_id": worker_id, "state": state},
        )[0]
        return Renewal(
            registered=row["registered"] == 1,
            held=tuple(Held(slot, UUID(job), attempt) for slot, job, attempt in row["held"]),
            paused=frozenset(row["paused"]),
        )

    def expired(self, lease_seconds: float) -> list[UUID]:
        """List workers that hold jobs and let their lease run out."""
        rows = self._ledger.run(_WORKERS["expired"], {"lease": lease_seconds})
        return [row["worker_id"] for row in rows]

    def neighbours(self, worker_id: UUID, host_key: str) -> list[tuple[UUID, int, float]]:
        """List other workers of a host: worker, process id, start of the process."""
        rows = self._ledger.run(
            _WORKERS["neighbours"], {"worker_id": worker_id, "host_key": host_key}
        )
        return [(row["worker_id"], row["pid"], row["process_started"]) for row in rows]

    def stop(self, worker_ids: Sequence[UUID]) -> None:
        """Mark workers as stopped."""
        self._ledger.run(_WORKERS["stop"], {"worker_ids": list(worker_ids)})

    def forget(self) -> None:
        """Delete workers that were last seen long ago."""
        self._ledger.run(_WORKERS["forget"])

    def count_refused(self, queue: JobType) -> None:
        """Count a broker message that photoqueue did not write."""
        self._ledger.run(_WORKERS["refused"], {"queue_name": queue})
