"""What is wrong with an installation, by thresholds; the rules for Prometheus say the same."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from photoqueue.client.metrics import Lately, lately
from photoqueue.client.observe import Stats, stats
from photoqueue.installation import current
from photoqueue.models import Outcome
from photoqueue.settings import Settings
from photoqueue.tracking.queue_stats import QueueStats

#: A share of fewer than this many is not judged: one failure of one job says little.
FEWEST: Final = 5
#: Retries are rising when there are this many times as many as in the window before.
RISING: Final = 2.0


class Severity(StrEnum):
    """How bad it is: work that goes badly, or work that stands still."""

    WARNING = "warning"
    CRITICAL = "critical"


@dataclass(frozen=True, slots=True, kw_only=True)
class Thresholds:
    """When something counts as wrong.

    Attributes
    ----------
    window_minutes : int
        How far back is looked.
    failure_rate, ai_error_rate : float
        Share, from 0 to 1, of jobs that ended and failed, and of calls of engines.
    oldest_waiting_seconds : float
        How long a job may wait.
    recovered : int
        Attempts taken back from lost workers in the window.
    retries : int
        Fewer retries in the window than this are never called rising.
    """

    window_minutes: int = 10
    failure_rate: float = 0.2
    ai_error_rate: float = 0.2
    oldest_waiting_seconds: float = 600.0
    recovered: int = 5
    retries: int = 10

    @classmethod
    def of(cls, settings: Settings) -> Thresholds:
        """Return those of the settings."""
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
    """One thing that is wrong with a queue."""

    name: str
    queue: str
    severity: Severity
    message: str


def check(thresholds: Thresholds | None = None) -> list[Alert]:
    """Return what is wrong; empty where all is well.

    Raises
    ------
    PhotoqueueError
        PostgreSQL cannot be asked.
    """
    chosen = thresholds or Thresholds.of(current().settings)
    return judge(stats(), lately(chosen.window_minutes), chosen)


def judge(
    queues: Stats, counted: Mapping[tuple[str, str], Lately], thresholds: Thresholds
) -> list[Alert]:
    """Return what is wrong with the queues; the worst first."""
    found = [
        alert
        for queue in queues.values()
        for alert in _of_queue(queue, _Window(counted, str(queue.name)), thresholds)
    ]
    return sorted(found, key=lambda alert: alert.severity is not Severity.CRITICAL)


class _Window:
    """What was counted of one queue."""

    def __init__(self, counted: Mapping[tuple[str, str], Lately], queue: str) -> None:
        self._counted = counted
        self._queue = queue

    def __getitem__(self, name: str) -> Lately:
        return self._counted.get((name, self._queue), Lately())


def _of_queue(queue: QueueStats, window: _Window, thresholds: Thresholds) -> Iterator[Alert]:
    def alert(name: str, message: str, severity: Severity = Severity.WARNING) -> Alert:
        return Alert(name=name, queue=str(queue.name), severity=severity, message=message)

    lately = f"in the last {thresholds.window_minutes} min"
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
                f"{queue.name}: a job has been waiting for {oldest:.0f} s. Run more workers.",
            )
    failed, completed = window["failed"].now, window[Outcome.COMPLETED].now
    if _share(failed, failed + completed) > thresholds.failure_rate:
        yield alert(
            "failure-rate",
            f"{queue.name}: {failed} of {failed + completed} jobs failed {lately}. See why: "
            "photoqueue jobs --state failed",
        )
    recovered = window[Outcome.WORKER_LOST].now
    if recovered >= thresholds.recovered:
        yield alert(
            "recovery-busy",
            f"{queue.name}: {recovered} attempts were lost with their worker {lately}. Look at "
            "the workers' logs and memory.",
        )
    retried, before = window["retried"].now, window["retried"].before
    if retried >= thresholds.retries and retried > RISING * before:
        yield alert(
            "retries-rising", f"{queue.name}: {retried} retries {lately}, {before} before that."
        )
    errors, answered = window["ai_error"].now, window["ai_completed"].now
    if _share(errors, errors + answered) > thresholds.ai_error_rate:
        yield alert(
            "ai-errors",
            f"{queue.name}: {errors} of {errors + answered} calls of the engine failed {lately}.",
        )


def _share(part: int, whole: int) -> float:
    return part / whole if whole >= FEWEST else 0.0
