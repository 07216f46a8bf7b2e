"""The tally: sums counted by workers, and read for charts, metrics and alerts.

Each row of attempts, calls and submissions is counted once (see ``tally.sql``) into the tables
``tally`` and ``metric_totals``, which are kept when history is pruned. A chart combines these
sums with the rows that are not counted yet.
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
from photoqueue.queue.connections import LONG, Settings
from photoqueue.queue.database import Database, load_statements
from photoqueue.records.figures import Figures, Period, Row, bin_sql, cell_sql

#: Most rows counted in one statement by a scrape and by a worker (more if one transaction wrote
#: more).
SCRAPE_ROWS: Final = 2_000
WORKER_ROWS: Final = 20_000
#: Time limit of one count of a worker, in seconds. Rows of one transaction are counted together:
#: cancelling a million jobs at once writes a million attempts.
WORKER_PATIENCE: Final = 600
#: How far back charts can use sums by the minute or hour: a week and a day.
KEPT: Final = timedelta(days=8)

# Upper edges of the buckets, in seconds. They can be changed: what was counted before keeps its
# old edges.
EDGES: Final[dict[str, list[float]]] = {
    "wait": [0.01, 0.05, 0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0, 7200.0],
    "run": [0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0],
    "ai": [0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 40.0, 60.0, 120.0],
}

_MINUTE: Final = timedelta(minutes=1)
_HOUR: Final = timedelta(hours=1)
#: Width of a time bin that holds everything: durations are not divided by time.
_EVER: Final = timedelta(days=100_000)
#: Measures kept by the hour and for all time; all others are kept by the minute and the hour.
_DURATIONS: Final = ["run", "wait", "cell", "attempt", "call", "cost", "tokens_in", "tokens_out"]
#: Table of each source, and the column with the time of a row.
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
#: Statement that counts the new rows of each source.
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
    """Return the parameters of :data:`COUNT`, to count about ``most`` rows."""
    edges = {f"{name}_edges": values for name, values in EDGES.items()}
    levels = {"minute": _MINUTE, "hour": _HOUR, "durations": _DURATIONS}
    return {**edges, **levels, "most": most - 1}


@dataclass(frozen=True, slots=True)
class Total:
    """One row of ``metric_totals``: a counter, or one bucket of a histogram."""

    #: ``submitted``, ``failed``, ``retried``, ``ended`` (attempts, by outcome); the histograms
    #: ``wait``, ``run`` and ``ai``; ``cost``, ``tokens_in`` and ``tokens_out`` (their sums).
    name: str
    queue_name: str
    outcome: str
    engine: str
    model: str
    #: Upper edge of the bucket in seconds; infinity for counters.
    le: float
    #: Number of values in this bucket (not cumulative).
    count: int
    #: Sum of the values: seconds, US dollars or tokens.
    sum: float


@dataclass(frozen=True, slots=True)
class WindowCount:
    """How often something happened in a window up to now, and in the window before it."""

    now: int = 0
    before: int = 0


class Tally:
    """Counts new rows and reads sums, in an open transaction."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def advance(self, *, most: int) -> bool:
        """Count new rows, about ``most`` per source; return whether there may be more.

        Each row is counted exactly once, even if several processes count or one dies: a source
        that another process is counting is skipped.
        """
        more = False
        for row in self._run(_SQL["pending"]):
            source = row["source"]
            if row["misnumbered"] and not self._renumber(source, most):
                more = True
                continue
            rows = self._run(COUNT[source], **count_values(most))
            more |= source != "submissions" and bool(rows) and rows[0]["counted"] >= most
        return more

    def _renumber(self, source: str, most: int) -> bool:
        """Renumber some rows of a restored dump; return whether none are left."""
        statement = _filled("renumber", source=source, table=_SOURCES[source][0])
        rows = self._run(statement, most=most)
        return bool(rows) and rows[0]["renumbered"] < most

    def totals(self) -> list[Total]:
        """Read all counters and histogram buckets."""
        return [Total(**row) for row in self._run(_SQL["totals"])]

    def last_seen(self) -> dict[str, float]:
        """Read for each queue how many seconds ago one of its workers last renewed its lease."""
        return {row["queue_name"]: max(row["seconds"], 0.0) for row in self._run(_SQL["last_seen"])}

    def window(self, minutes: int) -> dict[tuple[str, str], WindowCount]:
        """Read the counts of the last ``minutes`` whole clock minutes, by name and queue.

        The names are ``failed`` (jobs), ``retried``, the outcomes of attempts, and
        ``ai_completed`` and ``ai_error`` (engine calls).
        """
        return {
            (row["name"], row["queue_name"]): WindowCount(row["now"], row["before"])
            for row in self._run(_SQL["window"], minutes=minutes)
        }

    def forget(self) -> None:
        """Delete sums by the minute, and durations by the hour, that are too old for charts."""
        self._run(_SQL["forget"], kept=KEPT, durations=_DURATIONS)

    def _run(self, statement: str, **values: Any) -> list[Any]:
        result = self._connection.exec_driver_sql(statement, values)
        return list(result.mappings()) if result.returns_rows else []


# Commits need not wait for the disk: counts lost in a crash of the server are lost together with
# their marks, and are made again. Time limits keep a count from waiting forever.
_COUNTING: Final[Settings] = {
    **dict.fromkeys(("jit", "enable_memoize", "synchronous_commit"), "'off'"),
    "lock_timeout": "'5s'",
}


@contextlib.contextmanager
def counting(database: Database, *, patience: int = 30) -> Iterator[Tally]:
    """Open a transaction to count and read; ``patience`` limits each statement, in seconds."""
    with database.begin(patience, settings=_COUNTING) as connection:
        yield Tally(connection)


# work_mem suffices for the sorts and hash tables of a million attempts. JIT compilation takes
# longer than it saves. The best plan depends on the parameters.
_PLANNING: Final[Settings] = {
    **dict.fromkeys(("jit", "enable_memoize"), "'off'"),
    "work_mem": "'64MB'",
    "plan_cache_mode": "'force_custom_plan'",
}
#: How far a submitting process's clock may be ahead of the server's.
_CLOCKS_APART: Final = timedelta(hours=1)


def read_figures(
    database: Database,
    *,
    project_id: str | None = None,
    batch_id: str | None = None,
    queue: str | None = None,
    since: datetime | None = None,
) -> Figures:
    """Read the figures of charts from one snapshot; None is no limit.

    For the whole installation or one queue the stored sums are used. For a project or batch, for
    times older than the sums, or for time bins narrower than a minute, rows are added up here.
    ``jobs`` is read by index-only scans, except for a project or batch.
    """
    # Counting may fail, with a read-only login for example: rows that are not counted are read
    # one by one. If the server cannot be reached, the next statement raises.
    with contextlib.suppress(DatabaseUnavailableError), counting(database) as tally:
        tally.advance(most=SCRAPE_ROWS)
    with database.begin(LONG, snapshot=True, settings=_PLANNING) as connection:
        return _read(connection, project_id, batch_id, queue, since)


def _read(
    connection: sa.Connection,
    project_id: str | None,
    batch_id: str | None,
    queue: str | None,
    asked: datetime | None,
) -> Figures:
    whole = project_id is None and batch_id is None
    values: dict[str, Any] = {
        "project": project_id,
        "batch": batch_id,
        "queue": None if queue is None else str(queue),
        "whole": whole,
    }
    jobs = _jobs_of(values)
    found = connection.exec_driver_sql(_filled("snapshot", jobs=jobs), values).one()
    now: datetime = found.now
    recent = asked is None or asked >= now - KEPT
    since = asked and _floor(asked, _MINUTE if recent else _HOUR)
    first = since or found.first
    if first is None:
        return Figures.of([], None, None)
    # The width of bins depends on the requested moment, not on the start of its minute.
    period = Period.between((asked or first).astimezone(UTC), now.astimezone(UTC))
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
    # From the first whole hour on, sums by the hour are used.
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


#: Conditions on rows of ``jobs``, by the value that they need.
_OF_JOBS: Final = {
    "queue": "queue_name = %(queue)s",
    "project": "project_id = %(project)s",
    "batch": "job_id IN (SELECT job_id FROM batch_jobs WHERE batch_id = %(batch)s)",
}


def _jobs_of(values: Mapping[str, Any]) -> str:
    """Return the condition on rows of ``jobs``.

    It names the queues, which are the first column of the indexes on states.
    """
    conditions = [text for name, text in _OF_JOBS.items() if values[name] is not None]
    return " AND ".join(conditions) or "queue_name = ANY(ARRAY(SELECT queue_name FROM queues))"


def _rows(connection: sa.Connection, statement: str, values: Mapping[str, Any]) -> list[Row]:
    return [Row(*row) for row in connection.exec_driver_sql(statement, dict(values))]


def _floor(moment: datetime, width: timedelta) -> datetime:
    return moment - (moment - datetime.fromtimestamp(0, UTC)) % width


def _ceiling(moment: datetime, width: timedelta) -> datetime:
    return _floor(moment + width - timedelta.resolution, width)


def _lowest_id(moment: datetime) -> str:
    """Return the lowest UUIDv7 of a moment."""
    return f"{int(moment.timestamp() * 1000):012x}".ljust(32, "0")
