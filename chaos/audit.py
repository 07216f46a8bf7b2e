"""What became of every job, written down by PostgreSQL itself at every move of its state.

A trigger notes each move in the transaction that makes it: a second completion, or a result
that replaces another one, cannot hide behind the last state of the row. The same notes tell how
long a job that was hit by a kill waited until it ran again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any
from uuid import UUID

import psycopg

_TABLE = """
    CREATE TABLE chaos_moves (
        move_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        job_id uuid NOT NULL,
        state text NOT NULL,
        attempt int NOT NULL,
        worker_id uuid,
        result text,
        at double precision NOT NULL DEFAULT extract(epoch FROM clock_timestamp())
    );
    CREATE FUNCTION chaos_note() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO chaos_moves (job_id, state, attempt, worker_id, result)
        VALUES (new.job_id, new.state, new.attempts, new.worker_id, md5(new.result::text));
        RETURN NULL;
    END $$;
    CREATE TRIGGER chaos_note AFTER UPDATE ON jobs FOR EACH ROW
    WHEN (old.state IS DISTINCT FROM new.state OR old.result IS DISTINCT FROM new.result
          OR old.attempts <> new.attempts)
    EXECUTE FUNCTION chaos_note();
"""


@dataclass(frozen=True, slots=True)
class Move:
    """A change of a job, with the time in seconds since the epoch."""

    job_id: UUID
    state: str
    attempt: int
    worker_id: UUID | None
    result: str | None
    at: float


@dataclass(frozen=True, slots=True)
class Kill:
    """Something that ended or froze processes of workers.

    Attributes
    ----------
    fault : str
        Its name.
    at : float
        When, in seconds since the epoch.
    workers : frozenset of UUID
        The workers that were hit.
    """

    fault: str
    at: float
    workers: frozenset[UUID]


def install(connection: psycopg.Connection[Any]) -> None:
    """Begin to take notes."""
    connection.execute(_TABLE)


def moves(connection: psycopg.Connection[Any], after: int = 0) -> tuple[list[Move], int]:
    """Read the notes from a place on, each job's together and in order; and the last place."""
    rows = connection.execute(
        "SELECT job_id, state, attempt, worker_id, result, at, move_id FROM chaos_moves "
        "WHERE move_id > %s ORDER BY job_id, move_id",
        (after,),
    ).fetchall()
    return [Move(*row[:6]) for row in rows], max((row[6] for row in rows), default=after)


def by_job(notes: Iterable[Move]) -> list[tuple[UUID, list[Move]]]:
    """Put the notes of each job together."""
    return [(job, list(found)) for job, found in groupby(notes, key=lambda note: note.job_id)]


def doubled(notes: Iterable[Move]) -> list[UUID]:
    """List jobs that completed twice, or moved at all after they had completed."""
    found = []
    for job, own in by_job(notes):
        states = [note.state for note in own]
        if "completed" in states[:-1] or states.count("completed") > 1:
            found.append(job)
    return found


def recoveries(
    notes: Iterable[Move], kills: Sequence[Kill], working: Sequence[tuple[float, float]]
) -> dict[str, list[float]]:
    """Tell how long jobs that were hit waited until they ran again, by fault.

    Parameters
    ----------
    working
        From when to when each worker took jobs, in seconds since the epoch; a job cannot be
        taken up while there is none, so that the clock starts with the next of them.

    Returns
    -------
    dict
        Seconds from the fault, or from when a worker lived again, to the next attempt.
    """
    found: dict[str, list[float]] = {}
    for _, own in by_job(notes):
        for lost, back, again in zip(own, own[1:], own[2:], strict=False):
            if (lost.state, back.state, again.state) != ("active", "waiting", "active"):
                continue
            hits = [
                kill
                for kill in kills
                if lost.worker_id in kill.workers and lost.at <= kill.at <= back.at
            ]
            if hits:
                alive = _alive_from(hits[-1].at, working)
                found.setdefault(hits[-1].fault, []).append(max(again.at - alive, 0.0))
    return found


def _alive_from(moment: float, working: Sequence[tuple[float, float]]) -> float:
    """When, from a moment on, there is a worker that takes jobs."""
    return min((max(begin, moment) for begin, end in working if end > moment), default=moment)
