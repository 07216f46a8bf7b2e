"""Workers and queues: leases, lost workers, lists of workers, and paused queues."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Final, Literal, NamedTuple
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from photoqueue.queue.database import Database, load_statements
from photoqueue.queue.ledger import Ledger
from photoqueue.queue.tables import installation, jobs, queues, workers
from photoqueue.records.snapshots import Worker
from photoqueue.words import JobState, JobType, job_type

_WORKERS: Final = load_statements("workers.sql")


@dataclass(frozen=True, slots=True)
class Host:
    """Identity of a process, precise enough to check whether it still runs."""

    #: Host name, for display.
    name: str
    #: Machine, boot and process namespace: process ids can be compared only if it is equal.
    key: str
    #: The process id.
    pid: int
    #: When the process started, on a clock of its host; distinguishes reused process ids.
    started: float


@dataclass(frozen=True, slots=True)
class Held:
    """An attempt that a process of a worker holds."""

    slot: int
    job_id: UUID
    attempt: int


@dataclass(frozen=True, slots=True)
class Backlog:
    """The ready jobs of a queue, as a worker needs them for scaling."""

    #: Number of ready jobs, up to the requested limit.
    waiting: int = 0
    #: Seconds for which the oldest of these has been waiting.
    oldest_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Renewal:
    """What a worker reads when it renews its lease."""

    registered: bool
    #: Whether it leads recovery until the next renewal.
    leads: bool
    held: tuple[Held, ...]
    #: All queues, also of types unknown here.
    queues: tuple[str, ...]
    paused: frozenset[str]
    #: Backlogs of the requested queues, by name.
    backlogs: Mapping[str, Backlog]


class Errands(NamedTuple):
    """What recovery has to do."""

    #: Seconds on the clock of PostgreSQL.
    clock: float
    #: Other workers of the host: worker, process id, start of the process.
    neighbours: list[tuple[UUID, int, float]]
    #: Workers that hold jobs and whose lease has expired.
    expired: list[UUID]
    #: Whether jobs wait for a batch that has ended.
    unblocked: bool
    #: Queues with jobs that could start.
    due: list[str]
    #: Whether a webhook is to be looked at or sent.
    webhooks: bool


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
        """Add a worker; its lease begins."""
        self._ledger.run(
            _WORKERS["register"],
            worker_id=worker_id,
            host=host.name,
            host_key=host.key,
            pid=host.pid,
            process_started=host.started,
            queues=[str(queue) for queue in queues],
            concurrency=concurrency,
            engine=engine,
        )

    def renew(
        self,
        worker_id: UUID,
        *,
        state: Literal["starting", "running", "draining"],
        concurrency: int | None = None,
        led: bool = False,
        queues: Sequence[JobType] = (),
        most: int = 0,
    ) -> Renewal:
        """Renew the lease of a worker.

        Parameters
        ----------
        concurrency
            Processes per queue that it has now; None for no change.
        led
            Whether it has led recovery, all of it, since the last renewal.
        queues, most
            Queues whose ready jobs to count, and the most to count in each.
        """
        row = self._ledger.run(
            _WORKERS["renew"],
            worker_id=worker_id,
            state=state,
            concurrency=concurrency,
            led=led,
            queues=[str(queue) for queue in queues],
            most=most,
        )[0]
        return Renewal(
            registered=row["registered"] == 1,
            leads=row["leads"] == 1,
            queues=tuple(row["queues"]),
            held=tuple(Held(slot, UUID(job), attempt) for slot, job, attempt in row["held"]),
            paused=frozenset(row["paused"]),
            backlogs={name: Backlog(*found) for name, found in row["backlogs"].items()},
        )

    def look(self, worker_id: UUID, host_key: str, lease_seconds: float) -> Errands:
        """Read what recovery has to do, on behalf of one worker."""
        (row,) = self._ledger.run(
            _WORKERS["look"], worker_id=worker_id, host_key=host_key, lease=lease_seconds
        )
        neighbours = [(UUID(worker), pid, started) for worker, pid, started in row["neighbours"]]
        return Errands(**{**row, "neighbours": neighbours})

    def stop(self, worker_ids: Sequence[UUID]) -> None:
        """Mark workers as stopped."""
        self._ledger.run(_WORKERS["stop"], worker_ids=list(worker_ids))

    def forget(self) -> None:
        """Delete workers that were last seen long ago."""
        self._ledger.run(_WORKERS["forget"])

    def count_refused(self, queue: JobType) -> None:
        """Count a broker message that photoqueue did not write."""
        self._ledger.run(_WORKERS["refused"], queue_name=queue)


#: Seconds for which a starting worker counts as live; its processes may be unable to start.
_START_SECONDS: Final = 60
#: A worker seen within this many seconds before a restart of PostgreSQL counts as live for one
#: lease period after it, to reconnect.
_BEFORE_RESTART_SECONDS: Final = 60


class QueueStatus(NamedTuple):
    """Workers of a queue: that take jobs, and that only finish theirs; and whether it is paused."""

    live: int
    draining: int
    paused: bool


def queue_status(database: Database, queue: JobType, lease_seconds: float) -> QueueStatus:
    """Count the workers of a queue, and read whether it is paused."""
    counts = (
        sa.select(
            sa.func.count().filter(_takes_jobs()),
            sa.func.count().filter(workers.c.state == "draining"),
        )
        .where(sa.literal(str(queue)) == sa.any_(workers.c.queues), has_lease(lease_seconds))
        .select_from(workers)
    )
    paused = sa.select(queues.c.paused).where(queues.c.queue_name == str(queue))
    with database.begin() as connection:
        live, draining = connection.execute(counts).one()
        return QueueStatus(live, draining, bool(connection.scalar(paused)))


def live_workers(lease_seconds: float) -> sa.ColumnElement[bool]:
    """Return the condition for workers that take jobs or are starting."""
    return sa.and_(_takes_jobs(), has_lease(lease_seconds))


def has_lease(lease_seconds: float) -> sa.ColumnElement[bool]:
    """Return the condition for workers with a valid lease.

    As leases cannot be renewed while PostgreSQL restarts, workers seen just before get one lease
    period to reconnect, as in recovery.
    """
    lease_ago = sa.func.clock_timestamp() - _seconds(lease_seconds)
    restarted = sa.func.pg_postmaster_start_time()
    return sa.or_(
        # Not of a time that is yet to come: the clock was set back since.
        workers.c.last_seen_at.between(lease_ago, lease_ago + _seconds(2 * lease_seconds)),
        sa.and_(
            restarted > lease_ago,
            workers.c.last_seen_at > restarted - _seconds(_BEFORE_RESTART_SECONDS),
        ),
    )


#: Most workers in a list.
_LISTED: Final = 1000
#: Fields of a worker that are columns of its row.
_ROW: Final = [one.name for one in fields(Worker) if one.name in workers.c and one.name != "state"]


def list_workers(database: Database, lease_seconds: float, *, lost: bool = False) -> list[Worker]:
    """Read the workers that have not stopped, longest running first.

    Parameters
    ----------
    lost
        Whether to add, after the others, those whose lease has expired, last seen first.
    """
    leased = has_lease(lease_seconds)
    active = sa.select(sa.func.count()).where(
        jobs.c.worker_id == workers.c.worker_id, jobs.c.state == str(JobState.ACTIVE)
    )
    query = (
        sa.select(
            *(workers.c[name] for name in _ROW),
            sa.case((leased, workers.c.state), else_="lost").label("state"),
            live_workers(lease_seconds).label("live"),
            active.scalar_subquery().label("active"),
            _age(workers.c.started_at).label("started_s"),
            _age(workers.c.last_seen_at).label("seen_s"),
        )
        .where(workers.c.state != "stopped")
        .order_by(
            sa.case((leased, None), else_=workers.c.last_seen_at).desc().nulls_first(),
            workers.c.started_at,
            workers.c.worker_id,
        )
        .limit(_LISTED)
    )
    with database.begin() as connection:
        return [
            Worker(**{**row, "queues": tuple(map(job_type, row["queues"]))})
            for row in connection.execute(query if lost else query.where(leased)).mappings()
        ]


def worker_runs(database: Database, *, pid: int, host_key: str) -> bool:
    """Whether the newest worker with a process id on a host takes jobs."""
    query = (
        sa.select(workers.c.state)
        .where(workers.c.pid == pid, workers.c.host_key == host_key)
        .order_by(workers.c.started_at.desc())
        .limit(1)
    )
    with database.begin() as connection:
        return connection.scalar(query) == "running"


#: Seconds for which a worker may need to lead recovery, all of it.
_UNLED_SECONDS: Final = 60


def unled_seconds(database: Database, lease_seconds: float) -> float | None:
    """Return for how long no worker has led recovery; None if one has, or could not yet."""
    ago = sa.func.clock_timestamp() - _seconds(_UNLED_SECONDS)
    led_at = sa.func.coalesce(installation.c.led_at, installation.c.created_at)
    could = sa.exists().where(live_workers(lease_seconds), workers.c.started_at < ago)
    # Workers of the version before revision 0009 lead without a word, and name no leader.
    query = sa.select(_age(led_at)).where(installation.c.leader.is_not(None), led_at < ago, could)
    with database.reading() as connection:
        return connection.execute(query).scalar()


def enter_queues(database: Database, names: Sequence[str]) -> list[str]:
    """Add queues that are not in the tables yet; return all queues."""
    query = sa.select(queues.c.queue_name).order_by(queues.c.queue_name)
    with database.begin() as connection:
        known = list(connection.scalars(query))
        added = [name for name in names if name not in known]
        if added:
            rows = [{"queue_name": name} for name in added]
            connection.execute(insert(queues).on_conflict_do_nothing(), rows)
    return [*known, *added]


def set_paused(database: Database, queue: JobType | None, paused: bool) -> None:
    """Pause or resume a queue, or all queues of the tables."""
    change = sa.update(queues).values(paused=paused)
    if queue is not None:
        change = change.where(queues.c.queue_name == str(queue))
    with database.begin() as connection:
        connection.execute(change)


def _takes_jobs() -> sa.ColumnElement[bool]:
    started_lately = workers.c.started_at > sa.func.clock_timestamp() - _seconds(_START_SECONDS)
    return sa.or_(
        workers.c.state == "running",
        sa.and_(workers.c.state == "starting", started_lately),
    )


def _age(moment: sa.ColumnElement[Any]) -> sa.ColumnElement[float]:
    """Return the seconds since a moment, never below 0."""
    passed = sa.extract("epoch", sa.func.clock_timestamp() - moment).cast(sa.Double)
    return sa.func.greatest(passed, 0.0)


def _seconds(seconds: float) -> sa.ColumnElement[Any]:
    return sa.func.make_interval(0, 0, 0, 0, 0, 0, seconds)
