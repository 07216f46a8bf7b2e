"""Incidents: alerts that are reported once when they begin and once when they end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from photoqueue.queue.database import Database, load_statements

_INCIDENTS: Final = load_statements("incidents.sql")


@dataclass(frozen=True, slots=True, kw_only=True)
class Firing:
    """An alert that is firing; ``queue_name`` is empty if it concerns no single queue."""

    name: str
    queue_name: str
    severity: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """An alert from beginning to end; ``ended_at`` is None while it lasts."""

    incident_id: UUID
    name: str
    queue_name: str
    severity: str
    message: str
    began_at: datetime
    ended_at: datetime | None


def update_incidents(database: Database, firing: Sequence[Firing]) -> None:
    """Open incidents for the firing alerts, and end the others."""
    values = {
        "names": [found.name for found in firing],
        "queues": [found.queue_name for found in firing],
        "severities": [found.severity for found in firing],
        "messages": [found.message for found in firing],
    }
    with database.begin() as connection:
        connection.exec_driver_sql(_INCIDENTS["open"], values)
        connection.exec_driver_sql(_INCIDENTS["end_others"], values)


def tell_incidents(database: Database, tell: Callable[[Incident], None]) -> int:
    """Report each beginning and end that is not reported yet; return how many there were.

    An error of ``tell`` is raised, and the incident is reported next time. If this process dies
    between report and record, the incident is reported again under the same id.
    """
    told = 0
    while _tell_next(database, tell):
        told += 1
    return told


def _tell_next(database: Database, tell: Callable[[Incident], None]) -> bool:
    with database.begin() as connection:
        row = connection.exec_driver_sql(_INCIDENTS["untold"]).first()
        if row is None:
            return False
        begins = row.told_at is None
        tell(
            Incident(
                incident_id=row.incident_id,
                name=row.name,
                queue_name=row.queue_name,
                severity=row.severity,
                message=row.message,
                began_at=row.began_at,
                ended_at=None if begins else row.ended_at,
            )
        )
        mark = _INCIDENTS["mark_told" if begins else "mark_end_told"]
        connection.exec_driver_sql(mark, {"incident_id": row.incident_id})
    return True
