"""State transitions of jobs in the tracking table, each one fenced statement."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final
from uuid import UUID

import psycopg
from psycopg.rows import dict_row

from photoqueue.queue import joining
from photoqueue.queue.connections import KEPT, PostgresConnection, Settings
from photoqueue.queue.database import Database, again, load_statements, storable
from photoqueue.records.snapshots import AiCall
from photoqueue.words import JobState, JobType, Message, Outcome, job_type


@dataclass(frozen=True, slots=True)
class Claim:
    """A job claimed by a worker; ``attempt`` fences every write about it."""

    job_id: UUID
    queue: JobType
    job_key: str
    payload: Mapping[str, Any]
    attempt: int
    max_attempts: int
    #: Attempt budget given when the job was submitted or last retried by a person.
    budget: int
    wait_ms: float
    worker_id: UUID
    #: Whether no other job may run in its worker meanwhile; its attempt has not begun before that.
    alone: bool = False

    @property
    def next_retry(self) -> int:
        """Number of the retry (from 1) that follows if this attempt fails."""
        return self.budget - (self.max_attempts - self.attempt)


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an attempt failed, as it is recorded."""

    error_type: str
    message: str
    traceback: str
    permanent: bool
    #: Shortest delay before the next attempt, in milliseconds.
    not_before_ms: int = 0
    #: Whether the attempt could not begin for a reason outside the job; uses no budget.
    costs_nothing: bool = False


@dataclass(frozen=True, slots=True)
class Done:
    """An attempt that completed but is not recorded yet."""

    claim: Claim
    #: The result as JSON.
    result: str
    calls: Sequence[AiCall] = ()
    #: Seconds it ran.
    seconds: float = 0.0
    #: When it ended, on this process's monotonic clock.
    at: float = field(default_factory=time.monotonic)


@dataclass(frozen=True, slots=True)
class Ended:
    """State of a job after an attempt was recorded."""

    state: JobState
    duration_ms: float


@dataclass(frozen=True, slots=True)
class Recovered:
    """A job taken back from a worker; delivered again unless its budget is used up."""

    message: Message
    job_key: str
    state: JobState
    attempts: int
    duration_ms: float
    photo_id: str | None


def claim_of(row: Mapping[str, Any], worker_id: UUID) -> Claim:
    """Make a claim from a row of ``claim``, ``held`` or ``complete_and_claim``."""
    return Claim(
        job_id=row["job_id"],
        queue=job_type(row["queue_name"]),
        job_key=row["job_key"],
        payload=row["payload"],
        attempt=row["attempts"],
        max_attempts=row["max_attempts"],
        budget=row["budget"],
        wait_ms=row["wait_ms"],
        worker_id=worker_id,
        alone=row["alone"],
    )


def ai_call_values(claim: Claim, number: int, call: AiCall) -> dict[str, Any]:
    """Make the parameters of ``record_ai_call``."""
    values = {**asdict(call), "job_id": claim.job_id, "attempt": claim.attempt, "call": number}
    for name in ("engine", "model", "error"):
        values[name] = None if values[name] is None else storable(values[name])
    return values


_TRANSITIONS: Final = load_statements("transitions.sql")
_FIRST_JOB: Final = UUID(int=0)
#: For a connection that repeats a few statements on jobs by id: they are planned once, to use
#: their indexes even if the table was small at that time.
_BUSY: Final[Settings] = {
    **KEPT,
    "plan_cache_mode": "'force_generic_plan'",
    **dict.fromkeys(("enable_seqscan", "enable_hashjoin", "enable_mergejoin"), "'off'"),
}


def probe_tables(database: Database) -> None:
    """Check the tables and, as workers do, claim a job: one that does not exist, and roll back."""
    database.check_schema()
    nobody = {"worker_id": _FIRST_JOB, "slot": 0}
    with database.begin() as connection:
        _TRANSITIONS(connection, "claim", job_id=_FIRST_JOB, queue_name="", **nobody)
        connection.rollback()


class Ledger:
    """State transitions of jobs, over a dedicated connection in autocommit.

    Parameters
    ----------
    busy : bool
        Whether a worker process uses it, which claims and records continuously.

    Not thread-safe. Raises :class:`~photoqueue.errors.DatabaseUnavailableError` if the server
    cannot be reached; the next call reconnects.
    """

    def __init__(self, database: Database, *, name: str = "photoqueue", busy: bool = False) -> None:
        self._database = database
        self._name = name
        self._busy = busy
        self._connection: PostgresConnection | None = None

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def claim(self, job_id: UUID, queue: JobType, *, worker_id: UUID, slot: int) -> Claim | None:
        """Claim a job; None if it cannot be claimed (duplicate message, cancelled, paused)."""
        rows = self.run(
            _TRANSITIONS["claim"],
            job_id=job_id,
            queue_name=queue,
            worker_id=worker_id,
            slot=slot,
        )
        return claim_of(rows[0], worker_id) if rows else None

    def held(self, job_ids: Sequence[UUID], *, worker_id: UUID, slot: int) -> list[Claim]:
        """Return which of the jobs were claimed, after the reply was lost with the connection."""
        rows = self.run(_TRANSITIONS["held"], job_ids=list(job_ids), worker_id=worker_id, slot=slot)
        return [claim_of(row, worker_id) for row in rows]

    def complete_and_claim(
        self,
        done: Sequence[Done],
        *,
        next_jobs: Sequence[UUID],
        queue: JobType,
        worker_id: UUID,
        slot: int,
        together: bool = False,
    ) -> tuple[list[Ended | None], list[Claim]]:
        """Record results and claim the next jobs of the queue, in one statement.

        Parameters
        ----------
        together : bool
            Whether the jobs are claimed as a group that runs one after another. Only jobs
            without an attempt are claimed so, as an attempt lost with its group uses no budget.

        Returns
        -------
        tuple
            The outcome of each of ``done``, None if the attempt had lost its job; and the claimed
            jobs, most urgent first.
        """
        now = time.monotonic()
        columns: dict[str, list[Any]] = {
            "job_id": [one.claim.job_id for one in done],
            "attempt": [one.claim.attempt for one in done],
            "result": [one.result for one in done],
            "ran_ms": [one.seconds * 1000 for one in done],
            "ended_ms": [(now - one.at) * 1000 for one in done],
        }
        parameters = {**columns, "worker_id": worker_id, "slot": slot, "queue_name": queue}
        if len(done) == 1 and not next_jobs:
            name = "complete_one"
            parameters.update((column, value) for column, (value,) in columns.items())
        else:
            name = "complete_and_claim"
            parameters.update(next_jobs=list(next_jobs), together=together)
        rows = self._write(name, [(one.claim, one.calls) for one in done], parameters)
        ended, claims = {}, {}
        for row in rows:
            if row["job_id"] is None:
                ended[row["ended_job"]] = Ended(JobState.COMPLETED, row["duration_ms"])
            else:
                claims[row["job_id"]] = claim_of(row, worker_id)
        missing = [one.claim for one in done if one.claim.job_id not in ended]
        if missing:
            ended.update(self._recorded(missing, Outcome.COMPLETED))
        return (
            [ended.get(one.claim.job_id) for one in done],
            [claims[job_id] for job_id in next_jobs if job_id in claims],
        )

    def give_back(
        self,
        job_ids: Sequence[UUID],
        *,
        kept: UUID | None,
        seconds: float,
        worker_id: UUID,
        slot: int,
    ) -> list[Message]:
        """Hand back jobs that were claimed together and have not begun, except ``kept``.

        Parameters
        ----------
        kept : UUID or None
            The job that is running; from now on its attempt counts against the budget.
        seconds : float
            How long that job has run.
        worker_id, slot
            The process that holds the jobs.

        Returns
        -------
        list of Message
            Messages to enqueue again.
        """
        rows = self.run(
            _TRANSITIONS["give_back"],
            job_ids=list(job_ids),
            worker_id=worker_id,
            slot=slot,
            kept_job=kept,
            ran_ms=seconds * 1000,
        )
        return [_message(row) for row in rows]

    def fail(
        self, claim: Claim, failure: Failure, *, delay_ms: int, calls: Sequence[AiCall] = ()
    ) -> Ended | None:
        """Record an exception; None if the attempt has lost its job."""
        return self._end(
            "fail",
            Outcome.ERROR,
            claim,
            calls,
            permanent=failure.permanent,
            delay_ms=delay_ms,
            error_type=failure.error_type,
            error_message=storable(failure.message),
            error_traceback=storable(failure.traceback),
        )

    def postpone(self, claim: Claim, reason: Failure, *, delay_ms: int) -> Ended | None:
        """Delay a job without using its budget; None if the attempt has lost its job."""
        return self._end(
            "postpone",
            Outcome.RELEASED,
            claim,
            (),
            delay_ms=delay_ms,
            error_type=reason.error_type,
            error_message=storable(reason.message),
        )

    def recover(
        self,
        worker_ids: Sequence[UUID],
        *,
        outcome: Outcome,
        message: str,
        slot: int | None = None,
        only: tuple[UUID, int] | None = None,
        at: UUID | None = None,
    ) -> list[Recovered]:
        """Take back the jobs of lost workers.

        Parameters
        ----------
        slot
            Only those of this process of the worker.
        only
            Only this attempt of this job.
        at
            The job that the process was running, if known: its attempt counts against the
            budget, those of jobs claimed together with it do not.
        """
        job_id, attempt = only or (None, None)
        return self._take_back(
            "recover",
            worker_ids=list(worker_ids),
            slot=slot,
            job_id=job_id,
            attempt=attempt,
            at=at,
            outcome=outcome,
            error_message=message,
        )

    def release(self, worker_id: UUID) -> list[Recovered]:
        """Hand back the jobs of a stopping worker, without using their budget."""
        return self._take_back("release", worker_id=worker_id)

    def release_blocked(self) -> list[Message]:
        """Make jobs ready that waited for a batch which has ended."""
        return [_message(row) for row in self.run(_TRANSITIONS["release_blocked"])]

    def cancel(self, job_ids: Sequence[UUID]) -> list[Message]:
        """Cancel the unfinished ones among the jobs; return their messages."""
        rows = self.run(_TRANSITIONS["cancel"], job_ids=list(job_ids))
        return [_message(row) for row in rows]

    # A submission may use the key of one of them at this moment. At the next try its job exists,
    # and the statement skips the key.
    @again(psycopg.errors.UniqueViolation)
    def retry(self, job_ids: Sequence[UUID], *, budget: int) -> list[Message]:
        """Start failed and cancelled jobs again, with ``budget`` further attempts."""
        rows = self.run(_TRANSITIONS["retry"], job_ids=list(job_ids), budget=budget)
        return [_message(row) for row in rows]

    def prioritise(
        self, job_ids: Sequence[UUID], priority: int, *, batch_id: str | None
    ) -> tuple[int, list[Message]]:
        """Change the priority of jobs that wait, and of photos added to an open batch later.

        Returns
        -------
        tuple
            How many jobs were changed, and the messages of those that are ready.
        """
        rows = self.run(
            _TRANSITIONS["prioritise"],
            job_ids=list(job_ids),
            priority=priority,
            batch_id=batch_id,
        )
        return len(rows), [_message(row) for row in rows if row["ready"]]

    def due_waiting(
        self, queue: JobType, *, after: Message | None = None, limit: int
    ) -> list[Message]:
        """List waiting jobs in the order in which workers take them, after a given job."""
        rows = self.run(
            _TRANSITIONS["due_waiting"],
            queue_name=queue,
            after_rank=-after.priority if after else -(2**15),
            after_turn=after.turn if after else 0,
            after_job=after.job_id if after else _FIRST_JOB,
            limit=limit,
        )
        return [Message(queue, row["job_id"], row["priority"], row["turn"]) for row in rows]

    def due_delayed(self, queue: JobType, *, limit: int) -> list[Message]:
        """List delayed jobs of a queue whose back-off is over, longest overdue first."""
        rows = self.run(_TRANSITIONS["due_delayed"], queue_name=queue, limit=limit)
        return [Message(queue, row["job_id"], row["priority"], row["turn"]) for row in rows]

    @again()
    def run(self, statement: str, **parameters: Any) -> list[Any]:
        """Execute one statement, commit it, and return its rows as dictionaries."""
        with self._database.errors():
            connection = self.connection()
            with connection.one_transaction():
                cursor = connection.execute(statement, parameters)
            return cursor.fetchall() if cursor.description else []

    def connection(self) -> PostgresConnection:
        """Return the connection; reconnect if it is broken."""
        joining.refuse("A change of a job's state")
        if self._connection is None or self._connection.closed:
            settings = _BUSY if self._busy else KEPT
            connection = self._database.connect(settings, name=self._name)
            connection.row_factory = dict_row
            self._connection = connection
        return self._connection

    def _end(
        self,
        name: str,
        outcome: Outcome,
        claim: Claim,
        calls: Sequence[AiCall],
        **values: Any,
    ) -> Ended | None:
        attempt = {"job_id": claim.job_id, "attempt": claim.attempt, "worker_id": claim.worker_id}
        rows = self._write(name, [(claim, calls)], {**attempt, **values})
        if not rows:
            return self._recorded([claim], outcome).get(claim.job_id)
        return Ended(state=JobState(rows[0]["state"]), duration_ms=rows[0]["duration_ms"])

    def _recorded(self, claims: Sequence[Claim], outcome: Outcome) -> dict[UUID, Ended]:
        """Read what was recorded, after the reply was lost with the connection."""
        rows = self.run(
            _TRANSITIONS["recorded"],
            job_ids=[claim.job_id for claim in claims],
            attempts=[claim.attempt for claim in claims],
            worker_id=claims[0].worker_id,
            outcome=outcome,
        )
        return {row["job_id"]: Ended(JobState(row["state"]), row["duration_ms"]) for row in rows}

    @again()
    def _write(
        self,
        name: str,
        attempts: Sequence[tuple[Claim, Sequence[AiCall]]],
        parameters: Mapping[str, Any],
    ) -> list[Any]:
        """Execute a statement that ends attempts; return its rows."""
        with self._database.errors():
            connection = self.connection()
            # One round trip for the end of the attempt and its AI calls.
            calls_too = any(calls for _, calls in attempts) and not connection.shared
            with connection.pipeline() if calls_too else connection.one_transaction():
                for claim, calls in attempts:
                    for number, call in enumerate(calls, start=1):
                        connection.execute(
                            _TRANSITIONS["record_ai_call"], ai_call_values(claim, number, call)
                        )
                cursor = connection.execute(_TRANSITIONS[name], parameters)
            return cursor.fetchall()

    def _take_back(self, name: str, **parameters: Any) -> list[Recovered]:
        return [
            Recovered(
                message=_message(row),
                job_key=row["job_key"],
                state=JobState(row["state"]),
                attempts=row["attempts"],
                duration_ms=row["job_duration_ms"] or 0.0,
                photo_id=row["photo_id"],
            )
            for row in self.run(_TRANSITIONS[name], **parameters)
        ]


def _message(row: Mapping[str, Any]) -> Message:
    return Message(job_type(row["queue_name"]), row["job_id"], row["priority"], row["turn"])
