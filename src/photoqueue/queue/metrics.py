"""Counters that never fall: filled forward from history, read as a handful of rows."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, Protocol

import sqlalchemy as sa

from photoqueue.queue.database import Database, load_statements

_METRICS: Final = load_statements("metrics.sql")
#: Rows that are counted in one statement at most (more where one transaction wrote more), by
#: a scrape and by a worker.
SCRAPE_ROWS: Final = 2_000
WORKER_ROWS: Final = 20_000
#: How far back charts of the last hours and days can be made of sums: a week, and a day over.
FIGURES_KEPT: Final = timedelta(days=8)

# Upper edges of the buckets, in seconds. Totals keep the edges they were counted with, so
# these can be changed; what was counted before then stays as coarse as it was.
EDGES: Final[dict[str, list[float]]] = {
    "wait": [0.01, 0.05, 0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0, 7200.0],
    "run": [0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0],
    "ai": [0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 40.0, 60.0, 120.0],
}


class Statements(Protocol):
    """Whatever runs one statement and commits it: the ledger of a worker, say."""

    def run(self, statement: str, parameters: Mapping[str, Any] | None = None) -> list[Any]:
        """Run a statement; return its rows as dictionaries."""
        ...


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
class Lately:
    """How often something happened in a window up to now, and in the window before it."""

    now: int = 0
    before: int = 0


class Metrics:
    """Counts history forward, and reads what is counted."""

    def __init__(self, statements: Statements) -> None:
        self._run = statements.run

    def advance(self, *, most: int) -> bool:
        """Count what is new; return whether there may be more than ``most`` of it.

        Each row is counted exactly once, however many do this at a time and wherever one of
        them dies; whoever finds another one at it leaves it to that one.
        """
        more = False
        for row in self._run(_METRICS["pending"]):
            source = row["source"]
            if row["misnumbered"] and not self._renumber(source, most):
                more = True
                continue
            edges = {f"{name}_edges": values for name, values in EDGES.items()}
            rows = self._run(_METRICS[f"count_{source}"], {**edges, "most": most - 1})
            more |= source != "submissions" and bool(rows) and rows[0]["counted"] >= most
        return more

    def _renumber(self, source: str, most: int) -> bool:
        """Renumber some rows of a restored dump; return whether it was the last of them."""
        rows = self._run(_METRICS[f"renumber_{source}"], {"most": most})
        return bool(rows) and rows[0]["renumbered"] < most

    def totals(self) -> list[Total]:
        """Read everything that was ever counted."""
        return [Total(**row) for row in self._run(_METRICS["totals"])]

    def refused(self) -> dict[str, int]:
        """Read how many broker messages of each queue were refused."""
        return {
            row["queue_name"]: row["refused_messages"] for row in self._run(_METRICS["refused"])
        }

    def last_seen(self) -> dict[str, float]:
        """Read for each queue how many seconds ago one of its workers was last seen alive."""
        return {
            row["queue_name"]: max(row["seconds"], 0.0) for row in self._run(_METRICS["last_seen"])
        }

    def lately(self, minutes: int) -> dict[tuple[str, str], Lately]:
        """Read what was counted in the last minutes, by name and queue.

        The names are ``failed`` (jobs), ``retried``, the outcomes of attempts, and
        ``ai_completed`` and ``ai_error`` (calls of engines). Minutes are those of the clock.
        """
        return {
            (row["name"], row["queue_name"]): Lately(row["now"], row["before"])
            for row in self._run(_METRICS["lately"], {"minutes": minutes})
        }

    def forget(self) -> None:
        """Delete what nobody looks back on: counts by the minute and by the hour."""
        self._run(_METRICS["forget_minutes"])
        self._run(_METRICS["forget_figures"], {"kept": FIGURES_KEPT})


#: Counts that a crash of the server takes away are made again, together with their marks:
#: no commit has to wait for the disk.
#: And no count waits for ever, for a lock or anything else.
_SESSION: Final = """
    SET LOCAL jit = off; SET LOCAL synchronous_commit = off;
    SET LOCAL lock_timeout = '5s'; SET LOCAL statement_timeout = '{patience}s'
"""
#: Seconds that one count of a worker may take. What one transaction wrote is counted as a whole:
#: somebody who cancels a million jobs at once writes a million attempts.
WORKER_PATIENCE: Final = 600


class Transaction:
    """Runs statements in one transaction, on a pooled connection."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def run(self, statement: str, parameters: Mapping[str, Any] | None = None) -> list[Any]:
        """Run a statement; return its rows as dictionaries."""
        # The driver's own parameters, as in the files of statements.
        result = self._connection.exec_driver_sql(statement, dict(parameters or {}))
        return [dict(row._mapping) for row in result] if result.returns_rows else []


@contextlib.contextmanager
def reading(database: Database, *, patience: int = 30) -> Iterator[Metrics]:
    """Count and read metrics in one transaction, whose statements may take so many seconds."""
    with database.begin() as connection:
        connection.exec_driver_sql(_SESSION.format(patience=patience))
        yield Metrics(Transaction(connection))
