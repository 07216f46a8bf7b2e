"""What became of every job, written down by PostgreSQL itself at every move of its state.

A trigger notes each move in the transaction that makes it: a second completion, or a result
that replaces another one, cannot hide behind the last state of the row. The same notes tell how
long a job that was hit by a kill waited until it ran again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import Any, NamedTuple
from uuid import UUID

import psycopg

from photoqueue.words import Outcome

_TABLE = """
    CREATE TABLE chaos_moves (
        move_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        job_id uuid NOT NULL,
        state text NOT NULL,
        attempt int NOT NULL,
        worker_id uuid,
        result text,
        error text,
        at double precision NOT NULL DEFAULT extract(epoch FROM clock_timestamp())
    );
    CREATE FUNCTION chaos_note() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO chaos_moves (job_id, state, attempt, worker_id, result, error)
        VALUES (new.job_id, new.state, new.attempts, new.worker_id, md5(new.result::text),
                new.error_type);
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
    #: Type of the error of the attempt before.
    error: str | None = None


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


class Span(NamedTuple):
    """A time from one moment to another, in seconds since the epoch."""

    begin: float
    end: float


def install(connection: psycopg.Connection[Any]) -> None:
    """Begin to take notes."""
    connection.execute(_TABLE)


def moves(connection: psycopg.Connection[Any], after: int = 0) -> tuple[list[Move], int]:
    """Read the notes from a place on, each job's together and in order; and the last place."""
    rows = connection.execute(
        "SELECT job_id, state, attempt, worker_id, result, at, error, move_id FROM chaos_moves "
        "WHERE move_id > %s ORDER BY job_id, move_id",
        (after,),
    ).fetchall()
    return [Move(*row[:7]) for row in rows], max((row[7] for row in rows), default=after)


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
    notes: Iterable[Move], kills: Sequence[Kill], working: Sequence[Span], outages: Sequence[Span]
) -> dict[str, list[float]]:
    """Tell how long jobs that were hit waited until they ran again, by fault.

    Parameters
    ----------
    working, outages
        From when to when each worker took jobs, and a server was away, in seconds since the
        epoch. Time in which no worker lives, or a server does not, is nobody's to recover in.

    Returns
    -------
    dict
        Of each job that was hit, the seconds that a worker had, and did not take it.
    """
    found: dict[str, list[float]] = {}
    for _, own in by_job(notes):
        for lost, back, again in zip(own, own[1:], own[2:], strict=False):
            if (lost.state, back.state, again.state) != ("active", "waiting", "active"):
                continue
            if back.error == Outcome.TIMEOUT:
                continue  # it ran into its time limit meanwhile, beside the one that was hit
            hits = [
                kill
                for kill in kills
                if lost.worker_id in kill.workers and lost.at <= kill.at <= back.at
            ]
            if hits:
                seconds = usable(Span(hits[-1].at, again.at), working, outages)
                found.setdefault(hits[-1].fault, []).append(seconds)
    return found


def usable(whole: Span, working: Sequence[Span], outages: Sequence[Span]) -> float:
    """Seconds of a span in which some worker lived and no server was away."""
    edges = sorted(
        {whole.begin, whole.end}
        | {
            moment
            for span in (*working, *outages)
            for moment in span
            if whole.begin < moment < whole.end
        }
    )
    return sum(
        end - begin
        for begin, end in pairwise(edges)
        if any(span.begin <= begin and end <= span.end for span in working)
        and not any(span.begin <= begin and end <= span.end for span in outages)
    )
