"""Alerts of an installation, by thresholds; the Prometheus rules are equivalent."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from photoqueue.client.metrics import recent_counts
from photoqueue.client.observe import Stats, stats
from photoqueue.client.system import recovery_problem, webhook_problem
from photoqueue.errors import ServiceError
from photoqueue.format import duration
from photoqueue.installation import current
from photoqueue.posting import NotAcceptedError, Receiver
from photoqueue.queue.incidents import Alert, Severity, tell_incidents, update_incidents
from photoqueue.queue.tally import WindowCount
from photoqueue.records.snapshots import QueueStats
from photoqueue.settings import Settings
from photoqueue.words import Outcome

#: Shares of fewer values than this are not evaluated: one failure of one job says little.
FEWEST: Final = 5
#: Retries count as rising from this multiple of the window before.
RISING: Final = 2.0


def check(settings: Settings | None = None) -> list[Alert]:
    """Return the current alerts by the thresholds of some settings; default are those in use.

    Raises
    ------
    PhotoqueueError
        PostgreSQL cannot be queried.
    """
    chosen = settings or current().settings
    found = judge(stats(), recent_counts(chosen.alert_window_minutes), chosen)
    servers = [
        Alert(name=name, queue="", severity=Severity.CRITICAL, message=str(error))
        for name, error in current().probe().items()
        if error is not None
    ]
    if (unled := recovery_problem(current())) is not None:
        servers.append(Alert(name="recovery", queue="", severity=Severity.CRITICAL, message=unled))
    if (untold := webhook_problem(current())) is not None:
        found.append(Alert(name="webhooks", queue="", severity=Severity.WARNING, message=untold))
    return servers + found


def judge(
    queues: Stats, counted: Mapping[tuple[str, str], WindowCount], settings: Settings
) -> list[Alert]:
    """Return the alerts of the queues; the most severe first."""
    found = [alert for queue in queues.values() for alert in _of_queue(queue, counted, settings)]
    return sorted(found, key=lambda alert: alert.severity is not Severity.CRITICAL)


def _of_queue(
    queue: QueueStats, counted: Mapping[tuple[str, str], WindowCount], settings: Settings
) -> Iterator[Alert]:
    def alert(name: str, message: str, severity: Severity = Severity.WARNING) -> Alert:
        return Alert(name=name, queue=str(queue.name), severity=severity, message=message)

    def within(name: str) -> WindowCount:
        return counted.get((name, str(queue.name)), WindowCount())

    period = f"in the last {settings.alert_window_minutes} min"
    oldest = queue.oldest_waiting_s
    if oldest is not None and not queue.paused:
        if not queue.workers:
            yield alert(
                "no-worker",
                f"{queue.name}: jobs wait and no worker is running. Start one: photoqueue worker",
                Severity.CRITICAL,
            )
        if oldest > settings.alert_oldest_waiting_seconds:
            yield alert(
                "oldest-waiting",
                f"{queue.name}: a job has been waiting for {duration(1000 * oldest)}. "
                "Run more workers.",
            )
    failed, completed = within("failed").now, within(Outcome.COMPLETED).now
    if _share(failed, failed + completed) > settings.alert_failure_rate:
        yield alert(
            "failure-rate",
            f"{queue.name}: {failed} of {failed + completed} jobs failed {period}. See why: "
            "photoqueue jobs --state failed",
        )
    recovered = within(Outcome.WORKER_LOST).now
    if recovered >= settings.alert_recovered:
        yield alert(
            "recovery-busy",
            f"{queue.name}: {recovered} attempts were lost with their worker {period}. Look at "
            "the workers' logs and memory.",
        )
    retried, before = within("retried").now, within("retried").before
    if retried >= settings.alert_retries and retried > RISING * before:
        yield alert(
            "retries-rising",
            f"{queue.name}: {retried} retries {period}, {before} before that.",
        )
    errors, answered = within("ai_error").now, within("ai_completed").now
    if _share(errors, errors + answered) > settings.alert_ai_error_rate:
        yield alert(
            "ai-errors",
            f"{queue.name}: {errors} of {errors + answered} calls of the engine failed {period}.",
        )


def _share(part: int, whole: int) -> float:
    return part / whole if whole >= FEWEST else 0.0


class AlertUrlError(ServiceError):
    """The address of ``PHOTOQUEUE_ALERT_URL`` did not accept a report."""


def tell(alerts: Sequence[Alert], receiver: Receiver) -> int:
    """Report which incidents began or ended since the last report.

    Each is reported once, even if several processes check: an incident is a row in PostgreSQL.

    Returns
    -------
    int
        How many reports were sent.

    Raises
    ------
    AlertUrlError
        The address did not accept a report, which is sent again next time.
    """
    database = current().database
    update_incidents(database, alerts)
    try:
        return tell_incidents(database, receiver.post)
    except NotAcceptedError as exc:
        raise AlertUrlError(
            f"The address of {receiver.variable} did not accept a report: {exc}. It is sent again "
            "at the next check."
        ) from None
