"""Alerts of an installation, by thresholds; the Prometheus rules are equivalent."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from pydantic import SecretStr

from photoqueue.client.metrics import recent_counts
from photoqueue.client.observe import Stats, stats
from photoqueue.errors import ConfigurationError, ServiceError
from photoqueue.format import duration
from photoqueue.installation import current
from photoqueue.queue.incidents import Firing, Incident, tell_incidents, update_incidents
from photoqueue.queue.tally import WindowCount
from photoqueue.records.snapshots import QueueStats
from photoqueue.settings import Settings
from photoqueue.words import Outcome

#: Shares of fewer values than this are not evaluated: one failure of one job says little.
FEWEST: Final = 5
#: Retries count as rising from this multiple of the window before.
RISING: Final = 2.0


class Severity(StrEnum):
    """Severity: ``warning`` while jobs are still processed, ``critical`` if they are not."""

    WARNING = "warning"
    CRITICAL = "critical"


@dataclass(frozen=True, slots=True, kw_only=True)
class Thresholds:
    """Thresholds of alerts.

    Attributes
    ----------
    window_minutes : int
        Minutes of history that are examined.
    failure_rate, ai_error_rate : float
        Share (0 to 1) of ended jobs, and of engine calls, that failed.
    oldest_waiting_seconds : float
        How long a job may wait.
    recovered : int
        Attempts taken back from lost workers in the window.
    retries : int
        Fewer retries in the window than this never count as rising.
    """

    window_minutes: int = 10
    failure_rate: float = 0.2
    ai_error_rate: float = 0.2
    oldest_waiting_seconds: float = 600.0
    recovered: int = 5
    retries: int = 10

    @classmethod
    def of(cls, settings: Settings) -> Thresholds:
        """Return the thresholds of the settings."""
        return cls(
            window_minutes=settings.alert_window_minutes,
            failure_rate=settings.alert_failure_rate,
            ai_error_rate=settings.alert_ai_error_rate,
            oldest_waiting_seconds=settings.alert_oldest_waiting_seconds,
            recovered=settings.alert_recovered,
            retries=settings.alert_retries,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """An alert about a queue."""

    name: str
    queue: str
    severity: Severity
    message: str


def check(thresholds: Thresholds | None = None) -> list[Alert]:
    """Return the current alerts; empty if there are none.

    Raises
    ------
    PhotoqueueError
        PostgreSQL cannot be queried.
    """
    chosen = thresholds or Thresholds.of(current().settings)
    return judge(stats(), recent_counts(chosen.window_minutes), chosen)


def judge(
    queues: Stats, counted: Mapping[tuple[str, str], WindowCount], thresholds: Thresholds
) -> list[Alert]:
    """Return the alerts of the queues; the most severe first."""
    found = [
        alert
        for queue in queues.values()
        for alert in _of_queue(queue, _Window(counted, str(queue.name)), thresholds)
    ]
    return sorted(found, key=lambda alert: alert.severity is not Severity.CRITICAL)


class _Window:
    """Counts of one queue."""

    def __init__(self, counted: Mapping[tuple[str, str], WindowCount], queue: str) -> None:
        self._counted = counted
        self._queue = queue

    def __getitem__(self, name: str) -> WindowCount:
        return self._counted.get((name, self._queue), WindowCount())


def _of_queue(queue: QueueStats, window: _Window, thresholds: Thresholds) -> Iterator[Alert]:
    def alert(name: str, message: str, severity: Severity = Severity.WARNING) -> Alert:
        return Alert(name=name, queue=str(queue.name), severity=severity, message=message)

    period = f"in the last {thresholds.window_minutes} min"
    oldest = queue.oldest_waiting_s
    if oldest is not None and not queue.paused:
        if not queue.workers:
            yield alert(
                "no-worker",
                f"{queue.name}: jobs wait and no worker is running. Start one: photoqueue worker",
                Severity.CRITICAL,
            )
        if oldest > thresholds.oldest_waiting_seconds:
            yield alert(
                "oldest-waiting",
                f"{queue.name}: a job has been waiting for {duration(1000 * oldest)}. "
                "Run more workers.",
            )
    failed, completed = window["failed"].now, window[Outcome.COMPLETED].now
    if _share(failed, failed + completed) > thresholds.failure_rate:
        yield alert(
            "failure-rate",
            f"{queue.name}: {failed} of {failed + completed} jobs failed {period}. See why: "
            "photoqueue jobs --state failed",
        )
    recovered = window[Outcome.WORKER_LOST].now
    if recovered >= thresholds.recovered:
        yield alert(
            "recovery-busy",
            f"{queue.name}: {recovered} attempts were lost with their worker {period}. Look at "
            "the workers' logs and memory.",
        )
    retried, before = window["retried"].now, window["retried"].before
    if retried >= thresholds.retries and retried > RISING * before:
        yield alert(
            "retries-rising",
            f"{queue.name}: {retried} retries {period}, {before} before that.",
        )
    errors, answered = window["ai_error"].now, window["ai_completed"].now
    if _share(errors, errors + answered) > thresholds.ai_error_rate:
        yield alert(
            "ai-errors",
            f"{queue.name}: {errors} of {errors + answered} calls of the engine failed {period}.",
        )


def _share(part: int, whole: int) -> float:
    return part / whole if whole >= FEWEST else 0.0


#: Time limit of a report, in seconds.
_TIMEOUT: Final = 10.0


class AlertUrlError(ServiceError):
    """The address of ``PHOTOQUEUE_ALERT_URL`` did not accept a report."""


def tell(alerts: Sequence[Alert], url: SecretStr) -> int:
    """Report to a URL which incidents began or ended since the last report.

    Each is reported once, even if several processes check: an incident is a row in PostgreSQL.

    Returns
    -------
    int
        How many reports were sent.

    Raises
    ------
    ConfigurationError
        The address is not an HTTP address.
    AlertUrlError
        The address did not accept a report, which is sent again next time.
    """
    if not url.get_secret_value().startswith(("http://", "https://")):
        raise ConfigurationError(
            "PHOTOQUEUE_ALERT_URL is not an HTTP address. It looks like https://host/path."
        )
    database = current().database
    firing = [
        Firing(
            name=alert.name,
            queue_name=alert.queue,
            severity=str(alert.severity),
            message=alert.message,
        )
        for alert in alerts
    ]
    update_incidents(database, firing)
    return tell_incidents(database, lambda incident: _post(url, _report(incident)))


def _report(incident: Incident) -> dict[str, Any]:
    ended = incident.ended_at
    return {
        # If a process dies between sending and recording, the report is sent again with this id.
        "id": str(incident.incident_id),
        "status": "firing" if ended is None else "resolved",
        "alert": incident.name,
        "queue": incident.queue_name,
        "severity": incident.severity,
        "message": incident.message,
        "beganAt": incident.began_at.isoformat(),
        "endedAt": ended and ended.isoformat(),
    }


def _post(url: SecretStr, report: dict[str, Any]) -> None:
    request = urllib.request.Request(
        url.get_secret_value(),
        data=json.dumps(report).encode(),
        headers={"Content-Type": "application/json", "User-Agent": "photoqueue"},
        method="POST",
    )
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT):
            return
    except urllib.error.HTTPError as exc:
        reason = f"it answered {exc.code}"
        exc.close()
    except (OSError, ValueError) as exc:
        # Not the text of a ValueError, which may contain the address and its secret.
        reason = str(getattr(exc, "reason", "")) or type(exc).__name__
    raise AlertUrlError(
        f"The address of PHOTOQUEUE_ALERT_URL did not accept a report: {reason}. It is sent again "
        "at the next check."
    )
