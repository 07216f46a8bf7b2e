"""Incidents: alerts that are reported once when they begin and once when they end."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from photoqueue.queue.database import Database, load_statements

_INCIDENTS: Final = load_statements("incidents.sql")


class Severity(StrEnum):
    """Severity: ``warning`` while jobs are still processed, ``critical`` if they are not."""

    WARNING = "warning"
    CRITICAL = "critical"


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """An alert about a queue."""

    name: str
    queue: str
    severity: Severity
    message: str


def update_incidents(database: Database, alerts: Sequence[Alert]) -> None:
    """Open incidents for the firing alerts, and end the others."""
    firing = {
        "names": [found.name for found in alerts],
        "queues": [found.queue for found in alerts],
    }
    severities = [str(found.severity) for found in alerts]
    messages = [found.message for found in alerts]
    with database.begin() as connection:
        _INCIDENTS(connection, "open", **firing, severities=severities, messages=messages)
        _INCIDENTS(connection, "end_others", **firing)


#: Sends a message: its id, seconds since 1970 by the clock of PostgreSQL, JSON.
Post = Callable[[str, int, bytes], None]


def tell_incidents(database: Database, post: Post) -> int:
    """Report each beginning and end that is not reported yet, as JSON; return how many there were.

    An error of ``post`` is raised, and the incident is reported next time. If this process dies
    between report and record, the incident is reported again under the same id.
    """
    told = 0
    while _tell_next(database, post):
        told += 1
    return told


def _tell_next(database: Database, post: Post) -> bool:
    with database.begin() as connection:
        row = _INCIDENTS(connection, "untold").first()
        if row is None:
            return False
        begins = row.told_at is None
        report = {
            # The same if a process dies between report and record, and it is sent again.
            "id": str(row.incident_id),
            "status": "firing" if begins else "resolved",
            "alert": row.name,
            "queue": row.queue_name,
            "severity": row.severity,
            "message": row.message,
            "beganAt": row.began_at.isoformat(),
            "endedAt": None if begins else row.ended_at.isoformat(),
        }
        post(f"{report['id']}-{report['status']}", row.timestamp, json.dumps(report).encode())
        mark = "mark_told" if begins else "mark_end_told"
        _INCIDENTS(connection, mark, incident_id=row.incident_id)
    return True
