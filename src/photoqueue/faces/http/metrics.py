"""Prometheus metrics; all their names and labels are defined here."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from prometheus_client import generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
)
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from photoqueue import __version__
from photoqueue.client.metrics import Reading
from photoqueue.jobs import job_types
from photoqueue.queue.tally import EDGES, Total
from photoqueue.words import JobState, Outcome
from photoqueue.worker.health import Pulse

#: Media type of the answer.
CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
_AI: Final = ("queue", "engine", "model")


class _Collected(Collector):
    def __init__(self, metrics: Iterable[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Iterable[Metric]:
        return self._metrics


def exposition(*metrics: Metric) -> bytes:
    """Return the response to a scrape."""
    return generate_latest(_Collected(metrics))


def installation_metrics(reading: Reading) -> Iterator[Metric]:
    """Yield the metrics of the whole installation, the same in every process."""
    info = InfoMetricFamily("photoqueue", "The version of what answers.")
    info.add_metric([], {"version": __version__})
    yield info
    yield from _counters(reading)
    yield _histogram(
        reading,
        "wait",
        "photoqueue_job_wait_seconds",
        "How long attempts waited from when they could start to their start.",
        ("queue",),
    )
    yield _histogram(
        reading,
        "run",
        "photoqueue_attempt_run_seconds",
        "How long attempts ran, by how they ended.",
        ("queue", "outcome"),
    )
    yield _histogram(
        reading,
        "ai",
        "photoqueue_ai_call_seconds",
        "How long calls of engines took, by whether they succeeded.",
        (*_AI, "outcome"),
    )
    yield from _gauges(reading)


#: Counters by queue: name, help text, the measure of the tally, and the outcome.
_COUNTERS: Final = (
    ("photoqueue_jobs_submitted", "Jobs that were submitted.", "submitted", ""),
    ("photoqueue_jobs_failed", "Jobs that failed for good.", "failed", ""),
    ("photoqueue_attempts_retried", "Failed attempts that were followed by another", "retried", ""),
    ("photoqueue_jobs_completed", "Jobs that ended with a result.", "ended", Outcome.COMPLETED),
    (
        "photoqueue_attempts_recovered",
        "Attempts that were taken back from a worker that died or was not seen any more.",
        "ended",
        Outcome.WORKER_LOST,
    ),
)


def _counters(reading: Reading) -> Iterator[Metric]:
    for name, help_text, measure, outcome in _COUNTERS:
        yield _per_queue(name, help_text, _counts(reading, measure, outcome))
    attempts = CounterMetricFamily(
        "photoqueue_attempts", "Attempts that ended, by how.", labels=("queue", "outcome")
    )
    by_outcome = {outcome: _counts(reading, "ended", outcome) for outcome in Outcome}
    for queue in dict.fromkeys((*map(str, job_types()), *itertools.chain(*by_outcome.values()))):
        for outcome, counts in by_outcome.items():
            attempts.add_metric((queue, str(outcome)), counts.get(queue, 0))
    yield attempts
    yield _per_queue(
        "photoqueue_messages_refused",
        "Broker messages that photoqueue did not write.",
        {name: queue.refused_messages for name, queue in reading.queues.items()},
    )
    yield _sums(reading, {"cost": ()}, "photoqueue_ai_cost_usd", "Known cost of calls, in USD.", ())
    yield _sums(
        reading,
        {"tokens_in": ("in",), "tokens_out": ("out",)},
        "photoqueue_ai_tokens",
        "Tokens that calls of engines took in and gave out.",
        ("direction",),
    )


def _gauges(reading: Reading) -> Iterator[Metric]:
    queues = reading.queues.items()
    jobs = GaugeMetricFamily("photoqueue_jobs", "Jobs by state.", labels=("queue", "state"))
    for name, queue in queues:
        for state in JobState:
            jobs.add_metric((name, str(state)), getattr(queue, str(state)))
    yield jobs
    yield _gauge(
        "photoqueue_oldest_waiting_seconds",
        "For how long the oldest job that could start has been waiting; 0 when none is.",
        {name: max(queue.oldest_waiting_s or 0.0, 0.0) for name, queue in queues},
    )
    yield _gauge(
        "photoqueue_workers",
        "Live workers: their lease is valid.",
        {name: queue.workers for name, queue in queues},
    )
    yield _gauge(
        "photoqueue_queue_paused",
        "Whether workers leave the queue alone.",
        {name: float(queue.paused) for name, queue in queues},
    )
    yield _gauge(
        "photoqueue_worker_last_seen_seconds",
        "Seconds since a worker of the queue last renewed its lease; absent when none ever did.",
        reading.last_seen_s,
    )


def worker_metrics(pulse: Pulse) -> Iterator[Metric]:
    """Yield the metrics of one worker."""
    queues = pulse.queues()
    yield _gauge(
        "photoqueue_processes",
        "Processes of this worker that take jobs.",
        {found.queue: found.ready for found in queues},
    )
    yield _gauge(
        "photoqueue_processes_busy",
        "Processes of this worker that are at a job.",
        {found.queue: found.busy for found in queues},
    )
    yield _gauge(
        "photoqueue_last_fetch_seconds",
        "Seconds since a process of this worker last asked the broker for a job.",
        {found.queue: found.fetched_s for found in queues if found.fetched_s is not None},
    )
    yield GaugeMetricFamily(
        "photoqueue_worker_healthy",
        "Whether this worker's processes move, as /healthz says.",
        value=float(not pulse.problems()),
    )


def _gauge(name: str, help_text: str, values: Mapping[str, float]) -> Metric:
    """Make a gauge with a value for each queue."""
    family = GaugeMetricFamily(name, help_text, labels=("queue",))
    for queue, value in values.items():
        family.add_metric((str(queue),), value)
    return family


def _counts(reading: Reading, name: str, outcome: str = "") -> dict[str, int]:
    return {
        total.queue_name: total.count
        for total in reading.totals
        if total.name == name and total.outcome == outcome
    }


def _per_queue(name: str, help_text: str, counts: dict[str, int]) -> Metric:
    """Make a counter; a queue without any counted event has 0."""
    family = CounterMetricFamily(name, help_text, labels=("queue",))
    for queue in dict.fromkeys((*map(str, job_types()), *counts)):
        family.add_metric((queue,), counts.get(queue, 0))
    return family


def _sums(
    reading: Reading,
    sources: dict[str, tuple[str, ...]],
    name: str,
    help_text: str,
    labels: tuple[str, ...],
) -> Metric:
    family = CounterMetricFamily(name, help_text, labels=(*_AI, *labels))
    for total in reading.totals:
        if total.name in sources:
            key = (total.queue_name, total.engine, total.model, *sources[total.name])
            family.add_metric(key, total.sum)
    return family


def _histogram(
    reading: Reading, source: str, name: str, help_text: str, labels: tuple[str, ...]
) -> Metric:
    family = HistogramMetricFamily(name, help_text, labels=labels)
    rows = sorted((total for total in reading.totals if total.name == source), key=_series)
    # Also empty ones: a bucket that first appears with a value has no rate for it.
    edges = sorted({*EDGES[source], *(total.le for total in rows), math.inf})
    for series, members in itertools.groupby(rows, key=_series):
        found = {total.le: total for total in members}
        values = dict(zip(("queue", "engine", "model", "outcome"), series, strict=True))
        counts = (found[edge].count if edge in found else 0 for edge in edges)
        family.add_metric(
            [values[label] for label in labels],
            buckets=[
                (_edge(edge), count)
                for edge, count in zip(edges, itertools.accumulate(counts), strict=True)
            ],
            sum_value=sum(total.sum for total in found.values()),
        )
    return family


def _series(total: Total) -> tuple[str, str, str, str]:
    return (total.queue_name, total.engine, total.model, total.outcome)


def _edge(seconds: float) -> str:
    return "+Inf" if math.isinf(seconds) else repr(seconds)
