"""Rate limits of the services behind engines, shared by all workers on all hosts."""

from __future__ import annotations

from typing import Final

from photoqueue.queue.database import Database, load_statements, storable

_STATEMENTS: Final = load_statements("rate_limits.sql")
#: Longest pause in seconds: a day.
_LONGEST_HOLD: Final = 24 * 3600.0


class RateLimits:
    """The rows of ``ai_rate_limits``: a :class:`~photoqueue.engines.contract.Throttle`.

    Requests are spaced evenly, one per interval, and unused ones do not accumulate, so that no
    minute has more requests than the limit.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def __repr__(self) -> str:
        return f"RateLimits({self._database.address!r})"

    def take(self, name: str, *, interval: float, patience: float) -> float:
        """Reserve the next request to a service; return the seconds until it may be sent.

        If that is more than ``patience`` (seconds), nothing was reserved.

        Raises
        ------
        DatabaseUnavailableError
            PostgreSQL cannot be reached.
        """
        rows = self._run("take", name, interval=interval, patience=patience)
        if rows:
            return max(rows[0], 0.0)
        rows = self._run("look", name)
        # Above the patience even if a slot became free since: nothing is reserved.
        return max(rows[0] if rows else 0.0, patience + 0.001)

    def hold(self, name: str, seconds: float) -> None:
        """Block requests to a service for a number of seconds, a day at most."""
        self._run("hold", name, seconds=min(max(seconds, 0.0), _LONGEST_HOLD))

    def _run(self, statement: str, name: str, **values: float) -> list[float]:
        with self._database.begin() as connection:
            result = _STATEMENTS(connection, statement, name=storable(name), **values)
            return [float(row[0]) for row in result] if result.returns_rows else []
