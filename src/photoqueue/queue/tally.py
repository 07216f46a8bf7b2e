"""One tally of what happened: counted by workers, read for charts, metrics and alerts.

Rows of attempts and calls are counted once each (``tally.sql`` says how) into the tables ``tally``
and ``metric_totals``. As these outlive what they count, nothing falls when history is pruned.
A chart is made of what is counted, and of the rows that are not, in the same form.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from string import Template
from typing import Any, Final

import sqlalchemy as sa

from photoqueue.errors import DatabaseUnavailableError
from photoqueue.queue.database import Database, load_statements
from photoqueue.records.figures import Figures, Period, Row, bin_sql, cell_sql

#: Rows that are counted in one statement at most (more where one transaction wrote more), by
#: a scrape and by a worker.
SCRAPE_ROWS: Final = 2_000
WORKER_ROWS: Final = 20_000
#: Seconds that one count of a worker may take. What one transaction wrote is counted as a whole:
#: cancelling a million jobs at once writes a million attempts.
WORKER_PATIENCE: Final = 600
#: How far back charts of the last hours and days can be made of sums: a week, and a day over.
KEPT: Final = timedelta(days=8)

# Upper edges of the buckets, in seconds. Totals keep the edges they were counted with, so
# these can be changed; what was counted before then stays as coarse as it was.
EDGES: Final[dict[str, list[float]]] = {
    "wait": [0.01, 0.05, 0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0, 7200.0],
    "run": [0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0],
    "ai": [0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 40.0, 60.0, 120.0],
}

_MINUTE: Final = timedelta(minutes=1)
_HOUR: Final = timedelta(hours=1)
#: Durations are not divided by time where they are read: one bin of three centuries.
_EVER: Final = timedelta(days=100_000)
#: Measures that are kept by the hour and for all time; all others by the minute and the hour.
_DURATIONS: Final = ["run", "wait", "cell", "attempt", "call", "cost", "tokens_in", "tokens_out"]
#: Source of rows → the table they are in, and when a row of it was written.
_SOURCES: Final = {
    "attempts": ("job_attempts", "ended_at"),
    "ai_calls": ("ai_metrics", "created_at"),
}
_SQL: Final = load_statements("tally.sql")


def _filled(name: str, **parts: str) -> str:
    return Template(_SQL[name]).substitute(parts)


_MEASURES: Final = {
    source: _filled(
        f"measure_{source}",
        run_bin=bin_sql("run_ms"),
        wait_bin=bin_sql("wait_ms"),
        latency_bin=bin_sql("latency_ms"),
        cell=cell_sql("waited", "ran"),
    )
    for source in (*_SOURCES, "submissions")
}
#: Source of rows → the statement that counts what is new of it.
COUNT: Final = {
    source: _filled(
        "count",
        source=source,
        table=table,
        measure=_MEASURES[source],
        buckets=_SQL[f"buckets_{source}"],
        keep=_filled("keep", keep_buckets=_SQL["keep_buckets"]),
    )
    for source, (table, _) in _SOURCES.items()
} | {
    "submissions": _filled(
        "count_submissions",
        measure=_MEASURES["submissions"],
        keep=_filled("keep", keep_buckets=""),
    )
}


def count_values(most: int) -> dict[str, Any]:
    """Return the parameters of :data:`COUNT`, for about so many rows."""
    edges = {f"{name}_edges": values for name, values in EDGES.items()}
    levels = {"minute": _MINUTE, "hour": _HOUR, "durations": _DURATIONS}
    return {**edges, **levels, "most": most - 1}


@dataclass(frozen=True, slots=True)
class Total:
    """One row of ``metric_totals``: a counter, or one bucket of a histogram.

    Attributes
    ----------
    name : str
        ``submitted``, ``failed``, ``retried``, ``ended`` (attempts, by outcome); the histograms
        ``wait``, ``run`` and ``ai``; ``cost``, ``tokens_in`` and ``tokens_out`` (their sums).
    le : float
        Upper edge of the bucket, in seconds; infinity for what is no histogram.
    count : int
        How many fell into this bucket alone.
    sum : float
        Their sum: seconds, US dollars or tokens.
    """

    name: str
    queue_name: str
    outcome: str
    engine: str
    model: str
    le: float
    count: int
    sum: float


@dataclass(frozen=True, slots=True)
class WindowCount:
    """How often something happened in a window up to now, and in the window before it."""

    now: int = 0
    before: int = 0


class Tally:
    """Counts new rows and reads what is counted, on a connection whose transaction is open."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def advance(self, *, most: int) -> bool:
        """Count what is new; return whether there may be more than ``most`` of it.

        Each row is counted exactly once, however many processes do this at a time and wherever
        one of them dies: a source that another process is counting is skipped.
        """
        more = False
        for row in self._run(_SQL["pending"]):
            source = row["source"]
            if row["misnumbered"] and not self._renumber(source, most):
                more = True
                continue
            rows = self._run(COUNT[source], count_values(most))
            more |= source != "submissions" and bool(rows) and rows[0]["counted"] >= most
        return more

    def _renumber(self, source: str, most: int) -> bool:
        """Renumber some rows of a restored dump; return whether they were the last of them."""
        statement = _filled("renumber", source=source, table=_SOURCES[source][0])
        rows = self._run(statement, {"most": most})
        return bool(rows) and rows[0]["renumbered"] < most

    def totals(self) -> list[Total]:
        """Read everything that was ever counted."""
        return [Total(**row) for row in self._run(_SQL["totals"])]

    def refused(self) -> dict[str, int]:
        """Read how many broker messages of each queue were refused."""
        return {row["queue_name"]: row["refused_messages"] for row in self._run(_SQL["refused"])}

    def last_seen(self) -> dict[str, float]:
        """Read for each queue how many seconds ago one of its workers was last seen alive."""
        return {row["queue_name"]: max(row["seconds"], 0.0) for row in self._run(_SQL["last_seen"])}

    def window(self, minutes: int) -> dict[tuple[str, str], WindowCount]:
        """Read what was counted in the last minutes, by name and queue.

        The names are ``failed`` (jobs), ``retried``, the outcomes of attempts, and
        ``ai_completed`` and ``ai_error`` (calls of engines). Minutes are those of the clock.
        """
        return {
            (row["name"], row["queue_name"]): WindowCount(row["now"], row["before"])
            for row in self._run(_SQL["window"], {"minutes": minutes})
        }

    def forget(self) -> None:
        """Delete minutes, and durations by the hour, that are too old for charts to use."""
        self._run(_SQL["forget"], {"kept": KEPT, "durations": _DURATIONS})

    def _run(self, statement: str, values: Mapping[str, Any] | None = None) -> list[Any]:
        # The driver's own parameters, as in the files of statements.
        result = self._connection.exec_driver_sql(statement, dict(values or {}))
        return list(result.mappings()) if result.returns_rows else []


# Counts that a crash of the server takes away are made again, together with their marks:
# no commit has to wait for the disk. And no count waits for ever, for a lock or anything else.
_SESSION: Final = """
    SET LOCAL jit = off; SET LOCAL enable_memoize = off; SET LOCAL synchronous_commit = off;
    SET LOCAL lock_timeout = '5s'; SET LOCAL statement_timeout = '{patience}s'
"""


@contextlib.contextmanager
def counting(database: Database, *, patience: int = 30) -> Iterator[Tally]:
    """Count and read the tally in one transaction, whose statements may take so many seconds."""
    with database.begin() as connection:
        connection.exec_driver_sql(_SESSION.format(patience=patience))
        yield Tally(connection)


@dataclass(frozen=True, slots=True, kw_only=True)
class Extent:
    """Which jobs charts are made of; None is no limit.

    Attributes
    ----------
    since : datetime or None
        Attempts that ended, jobs that were submitted or ended, and calls that were made from the
        minute of this moment on (of moments more than eight days ago: from its hour on).
    """

    project_id: str | None = None
    batch_id: str | None = None
    queue: str | None = None
    since: datetime | None = None


# Enough for the sorts and hash tables of a million attempts; compiling the statements to
# machine code takes longer than it saves. Plans depend on what is asked for.
_SNAPSHOT: Final = (
    "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY",
    "SET LOCAL work_mem = '64MB'",
    "SET LOCAL jit = off",
    "SET LOCAL enable_memoize = off",
    "SET LOCAL plan_cache_mode = force_custom_plan",
)
#: How far the clock of a submitting process may be ahead of the server's.
_CLOCKS_APART: Final = timedelta(hours=1)


def read_figures(database: Database, extent: Extent) -> Figures:
    """Read what charts show, all at one moment.

    Of the whole installation or one queue they are sums; attempts of a project or batch, of times
    too long ago to be kept, or of so short a time that its bins are narrower than a minute, are
    added up here. ``jobs`` is read through its indexes, unless a project or batch is asked for.
    """
    # What is not counted is read row by row, so that nothing is missing where it cannot be done:
    # by a login that may only read. A server that is away says so next.
    with contextlib.suppress(DatabaseUnavailableError), counting(database) as tally:
        tally.advance(most=SCRAPE_ROWS)
    with database.begin() as connection:
        for statement in _SNAPSHOT:
            connection.exec_driver_sql(statement)
        return _read(connection, extent)


def _read(connection: sa.Connection, extent: Extent) -> Figures:
    whole = extent.project_id is None and extent.batch_id is None
    jobs = _jobs_of(extent)
    values: dict[str, Any] = {
        "project": extent.project_id,
        "batch": extent.batch_id,
        "queue": None if extent.queue is None else str(extent.queue),
        "whole": whole,
    }
    found = connection.exec_driver_sql(_filled("snapshot", jobs=jobs), values).one()
    now: datetime = found.now
    recent = extent.since is None or extent.since >= now - KEPT
    since = extent.since and _floor(extent.since, _MINUTE if recent else _HOUR)
    first = since or found.first
    if first is None:
        return Figures.of([], None, None)
    # As wide as of the moment that was asked for, however much earlier its minute begins.
    period = Period.between((extent.since or first).astimezone(UTC), now.astimezone(UTC))
    period = replace(period, since=first.astimezone(UTC))
    width = timedelta(seconds=period.seconds)
    kept = whole and width >= _MINUTE
    values |= {
        "hour": _EVER,
        "minute": width,
        "durations": _DURATIONS,
        "since": since or "-infinity",
        "lowest_id": _lowest_id(since - _CLOCKS_APART) if since else "0" * 32,
    }
    # From its first whole hour on, a stretch of time is made of sums by the hour.
    hour = _ceiling(since, _HOUR) if since else "-infinity"
    values |= {
        "level": 3600 if since else 0,
        "low": "-infinity" if not kept else hour if recent else "infinity",
        "hours": hour if width >= _HOUR else "infinity",
    }
    rows = _rows(connection, _SQL["kept"], values) if kept else []
    for source, (table, at) in _SOURCES.items():
        uncounted = "true" if whole else f"job_id IN (SELECT job_id FROM jobs WHERE {jobs})"
        statement = _filled(
            "read",
            table=table,
            at=at,
            uncounted="recorded_xid >= %(mark)s" if kept else uncounted,
            measure=_MEASURES[source],
        )
        rows += _rows(connection, statement, {**values, "mark": getattr(found, source)})
    submissions = _SQL["uncounted_submissions"] if kept else _filled("submitted_jobs", jobs=jobs)
    statement = _filled(
        "read_submissions", submissions=submissions, measure=_MEASURES["submissions"]
    )
    rows += _rows(connection, statement, values)
    rows += _rows(connection, _filled("read_jobs", jobs=jobs), values)
    return Figures.of(rows, period, found.oldest_waiting_s)


def _jobs_of(extent: Extent) -> str:
    """Return the condition on rows of ``jobs``.

    It names the queues: they are the first column of the indexes on states.
    """
    conditions = ["queue_name = %(queue)s"] if extent.queue is not None else []
    if extent.project_id is not None:
        conditions.append("project_id = %(project)s")
    if extent.batch_id is not None:
        conditions.append("job_id IN (SELECT job_id FROM batch_jobs WHERE batch_id = %(batch)s)")
    return " AND ".join(conditions) or "queue_name = ANY(ARRAY(SELECT queue_name FROM queues))"


def _rows(connection: sa.Connection, statement: str, values: Mapping[str, Any]) -> list[Row]:
    return [Row(*row) for row in connection.exec_driver_sql(statement, dict(values))]


def activity(database: Database) -> int:
    """Return a number that grows when jobs, attempts or calls are written.

    It costs nothing however many there are, and may lag some seconds behind.
    """
    query = sa.text(
        "SELECT coalesce(sum(n_tup_ins + n_tup_upd + n_tup_del), 0)::bigint "
        "FROM pg_stat_user_tables WHERE relname IN ('jobs', 'job_attempts', 'ai_metrics')"
    )
    with database.begin() as connection:
        return int(connection.scalar(query) or 0)


def _floor(moment: datetime, width: timedelta) -> datetime:
    return moment - (moment - datetime.fromtimestamp(0, UTC)) % width


def _ceiling(moment: datetime, width: timedelta) -> datetime:
    return _floor(moment + width - timedelta.resolution, width)


def _lowest_id(moment: datetime) -> str:
    """Return the lowest UUIDv7 that was made at a moment or later."""
    return f"{int(moment.timestamp() * 1000):012x}".ljust(32, "0")
